//! A list as CSV, as programs and spreadsheets write it: UTF-8 with or without its mark, parted by comma, semicolon or tab.

use csv::{ByteRecord, ReaderBuilder};

use super::cells::Cell;
use super::fault::ReadFault;
use super::table::{COLUMNS_MAX, Table, TableFault};

/// Reads a list. The separator is the one with which headings are found.
pub(super) fn read(bytes: &[u8]) -> Result<Table, ReadFault> {
    let text = std::str::from_utf8(bytes).map_err(|_| ReadFault::NotUtf8)?;
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let mut told = TableFault::NoHeadings;
    for separator in [b',', b';', b'\t'] {
        match read_parted_by(separator, text) {
            Ok(table) => return Ok(table),
            Err(ReadFault::Table(TableFault::NoHeadings)) => {}
            // Of a wrong separator nothing but missing headings is heard, so this is the right one.
            Err(ReadFault::Table(fault)) => told = fault,
            Err(fault) => return Err(fault),
        }
    }
    Err(told.into())
}

fn read_parted_by(separator: u8, text: &str) -> Result<Table, ReadFault> {
    let mut reader =
        ReaderBuilder::new().delimiter(separator).has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut table = Table::default();
    let mut record = ByteRecord::new();
    let mut lines = Lines { text: text.as_bytes(), place: 0, line: 1 };
    while reader.read_byte_record(&mut record).map_err(|_| ReadFault::Damaged)? {
        let line = lines.at(record.position().map_or(0, csv::Position::byte));
        let cell = |bytes: &[u8]| match std::str::from_utf8(bytes) {
            Ok("") => Cell::Empty,
            Ok(text) => Cell::Doubtful(text.to_owned()),
            Err(_) => Cell::Other,
        };
        let cells = record.iter().map(cell).enumerate().take(COLUMNS_MAX).collect();
        table.take(line, cells)?;
    }
    Ok(table.end()?)
}

/// On which line of the file a record stands. The reader's own count takes the end of the line before for its beginning
/// where lines end with two characters.
struct Lines<'t> {
    text: &'t [u8],
    place: usize,
    line: u32,
}

impl Lines<'_> {
    /// The line of the record that begins at a byte, or after the line ends that stand there.
    fn at(&mut self, byte: u64) -> u32 {
        let byte = usize::try_from(byte).unwrap_or(usize::MAX);
        let is_end = |place: &usize| self.text.get(*place).is_some_and(|byte| matches!(byte, b'\r' | b'\n'));
        let begin = (byte..).find(|place| !is_end(place)).unwrap_or(byte);
        let passed = self.text.get(self.place..begin).unwrap_or_default();
        let ends = memchr::memchr_iter(b'\n', passed).count();
        self.line = self.line.saturating_add(u32::try_from(ends).unwrap_or(u32::MAX));
        self.place = self.place.max(begin);
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Row;
    use crate::http::batches::cells::Faults;

    fn questions(text: &[u8]) -> Vec<(u32, String)> {
        let mut faults = Faults::default();
        let rows = read(text).unwrap().rows.into_iter().map(|row| row.read(&mut faults));
        let shown = rows.map(|row| match row {
            Row::Right(number, question) => (number, question.to_json()),
            Row::Wrong(..) => panic!("a wrong row"),
        });
        shown.collect()
    }

    #[test]
    fn every_separator_and_mark_reads_the_same() {
        let lines = [
            ["Mã BN", "Họ tên", "Ngày sinh", "Số thẻ/CCCD", "Ngày khám"],
            ["BN,1", "Lê \"Mẫu\"", "05/03/1985", "001185012345", "21/11/2026"],
            ["BN;2", "TRẦN VĂN B", "1985", "GD4010199999991", ""],
        ];
        let mut all = Vec::new();
        for separator in [",", ";", "\t"] {
            for (mark, end) in [("", "\n"), ("\u{FEFF}", "\r\n")] {
                let quoted =
                    lines.map(|line| line.map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).join(separator));
                // The quotes inside the name are no letters.
                let text = format!("{mark}{}{end}", quoted.join(end)).replace("\"\"Mẫu\"\"", "Mẫu");
                all.push(questions(text.as_bytes()));
            }
        }
        assert_eq!(all[0].iter().map(|(number, _)| *number).collect::<Vec<_>>(), [2, 3]);
        assert!(all[0][0].1.contains("\"ref\":\"BN,1\"") && all[0][0].1.contains("LÊ MẪU"), "{:?}", all[0]);
        let multiline = "Họ tên,Năm sinh,CCCD,Ghi chú\r\nA,1985,001185012345,\"a\r\nb\"\r\n\r\nB,1985,001185012345,";
        assert_eq!(questions(multiline.as_bytes()).iter().map(|(number, _)| *number).collect::<Vec<_>>(), [2, 5]);
        assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "{all:#?}");
    }

    #[test]
    fn what_is_no_csv_of_ours_is_refused() {
        assert!(matches!(read(b"\xFF\xFEH\0o\0"), Err(ReadFault::NotUtf8)));
        assert!(matches!(read(b"\xC0"), Err(ReadFault::NotUtf8)));
        for text in ["", "\n\n", "a,b,c\n1,2,3\n", "\u{FEFF}"] {
            assert!(matches!(read(text.as_bytes()), Err(ReadFault::Table(TableFault::NoHeadings))), "{text:?}");
        }
        let missing = read("Họ tên;CCCD\nA;001185012345\n".as_bytes());
        assert!(matches!(missing, Err(ReadFault::Table(TableFault::ColumnMissing(_)))));
    }
}
