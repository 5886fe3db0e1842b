//! All schemas by part and version, and which version holds on which day.

use std::sync::OnceLock;

use super::embedded::{ENTRIES, VERSIONS};
use super::{Schema, SchemaError};

/// One schema of the tree.
#[derive(Debug)]
pub(super) struct Entry {
    /// Which of the versions count for it.
    pub(super) family: &'static str,
    pub(super) version: &'static str,
    pub(super) part: &'static str,
    pub(super) text: &'static str,
}

/// One version of a family (`schemas/versions.csv`).
#[derive(Debug)]
pub(super) struct Version {
    pub(super) family: &'static str,
    pub(super) version: &'static str,
    /// yyyymmdd; 0 if the day is not known.
    pub(super) valid_from: u32,
    /// The version that holds for parts this one says nothing about.
    pub(super) based_on: &'static str,
}

/// The schemas, compiled when first asked for.
#[derive(Debug)]
pub struct Library {
    slots: Vec<Slot>,
}

#[derive(Debug)]
struct Slot {
    part: String,
    version: String,
    text: String,
    compiled: OnceLock<Result<Schema, SchemaError>>,
}

// === impl Library ===

impl Library {
    /// The schemas in the binary.
    pub fn embedded() -> Self {
        let slot = |entry: &Entry| Slot::new(entry.part, entry.version, entry.text);
        Self { slots: ENTRIES.iter().map(slot).collect() }
    }

    /// Part, version and text of every schema.
    pub fn list(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.slots.iter().map(|slot| (slot.part.as_str(), slot.version.as_str(), slot.text.as_str()))
    }

    /// The schema of `part` (such as `XML3`, or `GIAMDINHHS` for the envelope) in `version`, or in the one that version
    /// is based on. `None` if there is none.
    pub fn schema(&self, part: &str, version: &str) -> Option<Result<&Schema, &SchemaError>> {
        let of_part = |slot: &&Slot| slot.part == part;
        let exact = self.slots.iter().filter(of_part).find(|slot| slot.version == version);
        let slot = exact.or_else(|| {
            let based_on = versions_of(part).find(|known| known.version == version)?.based_on;
            self.slots.iter().filter(of_part).find(|slot| slot.version == based_on)
        })?;
        Some(slot.compiled.get_or_init(|| Schema::compile(&slot.text)).as_ref())
    }

    /// The version of `part` that holds on a day (yyyymmdd): the last that had begun, else the first there is.
    pub fn version_on(&self, part: &str, day: u32) -> Option<&'static str> {
        let begun = versions_of(part).filter(|version| version.valid_from <= day).last();
        begun.or_else(|| versions_of(part).next()).map(|version| version.version)
    }

    /// Puts a schema in place of an embedded one, or beside it. One that is not understood changes nothing.
    pub fn replace(&mut self, part: &str, version: &str, text: &str) -> Result<(), SchemaError> {
        let slot = Slot::new(part, version, text);
        let compiled = Schema::compile(text)?;
        slot.compiled.get_or_init(|| Ok(compiled));
        self.slots.retain(|slot| slot.part != part || slot.version != version);
        self.slots.push(slot);
        Ok(())
    }
}

// === impl Slot ===

impl Slot {
    fn new(part: &str, version: &str, text: &str) -> Self {
        Self { part: part.to_owned(), version: version.to_owned(), text: text.to_owned(), compiled: OnceLock::new() }
    }
}

/// The versions of a part's family, the oldest first.
fn versions_of(part: &str) -> impl Iterator<Item = &'static Version> {
    let family = ENTRIES.iter().find(|entry| entry.part == part).map_or("", |entry| entry.family);
    VERSIONS.iter().filter(move |version| version.family == family)
}
