//! The codes of what the schemas find, beside the rules of the table.

use super::settings::is_changeable;
use crate::document::finding::{Finding, Severity};
use crate::document::schema::{Code, Fault};
use crate::domain::Bilingual;
use crate::xml::Position;

/// One thing a schema can find, whatever the field.
#[derive(Clone, Debug)]
pub struct StructureCode {
    /// Stable, such as `XSD_TOO_LONG`.
    pub code: &'static str,
    /// How severe it is, unless that is changed.
    pub severity: Severity,
    /// Whether its severity can be changed.
    pub is_changeable: bool,
    /// What is wrong.
    pub message: Bilingual,
    /// What to do.
    pub cure: Bilingual,
}

/// Every code of structure.
pub fn structure_codes() -> impl Iterator<Item = StructureCode> {
    Code::ALL.into_iter().map(StructureCode::of)
}

// === impl StructureCode ===

impl StructureCode {
    /// Its words are those of a finding in no field at all.
    fn of(code: Code) -> Self {
        let fault = Fault {
            code,
            element: String::new(),
            xpath: String::new(),
            row: 0,
            offset: 0,
            value: String::new(),
            wanted: [String::new(), String::new()],
        };
        let Finding { severity, message, cure, .. } = fault.to_finding("", Position { line: 0, column: 0 });
        Self { code: code.name(), severity, is_changeable: is_changeable(code), message, cure }
    }
}
