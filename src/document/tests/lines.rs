//! Where the rules on many rows tell what is wrong: at a row that was read before.

use super::*;

/// XML3 of these rows, each a line of its own.
fn xml3(rows: &[&str]) -> String {
    let row = |fields: &&str| format!("<CHI_TIET_DVKT>\n{fields}</CHI_TIET_DVKT>\n");
    let rows: String = rows.iter().map(row).collect();
    format!(
        "<CHITIEU_CHITIET_DVKT_VTYT><DSACH_CHI_TIET_DVKT>\n{rows}</DSACH_CHI_TIET_DVKT></CHITIEU_CHITIET_DVKT_VTYT>"
    )
}

/// The places of the findings of this code: part, row, field, line, path.
fn places(text: &str, code: &str) -> Vec<(String, u32, String, u32, String)> {
    let found = findings(text).into_iter().filter(|finding| finding.code == code);
    found.map(|Finding { place, .. }| (place.part, place.row, place.field, place.line, place.xpath)).collect()
}

fn place(row: u32, field: &str, line: u32, element: &str) -> (String, u32, String, u32, String) {
    let xpath = format!("/CHITIEU_CHITIET_DVKT_VTYT/DSACH_CHI_TIET_DVKT/{element}/{field}");
    ("XML3".to_owned(), row, field.to_owned(), line, xpath)
}

#[test]
fn a_row_out_of_order_is_told_once_where_it_stands() {
    let main = xml1("HS1", "01999");
    let numbered = |numbers: &[&str]| {
        let rows: Vec<String> = numbers.iter().map(|number| format!("<MA_LK>HS1</MA_LK>\n{number}\n")).collect();
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        claim("01999", "1", &[&[("XML1", &main), ("XML3", &xml3(&rows))]])
    };
    let of = |numbers: &[&str]| places(&numbered(numbers), "ENV-11");
    assert_eq!(of(&["<STT>1</STT>", "<STT>2</STT>", "<STT>3</STT>"]), []);
    let third = place(3, "STT", 12, "CHI_TIET_DVKT[3]");
    assert_eq!(of(&["<STT>1</STT>", "<STT>2</STT>", "<STT>4</STT>", "<STT>7</STT>"]), [third]);
    assert_eq!(of(&["<STT>9</STT>"]), [place(1, "STT", 4, "CHI_TIET_DVKT")]);
    // Rows without a number leave the others without a place to hold them against.
    for unknown in ["<STT/>", "<STT>+2</STT>", "<STT>two</STT>", ""] {
        assert_eq!(of(&["<STT>1</STT>", unknown, "<STT>9</STT>"]), [], "{unknown}");
    }
}

#[test]
fn every_supply_without_its_service_is_told() {
    let main = xml1("HS1", "01999");
    let supply = "<MA_DICH_VU>20.0080.0135</MA_DICH_VU>\n<MA_VAT_TU>N07</MA_VAT_TU>\n<MA_NHOM>10</MA_NHOM>\n\
                  <NGAY_YL>202603160835</NGAY_YL>\n";
    let service = "<MA_DICH_VU>20.0080.0135</MA_DICH_VU><MA_NHOM>3</MA_NHOM><NGAY_YL>202603160700</NGAY_YL>\n";
    let undated = "<MA_DICH_VU>20.0080.0135</MA_DICH_VU><MA_NHOM>3</MA_NHOM><NGAY_YL/>\n";
    let of = |rows: &[&str]| places(&claim("01999", "1", &[&[("XML1", &main), ("XML3", &xml3(rows))]]), "S-20");
    let first = place(1, "MA_DICH_VU", 3, "CHI_TIET_DVKT");
    assert_eq!(of(&[supply, supply]), [first, place(2, "MA_DICH_VU", 9, "CHI_TIET_DVKT[2]")]);
    // The service may stand after what was used for it.
    assert_eq!(of(&[supply, service]), []);
    assert_eq!(of(&[supply, undated]), []);
}

#[test]
fn what_is_remembered_ends_with_its_record() {
    let (one, two) = (xml1("HS1", "01999"), xml1("HS2", "01999"));
    let service = |key: &str| {
        xml3(&[&format!("<MA_LK>{key}</MA_LK><STT>1</STT><MA_DICH_VU>20.0080.0135</MA_DICH_VU><MA_NHOM>3</MA_NHOM>\n")])
    };
    let tests = |key: &str| {
        format!(
            "<CHITIEU_CHITIET_DICHVUCANLAMSANG><DSACH_CHI_TIET_CLS><CHI_TIET_CLS><MA_LK>{key}</MA_LK><STT>1</STT>\
             <MA_DICH_VU>20.0080.0135</MA_DICH_VU></CHI_TIET_CLS></DSACH_CHI_TIET_CLS></CHITIEU_CHITIET_DICHVUCANLAMSANG>"
        )
    };
    let first: &[(&str, &str)] = &[("XML1", &one), ("XML4", &tests("HS1")), ("XML3", &service("HS1"))];
    let second: &[(&str, &str)] = &[("XML1", &two), ("XML4", &tests("HS2"))];
    let text = claim("01999", "2", &[first, second]);
    let found: Vec<u32> = findings(&text)
        .into_iter()
        .filter(|finding| finding.code == "CLS-01")
        .map(|finding| finding.place.record)
        .collect();
    assert_eq!(found, [2]);
    // What could not be read may have held it.
    let broken: &[(&str, &str)] = &[("XML1", &two), ("XML3", "<CHITIEU_CHITIET"), ("XML4", &tests("HS2"))];
    assert!(!codes(&claim("01999", "1", &[broken])).contains(&"CLS-01".to_owned()));
}
