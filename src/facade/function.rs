//! Every function of the portal that is spoken here, in one table: its path, its dialect, and what becomes of a call.

use crate::audit::Deed;
use crate::clients::Scope;
use crate::document::Kind;
use crate::domain::Bilingual;
use crate::facade::dialect::Dialect;
use crate::portal::Service;

/// One row of the table.
#[derive(Debug)]
pub struct Function {
    /// As the portal spells it; matched in any case, because clients vary it.
    pub path: &'static str,
    /// Where credentials stand and how answers look.
    pub dialect: Dialect,
    /// What becomes of a call.
    pub does: Does,
    /// What a hospital system changes to use `/v1` instead.
    pub hint: Bilingual,
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug)]
pub enum Does {
    /// A token of the gateway's own is given.
    SignIn,
    /// A question takes flow 1.
    Ask(Service),
    /// A question of a function that the portal has switched off: asked with those of today, and answered in the old form.
    AskAsBefore,
    /// A document takes flow 2.
    Submit(&'static [Taken]),
    /// The call is handed through, if the configuration lists the path.
    PassThrough,
}

/// A kind of document that a function takes, and by which number the call names it (`loaiHoSo`, `loaiHs`).
#[derive(Debug)]
pub struct Taken {
    /// The kind.
    pub kind: Kind,
    /// Its numbers; none where the call names none.
    pub numbers: &'static [&'static str],
}

impl Function {
    /// Its name in logs and metrics: the last word of the path.
    pub fn name(&self) -> &'static str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// The function of a path, in whatever case that is written.
    pub fn of(path: &str) -> Option<&'static Self> {
        FUNCTIONS.iter().find(|function| function.path.eq_ignore_ascii_case(path))
    }
}

impl Does {
    /// What it is in the audit log.
    pub fn deed(self) -> Deed {
        match self {
            Self::SignIn => Deed::FacadeSignIn,
            Self::Ask(Service::TreatmentHistory) => Deed::HistoryLookup,
            Self::Ask(Service::Copay) => Deed::CopayLookup,
            Self::Ask(_) | Self::AskAsBefore => Deed::CardLookup,
            Self::Submit(_) => Deed::DocumentSubmit,
            Self::PassThrough => Deed::FacadePassThrough,
        }
    }

    /// The right a client needs; `None` where every client may.
    pub fn scope(self) -> Option<Scope> {
        match self {
            Self::SignIn => None,
            Self::Ask(_) | Self::AskAsBefore => Some(Scope::Lookup),
            // What is handed through may be anything, so it takes the greater right.
            Self::Submit(_) | Self::PassThrough => Some(Scope::DocumentWrite),
        }
    }
}

const CHECKIN: Does = Does::Submit(&[Taken { kind: Kind::Checkin, numbers: &["0"] }]);
const ASSESSMENT: Does = Does::Submit(&[Taken { kind: Kind::MedicalAssessment, numbers: &["12"] }]);
const EXAM: Does = Does::Submit(&[Taken { kind: Kind::DriverExam, numbers: &[] }]);
const VOUCHER: Does = Does::Submit(&[Taken { kind: Kind::Voucher, numbers: &["39"] }]);
const CERTIFICATE: Does = Does::Submit(&[
    Taken { kind: Kind::DeathCertificate, numbers: &["60"] },
    Taken { kind: Kind::BirthCertificate, numbers: &["61"] },
]);
/// The number is 130 for the later decisions too (`portal-api.md`, section 4.1); some clients send the decision's own.
const CLAIM: Does = Does::Submit(&[Taken { kind: Kind::Claim, numbers: &["130", "4750", "3176"] }]);

const USE_KEY: Bilingual = Bilingual::fixed(
    "Không cần lấy token: gửi header Authorization: Bearer <khóa>.",
    "No token is needed: send the header Authorization: Bearer <key>.",
);
const USE_CARDS: Bilingual = Bilingual::fixed(
    "Gọi POST /v1/card-lookups; có kết luận cho ngày khám, cảnh báo và tuổi của câu trả lời.",
    "Call POST /v1/card-lookups; it gives a verdict for the visit date, warnings and the answer's age.",
);
const USE_HISTORIES: Bilingual =
    Bilingual::fixed("Gọi POST /v1/treatment-histories.", "Call POST /v1/treatment-histories.");
const USE_COPAY: Bilingual = Bilingual::fixed("Gọi POST /v1/copay-lookups.", "Call POST /v1/copay-lookups.");
const USE_DOCUMENTS: Bilingual = Bilingual::fixed(
    "Gửi XML nguyên bản tới POST /v1/documents; theo dõi biên nhận ở GET /v1/events; kiểm tra trước ở /v1/documents/validate.",
    "Send the XML itself to POST /v1/documents; follow the receipt at GET /v1/events; check first at /v1/documents/validate.",
);
const USE_3176: Bilingual = Bilingual::fixed(
    "Hàm cũ: hồ sơ theo QĐ 4210 đã được thay; gửi XML theo QĐ 3176 tới POST /v1/documents.",
    "An old function: files of QĐ 4210 were replaced; send the XML of QĐ 3176 to POST /v1/documents.",
);

const fn row(path: &'static str, dialect: Dialect, does: Does, hint: Bilingual) -> Function {
    Function { path, dialect, does, hint }
}

/// The table (`api.md`, section 10; `portal-api.md`, sections 1 to 5).
pub static FUNCTIONS: &[Function] = &[
    row("/api/token/take", Dialect::SignIn, Does::SignIn, USE_KEY),
    row("/api/egw/KQNhanLichSuKCB2024", Dialect::Card, Does::Ask(Service::CardLookup), USE_CARDS),
    row("/api/egw/Lskcb2025", Dialect::History, Does::Ask(Service::TreatmentHistory), USE_HISTORIES),
    row("/api/TraCuuCCT/TraCuuTienMCCT", Dialect::Copay, Does::Ask(Service::Copay), USE_COPAY),
    row("/api/egw/nhanLichSuKCB", Dialect::Card, Does::AskAsBefore, USE_CARDS),
    row("/api/egw/NhanLichSuKCB2018", Dialect::Card, Does::AskAsBefore, USE_CARDS),
    row("/api/egw/KQNhanLichSuKCB595", Dialect::Card, Does::AskAsBefore, USE_CARDS),
    row("/api/egw/KQNhanLichSuKCB2018", Dialect::Card, Does::AskAsBefore, USE_CARDS),
    row("/api/egw/KQNhanLichSuKCB2019", Dialect::Card, Does::AskAsBefore, USE_CARDS),
    row("/api/qd130/checkInKcbQd130", Dialect::Record, CHECKIN, USE_DOCUMENTS),
    row("/api/qd130/checkInKcbQd4750", Dialect::Record, CHECKIN, USE_DOCUMENTS),
    row("/api/qd130/checkInKcbQd3176", Dialect::Record, CHECKIN, USE_DOCUMENTS),
    row("/api/qd130/guiHoSoXmlQD130", Dialect::Record, CLAIM, USE_DOCUMENTS),
    row("/api/qd130/guiHoSoXmlQD4750", Dialect::Record, CLAIM, USE_DOCUMENTS),
    row("/api/qd130/guiHoSoXmlQD3176", Dialect::Record, CLAIM, USE_DOCUMENTS),
    row("/api/qd130/guiDuLieuGdykQd130", Dialect::Record, ASSESSMENT, USE_DOCUMENTS),
    row("/api/hososuckhoe/guiGiayToDienTu", Dialect::Certificate, CERTIFICATE, USE_DOCUMENTS),
    row("/api/chungtugw/GuiHoSoChungTu2025", Dialect::Certificate, VOUCHER, USE_DOCUMENTS),
    row("/api/hssk/gksk", Dialect::DriverExam, EXAM, USE_DOCUMENTS),
    row("/api/egw/guiHoSoGiamDinh4210", Dialect::Plain, Does::PassThrough, USE_3176),
    row("/api/egw/guiHoSoGiamDinh", Dialect::Plain, Does::PassThrough, USE_3176),
    row("/api/egw/nhanKQTiepNhanHS4210", Dialect::Plain, Does::PassThrough, USE_3176),
    row("/api/egw/nhanChiTietHSNgay4210", Dialect::Plain, Does::PassThrough, USE_3176),
    row("/api/egw/nhanChiTietLoiHS4210", Dialect::Plain, Does::PassThrough, USE_3176),
    row("/api/egw/nhanHoSoKCBChiTiet", Dialect::Plain, Does::PassThrough, USE_HISTORIES),
    row("/api/egw/NhanThongTinCSKCB", Dialect::Plain, Does::PassThrough, USE_HISTORIES),
];

/// What is told of a path that only the configuration names.
pub static HANDED_THROUGH: Bilingual = Bilingual::fixed(
    "Chuyển nguyên trạng tới cổng; gateway không lưu, không kiểm tra.",
    "Handed through to the portal as it is; the gateway neither keeps nor checks it.",
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_is_documented() {
        let documented = include_str!("../../docs/FACADE.md");
        for function in FUNCTIONS {
            assert!(documented.contains(&format!("`{}`", function.path)), "{}", function.path);
            assert!(!function.hint.vi.is_empty() && !function.hint.en.is_empty());
        }
    }

    #[test]
    fn paths_are_found_in_any_case_and_stand_once() {
        let mut names = std::collections::HashSet::new();
        for function in FUNCTIONS {
            assert!(names.insert(function.path.to_ascii_lowercase()), "{}", function.path);
            for spelled in [function.path.to_owned(), function.path.to_lowercase(), function.path.to_uppercase()] {
                assert!(Function::of(&spelled).is_some_and(|found| found.path == function.path), "{spelled}");
            }
        }
        for unknown in ["", "/", "/api/token/take/", "/v1/documents", "/api/egw/KQNhanLichSuKCB2025"] {
            assert!(Function::of(unknown).is_none(), "{unknown}");
        }
    }
}
