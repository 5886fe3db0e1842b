//! `GET /v1/events`: what happened, in order, for programs that cannot host a webhook.

pub mod stream;

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::domain::Bilingual;
use crate::http::Gateway;
use crate::http::call::{Call, Parameters};
use crate::http::problem::{self, Problem, field_error};
use crate::http::shapes;

/// The longest long poll. Proxies in hospitals cut idle connections after a minute.
const WAIT_MAX: Duration = Duration::from_secs(55);

/// How long who waits for a change lets pass between one look and the next: nobody feels it, and a hundred who wait cost
/// a thousand small reads a second at the most.
pub(super) const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Events after `after` (an event id; from the beginning without it), at most `limit` (100, at most 500). With `wait`
/// (seconds) an empty answer is held back until something happens or the time is over.
pub async fn list(
    State(gateway): State<Gateway>,
    call: Call,
    Parameters(query): Parameters,
) -> Result<Response, Problem> {
    let wish = read(&query)?;
    let store = &gateway.0.store;
    let after = match &wish.after {
        Some(id) => store.event_sequence(id).await?.ok_or_else(|| unknown(id))?,
        None => 0,
    };
    let facilities = &call.caller.client.facilities;
    let deadline = tokio::time::Instant::now() + wish.wait;
    let mut changes = store.changes();
    let events = loop {
        // Registered before looking, so that an event that comes while looking wakes the next look.
        changes.mark_unchanged();
        let events = store.events_after(after, wish.limit, facilities).await?;
        if !events.is_empty() || gateway.0.stopper.is_stopping() {
            break events;
        }
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { break events },
            () = gateway.0.stopper.stopping() => break events,
            () = tokio::time::sleep_until(deadline) => break events,
        }
        // Every commit wakes every poll; looking at once each time would keep the store's readers from the desks.
        gateway.0.stopper.sleep(LOOK_AGAIN_AFTER).await;
    };
    let next = events.last().map(|event| event.id.clone()).or(wish.after);
    let has_more = u32::try_from(events.len()).is_ok_and(|count| count == wish.limit);
    let data: Vec<Value> = events.into_iter().map(shapes::event).collect();
    Ok(Json(json!({"data": data, "page": {"next": next, "hasMore": has_more}})).into_response())
}

struct Wish {
    after: Option<String>,
    limit: u32,
    wait: Duration,
}

fn read(query: &[(String, String)]) -> Result<Wish, Problem> {
    let mut wish = Wish { after: None, limit: 100, wait: Duration::ZERO };
    for (name, value) in query {
        match name.as_str() {
            "after" => wish.after = Some(value.clone()),
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=500).contains(limit));
                wish.limit = limit.ok_or_else(|| fault("limit"))?;
            }
            "wait" => {
                let seconds = value.parse().map_err(|_| fault("wait"))?;
                wish.wait = Duration::from_secs(seconds).min(WAIT_MAX);
            }
            "lang" => {}
            _ => return Err(fault("query")),
        }
    }
    Ok(wish)
}

/// An id as this or another gateway gives them may have been in the feed once; anything else never was.
fn unknown(id: &str) -> Problem {
    const ULID_CHARACTERS: usize = 26;
    let was_given = id.strip_prefix("evt_").is_some_and(|ulid| {
        ulid.len() == ULID_CHARACTERS && ulid.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
    });
    if was_given { problem::cursor_unknown() } else { fault("after") }
}

fn fault(name: &str) -> Problem {
    problem::invalid_request(vec![field_error(
        name,
        "EVENTS_QUERY",
        Bilingual::fixed("Tham số không hợp lệ", "The parameter is not valid"),
        Bilingual::fixed(
            "after: mã sự kiện đã nhận; limit: 1 đến 500; wait: số giây.",
            "after: the id of an event you have; limit: 1 to 500; wait: seconds.",
        ),
    )])
}
