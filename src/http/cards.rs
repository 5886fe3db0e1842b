//! Handlers of scans and lookups.

pub(super) mod answer;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};
use jiff::civil::Date;
use serde_json::Value;

use self::answer::{answer, card_json, copay_json, history_json, scan_json};
use crate::domain::scan::{ChipFields, Scan, ScanError, ScanKind};
use crate::domain::{Bilingual, CardSubject, FacilityCode, PartialDate, PersonName};
use crate::http::call::{Call, text};
use crate::http::fields::Fields;
use crate::http::officers::{name_words, read_officer};
use crate::http::problem::Problem;
use crate::http::{Gateway, provisional};
use crate::lookup::budget::Lane;
use crate::lookup::desk::AtDesk;
use crate::lookup::provisional::Clues;
use crate::lookup::{Ask, LookupError, Purpose};
use crate::officers::Signer;
use crate::portal::{Question, Service};

/// `POST /v1/card-lookups`: is this card good on the visit date?
pub async fn card(State(gateway): State<Gateway>, call: Call, request: Request) -> Result<Response, Problem> {
    let strict = provisional::is_unwanted(request.headers());
    let asked = read(&gateway, &call, request, Service::CardLookup).await?;
    let voice = &call.context.voice;
    let client = &call.caller.client.id;
    match gateway.0.lookup.at_desk(client, asked.ask, asked.purpose, asked.clues).await? {
        AtDesk::Answered(found, ticket) => {
            let id = ticket.clone().unwrap_or_else(|| gateway.0.system.new_id("lkp"));
            let mut body = card_json(&gateway, &id, &found, asked.scan.as_ref(), asked.signer.as_ref(), voice);
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

/// `POST /v1/treatment-histories`: where was this person treated before?
pub async fn history(State(gateway): State<Gateway>, call: Call, request: Request) -> Result<Response, Problem> {
    let asked = read(&gateway, &call, request, Service::TreatmentHistory).await?;
    let (found, history) = gateway.0.lookup.history(asked.ask).await?;
    let body = history_json(&found, &history, asked.signer.as_ref(), &call.context.voice);
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
    purpose: Purpose,
    scan: Option<Scan>,
    clues: Clues,
    signer: Option<Signer>,
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
    let purpose = read_purpose(&mut fields, service);
    // What the clerk reads off the card, for the time when the portal does not answer.
    let mut day = |name: &'static str| {
        let text = fields.text(name);
        fields.parsed(name, text, PartialDate::parse, "DATE", |_| date_words())
    };
    let (valid_from, valid_to) = (day("gtTheTu"), day("gtTheDen"));
    let signer = read_signer(gateway, &facility, &headers, &mut fields);

    let from_scan = |pick: fn(&Scan) -> Option<CardSubject>| scan.as_ref().and_then(pick);
    let subject = subject.or_else(|| from_scan(|scan| scan.subject()));
    let name = name.or_else(|| scan.as_ref().and_then(Scan::person_name));
    let birth = birth.or_else(|| scan.as_ref().and_then(|scan| scan.birth));
    fields.end()?;
    // Each of the three is there, or its absence is among the faults that ended the reading above.
    let (Some(subject), Some(name), Some(birth)) = (subject, name, birth) else {
        return Err(missing_in_scan());
    };

    let scanned = scan.as_ref().filter(|scan| is_of_card(scan, &subject));
    let of_scan = |pick: fn(&Scan) -> Option<PartialDate>| scanned.and_then(pick);
    let valid_from = valid_from.or_else(|| of_scan(|scan| scan.valid_from));
    let valid_to = valid_to.or_else(|| of_scan(|scan| scan.valid_to));
    let clues = Clues::new(&subject, valid_from, valid_to);
    let cache_control = text(&headers, &header::CACHE_CONTROL).unwrap_or_default();
    let directives = || cache_control.split(',').map(str::trim);
    let stale_max = directives().find_map(|directive| directive.strip_prefix("max-stale="));
    let ask = Ask {
        service,
        question: Question { facility, subject, name, birth },
        officer: signer.as_ref().map(|signer| signer.officer.clone()),
        refresh: directives().any(|directive| directive.eq_ignore_ascii_case("no-cache")),
        stale_max: stale_max.and_then(|seconds| seconds.parse().ok()).map(std::time::Duration::from_secs),
        lane: Lane::Interactive,
        asked_by: call.trail.clone(),
    };
    Ok(Asked { ask, purpose, scan, clues, signer })
}

/// Whether the dates of a scan are those of the card that is asked about: the clerk may have typed another one, and an
/// identity card has dates of its own. A card's last ten digits are its holder's insurance number.
fn is_of_card(scan: &Scan, asked: &CardSubject) -> bool {
    let scanned = scan.card.as_ref().filter(|_| scan.kind == ScanKind::InsuranceCard).map(CardSubject::as_str);
    scanned.is_some_and(|scanned| match asked {
        CardSubject::NationalId(_) => true,
        CardSubject::CardNumber(_) | CardSubject::SocialInsuranceNumber(_) => {
            scanned.ends_with(asked.as_str()) || asked.as_str().ends_with(scanned)
        }
    })
}

/// What the lookup is for: the day of the visit, and of a card lookup how long the patient stays and whether the earlier
/// visits are wanted.
fn read_purpose(fields: &mut Fields, service: Service) -> Purpose {
    let visit = whole_date(fields, "ngayKham");
    if service != Service::CardLookup {
        return Purpose { visit, ..Purpose::default() };
    }
    let leaves = whole_date(fields, "ngayRaDuKien");
    if visit.zip(leaves).is_some_and(|(visit, leaves)| leaves < visit) {
        let words = ("Ngày ra viện dự kiến trước ngày khám", "The expected discharge is before the visit");
        fields.fault("ngayRaDuKien", "BEFORE_VISIT", words, ("Sửa một trong hai ngày.", "Mend one of the two dates."));
    }
    Purpose { visit, leaves, with_history: fields.flag("lichSu").unwrap_or_default() }
}

fn whole_date(fields: &mut Fields, name: &str) -> Option<Date> {
    let text = fields.text(name);
    let parse = |text: &str| PartialDate::parse(text).ok().and_then(PartialDate::whole).ok_or(());
    fields.parsed(name, text, parse, "DATE", |()| date_words())
}

/// Who signs for the question: `canBo` of the body, the `Staff-Id` of the header, or the facility's default officer.
pub(super) fn read_signer(
    gateway: &Gateway,
    facility: &FacilityCode,
    headers: &HeaderMap,
    fields: &mut Fields,
) -> Option<Signer> {
    if let Some(mut given) = fields.object("canBo") {
        let officer = read_officer(&mut given);
        fields.close(given);
        return officer.map(|officer| Signer { staff_id: None, officer });
    }
    let officers = &gateway.0.officers;
    if let Some(staff_id) = headers.get("staff-id") {
        // Bytes that are no text are nobody's id, and never a reason to take another officer's name.
        let staff_id = std::str::from_utf8(staff_id.as_bytes()).unwrap_or_default();
        let known = officers.by_staff_id(facility, staff_id);
        if known.is_none() {
            fields.fault(
                "Staff-Id",
                "STAFF_UNKNOWN",
                ("Không có cán bộ này trong danh bạ của cơ sở", "This staff id is not in the facility's directory"),
                (
                    "Thêm người này vào danh bạ (lienthong officers import), hoặc gửi canBo.",
                    "Add this person to the directory (lienthong officers import), or send canBo.",
                ),
            );
        }
        return known;
    }
    officers.default_of(facility)
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
