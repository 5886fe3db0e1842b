//! The answer of the last rung of the outage ladder: what the card says of itself, in the shape of every other answer.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde_json::json;

use crate::domain::scan::Scan;
use crate::http::Gateway;
use crate::http::cards::answer::{scan_warnings, warning_json, which_card};
use crate::http::problem::{Problem, Voice};
use crate::http::shapes::words;
use crate::lookup::LookupError;
use crate::lookup::desk::Provisional;

/// Whether the caller wants no verdict rather than a provisional one (`Prefer: handling=strict`, RFC 7240).
pub(super) fn is_unwanted(headers: &HeaderMap) -> bool {
    let prefer = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    prefer.flat_map(|value| value.split([',', ';'])).any(|wish| wish.trim().eq_ignore_ascii_case("handling=strict"))
}

/// What the card says of itself, in the shape of every other answer.
pub(super) fn answer(gateway: &Gateway, provisional: Provisional, scan: Option<&Scan>, voice: &Voice) -> Response {
    let Provisional { verdict, visit, why, ticket } = provisional;
    let problem = Problem::from(LookupError::NoAnswer(why));
    let mut warnings = vec![json!({"code": problem.code, "nhan": words(&problem.title, voice)})];
    warnings.extend(verdict.warnings.iter().map(|warning| warning_json(warning, voice)));
    warnings.extend(scan.map(|scan| scan_warnings(scan, voice)).unwrap_or_default());
    let id = ticket.clone().unwrap_or_else(|| gateway.0.system.new_id("lkp"));
    let body = json!({
        "id": id,
        "nguon": "tam_tinh",
        "traLuc": null,
        "ngayKham": visit.to_string(),
        "ketLuan": {
            "code": verdict.conclusion.name(),
            "nhan": words(&verdict.label, voice),
            "maKetQua": "",
            "ghiChu": "",
            "theDung": which_card(verdict.counts),
        },
        "nextStep": words(&verdict.next_step, voice),
        "the": null,
        "theMoi": null,
        "canhBao": warnings,
        "lamMoi": {"choPhepSau": 0},
        "pendingLookup": ticket,
        "mode": gateway.0.mode.name(),
    });
    let mut response = Json(body).into_response();
    let headers = response.headers_mut();
    let status = HeaderValue::from_static("lienthong; fwd=miss; detail=provisional");
    headers.insert(HeaderName::from_static("cache-status"), status);
    if let Some(wait) = problem.retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
    }
    response
}
