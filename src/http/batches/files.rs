//! Results as a file: CSV that Excel shows right, or a workbook. Both are made from the rows as JSON shows them, so the
//! three say the same.
//!
//! No cell is ever a formula: what begins like one gets an apostrophe before it (ASVS 5.0, 1.2.10). In a workbook every cell
//! is text, so numbers of cards and of people keep their zeros.

use rust_xlsxwriter::{Format, Workbook, XlsxError};
use serde_json::Value;

use crate::domain::PartialDate;

/// A column of the file: its heading, and where in a row's JSON it stands.
struct FileColumn {
    heading: &'static str,
    path: &'static [&'static str],
    width: f64,
    is_date: bool,
}

const fn column(heading: &'static str, width: f64, path: &'static [&'static str]) -> FileColumn {
    FileColumn { heading, path, width, is_date: false }
}

const fn date(heading: &'static str, path: &'static [&'static str]) -> FileColumn {
    FileColumn { heading, path, width: 12.0, is_date: true }
}

const COLUMNS: [FileColumn; 21] = [
    column("Dòng", 7.0, &["dong"]),
    column("Mã tham chiếu", 16.0, &["ref"]),
    column("Số thẻ/CCCD", 18.0, &["maThe"]),
    column("Họ tên", 28.0, &["hoTen"]),
    date("Ngày sinh", &["ngaySinh"]),
    date("Ngày khám", &["ngayKham"]),
    column("Trạng thái", 10.0, &["trangThai"]),
    column("Kết luận", 18.0, &["ketLuan", "code"]),
    column("Diễn giải", 36.0, &["ketLuan", "nhan"]),
    column("Việc cần làm", 48.0, &["nextStep"]),
    column("Mã kết quả", 11.0, &["ketLuan", "maKetQua"]),
    column("Ghi chú của cổng", 40.0, &["ketLuan", "ghiChu"]),
    column("Số thẻ BHYT", 18.0, &["the", "maThe"]),
    date("Giá trị từ", &["the", "gtTheTu"]),
    date("Giá trị đến", &["the", "gtTheDen"]),
    column("Mã nơi ĐKBĐ", 12.0, &["the", "maDKBD"]),
    column("Số thẻ mới", 18.0, &["theMoi", "maThe"]),
    date("Thẻ mới từ", &["theMoi", "gtTheTu"]),
    date("Thẻ mới đến", &["theMoi", "gtTheDen"]),
    column("Tra lúc", 26.0, &["traLuc"]),
    column("Lỗi", 36.0, &["loi"]),
];

/// What a file begins with, and each of its lines.
pub(super) fn csv_head() -> String {
    // Without the mark Excel reads UTF-8 as something else.
    format!("\u{FEFF}{}", csv_line(COLUMNS.iter().map(|column| column.heading.to_owned())))
}

/// A row as a line of CSV.
pub(super) fn csv_row(row: &Value) -> String {
    csv_line(cells(row))
}

/// All rows as a workbook. Takes some hundred bytes a cell while it is made, 60 MB for the longest list.
pub(super) fn workbook(rows: &[Vec<String>]) -> Result<Vec<u8>, XlsxError> {
    let mut workbook = Workbook::new();
    let heading = Format::new().set_bold();
    let sheet = workbook.add_worksheet().set_name("Kết quả")?;
    for (index, column) in (0u16..).zip(&COLUMNS) {
        sheet.set_column_width(index, column.width)?;
        sheet.write_string_with_format(0, index, column.heading, &heading)?;
    }
    sheet.set_freeze_panes(1, 0)?;
    for (number, row) in (1u32..).zip(rows) {
        for (index, cell) in (0u16..).zip(row) {
            if !cell.is_empty() {
                sheet.write_string(number, index, bounded(cell))?;
            }
        }
    }
    workbook.save_to_buffer()
}

/// A row as texts, each harmless.
pub(super) fn cells(row: &Value) -> Vec<String> {
    COLUMNS.iter().map(|column| harmless(cell(row, column))).collect()
}

fn cell(row: &Value, column: &FileColumn) -> String {
    let found = column.path.iter().try_fold(row, |value, member| value.get(member));
    let text = match found {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        // What failed is told in words, with its fields.
        Some(failure @ Value::Object(_)) => failure_text(failure),
        _ => String::new(),
    };
    if !column.is_date {
        return text;
    }
    // As people write it; what is no date stays as it came.
    PartialDate::parse(&text).map_or(text, PartialDate::portal)
}

fn failure_text(failure: &Value) -> String {
    let word = |value: &Value, member: &str| match value.get(member) {
        Some(Value::String(text)) => text.clone(),
        Some(both) => both.get("vi").and_then(Value::as_str).unwrap_or_default().to_owned(),
        None => String::new(),
    };
    let mut told = vec![format!("{}: {}", word(failure, "code"), word(failure, "nhan"))];
    for error in failure.get("errors").and_then(Value::as_array).into_iter().flatten() {
        told.push(format!("{}: {}", word(error, "truong"), word(error, "thongBao")));
    }
    told.join("; ")
}

/// A cell that no spreadsheet takes for a formula.
fn harmless(text: String) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\0']) { format!("'{text}") } else { text }
}

/// A workbook's cell holds 32,767 characters, counted in UTF-16; a longer text would cost the whole file. No field of the
/// portal comes near it.
fn bounded(text: &str) -> &str {
    const CELL_MAX: usize = 32_767;
    // A byte of UTF-8 is one unit of UTF-16 at the most.
    text.get(..text.floor_char_boundary(CELL_MAX)).unwrap_or(text)
}

/// RFC 4180: every cell in quotes.
fn csv_line(cells: impl IntoIterator<Item = String>) -> String {
    let quoted: Vec<String> = cells.into_iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect();
    format!("{}\r\n", quoted.join(","))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_cell_is_a_formula_and_no_cell_breaks_out() {
        for (text, cell) in [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@x", "'@x"),
            ("\tx", "'\tx"),
            ("\rx", "'\rx"),
            ("\0x", "'\0x"),
            ("001185012345", "001185012345"),
            ("a=b", "a=b"),
            ("", ""),
        ] {
            assert_eq!(harmless(text.to_owned()), cell);
        }
        let row = json!({"dong": 2, "ref": "=cmd|' /C calc'!A0", "hoTen": "a\",\"b\r\nc"});
        let line = csv_row(&row);
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(line.as_bytes());
        let record = reader.records().next().unwrap().unwrap();
        assert_eq!(record.len(), COLUMNS.len());
        assert_eq!((&record[1], &record[3]), ("'=cmd|' /C calc'!A0", "a\",\"b\r\nc"));
    }

    #[test]
    fn one_long_text_does_not_cost_the_whole_workbook() {
        let rows = vec![vec!["ế".repeat(40_000), "GD4010199999991".to_owned()]];
        assert!(workbook(&rows).unwrap().starts_with(b"PK"));
    }

    #[test]
    fn a_row_is_told_in_full() {
        let row = json!({
            "dong": 3, "ref": "BN1", "maThe": "001185012345", "ngaySinh": "1985-03-05", "trangThai": "loi",
            "the": {"maThe": "GD4010199999991", "gtTheTu": "2026-01-01"}, "theMoi": null,
            "loi": {"code": "request.invalid", "nhan": "Dòng sai", "errors": [{"truong": "hoTen", "thongBao": "Thiếu"}]},
        });
        let cells = cells(&row);
        let by_heading = |heading: &str| {
            let index = COLUMNS.iter().position(|column| column.heading == heading).unwrap();
            cells[index].as_str()
        };
        assert_eq!(by_heading("Ngày sinh"), "05/03/1985");
        assert_eq!(by_heading("Giá trị từ"), "01/01/2026");
        assert_eq!(by_heading("Số thẻ mới"), "");
        assert_eq!(by_heading("Lỗi"), "request.invalid: Dòng sai; hoTen: Thiếu");
        assert!(csv_head().starts_with("\u{FEFF}\"Dòng\",\"Mã tham chiếu\""));
    }
}
