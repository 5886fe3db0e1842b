//! A call as the portal reads it: fields by name, wherever they were written.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Request, Uri};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::facade::reply::Refusal;
use crate::http::Gateway;
use crate::http::body::{BodyLimits, Held};
use crate::http::problem;
use crate::http::server::Peer;

/// Fields read from a query or a body; the widest function has 25.
const FIELDS_MAX: usize = 200;

/// Bodies larger than this are taken apart on a thread made for such work: below it that takes less than a millisecond.
pub(super) const SMALL_BYTES: usize = 256 * 1024;

/// How a body was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Json,
    Form,
    Other,
}

/// One call. It has no `Debug`: nearly every field opens something or names a person.
pub(super) struct Call {
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) encoding: Encoding,
    pub(super) query: Fields,
    /// Of the body.
    pub(super) fields: Fields,
    /// The body, accounted for until the call is done.
    pub(super) body: Held,
    pub(super) address: IpAddr,
}

/// Names and values in the order written.
#[derive(Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Call {
    /// Reads a call whole. `bytes_max` bounds its body.
    pub(super) async fn read(gateway: &Gateway, request: Request<Body>, bytes_max: usize) -> Result<Self, Refusal> {
        let (head, body) = request.into_parts();
        // The listener puts the peer on every request; without it nobody could be held to an address.
        let peer = head.extensions.get::<Peer>().map(|peer| peer.address.ip());
        let address = peer.ok_or_else(|| Refusal::failed(problem::our_fault()))?;
        let limits = &gateway.0.limits;
        let limits = BodyLimits { bytes_max, deadline: limits.request_deadline, stall: limits.body_stall };
        // Who it is stands in the body, so that its address is all there is to hold it to.
        let sender: Arc<str> = address.to_string().into();
        let body = gateway.0.bodies.read(&sender, &head.headers, body, &limits).await?;
        let encoding = Encoding::of(&head.headers, &body);
        let (fields, body) = if body.len() <= SMALL_BYTES {
            (Fields::read(encoding, &body), body)
        } else {
            let read = tokio::task::spawn_blocking(move || (Fields::read(encoding, &body), body)).await;
            read.map_err(|_| Refusal::failed(problem::our_fault()))?
        };
        let query = Fields::read(Encoding::Form, head.uri.query().unwrap_or_default().as_bytes());
        Ok(Self { uri: head.uri, headers: head.headers, encoding, query, fields, body, address })
    }

    /// A header's text, or nothing.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// A field of the query or, as some clients repeat them there, of the body.
    pub(super) fn anywhere(&self, name: &str) -> &str {
        match self.query.get(name) {
            "" => self.fields.get(name),
            found => found,
        }
    }
}

impl Encoding {
    fn of(headers: &HeaderMap, body: &[u8]) -> Self {
        let named = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        match named.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "application/json" | "text/json" => Self::Json,
            "application/x-www-form-urlencoded" => Self::Form,
            // Scripts that set no type at all: JSON tells itself.
            "" if body.trim_ascii_start().starts_with(b"{") => Self::Json,
            "" => Self::Form,
            _ => Self::Other,
        }
    }
}

impl Fields {
    fn read(encoding: Encoding, text: &[u8]) -> Self {
        match encoding {
            Encoding::Form => Self(
                form_urlencoded::parse(text)
                    .take(FIELDS_MAX)
                    .map(|(name, value)| (name.into_owned(), value.into_owned()))
                    .collect(),
            ),
            Encoding::Json => Self::of_json(text),
            Encoding::Other => Self::default(),
        }
    }

    /// Numbers are read as texts; what is neither is read as missing, and never built: this is read of callers whom nobody
    /// has let in yet, and lists in lists take a hundred times the room in memory that they take on the wire.
    fn of_json(text: &[u8]) -> Self {
        // .NET writes a byte-order mark where it is told "UTF-8" and nothing else.
        let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
        serde_json::from_slice(text).unwrap_or_default()
    }

    /// The value of a field; empty if it is missing, as the portal makes no difference. Names are matched in any case,
    /// the exact one first: the portal's own spellings differ from function to function (`maCSKCB`, `maCskcb`).
    pub(super) fn get(&self, name: &str) -> &str {
        let exact = self.0.iter().find(|(known, _)| known == name);
        let found = exact.or_else(|| self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)));
        found.map_or("", |(_, value)| value)
    }

    /// Takes a field out, so that a document of megabytes is not held twice.
    pub(super) fn take(&mut self, name: &str) -> String {
        let found = self.0.iter_mut().find(|(known, value)| known.eq_ignore_ascii_case(name) && !value.is_empty());
        found.map(|(_, value)| std::mem::take(value)).unwrap_or_default()
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Fields, A::Error> {
                let mut fields: Vec<(String, String)> = Vec::new();
                for _ in 0..FIELDS_MAX {
                    let Some(name) = members.next_key::<String>()? else { break };
                    let Plain(value) = members.next_value()?;
                    // Of two members of one name the last counts, as it does to .NET.
                    fields.retain(|(known, _)| *known != name);
                    fields.extend(value.map(|value| (name, value)));
                }
                while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// A text, or a number as one; nothing of anything else.
struct Plain(Option<String>);

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Plain;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_str<E>(self, text: &str) -> Result<Plain, E> {
                Ok(Plain(Some(text.to_owned())))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Plain, E> {
                Ok(Plain(Some(number.to_string())))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Plain, E> {
                Ok(Plain(Some(number.to_string())))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Plain, E> {
                Ok(Plain(Some(number.to_string())))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Plain, E> {
                Ok(Plain(None))
            }

            fn visit_unit<E>(self) -> Result<Plain, E> {
                Ok(Plain(None))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Plain, A::Error> {
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Plain(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Plain, A::Error> {
                while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Plain(None))
            }
        }

        deserializer.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_in_forms_and_json_in_any_case() {
        let form = Fields::read(Encoding::Form, b"maCskcb=01999&fileBase64Str=a%2Bb%3D&x=1&x=2");
        assert_eq!((form.get("maCSKCB"), form.get("fileBase64Str"), form.get("x")), ("01999", "a+b=", "1"));
        assert_eq!(form.get("none"), "");
        let json = "\u{feff}{\"loaiHs\":73,\"MACSKCB\":\"a\",\"maCSKCB\":\"b\",\"deep\":{\"x\":1},\"no\":null}";
        let json = Fields::read(Encoding::Json, json.as_bytes());
        assert_eq!((json.get("loaiHs"), json.get("maCSKCB"), json.get("macskcb")), ("73", "b", "a"));
        assert_eq!((json.get("deep"), json.get("no")), ("", ""));
        for broken in ["", "[1]", "{\"a\":", "nonsense"] {
            assert_eq!(Fields::read(Encoding::Json, broken.as_bytes()).get("a"), "");
        }
    }

    /// A fixed bug: lists in lists, sent by anybody, were built in memory before it was asked who calls. More levels than
    /// can be built tell that none is.
    #[test]
    fn what_is_no_field_is_not_built() {
        let deep = "[".repeat(1_000) + &"]".repeat(1_000);
        let json = format!("{{\"a\":\"1\",\"deep\":{deep},\"b\":2,\"A\":3,\"a\":\"4\",\"b\":null}}");
        let fields = Fields::read(Encoding::Json, json.as_bytes());
        assert_eq!((fields.get("a"), fields.get("A"), fields.get("b"), fields.get("deep")), ("4", "3", "", ""));
        let many: Vec<String> = (0..FIELDS_MAX + 100).map(|number| format!("\"f{number}\":1")).collect();
        let fields = Fields::read(Encoding::Json, format!("{{{}}}", many.join(",")).as_bytes());
        assert_eq!((fields.get("f0"), fields.0.len()), ("1", FIELDS_MAX));
    }

    #[test]
    fn the_encoding_is_the_one_that_is_named() {
        let of = |kind: &str, body: &str| {
            let mut headers = HeaderMap::new();
            if !kind.is_empty() {
                headers.insert(CONTENT_TYPE, kind.parse().unwrap());
            }
            Encoding::of(&headers, body.as_bytes())
        };
        assert_eq!(of("application/json; charset=utf-8", ""), Encoding::Json);
        assert_eq!(of("Application/X-WWW-Form-UrlEncoded", "{"), Encoding::Form);
        assert_eq!(of("", " {\"a\":1}"), Encoding::Json);
        assert_eq!(of("", "a=1"), Encoding::Form);
        assert_eq!(of("application/xml", "<a/>"), Encoding::Other);
    }
}
