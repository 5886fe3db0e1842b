//! Words shown to people, always in both languages.

use std::borrow::Cow;

/// The two languages of the gateway; Vietnamese is the default everywhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Language {
    /// Vietnamese.
    #[default]
    Vietnamese,
    /// English.
    English,
}

/// One message in Vietnamese and in English. It must never hold anything that names a person; the one exception, which
/// tells a desk of its own officer, is made in `officers::refusal` and goes into that answer alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bilingual {
    /// The Vietnamese wording.
    pub vi: Cow<'static, str>,
    /// The English wording.
    pub en: Cow<'static, str>,
}

impl Bilingual {
    /// A message whose wording is fixed at build time.
    pub const fn fixed(vi: &'static str, en: &'static str) -> Self {
        Self { vi: Cow::Borrowed(vi), en: Cow::Borrowed(en) }
    }

    /// A message whose wording was put together at run time.
    pub fn composed(vi: String, en: String) -> Self {
        Self { vi: Cow::Owned(vi), en: Cow::Owned(en) }
    }

    /// The wording in `language`.
    pub fn wording(&self, language: Language) -> &str {
        match language {
            Language::Vietnamese => &self.vi,
            Language::English => &self.en,
        }
    }
}
