//! Rules on the lines of XML3 beyond their amounts (rules.csv, S-05 and S-17).

use super::amount::Amount;
use super::fields::{xml1, xml3};
use super::function::{Facts, RowRule, Wrong};
use super::line::Line;
use crate::document::row::Row;

const fn service(id: &'static str, field: usize, judge: fn(&Facts<'_, '_>) -> Option<Wrong>) -> RowRule {
    RowRule { id, part: "XML3", field, judge }
}

pub(super) const RULES: &[RowRule] = &[
    service("S-05", xml3::NGUOI_THUC_HIEN, |facts| performed_here(facts, xml3::NGUOI_THUC_HIEN)),
    service("S-05", xml3::NGAY_TH_YL, |facts| performed_here(facts, xml3::NGAY_TH_YL)),
    service("S-17", xml3::MA_DICH_VU, |facts| {
        let stayed = matches!(facts.visit?.row.text(xml1::MA_LOAI_KCB), "03" | "04" | "09");
        Wrong::unless(!stayed || !is_paid_examination(facts.row, facts.line?) || facts.tally.examination_fees == 0)
    }),
];

/// Whether the line is a fee for an examination within the scope of the fund.
pub(super) fn is_examination(row: &Row<'_, '_>, line: &Line) -> bool {
    line.group == 13 && row.part.name == "XML3" && row.text(xml3::PHAM_VI) == "1"
}

/// Whether the line is a fee for an examination that the fund pays for.
pub(super) fn is_paid_examination(row: &Row<'_, '_>, line: &Line) -> bool {
    line.service_rate.is_some_and(Amount::is_positive) && is_examination(row, line)
}

/// Whether a code is that of a service for which the patient or the sample was sent elsewhere.
pub(super) fn is_sent_elsewhere(code: &str) -> bool {
    code.contains(".K.")
}

/// Who did a service, and when, is told unless it was done elsewhere.
fn performed_here(facts: &Facts<'_, '_>, told: usize) -> Option<Wrong> {
    let is_asked = matches!(facts.line?.group, 1 | 2 | 3 | 8 | 18);
    let told = !facts.row.text(told).is_empty();
    Wrong::unless(!is_asked || told || is_sent_elsewhere(facts.row.text(xml3::MA_DICH_VU)))
}
