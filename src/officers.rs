//! The officers in whose names the portal is asked: which of them a member of the staff is, and who signs where nobody is
//! named.
//!
//! There are two sources. The directory stands in the store, fed by `lienthong officers import` and by the API; the
//! registry here is a copy of it in memory, renewed when it changes, also by another process. The configuration has the
//! rows that never change while the gateway runs. The directory is heard first, because it is newer; within each, a row of
//! the facility is heard before one for all. Not here: what the portal says of an officer.

mod book;
pub mod import;
pub mod refusal;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::Mutex;

use self::book::Book;
use crate::domain::{FacilityCode, Officer};
use crate::store::{OfficerRow, Store, StoreError};
use crate::system::System;
use crate::system::stop::Stopper;

/// Characters of a staff id at most. Those of hospital systems are account names of up to some thirty.
pub const STAFF_ID_MAX: usize = 100;

/// How often the directory is looked at for changes made by another process.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Who signs for a question. `Debug` shows nothing of the person.
#[derive(Clone, PartialEq, Eq)]
pub struct Signer {
    /// What the hospital system calls this person, where that is known.
    pub staff_id: Option<String>,
    /// Who it is to the portal.
    pub officer: Officer,
}

/// One row as people see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The row; of a facility's own officer in the configuration, the staff id is empty.
    pub row: Arc<OfficerRow>,
    /// Where it stands.
    pub source: Source,
}

/// Where a row stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// In the directory: it can be changed.
    Directory,
    /// In the configuration, which is read at the start.
    Configuration,
}

/// Where a page of the list begins: after this staff id, facility and source.
pub type Place = (String, Option<FacilityCode>, Source);

/// The directory holds as many rows as it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the directory of officers is full")]
pub struct Full;

/// The registry. Cheap to clone.
#[derive(Clone)]
pub struct Officers(Arc<Parts>);

struct Parts {
    store: Store,
    system: System,
    configured: Book,
    directory: ArcSwap<Book>,
    /// The version of the directory that was read last: one reader at a time.
    read: Mutex<i64>,
}

impl Officers {
    /// Reads the directory.
    pub async fn open(configured: Vec<OfficerRow>, store: Store, system: System) -> Result<Self, StoreError> {
        let (configured, directory) = (Book::of(configured), ArcSwap::default());
        let officers = Self(Arc::new(Parts { store, system, configured, directory, read: Mutex::new(i64::MIN) }));
        officers.renew().await?;
        Ok(officers)
    }

    /// Looks for changes until told to stop.
    pub async fn run(self, stopper: Stopper) {
        while stopper.sleep(LOOK_EVERY).await {
            if let Err(error) = self.renew().await {
                tracing::warn!(%error, "the directory of officers could not be read; the known ones stay");
            }
        }
    }

    /// Who `staff_id` is at `facility`.
    pub fn by_staff_id(&self, facility: &FacilityCode, staff_id: &str) -> Option<Signer> {
        // The facility's own officer in the configuration stands there without a staff id; nobody is called so.
        let staff_id = Some(staff_id.trim()).filter(|id| !id.is_empty())?;
        let directory = self.0.directory.load();
        let row = directory.find(facility, staff_id).or_else(|| self.0.configured.find(facility, staff_id))?;
        Some(Signer::from(row.as_ref()))
    }

    /// Who signs at `facility` where the caller names nobody.
    pub fn default_of(&self, facility: &FacilityCode) -> Option<Signer> {
        let directory = self.0.directory.load();
        let row = directory.default_of(facility).or_else(|| self.0.configured.default_of(facility))?;
        Some(Signer::from(row.as_ref()))
    }

    /// The rows that sign at any of `facilities`, by staff id, after a place in that order; at most `limit`, and whether
    /// there are more.
    pub fn page(&self, facilities: &[FacilityCode], after: Option<&Place>, limit: usize) -> (Vec<Listed>, bool) {
        let facilities: HashSet<FacilityCode> = facilities.iter().copied().collect();
        let directory = self.0.directory.load();
        let books = [(Source::Directory, &**directory), (Source::Configuration, &self.0.configured)];
        let mut listed: Vec<Listed> = Vec::new();
        for (source, book) in books {
            let rows = book.after(after.map(|(staff_id, ..)| staff_id.as_str()));
            let seen = rows.filter(|row| row.facility.is_none_or(|facility| facilities.contains(&facility)));
            let later = seen.filter(|row| after.is_none_or(|after| place(row, source) > *after));
            listed.extend(later.take(limit + 1).map(|row| Listed { row: row.clone(), source }));
        }
        listed.sort_by_cached_key(Listed::place);
        let has_more = listed.len() > limit;
        listed.truncate(limit);
        (listed, has_more)
    }

    /// Keeps a row, in the place of the one of the same staff id and facility; tells whether it is new.
    pub async fn put(&self, row: OfficerRow) -> Result<Result<bool, Full>, StoreError> {
        let imported = self.0.store.import_officers(vec![row], false, self.0.system.now()).await?;
        self.renew().await?;
        Ok(imported.map(|imported| imported.added > 0).ok_or(Full))
    }

    /// Removes a row of the directory; `false` if there is none.
    pub async fn remove(&self, staff_id: &str, facility: FacilityCode) -> Result<bool, StoreError> {
        let removed = self.0.store.remove_officer(staff_id, Some(facility)).await?;
        self.renew().await?;
        Ok(removed)
    }

    async fn renew(&self) -> Result<(), StoreError> {
        let parts = &self.0;
        let mut read = parts.read.lock().await;
        let version = parts.store.officers_version().await?;
        if version != *read {
            parts.directory.store(Arc::new(Book::of(parts.store.officers().await?)));
            *read = version;
        }
        Ok(())
    }
}

impl Listed {
    /// Where it stands in the list.
    pub fn place(&self) -> Place {
        place(&self.row, self.source)
    }
}

fn place(row: &OfficerRow, source: Source) -> Place {
    (row.staff_id.clone(), row.facility, source)
}

impl Source {
    /// The word of the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Directory => "danh_ba",
            Self::Configuration => "cau_hinh",
        }
    }

    /// Reads [`name`](Self::name) back.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Directory, Self::Configuration].into_iter().find(|source| source.name() == name)
    }
}

impl From<&OfficerRow> for Signer {
    fn from(row: &OfficerRow) -> Self {
        Self { staff_id: Some(row.staff_id.clone()).filter(|id| !id.is_empty()), officer: row.officer.clone() }
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer(redacted)")
    }
}

/// Whether a text can be a staff id: something to be seen, no longer than [`STAFF_ID_MAX`], on one line.
pub fn is_staff_id(text: &str) -> bool {
    let count = text.chars().count();
    (1..=STAFF_ID_MAX).contains(&count) && text.trim() == text && !text.chars().any(char::is_control)
}
