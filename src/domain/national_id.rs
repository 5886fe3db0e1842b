//! The twelve-digit national identity number (số CCCD / số định danh cá nhân).

use crate::domain::person::Sex;

/// A structurally valid national ID: place of birth registration (3 digits), century and sex (1), year of birth (2),
/// six random digits; no check digit is known (NĐ 137/2015 art. 13, TT 07/2016/TT-BCA art. 7).
///
/// `Debug` is redacted.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct NationalId([u8; 12]);

/// Why a text is not a national ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotANationalId {
    /// Not exactly twelve ASCII digits.
    #[error("a national ID has exactly 12 digits")]
    NotTwelveDigits,
    /// The first three digits name no province; codes from 100 up are country codes of people born abroad.
    #[error("the first 3 digits of the national ID name no province or country")]
    UnknownPlace,
}

/// Two-digit codes of the 63 provinces in force when numbers were given out (list of the General Statistics Office,
/// 2024-06-11). Numbers keep their old place after the merger of 2025.
const PROVINCES: [u8; 63] = [
    1, 2, 4, 6, 8, 10, 11, 12, 14, 15, 17, 19, 20, 22, 24, 25, 26, 27, 30, 31, 33, 34, 35, 36, 37, 38, 40, 42, 44, 45,
    46, 48, 49, 51, 52, 54, 56, 58, 60, 62, 64, 66, 67, 68, 70, 72, 74, 75, 77, 79, 80, 82, 83, 84, 86, 87, 89, 91, 92,
    93, 94, 95, 96,
];

/// Prefix of the ids that only the sandbox knows (`api.md`, section 7): province `000` does not exist.
const SANDBOX_PREFIX: &[u8] = b"000080000";

impl NationalId {
    /// Reads twelve digits and checks the place; blanks, dots and hyphens are the caller's to strip.
    pub fn parse(text: &str) -> Result<Self, NotANationalId> {
        let digits: [u8; 12] = text.as_bytes().try_into().map_err(|_| NotANationalId::NotTwelveDigits)?;
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(NotANationalId::NotTwelveDigits);
        }
        let id = Self(digits);
        let place = id.number(0, 3);
        let known = match place {
            0 => id.is_sandbox_only(),
            1..=99 => PROVINCES.binary_search(&(place as u8)).is_ok(),
            _ => true,
        };
        if known { Ok(id) } else { Err(NotANationalId::UnknownPlace) }
    }

    /// The twelve digits.
    pub fn as_str(&self) -> &str {
        // The bytes were checked to be ASCII digits.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Whether this is one of the sandbox's own ids (`000080000NNN`), which the real portal must never be asked.
    pub fn is_sandbox_only(&self) -> bool {
        self.0.starts_with(SANDBOX_PREFIX)
    }

    /// The last three digits of a sandbox id: the result code or fault to play.
    pub fn sandbox_code(&self) -> Option<u16> {
        self.is_sandbox_only().then(|| self.number(9, 12))
    }

    /// The sex told by the fourth digit: even male, odd female.
    pub fn sex(&self) -> Sex {
        if self.0[3].is_multiple_of(2) { Sex::Male } else { Sex::Female }
    }

    /// The year of birth told by digits four to six (0/1 → 19xx, 2/3 → 20xx, …).
    pub fn birth_year(&self) -> i16 {
        let century = 19 + i16::from(self.0[3] - b'0') / 2;
        century * 100 + self.number(4, 6) as i16
    }

    /// The form for an operator's eye: place and the last two digits.
    pub fn masked(&self) -> String {
        let text = self.as_str();
        format!("{}*******{}", text.get(..3).unwrap_or_default(), text.get(10..).unwrap_or_default())
    }

    fn number(&self, from: usize, to: usize) -> u16 {
        self.0.get(from..to).unwrap_or_default().iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'))
    }
}

impl std::fmt::Debug for NationalId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NationalId(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structure_is_read() {
        let id = NationalId::parse("001185012345").unwrap();
        assert_eq!((id.sex(), id.birth_year()), (Sex::Female, 1985));
        let id = NationalId::parse("048201012345").unwrap();
        assert_eq!((id.sex(), id.birth_year()), (Sex::Male, 2001));
        assert_eq!(id.masked(), "048*******45");
        assert_eq!(format!("{id:?}"), "NationalId(redacted)");
    }

    #[test]
    fn wrong_structure_is_refused() {
        for text in ["", "00118501234", "0011850123456", "00118501234x", "٠٠١١٨٥٠١٢٣٤٥"] {
            assert_eq!(NationalId::parse(text), Err(NotANationalId::NotTwelveDigits), "{text}");
        }
        for text in ["003185012345", "000185012345", "097185012345", "099185012345"] {
            assert_eq!(NationalId::parse(text), Err(NotANationalId::UnknownPlace), "{text}");
        }
    }

    #[test]
    fn sandbox_ids_are_recognised() {
        assert_eq!(NationalId::parse("000080000054").unwrap().sandbox_code(), Some(54));
        assert_eq!(NationalId::parse("001180000054").unwrap().sandbox_code(), None);
    }

    #[test]
    fn the_province_list_is_sorted_for_binary_search() {
        assert!(PROVINCES.is_sorted());
    }
}
