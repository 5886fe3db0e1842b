//! Rows are numbered from 1 without gaps (rules.csv, ENV-11).

use super::fields::{xml2, xml3, xml4, xml5, xml15};
use super::function::{PartRule, Record};
use super::tally::RowReference;
use crate::document::row::Row;

const fn rule(part: &'static str, field: usize) -> PartRule {
    PartRule { id: "ENV-11", part, field, judge: first_out_of_order }
}

pub(super) const PART_RULES: &[PartRule] = &[
    rule("XML2", xml2::STT),
    rule("XML3", xml3::STT),
    rule("XML4", xml4::STT),
    rule("XML5", xml5::STT),
    rule("XML15", xml15::STT),
];

/// The numbers of the rows of one part.
#[derive(Debug, Default)]
pub(super) struct Numbering {
    /// The first row whose `STT` is not its place.
    out_of_order: Option<RowReference>,
    /// Whether a row has no number; then the part is not judged.
    is_unknown: bool,
}

// === impl Numbering ===

impl Numbering {
    pub(super) fn take(&mut self, row: &Row<'_, '_>) {
        let field = match row.part.name {
            "XML2" => xml2::STT,
            "XML3" => xml3::STT,
            "XML4" => xml4::STT,
            "XML5" => xml5::STT,
            "XML15" => xml15::STT,
            _ => return,
        };
        match number(row.text(field)) {
            None => self.is_unknown = true,
            Some(number) if number != row.number && self.out_of_order.is_none() => {
                self.out_of_order = Some(RowReference::of(row, field));
            }
            Some(_) => {}
        }
    }
}

/// Digits, leading zeros allowed.
fn number(text: &str) -> Option<u32> {
    // A sign is no digit, though it would be read.
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

fn first_out_of_order(record: &Record<'_>) -> Vec<RowReference> {
    let Numbering { out_of_order, is_unknown } = &record.tally.numbering;
    out_of_order.filter(|_| !is_unknown).into_iter().collect()
}
