//! How severe each rule is, where that is not what its table says.

use std::collections::BTreeMap;

use super::Rules;
use crate::document::finding::Severity;
use crate::document::schema::Code;

/// Changes to the severity of rules. The default changes nothing.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// By code; `None` switches the rule off.
    changed: BTreeMap<String, Option<Severity>>,
}

/// Why a change was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// There is no such rule.
    #[error("there is no rule {0}")]
    Unknown(String),
    /// The gateway's own identity rests on this rule.
    #[error("rule {0} cannot be changed: which record a document is rests on it")]
    Fixed(String),
    /// It was changed before.
    #[error("rule {0} is changed twice")]
    Twice(String),
}

/// What cannot be softened: a field that stands twice, or holds elements, says two things at once, and what the schema
/// does not know is not read, so nobody could say whose record it is.
const FIXED: [Code; 4] = [Code::WrongRoot, Code::UnexpectedElement, Code::RepeatedElement, Code::NestedElement];

// === impl Settings ===

impl Settings {
    /// Makes a rule an error, a warning, or (`None`) nothing. Takes ids of `schemas/rules.csv` (`T-01`) and the codes of
    /// structure (`XSD_TOO_LONG`).
    pub fn change(&mut self, rules: &Rules, code: &str, severity: Option<Severity>) -> Result<(), SettingsError> {
        if FIXED.iter().any(|fixed| fixed.name() == code) {
            return Err(SettingsError::Fixed(code.to_owned()));
        }
        let structure = Code::ALL.iter().any(|known| known.name() == code);
        let entry = rules.entries().iter().find(|entry| entry.id == code);
        if !structure && entry.is_none() {
            return Err(SettingsError::Unknown(code.to_owned()));
        }
        if entry.is_some_and(|entry| !entry.how.is_carried_out_here()) {
            return Err(SettingsError::Fixed(code.to_owned()));
        }
        match self.changed.insert(code.to_owned(), severity) {
            None => Ok(()),
            Some(_) => Err(SettingsError::Twice(code.to_owned())),
        }
    }

    /// The same, whatever was said of the rule before.
    pub fn set(&mut self, rules: &Rules, code: &str, severity: Option<Severity>) -> Result<(), SettingsError> {
        self.changed.remove(code);
        self.change(rules, code, severity)
    }

    /// How severe a rule is; `None` if it is off.
    pub fn severity(&self, code: &str, table: Severity) -> Option<Severity> {
        if self.changed.is_empty() {
            return Some(table);
        }
        self.changed.get(code).copied().unwrap_or(Some(table))
    }
}

/// Whether a code of structure can be softened.
pub(super) fn is_changeable(code: Code) -> bool {
    !FIXED.contains(&code)
}
