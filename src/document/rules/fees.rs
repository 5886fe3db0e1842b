//! The rates of the examination fees of one visit (rules.csv, L-21).

use std::collections::HashMap;

use super::amount::Amount;
use super::fields::xml3;
use super::function::PartRule;
use super::line::Line;
use super::moment::Moment;
use super::services::is_examination;
use super::tally::RowReference;
use crate::document::row::Row;

pub(super) const PART_RULES: &[PartRule] = &[PartRule {
    id: "L-21",
    part: "XML3",
    field: xml3::TYLE_TT_DV,
    judge: |record| record.tally.fees.beyond_their_order(),
}];

/// The fees for examinations of XML3 for which the fund has a price.
#[derive(Debug, Default)]
pub(super) struct Fees {
    list: Vec<Fee>,
}

#[derive(Debug)]
struct Fee {
    /// yyyymmdd: what stands on one day is certainly of one visit.
    day: u32,
    price: Amount,
    rate: Amount,
    row: RowReference,
}

/// How many of one day have each rate that is limited.
#[derive(Default)]
struct Counted {
    in_full: u32,
    at_30: u32,
    at_10: u32,
}

// === impl Fees ===

impl Fees {
    /// Takes a line of XML3.
    pub(super) fn take(&mut self, row: &Row<'_, '_>, line: &Line) {
        if let Some(fee) = Fee::read(row, line) {
            self.list.push(fee);
        }
    }

    fn beyond_their_order(&self) -> Vec<RowReference> {
        let mut highest: HashMap<u32, Amount> = HashMap::new();
        for fee in &self.list {
            let price = highest.entry(fee.day).or_default();
            *price = fee.price.max(*price);
        }
        let mut counted: HashMap<u32, Counted> = HashMap::new();
        let mut wrong = Vec::new();
        for fee in &self.list {
            let is_reduced = highest.get(&fee.day).is_some_and(|highest| fee.price < *highest);
            if !counted.entry(fee.day).or_default().admit(fee.rate.to_whole(), is_reduced) {
                wrong.push(fee.row);
            }
        }
        wrong
    }
}

impl Fee {
    fn read(row: &Row<'_, '_>, line: &Line) -> Option<Self> {
        let price = line.insured_price.filter(|price| price.is_positive())?;
        if !is_examination(row, line) {
            return None;
        }
        let day = Moment::parse(row.text(xml3::NGAY_YL))?.day_number();
        Some(Self { day, price, rate: line.service_rate?, row: RowReference::of(row, xml3::TYLE_TT_DV) })
    }
}

impl Counted {
    /// Counts one more, and says whether it may have this rate.
    fn admit(&mut self, rate: Option<i64>, is_reduced: bool) -> bool {
        let (count, most) = match rate {
            // Some facilities reduce the price in place of the rate.
            Some(100) if is_reduced => return true,
            Some(100) => (&mut self.in_full, 1),
            Some(30) => (&mut self.at_30, 3),
            Some(10) => (&mut self.at_10, 1),
            rate => return rate == Some(0),
        };
        *count += 1;
        *count <= most
    }
}
