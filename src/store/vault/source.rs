//! Where the keys come from: a file of the gateway's own, or one that the platform's credential store opened for it.

use std::fs;
use std::path::PathBuf;

use super::super::StoreError;
use super::key_file::{self, KeyFile, Readers};

/// Where the keys come from.
pub(super) enum Source {
    /// A file, which tools beside the gateway may write.
    File(PathBuf),
    /// A file of the credential store, which only its operator changes.
    Credential(PathBuf),
    /// No file: the keys of a test.
    Fixed,
}

/// What a file was like, to see that it is another one now. The change of its rights counts, because it may have been
/// unreadable before.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    bytes: u64,
    modified: Option<std::time::SystemTime>,
    changed: (i64, i64),
    number: u64,
}

// === impl Source ===

impl Source {
    pub(super) fn read(&self) -> Result<KeyFile, StoreError> {
        match self {
            Self::File(path) => key_file::read(path, Readers::Owner),
            Self::Credential(path) => key_file::read(path, Readers::OwnerOrList),
            Self::Fixed => Err(self.not_written()),
        }
    }

    /// `None` if there is no file just now.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        let (Self::File(path) | Self::Credential(path)) = self else { return None };
        let metadata = fs::metadata(path).ok()?;
        #[cfg(unix)]
        let (changed, number) = {
            use std::os::unix::fs::MetadataExt;
            ((metadata.ctime(), metadata.ctime_nsec()), metadata.ino())
        };
        #[cfg(not(unix))]
        let (changed, number) = ((0, 0), 0);
        Some(Stamp { bytes: metadata.len(), modified: metadata.modified().ok(), changed, number })
    }

    pub(super) fn not_written(&self) -> StoreError {
        StoreError::Keys("they come from the credential store, which this program never writes".to_owned())
    }
}
