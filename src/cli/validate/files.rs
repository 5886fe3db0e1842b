//! Which files are checked, one after the other: named ones, those of folders, standard input.

use std::collections::HashSet;
use std::io::{Error, ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::cli::connection::standard_input;
use crate::domain::Bilingual;

/// The largest file read: what a gateway may be set to take.
pub(super) const FILE_BYTES_MAX: usize = 256 << 20;
/// Files of one folder and below. A year of a large hospital's visits; beyond it, name the folders one by one.
const FILES_MAX: usize = 1_000_000;
/// Folders within folders.
const DEPTH_MAX: usize = 32;

/// One file to be checked.
pub(super) struct Input {
    /// As findings name it.
    pub(super) name: String,
    path: Option<PathBuf>,
}

/// What could not be read, or holds nothing to be checked.
pub(super) struct Unreadable {
    pub(super) name: String,
    pub(super) why: Bilingual,
}

/// Everything that `paths` name, in their order; files of folders by name.
pub(super) fn inputs(paths: &[PathBuf]) -> impl Iterator<Item = Result<Input, Unreadable>> {
    paths.iter().flat_map(|path| {
        if path.as_os_str() == "-" {
            return vec![Ok(Input { name: "<stdin>".to_owned(), path: None })];
        }
        let mut walk = Walk { found: Vec::new(), entered: HashSet::new() };
        walk.named(path);
        walk.found
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
        read.map_err(|error| Unreadable { name: self.name.clone(), why: reason(&error) })
    }
}

fn read_bounded(path: &Path) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > FILE_BYTES_MAX { Err(ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}

/// The common reasons in both languages; the operating system's own words for the others.
fn reason(error: &Error) -> Bilingual {
    match error.kind() {
        ErrorKind::NotFound => Bilingual::fixed("không có tệp này", "there is no such file"),
        ErrorKind::PermissionDenied => Bilingual::fixed("không được phép đọc", "permission denied"),
        ErrorKind::FileTooLarge => {
            let most = FILE_BYTES_MAX >> 20;
            Bilingual::composed(format!("lớn hơn {most} MiB"), format!("larger than {most} MiB"))
        }
        _ => Bilingual::composed(error.to_string(), error.to_string()),
    }
}

/// A walk through one folder and those below.
struct Walk {
    found: Vec<Result<Input, Unreadable>>,
    /// Folders that were entered, so that links in a circle end and no file is checked twice.
    entered: HashSet<PathBuf>,
}

// === impl Walk ===

impl Walk {
    /// What was named is read whatever it is called and whatever it is: a pipe, too.
    fn named(&mut self, path: &Path) {
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => {
                self.folder(path, 0);
                if self.found.is_empty() {
                    let why =
                        ("trong thư mục không có tệp .xml hay .json nào", "the folder holds no .xml or .json file");
                    self.fault(path, Bilingual::fixed(why.0, why.1));
                }
            }
            Ok(_) => self.file(path),
            Err(error) => self.fault(path, reason(&error)),
        }
    }

    /// Of a folder, files that look like documents, and folders.
    fn within(&mut self, path: &Path, depth: usize) {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let like_a_document = extension.eq_ignore_ascii_case("xml") || extension.eq_ignore_ascii_case("json");
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => self.folder(path, depth),
            // A pipe would be waited for without end.
            Ok(metadata) if like_a_document && metadata.is_file() => self.file(path),
            Ok(_) => {}
            Err(error) if like_a_document => self.fault(path, reason(&error)),
            Err(_) => {}
        }
    }

    fn folder(&mut self, path: &Path, depth: usize) {
        if depth >= DEPTH_MAX || self.found.len() >= FILES_MAX {
            return self.fault(path, Bilingual::fixed("quá nhiều thư mục hoặc tệp", "too many folders or files"));
        }
        match path.canonicalize() {
            Err(error) => return self.fault(path, reason(&error)),
            Ok(real) => {
                if !self.entered.insert(real) {
                    return;
                }
            }
        }
        let entries = match std::fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) => return self.fault(path, reason(&error)),
        };
        let mut paths = Vec::new();
        for entry in entries {
            match entry {
                Ok(entry) => paths.push(entry.path()),
                Err(error) => self.fault(path, reason(&error)),
            }
        }
        paths.sort();
        for path in paths {
            self.within(&path, depth + 1);
        }
    }

    fn file(&mut self, path: &Path) {
        self.found.push(Ok(Input { name: path.display().to_string(), path: Some(path.to_owned()) }));
    }

    fn fault(&mut self, path: &Path, why: Bilingual) {
        self.found.push(Err(Unreadable { name: path.display().to_string(), why }));
    }
}
