//! One thing wrong with a document: which rule, where, and how to mend it.

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
}

/// One thing wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Stable rule code, upper case with underscores.
    pub code: &'static str,
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    list: Vec<Finding>,
    /// How many more there were than are listed.
    more: u64,
    errors: u64,
}

/// Findings listed for one document. A person mends a few dozen at a time; a thousand is room for a bad export and
/// keeps the answer under about half a megabyte.
pub const FINDINGS_LISTED_MAX: usize = 1_000;

impl Findings {
    /// Adds one.
    pub fn push(&mut self, finding: Finding) {
        if finding.severity == Severity::Error {
            self.errors += 1;
        }
        if self.list.len() < FINDINGS_LISTED_MAX { self.list.push(finding) } else { self.more += 1 }
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

    /// Sets the line of the envelope on those listed after the first `count`.
    pub(super) fn set_envelope_line(&mut self, count: u64, line: u32) {
        let from = usize::try_from(count).unwrap_or(usize::MAX);
        for finding in self.list.iter_mut().skip(from) {
            finding.place.envelope_line = line;
        }
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}
