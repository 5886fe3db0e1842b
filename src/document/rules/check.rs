//! Checks of simple shape: the rows of `checks.csv`, made ready once.

use std::cmp::Ordering;

use unicode_normalization::UnicodeNormalization;

use super::amount::Amount;
use super::condition::Condition;
use super::function::Facts;
use super::moment::Moment;
use super::table::{Entry, How, RowOf};
use super::visit::Versions;
use super::{PartRules, fields};
use crate::document::mask;
use crate::document::part::{self, Part};
use crate::document::reference::{List, ReferenceLists};
use crate::document::schema::Pattern;

/// One check of one field.
#[derive(Debug)]
pub(super) struct Check {
    pub(super) entry: usize,
    pub(super) field: usize,
    pub(super) versions: Versions,
    when: Vec<Condition>,
    test: Test,
}

/// A field of the row, or of the record's XML1.
#[derive(Clone, Copy, Debug)]
pub(super) enum Operand {
    Here(usize),
    Visit(usize),
}

/// What must hold. All but the first two pass where the field, or what it is compared with, is empty or not of its form:
/// that is said by others.
#[derive(Debug)]
enum Test {
    Filled,
    Empty,
    OneOf(Vec<Box<str>>),
    Form(Pattern),
    EachForm(Pattern),
    EachMost(usize),
    SameCount(Vec<Operand>),
    /// Codes of a reference list.
    EachIn(List),
    /// Codes of a reference list that is not there, by its name: nothing is demanded.
    Asleep(Box<str>),
    AtLeast(Amount),
    AtMost(Amount),
    /// The orders that are wrong.
    Compared(Operand, &'static [Ordering]),
    SameDay(Operand),
    InStay,
    NotFuture,
    Equals(Operand),
    Differs(Operand),
}

/// Reads one row and adds it to the rules of its part.
pub(super) fn add(
    row: RowOf<'_>,
    entries: &[Entry],
    parts: &mut [PartRules],
    lists: &ReferenceLists,
) -> Result<(), String> {
    let column = |name: &str| row.cell(name);
    let rule = column("rule");
    let entry = entries.iter().position(|entry| entry.id == rule).ok_or_else(|| format!("no rule {rule:?}"))?;
    let known = entries.get(entry).ok_or("no entry")?;
    if !matches!(known.how, How::Check | How::Function) {
        return Err(format!("rule {rule} is not carried out by checks"));
    }
    let visit = part::named("XML1").ok_or("no XML1")?;
    let part = part::named(column("part")).ok_or_else(|| format!("no part {:?}", column("part")))?;
    let mut slot = |part: &Part, name: &str| {
        let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let rules = parts.get_mut(part.index).filter(|_| plain);
        rules.map(|rules| rules.slot(name)).ok_or_else(|| format!("no field {name:?}"))
    };
    let mut operand = |name: &str| match name.strip_prefix("XML1.") {
        Some(field) if part.name != "XML1" => slot(visit, field).map(Operand::Visit),
        field => slot(part, field.unwrap_or(name)).map(Operand::Here),
    };
    let Operand::Here(field) = operand(column("field"))? else { return Err("the field is the row's own".to_owned()) };
    let when = Condition::read_all(column("when"), &mut operand)?;
    let test = Test::read(column("check"), column("argument"), &mut operand, lists)?;
    let versions = Versions::of(&known.versions);
    let check = Check { entry, field, versions, when, test };
    parts.get_mut(part.index).ok_or("no part")?.checks.push(check);
    Ok(())
}

// === impl Operand ===

impl Operand {
    /// The text of the field, without blanks around it; `None` if the record has no XML1 to ask.
    pub(super) fn text<'x>(self, facts: &Facts<'x, '_>) -> Option<&'x str> {
        match self {
            Self::Here(slot) => Some(facts.row.text(slot)),
            Self::Visit(slot) => facts.visit.map(|visit| visit.row.text(slot)),
        }
    }
}

// === impl Check ===

impl Check {
    /// Whether the check is broken.
    pub(super) fn is_broken(&self, facts: &Facts<'_, '_>) -> bool {
        self.when.iter().all(|condition| condition.holds(facts)) && !self.test.holds(facts.row.text(self.field), facts)
    }

    /// The list it waits for, if that is not there.
    pub(super) fn waits_for(&self) -> Option<&str> {
        match &self.test {
            Test::Asleep(list) => Some(list),
            _ => None,
        }
    }

    /// What of the value may be shown: dates that are no birth dates, numbers, and short codes.
    pub(super) fn shown(&self, facts: &Facts<'_, '_>) -> String {
        let text = facts.row.text(self.field);
        match &self.test {
            Test::Compared(..) | Test::SameDay(_) | Test::InStay | Test::NotFuture
                if !facts.row.name(self.field).contains("SINH") =>
            {
                // An identity number of twelve digits may stand here, but none is a time of our centuries.
                let time = Moment::parse(text).filter(Moment::is_of_our_time);
                time.map_or_else(String::new, |_| text.to_owned())
            }
            // So may one of nine.
            Test::AtLeast(_) | Test::AtMost(_) if text.len() <= 6 => {
                Amount::parse(text).map_or_else(String::new, |_| text.to_owned())
            }
            Test::OneOf(_) | Test::EachIn(_) => mask::code(text, 4),
            _ => String::new(),
        }
    }
}

// === impl Test ===

impl Test {
    fn read(
        name: &str,
        argument: &str,
        mut operand: impl FnMut(&str) -> Result<Operand, String>,
        lists: &ReferenceLists,
    ) -> Result<Self, String> {
        let number = || argument.parse::<usize>().map_err(|_| format!("no number: {argument:?}"));
        let amount = || Amount::parse(argument).ok_or_else(|| format!("no number: {argument:?}"));
        let pattern = || Pattern::compile(&[argument]).map_err(|unknown| unknown.0);
        Ok(match name {
            "filled" => Self::Filled,
            "empty" => Self::Empty,
            "one-of" => Self::OneOf(argument.split_whitespace().map(Into::into).collect()),
            "form" => Self::Form(pattern()?),
            "each-form" => Self::EachForm(pattern()?),
            "each-most" => Self::EachMost(number()?),
            "same-count" => Self::SameCount(argument.split_whitespace().map(operand).collect::<Result<_, _>>()?),
            "each-in" => match lists.get(argument) {
                Some(list) => Self::EachIn(list.clone()),
                None => Self::Asleep(argument.into()),
            },
            "at-least" => Self::AtLeast(amount()?),
            "at-most" => Self::AtMost(amount()?),
            "not-before" => Self::Compared(operand(argument)?, &[Ordering::Less]),
            "not-after" => Self::Compared(operand(argument)?, &[Ordering::Greater]),
            "after" => Self::Compared(operand(argument)?, &[Ordering::Less, Ordering::Equal]),
            "same-day" => Self::SameDay(operand(argument)?),
            "in-stay" => Self::InStay,
            "not-future" => Self::NotFuture,
            "equals" => Self::Equals(operand(argument)?),
            "differs" => Self::Differs(operand(argument)?),
            _ => return Err(format!("no check {name:?}")),
        })
    }

    fn holds(&self, text: &str, facts: &Facts<'_, '_>) -> bool {
        match self {
            Self::Filled => return !text.is_empty(),
            Self::Empty => return text.is_empty(),
            _ if text.is_empty() => return true,
            _ => {}
        }
        let other = |operand: Operand| operand.text(facts).filter(|text| !text.is_empty());
        let items = || text.split(';').map(str::trim);
        match self {
            Self::Filled | Self::Empty | Self::Asleep(_) => true,
            Self::OneOf(values) => values.iter().any(|value| **value == *text),
            Self::Form(pattern) => pattern.matches(text),
            Self::EachForm(pattern) => items().all(|item| pattern.matches(item)),
            Self::EachMost(most) => items().count() <= *most,
            Self::SameCount(operands) => {
                let count = items().count();
                operands.iter().all(|operand| other(*operand).is_none_or(|text| text.split(';').count() == count))
            }
            Self::EachIn(list) => items().all(|item| list.contains(item)),
            Self::AtLeast(least) => Amount::parse(text).is_none_or(|amount| amount >= *least),
            Self::AtMost(most) => Amount::parse(text).is_none_or(|amount| amount <= *most),
            Self::Compared(operand, wrong) => {
                let order = compare(text, other(*operand));
                order.is_none_or(|order| !wrong.contains(&order))
            }
            Self::SameDay(operand) => {
                let pair = Moment::parse(text).zip(other(*operand).and_then(Moment::parse));
                pair.is_none_or(|(one, other)| one.same_day(&other))
            }
            Self::InStay => facts.visit.is_none_or(|visit| {
                let from = compare(text, Some(visit.row.text(fields::xml1::NGAY_VAO)));
                let to = compare(text, Some(visit.row.text(fields::xml1::NGAY_RA)));
                from != Some(Ordering::Less) && to != Some(Ordering::Greater)
            }),
            Self::NotFuture => Moment::parse(text).is_none_or(|moment| moment.day_number() <= facts.today),
            Self::Equals(operand) => other(*operand).is_none_or(|other| other == text || are_alike(text, other)),
            Self::Differs(operand) => other(*operand).is_none_or(|other| other != text),
        }
    }
}

/// Whether two texts say the same: equal but for case, blanks and the form of Unicode; of lists, one item in common.
fn are_alike(one: &str, other: &str) -> bool {
    let folded = |text: &str| -> Vec<String> {
        let words = |item: &str| item.split_whitespace().collect::<Vec<_>>().join(" ");
        text.split(';').map(|item| words(item).nfc().collect::<String>().to_uppercase()).collect()
    };
    let (one, other) = (folded(one), folded(other));
    one.iter().any(|item| other.contains(item))
}

fn compare(one: &str, other: Option<&str>) -> Option<Ordering> {
    Some(Moment::parse(one)?.compare(&Moment::parse(other?)?))
}
