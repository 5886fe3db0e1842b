//! Is the log whole? SQLite takes a frame that is not as it was written for the torn end of the last write, and silently
//! leaves out everything after it. After a power cut that is right: a commit is synced before the next one begins, so
//! nothing acknowledged can follow. Where whole commits do follow, the disk has changed what was synced, and opening the
//! database would forget documents that were acknowledged. Then nobody should go on without a person's word.
//!
//! The form of the log: <https://www.sqlite.org/fileformat2.html#the_write_ahead_log>.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// The first word of a log; its last bit tells the order of the bytes in the words that are summed up.
const MAGIC: u32 = 0x377f_0682;

/// The version of the form; there has only been one.
const VERSION: u32 = 3_007_000;

/// Commits that must follow a broken frame to prove that it was synced: the first of them may have been under way
/// together with it, the second was begun after the first one's sync.
const COMMITS_OF_PROOF: u32 = 2;

/// A log that is written at this moment may look broken once; a broken one looks so every time.
const LOOKS: u32 = 3;

/// The running sum of a log.
type Sum = (u32, u32);

struct Header {
    is_big_endian: bool,
    page: usize,
    salt: [u8; 8],
    sum: Sum,
}

struct Frame {
    page_number: u32,
    is_commit: bool,
    salt: [u8; 8],
    /// The sum up to here, as it was written.
    sum: Sum,
    /// The bytes that are summed up: the first words of its header, and the page.
    summed: Vec<u8>,
}

/// Whether the log of a database was changed since it was synced, so that opening it would forget what was acknowledged.
pub(super) fn is_broken(database: &Path) -> io::Result<bool> {
    for _ in 0..LOOKS {
        if !is_broken_now(database)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_broken_now(database: &Path) -> io::Result<bool> {
    let log = match File::open(log_of(database)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        opened => opened?,
    };
    let mut log = BufReader::new(log);
    let mut header = [0; HEADER];
    if !fills(&mut log, &mut header)? {
        return Ok(false);
    }
    match Header::read(&header) {
        Some(header) => commits_after_the_break(&mut log, &header).map(|commits| commits >= COMMITS_OF_PROOF),
        None => holds_more_than(database, &mut log),
    }
}

/// How many whole commits of the same log follow its first broken frame.
fn commits_after_the_break(log: &mut impl Read, header: &Header) -> io::Result<u32> {
    let (mut before, mut is_whole, mut commits) = (header.sum, true, 0);
    while let Some(frame) = Frame::read(log, header.page)? {
        let follows = frame.salt == header.salt && sum(before, &frame.summed, header.is_big_endian) == frame.sum;
        is_whole &= follows;
        if !is_whole && follows && frame.is_commit {
            commits += 1;
        }
        before = frame.sum;
    }
    Ok(commits)
}

/// Whether a log whose header is no header holds commits that the database does not. A header is written when the log is
/// begun anew, after everything in it was put into the database; what stands behind a header that was torn just then is
/// in the database, page for page.
fn holds_more_than(database: &Path, log: &mut (impl Read + Seek)) -> io::Result<bool> {
    let mut database = File::open(database)?;
    let mut start = [0; 18];
    if !fills(&mut database, &mut start)? {
        return Ok(false);
    }
    let page = match u16::from_be_bytes([start[16], start[17]]) {
        1 => 1 << 16,
        size if size.is_power_of_two() && size >= 512 => usize::from(size),
        _ => return Ok(false),
    };
    // SQLite writes sums in the machine's own order.
    let is_big_endian = cfg!(target_endian = "big");
    let (mut committed, mut since_commit): (HashMap<u32, u64>, Vec<(u32, u64)>) = Default::default();
    // The header's salt is unknown: it is that of the first frame that follows another as it should. Behind the frames of
    // this log stand those of the logs before it, with other salts.
    let (mut last, mut salt): (Option<Sum>, Option<[u8; 8]>) = (None, None);
    let mut at = HEADER as u64;
    while let Some(frame) = Frame::read(log, page)? {
        let follows = last.is_some_and(|last| sum(last, &frame.summed, is_big_endian) == frame.sum);
        if follows && *salt.get_or_insert(frame.salt) != frame.salt {
            break;
        }
        if follows {
            since_commit.push((frame.page_number, at + FRAME_HEADER as u64));
            if frame.is_commit {
                committed.extend(since_commit.drain(..));
            }
        }
        at += (FRAME_HEADER + page) as u64;
        last = Some(frame.sum);
    }
    let (mut in_log, mut in_database) = (vec![0; page], vec![0; page]);
    for (number, at) in committed {
        log.seek(SeekFrom::Start(at))?;
        log.read_exact(&mut in_log)?;
        database.seek(SeekFrom::Start(u64::from(number).saturating_sub(1) * page as u64))?;
        if !fills(&mut database, &mut in_database)? || in_log != in_database {
            return Ok(true);
        }
    }
    Ok(false)
}

// === impl Header ===

impl Header {
    /// `None` if it is not one that SQLite would believe.
    fn read(bytes: &[u8; HEADER]) -> Option<Self> {
        let magic = word(bytes, 0);
        let page = usize::try_from(word(bytes, 8)).ok()?;
        let is_big_endian = magic & 1 == 1;
        let own = (word(bytes, 24), word(bytes, 28));
        let is_right = magic & !1 == MAGIC
            && word(bytes, 4) == VERSION
            && page.is_power_of_two()
            && (512..=1 << 16).contains(&page)
            && sum((0, 0), bytes.get(..24)?, is_big_endian) == own;
        let salt = bytes.get(16..24)?.try_into().ok()?;
        is_right.then_some(Self { is_big_endian, page, salt, sum: own })
    }
}

// === impl Frame ===

impl Frame {
    /// The next frame; `None` at the end, or where only a part of one stands.
    fn read(log: &mut impl Read, page: usize) -> io::Result<Option<Self>> {
        let mut header = [0; FRAME_HEADER];
        let mut summed = vec![0; 8 + page];
        let (words, content) = summed.split_at_mut(8);
        if !fills(log, &mut header)? || !fills(log, content)? {
            return Ok(None);
        }
        let (first, rest) = header.split_at(8);
        words.copy_from_slice(first);
        let mut salt = [0; 8];
        salt.copy_from_slice(rest.get(..8).unwrap_or_default());
        Ok(Some(Self {
            page_number: word(&header, 0),
            is_commit: word(&header, 4) > 0,
            salt,
            sum: (word(&header, 16), word(&header, 20)),
            summed,
        }))
    }
}

/// SQLite's sum over words of four bytes, taken in pairs.
fn sum(before: Sum, bytes: &[u8], is_big_endian: bool) -> Sum {
    let word = |bytes: &[u8]| {
        let bytes = bytes.try_into().unwrap_or_default();
        if is_big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    };
    bytes.chunks_exact(8).fold(before, |(first, second), pair| {
        let (left, right) = pair.split_at(4);
        let first = first.wrapping_add(word(left)).wrapping_add(second);
        (first, second.wrapping_add(word(right)).wrapping_add(first))
    })
}

/// A number of the log's own headers.
fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_be_bytes)
}

/// Reads as many bytes as there is room for; `false` if there are not so many.
fn fills(file: &mut impl Read, bytes: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(bytes) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// Where SQLite keeps the log of a database.
fn log_of(database: &Path) -> PathBuf {
    let mut name = OsString::from(database);
    name.push("-wal");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rusqlite::Connection;

    use super::*;

    const PAGE: usize = 4096;
    const STRIDE: usize = FRAME_HEADER + PAGE;

    /// A database with six commits in its log, as a killed process leaves it.
    fn database(folder: &Path) -> (PathBuf, Vec<u8>) {
        let file = folder.join("a.db");
        let connection = Connection::open(&file).unwrap();
        connection.pragma_update(None, "journal_mode", "wal").unwrap();
        connection.execute_batch("CREATE TABLE t (x TEXT)").unwrap();
        for number in 0..5 {
            connection.execute("INSERT INTO t VALUES (?1)", [number]).unwrap();
        }
        let copy = folder.join("b.db");
        fs::copy(&file, &copy).unwrap();
        fs::copy(log_of(&file), log_of(&copy)).unwrap();
        let log = fs::read(log_of(&copy)).unwrap();
        (copy, log)
    }

    fn is_broken_with(database: &Path, log: &[u8]) -> bool {
        fs::write(log_of(database), log).unwrap();
        is_broken(database).unwrap()
    }

    #[test]
    fn a_changed_byte_before_other_commits_is_found_wherever_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let (database, log) = database(folder.path());
        assert!(!is_broken_with(&database, &log), "as it was written");
        let commits_from = |frame: usize| {
            (frame..(log.len() - HEADER) / STRIDE).filter(|frame| word(&log, HEADER + frame * STRIDE + 4) > 0).count()
        };
        assert!(commits_from(0) > 5);
        for at in (0..log.len()).step_by(53).chain(0..HEADER) {
            let mut changed = log.clone();
            changed[at] ^= 0x10;
            let follow = if at < HEADER { 9 } else { commits_from((at - HEADER) / STRIDE + 2) };
            // With one commit after it, it may be what a power cut leaves.
            let expected = follow >= 2;
            let found = is_broken_with(&database, &changed);
            assert!(found || !expected, "byte {at}");
            assert!(!found || at < HEADER || commits_from((at - HEADER) / STRIDE + 1) >= 2, "byte {at}: no proof");
        }
    }

    #[test]
    fn what_a_power_cut_leaves_is_not_broken() {
        let folder = tempfile::tempdir().unwrap();
        let (database, log) = database(folder.path());
        for length in [0, 5, HEADER, HEADER + 7, HEADER + STRIDE, log.len() - STRIDE, log.len() - 9] {
            assert!(!is_broken_with(&database, &log[..length]), "cut at {length}");
        }
        // The last write is torn.
        let mut torn = log.clone();
        let last = log.len() - STRIDE;
        torn[last + 100..last + 600].fill(0);
        assert!(!is_broken_with(&database, &torn));
        // A new log's header is torn; all of the old one is in the database.
        fs::write(log_of(&database), &log).unwrap();
        let connection = Connection::open(&database).unwrap();
        connection.execute_batch("PRAGMA wal_checkpoint(PASSIVE)").unwrap();
        let mut renewed = log.clone();
        renewed[..HEADER].fill(7);
        let copy = folder.path().join("c.db");
        fs::copy(&database, &copy).unwrap();
        assert!(!is_broken_with(&copy, &renewed));
    }
}
