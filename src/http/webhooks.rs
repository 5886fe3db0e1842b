//! Handlers of webhook endpoints (scope `webhook`). A client sees and changes its own and no others.

mod fields;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use crate::audit::About;
use crate::clients::Scope;
use crate::http::Gateway;
use crate::http::call::{Call, Id, Parameters};
use crate::http::fields::Fields;
use crate::http::page::Page;
use crate::http::problem::{self, Problem};
use crate::http::shapes::instant;
use crate::store::webhooks::{HookChange, HookDelivery, HookDetails, HookView, NewHook, PAGE_MAX, Recovery};
use crate::system::after;
use crate::webhooks::{OLD_SECRET_LIFE, sign};

/// `POST /v1/webhook-endpoints`: a new one. Its secret is in this answer and in no other.
pub async fn make(State(gateway): State<Gateway>, call: Call, request: Request) -> Result<Response, Problem> {
    // What is sent is what reading the feed shows.
    call.caller.needs(Scope::DocumentRead)?;
    let parts = &gateway.0;
    let mut read = Fields::read(&parts.read_small(request).await?)?;
    let url = read.needed("url");
    let url = fields::url(&mut read, url, parts.webhooks.rules());
    let name = read.text("name");
    let name = read.at_most("name", name, fields::NAME_CHARS_MAX).unwrap_or_default();
    let kinds = fields::kinds(&mut read).unwrap_or_default();
    read.end()?;
    // What is wrong with the address has ended the reading above.
    let details = HookDetails { url: url.ok_or_else(problem::our_fault)?, name, kinds };
    let secret = parts.webhooks.new_secret();
    let (id, client) = (parts.system.new_id("whe"), call.caller.client.id.clone());
    let new = NewHook { id, client, details, secret: secret.clone() };
    let made = parts.store.add_webhook(new).await?.map_err(|_| problem::too_many_webhooks())?;
    call.trail.tell(About::object(&made.id));
    let location = HeaderValue::from_str(&format!("/v1/webhook-endpoints/{}", made.id));
    let mut answer = shown(&made);
    if let Some(members) = answer.as_object_mut() {
        members.insert("secret".into(), sign::shown(&secret).into());
    }
    let mut response = (StatusCode::CREATED, Json(answer)).into_response();
    if let Ok(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// `GET /v1/webhook-endpoints`: the caller's, oldest first; there are few.
pub async fn list(State(gateway): State<Gateway>, call: Call) -> Result<Response, Problem> {
    let own = gateway.0.store.webhooks_of(&call.caller.client.id).await?;
    Ok(Json(json!({"data": own.iter().map(shown).collect::<Vec<Value>>()})).into_response())
}

/// `GET /v1/webhook-endpoints/{id}`.
pub async fn show(State(gateway): State<Gateway>, call: Call, Id(id): Id) -> Result<Response, Problem> {
    Ok(Json(shown(&own(&gateway, &call, &id).await?)).into_response())
}

/// `PATCH /v1/webhook-endpoints/{id}`: what is named is changed. `enabled: true` also switches on what the gateway disabled.
pub async fn change(
    State(gateway): State<Gateway>,
    call: Call,
    Id(id): Id,
    request: Request,
) -> Result<Response, Problem> {
    call.caller.needs(Scope::DocumentRead)?;
    let parts = &gateway.0;
    let before = own(&gateway, &call, &id).await?;
    let mut read = Fields::read(&parts.read_small(request).await?)?;
    let url = read.text("url");
    let url = fields::url(&mut read, url, parts.webhooks.rules());
    let name = read.text("name");
    let name = read.at_most("name", name, fields::NAME_CHARS_MAX);
    let kinds = fields::kinds(&mut read);
    let on = read.flag("enabled");
    read.end()?;
    let changes = url.is_some() || name.is_some() || kinds.is_some();
    let details = HookDetails {
        url: url.unwrap_or(before.details.url),
        name: name.unwrap_or(before.details.name),
        kinds: kinds.unwrap_or(before.details.kinds),
    };
    let change = HookChange { details: changes.then_some(details), on };
    let view = parts.store.change_webhook(&id, change).await?.ok_or_else(problem::no_such_webhook)?;
    Ok(Json(shown(&view)).into_response())
}

/// `DELETE /v1/webhook-endpoints/{id}`.
pub async fn remove(State(gateway): State<Gateway>, call: Call, Id(id): Id) -> Result<Response, Problem> {
    own(&gateway, &call, &id).await?;
    match gateway.0.store.remove_webhook(&id).await? {
        true => Ok(StatusCode::NO_CONTENT.into_response()),
        false => Err(problem::no_such_webhook()),
    }
}

/// `POST …/test`: one event of no meaning, sent now; the answer tells how it went.
pub async fn test(State(gateway): State<Gateway>, call: Call, Id(id): Id) -> Result<Response, Problem> {
    let view = own(&gateway, &call, &id).await?;
    let secrets = gateway.0.store.webhook_secrets(&id, gateway.0.system.now()).await?;
    let tried = gateway.0.webhooks.try_out(&id, &view.details.url, &secrets).await;
    Ok(Json(json!({
        "delivered": tried.taken,
        "httpStatus": tried.http_status,
        "fault": tried.fault,
        "tookMs": u64::try_from(tried.took.as_millis()).unwrap_or(u64::MAX),
    }))
    .into_response())
}

/// `POST …/rotate-secret`: a new secret, shown once; the one before signs beside it for a day.
pub async fn rotate(State(gateway): State<Gateway>, call: Call, Id(id): Id) -> Result<Response, Problem> {
    let parts = &gateway.0;
    own(&gateway, &call, &id).await?;
    let (secret, until) = (parts.webhooks.new_secret(), after(parts.system.now(), OLD_SECRET_LIFE));
    let view = parts.store.rotate_webhook_secret(&id, secret.clone(), until).await?;
    let view = view.ok_or_else(problem::no_such_webhook)?;
    let old_until = view.old_secret_until.map(instant);
    Ok(Json(json!({"id": view.id, "secret": sign::shown(&secret), "oldSecretUntil": old_until})).into_response())
}

/// `POST …/recover`: everything since `since` is sent again, in order; with `failedOnly` only what was given up.
pub async fn recover(
    State(gateway): State<Gateway>,
    call: Call,
    Id(id): Id,
    request: Request,
) -> Result<Response, Problem> {
    call.caller.needs(Scope::DocumentRead)?;
    let view = own(&gateway, &call, &id).await?;
    let mut read = Fields::read(&gateway.0.read_small(request).await?)?;
    let since = fields::instant(&mut read, "since");
    let failed_only = read.flag("failedOnly").unwrap_or_default();
    read.end()?;
    let since = since.ok_or_else(problem::our_fault)?;
    let count = gateway.0.store.recover_webhooks(view.sequence, Recovery { since, failed_only }).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({"id": id, "events": count}))).into_response())
}

/// `GET …/deliveries`: what is on its way or was within the week, newest first.
pub async fn deliveries(
    State(gateway): State<Gateway>,
    call: Call,
    Id(id): Id,
    Parameters(query): Parameters,
) -> Result<Response, Problem> {
    let view = own(&gateway, &call, &id).await?;
    let Page { limit, before } = Page::read(&query, PAGE_MAX)?;
    let (found, has_more) = gateway.0.store.webhook_deliveries(view.sequence, before, limit).await?;
    let next = found.last().filter(|_| has_more).map(|last| format!("cur_{}", last.sequence));
    let data: Vec<Value> = found.iter().map(delivery).collect();
    Ok(Json(json!({"data": data, "page": {"next": next, "hasMore": has_more, "limit": limit}})).into_response())
}

/// `POST …/deliveries/{event}/redeliver`: that event once more.
pub async fn redeliver(
    State(gateway): State<Gateway>,
    call: Call,
    path: Option<Path<(String, String)>>,
) -> Result<Response, Problem> {
    call.caller.needs(Scope::DocumentRead)?;
    let Some(Path((id, event))) = path else { return Err(problem::no_such_webhook()) };
    let view = own(&gateway, &call, &id).await?;
    match gateway.0.store.redeliver_webhook(view.sequence, &event).await? {
        true => Ok((StatusCode::ACCEPTED, Json(json!({"id": event, "status": "waiting"}))).into_response()),
        false => Err(problem::no_such_delivery()),
    }
}

/// The endpoint, if it is the caller's own: another's looks as if it were not there.
async fn own(gateway: &Gateway, call: &Call, id: &str) -> Result<HookView, Problem> {
    let view = gateway.0.store.webhook(id).await?;
    view.filter(|view| view.client == call.caller.client.id).ok_or_else(problem::no_such_webhook)
}

fn shown(view: &HookView) -> Value {
    json!({
        "id": view.id,
        "url": view.details.url,
        "name": view.details.name,
        "events": view.details.kinds,
        "status": view.state.name(),
        "reason": view.reason,
        "failures": view.failures,
        "failingSince": view.failing_since.map(instant),
        "restUntil": view.rest_until.map(instant),
        "lastSuccessAt": view.last_success_at.map(instant),
        "oldSecretUntil": view.old_secret_until.map(instant),
        "waiting": view.waiting,
        "unreadSince": view.unread_since.map(instant),
        "createdAt": instant(view.created_at),
    })
}

fn delivery(delivery: &HookDelivery) -> Value {
    json!({
        "id": delivery.event,
        "type": delivery.kind,
        "status": delivery.state,
        "tries": delivery.tries,
        "queuedAt": instant(delivery.queued_at),
        "nextAt": delivery.next_at.map(instant),
        "lastAt": delivery.last_at.map(instant),
        "httpStatus": delivery.http_status,
        "fault": delivery.fault,
        "endedAt": delivery.ended_at.map(instant),
    })
}
