//! Handlers of what a person orders about one document. Each order needs a reason (`lyDo`), which is kept, sealed.

use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Request, State};
use axum::response::{IntoResponse, Response};

use crate::domain::Receipt;
use crate::http::Gateway;
use crate::http::call::{Call, Id};
use crate::http::documents::owned;
use crate::http::fields::{Fields, REASON_MAX};
use crate::http::problem::{self, Problem};
use crate::http::shapes;
use crate::store::DocumentView;

/// `POST /v1/documents/{id}/replay`: sends it again, knowingly.
pub async fn replay(State(gateway): State<Gateway>, order: Order) -> Result<Response, Problem> {
    order.must_be_sent_for(&gateway)?;
    let view = gateway.0.store.replay(&order.id, &order.reason).await?;
    Ok(order.answer(view))
}

/// `POST /v1/documents/{id}/cancel`: withdraws it before the portal has it.
pub async fn cancel(State(gateway): State<Gateway>, order: Order) -> Result<Response, Problem> {
    let view = gateway.0.store.cancel(&order.id, &order.reason).await?;
    Ok(order.answer(view))
}

/// `POST /v1/documents/{id}/hold`: keeps it back until released.
pub async fn hold(State(gateway): State<Gateway>, order: Order) -> Result<Response, Problem> {
    let view = gateway.0.store.hold(&order.id, &order.reason).await?;
    Ok(order.answer(view))
}

/// `POST /v1/documents/{id}/release`: lets a held one go.
pub async fn release(State(gateway): State<Gateway>, order: Order) -> Result<Response, Problem> {
    order.must_be_sent_for(&gateway)?;
    let view = gateway.0.store.release(&order.id, &order.reason).await?;
    Ok(order.answer(view))
}

/// `POST /v1/documents/{id}/confirm`: a person found it at the portal, perhaps with its receipt (`maGiaoDich`). Ends the
/// doubt about a lost answer without sending anything.
pub async fn confirm(State(gateway): State<Gateway>, mut order: Order) -> Result<Response, Problem> {
    let receipt = order.receipt.take().map(|code| Receipt { code, received_at: None });
    let view = gateway.0.store.confirm(&order.id, &order.reason, receipt).await?;
    Ok(order.answer(view))
}

/// `POST /v1/documents/{id}/legal-hold`: keeps it from being forgotten, whatever its age.
pub async fn set_legal_hold(State(gateway): State<Gateway>, order: Order) -> Result<Response, Problem> {
    let by = &order.call.caller.client.id;
    let view = gateway.0.store.set_legal_hold(&order.id, by, &order.reason).await?;
    Ok(order.answer(view))
}

/// `POST /v1/documents/{id}/legal-hold/lift`: retention holds for it again.
pub async fn lift_legal_hold(State(gateway): State<Gateway>, order: Order) -> Result<Response, Problem> {
    let by = &order.call.caller.client.id;
    let view = gateway.0.store.lift_legal_hold(&order.id, by, &order.reason).await?;
    Ok(order.answer(view))
}

/// `POST /v1/documents/{id}/forget`: forgets its bytes now, ahead of retention, as a person it is about may ask.
pub async fn forget(State(gateway): State<Gateway>, order: Order) -> Result<Response, Problem> {
    let view = gateway.0.store.forget_body(&order.id, &order.reason).await?;
    Ok(order.answer(view))
}

/// An order as read: about which of the caller's documents, and why.
pub struct Order {
    call: Call,
    id: String,
    view: DocumentView,
    reason: String,
    receipt: Option<String>,
}

impl FromRequest<Gateway> for Order {
    type Rejection = Problem;

    async fn from_request(request: Request, gateway: &Gateway) -> Result<Self, Problem> {
        /// Characters of a receipt typed by a person; the portal's have 52.
        const RECEIPT_MAX: usize = 200;
        let (mut parts, body) = request.into_parts();
        let call = Call::from_request_parts(&mut parts, gateway).await?;
        let Id(id) = Id::from_request_parts(&mut parts, gateway).await?;
        let view = owned(gateway, &call, &id).await?;
        let mut fields = Fields::read(&gateway.0.read_small(Request::from_parts(parts, body)).await?)?;
        let reason = fields.needed("lyDo");
        let reason = fields.at_most("lyDo", reason, REASON_MAX);
        let receipt = fields.text("maGiaoDich");
        let receipt = fields.at_most("maGiaoDich", receipt, RECEIPT_MAX);
        fields.end()?;
        // A missing reason has ended the reading above.
        Ok(Self { call, id, view, reason: reason.unwrap_or_default(), receipt })
    }
}

impl Order {
    /// In live mode, what is not switched on does not go out, whoever orders it.
    fn must_be_sent_for(&self, gateway: &Gateway) -> Result<(), Problem> {
        if gateway.0.intake.sends(self.view.facility, self.view.kind) { Ok(()) } else { Err(problem::sending_off()) }
    }

    fn answer(&self, view: DocumentView) -> Response {
        Json(shapes::document(view, &self.call.context.voice)).into_response()
    }
}
