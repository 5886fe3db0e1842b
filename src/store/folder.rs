//! Files that only the gateway's own account may read, and the syncs that make a new file outlive a power cut.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

/// Makes `folder` (and what leads to it) if it is not there, readable by the owner only, and syncs its parent: a new
/// folder is an entry of the parent, and lost with it.
pub(crate) fn create(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    sync(parent(folder))
}

/// Opens `file` for reading and writing, made if it is not there, readable by the owner only, its content left as it is.
pub(crate) fn open_private(file: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)
}

/// Makes the entries of `folder` durable. Windows has no such call; there NTFS journals them.
pub(crate) fn sync(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// The folder in which `path` stands; the working folder if it names none.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
