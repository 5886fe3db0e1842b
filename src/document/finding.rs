//! One thing wrong with a document: which rule, where, and how to mend it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use crate::domain::Bilingual;

/// Whether a finding stops a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// The document is refused as `invalid`.
    Error,
    /// The document goes on its way; the finding goes with it.
    Warning,
}

/// A place in a document. Rows and lines count from 1; 0 or an empty text means "not known" or "not apt".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The part, such as `XML3`, or empty for the envelope.
    pub part: String,
    /// The row within the part.
    pub row: u32,
    /// The field, such as `NGAY_YL`.
    pub field: String,
    /// The path of the element within its part (or the envelope).
    pub xpath: String,
    /// Line in the part as decoded, or in the envelope as sent.
    pub line: u32,
    /// Column, in characters, in the same text.
    pub column: u32,
    /// For a finding inside a base64 part: line of that part's own element in the envelope as sent.
    pub envelope_line: u32,
    /// Which record (HOSO) of a package, from 1.
    pub record: u32,
}

/// One thing wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The stable code of the rule: an id of `schemas/rules.csv` (`T-01`), or a word of structure or identity.
    pub code: Cow<'static, str>,
    /// Whether it stops the document.
    pub severity: Severity,
    /// Where it stands.
    pub place: Place,
    /// What is wrong.
    pub message: Bilingual,
    /// What to do about it.
    pub cure: Bilingual,
    /// The value at fault, masked; empty where showing any of it could name a person.
    pub value: String,
}

/// What was found in one document, bounded.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Findings {
    list: Vec<Finding>,
    /// How many more there were than are listed.
    more: u64,
    errors: u64,
    /// Keys of the records, in their order.
    records: Vec<String>,
    /// The version by which the document was checked, as the API names it.
    spec: String,
}

/// Findings listed for one document. A person mends a few dozen at a time; a thousand is room for a bad export and
/// keeps the answer under about half a megabyte.
pub const FINDINGS_LISTED_MAX: usize = 1_000;

/// Findings counted in one document, about. A large export that is wrong in every row has some hundred thousand; beyond
/// this it is no document of ours, and reading it to its end would only keep a core busy.
pub const FINDINGS_COUNTED_MAX: u64 = 1_000_000;

impl Findings {
    /// Adds one.
    pub fn push(&mut self, finding: Finding) {
        if finding.severity == Severity::Error {
            self.errors += 1;
        }
        if self.list.len() < FINDINGS_LISTED_MAX { self.list.push(finding) } else { self.more += 1 }
    }

    /// Adds one before all others, which is listed whatever else is.
    pub(super) fn push_first(&mut self, finding: Finding) {
        if finding.severity == Severity::Error {
            self.errors += 1;
        }
        self.list.insert(0, finding);
        if self.list.len() > FINDINGS_LISTED_MAX {
            self.list.truncate(FINDINGS_LISTED_MAX);
            self.more += 1;
        }
    }

    /// Those listed, in the order of the document.
    pub fn listed(&self) -> &[Finding] {
        &self.list
    }

    /// How many more there were than are listed.
    pub fn not_listed(&self) -> u64 {
        self.more
    }

    /// Whether the document must be refused.
    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// How many errors there were, listed or not.
    pub fn error_count(&self) -> u64 {
        self.errors
    }

    /// How many findings there were, listed or not.
    pub fn count(&self) -> u64 {
        // A list of at most a thousand fits.
        self.list.len() as u64 + self.more
    }

    /// Of the findings about records, how many errors and warnings each record has: its key, errors, warnings. Only
    /// records with findings, in their order.
    pub fn by_record(&self) -> Vec<(&str, u64, u64)> {
        let mut counts: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
        for finding in self.list.iter().filter(|finding| finding.place.record > 0) {
            let (errors, warnings) = counts.entry(finding.place.record).or_default();
            match finding.severity {
                Severity::Error => *errors += 1,
                Severity::Warning => *warnings += 1,
            }
        }
        let key = |record: u32| {
            let index = usize::try_from(record).ok().and_then(|record| record.checked_sub(1));
            index.and_then(|index| self.records.get(index)).map_or("", String::as_str)
        };
        counts.into_iter().map(|(record, (errors, warnings))| (key(record), errors, warnings)).collect()
    }

    /// The version by which the document was checked, such as `QD3176`; empty if it could not be told.
    pub fn spec(&self) -> &str {
        &self.spec
    }

    /// Names the records, for [`by_record`](Self::by_record), and the version.
    pub(super) fn set_document(&mut self, records: Vec<String>, spec: String) {
        (self.records, self.spec) = (records, spec);
    }

    /// Those listed after the first `count`.
    pub(super) fn since(&self, count: u64) -> &[Finding] {
        self.list.get(usize::try_from(count).unwrap_or(usize::MAX)..).unwrap_or_default()
    }

    /// The same, to be placed or ordered.
    pub(super) fn since_mut(&mut self, count: u64) -> &mut [Finding] {
        self.list.get_mut(usize::try_from(count).unwrap_or(usize::MAX)..).unwrap_or_default()
    }

    /// Counts some that were found and not kept.
    pub(super) fn count_unlisted(&mut self, count: u64, severity: Severity) {
        self.more += count;
        if severity == Severity::Error {
            self.errors += count;
        }
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

/// Shows no record's key.
impl fmt::Debug for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Findings").field("list", &self.list).field("more", &self.more).finish_non_exhaustive()
    }
}
