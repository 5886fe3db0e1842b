//! What can go wrong below: which faults end a command, which a transaction, and which the connection.

use rusqlite::{ErrorCode, ffi};

use super::super::StoreError;
use super::super::simulated::Refusal;

/// Why a piece of work on the database did not succeed.
#[derive(Debug)]
pub(super) enum Fault {
    /// The database said so.
    Sql(rusqlite::Error),
    /// The work itself said so.
    Store(StoreError),
}

impl Fault {
    /// The connection can no longer be believed. Above all after a failed sync: the kernel may have dropped what it
    /// could not write, and a second sync of the same descriptor would report success.
    pub(super) fn breaks_connection(&self) -> bool {
        matches!(
            self.code(),
            Some(
                ErrorCode::SystemIoFailure
                    | ErrorCode::DatabaseCorrupt
                    | ErrorCode::NotADatabase
                    | ErrorCode::CannotOpen
                    | ErrorCode::ReadOnly
                    | ErrorCode::OutOfMemory
                    | ErrorCode::FileLockingProtocolFailed
                    | ErrorCode::InternalMalfunction
            )
        )
    }

    /// What the asker is told. The database's own texts are left out: they may quote values.
    pub(super) fn told(&self) -> StoreError {
        match (self, self.code()) {
            (Self::Store(error), _) => error.clone(),
            (_, Some(ErrorCode::DiskFull)) => StoreError::Full,
            (_, Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)) => StoreError::Busy,
            (_, Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)) => StoreError::Damaged,
            (_, Some(ErrorCode::ReadOnly)) => StoreError::ReadOnly,
            // Also where the disk is full: the file that processes share beside the log could not grow.
            (Self::Sql(rusqlite::Error::SqliteFailure(error, _)), Some(_))
                if error.extended_code == ffi::SQLITE_IOERR_SHMSIZE =>
            {
                let code = error.extended_code;
                StoreError::Failed(format!("the disk has no room for the log's index, or fails (SQLite {code})"))
            }
            (Self::Sql(rusqlite::Error::SqliteFailure(error, _)), Some(ErrorCode::SystemIoFailure)) => {
                StoreError::Failed(format!("the disk reported an error (SQLite {})", error.extended_code))
            }
            (Self::Sql(rusqlite::Error::SqliteFailure(error, _)), _) => {
                StoreError::Failed(format!("SQLite: {:?} ({})", error.code, error.extended_code))
            }
            (Self::Sql(_), _) => unreadable("a value of an unforeseen type").told(),
        }
    }

    /// SQLite's extended result code, for the log.
    pub(super) fn sqlite_code(&self) -> Option<i32> {
        match self {
            Self::Sql(rusqlite::Error::SqliteFailure(error, _)) => Some(error.extended_code),
            _ => None,
        }
    }

    fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Sql(rusqlite::Error::SqliteFailure(error, _)) => Some(error.code),
            _ => None,
        }
    }
}

/// A row that no version of the gateway writes.
pub(super) fn unreadable(what: &str) -> Fault {
    Fault::Store(StoreError::Failed(format!("a stored row cannot be read: {what}")))
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

/// A played refusal is the one that SQLite would report.
impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal {
            Refusal::Full => ffi::SQLITE_FULL,
            Refusal::Broken => ffi::SQLITE_IOERR_FSYNC,
        };
        Self::Sql(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None))
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
