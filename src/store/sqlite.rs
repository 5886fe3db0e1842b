//! The embedded engine: SQLite with a write-ahead log, synced at every commit; one thread that writes in groups, a few
//! connections that read.
//!
//! Each method of [`Store`] is one command of the writer or one look of a reader; what they do stands in the files
//! beside this one, by subject. Sealing large bodies happens before the queue, so that the writer's thread mostly waits
//! for the disk.

mod accept;
mod archive;
mod batches;
mod clients;
mod column;
pub(super) mod copying;
mod due_times;
mod events;
mod fault;
mod health;
mod incidents;
mod last_known;
mod lease;
mod listing;
mod log_check;
mod moves;
mod officers;
mod opening;
mod readers;
mod restored;
mod retention;
mod rotation;
mod schema;
mod sealed;
mod switch;
mod tickets;
mod upkeep;
mod views;
mod webhooks;
mod writer;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};

pub use self::archive::{Archive, CheckUp};
pub use self::opening::{Migrated, migrate};
pub use self::retention::space_kept;

pub(super) use self::opening::try_lock;

use self::accept::Prepared;
use self::events::About;
use self::fault::Fault;
use self::health::Health;
use self::moves::Order;
use self::readers::Readers;
use self::writer::{Asked, Command, Message, Unasked, Work};
use super::simulated::Disk;
use super::space::Room;
use super::ticket::{NewTicket, TicketEnd, TicketView};
use super::{
    Accepted, AttemptView, Backlog, Client, DocumentView, EventView, Filter, LastKnown, Lease, LeaseWish, Leased, Lost,
    MoveRefused, NewDocument, OfficerRow, OfficersImported, Recovered, Settlement, StoreError, Vault,
};
use crate::document::Kind;
use crate::domain::{FacilityCode, Receipt};
use crate::system::System;

/// Where the data is, and the bounds on work with it.
#[derive(Clone, Debug)]
pub struct Config {
    /// The folder of the database; made, for the owner only, if it is not there.
    pub folder: PathBuf,
    /// Connections that read at the same time. Four keep a small machine's disk busy; lists and contents are all that
    /// is read.
    pub readers: usize,
    /// Commands waiting for the writer at most; then callers are refused at once. At the worst measured disk (about
    /// 2,000 rows a second in groups) 1,024 is half a second of work; waiting longer helps nobody.
    pub queue_max: usize,
    /// Commands in one transaction at most. Beyond 256 the sync is no longer what costs (`crates.md`, section 3.6).
    pub group_max: usize,
    /// The data file's greatest size in pages of 4 KiB, to leave room for others on its disk; `None` leaves it to the
    /// disk. When it is reached, writing is refused as on a full disk.
    pub page_count_max: Option<u32>,
}

/// The store: a handle, cheap to clone.
///
/// A method that writes returns after the sync. Dropping its future does not undo the command: it may still be done.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    folder: PathBuf,
    vault: Vault,
    system: System,
    queue: mpsc::Sender<Message>,
    /// Room in memory for what waits, in KiB.
    room: Arc<Semaphore>,
    readers: Readers,
    changes: Arc<watch::Sender<u64>>,
    health: Health,
    /// The room on the disk, as last measured.
    room_on_disk: Mutex<Option<Room>>,
}

/// Tables with sealed columns.
pub(super) const SEALED_TABLES: usize = sealed::TABLES.len();

/// What a command that writes little weighs in the writer's group.
const SMALL_BYTES: usize = 1 << 10;

/// What waits for the writer is in memory, 256 MiB at most: four documents of the largest size, or seconds of the disk's
/// work with common ones.
const QUEUE_KIB_MAX: u32 = 256 << 10;

/// Bodies larger than this are sealed off the async threads: sealing copies them, about a millisecond each MiB.
const SEALED_INLINE_MAX: usize = 256 << 10;

// === impl Config ===

impl Config {
    /// The usual bounds.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), readers: 4, queue_max: 1_024, group_max: 256, page_count_max: None }
    }
}

// === impl Store ===

impl Store {
    /// Opens the data folder for a gateway, alone: a second one is refused with `InUse`.
    pub async fn open(config: Config, vault: Vault, system: System) -> Result<Self, StoreError> {
        Self::open_as(opening::Role::Gateway, config, vault, system).await
    }

    /// Opens the data folder for a gateway in a simulation: everything is done on the thread of the caller, which must be
    /// inside a runtime of one thread, and what is written passes `disk`.
    pub fn open_simulated(
        config: Config,
        vault: Vault,
        system: System,
        disk: Arc<dyn Disk>,
    ) -> Result<Self, StoreError> {
        opening::open(opening::Role::Simulated(disk), &config, vault, system).map_err(|fault| fault.told())
    }

    /// Opens the data folder beside a gateway that may be running, for small changes such as those of `lienthong keys`.
    pub async fn open_beside(config: Config, vault: Vault, system: System) -> Result<Self, StoreError> {
        Self::open_as(opening::Role::Beside, config, vault, system).await
    }

    async fn open_as(role: opening::Role, config: Config, vault: Vault, system: System) -> Result<Self, StoreError> {
        tokio::task::spawn_blocking(move || opening::open(role, &config, vault, system))
            .await
            .map_err(|_| StoreError::Failed("opening the store panicked: a fault of the gateway".to_owned()))?
            .map_err(|fault| fault.told())
    }

    // Documents.

    /// Keeps a new document with its delivery and event, or tells why it is not new.
    pub async fn accept(&self, new: NewDocument) -> Result<Accepted, StoreError> {
        if self.room_on_disk().is_some_and(|room| room.is_short) {
            return Err(StoreError::ShortOfRoom);
        }
        let (vault, system) = (self.inner.vault.clone(), self.inner.system.clone());
        let prepared = if new.body.len() > SEALED_INLINE_MAX {
            tokio::task::spawn_blocking(move || Prepared::of(new, &vault, &system))
                .await
                .map_err(|_| StoreError::Failed("sealing a document panicked: a fault of the gateway".to_owned()))??
        } else {
            Prepared::of(new, &vault, &system)?
        };
        self.write(prepared.weight(), move |work| accept::accept(work, &prepared)).await
    }

    /// One document.
    pub async fn document(&self, id: &str) -> Result<Option<DocumentView>, StoreError> {
        let id = id.to_owned();
        self.inner.readers.read(move |connection, vault| views::by_id(connection, vault, &id)).await
    }

    /// A page of documents, newest first, and whether there are more.
    pub async fn documents(&self, filter: Filter) -> Result<(Vec<DocumentView>, bool), StoreError> {
        self.inner.readers.read(move |connection, vault| listing::page(connection, vault, &filter)).await
    }

    /// The bytes of a document as received.
    pub async fn content(&self, id: &str) -> Result<Option<Bytes>, StoreError> {
        let id = id.to_owned();
        self.inner.readers.read(move |connection, vault| views::content(connection, vault, &id)).await
    }

    /// All tries of a document's deliveries, in order.
    pub async fn attempts(&self, id: &str) -> Result<Vec<AttemptView>, StoreError> {
        let id = id.to_owned();
        self.inner.readers.read(move |connection, vault| views::attempts(connection, vault, &id)).await
    }

    // What a person orders.

    /// Sends again what was held, rejected, parked or left unknown. The reason is kept, sealed.
    pub async fn replay(&self, id: &str, reason: &str) -> Result<DocumentView, MoveRefused> {
        self.order(id, Order::Replay, reason).await
    }

    /// Sends again what was rejected or parked and nothing else, because a system sent the same bytes again.
    pub async fn send_again(&self, id: &str, reason: &str) -> Result<DocumentView, MoveRefused> {
        self.order(id, Order::SendAgain, reason).await
    }

    /// Withdraws what the portal has not taken.
    pub async fn cancel(&self, id: &str, reason: &str) -> Result<DocumentView, MoveRefused> {
        self.order(id, Order::Cancel, reason).await
    }

    /// Keeps a queued delivery from being sent.
    pub async fn hold(&self, id: &str, reason: &str) -> Result<DocumentView, MoveRefused> {
        self.order(id, Order::Hold, reason).await
    }

    /// Lets a held delivery go.
    pub async fn release(&self, id: &str, reason: &str) -> Result<DocumentView, MoveRefused> {
        self.order(id, Order::Release, reason).await
    }

    /// Ends the doubt about a lost answer: a person found the document at the portal, perhaps with its receipt.
    pub async fn confirm(&self, id: &str, reason: &str, receipt: Option<Receipt>) -> Result<DocumentView, MoveRefused> {
        self.order_with(id, Order::Confirm, reason, receipt).await
    }

    async fn order(&self, id: &str, order: Order, reason: &str) -> Result<DocumentView, MoveRefused> {
        self.order_with(id, order, reason, None).await
    }

    async fn order_with(
        &self,
        id: &str,
        order: Order,
        reason: &str,
        receipt: Option<Receipt>,
    ) -> Result<DocumentView, MoveRefused> {
        let (id, reason) = (id.to_owned(), reason.to_owned());
        self.write(SMALL_BYTES, move |work| moves::obey(work, &id, order, &reason, receipt.as_ref())).await?
    }

    /// Brings what waits into line with the kinds and facilities that are sent for: the rest is held back, and what was
    /// held back for this alone is let go. Returns how many were held and released.
    pub async fn switch_sending(&self, on: Vec<(FacilityCode, Kind)>) -> Result<(u64, u64), StoreError> {
        let on = Arc::new(on);
        let (mut held, mut released) = (0, 0);
        loop {
            let on = on.clone();
            let (some_held, some_released) =
                self.write(SMALL_BYTES, move |work| switch::bring_into_line(work, &on)).await?;
            if some_held + some_released == 0 {
                return Ok((held, released));
            }
            held += some_held;
            released += some_released;
        }
    }

    // Delivery.

    /// Takes what is due, to be sent by the caller alone. The attempt is on the disk before this returns.
    pub async fn lease(&self, want: LeaseWish) -> Result<Vec<Leased>, StoreError> {
        self.write(SMALL_BYTES, move |work| lease::take(work, &want)).await
    }

    /// When the first queued delivery is due. It may lie in the past, where it waits for an earlier document of its key
    /// or where its kind or facility is excluded: a courier that leased at some instant and sleeps until the next uses
    /// [`next_due_after`](Self::next_due_after).
    pub async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        self.next_due_after(Timestamp::MIN).await
    }

    /// When the first delivery becomes due that was not due at `instant`.
    pub async fn next_due_after(&self, instant: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.inner.readers.read(move |connection, _| lease::next_due(connection, instant)).await
    }

    /// Records how an attempt ended, and moves its delivery. `false` if the lease was no longer held: then somebody else
    /// has decided, and nothing is changed.
    pub async fn settle(&self, lease: impl Into<Lease>, settlement: Settlement) -> Result<bool, StoreError> {
        let lease = lease.into();
        // Tried in a damaged database too: what the portal said must not be forgotten.
        self.command(SMALL_BYTES + settlement.raw.len(), move |work| lease::settle(work, &lease, &settlement)).await
    }

    /// Deals with deliveries whose answer is lost: all that are `sending` (when a gateway starts, before it leases), or
    /// those whose lease has ended. Where the portal replaces by key they are queued again, or parked at the
    /// [`INTERRUPTED_MAX`](crate::domain::delivery::INTERRUPTED_MAX)th time; else they wait for a person.
    pub async fn recover(&self, which: Lost) -> Result<Recovered, StoreError> {
        let which = Arc::new(which);
        let mut sum = Recovered::default();
        loop {
            let which = which.clone();
            let some = self.write(SMALL_BYTES, move |work| lease::recover(work, &which)).await?;
            sum.queued += some.queued;
            sum.unknown += some.unknown;
            sum.parked += some.parked;
            if some.queued + some.unknown + some.parked < lease::RECOVERED_AT_ONCE_MAX {
                return Ok(sum);
            }
        }
    }

    /// Makes due now what waits for a time further off than any wait leads to, because the clock was set back; how many
    /// there were. `longest_wait` is the longest one of deliveries.
    pub async fn bring_due_times_back(&self, longest_wait: Duration) -> Result<u64, StoreError> {
        self.write(SMALL_BYTES, move |work| due_times::bring_back(work, longest_wait)).await
    }

    // Events.

    /// Records something that happened to no document. `data_json` is a JSON object.
    pub async fn record_event(&self, kind: &str, data_json: String) -> Result<(), StoreError> {
        let kind = kind.to_owned();
        self.write(SMALL_BYTES, move |work| events::record(work, &kind, About::Everybody, &data_json)).await
    }

    /// Records something that happened for one facility, and to no document. `data_json` is a JSON object.
    pub async fn record_event_of(
        &self,
        facility: FacilityCode,
        kind: &str,
        data_json: String,
    ) -> Result<(), StoreError> {
        let kind = kind.to_owned();
        self.write(SMALL_BYTES, move |work| events::record(work, &kind, About::Facility(&facility), &data_json)).await
    }

    /// Events after a position: those of documents of these facilities, and those of no document. At most 500.
    pub async fn events_after(
        &self,
        sequence: i64,
        limit: u32,
        facilities: &[FacilityCode],
    ) -> Result<Vec<EventView>, StoreError> {
        let facilities = facilities.to_vec();
        self.inner
            .readers
            .read(move |connection, vault| events::after(connection, vault, sequence, limit, &facilities))
            .await
    }

    /// The position of an event.
    pub async fn event_sequence(&self, id: &str) -> Result<Option<i64>, StoreError> {
        let id = id.to_owned();
        self.inner.readers.read(move |connection, _| events::sequence_of(connection, &id)).await
    }

    /// Ticks after each commit of this process that made an event or a queued delivery. The tick carries no data: look
    /// at the store, and look from time to time anyway.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.inner.changes.subscribe()
    }

    // Last-known answers.

    /// The last answer kept under `key` (a keyed hash of the question).
    pub async fn last_known(&self, key: &[u8; 32]) -> Result<Option<LastKnown>, StoreError> {
        let key = *key;
        self.inner.readers.read(move |connection, vault| last_known::find(connection, vault, &key)).await
    }

    /// Hands over an answer to keep, and never waits: `false` if there is no room in the queue. A lost one costs a
    /// question to the portal at worst.
    pub fn keep_last_known(&self, key: [u8; 32], answer: LastKnown) -> bool {
        let weight = SMALL_BYTES + answer.raw.len();
        let work = move |work: &mut Work<'_>| last_known::keep(work, &key, &answer);
        if self.inner.health.is_damaged() {
            return false;
        }
        self.room(weight).and_then(|room| self.send(Box::new(Unasked::new(weight, room, work)))).is_ok()
    }

    /// Forgets some answers given before `before`; to be called again until it returns 0.
    pub async fn forget_last_known(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.write(SMALL_BYTES, move |work| last_known::forget(work, before)).await
    }

    // Questions left open by an outage.

    /// Opens a ticket, or finds the open one of the same question; `None` if there are too many already.
    pub async fn open_ticket(&self, new: NewTicket) -> Result<Option<String>, StoreError> {
        self.write(SMALL_BYTES, move |work| tickets::open(work, &new)).await
    }

    /// Tickets to be asked again at `now`, the longest waiting first.
    pub async fn due_tickets(&self, now: Timestamp, most: u32) -> Result<Vec<TicketView>, StoreError> {
        self.inner.readers.read(move |connection, vault| tickets::due(connection, vault, now, most)).await
    }

    /// A ticket was asked again in vain; the next time is `next_at`.
    pub async fn postpone_ticket(&self, id: &str, next_at: Timestamp) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.write(SMALL_BYTES, move |work| tickets::postpone(work, &id, next_at)).await
    }

    /// Ends a ticket together with the event that tells of it; `false` if it had ended before.
    pub async fn end_ticket(&self, id: &str, end: TicketEnd) -> Result<bool, StoreError> {
        let id = id.to_owned();
        let weight = SMALL_BYTES + end.answer_json.as_ref().map_or(0, String::len);
        self.write(weight, move |work| tickets::end(work, &id, &end)).await
    }

    /// One ticket.
    pub async fn ticket(&self, id: &str) -> Result<Option<TicketView>, StoreError> {
        let id = id.to_owned();
        self.inner.readers.read(move |connection, vault| tickets::by_id(connection, vault, &id)).await
    }

    /// Tickets of one client for one facility before a position, newest first; at most `limit`.
    pub async fn tickets(
        &self,
        client: &str,
        facility: FacilityCode,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<TicketView>, StoreError> {
        let client = client.to_owned();
        let look = move |connection: &_, vault: &_| tickets::page(connection, vault, &client, &facility, before, limit);
        self.inner.readers.read(look).await
    }

    /// How many tickets wait, and since when the first one does.
    pub async fn tickets_waiting(&self) -> Result<(u64, Option<Timestamp>), StoreError> {
        self.inner.readers.read(|connection, _| tickets::waiting(connection)).await
    }

    /// Forgets some tickets that ended before `before`; to be called again until it returns 0.
    pub async fn forget_tickets(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.write(SMALL_BYTES, move |work| tickets::forget(work, before)).await
    }

    // Clients.

    /// Keeps a new client.
    pub async fn add_client(&self, client: Client) -> Result<(), StoreError> {
        self.write(SMALL_BYTES, move |work| clients::add(work, &client)).await
    }

    /// All clients, revoked ones too, oldest first.
    pub async fn clients(&self) -> Result<Vec<Client>, StoreError> {
        self.inner.readers.read(|connection, _| clients::all(connection)).await
    }

    /// Revokes a client; `false` if there is none of this id that is not revoked.
    pub async fn revoke_client(&self, id: &str, at: Timestamp) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.write(SMALL_BYTES, move |work| clients::revoke(work, &id, at)).await
    }

    /// A number that changes when clients changed, by another process too.
    pub async fn clients_version(&self) -> Result<i64, StoreError> {
        self.inner.readers.read(|connection, _| clients::version(connection)).await
    }

    // The directory of officers.

    /// Keeps rows of the directory, all or none, in the place of those of the same staff id and facility; with `replace`,
    /// in the place of all there are. `None` if there would be too many ([`OFFICERS_MAX`](super::OFFICERS_MAX)).
    pub async fn import_officers(
        &self,
        rows: Vec<OfficerRow>,
        replace: bool,
        at: Timestamp,
    ) -> Result<Option<OfficersImported>, StoreError> {
        let vault = self.inner.vault.clone();
        let seal = move || rows.iter().map(|row| officers::Sealed::of(row, &vault)).collect::<Result<Vec<_>, _>>();
        let sealed = tokio::task::spawn_blocking(seal)
            .await
            .map_err(|_| StoreError::Failed("sealing officers panicked: a fault of the gateway".to_owned()))??;
        let weight = SMALL_BYTES + sealed.iter().map(officers::Sealed::weight).sum::<usize>();
        self.write(weight, move |work| officers::import(work, &sealed, replace, at)).await
    }

    /// Removes a row; `false` if there is none.
    pub async fn remove_officer(&self, staff_id: &str, facility: Option<FacilityCode>) -> Result<bool, StoreError> {
        let staff_id = staff_id.to_owned();
        self.write(SMALL_BYTES, move |work| officers::remove(work, &staff_id, facility.as_ref())).await
    }

    /// The whole directory, in no order.
    pub async fn officers(&self) -> Result<Vec<OfficerRow>, StoreError> {
        self.inner.readers.read(officers::all).await
    }

    /// A number that changes when the directory changed, by another process too.
    pub async fn officers_version(&self) -> Result<i64, StoreError> {
        self.inner.readers.read(|connection, _| officers::version(connection)).await
    }

    // The store itself.

    /// Makes the data folder one of `mode` (`test`, `live`) at its first use, and refuses it in the other ever after.
    pub async fn adopt_mode(&self, mode: &'static str) -> Result<(), StoreError> {
        let kept = self.write(SMALL_BYTES, move |work| upkeep::mode(work, mode)).await?;
        if kept == mode { Ok(()) } else { Err(StoreError::OtherMode(kept)) }
    }

    /// How many deliveries stand where.
    pub async fn backlog(&self) -> Result<Backlog, StoreError> {
        self.inner.readers.read(|connection, _| upkeep::backlog(connection)).await
    }

    /// How the last writing went: an error after `Full`, `ReadOnly` or `Failed`, until something is written again; after
    /// `Damaged`, until the whole file was found sound.
    pub fn health(&self) -> Result<(), StoreError> {
        self.inner.health.get()
    }

    /// Tells how much room the disk has. While it is short, new documents are refused; what is kept already goes on.
    pub fn set_room_on_disk(&self, room: Room) {
        *self.inner.room_on_disk.lock().unwrap_or_else(PoisonError::into_inner) = Some(room);
    }

    /// The room on the disk, as last measured; `None` before it was.
    pub fn room_on_disk(&self) -> Option<Room> {
        *self.inner.room_on_disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes something small, to learn whether writing works (again).
    pub async fn probe(&self) -> Result<(), StoreError> {
        self.write(SMALL_BYTES, upkeep::probe).await
    }

    /// Finishes what is in the queue, empties the log into the data file, and gives the folder free. Other handles get
    /// `Closing` from then on.
    pub async fn close(self) {
        self.inner.readers.close().await;
        let (done, finished) = oneshot::channel();
        // Both fail only when the writer has ended already.
        if self.inner.queue.send(Message::Close(done)).await.is_ok() {
            drop(finished.await);
        }
    }

    /// Runs a command, unless something seems damaged: then writing more could only spoil what is left.
    async fn write<T, F>(&self, weight: usize, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Work<'_>) -> Result<T, Fault> + Send + 'static,
    {
        if self.inner.health.is_damaged() {
            self.inner.readers.look_at_damage();
            return Err(StoreError::Damaged);
        }
        self.command(weight, work).await
    }

    async fn command<T, F>(&self, weight: usize, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Work<'_>) -> Result<T, Fault> + Send + 'static,
    {
        let (command, answer) = Asked::new(weight, self.room(weight)?, work);
        self.send(Box::new(command))?;
        answer.await.map_err(|_| StoreError::Closing)?
    }

    /// Room for a command in memory. One that is larger than all the room waits alone in it.
    fn room(&self, weight: usize) -> Result<OwnedSemaphorePermit, StoreError> {
        let kib = u32::try_from(weight >> 10).unwrap_or(QUEUE_KIB_MAX).clamp(1, QUEUE_KIB_MAX);
        Arc::clone(&self.inner.room).try_acquire_many_owned(kib).map_err(|_| StoreError::Busy)
    }

    fn send(&self, command: Box<dyn Command>) -> Result<(), StoreError> {
        self.inner.queue.try_send(Message::Run(command)).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::Busy,
            TrySendError::Closed(_) => StoreError::Closing,
        })
    }
}
