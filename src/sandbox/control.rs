//! The sandbox's own endpoints under `/_sandbox`: what a test or a curious person asks and sets. No portal has these.
//! They need no credentials; they are for a machine of one's own.

mod page;

use std::collections::BTreeMap;

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::domain::NationalId;
use crate::sandbox::claims::sha256;
use crate::sandbox::faults::Faults;
use crate::sandbox::lookup::text_of;
use crate::sandbox::population::lists::RESULT_CODES;
use crate::sandbox::population::{InsuredPerson, example_for_code, person_of};
use crate::sandbox::portal::Portal;
use crate::sandbox::records::Entry;
use crate::sandbox::reply::Answer;
use crate::sandbox::request::Fields;
use crate::sandbox::tokens::hex;

/// Whether a path is ours.
pub(super) fn owns(path: &str) -> bool {
    path.strip_prefix("/_sandbox").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Answers a call of one of our own paths.
pub(super) fn answer(portal: &Portal, parts: &http::request::Parts, body: &[u8]) -> Answer {
    let path = parts.uri.path().strip_prefix("/_sandbox").unwrap_or_default().trim_end_matches('/');
    let query = Fields::from_form(parts.uri.query().unwrap_or_default().as_bytes());
    match (&parts.method, path) {
        (&Method::GET, "") => page::answer(portal),
        (&Method::GET, "/submissions") => list(portal, submission),
        (&Method::GET, "/judgements") => list(portal, judgement),
        (&Method::GET, "/questions") => questions(portal),
        (&Method::GET, "/people") => people(&query),
        (&Method::GET, "/faults") => Answer::json(StatusCode::OK, portal.faults().as_ref()),
        (&Method::PUT, "/faults") => set_faults(portal, body),
        (&Method::POST, "/reset") => {
            portal.reset();
            Answer::empty(StatusCode::NO_CONTENT)
        }
        (&Method::POST, "/revoke-tokens") => {
            portal.tokens().revoke_all();
            Answer::empty(StatusCode::NO_CONTENT)
        }
        (&Method::GET, path) => match number_in(path).and_then(|number| body_of(portal, number)) {
            Some(body) => body,
            None => Answer::empty(StatusCode::NOT_FOUND),
        },
        _ => Answer::empty(StatusCode::NOT_FOUND),
    }
}

/// The number in `/submissions/{n}/body`.
fn number_in(path: &str) -> Option<u64> {
    path.strip_prefix("/submissions/")?.strip_suffix("/body")?.parse().ok()
}

fn list(portal: &Portal, describe: impl Fn(&Portal, &Entry) -> Value) -> Answer {
    // Copied out first (the bodies are shared, not copied): describing 200,000 entries must not hold up the portal.
    let entries: Vec<Entry> = portal.records().entries().cloned().collect();
    let described: Vec<Value> = entries.iter().map(|entry| describe(portal, entry)).collect();
    Answer::json(StatusCode::OK, &described)
}

fn submission(portal: &Portal, entry: &Entry) -> Value {
    let taken = &entry.submission;
    json!({
        "number": taken.number,
        "path": taken.path,
        "service": taken.service,
        "facility": taken.facility,
        "sha256": taken.sha256_hex(),
        "businessKey": taken.business_key,
        "receipt": taken.receipt,
        "replaced": taken.replaced,
        "twinOf": taken.twin_of,
        "answered": taken.answered,
        "receivedAt": taken.received_at.to_string(),
        "judged": judgement(portal, entry),
    })
}

/// Errors show only once the judge has spoken.
fn judgement(portal: &Portal, entry: &Entry) -> Value {
    let (taken, finding) = (&entry.submission, &entry.finding);
    // Read once: what is told must be true at one instant.
    let now = portal.system.now();
    let due = finding.due_at(taken.received_at, portal.judge_after());
    let spoken = due.filter(|due| *due <= now);
    json!({
        "number": taken.number,
        "receipt": taken.receipt,
        "facility": taken.facility,
        "businessKey": taken.business_key,
        "state": finding.state(taken.received_at, portal.judge_after(), now),
        "judgedAt": spoken.map(|due| due.to_string()),
        "errors": if spoken.is_some() { finding.errors.as_slice() } else { &[] },
    })
}

fn body_of(portal: &Portal, number: u64) -> Option<Answer> {
    let records = portal.records();
    let entry = records.entries().rev().find(|entry| entry.submission.number == number)?;
    Some(Answer::bytes(StatusCode::OK, "application/octet-stream", entry.submission.body.clone()))
}

/// Subjects are told by their hash: the numbers asked for may be real ones by mistake.
fn questions(portal: &Portal) -> Answer {
    let (mut services, mut subjects) = (BTreeMap::<String, u64>::new(), BTreeMap::<String, u64>::new());
    let (total, kept) = {
        let records = portal.records();
        (records.question_count(), records.questions().cloned().collect::<Vec<_>>())
    };
    for question in kept {
        *subjects.entry(hex(&sha256(question.subject.as_bytes()))).or_default() += 1;
        *services.entry(question.service).or_default() += 1;
    }
    let logins = portal.logins();
    Answer::json(
        StatusCode::OK,
        &json!({ "total": total, "byService": services, "bySubjectSha256": subjects, "logins": logins }),
    )
}

fn set_faults(portal: &Portal, body: &[u8]) -> Answer {
    let faults = match serde_json::from_slice::<Faults>(body) {
        Ok(faults) => faults,
        Err(error) => return Answer::json(StatusCode::BAD_REQUEST, &json!({ "error": error.to_string() })),
    };
    if let Some(complaint) = faults.complaint() {
        return Answer::json(StatusCode::BAD_REQUEST, &json!({ "error": complaint }));
    }
    portal.set_faults(faults);
    Answer::json(StatusCode::OK, portal.faults().as_ref())
}

/// `?id=` a person, `?code=` an example, or neither: every code with an example or the way to provoke it.
fn people(query: &Fields) -> Answer {
    let (id, code) = (query.get("id"), query.get("code"));
    if !id.is_empty() {
        return match NationalId::parse(id) {
            Ok(id) => Answer::json(StatusCode::OK, &described(&person_of(&id))),
            Err(error) => Answer::json(StatusCode::BAD_REQUEST, &json!({ "error": error.to_string() })),
        };
    }
    if !code.is_empty() {
        return match example_for_code(code) {
            Some(person) => Answer::json(StatusCode::OK, &described(&person)),
            None => Answer::json(StatusCode::NOT_FOUND, &json!({ "error": provoke(code) })),
        };
    }
    let codes: Vec<Value> = RESULT_CODES
        .iter()
        .map(|(code, text)| match example_for_code(code) {
            Some(person) => json!({ "code": code, "text": text, "example": described(&person) }),
            None => json!({ "code": code, "text": text, "provoke": provoke(code) }),
        })
        .collect();
    Answer::json(StatusCode::OK, &codes)
}

/// How to get a code that no person has.
fn provoke(code: &str) -> &'static str {
    match code {
        "054" => "ask as an officer whose cccdCb is not registered",
        "055" => "ask with a registered cccdCb and another name",
        "060" => "ask for anybody under a name with another first letter",
        "061" => "ask for anybody under a wrong name with the same first letter",
        "070" => "ask for anybody with another birth date",
        "205" => "leave hoTen, ngaySinh or hoTenCb out, or ask for a number of another length",
        "401" => "ask without a session",
        _ => "no such code",
    }
}

fn described(person: &InsuredPerson) -> Value {
    // What to send as maThe to see the code: the misprinted cards are found by card only.
    let misprinted = person_of(&person.national_id).card != person.card;
    let ask = if misprinted { person.card.as_str() } else { person.national_id.as_str() };
    json!({
        "maThe": ask,
        "hoTen": person.name,
        "ngaySinh": person.birth_date.portal(),
        "gioiTinh": person.sex.vietnamese(),
        "nationalId": person.national_id.as_str(),
        "card": person.card,
        "oldCard": person.old_card,
        "socialInsuranceNumber": person.social_insurance_number,
        "code": person.code,
        "text": text_of(&person.code),
    })
}
