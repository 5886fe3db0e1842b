//! Health-insurance cards and the numbers by which the portal finds one.

use crate::domain::national_id::{NationalId, NotANationalId};

/// A fifteen-character card number: group (2 letters), entitlement digit (1–5), province (2 digits), social-insurance
/// number (10 digits) (công văn 3340/BHXH-ST 2017, QĐ 1351/QĐ-BHXH 2015). `Debug` is redacted.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CardNumber([u8; 15]);

/// A ten-digit social-insurance number (mã số BHXH), printed alone on cards since 2021. `Debug` is redacted.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SocialInsuranceNumber([u8; 10]);

/// What a card is looked up by: the portal takes all three in one field, `maThe` (`portal-api.md`, section 2.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum CardSubject {
    /// By national ID.
    NationalId(NationalId),
    /// By the number on the card.
    CardNumber(CardNumber),
    /// By social-insurance number.
    SocialInsuranceNumber(SocialInsuranceNumber),
}

/// Why a text is none of the three numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotACardSubject {
    /// Neither 10, 12 nor 15 characters long after blanks, hyphens and underscores are taken out.
    #[error("write 12 digits (national ID), 15 characters (card) or 10 digits (social-insurance number)")]
    WrongLength,
    /// Twelve characters that are no national ID.
    #[error(transparent)]
    NationalId(#[from] NotANationalId),
    /// Fifteen characters that are no card number.
    #[error("a card number is 2 letters, a digit from 1 to 5, then 12 digits")]
    CardNumber,
    /// Ten characters that are no social-insurance number.
    #[error("a social-insurance number is 10 digits, not all zero")]
    SocialInsuranceNumber,
}

impl CardSubject {
    /// Reads any of the three numbers, telling them apart by length as the portal does.
    pub fn parse(text: &str) -> Result<Self, NotACardSubject> {
        // Clients strip these before asking (`portal-api.md`, section 2.1); the bound keeps the copy small.
        let cleaned: String = text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '_')).take(32).collect();
        match cleaned.len() {
            12 => Ok(Self::NationalId(NationalId::parse(&cleaned)?)),
            15 => CardNumber::parse(&cleaned).map(Self::CardNumber).ok_or(NotACardSubject::CardNumber),
            10 => SocialInsuranceNumber::parse(&cleaned)
                .map(Self::SocialInsuranceNumber)
                .ok_or(NotACardSubject::SocialInsuranceNumber),
            _ => Err(NotACardSubject::WrongLength),
        }
    }

    /// The characters sent as `maThe`.
    pub fn as_str(&self) -> &str {
        match self {
            Self::NationalId(id) => id.as_str(),
            Self::CardNumber(number) => number.as_str(),
            Self::SocialInsuranceNumber(number) => number.as_str(),
        }
    }

    /// Whether only the sandbox knows this number.
    pub fn is_sandbox_only(&self) -> bool {
        matches!(self, Self::NationalId(id) if id.is_sandbox_only())
    }
}

impl CardNumber {
    /// Reads a card number in either case; `None` if the structure is wrong.
    pub fn parse(text: &str) -> Option<Self> {
        let mut number: [u8; 15] = text.as_bytes().try_into().ok()?;
        number.make_ascii_uppercase();
        let [g1, g2, entitlement, digits @ ..] = number;
        let right = g1.is_ascii_uppercase()
            && g2.is_ascii_uppercase()
            && (b'1'..=b'5').contains(&entitlement)
            && digits.iter().all(u8::is_ascii_digit);
        right.then_some(Self(number))
    }

    /// The fifteen characters.
    pub fn as_str(&self) -> &str {
        // The bytes were checked to be ASCII.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl SocialInsuranceNumber {
    /// Reads ten digits, not all zero; `None` otherwise.
    pub fn parse(text: &str) -> Option<Self> {
        let number: [u8; 10] = text.as_bytes().try_into().ok()?;
        (number.iter().all(u8::is_ascii_digit) && number != [b'0'; 10]).then_some(Self(number))
    }

    /// The ten digits.
    pub fn as_str(&self) -> &str {
        // The bytes were checked to be ASCII.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

macro_rules! redacted_debug {
    ($($name:ident),*) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(redacted)"))
            }
        }
    )*};
}
redacted_debug!(CardNumber, SocialInsuranceNumber, CardSubject);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_numbers_are_told_apart() {
        assert!(matches!(CardSubject::parse("001185012345"), Ok(CardSubject::NationalId(_))));
        assert!(matches!(CardSubject::parse("gd4-0101-9999-9991"), Ok(CardSubject::CardNumber(_))));
        assert!(matches!(CardSubject::parse("0199 999 991"), Ok(CardSubject::SocialInsuranceNumber(_))));
        assert_eq!(CardSubject::parse("gd4010199999991").unwrap().as_str(), "GD4010199999991");
    }

    #[test]
    fn wrong_numbers_are_refused() {
        for (text, error) in [
            ("", NotACardSubject::WrongLength),
            ("12345", NotACardSubject::WrongLength),
            ("0000000000", NotACardSubject::SocialInsuranceNumber),
            ("GD6010199999991", NotACardSubject::CardNumber),
            ("G14010199999991", NotACardSubject::CardNumber),
            ("003185012345", NotACardSubject::NationalId(NotANationalId::UnknownPlace)),
        ] {
            assert_eq!(CardSubject::parse(text), Err(error), "{text}");
        }
    }
}
