//! Which facilities a call names, wherever it names them: in its query, its form, its JSON, and inside files within.
//!
//! For calls that are handed through, so that none leaves for a facility its client does not own. What cannot be read to
//! its end cannot be known to name nobody else, and is refused. Names are compared loosely (`maCSKCB`, `MA_CSKCB`,
//! `model.maCskcb`), because who reads them behind the portal does so too.

use std::collections::BTreeSet;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::domain::FacilityCode;
use crate::xml::{Event, Limits, Reader, push_text};

/// The facilities named so far.
#[derive(Debug, Default)]
pub(super) struct Named {
    pub(super) facilities: BTreeSet<FacilityCode>,
    /// Whether something could not be read, or a facility's name is none.
    pub(super) is_unclear: bool,
}

/// Files within files: a file in a form has parts in base64, and those have none.
const DEPTH_MAX: u32 = 4;

/// Texts shorter than this hold no file.
const FILE_CHARACTERS_MIN: usize = 16;

/// The document's own bounds; an envelope of the 4210 family has eight levels.
const XML: Limits = Limits { depth_max: 64, attributes_max: 32 };

impl Named {
    /// Looks through a query or a form, every pair of it.
    pub(super) fn form(&mut self, written: &[u8]) {
        for (name, value) in form_urlencoded::parse(written) {
            self.field(&name, &value, 0);
        }
    }

    /// Looks through JSON of any form.
    pub(super) fn json(&mut self, written: &[u8]) {
        let written = written.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(written);
        if written.trim_ascii().is_empty() {
            return;
        }
        let mut reader = serde_json::Deserializer::from_slice(written);
        let read = Look { named: self, field: "" }.deserialize(&mut reader);
        if read.is_err() || reader.end().is_err() {
            self.is_unclear = true;
        }
    }

    /// Looks at a named value: a facility, or a text that may hold a file.
    pub(super) fn field(&mut self, name: &str, value: &str, depth: u32) {
        if names_facility(name) {
            match FacilityCode::parse(value.trim()) {
                Ok(code) => drop(self.facilities.insert(code)),
                Err(_) => self.is_unclear |= !value.trim().is_empty(),
            }
        }
        self.text(value, depth);
    }

    /// Looks through a text that may be a file, or base64 of one.
    fn text(&mut self, text: &str, depth: u32) {
        if text.len() < FILE_CHARACTERS_MIN {
            return;
        }
        if is_markup(text.as_bytes()) {
            return self.file(text.as_bytes(), depth);
        }
        let base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=\r\n\t ".contains(&byte);
        if text.bytes().all(base64) {
            let packed: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
            if let Ok(bytes) = STANDARD.decode(packed) {
                self.bytes(&bytes, depth + 1);
            }
        }
    }

    /// Looks through bytes that may be a file.
    pub(super) fn bytes(&mut self, bytes: &[u8], depth: u32) {
        if depth > DEPTH_MAX {
            self.is_unclear = true;
            return;
        }
        let content = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        match content {
            _ if is_markup(content) => self.file(bytes, depth),
            // Packed, or in an encoding of two bytes a character: nothing inside can be seen.
            [b'P', b'K', 3..=8, ..]
            | [0x1F, 0x8B, ..]
            | [0xFF, 0xFE, ..]
            | [0xFE, 0xFF, ..]
            | [0, b'<', ..]
            | [b'<', 0, ..] => {
                self.is_unclear = true;
            }
            _ => {
                // Base64 within base64. What is no text is a token or a hash, not a file.
                if let Ok(text) = std::str::from_utf8(content) {
                    self.text(text, depth);
                }
            }
        }
    }

    /// Looks through an XML file: its elements, and the files that their texts may be.
    fn file(&mut self, xml: &[u8], depth: u32) {
        let Ok(mut reader) = Reader::new(xml, XML) else {
            self.is_unclear = true;
            return;
        };
        let (mut open, mut text): (Vec<&str>, String) = (Vec::new(), String::new());
        loop {
            match reader.read() {
                Ok(Event::Start(tag)) => {
                    open.push(tag.local_name());
                    text.clear();
                }
                Ok(Event::Text(piece)) => push_text(&mut text, piece),
                Ok(Event::Character(character)) => text.push(character),
                Ok(Event::End) => {
                    self.field(open.pop().unwrap_or_default(), &text, depth + 1);
                    text.clear();
                }
                Ok(Event::Eof) => return,
                Err(_) => {
                    self.is_unclear = true;
                    return;
                }
            }
        }
    }
}

/// Whether this is meant as XML. Ordinary words in capitals are base64 too, and some decode to what begins with a `<`; a
/// file also has an end tag, or an element that ends itself.
fn is_markup(content: &[u8]) -> bool {
    let has = |end: &[u8]| memchr::memmem::find(content, end).is_some();
    content.trim_ascii_start().starts_with(b"<") && (has(b"</") || has(b"/>"))
}

/// Whether a field or an element of this name holds a facility: only letters count, and what stands before it does not.
fn names_facility(name: &str) -> bool {
    let letters: String = name.chars().filter(char::is_ascii_alphabetic).take(200).collect();
    letters.to_ascii_lowercase().ends_with("macskcb")
}

/// Looks through JSON as it is read. A file as an array of numbers, which one generation of clients sends, takes a byte a
/// number and no more.
struct Look<'a> {
    named: &'a mut Named,
    /// The name of the member whose value comes.
    field: &'a str,
}

impl<'de> DeserializeSeed<'de> for Look<'_> {
    type Value = Option<u8>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Look<'_> {
    /// A byte, if it was one.
    type Value = Option<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        self.named.field(self.field, text, 0);
        Ok(None)
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        // A facility's code as a number has lost its first zero.
        self.named.is_unclear |= names_facility(self.field);
        Ok(u8::try_from(number).ok())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        self.named.is_unclear |= names_facility(self.field);
        // Java's bytes have a sign.
        Ok(i8::try_from(number).ok().map(i8::cast_unsigned))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        self.named.is_unclear |= names_facility(self.field);
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = items.next_element_seed(Look { named: self.named, field: self.field })? {
            bytes.extend(byte);
        }
        self.named.bytes(&bytes, 0);
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        while let Some(Name(name)) = members.next_key()? {
            members.next_value_seed(Look { named: self.named, field: &name })?;
        }
        Ok(None)
    }
}

/// The name of a member, without escapes.
struct Name(String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looked(look: impl FnOnce(&mut Named)) -> (Vec<String>, bool) {
        let mut named = Named::default();
        look(&mut named);
        (named.facilities.iter().map(ToString::to_string).collect(), named.is_unclear)
    }

    fn found(codes: &[&str]) -> (Vec<String>, bool) {
        (codes.iter().map(|code| (*code).to_owned()).collect(), false)
    }

    const FILE: &str =
        "<?xml version=\"1.0\"?><GIAMDINHHS><THONGTINDONVI><MACSKCB>01999</MACSKCB></THONGTINDONVI></GIAMDINHHS>";

    #[test]
    fn facilities_are_found_in_forms_json_and_files() {
        let base64 = STANDARD.encode(FILE);
        let part = STANDARD.encode("<TONG_HOP><MA_CSKCB>79&#57;99</MA_CSKCB></TONG_HOP>");
        let nested = format!("<A><MACSKCB> 01999 </MACSKCB><NOIDUNGFILE>{part}</NOIDUNGFILE></A>");
        let numbers =
            |file: &str| format!("[{}]", file.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(","));
        for (form, codes) in [
            ("maCSKCB=01999&x=1", &["01999"][..]),
            ("model.MA_CSKCB=01999&maCskcb%5B0%5D=79999", &["01999", "79999"]),
            ("%6DaCSKCB=01999", &["01999"]),
            ("maCSKCB=01999&name=PHAM+THI+LAN+ANHXX&value=%3C10+g%2FL+%28th%E1%BA%A5p%29", &["01999"]),
            ("maCSKCB=&token=TUpDUXR5eHh4eHh4eHh4eA%3D%3D&password=5F4DCC3B5AA765D61D8327DEB882CF99", &[]),
            (&format!("file={}", form_urlencoded::byte_serialize(base64.as_bytes()).collect::<String>()), &["01999"]),
            (
                &format!("file={}", form_urlencoded::byte_serialize(nested.as_bytes()).collect::<String>()),
                &["01999", "79999"],
            ),
        ] {
            assert_eq!(looked(|named| named.form(form.as_bytes())), found(codes), "{form}");
        }
        for (json, codes) in [
            ("", &[][..]),
            ("null", &[]),
            ("{\"a\":{\"ma_cskcb\":\"01999\"},\"b\":[1,2.5,true,{\"maCSKCB\":\"79999\"}]}", &["01999", "79999"]),
            ("{\"ma\\u0043SKCB\":[\"01999\"]}", &["01999"]),
            (&numbers(FILE), &["01999"]),
            (&numbers(&nested), &["01999", "79999"]),
            (&format!("\"{base64}\""), &["01999"]),
            (&format!("{{\"file\":\"{}\"}}", STANDARD.encode(&base64)), &["01999"]),
        ] {
            assert_eq!(looked(|named| named.json(json.as_bytes())), found(codes), "{json}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_not_taken_for_nothing() {
        let packed = STANDARD.encode(b"PK\x03\x04aaaaaaaaaaaaaaaaaaaaaaa");
        let wide: Vec<u8> = FILE.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let deep = (0..6).fold(FILE.to_owned(), |file, _| STANDARD.encode(file));
        for json in [
            "{\"maCSKCB\":\"0199\"}",
            "{\"maCSKCB\":1999}",
            "{\"maCSKCB\":",
            "{} x",
            "\"<!DOCTYPE a><a/><MACSKCB>\"",
            "\"<a><MACSKCB>01999</MACSKCB>\"",
            &format!("\"{packed}\""),
            &format!("\"{}\"", STANDARD.encode(wide)),
            &format!("\"{deep}\""),
        ] {
            assert!(looked(|named| named.json(json.as_bytes())).1, "{json}");
        }
    }
}
