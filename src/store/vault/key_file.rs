//! The file of master keys: a line a key, `id base64`, the oldest first. It opens every body ever stored, so it is kept
//! by the owner alone and backed up apart from the data.

use std::fs;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::super::{DATABASE_FILE, StoreError, folder};
use crate::system::System;

/// One master key, wiped when dropped.
pub(super) struct MasterKey {
    pub(super) id: u32,
    pub(super) bytes: Zeroizing<[u8; 32]>,
}

const HEAD: &str = "# Keys of the stored documents. Whoever has them can read every document; without them nobody can.\n\
                    # Keep a copy, apart from the data. A line a key: number, then 32 bytes in base64; the last one seals.\n";

/// Key files are small; more than this is not one.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// Reads the keys, or makes the first one where nothing is stored yet.
pub(super) fn read_or_make(file: &Path, data_folder: &Path, system: &System) -> Result<Vec<MasterKey>, StoreError> {
    let failed = |error: io::Error| StoreError::Failed(format!("the key file {}: {error}", file.display()));
    if !file.exists() {
        if data_folder.join(DATABASE_FILE).exists() {
            return Err(StoreError::KeyMissing);
        }
        make(file, system).map_err(failed)?;
    }
    read(file)
}

/// Reads the keys of a file that is there.
pub(super) fn read(file: &Path) -> Result<Vec<MasterKey>, StoreError> {
    let failed = |error: io::Error| StoreError::Failed(format!("the key file {}: {error}", file.display()));
    let mut text = Zeroizing::new(String::new());
    fs::File::open(file).map_err(failed)?.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(failed)?;
    parse(&text)
        .ok_or_else(|| StoreError::Failed(format!("the key file {} is not as the gateway writes it", file.display())))
}

/// Writes a first key aside, syncs it, and renames it into place. The lock lets two processes start at once: the second
/// finds the first one's file.
fn make(file: &Path, system: &System) -> io::Result<()> {
    let folder_of_file = folder::parent(file);
    folder::create(folder_of_file)?;
    let aside = file.with_extension("new");
    let mut new = folder::open_private(&aside)?;
    new.lock()?;
    if file.exists() {
        // The other process was first. What was opened here may be its renamed file, so nothing may be written; if it is
        // a file of our own, it is empty and goes.
        return match fs::remove_file(&aside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
    }
    let key = Zeroizing::new(system.random::<32>());
    let line = Zeroizing::new(format!("{HEAD}1 {}\n", Zeroizing::new(STANDARD.encode(key.as_slice())).as_str()));
    new.set_len(0)?;
    new.seek(SeekFrom::Start(0))?;
    new.write_all(line.as_bytes())?;
    new.sync_all()?;
    fs::rename(&aside, file)?;
    folder::sync(folder_of_file)
}

/// `None` if any line is not a key, an id comes twice, or there is no key.
fn parse(text: &str) -> Option<Vec<MasterKey>> {
    let mut keys: Vec<MasterKey> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (id, encoded) = line.split_once(' ')?;
        let id = id.parse().ok()?;
        let decoded = Zeroizing::new(STANDARD.decode(encoded.trim()).ok()?);
        let bytes = Zeroizing::new(<[u8; 32]>::try_from(decoded.as_slice()).ok()?);
        if keys.iter().any(|key| key.id == id) {
            return None;
        }
        keys.push(MasterKey { id, bytes });
    }
    if keys.is_empty() { None } else { Some(keys) }
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
        assert_eq!(first[0].bytes, second[0].bytes);
        assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1, "nothing is left aside");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
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
        for text in ["", "# only words\n", "1\n", "x AAAA\n", "1 AAAA\n", &format!("1 {key}\n1 {key}\n")] {
            assert!(parse(text).is_none(), "{text}");
        }
        assert_eq!(parse(&format!("1 {key}\n\n2 {key}\n")).unwrap().len(), 2);
    }
}
