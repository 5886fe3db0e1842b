//! Members of a JSON object and where they stand in its text, so that one value can be put in the place of another and
//! every other byte stays as it came.

use std::ops::Range;

use serde::de::{DeserializeOwned, IgnoredAny};

/// A member: its name, and where its value stands.
pub struct Member {
    /// The name, without escapes.
    pub name: String,
    /// The bytes of the value.
    pub value: Range<usize>,
}

/// Members read of one object. The widest of the portal's has 25.
const MEMBERS_MAX: usize = 1_000;

/// The members of the object that `text` is, in their order; `None` if it is none, or has more than anybody writes.
pub fn members(text: &[u8]) -> Option<Vec<Member>> {
    let mut found = Vec::new();
    let mut at = after(text, 0, b'{')?;
    if after(text, at, b'}').is_some() {
        return Some(found);
    }
    loop {
        at = past_blanks(text, at);
        let (name, end) = read::<String>(text, at)?;
        at = past_blanks(text, after(text, end, b':')?);
        let (_, end) = read::<IgnoredAny>(text, at)?;
        if found.len() == MEMBERS_MAX {
            return None;
        }
        found.push(Member { name, value: at..end });
        match after(text, end, b',') {
            Some(next) => at = next,
            None => {
                let end = after(text, end, b'}')?;
                return text.get(end..)?.trim_ascii().is_empty().then_some(found);
            }
        }
    }
}

/// `text` with other values in some places: each a range of `text`, in their order, and what comes there.
pub fn spliced(text: &[u8], places: &[(Range<usize>, String)]) -> Vec<u8> {
    let mut written = Vec::with_capacity(text.len() + places.iter().map(|(_, value)| value.len()).sum::<usize>());
    let mut at = 0;
    for (place, value) in places {
        written.extend_from_slice(text.get(at..place.start).unwrap_or_default());
        written.extend_from_slice(value.as_bytes());
        at = place.end;
    }
    written.extend_from_slice(text.get(at..).unwrap_or_default());
    written
}

/// One JSON value that begins at `at`, and where it ends.
fn read<T: DeserializeOwned>(text: &[u8], at: usize) -> Option<(T, usize)> {
    let mut stream = serde_json::Deserializer::from_slice(text.get(at..)?).into_iter::<T>();
    let value = stream.next()?.ok()?;
    Some((value, at + stream.byte_offset()))
}

fn past_blanks(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count()
}

/// Where the text goes on after blanks and this sign; `None` if another comes.
fn after(text: &[u8], at: usize, sign: u8) -> Option<usize> {
    let at = past_blanks(text, at);
    (text.get(at) == Some(&sign)).then_some(at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_where_they_stand() {
        let text = " {\"a\":1 ,\"b\\u0062\" : {\"a\":[2,\"}\"]},\"c\":\"x\\\"y\",\"d\":null,\"e\":-1.5e3}\r\n";
        let found = members(text.as_bytes()).unwrap();
        let shown: Vec<_> =
            found.iter().map(|member| (member.name.as_str(), text.get(member.value.clone()).unwrap())).collect();
        assert_eq!(
            shown,
            [("a", "1"), ("bb", "{\"a\":[2,\"}\"]}"), ("c", "\"x\\\"y\""), ("d", "null"), ("e", "-1.5e3")]
        );
        let places = [(found[0].value.clone(), "9".to_owned()), (found[3].value.clone(), "[]".to_owned())];
        let written = String::from_utf8(spliced(text.as_bytes(), &places)).unwrap();
        assert_eq!(written, text.replace("{\"a\":1 ", "{\"a\":9 ").replace("null", "[]"));
        assert_eq!(members(b"{ }").unwrap().len(), 0);
    }

    #[test]
    fn what_is_no_object_has_no_members() {
        for text in ["", "1", "[]", "{", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{\"a\":1}x", "{a:1}", "{\"a\":1 2}"] {
            assert!(members(text.as_bytes()).is_none(), "{text}");
        }
        let deep = format!("{{\"a\":{}", "[".repeat(100_000));
        assert!(members(deep.as_bytes()).is_none());
    }

    #[test]
    fn any_object_spliced_with_its_own_values_is_itself() {
        let text = "{\"x\" :  true,\"y\":{\"z\":[]} , \"k\":\"\\u00e9\"}";
        let places: Vec<_> = members(text.as_bytes())
            .unwrap()
            .into_iter()
            .map(|member| (member.value.clone(), text.get(member.value).unwrap().to_owned()))
            .collect();
        assert_eq!(spliced(text.as_bytes(), &places), text.as_bytes());
    }
}
