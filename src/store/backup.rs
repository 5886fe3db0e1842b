//! Backup and restore: copies of every database of the data folder, with a manifest that proves them whole.
//!
//! A backup is a folder. It is written under a name that says that it is not done, verified, and only then given its own
//! name; so whatever has that name is whole. The storage keys are not in it unless somebody says so: a copy of the data that
//! brings its own keys protects nobody.

mod manifest;
mod restore;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

pub use self::manifest::{FileEntry, MANIFEST_FILE, Manifest, verify};
pub use self::restore::{Restored, UNFINISHED_FILE, restore};

use super::sqlite::copying;
use super::{DATABASE_FILE, KEY_FILE, StoreError, folder, vault};
use crate::system::System;

/// What a backup takes beside the databases, and where it goes.
#[derive(Clone, Debug)]
pub struct Wish<'a> {
    /// The data folder.
    pub data_folder: &'a Path,
    /// The file of the storage keys, whose ids the manifest names.
    pub key_file: &'a Path,
    /// Whether the keys go into the backup.
    pub with_keys: bool,
    /// The configuration file, which holds no secret.
    pub configuration: Option<&'a Path>,
    /// The folder in which the backup's own folder is made.
    pub to: &'a Path,
    /// What its name begins with; the time follows.
    pub name: &'a str,
}

/// Why a backup or a restore was not done. The texts name files and nothing of their content.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file or folder.
    #[error("{}: {error}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        error: io::Error,
    },
    /// A database.
    #[error("{}: {error}", path.display())]
    Store {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        error: StoreError,
    },
    /// Nothing is there to be kept.
    #[error("{}: there is no database in it", .0.display())]
    Nothing(PathBuf),
    /// Too little room.
    #[error("{}: {needed} bytes are needed and {free} are free", path.display())]
    NoRoom {
        /// Where.
        path: PathBuf,
        /// Bytes needed.
        needed: u64,
        /// Bytes free.
        free: u64,
    },
    /// There is no manifest, or it is not one of ours.
    #[error("{}: this is no finished backup", .0.display())]
    NotABackup(PathBuf),
    /// A file is not as the manifest says.
    #[error("{}: damaged: {why}", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// In what.
        why: &'static str,
    },
    /// It was made by a newer program.
    #[error("{}: made by a newer version of the program ({version})", path.display())]
    TooNew {
        /// Which.
        path: PathBuf,
        /// By which.
        version: String,
    },
    /// A gateway runs on the data folder.
    #[error("{}: a gateway is running on this data folder; stop it first", .0.display())]
    InUse(PathBuf),
    /// The data folder holds something.
    #[error("{}: there are databases already; with --replace they are put aside", .0.display())]
    NotEmpty(PathBuf),
    /// The storage keys are nowhere.
    #[error("{}: the storage keys are missing; put the file there first", .0.display())]
    KeysMissing(PathBuf),
}

/// A backup that was made.
#[derive(Clone, Debug)]
pub struct Made {
    /// Its folder.
    pub folder: PathBuf,
    /// What it holds.
    pub manifest: Manifest,
}

/// Room to be left on a disk beside what is copied to it: logs and manifests, with plenty to spare.
const ROOM_BESIDE: u64 = 64 << 20;

/// The configuration's name in a backup.
const CONFIGURATION_FILE: &str = "configuration.toml";

/// Makes a backup, also beside a running gateway. Blocks; what was begun is removed if it cannot be finished.
pub fn back_up(wish: &Wish<'_>, system: &System) -> Result<Made, BackupError> {
    let databases = databases(wish.data_folder)?;
    if databases.is_empty() {
        return Err(BackupError::Nothing(wish.data_folder.to_owned()));
    }
    folder::create(wish.to).map_err(at(wish.to))?;
    need_room(wish.to, size_of_all(&databases, wish.data_folder))?;
    let made_at = system.now();
    let name = format!("{}-{}", wish.name, stamp(made_at));
    let (partial, whole) = (wish.to.join(format!("{name}.partial")), wish.to.join(&name));
    if whole.exists() {
        return Err(BackupError::Io { path: whole, error: io::ErrorKind::AlreadyExists.into() });
    }
    folder::create(&partial).map_err(at(&partial))?;
    let done = fill(wish, &databases, &partial, made_at).and_then(|manifest| {
        verify(&partial)?;
        folder::sync(&partial).map_err(at(&partial))?;
        fs::rename(&partial, &whole).map_err(at(&whole))?;
        folder::sync(wish.to).map_err(at(wish.to))?;
        Ok(Made { folder: whole.clone(), manifest })
    });
    if done.is_err() {
        // What is left is named as not done; that it could not be removed changes nothing.
        drop(fs::remove_dir_all(&partial));
    }
    done
}

/// Makes the backup that comes before a change of the schema, inside the data folder.
pub(super) fn before_migration(data_folder: &Path, to: i64, system: &System) -> Result<PathBuf, StoreError> {
    let wish = Wish {
        data_folder,
        key_file: Path::new(""),
        with_keys: false,
        configuration: None,
        to: &data_folder.join("backups"),
        name: &format!("before-schema-{to}"),
    };
    match back_up(&wish, system) {
        Ok(made) => Ok(made.folder),
        Err(BackupError::NoRoom { needed, free, .. }) => Err(StoreError::NoRoomForBackup { needed, free }),
        Err(error) => Err(StoreError::Failed(format!("the backup before the schema is changed: {error}"))),
    }
}

fn fill(wish: &Wish<'_>, databases: &[PathBuf], to: &Path, made_at: Timestamp) -> Result<Manifest, BackupError> {
    let mut files = Vec::new();
    let (mut storage_keys, mut names_all_keys) = (Vec::new(), false);
    for from in databases {
        let name = file_name(from);
        let copy = to.join(&name);
        let of_store = |error| BackupError::Store { path: from.clone(), error };
        copying::copy(from, &copy).map_err(of_store)?;
        let schema = copying::version(&copy).map_err(of_store)?;
        if name == DATABASE_FILE {
            (storage_keys, names_all_keys) = copying::keys_of(&copy).map_err(of_store)?;
        }
        files.push(FileEntry::of(&copy, Some(schema))?);
    }
    // Of a database that does not name them all, rows beside the bodies may need any key there is. One that does needs no
    // more than it names: a key that was retired since must not be asked for.
    if !names_all_keys && wish.key_file.is_file() {
        let of_store = |error| BackupError::Store { path: wish.key_file.to_owned(), error };
        storage_keys.extend(vault::key_ids(wish.key_file).map_err(of_store)?);
        storage_keys.sort_unstable();
        storage_keys.dedup();
    }
    let keys = wish.with_keys.then_some((wish.key_file, KEY_FILE));
    let configuration = wish.configuration.map(|path| (path, CONFIGURATION_FILE));
    for (from, name) in keys.into_iter().chain(configuration) {
        let copy = to.join(name);
        copy_file(from, &copy)?;
        files.push(FileEntry::of(&copy, None)?);
    }
    let manifest = Manifest::new(made_at, wish.with_keys, storage_keys, files);
    manifest.write(to)?;
    Ok(manifest)
}

/// Every database of a folder, the gateway's own first: what others tell of it, such as an audit log, is copied after it, and so
/// holds all that it holds and perhaps more.
fn databases(folder: &Path) -> Result<Vec<PathBuf>, BackupError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(at(folder))? {
        let path = entry.map_err(at(folder))?.path();
        if path.is_file() && path.extension().is_some_and(|extension| extension == "db") {
            found.push(path);
        }
    }
    found.sort_by_key(|path| (file_name(path) != DATABASE_FILE, path.clone()));
    Ok(found)
}

/// Bytes of the databases with their logs.
fn size_of_all(databases: &[PathBuf], folder: &Path) -> u64 {
    let size = |path: PathBuf| path.metadata().map_or(0, |file| file.len());
    databases.iter().map(|path| size(path.clone()) + size(folder.join(format!("{}-wal", file_name(path))))).sum()
}

fn need_room(path: &Path, bytes: u64) -> Result<(), BackupError> {
    let needed = bytes.saturating_add(ROOM_BESIDE);
    let free = fs4::available_space(path).map_err(at(path))?;
    if free >= needed { Ok(()) } else { Err(BackupError::NoRoom { path: path.to_owned(), needed, free }) }
}

/// Copies a small file, for the owner only, and syncs it.
fn copy_file(from: &Path, to: &Path) -> Result<(), BackupError> {
    let mut source = File::open(from).map_err(at(from))?;
    let mut copy = folder::open_private(to).map_err(at(to))?;
    io::copy(&mut source, &mut copy).and_then(|_| copy.sync_all()).map_err(at(to))
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// A time as names of folders have it, in UTC so that they sort.
fn stamp(instant: Timestamp) -> String {
    instant.strftime("%Y%m%dT%H%M%S%3fZ").to_string()
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> BackupError + use<> {
    let path = path.to_owned();
    move |error| BackupError::Io { path, error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_that_has_no_room_is_not_begun() {
        let folder = tempfile::tempdir().unwrap();
        need_room(folder.path(), 0).unwrap();
        let refused = need_room(folder.path(), u64::MAX / 2);
        assert!(matches!(refused, Err(BackupError::NoRoom { needed, free, .. }) if needed > free));
    }
}
