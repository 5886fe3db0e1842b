//! Why a list cannot be read at all, in words and as a status.

use http::StatusCode;

use super::cells::Column;
use super::table::TableFault;

/// Why a list cannot be read at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadFault {
    /// It is not UTF-8.
    NotUtf8,
    /// Its rows cannot be told apart.
    Damaged,
    /// A JSON body without `rows`.
    RowsMissing,
    /// It is no workbook, or one no spreadsheet writes.
    NoWorkbook,
    /// It unpacks to more than any list does.
    TooMuch,
    /// Reading it takes too long.
    TooSlow,
    /// Its table.
    Table(TableFault),
}

impl From<TableFault> for ReadFault {
    fn from(fault: TableFault) -> Self {
        Self::Table(fault)
    }
}

impl ReadFault {
    /// Status, code, what is wrong, and what to do.
    pub(super) fn told(self) -> (StatusCode, &'static str, (&'static str, &'static str), (&'static str, &'static str)) {
        const TEMPLATE: (&str, &str) = (
            "Dòng tiêu đề cần các cột: Họ tên, Ngày sinh, Số thẻ hoặc CCCD (có thể thêm Mã BN, Ngày khám).",
            "The headings need the columns Họ tên, Ngày sinh, Số thẻ or CCCD (Mã BN, Ngày khám if you like).",
        );
        const SAVE_AGAIN: (&str, &str) = (
            "Mở tệp bằng Excel, lưu lại dạng .xlsx rồi gửi lại.",
            "Open it in Excel, save it as .xlsx, and send again.",
        );
        let wrong = StatusCode::UNPROCESSABLE_ENTITY;
        match self {
            Self::NotUtf8 => (
                StatusCode::BAD_REQUEST,
                "batch.not_utf8",
                ("Tệp CSV không phải UTF-8", "The CSV is not UTF-8"),
                ("Lưu dạng \"CSV UTF-8\", hoặc gửi .xlsx.", "Save it as \"CSV UTF-8\", or send .xlsx."),
            ),
            Self::Damaged => (
                StatusCode::BAD_REQUEST,
                "batch.unreadable",
                ("Không đọc được danh sách", "The list cannot be read"),
                ("Kiểm tra cấu trúc tệp rồi gửi lại.", "Check the file's structure and send again."),
            ),
            Self::RowsMissing => (
                StatusCode::BAD_REQUEST,
                "batch.rows_missing",
                ("Thiếu rows, hoặc rows không phải mảng", "rows is missing, or no array"),
                ("Gửi {\"rows\": [{…}, …]}.", "Send {\"rows\": [{…}, …]}."),
            ),
            Self::NoWorkbook => (
                wrong,
                "batch.not_a_workbook",
                ("Không phải tệp Excel (.xlsx) đọc được", "It is no workbook (.xlsx) that can be read"),
                SAVE_AGAIN,
            ),
            Self::TooMuch => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "batch.workbook_too_large",
                ("Tệp Excel bung ra quá lớn", "The workbook unpacks to too much"),
                ("Chỉ giữ một trang tính có danh sách rồi gửi lại.", "Keep one sheet with the list, and send again."),
            ),
            Self::TooSlow => (
                wrong,
                "batch.unreadable",
                ("Đọc danh sách mất quá nhiều thời gian", "Reading the list takes too long"),
                ("Chia nhỏ danh sách, hoặc gửi CSV.", "Split the list, or send CSV."),
            ),
            Self::Table(TableFault::NoHeadings) => {
                (wrong, "batch.headings_missing", ("Không thấy dòng tiêu đề cột", "No row holds headings"), TEMPLATE)
            }
            Self::Table(TableFault::ColumnMissing(_)) => {
                (wrong, "batch.headings_missing", ("Thiếu cột bắt buộc", "A required column is missing"), TEMPLATE)
            }
            Self::Table(TableFault::TooManyRows) => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "batch.too_many_rows",
                ("Danh sách quá dài", "The list is too long"),
                ("Chia thành các danh sách không quá 20.000 dòng.", "Split it into lists of 20,000 rows at most."),
            ),
        }
    }

    /// The column a fault is about.
    pub(super) fn column(self) -> Option<Column> {
        match self {
            Self::Table(TableFault::ColumnMissing(column)) => Some(column),
            _ => None,
        }
    }
}
