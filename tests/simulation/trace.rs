//! What happened in a run, as a hash, and counted.

use std::fmt::{Arguments, Write as _};

use jiff::Timestamp;

/// FNV-1a over every event with its time.
pub(crate) struct Trace {
    hash: u64,
    line: String,
    is_printed: bool,
    pub(crate) events: u64,
    pub(crate) commits: u64,
    pub(crate) moves: u64,
    pub(crate) submissions: u64,
    pub(crate) lookups: u64,
    pub(crate) refusals: u64,
    pub(crate) lives: u64,
    pub(crate) faults: u64,
}

impl Trace {
    pub(crate) fn new(is_printed: bool) -> Self {
        Self {
            hash: 0xcbf2_9ce4_8422_2325,
            line: String::new(),
            is_printed,
            events: 0,
            commits: 0,
            moves: 0,
            submissions: 0,
            lookups: 0,
            refusals: 0,
            lives: 0,
            faults: 0,
        }
    }

    #[expect(clippy::print_stderr, reason = "whoever replays a run asked to see it")]
    pub(crate) fn event(&mut self, at: Timestamp, what: Arguments<'_>) {
        self.line.clear();
        write!(self.line, "{at} {what}").unwrap();
        if self.is_printed {
            eprintln!("{}", self.line);
        }
        self.events += 1;
        for byte in self.line.bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }
}
