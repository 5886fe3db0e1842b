//! Rules on the lines of XML3 beyond their amounts (rules.csv, S-05 to S-21).

use super::amount::Amount;
use super::fields::{xml1, xml3};
use super::function::{Facts, RowRule, Wrong};
use super::line::Line;
use crate::document::row::Row;

const fn service(id: &'static str, field: usize, judge: fn(&Facts<'_, '_>) -> Option<Wrong>) -> RowRule {
    RowRule { id, part: "XML3", field, judge }
}

pub(super) const RULES: &[RowRule] = &[service("S-17", xml3::MA_DICH_VU, |facts| {
    let stayed = matches!(facts.visit?.row.text(xml1::MA_LOAI_KCB), "03" | "04" | "09");
    Wrong::unless(!stayed || !is_examination_fee(facts.row, facts.line?) || facts.tally.examination_fees == 0)
})];

/// Whether the line is a fee for an examination that the fund pays for.
pub(super) fn is_examination_fee(row: &Row<'_, '_>, line: &Line) -> bool {
    line.group == 13
        && row.part.name == "XML3"
        && row.text(xml3::PHAM_VI) == "1"
        && line.service_rate.is_some_and(Amount::is_positive)
}
