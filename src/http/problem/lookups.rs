//! Why a lookup got no answer, as a problem.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;

use super::{Problem, busy};
use crate::lookup::{Failure, LookupError};
use crate::portal::{Fault, PortalError};

const BY_PAPERS: (&str, &str) = (
    "Tiếp nhận bằng giấy tờ; tra lại khi cổng hoạt động.",
    "Admit by the papers; look up again when the portal is back.",
);

/// There is no ticket of this id, or not for this caller.
pub fn no_such_ticket() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "card.no_such_ticket",
        ("Không có lượt tra cứu chờ này", "There is no such open question"),
        (
            "Kiểm tra mã lkp_…; lượt đã xong được giữ bảy ngày.",
            "Check the id lkp_…; what has ended is kept for seven days.",
        ),
    )
}

impl From<LookupError> for Problem {
    fn from(error: LookupError) -> Self {
        match error {
            LookupError::NoAnswer(failure) => no_answer(failure),
            LookupError::NotRecorded(error) => error.into(),
            LookupError::SandboxOnly => Self::new(
                StatusCode::BAD_REQUEST,
                "card.sandbox_only",
                ("Mã chỉ dùng để thử nghiệm", "This id exists in the sandbox only"),
                ("Dùng số thật ở chế độ chính thức.", "Use real numbers in live mode."),
            ),
            LookupError::OfficerMissing => Self::new(
                StatusCode::BAD_REQUEST,
                "staff.missing",
                ("Thiếu cán bộ tra cứu", "The officer who asks is missing"),
                (
                    "Gửi canBo {hoTen, cccd}, header Staff-Id, hoặc cấu hình cán bộ mặc định của cơ sở.",
                    "Send canBo {hoTen, cccd}, the header Staff-Id, or configure the facility's default officer.",
                ),
            ),
        }
    }
}

fn no_answer(failure: Failure) -> Problem {
    let unreachable = |code, title, wait: Duration| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, title, BY_PAPERS).retry_after(wait)
    };
    match failure {
        Failure::Portal(error) => portal_failed(error),
        Failure::PortalFault(answered) => unreachable(
            "portal.fault",
            ("Cổng BHXH báo lỗi hệ thống", "The portal reports a system fault"),
            Duration::from_secs(30),
        )
        .member("portal", json!({"maKetQua": answered.code})),
        Failure::BudgetSpent(wait) => unreachable(
            "portal.budget_spent",
            ("Đã hết lượt hỏi cổng của cơ sở", "The facility's budget of questions to the portal is spent"),
            wait,
        ),
        Failure::TooMany => busy(),
        Failure::StillAsking => {
            let title = ("Cổng BHXH chưa trả lời kịp", "The portal has not answered in time");
            Problem::new(StatusCode::GATEWAY_TIMEOUT, "portal.timeout", title, BY_PAPERS)
                .retry_after(Duration::from_secs(10))
        }
    }
}

fn portal_failed(error: PortalError) -> Problem {
    let unavailable = |code, title| Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, title, BY_PAPERS);
    let wait = error.retry_after.unwrap_or(Duration::from_secs(15));
    match error.fault {
        Fault::TimedOut => {
            let title = ("Cổng BHXH chưa trả lời kịp", "The portal has not answered in time");
            Problem::new(StatusCode::GATEWAY_TIMEOUT, "portal.timeout", title, BY_PAPERS).retry_after(wait)
        }
        Fault::Unreachable(_) | Fault::Broken | Fault::BreakerOpen | Fault::HttpStatus(_) => {
            unavailable("portal.unreachable", ("Cổng BHXH không trả lời", "The portal does not answer"))
                .retry_after(wait)
        }
        Fault::Nonsense(_) => {
            let title = ("Không hiểu câu trả lời của cổng BHXH", "The portal's answer cannot be understood");
            Problem::new(StatusCode::BAD_GATEWAY, "portal.nonsense", title, BY_PAPERS).retry_after(wait)
        }
        Fault::SessionRefused => unavailable(
            "portal.session_ip_mismatch",
            ("Cổng BHXH từ chối phiên làm việc", "The portal refused the session"),
        )
        .detail(
            "Thường do IP gọi khác IP lấy token, hoặc tài khoản thiếu quyền.",
            "Usually the calling address differs from the one that logged in, or the account lacks the right.",
        )
        .retry_after(wait),
        Fault::LoginRefused(code) => {
            unavailable("portal.login_refused", ("Cổng BHXH từ chối đăng nhập", "The portal refused the login"))
                .detail(
                    "401: sai tài khoản hoặc mật khẩu; 402: sai mã cơ sở; 403: tài khoản bị khóa.",
                    "401: wrong account or password; 402: wrong facility; 403: account locked.",
                )
                .retry_after(wait)
                .member("portal", json!({"maKetQua": code}))
        }
        Fault::NoAccount => {
            let title = ("Cơ sở chưa có tài khoản cổng", "The facility has no portal account here");
            let next = ("Thêm [[facility]] vào cấu hình.", "Add a [[facility]] to the configuration.");
            Problem::new(StatusCode::FORBIDDEN, "facility.no_account", title, next)
        }
    }
}
