//! Which files are checked, one after the other: named ones, those of folders, standard input.

use std::io::{Error, ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::cli::connection::standard_input;

/// The largest file read: what a gateway may be set to take.
pub(super) const FILE_BYTES_MAX: usize = 256 << 20;
/// Files of one folder and below. A year of a large hospital's visits; beyond it, name the folders one by one.
const FILES_MAX: usize = 1_000_000;
/// Folders within folders, so that a link in a circle ends.
const DEPTH_MAX: usize = 32;

/// One file to be checked.
pub(super) struct Input {
    /// As findings name it.
    pub(super) name: String,
    path: Option<PathBuf>,
}

/// What could not be read.
pub(super) struct Unreadable {
    pub(super) name: String,
    pub(super) error: Error,
}

/// Everything that `paths` name, in their order; files of folders by name.
pub(super) fn inputs(paths: &[String]) -> impl Iterator<Item = Result<Input, Unreadable>> {
    paths.iter().flat_map(|path| {
        if path == "-" {
            return vec![Ok(Input { name: "<stdin>".to_owned(), path: None })];
        }
        let mut found = Vec::new();
        walk(Path::new(path), true, 0, &mut found);
        found
    })
}

// === impl Input ===

impl Input {
    /// The bytes of the file.
    pub(super) fn read(&self) -> Result<Vec<u8>, Unreadable> {
        let read = match &self.path {
            None => standard_input(FILE_BYTES_MAX),
            Some(path) => read_bounded(path),
        };
        read.map_err(|error| Unreadable { name: self.name.clone(), error })
    }
}

fn read_bounded(path: &Path) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > FILE_BYTES_MAX { Err(ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}

fn walk(path: &Path, named: bool, depth: usize, found: &mut Vec<Result<Input, Unreadable>>) {
    let name = path.display().to_string();
    let unreadable = |error| Err(Unreadable { name: name.clone(), error });
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) => return found.push(unreadable(error)),
    };
    if !metadata.is_dir() {
        // Of a folder, what looks like a document; what was named, whatever it is called.
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        if named || extension.eq_ignore_ascii_case("xml") || extension.eq_ignore_ascii_case("json") {
            found.push(Ok(Input { name, path: Some(path.to_owned()) }));
        }
        return;
    }
    if depth >= DEPTH_MAX || found.len() >= FILES_MAX {
        return found.push(unreadable(Error::new(ErrorKind::QuotaExceeded, "too many folders or files")));
    }
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) => return found.push(unreadable(error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        match entry {
            Ok(entry) => paths.push(entry.path()),
            Err(error) => found.push(unreadable(error)),
        }
    }
    paths.sort();
    for path in paths {
        walk(&path, false, depth + 1, found);
    }
}
