//! The inner tables: which root, list and row each has, and how its rows are read.

use super::checks::{Checks, Row};
use super::mask;
use super::rule::{self, Report};
use super::shape::{Occurs, Shape};
use super::walk::Walker;
use crate::domain::Bilingual;
use crate::xml;

/// What is known of one inner table (`formats/envelope.md`, "Inner root elements" and "HSCHUNGTU").
pub(super) struct Part {
    /// `LOAIHOSO`; the content element where there is no base64 inside.
    pub(super) name: &'static str,
    /// Root element of the decoded part.
    pub(super) root: &'static str,
    rows: Rows,
    /// The fields that say whose record this is; the identity guard sees these and no others.
    pub(super) identity: &'static [&'static str],
}

/// Where the fields of a table stand.
enum Rows {
    /// Directly under the root: one record.
    One,
    /// In row elements within a list element; both are named.
    Many([(&'static str, Occurs); 1], [(&'static str, Occurs); 1]),
}

const LINK: &[&str] = &["MA_LK"];
const LINK_AND_FACILITY: &[&str] = &["MA_LK", "MA_CSKCB"];
const VOUCHER: &[&str] = &["MA_YTE", "MA_CT"];

const fn one(name: &'static str, root: &'static str, identity: &'static [&'static str]) -> Part {
    Part { name, root, rows: Rows::One, identity }
}

const fn many(
    name: &'static str,
    root: &'static str,
    list: &'static str,
    row: &'static str,
    identity: &'static [&'static str],
) -> Part {
    Part { name, root, rows: Rows::Many([(list, Occurs::Once)], [(row, Occurs::OnceOrMore)]), identity }
}

/// The tables of a claim package.
pub(super) static CLAIM_PARTS: [Part; 14] = [
    one("XML1", "TONG_HOP", LINK_AND_FACILITY),
    many("XML2", "CHITIEU_CHITIET_THUOC", "DSACH_CHI_TIET_THUOC", "CHI_TIET_THUOC", LINK),
    many("XML3", "CHITIEU_CHITIET_DVKT_VTYT", "DSACH_CHI_TIET_DVKT", "CHI_TIET_DVKT", LINK),
    many("XML4", "CHITIEU_CHITIET_DICHVUCANLAMSANG", "DSACH_CHI_TIET_CLS", "CHI_TIET_CLS", LINK),
    many("XML5", "CHITIEU_CHITIET_DIENBIENLAMSANG", "DSACH_CHI_TIET_DIEN_BIEN_BENH", "CHI_TIET_DIEN_BIEN_BENH", LINK),
    many(
        "XML6",
        "CHI_TIEU_HO_SO_BENH_AN_CHAM_SOC_VA_DIEU_TRI_HIV_AIDS",
        "DSACH_HO_SO_BENH_AN_CHAM_SOC_VA_DIEU_TRI_HIV_AIDS",
        "HO_SO_BENH_AN_CHAM_SOC_VA_DIEU_TRI_HIV_AIDS",
        LINK,
    ),
    one("XML7", "CHI_TIEU_DU_LIEU_GIAY_RA_VIEN", LINK),
    one("XML8", "CHI_TIEU_DU_LIEU_TOM_TAT_HO_SO_BENH_AN", LINK),
    many("XML9", "CHI_TIEU_DU_LIEU_GIAY_CHUNG_SINH", "DSACH_GIAYCHUNGSINH", "DU_LIEU_GIAY_CHUNG_SINH", LINK),
    one("XML10", "CHI_TIEU_DU_LIEU_GIAY_NGHI_DUONG_THAI", LINK),
    one("XML11", "CHI_TIEU_DU_LIEU_GIAY_CHUNG_NHAN_NGHI_VIEC_HUONG_BAO_HIEM_XA_HOI", LINK),
    one("XML13", "CHI_TIEU_GIAYCHUYENTUYEN", LINK_AND_FACILITY),
    one("XML14", "CHI_TIEU_GIAYHEN_KHAMLAI", LINK_AND_FACILITY),
    many("XML15", "CHI_TIEU_DIEUTRI_BENHLAO", "DSACH_CHITIET_DIEUTRI_BENHLAO", "CHITIET_DIEUTRI_BENHLAO", LINK),
];

/// The vouchers of TT 25/2025. The official annex gives three of them a root that differs from `LOAIHOSO`.
pub(super) static VOUCHER_PARTS: [Part; 7] = [
    one("CT03", "CT03", VOUCHER),
    one("CT04", "CT04", VOUCHER),
    one("CT06", "CT06", VOUCHER),
    one("CT07", "CT07", VOUCHER),
    one("GIAYDIEUTRINOITRU", "CTGiayDieuTriNoiTru", VOUCHER),
    one("GIAYDIEUTRIVOSINH", "CTGiayDieuTriVoSinh", VOUCHER),
    one("GIAYSUCKHOEME", "CTGiaySucKhoeMe", VOUCHER),
];

/// The check-in notice, a file of its own.
pub(super) static CHECKIN: Part = one("XML0", "TRANG_THAI_KCB", LINK_AND_FACILITY);
/// Minutes of a medical-assessment board, a file of its own.
pub(super) static MEDICAL_ASSESSMENT: Part = one("XML12", "GIAM_DINH_YKHOA", &[]);
/// The birth certificate within HSDLGCS.
pub(super) static BIRTH_CERTIFICATE: Part = one("GIAYCHUNGSINH", "GIAYCHUNGSINH", &["MA_GCS"]);
/// The death notice within HSDLGBT.
pub(super) static DEATH_CERTIFICATE: Part = one("GIAYBAOTU", "GIAYBAOTU", &["MA_GBT", "MACSKCB"]);
/// The driver health exam.
pub(super) static DRIVER_EXAM: Part = one("GKSK", "GKSK", &["SO", "IDBENHVIEN", "HANGBANGLAI", "STATE", "SIGNDATA"]);

/// Reads a decoded part from its root to its end.
pub(super) fn read(
    bytes: &[u8],
    limits: xml::Limits,
    part: &'static Part,
    checks: &mut Checks,
    report: &mut Report,
) -> Result<(), xml::Error> {
    let mut walker = Walker::open(bytes, limits, part.name)?;
    let root = walker.root()?;
    if root.name != part.root {
        let place = walker.place_here("");
        let cure = Bilingual::composed(
            format!("{} phải có phần tử gốc {}.", part.name, part.root),
            format!("{} must have the root element {}.", part.name, part.root),
        );
        report.push_with_cure(&rule::PART_ROOT, place, mask::name(root.name).to_owned(), cure);
        // The rest is guarded, so that a broken file is told from a misnamed one.
        walker.skip()?;
        return walker.finish();
    }
    if root.attribute("xmlns").is_some_and(|name| !name.is_empty()) {
        let place = walker.place_here("");
        report.push(&rule::ROOT_NAMESPACE, place, String::new());
    }
    match &part.rows {
        Rows::One => read_row(&mut walker, part, 1, checks, report)?,
        Rows::Many(list, row) => {
            let mut lists = Shape::new(list);
            while walker.next(&mut lists, report)?.is_some() {
                read_rows(&mut walker, row, part, checks, report)?;
            }
        }
    }
    walker.finish()
}

/// Reads the rows of the list just entered and tells how many there were.
pub(super) fn read_rows<'a>(
    walker: &mut Walker<'a>,
    row: &'static [(&'static str, Occurs)],
    part: &'static Part,
    checks: &mut Checks,
    report: &mut Report,
) -> Result<u32, xml::Error> {
    let mut rows = Shape::new(row);
    let mut number = 0_u32;
    while walker.next(&mut rows, report)?.is_some() {
        number = number.saturating_add(1);
        read_row(walker, part, number, checks, report)?;
    }
    Ok(number)
}

/// Reads the fields of the row just entered, one after the other, and has them checked.
pub(super) fn read_row<'a>(
    walker: &mut Walker<'a>,
    part: &'static Part,
    number: u32,
    checks: &mut Checks,
    report: &mut Report,
) -> Result<(), xml::Error> {
    let mut row = Row::new(part, number, walker.offset());
    while let Some(tag) = walker.child(report)? {
        let offset = walker.offset();
        let value = walker.text()?;
        row.field(tag.name, value, offset);
    }
    walker.look_back(|walker, _| checks.row(&row, walker, report));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_roots_are_unique() {
        let parts: Vec<&Part> = CLAIM_PARTS.iter().chain(&VOUCHER_PARTS).collect();
        for (index, part) in parts.iter().enumerate() {
            assert!(parts.iter().skip(index + 1).all(|other| other.name != part.name && other.root != part.root));
        }
    }
}
