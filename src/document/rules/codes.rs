//! The codes of the services of XML3, and what refers to them (rules.csv, S-20, CLS-01 and CLS-04).

use std::collections::{HashMap, HashSet};

use super::fields::{xml3, xml4};
use super::function::{Facts, PartRule, Record, RowRule, Wrong};
use super::line::Line;
use super::moment::Moment;
use super::services::is_sent_elsewhere;
use super::tally::RowReference;
use crate::document::row::Row;

const fn test(id: &'static str, field: usize, judge: fn(&Facts<'_, '_>) -> Option<Wrong>) -> RowRule {
    RowRule { id, part: "XML4", field, judge }
}

pub(super) const RULES: &[RowRule] = &[
    test("CLS-01", xml4::MA_DICH_VU, |facts| {
        let code = facts.row.text(xml4::MA_DICH_VU);
        let is_judged = !code.is_empty() && !facts.tally.is_broken;
        Wrong::unless(!is_judged || facts.tally.codes.number(code).is_some())
    }),
    test("CLS-04", xml4::MO_TA, |facts| imaging_is_read(facts, xml4::MO_TA)),
    test("CLS-04", xml4::KET_LUAN, |facts| imaging_is_read(facts, xml4::KET_LUAN)),
];

pub(super) const PART_RULES: &[PartRule] =
    &[PartRule { id: "S-20", part: "XML3", field: xml3::MA_DICH_VU, judge: supplies_without_service }];

/// The number of a code among those of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct CodeNumber(u32);

/// The codes in `MA_DICH_VU` of XML3, each kept once.
#[derive(Debug, Default)]
pub(super) struct Codes {
    known: HashMap<Box<str>, Code>,
    /// Which service was ordered on which day (yyyymmdd; `None` if that is not told).
    ordered: HashSet<(CodeNumber, Option<u32>)>,
    /// Supplies used for a service.
    supplies: Vec<Supply>,
}

#[derive(Debug)]
struct Code {
    number: CodeNumber,
    /// Whether all lines with this code are of imaging (MA_NHOM 2).
    is_imaging: bool,
}

#[derive(Debug)]
struct Supply {
    service: CodeNumber,
    /// yyyymmdd.
    day: u32,
    row: RowReference,
}

// === impl Codes ===

impl Codes {
    /// Takes a line of XML3.
    pub(super) fn take(&mut self, row: &Row<'_, '_>, line: &Line) {
        let code = row.text(xml3::MA_DICH_VU);
        if code.is_empty() {
            return;
        }
        let service = self.enter(code, line.group == 2);
        let day = Moment::parse(row.text(xml3::NGAY_YL)).map(|ordered| ordered.day_number());
        let is_service = row.text(xml3::MA_VAT_TU).is_empty();
        match day {
            _ if is_service => {
                self.ordered.insert((service, day));
            }
            Some(day) if line.is_supply() => {
                let row = RowReference::of(row, xml3::MA_DICH_VU);
                self.supplies.push(Supply { service, day, row });
            }
            _ => {}
        }
    }

    /// The number of a code; `None` if no line has it.
    pub(super) fn number(&self, code: &str) -> Option<CodeNumber> {
        self.known.get(code).map(|code| code.number)
    }

    /// The rows of XML3 are over.
    pub(super) fn end_part(&mut self) {
        self.supplies = Vec::new();
    }

    fn enter(&mut self, code: &str, is_imaging: bool) -> CodeNumber {
        if let Some(known) = self.known.get_mut(code) {
            known.is_imaging &= is_imaging;
            return known.number;
        }
        // A document has far fewer rows than numbers.
        let number = CodeNumber(u32::try_from(self.known.len()).unwrap_or(u32::MAX));
        self.known.insert(code.into(), Code { number, is_imaging });
        number
    }

    fn is_imaging(&self, code: &str) -> bool {
        self.known.get(code).is_some_and(|code| code.is_imaging)
    }

    fn has_service_of(&self, supply: &Supply) -> bool {
        // A service whose day is not told may have been ordered that day.
        [Some(supply.day), None].into_iter().any(|day| self.ordered.contains(&(supply.service, day)))
    }
}

fn supplies_without_service(record: &Record<'_>) -> Vec<RowReference> {
    let codes = &record.tally.codes;
    codes.supplies.iter().filter(|supply| !codes.has_service_of(supply)).map(|supply| supply.row).collect()
}

/// Whoever reads an image describes it and concludes, unless a value says it all or it was read elsewhere.
fn imaging_is_read(facts: &Facts<'_, '_>, told: usize) -> Option<Wrong> {
    let code = facts.row.text(xml4::MA_DICH_VU);
    let by_value = !facts.row.text(xml4::GIA_TRI).is_empty();
    let is_asked = !by_value && facts.tally.codes.is_imaging(code) && !is_sent_elsewhere(code);
    Wrong::unless(!is_asked || !facts.row.text(told).is_empty())
}
