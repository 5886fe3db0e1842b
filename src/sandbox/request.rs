//! A call as the services read it: fields by name, wherever they were written.

use std::net::IpAddr;

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde_json::{Map, Value};

use crate::sandbox::faults::Plan;

/// Fields read from a query or a body; the widest service has 25.
const FIELDS_MAX: usize = 100;

/// How the body was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Json,
    Form,
    Other,
}

/// One call of a portal path.
pub(super) struct Call {
    /// As called; compared without regard to case.
    pub(super) path: String,
    pub(super) query: Fields,
    pub(super) headers: HeaderMap,
    pub(super) encoding: Encoding,
    pub(super) fields: Fields,
    pub(super) body: Bytes,
    pub(super) caller: IpAddr,
    /// The faults want the session of this call revoked.
    pub(super) revoke: bool,
    /// The faults want the document of this call booked twice.
    pub(super) double: bool,
}

/// Names and values in the order written. Names are compared exactly, as the documents spell them.
#[derive(Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Call {
    pub(super) fn new(parts: &http::request::Parts, body: Bytes, caller: IpAddr, plan: &Plan) -> Self {
        let kind = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let (encoding, fields) = match kind.as_str() {
            "application/json" => (Encoding::Json, Fields::from_json(&body)),
            "application/x-www-form-urlencoded" => (Encoding::Form, Fields::from_form(&body)),
            _ => (Encoding::Other, Fields::default()),
        };
        Self {
            path: parts.uri.path().to_owned(),
            query: Fields::from_form(parts.uri.query().unwrap_or_default().as_bytes()),
            headers: parts.headers.clone(),
            encoding,
            fields,
            body,
            caller,
            revoke: plan.revoke,
            double: plan.double,
        }
    }

    /// A header's text, or nothing.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

impl Fields {
    /// The value of a field; empty if it is missing, as the portal makes no difference.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    pub(super) fn from_form(text: &[u8]) -> Self {
        Self(form_urlencoded::parse(text).take(FIELDS_MAX).map(|(k, v)| (k.into_owned(), v.into_owned())).collect())
    }

    /// Numbers are read as texts; what is neither is read as missing.
    fn from_json(text: &[u8]) -> Self {
        // What is no object has no fields, and a file of 20 MiB as numbers would cost half a gigabyte to find that out.
        let Ok(object) = serde_json::from_slice::<Map<String, Value>>(text) else { return Self::default() };
        let text_of = |value: Value| match value {
            Value::String(text) => Some(text),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        Self(object.into_iter().take(FIELDS_MAX).filter_map(|(name, value)| Some((name, text_of(value)?))).collect())
    }
}
