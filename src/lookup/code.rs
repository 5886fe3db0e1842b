//! Every result code of the card lookup: what it means, what the clerk does next, and how long the answer keeps.

use crate::domain::Bilingual;

/// What the desk needs to know, in one word (`api.md`, section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Conclusion {
    /// The card is good on the visit date.
    Valid,
    /// A newly issued card is the one that counts on the visit date.
    ValidNewCard,
    /// No card covers the visit date.
    Expired,
    /// Number, name or birth date do not fit.
    WrongDetails,
    /// The portal knows no such card.
    NotFound,
    /// Withdrawn, or reported as reduced.
    Withdrawn,
    /// Managed by the armed forces or the police: the papers decide.
    SpecialGroup,
    /// A child without a card.
    ChildWithoutCard,
    /// About the staff's registration, not about the patient.
    StaffNotAccepted,
    /// The portal reported an error of its own.
    PortalFault,
    /// A code nobody has described yet, shown as it came; or nothing known at all during an outage.
    Unclear,
    /// The portal does not answer; the card's own dates cover the visit.
    ProvisionallyValid,
    /// The portal does not answer; the card's own dates do not cover the visit.
    ProvisionallyExpired,
}

impl Conclusion {
    /// The word on the wire (`ketLuan.code`).
    pub fn name(self) -> &'static str {
        match self {
            Self::Valid => "hop_le",
            Self::ValidNewCard => "hop_le_the_moi",
            Self::Expired => "het_han",
            Self::WrongDetails => "sai_thong_tin",
            Self::NotFound => "khong_tim_thay",
            Self::Withdrawn => "da_thu_hoi_bao_giam",
            Self::SpecialGroup => "doi_tuong_dac_biet",
            Self::ChildWithoutCard => "tre_em_chua_the",
            Self::StaffNotAccepted => "can_bo_khong_hop_le",
            Self::PortalFault => "loi_cong",
            Self::Unclear => "chua_ro",
            Self::ProvisionallyValid => "tam_tinh_con_han",
            Self::ProvisionallyExpired => "tam_tinh_het_han",
        }
    }
}

/// How long an answer with some code may be kept and shown again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// A usable card: until the end of the day at most.
    Usable,
    /// A definite answer that a new registration could change: an hour or so.
    Definite,
    /// Very likely a slip of the pen that is about to be corrected: minutes.
    Correctable,
    /// Never: it says nothing about the card (errors, and codes about the officer who asked).
    Never,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct ResultCode {
    /// `maKetQua`.
    pub code: &'static str,
    /// What it comes to, before the visit date is looked at.
    pub conclusion: Conclusion,
    /// How long the answer keeps.
    pub keeping: Keeping,
    label: (&'static str, &'static str),
    next_step: (&'static str, &'static str),
}

impl ResultCode {
    /// What it means.
    pub fn label(&self) -> Bilingual {
        Bilingual::fixed(self.label.0, self.label.1)
    }

    /// What the person at the desk does next.
    pub fn next_step(&self) -> Bilingual {
        Bilingual::fixed(self.next_step.0, self.next_step.1)
    }

    /// The row of `code`; for a code nobody has described, a row that says just that.
    pub fn of(code: &str) -> &'static Self {
        TABLE.iter().find(|row| row.code == code).unwrap_or(&UNKNOWN)
    }
}

const ADMIT: (&str, &str) = ("Tiếp nhận bình thường.", "Admit as usual.");
const PAPERS: (&str, &str) =
    ("Kiểm tra thẻ và giấy tờ tùy thân rồi tiếp nhận.", "Check the card and the identity papers, then admit.");
const RETYPE: (&str, &str) = (
    "Đối chiếu lại số thẻ, họ tên và ngày sinh với giấy tờ rồi tra lại.",
    "Compare number, name and birth date with the papers, then look up again.",
);
const NOT_COVERED: (&str, &str) = (
    "Giải thích cho người bệnh: thẻ không dùng được; hỏi thẻ khác hoặc thu phí như người không có thẻ.",
    "Tell the patient the card cannot be used; ask for another card or treat as uninsured.",
);
const ASK_OFFICE: (&str, &str) = (
    "Hướng dẫn người bệnh liên hệ cơ quan BHXH nơi cấp thẻ; tạm tiếp nhận theo quy định.",
    "Send the patient to the social-insurance office that issued the card; admit provisionally as the rules allow.",
);
const STAFF: (&str, &str) = (
    "Đây là lỗi đăng ký của cán bộ tra cứu, không phải của người bệnh: báo phòng CNTT kiểm tra danh sách cán bộ \
     đã đăng ký với BHXH.",
    "This is about the staff member's registration, not the patient: ask IT to check the list registered at the portal.",
);
const WAIT: (&str, &str) = (
    "Cổng BHXH đang lỗi: tiếp nhận bằng giấy tờ và tra lại sau ít phút.",
    "The portal has a fault: admit by the papers and look up again in a few minutes.",
);

/// The table: công văn 1923/BHXH-CNTT annex 03 section 4, and code 500 seen in use (`portal-api.md`, section 2.2).
pub const TABLE: &[ResultCode] = &[
    row("000", Conclusion::Valid, Keeping::Usable, ("Thẻ còn giá trị sử dụng", "The card is valid"), ADMIT),
    row(
        "001",
        Conclusion::SpecialGroup,
        Keeping::Usable,
        ("Thẻ do BHXH Bộ Quốc phòng quản lý", "Card managed by the Ministry of Defence"),
        PAPERS,
    ),
    row(
        "002",
        Conclusion::SpecialGroup,
        Keeping::Usable,
        ("Thẻ do BHXH Bộ Công an quản lý", "Card managed by the Ministry of Public Security"),
        PAPERS,
    ),
    row(
        "003",
        Conclusion::Expired,
        Keeping::Usable,
        ("Thẻ cũ hết giá trị, đã có thẻ mới", "The old card is no longer valid, a new card was issued"),
        ("Dùng thẻ mới nếu thẻ mới có giá trị vào ngày khám.", "Use the new card if it is valid on the visit date."),
    ),
    row(
        "004",
        Conclusion::Valid,
        Keeping::Usable,
        ("Thẻ cũ còn giá trị, đã có thẻ mới", "The old card is still valid, a new card was issued"),
        ADMIT,
    ),
    row(
        "010",
        Conclusion::Expired,
        Keeping::Definite,
        ("Thẻ hết giá trị sử dụng", "The card has expired"),
        NOT_COVERED,
    ),
    row(
        "050",
        Conclusion::NotFound,
        Keeping::Correctable,
        ("Không thấy thông tin thẻ", "No information on this card"),
        RETYPE,
    ),
    row("051", Conclusion::WrongDetails, Keeping::Correctable, ("Mã thẻ không đúng", "Wrong card number"), RETYPE),
    row(
        "052",
        Conclusion::WrongDetails,
        Keeping::Correctable,
        ("Mã tỉnh cấp thẻ không đúng (ký tự 4-5)", "Wrong province code (characters 4-5)"),
        RETYPE,
    ),
    row(
        "053",
        Conclusion::WrongDetails,
        Keeping::Correctable,
        ("Mã quyền lợi thẻ không đúng (ký tự 3)", "Wrong benefit code (character 3)"),
        RETYPE,
    ),
    row(
        "054",
        Conclusion::StaffNotAccepted,
        Keeping::Never,
        (
            "CCCD của cán bộ tra cứu chưa có trong danh sách đã đăng ký",
            "The officer's national ID is not in the registered list",
        ),
        STAFF,
    ),
    row(
        "055",
        Conclusion::StaffNotAccepted,
        Keeping::Never,
        ("Họ tên cán bộ tra cứu không khớp với CCCD", "The officer's name does not match the national ID"),
        STAFF,
    ),
    row("060", Conclusion::WrongDetails, Keeping::Correctable, ("Sai họ tên", "Wrong name"), RETYPE),
    row(
        "061",
        Conclusion::WrongDetails,
        Keeping::Correctable,
        ("Sai họ tên (đúng ký tự đầu)", "Wrong name (the first letter is right)"),
        RETYPE,
    ),
    row("070", Conclusion::WrongDetails, Keeping::Correctable, ("Sai ngày sinh", "Wrong birth date"), RETYPE),
    row(
        "100",
        Conclusion::PortalFault,
        Keeping::Never,
        ("Cổng lỗi khi lấy dữ liệu thẻ", "The portal failed to read the card's data"),
        WAIT,
    ),
    row("101", Conclusion::PortalFault, Keeping::Never, ("Cổng lỗi máy chủ", "The portal's server failed"), WAIT),
    row("110", Conclusion::Withdrawn, Keeping::Definite, ("Thẻ đã thu hồi", "The card was withdrawn"), ASK_OFFICE),
    row(
        "120",
        Conclusion::Withdrawn,
        Keeping::Definite,
        ("Thẻ đã báo giảm", "The card was reported as reduced"),
        ASK_OFFICE,
    ),
    row(
        "121",
        Conclusion::Withdrawn,
        Keeping::Definite,
        ("Thẻ đã báo giảm: chuyển ngoại tỉnh", "Reduced: moved to another province"),
        ASK_OFFICE,
    ),
    row(
        "122",
        Conclusion::Withdrawn,
        Keeping::Definite,
        ("Thẻ đã báo giảm: chuyển nội tỉnh", "Reduced: moved within the province"),
        ASK_OFFICE,
    ),
    row(
        "123",
        Conclusion::Withdrawn,
        Keeping::Definite,
        ("Thẻ đã báo giảm: tăng lại cùng đơn vị", "Reduced: re-added at the same employer"),
        ASK_OFFICE,
    ),
    row(
        "124",
        Conclusion::Withdrawn,
        Keeping::Definite,
        ("Thẻ đã báo giảm: ngừng tham gia", "Reduced: stopped participating"),
        ASK_OFFICE,
    ),
    row(
        "130",
        Conclusion::ChildWithoutCard,
        Keeping::Definite,
        ("Trẻ em không xuất trình thẻ", "A child without a card"),
        (
            "Tiếp nhận theo giấy chứng sinh hoặc giấy khai sinh.",
            "Admit with the birth certificate or birth registration.",
        ),
    ),
    row(
        "205",
        Conclusion::PortalFault,
        Keeping::Never,
        ("Cổng báo sai định dạng tham số", "The portal says a parameter has a wrong form"),
        ("Đối chiếu lại dữ liệu nhập; nếu vẫn lỗi, báo phòng CNTT.", "Compare what was typed; if it stays, tell IT."),
    ),
    row(
        "401",
        Conclusion::PortalFault,
        Keeping::Never,
        ("Cổng từ chối xác thực", "The portal refused the login"),
        WAIT,
    ),
    row("500", Conclusion::PortalFault, Keeping::Never, ("Cổng lỗi hệ thống", "The portal has a system fault"), WAIT),
];

/// The row for codes that are in no table: shown raw, never guessed at, never kept.
const UNKNOWN: ResultCode = row(
    "",
    Conclusion::Unclear,
    Keeping::Never,
    ("Mã kết quả chưa có trong danh mục", "A result code that is in no list"),
    (
        "Đọc ghi chú của cổng, kiểm tra giấy tờ, và báo phòng CNTT mã này.",
        "Read the portal's note, check the papers, and tell IT this code.",
    ),
);

const fn row(
    code: &'static str,
    conclusion: Conclusion,
    keeping: Keeping,
    label: (&'static str, &'static str),
    next_step: (&'static str, &'static str),
) -> ResultCode {
    ResultCode { code, conclusion, keeping, label, next_step }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_the_official_table_has_one_row() {
        let official = [
            "000", "001", "002", "003", "004", "010", "050", "051", "052", "053", "054", "055", "060", "061", "070",
            "100", "101", "110", "120", "121", "122", "123", "124", "130", "205", "401", "500",
        ];
        let rows: Vec<&str> = TABLE.iter().map(|row| row.code).collect();
        assert_eq!(rows, official);
    }

    #[test]
    fn an_unknown_code_is_unclear_and_never_kept() {
        for code in ["", "080", "00", "8888", "0000"] {
            let row = ResultCode::of(code);
            assert_eq!((row.conclusion, row.keeping), (Conclusion::Unclear, Keeping::Never), "{code}");
        }
    }

    #[test]
    fn what_is_about_the_officer_is_never_kept_for_the_card() {
        for code in ["054", "055"] {
            assert_eq!(ResultCode::of(code).keeping, Keeping::Never);
        }
    }
}
