//! One document on its way through the rules.

use super::Rules;
use super::function::{Facts, Record};
use super::line::Line;
use super::moment::Moment;
use super::tally::Tally;
use super::visit::{Versions, Visit};
use crate::document::finding::Place;
use crate::document::mask;
use crate::document::part::Part;
use crate::document::reading::Reading;
use crate::document::report::Report;
use crate::document::row::{Places, Row};

/// What is carried from row to row.
pub(in super::super) struct Run<'r> {
    rules: &'r Rules,
    /// yyyymmdd.
    today: u32,
    version: Versions,
    visit: Option<Visit<'r>>,
    tally: Tally,
    /// At most one a row of the record being read.
    held: Vec<Held>,
}

/// What is wrong unless the record turns out to have a certain part.
struct Held {
    entry: usize,
    but_for: &'static str,
    place: Place,
}

// === impl Run ===

impl<'r> Run<'r> {
    pub(in super::super) fn new(rules: &'r Rules, today: u32) -> Self {
        Self { rules, today, version: Versions::ALL, visit: None, tally: Tally::default(), held: Vec::new() }
    }

    /// The version the text that follows is written in.
    pub(in super::super) fn set_version(&mut self, version: &str) {
        self.version = Versions::named(version);
    }

    /// A new record begins.
    pub(in super::super) fn begin_record(&mut self) {
        self.visit = None;
        self.tally = Tally::default();
        self.held.clear();
    }

    /// Looks at one row, and remembers what others are held against.
    pub(in super::super) fn row(&mut self, row: &Row<'r, '_>, places: &mut dyn Places, report: &mut Report<'_>) {
        let Some(rules) = self.rules.of(row.part) else { return };
        let line = Line::read(row);
        let (line, visit) = (line.as_ref(), self.visit.as_ref());
        let facts = Facts { row, line, visit, today: self.today, provinces: &self.rules.provinces, tally: &self.tally };
        let mut place = |slot: usize| {
            let offset = row.at(slot).map_or(row.offset, |value| value.offset);
            places.place(offset, row.number, row.name(slot))
        };
        for check in &rules.checks {
            if check.versions.include(self.version)
                && check.is_broken(&facts)
                && let Some(entry) = self.rules.entries.get(check.entry)
            {
                report.broken(entry, place(check.field), check.shown(&facts), None);
            }
        }
        for bound in &rules.functions {
            if bound.versions.include(self.version)
                && let Some(wrong) = (bound.rule.judge)(&facts)
            {
                let (place, entry) = (place(bound.rule.field), bound.entry);
                match (wrong.but_for, self.rules.entries.get(entry)) {
                    (Some(but_for), _) => self.held.push(Held { entry, but_for, place }),
                    (None, Some(entry)) => report.broken(entry, place, String::new(), wrong.detail()),
                    (None, None) => {}
                }
            }
        }
        self.tally.take(row, line);
    }

    /// The rows of a part are over: what they are only together is told here, while the places in its text are at hand.
    pub(in super::super) fn end_part(&mut self, reading: &mut Reading<'r, '_>, report: &mut Report<'_>) {
        let Some(rules) = self.rules.of(reading.part) else { return };
        let record = Record { visit: self.visit.as_ref(), tally: &self.tally, parts: &[] };
        for bound in rules.at_end.iter().filter(|bound| bound.versions.include(self.version)) {
            let Some(entry) = self.rules.entries.get(bound.entry) else { continue };
            for row in (bound.rule.judge)(&record) {
                let field = rules.names.get(bound.rule.field).map_or("", |name| name);
                let place = reading.place_in_row(row.offset, row.number, field);
                report.broken(entry, place, String::new(), None);
            }
        }
        self.tally.end_part();
    }

    /// Remembers XML1, against which the other parts are held, before its row is forgotten.
    pub(in super::super) fn keep_visit(&mut self, reading: &mut Reading<'r, '_>) {
        let row = reading.row.detached();
        let xpath = reading.xpath();
        let mut position = |offset| {
            let position = reading.position(offset);
            (position.line, position.column)
        };
        let row_place = position(row.offset);
        let place = |slot| row.at(slot).map_or(row_place, |value| position(value.offset));
        let places = (0..row.width()).map(place).collect();
        self.visit = Some(Visit { row, places, row_place, xpath });
    }

    /// A part of the record could not be read to its end.
    pub(in super::super) fn part_is_broken(&mut self) {
        self.tally.is_broken = true;
    }

    /// The record is over, and had these parts.
    pub(in super::super) fn end_record(&mut self, parts: &[&'static Part], report: &mut Report<'_>) {
        for Held { entry, but_for, place } in self.held.drain(..) {
            let has_it = parts.iter().any(|part| part.name == but_for);
            if let Some(entry) = self.rules.entries.get(entry).filter(|_| !has_it) {
                report.broken(entry, place, String::new(), None);
            }
        }
        let Some(visit) = &self.visit else { return };
        let record = Record { visit: Some(visit), tally: &self.tally, parts };
        for bound in self.rules.record.iter().filter(|bound| bound.versions.include(self.version)) {
            let Some(entry) = self.rules.entries.get(bound.entry) else { continue };
            if let Some(wrong) = (bound.rule.judge)(&record) {
                report.broken(entry, visit.place(bound.rule.field), String::new(), wrong.detail());
            }
        }
    }

    /// The day a package says it was made (rules.csv, ENV-02).
    pub(in super::super) fn made_on(&self, written: &str, place: Place, report: &mut Report<'_>) {
        let day = Moment::parse(written).filter(|day| day.date().is_some());
        let future = day.is_some_and(|day| day.day_number() > self.today);
        if future {
            self.tell("ENV-02", place, mask::code(written, 8), report);
        }
    }

    /// A field of a driver health exam is not what was signed (rules.csv, EDOC-17).
    pub(in super::super) fn differs_from_signed(&self, place: Place, report: &mut Report<'_>) {
        self.tell("EDOC-17", place, String::new(), report);
    }

    fn tell(&self, id: &str, place: Place, value: String, report: &mut Report<'_>) {
        if let Some(entry) = self.rules.entries.iter().find(|entry| entry.id == id) {
            report.broken(entry, place, value, None);
        }
    }
}
