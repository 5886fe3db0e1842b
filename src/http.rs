//! The gateway on the wire: the route table, and the one wrapper that every request passes.
//!
//! A request's way: the listener bounds the connection ([`server`]); the wrapper gives it an id, a deadline and a
//! language, and writes problems; the route's access decides who may; a handler reads fields and calls one flow. What
//! the flows mean by their errors becomes HTTP in [`problem`] and nowhere else.

pub mod admin;
pub mod batches;
pub mod body;
pub mod call;
pub mod cards;
pub mod documents;
pub mod events;
pub mod facade;
pub mod feeds;
pub mod fields;
pub mod incidents;
pub mod officers;
pub mod orders;
mod page;
pub mod portal_status;
pub mod problem;
mod provisional;
mod recorded;
pub mod reference;
pub mod server;
pub mod shapes;
pub mod tickets;
pub mod tls;
pub mod webhooks;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, patch, post, put};
use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderName, HeaderValue, Method, header};

use crate::audit::{Audit, Deed};
use crate::clients::{Clients, Mode, Scope};
use crate::http::body::{BodyBudget, BodyLimits, Held};
use crate::http::call::{Call, Context, admit};
use crate::http::problem::Problem;
use crate::intake::Intake;
use crate::lookup::Lookup;
use crate::officers::Officers;
use crate::portal::Portal;
use crate::store::Store;
use crate::system::System;
use crate::system::stop::Stopper;
use crate::telemetry::Metrics;
use crate::webhooks::Webhooks;

/// What the handlers work with. Cheap to clone.
#[derive(Clone)]
pub struct Gateway(pub Arc<Parts>);

/// The parts behind [`Gateway`].
pub struct Parts {
    /// Test or live.
    pub mode: Mode,
    /// Flow 1.
    pub lookup: Lookup,
    /// Lists of questions.
    pub lists: batches::Lists,
    /// Flow 2, first half.
    pub intake: Intake,
    /// Schemas and code lists, for who asks for them.
    pub reference: reference::Reference,
    /// What is kept.
    pub store: Store,
    /// Who did what.
    pub audit: Audit,
    /// Who calls.
    pub clients: Clients,
    /// For its weather, and for calls handed through.
    pub portal: Portal,
    /// What the façade was asked; `None` where there is none.
    pub facade: Option<Arc<facade::Usage>>,
    /// Who signs for a question.
    pub officers: Officers,
    /// Who listens to the feed.
    pub streams: events::stream::Streams,
    /// What sends events.
    pub webhooks: Webhooks,
    /// Bodies in memory at once.
    pub bodies: BodyBudget,
    /// Bounds of requests.
    pub limits: Limits,
    /// Time and ids.
    pub system: System,
    /// Counters.
    pub metrics: Metrics,
    /// Open connections, by listener.
    pub connections: Vec<(&'static str, Arc<AtomicUsize>)>,
    /// Ends long polls and feeds when the process stops.
    pub stopper: Stopper,
}

impl Parts {
    /// Reads the body of a question or an order to the gateway: small, so it is charged to no budget.
    pub async fn read_small(&self, request: Request) -> Result<Bytes, Problem> {
        let Limits { question_bytes_max, request_deadline, body_stall, .. } = self.limits;
        Ok(body::read(request.into_body(), None, question_bytes_max, request_deadline, body_stall).await?)
    }

    /// Reads a body that holds a document, or several.
    pub async fn read_document(&self, call: &Call, request: Request) -> Result<Held, Problem> {
        let (head, body) = request.into_parts();
        let Limits { document_bytes_max, request_deadline, body_stall, .. } = self.limits;
        let limits = BodyLimits { bytes_max: document_bytes_max, deadline: request_deadline, stall: body_stall };
        Ok(self.bodies.read(&call.caller.id, &head.headers, body, &limits).await?)
    }
}

/// Bounds of requests.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a document.
    pub document_bytes_max: usize,
    /// Bytes of any other body. The longest question is under 2 KiB; 64 KiB leaves room for pretty printing.
    pub question_bytes_max: usize,
    /// From the request's head to the answer's head. Above the portal's own minute plus a login.
    pub request_deadline: Duration,
    /// What a facility's account may ask the portal a minute, told to callers.
    pub questions_per_minute: u32,
    /// What lists and tickets may take of that.
    pub bulk_questions_per_minute: u32,
    /// Documents on their way to the portal at once.
    pub deliveries_at_once: usize,
    /// How long a body may stand still. A HIS on a bad ward link pauses for seconds, not for ten.
    pub body_stall: Duration,
}

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// A key with this scope.
    Key(Scope),
    /// Any key: what every caller may know.
    AnyKey,
}

/// One row of the route table.
pub struct Route {
    /// Method.
    pub method: Method,
    /// Path, in axum's notation. Also the metric label: it holds no ids.
    pub path: &'static str,
    /// Who may use it.
    pub access: Access,
    /// What using it is in the audit log.
    pub deed: Deed,
    /// Whether the request deadline holds. Feeds and long polls bound their own waits.
    pub has_deadline: bool,
    handler: fn() -> MethodRouter<Gateway>,
}

/// Every route of the API listener.
pub const ROUTES: &[Route] = &[
    Route::post("/v1/scans", Scope::Lookup, Deed::NotRecorded, || post(cards::scan)),
    Route::post("/v1/card-lookups", Scope::Lookup, Deed::CardLookup, || post(cards::card)),
    Route::get("/v1/card-lookups", Scope::Lookup, Deed::TicketList, || get(tickets::list)),
    Route::get("/v1/card-lookups/{id}", Scope::Lookup, Deed::TicketView, || get(tickets::show)),
    Route::post("/v1/card-lookups/batch", Scope::Lookup, Deed::BatchSubmit, || post(batches::submit)),
    Route::get("/v1/card-lookups/batches", Scope::Lookup, Deed::BatchList, || get(batches::list)),
    Route::get("/v1/card-lookups/batches/{id}", Scope::Lookup, Deed::BatchView, || get(batches::show)),
    Route::post("/v1/card-lookups/batches/{id}/pause", Scope::Lookup, Deed::BatchPause, || post(batches::pause)),
    Route::post("/v1/card-lookups/batches/{id}/resume", Scope::Lookup, Deed::BatchResume, || post(batches::resume)),
    Route::post("/v1/card-lookups/batches/{id}/cancel", Scope::Lookup, Deed::BatchCancel, || post(batches::cancel)),
    Route::get("/v1/card-lookups/batches/{id}/results", Scope::Lookup, Deed::BatchResults, || get(batches::results)),
    Route::post("/v1/treatment-histories", Scope::Lookup, Deed::HistoryLookup, || post(cards::history)),
    Route::post("/v1/copay-lookups", Scope::Lookup, Deed::CopayLookup, || post(cards::copay)),
    Route::post("/v1/documents", Scope::DocumentWrite, Deed::DocumentSubmit, || post(documents::submit)),
    Route::get("/v1/documents", Scope::DocumentRead, Deed::DocumentList, || get(documents::list)),
    Route::post("/v1/documents/validate", Scope::DocumentWrite, Deed::DocumentValidate, || post(documents::validate)),
    Route::get("/v1/documents/{id}", Scope::DocumentRead, Deed::DocumentView, || get(documents::show)),
    Route::get("/v1/documents/{id}/attempts", Scope::DocumentRead, Deed::DocumentAttempts, || get(documents::attempts)),
    Route::get("/v1/documents/{id}/content", Scope::DocumentRead, Deed::DocumentContent, || get(documents::content)),
    Route::post("/v1/documents/{id}/replay", Scope::DocumentWrite, Deed::DocumentReplay, || post(orders::replay)),
    Route::post("/v1/documents/{id}/cancel", Scope::DocumentWrite, Deed::DocumentCancel, || post(orders::cancel)),
    Route::post("/v1/documents/{id}/hold", Scope::DocumentWrite, Deed::DocumentHold, || post(orders::hold)),
    Route::post("/v1/documents/{id}/release", Scope::DocumentWrite, Deed::DocumentRelease, || post(orders::release)),
    Route::post("/v1/documents/{id}/confirm", Scope::DocumentWrite, Deed::DocumentConfirm, || post(orders::confirm)),
    Route::post("/v1/documents/{id}/legal-hold", Scope::Admin, Deed::DocumentLegalHold, || {
        post(orders::set_legal_hold)
    }),
    Route::post("/v1/documents/{id}/legal-hold/lift", Scope::Admin, Deed::DocumentLegalHoldLift, || {
        post(orders::lift_legal_hold)
    }),
    Route::post("/v1/documents/{id}/forget", Scope::Admin, Deed::DocumentForget, || post(orders::forget)),
    Route::post("/v1/feeds", Scope::DocumentWrite, Deed::DocumentFeed, || post(feeds::feed)).without_deadline(),
    Route::get_with_any_key("/v1/portal-status", Deed::NotRecorded, || get(portal_status::show)),
    Route::get("/v1/officers", Scope::Admin, Deed::OfficersList, || get(officers::list)),
    Route::put("/v1/officers/{id}", Scope::Admin, Deed::OfficersKeep, || put(officers::keep)),
    Route::delete("/v1/officers/{id}", Scope::Admin, Deed::OfficersRemove, || delete(officers::remove)),
    Route::get_with_any_key("/v1/schemas", Deed::NotRecorded, || get(reference::schemas)),
    Route::get_with_any_key("/v1/schemas/{id}", Deed::NotRecorded, || get(reference::xsd)),
    Route::get_with_any_key("/v1/reference", Deed::NotRecorded, || get(reference::lists)),
    Route::get_with_any_key("/v1/reference/{id}", Deed::NotRecorded, || get(reference::list)),
    Route::get("/v1/facade", Scope::DocumentRead, Deed::NotRecorded, || get(facade::usage)),
    Route::get("/v1/events", Scope::DocumentRead, Deed::EventsRead, || get(events::list)).without_deadline(),
    Route::get("/v1/events/stream", Scope::DocumentRead, Deed::EventsRead, || get(events::stream::listen))
        .without_deadline(),
    Route::get("/v1/incidents", Scope::DocumentRead, Deed::NotRecorded, || get(incidents::list)),
    Route::post("/v1/webhook-endpoints", Scope::Webhook, Deed::WebhookMake, || post(webhooks::make)),
    Route::get("/v1/webhook-endpoints", Scope::Webhook, Deed::WebhookList, || get(webhooks::list)),
    Route::get("/v1/webhook-endpoints/{id}", Scope::Webhook, Deed::WebhookView, || get(webhooks::show)),
    Route::patch("/v1/webhook-endpoints/{id}", Scope::Webhook, Deed::WebhookChange, || patch(webhooks::change)),
    Route::delete("/v1/webhook-endpoints/{id}", Scope::Webhook, Deed::WebhookRemove, || delete(webhooks::remove)),
    Route::post("/v1/webhook-endpoints/{id}/test", Scope::Webhook, Deed::WebhookTest, || post(webhooks::test)),
    Route::post("/v1/webhook-endpoints/{id}/rotate-secret", Scope::Webhook, Deed::WebhookRotate, || {
        post(webhooks::rotate)
    }),
    Route::post("/v1/webhook-endpoints/{id}/recover", Scope::Webhook, Deed::WebhookRecover, || post(webhooks::recover)),
    Route::get("/v1/webhook-endpoints/{id}/deliveries", Scope::Webhook, Deed::WebhookDeliveries, || {
        get(webhooks::deliveries)
    }),
    Route::post(
        "/v1/webhook-endpoints/{id}/deliveries/{event}/redeliver",
        Scope::Webhook,
        Deed::WebhookRedeliver,
        || post(webhooks::redeliver),
    ),
];

impl Route {
    const fn get(path: &'static str, scope: Scope, deed: Deed, handler: fn() -> MethodRouter<Gateway>) -> Self {
        Self { method: Method::GET, path, access: Access::Key(scope), deed, has_deadline: true, handler }
    }

    const fn get_with_any_key(path: &'static str, deed: Deed, handler: fn() -> MethodRouter<Gateway>) -> Self {
        Self { method: Method::GET, path, access: Access::AnyKey, deed, has_deadline: true, handler }
    }

    const fn post(path: &'static str, scope: Scope, deed: Deed, handler: fn() -> MethodRouter<Gateway>) -> Self {
        Self { method: Method::POST, path, access: Access::Key(scope), deed, has_deadline: true, handler }
    }

    const fn patch(path: &'static str, scope: Scope, deed: Deed, handler: fn() -> MethodRouter<Gateway>) -> Self {
        Self { method: Method::PATCH, path, access: Access::Key(scope), deed, has_deadline: true, handler }
    }

    const fn put(path: &'static str, scope: Scope, deed: Deed, handler: fn() -> MethodRouter<Gateway>) -> Self {
        Self { method: Method::PUT, path, access: Access::Key(scope), deed, has_deadline: true, handler }
    }

    const fn delete(path: &'static str, scope: Scope, deed: Deed, handler: fn() -> MethodRouter<Gateway>) -> Self {
        Self { method: Method::DELETE, path, access: Access::Key(scope), deed, has_deadline: true, handler }
    }

    const fn without_deadline(mut self) -> Self {
        self.has_deadline = false;
        self
    }
}

/// The API, ready to be served.
pub fn api(gateway: Gateway) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let admission = middleware::from_fn_with_state((gateway.clone(), route), admit);
        router = router.route(route.path, (route.handler)().layer(admission));
    }
    router
        .fallback(|| async { problem::no_such_path() })
        .method_not_allowed_fallback(|| async { problem::no_such_method() })
        .layer(middleware::from_fn_with_state(gateway.clone(), wrap))
        .with_state(gateway)
}

/// Which route answered, for the log and the metrics; put on the answer by the route's own layer.
#[derive(Clone, Copy)]
pub struct Answered(pub &'static str);

/// What every request passes: id, language, panics caught, problems written, times counted, and the headers every
/// answer carries.
async fn wrap(State(gateway): State<Gateway>, mut request: Request, next: Next) -> Response {
    let parts = &gateway.0;
    let started = tokio::time::Instant::now();
    let context = Context::read(&request, parts.system.new_id("req"));
    request.extensions_mut().insert(context.clone());
    let (method, version) = (request.method().clone(), request.version());

    // A panic in a handler is our bug: the caller gets an answer, the log the place, the process lives.
    let answered = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let mut response = answered.unwrap_or_else(|_| {
        tracing::error!(request = context.request_id, "a handler panicked");
        problem::our_fault().into_response()
    });

    let mut code = "";
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let body = problem.body(&context.voice, &context.request_id);
        code = problem.code;
        let (mut head, _) = response.into_parts();
        head.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        head.headers.remove(header::CONTENT_LENGTH);
        response = Response::from_parts(head, body.to_string().into());
    }

    let took = started.elapsed();
    let route = response.extensions().get::<Answered>().map_or("none", |route| route.0);
    let status = response.status().as_u16();
    parts.metrics.http.answered(route, status, took);
    tracing::info!(
        request = context.request_id,
        %method,
        route,
        status,
        code,
        took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        "answered"
    );

    let headers = response.headers_mut();
    let text = |text: &str| HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""));
    headers.insert(HeaderName::from_static("request-id"), text(&context.request_id));
    headers.insert(HeaderName::from_static("gateway-mode"), HeaderValue::from_static(parts.mode.name()));
    // What was left unread of the body cannot be told from the next request: the connection ends, and says so, that nobody
    // sends another request into it. HTTP/2 ends the stream alone.
    if version < http::Version::HTTP_2 && code == "request.too_large" {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    if let Some(correlation) = context.correlation_id {
        headers.insert(HeaderName::from_static("x-correlation-id"), correlation);
    }
    // Answers about persons are never kept by anybody on the way; only what holds nothing of a person says otherwise.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let total = format!("total;dur={:.3}", took.as_secs_f64() * 1000.0);
    headers.append(HeaderName::from_static("server-timing"), text(&total));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_route_stands_twice() {
        let mut seen = std::collections::HashSet::new();
        for route in ROUTES {
            assert!(seen.insert((route.method.clone(), route.path)), "{} {}", route.method, route.path);
        }
    }
}
