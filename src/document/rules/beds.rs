//! Bed days against the length of the stay (rules.csv, S-16).

use super::amount::Amount;
use super::fields::{xml1, xml3};
use super::function::{PartRule, Record};
use super::line::Line;
use super::moment::{Moment, minutes_between};
use super::tally::{RowReference, Sum};
use crate::document::row::Row;

pub(super) const PART_RULES: &[PartRule] = &[PartRule {
    id: "S-16",
    part: "XML3",
    field: xml3::SO_LUONG,
    judge: |record| match fit_the_stay(record) {
        Some(false) => record.tally.beds.last.into_iter().collect(),
        _ => Vec::new(),
    },
}];

/// The bed days of XML3.
#[derive(Debug, Default)]
pub(super) struct Beds {
    days: Sum,
    /// The last line of them.
    last: Option<RowReference>,
}

// === impl Beds ===

impl Beds {
    /// Takes a line of XML3.
    pub(super) fn take(&mut self, row: &Row<'_, '_>, line: &Line) {
        if line.is_bed_day() {
            self.days.add(line.quantity, row, xml3::SO_LUONG);
            self.last = Some(RowReference::of(row, xml3::SO_LUONG));
        }
    }
}

/// Whether there are not too many; `None` where nothing is demanded or something is missing.
fn fit_the_stay(record: &Record<'_>) -> Option<bool> {
    let text = |slot| record.visit.map_or("", |visit| visit.row.text(slot));
    // The inpatient types of the one source.
    if !matches!(text(xml1::MA_LOAI_KCB), "03" | "04" | "09") {
        return None;
    }
    let beds = record.tally.beds.days.value()?;
    let (admitted, discharged) = (Moment::parse(text(xml1::NGAY_VAO))?, Moment::parse(text(xml1::NGAY_RA))?);
    match minutes_between(&admitted, &discharged)?.div_euclid(60) {
        // Discharged before admission: others say so.
        ..0 => None,
        0..4 => Some(beds == Amount::ZERO),
        4..24 => Some(beds < Amount::whole(2)),
        _ => {
            let days = Amount::parse(text(xml1::SO_NGAY_DTRI))?;
            Some(days < Amount::whole(2) || beds <= days)
        }
    }
}
