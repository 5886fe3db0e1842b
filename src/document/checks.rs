//! The one place where what was read is checked. Every row of every kind passes through [`Checks::row`] with its
//! fields in order; whoever checks rows (today the identity guard) is called from there and from nowhere else.

use super::identity::Identity;
use super::part::Part;
use super::rule::Report;
use super::walk::{Places, Value};
use crate::document::Kind;

/// All checks of one document, with what they remember from row to row.
pub(super) struct Checks {
    pub(super) identity: Identity,
}

/// One row of a table, as read.
pub(super) struct Row<'a> {
    pub(super) part: &'static Part,
    /// From 1.
    pub(super) number: u32,
    /// Where the row itself begins, for what it lacks.
    pub(super) offset: usize,
    /// The fields that identify, in the order of the document.
    pub(super) fields: Vec<Field<'a>>,
}

/// One field of a row.
pub(super) struct Field<'a> {
    pub(super) name: &'static str,
    pub(super) value: Value<'a>,
    pub(super) offset: usize,
}

// === impl Checks ===

impl Checks {
    pub(super) fn new(kind: Kind) -> Self {
        Self { identity: Identity::new(kind) }
    }

    /// Checks a row that was read to its end.
    pub(super) fn row(&mut self, row: &Row<'_>, places: &mut dyn Places, report: &mut Report) {
        self.identity.row(row, places, report);
    }
}

// === impl Row ===

impl<'a> Row<'a> {
    pub(super) fn new(part: &'static Part, number: u32, offset: usize) -> Self {
        Self { part, number, offset, fields: Vec::new() }
    }

    /// Takes the next field.
    pub(super) fn field(&mut self, name: &str, value: Value<'a>, offset: usize) {
        if let Some(name) = self.part.identity.iter().copied().find(|known| *known == name) {
            self.fields.push(Field { name, value, offset });
        }
    }

    /// The first field called `name`.
    pub(super) fn get(&self, name: &str) -> Option<&Field<'a>> {
        self.fields.iter().find(|field| field.name == name)
    }
}
