//! Handlers of lists of lookups: accept, see how far, order, and read what came.

mod cells;
mod csv;
mod fault;
mod files;
mod json;
mod problems;
mod read;
mod shown;
mod table;
mod xlsx;

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::read::XLSX_TYPE;
use crate::audit::About;
use crate::batch::Batches;
use crate::http::Gateway;
use crate::http::call::{Call, Id, Parameters, text};
use crate::http::problem::{self, Problem, Voice};
use crate::store::StoreError;
use crate::store::batches::{BatchKept, BatchView, RowFilter};

/// Lists, and the bound on what reading and writing their files costs.
pub struct Lists {
    batches: Batches,
    /// Files read or made at once.
    places: Arc<Semaphore>,
}

/// Files read or made at once. Each may take a processor for a second and some 150 MB; the rest wait.
const FILES_AT_ONCE_MAX: usize = 2;

/// How long one waits for its turn: a few files' time.
const PLACE_PATIENCE: Duration = Duration::from_secs(15);

/// Rows read from the store at once.
const PAGE: u32 = 500;

impl Lists {
    /// Wires the parts.
    pub fn new(batches: Batches) -> Self {
        Self { batches, places: Arc::new(Semaphore::new(FILES_AT_ONCE_MAX)) }
    }

    /// Leave to read or make a file; `None` if too many are before this one.
    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        tokio::time::timeout(PLACE_PATIENCE, self.places.clone().acquire_owned()).await.ok()?.ok()
    }
}

/// `POST /v1/card-lookups/batch`: takes a list as JSON, CSV or a workbook, to be asked behind the people at the desks.
pub async fn submit(State(gateway): State<Gateway>, call: Call, request: Request) -> Result<Response, Problem> {
    let list = read::read(&gateway, &call, request).await?;
    let lists = &gateway.0.lists;
    let (view, status, replayed) = match lists.batches.accept(list.wish).await? {
        BatchKept::New(view) => (view, StatusCode::ACCEPTED, false),
        BatchKept::Already(view) => (view, StatusCode::OK, true),
        BatchKept::KeyUsedForOther => return Err(problems::key_used_for_other()),
        BatchKept::KeyUnderWay => return Err(problems::key_under_way()),
        BatchKept::TooManyOpen => return Err(problems::too_many_open()),
    };
    call.trail.tell(About { facility: Some(view.facility), ..About::object(&view.id) });
    let mut body = shown::batch(&view, lists.batches.expected_end(&view).await?);
    if let Some(members) = body.as_object_mut() {
        members.insert("cotBoQua".into(), list.ignored.into());
    }
    let mut response = (status, Json(body)).into_response();
    let headers = response.headers_mut();
    if let Ok(location) = HeaderValue::from_str(&format!("/v1/card-lookups/batches/{}", view.id)) {
        headers.insert(header::LOCATION, location);
    }
    if replayed {
        headers.insert(HeaderName::from_static("idempotency-replayed"), HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// `GET /v1/card-lookups/batches`: the caller's lists, newest first.
pub async fn list(
    State(gateway): State<Gateway>,
    call: Call,
    Parameters(query): Parameters,
) -> Result<Response, Problem> {
    let (mut limit, mut before) = (50, None);
    for (name, value) in &query {
        match name.as_str() {
            "limit" => limit = read_limit(value)?,
            "cursor" => before = Some(read_cursor(value)?),
            "lang" => {}
            _ => return Err(problems::wrong_query()),
        }
    }
    let batches = &gateway.0.lists.batches;
    let (views, has_more) = batches.list(&call.caller.client.facilities, before, limit).await?;
    let next = views.last().filter(|_| has_more).map(|view| format!("cur_{}", view.sequence));
    let mut data = Vec::with_capacity(views.len());
    for view in &views {
        data.push(shown::batch(view, batches.expected_end(view).await?));
    }
    let page = json!({"next": next, "hasMore": has_more, "limit": limit});
    Ok(Json(json!({"data": data, "page": page, "tong": null})).into_response())
}

/// `GET /v1/card-lookups/batches/{id}`: how far it is.
pub async fn show(State(gateway): State<Gateway>, call: Call, Id(id): Id) -> Result<Response, Problem> {
    let view = owned(&gateway, &call, &id).await?;
    answer(&gateway, &view).await
}

/// `POST /v1/card-lookups/batches/{id}/pause`.
pub async fn pause(State(gateway): State<Gateway>, call: Call, Id(id): Id) -> Result<Response, Problem> {
    owned(&gateway, &call, &id).await?;
    let view = gateway.0.lists.batches.pause(&id).await?;
    answer(&gateway, &view).await
}

/// `POST /v1/card-lookups/batches/{id}/resume`.
pub async fn resume(State(gateway): State<Gateway>, call: Call, Id(id): Id) -> Result<Response, Problem> {
    owned(&gateway, &call, &id).await?;
    let view = gateway.0.lists.batches.resume(&id).await?;
    answer(&gateway, &view).await
}

/// `POST /v1/card-lookups/batches/{id}/cancel`.
pub async fn cancel(State(gateway): State<Gateway>, call: Call, Id(id): Id) -> Result<Response, Problem> {
    owned(&gateway, &call, &id).await?;
    let view = gateway.0.lists.batches.cancel(&id).await?;
    answer(&gateway, &view).await
}

/// `GET /v1/card-lookups/batches/{id}/results`: a page of rows as JSON, or all of them as CSV or a workbook.
pub async fn results(
    State(gateway): State<Gateway>,
    call: Call,
    Id(id): Id,
    Parameters(query): Parameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let view = owned(&gateway, &call, &id).await?;
    let wish = Wish::read(&query, &headers)?;
    let voice = call.context.voice;
    match wish.format {
        Format::Json => {
            // One more than asked for tells whether there are more.
            let limit = wish.filter.limit;
            let filter = RowFilter { limit: limit + 1, ..wish.filter };
            let rows = rows(&gateway, &view, filter, &voice).await?;
            let has_more = rows.len() > limit as usize;
            let data: Vec<Value> = rows.into_iter().take(limit as usize).collect();
            let next = data.last().filter(|_| has_more).and_then(|row| Some(format!("cur_{}", row.get("dong")?)));
            let page = json!({"next": next, "hasMore": has_more, "limit": limit});
            Ok(Json(json!({"data": data, "page": page})).into_response())
        }
        Format::Csv => Ok(csv_file(gateway, view, wish.filter, voice)),
        Format::Xlsx => xlsx_file(&gateway, &view, wish.filter, &voice).await,
    }
}

async fn answer(gateway: &Gateway, view: &BatchView) -> Result<Response, Problem> {
    let expected_end = gateway.0.lists.batches.expected_end(view).await?;
    Ok(Json(shown::batch(view, expected_end)).into_response())
}

/// The list, if it is one of the caller's facilities'.
async fn owned(gateway: &Gateway, call: &Call, id: &str) -> Result<BatchView, Problem> {
    let view = gateway.0.lists.batches.show(id).await?;
    let view = view.filter(|view| call.caller.owns(&view.facility)).ok_or_else(problems::not_found)?;
    call.trail.tell(About { facility: Some(view.facility), ..About::default() });
    Ok(view)
}

async fn rows(gateway: &Gateway, view: &BatchView, filter: RowFilter, voice: &Voice) -> Result<Vec<Value>, StoreError> {
    let rows = gateway.0.lists.batches.rows(view, filter).await?;
    // Reading the answers of a page takes some twenty milliseconds, for which no desk should wait.
    let (gateway, facility, voice) = (gateway.clone(), view.facility, voice.clone());
    let shown = tokio::task::spawn_blocking(move || {
        rows.iter().map(|row| shown::row(&gateway, &facility, row, &voice)).collect()
    });
    shown.await.map_err(|_| StoreError::Failed("results could not be read: a fault of the gateway".to_owned()))
}

/// The number of the last row shown.
fn last_number(rows: &[Value]) -> Option<u32> {
    rows.last().and_then(|row| row.get("dong")?.as_u64()).and_then(|number| u32::try_from(number).ok())
}

/// All rows as CSV, read from the store a page at a time while the caller takes them. A page that cannot be read breaks
/// the answer off, so that half a list is never taken for a whole one.
fn csv_file(gateway: Gateway, view: BatchView, filter: RowFilter, voice: Voice) -> Response {
    let head = stream::once(async { Ok(files::csv_head()) });
    let start = Some((gateway, view.clone(), RowFilter { limit: PAGE, after: 0, ..filter }, voice));
    let pages = stream::unfold(start, |state| async {
        let (gateway, view, filter, voice) = state?;
        match rows(&gateway, &view, filter.clone(), &voice).await {
            Ok(rows) => {
                let text: String = rows.iter().map(files::csv_row).collect();
                let after = last_number(&rows)?;
                Some((Ok(text), Some((gateway, view, RowFilter { after, ..filter }, voice))))
            }
            Err(error) => {
                tracing::error!(%error, batch = view.id, "results broke off");
                Some((Err(error), None))
            }
        }
    });
    file(&view, "csv", "text/csv; charset=utf-8", Body::from_stream(head.chain(pages)))
}

/// All rows as a workbook, made whole before it is sent.
async fn xlsx_file(gateway: &Gateway, view: &BatchView, filter: RowFilter, voice: &Voice) -> Result<Response, Problem> {
    let place = gateway.0.lists.place().await.ok_or(StoreError::Busy)?;
    let mut filter = RowFilter { limit: PAGE, after: 0, ..filter };
    let mut cells = Vec::new();
    loop {
        let page = rows(gateway, view, filter.clone(), voice).await?;
        let Some(after) = last_number(&page) else { break };
        cells.extend(page.iter().map(files::cells));
        filter.after = after;
    }
    let made = tokio::task::spawn_blocking(move || {
        let made = files::workbook(&cells);
        drop(place);
        made
    });
    match made.await {
        Ok(Ok(bytes)) => Ok(file(view, "xlsx", XLSX_TYPE, Body::from(bytes))),
        Ok(Err(error)) => {
            tracing::error!(%error, batch = view.id, "a workbook could not be made");
            Err(problem::our_fault())
        }
        Err(_) => Err(problem::our_fault()),
    }
}

/// A file to be saved; its name says nothing of anybody.
fn file(view: &BatchView, extension: &str, media_type: &'static str, body: Body) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    let disposition = format!("attachment; filename=\"{}.{extension}\"", view.id);
    if let Ok(disposition) = HeaderValue::from_str(&disposition) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    response
}

/// How results are wanted.
struct Wish {
    format: Format,
    filter: RowFilter,
}

#[derive(Clone, Copy)]
enum Format {
    Json,
    Csv,
    Xlsx,
}

impl Wish {
    fn read(query: &[(String, String)], headers: &HeaderMap) -> Result<Self, Problem> {
        let accept = text(headers, &header::ACCEPT).unwrap_or_default();
        let mut format = match accept.split([',', ';']).next().unwrap_or_default().trim() {
            "text/csv" => Format::Csv,
            XLSX_TYPE => Format::Xlsx,
            _ => Format::Json,
        };
        let mut filter = RowFilter { limit: 100, ..RowFilter::default() };
        for (name, value) in query {
            match (name.as_str(), value.as_str()) {
                ("format", "json") => format = Format::Json,
                ("format", "csv") => format = Format::Csv,
                ("format", "xlsx") => format = Format::Xlsx,
                ("only", "problems") => filter.only_problems = true,
                ("limit", value) => filter.limit = read_limit(value)?,
                ("cursor", value) => {
                    filter.after = u32::try_from(read_cursor(value)?).map_err(|_| problems::wrong_query())?;
                }
                ("lang", _) => {}
                _ => return Err(problems::wrong_query()),
            }
        }
        Ok(Self { format, filter })
    }
}

fn read_limit(value: &str) -> Result<u32, Problem> {
    value.parse().ok().filter(|limit| (1..=500).contains(limit)).ok_or_else(problems::wrong_query)
}

fn read_cursor(value: &str) -> Result<i64, Problem> {
    value.strip_prefix("cur_").and_then(|number| number.parse().ok()).ok_or_else(problems::wrong_query)
}
