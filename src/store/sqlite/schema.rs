//! Opening connections, and bringing the schema up to date.

use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::super::{BUSY_TIMEOUT, StoreError};
use super::fault::Fault;

/// Each entry takes the schema from the version that is its place to the next. Entries are never changed once released.
pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("schema.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_officers.sql"),
    include_str!("schema_batches.sql"),
    include_str!("schema_tickets.sql"),
    include_str!("schema_parking.sql"),
    include_str!("schema_incidents.sql"),
    include_str!("schema_webhooks.sql"),
    include_str!("schema_keeping.sql"),
    include_str!("schema_storage_keys.sql"),
];

/// Statements kept prepared by a connection: all there are, with room.
const STATEMENTS_CACHED: usize = 96;

/// Pages of log after which a checkpoint runs (16 MiB): rarely enough to keep commits quick, often enough that
/// recovery after a crash takes milliseconds (`crates.md`, section 3.6).
const CHECKPOINT_PAGES: i64 = 4_000;

/// The log is cut back to this after a burst, so that one large import does not keep its disk space for ever.
const LOG_BYTES_KEPT: i64 = 64 << 20;

/// Negative numbers are KiB to SQLite. The writer touches every index, a reader few.
const WRITER_CACHE_KIB: i64 = -64 * 1024;
const READER_CACHE_KIB: i64 = -8 * 1024;

/// Opens the one connection that writes.
pub(super) fn open_writer(file: &Path, page_count_max: Option<u32>) -> Result<Connection, Fault> {
    let connection = open(file)?;
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        return Err(StoreError::Failed("the file system does not bear SQLite's write-ahead log".to_owned()).into());
    }
    // With NORMAL, acknowledged commits are lost in a power cut (`lessons.md`, Durability).
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "journal_size_limit", LOG_BYTES_KEPT)?;
    connection.pragma_update(None, "cache_size", WRITER_CACHE_KIB)?;
    if let Some(pages) = page_count_max {
        connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
    }
    Ok(connection)
}

/// Opens a connection that can only read.
pub(super) fn open_reader(file: &Path) -> Result<Connection, Fault> {
    let connection = open(file)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cache_size", READER_CACHE_KIB)?;
    Ok(connection)
}

/// Opens a connection that the operating system itself keeps from writing the database. Beside a running gateway it
/// takes part in the log's index and nothing else; its end leaves the log as it is.
pub(super) fn open_archive(file: &Path) -> Result<Connection, Fault> {
    let connection = set_up(Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cache_size", READER_CACHE_KIB)?;
    Ok(connection)
}

/// Moves the whole log into the database file, both synced. After a failure of the disk this is what makes the log's
/// content sure again: it is read back, written anew and synced under a descriptor that has seen no failure.
pub(super) fn empty_log(connection: &Connection) -> Result<(), Fault> {
    let busy: i64 = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if busy == 0 { Ok(()) } else { Err(StoreError::Busy.into()) }
}

/// The version of this program's schema.
pub(super) fn current() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// The version of a database's schema.
pub(super) fn version(connection: &Connection) -> Result<i64, Fault> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

/// Whether every page and every index is as SQLite writes them. Reads the whole file.
pub(super) fn is_sound(connection: &Connection) -> Result<bool, Fault> {
    let told: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    Ok(told == "ok")
}

/// Whether the schema is older than this program's; `TooNew` if it is newer.
pub(super) fn is_outdated(connection: &Connection) -> Result<bool, Fault> {
    let (version, current) = (version(connection)?, current());
    if version > current { Err(StoreError::TooNew(version).into()) } else { Ok(version < current) }
}

/// Brings the schema up to date, each step in a transaction of its own.
pub(super) fn migrate(connection: &Connection) -> Result<(), Fault> {
    while is_outdated(connection)? {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        if let Err(fault) = migrate_one_step(connection) {
            connection.execute_batch("ROLLBACK")?;
            return Err(fault);
        }
    }
    Ok(())
}

fn migrate_one_step(connection: &Connection) -> Result<(), Fault> {
    // Read again inside the transaction: another process may have been first.
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if let Some(step) = usize::try_from(version).ok().and_then(|version| MIGRATIONS.get(version)) {
        connection.execute_batch(step)?;
        connection.pragma_update(None, "user_version", version + 1)?;
    }
    connection.execute_batch("COMMIT")?;
    Ok(())
}

fn open(file: &Path) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    set_up(Connection::open_with_flags(file, flags)?)
}

fn set_up(connection: Connection) -> Result<Connection, Fault> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Functions and views from outside the program are never trusted with a query of ours.
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    // Plans never hang on bound values: otherwise every statement that meets a partial index is prepared again for each
    // new value, which took a seventh of an accept.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_of_any_earlier_version_ends_as_a_new_one() {
        let tables = |connection: &Connection| -> Vec<String> {
            let mut listed = connection.prepare("SELECT type || ' ' || name FROM sqlite_schema ORDER BY 1").unwrap();
            listed.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
        };
        let from = |version: usize| {
            let connection = Connection::open_in_memory().unwrap();
            for step in &MIGRATIONS[..version] {
                connection.execute_batch(step).unwrap();
            }
            connection.pragma_update(None, "user_version", i64::try_from(version).unwrap()).unwrap();
            migrate(&connection).unwrap();
            assert!(!is_outdated(&connection).unwrap());
            tables(&connection)
        };
        let new = from(0);
        assert!(new.contains(&"table officers".to_owned()), "{new:?}");
        for version in 1..=MIGRATIONS.len() {
            assert_eq!(from(version), new, "from version {version}");
        }
    }
}
