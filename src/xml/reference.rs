//! References: `&lt;`, `&#10;` and their like.

use std::borrow::Cow;

use super::character::{is_allowed, is_blank};
use super::error::{ErrorKind, Forbidden, IllFormed};

/// The character that `&body;` stands for.
pub(super) fn resolve(body: &str) -> Result<char, ErrorKind> {
    if let Some(number) = body.strip_prefix('#') {
        return character(number).ok_or(ErrorKind::IllFormed(IllFormed::CharacterReference));
    }
    match body {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        _ if super::character::is_plain_name(body) => Err(ErrorKind::Forbidden(Forbidden::Entity)),
        // Not even the name of an entity: the ampersand was meant as itself.
        _ => Err(ErrorKind::IllFormed(IllFormed::Ampersand)),
    }
}

fn character(number: &str) -> Option<char> {
    let (digits, radix) = match number.strip_prefix('x') {
        Some(hex) => (hex, 16),
        None => (number, 10),
    };
    // `from_str_radix` alone would take a sign.
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let code = u32::from_str_radix(digits, radix).ok()?;
    char::from_u32(code).filter(|&character| is_allowed(character))
}

/// The value of an attribute as written between its quotes, checked to be right: references replaced, blanks
/// normalised (XML 1.0, section 3.3.3, for attributes no DTD declares).
pub(super) fn attribute_value(written: &str) -> Cow<'_, str> {
    if !written.bytes().any(|byte| byte == b'&' || (byte != b' ' && is_blank(byte))) {
        return Cow::Borrowed(written);
    }
    let mut value = String::with_capacity(written.len());
    let mut rest = written;
    while let Some((plain, after)) = rest.split_once('&') {
        push_with_blanks(&mut value, plain);
        let (body, after) = after.split_once(';').unwrap_or((after, ""));
        // The value was checked when the tag was read, so every reference resolves.
        value.extend(resolve(body));
        rest = after;
    }
    push_with_blanks(&mut value, rest);
    Cow::Owned(value)
}

fn push_with_blanks(value: &mut String, plain: &str) {
    let mut rest = plain;
    while let Some((piece, after)) = rest.split_once(['\t', '\r', '\n']) {
        value.push_str(piece);
        value.push(' ');
        // A line end of two characters is one blank: line ends are normalised before anything else (section 2.11).
        let blank = rest.as_bytes().get(piece.len());
        rest = if blank == Some(&b'\r') { after.strip_prefix('\n').unwrap_or(after) } else { after };
    }
    value.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_resolve_or_say_why_not() {
        for (body, expected) in [("lt", '<'), ("amp", '&'), ("#65", 'A'), ("#x1EAF", 'ắ'), ("#x00041", 'A')] {
            assert_eq!(resolve(body), Ok(expected), "{body}");
        }
        for body in
            ["#", "#x", "#X41", "#1", "#0", "#xD800", "#x110000", "#-1", "#+65", "#99999999999", "#xFFFE", "#6 5"]
        {
            assert_eq!(resolve(body), Err(ErrorKind::IllFormed(IllFormed::CharacterReference)), "{body}");
        }
        assert_eq!(resolve("nbsp"), Err(ErrorKind::Forbidden(Forbidden::Entity)));
        for body in ["", " lt", "a b", "1"] {
            assert_eq!(resolve(body), Err(ErrorKind::IllFormed(IllFormed::Ampersand)), "{body}");
        }
    }

    #[test]
    fn attribute_values_are_normalised() {
        for (written, value) in [
            ("a&amp;b\r\nc\td&#10;e", "a&b c d\ne"),
            ("\r\n\r\r\n\n", "    "),
            ("\n\r", "  "),
            ("a\u{B}b ắ\tc", "a\u{B}b ắ c"),
            ("plain text", "plain text"),
        ] {
            assert_eq!(attribute_value(written), value, "{written:?}");
        }
    }
}
