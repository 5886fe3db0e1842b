//! One document being looked at: what it is checked by, what it turned out to be, what was found.

use super::finding::FINDINGS_COUNTED_MAX;
use super::identity::Identity;
use super::part::Part;
use super::reading::{Reading, Root};
use super::report::Report;
use super::row::{Places, Row};
use super::rule;
use super::rulebook::{Form, Rulebook};
use super::rules::Run;
use super::{Limits, Outline, mask};
use crate::document::Kind;
use crate::domain::Bilingual;
use crate::xml;

/// Everything that travels with one document while it is read.
pub(super) struct Inspection<'r> {
    pub(super) rulebook: &'r Rulebook,
    pub(super) limits: Limits,
    pub(super) kind: Kind,
    /// The day the document speaks of, yyyymmdd: it chooses the version.
    pub(super) day: u32,
    pub(super) report: Report<'r>,
    pub(super) identity: Identity,
    pub(super) rules: Run<'r>,
    pub(super) outline: Outline,
    /// The version of the whole, which the envelope or the only part has.
    pub(super) version: &'r str,
}

// === impl Inspection ===

impl<'r> Inspection<'r> {
    /// Begins to read a text whose root is that of `part`.
    pub(super) fn begin<'a>(
        &mut self,
        mut root: Root<'a>,
        part: &'static Part,
    ) -> Result<Option<Reading<'r, 'a>>, xml::Error> {
        let broken = match self.rulebook.form(part, self.day) {
            _ if root.in_namespace() => &rule::ROOT_NAMESPACE,
            None => &rule::SCHEMA_MISSING,
            Some(Form { schema, slots, version }) => {
                self.rules.set_version(version);
                if self.version.is_empty() {
                    self.version = version;
                }
                return Ok(Some(root.under(part, schema, slots)));
            }
        };
        self.rules.part_is_broken();
        let place = root.place(part.shown(), format!("/{}", part.root));
        self.report.push(broken, place, String::new());
        root.drain()?;
        Ok(None)
    }

    /// Reads a decoded part from its root to its end.
    pub(super) fn part(&mut self, bytes: &[u8], part: &'static Part) -> Result<(), xml::Error> {
        let mut root = Root::open(bytes, self.limits.xml())?;
        if root.tag.name != part.root {
            let cure = Bilingual::composed(
                format!("{} phải có phần tử gốc {}.", part.name, part.root),
                format!("{} must have the root element {}.", part.name, part.root),
            );
            let name = mask::name(root.tag.name);
            let place = root.place(part.name, format!("/{name}"));
            self.report.push_with_cure(&rule::PART_ROOT, place, name.to_owned(), cure);
            self.rules.part_is_broken();
            return root.drain();
        }
        let said_before = self.report.count();
        let Some(mut reading) = self.begin(root, part)? else { return Ok(()) };
        let read = self.rows(&mut reading);
        if read.is_ok() {
            self.rules.end_part(&mut reading, &mut self.report);
        }
        reading.finish(said_before, &mut self.report);
        read
    }

    /// Reads the records of a table and has each checked.
    pub(super) fn rows(&mut self, reading: &mut Reading<'r, '_>) -> Result<(), xml::Error> {
        let part = reading.part;
        while let Some(ended) = reading.next()? {
            if ended.name == part.record {
                let (row, mut places) = reading.split(!self.report.is_full());
                self.row(row, &mut places);
                if part.name == "XML1" {
                    self.rules.keep_visit(reading);
                }
                self.outline.rows = self.outline.rows.saturating_add(1);
            } else if ended.name == "CHUKYDONVI" {
                self.outline.signed = ended.is_signature();
            }
            reading.row.clear();
            if self.report.count() >= FINDINGS_COUNTED_MAX {
                break;
            }
        }
        Ok(())
    }

    /// The one place where a row is checked, of whatever kind and form it came.
    pub(super) fn row(&mut self, row: &Row<'r, '_>, places: &mut dyn Places) {
        self.identity.row(row, places, &mut self.report);
        self.rules.row(row, places, &mut self.report);
    }
}
