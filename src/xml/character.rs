//! The characters XML allows, and those of names.

/// The offset of the first character XML 1.0 forbids (production 2, `Char`), if there is one.
///
/// The text is UTF-8, so surrogates cannot occur; what remains are the control characters and U+FFFE, U+FFFF. Blocks
/// are looked at as a whole, branch-free, so that the usual text costs a fraction of tokenizing it.
pub(super) fn first_forbidden(text: &[u8]) -> Option<usize> {
    const BLOCK: usize = 64;
    let mut start = 0;
    for block in text.chunks(BLOCK) {
        // 0xEF begins U+F000 to U+FFFF, rare enough in Vietnamese text to be looked at one by one.
        let suspect = block.iter().fold(false, |suspect, &byte| suspect | is_forbidden_control(byte) | (byte == 0xEF));
        if suspect {
            let found = (start..start + block.len()).find(|&at| is_forbidden_at(text, at));
            if found.is_some() {
                return found;
            }
        }
        start += block.len();
    }
    None
}

/// Whether `character` may stand in a document at all.
pub(super) fn is_allowed(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..)
}

/// Whether `byte` is one of the four blanks (production 3, `S`).
pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Where the colon of a right qualified name stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colon {
    /// There is none.
    None,
    /// At this byte, with a name before and after.
    At(usize),
}

/// Checks a qualified name (Namespaces in XML 1.0, productions 4 and 7); `None` if it is none.
pub(super) fn qualified_name(name: &str) -> Option<Colon> {
    match memchr::memchr(b':', name.as_bytes()) {
        None => is_plain_name(name).then_some(Colon::None),
        Some(at) => {
            let (prefix, local) = (name.get(..at)?, name.get(at + 1..)?);
            (is_plain_name(prefix) && is_plain_name(local)).then_some(Colon::At(at))
        }
    }
}

/// Whether `name` is a name of ASCII letters without a colon, as nearly every name is.
pub(super) fn is_ascii_name(name: &str) -> bool {
    let Some((&first, rest)) = name.as_bytes().split_first() else { return false };
    (first.is_ascii_alphabetic() || first == b'_') && rest.iter().all(|&byte| CONTINUES_ASCII_NAME[usize::from(byte)])
}

/// Whether `byte` may stand in such a name, but for its beginning.
pub(super) fn continues_ascii_name(byte: u8) -> bool {
    CONTINUES_ASCII_NAME[usize::from(byte)]
}

/// The ASCII part of [`continues_name`], as a table: names are looked at byte by byte, in every tag.
const CONTINUES_ASCII_NAME: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        table[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        byte += 1;
    }
    table
};

/// Whether `name` is a name without a colon.
pub(super) fn is_plain_name(name: &str) -> bool {
    if is_ascii_name(name) {
        return true;
    }
    let mut characters = name.chars();
    characters.next().is_some_and(starts_name) && characters.all(continues_name)
}

/// Production 4, `NameStartChar`, without the colon.
fn starts_name(character: char) -> bool {
    matches!(character, 'A'..='Z' | '_' | 'a'..='z'
        | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}' | '\u{370}'..='\u{37D}'
        | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}' | '\u{2C00}'..='\u{2FEF}'
        | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}' | '\u{10000}'..='\u{EFFFF}')
}

/// Production 4a, `NameChar`, without the colon.
fn continues_name(character: char) -> bool {
    starts_name(character)
        || matches!(character, '-' | '.' | '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

fn is_forbidden_control(byte: u8) -> bool {
    (byte < 0x20) & (byte != b'\t') & (byte != b'\n') & (byte != b'\r')
}

fn is_forbidden_at(text: &[u8], at: usize) -> bool {
    match text.get(at..).unwrap_or_default() {
        [byte, ..] if is_forbidden_control(*byte) => true,
        // U+FFFE and U+FFFF; the slice reaches past the block, so a character on its border is seen whole.
        [0xEF, 0xBF, 0xBE | 0xBF, ..] => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forbidden_characters_are_found_wherever_they_stand() {
        for bad in ["\u{0}", "\u{1}", "\u{B}", "\u{1F}", "\u{FFFE}", "\u{FFFF}"] {
            for before in [0, 1, 61, 62, 63, 64, 65, 200] {
                let text = format!("{}{bad}{}", "a".repeat(before), "b".repeat(70));
                assert_eq!(first_forbidden(text.as_bytes()), Some(before), "{bad:?} after {before}");
            }
        }
        let fine = "\t\r\n ắ\u{7F}\u{85}\u{FEFF}\u{FFFD}\u{10FFFF}".repeat(40);
        assert_eq!(first_forbidden(fine.as_bytes()), None);
    }

    #[test]
    fn the_scan_and_the_definition_agree() {
        for character in (0..0x11_0000).filter_map(char::from_u32) {
            let text = character.to_string();
            assert_eq!(first_forbidden(text.as_bytes()).is_none(), is_allowed(character), "{character:?}");
        }
    }

    #[test]
    fn names_are_told_from_what_is_none() {
        for name in ["A", "_", "MA_LK", "a-b.c1", "họ", "ds:Signature", "a:b"] {
            assert!(qualified_name(name).is_some(), "{name}");
        }
        for name in ["", "1", "-a", ".a", ":", "a:", ":a", "a:b:c", "a:1", "a b", "a\u{d7}", "a/", "<", "a\"b"] {
            assert!(qualified_name(name).is_none(), "{name}");
        }
    }
}
