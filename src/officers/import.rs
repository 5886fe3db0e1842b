//! The directory as a table of a spreadsheet: every bad row told with its line, and nothing taken unless all is right.
//! Pure. Faults repeat no value: these name people.

use std::collections::HashMap;

use crate::domain::{Bilingual, FacilityCode, NationalId, Officer, PersonName};
use crate::officers::is_staff_id;
use crate::store::{OFFICERS_MAX, OfficerRow};

/// Bytes of a file at most. A hundred thousand rows have some ten million.
pub const FILE_BYTES_MAX: usize = 32 << 20;

/// The columns, in any order; the last two may be missing.
pub const COLUMNS: [&str; 5] = ["staff_id", "name", "national_id", "facility", "default"];
const NEEDED: usize = 3;

/// One thing wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowFault {
    /// The line, from 1.
    pub line: u64,
    /// The column, or empty where it is about the whole line.
    pub column: &'static str,
    /// What is wrong.
    pub message: Bilingual,
    /// What to do.
    pub cure: Bilingual,
}

/// Reads a table separated by commas, or by semicolons, as spreadsheets set to Vietnamese write it. `known` are the
/// facilities there are.
pub fn read(bytes: &[u8], known: &[FacilityCode]) -> Result<Vec<OfficerRow>, Vec<RowFault>> {
    // Spreadsheets put the mark of UTF-8 in front.
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let heading = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let delimiter = if heading.contains(&b';') { b';' } else { b',' };
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .trim(csv::Trim::All)
        .has_headers(false)
        .from_reader(bytes);
    let mut records = reader.byte_records();
    let places = match records.next() {
        Some(Ok(heading)) => columns(&heading)?,
        _ => return Err(vec![fault(1, "", EMPTY)]),
    };
    let mut table =
        Table { known, rows: Vec::new(), faults: Vec::new(), seen: HashMap::new(), defaults: HashMap::new() };
    for record in records {
        match record {
            Ok(record) if record.iter().all(<[u8]>::is_empty) => {}
            Ok(record) if table.rows.len() + table.faults.len() < OFFICERS_MAX => table.take(&record, &places),
            Ok(record) => {
                table.faults.push(fault(line_of(&record), "", TOO_MANY));
                break;
            }
            Err(_) => {
                table.faults.push(fault(0, "", NOT_A_TABLE));
                break;
            }
        }
    }
    if table.faults.is_empty() { Ok(table.rows) } else { Err(table.faults) }
}

/// Where each column stands.
type Places = [Option<usize>; COLUMNS.len()];

fn columns(heading: &csv::ByteRecord) -> Result<Places, Vec<RowFault>> {
    let mut places: Places = [None; COLUMNS.len()];
    let mut faults = Vec::new();
    for (place, name) in heading.iter().enumerate() {
        let name = String::from_utf8_lossy(name).to_lowercase();
        match COLUMNS.iter().position(|column| *column == name) {
            Some(column) if places[column].is_none() => places[column] = Some(place),
            Some(column) => faults.push(fault(1, COLUMNS[column], TWICE)),
            None if name.is_empty() => {}
            None => faults.push(fault(1, "", UNKNOWN_COLUMN)),
        }
    }
    for (column, place) in COLUMNS.iter().zip(places).take(NEEDED) {
        if place.is_none() {
            faults.push(fault(1, column, MISSING_COLUMN));
        }
    }
    if faults.is_empty() { Ok(places) } else { Err(faults) }
}

/// A table being read.
struct Table<'a> {
    known: &'a [FacilityCode],
    rows: Vec<OfficerRow>,
    faults: Vec<RowFault>,
    /// The line of each staff id and facility.
    seen: HashMap<(String, Option<FacilityCode>), u64>,
    /// The line of each facility's default officer.
    defaults: HashMap<Option<FacilityCode>, u64>,
}

impl Table<'_> {
    /// Takes one row, or all its faults.
    fn take(&mut self, record: &csv::ByteRecord, places: &Places) {
        let line = line_of(record);
        let before = self.faults.len();
        let text = |column: usize| {
            let cell = places[column].and_then(|place| record.get(place)).unwrap_or_default();
            std::str::from_utf8(cell).ok()
        };
        let mut refuse = |column: usize, words: Words| self.faults.push(fault(line, COLUMNS[column], words));

        let staff_id = text(0).filter(|id| is_staff_id(id));
        if staff_id.is_none() {
            refuse(0, STAFF_ID);
        }
        let name = text(1).and_then(|name| PersonName::parse(name).ok());
        if name.is_none() {
            refuse(1, NAME);
        }
        let national_id = text(2).and_then(|id| NationalId::parse(id).ok());
        if national_id.is_none() {
            refuse(2, NATIONAL_ID);
        }
        let facility = match text(3) {
            Some("") => Some(None),
            Some(code) => FacilityCode::parse(code).ok().filter(|code| self.known.contains(code)).map(Some),
            None => None,
        };
        if facility.is_none() {
            refuse(3, FACILITY);
        }
        let is_default = match text(4).map(str::to_lowercase).as_deref() {
            Some("" | "0" | "no" | "false" | "không" | "khong") => Some(false),
            Some("1" | "yes" | "true" | "có" | "co" | "x") => Some(true),
            _ => None,
        };
        if is_default.is_none() {
            refuse(4, DEFAULT);
        }
        let (Some(staff_id), Some(facility)) = (staff_id, facility) else { return };
        let twice = |earlier: u64, vi: &str, en: &str, column| RowFault {
            line,
            column,
            message: Bilingual::composed(format!("{vi} dòng {earlier}"), format!("{en} line {earlier}")),
            cure: Bilingual::fixed("Bỏ một trong hai dòng.", "Remove one of the two lines."),
        };
        if let Some(earlier) = self.seen.insert((staff_id.to_owned(), facility), line) {
            let words = ("Cán bộ này của cơ sở này đã có ở", "This staff id of this facility stands already in");
            self.faults.push(twice(earlier, words.0, words.1, COLUMNS[0]));
        }
        if is_default == Some(true)
            && let Some(earlier) = self.defaults.insert(facility, line)
        {
            let words = ("Cơ sở đã có cán bộ mặc định ở", "The facility has a default officer already in");
            self.faults.push(twice(earlier, words.0, words.1, COLUMNS[4]));
        }
        if self.faults.len() > before {
            return;
        }
        if let (Some(name), Some(national_id), Some(is_default)) = (name, national_id, is_default) {
            let officer = Officer { name, national_id };
            self.rows.push(OfficerRow { staff_id: staff_id.to_owned(), officer, facility, is_default });
        }
    }
}

fn line_of(record: &csv::ByteRecord) -> u64 {
    record.position().map_or(0, csv::Position::line)
}

fn fault(line: u64, column: &'static str, words: Words) -> RowFault {
    let [(vi, en), (cure_vi, cure_en)] = words;
    RowFault { line, column, message: Bilingual::fixed(vi, en), cure: Bilingual::fixed(cure_vi, cure_en) }
}

/// What is wrong and what to do, in Vietnamese and English.
type Words = [(&'static str, &'static str); 2];

const HEADING_CURE: (&str, &str) = (
    "Dòng đầu phải là: staff_id,name,national_id,facility,default",
    "The first line must be: staff_id,name,national_id,facility,default",
);
const EMPTY: Words = [("Tệp trống", "The file is empty"), HEADING_CURE];
const UNKNOWN_COLUMN: Words = [("Có cột lạ", "There is an unknown column"), HEADING_CURE];
const MISSING_COLUMN: Words = [("Thiếu cột này", "This column is missing"), HEADING_CURE];
const TWICE: Words = [("Cột này có hai lần", "This column stands twice"), HEADING_CURE];
const NOT_A_TABLE: Words = [
    ("Không đọc được bảng", "The table cannot be read"),
    ("Lưu lại dạng CSV UTF-8.", "Save it again as CSV in UTF-8."),
];
const TOO_MANY: Words = [
    ("Quá 100.000 dòng", "More than 100,000 lines"),
    ("Bỏ những người không tra cứu thẻ.", "Leave out who looks up no cards."),
];
const STAFF_ID: Words = [
    (
        "Mã cán bộ trống, dài quá 100 ký tự hoặc có ký tự lạ",
        "The staff id is empty, too long, or has strange characters",
    ),
    ("Ghi tài khoản của người này trên HIS.", "Write what the hospital system calls this person."),
];
const NAME: Words = [
    ("Không phải họ tên", "Not a person's name"),
    ("Ghi họ tên như đã đăng ký với cổng, mã hóa UTF-8.", "Write the name as registered at the portal, in UTF-8."),
];
const NATIONAL_ID: Words = [
    ("Không phải số CCCD", "Not a national ID"),
    (
        "Ghi đủ 12 chữ số; để cột ở dạng văn bản, vì bảng tính bỏ mất số 0 ở đầu.",
        "Write all 12 digits; make the column text, because spreadsheets drop leading zeros.",
    ),
];
const FACILITY: Words = [
    ("Không phải mã cơ sở trong cấu hình", "Not the code of a facility in the configuration"),
    (
        "Ghi 5 ký tự mã cơ sở, hoặc để trống cho mọi cơ sở.",
        "Write the 5 characters of the facility, or nothing for all facilities.",
    ),
];
const DEFAULT: Words = [
    ("Không rõ có phải cán bộ mặc định không", "Neither yes nor no"),
    ("Ghi 1 hoặc 0, hoặc để trống.", "Write 1 or 0, or nothing."),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Vec<FacilityCode> {
        ["01999", "79999"].map(|code| FacilityCode::parse(code).unwrap()).to_vec()
    }

    fn faults(text: &str) -> Vec<(u64, &'static str)> {
        let faults = read(text.as_bytes(), &known()).unwrap_err();
        faults.into_iter().map(|fault| (fault.line, fault.column)).collect()
    }

    #[test]
    fn tables_are_read_as_spreadsheets_write_them() {
        let plain = "staff_id,name,national_id,facility,default\nu1,Lê Văn C,079085054321,01999,1\n\n\
                     u2,\"NGUYỄN THỊ B\",001181012345,,\n";
        let rows = read(plain.as_bytes(), &known()).unwrap();
        let shown: Vec<_> = rows
            .iter()
            .map(|row| {
                let facility = row.facility.map(|code| code.to_string()).unwrap_or_default();
                (row.staff_id.as_str(), row.officer.name.as_str(), facility, row.is_default)
            })
            .collect();
        assert_eq!(shown, [("u1", "LÊ VĂN C", "01999".into(), true), ("u2", "NGUYỄN THỊ B", String::new(), false)]);
        let other = "\u{feff}National_ID;Name;Staff_ID\r\n079085054321;Lê Văn C;u1\r\n001181012345;Nguyễn Thị B;u2\r\n";
        let names = |rows: Vec<OfficerRow>| rows.into_iter().map(|row| row.officer).collect::<Vec<_>>();
        assert_eq!(names(read(other.as_bytes(), &known()).unwrap()), names(rows));
        assert_eq!(read(b"staff_id,name,national_id\n", &known()), Ok(Vec::new()));
    }

    #[test]
    fn every_bad_row_is_told_with_its_line() {
        let heading = "staff_id,name,national_id,facility,default\n";
        let text = format!(
            "{heading}u1,Lê Văn C,079085054321,01999,1\n,Lê Văn C,079085054321,01999,\nu2,L3,079085054321,,\n\
             u3,Lê Văn C,79085054321,01998,maybe\n\"u\n4\",Lê Văn C,079085054321,,\nu1,Lê Văn C,079085054321,01999,\n\
             u5,Lê Văn C,079085054321,01999,yes\nu1,Lê Văn C,079085054321,79999,yes\nu6\n"
        );
        let told = [
            (3, "staff_id"),
            (4, "name"),
            (5, "national_id"),
            (5, "facility"),
            (5, "default"),
            (6, "staff_id"),
            (8, "staff_id"),
            (9, "default"),
            (11, "name"),
            (11, "national_id"),
        ];
        assert_eq!(faults(&text), told);
    }

    #[test]
    fn a_wrong_heading_is_told_before_any_row() {
        assert_eq!(faults(""), [(1, "")]);
        assert_eq!(faults("staff_id,name\nu1,x\n"), [(1, "national_id")]);
        assert_eq!(faults("staff_id,name,national_id,name,phone\n"), [(1, "name"), (1, "")]);
    }

    #[test]
    fn more_than_the_bound_is_refused() {
        let mut text = "staff_id,name,national_id\n".to_owned();
        for number in 0..=OFFICERS_MAX {
            text.push_str(&format!("u{number},A B,001181012345\n"));
        }
        assert_eq!(faults(&text), [(OFFICERS_MAX as u64 + 2, "")]);
    }

    #[test]
    fn faults_repeat_nothing_of_a_person() {
        let text = "staff_id,name,national_id\nu1,Lê Văn C,07908505432X\n";
        let shown = format!("{:?}", read(text.as_bytes(), &known()));
        assert!(!shown.contains("Lê") && !shown.contains("0790"), "{shown}");
    }
}
