//! Documents: taken out of their form, kept by flow 2 before any answer, and answered with the portal's own word as soon
//! as that is there.
//!
//! The portal's word is the raw answer of the last attempt, byte for byte. While there is none, the answer says so: as the
//! family's system error, or as a success with a number of the gateway's own, never with one that looks like the portal's.

use base64::Engine;
use base64::alphabet;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;

use crate::audit::{About, Deed, Outcome, Trail};
use crate::document::{Findings, Kind, Severity};
use crate::domain::{DeliveryState, FacilityCode};
use crate::facade::caller::Admitted;
use crate::facade::dialect::{Dialect, Echo};
use crate::facade::function::Taken;
use crate::facade::reply::{Refusal, Reply, Source, Why};
use crate::facade::request::{Call, SMALL_BYTES};
use crate::facade::{Facade, OnDelay};
use crate::http::documents::settled;
use crate::http::problem;
use crate::intake::{Declared, IntakeError, Offered, sha256};
use crate::store::{Accepted, AttemptView, DeliveryView, DocumentView};
use crate::system::until;

/// Why a newer version replaces one that the portal has: the portal asks for no reason, and the record keeps one.
const REPLACED: &str = "gửi lại qua cổng tương thích";

/// Why a document that the portal refused, or that was parked, is sent again: somebody sent it again.
const SENT_AGAIN: &str = "HIS gửi lại qua cổng tương thích";

/// Findings told to a client that is refused for them.
const FINDINGS_TOLD: usize = 10;

/// Takes one document and answers as the portal would.
pub(super) async fn answer(
    facade: &Facade,
    mut call: Call,
    admitted: &Admitted,
    dialect: Dialect,
    taken: &'static [Taken],
) -> Result<Reply, Refusal> {
    let echo = Echo::of(&call);
    // What it is and for whom, as the call says it; intake holds the document itself to both.
    let kind = kind(&call, dialect, taken)?;
    let facility = facility(&call, dialect, admitted)?;
    let body = file(&mut call, dialect).await?;

    let client = &admitted.caller.client;
    let offered = Offered {
        client: client.id.clone(),
        by: admitted.trail.clone(),
        facilities: client.facilities.clone(),
        facility,
        declared: Some(Declared::Kind(kind)),
        body,
        idempotency_key: None,
        replace_reason: None,
        hold: false,
    };
    let view = match keep(facade, offered).await {
        Ok(view) => view,
        Err(IntakeError::Invalid(findings)) => return Err(refused(facade, &findings)),
        Err(error) => return Err(error.into()),
    };
    // Kept, so the bytes need no more room here.
    drop(call);

    let id = view.id.clone();
    let waited = tokio::time::timeout(facade.0.config.sync_timeout, settled(&facade.0.gateway, &id)).await;
    let view = match waited {
        Ok(Some(settled)) => settled,
        // The wait is over, or the process ends: as it stands now.
        _ => facade.0.gateway.0.store.document(&id).await?.unwrap_or(view),
    };
    stands(facade, dialect, &view, &echo).await
}

/// By the number the call names, where its family names one.
fn kind(call: &Call, dialect: Dialect, taken: &[Taken]) -> Result<Kind, Refusal> {
    let name = if dialect == Dialect::Certificate { "loaiHs" } else { "loaiHoSo" };
    let number = call.fields.get(name).trim();
    let known = |taken: &&Taken| taken.numbers.is_empty() || taken.numbers.contains(&number);
    let found = taken.iter().find(known).map(|taken| taken.kind);
    found.ok_or_else(|| Refusal::bad_input(format!("{name} không đúng cho hàm này")))
}

/// The facility the call names: one of the client's own. A driver exam names it inside only.
fn facility(call: &Call, dialect: Dialect, admitted: &Admitted) -> Result<Option<FacilityCode>, Refusal> {
    if dialect == Dialect::DriverExam {
        return Ok(None);
    }
    if dialect == Dialect::Record && call.fields.get("maTinh").trim().is_empty() {
        return Err(Refusal::bad_input("Thiếu maTinh"));
    }
    let named = FacilityCode::parse(call.fields.get("maCSKCB").trim())
        .map_err(|_| Refusal::bad_input("maCSKCB không đúng: 5 ký tự mã cơ sở"))?;
    if admitted.caller.owns(&named) {
        return Ok(Some(named));
    }
    let words = "Tài khoản không có quyền gửi cho cơ sở này";
    Err(Refusal::new(Why::WrongFacility, "facility.not_allowed", words))
}

/// The document: the file behind its base64, or the driver exam's JSON as it is.
async fn file(call: &mut Call, dialect: Dialect) -> Result<Bytes, Refusal> {
    if dialect == Dialect::DriverExam {
        return Ok(call.body.bytes.clone());
    }
    // The portal's own table has one name and its own sample another (`portal-api.md`, section 5.2).
    let names: &[&str] = match dialect {
        Dialect::Certificate => &["fileBase64Str", "fileHsBase64"],
        _ => &["fileHSBase64"],
    };
    let found = names.iter().find(|name| !call.fields.get(name).is_empty());
    let name = found.or(names.first()).copied().unwrap_or_default();
    let base64 = call.fields.take(name);
    let decoded = match base64.len() {
        ..=SMALL_BYTES => decode(base64),
        // About a millisecond a MiB: more than a little is done on a thread made for such work.
        _ => tokio::task::spawn_blocking(move || decode(base64))
            .await
            .map_err(|_| Refusal::failed(problem::our_fault()))?,
    };
    decoded.ok_or_else(|| Refusal::bad_input(format!("{name} không đúng định dạng base64")))
}

/// As .NET reads it, which takes odd bits at the end for nothing.
const BASE64: GeneralPurpose =
    GeneralPurpose::new(&alphabet::STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));

/// Line ends and tabs may stand in base64, as .NET takes them; a blank may not, because it is what becomes of a `+` that a
/// form left unescaped.
fn decode(mut base64: String) -> Option<Bytes> {
    base64.retain(|c| !matches!(c, '\r' | '\n' | '\t'));
    BASE64.decode(base64).ok().filter(|bytes| !bytes.is_empty()).map(Bytes::from)
}

/// Keeps a document; one that replaces what the portal has gets its reason by itself, as the portal asks for none. What
/// was withdrawn and may be at the portal is no correction of itself: whether it goes again is for a person to say.
async fn keep(facade: &Facade, offered: Offered) -> Result<DocumentView, IntakeError> {
    let intake = &facade.0.intake;
    let by = offered.by.clone();
    let accepted = match intake.accept(offered.clone()).await {
        Err(IntakeError::ReasonNeeded(earlier)) if earlier.sha256 == sha256(&offered.body) => return Ok(*earlier),
        Err(IntakeError::ReasonNeeded(earlier)) => {
            // Nobody knows whether the portal has the earlier paper, and it keeps both: a person looks first.
            let waits = |state| matches!(state, DeliveryState::Unknown | DeliveryState::Held);
            let is_open = !earlier.kind.facts().replaced_by_key
                && earlier.deliveries.iter().any(|delivery| waits(delivery.state));
            let hold = offered.hold || is_open;
            intake.accept(Offered { replace_reason: Some(REPLACED.to_owned()), hold, ..offered }).await?
        }
        accepted => accepted?,
    };
    match accepted {
        Accepted::New(view) => Ok(view),
        Accepted::Already(view, _) => again(facade, &by, view).await,
        // The intake turns these two into errors.
        Accepted::ReasonNeeded(view) => Err(IntakeError::ReasonNeeded(Box::new(view))),
        Accepted::KeyUsedForOther => Err(IntakeError::KeyUsedForOther),
    }
}

/// The same bytes once more. The portal judges anew what it refused before, when a certificate was registered since, say; and
/// whoever sends again what was parked means it to go. What it has, or may have, is never sent twice.
async fn again(facade: &Facade, by: &Trail, view: DocumentView) -> Result<DocumentView, IntakeError> {
    let states = |state| view.deliveries.iter().any(|delivery| delivery.state == state);
    let may_go = states(DeliveryState::Rejected) || states(DeliveryState::Failed);
    if !may_go || !facade.0.intake.sends(view.facility, view.kind) {
        return Ok(view);
    }
    let about = About { facility: Some(view.facility), ..About::object(&view.id) };
    let entry = by.open(Deed::DocumentReplay, about).await?;
    let replayed = facade.0.gateway.0.store.send_again(&view.id, SENT_AGAIN).await;
    entry.close(Outcome::code(if replayed.is_ok() { "" } else { "document.not_possible" }));
    match replayed {
        Ok(replayed) => Ok(replayed),
        Err(error) => {
            // A newer version went out since, or somebody was first: it is answered as it stands.
            tracing::info!(document = view.id, %error, "a document that came again was not sent again");
            Ok(view)
        }
    }
}

/// Says what is wrong with a document that was not kept, the first findings in words.
fn refused(facade: &Facade, findings: &Findings) -> Refusal {
    let problem = problem::Problem::from(IntakeError::Invalid(findings.clone()));
    let no_xml = findings.listed().iter().any(|finding| finding.code.starts_with("XML_"));
    let too_large = findings.listed().iter().any(|finding| finding.code == "TOO_LARGE");
    let why = match () {
        () if too_large => Why::TooLarge,
        () if no_xml => Why::Unreadable,
        // What remains an error though rules only warn is what the document's identity rests on.
        () if !facade.0.config.strict => Why::WrongContent,
        () => Why::Findings,
    };
    let errors = findings.listed().iter().filter(|finding| finding.severity == Severity::Error);
    let told: Vec<String> = errors
        .take(FINDINGS_TOLD)
        .map(|finding| {
            let place = &finding.place;
            let place = match (place.part.as_str(), place.row, place.field.as_str()) {
                ("", 0, "") => format!("dòng {}", place.line),
                (part, 0, field) => format!("{part} {field}").trim().to_owned(),
                (part, row, field) => format!("{part} dòng {row} {field}").trim().to_owned(),
            };
            format!("[{}] {place}: {}", finding.code, finding.message.vi)
        })
        .collect();
    let words = format!("Hồ sơ có {} lỗi. {}", findings.error_count(), told.join(" "));
    Refusal::new(why, problem.code, words)
}

/// The answer to a document that is kept, by where its delivery stands.
async fn stands(facade: &Facade, dialect: Dialect, view: &DocumentView, echo: &Echo) -> Result<Reply, Refusal> {
    // Every document has one delivery today.
    let delivery = view.deliveries.first().ok_or_else(|| Refusal::failed(problem::our_fault()))?;
    let document = Some(view.id.clone());
    let reply = match delivery.state {
        DeliveryState::Acknowledged | DeliveryState::Accepted | DeliveryState::Rejected => {
            match the_portals_word(facade, view, delivery).await? {
                Some(reply) => reply,
                None if delivery.state == DeliveryState::Rejected => {
                    waiting(facade, dialect, view, echo, "facade.parked", "cổng đã từ chối; xem tại gateway", false)
                }
                None => of_receipt(facade, dialect, view, delivery, echo),
            }
        }
        DeliveryState::Queued | DeliveryState::Sending => {
            let words = "cổng chưa trả lời; gateway sẽ tự gửi, gửi lại đúng tệp này không bị gửi đôi";
            waiting(facade, dialect, view, echo, "facade.delayed", words, true)
        }
        DeliveryState::Held => {
            let why = match delivery.reason.as_deref() {
                Some("sending_off") => "chưa bật gửi thật cho loại hồ sơ này",
                Some("unsigned") => "hồ sơ chưa ký số",
                _ => "đang được giữ lại",
            };
            let words = format!("{why}; gateway chưa gửi cổng");
            waiting(facade, dialect, view, echo, "facade.held", &words, true)
        }
        DeliveryState::Unknown => {
            let words = "đã gửi nhưng mất câu trả lời của cổng; cần người xem trước khi gửi lại";
            waiting(facade, dialect, view, echo, "facade.unknown", words, true)
        }
        DeliveryState::Failed => {
            let words = "đã thử nhiều lần không được; cần người xem tại gateway";
            waiting(facade, dialect, view, echo, "facade.parked", words, true)
        }
        // These never go out, so nothing like "will be sent" is ever said of them.
        DeliveryState::Cancelled | DeliveryState::Superseded => {
            let words = "đã bị hủy hoặc thay bằng bản mới hơn tại gateway; không gửi cổng";
            waiting(facade, dialect, view, echo, "facade.withdrawn", words, false)
        }
    };
    Ok(Reply { document, ..reply })
}

/// The raw answer of the attempt that brought the delivery where it stands; `None` where a person's word did.
async fn the_portals_word(
    facade: &Facade,
    view: &DocumentView,
    delivery: &DeliveryView,
) -> Result<Option<Reply>, Refusal> {
    let wanted = if delivery.state == DeliveryState::Rejected { "rejected" } else { "acknowledged" };
    let attempts = facade.0.gateway.0.store.attempts(&view.id).await?;
    let brought = |attempt: &&AttemptView| attempt.outcome.as_deref() == Some(wanted) && !attempt.raw.is_empty();
    let last = attempts.iter().filter(brought).max_by_key(|attempt| attempt.number);
    Ok(last.map(|attempt| {
        let code = attempt.code.clone().unwrap_or_else(|| wanted.to_owned());
        Reply::verbatim(attempt.http_status.unwrap_or(200), code, attempt.raw.clone(), Source::Portal)
    }))
}

/// A receipt that is known without the answer that brought it: a person found it at the portal and confirmed it, or the
/// answer was forgotten.
fn of_receipt(facade: &Facade, dialect: Dialect, view: &DocumentView, delivery: &DeliveryView, echo: &Echo) -> Reply {
    let words = match view.forgotten_at {
        Some(_) => "Đã có tại cổng; nguyên văn trả lời đã hết hạn lưu",
        None => "Đã có tại cổng, do người xác nhận",
    };
    let receipt = delivery.receipt.as_ref().map_or("", |receipt| receipt.code.as_str());
    let (code, now) = (dialect.success(), facade.0.gateway.0.system.now());
    Reply::of(200, code, dialect.body(code, receipt, words, echo, now))
}

/// Kept here, and no word of the portal's yet: an error of the family's, or a success that names the gateway. `may_ack`
/// is false for what the portal will never have.
fn waiting(
    facade: &Facade,
    dialect: Dialect,
    view: &DocumentView,
    echo: &Echo,
    problem: &'static str,
    words: &str,
    may_ack: bool,
) -> Reply {
    let now = facade.0.gateway.0.system.now();
    let next_at = view.deliveries.first().and_then(|delivery| delivery.next_at);
    let retry_after = next_at.map(|at| until(now, at));
    let reply = if may_ack && facade.0.config.on_delay == OnDelay::Ack {
        let (code, number) = (dialect.success(), format!("GW-{}", view.id));
        let words = match problem {
            "facade.delayed" => "Đã nhận tại gateway, sẽ chuyển cổng".to_owned(),
            _ => format!("Đã nhận tại gateway: {words}"),
        };
        let body = dialect.body(code, &number, &words, echo, now);
        Reply { problem, message: words.into(), ..Reply::of(200, code, body) }
    } else {
        let kept = format!("Hồ sơ đã lưu tại gateway ({}): {words}", view.id);
        dialect.refuse(Refusal::new(Why::Failed, problem, kept), echo, now)
    };
    Reply { retry_after, ..reply }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_taken_with_line_ends_and_not_with_lost_signs() {
        let decoded = |text: &str| decode(text.to_owned()).map(|bytes| bytes.to_vec());
        assert_eq!(decoded("PGEvPg=="), Some(b"<a/>".to_vec()));
        assert_eq!(decoded("PGEv\r\nPg==\n"), Some(b"<a/>".to_vec()));
        // Fixed bug: the portal's own reader takes this.
        assert_eq!(decoded("PGEvPh=="), Some(b"<a/>".to_vec()));
        for wrong in ["", "PGEvPg", "PG EvPg==", "PGEvPg==x", "<a/>", "PGEv Pg=="] {
            assert_eq!(decoded(wrong), None, "{wrong}");
        }
    }
}
