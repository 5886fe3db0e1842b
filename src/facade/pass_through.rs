//! Paths that the façade does not speak itself and the configuration lists: handed to the portal as they came, with the
//! facility's own credentials in place of the client's, and recorded.
//!
//! Nothing is kept, checked or repeated. Every facility that the call names anywhere must be the client's, and one call is
//! for one facility, with whose account it goes.

use std::collections::BTreeSet;

use axum::extract::{DefaultBodyLimit, FromRequest, Multipart};
use http::Request;
use http::header::CONTENT_TYPE;
use serde_json::json;

use crate::audit::{About, Deed, Outcome};
use crate::domain::FacilityCode;
use crate::facade::Facade;
use crate::facade::caller::Admitted;
use crate::facade::named::Named;
use crate::facade::reply::{JSON, Refusal, Reply, Source, Why};
use crate::facade::request::{Call, Encoding};
use crate::http::problem;
use crate::lookup::{Failure, LookupError};
use crate::portal::passage::{Passage, Written, is_credential};

/// Parts of one multipart body; the widest form has 25 fields.
const PARTS_MAX: usize = 200;

/// Hands a call through, and answers with the portal's own bytes, status and type. `path` is as the table or the
/// configuration spells it.
pub(super) async fn answer(facade: &Facade, call: Call, admitted: &Admitted, path: &str) -> Result<Reply, Refusal> {
    let multipart = multipart(&call).await?;
    let (call, named) = looked_through(call, multipart).await?;
    let facility = only(&named, admitted)?;

    let passage = Passage {
        facility,
        path: path.to_owned(),
        query: call.uri.query().map(str::to_owned),
        form: match call.encoding {
            Encoding::Form => Written::Form,
            Encoding::Json => Written::Json,
            Encoding::Other => Written::Other,
        },
        headers: call.headers,
        body: call.body.bytes.clone(),
    };
    let gateway = &facade.0.gateway.0;
    let about = About { facility: Some(facility), ..About::default() };
    let entry = admitted.trail.open(Deed::FacadePassThrough, about).await.map_err(Refusal::failed)?;
    let result = gateway.portal.hand_through(&passage).await;
    let (status, code) = match &result {
        Ok(passed) => (Some(passed.http_status), passed.code.clone()),
        Err(_) => (None, String::new()),
    };
    entry.close(match status {
        Some(status) => Outcome::status(status, &code).from("portal"),
        None => Outcome::code("portal.unreachable"),
    });
    let client = &admitted.caller.client.id;
    tracing::info!(client, %facility, path, status, code, "a call was handed through to the portal");
    let data = json!({
        "client": client,
        "maCSKCB": facility.as_str(),
        "path": path,
        "httpStatus": status,
        "maKetQua": code,
    });
    if let Err(error) = gateway.store.record_event_of(facility, "facade.passed_through", data.to_string()).await {
        // The portal has acted; not to tell the client would not undo it.
        tracing::error!(%error, "a call that was handed through could not be recorded");
    }
    match result {
        Ok(passed) => {
            let content_type = passed.content_type.unwrap_or(JSON);
            let reply = Reply::verbatim(passed.http_status, passed.code, passed.raw, Source::Portal);
            // The portal's own word, and beside it that the account was refused and not the client.
            let refusal = passed.refused.map(|error| Refusal::from(LookupError::NoAnswer(Failure::Portal(error))));
            let (problem, message) = refusal.map_or(("", "".into()), |refusal| (refusal.problem, refusal.words));
            Ok(Reply { content_type, problem, message, ..reply })
        }
        Err(error) => Err(LookupError::NoAnswer(Failure::Portal(error)).into()),
    }
}

/// The one facility that a call is for: the one it names, or the client's home where it names none.
fn only(named: &Named, admitted: &Admitted) -> Result<FacilityCode, Refusal> {
    let foreign = named.facilities.iter().any(|code| !admitted.caller.owns(code));
    if foreign {
        let words = "Yêu cầu có mã cơ sở không thuộc tài khoản này; không chuyển cổng";
        return Err(Refusal::new(Why::WrongFacility, "facility.not_allowed", words));
    }
    if named.is_unclear {
        let words = "Không đọc được hết yêu cầu để biết thuộc cơ sở nào; không chuyển cổng";
        return Err(Refusal::new(Why::BadInput, "facade.unreadable", words));
    }
    let facilities: &BTreeSet<FacilityCode> = &named.facilities;
    match (facilities.first(), facilities.len()) {
        (None, _) => Ok(admitted.home),
        (Some(only), 1) => Ok(*only),
        (Some(_), _) => Err(Refusal::bad_input("Một yêu cầu chỉ được nêu một cơ sở; không chuyển cổng")),
    }
}

/// Looks for facilities everywhere in a call.
async fn looked_through(call: Call, parts: Vec<(String, bytes::Bytes)>) -> Result<(Call, Named), Refusal> {
    let look = move || {
        let mut named = Named::default();
        named.form(call.uri.query().unwrap_or_default().as_bytes());
        match call.encoding {
            Encoding::Form => named.form(&call.body),
            Encoding::Json => named.json(&call.body),
            Encoding::Other if parts.is_empty() => {
                named.bytes(&call.body, 0);
                // ASP.NET takes for a form whatever type begins like one.
                if !call.body.trim_ascii_start().starts_with(b"<") {
                    named.form(&call.body);
                }
            }
            Encoding::Other => {}
        }
        named.is_unclear |= !is_in_utf8(&call);
        for (name, bytes) in &parts {
            match std::str::from_utf8(bytes) {
                Ok(text) => named.field(name, text, 0),
                Err(_) => named.bytes(bytes, 0),
            }
        }
        (call, named)
    };
    // As fast as reading is; a large file would hold up others on the threads that serve.
    tokio::task::spawn_blocking(look).await.map_err(|_| Refusal::failed(problem::our_fault()))
}

/// Whether the body is written as it is looked through here. In another character set the same bytes are other words.
fn is_in_utf8(call: &Call) -> bool {
    let kinds = call.headers.get_all(CONTENT_TYPE).iter();
    kinds.into_iter().all(|kind| {
        let Ok(kind) = kind.to_str() else { return false };
        let parameters = kind.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
        let mut charsets = parameters.filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
        charsets.all(|(_, set)| {
            let set = set.trim().trim_matches(['"', '\'']).trim();
            ["utf-8", "utf8", "us-ascii"].iter().any(|known| set.eq_ignore_ascii_case(known))
        })
    })
}

/// The parts of a multipart body; none of any other. Credentials are not replaced within one, so none may stand there.
async fn multipart(call: &Call) -> Result<Vec<(String, bytes::Bytes)>, Refusal> {
    let kind = call.header("content-type");
    if !kind.trim_start().to_ascii_lowercase().starts_with("multipart/") {
        return Ok(Vec::new());
    }
    let malformed = || Refusal::bad_input("Nội dung multipart không hợp lệ");
    let mut request = Request::new(axum::body::Body::from(call.body.bytes.clone()));
    if let Some(kind) = call.headers.get(CONTENT_TYPE) {
        request.headers_mut().insert(CONTENT_TYPE, kind.clone());
    }
    // The body is in memory, so its bound has been kept.
    DefaultBodyLimit::disable().apply(&mut request);
    let mut multipart = Multipart::from_request(request, &()).await.map_err(|_| malformed())?;
    let mut parts = Vec::new();
    while let Some(part) = multipart.next_field().await.map_err(|_| malformed())? {
        let name = part.name().unwrap_or_default().to_owned();
        if is_credential(&name) || parts.len() == PARTS_MAX {
            return Err(Refusal::bad_input("Không nhận token, mật khẩu trong multipart; đặt trong query hoặc header"));
        }
        parts.push((name, part.bytes().await.map_err(|_| malformed())?));
    }
    if parts.is_empty() { Err(malformed()) } else { Ok(parts) }
}
