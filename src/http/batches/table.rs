//! A list in rows and columns: where its headings stand, and which column is which, by the words clinics use.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::cells::{Cell, Cells, Column};

/// Rows that may stand above the headings: a title, the clinic's name, a date.
const ABOVE_HEADINGS_MAX: usize = 20;

/// Columns that are looked at; the widest list seen has some thirty.
pub(super) const COLUMNS_MAX: usize = 64;

/// Columns nobody reads that are told of.
const IGNORED_TOLD_MAX: usize = 20;

/// A table while it is read.
#[derive(Default)]
pub(super) struct Table {
    columns: Option<Vec<(usize, Column)>>,
    above: usize,
    /// Headings of columns that are not read, as they stand, cut.
    pub(super) ignored: Vec<String>,
    pub(super) rows: Vec<Cells>,
}

/// Why a table cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TableFault {
    /// No row holds headings.
    NoHeadings,
    /// The headings lack a column that is needed.
    ColumnMissing(Column),
    /// More rows than a list may have.
    TooManyRows,
}

impl Table {
    /// Takes the next row of the file, `number` from 1, its cells by their column from 0.
    pub(super) fn take(&mut self, number: u32, cells: Vec<(usize, Cell)>) -> Result<(), TableFault> {
        let Some(columns) = &self.columns else { return self.look_for_headings(&cells) };
        // Numbers rise whatever the file says, because rows are known by them: some end lines in a way nobody counts.
        let number = number.max(self.rows.last().map_or(0, |last| last.number) + 1);
        let mut row = Cells::new(number);
        let mut cells = cells;
        for (index, column) in columns {
            let found = cells.iter_mut().find(|(own, _)| own == index);
            if let Some((_, cell)) = found {
                row.set(*column, std::mem::take(cell), Some(letters(*index)));
            } else {
                row.set(*column, Cell::Empty, Some(letters(*index)));
            }
        }
        if row.is_blank() {
            return Ok(());
        }
        if self.rows.len() == crate::batch::ROWS_MAX {
            return Err(TableFault::TooManyRows);
        }
        self.rows.push(row);
        Ok(())
    }

    /// Ends the reading.
    pub(super) fn end(self) -> Result<Self, TableFault> {
        if self.columns.is_some() { Ok(self) } else { Err(TableFault::NoHeadings) }
    }

    fn look_for_headings(&mut self, cells: &[(usize, Cell)]) -> Result<(), TableFault> {
        let named = |(index, cell): &(usize, Cell)| match cell {
            Cell::Text(text) | Cell::Doubtful(text) => meaning(text).map(|column| (*index, column)),
            _ => None,
        };
        let columns: Vec<(usize, Column)> = cells.iter().filter_map(named).collect();
        let has = |column: Column| columns.iter().any(|(_, own)| *own == column);
        let needed = Column::ALL.into_iter().filter(|column| column.is_needed());
        let missing: Vec<Column> = needed.filter(|column| !has(*column)).collect();
        match missing.as_slice() {
            [] => {}
            // Two of three are headings with one forgotten, and no title.
            [one] => return Err(TableFault::ColumnMissing(*one)),
            _ => {
                self.above += 1;
                return if self.above > ABOVE_HEADINGS_MAX { Err(TableFault::NoHeadings) } else { Ok(()) };
            }
        }
        for (index, cell) in cells {
            if let Cell::Text(text) | Cell::Doubtful(text) = cell
                && !columns.iter().any(|(own, _)| own == index)
                && !text.trim().is_empty()
                && self.ignored.len() < IGNORED_TOLD_MAX
            {
                self.ignored.push(text.trim().chars().take(40).collect());
            }
        }
        self.columns = Some(columns);
        Ok(())
    }
}

/// The letters a spreadsheet names a column by, from 0.
fn letters(index: usize) -> String {
    let mut rest = index + 1;
    let mut letters = Vec::new();
    while rest > 0 {
        rest -= 1;
        letters.push(char::from(b'A' + (rest % 26) as u8));
        rest /= 26;
    }
    letters.iter().rev().collect()
}

/// What a heading means; `None` for columns that are not read.
fn meaning(heading: &str) -> Option<Column> {
    // No heading is longer; a text of megabytes in this place is none.
    let plain = plain(heading.get(..heading.floor_char_boundary(200))?);
    Some(match plain.as_str() {
        "ref" | "mabn" | "mabenhnhan" | "manguoibenh" | "masobenhnhan" | "mahoso" | "sohoso" | "malichhen"
        | "madatkham" | "madatlich" | "mathamchieu" | "makhambenh" => Column::Reference,
        "mathe" | "mathebhyt" | "sothe" | "sothebhyt" | "bhyt" | "sobhyt" | "cccd" | "socccd" | "cancuoc"
        | "socancuoc" | "cancuoccongdan" | "sothecccd" | "socccdthe" | "mathecccd" | "sodinhdanh" | "madinhdanh"
        | "sodinhdanhcanhan" | "masobhxh" | "mabhxh" | "sobhxh" | "cccdbhyt" | "sothebhytcccd" => Column::Subject,
        "hoten" | "hovaten" | "hotenbenhnhan" | "hotenbn" | "hotennguoibenh" | "tenbenhnhan" | "tennguoibenh"
        | "hovatenbenhnhan" | "hovatennguoibenh" => Column::Name,
        "ngaysinh" | "ngaythangnamsinh" | "namsinh" | "ngaythangsinh" | "ngaysinhnamsinh" | "ntns" => Column::Birth,
        "ngaykham" | "ngayhen" | "ngayhenkham" | "ngaytaikham" | "ngaykcb" | "ngaydatkham" | "ngaykhambenh" => {
            Column::Visit
        }
        _ => return None,
    })
}

/// Letters and digits alone, small, without marks: `Họ và tên` and `HO VA TEN` are one.
fn plain(text: &str) -> String {
    let bare = text.nfd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase);
    bare.map(|c| if c == 'đ' { 'd' } else { c }).filter(|c| c.is_ascii_alphanumeric()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(texts: &[&str]) -> Vec<(usize, Cell)> {
        texts.iter().enumerate().map(|(index, text)| (index, Cell::Text((*text).to_owned()))).collect()
    }

    #[test]
    fn headings_are_known_in_the_words_of_a_clinic() {
        for (heading, column) in [
            ("Họ tên", Some(Column::Name)),
            ("HỌ VÀ TÊN", Some(Column::Name)),
            ("hoTen", Some(Column::Name)),
            ("Ngày sinh", Some(Column::Birth)),
            ("Năm sinh", Some(Column::Birth)),
            ("Số thẻ/CCCD", Some(Column::Subject)),
            ("Số thẻ BHYT", Some(Column::Subject)),
            ("CCCD", Some(Column::Subject)),
            ("maThe", Some(Column::Subject)),
            ("Số định danh", Some(Column::Subject)),
            ("Mã BN", Some(Column::Reference)),
            ("Ngày khám", Some(Column::Visit)),
            ("STT", None),
            ("Điện thoại", None),
            ("", None),
        ] {
            assert_eq!(meaning(heading), column, "{heading}");
            let decomposed: String = heading.nfd().collect();
            assert_eq!(meaning(&decomposed), column, "{heading}, decomposed");
        }
    }

    #[test]
    fn headings_are_found_below_a_title() {
        let mut table = Table::default();
        table.take(1, cells(&["DANH SÁCH ĐẶT KHÁM"])).unwrap();
        table.take(2, cells(&["", ""])).unwrap();
        table.take(4, cells(&["STT", "Họ tên", "Ngày sinh", "CCCD", "Ghi chú"])).unwrap();
        table.take(5, cells(&["1", "A", "1985", "001185012345", "x"])).unwrap();
        table.take(6, cells(&["2", "", "", "", ""])).unwrap();
        let table = table.end().unwrap();
        assert_eq!(table.ignored, ["STT", "Ghi chú"]);
        assert_eq!(table.rows.iter().map(|row| row.number).collect::<Vec<_>>(), [5]);
    }

    #[test]
    fn what_is_no_list_is_refused() {
        let mut table = Table::default();
        let missing = table.take(1, cells(&["Họ tên", "CCCD", "Tuổi"]));
        assert_eq!(missing, Err(TableFault::ColumnMissing(Column::Birth)));
        let mut table = Table::default();
        let last = (1..=21).map(|number| table.take(number, cells(&["x"]))).last().unwrap();
        assert_eq!(last, Err(TableFault::NoHeadings));
        assert!(Table::default().end().is_err());
        let mut table = Table::default();
        table.take(1, cells(&["Họ tên", "CCCD", "Năm sinh"])).unwrap();
        for number in 0..crate::batch::ROWS_MAX {
            table.take(2 + u32::try_from(number).unwrap(), cells(&["A"])).unwrap();
        }
        assert_eq!(table.take(99_999, cells(&["A"])), Err(TableFault::TooManyRows));
    }

    #[test]
    fn columns_have_their_letters() {
        assert_eq!([0, 25, 26, 27, 701, 702].map(letters), ["A", "Z", "AA", "AB", "ZZ", "AAA"]);
    }
}
