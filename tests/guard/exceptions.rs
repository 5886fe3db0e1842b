//! Where the verdicts may differ: what the guard refuses knowingly, and where libxml2 (2.9.14, Debian 12's) is not the
//! measure but the text of the standards is.

use lienthong::xml::error::{BeyondLimit, Forbidden, IllFormed, WrongEncoding};
use lienthong::xml::{Error, ErrorKind};

use crate::read;

/// Why the guard refuses a document that libxml2 takes, if it does so knowingly.
pub(crate) fn deliberately_stricter(document: &[u8], error: &Error) -> Option<&'static str> {
    match error.kind {
        ErrorKind::Forbidden(Forbidden::Doctype) => contains(document, b"<!DOCTYPE")
            .then_some("a document type declaration: no document of the portal has one, and attacks begin with one"),
        ErrorKind::WrongEncoding(WrongEncoding::Utf16) => Some("UTF-16, where every table prescribes UTF-8"),
        ErrorKind::WrongEncoding(WrongEncoding::NotUtf8) => Some("bytes of another encoding, and declared as such"),
        ErrorKind::WrongEncoding(WrongEncoding::Declared) => Some("another encoding declared, for bytes that fit it"),
        ErrorKind::IllFormed(IllFormed::Character) if declares_other_encoding(document) => {
            let noncharacter = contains(document, b"\xEF\xBF\xBE") || contains(document, b"\xEF\xBF\xBF");
            noncharacter
                .then_some("another encoding declared, in which the bytes of U+FFFE or U+FFFF are other characters")
        }
        ErrorKind::BeyondLimit(BeyondLimit::Depth) => Some("deeper than the limit of this test"),
        ErrorKind::BeyondLimit(BeyondLimit::Attributes) => Some("more attributes than the limit of this test"),
        ErrorKind::BeyondLimit(BeyondLimit::Tag) => Some("a start tag of more than 64 KiB"),
        _ => None,
    }
}

/// Which words of the standards forbid what the guard refuses and libxml2 takes.
pub(crate) fn forbidden_by_the_standard(document: &[u8], error: &Error) -> Option<&'static str> {
    const XML_PREFIX: &[u8] = b"xmlns:xml";
    match error.kind {
        ErrorKind::IllFormed(IllFormed::Character) if ends_for_libxml2(document) => Some(
            "XML 2.2 (production 2): U+0000 is no character; libxml2 stops reading there, and so at a whole document",
        ),
        ErrorKind::IllFormed(IllFormed::AttributeTwice) if count(document, XML_PREFIX) > 1 => {
            Some("XML 3.1 (Unique Att Spec): libxml2 drops a right declaration of the prefix xml before it compares")
        }
        ErrorKind::IllFormed(IllFormed::Declaration) if contains(document, b"1.'") || contains(document, b"1.\"") => {
            Some("XML 2.8 (production 26): a digit follows the point of the version; libxml2 asks for none")
        }
        ErrorKind::IllFormed(IllFormed::Declaration)
            if contains(document, b"'standalone") || contains(document, b"\"standalone") =>
        {
            Some(
                "XML 2.9 (production 32): a blank stands before `standalone`; libxml2 asks for none behind an encoding",
            )
        }
        _ => None,
    }
}

/// Which words of the standards allow what the guard takes and libxml2 refuses with `code`.
pub(crate) fn allowed_by_the_standard(code: u8) -> Option<&'static str> {
    /// `XML_WAR_NS_URI`, which the judge tells only if nothing else was wrong.
    const NOT_A_URI: u8 = 99;
    (code == NOT_A_URI).then_some("Namespaces 8: processors need not check that namespace names are URI references")
}

/// Whether what stands before the first NUL is right by itself, or refused only knowingly.
fn ends_for_libxml2(document: &[u8]) -> bool {
    let Some(nul) = document.iter().position(|&byte| byte == 0) else { return false };
    let before = document.get(..nul).unwrap_or_default();
    read(before).map_or_else(|error| deliberately_stricter(before, &error).is_some(), |()| true)
}

/// Whether the XML declaration names an encoding, and not UTF-8.
fn declares_other_encoding(document: &[u8]) -> bool {
    let end = document.windows(2).position(|window| window == b"?>").unwrap_or_default();
    let declaration = document.get(..end).unwrap_or_default().to_ascii_lowercase();
    contains(&declaration, b"encoding") && !contains(&declaration, b"utf-8")
}

fn contains(document: &[u8], bytes: &[u8]) -> bool {
    count(document, bytes) > 0
}

fn count(document: &[u8], bytes: &[u8]) -> usize {
    document.windows(bytes.len()).filter(|window| *window == bytes).count()
}
