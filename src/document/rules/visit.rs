//! What is remembered of a record while its parts are read.

use super::cards::is_of_forces;
use super::fields::xml1;
use crate::document::finding::Place;
use crate::document::row::Row;

/// The record's XML1, against which the other parts are held.
pub(super) struct Visit<'r> {
    pub(super) row: Row<'r, 'static>,
    /// By slot, where the field stands; the row itself where it is missing.
    pub(super) places: Vec<(u32, u32)>,
    pub(super) row_place: (u32, u32),
    pub(super) xpath: String,
}

/// The versions of the claim family a rule holds for, or a document is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Versions(u8);

const KNOWN: [&str; 4] = ["130", "4750", "3176", "1931"];

// === impl Visit ===

impl Visit<'_> {
    /// The place of one of its fields.
    pub(super) fn place(&self, slot: usize) -> Place {
        let field = self.row.name(slot).to_owned();
        let known = self.row.at(slot).and_then(|_| self.places.get(slot));
        let (line, column) = known.copied().unwrap_or(self.row_place);
        let xpath = format!("{}/{field}", self.xpath);
        Place { part: "XML1".to_owned(), row: 1, field, xpath, line, column, ..Place::default() }
    }

    /// The cards of the visit, one blank item if there are none.
    pub(super) fn cards(&self) -> impl Iterator<Item = &str> {
        self.row.text(xml1::MA_THE_BHYT).split(';').map(str::trim)
    }

    /// Whether a card of the armed forces (CA, CY, QN) is among those of the visit.
    pub(super) fn has_forces_card(&self) -> bool {
        self.cards().any(is_of_forces)
    }
}

// === impl Versions ===

impl Versions {
    /// All there are, and those not known yet.
    pub(super) const ALL: Self = Self(u8::MAX);

    /// Those named; all if none is.
    pub(super) fn of(names: &[String]) -> Self {
        let bit = |name: &String| KNOWN.iter().position(|known| known == name).map_or(0, |at| 1_u8 << at);
        let bits = names.iter().map(bit).fold(0, |bits, bit| bits | bit);
        if names.is_empty() { Self::ALL } else { Self(bits) }
    }

    /// The version of a document. One that is not known counts as the newest, of which it is an amendment.
    pub(super) fn named(name: &str) -> Self {
        let at = KNOWN.iter().position(|known| *known == name).unwrap_or(KNOWN.len() - 1);
        Self(1 << at)
    }

    pub(super) fn include(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}
