//! Whole databases copied, checked and marked: the engine's side of backup and restore.

use std::fs::File;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use serde_json::json;

use super::super::{StoreError, Vault, folder};
use super::fault::Fault;
use super::{opening, schema};

/// Pages copied between two rests: 4 MiB, some 30 ms of the slowest disk measured, in which the gateway waits for nothing but
/// the disk.
const PAGES_AT_ONCE: i32 = 1_024;

/// The rest. A database of 10 GB takes half a minute of rests.
const REST: Duration = Duration::from_millis(10);

/// Steps between two syncs of the copy, 64 MiB: one sync of all of it at the end would have the disk to itself, and the
/// gateway's own commits would wait.
const STEPS_A_SYNC: u32 = 16;

/// How often a copy that is kept from reading tries again, at each rest: five seconds, as every other reader waits.
const TRIES_MAX: u32 = 500;

/// By how much positions leap in a restored database, so that none is given a second time for something else. More than any
/// hospital makes between two backups, and 64 bits bear it for ever.
const LEAP: i64 = 10_000_000;

/// The row that says that the database was restored and not looked at since.
pub(super) const RESTORED: &str = "restored";

/// Copies the state that `from` has now to the new file `to`, and syncs it. The gateway may go on writing: the copy reads
/// one state from the first page to the last, and until it is done the log only grows.
pub(in crate::store) fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    copy_slowly(from, to).and_then(|()| make_one_file(to)).map_err(|fault| fault.told())
}

fn copy_slowly(from: &Path, to: &Path) -> Result<(), Fault> {
    let source = schema::open_archive(from)?;
    // Without a transaction of its own every commit of the gateway would begin the copy anew.
    let state = source.unchecked_transaction()?;
    state.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))?;
    let file = folder::open_private(to).map_err(failed)?;
    let mut copy = Connection::open_with_flags(to, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // What breaks off is thrown away, and what is done is synced whole.
    copy.pragma_update(None, "synchronous", "off")?;
    let backup = Backup::new(&state, &mut copy)?;
    let (mut tries, mut steps) = (0, 0_u32);
    loop {
        steps = steps.wrapping_add(1);
        if steps.is_multiple_of(STEPS_A_SYNC) {
            file.sync_data().map_err(failed)?;
        }
        match backup.step(PAGES_AT_ONCE)? {
            StepResult::Done => return Ok(()),
            StepResult::More => tries = 0,
            _ if tries < TRIES_MAX => tries += 1,
            _ => return Err(StoreError::Busy.into()),
        }
        sleep(REST);
    }
}

/// The copy says of itself that it has a log; made to have none, it is one file that can be hashed and carried.
fn make_one_file(file: &Path) -> Result<(), Fault> {
    let copy = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let mode: String = copy.pragma_update_and_check(None, "journal_mode", "delete", |row| row.get(0))?;
    if mode != "delete" {
        return Err(StoreError::Failed("the copy could not be made one file".to_owned()).into());
    }
    drop(copy);
    File::open(file).and_then(|file| file.sync_all()).map_err(failed)?;
    Ok(())
}

fn failed(error: std::io::Error) -> Fault {
    StoreError::Failed(format!("the copy: {error}")).into()
}

/// Reads all of a copy and proves it whole; returns its schema's version.
pub(in crate::store) fn check(file: &Path) -> Result<i64, StoreError> {
    let looked = |connection: &Connection| -> Result<(String, i64), Fault> {
        let said = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
        Ok((said, connection.pragma_query_value(None, "user_version", |row| row.get(0))?))
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let connection = Connection::open_with_flags(file, flags).map_err(|error| Fault::from(error).told())?;
    let (said, version) = looked(&connection).map_err(|fault| fault.told())?;
    // What it says otherwise names pages and tables, and is of use to nobody here.
    if said == "ok" { Ok(version) } else { Err(StoreError::Failed("the database is damaged".to_owned())) }
}

/// The version of a copy's schema.
pub(in crate::store) fn version(file: &Path) -> Result<i64, StoreError> {
    let read = || schema::version(&Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?);
    read().map_err(|fault: Fault| fault.told())
}

/// The keys that the rows of a copy are sealed with, and whether those are all: a database of an earlier version names only
/// those of its bodies.
pub(in crate::store) fn keys_of(file: &Path) -> Result<(Vec<u32>, bool), StoreError> {
    let read = || -> Result<(Vec<u32>, bool), Fault> {
        let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let names_them = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'storage_keys')";
        let names_them: bool = connection.query_row(names_them, [], |row| row.get(0))?;
        let sql = match names_them {
            true => "SELECT id FROM storage_keys UNION SELECT sealing_key FROM bodies ORDER BY 1",
            false => "SELECT DISTINCT sealing_key FROM bodies ORDER BY 1",
        };
        let ids: Vec<u32> =
            connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect::<Result<_, rusqlite::Error>>()?;
        let are_all = names_them && !ids.is_empty();
        Ok((ids, are_all))
    };
    read().map_err(|fault| fault.told())
}

/// Whether a copy's schema is one that this program knows.
pub(in crate::store) fn is_known(version: i64) -> bool {
    version <= schema::current()
}

/// Refuses keys other than those a copy was sealed with.
pub(in crate::store) fn prove(file: &Path, vault: &Vault) -> Result<(), StoreError> {
    let read = || -> Result<(), Fault> {
        let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        opening::compare_proof(&connection, &opening::proof_of(vault))
    };
    read().map_err(|fault| fault.told())
}

/// Marks a copy as restored, for the gateway that will open it, and lets its positions leap. Synced.
pub(in crate::store) fn mark_restored(file: &Path, made_at: Timestamp, now: Timestamp) -> Result<(), StoreError> {
    let mark = || -> Result<(), Fault> {
        let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let times = json!({"madeAt": made_at.to_string(), "restoredAt": now.to_string()}).to_string();
        connection.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)", params![RESTORED, times])?;
        // What the clock says is believed after some hours only, so that a hold set since can be set again before anything
        // is forgotten.
        let samples = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'space')";
        if connection.query_row(samples, [], |row| row.get(0))? {
            connection.execute("DELETE FROM space", [])?;
        }
        for table in ["documents", "events", "attempts"] {
            let leapt = connection
                .execute("UPDATE sqlite_sequence SET seq = seq + ?2 WHERE name = ?1", params![table, LEAP])?;
            if leapt == 0 {
                connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)", params![table, LEAP])?;
            }
        }
        drop(connection);
        File::open(file).and_then(|file| file.sync_all()).map_err(failed)?;
        Ok(())
    };
    mark().map_err(|fault| fault.told())
}

/// What [`mark_restored`] left, if nobody has looked at it since.
pub(super) fn restored(connection: &Connection) -> Result<Option<String>, Fault> {
    let mut statement = connection.prepare("SELECT value FROM meta WHERE name = ?1")?;
    Ok(statement.query_row(params![RESTORED], |row| row.get(0)).optional()?)
}
