//! Taking hold of the data folder.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::{Semaphore, mpsc, watch};

use super::super::backup::{self, UNFINISHED_FILE};
use super::super::simulated::Disk;
use super::super::{DATABASE_FILE, StoreError, Vault, folder};
use super::fault::Fault;
use super::health::Health;
use super::log_check;
use super::readers::Readers;
use super::rotation::{self, KeyRole};
use super::writer::Writer;
use super::{Config, Inner, QUEUE_KIB_MAX, Store};
use super::{restored, schema};
use crate::system::System;

/// Held by the running gateway. The operating system lets go of it with the process, however that ends.
const LOCK_FILE: &str = "gateway.lock";

/// As what a process opens the folder.
pub(super) enum Role {
    /// The one gateway.
    Gateway,
    /// A tool beside it.
    Beside,
    /// The one gateway, in a simulation.
    Simulated(Arc<dyn Disk>),
}

/// Opens everything, in this order: the folder, the lock, the file, the schema, the proof of the keys, the writer.
pub(super) fn open(role: Role, config: &Config, vault: Vault, system: System) -> Result<Store, Fault> {
    let failed = |error: io::Error| StoreError::of_file("the data folder", &error);
    folder::create(&config.folder).map_err(failed)?;
    let lock = match &role {
        Role::Gateway | Role::Simulated(_) => Some(lock(&config.folder).map_err(failed)?.ok_or(StoreError::InUse)?),
        Role::Beside => None,
    };

    if config.folder.join(UNFINISHED_FILE).exists() {
        return Err(StoreError::RestoreUnfinished.into());
    }
    // SQLite gives its log the rights of the file, so the file is made before SQLite would.
    let file = config.folder.join(DATABASE_FILE);
    drop(folder::open_private(&file).map_err(failed)?);
    // Whoever opens it alone has SQLite read the log, and cut it off where it ends.
    let is_alone = match &role {
        Role::Gateway => true,
        Role::Beside => !is_taken(&config.folder).map_err(failed)?,
        Role::Simulated(_) => false,
    };
    if is_alone && log_check::is_broken(&file).map_err(failed)? {
        return Err(StoreError::LogDamaged.into());
    }
    let connection = schema::open_writer(&file, config.page_count_max)?;
    if matches!(role, Role::Gateway) {
        // What a power cut has torn must not stand behind what is written from now on: at the next cut it would look like
        // damage.
        match schema::empty_log(&connection) {
            Ok(()) | Err(Fault::Store(StoreError::Busy)) => {}
            Err(fault) => return Err(unread(fault)),
        }
    }
    if schema::is_outdated(&connection)? {
        // A tool changes the schema only while no gateway runs, and for that moment keeps one from starting.
        let other = || StoreError::Failed("the running gateway is of another version; stop it first".to_owned());
        let moment = match &lock {
            Some(_) => None,
            None => Some(try_lock(&config.folder).map_err(failed)?.ok_or_else(other)?),
        };
        bring_up_to_date(&connection, &config.folder, &system)?;
        drop(moment);
    }
    prove_keys(&connection, &vault)?;
    rotation::prove(&connection, &vault, &system)?;
    if matches!(role, Role::Gateway) {
        restored::settle(&connection, &vault, &system)?;
    }
    folder::sync(&config.folder).map_err(failed)?;

    let key_role = match role {
        Role::Gateway | Role::Simulated(_) => KeyRole::Leads,
        Role::Beside => KeyRole::Follows,
    };
    let disk = match role {
        Role::Gateway | Role::Beside => None,
        Role::Simulated(disk) => Some(disk),
    };
    let (queue, receiver) = mpsc::channel(config.queue_max.max(1));
    let changes = Arc::new(watch::Sender::new(0));
    let health = Health::default();
    let writer = Writer {
        connection: Some(connection),
        receiver,
        file: file.clone(),
        page_count_max: config.page_count_max,
        group_max: config.group_max.max(1),
        vault: vault.clone(),
        system: system.clone(),
        changes: Arc::clone(&changes),
        health: health.clone(),
        lock,
        disk,
        key_role,
    };
    let on_caller = writer.disk.is_some();
    if on_caller {
        tokio::spawn(writer.run_as_task());
    } else {
        std::thread::Builder::new().name("store-writer".to_owned()).spawn(move || writer.run()).map_err(failed)?;
    }
    let room = Arc::new(Semaphore::new(usize::try_from(QUEUE_KIB_MAX).unwrap_or(Semaphore::MAX_PERMITS)));
    let readers = Readers::new(file, vault.clone(), health.clone(), config.readers, on_caller);
    let (folder, room_on_disk) = (config.folder.clone(), Mutex::new(None));
    let inner = Inner { folder, vault, system, queue, room, readers, changes, health, room_on_disk };
    Ok(Store { inner: Arc::new(inner) })
}

/// A change of the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// The version before.
    pub from: i64,
    /// The version now.
    pub to: i64,
    /// The backup that was made before; `None` where nothing was stored yet.
    pub backup: Option<PathBuf>,
}

/// Brings the schema of a data folder up to date while no gateway runs on it; with `compact`, gives the free pages of the
/// database back to the disk, for which as much room is needed as it takes. `None` if there was nothing to change.
pub fn migrate(folder: &Path, compact: bool, system: &System) -> Result<Option<Migrated>, StoreError> {
    let failed = |error: io::Error| StoreError::of_file("the data folder", &error);
    let file = folder.join(DATABASE_FILE);
    if !file.is_file() {
        return Err(StoreError::Failed("nothing is stored there yet".to_owned()));
    }
    let _lock = try_lock(folder).map_err(failed)?.ok_or(StoreError::InUse)?;
    if folder.join(UNFINISHED_FILE).exists() {
        return Err(StoreError::RestoreUnfinished);
    }
    if log_check::is_broken(&file).map_err(failed)? {
        return Err(StoreError::LogDamaged);
    }
    let done = || -> Result<Option<Migrated>, Fault> {
        let connection = schema::open_writer(&file, None)?;
        let migrated = match schema::is_outdated(&connection)? {
            true => Some(bring_up_to_date(&connection, folder, system)?),
            false => None,
        };
        if compact {
            connection.execute_batch("VACUUM")?;
        }
        schema::empty_log(&connection)?;
        Ok(migrated)
    };
    done().map_err(|fault| fault.told())
}

/// Changes an outdated schema, after a backup of everything in the folder.
fn bring_up_to_date(connection: &Connection, folder: &Path, system: &System) -> Result<Migrated, Fault> {
    let (from, to) = (schema::version(connection)?, schema::current());
    // A database without a schema was made a moment ago.
    let backup = match from {
        0 => None,
        _ => Some(backup::before_migration(folder, to, system)?),
    };
    schema::migrate(connection)?;
    if let Some(backup) = &backup {
        tracing::info!(from, to, backup = %backup.display(), "the schema was brought up to date, after a backup");
    }
    Ok(Migrated { from, to, backup })
}

/// What cannot be read looks damaged to SQLite, which at a start says no more than that the disk is sick: whether anything is
/// damaged is told by whoever looks through it all.
fn unread(fault: Fault) -> Fault {
    match fault.told() {
        StoreError::Damaged => StoreError::Failed("the log cannot be read".to_owned()).into(),
        told => told.into(),
    }
}

/// Takes the lock of the gateway; `None` if another gateway holds it. A tool that looks whether there is one holds it for an
/// instant, so it is tried a few times.
fn lock(folder: &Path) -> io::Result<Option<File>> {
    const TRIES: usize = 5;
    const BETWEEN: Duration = Duration::from_millis(20);
    for _ in 1..TRIES {
        if let Some(lock) = try_lock(folder)? {
            return Ok(Some(lock));
        }
        std::thread::sleep(BETWEEN);
    }
    try_lock(folder)
}

/// Whether a gateway has the folder.
pub(super) fn is_taken(folder: &Path) -> io::Result<bool> {
    try_lock(folder).map(|lock| lock.is_none())
}

/// `None` if another process holds it.
pub(in crate::store) fn try_lock(folder: &Path) -> io::Result<Option<File>> {
    let file = folder::open_private(&folder.join(LOCK_FILE))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Refuses keys other than those the database was sealed with. Without this, new rows would be sealed with the wrong
/// keys, no known record would be recognised, and what waits would be parked as unreadable.
fn prove_keys(connection: &Connection, vault: &Vault) -> Result<(), Fault> {
    let proof = proof_of(vault);
    connection
        .execute("INSERT INTO meta (name, value) VALUES ('vault_check', ?1) ON CONFLICT DO NOTHING", params![proof])?;
    compare_proof(connection, &proof)?;
    let mut next = connection.prepare_cached("SELECT min(sealing_key) FROM bodies WHERE sealing_key > ?1")?;
    let mut last: i64 = -1;
    while let Some(key) = next.query_row(params![last], |row| row.get::<_, Option<i64>>(0))? {
        if !u32::try_from(key).is_ok_and(|key| vault.has_key(key)) {
            return Err(StoreError::KeyIdMissing(u32::try_from(key).unwrap_or_default()).into());
        }
        last = key;
    }
    Ok(())
}

/// A hash that only the right keys give.
pub(super) fn proof_of(vault: &Vault) -> [u8; 32] {
    vault.keyed_hash("vault check", &[])
}

pub(super) fn compare_proof(connection: &Connection, proof: &[u8; 32]) -> Result<(), Fault> {
    let kept: Option<Vec<u8>> =
        connection.query_row("SELECT value FROM meta WHERE name = 'vault_check'", [], |row| row.get(0)).optional()?;
    if kept.as_deref() == Some(proof) { Ok(()) } else { Err(StoreError::KeyMissing.into()) }
}

/// Opens the database to be read only. Nothing is made, brought up to date or locked. That some key is missing is no
/// fault here: what it sealed is told of row by row.
pub(super) fn open_archive(folder: &Path, vault: &Vault) -> Result<Connection, Fault> {
    let file = folder.join(DATABASE_FILE);
    if !file.is_file() {
        return Err(StoreError::Failed("nothing is stored there yet".to_owned()).into());
    }
    let connection = schema::open_archive(&file)?;
    if schema::is_outdated(&connection)? {
        return Err(StoreError::Failed("it was written by an older version; start the gateway once".to_owned()).into());
    }
    compare_proof(&connection, &proof_of(vault))?;
    Ok(connection)
}
