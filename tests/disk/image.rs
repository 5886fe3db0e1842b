//! What a power cut leaves: the synced part for sure, and of the rest whatever fate gives.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::random::Random;
use crate::record::{Record, What};

/// What becomes of changes that were not synced yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fate {
    /// None of them reached the disk.
    Lost,
    /// All of them did.
    Kept,
    /// Some did, later ones before earlier ones too; a lost one may leave its length.
    Some,
    /// Some did, and some of those only in some of their sectors.
    Torn,
    /// The same, and the sectors that were being written hold anything.
    Garbled,
}

pub(crate) const FATES: [Fate; 5] = [Fate::Lost, Fate::Kept, Fate::Some, Fate::Torn, Fate::Garbled];

/// What the disk's syncs are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Syncs {
    /// As promised.
    Honest,
    /// Those of the log do nothing: what `synchronous=NORMAL` would risk.
    LogLies,
    /// None of a file's does anything: `synchronous=OFF`.
    AllLie,
    /// Those of the folder do nothing: names are lost.
    NamesLie,
}

/// What the kernel does with changes whose sync failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AfterFailedSync {
    /// It takes them for written, though they are not: no later sync covers them.
    Dropped,
    /// It goes on trying: the next sync covers them.
    StillDirty,
}

/// The disk's smallest unit.
const SECTOR: usize = 512;

/// The data folder as it lies, in the memory of the kernel and on the disk.
pub(crate) struct Disk<'t> {
    bytes: &'t [u8],
    syncs: Syncs,
    after_failed_sync: AfterFailedSync,
    files: Vec<Content>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
}

#[derive(Default)]
struct Content {
    durable: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Clone)]
enum Change {
    Write(usize, std::ops::Range<usize>),
    Truncate(usize),
}

// === impl Disk ===

impl<'t> Disk<'t> {
    /// An empty folder; `bytes` are those of the record.
    pub(crate) fn new(bytes: &'t [u8], syncs: Syncs, after_failed_sync: AfterFailedSync) -> Self {
        let (names, durable_names) = (BTreeMap::new(), BTreeMap::new());
        Self { bytes, syncs, after_failed_sync, files: Vec::new(), names, durable_names }
    }

    /// Goes on by one record.
    pub(crate) fn pass(&mut self, record: &Record) {
        match &record.what {
            What::Write(offset, data) => {
                let change = Change::Write(usize::try_from(*offset).unwrap(), data.clone());
                self.file(&record.name).pending.push(change);
            }
            What::Truncate(length) => {
                let change = Change::Truncate(usize::try_from(*length).unwrap());
                self.file(&record.name).pending.push(change);
            }
            What::Sync => {
                let is_log = record.name.ends_with("-wal");
                if self.syncs != Syncs::AllLie && !(is_log && self.syncs == Syncs::LogLies) {
                    let bytes = self.bytes;
                    let file = self.file(&record.name);
                    for change in std::mem::take(&mut file.pending) {
                        apply(&mut file.durable, &change, bytes);
                    }
                }
            }
            What::SyncFailed => {
                if self.after_failed_sync == AfterFailedSync::Dropped {
                    self.file(&record.name).pending.clear();
                }
            }
            What::Create => {
                self.files.push(Content::default());
                self.names.insert(record.name.clone(), self.files.len() - 1);
            }
            What::Unlink => {
                self.names.remove(&record.name);
            }
            What::Rename(to) => {
                let file = self.names.remove(&record.name).expect("it is there");
                self.names.insert(to.clone(), file);
            }
            What::FolderSync => {
                if self.syncs != Syncs::NamesLie {
                    self.durable_names = self.names.clone();
                }
            }
            What::Mark(_) => {}
        }
    }

    fn file(&mut self, name: &str) -> &mut Content {
        let file = *self.names.get(name).unwrap_or_else(|| panic!("{name} was never made"));
        &mut self.files[file]
    }

    /// Writes into `folder` what a power cut now leaves, by this fate.
    pub(crate) fn cut(&self, folder: &Path, fate: Fate, random: &mut Random) {
        let keeps_names = match fate {
            Fate::Lost => false,
            Fate::Kept => true,
            _ => random.one_in(2),
        };
        std::fs::create_dir(folder).unwrap();
        for (name, file) in if keeps_names { &self.names } else { &self.durable_names } {
            let path = folder.join(name);
            std::fs::write(&path, self.files[*file].left(self.bytes, fate, random)).unwrap();
            // As everything in the data folder is.
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
    }
}

// === impl Content ===

impl Content {
    fn left(&self, bytes: &[u8], fate: Fate, random: &mut Random) -> Vec<u8> {
        let mut left = self.durable.clone();
        for change in &self.pending {
            let reaches = match fate {
                Fate::Lost => false,
                Fate::Kept => true,
                Fate::Some | Fate::Torn | Fate::Garbled => random.one_in(2),
            };
            match change {
                Change::Write(offset, data) if reaches && matches!(fate, Fate::Torn | Fate::Garbled) => {
                    tear(&mut left, *offset, &bytes[data.clone()], fate == Fate::Garbled, random);
                }
                _ if reaches => apply(&mut left, change, bytes),
                // The new length may be on the disk before what stands there.
                Change::Write(offset, data) if fate != Fate::Lost && random.one_in(4) => {
                    let end = offset + data.len();
                    left.resize(left.len().max(end), 0);
                }
                _ => {}
            }
        }
        left
    }
}

fn apply(file: &mut Vec<u8>, change: &Change, bytes: &[u8]) {
    match change {
        Change::Write(offset, data) => {
            let end = offset + data.len();
            file.resize(file.len().max(end), 0);
            file[*offset..end].copy_from_slice(&bytes[data.clone()]);
        }
        Change::Truncate(length) => file.resize(*length, 0),
    }
}

/// Writes some of the sectors that a write touches; the others stay as they were, or hold anything within what was written.
fn tear(file: &mut Vec<u8>, offset: usize, data: &[u8], garbles: bool, random: &mut Random) {
    let end = offset + data.len();
    file.resize(file.len().max(end), 0);
    let mut at = offset;
    while at < end {
        let next = ((at / SECTOR + 1) * SECTOR).min(end);
        if random.one_in(2) {
            file[at..next].copy_from_slice(&data[at - offset..next - offset]);
        } else if garbles {
            file[at..next].fill_with(|| u8::try_from(random.below(256)).unwrap());
        }
        at = next;
    }
}
