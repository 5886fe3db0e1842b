//! Which facilities a call names, wherever it names them: in its query, its form, its JSON, and inside files within.
//!
//! For calls that are handed through, so that none leaves for a facility its client does not own. What cannot be read to
//! its end cannot be known to name nobody else, and is refused. Names are compared loosely (`maCSKCB`, `MA_CSKCB`,
//! `model.maCskcb`), because who reads them behind the portal does so too.

use std::collections::BTreeSet;
use std::fmt;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
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

/// Files within files: the fields of a part in a file in base64 stand at four, and some are words that are base64 too.
const DEPTH_MAX: u32 = 8;

/// Reads base64 as loosely as .NET and Java do, who take odd bits at its end for nothing.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A field that holds a facility, its letters only.
const FACILITY: &str = "macskcb";

/// A field that holds the number of a transaction, its letters only.
const TRANSACTION: &str = "magiaodich";

/// Texts shorter than this hold no file.
const FILE_CHARACTERS_MIN: usize = 16;

/// The document's own bounds; an envelope of the 4210 family has eight levels.
const XML: Limits = Limits { depth_max: 64, attributes_max: 32 };

impl Named {
    /// Looks through a query or a form, every pair of it.
    pub(super) fn form(&mut self, written: &[u8]) {
        // ASP.NET reads `%u0061` as an `a`; scripts write so what is no ASCII, and nobody what is.
        self.is_unclear |= memchr::memmem::find_iter(written, b"%u00").next().is_some();
        for (name, value) in form_urlencoded::parse(written) {
            self.field(&name, &value, 0);
            // A body of no type may be a file or JSON; as a form it is one long name.
            self.text(&name, 0);
        }
    }

    /// Looks through JSON of any form.
    pub(super) fn json(&mut self, written: &[u8]) {
        let written = written.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(written);
        if written.trim_ascii().is_empty() {
            return;
        }
        self.is_unclear |= !self.reads_json(written, 0);
    }

    fn reads_json(&mut self, written: &[u8], depth: u32) -> bool {
        let mut reader = serde_json::Deserializer::from_slice(written);
        let read = Look { named: self, field: "", depth }.deserialize(&mut reader);
        read.is_ok() && reader.end().is_ok()
    }

    /// Looks at a named value: a facility, or a text that may hold a file.
    pub(super) fn field(&mut self, name: &str, value: &str, depth: u32) {
        if ends_with(name, FACILITY) {
            match FacilityCode::parse(value.trim()) {
                Ok(code) => drop(self.facilities.insert(code)),
                Err(_) => self.is_unclear |= !value.trim().is_empty(),
            }
        }
        if ends_with(name, TRANSACTION) {
            self.facilities.extend(facility_of_transaction(value));
        }
        self.text(value, depth);
    }

    /// Looks through a text that may be a file, JSON, or base64 of one.
    fn text(&mut self, text: &str, depth: u32) {
        // A mark of a byte order, and the quotes of a text in JSON that came with no type.
        let text = text.trim_start_matches('\u{FEFF}').trim_matches('"');
        if text.len() < FILE_CHARACTERS_MIN {
            return;
        }
        if is_markup(text.as_bytes()) {
            return self.file(text.as_bytes(), depth);
        }
        if text.trim_start().starts_with(['{', '[']) {
            if depth > DEPTH_MAX {
                self.is_unclear = true;
            } else if !self.reads_json(text.as_bytes(), depth + 1) {
                // Words in brackets, or JSON as only the lenient read it.
                self.is_unclear |= speaks_of_facilities(text) || text.contains("\\u");
            }
            return;
        }
        let base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=\r\n\t ".contains(&byte);
        if !text.bytes().all(base64) {
            self.is_unclear |= speaks_of_facilities(text);
            return;
        }
        self.base64(text.chars().filter(|c| !c.is_ascii_whitespace()).collect(), depth);
        if text.contains(' ') {
            // What becomes of a `+` that a form left unescaped, and who reads it may know.
            let mended = text.chars().map(|c| if c == ' ' { '+' } else { c });
            self.base64(mended.filter(|c| !c.is_ascii_whitespace()).collect(), depth);
        }
    }

    fn base64(&mut self, packed: String, depth: u32) {
        if let Ok(bytes) = BASE64.decode(packed) {
            self.bytes(&bytes, depth + 1);
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
            | [b'7', b'z', 0xBC, 0xAF, ..]
            | [b'R', b'a', b'r', b'!', ..]
            | [0xFF, 0xFE, ..]
            | [0xFE, 0xFF, ..]
            | [0, b'<', ..]
            | [b'<', 0, ..]
            // And of four.
            | [0, 0, 0xFE, 0xFF, ..]
            | [0, 0, 0xFF, 0xFE, ..]
            | [0, 0, 0, b'<', ..]
            | [0, 0, b'<', 0, ..] => {
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
        let Some(mut reader) = Reader::new(xml, XML).ok().filter(|_| depth <= DEPTH_MAX) else {
            self.is_unclear = true;
            return;
        };
        // Open elements, and whether each has others within.
        let (mut open, mut text): (Vec<(&str, bool)>, String) = (Vec::new(), String::new());
        loop {
            match reader.read() {
                Ok(Event::Start(tag)) => {
                    // Text beside elements is read as one value by some and as none by others; no file has it.
                    self.is_unclear |= !text.trim().is_empty() || speaks_of_facilities(tag.written_attributes());
                    if let Some((_, has_others)) = open.last_mut() {
                        *has_others = true;
                    }
                    open.push((tag.local_name(), false));
                    text.clear();
                }
                Ok(Event::Text(piece)) => push_text(&mut text, piece),
                Ok(Event::Character(character)) => text.push(character),
                Ok(Event::End) => {
                    let (name, has_others) = open.pop().unwrap_or_default();
                    self.is_unclear |= has_others && !text.trim().is_empty();
                    self.field(name, &text, depth + 1);
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

/// Whether the name of a field or an element ends in `word`: only letters count, and what stands before does not.
fn ends_with(name: &str, word: &str) -> bool {
    letters(name.chars().rev()).take(word.len()).eq(word.bytes().rev().map(char::from))
}

/// Whether a text that is nothing known has the name of such a field anywhere.
fn speaks_of_facilities(text: &str) -> bool {
    !text.is_empty() && letters(text.chars()).collect::<String>().contains(FACILITY)
}

/// The letters, in lower case. Two signs are an ASCII letter to who compares without case and beyond ASCII.
fn letters(signs: impl Iterator<Item = char>) -> impl Iterator<Item = char> {
    let plain = |sign| match sign {
        '\u{17F}' => 's',
        '\u{212A}' => 'k',
        sign => sign.to_ascii_lowercase(),
    };
    signs.map(plain).filter(char::is_ascii_alphabetic)
}

/// The facility in a number such as `HSKCB130_01999_…` (`portal-api.md`, section 3): it asks for what that one sent.
fn facility_of_transaction(number: &str) -> Option<FacilityCode> {
    let mut parts = number.trim().split('_');
    parts.next().filter(|first| first.starts_with("HS"))?;
    FacilityCode::parse(parts.next()?).ok()
}

/// Looks through JSON as it is read. A file as an array of numbers, which one generation of clients sends, takes a byte a
/// number and no more.
struct Look<'a> {
    named: &'a mut Named,
    /// The name of the member whose value comes.
    field: &'a str,
    depth: u32,
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
        self.named.field(self.field, text, self.depth);
        Ok(None)
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        // A facility's code as a number has lost its first zero.
        self.named.is_unclear |= ends_with(self.field, FACILITY);
        Ok(u8::try_from(number).ok())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        self.named.is_unclear |= ends_with(self.field, FACILITY);
        // Java's bytes have a sign.
        Ok(i8::try_from(number).ok().map(i8::cast_unsigned))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        self.named.is_unclear |= ends_with(self.field, FACILITY);
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
        while let Some(byte) =
            items.next_element_seed(Look { named: self.named, field: self.field, depth: self.depth })?
        {
            bytes.extend(byte);
        }
        self.named.bytes(&bytes, self.depth);
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        while let Some(Name(name)) = members.next_key()? {
            members.next_value_seed(Look { named: self.named, field: &name, depth: self.depth })?;
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
    use base64::engine::general_purpose::STANDARD;

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
        let deep = (0..10).fold(FILE.to_owned(), |file, _| STANDARD.encode(file));
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
    /// Fixed bugs: ways in which another facility was named and not seen.
    #[test]
    fn a_facility_is_seen_however_it_is_hidden() {
        let foreign =
            |(facilities, is_unclear): (Vec<String>, bool)| is_unclear || facilities.contains(&"79999".into());
        let file = "<A><MACSKCB>79999</MACSKCB></A>";
        // One bit too many at the end, which .NET does not look at.
        let odd = STANDARD.encode(file).replace("g==", "h==");
        assert!(odd.ends_with("h==") && STANDARD.decode(&odd).is_err());
        let long = "a".repeat(300);
        let unescaped = STANDARD.encode(format!("{file}<!-- ~~~>>>~~~??? -->")).replace('+', " ");
        assert!(unescaped.contains(' '));
        for form in [
            format!("{long}.maCSKCB=79999"),
            "ma%u0043SKCB=79999".to_owned(),
            "maC%C5%BFKCB=79999&mac%E2%84%AAcb=1".to_owned(),
            format!("data=%EF%BB%BF{file}"),
            format!("data=x{file}"),
            "data={\"maCSKCB\":\"79999\"}".to_owned(),
            "data={'maCSKCB':'79999'}".to_owned(),
            "data={'ma\\u0043SKCB':'79999'}".to_owned(),
            format!("file={odd}"),
            format!("file={unescaped}"),
            "maGiaoDich=HSKCB130_79999_0123456789ABCDEF0123456789ABCDEF".to_owned(),
            // A body of no type.
            "[{\"maCSKCB\":\"79999\"}]".to_owned(),
            format!("[{}]", file.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(",")),
            format!("\"{}\"", STANDARD.encode(file)),
        ] {
            assert!(foreign(looked(|named| named.form(form.as_bytes()))), "{form}");
        }
        for xml in [
            "<A><MACSKCB>79999<B/></MACSKCB></A>",
            "<A><MACSKCB><B/>79999</MACSKCB></A>",
            "<A MACSKCB=\"79999\">a</A>",
            "<A><B>{\"maCSKCB\":\"79999\"}</B></A>",
        ] {
            assert!(foreign(looked(|named| named.bytes(xml.as_bytes(), 0))), "{xml}");
        }
        for big_end_first in [true, false] {
            let wide = |sign: char| {
                let [.., sign] = u32::from(sign).to_be_bytes();
                if big_end_first { [0, 0, 0, sign] } else { [0, 0, sign, 0] }
            };
            let wide: Vec<u8> = file.chars().flat_map(wide).collect();
            assert!(foreign(looked(|named| named.bytes(&wide, 0))), "{wide:?}");
        }
        let json = format!("{{\"a\":{}}}", serde_json::Value::from("{\"b\":[{\"maCSKCB\":\"79999\"}]}"));
        assert!(foreign(looked(|named| named.json(json.as_bytes()))), "{json}");
    }

    /// A fixed bug: files within files were looked through however deep they stood, on one stack.
    #[test]
    fn files_within_files_end_somewhere() {
        let escape = |file: &str| file.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let nested = |levels| (0..levels).fold("<a/>".to_owned(), |file, _| format!("<a>{}</a>", escape(&file)));
        assert_eq!(looked(|named| named.bytes(nested(2).as_bytes(), 0)), found(&[]));
        assert!(looked(|named| named.bytes(nested(100).as_bytes(), 0)).1);
        let nested =
            (0..12).fold("{\"a\":1,\"bb\":22}".to_owned(), |json, _| format!("[{}]", serde_json::Value::from(json)));
        assert!(looked(|named| named.json(nested.as_bytes())).1);
    }

    #[test]
    fn what_names_nobody_is_let_through() {
        for form in [
            "data=[Kh%C3%A1m]+l%E1%BA%A7n+hai+theo+h%E1%BA%B9n&x={chua+ro+ket+qua+xet+nghiem}",
            "maGiaoDich=4210-1&ghiChu=%u1EA7n+hai+ba+b%u1ED1n",
            "data={\"a\":\"b\",\"c\":[1,2,3]}",
            "",
        ] {
            assert_eq!(looked(|named| named.form(form.as_bytes())), found(&[]), "{form}");
        }
        // Fixed bug: words deep inside that are base64 by chance were taken for one file too many.
        let part = STANDARD.encode("<TONG_HOP><MA_LK>AAAABBBBCCCCDDDD</MA_LK><A>[hai]\nlan theo hen</A></TONG_HOP>");
        let file = format!("<A><MACSKCB>01999</MACSKCB><NOIDUNGFILE>{part}</NOIDUNGFILE></A>");
        let json = format!("\"{}\"", STANDARD.encode(file));
        assert_eq!(looked(|named| named.json(json.as_bytes())), found(&["01999"]));
        let spaced = "<A xmlns=\"urn:x\" Id=\"s1\">\n  <B>x</B>\n  <MACSKCB>01999</MACSKCB>\n</A>";
        assert_eq!(looked(|named| named.bytes(spaced.as_bytes(), 0)), found(&["01999"]));
    }
}
