//! The sums of XML1 against the lines of XML2 and XML3 (rules.csv, T-01 to T-10).

use super::amount::Amount;
use super::fields::xml1;
use super::function::{Record, RecordRule, Wrong};
use super::tally::Sum;

const fn rule(id: &'static str, field: usize, judge: fn(&Record<'_>) -> Option<Wrong>) -> RecordRule {
    RecordRule { id, field, judge }
}

pub(super) const RULES: &[RecordRule] = &[
    rule("T-01", xml1::T_THUOC, |record| record.is(xml1::T_THUOC, &[record.tally.drugs.cost])),
    rule("T-02", xml1::T_VTYT, |record| record.is(xml1::T_VTYT, &[record.tally.supplies])),
    rule("T-03", xml1::T_TONGCHI_BV, |record| {
        record.is(xml1::T_TONGCHI_BV, &[record.tally.drugs.cost, record.tally.services.cost])
    }),
    rule("T-04", xml1::T_TONGCHI_BH, |record| {
        record.is(xml1::T_TONGCHI_BH, &[record.tally.drugs.insured, record.tally.services.insured])
    }),
    rule("T-05", xml1::T_BNTT, |record| {
        record.is(xml1::T_BNTT, &[record.tally.drugs.patient, record.tally.services.patient])
    }),
    rule("T-06", xml1::T_BNCCT, |record| {
        record.is(xml1::T_BNCCT, &[record.tally.drugs.shared, record.tally.services.shared])
    }),
    rule("T-07", xml1::T_NGUONKHAC, |record| {
        record.is(xml1::T_NGUONKHAC, &[record.tally.drugs.others, record.tally.services.others])
    }),
    rule("T-08", xml1::T_BHTT, fund_is_the_rest),
    rule("T-09", xml1::T_BHTT_GDV, for_service),
    rule("T-10", xml1::T_TONGCHI_BV, balance),
];

impl Record<'_> {
    /// The number of a field of XML1.
    fn amount(&self, field: usize) -> Option<Amount> {
        self.visit.and_then(|visit| Amount::parse(visit.row.text(field)))
    }

    /// Whether a field of XML1 is the sum of these, to two decimals. Not asked where a line could not be read.
    fn is(&self, field: usize, sums: &[Sum]) -> Option<Wrong> {
        if self.tally.is_broken {
            return None;
        }
        let sum = sums.iter().map(|sum| sum.value()).sum::<Option<Amount>>()?;
        Wrong::unless_agrees(self.amount(field)?, sum)
    }
}

fn fund_is_the_rest(record: &Record<'_>) -> Option<Wrong> {
    // What other sources paid may have reached the share of the fund.
    if record.amount(xml1::T_NGUONKHAC).is_some_and(Amount::is_positive) {
        return None;
    }
    let rest = record.amount(xml1::T_TONGCHI_BH)? - record.amount(xml1::T_BNCCT)?;
    Wrong::unless_agrees(record.amount(xml1::T_BHTT)?, rest)
}

fn for_service(record: &Record<'_>) -> Option<Wrong> {
    let judged = record.visit.filter(|visit| !visit.has_forces_card());
    judged.and_then(|_| record.is(xml1::T_BHTT_GDV, &[record.tally.for_service]))
}

fn balance(record: &Record<'_>) -> Option<Wrong> {
    // A part that could not be read may hold a ceiling, and lines that round.
    if record.tally.has_ceiling || record.tally.is_broken {
        return None;
    }
    let paid = [xml1::T_BHTT, xml1::T_BNCCT, xml1::T_BNTT, xml1::T_NGUONKHAC];
    let paid = paid.into_iter().map(|field| record.amount(field)).sum::<Option<Amount>>()?;
    // Each line rounds three amounts.
    let tolerance = Amount::CENT.times(record.tally.lines.max(1));
    let cost = record.amount(xml1::T_TONGCHI_BV)?;
    if cost.is_within(paid, tolerance) { None } else { Wrong::unless_agrees(cost, paid) }
}
