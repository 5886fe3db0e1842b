//! Schemas and code lists, for programs that check or offer codes themselves: `GET /v1/schemas` and `GET /v1/reference`.
//!
//! They hold nothing of any person and change with the configuration only, so they may be kept by who asks: each answer
//! has an `ETag`, and `If-None-Match` spares the body.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::digest;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

use crate::document::reference::List;
use crate::document::schema::Library;
use crate::document::schema::library::Entry;
use crate::domain::Bilingual;
use crate::http::Gateway;
use crate::http::call::{Call, Id, Parameters};
use crate::http::problem::{self, Problem, field_error};
use crate::system::vietnam;

/// What the answers are made of. Lists may be long, so each is written out once, when first asked for.
pub struct Reference {
    library: Arc<Library>,
    lists: HashMap<String, OnceLock<Tagged>>,
}

/// A body and the tag by which it is known.
#[derive(Clone)]
struct Tagged {
    body: Bytes,
    tag: String,
}

/// Every schema: part, version, from when it holds, and whether it is the one used today.
pub async fn schemas(
    State(gateway): State<Gateway>,
    _: Call,
    Parameters(query): Parameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    version_asked(&query, false)?;
    let (library, today) = (&gateway.0.reference.library, today(&gateway));
    let data: Vec<Value> = library.entries().map(|entry| schema(library, entry, today)).collect();
    Ok(answer(&headers, "application/json", &Tagged::new(json!({ "data": data }).to_string())))
}

/// One XSD: of the version that is asked for, else of the one used today.
pub async fn xsd(
    State(gateway): State<Gateway>,
    _: Call,
    Id(part): Id,
    Parameters(query): Parameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let asked = version_asked(&query, true)?;
    let library = &gateway.0.reference.library;
    let version = asked.or_else(|| library.version_for(&part, today(&gateway)));
    let entry = version.and_then(|version| library.entry(&part, version)).ok_or_else(no_such_schema)?;
    let mut response = answer(&headers, "application/xml", &Tagged::new(entry.text().to_owned()));
    if let Ok(version) = HeaderValue::from_str(entry.version()) {
        response.headers_mut().insert(HeaderName::from_static("schema-version"), version);
    }
    Ok(response)
}

/// Every code list, without its rows.
pub async fn lists(
    State(gateway): State<Gateway>,
    _: Call,
    Parameters(query): Parameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    version_asked(&query, false)?;
    let lists = gateway.0.reference.library.reference();
    let data: Vec<Value> = lists.list().map(|list| Value::Object(facts(list))).collect();
    Ok(answer(&headers, "application/json", &Tagged::new(json!({ "data": data }).to_string())))
}

/// One code list with its rows.
pub async fn list(
    State(gateway): State<Gateway>,
    _: Call,
    Id(name): Id,
    Parameters(query): Parameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    version_asked(&query, false)?;
    let Reference { library, lists } = &gateway.0.reference;
    let (list, written) = library.reference().get(&name).zip(lists.get(&name)).ok_or_else(no_such_list)?;
    Ok(answer(&headers, "application/json", written.get_or_init(|| Tagged::new(whole(list).to_string()))))
}

fn whole(list: &List) -> Value {
    let mut whole = facts(list);
    let row = |cells: &[String]| -> Value {
        list.columns().iter().cloned().zip(cells.iter().map(|cell| Value::from(cell.as_str()))).collect()
    };
    whole.insert("columns".into(), json!(list.columns()));
    whole.insert("data".into(), list.rows().map(row).collect());
    Value::Object(whole)
}

fn schema(library: &Library, entry: &Entry, today: u32) -> Value {
    let part = library.part(entry.part());
    let version = part.and_then(|part| library.version(&part.family, entry.version()));
    let used = library.version_for(entry.part(), today).and_then(|version| library.entry(entry.part(), version));
    json!({
        "part": entry.part(),
        "type": part.map(|part| part.folder.as_str()),
        "version": entry.version(),
        "validFrom": version.and_then(|version| version.first_day()),
        "decision": version.map(|version| version.decision.as_str()),
        "usedToday": used.is_some_and(|used| used.version() == entry.version()),
        "fields": entry.value_count(),
        "root": part.map(|part| part.root.as_str()),
        "meaning": part.map(|part| words(&part.meaning)),
        "source": if entry.is_embedded() { "embedded" } else { "folder" },
    })
}

fn facts(list: &List) -> Map<String, Value> {
    let facts = list.facts();
    let day = |day: Option<jiff::civil::Date>| json!(day.map(|day| day.to_string()));
    let members = [
        ("name", json!(facts.name)),
        ("meaning", words(&facts.meaning)),
        ("source", json!(facts.source)),
        ("validFrom", day(facts.valid_from)),
        ("validTo", day(facts.valid_to)),
        ("confidence", json!(facts.confidence)),
        ("note", json!(facts.note)),
        ("codeColumn", json!(list.code_column())),
        ("fieldColumn", json!(list.field_column())),
        ("rows", json!(list.rows().len())),
    ];
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn words(text: &Bilingual) -> Value {
    json!({ "vi": text.vi, "en": text.en })
}

fn today(gateway: &Gateway) -> u32 {
    let digits = vietnam(gateway.0.system.now()).strftime("%Y%m%d").to_string();
    digits.parse().unwrap_or_default()
}

/// The parameter `version`, where one may be given; everything else but the language is a slip.
fn version_asked(query: &[(String, String)], allowed: bool) -> Result<Option<&str>, Problem> {
    let mut asked = None;
    for (name, value) in query {
        match name.as_str() {
            "version" if allowed => asked = Some(value.as_str()),
            "lang" => {}
            _ => {
                let message = Bilingual::fixed("Tham số không hợp lệ", "The parameter is not valid");
                let cure =
                    Bilingual::fixed("Chỉ /v1/schemas/{part} nhận version.", "Only /v1/schemas/{part} takes version.");
                return Err(problem::invalid_request(vec![field_error("query", "REFERENCE_QUERY", message, cure)]));
            }
        }
    }
    Ok(asked)
}

fn no_such_schema() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "request.no_such_schema",
        ("Không có lược đồ này", "There is no such schema"),
        ("Xem GET /v1/schemas.", "See GET /v1/schemas."),
    )
}

fn no_such_list() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "request.no_such_list",
        ("Không có danh mục này", "There is no such code list"),
        ("Xem GET /v1/reference.", "See GET /v1/reference."),
    )
}

// === impl Reference ===

impl Reference {
    /// Of this library.
    pub fn new(library: Arc<Library>) -> Self {
        let names = library.reference().list().map(|list| list.facts().name.clone());
        Self { lists: names.map(|name| (name, OnceLock::new())).collect(), library }
    }
}

// === impl Tagged ===

impl Tagged {
    fn new(body: String) -> Self {
        let hash = digest::digest(&digest::SHA256, body.as_bytes());
        let hex: String = hash.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Self { body: Bytes::from(body), tag: format!("\"{hex}\"") }
    }
}

/// The body with its tag, or only the tag where the caller has the body already (RFC 9110, section 13.1.2).
fn answer(headers: &HeaderMap, media_type: &'static str, tagged: &Tagged) -> Response {
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut known = known.flat_map(|value| value.split(',')).map(str::trim);
    let mut response = if known.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tagged.tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, HeaderValue::from_static(media_type))], tagged.body.clone()).into_response()
    };
    if let Ok(tag) = HeaderValue::from_str(&tagged.tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    // May be kept by the caller alone, and asked about each time.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::call::text;

    fn asked(known: &str) -> (StatusCode, String) {
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_NONE_MATCH, HeaderValue::from_str(known).unwrap());
        let response = answer(&headers, "application/json", &Tagged::new("{}".to_owned()));
        (response.status(), text(response.headers(), &header::ETAG).unwrap_or_default().to_owned())
    }

    #[test]
    fn a_body_that_is_known_is_not_sent_again() {
        let (status, tag) = asked("\"x\"");
        assert_eq!(status, StatusCode::OK);
        for known in [tag.clone(), format!("\"x\", {tag}"), format!("W/{tag}"), "*".to_owned()] {
            assert_eq!(asked(&known), (StatusCode::NOT_MODIFIED, tag.clone()), "{known}");
        }
    }
}
