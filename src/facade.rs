//! The façade: a listener that speaks the portal's own paths, conventions, quirks and replies, so that a hospital system
//! written for the portal changes its base URL and nothing else (`api.md`, section 10).
//!
//! Guarantees: answers of the portal go out byte for byte; the portal's own credentials never do, because user, password
//! and tokens here are the gateway's; a document is on the disk before any answer; a receipt is the portal's or plainly
//! the gateway's (`GW-…`), never invented; no call reaches a facility that the client does not own. What does not belong
//! to the portal's language stands in `Gateway-*` headers.
//!
//! In reading order: [`function`] is the table of all functions; `request` reads a call; `caller` lets it in, with the
//! tokens of `token`; `sign_in`, `lookup`, `retired`, `submission` and `pass_through` answer it in the two flows of the
//! gateway; `dialect` says no in each family's own words.

pub mod dialect;
pub mod function;

mod caller;
mod door;
mod lookup;
mod named;
mod pass_through;
mod reply;
mod request;
mod retired;
mod sign_in;
mod submission;
mod token;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use futures_util::FutureExt;
use http::{HeaderName, HeaderValue, Method, Request, header};

use self::caller::admit;
use self::dialect::{Dialect, Echo};
use self::door::Doors;
use self::function::{Does, Function, HANDED_THROUGH};
use self::reply::{Refusal, Reply};
use self::request::Call;
use crate::audit::{About, Manner, Outcome, Trail};
use crate::clients::Caller;
use crate::domain::Bilingual;
use crate::http::Gateway;
use crate::http::facade::Usage;
use crate::http::problem;
use crate::intake::Intake;
use crate::store::vault::Vault;

/// How the façade behaves.
#[derive(Clone, Debug)]
pub struct Config {
    /// How long a submission waits for the portal's own answer. Most systems wait 30 s or more.
    pub sync_timeout: Duration,
    /// What is answered when that is not there in time.
    pub on_delay: OnDelay,
    /// Whether findings stop a document.
    pub strict: bool,
    /// What becomes of a lookup that names no officer.
    pub officer_missing: OfficerMissing,
    /// How long a token lives.
    pub token_life: Duration,
    /// Paths of the portal that are handed through.
    pub pass_through: Vec<String>,
}

/// What is answered when the portal's answer to a submission is not there in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDelay {
    /// The family's system error, with words that say where the document is.
    Error,
    /// Success, with a number of the gateway's own.
    Ack,
}

/// What becomes of a lookup that names no officer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfficerMissing {
    /// The facility's default officer asks.
    Default,
    /// It is refused as the portal refuses an officer it does not know.
    Refuse,
}

/// The façade. Cheap to clone.
#[derive(Clone)]
pub struct Facade(Arc<Parts>);

struct Parts {
    config: Config,
    gateway: Gateway,
    /// Takes documents in as the portal would: by rules that only warn, unless they are to be strict.
    intake: Intake,
    vault: Vault,
    doors: Doors,
    usage: Arc<Usage>,
}

/// Which function a path is.
struct Called {
    /// For logs and metrics.
    name: &'static str,
    /// As the table or the configuration spells it.
    path: String,
    /// `None` where the credentials have to tell.
    dialect: Option<Dialect>,
    does: Does,
    hint: &'static Bilingual,
}

/// What was learnt of a call while it was answered, whatever became of it.
struct Seen {
    dialect: Dialect,
    echo: Echo,
    caller: Option<Arc<Caller>>,
    trail: Option<Trail>,
}

impl Facade {
    /// Wires the parts. `usage` is what `GET /v1/facade` tells.
    pub fn new(config: Config, gateway: Gateway, intake: Intake, vault: Vault, usage: Arc<Usage>) -> Self {
        for path in config.pass_through.iter().filter_map(|path| Function::of(path)) {
            if !matches!(path.does, Does::PassThrough) {
                tracing::warn!(path = path.path, "the façade answers this path itself; pass_through changes nothing");
            }
        }
        Self(Arc::new(Parts { config, gateway, intake, vault, doors: Doors::default(), usage }))
    }

    /// The façade, ready to be served.
    pub fn router(self) -> Router {
        Router::new().fallback(serve).with_state(self)
    }

    /// The function of a path; `None` for one that is not spoken here.
    fn called(&self, path: &str) -> Option<Called> {
        let path = &plain(path);
        let is_handed_through = self.0.config.pass_through.iter().any(|listed| listed.eq_ignore_ascii_case(path));
        if let Some(function) = Function::of(path) {
            let (name, path, hint) = (function.name(), function.path.to_owned(), &function.hint);
            let called = Called { name, path, dialect: Some(function.dialect), does: function.does, hint };
            return Some(called).filter(|called| !matches!(called.does, Does::PassThrough) || is_handed_through);
        }
        let listed = self.0.config.pass_through.iter().find(|listed| listed.eq_ignore_ascii_case(path))?;
        let (name, path) = ("pass-through", listed.clone());
        Some(Called { name, path, dialect: None, does: Does::PassThrough, hint: &HANDED_THROUGH })
    }

    /// The flow of every call: read it, let the caller in, and do what the function does.
    async fn answer(
        &self,
        called: &Called,
        seen: &mut Seen,
        request: Request<Body>,
        id: &str,
    ) -> Result<Reply, Refusal> {
        let limits = &self.0.gateway.0.limits;
        let bytes_max = match called.does {
            // Base64 is four bytes for three, and a form escapes some of them again.
            Does::Submit(_) | Does::PassThrough => limits.document_bytes_max / 2 * 3 + limits.question_bytes_max,
            _ => limits.question_bytes_max,
        };
        let call = Call::read(&self.0.gateway, request, bytes_max).await?;
        seen.echo = Echo::of(&call);
        seen.dialect = called.dialect.unwrap_or_else(|| Dialect::told_by(&call));

        let admitted = admit(self, seen.dialect, called.does.scope(), &call, id).await?;
        seen.caller = Some(admitted.caller.clone());
        seen.trail = Some(admitted.trail.clone());
        match called.does {
            Does::SignIn => sign_in::take(self, &call, &admitted),
            Does::Ask(service) => lookup::answer(self, &call, &admitted, service).await,
            Does::AskAsBefore => retired::answer(self, &call, &admitted).await,
            Does::Submit(taken) => submission::answer(self, call, &admitted, seen.dialect, taken).await,
            Does::PassThrough => pass_through::answer(self, call, &admitted, &called.path).await,
        }
    }
}

/// What every request passes: an id, a panic caught, a deadline, refusals put into the family's words, counters and the
/// log line, which holds nothing of the call but its function.
async fn serve(State(facade): State<Facade>, request: Request<Body>) -> Response {
    let parts = &facade.0;
    let gateway = &parts.gateway.0;
    let (started, id) = (tokio::time::Instant::now(), gateway.system.new_id("req"));
    let called = facade.called(request.uri().path());
    let dialect = called.as_ref().and_then(|called| called.dialect).unwrap_or(Dialect::Plain);
    let mut seen = Seen { dialect, echo: Echo::default(), caller: None, trail: None };
    let reply = match &called {
        None => unknown_path(),
        Some(_) if request.method() != Method::POST => wrong_method(),
        Some(called) => {
            let answering =
                tokio::time::timeout(gateway.limits.request_deadline, facade.answer(called, &mut seen, request, &id));
            // A panic is our bug: the caller gets an answer, the log the place, the process lives.
            let answered = match AssertUnwindSafe(answering).catch_unwind().await {
                Ok(Ok(answered)) => answered,
                Ok(Err(_)) => Err(Refusal::failed(problem::too_slow())),
                Err(_) => {
                    tracing::error!(request = id, "a call of the façade panicked");
                    Err(Refusal::failed(problem::our_fault()))
                }
            };
            let answered = recorded(called, &seen, answered).await;
            answered.unwrap_or_else(|refusal| seen.dialect.refuse(refusal, &seen.echo, gateway.system.now()))
        }
    };

    let function = called.as_ref().map_or("unknown", |called| called.name);
    let outcome = reply.outcome();
    gateway.metrics.facade.answered(function, outcome);
    let client = seen.caller.as_ref().map_or("", |caller| caller.client.id.as_str());
    if let (Some(called), Some(caller)) = (&called, &seen.caller) {
        parts.usage.count(&caller.client, &called.path, called.hint, outcome == "refused", gateway.system.now());
    }
    let (status, code, problem) = (reply.status, reply.code.clone(), reply.problem);
    let took_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    tracing::info!(request = id, function, client, status, code, problem, outcome, took_us, "facade answered");

    let mut response = reply.into_response();
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(HeaderName::from_static("gateway-request-id"), id);
    }
    headers.insert(HeaderName::from_static("gateway-mode"), HeaderValue::from_static(gateway.mode.name()));
    // Answers about persons are never kept by anybody on the way.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Records a call that no flow recorded, before its answer leaves: a sign-in, and what ended before the flow.
async fn recorded(called: &Called, seen: &Seen, answered: Result<Reply, Refusal>) -> Result<Reply, Refusal> {
    let Some(trail) = &seen.trail else { return answered };
    let deed = called.does.deed();
    let has_entry = deed.manner() != Manner::Reads && trail.has_written();
    let (status, code) = match &answered {
        Ok(reply) => (reply.status, reply.code.as_str()),
        Err(refusal) => (0, refusal.problem),
    };
    if has_entry || code == "audit.unavailable" {
        return answered;
    }
    match trail.record(deed, About::default(), Outcome::status(status, code)).await {
        Ok(()) => answered,
        Err(error) => Err(Refusal::failed(error)),
    }
}

/// A path as it was meant: base URLs are often configured with a slash at their end, and then it stands twice.
fn plain(path: &str) -> String {
    format!("/{}", path.trim_matches('/'))
}

/// The portal's way with a path it does not have: what it says there is not recorded, the words are ours.
fn unknown_path() -> Reply {
    let body = dialect::object(&[("Message", "Không có dịch vụ nào ở địa chỉ này".into())]);
    Reply { problem: "facade.unknown_path", ..Reply::of(404, "", body) }
}

/// Every function is a `POST`.
fn wrong_method() -> Reply {
    Reply { problem: "facade.unknown_method", ..Reply::of(405, "", "") }
}
