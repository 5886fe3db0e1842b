//! The audit log: who did what, for whom, when, from where, and what came of it.
//!
//! Guarantees: an entry is on the disk before its deed is done or its answer leaves; where it cannot be written, the deed
//! is refused; entries are only ever added, each bound to the one before by its hash, and the chain is signed every day;
//! no entry names a person, only keyed hashes do. A deed that only reads has one whole entry; a deed that acts is opened
//! before and closed after, and one that was never closed says honestly that what came of it is not known.
//!
//! In reading order: [`deed`] is the table of what is recorded; [`trail`] is how a deed is recorded; `record` is what an
//! entry says; `writer` adds entries in groups; `head` and `key` sign; [`book`] reads, [`verify`] proves.

pub mod book;
pub mod deed;
pub mod key;
pub mod record;
pub mod trail;
pub mod verify;

mod file;
mod head;
mod writer;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

pub use self::book::{Book, Filter};
pub use self::deed::{Deed, Manner};
pub use self::key::PublicKey;
pub use self::record::{About, Outcome};
pub use self::trail::{Entry, Trail};

use self::key::Signer;
use self::record::Draft;
use self::writer::{Health, Message, Writer};
use crate::domain::CardSubject;
use crate::store::{Vault, folder};
use crate::system::System;
use crate::system::stop::Stopper;
use crate::telemetry::AuditMetrics;

/// The database, inside the data folder.
pub const AUDIT_FILE: &str = "audit.db";

/// The signing key's usual place, inside the data folder.
pub const AUDIT_KEY_FILE: &str = "audit.key";

/// Who does what nobody asked for just now.
pub const GATEWAY: &str = "gateway";

/// Entries that wait to be written, with room kept for the closing of each that is open: some 300 bytes each.
const QUEUE_MAX: usize = 16_384;

/// How long a deed waits for its entry. A sync takes milliseconds; after this the disk is not working.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// How often the log is looked after.
const UPKEEP_EVERY: Duration = Duration::from_secs(60);

/// The same while it cannot be written.
const UPKEEP_EVERY_IN_NEED: Duration = Duration::from_millis(500);

/// Where the log is and how long it is kept.
#[derive(Clone, Debug)]
pub struct Config {
    /// The data folder.
    pub folder: PathBuf,
    /// The file of the signing key.
    pub key_file: PathBuf,
    /// Whole days that are kept.
    pub keep_days: u32,
    /// Pages of 4 KiB the database may have; `None` leaves it to the disk.
    pub page_count_max: Option<u32>,
}

/// Why an entry could not be written, and its deed was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// There is no room.
    #[error("the disk is full, or the audit log has its greatest size")]
    Full,
    /// Another process holds it, or the disk did not answer in time.
    #[error("the audit log is held by another process, or the disk is too slow")]
    Busy,
    /// Too many entries wait.
    #[error("too many entries wait to be written")]
    Overrun,
    /// The process is ending.
    #[error("the audit log is closed")]
    Closed,
    /// The disk or the database fails.
    #[error("{0}")]
    Failed(String),
}

/// Why the log cannot be opened or read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AuditError {
    /// The signing key.
    #[error("the audit log's key: {0}")]
    Key(String),
    /// The database.
    #[error("the audit log: {0}")]
    Log(#[from] Unavailable),
    /// There is none.
    #[error("there is no audit log in this data folder yet")]
    Missing,
}

/// The log, to be written. Cheap to clone.
#[derive(Clone)]
pub struct Audit(Arc<Inner>);

struct Inner {
    queue: mpsc::Sender<Message>,
    health: Health,
    vault: Vault,
    system: System,
    metrics: AuditMetrics,
    /// Only for measuring what the log costs: nothing is written.
    is_idle: bool,
}

// === impl Config ===

impl Config {
    /// The usual places in a data folder, and a year.
    pub fn new(folder: &Path) -> Self {
        let key_file = folder.join(AUDIT_KEY_FILE);
        Self { folder: folder.to_owned(), key_file, keep_days: 365, page_count_max: None }
    }
}

// === impl Audit ===

impl Audit {
    /// Opens the log as the gateway does: with its key, and what an earlier process left unsigned is signed.
    pub fn open(config: &Config, vault: Vault, system: System, metrics: AuditMetrics) -> Result<Self, AuditError> {
        let (signer, is_new) = Signer::read_or_make(&config.key_file, &system)?;
        let public = signer.public().to_text();
        if is_new {
            tracing::warn!(public, "a key for the audit log was made; give its public half to whoever checks the log");
        }
        Self::start(config, Some(signer), vault, system, metrics)
    }

    /// Opens the log beside a gateway that may be running.
    pub fn open_beside(config: &Config, vault: Vault, system: System) -> Result<Self, AuditError> {
        Self::start(config, None, vault, system, AuditMetrics::default())
    }

    /// A log that writes nothing and refuses nothing, for measuring what the real one costs. No part of a gateway makes
    /// one.
    pub fn idle_for_measuring(vault: Vault, system: System) -> Self {
        let (queue, _) = mpsc::channel(1);
        let (health, metrics) = (Health::default(), AuditMetrics::default());
        Self(Arc::new(Inner { queue, health, vault, system, metrics, is_idle: true }))
    }

    fn start(
        config: &Config,
        signer: Option<Signer>,
        vault: Vault,
        system: System,
        metrics: AuditMetrics,
    ) -> Result<Self, AuditError> {
        let failed = |error: std::io::Error| Unavailable::Failed(error.kind().to_string());
        folder::create(&config.folder).map_err(failed)?;
        let file = config.folder.join(AUDIT_FILE);
        let connection = file::open_writer(&file, config.page_count_max)?;
        folder::sync(&config.folder).map_err(failed)?;
        let (queue, receiver) = mpsc::channel(QUEUE_MAX);
        let health = Health::default();
        let mut writer = Writer {
            connection: Some(connection),
            receiver,
            file,
            page_count_max: config.page_count_max,
            signer,
            keep_days: config.keep_days,
            system: system.clone(),
            health: health.clone(),
            metrics: metrics.clone(),
            owed: VecDeque::new(),
            buffer: Vec::new(),
        };
        writer.sign("start");
        std::thread::Builder::new().name("audit-writer".to_owned()).spawn(move || writer.run()).map_err(failed)?;
        Ok(Self(Arc::new(Inner { queue, health, vault, system, metrics, is_idle: false })))
    }

    /// Looks after the log until told to stop.
    pub async fn run(self, stopper: Stopper) {
        loop {
            let wait = if self.health().is_err() { UPKEEP_EVERY_IN_NEED } else { UPKEEP_EVERY };
            // In need the wait must end soon after the need began.
            let healthy = async {
                while self.health().is_ok() {
                    tokio::time::sleep(UPKEEP_EVERY_IN_NEED).await;
                }
            };
            tokio::select! {
                going_on = stopper.sleep(wait) => if !going_on { return },
                () = healthy, if wait == UPKEEP_EVERY => {}
            }
            self.keep_up().await;
        }
    }

    async fn keep_up(&self) {
        let (done, kept) = oneshot::channel();
        if self.0.queue.send(Message::Upkeep(done)).await.is_ok() {
            // An error tells that the log was closed meanwhile.
            kept.await.unwrap_or_default();
        }
    }

    /// Whether the last writing worked.
    pub fn health(&self) -> Result<(), Unavailable> {
        self.0.health.get()
    }

    /// Writes what waits, signs the end and closes the log. Entries closed later are not written.
    pub async fn close(&self) {
        let (done, ended) = oneshot::channel();
        if self.0.queue.send(Message::End(done)).await.is_ok() {
            // An error tells that the writer is gone already.
            ended.await.unwrap_or_default();
        }
    }

    /// The trail of what nobody asked for just now, or of a command.
    pub fn trail_of(&self, who: &str) -> Trail {
        Trail::new(self, who, "", None)
    }

    /// Records that the gateway starts with the configuration of this fingerprint, and whether it is another one than
    /// before.
    pub async fn configuration(&self, fingerprint: &str) -> Result<(), Unavailable> {
        let draft = Draft {
            at: self.now(),
            deed: Deed::ConfigurationLoaded,
            who: GATEWAY.into(),
            request: "".into(),
            origin: None,
            about: About::object(fingerprint),
        };
        if self.0.is_idle {
            return Ok(());
        }
        let (reply, answer) = oneshot::channel();
        self.0.queue.send(Message::Configuration { draft, reply }).await.map_err(|_| Unavailable::Closed)?;
        answer.await.map_err(|_| Unavailable::Closed)?
    }

    /// The keyed hash of a person, as the subject of an entry. A card and the insurance number in it are one person's; a
    /// national ID is another number, and asked for apart.
    pub fn person(&self, subject: &CardSubject) -> [u8; 32] {
        let number = subject.as_str();
        let number = match subject {
            CardSubject::CardNumber(_) => number.get(number.len().saturating_sub(10)..).unwrap_or(number),
            CardSubject::NationalId(_) | CardSubject::SocialInsuranceNumber(_) => number,
        };
        self.0.vault.keyed_hash("audit person", &[number.as_bytes()])
    }

    /// The keyed hash of a business key (`MA_LK`, …), as the subject of an entry.
    pub fn record_of(&self, key: &str) -> [u8; 32] {
        self.0.vault.keyed_hash("audit record", &[key.as_bytes()])
    }

    /// The keyed hash of an officer, by what the hospital system calls him: often a person's name.
    pub fn officer(&self, staff_id: &str) -> [u8; 32] {
        self.0.vault.keyed_hash("audit officer", &[staff_id.as_bytes()])
    }

    pub(self) fn now(&self) -> i64 {
        self.0.system.now().as_microsecond()
    }

    pub(self) async fn open_entry(&self, draft: Draft) -> Result<Entry, Unavailable> {
        if self.0.is_idle {
            return Ok(Entry { system: self.0.system.clone(), draft, opening: 0, room: None });
        }
        let (reply, answer) = oneshot::channel();
        self.in_time(async {
            let room = self.0.queue.clone().reserve_owned().await.map_err(|_| Unavailable::Closed)?;
            let message = Message::Open { draft, room, reply };
            self.0.queue.send(message).await.map_err(|_| Unavailable::Closed)?;
            answer.await.map_err(|_| Unavailable::Closed)?
        })
        .await
    }

    pub(self) async fn write_whole(&self, draft: Draft, outcome: Outcome) -> Result<(), Unavailable> {
        if self.0.is_idle {
            return Ok(());
        }
        let (reply, answer) = oneshot::channel();
        self.in_time(async {
            let message = Message::Whole { draft, outcome, reply };
            self.0.queue.send(message).await.map_err(|_| Unavailable::Closed)?;
            answer.await.map_err(|_| Unavailable::Closed)?
        })
        .await
    }

    async fn in_time<T>(&self, entry: impl Future<Output = Result<T, Unavailable>>) -> Result<T, Unavailable> {
        let began = tokio::time::Instant::now();
        let was_full = self.0.queue.capacity() == 0;
        let late = if was_full { Unavailable::Overrun } else { Unavailable::Busy };
        let written = tokio::time::timeout(WAIT_MAX, entry).await.unwrap_or(Err(late));
        match &written {
            Ok(_) => self.0.metrics.durable(began.elapsed()),
            Err(error) => {
                self.0.metrics.refused();
                tracing::error!(%error, "a deed was refused because its audit entry could not be written");
            }
        }
        written
    }
}
