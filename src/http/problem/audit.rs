//! A deed that could not be recorded, as a problem.

use std::time::Duration;

use http::StatusCode;

use super::Problem;
use crate::audit::Unavailable;

impl From<Unavailable> for Problem {
    fn from(error: Unavailable) -> Self {
        // What exactly fails is for the log; the caller's cure is the same.
        drop(error);
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "audit.unavailable",
            (
                "Không ghi được nhật ký kiểm toán nên gateway không thực hiện",
                "The audit log cannot be written, so nothing was done",
            ),
            (
                "Báo phòng CNTT xem đĩa của gateway (xem /readyz), rồi thử lại.",
                "Tell IT to look at the gateway's disk (see /readyz), then try again.",
            ),
        )
        .retry_after(Duration::from_secs(5))
    }
}
