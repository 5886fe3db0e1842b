//! The rules beyond structure: `schemas/rules.csv`, and what carries them out.
//!
//! A rule of simple shape is a row of `schemas/checks.csv` (`check.rs`); one that takes arithmetic or remembers earlier
//! rows is a small pure function registered by its id (`function.rs` says of what form, [`ROW_RULES`] and its neighbours
//! list them all). [`Run`] takes one document through them, row by row and record by record.

mod amount;
mod check;
mod condition;
mod fields;
mod function;
mod line;
mod moment;
mod prices;
mod run;
mod services;
mod settings;
mod table;
mod tally;
mod totals;
mod visit;
mod visits;

pub use self::settings::{Settings, SettingsError};
pub use self::table::{Entry, How, TableError};

pub(super) use self::run::Run;

use self::check::Check;
use self::function::{PartRule, RecordRule, RowRule};
use self::visit::Versions;
use super::part::{PARTS, Part};
use super::row::Slots;

/// Every rule on one row.
const ROW_RULES: &[&[RowRule]] = &[prices::RULES, services::RULES, visits::RULES];
/// Every rule on all rows of a part.
const PART_RULES: &[&[PartRule]] = &[];
/// Every rule on a whole record.
const RECORD_RULES: &[&[RecordRule]] = &[totals::RULES, visits::RECORD_RULES];

/// Every rule, ready to be carried out.
#[derive(Debug)]
pub struct Rules {
    entries: Vec<Entry>,
    /// By part.
    parts: Vec<PartRules>,
    record: Vec<Bound<RecordRule>>,
}

/// The rules on the rows of one part.
#[derive(Debug, Default)]
struct PartRules {
    /// The fields they need, by slot.
    names: Vec<Box<str>>,
    checks: Vec<Check>,
    functions: Vec<Bound<RowRule>>,
    at_end: Vec<Bound<PartRule>>,
}

/// A function and the row of the table it carries out.
#[derive(Debug)]
struct Bound<R: 'static> {
    entry: usize,
    versions: Versions,
    rule: &'static R,
}

// === impl Rules ===

impl Rules {
    /// Those in the binary.
    pub fn embedded() -> Self {
        // A test holds the tables in the binary to their form.
        Self::read(table::RULES, table::CHECKS, &|_| None).unwrap_or_else(|_| Self::none())
    }

    /// Those of these tables.
    pub(super) fn read(rules: &str, checks: &str, lists: check::Lists<'_>) -> Result<Self, TableError> {
        let entries = table::entries(rules)?;
        let mut parts: Vec<PartRules> = PARTS.iter().map(PartRules::new).collect();
        for (line, row) in table::check_rows(checks)? {
            check::add(&row, &entries, &mut parts, lists).map_err(|what| TableError::new("checks.csv", line, what))?;
        }
        for rule in ROW_RULES.iter().flat_map(|rules| rules.iter()) {
            if let (Some(rules), Some(bound)) = (of_part(&mut parts, rule.part), bind(&entries, rule.id, rule)) {
                rules.functions.push(bound);
            }
        }
        for rule in PART_RULES.iter().flat_map(|rules| rules.iter()) {
            if let (Some(rules), Some(bound)) = (of_part(&mut parts, rule.part), bind(&entries, rule.id, rule)) {
                rules.at_end.push(bound);
            }
        }
        let record = RECORD_RULES.iter().flat_map(|rules| rules.iter());
        let record = record.filter_map(|rule| bind(&entries, rule.id, rule)).collect();
        Ok(Self { entries, parts, record })
    }

    fn none() -> Self {
        Self { entries: Vec::new(), parts: PARTS.iter().map(PartRules::new).collect(), record: Vec::new() }
    }

    /// Every rule, in the order of the table.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The fields of a part that must be kept while a row is read.
    pub(super) fn slots(&self, part: &Part) -> Slots {
        Slots::new(self.parts.get(part.index).map(|rules| rules.names.clone()).unwrap_or_default())
    }

    fn of(&self, part: &Part) -> Option<&PartRules> {
        self.parts.get(part.index)
    }
}

fn of_part<'x>(parts: &'x mut [PartRules], name: &str) -> Option<&'x mut PartRules> {
    parts.get_mut(super::part::named(name)?.index)
}

/// Ties a function to its row of the table; without one it is not carried out.
fn bind<R>(entries: &[Entry], id: &str, rule: &'static R) -> Option<Bound<R>> {
    let at = entries.iter().position(|entry| entry.id == id)?;
    let versions = Versions::of(&entries.get(at)?.versions);
    Some(Bound { entry: at, versions, rule })
}

// === impl PartRules ===

impl PartRules {
    /// The fields that functions name come first, where they expect them.
    fn new(part: &Part) -> Self {
        let mut rules = Self::default();
        for name in fields::names(part.name).iter().chain(part.identity) {
            rules.slot(name);
        }
        rules
    }

    /// The slot of a field, made if there is none yet.
    fn slot(&mut self, name: &str) -> usize {
        self.names.iter().position(|known| **known == *name).unwrap_or_else(|| {
            self.names.push(name.into());
            self.names.len() - 1
        })
    }
}

#[cfg(test)]
mod tests;
