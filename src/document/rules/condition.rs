//! When a check applies: the `when` column of `checks.csv`.

use super::check::Operand;
use super::function::Facts;

/// One condition. All of a check's must hold.
#[derive(Debug)]
pub(super) struct Condition {
    operand: Operand,
    test: Test,
}

#[derive(Debug)]
enum Test {
    Filled,
    Empty,
    OneOf(Vec<Box<str>>),
    NoneOf(Vec<Box<str>>),
    Has(Vec<Box<str>>),
}

impl Condition {
    /// Reads `F=a|b`, `F!=a|b`, `F`, `!F` or `F has a|b`, joined by ` and `; `operand` finds the fields.
    pub(super) fn read_all(
        text: &str,
        mut operand: impl FnMut(&str) -> Result<Operand, String>,
    ) -> Result<Vec<Self>, String> {
        let list = |values: &str| values.split('|').map(|value| value.trim().into()).collect();
        let mut conditions = Vec::new();
        for part in text.split(" and ").map(str::trim).filter(|part| !part.is_empty()) {
            let (field, test) = if let Some((field, values)) = part.split_once("!=") {
                (field, Test::NoneOf(list(values)))
            } else if let Some((field, values)) = part.split_once('=') {
                (field, Test::OneOf(list(values)))
            } else if let Some((field, values)) = part.split_once(" has ") {
                (field, Test::Has(list(values)))
            } else if let Some(field) = part.strip_prefix('!') {
                (field, Test::Empty)
            } else {
                (part, Test::Filled)
            };
            conditions.push(Self { operand: operand(field.trim())?, test });
        }
        Ok(conditions)
    }

    pub(super) fn holds(&self, facts: &Facts<'_, '_>) -> bool {
        let Some(text) = self.operand.text(facts) else { return false };
        let among = |values: &[Box<str>], text: &str| values.iter().any(|value| **value == *text);
        match &self.test {
            Test::Filled => !text.is_empty(),
            Test::Empty => text.is_empty(),
            Test::OneOf(values) => among(values, text),
            Test::NoneOf(values) => !text.is_empty() && !among(values, text),
            Test::Has(values) => text.split(';').any(|item| among(values, item.trim())),
        }
    }
}
