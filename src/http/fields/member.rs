//! JSON values as far as questions and documents use them: texts, short lists of texts, flags, and objects of these. All else is passed
//! over without being built, because a body of brackets would take forty times its size as a tree.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Members of one object. The driver exam, the largest there is, has 26.
const MEMBERS_MAX: usize = 64;

/// Objects within objects that are read; `canBo` and `replace` are one deep.
const DEPTH_MAX: u32 = 3;

/// Texts of a list that is read; kinds of events are the only such list.
const TEXTS_MAX: usize = 64;

/// The members of an object, by name.
pub(super) type Members = BTreeMap<String, Member>;

/// A value.
pub(super) enum Member {
    Null,
    Text(String),
    Object(Members),
    Flag(bool),
    /// An array of texts, of at most [`TEXTS_MAX`].
    Texts(Vec<String>),
    /// A number, any other array, or an object too deep to matter.
    Other,
}

/// Reads a whole JSON text.
pub(super) fn read(text: &[u8]) -> Result<Member, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let member = Level(0).deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(member)
}

/// How deep a value stands.
struct Level(u32);

impl<'de> DeserializeSeed<'de> for Level {
    type Value = Member;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Member, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level {
    type Value = Member;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Member, E> {
        Ok(Member::Null)
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Member, E> {
        Ok(Member::Flag(flag))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Member, E> {
        Ok(Member::Text(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Member, E> {
        Ok(Member::Text(text))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Member, E> {
        Ok(Member::Other)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Member, E> {
        Ok(Member::Other)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Member, E> {
        Ok(Member::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Member, A::Error> {
        let mut texts = Vec::new();
        while let Some(item) = sequence.next_element_seed(Item)? {
            match item {
                Some(text) if texts.len() < TEXTS_MAX => texts.push(text),
                _ => {
                    while sequence.next_element::<IgnoredAny>()?.is_some() {}
                    return Ok(Member::Other);
                }
            }
        }
        Ok(Member::Texts(texts))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Member, A::Error> {
        if self.0 == DEPTH_MAX {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(Member::Other);
        }
        let mut members = Members::new();
        while let Some(name) = map.next_key::<String>()? {
            if members.len() == MEMBERS_MAX {
                return Err(A::Error::custom("too many members"));
            }
            // The texts of these two errors are not shown; their place is.
            if members.insert(name, map.next_value_seed(Level(self.0 + 1))?).is_some() {
                return Err(A::Error::custom("a member stands twice"));
            }
        }
        Ok(Member::Object(members))
    }
}

/// One item of an array: its text, or nothing. What stands within it is passed over without going down into it, so that an
/// array of arrays of arrays is no deeper than one.
struct Item;

impl<'de> DeserializeSeed<'de> for Item {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<String>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Item {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Option<String>, E> {
        Ok(Some(text.to_owned()))
    }

    fn visit_unit<E: Error>(self) -> Result<Option<String>, E> {
        Ok(None)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Option<String>, E> {
        Ok(None)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Option<String>, E> {
        Ok(None)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Option<String>, E> {
        Ok(None)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Option<String>, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Option<String>, A::Error> {
        while sequence.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<String>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_is_read_and_the_rest_passed_over() {
        let text = r#"{"a":"x","b":true,"c":null,"d":{"e":"y"},"f":[[1,{"g":2}]],"h":1.5}"#;
        let Ok(Member::Object(members)) = read(text.as_bytes()) else { panic!("an object") };
        assert!(matches!(members.get("a"), Some(Member::Text(text)) if text == "x"));
        assert!(matches!(members.get("b"), Some(Member::Flag(true))));
        assert!(matches!(members.get("c"), Some(Member::Null)));
        assert!(matches!(members.get("d"), Some(Member::Object(inner)) if inner.len() == 1));
        assert!(matches!(members.get("f"), Some(Member::Other)));
        assert!(matches!(members.get("h"), Some(Member::Other)));
        let Ok(Member::Object(members)) = read(br#"{"a":["x","y"],"b":[],"c":["x",1],"d":[["x"]]}"#) else { panic!() };
        assert!(matches!(members.get("a"), Some(Member::Texts(texts)) if texts == &["x", "y"]));
        assert!(matches!(members.get("b"), Some(Member::Texts(texts)) if texts.is_empty()));
        assert!(matches!(members.get("c"), Some(Member::Other)));
        assert!(matches!(members.get("d"), Some(Member::Other)));
        let long = format!("{{\"a\":[{}\"z\"]}}", "\"x\",".repeat(TEXTS_MAX));
        let Ok(Member::Object(members)) = read(long.as_bytes()) else { panic!() };
        assert!(matches!(members.get("a"), Some(Member::Other)));
    }

    #[test]
    fn what_is_doubtful_is_refused_with_its_place() {
        for text in [r#"{"a":1,"a":2}"#, r#"{"a":1} x"#, "", "{", "[", r#"{"a"}"#] {
            assert!(read(text.as_bytes()).is_err(), "{text}");
        }
        let many: String = (0..100).map(|n| format!("\"m{n}\":1,")).collect();
        assert!(read(format!("{{{}\"z\":1}}", many).as_bytes()).is_err());
    }

    #[test]
    fn a_body_of_brackets_is_passed_over() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        // Passed over, but never built, and never a stack that overflows.
        let Ok(Member::Object(members)) = read(deep.as_bytes()) else { panic!("an object") };
        assert!(matches!(members.get("a"), Some(Member::Other)));
        let wide = format!("{{\"a\":[{}[]]}}", "[0],".repeat(100_000));
        let Ok(Member::Object(members)) = read(wide.as_bytes()) else { panic!("an object") };
        assert!(matches!(members.get("a"), Some(Member::Other)));
    }
}
