//! The one that writes, on a thread of its own or, in a simulation, as a task. It takes what waits, runs it in one transaction, syncs once, and answers afterwards.
//!
//! - A command runs in a savepoint of its own: one that fails takes nothing of the others with it.
//! - Nobody is answered before COMMIT returned, and after a COMMIT that failed nobody is told otherwise.
//! - After a failure of the disk the connection is given up. Nothing is written before a new one has put the whole log
//!   into the database file and synced it.
//! - Commands may be run twice (when a group found no room, each is tried alone), so they keep nothing between runs.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};

use super::super::simulated::Disk;
use super::super::{StoreError, Vault};
use super::fault::Fault;
use super::health::Health;
use super::rotation::{self, KeyRole};
use super::schema;
use crate::system::System;

/// Where a command works: inside the writer's transaction.
pub(super) struct Work<'a> {
    pub(super) connection: &'a Connection,
    pub(super) vault: &'a Vault,
    pub(super) system: &'a System,
    /// Set by a command after which somebody may have something to do.
    pub(super) wakes: bool,
}

/// What comes through the queue.
pub(super) enum Message {
    /// A command to run.
    Run(Box<dyn Command>),
    /// Finish what came before, put everything in its place, and answer.
    Close(oneshot::Sender<()>),
}

/// A piece of writing and whoever waits for it.
pub(super) trait Command: Send {
    /// Bytes it will write, about.
    fn weight(&self) -> usize;
    /// Whether somebody still wants it done.
    fn is_wanted(&self) -> bool;
    /// Does it.
    fn run(&mut self, work: &mut Work<'_>) -> Result<(), Fault>;
    /// Tells the asker: that it is durable, or why it is not.
    fn answer(self: Box<Self>, outcome: Result<(), StoreError>);
}

/// A command with an answer.
pub(super) struct Asked<T, F> {
    weight: usize,
    _room: OwnedSemaphorePermit,
    work: F,
    result: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

/// A command nobody waits for.
pub(super) struct Unasked<F> {
    weight: usize,
    _room: OwnedSemaphorePermit,
    work: F,
}

/// The thread's own things. The fields are dropped in this order: the lock is the last to go.
pub(super) struct Writer {
    pub(super) connection: Option<Connection>,
    pub(super) receiver: mpsc::Receiver<Message>,
    pub(super) file: PathBuf,
    pub(super) page_count_max: Option<u32>,
    pub(super) group_max: usize,
    pub(super) vault: Vault,
    pub(super) system: System,
    pub(super) changes: Arc<watch::Sender<u64>>,
    pub(super) health: Health,
    pub(super) lock: Option<File>,
    /// What a simulation puts before the files.
    pub(super) disk: Option<Arc<dyn Disk>>,
    pub(super) key_role: KeyRole,
}

/// Bytes written by one group at most, about. Beyond this a sync is no longer what takes the time, and those at the
/// front would only wait longer.
const GROUP_BYTES_MAX: usize = 32 << 20;

// === impl Writer ===

impl Writer {
    /// Writes until the store is closed or its last handle is gone.
    pub(super) fn run(mut self) {
        let mut closing = None;
        while let Some(first) = self.receiver.blocking_recv() {
            self.serve(first, &mut closing);
        }
        self.finish(closing);
    }

    /// The same as a task, in the time of its runtime. Dropped with the runtime, it ends as a killed process does.
    pub(super) async fn run_as_task(mut self) {
        let mut closing = None;
        while let Some(first) = self.receiver.recv().await {
            let takes = self.disk.as_ref().map_or(Duration::ZERO, |disk| disk.takes());
            if !takes.is_zero() {
                tokio::time::sleep(takes).await;
            }
            self.serve(first, &mut closing);
        }
        self.finish(closing);
    }

    /// Writes `first` and what waits behind it, as far as one group goes.
    fn serve(&mut self, first: Message, closing: &mut Option<oneshot::Sender<()>>) {
        let mut next = Some(first);
        let mut group: Vec<Box<dyn Command>> = Vec::new();
        let mut bytes = 0;
        while let Some(message) = next {
            match message {
                Message::Run(command) => {
                    bytes += command.weight();
                    group.push(command);
                }
                Message::Close(done) => {
                    // What is in the queue is still done; nothing more gets in.
                    self.receiver.close();
                    *closing = Some(done);
                }
            }
            let has_room = group.len() < self.group_max && bytes < GROUP_BYTES_MAX;
            next = if has_room { self.receiver.try_recv().ok() } else { None };
        }
        self.write(group);
    }

    /// Puts everything in its place and gives the folder free.
    fn finish(mut self, closing: Option<oneshot::Sender<()>>) {
        if let Some(connection) = &self.connection
            && let Err(fault) = schema::empty_log(connection)
        {
            // Nothing is lost by it: the next opening reads the log.
            tracing::warn!(error = %fault.told(), "the store closed without emptying its log");
        }
        self.connection = None;
        self.lock = None;
        if let Some(done) = closing {
            // Whoever asked for the closing may have stopped waiting for it.
            done.send(()).unwrap_or_default();
        }
    }

    /// Writes a group and answers everybody in it.
    fn write(&mut self, mut group: Vec<Box<dyn Command>>) {
        group.retain(|command| command.is_wanted());
        if group.is_empty() {
            return;
        }
        match self.commit(&mut group) {
            Ok(outcomes) => {
                for (command, outcome) in group.into_iter().zip(outcomes) {
                    command.answer(outcome);
                }
            }
            Err(StoreError::Full) if group.len() > 1 => {
                // One that is too large must not keep out those for which there is room, above all the answers of the
                // portal.
                for command in group {
                    self.write(vec![command]);
                }
            }
            Err(error) => {
                // A lock held by another process says nothing of the disk.
                if !matches!(error, StoreError::Busy) {
                    self.health.failed(error.clone());
                }
                for command in group {
                    command.answer(Err(error.clone()));
                }
            }
        }
    }

    /// Runs a group in one transaction. `Ok` after COMMIT, with how each command went; `Err` if nothing of it was kept.
    fn commit(&mut self, group: &mut [Box<dyn Command>]) -> Result<Vec<Result<(), StoreError>>, StoreError> {
        let outcome = self.connect().and_then(|()| self.transaction(group));
        if let Err(fault) = &outcome {
            self.health.note(fault);
            if fault.breaks_connection() {
                let sqlite = fault.sqlite_code();
                tracing::error!(sqlite, error = %fault.told(), "writing to the store failed; its connection is given up");
                self.connection = None;
            }
            if let Some(connection) = &self.connection
                && !connection.is_autocommit()
                && connection.execute_batch("ROLLBACK").is_err()
            {
                self.connection = None;
            }
        }
        outcome.map_err(|fault| fault.told())
    }

    fn transaction(&self, group: &mut [Box<dyn Command>]) -> Result<Vec<Result<(), StoreError>>, Fault> {
        let Some(connection) = &self.connection else {
            return Err(StoreError::Failed("there is no connection".to_owned()).into());
        };
        let before = connection.total_changes();
        connection.execute_batch("BEGIN IMMEDIATE")?;
        // One key for all that this transaction seals. Others seal with it only when it is on the disk.
        let vault = rotation::vault_for(connection, &self.vault, self.key_role, &self.system)?;
        let mut work = Work { connection, vault: &vault, system: &self.system, wakes: false };
        let mut outcomes = Vec::with_capacity(group.len());
        let mut wakes = false;
        for command in group {
            again(connection, "SAVEPOINT command")?;
            work.wakes = false;
            let outcome = catch_unwind(AssertUnwindSafe(|| command.run(&mut work))).unwrap_or_else(|_| {
                Err(Fault::Store(StoreError::Failed(
                    "a command of the store panicked: a fault of the gateway".to_owned(),
                )))
            });
            match outcome {
                Ok(()) => {
                    again(connection, "RELEASE command")?;
                    wakes |= work.wakes;
                    outcomes.push(Ok(()));
                }
                // Without its transaction (SQLite itself rolls back when it finds no room), nothing of the group holds.
                Err(fault) if fault.breaks_connection() || connection.is_autocommit() => return Err(fault),
                Err(fault) => {
                    connection.execute_batch("ROLLBACK TO command; RELEASE command")?;
                    outcomes.push(Err(fault.told()));
                }
            }
        }
        if let Some(disk) = &self.disk {
            disk.admits()?;
        }
        connection.execute_batch("COMMIT")?;
        vault.adopt();
        if outcomes.iter().any(|outcome| matches!(outcome, Err(StoreError::Full))) {
            self.health.failed(StoreError::Full);
        } else if connection.total_changes() > before {
            // A transaction that changed nothing wrote nothing, and proves nothing.
            self.health.written();
        }
        if wakes {
            self.changes.send_modify(|count| *count = count.wrapping_add(1));
        }
        if let Some(disk) = &self.disk {
            disk.committed();
        }
        Ok(outcomes)
    }

    /// Opens a new connection where the last one was given up.
    fn connect(&mut self) -> Result<(), Fault> {
        if self.connection.is_none() {
            let connection = schema::open_writer(&self.file, self.page_count_max)?;
            schema::empty_log(&connection)?;
            tracing::info!("the store has a sound connection again");
            self.connection = Some(connection);
        }
        Ok(())
    }
}

// === impl Asked ===

impl<T, F> Asked<T, F> {
    /// A command that weighs `weight` bytes and keeps its `room` in memory until it is answered.
    pub(super) fn new(
        weight: usize,
        room: OwnedSemaphorePermit,
        work: F,
    ) -> (Self, oneshot::Receiver<Result<T, StoreError>>) {
        let (reply, answer) = oneshot::channel();
        (Self { weight, _room: room, work, result: None, reply }, answer)
    }
}

impl<T, F> Command for Asked<T, F>
where
    T: Send,
    F: FnMut(&mut Work<'_>) -> Result<T, Fault> + Send,
{
    fn weight(&self) -> usize {
        self.weight
    }

    fn is_wanted(&self) -> bool {
        !self.reply.is_closed()
    }

    fn run(&mut self, work: &mut Work<'_>) -> Result<(), Fault> {
        self.result = None;
        self.result = Some((self.work)(work)?);
        Ok(())
    }

    fn answer(self: Box<Self>, outcome: Result<(), StoreError>) {
        let Self { result, reply, .. } = *self;
        let lost = || StoreError::Failed("a command of the store left no result".to_owned());
        // An asker who went away after the commit finds what was done when asking again.
        drop(reply.send(outcome.and_then(|()| result.ok_or_else(lost))));
    }
}

// === impl Unasked ===

impl<F> Unasked<F> {
    pub(super) fn new(weight: usize, room: OwnedSemaphorePermit, work: F) -> Self {
        Self { weight, _room: room, work }
    }
}

impl<F> Command for Unasked<F>
where
    F: FnMut(&mut Work<'_>) -> Result<(), Fault> + Send,
{
    fn weight(&self) -> usize {
        self.weight
    }

    fn is_wanted(&self) -> bool {
        true
    }

    fn run(&mut self, work: &mut Work<'_>) -> Result<(), Fault> {
        (self.work)(work)
    }

    fn answer(self: Box<Self>, _: Result<(), StoreError>) {}
}

/// Runs a statement that each command runs: prepared once, because reading it anew took a tenth of an accept.
fn again(connection: &Connection, statement: &str) -> Result<(), Fault> {
    connection.prepare_cached(statement)?.execute([])?;
    Ok(())
}
