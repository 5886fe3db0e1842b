//! `GET /v1/events/stream`: the feed as Server-Sent Events, for programs that would rather listen than ask.
//!
//! Each event carries its id, so that a browser's or a library's own reconnection (`Last-Event-ID`) goes on after the last one
//! it has. A stream ends by itself after a while, so that a key that was revoked does not listen on, and at the stop; the
//! listener comes back as after any cut.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::header;
use tokio::sync::watch;
use tokio::time::Instant;

use super::{LOOK_AGAIN_AFTER, fault, unknown};
use crate::clients::Denied;
use crate::domain::FacilityCode;
use crate::http::Gateway;
use crate::http::call::{Call, Parameters};
use crate::http::problem::Problem;
use crate::http::shapes;
use crate::store::{EventView, Store};

/// Streams of one client at a time: its server, the one that takes over, and two people who look.
const STREAMS_OF_CLIENT_MAX: usize = 4;

/// How long a stream lasts. Within this a revoked key stops listening.
const LIFE_MAX: Duration = Duration::from_secs(600);

/// How long a stream is silent before it says that it lives: less than the minute after which proxies cut.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Events read at once.
const PAGE: u32 = 100;

/// The streams there are, by client. Cheap to clone.
#[derive(Clone, Default)]
pub struct Streams(Arc<Mutex<HashMap<String, usize>>>);

/// A client's place for a stream; given back when dropped.
struct Place {
    streams: Streams,
    client: String,
}

impl Streams {
    fn enter(&self, client: &str) -> Result<Place, Denied> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(client.to_owned()).or_default();
        if *count >= STREAMS_OF_CLIENT_MAX {
            return Err(Denied::TooManyAtOnce);
        }
        *count += 1;
        Ok(Place { streams: self.clone(), client: client.to_owned() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.streams.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.client);
            }
        }
    }
}

/// Events after `Last-Event-ID`, else after `after`, else from the beginning, for as long as the stream lasts.
pub async fn listen(
    State(gateway): State<Gateway>,
    call: Call,
    Parameters(query): Parameters,
    request: Request,
) -> Result<Response, Problem> {
    let mut after = None;
    for (name, value) in query {
        match name.as_str() {
            "after" => after = Some(value),
            "lang" => {}
            _ => return Err(fault("query")),
        }
    }
    if let Some(last) = request.headers().get("last-event-id") {
        after = Some(last.to_str().unwrap_or_default().to_owned());
    }
    let store = gateway.0.store.clone();
    let cursor = match after.filter(|id| !id.is_empty()) {
        Some(id) => store.event_sequence(&id).await?.ok_or_else(|| unknown(&id))?,
        None => 0,
    };
    let listener = Listener {
        place: gateway.0.streams.enter(&call.caller.client.id)?,
        changes: store.changes(),
        store,
        facilities: call.caller.client.facilities.clone(),
        cursor,
        // How soon to come back after a cut, in milliseconds.
        ready: VecDeque::from([Bytes::from_static(b"retry: 3000\n\n")]),
        end: Instant::now() + LIFE_MAX,
    };
    let stopper = gateway.0.stopper.clone();
    let told =
        stream::unfold(listener, |mut listener| async move { listener.next().await.map(|told| (told, listener)) })
            .take_until(async move { stopper.stopping().await })
            .map(Ok::<_, std::convert::Infallible>);
    // Proxies that hold answers back would make a stream of nothing.
    let head = [(header::CONTENT_TYPE.as_str(), "text/event-stream"), ("x-accel-buffering", "no")];
    Ok((head, Body::from_stream(told)).into_response())
}

/// Who listens, and how far it has heard.
struct Listener {
    #[expect(dead_code, reason = "held for as long as the stream lasts")]
    place: Place,
    store: Store,
    changes: watch::Receiver<u64>,
    facilities: Vec<FacilityCode>,
    cursor: i64,
    ready: VecDeque<Bytes>,
    end: Instant,
}

impl Listener {
    /// What is told next; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(told) = self.ready.pop_front() {
                return Some(told);
            }
            if Instant::now() >= self.end {
                return None;
            }
            // Registered before looking, so that an event that comes while looking wakes the next look.
            self.changes.mark_unchanged();
            let events = self.store.events_after(self.cursor, PAGE, &self.facilities).await;
            // A store that cannot be read ends the stream; the listener comes back and goes on where it was.
            let events = events.inspect_err(|error| tracing::warn!(%error, "a stream of events ends")).ok()?;
            if let Some(last) = events.last() {
                self.cursor = last.sequence;
                self.ready.extend(events.into_iter().map(told));
                continue;
            }
            tokio::select! {
                changed = self.changes.changed() => {
                    changed.ok()?;
                    // Every commit wakes every listener; looking at once each time would keep the readers from the desks.
                    tokio::time::sleep(LOOK_AGAIN_AFTER).await;
                }
                () = tokio::time::sleep(HEARTBEAT) => return Some(Bytes::from_static(b": \n\n")),
            }
        }
    }
}

/// One event. JSON on one line holds no line break, so nothing in it can end the event early.
fn told(event: EventView) -> Bytes {
    let (id, kind) = (event.id.clone(), event.kind.clone());
    Bytes::from(format!("id: {id}\nevent: {kind}\ndata: {}\n\n", shapes::event(event)))
}
