//! The library under the gateway's file calls: compiled when a test begins, and told what to do through a shared page.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// What is done to calls on files below the data folder. The numbers are those of `shim.c`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Writing, growing and making files finds no room.
    Full = 1,
    /// Writes fail.
    WriteFails = 2,
    /// Syncs fail.
    SyncFails = 3,
    /// Reads fail.
    ReadFails = 4,
    /// Nothing may be changed.
    ReadOnly = 5,
    /// A write takes half of what it was given.
    ShortWrite = 6,
    /// A sync takes long.
    SlowSync = 7,
    /// Every call fails: the disk is unplugged.
    Gone = 8,
}

/// The words of the shared page, as in `shim.c`.
enum Word {
    Fault = 0,
    Skip = 1,
    Times = 2,
    Seen = 3,
    Fired = 4,
    Clock = 5,
    SlowMs = 6,
}

const WORDS: usize = 7;

/// The library and what it shares with the test.
pub(crate) struct Shim {
    library: PathBuf,
    control: File,
    control_path: PathBuf,
    trace: Option<PathBuf>,
}

// === impl Shim ===

impl Shim {
    /// Compiles the library into `folder`; with a record if `records`.
    pub(crate) fn new(folder: &Path, records: bool) -> Self {
        let library = folder.join("shim.so");
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-o"])
            .arg(&library)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/disk/shim.c"))
            .arg("-ldl")
            .output()
            .expect("a C compiler is needed here");
        assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
        let control_path = folder.join("control");
        fs::write(&control_path, [0; WORDS * 8]).unwrap();
        let control = OpenOptions::new().read(true).write(true).open(&control_path).unwrap();
        let trace = records.then(|| folder.join("trace"));
        if let Some(trace) = &trace {
            fs::write(trace, b"").unwrap();
        }
        Self { library, control, control_path, trace }
    }

    /// What a process needs in its environment to have the library under it, looking at `data`.
    pub(crate) fn environment(&self, data: &Path) -> Vec<(&'static str, PathBuf)> {
        let mut environment = vec![
            ("LD_PRELOAD", self.library.clone()),
            ("LIENTHONG_DISK_FOLDER", data.to_owned()),
            ("LIENTHONG_DISK_CONTROL", self.control_path.clone()),
        ];
        environment.extend(self.trace.clone().map(|trace| ("LIENTHONG_DISK_TRACE", trace)));
        environment
    }

    /// Lets `skip` calls of the kind through, and then `times` of them suffer (all, if `None`).
    pub(crate) fn order(&self, fault: Fault, skip: usize, times: Option<usize>) {
        self.heal();
        self.set(Word::Skip, i64::try_from(skip).unwrap());
        self.set(Word::Times, times.map_or(-1, |times| i64::try_from(times).unwrap()));
        self.set(Word::Seen, 0);
        self.set(Word::Fired, 0);
        // Last, because a process may be looking.
        self.set(Word::Fault, fault as i64);
    }

    /// From now on nothing suffers.
    pub(crate) fn heal(&self) {
        self.set(Word::Fault, 0);
    }

    /// How many calls have suffered since the last order.
    pub(crate) fn fired(&self) -> usize {
        usize::try_from(self.get(Word::Fired)).unwrap()
    }

    /// How many calls of the kind there were since the last order.
    pub(crate) fn seen(&self) -> usize {
        usize::try_from(self.get(Word::Seen)).unwrap()
    }

    /// How long a slow sync takes.
    pub(crate) fn slow_by(&self, milliseconds: i64) {
        self.set(Word::SlowMs, milliseconds);
    }

    /// Puts the wall clock this far from the right time.
    pub(crate) fn move_clock(&self, seconds: i64) {
        self.set(Word::Clock, seconds);
    }

    /// Notes in the record that this is known by now.
    pub(crate) fn mark(&self, what: &Value) {
        let Some(trace) = &self.trace else { return };
        let text = what.to_string();
        let mut record = Vec::new();
        record.extend(super::record::MARK.to_le_bytes());
        record.extend(0_u32.to_le_bytes());
        record.extend(0_u64.to_le_bytes());
        record.extend((text.len() as u64).to_le_bytes());
        record.extend(text.as_bytes());
        // One call, appended, as the library does.
        OpenOptions::new().append(true).open(trace).unwrap().write_all(&record).unwrap();
    }

    /// The record so far.
    pub(crate) fn trace(&self) -> Vec<u8> {
        fs::read(self.trace.as_ref().expect("it records")).unwrap()
    }

    fn set(&self, word: Word, value: i64) {
        self.control.write_all_at(&value.to_ne_bytes(), word as u64 * 8).unwrap();
    }

    fn get(&self, word: Word) -> i64 {
        let mut bytes = [0; 8];
        self.control.read_exact_at(&mut bytes, word as u64 * 8).unwrap();
        i64::from_ne_bytes(bytes)
    }
}
