//! The tables: which root and record each has, and which of its fields identify.

/// What is known of one table or envelope (`formats/envelope.md`, "Inner root elements" and "HSCHUNGTU").
#[derive(Debug)]
pub(super) struct Part {
    /// `LOAIHOSO`; the content element where there is no base64 inside; the root of an envelope. Schemas and rules go by
    /// this name.
    pub(super) name: &'static str,
    /// Root element of the file the table stands in.
    pub(super) root: &'static str,
    /// The element that holds one record's fields: the root itself where there is only one.
    pub(super) record: &'static str,
    /// The fields that say whose record this is. No schema may let them stand twice.
    pub(super) identity: &'static [&'static str],
    /// Place in [`PARTS`].
    pub(super) index: usize,
}

const LINK: &[&str] = &["MA_LK"];
const LINK_AND_FACILITY: &[&str] = &["MA_LK", "MA_CSKCB"];
const VOUCHER: &[&str] = &["MA_YTE", "MA_CT"];
const ENVELOPE: &[&str] = &["MACSKCB", "NGAYLAP", "SOLUONGHOSO", "LOAIHOSO", "NOIDUNGFILE"];

const fn one(name: &'static str, root: &'static str, identity: &'static [&'static str]) -> Part {
    many(name, root, root, identity)
}

const fn many(name: &'static str, root: &'static str, record: &'static str, identity: &'static [&'static str]) -> Part {
    Part { name, root, record, identity, index: 0 }
}

/// Every table and envelope there is.
pub(super) static PARTS: [Part; 28] = numbered([
    // The claim package.
    many("GIAMDINHHS", "GIAMDINHHS", "FILEHOSO", ENVELOPE),
    one("XML1", "TONG_HOP", LINK_AND_FACILITY),
    many("XML2", "CHITIEU_CHITIET_THUOC", "CHI_TIET_THUOC", LINK),
    many("XML3", "CHITIEU_CHITIET_DVKT_VTYT", "CHI_TIET_DVKT", LINK),
    many("XML4", "CHITIEU_CHITIET_DICHVUCANLAMSANG", "CHI_TIET_CLS", LINK),
    many("XML5", "CHITIEU_CHITIET_DIENBIENLAMSANG", "CHI_TIET_DIEN_BIEN_BENH", LINK),
    many(
        "XML6",
        "CHI_TIEU_HO_SO_BENH_AN_CHAM_SOC_VA_DIEU_TRI_HIV_AIDS",
        "HO_SO_BENH_AN_CHAM_SOC_VA_DIEU_TRI_HIV_AIDS",
        LINK,
    ),
    one("XML7", "CHI_TIEU_DU_LIEU_GIAY_RA_VIEN", LINK),
    one("XML8", "CHI_TIEU_DU_LIEU_TOM_TAT_HO_SO_BENH_AN", LINK),
    many("XML9", "CHI_TIEU_DU_LIEU_GIAY_CHUNG_SINH", "DU_LIEU_GIAY_CHUNG_SINH", LINK),
    one("XML10", "CHI_TIEU_DU_LIEU_GIAY_NGHI_DUONG_THAI", LINK),
    one("XML11", "CHI_TIEU_DU_LIEU_GIAY_CHUNG_NHAN_NGHI_VIEC_HUONG_BAO_HIEM_XA_HOI", LINK),
    one("XML13", "CHI_TIEU_GIAYCHUYENTUYEN", LINK_AND_FACILITY),
    one("XML14", "CHI_TIEU_GIAYHEN_KHAMLAI", LINK_AND_FACILITY),
    many("XML15", "CHI_TIEU_DIEUTRI_BENHLAO", "CHITIET_DIEUTRI_BENHLAO", LINK),
    // The vouchers of TT 25/2025. The official annex gives three of them a root that differs from `LOAIHOSO`.
    many("HSCHUNGTU", "HSCHUNGTU", "FILEHOSO", ENVELOPE),
    one("CT03", "CT03", VOUCHER),
    one("CT04", "CT04", VOUCHER),
    one("CT06", "CT06", VOUCHER),
    one("CT07", "CT07", VOUCHER),
    one("GIAYDIEUTRINOITRU", "CTGiayDieuTriNoiTru", VOUCHER),
    one("GIAYDIEUTRIVOSINH", "CTGiayDieuTriVoSinh", VOUCHER),
    one("GIAYSUCKHOEME", "CTGiaySucKhoeMe", VOUCHER),
    // Files of their own.
    many("XML0", "CHI_TIEU_TRANG_THAI_KCB", "TRANG_THAI_KCB", LINK_AND_FACILITY),
    many("XML12", "CHI_TIEU_GIAM_DINH_YKHOA", "GIAM_DINH_YKHOA", &[]),
    many("GIAYCHUNGSINH", "HSDLGCS", "GIAYCHUNGSINH", &["MA_GCS"]),
    many("GIAYBAOTU", "HSDLGBT", "GIAYBAOTU", &["MA_GBT", "MACSKCB"]),
    one("GKSK", "GKSK", &["SO", "IDBENHVIEN", "HANGBANGLAI", "STATE", "SIGNDATA"]),
]);

/// The tables of a claim package.
pub(super) fn claim_parts() -> &'static [Part] {
    PARTS.get(1..15).unwrap_or_default()
}

/// The vouchers of TT 25/2025.
pub(super) fn voucher_parts() -> &'static [Part] {
    PARTS.get(16..23).unwrap_or_default()
}

/// The table or envelope whose file has this root, among those that are files of their own.
pub(super) fn of_root(root: &str) -> Option<&'static Part> {
    let inner = |part: &Part| (1..15).contains(&part.index) || (16..23).contains(&part.index);
    PARTS.iter().find(|part| part.root == root && !inner(part))
}

/// The table or envelope of this name.
pub(super) fn named(name: &str) -> Option<&'static Part> {
    PARTS.iter().find(|part| part.name == name)
}

const fn numbered(mut parts: [Part; 28]) -> [Part; 28] {
    let mut index = 0;
    while index < parts.len() {
        parts[index].index = index;
        index += 1;
    }
    parts
}

// === impl Part ===

impl Part {
    /// Whether this is the envelope of a package, whose parts stand in base64.
    pub(super) fn is_envelope(&self) -> bool {
        self.record == "FILEHOSO"
    }

    /// The elements that are read by name, each with what must stand directly in it: records and what tells their number.
    pub(super) fn anchors(&self) -> Vec<(&'static str, Vec<&'static str>)> {
        if self.is_envelope() {
            return vec![
                ("THONGTINDONVI", vec!["MACSKCB"]),
                ("THONGTINHOSO", vec!["NGAYLAP", "SOLUONGHOSO"]),
                ("HOSO", vec!["FILEHOSO"]),
                ("FILEHOSO", vec!["LOAIHOSO", "NOIDUNGFILE"]),
            ];
        }
        let fields = if self.carries_one_of_its_keys() { Vec::new() } else { self.identity.to_vec() };
        vec![(self.record, fields)]
    }

    /// Whether one of its identifying fields is enough.
    pub(super) fn carries_one_of_its_keys(&self) -> bool {
        self.identity == VOUCHER
    }

    /// The name findings give it: none for an envelope.
    pub(super) fn shown(&self) -> &'static str {
        if self.is_envelope() { "" } else { self.name }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::kind::KINDS;

    #[test]
    fn names_and_roots_are_unique() {
        for (index, part) in PARTS.iter().enumerate() {
            assert_eq!(part.index, index);
            assert!(PARTS.iter().skip(index + 1).all(|other| other.name != part.name && other.root != part.root));
        }
    }

    #[test]
    fn the_groups_are_those_of_the_packages() {
        assert!(claim_parts().iter().all(|part| part.name.starts_with("XML")) && claim_parts().len() == 14);
        assert!(voucher_parts().iter().all(|part| part.identity == VOUCHER) && voucher_parts().len() == 7);
        assert!(KINDS.iter().all(|facts| of_root(facts.root).is_some()));
        assert!(of_root("TONG_HOP").is_none() && of_root("CT07").is_none());
    }
}
