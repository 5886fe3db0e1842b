//! The XML declaration (production 23) and the encoding of a document.

use super::character::is_blank;
use super::error::{ErrorKind, IllFormed, NotXml, WrongEncoding};

/// The document as text without a byte order mark; otherwise the fault and the bytes before it.
pub(super) fn decode(bytes: &[u8]) -> Result<&str, (ErrorKind, usize)> {
    // The marks of UTF-16 and UTF-32 in either order, and `<` in them without a mark.
    let utf16 = matches!(bytes, [0xFE, 0xFF, ..] | [0xFF, 0xFE, ..] | [0, 0, 0xFE, 0xFF, ..] | [0, b'<', ..])
        || matches!(bytes, [b'<', 0, ..] | [0, 0, 0, b'<', ..]);
    if utf16 {
        return Err((ErrorKind::WrongEncoding(WrongEncoding::Utf16), 0));
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    // What is no XML at all is said so before its encoding or its characters are.
    match bytes.iter().find(|&&byte| !is_blank(byte)) {
        None => return Err((ErrorKind::NotXml(NotXml::Empty), 0)),
        Some(b'<') => {}
        Some(_) => return Err((ErrorKind::NotXml(NotXml::NoMarkup), 0)),
    }
    std::str::from_utf8(bytes).map_err(|error| (ErrorKind::WrongEncoding(WrongEncoding::NotUtf8), error.valid_up_to()))
}

/// Checks a declaration (all of it, `<?xml` to `?>`) in a document that is ASCII throughout or not.
pub(super) fn check(declaration: &str, document_is_ascii: impl FnOnce() -> bool) -> Result<(), ErrorKind> {
    const MALFORMED: ErrorKind = ErrorKind::IllFormed(IllFormed::Declaration);
    let inner = declaration.strip_prefix("<?xml").and_then(|rest| rest.strip_suffix("?>")).ok_or(MALFORMED)?;
    let mut rest = inner;

    let version = pseudo_attribute(&mut rest, "version")?.ok_or(MALFORMED)?;
    let minor = version.strip_prefix("1.").ok_or(MALFORMED)?;
    if minor.is_empty() || !minor.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(MALFORMED);
    }

    if let Some(encoding) = pseudo_attribute(&mut rest, "encoding")? {
        let mut letters = encoding.bytes();
        let named = letters.next().is_some_and(|first| first.is_ascii_alphabetic())
            && letters.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
        if !named {
            return Err(MALFORMED);
        }
        let truthful = encoding.eq_ignore_ascii_case("utf-8")
            || (encoding.eq_ignore_ascii_case("us-ascii") && document_is_ascii());
        if !truthful {
            return Err(ErrorKind::WrongEncoding(WrongEncoding::Declared));
        }
    }

    if let Some(standalone) = pseudo_attribute(&mut rest, "standalone")?
        && !matches!(standalone, "yes" | "no")
    {
        return Err(MALFORMED);
    }

    if rest.bytes().all(is_blank) { Ok(()) } else { Err(MALFORMED) }
}

/// Takes `S name S? '=' S? quoted` from the front of `rest`; `None`, taking nothing, if something else stands there.
fn pseudo_attribute<'a>(rest: &mut &'a str, name: &str) -> Result<Option<&'a str>, ErrorKind> {
    const MALFORMED: ErrorKind = ErrorKind::IllFormed(IllFormed::Declaration);
    const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];
    let trimmed = rest.trim_start_matches(BLANKS);
    let Some(after) = trimmed.strip_prefix(name) else { return Ok(None) };
    if trimmed.len() == rest.len() {
        return Err(MALFORMED);
    }
    let after = after.trim_start_matches(BLANKS).strip_prefix('=').ok_or(MALFORMED)?.trim_start_matches(BLANKS);
    let quote = after.chars().next().filter(|c| matches!(c, '"' | '\'')).ok_or(MALFORMED)?;
    let (value, after) = after.strip_prefix(quote).and_then(|after| after.split_once(quote)).ok_or(MALFORMED)?;
    *rest = after;
    Ok(Some(value))
}
