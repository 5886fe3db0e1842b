//! Whole files put on disk so that a crash leaves either the old file or the new one, and a key is never readable by
//! others, not even for a moment.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// What to do when the file exists already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// Leave it and fail with [`io::ErrorKind::AlreadyExists`]: a key overwritten by mistake is lost for good.
    Keep,
    /// Put the new file in its place.
    Replace,
}

/// Writes a secret, readable by the owner alone (mode 0600).
pub fn write_private(path: &Path, text: &str, existing: Existing) -> io::Result<()> {
    write(path, text, existing, 0o600)
}

/// Writes something anyone may read, such as a certificate (mode 0644).
pub fn write_public(path: &Path, text: &str, existing: Existing) -> io::Result<()> {
    write(path, text, existing, 0o644)
}

fn write(path: &Path, text: &str, existing: Existing, mode: u32) -> io::Result<()> {
    let name = path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path names no file"))?;
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let aside = aside(folder, name);
    // A leftover of a crash may be in the way; it was never the file itself.
    match fs::remove_file(&aside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let written = fill(&aside, text, mode).and_then(|()| match existing {
        Existing::Replace => fs::rename(&aside, path),
        // Unlike a rename, a link fails if the name is taken, with no gap between looking and doing.
        Existing::Keep => fs::hard_link(&aside, path).and_then(|()| fs::remove_file(&aside)),
    });
    if let Err(error) = written {
        // The first error is the one to tell; a leftover is removed by the next attempt.
        drop(fs::remove_file(&aside));
        return Err(error);
    }
    File::open(folder)?.sync_all()
}

fn fill(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn aside(folder: &Path, name: &std::ffi::OsStr) -> PathBuf {
    let mut aside = OsString::from(".");
    aside.push(name);
    aside.push(".new");
    folder.join(aside)
}
