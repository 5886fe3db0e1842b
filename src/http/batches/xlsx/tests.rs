//! Workbooks as spreadsheets write them, and as somebody would who means harm.

use std::io::Write;
use std::time::Duration;

use rust_xlsxwriter::{ExcelDateTime, Format, Workbook};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::*;
use crate::batch::Row;
use crate::http::batches::cells::Faults;
use crate::http::batches::table::TableFault;

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

fn read_now(bytes: Vec<u8>) -> Result<Table, ReadFault> {
    read(&Bytes::from(bytes), soon())
}

/// A workbook of the parts that matter, with this sheet, and these further parts.
fn package(sheet: &str, further: &[(&str, &str)]) -> Vec<u8> {
    let mut parts = vec![
        (
            "_rels/.rels",
            r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#,
        ),
        (
            "xl/workbook.xml",
            r#"<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="A" sheetId="1" r:id="rId1"/></sheets></workbook>"#,
        ),
        (
            "xl/_rels/workbook.xml.rels",
            r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>"#,
        ),
        ("xl/worksheets/sheet1.xml", sheet),
    ];
    parts.retain(|(name, _)| !further.iter().any(|(other, _)| other == name));
    parts.extend_from_slice(further);
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in parts {
        writer.start_file(name, options).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

const GOOD_ROWS: &str = r#"<row r="1"><c r="A1" t="inlineStr"><is><t>Họ tên</t></is></c><c r="B1" t="inlineStr"><is><t>CCCD</t></is></c><c r="C1" t="inlineStr"><is><t>Năm sinh</t></is></c></row><row r="2"><c r="A2" t="inlineStr"><is><t>Lê Thị Mẫu</t></is></c><c r="B2" t="inlineStr"><is><t>001185012345</t></is></c><c r="C2"><v>1985</v></c></row>"#;

fn sheet(rows: &str) -> String {
    format!(
        r#"<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{rows}</sheetData></worksheet>"#
    )
}

#[test]
fn what_a_spreadsheet_writes_is_read() {
    let mut workbook = Workbook::new();
    let day = Format::new().set_num_format("dd/mm/yyyy");
    let sheet = workbook.add_worksheet();
    sheet.write_string(0, 1, "DANH SÁCH ĐẶT KHÁM").unwrap();
    for (index, heading) in (0u16..).zip(["STT", "Mã BN", "Họ và tên", "Ngày sinh", "Số thẻ/CCCD", "Ngày khám"])
    {
        sheet.write_string(2, index, heading).unwrap();
    }
    let born = ExcelDateTime::from_ymd(1985, 3, 5).unwrap();
    sheet.write_number(3, 0, 1).unwrap();
    sheet.write_string(3, 1, "BN1").unwrap();
    sheet.write_string(3, 2, "Lê Thị Mẫu").unwrap();
    sheet.write_datetime_with_format(3, 3, &born, &day).unwrap();
    sheet.write_string(3, 4, "001185012345").unwrap();
    sheet.write_string(3, 5, "21/11/2026").unwrap();
    // A national ID whose zeros the spreadsheet dropped, a year as a number, a day without its zero.
    sheet.write_number(5, 4, 1_185_012_345.0).unwrap();
    sheet.write_string(5, 2, "A").unwrap();
    sheet.write_number(5, 3, 1985).unwrap();
    let mut second = Workbook::new();
    std::mem::swap(&mut second, &mut workbook);
    let bytes = second.save_to_buffer().unwrap();

    let table = read_now(bytes).unwrap();
    assert_eq!(table.ignored, ["STT"]);
    let mut faults = Faults::default();
    let rows: Vec<Row> = table.rows.into_iter().map(|row| row.read(&mut faults)).collect();
    let [Row::Right(4, question), Row::Wrong(6, ..)] = rows.as_slice() else { panic!("{:?}", faults.listed) };
    assert_eq!(question.reference, "BN1");
    assert_eq!(question.subject.as_str(), "001185012345");
    assert_eq!(question.birth.iso(), "1985-03-05");
    assert_eq!(question.visit, Some("2026-11-21".parse().unwrap()));
    assert_eq!((faults.listed[0]["maLoi"].as_str(), faults.listed[0]["cot"].as_str()), (Some("LOST_ZEROS"), Some("E")));
}

#[test]
fn a_workbook_of_the_bare_minimum_is_read() {
    let table = read_now(package(&sheet(GOOD_ROWS), &[])).unwrap();
    assert_eq!(table.rows.len(), 1);
}

#[test]
fn what_unpacks_to_too_much_is_refused() {
    // 33 MiB of blanks in some 33 KB.
    let blanks = " ".repeat(33 << 20);
    let bomb = package(&sheet(&format!("{GOOD_ROWS}{blanks}")), &[]);
    assert!(bomb.len() < 200_000);
    assert_eq!(read_now(bomb).err(), Some(ReadFault::TooMuch));
    // Many parts, each within the bound; it does not matter that no part is one anybody reads.
    let some = " ".repeat(20 << 20);
    let many = [("a.bin", some.as_str()), ("b.bin", &some), ("c.bin", &some), ("d.bin", &some)];
    assert_eq!(read_now(package(&sheet(GOOD_ROWS), &many)).err(), Some(ReadFault::TooMuch));
    let names: Vec<String> = (0..600).map(|number| format!("{number}.bin")).collect();
    let parts: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    assert_eq!(read_now(package(&sheet(GOOD_ROWS), &parts)).err(), Some(ReadFault::TooMuch));
}

#[test]
fn one_long_text_that_many_cells_share_is_not_kept_for_each() {
    // A text of a megabyte costs a kilobyte in the archive, and every cell may point to it.
    let strings = format!("<sst uniqueCount=\"1\"><si><t>{}</t></si></sst>", "A".repeat(1 << 20));
    let rows: String = (3..50)
        .map(|row| {
            let cells = ["A", "B", "C"].map(|column| format!("<c r=\"{column}{row}\" t=\"s\"><v>0</v></c>"));
            format!("<row r=\"{row}\">{}</row>", cells.concat())
        })
        .collect();
    let bomb = package(&sheet(&format!("{GOOD_ROWS}{rows}")), &[("xl/sharedStrings.xml", &strings)]);
    let table = read_now(bomb).unwrap();
    assert_eq!(table.rows.len(), 48);
    let kept = format!("{:?}", table.rows).len();
    assert!(kept < 100_000, "{kept} bytes");
    let mut faults = Faults::default();
    let rows: Vec<Row> = table.rows.into_iter().map(|row| row.read(&mut faults)).collect();
    assert!(matches!(rows[0], Row::Right(..)) && rows[1..].iter().all(|row| matches!(row, Row::Wrong(..))));
    assert_eq!(faults.listed[0]["maLoi"], "TOO_LONG");
}

#[test]
fn a_size_that_lies_is_not_believed() {
    let blanks = " ".repeat(40 << 20);
    let mut bomb = package(&sheet(GOOD_ROWS), &[("big.bin", &blanks)]);
    // Wherever the archive says how large the part is unpacked, it now says a kilobyte.
    let size = (40u32 << 20).to_le_bytes();
    let places: Vec<usize> =
        bomb.windows(4).enumerate().filter(|(_, at)| *at == size).map(|(place, _)| place).collect();
    assert!(!places.is_empty());
    for place in places {
        bomb[place..place + 4].copy_from_slice(&1_024u32.to_le_bytes());
    }
    let told = read_now(bomb).err();
    assert!(matches!(told, Some(ReadFault::TooMuch | ReadFault::NoWorkbook)), "{told:?}");
}

#[test]
fn what_a_workbook_says_of_itself_makes_no_room() {
    // A sheet that says it has a billion cells, and one cell in its farthest corner.
    let far = sheet(&format!(r#"{GOOD_ROWS}<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>"#))
        .replace("<sheetData>", r#"<dimension ref="A1:XFD1048576"/><sheetData>"#);
    assert_eq!(read_now(package(&far, &[])).unwrap().rows.len(), 1);
    // Room for so many texts that the process would end.
    for count in ["99999999999999", "4294967295", "1000"] {
        let strings = format!(r#"<sst uniqueCount="{count}"><si><t>a</t></si></sst>"#);
        let told = read_now(package(&sheet(GOOD_ROWS), &[("xl/sharedStrings.xml", &strings)])).err();
        assert_eq!(told, Some(ReadFault::TooMuch), "{count}");
    }
    let honest = r#"<sst count="2" uniqueCount="1"><si><t>a</t></si></sst>"#;
    assert!(read_now(package(&sheet(GOOD_ROWS), &[("xl/sharedStrings.xml", honest)])).is_ok());
    // A hundred thousand styles, each of which costs the library many times its place in the file.
    let styles = format!("<styleSheet><cellXfs>{}</cellXfs></styleSheet>", "<xf/>".repeat(100_000));
    let told = read_now(package(&sheet(GOOD_ROWS), &[("xl/styles.xml", &styles)])).err();
    assert_eq!(told, Some(ReadFault::TooMuch));
}

#[test]
fn entities_encodings_and_broken_xml_are_refused() {
    let good = sheet(GOOD_ROWS);
    let laughs = format!(r#"<!DOCTYPE w [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>{good}"#);
    let outside = format!(r#"<!DOCTYPE w [<!ENTITY a SYSTEM "file:///etc/passwd">]>{}"#, good.replace("Mẫu", "&a;"));
    let other = format!(r#"<?xml version="1.0" encoding="UTF-7"?>{good}"#);
    let undefined = good.replace("Mẫu", "&x;");
    let cut = good.replace("</worksheet>", "");
    let deep = sheet(&format!("{}{}", "<row>".repeat(100), "</row>".repeat(100)));
    for (name, text) in [
        ("laughs", laughs),
        ("outside", outside),
        ("encoding", other),
        ("undefined", undefined),
        ("cut", cut),
        ("deep", deep),
    ] {
        assert_eq!(read_now(package(&text, &[])).err(), Some(ReadFault::NoWorkbook), "{name}");
    }
}

#[test]
fn what_is_no_workbook_is_refused() {
    let mut cut = package(&sheet(GOOD_ROWS), &[]);
    cut.truncate(cut.len() - 30);
    let mut changed = package(&sheet(GOOD_ROWS), &[]);
    let middle = changed.len() / 2;
    changed[middle] ^= 0xFF;
    let mut hidden = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1".to_vec();
    hidden.extend(package(&sheet(GOOD_ROWS), &[]));
    let no_sheet = package(&sheet(GOOD_ROWS), &[("xl/_rels/workbook.xml.rels", "<Relationships/>")]);
    for bytes in [Vec::new(), b"PK".to_vec(), b"PK\x03\x04".to_vec(), vec![0; 1_000], cut, hidden, no_sheet] {
        assert_eq!(read_now(bytes).err(), Some(ReadFault::NoWorkbook));
    }
    // One changed byte is found somewhere, or hurts nobody.
    drop(read_now(changed));
    let backwards = GOOD_ROWS.replace(r#"r="2""#, r#"r="0""#).replace("A2", "A1").replace("B2", "B1");
    drop(read_now(package(&sheet(&backwards), &[])));
    let upside_down = sheet(r#"<row r="9"><c r="A9"><v>1</v></c></row><row r="2"><c r="A2"><v>1</v></c></row>"#);
    assert_eq!(read_now(package(&upside_down, &[])).err(), Some(ReadFault::NoWorkbook));
    let empty = package(&sheet(""), &[]);
    assert_eq!(read_now(empty).err(), Some(ReadFault::Table(TableFault::NoHeadings)));
}

#[test]
fn a_workbook_that_takes_too_long_is_given_up() {
    let long = "<row/>".repeat(400_000);
    let bytes = Bytes::from(package(&sheet(&format!("{GOOD_ROWS}{long}")), &[]));
    assert_eq!(read(&bytes, Instant::now()).err(), Some(ReadFault::TooSlow));
    assert!(read(&bytes, soon()).is_ok());
}
