//! Rules on the papers that go with a visit: HIV care, births, rest and leave (rules.csv, HIV-03, CS-05, X1-26, DT-01 and
//! NV-02).

use super::amount::Amount;
use super::fields::{xml1, xml6, xml9, xml10, xml11};
use super::function::{Facts, PartRule, Record, RecordRule, RowRule, Wrong};
use super::moment::{Moment, days_between};
use super::tally::RowReference;
use crate::document::row::Row;

pub(super) const RULES: &[RowRule] = &[
    RowRule {
        id: "HIV-03",
        part: "XML6",
        field: xml6::SO_NGAY_CAP_THUOC_ARV,
        judge: |facts| {
            let days = whole(facts.row, xml6::SO_NGAY_CAP_THUOC_ARV)?;
            // Both days may be counted.
            Wrong::unless(days <= span(facts.row, xml6::NGAY_BAT_DAU_XU_TRI, xml6::NGAY_KET_THUC_XU_TRI)? + 1)
        },
    },
    RowRule {
        id: "DT-01",
        part: "XML10",
        field: xml10::SO_NGAY,
        judge: |facts| {
            let days = whole(facts.row, xml10::SO_NGAY)?;
            // The table says the one, its example the other.
            let span = span(facts.row, xml10::TU_NGAY, xml10::DEN_NGAY).filter(|span| *span >= 0)?;
            Wrong::unless(days == span || days == span + 1)
        },
    },
    RowRule { id: "NV-02", part: "XML11", field: xml11::SO_NGAY_NGHI, judge: leave },
];

pub(super) const PART_RULES: &[PartRule] = &[PartRule {
    id: "CS-05",
    part: "XML9",
    field: xml9::SO_CON,
    judge: |record| {
        let births = &record.tally.births;
        let more = births.children.is_some_and(|children| i64::from(births.rows) > children);
        births.last.filter(|_| more).into_iter().collect()
    },
}];

pub(super) const RECORD_RULES: &[RecordRule] = &[RecordRule {
    id: "X1-26",
    field: xml1::CAN_NANG_CON,
    judge: |record: &Record<'_>| {
        let visit = record.visit?;
        // A record of the child has no weight of a child; that a man has none is a check.
        if record.tally.births.rows == 0 || visit.row.text(xml1::GIOI_TINH) == "1" {
            return None;
        }
        let weights = visit.row.text(xml1::CAN_NANG_CON).split(';').filter(|weight| !weight.trim().is_empty());
        Wrong::unless(weights.count() >= usize::try_from(record.tally.births.rows).ok()?)
    },
}];

/// The birth certificates of a record.
#[derive(Debug, Default)]
pub(super) struct Births {
    rows: u32,
    /// `SO_CON`, while all rows say the same.
    children: Option<i64>,
    last: Option<RowReference>,
}

impl Births {
    /// Takes a row of XML9.
    pub(super) fn take(&mut self, row: &Row<'_, '_>) {
        let children = whole(row, xml9::SO_CON);
        self.children = if self.rows == 0 || self.children == children { children } else { None };
        self.rows += 1;
        self.last =
            Some(RowReference { number: row.number, offset: row.at(xml9::SO_CON).map_or(row.offset, |so| so.offset) });
    }
}

/// Days of leave a paper may give, below the 180 that hold for all.
fn leave(facts: &Facts<'_, '_>) -> Option<Wrong> {
    let text = |slot| facts.row.text(slot);
    let days = whole(facts.row, xml11::SO_NGAY_NGHI)?;
    if days <= 30 {
        return None;
    }
    let visit = &facts.visit?.row;
    let codes = [visit.text(xml1::MA_BENH_CHINH), visit.text(xml1::MA_BENH_KT)];
    let tuberculous = codes.iter().flat_map(|codes| codes.split(';')).any(is_tuberculosis)
        || text(xml11::CHAN_DOAN_RV).to_lowercase().split(|c: char| !c.is_alphanumeric()).any(|word| word == "lao");
    if tuberculous {
        return None;
    }
    let week = Amount::parse(text(xml11::TUOI_THAI)).and_then(Amount::to_whole);
    let late = text(xml11::TUOI_THAI).is_empty() || week.is_none_or(|week| week >= 13);
    let most = if text(xml11::MA_DINH_CHI_THAI) == "1" && late { 50 } else { 30 };
    // XML15 tells of tuberculosis as well, and is read later.
    (days > most).then_some(Wrong { but_for: Some("XML15"), ..Wrong::default() })
}

/// Tuberculosis, what it leaves behind, a newborn's, and the codes of organs and states it stands under in ICD-10.
const TUBERCULOSIS: [&str; 19] = [
    "A15", "A16", "A17", "A18", "A19", "B20.0", "B90", "J65", "K23.0", "K67.3", "K93.0", "M01.1", "M49.0", "M90.0",
    "N33.0", "N74.0", "N74.1", "O98.0", "P37.0",
];

fn is_tuberculosis(code: &str) -> bool {
    TUBERCULOSIS.iter().any(|prefix| code.trim().starts_with(prefix))
}

fn whole(row: &Row<'_, '_>, slot: usize) -> Option<i64> {
    Amount::parse(row.text(slot)).and_then(Amount::to_whole)
}

/// Days from one field to another; `None` if one is no real day.
fn span(row: &Row<'_, '_>, from: usize, to: usize) -> Option<i64> {
    days_between(&Moment::parse(row.text(from))?, &Moment::parse(row.text(to))?)
}
