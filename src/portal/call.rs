//! A request to the portal in the making, and what the conventions share in making one.

use bytes::Bytes;
use form_urlencoded::Serializer;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::portal::account::Account;
use crate::portal::session::Token;

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
const OURSELVES: HeaderValue = HeaderValue::from_static(concat!("lienthong/", env!("CARGO_PKG_VERSION")));

/// One `POST` to the portal. It has no `Debug`: nearly every field opens the portal or names a person.
pub(super) struct Call {
    /// Path and query.
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// What opens the portal for one call.
pub(super) struct Keys<'a> {
    pub(super) account: &'a Account,
    pub(super) token: &'a Token,
}

impl Call {
    /// A call whose body is a form.
    pub(super) fn form(path: impl Into<String>, fields: &[(&str, &str)]) -> Self {
        // Room for the values and for names and signs around them; escapes of base64 are few.
        let room = fields.iter().map(|(name, value)| name.len() + value.len() + value.len() / 16 + 8).sum();
        let mut form = Serializer::new(String::with_capacity(room));
        form.extend_pairs(fields);
        Self::new(path.into(), FORM, form.finish().into())
    }

    /// A call whose body is JSON.
    pub(super) fn json(path: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self::new(path.into(), JSON, body.into())
    }

    fn new(path: String, content_type: HeaderValue, body: Bytes) -> Self {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(CONTENT_TYPE, content_type);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, OURSELVES);
        Self { path, headers, body }
    }

    /// Adds a header that opens the portal. Values were checked when account and token were read; one that is still
    /// unfit for a header is left out, and the portal refuses the call.
    pub(super) fn with_key(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(mut value) = HeaderValue::from_str(value) {
            value.set_sensitive(true);
            self.headers.insert(name, value);
        }
        self
    }
}

/// Whether a text can stand in a header and a query: not empty, visible ASCII only.
pub(super) fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}
