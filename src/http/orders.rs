//! Handlers of what a person orders about one document. Each order needs a reason (`lyDo`), which is kept, sealed.

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};

use crate::domain::Receipt;
use crate::http::Gateway;
use crate::http::call::{Call, Id};
use crate::http::documents::owned;
use crate::http::fields::Fields;
use crate::http::problem::{self, Problem};
use crate::http::shapes;
use crate::store::DocumentView;

/// `POST /v1/documents/{id}/replay`: sends it again, knowingly.
pub async fn replay(
    State(gateway): State<Gateway>,
    call: Call,
    Id(id): Id,
    request: Request,
) -> Result<Response, Problem> {
    let order = read(&gateway, &call, &id, request).await?;
    order.must_be_sent_for(&gateway)?;
    let view = gateway.0.store.replay(&id, &order.reason).await?;
    Ok(answer(view, &call))
}

/// `POST /v1/documents/{id}/cancel`: withdraws it before the portal has it.
pub async fn cancel(
    State(gateway): State<Gateway>,
    call: Call,
    Id(id): Id,
    request: Request,
) -> Result<Response, Problem> {
    let order = read(&gateway, &call, &id, request).await?;
    let view = gateway.0.store.cancel(&id, &order.reason).await?;
    Ok(answer(view, &call))
}

/// `POST /v1/documents/{id}/hold`: keeps it back until released.
pub async fn hold(
    State(gateway): State<Gateway>,
    call: Call,
    Id(id): Id,
    request: Request,
) -> Result<Response, Problem> {
    let order = read(&gateway, &call, &id, request).await?;
    let view = gateway.0.store.hold(&id, &order.reason).await?;
    Ok(answer(view, &call))
}

/// `POST /v1/documents/{id}/release`: lets a held one go.
pub async fn release(
    State(gateway): State<Gateway>,
    call: Call,
    Id(id): Id,
    request: Request,
) -> Result<Response, Problem> {
    let order = read(&gateway, &call, &id, request).await?;
    order.must_be_sent_for(&gateway)?;
    let view = gateway.0.store.release(&id, &order.reason).await?;
    Ok(answer(view, &call))
}

/// `POST /v1/documents/{id}/confirm`: a person found it at the portal, perhaps with its receipt (`maGiaoDich`). Ends the
/// doubt about a lost answer without sending anything.
pub async fn confirm(
    State(gateway): State<Gateway>,
    call: Call,
    Id(id): Id,
    request: Request,
) -> Result<Response, Problem> {
    let order = read(&gateway, &call, &id, request).await?;
    let receipt = order.receipt.map(|code| Receipt { code, received_at: None });
    let view = gateway.0.store.confirm(&id, &order.reason, receipt).await?;
    Ok(answer(view, &call))
}

/// An order as read: about which document, and why.
struct Order {
    view: DocumentView,
    reason: String,
    receipt: Option<String>,
}

impl Order {
    /// In live mode, what is not switched on does not go out, whoever orders it.
    fn must_be_sent_for(&self, gateway: &Gateway) -> Result<(), Problem> {
        if gateway.0.intake.sends(self.view.facility, self.view.kind) { Ok(()) } else { Err(problem::sending_off()) }
    }
}

async fn read(gateway: &Gateway, call: &Call, id: &str, request: Request) -> Result<Order, Problem> {
    /// Characters of a reason, and of a receipt: the portal's are 52 long.
    const REASON_MAX: usize = 500;
    const RECEIPT_MAX: usize = 200;
    let view = owned(gateway, call, id).await?;
    let mut fields = Fields::read(&gateway.0.read_small(request).await?)?;
    let reason = fields.needed("lyDo");
    let receipt = fields.text("maGiaoDich");
    fields.end()?;
    Ok(Order {
        view,
        reason: reason.unwrap_or_default().chars().take(REASON_MAX).collect(),
        receipt: receipt.map(|code| code.chars().take(RECEIPT_MAX).collect()),
    })
}

fn answer(view: DocumentView, call: &Call) -> Response {
    Json(shapes::document(view, &call.context.voice)).into_response()
}
