//! A request to ask a list of questions, read: from JSON, CSV or a workbook.

use std::time::{Duration, Instant};

use aws_lc_rs::digest::{Context, SHA256};
use axum::extract::Request;
use bytes::Bytes;
use http::{HeaderMap, header};
use jiff::civil::{Date, DateTime, Time};
use jiff::{Timestamp, ToSpan, tz};

use super::cells::{Cells, Faults, plain_date};
use super::fault::ReadFault;
use super::problems;
use super::table::Table;
use super::{csv, json, xlsx};
use crate::batch::row::Signs;
use crate::batch::{Row, START_AHEAD_MAX, Wish};
use crate::domain::{Bilingual, FacilityCode, PartialDate};
use crate::http::Gateway;
use crate::http::body::BodyLimits;
use crate::http::call::{Call, Parameters, text};
use crate::http::cards::read_signer;
use crate::http::documents::read_idempotency_key;
use crate::http::fields::Fields;
use crate::http::problem::{self, Problem};
use crate::officers::Signer;
use crate::store::StoreError;
use crate::system::{after, vietnam};

/// Bytes of a list in any form. 20,000 rows are some 4 MB as JSON, which is the longest.
const LIST_BYTES_MAX: usize = 12 << 20;

/// How long reading a list may take. One of 20,000 rows takes a second at most; what takes longer was made to.
const READING_MAX: Duration = Duration::from_secs(20);

/// Characters of a list's name.
const NAME_MAX: usize = 200;

/// A list as read, with what became of its rows.
pub(super) struct List {
    pub(super) wish: Wish,
    /// Headings of columns that were not read.
    pub(super) ignored: Vec<String>,
}

/// What the request says around the rows.
struct Frame {
    name: String,
    start_at: Option<Timestamp>,
    visit: Option<Date>,
    signs: Signs,
    skip_invalid: bool,
}

/// The rows as the file has them.
struct Rows {
    cells: Vec<Cells>,
    ignored: Vec<String>,
}

#[derive(Clone, Copy)]
enum Form {
    Json,
    Csv,
    Xlsx,
}

/// The media type of workbooks.
pub(super) const XLSX_TYPE: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// Reads a request whole. A list with wrong rows is refused with all of them, unless they are to be left out.
pub(super) async fn read(gateway: &Gateway, call: &Call, request: Request) -> Result<List, Problem> {
    let (head, body) = request.into_parts();
    let headers = head.headers;
    let query = Parameters::read(head.uri.query()).0;
    let facility = call.facility(&headers)?;
    let idempotency_key = read_idempotency_key(&headers)?;
    let form = form(&headers)?;
    let limits = BodyLimits {
        bytes_max: LIST_BYTES_MAX,
        deadline: gateway.0.limits.request_deadline,
        stall: gateway.0.limits.body_stall,
    };
    let held = gateway.0.bodies.read(&call.caller.id, &headers, body, &limits).await?;
    let bytes = held.bytes.clone();

    let around = match form {
        Form::Json => bytes.clone(),
        Form::Csv | Form::Xlsx => Bytes::from_static(b"{}"),
    };
    let (whole, of_query) = (bytes.clone(), query.clone());
    let staff_id = headers.get("staff-id").map(|id| id.as_bytes().to_vec()).unwrap_or_default();
    // Megabytes are not gone through where desks are served.
    let gone_through =
        tokio::task::spawn_blocking(move || (Fields::read(&around), digest(&whole, &of_query, &facility, &staff_id)));
    let (fields, sha256) = gone_through.await.map_err(|_| problem::our_fault())?;
    let frame = read_frame(gateway, &facility, &headers, &query, fields?, form)?;

    let (rows, faults, ignored) = off_thread(gateway, move || read_rows(form, &bytes)).await?;
    drop(held);
    if rows.is_empty() {
        return Err(problems::empty());
    }
    if faults.count > 0 && !frame.skip_invalid {
        return Err(problems::rows_invalid(faults.listed, faults.count));
    }
    let wish = Wish {
        client: call.caller.client.id.clone(),
        facility,
        name: frame.name,
        signs: frame.signs,
        visit: frame.visit,
        start_at: frame.start_at,
        rows,
        idempotency_key,
        sha256,
    };
    Ok(List { wish, ignored })
}

fn form(headers: &HeaderMap) -> Result<Form, Problem> {
    let media_type = text(headers, &header::CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase();
    match media_type.split(';').next().unwrap_or_default().trim() {
        "application/json" => Ok(Form::Json),
        "text/csv" | "text/tab-separated-values" => Ok(Form::Csv),
        XLSX_TYPE => Ok(Form::Xlsx),
        _ => Err(problem::unsupported_media_type(&format!("application/json, text/csv, {XLSX_TYPE}"))),
    }
}

/// Reading takes milliseconds to a second of a processor: on a thread for such work, a few at once, within a time.
async fn off_thread<T: Send + 'static>(
    gateway: &Gateway,
    read: impl FnOnce() -> Result<T, ReadFault> + Send + 'static,
) -> Result<T, Problem> {
    let place = gateway.0.lists.place().await.ok_or(StoreError::Busy)?;
    let reading = tokio::task::spawn_blocking(move || {
        let read = read();
        drop(place);
        read
    });
    // The thread looks at the clock itself; this is for the library, which does not.
    match tokio::time::timeout(READING_MAX + Duration::from_secs(5), reading).await {
        Ok(Ok(read)) => read.map_err(problems::unreadable),
        // What makes the library panic is no workbook; nothing of it is kept.
        Ok(Err(_)) => Err(problems::unreadable(ReadFault::NoWorkbook)),
        Err(_) => Err(problems::unreadable(ReadFault::TooSlow)),
    }
}

fn read_rows(form: Form, bytes: &Bytes) -> Result<(Vec<Row>, Faults, Vec<String>), ReadFault> {
    let of_table = |table: Table| Rows { cells: table.rows, ignored: table.ignored };
    let Rows { cells, ignored } = match form {
        Form::Json => Rows { cells: json::rows(bytes)?, ignored: Vec::new() },
        Form::Csv => of_table(csv::read(bytes)?),
        Form::Xlsx => of_table(xlsx::read(bytes, Instant::now() + READING_MAX)?),
    };
    let mut faults = Faults::default();
    let rows = cells.into_iter().map(|row| row.read(&mut faults)).collect();
    Ok((rows, faults, ignored))
}

fn read_frame(
    gateway: &Gateway,
    facility: &FacilityCode,
    headers: &HeaderMap,
    query: &[(String, String)],
    mut fields: Fields,
    form: Form,
) -> Result<Frame, Problem> {
    // What JSON has as members, the other forms have as parameters.
    let (mut name, mut start, mut visit, mut skip_invalid) =
        (fields.text("name"), fields.text("startAt"), fields.text("ngayKham"), false);
    fields.let_go("rows");
    for (parameter, value) in query {
        let in_query = !matches!(form, Form::Json);
        match parameter.as_str() {
            "name" if in_query => name = Some(value.clone()),
            "startAt" if in_query => start = Some(value.clone()),
            "ngayKham" if in_query => visit = Some(value.clone()),
            "skipInvalid" if matches!(value.as_str(), "true" | "false") => skip_invalid = value == "true",
            "lang" => {}
            _ => fields.fault(
                "query",
                "BATCH_QUERY",
                ("Tham số không hợp lệ", "A parameter is not valid"),
                (
                    "Các tham số: skipInvalid=true; với CSV và XLSX thêm name, startAt, ngayKham.",
                    "The parameters are skipInvalid=true and, with CSV and XLSX, name, startAt, ngayKham.",
                ),
            ),
        }
    }
    let name = fields.at_most("name", name, NAME_MAX).unwrap_or_default();
    let now = gateway.0.system.now();
    let start_at = fields.parsed("startAt", start, |text| read_start(text, now), "START", |()| {
        (
            Bilingual::fixed("Thời điểm bắt đầu không hợp lệ", "The start is not valid"),
            Bilingual::fixed(
                "Viết 02:00 (lần tới), 2026-11-21T02:00 hoặc 2026-11-21T02:00:00+07:00; xa nhất bảy ngày.",
                "Write 02:00 (the next time it is), 2026-11-21T02:00 or 2026-11-21T02:00:00+07:00; seven days ahead at most.",
            ),
        )
    });
    let whole_day = |text: &str| PartialDate::parse(&plain_date(text)).ok().and_then(PartialDate::whole).ok_or(());
    let visit = fields.parsed("ngayKham", visit, whole_day, "DATE", |()| {
        (
            Bilingual::fixed("Ngày không hợp lệ", "The date is not valid"),
            Bilingual::fixed("Viết dd/MM/yyyy hoặc yyyy-MM-dd.", "Write dd/MM/yyyy or yyyy-MM-dd."),
        )
    });
    let is_named = fields.has("canBo");
    let signer = read_signer(gateway, facility, headers, &mut fields);
    fields.end()?;
    let signs = match signer {
        None => return Err(crate::lookup::LookupError::OfficerMissing.into()),
        Some(signer) if is_named => Signs::Officer(signer.officer),
        Some(Signer { staff_id: Some(staff_id), .. }) if headers.contains_key("staff-id") => Signs::StaffId(staff_id),
        Some(_) => Signs::Default,
    };
    Ok(Frame { name, start_at, visit, signs, skip_invalid })
}

/// When to start: an instant, a time of some day in Viet Nam, or a time of day, which is the next one. What is past is
/// now.
fn read_start(text: &str, now: Timestamp) -> Result<Timestamp, ()> {
    let text = text.trim();
    let zone = || tz::TimeZone::fixed(tz::offset(7));
    let start = if let Ok(instant) = text.parse::<Timestamp>() {
        instant
    } else if let Some((hour, minute)) = text.split_once(':').filter(|_| text.len() <= 5) {
        let number = |text: &str| text.parse::<i8>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
        let (hour, minute) = number(hour).zip(number(minute)).ok_or(())?;
        let time = Time::new(hour, minute, 0, 0).map_err(drop)?;
        let today = vietnam(now);
        let at = today.with().time(time).build().map_err(drop)?;
        let at = if at.timestamp() > now { at } else { at.checked_add(1.day()).map_err(drop)? };
        at.timestamp()
    } else {
        text.parse::<DateTime>().map_err(drop)?.to_zoned(zone()).map_err(drop)?.timestamp()
    };
    if start > after(now, START_AHEAD_MAX) { Err(()) } else { Ok(start.max(now)) }
}

/// What makes two requests the same: facility, who signs, parameters and body.
fn digest(body: &[u8], query: &[(String, String)], facility: &FacilityCode, staff_id: &[u8]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    let around = query.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]);
    for part in [facility.as_str().as_bytes(), staff_id].into_iter().chain(around) {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    context.update(body);
    let mut sum = [0; 32];
    for (place, byte) in sum.iter_mut().zip(context.finish().as_ref()) {
        *place = *byte;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_are_read_as_people_say_them() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let now = at("2026-11-20T20:00:00+07:00");
        for (text, start) in [
            ("02:00", "2026-11-21T02:00:00+07:00"),
            ("2:00", "2026-11-21T02:00:00+07:00"),
            ("20:00", "2026-11-21T20:00:00+07:00"),
            ("20:01", "2026-11-20T20:01:00+07:00"),
            ("2026-11-21T02:00", "2026-11-21T02:00:00+07:00"),
            ("2026-11-21 02:00:30", "2026-11-21T02:00:30+07:00"),
            ("2026-11-20T19:00:00Z", "2026-11-21T02:00:00+07:00"),
            ("2026-11-01T02:00", "2026-11-20T20:00:00+07:00"),
        ] {
            assert_eq!(read_start(text, now), Ok(at(start)), "{text}");
        }
        for text in ["", "24:00", "2", "-1:00", "+2:00", "02:00:00", "mai", "2026-11-28T02:00", "2026-02-30T02:00"] {
            assert_eq!(read_start(text, now), Err(()), "{text}");
        }
    }
}
