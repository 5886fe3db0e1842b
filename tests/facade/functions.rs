//! The functions of the portal that hospital systems call, each as its documents have it. What a client makes of that
//! is in `ways`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lienthong::sandbox::InsuredPerson;
use serde::Deserializer;
use serde::de::{MapAccess, Visitor};

use crate::documents;
use crate::samples;

/// A function: where it is, and what it wants.
pub(crate) struct Function {
    /// As the matrix shows it.
    pub(crate) name: &'static str,
    pub(crate) path: &'static str,
    pub(crate) place: Place,
    /// What the documents ask for; clients use the other one too.
    pub(crate) encoding: Encoding,
    pub(crate) content: Content,
    /// Whose account calls it: that of the facility in the sample.
    pub(crate) facility: &'static str,
}

/// Where a function wants its credentials.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Username and password are the fields.
    Login,
    /// `token`, `id_token`, `username`, `password` in the query.
    Query,
    /// `accessToken`, `tokenId`, `passwordHash` in headers, `username` among the fields.
    Headers,
    /// All four among the fields.
    Body,
    /// `Username` and `Password` in headers, no token.
    Account,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Form,
    Json,
}

/// What a function is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    Login,
    /// A person, and the officer who asks.
    Card,
    /// A person, without an officer.
    CoPayments,
    CheckIn,
    Claim,
    Assessment,
    /// A certificate with this `loaiHs`.
    Certificate(&'static str),
    DriverExam,
    /// The whole body is a file.
    OldClaim,
    /// After a claim of the same facility was sent, the function's own question about it.
    OldResult(OldResult),
    /// After the visits were asked for, the details of the first.
    Visit,
    Facility,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum OldResult {
    Days,
    Files,
    Errors,
}

/// Everything that gives a call its own content: nobody else asks for this person, sends these keys.
pub(crate) struct Case<'a> {
    pub(crate) person: &'a InsuredPerson,
    pub(crate) serial: usize,
    /// Today in Vietnam, as `dd/MM/yyyy`.
    pub(crate) today: &'a str,
}

/// Names and values in the order of the documents.
pub(crate) type Fields = Vec<(String, String)>;

const fn function(
    name: &'static str,
    path: &'static str,
    place: Place,
    encoding: Encoding,
    content: Content,
) -> Function {
    Function { name, path, place, encoding, content, facility: "01999" }
}

impl Function {
    const fn of(self, facility: &'static str) -> Self {
        Self { facility, ..self }
    }
}

/// Every row of the portal's list, in its order.
pub(crate) const FUNCTIONS: &[Function] = {
    use Content::{Assessment, Card, Certificate, CheckIn, Claim, CoPayments, DriverExam, Login, OldClaim, Visit};
    use Encoding::{Form, Json};
    &[
        function("token/take", "/api/token/take", Place::Login, Form, Login),
        function("KQNhanLichSuKCB2024", "/api/egw/KQNhanLichSuKCB2024", Place::Query, Json, Card),
        function("Lskcb2025", "/api/egw/Lskcb2025", Place::Query, Form, Card),
        function("TraCuuTienMCCT", "/api/TraCuuCCT/TraCuuTienMCCT", Place::Headers, Json, CoPayments),
        function("checkInKcbQd130", "/api/qd130/checkInKcbQd130", Place::Headers, Form, CheckIn),
        function("checkInKcbQd4750", "/api/qd130/checkInKcbQd4750", Place::Headers, Form, CheckIn),
        function("checkInKcbQd3176", "/api/qd130/checkInKcbQd3176", Place::Headers, Form, CheckIn),
        function("guiHoSoXmlQD130", "/api/qd130/guiHoSoXmlQD130", Place::Headers, Form, Claim),
        function("guiHoSoXmlQD4750", "/api/qd130/guiHoSoXmlQD4750", Place::Headers, Form, Claim),
        function("guiHoSoXmlQD3176", "/api/qd130/guiHoSoXmlQD3176", Place::Headers, Form, Claim),
        function("guiDuLieuGdykQd130", "/api/qd130/guiDuLieuGdykQd130", Place::Headers, Form, Assessment),
        function("KQNhanLichSuKCB595", "/api/egw/KQNhanLichSuKCB595", Place::Query, Json, Card),
        function("KQNhanLichSuKCB2018", "/api/egw/KQNhanLichSuKCB2018", Place::Query, Json, Card),
        function("KQNhanLichSuKCB2019", "/api/egw/KQNhanLichSuKCB2019", Place::Query, Json, Card),
        function("NhanLichSuKCB2018", "/api/egw/NhanLichSuKCB2018", Place::Query, Json, Card),
        function("guiHoSoGiamDinh4210", "/api/egw/guiHoSoGiamDinh4210", Place::Query, Json, OldClaim),
        function("guiHoSoGiamDinh", "/api/egw/guiHoSoGiamDinh", Place::Query, Json, OldClaim),
        result("nhanKQTiepNhanHS4210", "/api/egw/nhanKQTiepNhanHS4210", OldResult::Days),
        result("nhanChiTietHSNgay4210", "/api/egw/nhanChiTietHSNgay4210", OldResult::Files),
        result("nhanChiTietLoiHS4210", "/api/egw/nhanChiTietLoiHS4210", OldResult::Errors),
        function("nhanHoSoKCBChiTiet", "/api/egw/nhanHoSoKCBChiTiet", Place::Query, Json, Visit),
        function("NhanThongTinCSKCB", "/api/egw/NhanThongTinCSKCB", Place::Body, Json, Content::Facility),
        function("giấy báo tử (60)", "/api/hososuckhoe/guiGiayToDienTu", Place::Body, Form, Certificate("60"))
            .of("38999"),
        function("giấy chứng sinh (61)", "/api/hososuckhoe/guiGiayToDienTu", Place::Body, Form, Certificate("61"))
            .of("79999"),
        function("GuiHoSoChungTu2025 (39)", "/api/chungtugw/GuiHoSoChungTu2025", Place::Body, Form, Certificate("39")),
        function("hssk/gksk", "/api/hssk/gksk", Place::Account, Json, DriverExam).of("48999"),
    ]
};

const fn result(name: &'static str, path: &'static str, result: OldResult) -> Function {
    function(name, path, Place::Query, Encoding::Json, Content::OldResult(result))
}

/// What the officer who asks is called, and their number: registered at every sandbox.
pub(crate) const OFFICER: (&str, &str) = ("NGUYỄN THỊ B", "001181012345");

impl Content {
    /// The fields of the query beside the credentials.
    pub(crate) fn query(self, facility: &str, case: &Case<'_>, earlier: &str) -> Fields {
        let province = facility.get(..2).unwrap_or_default();
        match self {
            Self::OldClaim => fields(&[("loaiHoSo", "3"), ("maTinh", province), ("maCSKCB", facility)]),
            Self::OldResult(OldResult::Days) => {
                fields(&[("loaiHoSo", "3"), ("maCSKCB", facility), ("tuNgay", case.today), ("denNgay", case.today)])
            }
            Self::OldResult(OldResult::Files) => {
                fields(&[("loaiHoSo", "3"), ("maCSKCB", facility), ("ngayGui", case.today)])
            }
            Self::OldResult(OldResult::Errors) => fields(&[("maCSKCB", facility), ("maGiaoDich", earlier)]),
            Self::Visit => fields(&[("maHoSo", earlier)]),
            _ => Vec::new(),
        }
    }

    /// The fields of the body beside the credentials.
    pub(crate) fn body(self, facility: &str, case: &Case<'_>) -> Fields {
        let person = case.person;
        let (card, name) = (person.national_id.as_str(), person.name.to_uppercase());
        let birth = person.birth_date.portal();
        let province = facility.get(..2).unwrap_or_default();
        let file = |service: &str, xml: String| {
            let content = STANDARD.encode(xml);
            fields(&[("loaiHoSo", service), ("maTinh", province), ("maCSKCB", facility), ("fileHSBase64", &content)])
        };
        let key = format!("FC{:08}", case.serial);
        match self {
            Self::Card => fields(&[
                ("maThe", card),
                ("hoTen", &name),
                ("ngaySinh", &birth),
                ("hoTenCb", OFFICER.0),
                ("cccdCb", OFFICER.1),
            ]),
            Self::CoPayments => fields(&[("maThe", card), ("hoTen", &name), ("ngaySinh", &birth)]),
            Self::CheckIn => file("0", samples::CHECKIN.replace("HS2603160001", &key)),
            Self::Claim => file("130", documents::claim(&key)),
            Self::Assessment => {
                file("12", samples::MEDICAL_ASSESSMENT.replace("0199999995", &format!("01{:08}", case.serial)))
            }
            Self::Certificate(service) => {
                let xml = match service {
                    "60" => documents::death(case.serial),
                    "61" => documents::birth(case.serial),
                    _ => documents::with_parts(samples::VOUCHER, |part| {
                        part.replace("01999-26-0001", &format!("01999-26-{:04}", case.serial))
                    }),
                };
                let content = STANDARD.encode(xml);
                fields(&[("loaiHs", service), ("fileBase64Str", &content)])
            }
            Self::DriverExam => members(&documents::driver_exam(case.serial)),
            Self::Facility => fields(&[("maCSKCB", facility)]),
            Self::Login | Self::OldClaim | Self::OldResult(_) | Self::Visit => Vec::new(),
        }
    }
}

impl Case<'_> {
    /// A file of the old family: two records, of which one will be found wrong.
    pub(crate) fn old_claim(&self) -> Vec<u8> {
        let record = |key: &str| {
            let inner = format!("<TONG_HOP><MA_LK>{key}</MA_LK><T_TONGCHI>150000</T_TONGCHI></TONG_HOP>");
            let content = STANDARD.encode(inner);
            format!("<HOSO><FILEHOSO><LOAIHOSO>XML1</LOAIHOSO><NOIDUNGFILE>{content}</NOIDUNGFILE></FILEHOSO></HOSO>")
        };
        let keys = [format!("FC{}", self.serial), format!("FC{}-REJECT-XML3", self.serial)];
        let records: String = keys.iter().map(|key| record(key)).collect();
        format!("<GIAMDINHHS><THONGTINHOSO><DANHSACHHOSO>{records}</DANHSACHHOSO></THONGTINHOSO></GIAMDINHHS>")
            .into_bytes()
    }
}

pub(crate) fn fields(pairs: &[(&str, &str)]) -> Fields {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The members of a JSON object of texts, in the order written.
fn members(json: &str) -> Fields {
    struct InOrder;
    impl<'de> Visitor<'de> for InOrder {
        type Value = Fields;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object of texts")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
            let mut members = Vec::new();
            while let Some(member) = map.next_entry()? {
                members.push(member);
            }
            Ok(members)
        }
    }
    serde_json::Deserializer::from_str(json).deserialize_map(InOrder).expect("the sample is an object of texts")
}
