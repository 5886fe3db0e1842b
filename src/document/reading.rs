//! Reading one XML text once: guarded, followed in its schema, its fields gathered into rows.

use super::finding::{FINDINGS_COUNTED_MAX, Place, Severity};
use super::part::Part;
use super::report::Report;
use super::row::{Places, Row, Slots};
use super::schema::checker::Seen;
use super::schema::{Checker, Schema};
use crate::xml::{self, Event, Position, Reader, Tag};

/// A text whose root element was read and nothing more.
pub(super) struct Root<'a> {
    pub(super) tag: Tag<'a>,
    reader: Reader<'a>,
}

/// A text being read under its schema.
pub(super) struct Reading<'s, 'a> {
    pub(super) part: &'static Part,
    /// The fields that came since the last row was taken.
    pub(super) row: Row<'s, 'a>,
    reader: Reader<'a>,
    checker: Checker<'s, 'a>,
    /// Path of the first row.
    first_row: Option<String>,
}

/// An element with children that has just ended.
pub(super) struct Ended<'a> {
    pub(super) name: &'a str,
    /// The name of its last child; empty if it had none.
    last_child: &'a str,
}

// === impl Root ===

impl<'a> Root<'a> {
    /// Opens a text and reads up to its root element.
    pub(super) fn open(bytes: &'a [u8], limits: xml::Limits) -> Result<Self, xml::Error> {
        let mut reader = Reader::new(bytes, limits)?;
        loop {
            // The reader gives nothing before the root, and an error if there is none.
            if let Event::Start(tag) = reader.read()? {
                return Ok(Self { tag, reader });
            }
        }
    }

    /// Whether a default namespace holds. No template has one, and no schema would know any element.
    pub(super) fn in_namespace(&self) -> bool {
        self.tag.attribute("xmlns").is_some_and(|name| !name.is_empty())
    }

    /// The place of the root element.
    pub(super) fn place(&mut self, part: &str, xpath: String) -> Place {
        let Position { line, column } = self.reader.position_at(self.reader.offset());
        Place { part: part.to_owned(), xpath, line, column, ..Place::default() }
    }

    /// Reads what is left under the guard alone, so that a broken text is told from one that is merely another.
    pub(super) fn drain(mut self) -> Result<(), xml::Error> {
        while self.reader.read()? != Event::Eof {}
        Ok(())
    }

    /// Goes on under a schema.
    pub(super) fn under<'s>(self, part: &'static Part, schema: &'s Schema, slots: &'s Slots) -> Reading<'s, 'a> {
        let Self { tag, reader } = self;
        let mut checker = Checker::new(schema, reader.source()).handing_on(schema.slots(slots.names()));
        // A start tag completes nothing.
        let _seen = checker.event(&Event::Start(tag), reader.offset());
        Reading { part, row: Row::new(part, slots), reader, checker, first_row: None }
    }
}

// === impl Ended ===

impl Ended<'_> {
    /// Whether a signature stands in it.
    pub(super) fn is_signature(&self) -> bool {
        self.last_child.rsplit(':').next() == Some("Signature")
    }
}

// === impl Reading ===

impl<'s, 'a> Reading<'s, 'a> {
    /// Reads on to the end of the next element with children; `None` at the end of the text, or where too much is wrong
    /// to go on.
    pub(super) fn next(&mut self) -> Result<Option<Ended<'a>>, xml::Error> {
        loop {
            if self.checker.fault_count() >= FINDINGS_COUNTED_MAX {
                return Ok(None);
            }
            let event = self.reader.read()?;
            match self.checker.event(&event, self.reader.offset()) {
                Seen::Nothing if event == Event::Eof => return Ok(None),
                Seen::Nothing => {}
                Seen::Field { slot, text, offset } => self.row.set(slot, text, offset),
                Seen::Element { name, row, offset, last_child } => {
                    (self.row.number, self.row.offset) = (row, offset);
                    if self.first_row.is_none() && name == self.part.record {
                        self.first_row = Some(self.checker.xpath());
                    }
                    return Ok(Some(Ended { name, last_child }));
                }
            }
        }
    }

    /// Says what the schema found, and puts what was said of this text into its order.
    pub(super) fn finish(self, said_before: u64, report: &mut Report<'_>) {
        let Self { part, mut reader, checker, .. } = self;
        let said = report.count().saturating_add(checker.fault_count());
        let faults = checker.finish();
        for fault in &faults.list {
            if report.is_full() {
                report.unlisted(fault.code.name(), Severity::Error);
                continue;
            }
            let mut finding = fault.to_finding(part.shown(), reader.position_at(fault.offset));
            if part.is_envelope() {
                finding.place.row = 0;
            }
            report.structure(finding, said_before);
        }
        report.not_listed(faults.more);
        if said >= FINDINGS_COUNTED_MAX {
            let place = Place { part: part.shown().to_owned(), line: 1, column: 1, ..Place::default() };
            report.stopped(place);
        }
        report.sort_since(said_before);
    }

    /// The row, and what tells its places; nothing of them if nobody lists them, because finding them out takes a while.
    pub(super) fn split(&mut self, listed: bool) -> (&Row<'s, 'a>, Here<'_, 's, 'a>) {
        (&self.row, Here { part: self.part, reader: &mut self.reader, checker: &self.checker, listed })
    }

    /// The place of a field of the row that was just taken; of the element that just ended if `field` is empty.
    pub(super) fn place(&mut self, offset: usize, field: &str) -> Place {
        self.split(true).1.place(offset, 0, field)
    }

    /// The place of a field of an earlier row, or of one that lacks it.
    pub(super) fn place_in_row(&mut self, offset: usize, row: u32, field: &str) -> Place {
        let Position { line, column } = self.reader.position_at(offset);
        let mut xpath = self.first_row.clone().unwrap_or_default();
        if row > 1 {
            xpath.push_str(&format!("[{row}]"));
        }
        let xpath = format!("{xpath}/{field}");
        let (part, field) = (self.part.shown().to_owned(), field.to_owned());
        Place { part, row, field, xpath, line, column, ..Place::default() }
    }

    /// Path of the element that just ended.
    pub(super) fn xpath(&self) -> String {
        self.checker.xpath()
    }

    /// Line and column of a byte offset.
    pub(super) fn position(&mut self, offset: usize) -> Position {
        self.reader.position_at(offset)
    }
}

/// Places in a text being read.
pub(super) struct Here<'x, 's, 'a> {
    part: &'static Part,
    reader: &'x mut Reader<'a>,
    checker: &'x Checker<'s, 'a>,
    listed: bool,
}

impl Places for Here<'_, '_, '_> {
    fn place(&mut self, offset: usize, row: u32, field: &str) -> Place {
        if !self.listed {
            return Place::default();
        }
        let Position { line, column } = self.reader.position_at(offset);
        let mut xpath = self.checker.xpath();
        if !field.is_empty() {
            xpath.push('/');
            xpath.push_str(field);
        }
        // The files of a package are no rows of a table.
        let row = if self.part.is_envelope() { 0 } else { row };
        let (part, field) = (self.part.shown().to_owned(), field.to_owned());
        Place { part, row, field, xpath, line, column, ..Place::default() }
    }
}
