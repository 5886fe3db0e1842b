//! Whether a place can be found in a text.

/// Panics unless line and column, counted from 1, lie within `text`, or at its end. A byte order mark is not counted.
pub(crate) fn assert_within(text: &[u8], line: u32, column: u32, what: &str) {
    assert!(is_within(text, line, column), "{what}: no line {line}, column {column} in {} bytes", text.len());
}

/// Whether they do.
pub(crate) fn is_within(text: &[u8], line: u32, column: u32) -> bool {
    let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
    let Some(before) = line.checked_sub(1) else { return false };
    let Some(written) = text.split(|&byte| byte == b'\n').nth(before as usize) else { return false };
    // Characters begin with every byte but those that continue one.
    let characters = written.iter().filter(|&&byte| byte & 0xC0 != 0x80).count();
    (1..=characters as u64 + 1).contains(&u64::from(column))
}
