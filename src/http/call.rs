//! What is known of a request before a handler sees it: its id, its language, and who makes it.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Path, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use tokio::sync::OwnedSemaphorePermit;

use crate::audit::Trail;
use crate::clients::{Caller, Denied, QuotaLeft, Scope};
use crate::domain::{FacilityCode, Language};
use crate::http::problem::{self, Problem, Voice};
use crate::http::recorded::{recorded, tell_facility, turned_away};
use crate::http::server::Peer;
use crate::http::{Access, Answered, Gateway, Route};

/// Id and language of a request.
#[derive(Clone, Debug)]
pub struct Context {
    /// `req_…`, on every answer and every log line.
    pub request_id: String,
    /// The caller's own id, echoed. Bounded and printable, because it goes back out as it came.
    pub correlation_id: Option<HeaderValue>,
    /// The language of the answer.
    pub voice: Voice,
}

impl Context {
    /// Reads what the request says of itself.
    pub fn read(request: &Request, request_id: String) -> Self {
        let headers = request.headers();
        let correlation_id = headers.get("x-correlation-id").filter(|id| id.len() <= 128).cloned();
        let accepted = text(headers, &header::ACCEPT_LANGUAGE).unwrap_or_default();
        // The first language named wins; quality values are not worth a parser for two languages.
        let first = accepted.split(',').next().unwrap_or_default().trim();
        let mut voice = Voice { language: language(first).unwrap_or_default(), both: false };
        let wanted = request.uri().query().into_iter().flat_map(|query| form_urlencoded::parse(query.as_bytes()));
        for (name, value) in wanted {
            if name == "lang" {
                voice.both = value == "both";
                voice.language = language(&value).unwrap_or(voice.language);
            }
        }
        Self { request_id, correlation_id, voice }
    }
}

fn language(tag: &str) -> Option<Language> {
    match tag.get(..2) {
        Some("vi" | "VI") => Some(Language::Vietnamese),
        Some("en" | "EN") => Some(Language::English),
        _ => None,
    }
}

/// A request that was let in.
#[derive(Clone, Debug)]
pub struct Call {
    /// Who makes it.
    pub caller: Arc<Caller>,
    /// Id and language.
    pub context: Context,
    /// The request's way through the audit log.
    pub trail: Trail,
}

impl Call {
    /// For which facility the request is: the header `Facility-Id`, or the only facility the key has.
    pub fn facility(&self, headers: &HeaderMap) -> Result<FacilityCode, Problem> {
        let named = match facility_header(headers)? {
            Some(named) => named,
            None => match self.caller.client.facilities.as_slice() {
                [only] => *only,
                _ => return Err(problem::facility_missing()),
            },
        };
        if self.caller.owns(&named) { Ok(named) } else { Err(problem::facility_not_allowed()) }
    }
}

/// The id in a path. One that is no text is the id of nothing.
pub struct Id(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let id = Path::from_request_parts(parts, state).await;
        id.map(|Path(id)| Self(id)).map_err(|_| problem::not_found())
    }
}

/// The parameters after the question mark, in order. What is no UTF-8 is replaced rather than refused in plain text.
pub struct Parameters(pub Vec<(String, String)>);

impl Parameters {
    /// Reads a query string.
    pub fn read(query: Option<&str>) -> Self {
        Self(form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::read(parts.uri.query()))
    }
}

/// The facility the caller names in `Facility-Id`, if any.
pub fn facility_header(headers: &HeaderMap) -> Result<Option<FacilityCode>, Problem> {
    let Some(value) = headers.get("facility-id") else { return Ok(None) };
    let code = value.to_str().ok().and_then(|text| FacilityCode::parse(text.trim()).ok());
    code.map(Some).ok_or_else(|| {
        let message = crate::domain::Bilingual::fixed(
            "Mã cơ sở phải có 5 ký tự: 2 số mã tỉnh và 3 ký tự",
            "A facility code has 5 characters: 2 digits of the province and 3 more",
        );
        let cure = crate::domain::Bilingual::fixed("Sửa header Facility-Id.", "Put the header Facility-Id right.");
        problem::invalid_request(vec![problem::field_error("Facility-Id", "FACILITY_CODE", message, cure)])
    })
}

/// A header as text, if it is there and printable.
pub fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

impl<S: Send + Sync> FromRequestParts<S> for Call {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // All were put there by the layers before; a handler outside them would be our own fault.
        let caller = parts.extensions.get::<Arc<Caller>>().cloned();
        let context = parts.extensions.get::<Context>().cloned();
        let trail = parts.extensions.get::<Trail>().cloned();
        let call = caller.zip(context).zip(trail);
        call.map(|((caller, context), trail)| Self { caller, context, trail }).ok_or_else(problem::our_fault)
    }
}

/// The layer of one route: who calls, may they, how often; then the handler, within the deadline.
pub async fn admit(
    State((gateway, route)): State<(Gateway, &'static Route)>,
    mut request: Request,
    next: Next,
) -> Response {
    let secret = text(request.headers(), &header::AUTHORIZATION).and_then(bearer).map(str::to_owned);
    let peer = request.extensions().get::<Peer>().map(|peer| peer.address.ip());
    let request_id = request.extensions().get::<Context>().map(|context| context.request_id.clone());
    let mut response = match let_in(&gateway, route, secret, peer, request_id.unwrap_or_default()).await {
        Ok(Admitted { caller, left, trail, _place }) => {
            tell_facility(&trail, &caller, request.headers());
            // The router takes `%5F` for `_`, and so does the entry.
            let parts = request.uri().path().split('/');
            let mut parts = parts.map(|part| percent_encoding::percent_decode_str(part).decode_utf8_lossy());
            if let Some(id) = parts.find(|part| part.contains('_')) {
                trail.tell_id(&id);
            }
            request.extensions_mut().insert(caller);
            request.extensions_mut().insert(trail.clone());
            let run = next.run(request);
            let run = async {
                if route.has_deadline {
                    let deadline = gateway.0.limits.request_deadline;
                    tokio::time::timeout(deadline, run).await.unwrap_or_else(|_| problem::too_slow().into_response())
                } else {
                    run.await
                }
            };
            let mut response = recorded(&trail, route.deed, run).await;
            let questions_per_minute = gateway.0.limits.questions_per_minute;
            rate_limit_headers(response.headers_mut(), left, route, questions_per_minute);
            response
        }
        Err(problem) => problem.into_response(),
    };
    response.extensions_mut().insert(Answered(route.path));
    response
}

/// A caller who was let in.
struct Admitted {
    caller: Arc<Caller>,
    left: QuotaLeft,
    trail: Trail,
    /// One of the client's places for a request; given back when dropped.
    _place: OwnedSemaphorePermit,
}

async fn let_in(
    gateway: &Gateway,
    route: &Route,
    secret: Option<String>,
    peer: Option<IpAddr>,
    request_id: String,
) -> Result<Admitted, Problem> {
    // The listener puts the peer on every request; without it nobody could be held to an address.
    let address = peer.ok_or_else(problem::our_fault)?;
    let caller = gateway.0.clients.identify(secret.as_deref(), address).await.inspect_err(|denied| {
        // At `debug`, because anybody can make it happen as often as they like; the metrics count it by status.
        tracing::debug!(%denied, %address, "a caller was turned away");
    })?;
    let place = caller.begin()?;
    let trail = Trail::new(&gateway.0.audit, &caller.client.id, &request_id, Some(address));
    let left = match route.access {
        Access::Key(scope) => caller.spend(scope),
        Access::AnyKey => caller.spend_on_anything(),
    };
    match left {
        Ok(left) => Ok(Admitted { caller, left, trail, _place: place }),
        // A known client that reaches beyond its rights is recorded, as often as its quota lets it.
        Err(denied @ Denied::NotAllowed(_)) if caller.spend_on_anything().is_ok() => {
            Err(turned_away(&trail, route.deed, denied.into()).await)
        }
        Err(denied) => Err(denied.into()),
    }
}

fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, secret) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
}

fn rate_limit_headers(headers: &mut HeaderMap, left: QuotaLeft, route: &Route, questions_per_minute: u32) {
    let mut policy = format!("\"client\";q={};w=60", left.per_minute);
    if route.access == Access::Key(Scope::Lookup) {
        // What the facility's account may ask the portal; answers from memory spend none of it.
        policy.push_str(&format!(", \"portal\";q={questions_per_minute};w=60"));
    }
    let limit = format!("\"client\";r={};t=60", left.remaining);
    for (name, value) in [("ratelimit-policy", policy), ("ratelimit", limit)] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}
