//! Facilities: hospitals and clinics with an account of their own at the portal.

/// The five-character code of a facility (`maCSKCB`): province (2 digits), then three characters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FacilityCode([u8; 5]);

/// The text is not a facility code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a facility code has 5 characters: 2 digits of the province, then 3 digits or capital letters")]
pub struct NotAFacilityCode;

impl FacilityCode {
    /// Reads a code; blanks around it are not stripped, because a code with blanks is a wrong code in a document.
    pub fn parse(text: &str) -> Result<Self, NotAFacilityCode> {
        let code: [u8; 5] = text.as_bytes().try_into().map_err(|_| NotAFacilityCode)?;
        let [p1, p2, rest @ ..] = code;
        let right = p1.is_ascii_digit()
            && p2.is_ascii_digit()
            && rest.iter().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
        if right { Ok(Self(code)) } else { Err(NotAFacilityCode) }
    }

    /// The five characters.
    pub fn as_str(&self) -> &str {
        // The bytes were checked to be ASCII.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The province (`maTinh`): the first two digits, as clients of the portal send it (`portal-api.md`, section 3).
    pub fn province(&self) -> &str {
        self.as_str().get(..2).unwrap_or_default()
    }
}

impl std::fmt::Display for FacilityCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::fmt::Debug for FacilityCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FacilityCode({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_and_refused() {
        assert_eq!(FacilityCode::parse("01999").unwrap().province(), "01");
        assert!(FacilityCode::parse("79A01").is_ok());
        for text in ["", "1999", "019999", "A1999", "0199 ", "0199a", "०१९"] {
            assert_eq!(FacilityCode::parse(text), Err(NotAFacilityCode), "{text}");
        }
    }
}
