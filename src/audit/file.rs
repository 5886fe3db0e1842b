//! The database file of the log: its connections, and the rows that go in.

use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, params};

use super::Unavailable;
use super::record::{Draft, Hash, Outcome, Phase, Row};
use crate::store::folder;

/// The one version of the schema so far.
const VERSION: i64 = 1;

/// How long the database waits for another process. The writer's own transactions take milliseconds, and whoever asks
/// waits at most [`WAIT_MAX`](super::WAIT_MAX).
const BUSY_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(2);

/// Pages of log after which a checkpoint runs (4 MiB, some ten thousand entries).
const CHECKPOINT_PAGES: i64 = 1_000;

/// The log is cut back to this after a burst.
const LOG_BYTES_KEPT: i64 = 16 << 20;

/// Opens the connection that writes, and makes the file where there is none.
pub(super) fn open_writer(file: &Path, page_count_max: Option<u32>) -> Result<Connection, Unavailable> {
    // SQLite gives its log the rights of the file, so the file is made before SQLite would. One that is there is not
    // opened: closing it again would take this process's own locks from it.
    if file.exists() {
        return opened(file, page_count_max);
    }
    folder::open_private(file).map_err(|error| Unavailable::Failed(error.kind().to_string()))?;
    opened(file, page_count_max)
}

fn opened(file: &Path, page_count_max: Option<u32>) -> Result<Connection, Unavailable> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    // With NORMAL, an entry could be lost in a power cut after its deed was done.
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "journal_size_limit", LOG_BYTES_KEPT)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    if let Some(pages) = page_count_max {
        connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
    }
    let version =
        |connection: &Connection| connection.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0));
    if version(&connection)? > VERSION {
        return Err(Unavailable::Failed("it was written by a newer version of the program".to_owned()));
    }
    if version(&connection)? < VERSION {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        // Read again inside: another process may have been first.
        if version(&connection)? < VERSION {
            connection.execute_batch(include_str!("schema.sql"))?;
            connection.pragma_update(None, "user_version", VERSION)?;
        }
        connection.execute_batch("COMMIT")?;
    }
    // Made sure under a descriptor that has seen no failure: after one, the kernel may have dropped what it reports as
    // written. That somebody else is writing is no failure.
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
    Ok(connection)
}

/// Opens a connection that can only read, beside a gateway that may be writing.
pub(super) fn open_reader(file: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(connection)
}

/// What is written of one entry.
pub(super) struct Line<'a> {
    pub(super) draft: &'a Draft,
    pub(super) phase: Phase,
    pub(super) opening: i64,
    pub(super) outcome: &'a Outcome,
}

/// Adds an entry after `tip`, and moves `tip` on to it.
pub(super) fn add(
    connection: &Connection,
    tip: &mut (i64, Hash),
    line: &Line<'_>,
    buffer: &mut Vec<u8>,
) -> rusqlite::Result<()> {
    let Line { draft, phase, opening, outcome } = line;
    let sequence = tip.0 + 1;
    let origin = draft.origin.map(|origin| origin.to_canonical().to_string()).unwrap_or_default();
    let row = Row {
        sequence,
        at: draft.at,
        phase: phase.number(),
        opening: *opening,
        deed: draft.deed.name(),
        who: &draft.who,
        request: &draft.request,
        facility: draft.about.facility.as_ref().map_or("", |facility| facility.as_str()),
        subject: draft.about.subject.as_ref().map_or(&[], |subject| subject.as_slice()),
        object: &draft.about.object,
        origin: &origin,
        status: i64::from(outcome.status),
        code: &outcome.code,
        source: outcome.source,
    };
    let hash = row.hash(&tip.1, buffer);
    let mut insert = connection.prepare_cached(
        "INSERT INTO entries (sequence, at, phase, opening, deed, who, request, facility, subject, object, origin, \
         status, code, source, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
    )?;
    insert.execute(params![
        row.sequence,
        row.at,
        row.phase,
        row.opening,
        row.deed,
        row.who,
        row.request,
        row.facility,
        row.subject,
        row.object,
        row.origin,
        row.status,
        row.code,
        row.source,
        hash,
    ])?;
    *tip = (sequence, hash);
    Ok(())
}

impl From<rusqlite::Error> for Unavailable {
    /// The database's own texts are left out: they may quote values.
    fn from(error: rusqlite::Error) -> Self {
        match error {
            rusqlite::Error::SqliteFailure(error, _) => match error.code {
                ErrorCode::DiskFull => Self::Full,
                ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Self::Busy,
                code => Self::Failed(format!("SQLite: {code:?} ({})", error.extended_code)),
            },
            _ => Self::Failed("a value of an unforeseen type".to_owned()),
        }
    }
}
