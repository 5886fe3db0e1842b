//! Handlers of documents: submit, check, see. What a person orders about one stands in `orders`.

use std::time::Duration;

use axum::Json;
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::audit::About;
use crate::document::{Carried, Document, Findings, Kind, Severity, shown};
use crate::domain::{Bilingual, DeliveryState, FacilityCode};
use crate::http::Gateway;
use crate::http::call::{Call, Id, Parameters, facility_header, text};
use crate::http::events::LOOK_AGAIN_AFTER;
use crate::http::fields::{Fields, REASON_MAX};
use crate::http::problem::{self, Problem, Voice, field_error, in_language};
use crate::http::shapes;
use crate::intake::{Checked, Declared, Offered};
use crate::store::{Accepted, DocumentView, Filter};

/// `POST /v1/documents`: takes one document (raw XML, JSON with base64, or the driver exam's own JSON), or several as
/// `multipart/form-data`.
pub async fn submit(State(gateway): State<Gateway>, call: Call, request: Request) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    let query = Parameters::read(request.uri().query()).0;
    if media_type(&headers).starts_with("multipart/form-data") {
        return submit_many(&gateway, &call, &headers, &query, request).await;
    }
    let held = gateway.0.read_document(&call, request).await?;
    let offered = offered(&call, &headers, &query)?;
    let offered = with_document(&headers, held.bytes.clone(), offered).await?;
    let accepted = gateway.0.intake.accept(offered).await?;
    drop(held);

    let wait = prefer_wait(&headers);
    Ok(accepted_response(&gateway, accepted, wait, &call.context.voice).await)
}

/// `POST /v1/documents/validate`: checks one document as submitting would, and keeps nothing.
pub async fn validate(State(gateway): State<Gateway>, call: Call, request: Request) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    let query = Parameters::read(request.uri().query()).0;
    let held = gateway.0.read_document(&call, request).await?;
    let offered = offered(&call, &headers, &query)?;
    let offered = with_document(&headers, held.bytes.clone(), offered).await?;
    let checked = gateway.0.intake.check(&offered).await?;
    let voice = &call.context.voice;
    let told = |findings: Vec<Value>| -> Vec<Value> { findings.iter().map(|one| in_language(one, voice)).collect() };
    let body = match checked {
        Checked::Right(document) => {
            let warnings = shown::findings(&document.warnings);
            let Document { kind, keys, parts, records, signed, .. } = &document;
            json!({
                "hopLe": true,
                "type": kind.name(),
                "spec": document.spec(),
                "hoSo": by_record(&document.warnings),
                "keys": keys,
                "parts": parts,
                "records": records,
                "signed": signed,
                "errors": [],
                "warnings": told(warnings),
                "khongLietKe": document.warnings.not_listed(),
            })
        }
        Checked::Wrong(findings) => json!({
            "hopLe": false,
            "spec": findings.spec(),
            "hoSo": by_record(&findings),
            "errors": told(severity(&findings, Severity::Error)),
            "warnings": told(severity(&findings, Severity::Warning)),
            "khongLietKe": findings.not_listed(),
        }),
    };
    Ok(Json(body).into_response())
}

/// The records of a package that something was found in, each with its key and how many errors and warnings it has.
fn by_record(findings: &Findings) -> Vec<Value> {
    let counted = findings.by_record().into_iter();
    counted.map(|(key, errors, warnings)| json!({"maLk": key, "loi": errors, "canhBao": warnings})).collect()
}

/// Those of one severity.
fn severity(findings: &Findings, severity: Severity) -> Vec<Value> {
    findings.listed().iter().filter(|finding| finding.severity == severity).map(shown::finding).collect()
}

/// `GET /v1/documents/{id}`.
pub async fn show(State(gateway): State<Gateway>, call: Call, Id(id): Id) -> Result<Response, Problem> {
    let view = owned(&gateway, &call, &id).await?;
    Ok(Json(shapes::document(view, &call.context.voice)).into_response())
}

/// `GET /v1/documents`: newest first, filtered, a page at a time.
pub async fn list(
    State(gateway): State<Gateway>,
    call: Call,
    Parameters(query): Parameters,
) -> Result<Response, Problem> {
    let filter = read_filter(&call, &query)?;
    let limit = filter.limit;
    let subject = filter.key.as_deref().map(|key| call.trail.audit().record_of(key));
    call.trail.tell(About { subject, ..About::default() });
    let (views, has_more) = gateway.0.store.documents(filter).await?;
    let next = views.last().filter(|_| has_more).map(|view| format!("cur_{}", view.sequence));
    let data: Vec<_> = views.into_iter().map(|view| shapes::document(view, &call.context.voice)).collect();
    // Counting all that match would read them all; the list says that it does not know rather than guess.
    let body = json!({"data": data, "page": {"next": next, "hasMore": has_more, "limit": limit}, "tong": null});
    Ok(Json(body).into_response())
}

/// `GET /v1/documents/{id}/attempts`.
pub async fn attempts(State(gateway): State<Gateway>, call: Call, Id(id): Id) -> Result<Response, Problem> {
    owned(&gateway, &call, &id).await?;
    let attempts = gateway.0.store.attempts(&id).await?;
    let data: Vec<Value> = attempts.into_iter().map(shapes::attempt).collect();
    Ok(Json(json!({"data": data})).into_response())
}

/// `GET /v1/documents/{id}/content`: the bytes as they were received, or with `?table=XML3` one decoded part.
pub async fn content(
    State(gateway): State<Gateway>,
    call: Call,
    Id(id): Id,
    Parameters(query): Parameters,
) -> Result<Response, Problem> {
    owned(&gateway, &call, &id).await?;
    // A document has its bytes until they are forgotten.
    let Some(bytes) = gateway.0.store.content(&id).await? else { return Err(problem::forgotten()) };
    let table = query.iter().find(|(name, _)| name == "table").map(|(_, value)| value.clone());
    let bytes = match table {
        Some(table) => {
            let parts = tokio::task::spawn_blocking(move || Document::part(&bytes, &table)).await;
            parts.map_err(|_| problem::our_fault())?.map(Bytes::from).ok_or_else(problem::not_found)?
        }
        None => bytes,
    };
    let kind = if bytes.starts_with(b"{") { "application/json" } else { "application/xml" };
    Ok(([(header::CONTENT_TYPE, kind)], bytes).into_response())
}

/// The document, if it is one of the caller's facilities'.
pub(super) async fn owned(gateway: &Gateway, call: &Call, id: &str) -> Result<DocumentView, Problem> {
    let view = gateway.0.store.document(id).await?;
    let view = view.filter(|view| call.caller.owns(&view.facility)).ok_or_else(problem::not_found)?;
    let subject = match view.keys.as_slice() {
        [only] => Some(call.trail.audit().record_of(only)),
        _ => None,
    };
    call.trail.tell(About { facility: Some(view.facility), subject, ..About::default() });
    Ok(view)
}

async fn submit_many(
    gateway: &Gateway,
    call: &Call,
    headers: &HeaderMap,
    query: &[(String, String)],
    request: Request,
) -> Result<Response, Problem> {
    /// Files in one request. More is what feeds are for.
    const FILES_MAX: usize = 100;
    let held = gateway.0.read_document(call, request).await?;
    let mut results = Vec::new();
    for file in multipart_files(headers, held.bytes.clone(), FILES_MAX).await? {
        let mut offered = offered(call, headers, query)?;
        // One idempotency key for several files would make all but the first a reuse.
        offered.idempotency_key = None;
        offered.body = file.bytes;
        let result = gateway.0.intake.accept(offered).await.map_err(Problem::from);
        results.push(outcome_json(result, &file.name, call));
    }
    Ok((StatusCode::MULTI_STATUS, Json(json!({"data": results}))).into_response())
}

/// How one of several documents fared.
pub(super) fn outcome_json(result: Result<Accepted, Problem>, name: &str, call: &Call) -> Value {
    let voice = &call.context.voice;
    let described = |view: DocumentView, status: u16| json!({"ref": name, "httpStatus": status, "document": shapes::document(view, voice)});
    match result {
        Ok(Accepted::New(view)) => described(view, 202),
        Ok(Accepted::Already(view, _)) => described(view, 200),
        // The intake turns these two into errors.
        Ok(Accepted::KeyUsedForOther | Accepted::ReasonNeeded(_)) => json!({"ref": name, "httpStatus": 409}),
        Err(problem) => {
            let body = problem.body(voice, &call.context.request_id);
            json!({"ref": name, "httpStatus": problem.status.as_u16(), "problem": body})
        }
    }
}

struct File {
    name: String,
    bytes: Bytes,
}

/// The files of a multipart body that is in memory already, so that its bound has been kept.
async fn multipart_files(headers: &HeaderMap, bytes: Bytes, most: usize) -> Result<Vec<File>, Problem> {
    let malformed = || {
        let title = ("Nội dung multipart không hợp lệ", "The multipart body is malformed");
        let next = ("Kiểm tra boundary và gửi lại.", "Check the boundary and send again.");
        Problem::new(StatusCode::BAD_REQUEST, "request.malformed_multipart", title, next)
    };
    let mut request = Request::new(axum::body::Body::from(bytes));
    *request.headers_mut() = headers.clone();
    // Without this the extractor has a bound of its own, 2 MiB.
    DefaultBodyLimit::disable().apply(&mut request);
    let mut multipart = Multipart::from_request(request, &()).await.map_err(|_| malformed())?;
    let mut files = Vec::new();
    while let Some(field) = multipart.next_field().await.map_err(|_| malformed())? {
        if files.len() == most {
            return Err(problem::invalid_request(vec![field_error(
                "file",
                "TOO_MANY_FILES",
                Bilingual::composed(format!("Nhiều hơn {most} tệp"), format!("More than {most} files")),
                Bilingual::fixed("Chia nhỏ, hoặc dùng /v1/feeds.", "Split it, or use /v1/feeds."),
            )]));
        }
        let number = files.len() + 1;
        // File names may hold patients' names; they go back to the caller and nowhere else.
        let name = field.file_name().map_or_else(|| number.to_string(), str::to_owned);
        files.push(File { name, bytes: field.bytes().await.map_err(|_| malformed())? });
    }
    if files.is_empty() { Err(malformed()) } else { Ok(files) }
}

/// What the request says around the document.
pub(super) fn offered(call: &Call, headers: &HeaderMap, query: &[(String, String)]) -> Result<Offered, Problem> {
    let declared = query.iter().find(|(name, _)| name == "type").map(|(_, kind)| read_declared(kind)).transpose()?;
    Ok(Offered {
        client: call.caller.client.id.clone(),
        by: call.trail.clone(),
        facilities: call.caller.client.facilities.clone(),
        facility: facility_header(headers)?,
        declared,
        body: Bytes::new(),
        idempotency_key: read_idempotency_key(headers)?,
        replace_reason: read_replace_reason(headers)?,
        hold: query.iter().any(|(name, value)| name == "hold" && value == "true"),
    })
}

pub(super) fn read_declared(name: &str) -> Result<Declared, Problem> {
    let kind = Kind::parse(name).map(Declared::Kind).or_else(|| Carried::parse(name).map(Declared::Carrying));
    kind.ok_or_else(|| {
        let known: Vec<&str> = crate::document::kind::KINDS.iter().map(|facts| facts.name).collect();
        let list = format!("{}, {}, {}", known.join(", "), Carried::Referral.name(), Carried::Appointment.name());
        problem::invalid_request(vec![field_error(
            "type",
            "UNKNOWN_KIND",
            Bilingual::fixed("Không có loại hồ sơ này", "There is no such kind of document"),
            Bilingual::composed(format!("Chọn một trong: {list}."), format!("Choose one of: {list}.")),
        )])
    })
}

/// `Idempotency-Key`, quoted as in the draft or bare as many clients send it; at most 255 characters.
pub(super) fn read_idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().ok().map(|key| key.trim().trim_matches('"'));
    match key.filter(|key| !key.is_empty() && key.len() <= 255) {
        Some(key) => Ok(Some(key.to_owned())),
        None => Err(header_problem("Idempotency-Key")),
    }
}

/// `Replace-Reason`: UTF-8, percent-encoded because header fields are ASCII; at most [`REASON_MAX`] characters.
fn read_replace_reason(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("replace-reason") else { return Ok(None) };
    let reason = percent_encoding::percent_decode(value.as_bytes()).decode_utf8().ok();
    match reason
        .map(|reason| reason.trim().to_owned())
        .filter(|reason| !reason.is_empty() && reason.chars().count() <= REASON_MAX)
    {
        Some(reason) => Ok(Some(reason)),
        None => Err(header_problem("Replace-Reason")),
    }
}

fn header_problem(name: &'static str) -> Problem {
    problem::invalid_request(vec![field_error(
        name,
        "HEADER",
        Bilingual::fixed("Header không hợp lệ", "The header is not valid"),
        Bilingual::fixed("Xem tài liệu API về độ dài và mã hóa.", "See the API documentation for length and encoding."),
    )])
}

/// Puts the document into the offer: the body itself, or what its JSON holds.
async fn with_document(headers: &HeaderMap, bytes: Bytes, offered: Offered) -> Result<Offered, Problem> {
    let media_type = media_type(headers);
    match media_type.split(';').next().unwrap_or_default().trim() {
        "application/xml" | "text/xml" | "application/octet-stream" | "" => Ok(Offered { body: bytes, ..offered }),
        // Decoding takes about a millisecond a MiB: more than a little is done on a thread made for such work.
        "application/json" if bytes.len() > 256 * 1024 => {
            let unwrapped = tokio::task::spawn_blocking(move || unwrap_json(bytes, offered)).await;
            unwrapped.map_err(|_| problem::our_fault())?
        }
        "application/json" => unwrap_json(bytes, offered),
        _ => Err(problem::unsupported_media_type("application/xml, application/json, multipart/form-data")),
    }
}

/// A document may come inside JSON: `{"type": …, "fileHSBase64": …}`. The driver exam's own JSON is a document itself.
fn unwrap_json(bytes: Bytes, mut offered: Offered) -> Result<Offered, Problem> {
    let mut fields = Fields::read(&bytes)?;
    if !fields.has("fileHSBase64") {
        return Ok(Offered { body: bytes, ..offered });
    }
    let declared = fields.text("type");
    let reason = fields.object("replace").and_then(|mut replace| {
        let reason = replace.needed("lyDo");
        let reason = replace.at_most("lyDo", reason, REASON_MAX);
        fields.close(replace);
        reason
    });
    let file = fields.needed("fileHSBase64");
    let file = fields.base64("fileHSBase64", file);
    fields.end()?;
    if let Some(declared) = declared {
        offered.declared = Some(read_declared(&declared)?);
    }
    offered.replace_reason = offered.replace_reason.take().or(reason);
    Ok(Offered { body: file.unwrap_or_default(), ..offered })
}

fn media_type(headers: &HeaderMap) -> String {
    text(headers, &header::CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase()
}

/// `Prefer: wait=20`, at most a minute (RFC 7240).
fn prefer_wait(headers: &HeaderMap) -> Option<Duration> {
    let prefer = text(headers, &HeaderName::from_static("prefer"))?;
    let seconds = prefer.split([',', ';']).find_map(|preference| preference.trim().strip_prefix("wait="))?;
    Some(Duration::from_secs(seconds.trim().parse::<u64>().ok()?.min(60)))
}

/// `202` for a new document, `200` for one that was here; waits for an end if the caller prefers to.
async fn accepted_response(gateway: &Gateway, accepted: Accepted, wait: Option<Duration>, voice: &Voice) -> Response {
    let (mut view, status, replayed) = match accepted {
        Accepted::New(view) => (view, StatusCode::ACCEPTED, false),
        Accepted::Already(view, by_key) => (view, StatusCode::OK, by_key),
        // The intake turns these two into errors before they come here.
        Accepted::KeyUsedForOther | Accepted::ReasonNeeded(_) => return problem::our_fault().into_response(),
    };
    if let Some(wait) = wait {
        let id = view.id.clone();
        if let Ok(Some(settled)) = tokio::time::timeout(wait, settled(gateway, &id)).await {
            view = settled;
        }
    }
    let location = format!("/v1/documents/{}", view.id);
    let mut response = (status, Json(shapes::document(view, voice))).into_response();
    let headers = response.headers_mut();
    if let Ok(location) = HeaderValue::from_str(&location) {
        headers.insert(header::LOCATION, location);
    }
    if replayed {
        headers.insert(HeaderName::from_static("idempotency-replayed"), HeaderValue::from_static("true"));
    }
    response
}

/// The document, once no delivery of it is waiting any more; `None` if it cannot be read.
pub async fn settled(gateway: &Gateway, id: &str) -> Option<DocumentView> {
    let mut changes = gateway.0.store.changes();
    loop {
        changes.mark_unchanged();
        let view = gateway.0.store.document(id).await.ok()??;
        if !view.deliveries.iter().any(|delivery| delivery.state.is_waiting()) {
            return Some(view);
        }
        tokio::select! {
            changed = changes.changed() => changed.ok()?,
            () = gateway.0.stopper.stopping() => return Some(view),
        }
        gateway.0.stopper.sleep(LOOK_AGAIN_AFTER).await;
    }
}

fn read_filter(call: &Call, query: &[(String, String)]) -> Result<Filter, Problem> {
    let mut filter = Filter { facilities: call.caller.client.facilities.clone(), limit: 50, ..Filter::default() };
    let mut errors = Vec::new();
    for (name, value) in query {
        let understood = match name.as_str() {
            "type" => match read_declared(value) {
                Ok(Declared::Kind(kind)) => {
                    filter.kind = Some(kind);
                    true
                }
                Ok(Declared::Carrying(carried)) => {
                    (filter.kind, filter.part) = (Some(Kind::Claim), Some(carried.part().to_owned()));
                    true
                }
                Err(_) => false,
            },
            "status" => DeliveryState::parse(value).map(|state| filter.state = Some(state)).is_some(),
            "facility" => match FacilityCode::parse(value) {
                Ok(code) => {
                    // A facility that is not the caller's narrows the list to nothing.
                    filter.facilities.retain(|own| *own == code);
                    true
                }
                Err(_) => false,
            },
            "key" | "maLk" => {
                filter.key = Some(value.clone());
                true
            }
            "tu" => read_instant(value, false).map(|at| filter.from = Some(at)).is_some(),
            "den" => read_instant(value, true).map(|at| filter.before = Some(at)).is_some(),
            "cursor" => {
                let sequence = value.strip_prefix("cur_").and_then(|number| number.parse().ok());
                sequence.map(|sequence| filter.before_sequence = Some(sequence)).is_some()
            }
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=500).contains(limit));
                limit.map(|limit| filter.limit = limit).is_some()
            }
            "lang" => true,
            _ => false,
        };
        if !understood {
            let known = "type, status, facility, key, maLk, tu, den, cursor, limit";
            let plain = name.len() <= 40 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            errors.push(field_error(
                if plain { name } else { "?" },
                "FILTER",
                Bilingual::fixed("Bộ lọc không hợp lệ", "The filter is not valid"),
                Bilingual::composed(format!("Các bộ lọc: {known}."), format!("The filters are: {known}.")),
            ));
        }
    }
    if errors.is_empty() { Ok(filter) } else { Err(problem::invalid_request(errors)) }
}

/// A day (`yyyy-MM-dd`, in Viet Nam; its end if `end`) or an instant.
fn read_instant(text: &str, end: bool) -> Option<Timestamp> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant);
    }
    let day: jiff::civil::Date = text.parse().ok()?;
    let day = if end { day.tomorrow().ok()? } else { day };
    day.to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::offset(7))).ok().map(|zoned| zoned.timestamp())
}
