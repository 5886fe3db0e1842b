//! What an entry says, and the bytes that are hashed.

use std::net::IpAddr;
use std::sync::Arc;

use aws_lc_rs::digest;

use crate::domain::FacilityCode;

use super::deed::Deed;

/// A hash of the chain.
pub(super) type Hash = [u8; 32];

/// What the first entry of all is bound to.
pub(super) const BEGINNING: Hash = [0; 32];

/// Characters of one word in the log. An id of ours has 30, a name of an operating system's user at most 32.
const WORD_MAX: usize = 64;

/// What a deed is about. Nothing in it names a person: a subject is a keyed hash, an object an id of the gateway's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// For which facility.
    pub facility: Option<FacilityCode>,
    /// About whom or which record: [`Audit::person`](super::Audit::person), [`Audit::record_of`](super::Audit::record_of).
    pub subject: Option<[u8; 32]>,
    /// What of the gateway's: `doc_…`, `lkp_…`, `bat_…`, `key_…`.
    pub object: String,
}

/// What came of a deed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The HTTP status; 0 where there is none.
    pub status: u16,
    /// A stable code: the portal's `maKetQua`, or a problem's code. Empty where all went well and there is none.
    pub code: String,
    /// Where an answer came from: `portal`, `cache`, `last-known`; empty where that says nothing.
    pub source: &'static str,
}

/// Who did it, in which request, from where, and about what.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    /// Microseconds since 1970.
    pub(super) at: i64,
    pub(super) deed: Deed,
    pub(super) who: Arc<str>,
    pub(super) request: Arc<str>,
    pub(super) origin: Option<IpAddr>,
    pub(super) about: About,
}

/// When in a deed an entry was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The deed was done when it was written.
    Whole,
    /// Before the deed.
    Opened,
    /// After the deed.
    Closed,
}

/// One row, as it is hashed. What is not there is empty or 0.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) sequence: i64,
    pub(super) at: i64,
    pub(super) phase: i64,
    pub(super) opening: i64,
    pub(super) deed: &'a str,
    pub(super) who: &'a str,
    pub(super) request: &'a str,
    pub(super) facility: &'a str,
    pub(super) subject: &'a [u8],
    pub(super) object: &'a str,
    pub(super) origin: &'a str,
    pub(super) status: i64,
    pub(super) code: &'a str,
    pub(super) source: &'a str,
}

impl About {
    /// About one thing of the gateway's.
    pub fn object(id: &str) -> Self {
        Self { object: word(id), ..Self::default() }
    }

    /// What `other` knows is taken from it; the rest stays.
    pub(super) fn take(&mut self, other: Self) {
        self.facility = other.facility.or(self.facility);
        self.subject = other.subject.or(self.subject);
        if !other.object.is_empty() {
            self.object = word(&other.object);
        }
    }
}

impl Outcome {
    /// Done, with nothing to add.
    pub fn done() -> Self {
        Self::default()
    }

    /// An HTTP status and, of a refusal, its code.
    pub fn status(status: u16, code: &str) -> Self {
        Self { status, code: word(code), source: "" }
    }

    /// A code without a status.
    pub fn code(code: &str) -> Self {
        Self { code: word(code), ..Self::default() }
    }

    /// Whoever did it went away, or the process let go of it: how far it came is not known.
    pub(super) fn broken_off() -> Self {
        Self::code("broken_off")
    }

    /// Where the answer came from.
    pub fn from(mut self, source: &'static str) -> Self {
        self.source = source;
        self
    }
}

impl Phase {
    pub(super) fn number(self) -> i64 {
        match self {
            Self::Whole => 0,
            Self::Opened => 1,
            Self::Closed => 2,
        }
    }

    pub(super) fn of(number: i64) -> Option<Self> {
        [Self::Whole, Self::Opened, Self::Closed].into_iter().find(|phase| phase.number() == number)
    }

    /// Its name in exports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Opened => "opened",
            Self::Closed => "closed",
        }
    }
}

impl Row<'_> {
    /// The hash that binds this row to `previous`: SHA-256 of it and the row, each value with its length, in the order of
    /// the columns. `buffer` is reused from row to row.
    pub(super) fn hash(&self, previous: &Hash, buffer: &mut Vec<u8>) -> Hash {
        /// Of this layout. Another layout gets another number.
        const LAYOUT: u8 = 1;
        buffer.clear();
        buffer.extend_from_slice(previous);
        buffer.push(LAYOUT);
        for number in [self.sequence, self.at, self.phase, self.opening, self.status] {
            buffer.extend_from_slice(&number.to_be_bytes());
        }
        let texts = [
            self.deed.as_bytes(),
            self.who.as_bytes(),
            self.request.as_bytes(),
            self.facility.as_bytes(),
            self.subject,
            self.object.as_bytes(),
            self.origin.as_bytes(),
            self.code.as_bytes(),
            self.source.as_bytes(),
        ];
        for text in texts {
            buffer.extend_from_slice(&u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
            buffer.extend_from_slice(text);
        }
        sha256(buffer)
    }
}

/// SHA-256.
pub(super) fn sha256(bytes: &[u8]) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    hash
}

/// A word as the log keeps it: bounded, printable ASCII without what a table or a formula could take for its own.
pub(super) fn word(text: &str) -> String {
    let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '/');
    text.chars().filter(plain).take(WORD_MAX).collect()
}

/// Whether a text is an id that the gateway makes: a short prefix and a ULID. Whatever else stands in a path may be
/// anything, a person's number above all, and is not kept.
pub(super) fn is_own_id(text: &str) -> bool {
    let Some((prefix, ulid)) = text.split_once('_') else { return false };
    (2..=4).contains(&prefix.len())
        && prefix.bytes().all(|byte| byte.is_ascii_lowercase())
        && ulid.len() == 26
        && ulid.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: Row<'_> = Row {
        sequence: 7,
        at: 1,
        phase: 0,
        opening: 0,
        deed: "card.lookup",
        who: "key_1",
        request: "req_1",
        facility: "01999",
        subject: &[1, 2],
        object: "bat_1",
        origin: "10.0.0.1",
        status: 200,
        code: "000",
        source: "cache",
    };

    #[test]
    fn every_value_and_where_it_ends_is_in_the_hash() {
        let hash = |row: Row<'_>| row.hash(&BEGINNING, &mut Vec::new());
        let others = [
            Row { sequence: 8, ..ROW },
            Row { at: 2, ..ROW },
            Row { phase: 1, ..ROW },
            Row { opening: 1, ..ROW },
            Row { deed: "card.looku", ..ROW },
            Row { who: "key_1r", request: "eq_1", ..ROW },
            Row { request: "req_2", ..ROW },
            Row { facility: "01998", ..ROW },
            Row { subject: &[1, 3], ..ROW },
            Row { object: "", ..ROW },
            Row { origin: "", ..ROW },
            Row { status: 403, ..ROW },
            Row { code: "001", ..ROW },
            Row { source: "", ..ROW },
        ];
        let mut seen: std::collections::BTreeSet<Hash> = others.into_iter().map(hash).collect();
        assert_eq!(seen.len(), 14);
        assert!(seen.insert(hash(ROW)) && seen.insert(ROW.hash(&[1; 32], &mut Vec::new())));
    }

    #[test]
    fn words_are_bounded_and_harmless() {
        assert_eq!(word("=cmd|'/c calc'!A0"), "cmd/ccalcA0");
        assert_eq!(word("Nguyễn Văn A"), "NguynVnA");
        assert_eq!(word(&"x".repeat(1000)).len(), WORD_MAX);
        assert!(is_own_id("doc_01JD0000000000000000000000"));
        for other in ["001185012345", "GD4010118501234", "doc_", "doc_01jd0000000000000000000000", "tiepdon01", ""] {
            assert!(!is_own_id(other), "{other}");
        }
    }
}
