//! Putting a backup in the place of a data folder's databases.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::super::sqlite::try_lock;
use super::super::{DATABASE_FILE, KEY_FILE, StoreError, Vault, folder};
use super::manifest::{sha256_of, within};
use super::{BackupError, Manifest, at, copy_file, copying, file_name, need_room, stamp, verify};
use crate::system::System;

/// Stands in the data folder while old and new change places; no gateway starts meanwhile.
pub const UNFINISHED_FILE: &str = "restore.unfinished";

/// What a restore did.
#[derive(Clone, Debug)]
pub struct Restored {
    /// When the backup was made.
    pub made_at: Timestamp,
    /// The databases that are in place now.
    pub files: Vec<String>,
    /// Where those went that were there before.
    pub put_aside: Option<PathBuf>,
    /// Whether the storage keys came from the backup.
    pub with_keys: bool,
}

/// Restores `backup` into `data_folder`. The backup is verified before anything is touched, and copied before anything is
/// moved; databases that are there are put aside (with `replace`), never removed.
pub fn restore(
    backup: &Path,
    data_folder: &Path,
    key_file: &Path,
    replace: bool,
    system: &System,
) -> Result<Restored, BackupError> {
    let manifest = verify(backup)?;
    folder::create(data_folder).map_err(at(data_folder))?;
    let lock = try_lock(data_folder).map_err(at(data_folder))?;
    let _lock = lock.ok_or_else(|| BackupError::InUse(data_folder.to_owned()))?;
    let unfinished = data_folder.join(UNFINISHED_FILE);
    let present = present(data_folder)?;
    if !present.is_empty() && !replace && !unfinished.exists() {
        return Err(BackupError::NotEmpty(data_folder.to_owned()));
    }
    need_room(data_folder, manifest.files.iter().map(|file| file.bytes).sum())?;

    let now = system.now();
    let staged = data_folder.join(format!("restoring-{}", stamp(now)));
    folder::create(&staged).map_err(at(&staged))?;
    let placed = stage(backup, &manifest, &staged, now)
        .and_then(|()| bring_keys(backup, &manifest, &staged, key_file, data_folder, system))
        .and_then(|with_keys| {
            let put_aside = change_places(data_folder, &staged, &present, &unfinished, now)?;
            Ok((with_keys, put_aside))
        });
    if placed.is_err() && !unfinished.exists() {
        // Nothing was moved yet. What cannot be removed is named as what it is.
        drop(fs::remove_dir_all(&staged));
    }
    let (with_keys, put_aside) = placed?;
    let files = manifest.files.iter().filter(|file| file.is_database()).map(|file| file.name.clone()).collect();
    Ok(Restored { made_at: manifest.made_at, files, put_aside, with_keys })
}

/// Copies the databases aside, compares what arrived, and marks the gateway's own.
fn stage(backup: &Path, manifest: &Manifest, staged: &Path, now: Timestamp) -> Result<(), BackupError> {
    for entry in manifest.files.iter().filter(|entry| entry.is_database()) {
        let copy = staged.join(&entry.name);
        copy_file(&within(backup, entry), &copy)?;
        if sha256_of(&copy)?.1 != entry.sha256 {
            return Err(BackupError::Damaged { path: copy, why: "the copy is not what was copied" });
        }
        if entry.name == DATABASE_FILE {
            let of_store = |error| BackupError::Store { path: copy.clone(), error };
            copying::mark_restored(&copy, manifest.made_at, now).map_err(of_store)?;
        }
    }
    folder::sync(staged).map_err(at(staged))
}

/// Sees to it that the storage keys are there and are the right ones; returns whether they came from the backup.
fn bring_keys(
    backup: &Path,
    manifest: &Manifest,
    staged: &Path,
    key_file: &Path,
    data_folder: &Path,
    system: &System,
) -> Result<bool, BackupError> {
    let copied = backup.join(KEY_FILE);
    let from_backup = !key_file.exists() && manifest.with_keys && copied.is_file();
    let proven = if from_backup { &copied } else { key_file };
    if !proven.exists() {
        return Err(BackupError::KeysMissing(key_file.to_owned()));
    }
    let of_store = |error| BackupError::Store { path: proven.to_owned(), error };
    let vault = Vault::open(proven, data_folder, system).map_err(of_store)?;
    // A file whose keys lack one that is needed is as wrong as another file.
    let database = staged.join(DATABASE_FILE);
    let (named, are_all) = copying::keys_of(&database).map_err(of_store)?;
    let needed = if are_all { &named } else { &manifest.storage_keys };
    if !needed.iter().all(|id| vault.has_key(*id)) {
        return Err(of_store(StoreError::KeyMissing));
    }
    copying::prove(&database, &vault).map_err(of_store)?;
    if from_backup {
        let parent = folder::parent(key_file);
        folder::create(parent).map_err(at(parent))?;
        copy_file(&copied, key_file)?;
        folder::sync(parent).map_err(at(parent))?;
    }
    Ok(from_backup)
}

/// Moves the old aside and the new in its place. Between the first and the last step a file says that this is not done.
fn change_places(
    data_folder: &Path,
    staged: &Path,
    present: &[PathBuf],
    unfinished: &Path,
    now: Timestamp,
) -> Result<Option<PathBuf>, BackupError> {
    let mark = folder::open_private(unfinished).map_err(at(unfinished))?;
    mark.sync_all().map_err(at(unfinished))?;
    folder::sync(data_folder).map_err(at(data_folder))?;
    let aside = data_folder.join(format!("replaced-{}", stamp(now)));
    if !present.is_empty() {
        folder::create(&aside).map_err(at(&aside))?;
        for path in present {
            fs::rename(path, aside.join(file_name(path))).map_err(at(path))?;
        }
        folder::sync(&aside).map_err(at(&aside))?;
    }
    for entry in fs::read_dir(staged).map_err(at(staged))? {
        let path = entry.map_err(at(staged))?.path();
        fs::rename(&path, data_folder.join(file_name(&path))).map_err(at(&path))?;
    }
    folder::sync(data_folder).map_err(at(data_folder))?;
    drop(mark);
    fs::remove_dir(staged).map_err(at(staged))?;
    fs::remove_file(unfinished).map_err(at(unfinished))?;
    folder::sync(data_folder).map_err(at(data_folder))?;
    Ok((!present.is_empty()).then_some(aside))
}

/// The databases of a data folder, with their logs.
fn present(data_folder: &Path) -> Result<Vec<PathBuf>, BackupError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(data_folder).map_err(at(data_folder))? {
        let path = entry.map_err(at(data_folder))?.path();
        let name = file_name(&path);
        if path.is_file() && [".db", ".db-wal", ".db-shm"].iter().any(|ending| name.ends_with(ending)) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
