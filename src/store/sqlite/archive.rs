//! What is stored, opened to be read only: for commands that look through many documents, beside a gateway that may be
//! running.
//!
//! Each page is one short look at one state of the database, so that the gateway's log is never kept from being cut back
//! for longer than a page takes.

mod checkup;

use std::path::Path;

use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

pub use self::checkup::CheckUp;

use super::super::{DATABASE_FILE, Received, StoreError, Unreadable, Vault};
use super::column;
use super::fault::Fault;
use super::log_check;
use super::opening;
use super::rotation;
use super::views::BODY;

/// Documents on one page at most.
const PAGE_MAX: u32 = 500;

/// A page ends when its bodies reach this together: few enough for any machine, enough for a hundred common documents. A
/// larger document is a page by itself.
const PAGE_BYTES_MAX: usize = 8 << 20;

/// The first document of a span of time. Read along an index that holds nothing else, because the rows themselves are long.
pub(super) const FIRST: &str = "SELECT min(sequence) FROM documents INDEXED BY documents_of_facility
    WHERE received_at >= ?1 AND received_at < ?2";

/// Documents in the order of acceptance, from a position.
pub(super) const NEXT: &str = "SELECT d.sequence, d.id, d.facility, d.kind, d.received_at, b.body
    FROM documents d LEFT JOIN bodies b ON b.document = d.sequence
    WHERE d.sequence > ?1 AND d.received_at >= ?2 AND d.received_at < ?3 ORDER BY d.sequence";

/// A data folder that is only looked at. Its methods block.
pub struct Archive {
    connection: Connection,
    /// Looked at before SQLite did, which may put what it can read of the log into the file.
    is_log_broken: bool,
    vault: Vault,
}

// === impl Archive ===

impl Archive {
    /// Opens the data folder, in which there must be something already.
    pub fn open(folder: &Path, vault: Vault) -> Result<Self, StoreError> {
        let is_log_broken = log_check::is_broken(&folder.join(DATABASE_FILE))
            .map_err(|error| StoreError::of_file("the log of the database", &error))?;
        let connection = opening::open_archive(folder, &vault).map_err(|fault| fault.told())?;
        Ok(Self { connection, is_log_broken, vault })
    }

    /// The next documents received from `from` until before `before`, in the order of acceptance, after a position (0 for
    /// the first page): at most `limit`, fewer where they are large, none at the end.
    pub fn received_between(
        &self,
        from: Timestamp,
        before: Timestamp,
        after_sequence: i64,
        limit: u32,
    ) -> Result<Vec<Received>, StoreError> {
        let span = (column::millis(from), column::millis(before));
        self.page(span, after_sequence, limit).map_err(|fault| fault.told())
    }

    /// Opens every sealed value there is, and gives it to `each` with its table and column: whether a copy can be restored is
    /// known when this was done with the keys that belong to it. Returns how many do not open.
    pub fn each_sealed(&self, each: impl FnMut(&str, &str, &[u8])) -> Result<u64, StoreError> {
        rotation::each_sealed(&self.connection, &self.vault, each).map_err(|fault| fault.told())
    }

    fn page(&self, span: (i64, i64), after_sequence: i64, limit: u32) -> Result<Vec<Received>, Fault> {
        let (from, before) = span;
        let transaction = self.connection.unchecked_transaction()?;
        let mut page = Vec::new();
        let after = match after_sequence {
            0 => transaction.query_row(FIRST, params![from, before], |row| row.get::<_, Option<i64>>(0))?,
            position => Some(position + 1),
        };
        let Some(first) = after else { return Ok(page) };
        let mut statement = transaction.prepare_cached(NEXT)?;
        let mut rows = statement.query(params![first - 1, from, before])?;
        let (most, mut bytes) = (usize::try_from(limit.clamp(1, PAGE_MAX)).unwrap_or(1), 0);
        while let Some(row) = rows.next()? {
            let document = self.document(row)?;
            bytes += document.body.as_ref().map_or(0, Bytes::len);
            page.push(document);
            if page.len() >= most || bytes >= PAGE_BYTES_MAX {
                break;
            }
        }
        Ok(page)
    }

    fn document(&self, row: &Row<'_>) -> Result<Received, Fault> {
        let id: String = row.get(1)?;
        let body = match row.get_ref(5)?.as_blob_or_null().map_err(rusqlite::Error::from)? {
            None => Err(Unreadable::Forgotten),
            Some(sealed) => match self.vault.unseal(BODY, id.as_bytes(), sealed) {
                Ok(body) => Ok(Bytes::from(body)),
                Err(StoreError::Sealed) => Err(Unreadable::Sealed),
                Err(error) => return Err(error.into()),
            },
        };
        Ok(Received {
            sequence: row.get(0)?,
            facility: column::facility(&row.get::<_, String>(2)?)?,
            kind: column::kind(&row.get::<_, String>(3)?)?,
            received_at: column::instant(row.get(4)?)?,
            body,
            id,
        })
    }
}
