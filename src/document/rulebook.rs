//! What documents are checked by: schemas, rules and how severe each is. Made once, shared by all.

use std::path::PathBuf;
use std::sync::Arc;

use super::finding::Severity;
use super::part::{PARTS, Part};
use super::row::Slots;
use super::rules::{Rules, Settings};
use super::schema::{FolderFault, Library, Schema};

/// Schemas, rules and settings.
pub struct Rulebook {
    library: Arc<Library>,
    rules: Arc<Rules>,
    settings: Settings,
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
        // A test holds the tables in the binary to their form.
        Self::new(Arc::new(Library::embedded())).unwrap_or_else(|_| Self::of(Arc::default(), Arc::default()))
    }

    /// The rules that belong to these schemas: those in the binary, or the tables that stood in their folder. Faults
    /// are those of such tables.
    pub fn new(library: Arc<Library>) -> Result<Self, Vec<FolderFault>> {
        match Rules::read(library.rule_tables(), library.reference()) {
            Ok(rules) => Ok(Self::of(library, Arc::new(rules))),
            Err(faults) => Err(faults
                .into_iter()
                .map(|(file, fault)| {
                    let (file, line) = (PathBuf::from(file), fault.line);
                    FolderFault { file, line, what: fault.what, cure: fault.cure }
                })
                .collect()),
        }
    }

    fn of(library: Arc<Library>, rules: Arc<Rules>) -> Self {
        let slots = PARTS.iter().map(|part| rules.slots(part)).collect();
        Self { library, rules, settings: Settings::default(), slots }
    }

    /// The same with other severities.
    pub fn with_settings(self, settings: Settings) -> Self {
        Self { settings, ..self }
    }

    /// The same schemas and rules under other settings, beside this one.
    pub fn under(&self, settings: Settings) -> Self {
        Self::of(self.library.clone(), self.rules.clone()).with_settings(settings)
    }

    /// The same, with every rule that may be softened a warning; those that are off stay off. For who is to judge as the
    /// portal does at reception: it takes whatever it can tell the record of.
    pub fn lenient(&self) -> Self {
        let mut settings = self.settings.clone();
        for code in self.rules.changeable() {
            if self.settings.severity(code, Severity::Error).is_some() {
                // Every code in that list can be changed; one that could not would stay an error.
                drop(settings.set(&self.rules, code, Some(Severity::Warning)));
            }
        }
        self.under(settings)
    }

    /// The schemas.
    pub fn library(&self) -> &Arc<Library> {
        &self.library
    }

    /// The rules.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// How severe each rule is.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What a text of this part is read by on a day (yyyymmdd); `None` if there is no schema for it.
    pub(super) fn form(&self, part: &Part, day: u32) -> Option<Form<'_>> {
        let version = self.library.version_for(part.name, day)?;
        // The schemas in the binary are all compiled by a test, those of a folder when it is read.
        let schema = self.library.schema(part.name, version)?.ok()?;
        Some(Form { schema, slots: self.slots(part), version })
    }

    pub(super) fn slots(&self, part: &Part) -> &Slots {
        // Every part has its place in the table, so the fallback is never taken.
        self.slots.get(part.index).unwrap_or(&self.slots[0])
    }
}

impl std::fmt::Debug for Rulebook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Rulebook({} rules, {:?}, {:?})", self.rules.entries().len(), self.settings, self.library)
    }
}
