//! A facility's account at the portal.

use md5::{Digest, Md5};
use zeroize::{Zeroize, Zeroizing};

use crate::domain::FacilityCode;

/// What opens the portal in a facility's name. `Debug` shows the facility and the user names only.
#[derive(Clone, Debug)]
pub struct Account {
    /// Whose account it is; everything sent with it goes under this facility's name.
    pub facility: FacilityCode,
    /// The user name, as a rule `<code>_BV` (`portal-api.md`, section 0.2).
    pub username: String,
    /// The account's password.
    pub password: PortalPassword,
    /// User name and password of the facility's own account for driver exams, such as `<code>_HSSK`; where there is
    /// none, the main account is used (`portal-api.md`, section 0.2).
    pub driver_exam: Option<(String, PortalPassword)>,
}

/// A portal password, kept only as the MD5 the portal is sent: the plain text is wiped as soon as that is made.
///
/// The MD5 opens the portal just as well (`portal-api.md`, section 7), so it is wiped when dropped and never shown.
#[derive(Clone)]
pub struct PortalPassword(Zeroizing<String>);

impl PortalPassword {
    /// Takes the plain password and wipes it.
    pub fn new(mut plain: String) -> Self {
        const HEX: &[u8; 16] = b"0123456789ABCDEF";
        let mut digest: [u8; 16] = Md5::digest(plain.as_bytes()).into();
        plain.zeroize();
        // Upper case as documented, although the portal compares in either case (`portal-api.md`, section 1.1).
        let mut hex = Zeroizing::new(String::with_capacity(32));
        for byte in digest {
            for nibble in [byte >> 4, byte & 15] {
                hex.push(char::from(HEX[usize::from(nibble)]));
            }
        }
        digest.zeroize();
        Self(hex)
    }

    /// The MD5 of the password as 32 upper-case hexadecimal digits. To be sent to the portal and nowhere else.
    pub(super) fn md5(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for PortalPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PortalPassword(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_documented_one_and_is_not_shown() {
        let secret = PortalPassword::new("password".to_owned());
        assert_eq!(secret.md5(), "5F4DCC3B5AA765D61D8327DEB882CF99");
        assert_eq!(format!("{secret:?}"), "PortalPassword(redacted)");
    }
}
