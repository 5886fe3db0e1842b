//! What must outlive the process, in the words of the field: documents, deliveries, attempts, events, last-known
//! answers, clients and officers. The engine below (`sqlite`) speaks SQL; nothing above does.
//!
//! Guarantees: what a method reports as done is on the disk (one writer, commits in groups, synced before the answer);
//! bodies, business keys, raw answers, last-known answers and officers are sealed by the [vault]; persons are found by
//! keyed hashes only; every move of a delivery is one of [`TRANSITIONS`](crate::domain::delivery::TRANSITIONS).

pub mod backup;
pub mod batches;
pub mod incidents;
pub mod retention;
pub mod rotation;
pub mod settlement;
pub mod simulated;
pub mod space;
pub mod ticket;
pub mod vault;
pub mod webhooks;

pub(crate) mod folder;

mod sqlite;

#[cfg(test)]
mod tests;

use std::fmt;
use std::io::ErrorKind;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;

use crate::document::Kind;
use crate::domain::{DeliveryState, FacilityCode, Officer, Receipt};

pub use self::settlement::{Counts, End, INTERRUPTED, Settlement};
pub use self::sqlite::{Archive, CheckUp, Config, Migrated, Store, migrate, space_kept};
pub use self::vault::Vault;

/// The database, inside the data folder.
pub const DATABASE_FILE: &str = "gateway.db";

/// The key file's usual place, inside the data folder.
pub const KEY_FILE: &str = "storage.keys";

/// A document that passed every check, ready to be kept.
pub struct NewDocument {
    /// Who submitted it (`Client::id`).
    pub client: String,
    /// Under which facility it is sent.
    pub facility: FacilityCode,
    /// What it is.
    pub kind: Kind,
    /// Its business keys; empty if it has none.
    pub keys: Vec<String>,
    /// Its parts (`XML1`, …).
    pub parts: Vec<String>,
    /// How many records it holds.
    pub records: u32,
    /// SHA-256 of the bytes as received.
    pub sha256: [u8; 32],
    /// The bytes as received.
    pub body: Bytes,
    /// What is handed to the portal if it differs from `body` (a driver exam that came as XML).
    pub wire: Option<Bytes>,
    /// Warnings, as the JSON array of the API.
    pub warnings_json: String,
    /// The caller's `Idempotency-Key`, if sent.
    pub idempotency_key: Option<String>,
    /// Why an earlier version may be replaced, if the caller said so.
    pub replace_reason: Option<String>,
    /// To be held at once, and why (`unsigned`, `sending_off`, `by_hand`).
    pub hold: Option<&'static str>,
    /// When it was received.
    pub received_at: Timestamp,
}

/// What became of [`Store::accept`].
#[derive(Debug)]
pub enum Accepted {
    /// It is kept; this is it.
    New(DocumentView),
    /// The same bytes of the same facility and kind are here already (or the same idempotency key with the same bytes);
    /// nothing was kept twice. The flag tells that the idempotency key was the reason.
    Already(DocumentView, bool),
    /// The idempotency key was used for other bytes before.
    KeyUsedForOther,
    /// An earlier version may be at the portal already; replacing it needs a reason.
    ReasonNeeded(DocumentView),
}

/// A document as people see it. `Debug` shows ids and states only.
#[derive(Clone)]
pub struct DocumentView {
    /// `doc_…`.
    pub id: String,
    /// Position in the order of acceptance.
    pub sequence: i64,
    /// Under which facility.
    pub facility: FacilityCode,
    /// What it is.
    pub kind: Kind,
    /// Who submitted it.
    pub client: String,
    /// Business keys, unsealed.
    pub keys: Vec<String>,
    /// Parts.
    pub parts: Vec<String>,
    /// Records.
    pub records: u32,
    /// Which version of its business key this is, from 1.
    pub version: u32,
    /// SHA-256 of the bytes as received.
    pub sha256: [u8; 32],
    /// Bytes as received.
    pub size: u64,
    /// When it was received.
    pub received_at: Timestamp,
    /// Warnings, as the JSON array of the API.
    pub warnings_json: String,
    /// Why an earlier version was replaced.
    pub replace_reason: Option<String>,
    /// When its bytes were forgotten, with the portal's raw answers and the warnings.
    pub forgotten_at: Option<Timestamp>,
    /// That it must not be forgotten.
    pub legal_hold: Option<retention::LegalHold>,
    /// Its deliveries (today always one).
    pub deliveries: Vec<DeliveryView>,
}

/// A delivery as people see it.
#[derive(Clone, Debug)]
pub struct DeliveryView {
    /// Where to: `bhxh`.
    pub destination: String,
    /// Where it stands.
    pub state: DeliveryState,
    /// Why, where a state needs a reason (`held`, `unknown`, `failed`, `rejected`, `cancelled`).
    pub reason: Option<String>,
    /// When it is tried next, while `queued`.
    pub next_at: Option<Timestamp>,
    /// Attempts made.
    pub attempts: u32,
    /// The portal's receipt.
    pub receipt: Option<Receipt>,
    /// When the state last changed.
    pub changed_at: Timestamp,
}

/// One try of a delivery.
#[derive(Clone)]
pub struct AttemptView {
    /// From 1.
    pub number: u32,
    /// When the lease was taken.
    pub started_at: Timestamp,
    /// When the answer was judged; `None` while under way, or if the process ended before.
    pub ended_at: Option<Timestamp>,
    /// What was judged: `acknowledged`, `rejected`, `try-later`, `unknown`, `failed`, or `interrupted`.
    pub outcome: Option<String>,
    /// Where it failed, if it did (the portal's `Stage` by name).
    pub stage: Option<String>,
    /// HTTP status received.
    pub http_status: Option<u16>,
    /// The portal's code.
    pub code: Option<String>,
    /// In words, without names of persons.
    pub note: Option<String>,
    /// The raw answer, unsealed; may name a person.
    pub raw: Bytes,
}

/// A document as it was received, for looking at it again. `Debug` shows nothing of its content.
pub struct Received {
    /// `doc_…`.
    pub id: String,
    /// Its position in the order of acceptance.
    pub sequence: i64,
    /// Under which facility.
    pub facility: FacilityCode,
    /// What it is.
    pub kind: Kind,
    /// When it was received.
    pub received_at: Timestamp,
    /// The bytes as received, or why there are none.
    pub body: Result<Bytes, Unreadable>,
}

/// Why the bytes of a document cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// They are sealed with a key that is not here, or were changed.
    Sealed,
    /// They were forgotten.
    Forgotten,
}

/// A leased delivery: to be sent now, by the holder of the lease, and by nobody else.
pub struct Leased {
    /// The document's id.
    pub document: String,
    /// Its position in the order of acceptance.
    pub sequence: i64,
    /// Destination.
    pub destination: String,
    /// Under which facility.
    pub facility: FacilityCode,
    /// What it is.
    pub kind: Kind,
    /// What is to be handed over, unsealed.
    pub body: Bytes,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// How many attempts since the last replay ended with the answer lost.
    pub answers_lost: u32,
    /// How many attempts since the last replay the portal answered with a system error of its own.
    pub system_errors: u32,
    /// How many attempts since the last replay broke off with the process or with their task.
    pub interrupted: u32,
    /// When the document was received, or last replayed or released if that was later; deadlines for giving up count
    /// from here.
    pub waiting_since: Timestamp,
    /// Proves the lease when settling.
    pub token: i64,
}

/// Which lease is settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The document's id.
    pub document: String,
    /// Destination.
    pub destination: String,
    /// Proves the lease.
    pub token: i64,
}

impl From<&Leased> for Lease {
    fn from(leased: &Leased) -> Self {
        Self { document: leased.document.clone(), destination: leased.destination.clone(), token: leased.token }
    }
}

/// What the courier can send just now.
#[derive(Clone, Debug, Default)]
pub struct LeaseWish {
    /// At most so many; the store gives fewer when they are large.
    pub most: u32,
    /// Only these kinds, and at most so many of each; none means nothing.
    pub kinds: Vec<(Kind, u32)>,
    /// Not under these facilities (paused, out of budget, without an account).
    pub facilities_excluded: Vec<FacilityCode>,
    /// How long the lease holds; afterwards [`Store::recover`] takes the answer for lost.
    pub lease_for: Duration,
}

/// What [`Store::recover`] found and where it went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Deliveries queued again: the portal replaces by key, so sending twice is harmless.
    pub queued: u64,
    /// Deliveries that wait for a person now, because the portal may have them.
    pub unknown: u64,
    /// Deliveries parked, because the process ended too often while they were under way.
    pub parked: u64,
}

/// Which deliveries found `sending` count as lost.
#[derive(Clone, Debug)]
pub enum Lost {
    /// All of them: a gateway starts, and nobody else can hold a lease.
    All,
    /// Those whose lease has ended, save the leases this process still holds: their attempts may yet bring a receipt.
    EndedExcept(Vec<i64>),
}

/// Which documents to list. `Debug` shows no key.
#[derive(Clone, Default)]
pub struct Filter {
    /// Only these facilities; empty means none at all (a caller without facilities sees nothing).
    pub facilities: Vec<FacilityCode>,
    /// Only this kind.
    pub kind: Option<Kind>,
    /// Only packages with this part (`XML13` for referrals).
    pub part: Option<String>,
    /// Only where some delivery is in this state.
    pub state: Option<DeliveryState>,
    /// Only with this business key.
    pub key: Option<String>,
    /// Received at or after.
    pub from: Option<Timestamp>,
    /// Received before.
    pub before: Option<Timestamp>,
    /// Only accepted before this position (the cursor of the previous page).
    pub before_sequence: Option<i64>,
    /// At most so many, newest first; 1 to 500.
    pub limit: u32,
}

/// Something that happened, for the feed. Holds no person's data.
#[derive(Clone, Debug)]
pub struct EventView {
    /// `evt_…`.
    pub id: String,
    /// Position in the feed.
    pub sequence: i64,
    /// When.
    pub at: Timestamp,
    /// `document.acknowledged`, `destination.down`, ….
    pub kind: String,
    /// The document it is about.
    pub document: Option<DocumentInEvent>,
    /// Further members, a JSON object.
    pub data_json: String,
}

/// What an event tells of its document. `Debug` shows no key.
#[derive(Clone)]
pub struct DocumentInEvent {
    /// `doc_…`.
    pub id: String,
    /// Facility.
    pub facility: FacilityCode,
    /// Kind.
    pub kind: Kind,
    /// Destination of the delivery that moved.
    pub destination: String,
    /// Business keys, unsealed when the event is read.
    pub keys: Vec<String>,
}

/// The last answer the portal gave to a question.
#[derive(Clone)]
pub struct LastKnown {
    /// `maKetQua`.
    pub code: String,
    /// The raw answer.
    pub raw: Bytes,
    /// When the portal gave it.
    pub answered_at: Timestamp,
}

/// A program that calls the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// `key_…`: names the key, opens nothing.
    pub id: String,
    /// What the operator calls it.
    pub name: String,
    /// Keyed hash of the secret.
    pub secret_hash: [u8; 32],
    /// First characters of the secret, to recognise it by (`lt_test_ab12`).
    pub prefix: String,
    /// What it may do (`lookup`, `document:write`, …).
    pub scopes: Vec<String>,
    /// For whom it may do it.
    pub facilities: Vec<FacilityCode>,
    /// Requests a minute.
    pub requests_per_minute: u32,
    /// Addresses or networks it may call from (`10.0.0.0/8`); empty means any.
    pub addresses: Vec<String>,
    /// The user name it signs in with at the façade; `None` for clients with a key.
    pub facade_user: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// Rows of the directory of officers at most: the staff of a province's hospitals. The gateway holds them in memory,
/// some 20 MB.
pub const OFFICERS_MAX: usize = 100_000;

/// One row of the directory of officers: who a member of the staff is to the portal. `Debug` shows nothing of the person.
#[derive(Clone, PartialEq, Eq)]
pub struct OfficerRow {
    /// What the hospital system calls this person (`Staff-Id`).
    pub staff_id: String,
    /// Who it is to the portal.
    pub officer: Officer,
    /// The facility at which; `None` for all.
    pub facility: Option<FacilityCode>,
    /// Signs there where the caller names nobody.
    pub is_default: bool,
}

/// What an import did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfficersImported {
    /// Rows that were not there before.
    pub added: usize,
    /// Rows whose staff id and facility were there before.
    pub changed: usize,
    /// Rows that are gone.
    pub removed: usize,
}

/// How many deliveries stand where, for metrics and readiness.
#[derive(Clone, Debug, Default)]
pub struct Backlog {
    /// By kind and state; only those that are not ends are sure to be listed.
    pub counts: Vec<(Kind, DeliveryState, u64)>,
    /// When the oldest waiting delivery was received.
    pub oldest_waiting: Option<Timestamp>,
}

/// What an operator asked for could not be done.
#[derive(Debug, thiserror::Error)]
pub enum MoveRefused {
    /// There is no such document (or not for this caller).
    #[error("no such document")]
    NotFound,
    /// The table of transitions has no such move.
    #[error("a delivery that is {from:?} cannot become {to:?}")]
    NotPossible {
        /// Where it stands.
        from: DeliveryState,
        /// Where it was to go.
        to: DeliveryState,
    },
    /// A newer document of the same business key is at the portal, or may be; sending this one now would put old
    /// content over new. It can be submitted again as a newer version instead.
    #[error("a newer version of the same record was sent already")]
    NewerSent,
    /// Its bytes were forgotten, so there is nothing to be sent.
    #[error("the bytes of the document were forgotten")]
    Forgotten,
    /// A legal hold is on it.
    #[error("a legal hold is on the document")]
    OnLegalHold,
    /// It has not come to an end, and is kept until it has.
    #[error("a delivery that is {0:?} is not at its end")]
    NotAtEnd(DeliveryState),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why the store could not do its work. Its texts hold no person's data.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk is full; nothing was kept.
    #[error("the disk is full")]
    Full,
    /// Nothing may be written there: a disk mounted read-only, often by the system itself after errors, or a folder of
    /// somebody else.
    #[error("the disk is read-only; make the data folder writable again")]
    ReadOnly,
    /// SQLite met a page that cannot be right. Nothing is written any more unless the whole file proves sound.
    #[error(
        "the database is damaged; stop the gateway, see `lienthong check --database`, and restore it from a backup"
    )]
    Damaged,
    /// What was synced into the log has changed since: opening it would forget documents that were acknowledged.
    #[error(
        "the newest part of the database ({DATABASE_FILE}-wal) is damaged, and documents that were acknowledged last would \
         be forgotten; keep this data folder aside and restore a backup, or see \"When the log is damaged\" in OPERATING.md"
    )]
    LogDamaged,
    /// The disk or the database failed; nothing was kept.
    #[error("the store failed: {0}")]
    Failed(String),
    /// There is so little room left on the disk that no new document is taken; nothing was kept.
    #[error("there is too little room left on the disk for new documents")]
    ShortOfRoom,
    /// There is no room for the backup that comes before a change of the schema; nothing was changed.
    #[error("no room for the backup before the schema is changed: {needed} bytes are needed and {free} are free")]
    NoRoomForBackup {
        /// Bytes needed.
        needed: u64,
        /// Bytes free.
        free: u64,
    },
    /// A restore broke off half-way; the folder is neither the old nor the new one.
    #[error("a restore of this folder was not finished; run it again, or move back what it put aside")]
    RestoreUnfinished,
    /// More work waits for the disk than the bound allows; nothing was kept.
    #[error("the store has too much to write just now")]
    Busy,
    /// The store is closing.
    #[error("the store is closing")]
    Closing,
    /// A row cannot be unsealed: the key is missing or the row was changed.
    #[error("a stored row cannot be unsealed")]
    Sealed,
    /// There is a database but not the keys it was sealed with.
    #[error("the storage keys of this database are missing; restore the key file from its copy")]
    KeyMissing,
    /// Rows may be sealed with this key, and it is not there.
    #[error("storage key {0} is missing, and stored rows need it; restore the key file from its copy")]
    KeyIdMissing(u32),
    /// There is a key of this number, but it is not the one that rows are sealed with.
    #[error("storage key {0} is not the one that stored rows are sealed with; restore the key file from its copy")]
    KeyWrong(u32),
    /// The file of the keys cannot be used, and why.
    #[error("the storage keys: {0}")]
    Keys(String),
    /// Another gateway has this data folder.
    #[error("the data folder is in use by another gateway")]
    InUse,
    /// The data folder belongs to the other mode. Documents of the one must never count as sent, or be sent, in the other.
    #[error("the data folder belongs to mode {0}; give each mode a folder of its own")]
    OtherMode(String),
    /// The data folder was written by a newer version.
    #[error("the data folder was written by a newer version (schema {0})")]
    TooNew(i64),
}

/// How long readers wait for a locked database, and the writer for another process (`lienthong keys`).
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

impl StoreError {
    /// What the operating system said of a file or folder of the store's.
    fn of_file(what: impl fmt::Display, error: &std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full,
            ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            _ => Self::Failed(format!("{what}: {error}")),
        }
    }
}

impl fmt::Debug for DocumentView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let states: Vec<_> = self.deliveries.iter().map(|delivery| delivery.state).collect();
        f.debug_struct("DocumentView")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("version", &self.version)
            .field("states", &states)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filter")
            .field("facilities", &self.facilities)
            .field("kind", &self.kind)
            .field("state", &self.state)
            .field("with_key", &self.key.is_some())
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for OfficerRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OfficerRow").field("facility", &self.facility).finish_non_exhaustive()
    }
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received").field("id", &self.id).field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl fmt::Debug for DocumentInEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DocumentInEvent").field("id", &self.id).field("kind", &self.kind).finish_non_exhaustive()
    }
}
