//! What can be wrong with an order to the directory of officers, as a problem.

use http::StatusCode;

use super::Problem;

/// The directory of officers has no such row of the facility.
pub fn not_in_directory() -> Problem {
    let title = ("Danh bạ không có cán bộ này ở cơ sở này", "The directory has nobody of this id at this facility");
    let next = (
        "Xem GET /v1/officers. Dòng của cấu hình thì sửa trong cấu hình; dòng cho mọi cơ sở thì dùng lienthong officers.",
        "See GET /v1/officers. Rows of the configuration change there; rows for all facilities by lienthong officers.",
    );
    Problem::new(StatusCode::NOT_FOUND, "staff.not_found", title, next)
}

/// The directory of officers holds as many as it may.
pub fn directory_full() -> Problem {
    let title = ("Danh bạ đã đủ 100.000 cán bộ", "The directory holds 100,000 officers already");
    let next = ("Xóa những người không còn tra cứu thẻ.", "Remove those who no longer look up cards.");
    Problem::new(StatusCode::CONFLICT, "staff.too_many", title, next)
}
