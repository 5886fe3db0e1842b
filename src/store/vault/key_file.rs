//! The file of keys: `hashing BASE64`, then a line a key, `ID BASE64`, the oldest first. It opens every body ever stored, so
//! it is kept by the owner alone and backed up apart from the data.
//!
//! The first form of the file had no `hashing` line: keyed hashes used a secret drawn from the first key, which therefore
//! could never go. It is still read; whatever writes the file writes the second form.
//!
//! A file is never changed in place: it is written aside, synced, and renamed.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::super::{DATABASE_FILE, StoreError, folder};
use super::key_set::hashing_secret;
use crate::system::System;

/// Bytes of a key, wiped when dropped.
pub(super) type Secret = Zeroizing<[u8; 32]>;

/// One key that rows are sealed with.
#[derive(Clone)]
pub(super) struct MasterKey {
    pub(super) id: u32,
    pub(super) bytes: Secret,
}

/// What a key file holds: at least one key, numbers ascending.
#[derive(Clone)]
pub(super) struct KeyFile {
    pub(super) hashing: Option<Secret>,
    pub(super) keys: Vec<MasterKey>,
}

/// Who may read a key file besides its owner.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Readers {
    /// Nobody.
    Owner,
    /// The group bits may be set: systemd lets the service in by an access list, and the group bits then show its mask.
    OwnerOrList,
}

const HEAD: &str = "# Keys of the stored documents. Whoever has them can read every document; without them nobody can.\n\
                    # Keep a copy, apart from the data. A line a key: number, then 32 bytes in base64; the last one seals.\n\
                    # \"hashing\" finds persons again: it stays the same for ever.\n";

const HASHING: &str = "hashing";

/// Key files are small; more than this is not one.
const FILE_BYTES_MAX: u64 = 64 << 10;

// === impl KeyFile ===

impl KeyFile {
    /// The first key of a new data folder.
    fn new(system: &System) -> Self {
        let random = || Zeroizing::new(system.random::<32>());
        Self { hashing: Some(random()), keys: vec![MasterKey { id: 1, bytes: random() }] }
    }

    /// Adds a key that is newer than all, with a number above `above`.
    pub(super) fn add(&mut self, above: u32, system: &System) -> Result<u32, StoreError> {
        let last = self.keys.last().map_or(0, |key| key.id).max(above);
        let id = last.checked_add(1).ok_or(StoreError::KeyWrong(last))?;
        self.hashing = Some(hashing_secret(self)?);
        self.keys.push(MasterKey { id, bytes: Zeroizing::new(system.random::<32>()) });
        Ok(id)
    }

    /// Leaves the newest key and those that `is_needed`; gives the numbers of those that are gone.
    pub(super) fn keep(&mut self, is_needed: impl Fn(u32) -> bool) -> Result<Vec<u32>, StoreError> {
        // First: the secret may have to be drawn from a key that goes.
        self.hashing = Some(hashing_secret(self)?);
        let newest = self.keys.last().map_or(0, |key| key.id);
        let (kept, gone) =
            std::mem::take(&mut self.keys).into_iter().partition(|key| key.id == newest || is_needed(key.id));
        self.keys = kept;
        let gone: Vec<MasterKey> = gone;
        Ok(gone.iter().map(|key| key.id).collect())
    }

    fn text(&self) -> Zeroizing<String> {
        // Long enough from the start: growing would leave copies of keys behind in memory.
        let mut text = Zeroizing::new(String::with_capacity(HEAD.len() + 64 * (self.keys.len() + 1)));
        text.push_str(HEAD);
        let mut line = |name: &str, secret: &Secret| {
            let encoded = Zeroizing::new(STANDARD.encode(secret.as_slice()));
            for piece in [name, " ", encoded.as_str(), "\n"] {
                text.push_str(piece);
            }
        };
        if let Some(hashing) = &self.hashing {
            line(HASHING, hashing);
        }
        for key in &self.keys {
            line(&key.id.to_string(), &key.bytes);
        }
        text
    }
}

/// Reads the keys, or makes the first one where nothing is stored yet.
pub(super) fn read_or_make(file: &Path, data_folder: &Path, system: &System) -> Result<KeyFile, StoreError> {
    if !file.exists() {
        if data_folder.join(DATABASE_FILE).exists() {
            return Err(StoreError::KeyMissing);
        }
        make(file, system).map_err(|error| failed(file, &error))?;
    }
    read(file, Readers::Owner)
}

/// Reads the keys. A file that others may read, or that is not whole, is refused.
pub(super) fn read(file: &Path, readers: Readers) -> Result<KeyFile, StoreError> {
    let opened = File::open(file).map_err(|error| failed(file, &error))?;
    refuse_readable_by_others(file, &opened, readers)?;
    let mut text = Zeroizing::new(String::with_capacity(4 << 10));
    opened.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(|error| failed(file, &error))?;
    parse(&text).ok_or_else(|| {
        let text =
            format!("{} is not whole, or not as the gateway writes it; restore it from its copy", file.display());
        StoreError::Keys(text)
    })
}

/// Puts `keys` in the place of `file`, with its owner and rights. When this returns they are on the disk; whenever it is
/// cut short, the old file or the new one is there, whole.
pub(super) fn replace(file: &Path, keys: &KeyFile) -> Result<(), StoreError> {
    let aside = file.with_extension("new");
    let written = (|| {
        // What a killed writer left may have other rights.
        match fs::remove_file(&aside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let new = create_private(&aside)?;
        keep_owner(file, &new)?;
        write_whole(&new, keys)?;
        fs::rename(&aside, file)?;
        folder::sync(folder::parent(file))
    })();
    written.map_err(|error| {
        // What was begun holds keys. If it cannot be removed either, the next writing takes its place.
        fs::remove_file(&aside).unwrap_or_default();
        failed(file, &error)
    })
}

/// Writes `keys` into a file that must not be there yet.
pub(super) fn write_new(file: &Path, keys: &KeyFile) -> Result<(), StoreError> {
    let written = create_private(file).and_then(|new| write_whole(&new, keys));
    written.and_then(|()| folder::sync(folder::parent(file))).map_err(|error| failed(file, &error))
}

/// Writes a first key aside, syncs it, and renames it into place. The lock lets two processes start at once: the second
/// finds the first one's file.
fn make(file: &Path, system: &System) -> io::Result<()> {
    let folder_of_file = folder::parent(file);
    folder::create(folder_of_file)?;
    let aside = file.with_extension("new");
    let new = folder::open_private(&aside)?;
    new.lock()?;
    if file.exists() {
        // The other process was first. What was opened here may be its renamed file, so nothing may be written; if it is
        // a file of our own, it is empty and goes.
        return match fs::remove_file(&aside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
    }
    write_whole(&new, &KeyFile::new(system))?;
    fs::rename(&aside, file)?;
    folder::sync(folder_of_file)
}

fn create_private(file: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)
}

fn write_whole(mut file: &File, keys: &KeyFile) -> io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(keys.text().as_bytes())?;
    file.sync_all()
}

/// `None` if any line is not a key, numbers do not ascend, the hashing secret comes twice, or there is no key. The last line
/// must have its end: otherwise it may have been cut.
fn parse(text: &str) -> Option<KeyFile> {
    let mut file = KeyFile { hashing: None, keys: Vec::new() };
    if !text.ends_with('\n') {
        return None;
    }
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (name, encoded) = line.split_once(' ')?;
        let decoded = Zeroizing::new(STANDARD.decode(encoded.trim()).ok()?);
        let bytes = Zeroizing::new(<[u8; 32]>::try_from(decoded.as_slice()).ok()?);
        if name == HASHING {
            if file.hashing.replace(bytes).is_some() {
                return None;
            }
            continue;
        }
        let id = name.parse().ok()?;
        if file.keys.last().is_some_and(|last| last.id >= id) {
            return None;
        }
        file.keys.push(MasterKey { id, bytes });
    }
    if file.keys.is_empty() { None } else { Some(file) }
}

#[cfg(unix)]
fn refuse_readable_by_others(path: &Path, file: &File, readers: Readers) -> Result<(), StoreError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = file.metadata().map_err(|error| failed(path, &error))?.permissions().mode();
    let others = match readers {
        Readers::Owner => 0o077,
        Readers::OwnerOrList => 0o007,
    };
    if mode & others == 0 {
        return Ok(());
    }
    let (path, mode) = (path.display(), mode & 0o777);
    Err(StoreError::Keys(format!(
        "other accounts of this machine may use {path} (mode {mode:03o}); run: chmod 600 {path}"
    )))
}

#[cfg(not(unix))]
fn refuse_readable_by_others(_: &Path, _: &File, _: Readers) -> Result<(), StoreError> {
    // Access lists of Windows are the administrator's; there is no mode to look at.
    Ok(())
}

/// Gives a new file the owner of the old one: a tool that an administrator runs must not lock the service out.
#[cfg(unix)]
fn keep_owner(old: &Path, new: &File) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    let (old, own) = (fs::metadata(old)?, new.metadata()?);
    if (old.uid(), old.gid()) == (own.uid(), own.gid()) {
        Ok(())
    } else {
        fchown(new, Some(old.uid()), Some(old.gid()))
    }
}

#[cfg(not(unix))]
fn keep_owner(_: &Path, _: &File) -> io::Result<()> {
    Ok(())
}

fn failed(file: &Path, error: &io::Error) -> StoreError {
    StoreError::Keys(format!("{}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_made_once_private_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("in").join("storage.keys");
        let first = read_or_make(&file, folder.path(), &System::real()).unwrap();
        let second = read_or_make(&file, folder.path(), &System::real()).unwrap();
        assert_eq!(first.text().as_str(), second.text().as_str());
        assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1, "nothing is left aside");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = || fs::metadata(&file).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(), 0o600);
            replace(&file, &second).unwrap();
            assert_eq!(mode(), 0o600);
            for (mode, readers, is_right) in [
                (0o400, Readers::Owner, true),
                (0o640, Readers::Owner, false),
                (0o604, Readers::Owner, false),
                (0o660, Readers::Owner, false),
                (0o440, Readers::OwnerOrList, true),
                (0o444, Readers::OwnerOrList, false),
            ] {
                fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
                match read(&file, readers) {
                    Ok(_) => assert!(is_right, "{mode:o}"),
                    Err(error) => assert!(!is_right && error.to_string().contains("chmod 600"), "{mode:o}: {error}"),
                }
            }
        }
    }

    #[test]
    fn with_a_database_and_no_key_nothing_is_made() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(DATABASE_FILE), b"").unwrap();
        let file = folder.path().join("storage.keys");
        assert!(matches!(read_or_make(&file, folder.path(), &System::real()), Err(StoreError::KeyMissing)));
        assert!(!file.exists());
    }

    #[test]
    fn a_wrong_file_is_refused() {
        let key = STANDARD.encode([1; 32]);
        for text in [
            "",
            "# only words\n",
            "1\n",
            "x AAAA\n",
            "1 AAAA\n",
            &format!("1 {key}\n1 {key}\n"),
            &format!("2 {key}\n1 {key}\n"),
            &format!("hashing {key}\n"),
            &format!("hashing {key}\nhashing {key}\n1 {key}\n"),
            &format!("1 {key}"),
        ] {
            assert!(parse(text).is_none(), "{text}");
        }
        assert_eq!(parse(&format!("1 {key}\n\n2 {key}\n")).unwrap().keys.len(), 2);
    }

    #[test]
    fn however_a_file_is_cut_it_never_reads_as_whole() {
        let mut file = KeyFile::new(&System::real());
        file.add(0, &System::real()).unwrap();
        let text = file.text();
        let ids = |file: &KeyFile| file.keys.iter().map(|key| key.id).collect::<Vec<_>>();
        assert_eq!(ids(&file), [1, 2]);
        for end in 0..text.len() {
            // Cut exactly behind a key, it is a whole file of fewer keys; the database knows which keys there must be.
            if let Some(cut) = text.get(..end).and_then(parse) {
                assert_eq!(ids(&cut), [1], "cut at {end}");
                assert!(text.get(..end).unwrap().ends_with('\n'));
            }
        }
    }

    #[test]
    fn what_a_killed_writer_left_aside_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("storage.keys");
        let mut keys = read_or_make(&file, folder.path(), &System::real()).unwrap();
        fs::write(file.with_extension("new"), "half a file, and longer than a whole one ".repeat(100)).unwrap();
        assert_eq!(read(&file, Readers::Owner).unwrap().keys.len(), 1);
        keys.add(0, &System::real()).unwrap();
        replace(&file, &keys).unwrap();
        assert_eq!(read(&file, Readers::Owner).unwrap().text().as_str(), keys.text().as_str());
        assert!(!file.with_extension("new").exists());
        assert!(write_new(&file, &keys).is_err(), "what is there is never written over");
    }

    #[test]
    fn the_first_key_can_go_and_the_hashing_secret_stays() {
        let key = STANDARD.encode([1; 32]);
        let mut file = parse(&format!("1 {key}\n")).unwrap();
        let hashing = hashing_secret(&file).unwrap();
        assert_eq!(file.add(0, &System::real()).unwrap(), 2);
        assert_eq!(file.add(6, &System::real()).unwrap(), 7, "a number that was used once is not used again");
        assert_eq!(file.keep(|id| id == 2).unwrap(), [1]);
        let read = parse(&file.text()).unwrap();
        assert_eq!(read.keys.iter().map(|key| key.id).collect::<Vec<_>>(), [2, 7]);
        assert_eq!(hashing_secret(&read).unwrap(), hashing);
    }
}
