//! The tables of rules: `schemas/rules.csv`, one row a rule, and `schemas/checks.csv`, one row a simple check.

use std::collections::HashMap;

use crate::document::finding::Severity;
use crate::domain::Bilingual;

/// The table of rules in the binary.
pub(super) const RULES: &str = include_str!("../../../schemas/rules.csv");
/// The table of simple checks in the binary.
pub(super) const CHECKS: &str = include_str!("../../../schemas/checks.csv");

/// One rule.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Stable, such as `T-01`.
    pub id: String,
    /// The parts it looks at, such as `XML1+XML2`.
    pub scope: String,
    /// What it demands, in a sentence.
    pub statement: String,
    /// How severe breaking it is.
    pub severity: Severity,
    /// Where it is written.
    pub source: String,
    /// The versions of the claim family it holds for; empty for all.
    pub versions: Vec<String>,
    /// Who carries it out.
    pub how: How,
    /// Codes of the findings, where they are not the id.
    pub codes: Vec<String>,
    /// Why it is not carried out, or what exactly is.
    pub reason: String,
    /// What is wrong.
    pub message: Bilingual,
    /// What to do.
    pub cure: Bilingual,
}

/// Who carries a rule out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// The XML guard, the reader of envelopes, or the guard of identity.
    Guard,
    /// The schemas.
    Schema,
    /// Rows of `checks.csv`.
    Check,
    /// A function.
    Function,
    /// Nobody.
    None,
}

/// A table that is not of its form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{table}, line {line}: {what}")]
pub struct TableError {
    /// Its name.
    pub table: &'static str,
    /// Line, from 1.
    pub line: u64,
    /// What is wrong.
    pub what: String,
}

/// One row of a table: its values by column.
pub(super) type Row = HashMap<String, String>;
/// A row and the line it stands in.
type Placed = (u64, Row);

// === impl How ===

impl How {
    /// Whether it is a check or a function, whose severity can be set.
    pub fn is_carried_out_here(self) -> bool {
        matches!(self, Self::Check | Self::Function)
    }

    /// The word of the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Guard => "guard",
            Self::Schema => "schema",
            Self::Check => "check",
            Self::Function => "function",
            Self::None => "none",
        }
    }
}

// === impl TableError ===

impl TableError {
    pub(super) fn new(table: &'static str, line: u64, what: String) -> Self {
        Self { table, line, what }
    }
}

/// Reads `rules.csv`.
pub(super) fn entries(text: &str) -> Result<Vec<Entry>, TableError> {
    rows("rules.csv", text)?.into_iter().map(|(line, row)| entry(line, row)).collect()
}

/// Reads `checks.csv`: each row with its line.
pub(super) fn check_rows(text: &str) -> Result<Vec<Placed>, TableError> {
    rows("checks.csv", text)
}

fn entry(line: u64, mut row: Row) -> Result<Entry, TableError> {
    let mut take = |name: &str| row.remove(name).unwrap_or_default();
    let words = |text: String| -> Vec<String> { text.split_whitespace().map(str::to_owned).collect() };
    let wrong = |what: String| TableError::new("rules.csv", line, what);
    let severity = match take("severity").as_str() {
        "error" => Severity::Error,
        // A remark does not stop a document either.
        "warning" | "info" => Severity::Warning,
        other => return Err(wrong(format!("severity {other:?}"))),
    };
    let how = take("how");
    let known = [How::Guard, How::Schema, How::Check, How::Function, How::None];
    let how = known.into_iter().find(|known| known.name() == how).ok_or_else(|| wrong(format!("how {how:?}")))?;
    Ok(Entry {
        id: take("id"),
        scope: take("scope"),
        statement: take("rule"),
        severity,
        source: take("source"),
        versions: words(take("versions")),
        how,
        codes: words(take("codes")),
        reason: take("reason"),
        message: Bilingual::composed(take("message_vi"), take("message_en")),
        cure: Bilingual::composed(take("cure_vi"), take("cure_en")),
    })
}

fn rows(table: &'static str, text: &str) -> Result<Vec<Placed>, TableError> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let wrong = |error: &csv::Error| {
        let line = error.position().map_or(0, csv::Position::line);
        TableError::new(table, line, error.to_string())
    };
    let headers = reader.headers().map_err(|error| wrong(&error))?.clone();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| wrong(&error))?;
        let line = record.position().map_or(0, csv::Position::line);
        let row = headers.iter().zip(record.iter()).map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        rows.push((line, row));
    }
    Ok(rows)
}
