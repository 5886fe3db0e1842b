//! The driver exam as the JSON object the portal takes: members of strings, each once.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::super::finding::Place;
use super::super::inspection::Inspection;
use super::super::mask;
use super::super::part::{self, Part};
use super::super::row::{Places, Row};
use super::super::rule;
use super::super::schema::Code;
use super::FIELDS_MAX;
use crate::xml::{Locator, Position};

/// Whether the bytes are meant as JSON: no XML begins with a brace.
pub(in super::super) fn is_json(bytes: &[u8]) -> bool {
    without_mark(bytes).trim_ascii_start().first() == Some(&b'{')
}

/// The text without the byte order mark some programs write before it.
fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes)
}

/// Reads the object.
pub(in super::super) fn read(bytes: &[u8], inspection: &mut Inspection<'_>) {
    let Some(part) = part::named("GKSK") else { return };
    let bytes = without_mark(bytes);
    let mut places = JsonPlaces { part, locator: Locator::new(bytes) };
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let place = places.place(error.valid_up_to(), 0, "");
            return inspection.report.push(&rule::JSON_MALFORMED, place, String::new());
        }
    };
    let Members(members) = match serde_json::from_str(text) {
        Ok(members) => members,
        Err(error) => {
            let place = places.place(offset_of(text, &error), 0, "");
            return inspection.report.push(&rule::JSON_MALFORMED, place, String::new());
        }
    };

    let Some(form) = inspection.rulebook.form(part, inspection.day) else {
        return inspection.report.push(&rule::SCHEMA_MISSING, places.place(0, 0, ""), String::new());
    };
    inspection.version = form.version;
    let mut row = Row::new(part, form.slots);
    let mut names: HashSet<String> = HashSet::new();
    let mut fields: Vec<(String, Cow<'_, str>, usize)> = Vec::new();
    let mut previous = 0;
    for (name, value) in members {
        // Names borrow from the text unless they hold escapes, so they tell where they stand.
        let offset = offset_within(text, &name).unwrap_or(previous);
        previous = offset;
        // Equal but for case is twice to a reader that does not look at it.
        let folded = name.to_uppercase();
        // What identifies is told with the row.
        let told = part.identity.contains(&name.as_ref()) && row.get(&name).is_some();
        if names.contains(&folded) && !told {
            let place = places.place(offset, 1, mask::name(&name));
            inspection.report.push(&rule::REPEATED_FIELD, place, String::new());
        }
        let (value, fault) = match value {
            Value::Text(value) => (Some(value), None),
            Value::Whole(digits) if inspection.report.is_soft(Code::Pattern) => {
                (Some(Cow::Owned(digits)), Some(&rule::JSON_NUMBER))
            }
            Value::Whole(_) | Value::Other => (None, Some(&rule::JSON_NOT_STRING)),
        };
        if let Some(value) = value {
            row.set_named(&name, value.clone(), offset);
            fields.push((name.clone().into_owned(), value, offset));
        }
        if let Some(fault) = fault {
            let place = places.place(offset, 1, mask::name(&name));
            inspection.report.push(fault, place, String::new());
        }
        names.insert(folded);
    }
    let said_before = inspection.report.count();
    super::check(&row, &mut places, inspection);
    let fields = fields.iter().map(|(name, value, offset)| (name.as_str(), &**value, *offset));
    for fault in form.schema.check_fields(fields) {
        let finding = fault.to_finding(part.name, places.position(fault.offset));
        inspection.report.structure(finding, said_before);
    }
    inspection.report.sort_since(said_before);
}

/// Places in a JSON text; a member has no path but its name.
struct JsonPlaces<'a> {
    part: &'static Part,
    locator: Locator<'a>,
}

impl JsonPlaces<'_> {
    fn position(&mut self, offset: usize) -> Position {
        self.locator.locate(offset)
    }
}

impl Places for JsonPlaces<'_> {
    fn place(&mut self, offset: usize, row: u32, field: &str) -> Place {
        let Position { line, column } = self.locator.locate(offset);
        let (part, field) = (self.part.name.to_owned(), field.to_owned());
        Place { part, row, field, line, column, ..Place::default() }
    }
}

/// The byte a JSON error speaks of. serde_json counts lines from 1 and columns in bytes from the line's start.
fn offset_of(text: &str, error: &serde_json::Error) -> usize {
    let before = error.line().saturating_sub(1);
    let line_start = match before.checked_sub(1) {
        None => 0,
        Some(nth) => memchr::memchr_iter(b'\n', text.as_bytes()).nth(nth).map_or(text.len(), |newline| newline + 1),
    };
    let offset = line_start.saturating_add(error.column().saturating_sub(1)).min(text.len());
    text.floor_char_boundary(offset)
}

/// Where `piece` begins in `text`, if it is a part of it and no copy: two live texts never share an address.
fn offset_within(text: &str, piece: &str) -> Option<usize> {
    let offset = (piece.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
    (offset < text.len()).then_some(offset)
}

/// The members of an object in their order, twice if they stand there twice.
struct Members<'a>(Vec<(Cow<'a, str>, Value<'a>)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((name, value)) = map.next_entry()? {
                    if members.len() >= FIELDS_MAX {
                        return Err(A::Error::custom("too many members"));
                    }
                    // The name of a member is a text, or it is no JSON.
                    let Value::Text(name) = name else { return Err(A::Error::custom("a name that is no text")) };
                    members.push((name, value));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// What stands in a member.
enum Value<'a> {
    /// A string, borrowed where it can be.
    Text(Cow<'a, str>),
    /// A whole number, whose digits are those of a text. Whatever that text began with, it was no zero.
    Whole(String),
    Other,
}

impl<'de> Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Value::Other)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Value::Other)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Value::Other)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Value::Whole(number.to_string()))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Value::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        while sequence.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Other)
    }
}
