//! Walking through a document element by element, knowing the path, and reporting what stands where it should not.

use std::borrow::Cow;
use std::fmt::Write;

use super::finding::Place;
use super::mask;
use super::rule::{self, Report};
use super::shape::{Fit, Shape};
use crate::xml::{self, Event, Reader, Tag, push_text};

/// Tells places in the text a row was read from.
pub(super) trait Places {
    /// The place of the byte at `offset`, in row `row` (0 if it has none) and field `field` (empty if none).
    fn place(&mut self, offset: usize, row: u32, field: &str) -> Place;
}

/// A position within the elements of one XML text.
pub(super) struct Walker<'a> {
    reader: Reader<'a>,
    /// The open elements, the root first.
    path: Vec<Step<'a>>,
    /// The element last left by [`child`](Self::child).
    left: Option<Step<'a>>,
    part: &'static str,
}

struct Step<'a> {
    name: &'a str,
    /// Counts elements of this name that follow each other, from 1.
    index: u32,
    offset: usize,
    last_child: (&'a str, u32),
}

/// What an element held that ought to hold text.
pub(super) struct Value<'a> {
    pub(super) text: Cow<'a, str>,
    /// Whether there were elements in it; their text is not in `text`.
    pub(super) nested: bool,
}

// === impl Walker ===

impl<'a> Walker<'a> {
    /// Opens a text; `part` names it in findings (empty for an envelope).
    pub(super) fn open(bytes: &'a [u8], limits: xml::Limits, part: &'static str) -> Result<Self, xml::Error> {
        Ok(Self { reader: Reader::new(bytes, limits)?, path: Vec::new(), left: None, part })
    }

    /// Names the part in findings, once the root has told which it is.
    pub(super) fn set_part(&mut self, part: &'static str) {
        self.part = part;
    }

    /// The name findings give the part.
    pub(super) fn part(&self) -> &'static str {
        self.part
    }

    /// Enters the root element.
    pub(super) fn root(&mut self) -> Result<Tag<'a>, xml::Error> {
        loop {
            // The reader gives nothing before the root, and an error if there is none.
            if let Event::Start(tag) = self.reader.read()? {
                self.enter(tag.name);
                return Ok(tag);
            }
        }
    }

    /// Enters the next child of the innermost open element, or leaves that element and answers `None`.
    pub(super) fn child(&mut self, report: &mut Report) -> Result<Option<Tag<'a>>, xml::Error> {
        loop {
            match self.reader.read()? {
                Event::Start(tag) => {
                    self.enter(tag.name);
                    return Ok(Some(tag));
                }
                Event::End | Event::Eof => {
                    self.left = self.path.pop();
                    return Ok(None);
                }
                Event::Text(text) if text.trim_ascii().is_empty() => {}
                Event::Character(character) if character.is_ascii_whitespace() => {}
                Event::Text(_) | Event::Character(_) => {
                    let place = self.place_here("");
                    report.push(&rule::STRAY_TEXT, place, String::new());
                }
            }
        }
    }

    /// Like [`child`](Self::child), but only children that fit `shape`; others are reported and passed over, those
    /// missing are reported at the end.
    pub(super) fn next(&mut self, shape: &mut Shape, report: &mut Report) -> Result<Option<Tag<'a>>, xml::Error> {
        while let Some(tag) = self.child(report)? {
            let (broken, enter) = match shape.admit(tag.name) {
                Fit::Fits => return Ok(Some(tag)),
                // Read all the same, so that what is wrong inside is found in the same go.
                Fit::OutOfOrder => (&rule::ELEMENT_ORDER, true),
                Fit::Repeated => (&rule::REPEATED_ELEMENT, false),
                Fit::Unknown => (&rule::UNEXPECTED_ELEMENT, false),
            };
            let place = self.place_here(mask::name(tag.name));
            report.push(broken, place, String::new());
            if enter {
                return Ok(Some(tag));
            }
            self.skip()?;
        }
        self.look_back(|walker, offset| {
            for name in shape.missing() {
                let place = walker.place(offset, 0, name);
                report.push(&rule::MISSING_ELEMENT, place, String::new());
            }
        });
        Ok(None)
    }

    /// Enters the element last left by [`child`](Self::child) once more, for the paths of what is said about it as a
    /// whole; `look` is told where it began.
    pub(super) fn look_back(&mut self, look: impl FnOnce(&mut Self, usize)) {
        if let Some(left) = self.left.take() {
            let offset = left.offset;
            self.path.push(left);
            look(self, offset);
            self.path.pop();
        }
    }

    /// Reads and leaves the element just entered.
    pub(super) fn text(&mut self) -> Result<Value<'a>, xml::Error> {
        let depth = self.reader.depth();
        let mut value = Value { text: Cow::Borrowed(""), nested: false };
        loop {
            match self.reader.read()? {
                Event::Start(_) => value.nested = true,
                Event::End if self.reader.depth() < depth => break,
                Event::Eof => break,
                Event::End => {}
                _ if self.reader.depth() > depth => {}
                Event::Text(piece) if value.text.is_empty() && !piece.contains('\r') => {
                    value.text = Cow::Borrowed(piece);
                }
                Event::Text(piece) => push_text(value.text.to_mut(), piece),
                Event::Character(character) => value.text.to_mut().push(character),
            }
        }
        self.path.pop();
        Ok(value)
    }

    /// Passes over the element just entered, guarded all the same; tells whether it held elements.
    pub(super) fn skip(&mut self) -> Result<bool, xml::Error> {
        self.text().map(|value| value.nested)
    }

    /// Reads what follows the root element.
    pub(super) fn finish(&mut self) -> Result<(), xml::Error> {
        while self.reader.read()? != Event::Eof {}
        Ok(())
    }

    /// Byte offset of the element just entered.
    pub(super) fn offset(&self) -> usize {
        self.reader.offset()
    }

    /// Path of the element just entered.
    pub(super) fn xpath(&self) -> String {
        let mut xpath = String::new();
        for step in &self.path {
            xpath.push('/');
            xpath.push_str(mask::name(step.name));
            if step.index > 1 {
                // Writing to a string does not fail.
                let _written = write!(xpath, "[{}]", step.index);
            }
        }
        xpath
    }

    /// Line of a byte offset.
    pub(super) fn line(&mut self, offset: usize) -> u32 {
        self.reader.position_at(offset).line
    }

    /// The place of the last event; `field` names the element just entered, if it is a field.
    pub(super) fn place_here(&mut self, field: &str) -> Place {
        let place = self.place(self.reader.offset(), 0, "");
        Place { field: field.to_owned(), ..place }
    }

    fn enter(&mut self, name: &'a str) {
        let index = match self.path.last_mut() {
            Some(parent) => {
                let index = if parent.last_child.0 == name { parent.last_child.1.saturating_add(1) } else { 1 };
                parent.last_child = (name, index);
                index
            }
            None => 1,
        };
        self.path.push(Step { name, index, offset: self.reader.offset(), last_child: ("", 0) });
    }
}

impl Places for Walker<'_> {
    fn place(&mut self, offset: usize, row: u32, field: &str) -> Place {
        let xml::Position { line, column } = self.reader.position_at(offset);
        let mut xpath = self.xpath();
        if !field.is_empty() {
            xpath.push('/');
            xpath.push_str(field);
        }
        Place { part: self.part.to_owned(), row, field: field.to_owned(), xpath, line, column, envelope_line: 0 }
    }
}
