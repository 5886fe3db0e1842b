//! Comma-separated tables (RFC 4180) with the names of their columns in the first line: code lists and versions.

use crate::domain::Bilingual;

/// A table as it was read; every row has a cell for every column.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Row>,
}

/// One row.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// Where it begins, from 1.
    pub(super) line: u32,
    pub(super) cells: Vec<String>,
}

/// One thing wrong with a text, by its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LineFault {
    pub(super) line: u32,
    pub(super) what: Bilingual,
    pub(super) cure: Bilingual,
}

/// Columns of one table; the widest of ours has eleven.
const COLUMNS_MAX: usize = 64;
/// Characters of one cell. What is longer is a quote that was not closed.
const CELL_CHARACTERS_MAX: usize = 4_000;
/// Rows of one table: more than any national list has, and a bound on memory where rows are short.
const ROWS_MAX: usize = 100_000;
/// Faults told of one table. Who has so many mends a few and looks again.
const FAULTS_MAX: usize = 100;

// === impl Table ===

impl Table {
    /// Reads a table and finds everything that is wrong with its form.
    pub(super) fn read(text: &str) -> Result<Self, Vec<LineFault>> {
        let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
        let mut table = Self::default();
        let mut faults = Vec::new();
        let mut record = csv::StringRecord::new();
        let mut lines = Lines { text, offset: 0, line: 1 };
        loop {
            // The text is UTF-8 already and rows may have any length, so nothing else can go wrong.
            match reader.read_record(&mut record) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    faults.push(unreadable(lines.of(error.position()), &error.to_string()));
                    break;
                }
            }
            let row = Row { line: lines.of(record.position()), cells: record.iter().map(str::to_owned).collect() };
            if row.cells.iter().any(|cell| cell.chars().count() > CELL_CHARACTERS_MAX) {
                faults.push(unreadable(row.line, &format!("> {CELL_CHARACTERS_MAX}")));
            } else if table.columns.is_empty() {
                faults.extend(wrong_columns(&row));
                table.columns = row.cells;
            } else if row.cells.len() != table.columns.len() {
                faults.push(wrong_length(&row, table.columns.len()));
            } else if table.rows.len() < ROWS_MAX {
                table.rows.push(row);
            } else {
                faults.push(too_many_rows(row.line));
                break;
            }
            if is_enough(&mut faults) {
                break;
            }
        }
        if table.columns.is_empty() && faults.is_empty() {
            faults.push(LineFault::new(
                1,
                Bilingual::fixed("tệp trống", "the file is empty"),
                Bilingual::fixed("Ghi tên các cột ở dòng đầu.", "Write the names of the columns in the first line."),
            ));
        }
        if faults.is_empty() { Ok(table) } else { Err(faults) }
    }

    /// Where a column stands.
    pub(super) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }

    /// The columns of `names` that are missing.
    pub(super) fn missing(&self, names: &[&str]) -> Vec<LineFault> {
        let missing = names.iter().filter(|name| self.column(name).is_none());
        missing
            .map(|name| {
                LineFault::new(
                    1,
                    Bilingual::composed(format!("thiếu cột {name}"), format!("the column {name} is missing")),
                    Bilingual::fixed(
                        "Thêm cột; mẫu: `lienthong schema export`.",
                        "Add it; for a pattern see `lienthong schema export`.",
                    ),
                )
            })
            .collect()
    }

    /// The cell of a row; empty if there is no such column.
    pub(super) fn cell<'r>(&self, row: &'r Row, name: &str) -> &'r str {
        self.column(name).and_then(|column| row.cells.get(column)).map_or("", |cell| cell.trim())
    }
}

// === impl LineFault ===

impl LineFault {
    pub(super) fn new(line: u32, what: Bilingual, cure: Bilingual) -> Self {
        Self { line, what, cure }
    }
}

/// Whether so many faults were found that looking on is no help; says so at the end of them.
pub(super) fn is_enough(faults: &mut Vec<LineFault>) -> bool {
    let is_enough = faults.len() >= FAULTS_MAX;
    if let (true, Some(last)) = (is_enough, faults.last()) {
        faults.push(LineFault::new(
            last.line,
            Bilingual::fixed("không xem tiếp sau dòng này", "what follows was not looked at"),
            Bilingual::fixed("Sửa các lỗi trên rồi kiểm tra lại.", "Mend these and check again."),
        ));
    }
    is_enough
}

fn too_many_rows(line: u32) -> LineFault {
    LineFault::new(
        line,
        Bilingual::composed(format!("hơn {ROWS_MAX} dòng"), format!("more than {ROWS_MAX} rows")),
        Bilingual::fixed("Chia thành nhiều danh mục.", "Make several lists of it."),
    )
}

/// Counts lines. The reader's own count begins at the line break or the empty lines before a row.
struct Lines<'t> {
    text: &'t str,
    offset: usize,
    line: u32,
}

impl Lines<'_> {
    fn of(&mut self, position: Option<&csv::Position>) -> u32 {
        let start = position.and_then(|position| usize::try_from(position.byte()).ok()).unwrap_or_default();
        let bytes = self.text.as_bytes();
        let breaks = bytes.iter().skip(start).take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let end = start + breaks;
        let passed = bytes.get(self.offset..end).unwrap_or_default();
        let passed = passed.iter().filter(|byte| **byte == b'\n').count();
        self.line = self.line.saturating_add(u32::try_from(passed).unwrap_or(u32::MAX));
        self.offset = end.max(self.offset);
        self.line
    }
}

fn unreadable(line: u32, why: &str) -> LineFault {
    LineFault::new(
        line,
        Bilingual::composed(format!("không đọc được dòng này: {why}"), format!("the line cannot be read: {why}")),
        Bilingual::fixed("Xem dấu ngoặc kép đã đóng chưa.", "See whether every quote is closed."),
    )
}

fn wrong_length(row: &Row, columns: usize) -> LineFault {
    let cells = row.cells.len();
    LineFault::new(
        row.line,
        Bilingual::composed(
            format!("dòng có {cells} ô, phải có {columns}"),
            format!("the row has {cells} cells and must have {columns}"),
        ),
        Bilingual::fixed(
            "Đặt ô có dấu phẩy trong ngoặc kép; ô trống vẫn cần dấu phẩy.",
            "Put cells with a comma in quotes; empty cells need their comma too.",
        ),
    )
}

fn wrong_columns(row: &Row) -> Option<LineFault> {
    let repeated = row.cells.iter().enumerate().any(|(at, cell)| row.cells.iter().take(at).any(|other| other == cell));
    let wrong = repeated || row.cells.len() > COLUMNS_MAX || row.cells.iter().any(String::is_empty);
    wrong.then(|| {
        LineFault::new(
            row.line,
            Bilingual::composed(
                format!("tên cột trống, trùng, hoặc hơn {COLUMNS_MAX} cột"),
                format!("a column without a name, two of one name, or more than {COLUMNS_MAX}"),
            ),
            Bilingual::fixed("Đặt cho mỗi cột một tên riêng.", "Give each column a name of its own."),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_read_with_the_lines_of_their_rows() {
        let table = Table::read("\u{FEFF}code,meaning\r\n1,\"a, \"\"b\"\"\nc\"\n2,\n").unwrap();
        assert_eq!(table.columns, ["code", "meaning"]);
        let rows: Vec<(u32, &str, &str)> =
            table.rows.iter().map(|row| (row.line, table.cell(row, "code"), table.cell(row, "meaning"))).collect();
        assert_eq!(rows, [(2, "1", "a, \"b\"\nc"), (4, "2", "")]);
        assert_eq!(table.cell(&table.rows[0], "note"), "");
        assert_eq!(table.missing(&["code", "note"]).len(), 1);
    }

    #[test]
    fn every_fault_of_a_table_is_told_with_its_line() {
        let lines =
            |text: &str| -> Vec<u32> { Table::read(text).unwrap_err().iter().map(|fault| fault.line).collect() };
        assert_eq!(lines("a,b\n1\n1,2\n1,2,3\n"), [2, 4]);
        assert_eq!(lines(""), [1]);
        assert_eq!(lines("a,a\n1,2\n"), [1]);
        assert_eq!(lines("a,\n1,2\n"), [1]);
        assert_eq!(lines(&format!("a\n{}", "1,2\n".repeat(1_000))).len(), FAULTS_MAX + 1);
        assert_eq!(lines(&format!("a\n{}", "1\n".repeat(ROWS_MAX + 9))), [u32::try_from(ROWS_MAX).unwrap() + 2]);
        assert_eq!(lines(&format!("a,b\n1,\"{}", "x\n".repeat(3_000))), [2]);
    }
}
