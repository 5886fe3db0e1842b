//! Handlers of scans and lookups.

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use jiff::civil::Date;
use serde_json::{Value, json};

use crate::domain::scan::{ChipFields, Scan, ScanError, ScanWarning};
use crate::domain::{Bilingual, CardSubject, FacilityCode, NationalId, Officer, PartialDate, PersonName};
use crate::http::call::{Call, text};
use crate::http::fields::Fields;
use crate::http::problem::{Problem, Voice};
use crate::http::shapes::{instant, iso_date, words};
use crate::http::{Gateway, provisional};
use crate::lookup::budget::Lane;
use crate::lookup::desk::AtDesk;
use crate::lookup::provisional::Clues;
use crate::lookup::verdict::{Warning, WhichCard};
use crate::lookup::{Ask, CardFound, Failure, Found, LookupError, Source};
use crate::portal::reply::{CopayAnswer, HistoryAnswer};
use crate::portal::{Question, Service};
use crate::system::vietnam;

/// `POST /v1/card-lookups`: is this card good on the visit date?
pub async fn card(State(gateway): State<Gateway>, call: Call, request: Request) -> Result<Response, Problem> {
    let strict = provisional::is_unwanted(request.headers());
    let asked = read(&gateway, &call, request, Service::CardLookup).await?;
    let voice = &call.context.voice;
    match gateway.0.lookup.at_desk(asked.ask, asked.visit, asked.clues).await? {
        AtDesk::Answered(found, ticket) => {
            let id = ticket.clone().unwrap_or_else(|| gateway.0.system.new_id("lkp"));
            let mut body = card_json(&gateway, &id, &found, asked.scan.as_ref(), voice);
            if let (Some(ticket), Some(members)) = (ticket, body.as_object_mut()) {
                members.insert("pendingLookup".into(), ticket.into());
            }
            Ok(answer(&gateway, &found.found, body))
        }
        // Nothing but the card's own word: by wish told as the failure it is.
        AtDesk::Provisional(provisional) if strict => {
            let problem = Problem::from(LookupError::NoAnswer(provisional.why));
            Err(problem.member("pendingLookup", provisional.ticket))
        }
        AtDesk::Provisional(provisional) => Ok(provisional::answer(&gateway, *provisional, asked.scan.as_ref(), voice)),
    }
}

pub(super) fn which_card(counts: WhichCard) -> &'static str {
    match counts {
        WhichCard::Asked => "the",
        WhichCard::New => "theMoi",
        WhichCard::Neither => "",
    }
}

pub(super) fn warning_json(Warning { code, field, label }: &Warning, voice: &Voice) -> Value {
    json!({"code": code, "truong": field, "nhan": words(label, voice)})
}

/// `POST /v1/treatment-histories`: where was this person treated before?
pub async fn history(State(gateway): State<Gateway>, call: Call, request: Request) -> Result<Response, Problem> {
    let asked = read(&gateway, &call, request, Service::TreatmentHistory).await?;
    let (found, history) = gateway.0.lookup.history(asked.ask).await?;
    let body = history_json(&found, &history, &call.context.voice);
    Ok(answer(&gateway, &found, body))
}

/// `POST /v1/copay-lookups`: how much has this person paid towards the yearly ceiling?
pub async fn copay(State(gateway): State<Gateway>, call: Call, request: Request) -> Result<Response, Problem> {
    let asked = read(&gateway, &call, request, Service::Copay).await?;
    let (found, copay) = gateway.0.lookup.copay(asked.ask).await?;
    let body = copay_json(&found, &copay, &call.context.voice);
    Ok(answer(&gateway, &found, body))
}

/// `POST /v1/scans`: what is on this QR code, or what did this chip reader send? No question is put to the portal.
pub async fn scan(State(gateway): State<Gateway>, call: Call, request: Request) -> Result<Response, Problem> {
    let mut fields = question_fields(&gateway, request).await?;
    // The companion program of a common chip reader posts its own fields (`formats/qr.md`, section 6).
    let scan = if fields.has("id_card") {
        let mut text = |name| fields.text(name).unwrap_or_default();
        let (national_id, old_id, name) = (text("id_card"), text("old_id_card"), text("full_name"));
        let (birth, sex, address) = (text("date_of_birth"), text("gender"), text("place_of_residence"));
        let (issued, expires) = (text("date_of_issue"), text("date_of_expiry"));
        // The rest (photo, parents, religion) is dropped here and goes nowhere.
        fields.drop_rest();
        Some(Scan::from_chip(&ChipFields {
            national_id: &national_id,
            old_id: &old_id,
            name: &name,
            birth: &birth,
            sex: &sex,
            address: &address,
            issued: &issued,
            expires: &expires,
        }))
    } else {
        fields.needed("raw").map(|raw| Scan::parse(&raw))
    };
    let scan = match scan {
        Some(Ok(scan)) => Some(scan),
        Some(Err(error)) => {
            scan_fault(&mut fields, "raw", error);
            None
        }
        None => None,
    };
    fields.end()?;
    let voice = &call.context.voice;
    Ok(Json(scan.map_or(Value::Null, |scan| scan_json(&scan, voice))).into_response())
}

/// A question as read from a request.
struct Asked {
    ask: Ask,
    visit: Option<Date>,
    scan: Option<Scan>,
    clues: Clues,
}

async fn question_fields(gateway: &Gateway, request: Request) -> Result<Fields, Problem> {
    Fields::read(&gateway.0.read_small(request).await?)
}

/// Reads a question: the fields, or the raw string of a scan, or both (fields win: a clerk corrects a scan).
async fn read(gateway: &Gateway, call: &Call, request: Request, service: Service) -> Result<Asked, Problem> {
    let headers = request.headers().clone();
    let facility = call.facility(&headers)?;
    let mut fields = question_fields(gateway, request).await?;

    let scan = match fields.text("qr").map(|raw| Scan::parse(&raw)) {
        Some(Ok(scan)) => Some(scan),
        Some(Err(error)) => {
            scan_fault(&mut fields, "qr", error);
            None
        }
        None => None,
    };
    let number = fields.text("maThe").or_else(|| fields.text("soCccd"));
    let has_scan = scan.is_some();
    let number = match number {
        None if !has_scan => fields.needed("maThe"),
        number => number,
    };
    let subject = fields.parsed("maThe", number, CardSubject::parse, "CARD_NUMBER", |error| {
        let en = error.to_string();
        (
            Bilingual::composed(
                "Số thẻ, số CCCD hoặc mã số BHXH sai cấu trúc".into(),
                format!("The number has a wrong structure: {en}"),
            ),
            Bilingual::fixed(
                "Nhập 12 số CCCD, 15 ký tự số thẻ hoặc 10 số mã BHXH.",
                "Type 12 digits of the national ID, 15 characters of the card, or 10 digits of the insurance number.",
            ),
        )
    });
    let name = match fields.text("hoTen") {
        None if scan.as_ref().is_none_or(|scan| scan.person_name().is_none()) => fields.needed("hoTen"),
        name => name,
    };
    let name = fields.parsed("hoTen", name, PersonName::parse, "PERSON_NAME", |_| name_words());
    let birth = match fields.text("ngaySinh") {
        None if scan.as_ref().is_none_or(|scan| scan.birth.is_none()) => fields.needed("ngaySinh"),
        birth => birth,
    };
    let birth = fields.parsed("ngaySinh", birth, PartialDate::parse, "DATE", |_| date_words());
    let visit = fields.text("ngayKham");
    let visit = fields.parsed(
        "ngayKham",
        visit,
        |text| PartialDate::parse(text).ok().and_then(PartialDate::whole).ok_or(()),
        "DATE",
        |()| date_words(),
    );
    // What the clerk reads off the card, for the time when the portal does not answer.
    let mut day = |name: &'static str| {
        let text = fields.text(name);
        fields.parsed(name, text, PartialDate::parse, "DATE", |_| date_words())
    };
    let (valid_from, valid_to) = (day("gtTheTu"), day("gtTheDen"));
    let officer = read_officer(gateway, &facility, &headers, &mut fields);

    let from_scan = |pick: fn(&Scan) -> Option<CardSubject>| scan.as_ref().and_then(pick);
    let subject = subject.or_else(|| from_scan(|scan| scan.subject()));
    let name = name.or_else(|| scan.as_ref().and_then(Scan::person_name));
    let birth = birth.or_else(|| scan.as_ref().and_then(|scan| scan.birth));
    fields.end()?;
    // Each of the three is there, or its absence is among the faults that ended the reading above.
    let (Some(subject), Some(name), Some(birth)) = (subject, name, birth) else {
        return Err(missing_in_scan());
    };

    let of_scan = |pick: fn(&Scan) -> Option<PartialDate>| scan.as_ref().and_then(pick);
    let valid_from = valid_from.or_else(|| of_scan(|scan| scan.valid_from));
    let valid_to = valid_to.or_else(|| of_scan(|scan| scan.valid_to));
    let clues = Clues::new(&subject, valid_from, valid_to);
    let cache_control = text(&headers, &header::CACHE_CONTROL).unwrap_or_default();
    let directives = || cache_control.split(',').map(str::trim);
    let stale_max = directives().find_map(|directive| directive.strip_prefix("max-stale="));
    let ask = Ask {
        service,
        question: Question { facility, subject, name, birth },
        officer,
        refresh: directives().any(|directive| directive.eq_ignore_ascii_case("no-cache")),
        stale_max: stale_max.and_then(|seconds| seconds.parse().ok()).map(std::time::Duration::from_secs),
        lane: Lane::Interactive,
    };
    Ok(Asked { ask, visit, scan, clues })
}

/// Who signs for the question: `canBo` of the body, the `Staff-Id` of the header, or the facility's own officer.
fn read_officer(
    gateway: &Gateway,
    facility: &FacilityCode,
    headers: &HeaderMap,
    fields: &mut Fields,
) -> Option<Officer> {
    if let Some(mut given) = fields.object("canBo") {
        let name = given.needed("hoTen");
        let name = given.parsed("hoTen", name, PersonName::parse, "PERSON_NAME", |_| name_words());
        let id = given.needed("cccd");
        let id = given.parsed(
            "cccd",
            id,
            |text| NationalId::parse(text.trim()),
            "NATIONAL_ID",
            |error| {
                (
                    Bilingual::composed("Số CCCD của cán bộ sai cấu trúc".into(), format!("The officer's id: {error}")),
                    Bilingual::fixed("Nhập đúng 12 số CCCD.", "Type the 12 digits."),
                )
            },
        );
        fields.close(given);
        return name.zip(id).map(|(name, national_id)| Officer { name, national_id });
    }
    let officers = &gateway.0.officers;
    if let Some(staff_id) = headers.get("staff-id") {
        // Bytes that are no text are nobody's id, and never a reason to take another officer's name.
        let staff_id = std::str::from_utf8(staff_id.as_bytes()).unwrap_or_default();
        let known = officers.by_staff_id.get(&(*facility, staff_id.trim().to_owned())).cloned();
        if known.is_none() {
            fields.fault(
                "Staff-Id",
                "STAFF_UNKNOWN",
                ("Không có cán bộ này trong danh bạ của cơ sở", "This staff id is not in the facility's directory"),
                (
                    "Thêm [[officer]] vào cấu hình, hoặc gửi canBo.",
                    "Add an [[officer]] to the configuration, or send canBo.",
                ),
            );
        }
        return known;
    }
    officers.default.get(facility).cloned()
}

fn missing_in_scan() -> Problem {
    let error = crate::http::problem::field_error(
        "qr",
        "SCAN_INCOMPLETE",
        Bilingual::fixed("Mã quét thiếu số, họ tên hoặc ngày sinh", "The scan lacks the number, name or birth date"),
        Bilingual::fixed("Nhập tay các trường còn thiếu.", "Type the missing fields by hand."),
    );
    crate::http::problem::invalid_request(vec![error])
}

fn name_words() -> (Bilingual, Bilingual) {
    (
        Bilingual::fixed("Họ tên không hợp lệ", "The name is not valid"),
        Bilingual::fixed(
            "Nhập họ tên như trên giấy tờ, không có số hay ký hiệu.",
            "Type the name as on the papers, without digits or signs.",
        ),
    )
}

fn date_words() -> (Bilingual, Bilingual) {
    (
        Bilingual::fixed("Ngày không hợp lệ", "The date is not valid"),
        Bilingual::fixed(
            "Viết dd/MM/yyyy, MM/yyyy, yyyy hoặc yyyy-MM-dd.",
            "Write dd/MM/yyyy, MM/yyyy, yyyy or yyyy-MM-dd.",
        ),
    )
}

fn scan_fault(fields: &mut Fields, name: &str, error: ScanError) {
    let cure = Bilingual::fixed(
        "Quét lại, hoặc nhập tay số thẻ, họ tên và ngày sinh.",
        "Scan again, or type number, name and birth date by hand.",
    );
    fields.refused(name, error.code(), error.message(), cure);
}

/// The answer of a lookup: its body, and where it came from in the headers of RFC 9211 and RFC 9111.
fn answer(gateway: &Gateway, found: &Found, body: Value) -> Response {
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

pub(super) fn card_json(gateway: &Gateway, id: &str, found: &CardFound, scan: Option<&Scan>, voice: &Voice) -> Value {
    let CardFound { found, answer, verdict, visit } = found;
    let card = &answer.card;
    let mut warnings: Vec<Value> = Vec::new();
    if let Some((code, label)) = outage_warning(found) {
        warnings.push(json!({"code": code, "nhan": words(&label, voice)}));
    }
    warnings.extend(verdict.warnings.iter().map(|warning| warning_json(warning, voice)));
    if let Some(scan) = scan {
        warnings.extend(scan_warnings(scan, voice));
    }
    // Where it refuses, the portal still echoes the number it was asked about.
    let known = !card.holder.is_empty();
    // The portal names the asked card itself as the new one where there is none; that would only confuse the desk.
    let new_card = answer.new_card.as_ref().filter(|_| answer.has_other_card()).map(|new| {
        json!({
            "maThe": new.number,
            "gtTheTu": iso_date(&new.valid_from),
            "gtTheDen": iso_date(&new.valid_to),
            "maDKBD": new.first_contact,
            "tenDKBD": new.first_contact_name,
        })
    });
    json!({
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
        "the": known.then(|| json!({
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
        })),
        "theMoi": new_card,
        "canhBao": warnings,
        "lamMoi": {"choPhepSau": found.refresh_after.as_secs()},
        "mode": gateway.0.mode.name(),
    })
}

fn common(found: &Found, note: &str, voice: &Voice) -> serde_json::Map<String, Value> {
    let warnings: Vec<Value> = outage_warning(found)
        .map(|(code, label)| json!({"code": code, "nhan": words(&label, voice)}))
        .into_iter()
        .collect();
    let members = json!({
        "nguon": source_name(&found.source),
        "traLuc": instant(found.answered_at),
        "maKetQua": found.code,
        "ghiChu": note,
        "canhBao": warnings,
    });
    members.as_object().cloned().unwrap_or_default()
}

fn history_json(found: &Found, history: &HistoryAnswer, voice: &Voice) -> Value {
    let visits = history.visits.iter().map(|visit| {
        json!({
            "maHoSo": visit.record,
            "maCSKCB": visit.facility,
            "ngayVao": visit.admitted,
            "ngayRa": visit.discharged,
            "tenBenh": visit.illness,
            "tinhTrang": visit.condition,
            "kqDieuTri": visit.outcome,
            "lyDoVV": visit.reason,
        })
    });
    let mut body = common(found, &history.note, voice);
    body.insert("data".into(), visits.collect());
    Value::Object(body)
}

fn copay_json(found: &Found, copay: &CopayAnswer, voice: &Voice) -> Value {
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
    // The column is cumulative: its maximum is the total, never its sum (`portal-api.md`, section 2.6).
    body.insert("tongLuyKe".into(), json!(copay.total_max));
    body.insert("data".into(), rows.collect());
    Value::Object(body)
}

/// Money is whole dong; what cannot be read as a number stays as it came.
fn whole_number(text: &str) -> Value {
    text.trim().parse::<i64>().map_or_else(|_| Value::from(text), Value::from)
}

pub(super) fn scan_warnings(scan: &Scan, voice: &Voice) -> Vec<Value> {
    let shown = |warning: &ScanWarning| json!({"code": warning.code(), "nhan": words(&warning.message(), voice)});
    scan.warnings.iter().map(shown).collect()
}

fn scan_json(scan: &Scan, voice: &Voice) -> Value {
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
