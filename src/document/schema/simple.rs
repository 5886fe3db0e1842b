//! Simple types: the facets of one value, compiled once.

use std::borrow::Cow;
use std::sync::Arc;

use super::fault::Code;
use super::pattern::Pattern;

/// A simple type with the facets of all it is derived from.
#[derive(Clone, Debug, Default)]
pub(super) struct Simple {
    pub(super) base: Base,
    pub(super) blanks: Blanks,
    pub(super) length_min: usize,
    pub(super) length_max: Option<usize>,
    /// One a step of derivation; all must match.
    pub(super) patterns: Vec<Arc<Pattern>>,
    /// Sorted; empty if there is no enumeration.
    pub(super) codes: Vec<Box<str>>,
    pub(super) digits_max: Option<usize>,
    pub(super) decimals_max: Option<usize>,
    /// The code of a value that breaks a pattern.
    pub(super) pattern_code: Option<Code>,
    /// What a value must look like, in Vietnamese and English, as the schema's own documentation says.
    pub(super) words: [String; 2],
}

/// The built-in type at the bottom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Base {
    #[default]
    Text,
    Decimal,
    Integer,
}

/// What is done to blanks before anything is checked (XSD 1.0 part 2, section 4.3.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Blanks {
    #[default]
    Preserve,
    Replace,
    Collapse,
}

// === impl Simple ===

impl Simple {
    /// A built-in type by its local name.
    pub(super) fn built_in(name: &str) -> Option<Self> {
        let (base, blanks) = match name {
            "string" => (Base::Text, Blanks::Preserve),
            "normalizedString" => (Base::Text, Blanks::Replace),
            "token" => (Base::Text, Blanks::Collapse),
            "decimal" => (Base::Decimal, Blanks::Collapse),
            "integer" => (Base::Integer, Blanks::Collapse),
            _ => return None,
        };
        Some(Self { base, blanks, ..Self::default() })
    }

    /// The first thing wrong with a value.
    pub(super) fn fault(&self, written: &str) -> Option<Code> {
        let value = self.normalise(written);
        let code = self.broken(&value)?;
        Some(if value.is_empty() { Code::Empty } else { code })
    }

    fn broken(&self, value: &str) -> Option<Code> {
        if !self.codes.is_empty() && self.codes.binary_search_by(|code| (**code).cmp(value)).is_err() {
            return Some(Code::Enumeration);
        }
        // A value has at least as many bytes as characters, so most are short enough without counting.
        if self.length_max.is_some_and(|max| value.len() > max && value.chars().count() > max) {
            return Some(Code::TooLong);
        }
        if self.length_min > 0 && value.chars().take(self.length_min).count() < self.length_min {
            return Some(Code::TooShort);
        }
        if self.base != Base::Text && !self.is_number(value) {
            return Some(Code::Digits);
        }
        let matches = self.patterns.iter().all(|pattern| pattern.matches(value));
        if matches { None } else { Some(self.pattern_code.unwrap_or(Code::Pattern)) }
    }

    fn normalise<'v>(&self, value: &'v str) -> Cow<'v, str> {
        let blank = |character: char| matches!(character, ' ' | '\t' | '\n' | '\r');
        match self.blanks {
            Blanks::Preserve => Cow::Borrowed(value),
            Blanks::Replace => Cow::Owned(value.replace(blank, " ")),
            Blanks::Collapse => {
                let words: Vec<&str> = value.split(blank).filter(|word| !word.is_empty()).collect();
                Cow::Owned(words.join(" "))
            }
        }
    }

    /// Whether the value is a number with no more digits than allowed; leading zeros, and trailing ones of the
    /// decimals, do not count.
    fn is_number(&self, value: &str) -> bool {
        let unsigned = value.strip_prefix(['+', '-']).unwrap_or(value);
        let (whole, decimals) = match unsigned.split_once('.') {
            Some(_) if self.base == Base::Integer => return false,
            Some(parts) => parts,
            None => (unsigned, ""),
        };
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.len() + decimals.len() == 0 || !digits(whole) || !digits(decimals) {
            return false;
        }
        let whole = whole.trim_start_matches('0').len();
        let decimals = decimals.trim_end_matches('0').len();
        self.digits_max.is_none_or(|max| whole + decimals <= max) && self.decimals_max.is_none_or(|max| decimals <= max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_count_characters() {
        let simple = Simple { length_max: Some(4), length_min: 1, ..Simple::default() };
        assert_eq!(simple.fault("Huế."), None);
        assert_eq!(simple.fault("Đà Lạt"), Some(Code::TooLong));
        assert_eq!(simple.fault(""), Some(Code::Empty));
    }

    #[test]
    fn numbers_have_their_digits_counted() {
        let decimal = Simple { digits_max: Some(4), decimals_max: Some(2), ..Simple::built_in("decimal").unwrap() };
        for (value, right) in
            [("12.34", true), (" -0012.300 ", true), (".5", true), ("5.", true), (".", false), ("12.345", false)]
                .into_iter()
                .chain([("12345", false), ("1e3", false), ("1 2", false), ("+", false)])
        {
            assert_eq!(decimal.fault(value).is_none(), right, "{value}");
        }
        assert_eq!(Simple::built_in("integer").unwrap().fault("1.0"), Some(Code::Digits));
    }
}
