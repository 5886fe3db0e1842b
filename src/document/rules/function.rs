//! What a rule that is a function looks like: a small pure function with the id of its row in `rules.csv`.

use super::amount::Amount;
use super::line::Line;
use super::residence::Provinces;
use super::tally::{RowReference, Tally};
use super::visit::Visit;
use crate::document::part::Part;
use crate::document::row::Row;
use crate::domain::Bilingual;

/// A rule on one row, told at a field of that row.
#[derive(Debug)]
pub(super) struct RowRule {
    pub(super) id: &'static str,
    pub(super) part: &'static str,
    pub(super) field: usize,
    pub(super) judge: fn(&Facts<'_, '_>) -> Option<Wrong>,
}

/// A rule on all rows of one part, once they were read, told at a field of some of them.
#[derive(Debug)]
pub(super) struct PartRule {
    pub(super) id: &'static str,
    pub(super) part: &'static str,
    pub(super) field: usize,
    pub(super) judge: fn(&Record<'_>) -> Vec<RowReference>,
}

/// A rule on one record, once all its parts were read, told at a field of XML1.
#[derive(Debug)]
pub(super) struct RecordRule {
    pub(super) id: &'static str,
    pub(super) field: usize,
    pub(super) judge: fn(&Record<'_>) -> Option<Wrong>,
}

/// What a rule on one row may look at.
pub(super) struct Facts<'x, 'a> {
    pub(super) row: &'x Row<'x, 'a>,
    /// The numbers of the row, if it is one of XML2 or XML3.
    pub(super) line: Option<&'x Line>,
    /// The record's XML1, if it was read.
    pub(super) visit: Option<&'x Visit<'x>>,
    /// yyyymmdd.
    pub(super) today: u32,
    pub(super) provinces: &'x Provinces,
    /// What the rows before this one came to.
    pub(super) tally: &'x Tally,
}

/// What a rule on a part or a record may look at.
pub(super) struct Record<'x> {
    /// The record's XML1, if it was read.
    pub(super) visit: Option<&'x Visit<'x>>,
    pub(super) tally: &'x Tally,
    /// Those of the record; empty while a part is read.
    pub(super) parts: &'x [&'static Part],
}

/// That a rule is broken.
#[derive(Debug, Default)]
pub(super) struct Wrong {
    /// What was expected, where that can be told.
    pub(super) expected: Option<Amount>,
    /// A part that makes it right if the record has it; it may be read later.
    pub(super) but_for: Option<&'static str>,
}

// === impl Record ===

impl Record<'_> {
    /// Whether the record has a part of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.parts.iter().any(|part| part.name == name)
    }
}

// === impl Wrong ===

impl Wrong {
    /// Broken unless `right`.
    pub(super) fn unless(right: bool) -> Option<Self> {
        (!right).then(Self::default)
    }

    /// Broken unless the amount is the one expected, to two decimals.
    pub(super) fn unless_agrees(amount: Amount, expected: Amount) -> Option<Self> {
        (!amount.agrees(expected)).then_some(Self { expected: Some(expected.rounded()), but_for: None })
    }

    /// Broken unless the amount is within 0.01 of the one expected: the sources do not name the rounding of halves.
    pub(super) fn unless_near(amount: Amount, expected: Amount) -> Option<Self> {
        (!amount.is_within(expected, Amount::CENT))
            .then_some(Self { expected: Some(expected.rounded()), but_for: None })
    }

    /// What the words of the table do not say.
    pub(super) fn detail(&self) -> Option<Bilingual> {
        let expected = self.expected?;
        Some(Bilingual::composed(format!("Tính ra {expected}."), format!("It comes to {expected}.")))
    }
}
