//! Rules on the insurance cards of a visit and the route the patient came by (rules.csv, X1-05, X1-07 and X1-22).

use super::fields::xml1;
use super::function::{Facts, RowRule, Wrong};
use super::moment::Moment;

const fn visit(id: &'static str, field: usize, judge: fn(&Facts<'_, '_>) -> Option<Wrong>) -> RowRule {
    RowRule { id, part: "XML1", field, judge }
}

pub(super) const RULES: &[RowRule] = &[
    visit("X1-05", xml1::GT_THE_DEN, |facts| {
        let blank = facts.row.text(xml1::GT_THE_DEN).is_empty();
        let mut cards = items(facts.row.text(xml1::MA_THE_BHYT));
        Wrong::unless(!blank || cards.all(|card| card.is_empty() || is_of_forces(card)))
    }),
    visit("X1-07", xml1::GT_THE_DEN, covers_admission),
    visit("X1-22", xml1::MA_DOITUONG_KCB, |facts| {
        let (registered, here) = (facts.row.text(xml1::MA_DKBD), facts.row.text(xml1::MA_CSKCB));
        if registered.is_empty() || here.is_empty() {
            return None;
        }
        let mut registered = items(registered);
        match facts.row.text(xml1::MA_DOITUONG_KCB) {
            // 000 stands for every facility of the province, on cards given for the time being.
            "1.1" => Wrong::unless(registered.any(|code| code == here || code.ends_with("000"))),
            "1.3" => Wrong::unless(!facts.row.text(xml1::MA_NOI_DI).is_empty()),
            "3.1" | "3.2" | "3.3" | "3.6" => Wrong::unless(!registered.all(|code| code == here)),
            _ => None,
        }
    }),
];

/// Whether a card is one of the armed forces (CA, CY, QN), which are not looked up everywhere.
pub(super) fn is_of_forces(card: &str) -> bool {
    ["CA", "CY", "QN"].iter().any(|prefix| card.trim_start().starts_with(prefix))
}

fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(';').map(str::trim)
}

/// Whether a card was valid on a day of the stay, and the cards stand in the order in which they began.
fn covers_admission(facts: &Facts<'_, '_>) -> Option<Wrong> {
    let text = |slot| facts.row.text(slot);
    let (cards, from, to) = (text(xml1::MA_THE_BHYT), text(xml1::GT_THE_TU), text(xml1::GT_THE_DEN));
    // Not a visit the insurance pays for.
    if cards.is_empty() || text(xml1::MA_DOITUONG_KCB) == "9" {
        return None;
    }
    let count = items(cards).count();
    if items(from).count() != count || items(to).count() != count {
        return None;
    }
    let admitted = Moment::parse(text(xml1::NGAY_VAO))?;
    admitted.date()?;
    // A card may begin during a stay.
    let left = Moment::parse(text(xml1::NGAY_RA)).filter(|left| left.date().is_some()).unwrap_or(admitted);
    let last_day = left.day_number().max(admitted.day_number());
    let (mut covered, mut ordered, mut begun) = (false, true, 0);
    for (from, to) in items(from).zip(items(to)) {
        let (from, to) = (day(from)?, day(to)?);
        covered |= from <= last_day && admitted.day_number() <= to;
        ordered &= from >= begun;
        begun = from;
    }
    Wrong::unless(covered && ordered)
}

/// A real yyyymmdd.
fn day(text: &str) -> Option<u32> {
    let day = Moment::parse(text).filter(|_| text.len() == 8)?;
    day.date().map(|_| day.day_number())
}
