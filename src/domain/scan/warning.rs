//! What can be odd about a scan, and why one is refused, in words for the desk.

use crate::domain::Bilingual;

/// Something odd that does not stop a scan from being used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScanWarning {
    /// Only a number was read.
    NumberOnly,
    /// The national ID has no right structure.
    IdUnreadable,
    /// The insurance card's number has no right structure.
    CardNumberUnreadable,
    /// The name holds what no name holds, as when an input method rewrote it.
    NameUnreadable,
    /// The date of birth is no date.
    BirthUnreadable,
    /// The sex is neither Nam nor Nữ.
    SexUnreadable,
    /// Another date is no date.
    DateUnreadable,
    /// Hexadecimal text that is not UTF-8.
    TextUnreadable,
    /// The first-contact facility is no facility code.
    FacilityUnreadable,
    /// The place of the old identity number is missing altogether.
    OldIdMissing,
    /// The issue date is missing.
    IssueDateMissing,
    /// The code ends before its end mark.
    Incomplete,
    /// The national ID tells another sex.
    SexDiffersFromId,
    /// The national ID tells another year of birth.
    BirthYearDiffersFromId,
}

/// Why a scan cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ScanError {
    /// Nothing was scanned.
    #[error("the scan is empty")]
    Empty,
    /// Longer than any card's code.
    #[error("the scan is longer than any card's QR code")]
    TooLong,
    /// A session code of the VNeID app, which only the police system resolves.
    #[error("a session code of VNeID cannot be read here")]
    UnsupportedVneid,
    /// No card's code.
    #[error("not the QR code of a card")]
    Unknown,
}

impl ScanWarning {
    /// Stable code.
    pub fn code(self) -> &'static str {
        self.row().0
    }

    /// Words for the desk.
    pub fn message(self) -> Bilingual {
        let (_, vi, en) = self.row();
        Bilingual::fixed(vi, en)
    }

    fn row(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::NumberOnly => (
                "scan.number_only",
                "Chỉ đọc được số thẻ; hãy nhập thêm họ tên và ngày sinh.",
                "Only the number was read; type name and date of birth.",
            ),
            Self::IdUnreadable => (
                "scan.id_unreadable",
                "Số CCCD không đúng cấu trúc; hãy đối chiếu với thẻ.",
                "The national ID has a wrong structure; compare it with the card.",
            ),
            Self::CardNumberUnreadable => (
                "scan.card_number_unreadable",
                "Số thẻ BHYT không đúng cấu trúc; hãy đối chiếu với thẻ.",
                "The insurance card number has a wrong structure; compare it with the card.",
            ),
            Self::NameUnreadable => (
                "scan.name_unreadable",
                "Không đọc được họ tên; tắt bộ gõ tiếng Việt rồi quét lại, hoặc nhập tay.",
                "The name could not be read; switch the Vietnamese input method off and scan again, or type it.",
            ),
            Self::BirthUnreadable => (
                "scan.birth_unreadable",
                "Không đọc được ngày sinh; hãy nhập tay.",
                "The date of birth could not be read; type it.",
            ),
            Self::SexUnreadable => (
                "scan.sex_unreadable",
                "Không đọc được giới tính; hãy nhập tay.",
                "The sex could not be read; type it.",
            ),
            Self::DateUnreadable => {
                ("scan.date_unreadable", "Có ngày trên thẻ không đọc được.", "A date on the card could not be read.")
            }
            Self::TextUnreadable => (
                "scan.text_unreadable",
                "Có dòng chữ trên thẻ không giải mã được.",
                "A text on the card could not be decoded.",
            ),
            Self::FacilityUnreadable => (
                "scan.facility_unreadable",
                "Không đọc được nơi đăng ký khám ban đầu.",
                "The first-contact facility could not be read.",
            ),
            Self::OldIdMissing => (
                "scan.old_id_missing",
                "Mã QR thiếu ô số CMND cũ; hãy đối chiếu các ô khác với thẻ.",
                "The code lacks the field of the old number; compare the others with the card.",
            ),
            Self::IssueDateMissing => {
                ("scan.issue_date_missing", "Mã QR không có ngày cấp.", "The code has no issue date.")
            }
            Self::Incomplete => (
                "scan.incomplete",
                "Mã QR bị thiếu phần cuối; nên quét lại.",
                "The end of the code is missing; better scan again.",
            ),
            Self::SexDiffersFromId => (
                "scan.sex_differs_from_id",
                "Giới tính không khớp với số CCCD; hãy đối chiếu với thẻ.",
                "The sex disagrees with the national ID; compare it with the card.",
            ),
            Self::BirthYearDiffersFromId => (
                "scan.birth_year_differs_from_id",
                "Năm sinh không khớp với số CCCD; hãy đối chiếu với thẻ.",
                "The year of birth disagrees with the national ID; compare it with the card.",
            ),
        }
    }
}

impl ScanError {
    /// Stable code.
    pub fn code(self) -> &'static str {
        self.row().0
    }

    /// Words for the desk: what happened and what to do.
    pub fn message(self) -> Bilingual {
        let (_, vi, en) = self.row();
        Bilingual::fixed(vi, en)
    }

    fn row(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Empty => ("qr.empty", "Chưa quét được gì; hãy quét lại.", "Nothing was scanned; scan again."),
            Self::TooLong => (
                "qr.too_long",
                "Nội dung quét dài hơn mọi loại thẻ; hãy quét lại hoặc nhập tay.",
                "The scan is longer than any card's; scan again or type by hand.",
            ),
            Self::UnsupportedVneid => (
                "qr.unsupported_vneid",
                "Mã phiên của VNeID không đọc được: mở ảnh thẻ căn cước / thẻ BHYT trong VNeID hoặc nhập số.",
                "VNeID session codes cannot be read: open the picture of the identity or insurance card in VNeID, or type the number.",
            ),
            Self::Unknown => {
                ("qr.unknown", "Không phải mã QR của thẻ; hãy nhập tay.", "Not a card QR code; type by hand.")
            }
        }
    }
}
