//! The streaming check: fed the events of a document, it follows each open element in the automaton of its type, and
//! hands on the fields that are asked for, so that a document is read once for structure and rules alike.
//!
//! After something wrong it goes on where the document most likely does (`resync.rs`), so that one mistake is one
//! fault. An unknown element is passed over.

use std::borrow::Cow;
use std::fmt::Write;

use super::attributes;
use super::fault::{Code, Fault};
use super::resync::{Course, Verdict};
use super::simple::Simple;
use super::{Child, Complex, Schema, SlotMap, Type};
use crate::document::finding::FINDINGS_LISTED_MAX;
use crate::document::mask;
use crate::xml::{Event, Tag, push_text};

/// What was found, bounded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// In the order of the document.
    pub list: Vec<Fault>,
    /// How many more there were.
    pub more: u64,
}

/// Checks one document.
pub struct Checker<'s, 'a> {
    schema: &'s Schema,
    /// The document, without a byte order mark.
    text: &'a str,
    /// The open elements that hold elements.
    frames: Vec<Frame<'s, 'a>>,
    /// The innermost open element, if it holds text. Most elements do, and cost no frame.
    leaf: Option<Leaf<'s, 'a>>,
    /// Depth within an element that is passed over.
    skipping: u32,
    /// The element with children that ended last, until the next event.
    ended: Option<Step<'a>>,
    slots: Option<&'s SlotMap>,
    faults: Faults,
}

/// What an event completed.
pub(in super::super) enum Seen<'a> {
    /// Nothing anybody asked for.
    Nothing,
    /// A field with a slot.
    Field {
        /// Where it goes.
        slot: usize,
        /// Its text, line ends normalised.
        text: Cow<'a, str>,
        /// Where its element begins.
        offset: usize,
    },
    /// An element that may have children.
    Element {
        /// Its name.
        name: &'a str,
        /// Its number as a row; 0 if it stands in none.
        row: u32,
        /// Where it begins.
        offset: usize,
        /// The name of its last child; empty if it had none.
        last_child: &'a str,
    },
}

/// One step of a path.
struct Step<'a> {
    name: &'a str,
    index: u32,
}

/// An open element of simple type.
struct Leaf<'s, 'a> {
    simple: &'s Simple,
    slot: Option<u16>,
    name: &'a str,
    index: u32,
    row: u32,
    offset: usize,
    text: Cow<'a, str>,
    /// Whether it held elements: that is reported once, and its text is no longer of interest.
    nested: bool,
}

/// An open element of complex type.
struct Frame<'s, 'a> {
    complex: &'s Complex,
    slots: &'s [Option<u16>],
    name: &'a str,
    /// Counts elements of this name that follow each other, from 1.
    index: u32,
    row: u32,
    offset: usize,
    /// Whether a default namespace holds.
    in_namespace: bool,
    last_child: (&'a str, u32),
    course: Course<'a>,
    /// Whether stray text was reported.
    complained: bool,
}

/// Faults after which the way on is no longer searched for: the document is of another kind, or an attack.
const SEARCHES_MAX: u64 = 5_000;
/// Longest code shown in a finding.
const CODE_SHOWN_MAX: usize = 4;

// === impl Checker ===

impl<'s, 'a> Checker<'s, 'a> {
    /// A checker for the document `text`, which has no byte order mark.
    pub fn new(schema: &'s Schema, text: &'a str) -> Self {
        Self {
            schema,
            text,
            frames: Vec::new(),
            leaf: None,
            skipping: 0,
            ended: None,
            slots: None,
            faults: Faults::default(),
        }
    }

    /// One that hands on the fields that have a slot.
    pub(in super::super) fn handing_on(self, slots: &'s SlotMap) -> Self {
        Self { slots: Some(slots), ..self }
    }

    /// Takes the next event of the document, which begins at `offset`.
    pub(in super::super) fn event(&mut self, event: &Event<'a>, offset: usize) -> Seen<'a> {
        if self.skipping > 0 {
            match event {
                Event::Start(_) => self.skipping += 1,
                Event::End => self.skipping -= 1,
                _ => {}
            }
            return Seen::Nothing;
        }
        match (event, &mut self.leaf) {
            (Event::Start(_), Some(_)) => self.nested(),
            (Event::Start(tag), None) => self.start(tag, offset),
            (Event::End, Some(_)) => return self.end_leaf(),
            (Event::End, None) => return self.end(),
            (Event::Text(piece), Some(leaf))
                if leaf.text.is_empty() && memchr::memchr(b'\r', piece.as_bytes()).is_none() =>
            {
                leaf.text = Cow::Borrowed(piece);
            }
            (Event::Text(piece), Some(leaf)) => push_text(leaf.text.to_mut(), piece),
            (Event::Text(piece), None) => self.between(piece, offset),
            (Event::Character(character), Some(leaf)) => leaf.text.to_mut().push(*character),
            (Event::Character(character), None) => self.between(character.encode_utf8(&mut [0; 4]), offset),
            (Event::Eof, _) => {}
        }
        Seen::Nothing
    }

    /// How many faults there were so far.
    pub(in super::super) fn fault_count(&self) -> u64 {
        // A list of at most a thousand fits.
        self.faults.list.len() as u64 + self.faults.more
    }

    /// Path of what is open, or of the element with children that just ended.
    pub(in super::super) fn xpath(&self) -> String {
        let mut xpath = String::new();
        let steps = self.frames.iter().map(|frame| (frame.name, frame.index));
        let ended = self.ended.as_ref().map(|step| (step.name, step.index));
        let leaf = self.leaf.as_ref().map(|leaf| (leaf.name, leaf.index));
        steps.chain(ended).chain(leaf).for_each(|(name, index)| push_step(&mut xpath, name, index));
        xpath
    }

    /// What was found.
    pub fn finish(mut self) -> Faults {
        self.faults.list.sort_by_key(|fault| fault.offset);
        self.faults
    }

    fn start(&mut self, tag: &Tag<'a>, offset: usize) {
        self.ended = None;
        let written = tag.written_attributes();
        let inherited = self.frames.last().is_some_and(|parent| parent.in_namespace);
        let in_namespace = if written.is_empty() {
            inherited
        } else {
            tag.attribute("xmlns").map_or(inherited, |namespace| !namespace.is_empty())
        };
        let (name, schema) = (tag.name, self.schema);
        let Some(parent) = self.frames.last_mut() else {
            let root = schema.roots.iter().find(|root| !in_namespace && *root.name == *name);
            let Some(root) = root else {
                let expected = schema.roots.first().map_or("", |root| &root.name);
                self.fault(Code::WrongRoot, name, 1, offset, String::new(), wanted(expected));
                self.skipping = 1;
                return;
            };
            return self.enter(root, None, tag, (1, 0), offset, in_namespace);
        };
        let index = if parent.last_child.0 == name { parent.last_child.1.saturating_add(1) } else { 1 };
        parent.last_child = (name, index);
        let complex = parent.complex;
        let state = parent.course.state();
        let Some(symbol) = complex.symbol(state, name, in_namespace) else {
            self.skipping = 1;
            let expected = complex.content.expected(state).next();
            let expected = expected.map_or("", |symbol| complex.name(symbol));
            return self.fault(Code::UnexpectedElement, name, index, offset, String::new(), wanted(expected));
        };
        let row = parent.row;
        let slot = parent.slots.get(usize::from(symbol)).copied().flatten();
        let searching = self.faults.more < SEARCHES_MAX;
        if let Verdict::Wrong(code, name, index, offset) =
            parent.course.take(complex, symbol, (name, index, offset), searching)
        {
            self.fault(code, name, index, offset, String::new(), wanted(""));
        }
        let Some(child) = complex.children.get(usize::from(symbol)) else {
            // What `xs:any` stands for is not looked into.
            self.skipping = 1;
            return;
        };
        let row = if child.repeated { index } else { row };
        self.enter(child, slot, tag, (index, row), offset, in_namespace);
    }

    fn enter(
        &mut self,
        child: &'s Child,
        slot: Option<u16>,
        tag: &Tag<'a>,
        (index, row): (u32, u32),
        offset: usize,
        in_namespace: bool,
    ) {
        // Compiled schemas have every type their children name.
        let Some(kind) = self.schema.type_at(child.type_index) else { return };
        let name = tag.name;
        match kind {
            Type::Simple(simple) => {
                let text = Cow::Borrowed("");
                self.leaf = Some(Leaf { simple, slot, name, index, row, offset, text, nested: false });
            }
            Type::Complex(complex) => {
                let (last_child, course) = (("", 0), Course::default());
                let complained = false;
                let slots = self.slots.map_or(&[][..], |slots| slots.of_type(child.type_index));
                // Where a table has one record only, that is its first row.
                let row = if row == 0 && slots.iter().any(Option::is_some) { 1 } else { row };
                let frame =
                    Frame { complex, slots, name, index, row, offset, in_namespace, last_child, course, complained };
                self.frames.push(frame);
            }
        }
        let has_attributes = matches!(kind, Type::Complex(complex) if !complex.attributes.is_empty());
        if !tag.written_attributes().is_empty() || has_attributes {
            self.attributes(kind, tag, offset);
        }
    }

    fn attributes(&mut self, kind: &'s Type, tag: &Tag<'a>, offset: usize) {
        let (declared, any) = match kind {
            Type::Simple(_) => (&[][..], false),
            Type::Complex(complex) => (complex.attributes.as_slice(), complex.any_attribute),
        };
        for name in attributes::names(tag.written_attributes()) {
            let namespace = name == "xmlns" || name.starts_with("xmlns:");
            if namespace || matches!(name, "xsi:schemaLocation" | "xsi:noNamespaceSchemaLocation") {
                continue;
            }
            match declared.iter().find(|attribute| *attribute.name == *name) {
                Some(attribute) => {
                    let value = tag.attribute(name).unwrap_or_default();
                    if let Some(code) = attribute.value.fault(&value) {
                        self.fault(code, "", 1, offset, String::new(), attribute.value.words.clone());
                    }
                }
                // `xsi:nil` and `xsi:type` would change what the schema says; no template has them.
                None if any && !name.starts_with("xsi:") => {}
                None => self.fault(Code::UnexpectedAttribute, "", 1, offset, String::new(), wanted("")),
            }
        }
        for attribute in declared.iter().filter(|attribute| attribute.required) {
            if tag.attribute(&attribute.name).is_none() {
                self.fault(Code::MissingAttribute, "", 1, offset, String::new(), wanted(&attribute.name));
            }
        }
    }

    /// Text where only elements may stand.
    fn between(&mut self, piece: &str, offset: usize) {
        let Some(frame) = self.frames.last_mut() else { return };
        if frame.complex.mixed || frame.complained {
            return;
        }
        // A CDATA section is text even when blank or empty: so says libxml2, and nobody writes one by chance. No other
        // text begins with this character.
        let plain = self.text.as_bytes().get(offset) != Some(&b'<');
        let blank = plain && piece.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
        if !blank || frame.complex.is_empty() {
            frame.complained = true;
            self.fault(Code::StrayText, "", 1, offset, String::new(), wanted(""));
        }
    }

    fn nested(&mut self) {
        self.skipping = 1;
        if let Some(leaf) = &mut self.leaf
            && !std::mem::replace(&mut leaf.nested, true)
        {
            let offset = leaf.offset;
            self.fault(Code::NestedElement, "", 1, offset, String::new(), wanted(""));
        }
    }

    fn end_leaf(&mut self) -> Seen<'a> {
        if let Some(leaf) = &self.leaf
            && !leaf.nested
            && let Some(code) = leaf.simple.fault(&leaf.text)
        {
            let (simple, offset) = (leaf.simple, leaf.offset);
            let shown = shown(simple, &leaf.text);
            self.fault(code, "", 1, offset, shown, simple.words.clone());
        }
        match self.leaf.take() {
            Some(Leaf { slot: Some(slot), text, offset, .. }) => Seen::Field { slot: slot.into(), text, offset },
            _ => Seen::Nothing,
        }
    }

    fn end(&mut self) -> Seen<'a> {
        let searching = self.faults.more < SEARCHES_MAX;
        self.ended = None;
        let Some(frame) = self.frames.last_mut() else { return Seen::Nothing };
        let (complex, offset) = (frame.complex, frame.offset);
        for (symbol, offset) in frame.course.end(complex, offset, searching) {
            let kind = complex.children.get(usize::from(symbol));
            let kind = kind.and_then(|child| self.schema.type_at(child.type_index));
            let words = if let Some(Type::Simple(simple)) = kind { simple.words.clone() } else { wanted("") };
            self.fault(Code::MissingElement, complex.name(symbol), 1, offset, String::new(), words);
        }
        let Some(Frame { name, index, row, last_child, .. }) = self.frames.pop() else { return Seen::Nothing };
        self.ended = Some(Step { name, index });
        Seen::Element { name, row, offset, last_child: last_child.0 }
    }

    /// Records a fault in the open element, or in its child `name` if that is not empty.
    fn fault(&mut self, code: Code, name: &str, index: u32, offset: usize, value: String, wanted: [String; 2]) {
        if self.faults.list.len() >= FINDINGS_LISTED_MAX {
            self.faults.more += 1;
            return;
        }
        let mut xpath = String::new();
        let steps = self.frames.iter().map(|frame| (frame.name, frame.index));
        let leaf = self.leaf.as_ref().map(|leaf| (leaf.name, leaf.index));
        let child = (!name.is_empty()).then_some((name, index));
        steps.chain(leaf).chain(child).for_each(|(name, index)| push_step(&mut xpath, name, index));
        let frame = self.frames.last().map(|frame| (frame.name, frame.row));
        let leaf = self.leaf.as_ref().map(|leaf| (leaf.name, leaf.row));
        let (open, row) = leaf.or(frame).unwrap_or(("", 0));
        let element = if name.is_empty() { open } else { name };
        self.faults.list.push(Fault {
            code,
            element: mask::name(element).to_owned(),
            xpath,
            row,
            offset,
            value,
            wanted,
        });
    }
}

// === impl Faults ===

impl Faults {
    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

fn push_step(xpath: &mut String, name: &str, index: u32) {
    xpath.push('/');
    xpath.push_str(mask::name(name));
    if index > 1 {
        // Writing to a string does not fail.
        let _written = write!(xpath, "[{index}]");
    }
}

fn wanted(name: &str) -> [String; 2] {
    [name.to_owned(), name.to_owned()]
}

/// Only codes are shown, and only short ones: anything may stand in the wrong field.
fn shown(simple: &Simple, value: &str) -> String {
    if simple.codes.is_empty() { String::new() } else { mask::code(value, CODE_SHOWN_MAX) }
}
