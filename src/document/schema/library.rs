//! All schemas by part and version, and which version holds on which day; with them the code lists.

use std::borrow::Cow;
use std::path::Path;
use std::sync::OnceLock;

use super::super::reference::ReferenceLists;
use super::embedded::{PARTS, SCHEMAS, VERSIONS};
use super::fields::fields;
use super::folder::{self, FolderFault};
use super::versions::{self, Version};
use super::{Schema, SchemaError};
use crate::domain::Bilingual;

/// A part in the binary.
pub(super) struct EmbeddedPart {
    pub(super) name: &'static str,
    pub(super) family: &'static str,
    pub(super) folder: &'static str,
    pub(super) root: &'static str,
    pub(super) meaning: [&'static str; 2],
}

/// Part, version and text of a schema in the binary.
pub(super) type EmbeddedSchema = (&'static str, &'static str, &'static str);

/// What there are schemas for: an inner table, an envelope, a certificate.
#[derive(Clone, Debug)]
pub struct Part {
    /// Its name, such as `XML3`, or `GIAMDINHHS` for the envelope of a claim.
    pub name: String,
    /// Which of the versions count for it.
    pub family: String,
    /// Its folder in the tree, which is the name of the kind of documents it belongs to.
    pub folder: String,
    /// Its root element.
    pub root: String,
    /// What it is.
    pub meaning: Bilingual,
}

/// One schema.
pub struct Entry {
    pub(super) part: String,
    pub(super) version: String,
    pub(super) text: Cow<'static, str>,
    compiled: OnceLock<Result<Schema, SchemaError>>,
    values: OnceLock<usize>,
}

/// The schemas, compiled when first asked for, the versions, and the code lists.
pub struct Library {
    pub(super) parts: Vec<Part>,
    /// By the days from which they hold.
    pub(super) versions: Vec<Version>,
    pub(super) entries: Vec<Entry>,
    /// Families whose version does not follow the day, with that version.
    fixed: Vec<(String, String)>,
    pub(super) reference: ReferenceLists,
    /// The rules and the simple checks, as text.
    pub(super) rule_tables: RuleTables,
}

/// The tables of rules, as text.
#[derive(Clone, Debug)]
pub(in super::super) struct RuleTables {
    /// `rules.csv`: one row a rule.
    pub(in super::super) rules: Cow<'static, str>,
    /// `checks.csv`: one row a check of simple shape.
    pub(in super::super) checks: Cow<'static, str>,
}

/// A version that cannot be fixed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// There is no such family; these there are.
    Family(Vec<String>),
    /// There is no such version; these the family has.
    Version(Vec<String>),
}

// === impl Library ===

impl Library {
    /// What is in the binary.
    pub fn embedded() -> Self {
        let part = |part: &EmbeddedPart| Part {
            name: part.name.to_owned(),
            family: part.family.to_owned(),
            folder: part.folder.to_owned(),
            root: part.root.to_owned(),
            meaning: Bilingual::fixed(part.meaning[0], part.meaning[1]),
        };
        let entry = |&(part, version, text): &EmbeddedSchema| Entry::new(part, version, Cow::Borrowed(text));
        let versions = versions::replaced(Vec::new(), VERSIONS, None).unwrap_or_default();
        Self {
            parts: PARTS.iter().map(part).collect(),
            versions: versions.into_iter().map(|version| Version { line: 0, ..version }).collect(),
            entries: SCHEMAS.iter().map(entry).collect(),
            fixed: Vec::new(),
            reference: ReferenceLists::embedded(),
            rule_tables: RuleTables::embedded(),
        }
    }

    /// What is in the binary, with what a folder replaces or adds: `<kind>/<version>/<PART>.xsd`, `versions.csv`,
    /// `lists.csv` and `code-lists/*.csv` (`schemas/README.md`). All of it is read and checked here and now: either
    /// everything in the folder is right, or every fault is told and nothing taken.
    pub fn with_folder(path: &Path) -> Result<Self, Vec<FolderFault>> {
        folder::load(path, Self::embedded())
    }

    /// Every schema, in the order of the parts.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// What is known of a part.
    pub fn part(&self, name: &str) -> Option<&Part> {
        self.parts.iter().find(|part| part.name == name)
    }

    /// A version of a family.
    pub fn version(&self, family: &str, name: &str) -> Option<&Version> {
        self.versions.iter().find(|version| version.is(family, name))
    }

    /// The families of versions.
    pub fn families(&self) -> Vec<String> {
        let mut families: Vec<String> = self.parts.iter().map(|part| part.family.clone()).collect();
        families.sort_unstable();
        families.dedup();
        families
    }

    /// The code lists.
    pub fn reference(&self) -> &ReferenceLists {
        &self.reference
    }

    /// The tables of rules. What stands in them is the rules' to say.
    pub(in super::super) fn rule_tables(&self) -> &RuleTables {
        &self.rule_tables
    }

    /// The schema of `part` in `version`, or in the nearest of the versions that one is based on.
    pub fn entry(&self, part: &str, version: &str) -> Option<&Entry> {
        let family = &self.part(part)?.family;
        let mut name = version;
        // That bases do not go round in a circle was seen to; the bound is in case of a mistake there.
        for _ in 0..=self.versions.len() {
            if let Some(entry) = self.entries.iter().find(|entry| entry.part == part && entry.version == name) {
                return Some(entry);
            }
            name = &self.version(family, name)?.based_on;
        }
        None
    }

    /// The same, compiled. `None` if there is none.
    pub fn schema(&self, part: &str, version: &str) -> Option<Result<&Schema, &SchemaError>> {
        self.entry(part, version).map(Entry::schema)
    }

    /// The version of `part` that holds on a day (yyyymmdd): the last that had begun, else the first there is.
    pub fn version_on(&self, part: &str, day: u32) -> Option<&str> {
        let family = &self.part(part)?.family;
        let of_family = || self.versions.iter().filter(|version| version.family == *family);
        let begun = of_family().rfind(|version| version.valid_from <= day);
        begun.or_else(|| of_family().next()).map(|version| version.name.as_str())
    }

    /// The version by which `part` is checked on a day: the one that is fixed for its family, else that of the day.
    pub fn version_for(&self, part: &str, day: u32) -> Option<&str> {
        let family = &self.part(part)?.family;
        let fixed = self.fixed.iter().find(|(fixed, _)| fixed == family).map(|(_, version)| version.as_str());
        fixed.or_else(|| self.version_on(part, day))
    }

    /// Fixes the version of a family, whatever the day.
    pub fn fix_version(&mut self, family: &str, version: &str) -> Result<(), Unknown> {
        let families = self.families();
        if !families.iter().any(|known| known == family) {
            return Err(Unknown::Family(families));
        }
        if self.version(family, version).is_none() {
            let of_family = self.versions.iter().filter(|version| version.family == family);
            return Err(Unknown::Version(of_family.map(|version| version.name.clone()).collect()));
        }
        self.fixed.retain(|(fixed, _)| fixed != family);
        self.fixed.push((family.to_owned(), version.to_owned()));
        Ok(())
    }

    /// Puts a schema in place of its namesake, or behind the others of its part.
    pub(super) fn put(&mut self, entry: Entry) {
        let same = |other: &Entry| other.part == entry.part && other.version == entry.version;
        match self.entries.iter().position(same).and_then(|at| self.entries.get_mut(at)) {
            Some(known) => *known = entry,
            None => {
                let last = self.entries.iter().rposition(|other| other.part == entry.part);
                self.entries.insert(last.map_or(self.entries.len(), |last| last + 1), entry);
            }
        }
    }
}

impl Default for Library {
    fn default() -> Self {
        Self::embedded()
    }
}

impl std::fmt::Debug for Library {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let from_folder = self.entries.iter().filter(|entry| !entry.is_embedded()).count();
        write!(f, "Library({} schemas, {from_folder} from a folder, fixed {:?})", self.entries.len(), self.fixed)
    }
}

// === impl RuleTables ===

impl RuleTables {
    /// The file of rules in the tree.
    pub(in super::super) const RULES: &str = "rules.csv";
    /// The file of simple checks in the tree.
    pub(in super::super) const CHECKS: &str = "checks.csv";

    fn embedded() -> Self {
        Self {
            rules: Cow::Borrowed(include_str!("../../../schemas/rules.csv")),
            checks: Cow::Borrowed(include_str!("../../../schemas/checks.csv")),
        }
    }
}

// === impl Entry ===

impl Entry {
    fn new(part: &str, version: &str, text: Cow<'static, str>) -> Self {
        Self {
            part: part.to_owned(),
            version: version.to_owned(),
            text,
            compiled: OnceLock::new(),
            values: OnceLock::new(),
        }
    }

    /// One from a folder, compiled.
    pub(super) fn of_folder(part: &str, version: &str, text: String, compiled: Schema) -> Self {
        let entry = Self::new(part, version, Cow::Owned(text));
        entry.compiled.get_or_init(|| Ok(compiled));
        entry
    }

    /// The part it is for.
    pub fn part(&self) -> &str {
        &self.part
    }

    /// The version it is of.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The XSD.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it is in the binary, not from a folder.
    pub fn is_embedded(&self) -> bool {
        matches!(self.text, Cow::Borrowed(_))
    }

    /// How many of its elements hold a value.
    pub fn value_count(&self) -> usize {
        let count = || {
            let fields = fields(&self.text).unwrap_or_default();
            fields.iter().filter(|field| field.form.is_some()).count()
        };
        *self.values.get_or_init(count)
    }

    /// The compiled schema.
    pub fn schema(&self) -> Result<&Schema, &SchemaError> {
        self.compiled.get_or_init(|| Schema::compile(&self.text)).as_ref()
    }
}
