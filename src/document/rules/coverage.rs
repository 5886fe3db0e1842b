//! What is covered, and to which level, by the cards of the visit (rules.csv, L-19 and L-20).

use super::amount::Amount;
use super::fields::{xml1, xml2, xml3};
use super::function::{Facts, RowRule, Wrong};

const fn rule(
    id: &'static str,
    part: &'static str,
    field: usize,
    judge: fn(&Facts<'_, '_>) -> Option<Wrong>,
) -> RowRule {
    RowRule { id, part, field, judge }
}

pub(super) const RULES: &[RowRule] = &[
    rule("L-19", "XML2", xml2::MUC_HUONG, |facts| level_is_of_a_card(facts, xml2::PHAM_VI)),
    rule("L-19", "XML3", xml3::MUC_HUONG, |facts| level_is_of_a_card(facts, xml3::PHAM_VI)),
    rule("L-20", "XML2", xml2::PHAM_VI, |facts| beyond_the_list(facts, xml2::PHAM_VI)),
    rule("L-20", "XML3", xml3::PHAM_VI, |facts| beyond_the_list(facts, xml3::PHAM_VI)),
];

/// The `MA_DOITUONG_KCB` for which the level of the card holds as it is.
const CARD_LEVEL: [&str; 5] = ["1.1", "1.3", "1.4", "1.5", "2"];

/// `scope` is the slot of `PHAM_VI`.
fn level_is_of_a_card(facts: &Facts<'_, '_>, scope: usize) -> Option<Wrong> {
    let (line, visit) = (facts.line?, facts.visit?);
    let is_covered = facts.row.text(scope) == "1" && line.insured_rate?.is_positive();
    let level = line.level?;
    // 100 is due as well where no co-payment is, and nothing is said of 0.
    let is_free = level == Amount::HUNDRED || level == Amount::ZERO;
    if !is_covered || is_free || !CARD_LEVEL.contains(&visit.row.text(xml1::MA_DOITUONG_KCB)) {
        return None;
    }
    let mut is_of_a_card = false;
    for card in visit.cards() {
        is_of_a_card |= level_of(card)? == level;
    }
    Wrong::unless(is_of_a_card)
}

/// The level of a card, percent; `None` if it is not of its form, which X1-06 reports.
fn level_of(card: &str) -> Option<Amount> {
    let [group @ .., digit] = card.as_bytes().get(..3)? else { return None };
    let number = card.as_bytes().get(3..)?;
    let is_card =
        group.iter().all(u8::is_ascii_uppercase) && number.len() == 12 && number.iter().all(u8::is_ascii_digit);
    let level = match digit {
        b'1' | b'2' | b'5' => 100,
        b'3' => 95,
        b'4' => 80,
        _ => return None,
    };
    is_card.then_some(Amount::whole(level))
}

/// Only cards of the armed forces cover what is not on the common list.
fn beyond_the_list(facts: &Facts<'_, '_>, scope: usize) -> Option<Wrong> {
    let visit = facts.visit.filter(|visit| !visit.row.text(xml1::MA_THE_BHYT).is_empty())?;
    Wrong::unless(facts.row.text(scope) != "3" || visit.has_forces_card())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_third_character_of_a_card_is_its_level() {
        for (card, level) in [("TE1", 100), ("HN2", 100), ("HT3", 95), ("GD4", 80), ("CA5", 100)] {
            assert_eq!(level_of(&format!("{card}010199999999")), Some(Amount::whole(level)), "{card}");
        }
        for card in ["", "GD", "GD4", "GD6010199999999", "gd4010199999999", "GD40101999999991", "GD401019999999x"] {
            assert_eq!(level_of(card), None, "{card}");
        }
    }
}
