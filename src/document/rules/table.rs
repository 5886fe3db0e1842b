//! The tables of rules: `schemas/rules.csv`, one row a rule, and `schemas/checks.csv`, one row a simple check.

use crate::document::finding::Severity;
use crate::document::table::{LineFault, Row, Table};
use crate::domain::Bilingual;

const COLUMNS: [&str; 8] = ["id", "severity", "how", "message_vi", "message_en", "cure_vi", "cure_en", "versions"];

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

/// A table of rules as it was read.
pub(super) struct Rows(Table);

/// One row of it.
#[derive(Clone, Copy)]
pub(super) struct RowOf<'t> {
    table: &'t Table,
    row: &'t Row,
}

// === impl Rows ===

impl Rows {
    /// Reads a table that must have these columns.
    pub(super) fn read(text: &str, columns: &[&str]) -> Result<Self, Vec<LineFault>> {
        let table = Table::read(text)?;
        let missing = table.missing(columns);
        if missing.is_empty() { Ok(Self(table)) } else { Err(missing) }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = RowOf<'_>> {
        self.0.rows.iter().map(|row| RowOf { table: &self.0, row })
    }
}

// === impl RowOf ===

impl<'t> RowOf<'t> {
    /// The cell of a column; empty if there is no such column.
    pub(super) fn cell(self, column: &str) -> &'t str {
        self.table.cell(self.row, column)
    }

    /// A fault of this row.
    pub(super) fn fault(self, what: &str) -> LineFault {
        LineFault::new(
            self.row.line,
            Bilingual::composed(format!("dòng không dùng được: {what}"), format!("the row is not understood: {what}")),
            Bilingual::fixed(
                "Viết như bảng của `lienthong schema export`; schemas/README.md giải thích từng cột.",
                "Write it as in the table of `lienthong schema export`; schemas/README.md explains each column.",
            ),
        )
    }
}

/// Reads `rules.csv`.
pub(super) fn entries(text: &str) -> Result<Vec<Entry>, Vec<LineFault>> {
    let rows = Rows::read(text, &COLUMNS)?;
    let mut faults = Vec::new();
    let mut entries: Vec<Entry> = Vec::new();
    for row in rows.iter() {
        match entry(row) {
            Ok(entry) if entries.iter().any(|other| other.id == entry.id) => faults.push(row.fault("id ×2")),
            Ok(entry) => entries.push(entry),
            Err(fault) => faults.push(fault),
        }
    }
    if faults.is_empty() { Ok(entries) } else { Err(faults) }
}

fn entry(row: RowOf<'_>) -> Result<Entry, LineFault> {
    let text = |name: &str| row.cell(name).to_owned();
    let words = |name: &str| row.cell(name).split_whitespace().map(str::to_owned).collect();
    let both = |vi: &str, en: &str| Bilingual::composed(text(vi), text(en));
    let severity = match row.cell("severity") {
        "error" => Severity::Error,
        // A remark does not stop a document either.
        "warning" | "info" => Severity::Warning,
        other => return Err(row.fault(&format!("severity {other:?}"))),
    };
    let known = [How::Guard, How::Schema, How::Check, How::Function, How::None];
    let how = known.into_iter().find(|known| known.name() == row.cell("how"));
    let how = how.ok_or_else(|| row.fault(&format!("how {:?}", row.cell("how"))))?;
    let entry = Entry {
        id: text("id"),
        scope: text("scope"),
        statement: text("rule"),
        severity,
        source: text("source"),
        versions: words("versions"),
        how,
        codes: words("codes"),
        reason: text("reason"),
        message: both("message_vi", "message_en"),
        cure: both("cure_vi", "cure_en"),
    };
    let words = [&entry.message.vi, &entry.message.en, &entry.cure.vi, &entry.cure.en];
    let speechless = how.is_carried_out_here() && words.iter().any(|words| words.is_empty());
    // Ids are told apart from the codes of guards by their hyphen.
    let is_id = entry.id.contains('-') && entry.id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    match (is_id, speechless) {
        (false, _) => Err(row.fault(&format!("id {:?}", entry.id))),
        (_, true) => Err(row.fault(&format!("{}: message or cure", entry.id))),
        _ => Ok(entry),
    }
}
