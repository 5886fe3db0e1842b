//! What other sources pay is taken from the patient's part, then from the patient's share, then from the fund's
//! (rules.csv, L-07).

use super::amount::Amount;
use super::fields::{xml2, xml3};
use super::function::{Facts, RowRule, Wrong};
use super::line::Line;

const fn rule(part: &'static str, field: usize, judge: fn(&Facts<'_, '_>) -> Option<Wrong>) -> RowRule {
    RowRule { id: "L-07", part, field, judge }
}

pub(super) const RULES: &[RowRule] = &[
    rule("XML2", xml2::T_BNTT, |facts| wrong_at(Payer::Patient, before_for_drug, facts)),
    rule("XML2", xml2::T_BNCCT, |facts| wrong_at(Payer::Share, before_for_drug, facts)),
    rule("XML2", xml2::T_BHTT, |facts| wrong_at(Payer::Fund, before_for_drug, facts)),
    rule("XML3", xml3::T_BNTT, |facts| wrong_at(Payer::Patient, before_for_service, facts)),
    rule("XML3", xml3::T_BNCCT, |facts| wrong_at(Payer::Share, before_for_service, facts)),
    rule("XML3", xml3::T_BHTT, |facts| wrong_at(Payer::Fund, before_for_service, facts)),
];

/// Who pays less when other sources pay, in the order of the deduction.
#[derive(Clone, Copy)]
enum Payer {
    /// `T_BNTT`.
    Patient,
    /// `T_BNCCT`.
    Share,
    /// `T_BHTT`.
    Fund,
}

/// Amounts by [`Payer`].
type Amounts = [Amount; 3];

/// Whether `payer` is the first whose amount is not the one left by the deduction: a row is told of once.
fn wrong_at(payer: Payer, before: fn(&Line) -> Option<Amounts>, facts: &Facts<'_, '_>) -> Option<Wrong> {
    let line = facts.line.filter(|line| line.has_other_sources())?;
    let expected = deducted(before(line)?, line.others?);
    let written = [line.patient?, line.shared?, line.fund?];
    let mut pairs = written.into_iter().zip(expected).enumerate();
    let (first, wrong) = pairs.find_map(|(at, (amount, due))| Some((at, Wrong::unless_near(amount, due)?)))?;
    (first == payer as usize).then_some(wrong)
}

/// The amounts of a drug before other sources pay (L-03 to L-05).
fn before_for_drug(line: &Line) -> Option<Amounts> {
    let (cost, rate) = (line.cost?, line.insured_rate?);
    let patient = Amount::product(&[cost], &[Amount::HUNDRED - rate])?;
    let fund = Amount::product(&[cost], &[rate, line.level?])?;
    Some([patient, (cost - fund - patient).rounded(), fund])
}

/// Those of a service (L-11 to L-13). A ceiling changes them in a way that is not said.
fn before_for_service(line: &Line) -> Option<Amounts> {
    if line.has_ceiling() {
        return None;
    }
    let (cost, insured) = (line.cost?, line.insured?);
    let fund = Amount::product(&[insured], &[line.level?])?;
    Some([(cost - insured).rounded(), (insured - fund).rounded(), fund])
}

/// What is left when `others` was taken off, each amount down to nothing before the next.
fn deducted(mut amounts: Amounts, mut others: Amount) -> Amounts {
    for amount in &mut amounts {
        let taken = others.min(*amount).max(Amount::ZERO);
        *amount = *amount - taken;
        others = others - taken;
    }
    amounts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_payer_is_relieved_before_the_next() {
        let amounts = |numbers: [i64; 3]| numbers.map(Amount::whole);
        for (others, left) in [(40, [10, 30, 120]), (50, [0, 30, 120]), (70, [0, 10, 120]), (300, [0, 0, 0])] {
            assert_eq!(deducted(amounts([50, 30, 120]), Amount::whole(others)), amounts(left), "{others}");
        }
        // A part that is negative already takes nothing.
        assert_eq!(deducted(amounts([-5, 30, 120]), Amount::whole(40)), amounts([-5, 0, 110]));
    }
}
