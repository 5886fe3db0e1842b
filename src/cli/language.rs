//! Which language a person reads.

use std::ffi::OsString;

use clap::ValueEnum;

use crate::domain::Language;

/// The choice of `--lang`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Lang {
    /// Tiếng Việt.
    Vi,
    /// English.
    En,
}

/// The language for these arguments and this environment. It is wanted before the arguments are read, because help
/// and complaints about them are written in it too.
pub(super) fn choose(arguments: &[OsString], environment: &dyn Fn(&str) -> Option<String>) -> Language {
    asked_for(arguments).unwrap_or_else(|| of_locale(environment))
}

fn asked_for(arguments: &[OsString]) -> Option<Language> {
    let mut words = arguments.iter().filter_map(|word| word.to_str()).take_while(|word| *word != "--");
    while let Some(word) = words.next() {
        let value = if word == "--lang" { words.next() } else { word.strip_prefix("--lang=") };
        match value {
            Some("vi") => return Some(Language::Vietnamese),
            Some("en") => return Some(Language::English),
            _ => {}
        }
    }
    None
}

/// The first variable that is set decides, as in POSIX. No locale, or the `C` of services and containers, says nothing
/// about the reader: then it is Vietnamese, as everywhere in the gateway.
fn of_locale(environment: &dyn Fn(&str) -> Option<String>) -> Language {
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(environment).unwrap_or_default();
    let word = locale.split(['.', '@']).next().unwrap_or_default();
    if word.is_empty() || word == "C" || word == "POSIX" || word.starts_with("vi") {
        Language::Vietnamese
    } else {
        Language::English
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locale_chooses_and_the_option_overrules_it() {
        let vi = Language::Vietnamese;
        let en = Language::English;
        for (variables, line, expected) in [
            (&[][..], "x", vi),
            (&[("LANG", "C.UTF-8")], "x", vi),
            (&[("LANG", "POSIX")], "x", vi),
            (&[("LANG", "vi_VN.UTF-8")], "x", vi),
            (&[("LANG", "en_US.UTF-8")], "x", en),
            (&[("LANG", "fr_FR")], "x", en),
            (&[("LANG", "vi_VN"), ("LC_ALL", "en_GB.UTF-8")], "x", en),
            (&[("LC_MESSAGES", "vi_VN"), ("LANG", "en_US")], "x", vi),
            (&[("LANG", "en_US")], "x --lang vi", vi),
            (&[("LANG", "vi_VN")], "x --lang=en", en),
            (&[], "x -- --lang en", vi),
        ] {
            let arguments: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            let environment =
                |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
            assert_eq!(choose(&arguments, &environment), expected, "{variables:?} {line}");
        }
    }
}
