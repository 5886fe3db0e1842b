//! The one thread of this process that writes the log. It takes what waits, adds it in one transaction, syncs once, and
//! answers afterwards. Other processes (the command line beside a gateway) have one of their own: each transaction reads
//! the chain's end anew.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, params};
use tokio::sync::mpsc::{self, OwnedPermit};
use tokio::sync::oneshot;

use super::deed::Deed;
use super::file::{self, Line};
use super::head::{self, Cut, Head, hex};
use super::key::Signer;
use super::record::{About, Draft, Outcome, Phase};
use super::trail::Entry;
use super::{QUEUE_MAX, Unavailable};
use crate::system::{System, vietnam};
use crate::telemetry::AuditMetrics;

/// What comes through the queue.
pub(super) enum Message {
    /// A deed that only reads.
    Whole { draft: Draft, outcome: Outcome, reply: oneshot::Sender<Result<(), Unavailable>> },
    /// A deed that is about to be done. Its entry goes back to whoever does it.
    Open { draft: Draft, room: OwnedPermit<Message>, reply: oneshot::Sender<Result<Entry, Unavailable>> },
    /// What came of a deed.
    Close { draft: Draft, opening: i64, outcome: Outcome },
    /// Sign, forget, and see whether the log can be written again.
    Upkeep(oneshot::Sender<()>),
    /// Which configuration the gateway started with; how it compares with the one before is told here.
    Configuration { draft: Draft, reply: oneshot::Sender<Result<(), Unavailable>> },
    /// Finish what came before, sign, and answer.
    End(oneshot::Sender<()>),
}

/// How the last writing went, seen by everybody.
#[derive(Clone, Default)]
pub(super) struct Health(Arc<Mutex<Option<Unavailable>>>);

/// The thread's own things.
pub(super) struct Writer {
    pub(super) connection: Option<Connection>,
    pub(super) receiver: mpsc::Receiver<Message>,
    pub(super) file: PathBuf,
    pub(super) page_count_max: Option<u32>,
    /// `None` beside a gateway: only the gateway signs and forgets.
    pub(super) signer: Option<Signer>,
    pub(super) keep_days: u32,
    pub(super) system: System,
    pub(super) health: Health,
    pub(super) metrics: AuditMetrics,
    /// Closings that the disk did not take yet.
    pub(super) owed: VecDeque<(Draft, i64, Outcome)>,
    pub(super) buffer: Vec<u8>,
}

/// Entries in one transaction. Beyond this the sync is no longer what takes the time.
const GROUP_MAX: usize = 1_024;

/// Entries forgotten in one transaction, so that nobody waits for more than some milliseconds.
const FORGOTTEN_AT_ONCE: i64 = 2_000;

/// Transactions of forgetting in one upkeep: a day of the largest hospital in a few minutes.
const FORGETTINGS: usize = 20;

// === impl Writer ===

impl Writer {
    /// Writes until the log is closed or its last handle is gone.
    pub(super) fn run(mut self) {
        let mut ending = None;
        while let Some(first) = self.receiver.blocking_recv() {
            let mut next = Some(first);
            let (mut group, mut upkeep) = (Vec::new(), Vec::new());
            while let Some(message) = next {
                match message {
                    Message::Upkeep(done) => upkeep.push(done),
                    Message::End(done) => {
                        self.receiver.close();
                        ending = Some(done);
                    }
                    message => group.push(message),
                }
                next = if group.len() < GROUP_MAX { self.receiver.try_recv().ok() } else { None };
            }
            self.write(group);
            if !upkeep.is_empty() {
                self.keep_up();
                for done in upkeep {
                    // Whoever looks after the log may have stopped waiting.
                    done.send(()).unwrap_or_default();
                }
            }
            if ending.is_some() && self.receiver.is_empty() {
                break;
            }
        }
        // What the disk did not take before is tried a last time, and the end is signed.
        self.write(Vec::new());
        self.sign("stop");
        self.connection = None;
        if let Some(done) = ending {
            // Whoever asked for the end may have stopped waiting for it.
            done.send(()).unwrap_or_default();
        }
    }

    /// Adds a group and answers everybody in it.
    fn write(&mut self, mut group: Vec<Message>) {
        // Whoever no longer waits for an opening does not do the deed either.
        group.retain(|message| !matches!(message, Message::Open { reply, .. } if reply.is_closed()));
        if group.is_empty() && self.owed.is_empty() {
            return;
        }
        let began = std::time::Instant::now();
        match self.commit(&group) {
            Ok(mut sequence) => {
                self.metrics.written(group.len() + self.owed.len(), began.elapsed());
                self.owed.clear();
                self.set_health(None);
                for message in group {
                    sequence += 1;
                    self.answer(message, Ok(sequence));
                }
            }
            Err(error) => {
                tracing::error!(%error, "the audit log could not be written");
                self.metrics.failed();
                self.set_health(Some(error.clone()));
                for message in group {
                    self.answer(message, Err(error.clone()));
                }
            }
        }
    }

    /// Adds what is owed and a group in one transaction. Gives the sequence before the group's first entry.
    fn commit(&mut self, group: &[Message]) -> Result<i64, Unavailable> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let connection = file::open_writer(&self.file, self.page_count_max)?;
                tracing::info!("the audit log has a sound connection again");
                connection
            }
        };
        match self.transaction(&mut connection, group) {
            Ok(sequence) => {
                self.connection = Some(connection);
                Ok(sequence)
            }
            Err(error) => {
                // A lock held by another process, or a disk that is full, says nothing of the connection. After any other
                // failure it is given up, above all after a failed sync.
                if is_harmless(&error) {
                    self.connection = Some(connection);
                }
                Err(error.into())
            }
        }
    }

    fn transaction(&mut self, connection: &mut Connection, group: &[Message]) -> rusqlite::Result<i64> {
        let work = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let mut tip = head::tip(&work)?;
        for (draft, opening, outcome) in &self.owed {
            // A commit may have reached the disk though it was reported as failed.
            let is_there = "SELECT EXISTS (SELECT 1 FROM entries WHERE phase = 2 AND opening = ?1)";
            if work.prepare_cached(is_there)?.query_row(params![opening], |row| row.get(0))? {
                continue;
            }
            let line = Line { draft, phase: Phase::Closed, opening: *opening, outcome };
            file::add(&work, &mut tip, &line, &mut self.buffer)?;
        }
        let before = tip.0;
        let nothing = Outcome::done();
        for message in group {
            let line = match message {
                Message::Whole { draft, outcome, .. } => Line { draft, phase: Phase::Whole, opening: 0, outcome },
                Message::Open { draft, .. } => Line { draft, phase: Phase::Opened, opening: 0, outcome: &nothing },
                Message::Close { draft, opening, outcome } => {
                    Line { draft, phase: Phase::Closed, opening: *opening, outcome }
                }
                Message::Configuration { draft, .. } => {
                    let outcome = Outcome::code(compared(&work, &draft.about.object)?);
                    file::add(
                        &work,
                        &mut tip,
                        &Line { draft, phase: Phase::Whole, opening: 0, outcome: &outcome },
                        &mut self.buffer,
                    )?;
                    continue;
                }
                // Taken out before.
                Message::Upkeep(_) | Message::End(_) => continue,
            };
            file::add(&work, &mut tip, &line, &mut self.buffer)?;
        }
        work.commit()?;
        Ok(before)
    }

    fn answer(&mut self, message: Message, outcome: Result<i64, Unavailable>) {
        match message {
            Message::Whole { reply, .. } | Message::Configuration { reply, .. } => {
                drop(reply.send(outcome.map(drop)));
            }
            Message::Open { draft, room, reply } => {
                let system = self.system.clone();
                let entry = outcome.map(|opening| Entry { system, draft, opening, room: Some(room) });
                // Where nobody takes the entry any more, dropping it closes it.
                drop(reply.send(entry));
            }
            Message::Close { draft, opening, outcome: told } => {
                if outcome.is_ok() {
                    return;
                }
                // The deed is done, so what came of it is kept until the disk takes it; as many as can be open at once.
                if self.owed.len() < QUEUE_MAX {
                    self.owed.push_back((draft, opening, told));
                } else {
                    tracing::error!(
                        opening,
                        "the end of a deed is lost to the audit log: the disk took nothing for long"
                    );
                }
            }
            Message::Upkeep(_) | Message::End(_) => {}
        }
    }

    fn set_health(&mut self, health: Option<Unavailable>) {
        let was = self.health.set(health.clone());
        if was.is_some() && health.is_none() {
            tracing::info!("the audit log is written again");
        }
    }

    // === upkeep ===

    fn keep_up(&mut self) {
        if self.health.get().is_err() {
            // Nothing else may come that would show it, because readiness turns callers away: a small entry does.
            let (reply, _) = oneshot::channel();
            let draft = self.own_draft(Deed::AuditResumed, About::default());
            self.write(vec![Message::Whole { draft, outcome: Outcome::done(), reply }]);
        }
        if self.signer.is_none() || self.health.get().is_err() {
            return;
        }
        self.sign("day");
        if let Err(error) = self.forget() {
            tracing::error!(error = %Unavailable::from(error), "the oldest days of the audit log could not be forgotten");
        }
    }

    /// Signs the chain as it stands: once a day, at the start and at the end.
    pub(super) fn sign(&mut self, why: &str) {
        let (Some(signer), Some(connection)) = (&self.signer, &mut self.connection) else { return };
        match signed(connection, signer, self.system.now(), why) {
            Ok(Some(head)) => {
                // Told here so that it stands outside the database too, where nobody who changes that can reach it.
                let (sequence, hash) = (head.sequence, hex(&head.hash));
                tracing::info!(sequence, hash, why, key = head.key_id, "the head of the audit log was signed");
            }
            Ok(None) => {}
            Err(error) => {
                tracing::error!(error = %Unavailable::from(error), "the head of the audit log could not be signed");
            }
        }
    }

    /// Forgets whole days beyond what is to be kept, up to a head that was signed before them all: first the cut, signed,
    /// then what stands before it, a little at a time.
    fn forget(&mut self) -> rusqlite::Result<()> {
        let now = self.system.now();
        let Some(oldest) = oldest_kept(now, self.keep_days) else { return Ok(()) };
        let made = {
            let (Some(signer), Some(connection)) = (&self.signer, &mut self.connection) else { return Ok(()) };
            cut(connection, signer, oldest, self.keep_days, now)?
        };
        if let Some(sequence) = made {
            tracing::info!(sequence, "the audit log is cut: what is older is forgotten");
            let (reply, _) = oneshot::channel();
            let draft = self.own_draft(Deed::AuditCut, About::object(&format!("to:{sequence}")));
            self.write(vec![Message::Whole { draft, outcome: Outcome::done(), reply }]);
        }
        let Some(connection) = &self.connection else { return Ok(()) };
        let Some(cut) = head::newest_cut(connection)? else { return Ok(()) };
        for _ in 0..FORGETTINGS {
            let gone = connection.execute(
                "DELETE FROM entries WHERE sequence IN (SELECT sequence FROM entries WHERE sequence <= ?1 LIMIT ?2)",
                params![cut.sequence, FORGOTTEN_AT_ONCE],
            )?;
            if gone == 0 {
                connection.execute("DELETE FROM heads WHERE sequence < ?1", params![cut.sequence])?;
                break;
            }
        }
        Ok(())
    }

    fn own_draft(&self, deed: Deed, about: About) -> Draft {
        let at = self.system.now().as_microsecond();
        Draft { at, deed, who: super::GATEWAY.into(), request: "".into(), origin: None, about }
    }
}

/// Signs the chain's end, if there is one that is not signed yet; for `day`, only once a day of Viet Nam.
fn signed(connection: &mut Connection, signer: &Signer, now: Timestamp, why: &str) -> rusqlite::Result<Option<Head>> {
    let work = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let (tip, last) = (head::tip(&work)?, head::newest_head(&work)?);
    let last_at = last.as_ref().and_then(|last| Timestamp::from_microsecond(last.at).ok());
    let is_of_today = last_at.is_some_and(|at| vietnam(at).date() == vietnam(now).date());
    let before = last.map_or(0, |last| last.sequence);
    if tip.0 <= before || (why == "day" && is_of_today) {
        return Ok(None);
    }
    let head = Head::signed(signer, tip, before, now.as_microsecond(), why);
    head::keep_head(&work, &head)?;
    work.commit()?;
    Ok(Some(head))
}

/// Cuts the log at the newest head that may be cut at; gives where, if that is further than before.
fn cut(
    connection: &mut Connection,
    signer: &Signer,
    oldest: i64,
    keep_days: u32,
    now: Timestamp,
) -> rusqlite::Result<Option<i64>> {
    let work = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let Some(head) = head::head_to_cut_at(&work, oldest, keep_days)? else { return Ok(None) };
    if head::newest_cut(&work)?.is_some_and(|cut| cut.sequence >= head.sequence) {
        return Ok(None);
    }
    head::keep_cut(&work, &Cut::signed(signer, head.sequence, head.hash, now.as_microsecond()))?;
    work.commit()?;
    Ok(Some(head.sequence))
}

/// The beginning of the oldest day that is kept, in microseconds since 1970.
fn oldest_kept(now: Timestamp, keep_days: u32) -> Option<i64> {
    let today = vietnam(now).start_of_day().ok()?;
    let oldest = today.checked_sub(jiff::Span::new().try_days(i64::from(keep_days)).ok()?).ok()?;
    Some(oldest.timestamp().as_microsecond())
}

/// How a configuration compares with the one before, named by their fingerprints.
fn compared(connection: &Connection, fingerprint: &str) -> rusqlite::Result<&'static str> {
    let sql = "SELECT object FROM entries WHERE deed = 'configuration.loaded' ORDER BY sequence DESC LIMIT 1";
    let mut last = connection.prepare_cached(sql)?;
    let mut rows = last.query([])?;
    Ok(match rows.next()? {
        None => "first",
        Some(row) if row.get::<_, String>(0)? == fingerprint => "same",
        Some(_) => "changed",
    })
}

fn is_harmless(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::DiskFull | ErrorCode::ConstraintViolation
        )
    )
}

// === impl Health ===

impl Health {
    pub(super) fn get(&self) -> Result<(), Unavailable> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone().map_or(Ok(()), Err)
    }

    /// Gives what it was before.
    fn set(&self, health: Option<Unavailable>) -> Option<Unavailable> {
        std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), health)
    }
}
