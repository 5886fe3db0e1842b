//! Values that only a configuration has.

use zeroize::Zeroizing;

/// A password or another secret, wiped when dropped. `Debug` is redacted, and there is no `Display`: whoever needs the
/// text says so by calling [`expose`](Self::expose).
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a secret as it stands in its file or variable. Line ends after it are the editor's, not the secret's.
    pub fn new(text: String) -> Self {
        let text = Zeroizing::new(text);
        Self(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_are_stripped_and_nothing_is_shown() {
        let secret = Secret::new("mật khẩu \r\n\n".to_owned());
        assert_eq!(secret.expose(), "mật khẩu ");
        assert_eq!(format!("{secret:?}"), "Secret(redacted)");
    }
}
