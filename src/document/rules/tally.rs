//! What the rows of one record came to, as far as they were read.

use super::amount::Amount;
use super::beds::Beds;
use super::codes::Codes;
use super::fees::Fees;
use super::fields::{xml2, xml3};
use super::line::Line;
use super::numbering::Numbering;
use super::operations::Operations;
use super::papers::Births;
use super::services::is_paid_examination;
use crate::document::row::Row;

/// Which row of a part, for a finding once the part is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RowReference {
    pub(super) number: u32,
    pub(super) offset: usize,
}

/// What is remembered from row to row. It lives as long as one record, and grows with its rows alone.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Sums of XML2.
    pub(super) drugs: Sums,
    /// Sums of XML3.
    pub(super) services: Sums,
    /// `THANH_TIEN_BV` of supplies (MA_NHOM 10 and 11).
    pub(super) supplies: Sum,
    /// `T_BHTT` of the lines paid for what was done (MA_PTTT 1).
    pub(super) for_service: Sum,
    /// Fees for examinations among the lines of XML3.
    pub(super) examination_fees: u32,
    /// Lines of XML2 and XML3.
    pub(super) lines: i64,
    /// Whether a line of XML3 has a ceiling.
    pub(super) has_ceiling: bool,
    /// The birth certificates of XML9.
    pub(super) births: Births,
    /// Whether a part could not be read to its end: then no sum is held against another.
    pub(super) is_broken: bool,
    /// Numbers of the rows of the part being read.
    pub(super) numbering: Numbering,
    /// Codes of the services of XML3.
    pub(super) codes: Codes,
    /// Operations and procedures of XML3.
    pub(super) operations: Operations,
    /// Bed days of XML3.
    pub(super) beds: Beds,
    /// Fees for examinations of XML3, each.
    pub(super) fees: Fees,
}

/// The amounts of many lines.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    pub(super) cost: Sum,
    pub(super) insured: Sum,
    pub(super) patient: Sum,
    pub(super) shared: Sum,
    pub(super) others: Sum,
}

/// A sum of amounts, unknown once one of them was no number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sum(Option<Amount>);

impl Default for Sum {
    fn default() -> Self {
        Self(Some(Amount::ZERO))
    }
}

impl Sum {
    pub(super) fn value(self) -> Option<Amount> {
        self.0
    }

    /// Adds the amount of a field, of which a blank one counts nothing.
    pub(super) fn add(&mut self, amount: Option<Amount>, row: &Row<'_, '_>, slot: usize) {
        match amount {
            Some(amount) => self.0 = self.0.map(|sum| sum + amount),
            None if row.text(slot).is_empty() => {}
            None => self.0 = None,
        }
    }
}

// === impl RowReference ===

impl RowReference {
    /// That of a field, or of the row itself where it is missing.
    pub(super) fn of(row: &Row<'_, '_>, field: usize) -> Self {
        Self { number: row.number, offset: row.at(field).map_or(row.offset, |value| value.offset) }
    }
}

// === impl Tally ===

impl Tally {
    /// Takes a row that was looked at.
    pub(super) fn take(&mut self, row: &Row<'_, '_>, line: Option<&Line>) {
        self.numbering.take(row);
        if row.part.name == "XML9" {
            self.births.take(row);
        }
        let Some(line) = line else { return };
        self.examination_fees += u32::from(is_paid_examination(row, line));
        if row.part.name == "XML2" {
            self.drugs.cost.add(line.cost, row, xml2::THANH_TIEN_BV);
            self.drugs.insured.add(line.insured, row, xml2::THANH_TIEN_BH);
            self.drugs.patient.add(line.patient, row, xml2::T_BNTT);
            self.drugs.shared.add(line.shared, row, xml2::T_BNCCT);
            self.drugs.others.add(line.others, row, xml2::T_NGUONKHAC);
            if line.for_service {
                self.for_service.add(line.fund, row, xml2::T_BHTT);
            }
        } else {
            self.services.cost.add(line.cost, row, xml3::THANH_TIEN_BV);
            self.services.insured.add(line.insured, row, xml3::THANH_TIEN_BH);
            self.services.patient.add(line.patient, row, xml3::T_BNTT);
            self.services.shared.add(line.shared, row, xml3::T_BNCCT);
            self.services.others.add(line.others, row, xml3::T_NGUONKHAC);
            if line.for_service {
                self.for_service.add(line.fund, row, xml3::T_BHTT);
            }
            if line.is_supply() {
                self.supplies.add(line.cost, row, xml3::THANH_TIEN_BV);
            }
            self.codes.take(row, line);
            self.operations.take(row, line, &self.codes);
            self.beds.take(row, line);
            self.fees.take(row, line);
        }
        self.lines += 1;
        self.has_ceiling |= line.has_ceiling();
    }

    /// The rows of a part are over, and so is what points to them.
    pub(super) fn end_part(&mut self) {
        self.numbering = Numbering::default();
        self.beds = Beds::default();
        self.fees = Fees::default();
        self.codes.end_part();
    }
}
