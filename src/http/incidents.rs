//! `GET /v1/incidents`: what is wrong, and what was, for whom it concerns.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::domain::{Bilingual, FacilityCode};
use crate::http::Gateway;
use crate::http::call::{Call, Parameters};
use crate::http::problem::{self, Problem, Voice, field_error};
use crate::http::shapes::{instant, words};
use crate::incidents::words::words as told;
use crate::store::incidents::{IncidentFilter, IncidentView, PAGE_MAX};

/// Incidents of the gateway and of the caller's facilities, newest first; `status` is `open` (the default), `ended` or
/// `all`; `limit` (100, at most 500), `cursor`.
pub async fn list(
    State(gateway): State<Gateway>,
    call: Call,
    Parameters(query): Parameters,
) -> Result<Response, Problem> {
    let client = &call.caller.client;
    let mut filter = IncidentFilter {
        facilities: client.facilities.clone(),
        client: client.id.clone(),
        open: Some(true),
        before_sequence: None,
        limit: 100,
    };
    for (name, value) in &query {
        let understood = match (name.as_str(), value.as_str()) {
            ("status", "open") => true,
            ("status", "ended") => {
                filter.open = Some(false);
                true
            }
            ("status", "all") => {
                filter.open = None;
                true
            }
            ("limit", limit) => {
                let wished = limit.parse().ok().filter(|wished| (1..=PAGE_MAX).contains(wished));
                wished.map(|wished| filter.limit = wished).is_some()
            }
            ("cursor", cursor) => {
                let position = cursor.strip_prefix("cur_").and_then(|number| number.parse().ok());
                position.map(|position| filter.before_sequence = Some(position)).is_some()
            }
            ("lang", _) => true,
            _ => false,
        };
        if !understood {
            return Err(fault(name));
        }
    }
    let limit = filter.limit;
    let (found, has_more) = gateway.0.store.incidents(filter).await?;
    let next = found.last().filter(|_| has_more).map(|last| format!("cur_{}", last.sequence));
    let data: Vec<Value> = found.iter().map(|view| shown(view, &call.context.voice)).collect();
    Ok(Json(json!({"data": data, "page": {"next": next, "hasMore": has_more, "limit": limit}})).into_response())
}

fn shown(view: &IncidentView, voice: &Voice) -> Value {
    let (title, next_step) = told(view.subject.kind);
    json!({
        "id": view.id,
        "kind": view.subject.kind.name(),
        "subject": view.subject.name,
        "maCSKCB": view.subject.facility.as_ref().map(FacilityCode::as_str),
        "nhan": words(&title, voice),
        "nextStep": words(&next_step, voice),
        "count": view.extent.count,
        "countMax": view.count_max,
        "oldestAt": view.extent.oldest_at.map(instant),
        "openedAt": instant(view.opened_at),
        "lastSeenAt": instant(view.last_seen_at),
        "closedAt": view.closed_at.map(instant),
    })
}

fn fault(name: &str) -> Problem {
    let known = ["status", "limit", "cursor"].contains(&name);
    problem::invalid_request(vec![field_error(
        if known { name } else { "query" },
        "INCIDENTS_QUERY",
        Bilingual::fixed("Tham số không hợp lệ", "The parameter is not valid"),
        Bilingual::fixed(
            "status: open, ended hoặc all; limit: 1 đến 500; cursor: page.next của trang trước.",
            "status: open, ended or all; limit: 1 to 500; cursor: page.next of the page before.",
        ),
    )])
}
