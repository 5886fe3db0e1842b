//! The three lookups: a question read as the portal reads it, asked in flow 1, and answered with the portal's own bytes.
//!
//! Cache, joining and budget are flow 1's: the same question asked here and through `/v1` costs the portal one.

use crate::domain::card::NotACardSubject;
use crate::domain::{CardSubject, FacilityCode, NationalId, Officer, PartialDate, PersonName};
use crate::facade::caller::Admitted;
use crate::facade::reply::{Refusal, Reply, Source, Why};
use crate::facade::request::Call;
use crate::facade::{Facade, OfficerMissing};
use crate::lookup::budget::Lane;
use crate::lookup::{self, Ask, Failure, Found, LookupError};
use crate::portal::{Question, Service};
use crate::system::until;

/// Asks, and answers byte for byte.
pub(super) async fn answer(
    facade: &Facade,
    call: &Call,
    admitted: &Admitted,
    service: Service,
) -> Result<Reply, Refusal> {
    let ask = read(facade, call, admitted, service)?;
    match find(facade, ask).await? {
        Outcome::Found(found) => Ok(reply(facade, found)),
        Outcome::Fault(reply) => Ok(reply),
    }
}

/// What a question comes to, besides a refusal.
pub(super) enum Outcome {
    /// The portal's answer about the card.
    Found(Found),
    /// The portal's own word that it failed.
    Fault(Reply),
}

/// Takes a question through flow 1.
pub(super) async fn find(facade: &Facade, ask: Ask) -> Result<Outcome, Refusal> {
    match facade.0.gateway.0.lookup.find(ask).await {
        Ok(found) => Ok(Outcome::Found(found)),
        Err(LookupError::NoAnswer(Failure::PortalFault(answered))) => {
            let reply = Reply::verbatim(answered.http_status, answered.code, answered.raw, Source::Portal);
            Ok(Outcome::Fault(Reply { problem: "portal.fault", ..reply }))
        }
        Err(error) => Err(error.into()),
    }
}

/// The portal's bytes, with where they come from and how old they are.
pub(super) fn reply(facade: &Facade, found: Found) -> Reply {
    let source = match &found.source {
        lookup::Source::Portal => Source::Portal,
        lookup::Source::Cache { .. } => Source::Cache,
        lookup::Source::LastKnown { .. } => Source::LastKnown,
    };
    let age = until(found.answered_at, facade.0.gateway.0.system.now());
    let reply = Reply::verbatim(found.http_status, &*found.code, found.raw, source);
    Reply { age: (source != Source::Portal).then_some(age), ..reply }
}

/// Reads a question. What the portal takes in several forms is mended before it is asked: names in NFD, dates without
/// slashes, numbers with blanks.
pub(super) fn read(facade: &Facade, call: &Call, admitted: &Admitted, service: Service) -> Result<Ask, Refusal> {
    let facility = admitted.home;
    let number = call.fields.get("maThe");
    let subject = CardSubject::parse(&whole_card(number)).map_err(|error| not_a_card(&error))?;
    let name =
        PersonName::parse(call.fields.get("hoTen")).map_err(|_| Refusal::bad_input("Sai định dạng tham số: hoTen"))?;
    let birth = PartialDate::parse(call.fields.get("ngaySinh"))
        .map_err(|_| Refusal::bad_input("Sai định dạng tham số: ngaySinh (dd/MM/yyyy)"))?;
    let officer = match service {
        Service::Copay => None,
        _ => Some(officer(facade, call, &facility)?),
    };
    Ok(Ask {
        service,
        question: Question { facility, subject, name, birth },
        officer,
        // Nothing in the portal's language says "ask again", and .NET sends `no-cache` unasked.
        refresh: false,
        stale_max: None,
        lane: Lane::Interactive,
        asked_by: admitted.trail.clone(),
    })
}

/// The portal takes 17 characters too: a card with two more, which the card itself does not have (`portal-api.md`,
/// section 2.1).
fn whole_card(number: &str) -> String {
    let cleaned: String = number.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '_')).take(32).collect();
    match cleaned.len() {
        17 => cleaned.get(..15).unwrap_or(&cleaned).to_owned(),
        _ => cleaned,
    }
}

/// The portal's own codes for numbers that cannot be one (`portal-api.md`, section 2.2).
fn not_a_card(error: &NotACardSubject) -> Refusal {
    match error {
        NotACardSubject::WrongLength => Refusal::bad_input("Sai định dạng tham số: maThe"),
        NotACardSubject::CardNumber => Refusal::new(Why::CardWrong, "facade.bad_input", "Mã thẻ sai"),
        NotACardSubject::NationalId(_) | NotACardSubject::SocialInsuranceNumber => {
            Refusal::new(Why::CardUnknown, "facade.bad_input", "Không thấy thông tin thẻ BHYT")
        }
    }
}

/// Who signs for the question. Somebody who is named is never replaced by somebody else.
fn officer(facade: &Facade, call: &Call, facility: &FacilityCode) -> Result<Officer, Refusal> {
    let officers = &facade.0.gateway.0.officers;
    let (name, id) = (call.fields.get("hoTenCb").trim(), call.fields.get("cccdCb").trim());
    let unknown = |words| Refusal::new(Why::OfficerUnknown, "staff.missing", words);
    match (name, id) {
        ("", "") => match facade.0.config.officer_missing {
            OfficerMissing::Default => officers.default_of(facility).map(|signer| signer.officer),
            OfficerMissing::Refuse => None,
        }
        .ok_or_else(|| unknown("Thiếu hoTenCb, cccdCb của cán bộ tra cứu")),
        // As the portal says it (`portal-api.md`, section 2.1).
        ("", _) => Err(Refusal::bad_input("Null hoTenCb")),
        (name, id) => {
            let national_id =
                NationalId::parse(id).map_err(|_| unknown("CCCD của cán bộ không có trong danh sách đã đăng ký"))?;
            let name = PersonName::parse(name)
                .map_err(|_| Refusal::new(Why::OfficerName, "staff.missing", "Họ tên cán bộ không khớp với CCCD"))?;
            Ok(Officer { name, national_id })
        }
    }
}
