//! What is wrong with a configuration, and where.

use std::path::PathBuf;

use crate::domain::Bilingual;

/// One thing wrong (or, among the notices, doubtful) in a configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file it is in, if it is not the configuration itself but one that it points to.
    pub file: Option<PathBuf>,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The key it is about, such as `portal.base_url` or `facility[2].code`; empty for the file as a whole.
    pub key: String,
    /// Stable code, such as `config.unknown_key`.
    pub code: &'static str,
    /// What is wrong. Never holds a secret.
    pub message: Bilingual,
    /// What to do about it.
    pub cure: Bilingual,
}

/// Everything that is wrong with a configuration, in the order of the file, then of those it points to. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// All of `list`, sorted by place; at least one.
    pub(super) fn new(mut list: Vec<Fault>) -> Self {
        list.sort_by(|one, other| (&one.file, one.line, one.column).cmp(&(&other.file, other.line, other.column)));
        Self(list)
    }

    /// The faults.
    pub fn listed(&self) -> &[Fault] {
        &self.0
    }
}

impl std::fmt::Display for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (number, fault) in self.0.iter().enumerate() {
            let separator = if number == 0 { "" } else { "; " };
            let file = fault.file.as_deref().map(|file| format!("{}:", file.display())).unwrap_or_default();
            write!(f, "{separator}{file}{}:{}: {}: {}", fault.line, fault.column, fault.code, fault.message.en)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// Line and column (in characters), both from 1, of the byte at `offset`.
pub(super) fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    (line, before.get(line_start..).unwrap_or_default().chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_lines_and_characters_from_one() {
        let text = "a = 1\ntên = \"Bệnh viện\"\n";
        assert_eq!(place(text, 0), (1, 1));
        assert_eq!(place(text, text.find("tên").unwrap()), (2, 1));
        assert_eq!(place(text, text.find("viện").unwrap()), (2, 13));
        assert_eq!(place(text, text.len()), (3, 1));
        assert_eq!(place("", 9), (1, 1));
    }
}
