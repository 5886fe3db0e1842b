//! What the façade tells of itself: which hospital system still calls which of the portal's functions, and what it would
//! change to use `/v1`.
//!
//! The façade stands above this part and counts here; nothing of a call is kept but that it came.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::domain::{Bilingual, FacilityCode};
use crate::http::Gateway;
use crate::http::call::Call;
use crate::http::shapes::instant;
use crate::store::Client;

/// Calls of the façade since the start.
pub struct Usage {
    /// Paths that are handed through.
    pass_through: Vec<String>,
    since: Timestamp,
    /// By client and path.
    calls: Mutex<BTreeMap<(String, String), Calls>>,
}

/// Clients times functions counted; operators make clients by the dozen, and the functions are a table.
const COUNTED_MAX: usize = 10_000;

struct Calls {
    user: String,
    facilities: Vec<FacilityCode>,
    count: u64,
    refused: u64,
    last_at: Timestamp,
    hint: &'static Bilingual,
}

impl Usage {
    /// Nothing counted yet.
    pub fn new(pass_through: Vec<String>, since: Timestamp) -> Self {
        Self { pass_through, since, calls: Mutex::default() }
    }

    /// Counts one call of `path` by a known client.
    pub fn count(&self, client: &Client, path: &str, hint: &'static Bilingual, is_refused: bool, now: Timestamp) {
        // A panic while this lock is held leaves at worst one call uncounted.
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (client.id.clone(), path.to_owned());
        if calls.len() >= COUNTED_MAX && !calls.contains_key(&key) {
            return;
        }
        let calls = calls.entry(key).or_insert_with(|| Calls {
            user: client.facade_user.clone().unwrap_or_default(),
            facilities: client.facilities.clone(),
            count: 0,
            refused: 0,
            last_at: now,
            hint,
        });
        calls.count += 1;
        calls.refused += u64::from(is_refused);
        calls.last_at = now;
    }
}

/// `GET /v1/facade`: the calls of every client that shares a facility with the caller, and the paths handed through.
pub async fn usage(State(gateway): State<Gateway>, call: Call) -> Response {
    let Some(usage) = &gateway.0.facade else {
        return Json(json!({"enabled": false, "passThrough": [], "data": []})).into_response();
    };
    let calls = usage.calls.lock().unwrap_or_else(PoisonError::into_inner);
    let seen = calls.iter().filter(|(_, calls)| calls.facilities.iter().any(|code| call.caller.owns(code)));
    let data: Vec<Value> = seen
        .map(|((client, path), calls)| {
            json!({
                "client": client,
                "user": calls.user,
                "function": path.rsplit('/').next().unwrap_or_default(),
                "path": path,
                "count": calls.count,
                "refused": calls.refused,
                "lastAt": instant(calls.last_at),
                "hint": calls.hint.wording(call.context.voice.language),
            })
        })
        .collect();
    let since = instant(usage.since);
    Json(json!({"enabled": true, "since": since, "passThrough": usage.pass_through, "data": data})).into_response()
}
