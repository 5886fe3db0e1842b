//! Questions left open by an outage: what the desk was told, what the portal said in the end, and what differs.

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::audit::About;
use crate::http::Gateway;
use crate::http::call::{Call, Id, Parameters};
use crate::http::cards::answer::card_json;
use crate::http::page::Page;
use crate::http::problem::{self, Problem};
use crate::http::shapes::instant;
use crate::lookup::ticket::{Asked, Outcome, Told};
use crate::lookup::verdict::Circumstances;
use crate::lookup::{CardFound, Found, Source, verdict};
use crate::officers::Signer;
use crate::portal::reply::read_card;
use crate::store::ticket::{TicketState, TicketView};
use crate::system::vietnam;

/// Tickets on one page at most, as elsewhere.
const PAGE_MAX: u32 = 500;

/// `GET /v1/card-lookups/{id}`: one ticket.
pub async fn show(State(gateway): State<Gateway>, call: Call, Id(id): Id) -> Result<Response, Problem> {
    let ticket = gateway.0.store.ticket(&id).await?;
    // Another client of the facility may not know whom it is about.
    let is_own = |ticket: &TicketView| ticket.client == call.caller.client.id && call.caller.owns(&ticket.facility);
    let ticket = ticket.filter(is_own).ok_or_else(problem::no_such_ticket)?;
    let asked = Asked::from_json(&ticket.asked_json, ticket.facility, call.trail.clone());
    let subject = asked.map(|asked| call.trail.audit().person(&asked.ask.question.subject));
    call.trail.tell(About { facility: Some(ticket.facility), subject, ..About::default() });
    Ok(Json(ticket_json(&gateway, &call, &ticket)).into_response())
}

/// `GET /v1/card-lookups`: the tickets this client opened at the facility, newest first, a page at a time.
pub async fn list(
    State(gateway): State<Gateway>,
    call: Call,
    Parameters(query): Parameters,
    request: Request,
) -> Result<Response, Problem> {
    let facility = call.facility(request.headers())?;
    let Page { limit, before } = Page::read(&query, PAGE_MAX)?;
    // One more than the page tells whether there are more.
    let mut tickets = gateway.0.store.tickets(&call.caller.client.id, facility, before, limit + 1).await?;
    let has_more = tickets.len() > usize::try_from(limit).unwrap_or(usize::MAX);
    tickets.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let next = tickets.last().filter(|_| has_more).map(|ticket| format!("cur_{}", ticket.sequence));
    let data: Vec<Value> = tickets.iter().map(|ticket| ticket_json(&gateway, &call, ticket)).collect();
    Ok(Json(json!({"data": data, "page": {"next": next, "hasMore": has_more, "limit": limit}})).into_response())
}

fn ticket_json(gateway: &Gateway, call: &Call, ticket: &TicketView) -> Value {
    let voice = &call.context.voice;
    let asked = Asked::from_json(&ticket.asked_json, ticket.facility, call.trail.clone());
    let outcome = ticket.answer_json.as_deref().and_then(|text| serde_json::from_str::<Outcome>(text).ok());
    let answer = asked.as_ref().zip(outcome.as_ref()).and_then(|(asked, outcome)| {
        let found = judged(asked, outcome, ticket)?;
        // What the hospital system calls the officer is not kept with a ticket.
        let signer = asked.ask.officer.clone().map(|officer| Signer { staff_id: None, officer });
        Some(card_json(gateway, &ticket.id, &found, None, signer.as_ref(), voice))
    });
    json!({
        "id": ticket.id,
        "trangThai": match ticket.state {
            TicketState::Waiting => "dang_cho",
            TicketState::Answered => "da_tra_loi",
            TicketState::GivenUp => "da_thoi",
        },
        "maCSKCB": ticket.facility.as_str(),
        "hoiLuc": instant(ticket.created_at),
        "xongLuc": ticket.ended_at.map(instant),
        "soLanHoiLai": ticket.tries,
        "ngayKham": asked.as_ref().map(|asked| asked.visit.to_string()),
        "daBao": asked.as_ref().map(|asked| told_json(&asked.told)),
        "khac": outcome.as_ref().map(|outcome| outcome.differs.as_slice()),
        "traLoi": answer,
    })
}

/// The portal's answer, read and judged as it would be for the desk.
fn judged(asked: &Asked, outcome: &Outcome, ticket: &TicketView) -> Option<CardFound> {
    let answer = read_card(outcome.raw.as_bytes()).ok()?;
    let answered = Some(vietnam(outcome.answered_at).date());
    let at = Circumstances { answered, ..Circumstances::on(asked.visit, &ticket.facility) };
    let verdict = verdict::draw(&answer, &at);
    let found = Found {
        code: answer.code.as_str().into(),
        raw: outcome.raw.clone().into(),
        http_status: 200,
        answered_at: outcome.answered_at,
        source: Source::Portal,
        refresh_after: std::time::Duration::ZERO,
        changed: None,
    };
    Some(CardFound { found, answer, verdict, visit: asked.visit, history: None })
}

fn told_json(told: &Told) -> Value {
    json!({
        "nguon": if told.last_known { "da_luu_cu" } else { "tam_tinh" },
        "ketLuan": told.conclusion,
        "maThe": told.card,
        "gtTheTu": told.valid_from,
        "gtTheDen": told.valid_to,
        "maDKBD": told.first_contact,
        "maKV": told.area,
        "ngayDu5Nam": told.five_years,
    })
}
