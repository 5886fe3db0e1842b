//! Rules on driver health exams (rules.csv, EDOC-16 and EDOC-18). What was signed is compared where it is decoded.

use std::cmp::Ordering;

use super::fields::exam;
use super::function::{Facts, RowRule, Wrong};
use super::moment::{Moment, days_between};

const fn exam(id: &'static str, field: usize, judge: fn(&Facts<'_, '_>) -> Option<Wrong>) -> RowRule {
    RowRule { id, part: "GKSK", field, judge }
}

pub(super) const RULES: &[RowRule] = &[
    exam("EDOC-16", exam::NGAYKHAMLAI, |facts| {
        let (again, concluded) = (day(facts, exam::NGAYKHAMLAI)?, day(facts, exam::NGAYKETLUAN)?);
        Wrong::unless(again.compare(&concluded) == Ordering::Greater)
    }),
    exam("EDOC-18", exam::NGAYKETLUAN, |facts| {
        let today = Moment::parse(&facts.today.to_string())?;
        let late = days_between(&day(facts, exam::NGAYKETLUAN)?, &today)? >= 2;
        Wrong::unless(!late || facts.row.text(exam::STATE) != "ADD")
    }),
];

/// A real dd/MM/yyyy.
fn day(facts: &Facts<'_, '_>, slot: usize) -> Option<Moment> {
    let text = facts.row.text(slot);
    Moment::parse(text).filter(|day| text.contains('/') && day.date().is_some())
}
