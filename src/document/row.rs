//! One row of a table: of its fields, those that somebody asks for, each at its own slot.

use std::borrow::Cow;

use super::finding::Place;
use super::part::Part;

/// Which fields of a part are kept while a row is read: those that identify and those its rules name.
#[derive(Debug)]
pub(super) struct Slots {
    names: Vec<Box<str>>,
}

/// One row, as read.
pub(super) struct Row<'r, 'a> {
    pub(super) part: &'static Part,
    /// From 1.
    pub(super) number: u32,
    /// Where the row itself begins, for what it lacks.
    pub(super) offset: usize,
    slots: &'r Slots,
    /// By slot.
    values: Vec<Option<Value<'a>>>,
    /// Where a field that identifies stood once more, and which: the first few.
    repeated: Vec<(usize, usize)>,
}

/// Repetitions that are told of one row.
const REPEATED_MAX: usize = 8;

/// One field of a row.
#[derive(Clone)]
pub(super) struct Value<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) offset: usize,
}

/// Tells places in the text a row was read from.
pub(super) trait Places {
    /// The place of the byte at `offset`, in row `number` (0 if it has none) and field `field` (empty if none).
    fn place(&mut self, offset: usize, number: u32, field: &str) -> Place;
}

// === impl Slots ===

impl Slots {
    pub(super) fn new(names: Vec<Box<str>>) -> Self {
        Self { names }
    }

    pub(super) fn names(&self) -> &[Box<str>] {
        &self.names
    }

    pub(super) fn of(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| **known == *name)
    }
}

// === impl Row ===

impl<'r, 'a> Row<'r, 'a> {
    pub(super) fn new(part: &'static Part, slots: &'r Slots) -> Self {
        Self { part, number: 1, offset: 0, slots, values: vec![None; slots.names.len()], repeated: Vec::new() }
    }

    /// Takes a field. Of one that stands twice the first counts; of one that identifies it is remembered that it does.
    pub(super) fn set(&mut self, slot: usize, text: Cow<'a, str>, offset: usize) {
        let Some(value) = self.values.get_mut(slot) else { return };
        if value.is_none() {
            *value = Some(Value { text, offset });
        } else if self.repeated.len() < REPEATED_MAX && self.part.identity.contains(&self.name(slot)) {
            self.repeated.push((slot, offset));
        }
    }

    /// Where fields that identify stood once more, by name.
    pub(super) fn repeated(&self) -> impl Iterator<Item = (&str, usize)> {
        self.repeated.iter().map(|&(slot, offset)| (self.name(slot), offset))
    }

    /// Takes a field by name, if anybody asks for it.
    pub(super) fn set_named(&mut self, name: &str, text: Cow<'a, str>, offset: usize) {
        if let Some(slot) = self.slots.of(name) {
            self.set(slot, text, offset);
        }
    }

    /// Takes out where fields that identify stood once more, and which.
    pub(super) fn take_repeated(&mut self) -> Vec<(usize, usize)> {
        std::mem::take(&mut self.repeated)
    }

    /// The field at `slot`, if the row has it.
    pub(super) fn at(&self, slot: usize) -> Option<&Value<'a>> {
        self.values.get(slot)?.as_ref()
    }

    /// The field called `name`. Those that identify are found fast.
    pub(super) fn get(&self, name: &str) -> Option<&Value<'a>> {
        self.at(self.slots.of(name)?)
    }

    /// Takes the field called `name` out.
    pub(super) fn take(&mut self, name: &str) -> Option<Value<'a>> {
        let slot = self.slots.of(name)?;
        self.values.get_mut(slot)?.take()
    }

    /// The field's text without blanks around it; empty if the row has no such field.
    pub(super) fn text(&self, slot: usize) -> &str {
        self.at(slot).map_or("", |value| value.text.trim_ascii())
    }

    /// The name of a slot.
    pub(super) fn name(&self, slot: usize) -> &str {
        self.slots.names.get(slot).map_or("", |name| name)
    }

    /// How many slots there are.
    pub(super) fn width(&self) -> usize {
        self.values.len()
    }

    /// Forgets the fields, for the next row.
    pub(super) fn clear(&mut self) {
        self.values.fill(None);
        self.repeated.clear();
    }

    /// The same, borrowing nothing from the text.
    pub(super) fn detached(&self) -> Row<'r, 'static> {
        let own = |value: &Option<Value<'a>>| {
            let Value { text, offset } = value.as_ref()?;
            Some(Value { text: Cow::Owned(text.as_ref().to_owned()), offset: *offset })
        };
        let values = self.values.iter().map(own).collect();
        let Self { part, number, offset, slots, .. } = *self;
        Row { part, number, offset, slots, values, repeated: Vec::new() }
    }
}
