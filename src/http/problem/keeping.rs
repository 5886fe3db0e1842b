//! Problems of what is kept, and of what is not kept any more.

use std::time::Duration;

use http::StatusCode;

use super::{Problem, TELL_IT};
use crate::domain::DeliveryState;

/// The bytes are gone; what is known of the document is still there.
pub fn forgotten() -> Problem {
    let title = (
        "Nội dung hồ sơ đã được xóa theo thời hạn lưu giữ",
        "The content of the document was forgotten, as retention says",
    );
    let next = (
        "Biên nhận và các lần gửi vẫn còn. Cần gửi lại thì hủy hồ sơ này (cancel) rồi gửi lại tệp từ HIS.",
        "Receipts and attempts are still there. To send it again, cancel this document and submit the file from the HIS.",
    );
    Problem::new(StatusCode::GONE, "document.forgotten", title, next)
}

/// An event to read on from that is not in the feed.
pub fn cursor_unknown() -> Problem {
    let title = ("Sự kiện này không có trong nguồn tin", "There is no such event in the feed");
    let next = (
        "Sự kiện đã quá hạn lưu, hoặc gateway đã được khôi phục từ bản sao lưu (sự kiện store.restored). Bỏ after để đọc \
         từ đầu, rồi đối chiếu các hồ sơ đã gửi từ lúc sao lưu.",
        "The event is too old, or the gateway was restored from a backup (event store.restored). Leave after out to read \
         from the beginning, then compare what you submitted since the backup was made.",
    );
    Problem::new(StatusCode::GONE, "store.cursor_unknown", title, next)
}

/// What is on a legal hold is not forgotten.
pub(super) fn on_legal_hold() -> Problem {
    let title = ("Hồ sơ đang được giữ theo yêu cầu pháp lý", "A legal hold is on the document");
    let next = (
        "Gỡ yêu cầu giữ (legal-hold/lift) khi pháp luật cho phép, rồi thử lại.",
        "Lift the hold (legal-hold/lift) once the law allows it, then try again.",
    );
    Problem::new(StatusCode::CONFLICT, "document.legal_hold", title, next)
}

/// What still has to go out, or waits for a person, is not forgotten.
pub(super) fn not_at_end(state: DeliveryState) -> Problem {
    let title = ("Hồ sơ chưa kết thúc nên chưa được xóa", "The document is not at its end, so it is kept");
    let next = ("Đợi gửi xong, hoặc hủy (cancel) trước.", "Wait until it was sent, or cancel it first.");
    Problem::new(StatusCode::CONFLICT, "document.not_at_end", title, next).member("state", state.name())
}

/// The disk is so full that new documents are refused before anything fails.
pub(super) fn short_of_room() -> Problem {
    let title =
        ("Đĩa của gateway sắp đầy, chưa nhận hồ sơ mới", "The gateway's disk is nearly full; nothing was accepted");
    Problem::new(StatusCode::INSUFFICIENT_STORAGE, "store.short_of_room", title, TELL_IT)
        .retry_after(Duration::from_secs(60))
}
