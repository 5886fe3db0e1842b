//! The unit prices of services and supplies (rules.csv, L-14 to L-16).

use super::amount::Amount;
use super::fields::xml3;
use super::function::{Facts, RowRule, Wrong};
use super::line::Line;

const fn service(id: &'static str, field: usize, judge: fn(&Facts<'_, '_>) -> Option<Wrong>) -> RowRule {
    RowRule { id, part: "XML3", field, judge }
}

pub(super) const RULES: &[RowRule] = &[
    service("L-14", xml3::DON_GIA_BH, |facts| {
        let line = with_ceiling(facts)?;
        let (price, due) = (line.insured_price?, line.price?.min(line.ceiling?));
        (!price.is_within(due, Amount::THOUSANDTH)).then_some(Wrong { expected: Some(due), but_for: None })
    }),
    service("L-14", xml3::T_BHTT, |facts| {
        let line = with_ceiling(facts)?;
        // Whether the ceiling of several pieces is that of each is not said.
        let one_piece = line.quantity? <= Amount::whole(1);
        Wrong::unless(!one_piece || line.fund? <= line.ceiling?)
    }),
    service("L-15", xml3::DON_GIA_BV, |facts| {
        let line = facts.line?;
        Wrong::unless(facts.row.text(xml3::TAI_SU_DUNG) != "1" || line.price? == line.insured_price?)
    }),
    service("L-16", xml3::DON_GIA_BV, |facts| {
        Wrong::unless(Suffix::of(facts)? != Suffix::Stopped || facts.line?.price? == Amount::ZERO)
    }),
    service("L-16", xml3::DON_GIA_BH, |facts| {
        let _priceless = Suffix::of(facts)?;
        Wrong::unless(facts.line?.insured_price? == Amount::ZERO)
    }),
];

/// The line, if it is a supply with a ceiling.
fn with_ceiling<'x>(facts: &Facts<'x, '_>) -> Option<&'x Line> {
    facts.line.filter(|line| line.is_supply() && line.has_ceiling())
}

/// The end of a code of a service for which nothing is paid on its own.
#[derive(PartialEq, Eq)]
enum Suffix {
    /// `.0000`: the fund has set no price.
    Unpriced,
    /// `_TB`, `_TT`: stopped, or under local anaesthesia without a price of its own.
    Stopped,
}

impl Suffix {
    /// That of the line's service. A supply names the service it was used for, and has a price of its own.
    fn of(facts: &Facts<'_, '_>) -> Option<Self> {
        let code = facts.row.text(xml3::MA_DICH_VU);
        if facts.line?.is_supply() || !facts.row.text(xml3::MA_VAT_TU).is_empty() {
            None
        } else if code.ends_with("_TB") || code.ends_with("_TT") {
            Some(Self::Stopped)
        } else {
            // With the point: `VC.` and `.K.` are followed by the code of a facility, which may end in zeros.
            code.ends_with(".0000").then_some(Self::Unpriced)
        }
    }
}
