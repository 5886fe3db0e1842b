//! What can be wrong with lists, as problems.

use http::StatusCode;
use serde_json::Value;

use super::fault::ReadFault;
use crate::batch::OPEN_MAX;
use crate::domain::Bilingual;
use crate::http::problem::{Problem, field_error};
use crate::store::batches::{BatchRefused, BatchState};

const MEND: (&str, &str) = (
    "Sửa các dòng nêu trong errors rồi gửi lại, hoặc gửi với ?skipInvalid=true để bỏ qua các dòng đó.",
    "Mend the rows listed in errors and send again, or send with ?skipInvalid=true to leave them out.",
);

/// A list that cannot be read at all.
pub(super) fn unreadable(fault: ReadFault) -> Problem {
    let (status, code, title, next) = fault.told();
    let problem = Problem::new(status, code, title, next);
    match fault.column() {
        None => problem,
        Some(column) => problem.errors(vec![field_error(
            column.member(),
            "MISSING_COLUMN",
            Bilingual::fixed(title.0, title.1),
            Bilingual::fixed(next.0, next.1),
        )]),
    }
}

/// A list with wrong rows, of which nothing was accepted.
pub(super) fn rows_invalid(errors: Vec<Value>, count: usize) -> Problem {
    let title = ("Danh sách có dòng sai, chưa nhận dòng nào", "The list has wrong rows; nothing of it was accepted");
    let not_listed = count - errors.len();
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "batch.rows_invalid", title, MEND)
        .errors(errors)
        .detail(format!("Có {count} lỗi."), format!("There are {count} faults."))
        .member("soLoi", count)
        .member("khongLietKe", not_listed)
}

/// A list without rows.
pub(super) fn empty() -> Problem {
    let title = ("Danh sách không có dòng nào", "The list has no rows");
    let next = ("Thêm ít nhất một dòng.", "Add a row at least.");
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "batch.empty", title, next)
}

/// The client has too many open lists.
pub(super) fn too_many_open() -> Problem {
    let title = ("Quá nhiều danh sách đang mở", "Too many lists are open");
    let next = ("Đợi danh sách trước xong, hoặc hủy bớt.", "Wait for earlier lists to end, or cancel some.");
    Problem::new(StatusCode::CONFLICT, "batch.too_many_open", title, next).member("max", OPEN_MAX)
}

/// An idempotency key that was used for another list.
pub(super) fn key_used_for_other() -> Problem {
    let title = ("Idempotency-Key đã dùng cho danh sách khác", "The Idempotency-Key was used for another list");
    let next = ("Dùng khóa mới cho danh sách mới.", "Use a new key for a new list.");
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency.key_reused", title, next)
}

/// An idempotency key under which a list is being kept.
pub(super) fn key_under_way() -> Problem {
    let title = ("Yêu cầu cùng Idempotency-Key đang xử lý", "A request with this Idempotency-Key is under way");
    let next = ("Thử lại sau thời gian nêu ở Retry-After.", "Try again after the time in Retry-After.");
    Problem::new(StatusCode::CONFLICT, "idempotency.under_way", title, next)
        .retry_after(std::time::Duration::from_secs(1))
}

/// A list that is not there, or not for this caller.
pub(super) fn not_found() -> Problem {
    let title = ("Không tìm thấy danh sách", "There is no such list");
    let next = (
        "Kiểm tra mã và quyền của khóa đối với cơ sở; danh sách được giữ 7 ngày sau khi kết thúc.",
        "Check the id, and that the key may see this facility; lists are kept 7 days after their end.",
    );
    Problem::new(StatusCode::NOT_FOUND, "batch.not_found", title, next)
}

/// A parameter that is not known, or not so.
pub(super) fn wrong_query() -> Problem {
    crate::http::problem::invalid_request(vec![field_error(
        "query",
        "BATCH_QUERY",
        Bilingual::fixed("Tham số không hợp lệ", "The parameter is not valid"),
        Bilingual::fixed(
            "limit: 1 đến 500; cursor: page.next của trang trước; only: problems; format: json, csv, xlsx.",
            "limit: 1 to 500; cursor: page.next of the page before; only: problems; format: json, csv, xlsx.",
        ),
    )])
}

impl From<BatchRefused> for Problem {
    fn from(refused: BatchRefused) -> Self {
        match refused {
            BatchRefused::NotFound => not_found(),
            BatchRefused::Ended(state) => {
                let title = ("Danh sách đã kết thúc", "The list has ended");
                let next = ("Xem kết quả, hoặc gửi danh sách mới.", "Look at its results, or send a new list.");
                Self::new(StatusCode::CONFLICT, "batch.ended", title, next).member("trangThai", state_word(state))
            }
            BatchRefused::Store(error) => error.into(),
        }
    }
}

/// The word for a state on the wire.
pub(super) fn state_word(state: BatchState) -> &'static str {
    match state {
        BatchState::Waiting => "cho",
        BatchState::Running => "dang_chay",
        BatchState::Paused => "tam_dung",
        BatchState::Done => "xong",
        BatchState::Cancelled => "da_huy",
    }
}
