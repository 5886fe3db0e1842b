//! Alive, ready, and the metrics, on a listener of their own that no HIS can reach.

use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{StatusCode, header};
use serde_json::{Value, json};

use crate::document::shown::both;
use crate::domain::DeliveryState;
use crate::http::problem::Problem;
use crate::http::{Gateway, portal_status};
use crate::portal::Weather;
use crate::store::StoreError;
use crate::system::until;

/// The admin listener's routes.
pub fn admin(gateway: Gateway) -> Router {
    Router::new()
        .route("/livez", get(alive))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(gateway)
}

/// The process runs.
async fn alive() -> &'static str {
    "ok\n"
}

/// The process can do its work: it accepts documents, and can record who does what. The portal's weather is told but is no reason not to be ready,
/// because documents are kept and known cards answered while it is away.
async fn ready(State(gateway): State<Gateway>) -> Response {
    let parts = &gateway.0;
    let mut store = parts.store.health();
    if store.is_err() {
        // The last write failed; a small one tells whether the disk has come back.
        store = parts.store.probe().await;
    }
    let stopping = parts.stopper.is_stopping();
    let audit = parts.audit.health();
    let room = parts.store.room_on_disk();
    let is_short = room.is_some_and(|room| room.is_short);
    let is_ready = store.is_ok() && audit.is_ok() && !stopping && !is_short;
    let down: Vec<&str> = parts
        .portal
        .weather()
        .into_iter()
        .filter(|report| report.weather == Weather::Down)
        .map(|report| report.service.name())
        .collect();
    let disk = room.map(|room| {
        let state = if room.is_short {
            "short"
        } else if room.is_low {
            "low"
        } else {
            "ok"
        };
        json!({"state": state, "freeBytes": room.free_bytes, "daysLeft": room.days_left})
    });
    let (told, mut reasons) = match store {
        Ok(()) => ("ok".to_owned(), Vec::new()),
        Err(error) => (error.to_string(), vec![reason(&error.into())]),
    };
    if let Err(error) = &audit {
        reasons.push(reason(&error.clone().into()));
    }
    if is_short {
        reasons.push(reason(&StoreError::ShortOfRoom.into()));
    }
    let body = json!({
        "disk": disk,
        "ready": is_ready,
        "stopping": stopping,
        "store": told,
        "audit": audit.err().map_or_else(|| "ok".to_owned(), |error| error.to_string()),
        "reasons": reasons,
        "portalServicesDown": down,
        "mode": parts.mode.name(),
    });
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(body)).into_response()
}

/// Why documents are not accepted, in the words that their senders get, and what is to be done.
fn reason(problem: &Problem) -> Value {
    json!({"code": problem.code, "title": both(&problem.title), "nextStep": both(&problem.next_step)})
}

/// All metrics, in the OpenMetrics text format.
async fn metrics(State(gateway): State<Gateway>) -> Response {
    let parts = &gateway.0;
    let gauges = &parts.metrics.gauges;
    gauges.cached(parts.lookup.cached());
    gauges.store_up(parts.store.health().is_ok());
    gauges.audit_up(parts.audit.health().is_ok());
    for (listener, open) in &parts.connections {
        gauges.connections(listener, open.load(Ordering::Relaxed));
    }
    portal_status::measure(&gateway).await;
    match parts.store.backlog().await {
        Ok(backlog) => {
            gauges.clear_documents();
            for facts in &crate::document::kind::KINDS {
                gauges.documents(facts.name, DeliveryState::Queued.name(), 0);
            }
            for (kind, state, count) in backlog.counts {
                gauges.documents(kind.name(), state.name(), count);
            }
            let oldest = backlog.oldest_waiting.map(|oldest| until(oldest, parts.system.now()));
            gauges.oldest_waiting(oldest.unwrap_or_default());
        }
        Err(error) => tracing::warn!(%error, "the backlog could not be counted"),
    }
    match parts.store.rows_waiting().await {
        Ok(count) => gauges.batch_rows_waiting(count),
        Err(error) => tracing::warn!(%error, "the rows of lists could not be counted"),
    }
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], parts.metrics.encode()).into_response()
}
