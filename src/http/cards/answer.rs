//! How the answers of scans and lookups look in JSON.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, header};
use jiff::tz;
use serde_json::{Map, Value, json};

use crate::domain::scan::{Scan, ScanWarning};
use crate::domain::{Bilingual, CardSubject, FacilityCode, NationalId, PartialDate};
use crate::http::problem::{Problem, Voice};
use crate::http::shapes::{instant, iso_date, words};
use crate::http::{Gateway, officers};
use crate::lookup::comparison::{Mismatch, compare};
use crate::lookup::notices::Warning;
use crate::lookup::verdict::WhichCard;
use crate::lookup::{CardFound, Failure, Found, LookupError, Source, visits};
use crate::officers::{Signer, refusal};
use crate::portal::reply::{CardAnswer, CopayAnswer, HistoryAnswer, Visit};
use crate::system::vietnam;

/// The answer of a lookup: its body, and where it came from in the headers of RFC 9211 and RFC 9111.
pub(super) fn answer(gateway: &Gateway, found: &Found, body: Value) -> Response {
    let now = gateway.0.system.now();
    let age = crate::system::until(found.answered_at, now).as_secs();
    let cache_status = match &found.source {
        Source::Portal => "lienthong; fwd=miss".to_owned(),
        Source::Cache { fresh_for } => format!("lienthong; hit; ttl={}", fresh_for.as_secs()),
        Source::LastKnown { stale_for, .. } => {
            let ttl = i64::try_from(stale_for.as_secs()).map_or(i64::MIN, |stale| -stale);
            format!("lienthong; hit; ttl={ttl}; detail=stale-if-error")
        }
    };
    let mut response = Json(body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::AGE, HeaderValue::from(age));
    if let Ok(value) = HeaderValue::from_str(&cache_status) {
        headers.insert(HeaderName::from_static("cache-status"), value);
    }
    response
}

fn source_name(source: &Source) -> &'static str {
    match source {
        Source::Portal => "cong",
        Source::Cache { .. } => "da_luu",
        Source::LastKnown { .. } => "da_luu_cu",
    }
}

/// The word an outage is known by, and when the answer shown instead is from.
fn outage_warning(found: &Found) -> Option<(&'static str, Bilingual)> {
    let Source::LastKnown { why, .. } = &found.source else { return None };
    let code = match why {
        Failure::BudgetSpent(_) => "portal.budget_spent",
        Failure::StillAsking => "portal.timeout",
        _ => "portal.unreachable",
    };
    let at = vietnam(found.answered_at).strftime("%H:%M %d/%m/%Y").to_string();
    let vi = format!("Cổng BHXH không trả lời; dùng kết quả lúc {at}");
    let en = format!("The portal does not answer; this is its answer of {at}");
    Some((code, Bilingual::composed(vi, en)))
}

/// The answer of a card lookup.
pub(in crate::http) fn card_json(
    gateway: &Gateway,
    id: &str,
    found: &CardFound,
    scan: Option<&Scan>,
    signer: Option<&Signer>,
    voice: &Voice,
) -> Value {
    let CardFound { found, answer, verdict, visit, history } = found;
    let mut warnings = outage_warnings(found, voice);
    warnings.extend(verdict.warnings.iter().map(|warning| warning_json(warning, voice)));
    if let Some(scan) = scan {
        warnings.extend(scan_warnings(scan, voice));
        warnings.extend(compare(scan, answer).iter().map(|mismatch| mismatch_json(mismatch, voice)));
    }
    let changes = found.changed.iter().flat_map(|changed| &changed.changes).map(|change| {
        json!({
            "truong": change.field,
            "truoc": change.before,
            "nay": change.now,
            "nhan": words(&change.label, voice),
        })
    });
    let mut body = json!({
        "id": id,
        "nguon": source_name(&found.source),
        "traLuc": instant(found.answered_at),
        "ngayKham": visit.to_string(),
        "ketLuan": {
            "code": verdict.conclusion.name(),
            "nhan": words(&verdict.label, voice),
            "maKetQua": found.code,
            "ghiChu": answer.note,
            "theDung": which_card(verdict.counts),
        },
        "nextStep": words(&verdict.next_step, voice),
        "the": asked_card(answer),
        "theMoi": new_card(answer),
        "canhBao": warnings,
        "thayDoi": changes.collect::<Value>(),
        "lanTruoc": found.changed.as_ref().map(|changed| instant(changed.since)),
        "lamMoi": {"choPhepSau": found.refresh_after.as_secs()},
        "mode": gateway.0.mode.name(),
    });
    let refused = refused_signer(&found.code, signer, voice);
    if let (Some((label, next_step, signer)), Some(members)) = (refused, body.as_object_mut()) {
        if let Some(conclusion) = members.get_mut("ketLuan").and_then(Value::as_object_mut) {
            conclusion.insert("nhan".into(), label);
        }
        members.insert("nextStep".into(), next_step);
        members.insert("canBo".into(), signer);
    }
    if let (Some(history), Some(members)) = (history, body.as_object_mut()) {
        members.insert("lichSu".into(), merged_history(history, signer, voice));
    }
    body
}

/// The word of the API for the card that counts.
pub(in crate::http) fn which_card(counts: WhichCard) -> &'static str {
    match counts {
        WhichCard::Asked => "the",
        WhichCard::New => "theMoi",
        WhichCard::Neither => "",
    }
}

/// Of 054 and 055: what is wrong with the officer, what to do, and who it is. They say nothing of the card.
fn refused_signer(code: &str, signer: Option<&Signer>, voice: &Voice) -> Option<(Value, Value, Value)> {
    let signer = signer?;
    let (label, next_step) = refusal::words(code, signer)?;
    Some((words(&label, voice), words(&next_step, voice), officers::signer(signer)))
}

fn asked_card(answer: &CardAnswer) -> Option<Value> {
    let card = &answer.card;
    // Where it refuses, the portal still echoes the number it was asked about.
    let known = !card.holder.is_empty();
    known.then(|| {
        json!({
            "maThe": card.number,
            "hoTen": card.holder,
            "ngaySinh": iso_date(&card.birth),
            "gioiTinh": card.sex.to_lowercase(),
            "diaChi": card.address,
            "maDKBD": card.first_contact,
            "cqBHXH": card.office,
            "gtTheTu": iso_date(&card.valid_from),
            "gtTheDen": iso_date(&card.valid_to),
            "maKV": card.area,
            "ngayDu5Nam": iso_date(&card.five_years),
            "maSoBHXH": card.social_insurance_number,
            "maTheCu": card.old_number,
        })
    })
}

fn new_card(answer: &CardAnswer) -> Option<Value> {
    // The portal names the asked card itself as the new one where there is none; that would only confuse the desk.
    answer.new_card.as_ref().filter(|_| answer.has_other_card()).map(|new| {
        json!({
            "maThe": new.number,
            "gtTheTu": iso_date(&new.valid_from),
            "gtTheDen": iso_date(&new.valid_to),
            "maDKBD": new.first_contact,
            "tenDKBD": new.first_contact_name,
        })
    })
}

/// A warning.
pub(in crate::http) fn warning_json(warning: &Warning, voice: &Voice) -> Value {
    let Warning { code, field, label, next_step, facilities, date } = warning;
    let mut shown = Map::new();
    shown.insert("code".into(), (*code).into());
    shown.insert("truong".into(), (*field).into());
    shown.insert("nhan".into(), words(label, voice));
    if let Some(next_step) = next_step {
        shown.insert("nextStep".into(), words(next_step, voice));
    }
    if !facilities.is_empty() {
        let facility = |(code, times): &(FacilityCode, usize)| json!({"maCSKCB": code.as_str(), "soLan": times});
        shown.insert("coSo".into(), facilities.iter().map(facility).collect());
    }
    if let Some(date) = date {
        shown.insert("ngay".into(), date.to_string().into());
    }
    Value::Object(shown)
}

fn mismatch_json(mismatch: &Mismatch, voice: &Voice) -> Value {
    json!({
        "code": mismatch.code,
        "truong": mismatch.field,
        "quet": mismatch.scanned,
        "cong": mismatch.portal,
        "nhan": words(&mismatch.label, voice),
    })
}

fn outage_warnings(found: &Found, voice: &Voice) -> Vec<Value> {
    let shown = |(code, label): (&str, Bilingual)| json!({"code": code, "nhan": words(&label, voice)});
    outage_warning(found).map(shown).into_iter().collect()
}

fn common(found: &Found, note: &str, voice: &Voice) -> Map<String, Value> {
    let members = json!({
        "nguon": source_name(&found.source),
        "traLuc": instant(found.answered_at),
        "maKetQua": found.code,
        "ghiChu": note,
        "canhBao": outage_warnings(found, voice),
    });
    members.as_object().cloned().unwrap_or_default()
}

/// The answer of a history lookup.
pub(super) fn history_json(found: &Found, history: &HistoryAnswer, signer: Option<&Signer>, voice: &Voice) -> Value {
    let mut body = common(found, &history.note, voice);
    if let Some((label, next_step, signer)) = refused_signer(&found.code, signer, voice) {
        body.extend([("nhan".into(), label), ("nextStep".into(), next_step), ("canBo".into(), signer)]);
    }
    body.insert("data".into(), history.visits.iter().map(|visit| visit_json(visit, voice)).collect());
    Value::Object(body)
}

/// The history within the answer of a card lookup, or in one sentence why it is not there.
fn merged_history(
    history: &Result<(Found, HistoryAnswer), LookupError>,
    signer: Option<&Signer>,
    voice: &Voice,
) -> Value {
    match history {
        Ok((found, history)) => history_json(found, history, signer, voice),
        Err(error) => {
            let problem = Problem::from(error.clone());
            json!({"nguon": null, "loi": {"code": problem.code, "nhan": words(&problem.title, voice)}})
        }
    }
}

fn visit_json(visit: &Visit, voice: &Voice) -> Value {
    let decoded = |label: Option<Bilingual>| label.map(|label| words(&label, voice));
    json!({
        "maHoSo": visit.record,
        "maCSKCB": visit.facility,
        "ngayVao": visit.admitted,
        "ngayRa": visit.discharged,
        "tenBenh": visit.illness,
        "tinhTrang": visit.condition,
        "tinhTrangNhan": decoded(visits::condition(&visit.condition)),
        "kqDieuTri": visit.outcome,
        "kqDieuTriNhan": decoded(visits::outcome(&visit.outcome)),
        "lyDoVV": visit.reason,
        "lyDoVVNhan": decoded(visits::reason(&visit.reason)),
    })
}

/// The answer of a co-payment lookup.
pub(super) fn copay_json(found: &Found, copay: &CopayAnswer, voice: &Voice) -> Value {
    let mut body = common(found, &copay.note, voice);
    let rows = copay.rows.iter().map(|row| {
        json!({
            "maThe": row.card,
            "maCskcb": row.facility,
            "ngayVao": iso_date(&row.admitted),
            "ngayRa": iso_date(&row.discharged),
            "maDoiTuongKCB": row.visit_kind,
            "tBNCCTMCCT": whole_number(&row.amount),
            "tBNCCTLuyKe": whole_number(&row.cumulative),
        })
    });
    let holder = copay.holder.as_ref().map(|holder| {
        json!({
            "hoTen": holder.name,
            "ngaySinh": iso_date(&holder.birth),
            "ngayKetThuc": iso_date(&holder.valid_to),
            "maBhxh": holder.social_insurance_number,
        })
    });
    let as_of = copay.as_of.and_then(|as_of| tz::offset(7).to_timestamp(as_of).ok());
    // The column is cumulative: its maximum is the total, never its sum (`portal-api.md`, section 2.6).
    body.insert("tongLuyKe".into(), json!(copay.total_max));
    body.insert("tinhDen".into(), json!(as_of.map(instant)));
    body.insert("thongTinSoThe".into(), json!(holder));
    body.insert("data".into(), rows.collect());
    Value::Object(body)
}

/// Money is whole dong; what cannot be read as a number stays as it came.
fn whole_number(text: &str) -> Value {
    text.trim().parse::<i64>().map_or_else(|_| Value::from(text), Value::from)
}

/// What was odd about a scan.
pub(in crate::http) fn scan_warnings(scan: &Scan, voice: &Voice) -> Vec<Value> {
    let shown = |warning: &ScanWarning| json!({"code": warning.code(), "nhan": words(&warning.message(), voice)});
    scan.warnings.iter().map(shown).collect()
}

/// What was scanned.
pub(super) fn scan_json(scan: &Scan, voice: &Voice) -> Value {
    let date = |date: Option<PartialDate>| {
        date.map(|date| {
            let precision = match date.precision() {
                crate::domain::Precision::Day => "ngay",
                crate::domain::Precision::Month => "thang",
                crate::domain::Precision::Year => "nam",
            };
            json!({"giaTri": date.iso(), "doChinhXac": precision})
        })
    };
    let plain = |date: Option<PartialDate>| date.map(PartialDate::iso);
    let mut shown = json!({
        "loai": scan.kind.name(),
        "tinCay": scan.confidence.name(),
        "soCccd": scan.national_id.as_ref().map(NationalId::as_str),
        "soCmnd": scan.old_id,
        "maThe": scan.card.as_ref().map(CardSubject::as_str),
        "hoTen": scan.name,
        "ngaySinh": date(scan.birth),
        "gioiTinh": scan.sex.map(|sex| sex.vietnamese().to_lowercase()),
        "diaChi": scan.address,
        "maDKBD": scan.facility.as_ref().map(FacilityCode::as_str),
        "gtTheTu": plain(scan.valid_from),
        "gtTheDen": plain(scan.valid_to),
        "ngayCap": plain(scan.issued),
        "ngayDu5Nam": plain(scan.five_years),
        "maKV": scan.area,
        "canhBao": scan_warnings(scan, voice),
        "extra": scan.extra,
    });
    // What a kind of code does not carry is left out rather than shown as null.
    if let Some(members) = shown.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    shown
}
