//! How an event looks, in the feed and in a webhook alike: what happened and where to read more, and nothing of a person
//! but the business keys of the documents it is about, which the receiver gave them itself.

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::store::EventView;
use crate::system::vietnam;

/// Every kind of event there is; an endpoint may wish for some of them, or for a whole family (`document.*`).
pub const KINDS: [&str; 21] = [
    "document.queued",
    "document.held",
    "document.acknowledged",
    "document.rejected",
    "document.unknown",
    "document.failed",
    "document.replayed",
    "document.cancelled",
    "document.superseded",
    "lookup.completed",
    "lookup.given_up",
    "batch.completed",
    "batch.paused",
    "batch.resumed",
    "batch.cancelled",
    "destination.up",
    "destination.slow",
    "destination.down",
    "facade.passed_through",
    "incident.opened",
    "incident.closed",
];

/// Whether an endpoint may wish for this.
pub fn is_wish(wish: &str) -> bool {
    match wish.strip_suffix(".*") {
        Some(family) => KINDS.iter().any(|kind| kind.split('.').next() == Some(family)),
        None => KINDS.contains(&wish),
    }
}

/// An instant on the clock of Viet Nam, to the second.
pub fn instant(instant: Timestamp) -> String {
    vietnam(instant).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// An event of the feed.
pub fn event(view: EventView) -> Value {
    let mut data: Value = serde_json::from_str(&view.data_json).unwrap_or_else(|_| json!({}));
    if let (Some(document), Some(members)) = (view.document, data.as_object_mut()) {
        members.insert("url".into(), format!("/v1/documents/{}", document.id).into());
        members.insert("id".into(), document.id.into());
        members.insert("type".into(), document.kind.name().into());
        members.insert("maCSKCB".into(), document.facility.to_string().into());
        members.insert("destination".into(), document.destination.into());
        members.insert("keys".into(), document.keys.into());
    }
    json!({"id": view.id, "type": view.kind, "timestamp": instant(view.at), "data": data})
}

/// The body of a webhook: the event without its id, which travels in `webhook-id`.
pub fn body(view: EventView) -> Bytes {
    let mut told = event(view);
    if let Some(members) = told.as_object_mut() {
        members.remove("id");
    }
    told.to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_kinds_or_families() {
        for right in ["document.failed", "document.*", "incident.*"] {
            assert!(is_wish(right), "{right}");
        }
        for wrong in ["", "*", "document", "document.", "documents.*", "document.fail*", "document.exploded"] {
            assert!(!is_wish(wrong), "{wrong}");
        }
    }
}
