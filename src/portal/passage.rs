//! Calls that are handed through: whatever stood where credentials stand is replaced by the facility's own, and every other
//! byte goes as it came (`api.md`, section 10).

use bytes::Bytes;
use form_urlencoded::byte_serialize;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::domain::FacilityCode;
use crate::portal::PortalError;
use crate::portal::call::{Call, Keys};
use crate::portal::members::{members, spliced};

/// A call to hand through. Whether its facility may be spoken for is the caller's to know.
#[derive(Clone)]
pub struct Passage {
    /// With whose account.
    pub facility: FacilityCode,
    /// The path, as the portal spells it; plain ASCII.
    pub path: String,
    /// What follows the question mark, as written.
    pub query: Option<String>,
    /// The headers of the call; those that hold credentials and the type of the body go on, the others stay.
    pub headers: HeaderMap,
    /// How the body is written.
    pub form: Written,
    /// The body.
    pub body: Bytes,
}

/// How a body is written, so far as credentials may stand in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// A form.
    Form,
    /// JSON.
    Json,
    /// Anything else: no credentials are looked for.
    Other,
}

/// The portal's answer to a call that was handed through.
#[derive(Clone)]
pub struct Passed {
    /// The status line's number.
    pub http_status: u16,
    /// What the portal says the body is.
    pub content_type: Option<HeaderValue>,
    /// `maKetQua`, if there is one.
    pub code: String,
    /// The body, byte for byte.
    pub raw: Bytes,
    /// Where the portal refused the session: how that is told.
    pub refused: Option<PortalError>,
}

/// What opens the portal.
#[derive(Clone, Copy)]
enum Key {
    Access,
    Id,
    User,
    Password,
}

/// Every name under which one of the families has a credential (`portal-api.md`, section 0), in lower case.
const NAMES: [(&str, Key); 7] = [
    ("token", Key::Access),
    ("accesstoken", Key::Access),
    ("id_token", Key::Id),
    ("tokenid", Key::Id),
    ("username", Key::User),
    ("password", Key::Password),
    ("passwordhash", Key::Password),
];

const MARK: &[u8] = b"\xEF\xBB\xBF";

impl Key {
    fn named(name: &str) -> Option<Self> {
        NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, key)| *key)
    }

    fn of<'a>(self, keys: &Keys<'a>) -> &'a str {
        match self {
            Self::Access => keys.token.access(),
            Self::Id => keys.token.id(),
            Self::User => &keys.account.username,
            Self::Password => keys.account.password.md5(),
        }
    }
}

/// Whether a field of this name holds what opens the portal.
pub fn is_credential(name: &str) -> bool {
    Key::named(name).is_some()
}

/// The call with the facility's own credentials.
pub(super) fn call(keys: &Keys<'_>, passage: &Passage) -> Call {
    let query = passage.query.as_deref().map(|query| pairs(keys, query));
    let path = query.map_or_else(|| passage.path.clone(), |query| format!("{}?{query}", passage.path));
    let body = match passage.form {
        Written::Form => {
            std::str::from_utf8(&passage.body).map_or(passage.body.clone(), |form| pairs(keys, form).into())
        }
        Written::Json => json(keys, &passage.body),
        Written::Other => passage.body.clone(),
    };
    let mut call = Call::json(path, body);
    match passage.headers.get(CONTENT_TYPE) {
        Some(kind) => call.headers.insert(CONTENT_TYPE, kind.clone()),
        None => call.headers.remove(CONTENT_TYPE),
    };
    // The one family whose credentials are two headers and no token has an account of its own (section 5.1).
    let is_account = passage.headers.contains_key("username") && passage.headers.contains_key("password");
    for (name, key) in NAMES.iter().filter(|(name, _)| passage.headers.contains_key(*name)) {
        let of_exams = keys.account.driver_exam.as_ref().filter(|_| is_account);
        let value = match (key, of_exams) {
            (Key::User, Some((user, _))) => user,
            (Key::Password, Some((_, password))) => password.md5(),
            _ => key.of(keys),
        };
        call = call.with_key(HeaderName::from_static(name), value);
    }
    call
}

/// A query or a form with other values where credentials stand; all else as written.
fn pairs(keys: &Keys<'_>, written: &str) -> String {
    let pair = |pair: &str| {
        let name = pair.split('=').next().unwrap_or_default();
        let plain = form_urlencoded::parse(name.as_bytes()).next().map(|(name, _)| name.into_owned());
        match plain.as_deref().and_then(Key::named) {
            Some(key) => {
                let value: String = byte_serialize(key.of(keys).as_bytes()).collect();
                format!("{name}={value}")
            }
            None => pair.to_owned(),
        }
    };
    written.split('&').map(pair).collect::<Vec<_>>().join("&")
}

/// A JSON object with other values where credentials stand; what is no object holds none.
fn json(keys: &Keys<'_>, body: &Bytes) -> Bytes {
    // As it came, with the byte-order mark that .NET writes where it is told "UTF-8" and nothing else.
    let mark = if body.starts_with(MARK) { MARK.len() } else { 0 };
    let text = body.get(mark..).unwrap_or_default();
    let Some(members) = members(text) else { return body.clone() };
    let replaced = members.into_iter().filter_map(|member| {
        let value = Key::named(&member.name)?.of(keys);
        Some((member.value, serde_json::Value::from(value).to_string()))
    });
    let places: Vec<_> = replaced.collect();
    if places.is_empty() {
        return body.clone();
    }
    let mut written = body.get(..mark).unwrap_or_default().to_vec();
    written.extend(spliced(text, &places));
    written.into()
}

impl std::fmt::Debug for Passage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Passage({}, {} bytes)", self.facility, self.body.len())
    }
}

impl std::fmt::Debug for Passed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Passed({}, {} bytes)", self.http_status, self.raw.len())
    }
}
