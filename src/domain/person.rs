//! Names and sexes of people.

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// Sex as papers state it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sex {
    /// Nam.
    Male,
    /// Nữ.
    Female,
}

impl Sex {
    /// The portal's word.
    pub fn vietnamese(self) -> &'static str {
        match self {
            Self::Male => "Nam",
            Self::Female => "Nữ",
        }
    }

    /// Reads `Nam`, `Nữ` and the `nu` of scanners that lose the diacritics.
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim().nfc().collect::<String>().to_lowercase().as_str() {
            "nam" => Some(Self::Male),
            "nữ" | "nu" => Some(Self::Female),
            _ => None,
        }
    }
}

/// A person's name in the one form that is compared and sent: NFC, upper case, single spaces.
///
/// Keyboards of phones and of macOS write NFD, which the portal answers with 060 or 061 (`portal-api.md`, section 7).
/// `Debug` is redacted.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PersonName(Box<str>);

/// Why a text is not a person's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAName {
    /// Nothing but blanks.
    #[error("the name is empty")]
    Empty,
    /// Longer than the 255 characters every table allows.
    #[error("the name is longer than 255 characters")]
    TooLong,
    /// A control character, a digit or another sign that no name holds.
    #[error("the name holds a character that names do not have")]
    StrangeCharacter,
}

impl PersonName {
    /// Normalises and checks a name. Letters, blanks, apostrophes, hyphens and full stops are accepted.
    pub fn parse(text: &str) -> Result<Self, NotAName> {
        // Bounded before the work, not after it: a name has 255 characters, each at most a few scalars in NFD.
        if text.len() > 255 * 16 {
            return Err(NotAName::TooLong);
        }
        let composed: String = match is_nfc_quick(text.chars()) {
            IsNormalized::Yes => text.to_owned(),
            _ => text.nfc().collect(),
        };
        let mut name = String::with_capacity(composed.len());
        for word in composed.split_whitespace() {
            if !name.is_empty() {
                name.push(' ');
            }
            name.extend(word.chars().flat_map(char::to_uppercase));
        }
        if name.is_empty() {
            return Err(NotAName::Empty);
        }
        if name.chars().count() > 255 {
            return Err(NotAName::TooLong);
        }
        let allowed = |c: char| c.is_alphabetic() || matches!(c, ' ' | '\'' | '’' | '-' | '.' | '`');
        if !name.chars().all(allowed) || !name.chars().any(char::is_alphabetic) {
            return Err(NotAName::StrangeCharacter);
        }
        Ok(Self(name.into_boxed_str()))
    }

    /// The normalised name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form for an operator's eye: initials only.
    pub fn masked(&self) -> String {
        let initials = self.0.split(' ').filter_map(|word| word.chars().next());
        initials.map(|initial| format!("{initial}.")).collect()
    }
}

impl std::fmt::Debug for PersonName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PersonName(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decomposed_and_composed_names_are_one() {
        let composed = PersonName::parse("Nguyễn Thị Ví Dụ").unwrap();
        let decomposed: String = "nguyễn  thị\tví dụ ".nfd().collect();
        assert_eq!(PersonName::parse(&decomposed).unwrap(), composed);
        assert_eq!(composed.as_str(), "NGUYỄN THỊ VÍ DỤ");
        assert_eq!(composed.masked(), "N.T.V.D.");
        assert_eq!(format!("{composed:?}"), "PersonName(redacted)");
    }

    #[test]
    fn what_is_no_name_is_refused() {
        assert_eq!(PersonName::parse("  "), Err(NotAName::Empty));
        assert_eq!(PersonName::parse("-"), Err(NotAName::StrangeCharacter));
        assert_eq!(PersonName::parse("Nguyễn\u{0} A"), Err(NotAName::StrangeCharacter));
        assert_eq!(PersonName::parse("<b>A</b>"), Err(NotAName::StrangeCharacter));
        assert_eq!(PersonName::parse(&"A".repeat(256)), Err(NotAName::TooLong));
    }

    #[test]
    fn sexes_are_read_as_scanners_write_them() {
        for (text, sex) in [("Nam", Sex::Male), ("Nữ", Sex::Female), ("nu", Sex::Female), ("NỮ", Sex::Female)] {
            assert_eq!(Sex::parse(text), Some(sex), "{text}");
        }
        assert_eq!(Sex::parse("?"), None);
    }
}
