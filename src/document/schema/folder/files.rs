//! The files of a folder, as text, within bounds.

use std::io::Read;
use std::path::Path;

use super::Faults;
use crate::domain::Bilingual;

/// Bytes of one file. A national list of diagnoses or drugs has some ten thousand rows and a few MiB.
const FILE_BYTES_MAX: u64 = 8 << 20;
/// Bytes in all: they stay in memory.
const BYTES_MAX: u64 = 64 << 20;
/// Files in all; the whole tree of the project has some 150.
const FILES_MAX: usize = 2_000;
/// Folders within the folder: kind and version.
const DEPTH_MAX: usize = 2;

struct Reading<'f> {
    files: Vec<(String, String)>,
    bytes: u64,
    entries: usize,
    faults: &'f mut Faults,
}

/// Path (with `/`) and text of every file, by path. Names that begin with a dot belong to editors and version control.
pub(super) fn read(folder: &Path, faults: &mut Faults) -> Vec<(String, String)> {
    let mut reading = Reading { files: Vec::new(), bytes: 0, entries: 0, faults };
    reading.folder(folder, "", 0);
    let mut files = reading.files;
    files.sort_unstable();
    files
}

// === impl Reading ===

impl Reading<'_> {
    fn folder(&mut self, path: &Path, shown: &str, depth: usize) {
        let entries = match std::fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) => return self.unreadable(shown, &error),
        };
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => return self.unreadable(shown, &error),
            };
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with('.') {
                continue;
            }
            self.entries += 1;
            if self.entries > FILES_MAX {
                return self.too_much(shown);
            }
            let shown = if shown.is_empty() { name.into_owned() } else { format!("{shown}/{name}") };
            // What a link leads to counts.
            match std::fs::metadata(entry.path()) {
                Ok(metadata) if metadata.is_dir() && depth < DEPTH_MAX => self.folder(&entry.path(), &shown, depth + 1),
                Ok(metadata) if metadata.is_file() => self.file(&entry.path(), shown),
                Ok(_) => self.faults.misplaced(&shown),
                Err(error) => self.unreadable(&shown, &error),
            }
        }
    }

    fn file(&mut self, path: &Path, shown: String) {
        let mut bytes = Vec::new();
        let read = std::fs::File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes));
        if let Err(error) = read {
            return self.unreadable(&shown, &error);
        }
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        if bytes.len() as u64 > FILE_BYTES_MAX || self.bytes > BYTES_MAX {
            return self.too_much(&shown);
        }
        match String::from_utf8(bytes) {
            Ok(text) => self.files.push((shown, text)),
            Err(_) => self.faults.push(
                &shown,
                Bilingual::fixed("tệp không phải UTF-8", "the file is not UTF-8"),
                Bilingual::fixed("Lưu lại dưới dạng UTF-8.", "Save it as UTF-8."),
            ),
        }
    }

    fn unreadable(&mut self, shown: &str, error: &std::io::Error) {
        let kind = error.kind();
        self.faults.push(
            shown,
            Bilingual::composed(format!("không đọc được: {kind}"), format!("it cannot be read: {kind}")),
            Bilingual::fixed("Kiểm tra đường dẫn và quyền đọc.", "Check the path and the right to read it."),
        );
    }

    fn too_much(&mut self, shown: &str) {
        let (file, all) = (FILE_BYTES_MAX >> 20, BYTES_MAX >> 20);
        self.faults.push(
            shown,
            Bilingual::composed(
                format!("quá nhiều: tối đa {FILES_MAX} tệp, {file} MiB một tệp, {all} MiB tất cả"),
                format!("too much: at most {FILES_MAX} files, {file} MiB a file, {all} MiB in all"),
            ),
            Bilingual::fixed("Bỏ những gì không phải lược đồ hoặc danh mục.", "Remove what is no schema and no list."),
        );
    }
}
