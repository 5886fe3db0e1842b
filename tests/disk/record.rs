//! The record of `shim.c`, read back: every change of the data folder in its order, and what was known when.

use std::ops::Range;

use serde_json::Value;

/// The number of the test's own records; those of the library are below.
pub(crate) const MARK: u32 = 100;

/// One record.
pub(crate) struct Record {
    pub(crate) what: What,
    /// Of the file, below the data folder.
    pub(crate) name: String,
}

/// What happened.
pub(crate) enum What {
    /// These bytes of the record were written there.
    Write(u64, Range<usize>),
    Sync,
    SyncFailed,
    Truncate(u64),
    Create,
    Unlink,
    Rename(String),
    FolderSync,
    /// The test knew this by now.
    Mark(Value),
}

/// Reads a whole record.
pub(crate) fn read(bytes: &[u8]) -> Vec<Record> {
    let mut records = Vec::new();
    let mut at = 0;
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let long = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    while at < bytes.len() {
        let (what, name, offset) = (word(at), word(at + 4) as usize, long(at + 8));
        let length = usize::try_from(long(at + 16)).unwrap();
        let data = at + 24 + name..at + 24 + name + length;
        let name = String::from_utf8(bytes[at + 24..at + 24 + name].to_vec()).unwrap();
        at = data.end;
        let what = match what {
            1 => What::Write(offset, data),
            2 => What::Sync,
            3 => What::SyncFailed,
            4 => What::Truncate(offset),
            5 => What::Create,
            6 => What::Unlink,
            7 => What::Rename(String::from_utf8(bytes[data].to_vec()).unwrap()),
            8 => What::FolderSync,
            MARK => What::Mark(serde_json::from_slice(&bytes[data]).unwrap()),
            other => panic!("a record of kind {other}"),
        };
        records.push(Record { what, name });
    }
    records
}
