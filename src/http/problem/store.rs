//! What can be wrong with the store, as a problem: the same words to those who send documents and to those who watch
//! `/readyz`.

use std::time::Duration;

use http::StatusCode;

use super::{Problem, TELL_IT, busy, keeping};
use crate::store::StoreError;

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full => Self::new(
                StatusCode::INSUFFICIENT_STORAGE,
                "store.full",
                ("Đĩa của gateway đã đầy, chưa nhận", "The gateway's disk is full; nothing was accepted"),
                ("Báo phòng CNTT dọn đĩa, rồi gửi lại.", "Tell IT to free disk space, then send again."),
            )
            .retry_after(Duration::from_secs(60)),
            StoreError::ReadOnly => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "store.read_only",
                (
                    "Đĩa của gateway chỉ đọc được, chưa nhận",
                    "The gateway's disk can only be read; nothing was accepted",
                ),
                (
                    "Báo phòng CNTT cho ghi lại thư mục dữ liệu, rồi gửi lại.",
                    "Tell IT to make the data folder writable again, then send again.",
                ),
            )
            .retry_after(Duration::from_secs(60)),
            StoreError::Damaged => {
                tracing::error!(%error, "the store is damaged");
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "store.damaged",
                    (
                        "Kho dữ liệu của gateway bị hỏng, chưa nhận",
                        "The gateway's database is damaged; nothing was accepted",
                    ),
                    (
                        "Báo phòng CNTT: dừng gateway, chạy lienthong check --database, khôi phục từ bản sao lưu.",
                        "Tell IT: stop the gateway, run lienthong check --database, restore the backup.",
                    ),
                )
                .retry_after(Duration::from_secs(300))
            }
            StoreError::ShortOfRoom => keeping::short_of_room(),
            StoreError::Busy | StoreError::Closing => busy(),
            error => {
                tracing::error!(%error, "the store failed");
                let title =
                    ("Kho dữ liệu của gateway có lỗi, chưa nhận", "The gateway's store failed; nothing was accepted");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "store.failed", title, TELL_IT)
                    .retry_after(Duration::from_secs(30))
            }
        }
    }
}
