//! Storage keys in the database: which are needed, and sealing everything anew with a newer one.
//!
//! - The number of a key is on the disk before any row is sealed with it: the writer puts it there in the very transaction
//!   that uses it first, and only then do others in the process seal with it.
//! - What was sealed before the writer's turn is renewed in it ([`Vault::renewed`]), so after that transaction nothing older
//!   is ever written. One passage through the tables therefore finds all there is, and needs no index.
//! - A step reads rows, seals them anew and writes where it stands, in one transaction of the writer. It can be cut short
//!   anywhere, and no row is written back older than it was read.

use std::collections::BTreeSet;

use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};

use super::super::rotation::{RotationView, StorageKeys};
use super::super::vault::key_id;
use super::super::{StoreError, Vault};
use super::column;
use super::fault::{Fault, unreadable};
use super::opening;
use super::sealed::{self, SealedRow, SealedTable, TABLES};
use super::writer::Work;
use super::{SMALL_BYTES, Store};
use crate::system::System;

/// Rows looked at by one step at most: a few milliseconds of the writer's time.
const ROWS_AT_ONCE_MAX: u32 = 200;

/// Bytes looked at by one step at most, about: as long. A larger body is a step by itself.
const BYTES_AT_ONCE_MAX: usize = 1 << 20;

/// Bytes a step is told to weigh in the writer's group.
const STEP_BYTES: usize = 2 * BYTES_AT_ONCE_MAX;

const NEWEST: &str = "SELECT max(id) FROM storage_keys";

/// Who opens the store, as far as keys are concerned.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyRole {
    /// The gateway: it takes newer keys into use.
    Leads,
    /// A tool: it seals with the key that is in use, so that it is never ahead of the gateway.
    Follows,
}

/// The vault for one transaction that has just begun: its key is the newest one on the disk, or becomes it in this
/// transaction.
pub(super) fn vault_for(
    connection: &Connection,
    vault: &Vault,
    role: KeyRole,
    system: &System,
) -> Result<Vault, Fault> {
    let in_use = newest(connection)?;
    let missing = || Fault::Store(StoreError::KeyIdMissing(in_use));
    if !vault.has_key(in_use) {
        // A tool took a newer key into use while no gateway ran, or another gateway had this folder meanwhile.
        vault.look_again()?;
    }
    let latest = vault.pinned_to(None).ok_or_else(missing)?;
    if latest.newest_key() > in_use && role == KeyRole::Leads {
        take_into_use(connection, &latest, system)?;
        return Ok(latest);
    }
    vault.pinned_to(Some(in_use)).ok_or_else(missing)
}

/// Puts the newest key on the disk, and begins to seal everything anew with it.
fn take_into_use(connection: &Connection, vault: &Vault, system: &System) -> Result<(), Fault> {
    keep_key(connection, vault, vault.newest_key(), system)?;
    begin(connection, vault.newest_key(), system)?;
    tracing::info!(key = vault.newest_key(), "a new storage key is in use; everything is sealed anew");
    Ok(())
}

fn keep_key(connection: &Connection, vault: &Vault, id: u32, system: &System) -> Result<(), Fault> {
    let proof = vault.proof_of_key(id).ok_or(StoreError::KeyIdMissing(id))?;
    connection
        .prepare_cached("INSERT INTO storage_keys (id, proof_hash, since) VALUES (?1, ?2, ?3)")?
        .execute(params![id, proof, column::millis(system.now())])?;
    Ok(())
}

fn begin(connection: &Connection, key: u32, system: &System) -> Result<(), Fault> {
    let first = TABLES.first().map(|table| table.name);
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO storage_rotation (only, key, at_table, started_at) VALUES (1, ?1, ?2, ?3)",
        )?
        .execute(params![key, first, column::millis(system.now())])?;
    Ok(())
}

/// At the opening: every key that rows may need must be here, and be the one it was.
pub(super) fn prove(connection: &Connection, vault: &Vault, system: &System) -> Result<(), Fault> {
    let mut statement = connection.prepare("SELECT id, proof_hash FROM storage_keys ORDER BY id")?;
    let kept: Vec<(u32, [u8; 32])> =
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    for (id, proof) in &kept {
        match vault.proof_of_key(*id) {
            None => return Err(StoreError::KeyIdMissing(*id).into()),
            Some(own) if own != *proof => return Err(StoreError::KeyWrong(*id).into()),
            Some(_) => {}
        }
    }
    if kept.is_empty() { keep_all(connection, vault, system) } else { Ok(()) }
}

/// A new database, or one of a time when keys were not written down: rows may need any of those that are here.
fn keep_all(connection: &Connection, vault: &Vault, system: &System) -> Result<(), Fault> {
    let transaction = connection.unchecked_transaction()?;
    let ids = vault.key_ids();
    for id in &ids {
        let proof = vault.proof_of_key(*id).ok_or(StoreError::KeyIdMissing(*id))?;
        // Two tools may be here at once.
        transaction
            .prepare_cached(
                "INSERT INTO storage_keys (id, proof_hash, since) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            )?
            .execute(params![id, proof, column::millis(system.now())])?;
    }
    if let (true, Some(newest)) = (ids.len() > 1, ids.last()) {
        begin(&transaction, *newest, system)?;
    }
    transaction.commit()?;
    Ok(())
}

fn newest(connection: &Connection) -> Result<u32, Fault> {
    let newest: Option<u32> = connection.prepare_cached(NEWEST)?.query_row([], |row| row.get(0))?;
    newest.ok_or_else(|| unreadable("the storage keys in use"))
}

fn needed(connection: &Connection) -> Result<BTreeSet<u32>, Fault> {
    let mut statement = connection.prepare_cached("SELECT id FROM storage_keys")?;
    let ids = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(ids)
}

fn view(connection: &Connection) -> Result<StorageKeys, Fault> {
    let rotation = read(connection)?;
    Ok(StorageKeys { needed: needed(connection)?, rotation: rotation.map(|standing| standing.view) })
}

/// Where a rotation stands.
struct Standing {
    key: u32,
    table: Option<String>,
    after: Vec<Value>,
    view: RotationView,
}

fn read(connection: &Connection) -> Result<Option<Standing>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT key, at_table, after_1, after_2, looked_at, sealed_anew, unreadable, started_at, ended_at
         FROM storage_rotation",
    )?;
    let mut rows = statement.query([])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let (key, table): (u32, Option<String>) = (row.get(0)?, row.get(1)?);
    let after: [Value; 2] = [row.get(2)?, row.get(3)?];
    let count =
        |index| -> Result<u64, Fault> { u64::try_from(row.get::<_, i64>(index)?).map_err(|_| unreadable("a count")) };
    let place = |name: &String| sealed::by_name(name).map(|(place, _)| (name.clone(), place + 1));
    let view = RotationView {
        key,
        table: table.as_ref().and_then(place),
        looked_at: count(4)?,
        sealed_anew: count(5)?,
        unreadable: count(6)?,
        started_at: column::instant(row.get(7)?)?,
        ended_at: row.get::<_, Option<i64>>(8)?.map(column::instant).transpose()?,
    };
    let after = after.into_iter().filter(|value| *value != Value::Null).collect();
    Ok(Some(Standing { key, table, after, view }))
}

/// Seals the next rows anew. `false` if there is nothing left to do.
fn step(work: &mut Work<'_>) -> Result<bool, Fault> {
    let Some(Standing { key, table: Some(name), after, .. }) = read(work.connection)? else { return Ok(false) };
    let (place, table) = sealed::by_name(&name).ok_or_else(|| unreadable("the table a rotation is at"))?;
    let (rows, is_last) = rows_after(work.connection, table, &after)?;
    let (mut anew, mut unreadable_rows) = (0_i64, 0_i64);
    for row in &rows {
        let is_new = |blob: &Vec<u8>| blob.is_empty() || key_id(blob).is_some_and(|id| id >= key);
        if row.blobs.iter().flatten().all(is_new) {
            continue;
        }
        match seal_anew(work, table, row) {
            Ok(()) => anew += 1,
            Err(Fault::Store(StoreError::Sealed)) => {
                tracing::error!(table = table.name, "a row does not open with the storage key it names");
                unreadable_rows += 1;
            }
            Err(fault) => return Err(fault),
        }
    }
    let next = match is_last {
        true => TABLES.get(place + 1).map(|table| (table.name, [Value::Null, Value::Null])),
        false => {
            let mut last = rows.last().map(|row| row.place.clone()).unwrap_or_default().into_iter();
            let mut part = || last.next().unwrap_or(Value::Null);
            Some((table.name, [part(), part()]))
        }
    };
    let looked_at = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    go_on(work, next, [looked_at, anew, unreadable_rows])
}

/// Rows behind a place, and whether they are the last ones of their table.
fn rows_after(connection: &Connection, table: &SealedTable, after: &[Value]) -> Result<(Vec<SealedRow>, bool), Fault> {
    let mut statement = connection.prepare_cached(&table.select(after.is_empty()))?;
    let limit = Value::from(ROWS_AT_ONCE_MAX);
    let mut found = statement.query(params_from_iter(after.iter().chain([&limit])))?;
    let (mut rows, mut bytes, mut is_last) = (Vec::new(), 0, true);
    while let Some(row) = found.next()? {
        let row = table.read(row)?;
        bytes += row.weight();
        rows.push(row);
        if bytes >= BYTES_AT_ONCE_MAX {
            is_last = false;
            break;
        }
    }
    let is_full = u32::try_from(rows.len()).is_ok_and(|count| count >= ROWS_AT_ONCE_MAX);
    Ok((rows, is_last && !is_full))
}

/// All of a row or nothing of it.
fn seal_anew(work: &Work<'_>, table: &SealedTable, row: &SealedRow) -> Result<(), Fault> {
    let mut values = row.place.clone();
    for (column, blob) in table.columns.iter().zip(&row.blobs) {
        values.push(match blob {
            None => Value::Null,
            // What was forgotten may have left an empty place; nothing sealed is empty.
            Some(blob) if blob.is_empty() => Value::Blob(Vec::new()),
            Some(blob) => Value::Blob(work.vault.renewed(&table.sealed_as(column), &row.bound_to, blob)?.into_owned()),
        });
    }
    if table.has_key_column() {
        values.push(Value::from(work.vault.newest_key()));
    }
    let changed = work.connection.prepare_cached(&table.update())?.execute(params_from_iter(values))?;
    if changed == 1 { Ok(()) } else { Err(unreadable("a row that was there a moment ago")) }
}

/// Writes where the rotation stands; at its end, that no row needs the older keys. Whether there is more to do.
fn go_on(work: &Work<'_>, next: Option<(&str, [Value; 2])>, counts: [i64; 3]) -> Result<bool, Fault> {
    let ended_at = next.is_none().then(|| column::millis(work.system.now()));
    let (table, [after_1, after_2]) =
        next.map_or((None, [Value::Null, Value::Null]), |(table, after)| (Some(table), after));
    let [looked_at, anew, unreadable_rows] = counts;
    work.connection
        .prepare_cached(
            "UPDATE storage_rotation SET at_table = ?1, after_1 = ?2, after_2 = ?3, looked_at = looked_at + ?4,
               sealed_anew = sealed_anew + ?5, unreadable = unreadable + ?6, ended_at = ?7",
        )?
        .execute(params![table, after_1, after_2, looked_at, anew, unreadable_rows, ended_at])?;
    if ended_at.is_none() {
        return Ok(true);
    }
    work.connection
        .execute("DELETE FROM storage_keys WHERE id < (SELECT key FROM storage_rotation WHERE unreadable = 0)", [])?;
    Ok(false)
}

impl Store {
    /// The storage keys that rows may need, and how far sealing anew is.
    pub async fn storage_keys(&self) -> Result<StorageKeys, StoreError> {
        self.inner.readers.read(|connection, _| view(connection)).await
    }

    /// Whether newer keys are in the key file than those in use. Reads the file if it changed.
    pub async fn newer_storage_keys(&self) -> Result<bool, StoreError> {
        let vault = self.inner.vault.clone();
        tokio::task::spawn_blocking(move || vault.look_again())
            .await
            .map_err(|_| StoreError::Failed("reading the storage keys panicked: a fault of the gateway".to_owned()))?
    }

    /// Takes newer keys into use if they are there, and seals some rows anew. `false` if there is nothing left to do.
    pub async fn seal_some_anew(&self) -> Result<bool, StoreError> {
        self.write(STEP_BYTES, step).await
    }

    /// Adds a key to the key file, and gives its number: that of the one that is there already if it is not in use yet, or
    /// of the one in use while a rotation to it is under way.
    pub async fn add_storage_key(&self) -> Result<u32, StoreError> {
        // Inside the writer's transaction, because that keeps every other process from doing the same.
        let add = |work: &mut Work<'_>| {
            let keys = view(work.connection)?;
            if !keys.is_settled() && work.vault.key_ids().last() == Some(&keys.newest()) {
                return Ok(keys.newest());
            }
            Ok(work.vault.add_key(keys.newest(), work.system)?)
        };
        self.write(SMALL_BYTES, add).await
    }

    /// Takes the newest key of the key file into use from a tool beside, which must know that no gateway runs.
    pub async fn take_storage_key_into_use(&self) -> Result<(), StoreError> {
        let take = |work: &mut Work<'_>| {
            let latest = work.vault.pinned_to(None).ok_or(StoreError::KeyMissing)?;
            if latest.newest_key() > newest(work.connection)? {
                take_into_use(work.connection, &latest, work.system)?;
            }
            Ok(())
        };
        self.write(SMALL_BYTES, take).await
    }

    /// Takes the keys that no row needs out of the key file, and gives their numbers.
    pub async fn remove_old_storage_keys(&self) -> Result<Vec<u32>, StoreError> {
        self.write(SMALL_BYTES, |work| Ok(work.vault.remove_keys(&needed(work.connection)?)?)).await
    }

    /// Whether a gateway has this data folder now.
    pub async fn gateway_runs(&self) -> Result<bool, StoreError> {
        let folder = self.inner.folder.clone();
        let looked = tokio::task::spawn_blocking(move || opening::is_taken(&folder)).await;
        looked
            .map_err(|_| StoreError::Failed("looking for a gateway panicked: a fault of the gateway".to_owned()))?
            .map_err(|error| StoreError::Failed(format!("the data folder: {error}")))
    }
}

/// Gives every sealed value of the database, opened, to `each`: table, column and content. Returns how many do not open.
pub(super) fn each_sealed(
    connection: &Connection,
    vault: &Vault,
    mut each: impl FnMut(&str, &str, &[u8]),
) -> Result<u64, Fault> {
    let mut closed = 0;
    for table in TABLES {
        let (mut after, mut is_last) = (Vec::new(), false);
        while !is_last {
            let rows;
            (rows, is_last) = rows_after(connection, table, &after)?;
            for row in &rows {
                for (column, blob) in table.columns.iter().zip(&row.blobs) {
                    let Some(blob) = blob.as_ref().filter(|blob| !blob.is_empty()) else { continue };
                    match vault.unseal(&table.sealed_as(column), &row.bound_to, blob) {
                        Ok(plain) => each(table.name, column, &plain),
                        Err(_) => closed += 1,
                    }
                }
            }
            after = rows.last().map(|row| row.place.clone()).unwrap_or_default();
        }
    }
    Ok(closed)
}
