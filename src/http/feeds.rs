//! `POST /v1/feeds`: many documents in one request, each answered as soon as it is durably accepted or refused.
//!
//! The request is newline-delimited JSON, a document a line: `{"ref": …, "type": …, "contentBase64": …}`; or
//! `multipart/form-data`, a document a file. The answer is newline-delimited JSON, a line a document, in order. While
//! the disk is behind, the request is simply not read on: that is the back-pressure. After a cut the sender goes on
//! from the line after the last answer it has; lines sent twice are found to be here already, so nothing is doubled.

use std::collections::HashMap;
use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::{Buf, Bytes, BytesMut};
use futures_util::future::{Shared, join_all};
use futures_util::{FutureExt, Stream, StreamExt, stream};
use http::{HeaderMap, StatusCode, header};
use tokio::sync::oneshot;

use crate::document::Kind;
use crate::domain::FacilityCode;
use crate::http::Gateway;
use crate::http::body::{BodyBudget, BodyError, Held};
use crate::http::call::{Call, text};
use crate::http::documents::{offered, outcome_json, read_declared};
use crate::http::fields::{Fields, REASON_MAX};
use crate::http::problem::{self, Problem};
use crate::intake::{Offered, Right};
use crate::store::Accepted;

/// Documents of one feed being checked and stored at once. Enough to fill a group commit together with other feeds,
/// few enough that one feed cannot take all of intake.
const AT_ONCE: usize = 16;

/// How long a feed may be silent. A feed that has nothing to say should end and come again.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// What one line of a feed, or one file, offers.
struct Offer {
    /// The line of the request, or the number of the file, from 1.
    line: usize,
    /// What the sender calls it.
    name: String,
    offered: Result<Offered, Problem>,
}

/// An offer, its body accounted for until it is answered.
type Offers = Pin<Box<dyn Stream<Item = (Offer, Option<Held>)> + Send>>;

/// Takes a feed in.
pub async fn feed(State(gateway): State<Gateway>, call: Call, request: Request) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    let mut template = offered(&call, &headers, &[])?;
    // Each line is its own document; one idempotency key cannot stand for all.
    template.idempotency_key = None;
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(problem::unsupported_media_type("application/x-ndjson (without Content-Encoding)"));
    }
    let place = call.caller.begin()?;
    let media_type = text(&headers, &header::CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase();
    let document_bytes_max = gateway.0.limits.document_bytes_max;
    let offers = match media_type.split(';').next().unwrap_or_default().trim() {
        "application/x-ndjson" | "application/jsonl" | "application/json-seq" => {
            lines(request.into_body().into_data_stream(), document_bytes_max, template)
        }
        "multipart/form-data" => files(headers, request.into_body(), document_bytes_max, template).await?,
        _ => return Err(problem::unsupported_media_type("application/x-ndjson, multipart/form-data")),
    };

    let offers = within_budget(offers, gateway.0.bodies.clone());

    let stopper = gateway.0.stopper.clone();
    let intake = gateway.0.intake.clone();
    let mut turns = Turns::default();
    let answers = offers
        // Many are checked at once, which takes some longer than others; versions of one record are then kept in the
        // order of the feed.
        .map(move |(Offer { line, name, offered }, held)| {
            let intake = gateway.0.intake.clone();
            async move {
                let checked = match offered {
                    Ok(offered) => intake.read(offered).await.map_err(Problem::from),
                    Err(problem) => Err(problem),
                };
                (line, name, checked, held)
            }
        })
        .buffered(AT_ONCE)
        .map(move |(line, name, checked, held)| {
            let turn = checked.as_ref().ok().map(|right| turns.next(right));
            let (intake, call) = (intake.clone(), call.clone());
            async move {
                let result = match checked {
                    Ok(right) => {
                        let _turn = match turn {
                            Some(turn) => Some(turn.come().await),
                            None => None,
                        };
                        intake.keep(right).await.map_err(Problem::from)
                    }
                    Err(problem) => Err(problem),
                };
                drop(held);
                answer(result, &name, line, &call)
            }
        })
        .buffered(AT_ONCE)
        // What was answered stands; the sender goes on with the next gateway, or with this one after its restart.
        .take_until(async move { stopper.stopping().await })
        // The client's place is held for as long as the feed lasts.
        .map(move |line| {
            let _place = &place;
            Ok::<_, std::convert::Infallible>(line)
        });
    let head = [(header::CONTENT_TYPE, "application/x-ndjson")];
    Ok((StatusCode::OK, head, Body::from_stream(answers)).into_response())
}

/// Charges each body to the budget of all bodies before the next line is read: while there is no room, the request is
/// not read on.
fn within_budget(offers: Pin<Box<dyn Stream<Item = Offer> + Send>>, budget: BodyBudget) -> Offers {
    let charged = offers.then(move |mut offer| {
        let budget = budget.clone();
        async move {
            let Ok(offered) = &offer.offered else { return (offer, None) };
            match budget.admit(offered.body.clone(), SILENCE_MAX).await {
                Ok(held) => (offer, Some(held)),
                Err(error) => {
                    offer.offered = Err(error.into());
                    (offer, None)
                }
            }
        }
    });
    Box::pin(charged)
}

/// One document's answer line.
fn answer(result: Result<Accepted, Problem>, name: &str, line: usize, call: &Call) -> Bytes {
    let mut outcome = outcome_json(result, name, call);
    if let Some(members) = outcome.as_object_mut() {
        members.insert("line".into(), line.into());
    }
    Bytes::from(format!("{outcome}\n"))
}

/// Who comes after whom: of the documents of one feed that are being kept, each waits for those before it that share a
/// record with it, and for no others.
#[derive(Default)]
struct Turns {
    last: HashMap<(FacilityCode, Kind, String), Shared<oneshot::Receiver<()>>>,
}

/// A document's turn.
struct Turn {
    before: Vec<Shared<oneshot::Receiver<()>>>,
    mine: oneshot::Sender<()>,
}

impl Turns {
    fn next(&mut self, right: &Right) -> Turn {
        // Only the last few are still being kept; the rest need not be remembered.
        if self.last.len() > 4 * AT_ONCE {
            self.last.retain(|_, turn| turn.peek().is_none());
        }
        let (mine, over) = oneshot::channel();
        let over = over.shared();
        let own = |(facility, kind, key): (FacilityCode, Kind, &str)| (facility, kind, key.to_owned());
        let records: Vec<_> = right.records().map(own).collect();
        let before = records.iter().filter_map(|record| self.last.get(record).cloned()).collect();
        self.last.extend(records.into_iter().map(|record| (record, over.clone())));
        Turn { before, mine }
    }
}

impl Turn {
    /// Waits for the turn, which is over when what is returned is dropped.
    async fn come(self) -> oneshot::Sender<()> {
        // An error tells that the one before was dropped, which ends its turn as well.
        join_all(self.before).await;
        self.mine
    }
}

/// The documents of a newline-delimited body.
fn lines(
    body: BodyDataStream,
    document_bytes_max: usize,
    template: Offered,
) -> Pin<Box<dyn Stream<Item = Offer> + Send>> {
    // Base64 takes four bytes for three; a few more for the fields around it.
    let line_max = document_bytes_max / 3 * 4 + 4096;
    let reader = Lines { body, buffer: BytesMut::new(), scanned: 0, line_max, line: 0, ended: false };
    let offers = stream::unfold(reader, move |mut reader| {
        let template = template.clone();
        async move {
            let read = reader.next().await?;
            let line = reader.line;
            let offer = match read {
                Ok(text) => parse_line(line, &text, template),
                Err(error) => Offer { line, name: String::new(), offered: Err(error.into()) },
            };
            Some((offer, reader))
        }
    });
    Box::pin(offers)
}

fn parse_line(line: usize, text: &Bytes, template: Offered) -> Offer {
    let mut name = String::new();
    let offered = (|| {
        let mut fields = Fields::read(text)?;
        name = fields.text("ref").unwrap_or_default().chars().take(200).collect();
        let declared = fields.text("type");
        let facility = fields.text("maCSKCB");
        let facility = fields.parsed("maCSKCB", facility, FacilityCode::parse, "FACILITY_CODE", |error| {
            let message = crate::domain::Bilingual::composed("Mã cơ sở sai".into(), error.to_string());
            (message, crate::domain::Bilingual::fixed("Sửa mã cơ sở.", "Put the facility's code right."))
        });
        let content = fields.needed("contentBase64");
        let content = fields.base64("contentBase64", content);
        let replace_reason = fields.text("replaceReason");
        let replace_reason = fields.at_most("replaceReason", replace_reason, REASON_MAX);
        fields.end()?;
        let declared = declared.map(|declared| read_declared(&declared)).transpose()?;
        Ok(Offered {
            declared: declared.or(template.declared),
            facility: facility.or(template.facility),
            replace_reason: replace_reason.or_else(|| template.replace_reason.clone()),
            body: content.unwrap_or_default(),
            ..template
        })
    })();
    Offer { line, name, offered }
}

/// Splits a body into lines, holding one line at a time.
struct Lines {
    body: BodyDataStream,
    buffer: BytesMut,
    /// How much of the buffer is known to hold no line end.
    scanned: usize,
    line_max: usize,
    /// The number of the line given last, from 1; blank lines count.
    line: usize,
    ended: bool,
}

impl Lines {
    /// The next line that is not blank; an error ends the feed.
    async fn next(&mut self) -> Option<Result<Bytes, BodyError>> {
        loop {
            let unscanned = self.buffer.get(self.scanned..).unwrap_or_default();
            if let Some(end) = memchr::memchr(b'\n', unscanned) {
                let line = self.buffer.split_to(self.scanned + end).freeze();
                self.buffer.advance(1);
                self.scanned = 0;
                self.line += 1;
                if line.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
                return Some(Ok(line));
            }
            self.scanned = self.buffer.len();
            if self.ended {
                let rest = self.buffer.split().freeze();
                self.scanned = 0;
                self.line += 1;
                return (!rest.iter().all(u8::is_ascii_whitespace)).then_some(Ok(rest));
            }
            if self.buffer.len() > self.line_max {
                self.end();
                return Some(Err(BodyError::TooLarge { bytes_max: self.line_max }));
            }
            match tokio::time::timeout(SILENCE_MAX, self.body.next()).await {
                Ok(Some(Ok(bytes))) => self.buffer.extend_from_slice(&bytes),
                Ok(Some(Err(_))) => {
                    // The connection broke: what is left of a line is no document.
                    self.end();
                    return Some(Err(BodyError::Broken));
                }
                Ok(None) => self.ended = true,
                Err(_) => {
                    self.end();
                    return Some(Err(BodyError::TimedOut));
                }
            }
        }
    }

    fn end(&mut self) {
        self.ended = true;
        self.buffer.clear();
        self.scanned = 0;
    }
}

/// The documents of a multipart body, a file at a time.
async fn files(
    headers: HeaderMap,
    body: Body,
    file_max: usize,
    template: Offered,
) -> Result<Pin<Box<dyn Stream<Item = Offer> + Send>>, Problem> {
    let malformed = || {
        let title = ("Nội dung multipart không hợp lệ", "The multipart body is malformed");
        let next = ("Kiểm tra boundary và gửi lại.", "Check the boundary and send again.");
        Problem::new(StatusCode::BAD_REQUEST, "request.malformed_multipart", title, next)
    };
    let mut request = Request::new(body);
    *request.headers_mut() = headers;
    // The bound is per file and kept below; the request as a whole is a stream without end.
    DefaultBodyLimit::disable().apply(&mut request);
    let multipart = Multipart::from_request(request, &()).await.map_err(|_| malformed())?;
    let offers = stream::unfold((Some(multipart), 0), move |(multipart, before)| {
        let template = template.clone();
        async move {
            let mut multipart = multipart?;
            let line = before + 1;
            // A fault of the body ends the feed: where the next file would begin is not known.
            let last = |name, problem| Some((Offer { line, name, offered: Err(problem) }, (None, line)));
            let field = match tokio::time::timeout(SILENCE_MAX, multipart.next_field()).await {
                Ok(Ok(Some(field))) => field,
                Ok(Ok(None)) => return None,
                Ok(Err(_)) => return last(String::new(), malformed()),
                Err(_) => return last(String::new(), BodyError::TimedOut.into()),
            };
            let name: String = field.file_name().unwrap_or_default().chars().take(200).collect();
            match read_file(field, file_max).await {
                Ok(body) => {
                    let offer = Offer { line, name, offered: Ok(Offered { body, ..template }) };
                    Some((offer, (Some(multipart), line)))
                }
                Err(error) => last(name, error.into()),
            }
        }
    });
    Ok(Box::pin(offers))
}

async fn read_file(mut field: axum::extract::multipart::Field<'_>, file_max: usize) -> Result<Bytes, BodyError> {
    let mut bytes = BytesMut::new();
    loop {
        match tokio::time::timeout(SILENCE_MAX, field.chunk()).await {
            Ok(Ok(Some(chunk))) if bytes.len() + chunk.len() <= file_max => bytes.extend_from_slice(&chunk),
            Ok(Ok(Some(_))) => return Err(BodyError::TooLarge { bytes_max: file_max }),
            Ok(Ok(None)) => return Ok(bytes.freeze()),
            Ok(Err(_)) => return Err(BodyError::Broken),
            Err(_) => return Err(BodyError::TimedOut),
        }
    }
}
