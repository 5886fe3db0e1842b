//! How things look in JSON answers (`api.md`, section 6). Portal fields keep the portal's names; dates are ISO 8601.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use crate::document::shown::both;
use crate::domain::{Bilingual, Language, PartialDate};
use crate::http::problem::{Voice, in_language};
use crate::store::{AttemptView, DeliveryView, DocumentView, EventView};
use crate::system::vietnam;
use crate::webhooks::payload;

/// An instant on the clock of Viet Nam, to the second.
pub fn instant(instant: Timestamp) -> String {
    vietnam(instant).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// A portal date as ISO 8601; what cannot be read stays as it came.
pub fn iso_date(text: &str) -> String {
    PartialDate::parse(text).map_or_else(|_| text.to_owned(), PartialDate::iso)
}

/// A message in the language of the answer, or in both.
pub fn words(text: &Bilingual, voice: &Voice) -> Value {
    match (voice.both, voice.language) {
        (true, _) => both(text),
        (_, Language::Vietnamese) => Value::from(text.vi.as_ref()),
        (_, Language::English) => Value::from(text.en.as_ref()),
    }
}

/// Thirty-two bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A document.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DocumentShape {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    carries: Vec<&'static str>,
    #[serde(rename = "maCSKCB")]
    facility: String,
    /// The record's key; of a package of many records, the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    ma_lk: Option<String>,
    keys: Vec<String>,
    parts: Vec<String>,
    records: u32,
    version: u32,
    status: &'static str,
    sha256: String,
    size: u64,
    received_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    forgotten_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    legal_hold: Option<Value>,
    deliveries: Vec<DeliveryShape>,
    warnings: Vec<Value>,
    links: Value,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeliveryShape {
    destination: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_at: Option<String>,
    attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    ma_giao_dich: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thoi_gian_tiep_nhan: Option<String>,
    changed_at: String,
}

/// A document as the API shows it.
pub fn document(view: DocumentView, voice: &Voice) -> DocumentShape {
    use crate::document::Carried;
    use crate::domain::DeliveryState;
    let is = |state: &DeliveryState| view.deliveries.iter().any(|delivery| delivery.state == *state);
    let status = DeliveryState::BY_URGENCY.iter().find(|state| is(state)).map_or("", |state| state.name());
    let warnings: Vec<Value> = serde_json::from_str(&view.warnings_json).unwrap_or_default();
    let carries = [Carried::Referral, Carried::Appointment]
        .into_iter()
        .filter(|carried| view.parts.iter().any(|part| part == carried.part()))
        .map(Carried::name)
        .collect();
    let path = format!("/v1/documents/{}", view.id);
    DocumentShape {
        ma_lk: (view.kind.facts().key == Some("MA_LK")).then(|| view.keys.first().cloned()).flatten(),
        id: view.id,
        kind: view.kind.name(),
        carries,
        facility: view.facility.to_string(),
        keys: view.keys,
        parts: view.parts,
        records: view.records,
        version: view.version,
        status,
        sha256: hex(&view.sha256),
        size: view.size,
        received_at: instant(view.received_at),
        forgotten_at: view.forgotten_at.map(instant),
        legal_hold: view
            .legal_hold
            .map(|hold| json!({"since": instant(hold.since), "by": hold.by, "reason": hold.reason})),
        deliveries: view.deliveries.into_iter().map(delivery).collect(),
        warnings: warnings.iter().map(|warning| in_language(warning, voice)).collect(),
        links: json!({"content": format!("{path}/content"), "attempts": format!("{path}/attempts")}),
    }
}

fn delivery(view: DeliveryView) -> DeliveryShape {
    let (ma_giao_dich, thoi_gian_tiep_nhan) =
        view.receipt.map_or((None, None), |receipt| (Some(receipt.code), receipt.received_at));
    DeliveryShape {
        destination: view.destination,
        status: view.state.name(),
        reason: view.reason,
        next_at: view.next_at.map(instant),
        attempts: view.attempts,
        ma_giao_dich,
        thoi_gian_tiep_nhan,
        changed_at: instant(view.changed_at),
    }
}

/// An attempt. The portal's raw answer is shown as text: whoever may read the document may read what was said of it.
pub fn attempt(view: AttemptView) -> Value {
    json!({
        "number": view.number,
        "startedAt": instant(view.started_at),
        "endedAt": view.ended_at.map(instant),
        "outcome": view.outcome,
        "stage": view.stage,
        "httpStatus": view.http_status,
        "maKetQua": view.code,
        "note": view.note,
        "raw": String::from_utf8_lossy(&view.raw),
    })
}

/// An event of the feed.
pub fn event(view: EventView) -> Value {
    payload::event(view)
}
