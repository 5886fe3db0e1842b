//! Problems of webhook endpoints.

use http::StatusCode;

use super::Problem;
use crate::store::webhooks::{ENDPOINTS_MAX, ENDPOINTS_OF_CLIENT_MAX};

/// An endpoint that is not there, or not this caller's: the two look the same on purpose.
pub fn no_such_webhook() -> Problem {
    let title = ("Không có nơi nhận webhook này", "There is no such webhook endpoint");
    let next = ("Xem GET /v1/webhook-endpoints.", "See GET /v1/webhook-endpoints.");
    Problem::new(StatusCode::NOT_FOUND, "webhook.not_found", title, next)
}

/// An event that was never on its way to the endpoint, or so long ago that this is not kept.
pub fn no_such_delivery() -> Problem {
    let title = ("Sự kiện này không có trong danh sách gửi", "This event is not among the deliveries");
    let next = (
        "Xem GET …/deliveries; sự kiện cũ hơn thì dùng …/recover.",
        "See GET …/deliveries; for older events use …/recover.",
    );
    Problem::new(StatusCode::NOT_FOUND, "webhook.no_such_delivery", title, next)
}

/// There are as many endpoints as there may be.
pub fn too_many_webhooks() -> Problem {
    let title = ("Đã có quá nhiều nơi nhận webhook", "There are too many webhook endpoints");
    let next = ("Xóa nơi nhận không dùng nữa.", "Remove those that are not used any more.");
    Problem::new(StatusCode::CONFLICT, "webhook.too_many", title, next)
        .member("max", ENDPOINTS_OF_CLIENT_MAX)
        .member("maxInAll", ENDPOINTS_MAX)
}
