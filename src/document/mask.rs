//! What of a value may be shown in a finding, and what not.

/// A record's key, by its first two characters: enough to find it in one's own list, too little to name a person.
pub(super) fn key(text: &str) -> String {
    let mut shown: String = text.chars().take(2).filter(|character| !character.is_control()).collect();
    shown.push_str("***");
    shown
}

/// A code that names nobody (facility, LOAIHOSO, count, date of a package), if it looks like one of at most
/// `characters_max`; else nothing, because anything may stand in the wrong field.
pub(super) fn code(text: &str, characters_max: usize) -> String {
    let like_a_code = text.len() <= characters_max && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if like_a_code { text.to_owned() } else { String::new() }
}

/// The name of an element or a JSON member, if it looks like a field's name; else a question mark. Names are written
/// by programs, but a broken one may write data there: no field has five digits in its name, and every number of a
/// person has more.
pub(super) fn name(text: &str) -> &str {
    const CHARACTERS_MAX: usize = 64;
    const DIGITS_MAX: usize = 4;
    let like_a_name = text.len() <= CHARACTERS_MAX
        && !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':'));
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    if like_a_name && digits <= DIGITS_MAX { text } else { "?" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_shown_names_a_person() {
        assert_eq!(key("HS2603160001"), "HS***");
        assert_eq!(key(""), "***");
        assert_eq!(code("01999", 5), "01999");
        assert_eq!(code("001185012345", 5), "");
        assert_eq!(code("Nguyễn", 20), "");
        assert_eq!(name("MA_LK"), "MA_LK");
        assert_eq!(name("Nguyễn_Văn_A"), "?");
        assert_eq!(name("SO_GD4010199999991"), "?");
    }
}
