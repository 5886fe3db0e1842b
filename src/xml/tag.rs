//! Start tags and their attributes.

use std::borrow::Cow;

use super::character::{Colon, is_blank, qualified_name};
use super::error::{BeyondLimit, ErrorKind, IllFormed};
use super::reference;

/// A start tag that was found right.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Tag<'a> {
    /// The name, with its prefix where it has one.
    pub name: &'a str,
    /// What follows the name, without `>` or `/>`.
    attributes: &'a str,
}

impl<'a> Tag<'a> {
    /// A tag whose whole content is its name.
    pub(super) fn bare(name: &'a str) -> Self {
        Self { name, attributes: "" }
    }

    /// The value of an attribute by its name as written.
    pub fn attribute(&self, name: &str) -> Option<Cow<'a, str>> {
        let found = Attributes::new(self.attributes).find_map(|attribute| attribute.ok().filter(|a| a.name == name));
        found.map(|attribute| reference::attribute_value(attribute.value))
    }

    /// What follows the name, as written: blanks and attributes; empty for nearly every tag.
    pub(crate) fn written_attributes(&self) -> &'a str {
        self.attributes
    }

    /// The name without its prefix.
    pub fn local_name(&self) -> &'a str {
        self.name.rsplit(':').next().unwrap_or(self.name)
    }
}

/// Attribute values may name a person, so only the name of the element is shown.
impl std::fmt::Debug for Tag<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tag({})", self.name)
    }
}

/// One attribute as written.
#[derive(Clone, Copy)]
pub(super) struct Attribute<'a> {
    pub(super) name: &'a str,
    pub(super) colon: Colon,
    /// Between the quotes, unresolved.
    pub(super) value: &'a str,
    /// Of the name, from the start of the attributes.
    pub(super) offset: usize,
}

/// A fault at a byte offset.
pub(super) type Fault = (ErrorKind, usize);

/// Checks the content of a tag (between `<` and `>` or `/>`) but for namespaces. Offsets count from that content.
pub(super) fn check<'a>(content: &'a str, attributes_max: u32) -> Result<Checked<'a>, Fault> {
    let name_end = content.bytes().position(is_blank).unwrap_or(content.len());
    let (name, attributes) = content.split_at_checked(name_end).unwrap_or((content, ""));
    let colon = qualified_name(name).ok_or((ErrorKind::IllFormed(IllFormed::Name), 0))?;
    let mut list = Vec::new();
    // Nearly every tag has none; the empty list does not allocate.
    if !attributes.is_empty() {
        for attribute in Attributes::new(attributes) {
            let attribute = attribute.map_err(|(kind, offset)| (kind, name_end + offset))?;
            let offset = name_end + attribute.offset;
            if list.len() >= attributes_max as usize {
                return Err((ErrorKind::BeyondLimit(BeyondLimit::Attributes), offset));
            }
            // Quadratic, but in the few attributes the limit allows.
            if list.iter().any(|earlier: &Attribute<'_>| earlier.name == attribute.name) {
                return Err((ErrorKind::IllFormed(IllFormed::AttributeTwice), offset));
            }
            list.push(Attribute { offset, ..attribute });
        }
    }
    Ok(Checked { tag: Tag { name, attributes }, colon, attributes: list })
}

/// What [`check`] found.
pub(super) struct Checked<'a> {
    pub(super) tag: Tag<'a>,
    pub(super) colon: Colon,
    pub(super) attributes: Vec<Attribute<'a>>,
}

/// Reads `S Name S? '=' S? AttValue` again and again (productions 40, 41 and 10).
struct Attributes<'a> {
    text: &'a str,
    offset: usize,
}

impl<'a> Attributes<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, offset: 0 }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.offset..).unwrap_or_default()
    }

    fn skip_blanks(&mut self) -> usize {
        let blanks = self.rest().bytes().take_while(|&byte| is_blank(byte)).count();
        self.offset += blanks;
        blanks
    }

    fn one(&mut self) -> Result<Attribute<'a>, ErrorKind> {
        const MALFORMED: ErrorKind = ErrorKind::IllFormed(IllFormed::Attribute);
        let offset = self.offset;
        let length = self.rest().bytes().take_while(|&byte| byte != b'=' && !is_blank(byte)).count();
        let name = self.rest().get(..length).unwrap_or_default();
        let colon = qualified_name(name).ok_or(MALFORMED)?;
        self.offset += length;
        self.skip_blanks();
        let Some(after) = self.rest().strip_prefix('=') else { return Err(MALFORMED) };
        self.offset = self.text.len() - after.len();
        self.skip_blanks();
        let quote = self.rest().chars().next().filter(|c| matches!(c, '"' | '\'')).ok_or(MALFORMED)?;
        self.offset += 1;
        let (value, _) = self.rest().split_once(quote).ok_or(MALFORMED)?;
        check_value(value)?;
        self.offset += value.len() + 1;
        Ok(Attribute { name, colon, value, offset })
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<Attribute<'a>, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        let blanks = self.skip_blanks();
        if self.rest().is_empty() {
            return None;
        }
        if blanks == 0 {
            let start = std::mem::replace(&mut self.offset, self.text.len());
            return Some(Err((ErrorKind::IllFormed(IllFormed::Attribute), start)));
        }
        let start = self.offset;
        Some(self.one().map_err(|kind| {
            self.offset = self.text.len();
            (kind, start)
        }))
    }
}

fn check_value(value: &str) -> Result<(), ErrorKind> {
    let mut rest = value;
    while let Some(at) = memchr::memchr2(b'<', b'&', rest.as_bytes()) {
        let after = rest.get(at..).unwrap_or_default();
        let Some(after) = after.strip_prefix('&') else {
            return Err(ErrorKind::IllFormed(IllFormed::LessThanInAttribute));
        };
        let (body, after) = after.split_once(';').ok_or(ErrorKind::IllFormed(IllFormed::Ampersand))?;
        reference::resolve(body)?;
        rest = after;
    }
    Ok(())
}
