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

/// The table: công văn 1923/BHXH-CNTT annex 03 section 4, and code 500 seen in use (`portal-api.md`, section 2.2).
/// What the clerk does is ours; it says first what settles this very code.
pub const TABLE: &[ResultCode] = &[
    row(
        "000",
        Conclusion::Valid,
        Keeping::Usable,
        ("Thẻ còn giá trị sử dụng", "The card is valid"),
        ("Tiếp nhận bình thường.", "Admit as usual."),
    ),
    row(
        "001",
        Conclusion::SpecialGroup,
        Keeping::Usable,
        ("Thẻ do BHXH Bộ Quốc phòng quản lý", "Card managed by the Ministry of Defence"),
        (
            "Xem thẻ và giấy tờ tùy thân (giấy chứng minh quân đội); khớp nhau thì tiếp nhận theo hạn in trên thẻ.",
            "Look at the card and the identity papers (military card); if they agree, admit by the dates on the card.",
        ),
    ),
    row(
        "002",
        Conclusion::SpecialGroup,
        Keeping::Usable,
        ("Thẻ do BHXH Bộ Công an quản lý", "Card managed by the Ministry of Public Security"),
        (
            "Xem thẻ và giấy tờ tùy thân (giấy chứng minh công an); khớp nhau thì tiếp nhận theo hạn in trên thẻ.",
            "Look at the card and the identity papers (police card); if they agree, admit by the dates on the card.",
        ),
    ),
    row(
        "003",
        Conclusion::Expired,
        Keeping::Usable,
        ("Thẻ cũ hết giá trị, đã có thẻ mới", "The old card is no longer valid, a new card was issued"),
        (
            "Thẻ mới chưa có giá trị vào ngày khám: hỏi người bệnh thẻ khác, không có thì thu phí ngày này.",
            "The new card does not cover the visit date: ask for another card, else this day is paid for.",
        ),
    ),
    row(
        "004",
        Conclusion::Valid,
        Keeping::Usable,
        ("Thẻ cũ còn giá trị, đã có thẻ mới", "The old card is still valid, a new card was issued"),
        (
            "Tiếp nhận bằng thẻ cũ; nhắc người bệnh lần sau dùng thẻ mới.",
            "Admit by the old card; remind the patient to use the new one next time.",
        ),
    ),
    row(
        "010",
        Conclusion::Expired,
        Keeping::Definite,
        ("Thẻ hết giá trị sử dụng", "The card has expired"),
        (
            "Báo người bệnh thẻ đã hết hạn, hỏi thẻ gia hạn hoặc thẻ khác; không có thì thu phí như không có thẻ.",
            "Tell the patient the card has expired, ask for a renewed or another card; without one treat as uninsured.",
        ),
    ),
    row(
        "050",
        Conclusion::NotFound,
        Keeping::Correctable,
        ("Không thấy thông tin thẻ", "No information on this card"),
        (
            "Đối chiếu từng chữ số với thẻ; vẫn không thấy thì tra bằng số CCCD, hoặc bằng số thẻ nếu vừa tra bằng CCCD.",
            "Compare digit by digit; if still unknown, look up by national ID, or by card number if it was the ID.",
        ),
    ),
    row(
        "051",
        Conclusion::WrongDetails,
        Keeping::Correctable,
        ("Mã thẻ không đúng", "Wrong card number"),
        (
            "Quét lại thẻ hoặc gõ lại đủ 15 ký tự mã thẻ; thẻ mờ thì tra bằng số CCCD.",
            "Scan the card again or retype all 15 characters; if it cannot be read, look up by national ID.",
        ),
    ),
    row(
        "052",
        Conclusion::WrongDetails,
        Keeping::Correctable,
        ("Mã tỉnh cấp thẻ không đúng (ký tự 4-5)", "Wrong province code (characters 4-5)"),
        (
            "Xem lại hai chữ số mã tỉnh (ký tự 4-5) trên thẻ rồi tra lại; thẻ đổi tỉnh thì tra bằng số CCCD.",
            "Check the two digits of the province (characters 4-5), look up again; if the province changed, by national ID.",
        ),
    ),
    row(
        "053",
        Conclusion::WrongDetails,
        Keeping::Correctable,
        ("Mã quyền lợi thẻ không đúng (ký tự 3)", "Wrong benefit code (character 3)"),
        (
            "Xem lại chữ số mức hưởng (ký tự 3) trên thẻ rồi tra lại; mức hưởng đã đổi thì tra bằng số CCCD.",
            "Check the digit of the benefit level (character 3), look up again; if the level changed, by national ID.",
        ),
    ),
    row(
        "054",
        Conclusion::StaffNotAccepted,
        Keeping::Never,
        (
            "CCCD của cán bộ tra cứu chưa có trong danh sách đã đăng ký",
            "The officer's national ID is not in the registered list",
        ),
        (
            "Thẻ của người bệnh chưa được xét. Tra lại bằng tên cán bộ khác; báo phòng CNTT đăng ký CCCD của cán bộ này \
             với BHXH (mẫu 01/dk-ctn).",
            "The patient's card was not judged. Look up in another officer's name; ask IT to register this officer's ID \
             with the insurer (form 01/dk-ctn).",
        ),
    ),
    row(
        "055",
        Conclusion::StaffNotAccepted,
        Keeping::Never,
        ("Họ tên cán bộ tra cứu không khớp với CCCD", "The officer's name does not match the national ID"),
        (
            "Thẻ của người bệnh chưa được xét. Tra lại bằng tên cán bộ khác; báo phòng CNTT sửa họ tên cán bộ này trong \
             danh bạ cho đúng như đã đăng ký.",
            "The patient's card was not judged. Look up in another officer's name; ask IT to write this officer's name in \
             the directory as it was registered.",
        ),
    ),
    row(
        "060",
        Conclusion::WrongDetails,
        Keeping::Correctable,
        ("Sai họ tên", "Wrong name"),
        (
            "Thẻ này mang tên khác: xem có cầm nhầm thẻ không, rồi gõ họ tên đúng như in trên thẻ.",
            "The card is in another name: check whose card it is, then type the name as printed on it.",
        ),
    ),
    row(
        "061",
        Conclusion::WrongDetails,
        Keeping::Correctable,
        ("Sai họ tên (đúng ký tự đầu)", "Wrong name (the first letter is right)"),
        (
            "Họ tên gần đúng: xem lại dấu, tên đệm và chữ cuối so với thẻ rồi tra lại.",
            "The name is nearly right: check accents, middle name and last word against the card, look up again.",
        ),
    ),
    row(
        "070",
        Conclusion::WrongDetails,
        Keeping::Correctable,
        ("Sai ngày sinh", "Wrong birth date"),
        (
            "Gõ lại ngày sinh đúng như in trên thẻ; thẻ chỉ in năm thì chỉ gõ năm.",
            "Retype the birth date as printed on the card; where it has only a year, type only the year.",
        ),
    ),
    row(
        "100",
        Conclusion::PortalFault,
        Keeping::Never,
        ("Cổng lỗi khi lấy dữ liệu thẻ", "The portal failed to read the card's data"),
        (
            "Cổng chưa đọc được dữ liệu của thẻ này: tra lại sau ít phút, trong lúc đó tiếp nhận bằng giấy tờ.",
            "The portal could not read this card's data: look up again in minutes, meanwhile admit by the papers.",
        ),
    ),
    row(
        "101",
        Conclusion::PortalFault,
        Keeping::Never,
        ("Cổng lỗi máy chủ", "The portal's server failed"),
        (
            "Máy chủ của cổng lỗi với mọi thẻ: tiếp nhận bằng giấy tờ, tra lại khi cổng hoạt động.",
            "The portal's server fails for all cards: admit by the papers, look up again when it is back.",
        ),
    ),
    row(
        "110",
        Conclusion::Withdrawn,
        Keeping::Definite,
        ("Thẻ đã thu hồi", "The card was withdrawn"),
        (
            "Không nhận thẻ này; hỏi thẻ khác, và mời người bệnh hỏi cơ quan BHXH cấp thẻ vì sao bị thu hồi.",
            "Do not take this card; ask for another one, and send the patient to the issuing office to ask why.",
        ),
    ),
    row(
        "120",
        Conclusion::Withdrawn,
        Keeping::Definite,
        ("Thẻ đã báo giảm", "The card was reported as reduced"),
        (
            "Đơn vị đã báo giảm thẻ: hỏi thẻ mới; không có thì mời người bệnh hỏi nơi làm việc hoặc cơ quan BHXH.",
            "The employer reported it as reduced: ask for a new card, else the patient asks the employer or the office.",
        ),
    ),
    row(
        "121",
        Conclusion::Withdrawn,
        Keeping::Definite,
        ("Thẻ đã báo giảm: chuyển ngoại tỉnh", "Reduced: moved to another province"),
        (
            "Người bệnh đã chuyển tỉnh: hỏi thẻ do tỉnh mới cấp, hoặc tra bằng số CCCD.",
            "The patient moved to another province: ask for the card issued there, or look up by national ID.",
        ),
    ),
    row(
        "122",
        Conclusion::Withdrawn,
        Keeping::Definite,
        ("Thẻ đã báo giảm: chuyển nội tỉnh", "Reduced: moved within the province"),
        (
            "Người bệnh đổi đơn vị trong tỉnh: hỏi thẻ của đơn vị mới, hoặc tra bằng số CCCD.",
            "The patient changed employer within the province: ask for the new card, or look up by national ID.",
        ),
    ),
    row(
        "123",
        Conclusion::Withdrawn,
        Keeping::Definite,
        ("Thẻ đã báo giảm: tăng lại cùng đơn vị", "Reduced: re-added at the same employer"),
        (
            "Đơn vị đã báo tăng lại bằng thẻ khác: tra bằng số CCCD để lấy thẻ đang dùng.",
            "The same employer added the patient again with another card: look up by national ID to find it.",
        ),
    ),
    row(
        "124",
        Conclusion::Withdrawn,
        Keeping::Definite,
        ("Thẻ đã báo giảm: ngừng tham gia", "Reduced: stopped participating"),
        (
            "Người bệnh đã ngừng tham gia: hỏi có đóng BHYT diện khác không; không thì thu phí như không có thẻ.",
            "Insurance has ended: ask whether the patient is insured in another group, else treat as uninsured.",
        ),
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
        (
            "Xem lại dạng của số thẻ, họ tên và ngày sinh vừa nhập; nếu vẫn lỗi, báo phòng CNTT.",
            "Check the form of number, name and birth date as typed; if it stays, tell IT.",
        ),
    ),
    row(
        "401",
        Conclusion::PortalFault,
        Keeping::Never,
        ("Cổng từ chối xác thực", "The portal refused the login"),
        (
            "Báo phòng CNTT: cổng không nhận tài khoản của cơ sở; trong lúc đó tiếp nhận bằng giấy tờ.",
            "Tell IT: the portal does not accept the facility's account; meanwhile admit by the papers.",
        ),
    ),
    row(
        "500",
        Conclusion::PortalFault,
        Keeping::Never,
        ("Cổng lỗi hệ thống", "The portal has a system fault"),
        (
            "Cổng lỗi, hoặc tài khoản đang bị hạn chế tra cứu: tiếp nhận bằng giấy tờ; kéo dài thì báo phòng CNTT.",
            "The portal fails, or the account is restricted: admit by the papers; if it lasts, tell IT.",
        ),
    ),
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
    fn every_code_has_words_of_its_own_in_both_languages() {
        let mut seen = std::collections::HashSet::new();
        for row in TABLE.iter().chain([&UNKNOWN]) {
            for words in [row.label(), row.next_step()] {
                for text in [words.vi, words.en] {
                    assert!(!text.trim().is_empty(), "{}", row.code);
                    // A clerk reads this with a patient waiting.
                    assert!(text.chars().count() <= 180, "{}: {text}", row.code);
                    assert!(seen.insert(text.clone()), "{}: {text} stands twice", row.code);
                }
            }
        }
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
