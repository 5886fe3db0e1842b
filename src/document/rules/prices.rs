//! The amounts of one line of XML2 or XML3, each from the others of that line (rules.csv, L-01 to L-13).

use super::amount::Amount;
use super::fields::{xml2, xml3};
use super::function::{Facts, RowRule, Wrong};
use super::line::Line;

const fn drug(id: &'static str, field: usize, judge: fn(&Facts<'_, '_>) -> Option<Wrong>) -> RowRule {
    RowRule { id, part: "XML2", field, judge }
}

const fn service(id: &'static str, field: usize, judge: fn(&Facts<'_, '_>) -> Option<Wrong>) -> RowRule {
    RowRule { id, part: "XML3", field, judge }
}

pub(super) const RULES: &[RowRule] = &[
    drug("L-01", xml2::THANH_TIEN_BV, |facts| {
        let Line { quantity, price, cost, .. } = facts.line?;
        Wrong::unless_near((*cost)?, Amount::product(&[(*quantity)?, (*price)?], &[])?)
    }),
    drug("L-02", xml2::THANH_TIEN_BH, |facts| {
        let Line { quantity, price, insured_rate, insured, .. } = facts.line?;
        Wrong::unless_near((*insured)?, Amount::product(&[(*quantity)?, (*price)?], &[(*insured_rate)?])?)
    }),
    drug("L-03", xml2::T_BHTT, |facts| {
        let line = before_other_sources(facts)?;
        Wrong::unless_near(line.fund?, Amount::product(&[line.cost?], &[line.insured_rate?, line.level?])?)
    }),
    drug("L-04", xml2::T_BNTT, |facts| {
        let line = before_other_sources(facts)?;
        Wrong::unless_near(line.patient?, Amount::product(&[line.cost?], &[Amount::HUNDRED - line.insured_rate?])?)
    }),
    drug("L-05", xml2::T_BNCCT, |facts| {
        let line = before_other_sources(facts)?;
        Wrong::unless_near(line.shared?, line.cost? - line.fund? - line.patient?)
    }),
    drug("L-06", xml2::T_NGUONKHAC, sources_add_up),
    service("L-06", xml3::T_NGUONKHAC, sources_add_up),
    service("L-08", xml3::THANH_TIEN_BV, cost_of_service),
    service("L-10", xml3::THANH_TIEN_BH, |facts| {
        let line = facts.line?;
        let rates = [line.service_rate?, line.insured_rate?];
        Wrong::unless_near(line.insured?, Amount::product(&[line.quantity?, line.insured_price?], &rates)?)
    }),
    service("L-11", xml3::T_BHTT, |facts| {
        let line = without_ceiling(facts)?;
        Wrong::unless_near(line.fund?, Amount::product(&[line.insured?], &[line.level?])?)
    }),
    service("L-12", xml3::T_BNCCT, |facts| {
        let line = without_ceiling(facts)?;
        Wrong::unless_near(line.shared?, line.insured? - line.fund?)
    }),
    service("L-13", xml3::T_BNTT, |facts| {
        let line = without_ceiling(facts)?;
        Wrong::unless_near(line.patient?, line.cost? - line.insured?)
    }),
];

/// The line, if nobody but patient and fund pays for it: else the amounts are those after a deduction (L-07).
fn before_other_sources<'x>(facts: &Facts<'x, '_>) -> Option<&'x Line> {
    facts.line.filter(|line| !line.has_other_sources())
}

/// The same, if no ceiling holds for the line either (L-14).
fn without_ceiling<'x>(facts: &Facts<'x, '_>) -> Option<&'x Line> {
    before_other_sources(facts).filter(|line| !line.has_ceiling())
}

fn sources_add_up(facts: &Facts<'_, '_>) -> Option<Wrong> {
    let line = facts.line?;
    let (others, sources) = (line.others?, line.sources?);
    (others != sources).then_some(Wrong { expected: Some(sources), ..Wrong::default() })
}

/// The facility may waive what the fund's rate takes off its own price, or not (L-09): both are right.
fn cost_of_service(facts: &Facts<'_, '_>) -> Option<Wrong> {
    let line = facts.line?;
    let (quantity, price, rate, cost) = (line.quantity?, line.price?, line.service_rate?, line.cost?);
    let wrong = Wrong::unless_near(cost, Amount::product(&[quantity, price], &[rate])?)?;
    let surcharged = line.insured_price.and_then(|insured| {
        let taken_off = Amount::product(&[quantity, insured], &[Amount::HUNDRED - rate])?;
        Some(Amount::product(&[quantity, price], &[])? - taken_off)
    });
    let waived = surcharged.is_some_and(|surcharged| cost.is_within(surcharged, Amount::CENT));
    if waived { None } else { Some(wrong) }
}
