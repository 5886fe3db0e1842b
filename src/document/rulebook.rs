//! What documents are checked by: schemas, rules and how severe each is. Made once, shared by all.

use super::part::{PARTS, Part};
use super::row::Slots;
use super::rules::{Rules, Settings};
use super::schema::{Library, Schema};

/// Schemas, rules and settings.
#[derive(Debug)]
pub struct Rulebook {
    library: Library,
    rules: Rules,
    pub(super) settings: Settings,
    /// By part.
    slots: Vec<Slots>,
}

/// What one text is read by.
pub(super) struct Form<'r> {
    pub(super) schema: &'r Schema,
    pub(super) slots: &'r Slots,
    pub(super) version: &'r str,
}

// === impl Rulebook ===

impl Rulebook {
    /// The schemas and rules in the binary, every rule as severe as its table says.
    pub fn embedded() -> Self {
        Self::new(Library::embedded(), Settings::default())
    }

    /// These schemas and settings.
    pub fn new(library: Library, settings: Settings) -> Self {
        let rules = Rules::embedded();
        let slots = PARTS.iter().map(|part| rules.slots(part)).collect();
        Self { library, rules, settings, slots }
    }

    /// The schemas.
    pub fn library(&self) -> &Library {
        &self.library
    }

    /// The rules.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// What a text of this part is read by on a day (yyyymmdd); `None` if there is no schema for it.
    pub(super) fn form(&self, part: &Part, day: u32) -> Option<Form<'_>> {
        let version = self.library.version_on(part.name, day)?;
        // The schemas in the binary are all compiled by a test, those of a folder when it is read.
        let schema = self.library.schema(part.name, version)?.ok()?;
        Some(Form { schema, slots: self.slots(part), version })
    }

    pub(super) fn slots(&self, part: &Part) -> &Slots {
        // Every part has its place in the table, so the fallback is never taken.
        self.slots.get(part.index).unwrap_or(&self.slots[0])
    }
}
