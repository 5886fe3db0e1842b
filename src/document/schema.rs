//! The structure of every document: XSDs, compiled once to automata and facets, and the streaming check against them.
//!
//! The XSDs are plain W3C XML Schema 1.0, so that anybody's tools read them; the checker knows the subset they and
//! their likely successors are written in, and refuses everything else by name when a schema is compiled. It agrees
//! with libxml2 on what is valid (`tests/schemas`), and unlike it says where, what and how to mend it, in one pass and
//! without one mistake setting off ten.
//!
//! Deliberately absent: anything that takes arithmetic or looks across fields (rules), types by `xsi:type`, default
//! values, identity constraints, several namespaces. Why this is our own: `docs/decisions/0005-own-schema-checker.md`.

mod attributes;
mod automaton;
pub mod checker;
mod compile;
mod embedded;
mod export;
mod facets;
pub mod fault;
pub mod fields;
pub mod folder;
mod identity;
pub mod library;
mod pattern;
mod resync;
mod simple;
mod source;
pub mod versions;

use std::collections::HashMap;
use std::sync::OnceLock;

pub use self::checker::{Checker, Faults};
pub use self::fault::{Code, Fault};
pub use self::folder::FolderFault;
pub use self::library::Library;

pub(super) use self::library::RuleTables;
pub(super) use self::pattern::Pattern;

use self::automaton::Automaton;
use self::simple::Simple;
use crate::xml;

/// A compiled schema.
#[derive(Debug)]
pub struct Schema {
    /// The elements a document may have as its root.
    roots: Vec<Child>,
    types: Vec<Type>,
    slots: OnceLock<SlotMap>,
}

/// By type and symbol, the slot a field goes to.
#[derive(Debug, Default)]
pub(super) struct SlotMap(Vec<Vec<Option<u16>>>);

/// Why a schema was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {construct}: not understood: {what}")]
pub struct SchemaError {
    /// The construct, such as `xs:union`.
    pub construct: String,
    /// Line in the schema.
    pub line: u32,
    /// What about it.
    pub what: String,
}

#[derive(Debug)]
enum Type {
    Simple(Simple),
    Complex(Complex),
}

/// A type that holds elements.
#[derive(Debug)]
struct Complex {
    mixed: bool,
    attributes: Vec<Attribute>,
    any_attribute: bool,
    /// Symbol `n` is the `n`th of these.
    children: Vec<Child>,
    by_name: HashMap<Box<str>, u16>,
    any: Option<(u16, AnyNamespace)>,
    content: Automaton,
    /// By state, the symbol most likely next: the first allowed.
    hints: Vec<Option<u16>>,
}

#[derive(Debug)]
struct Child {
    name: Box<str>,
    type_index: usize,
    /// Whether it may stand more than once: then it counts rows.
    repeated: bool,
}

#[derive(Debug)]
struct Attribute {
    name: Box<str>,
    required: bool,
    value: Simple,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AnyNamespace {
    Any,
    /// Some namespace, whichever.
    Other,
}

// === impl Schema ===

impl Schema {
    /// Compiles the text of an XSD.
    pub fn compile(text: &str) -> Result<Self, SchemaError> {
        compile::compile(&source::read(text)?)
    }

    /// Checks a whole document. An error means that it is not well-formed, and then what was found before is moot.
    pub fn check(&self, bytes: &[u8], limits: xml::Limits) -> Result<Faults, xml::Error> {
        let mut reader = xml::Reader::new(bytes, limits)?;
        let mut checker = Checker::new(self, reader.source());
        loop {
            let event = reader.read()?;
            if event == xml::Event::Eof {
                return Ok(checker.finish());
            }
            let _seen = checker.event(&event, reader.offset());
        }
    }

    /// Which of the `names` the elements have that hold text: by type and symbol. Always asked with the same names, so
    /// found once.
    pub(super) fn slots(&self, names: &[Box<str>]) -> &SlotMap {
        self.slots.get_or_init(|| {
            let slot = |child: &Child| {
                let is_text = matches!(self.types.get(child.type_index), Some(Type::Simple(_)));
                let slot = names.iter().position(|name| is_text && *name == child.name);
                slot.and_then(|slot| u16::try_from(slot).ok())
            };
            let of_type = |kind: &Type| match kind {
                Type::Simple(_) => Vec::new(),
                Type::Complex(complex) => complex.children.iter().map(slot).collect(),
            };
            SlotMap(self.types.iter().map(of_type).collect())
        })
    }

    /// Checks the fields of a record that came in another form than XML, by name: values, and what is missing. Order says
    /// nothing there, and fields that the schema does not know are none of its business.
    pub(super) fn check_fields<'f>(
        &self,
        fields: impl Iterator<Item = (&'f str, &'f str, usize)> + Clone,
    ) -> Vec<Fault> {
        let record = self.roots.first().and_then(|root| self.type_at(root.type_index));
        let Some(Type::Complex(record)) = record else { return Vec::new() };
        let simple = |symbol: u16| {
            let child = record.children.get(usize::from(symbol))?;
            let Some(Type::Simple(simple)) = self.type_at(child.type_index) else { return None };
            Some((&*child.name, simple))
        };
        let fault = |code, name: &str, simple: &Simple, offset| Fault {
            code,
            element: name.to_owned(),
            xpath: String::new(),
            row: 1,
            offset,
            value: String::new(),
            wanted: simple.words.clone(),
        };
        let known = |name: &str| record.by_name.get(name).and_then(|symbol| simple(*symbol));
        let values = fields.clone().filter_map(|(name, text, offset)| {
            let (name, simple) = known(name)?;
            simple.fault(text).map(|code| fault(code, name, simple, offset))
        });
        // The shortest way through the record is what must be there.
        let way = record.content.path(0, |state| record.content.accepts(state)).unwrap_or_default().0;
        let missing = way.into_iter().filter_map(|symbol| {
            let (name, simple) = simple(symbol)?;
            let there = fields.clone().any(|(field, ..)| field == name);
            (!there).then(|| fault(Code::MissingElement, name, simple, 0))
        });
        values.chain(missing).collect()
    }

    fn type_at(&self, index: usize) -> Option<&Type> {
        self.types.get(index)
    }
}

// === impl SlotMap ===

impl SlotMap {
    /// Those of one type.
    fn of_type(&self, index: usize) -> &[Option<u16>] {
        self.0.get(index).map_or(&[], Vec::as_slice)
    }
}

// === impl SchemaError ===

impl SchemaError {
    fn new(construct: &str, line: u32, what: &str) -> Self {
        Self { construct: construct.to_owned(), line, what: what.to_owned() }
    }
}

/// How many names are compared before the table of all is asked.
const NEAR: usize = 8;

// === impl Complex ===

impl Default for Complex {
    fn default() -> Self {
        Self {
            mixed: false,
            attributes: Vec::new(),
            any_attribute: false,
            children: Vec::new(),
            by_name: HashMap::new(),
            any: None,
            content: Automaton::nothing(),
            hints: Vec::new(),
        }
    }
}

impl Complex {
    /// Whether not even a blank may stand in it.
    fn is_empty(&self) -> bool {
        !self.mixed && self.children.is_empty() && self.any.is_none()
    }

    /// The symbol of an element.
    fn symbol(&self, state: u16, name: &str, in_namespace: bool) -> Option<u16> {
        if !in_namespace {
            let hint = self.hints.get(usize::from(state)).copied().flatten();
            if let Some(hint) = hint
                && self.children.get(usize::from(hint)).is_some_and(|child| *child.name == *name)
            {
                return Some(hint);
            }
            // Optional fields are left out together; the next present is mostly near.
            let ahead = hint.map_or(0, usize::from);
            let near = self.children.iter().enumerate().skip(ahead).take(NEAR);
            if let Some((at, _)) = near.into_iter().find(|(_, child)| *child.name == *name) {
                return u16::try_from(at).ok();
            }
            if let Some(&symbol) = self.by_name.get(name) {
                return Some(symbol);
            }
        }
        let foreign = in_namespace || name.contains(':');
        let (symbol, namespace) = self.any?;
        (namespace == AnyNamespace::Any || foreign).then_some(symbol)
    }

    fn name(&self, symbol: u16) -> &str {
        self.children.get(usize::from(symbol)).map_or("*", |child| &child.name)
    }
}

#[cfg(test)]
mod tests;
