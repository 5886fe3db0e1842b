//! The rules beyond structure: `schemas/rules.csv`, and what carries them out.
//!
//! A rule of simple shape is a row of `schemas/checks.csv` (`check.rs`); one that takes arithmetic or remembers earlier
//! rows is a small pure function registered by its id (`function.rs` says of what form, `ROW_RULES` and its neighbours
//! list them all). `Run` takes one document through them, row by row and record by record.

mod amount;
mod beds;
mod cards;
mod check;
mod codes;
mod condition;
mod coverage;
mod deductions;
mod exams;
mod fees;
mod fields;
mod function;
mod line;
mod moment;
mod numbering;
mod operations;
mod papers;
mod people;
mod prices;
mod residence;
mod run;
mod services;
mod settings;
mod structure;
mod table;
mod tally;
mod totals;
mod unit_prices;
mod visit;
mod visits;

pub use self::settings::{Settings, SettingsError};
pub use self::structure::{StructureCode, structure_codes};
pub use self::table::{Entry, How};

pub(super) use self::run::Run;

use self::check::Check;
use self::function::{PartRule, RecordRule, RowRule};
use self::residence::Provinces;
use self::table::Rows;
use self::visit::Versions;
use super::part::{PARTS, Part};
use super::reference::ReferenceLists;
use super::row::Slots;
use super::schema::RuleTables;
use super::table::LineFault;

/// Every rule on one row.
const ROW_RULES: &[&[RowRule]] = &[
    prices::RULES,
    services::RULES,
    // The lines of drugs, services, supplies and tests.
    deductions::RULES,
    unit_prices::RULES,
    coverage::RULES,
    operations::RULES,
    codes::RULES,
    // The visit, its papers and the certificates.
    visits::RULES,
    cards::RULES,
    people::RULES,
    residence::RULES,
    papers::RULES,
    exams::RULES,
];
/// Every rule on all rows of a part.
const PART_RULES: &[&[PartRule]] =
    &[numbering::PART_RULES, beds::PART_RULES, fees::PART_RULES, codes::PART_RULES, papers::PART_RULES];
/// Every rule on a whole record.
const RECORD_RULES: &[&[RecordRule]] = &[totals::RULES, visits::RECORD_RULES, papers::RECORD_RULES];

/// Every rule, ready to be carried out. The default has none.
#[derive(Debug, Default)]
pub struct Rules {
    entries: Vec<Entry>,
    /// By part.
    parts: Vec<PartRules>,
    record: Vec<Bound<RecordRule>>,
    provinces: Provinces,
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

/// A check that sleeps, because the list it holds a field against is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asleep<'r> {
    /// The rule it belongs to.
    pub rule: &'r str,
    /// The part it looks at.
    pub part: &'static str,
    /// The field it looks at.
    pub field: &'r str,
    /// The list it waits for: `code-lists/<list>.csv` of the folder of schemas.
    pub list: &'r str,
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
    /// Those of these tables, or the faults of each by its file.
    pub(super) fn read(tables: &RuleTables, lists: &ReferenceLists) -> Result<Self, Vec<(&'static str, LineFault)>> {
        let of_file = |file| move |faults: Vec<LineFault>| faults.into_iter().map(|fault| (file, fault)).collect();
        let entries = table::entries(&tables.rules).map_err(of_file(RuleTables::RULES))?;
        let mut parts: Vec<PartRules> = PARTS.iter().map(PartRules::new).collect();
        let rows = Rows::read(&tables.checks, &["rule", "part", "check", "field"]);
        let rows = rows.map_err(of_file(RuleTables::CHECKS))?;
        let add = |row| check::add(row, &entries, &mut parts, lists).err().map(|what| row.fault(&what));
        let faults: Vec<LineFault> = rows.iter().filter_map(add).collect();
        if !faults.is_empty() {
            return Err(of_file(RuleTables::CHECKS)(faults));
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
        Ok(Self { entries, parts, record, provinces: Provinces::of(lists) })
    }

    /// Every rule, in the order of the table.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The codes whose severity can be changed: of rules, then of structure.
    pub fn changeable(&self) -> Vec<&str> {
        let rules = self.entries.iter().filter(|entry| entry.how.is_carried_out_here());
        let mut codes = Vec::with_capacity(self.entries.len());
        for entry in rules {
            codes.push(entry.id.as_str());
        }
        codes.extend(structure_codes().filter(|known| known.is_changeable).map(|known| known.code));
        codes
    }

    /// The checks that sleep until the list they need is there, part by part.
    pub fn asleep(&self) -> impl Iterator<Item = Asleep<'_>> {
        self.parts.iter().zip(&PARTS).flat_map(|(rules, part)| {
            rules.checks.iter().filter_map(|check| {
                let (rule, list) = (&self.entries.get(check.entry)?.id, check.waits_for()?);
                Some(Asleep { rule, part: part.name, field: rules.names.get(check.field)?, list })
            })
        })
    }

    /// Whether nothing at all of a rule is carried out while lists are missing.
    pub fn is_asleep(&self, rule: &Entry) -> bool {
        let checks = self.parts.iter().flat_map(|rules| &rules.checks);
        let mut own = checks.filter(|check| self.entries.get(check.entry).is_some_and(|entry| entry.id == rule.id));
        let asleep = self.asleep().any(|check| check.rule == rule.id);
        rule.how == How::Check && asleep && own.all(|check| check.waits_for().is_some())
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
