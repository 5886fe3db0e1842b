//! What a backup says of itself, and the proof of it.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::{KEY_FILE, folder};
use super::{BackupError, CONFIGURATION_FILE, at, copying, file_name};

/// The manifest's name in a backup.
pub const MANIFEST_FILE: &str = "manifest.json";

/// The form of manifest written here.
const FORMAT: u32 = 1;

/// A manifest lists a handful of files; more bytes or files than this is not one.
const MANIFEST_BYTES_MAX: u64 = 1 << 20;
const FILES_MAX: usize = 64;

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// The form of this manifest.
    pub format: u32,
    /// When the first database was copied.
    pub made_at: Timestamp,
    /// The version of the program that made it.
    pub program: String,
    /// The ids of the storage keys without which it cannot be read.
    pub storage_keys: Vec<u32>,
    /// Whether it holds those keys.
    pub with_keys: bool,
    /// Its files.
    pub files: Vec<FileEntry>,
}

/// One file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileEntry {
    /// Its name.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
    /// Of a database: its schema's version.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub schema: Option<i64>,
}

impl Manifest {
    pub(super) fn new(made_at: Timestamp, with_keys: bool, storage_keys: Vec<u32>, files: Vec<FileEntry>) -> Self {
        let program = env!("CARGO_PKG_VERSION").to_owned();
        Self { format: FORMAT, made_at, program, storage_keys, with_keys, files }
    }

    pub(super) fn write(&self, to: &Path) -> Result<(), BackupError> {
        let path = to.join(MANIFEST_FILE);
        let text = serde_json::to_vec_pretty(self).map_err(|error| at(&path)(error.into()))?;
        let mut file = folder::open_private(&path).map_err(at(&path))?;
        file.write_all(&text).and_then(|()| file.sync_all()).map_err(at(&path))
    }

    fn read(backup: &Path) -> Result<Self, BackupError> {
        let not_one = || BackupError::NotABackup(backup.to_owned());
        let file = File::open(backup.join(MANIFEST_FILE)).map_err(|_| not_one())?;
        let mut text = Vec::new();
        file.take(MANIFEST_BYTES_MAX).read_to_end(&mut text).map_err(at(backup))?;
        let manifest: Self = serde_json::from_slice(&text).map_err(|_| not_one())?;
        if manifest.format > FORMAT {
            return Err(BackupError::TooNew { path: backup.to_owned(), version: manifest.program });
        }
        if manifest.files.len() > FILES_MAX || !manifest.files.iter().all(FileEntry::is_plain) {
            return Err(not_one());
        }
        Ok(manifest)
    }
}

impl FileEntry {
    pub(super) fn of(path: &Path, schema: Option<i64>) -> Result<Self, BackupError> {
        let (bytes, sha256) = sha256_of(path)?;
        Ok(Self { name: file_name(path), bytes, sha256, schema })
    }

    /// Whether the name is one that a backup gives: a manifest must not lead out of its folder.
    fn is_plain(&self) -> bool {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let is_known = self.is_database() || [KEY_FILE, CONFIGURATION_FILE].contains(&self.name.as_str());
        is_known && !self.name.starts_with('.') && self.name.chars().all(plain)
    }

    /// Whether it is a database.
    pub fn is_database(&self) -> bool {
        Path::new(&self.name).extension().is_some_and(|extension| extension == "db")
    }
}

/// Reads every byte of a backup and compares it with its manifest; the first file that is not right is named.
pub fn verify(backup: &Path) -> Result<Manifest, BackupError> {
    let manifest = Manifest::read(backup)?;
    for entry in &manifest.files {
        let path = backup.join(&entry.name);
        let damaged = |why| BackupError::Damaged { path: path.clone(), why };
        if !path.is_file() {
            return Err(damaged("it is missing"));
        }
        let (bytes, sha256) = sha256_of(&path)?;
        if bytes != entry.bytes {
            return Err(damaged("it has another size"));
        }
        if sha256 != entry.sha256 {
            return Err(damaged("its content was changed"));
        }
        if entry.is_database() {
            let version = copying::check(&path).map_err(|_| damaged("the database is not sound"))?;
            if Some(version) != entry.schema {
                return Err(damaged("its schema is another"));
            }
            if file_name(&path) == super::DATABASE_FILE && !copying::is_known(version) {
                return Err(BackupError::TooNew { path, version: manifest.program.clone() });
            }
        }
    }
    Ok(manifest)
}

/// Size and SHA-256 of a file.
pub(super) fn sha256_of(path: &Path) -> Result<(u64, String), BackupError> {
    let mut file = File::open(path).map_err(at(path))?;
    let mut context = digest::Context::new(&digest::SHA256);
    let mut buffer = vec![0; 1 << 20];
    let mut bytes = 0;
    loop {
        let read = file.read(&mut buffer).map_err(at(path))?;
        let Some(some) = buffer.get(..read).filter(|some| !some.is_empty()) else { break };
        context.update(some);
        bytes += some.len() as u64;
    }
    let hash = context.finish();
    Ok((bytes, hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()))
}

/// A path inside a backup.
pub(super) fn within(backup: &Path, entry: &FileEntry) -> PathBuf {
    backup.join(&entry.name)
}
