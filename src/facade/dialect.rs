//! How each family of functions speaks: where credentials stand, and the one place where a refusal becomes the family's
//! own keys, code and HTTP status (`portal-api.md`, sections 0, 1.3, 1.5, 2.2, 2.6, 3, 5 and 6.2).
//!
//! Codes are the family's own wherever it is known to have one; the reasons for the others stand beside them.

use jiff::Timestamp;
use serde_json::Value;

use crate::facade::reply::{Refusal, Reply, Why};
use crate::facade::request::Call;
use crate::system::vietnam;

/// How a function speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `token/take`.
    SignIn,
    /// The card lookup, today's and those before it.
    Card,
    /// The visit history.
    History,
    /// The co-payments: the one family that speaks through the HTTP status.
    Copay,
    /// Check-in, claims and medical assessment.
    Record,
    /// Certificates and vouchers ("PL02").
    Certificate,
    /// Driver health exams.
    DriverExam,
    /// The 4210 family, and paths that only the configuration names.
    Plain,
}

/// Where a family looks for what opens it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// User and password in the body, no token.
    SignIn,
    /// `token`, `id_token`, `username`, `password` in the query.
    Query,
    /// `accessToken`, `tokenId`, `passwordHash` in headers, `username` in the body.
    Headers,
    /// `token`, `id_token`, `username`, `password` in the body.
    Body,
    /// `Username`, `Password` in headers, no token at all.
    Account,
}

/// What a refusal repeats of the call, as the portal does.
#[derive(Default)]
pub(super) struct Echo {
    card: String,
    exam: [String; 3],
}

impl Echo {
    pub(super) fn of(call: &Call) -> Self {
        /// Longest text repeated: no field of the real ones is longer.
        const CHARACTERS_MAX: usize = 255;
        let field = |name| call.fields.get(name).chars().take(CHARACTERS_MAX).collect();
        Self { card: field("maThe"), exam: ["IDBENHVIEN", "SO", "BENHVIEN"].map(field) }
    }
}

impl Dialect {
    /// Where credentials stand.
    pub(super) fn place(self) -> Place {
        match self {
            Self::SignIn => Place::SignIn,
            Self::Card | Self::History | Self::Plain => Place::Query,
            Self::Copay | Self::Record => Place::Headers,
            Self::Certificate => Place::Body,
            Self::DriverExam => Place::Account,
        }
    }

    /// The dialect of a path nobody has described, told by where its credentials stand.
    pub(super) fn told_by(call: &Call) -> Self {
        let in_header = |name: &str| !call.header(name).is_empty();
        match () {
            () if !call.query.get("token").is_empty() => Self::Plain,
            () if in_header("accesstoken") => Self::Record,
            () if in_header("username") => Self::DriverExam,
            () if !call.fields.get("token").is_empty() => Self::Certificate,
            () => Self::Plain,
        }
    }

    /// The answer to a call that is refused.
    pub(super) fn refuse(self, refusal: Refusal, echo: &Echo, now: Timestamp) -> Reply {
        let (status, code) = self.code(refusal.why);
        let body = if self == Self::Copay && refusal.why_is_about_the_caller() {
            // An empty body under HTTP 401 (section 2.6).
            String::new()
        } else {
            self.body(code, "", &refusal.words, echo, now)
        };
        Reply {
            problem: refusal.problem,
            message: refusal.words,
            retry_after: refusal.retry_after,
            ..Reply::of(status, code, body)
        }
    }

    /// The family's HTTP status and code for a reason.
    fn code(self, why: Why) -> (u16, &'static str) {
        match self {
            // Section 1.3: 401 account or password, 402 facility, 403 locked, 500 system.
            Self::SignIn => match why {
                Why::WrongFacility => (200, "402"),
                // Since 2024 the portal lets in registered addresses only; an account that may not is as good as locked.
                Why::Locked | Why::NotAllowed => (200, "403"),
                Why::Failed | Why::TooLarge => (200, "500"),
                _ => (200, "401"),
            },
            // Section 2.2. There is no code for "not allowed": an account without the right to look up gets HTTP 403
            // (section 1.5).
            Self::Card | Self::History => match why {
                Why::Unauthorised | Why::Locked => (200, "401"),
                Why::NotAllowed | Why::WrongFacility => (403, "401"),
                Why::OfficerUnknown => (200, "054"),
                Why::OfficerName => (200, "055"),
                Why::CardWrong => (200, "051"),
                Why::CardUnknown => (200, "050"),
                Why::Failed => (200, "101"),
                _ => (200, "205"),
            },
            // Section 2.6.
            Self::Copay => match why {
                Why::Unauthorised | Why::Locked | Why::NotAllowed | Why::WrongFacility => (401, "401"),
                Why::CardUnknown => (200, "204"),
                Why::Failed => (500, "500"),
                _ => (400, "400"),
            },
            // Sections 3 and 6.2: 401 and 403 are documented for these services; the others are those of the settlement
            // files, the one modern service with a whole list, for which the same meanings are likely here.
            Self::Record | Self::Plain => match why {
                Why::Unauthorised | Why::Locked => (200, "401"),
                Why::NotAllowed | Why::WrongFacility => (200, "403"),
                Why::Unreadable => (200, "204"),
                Why::WrongContent => (200, "123"),
                Why::Findings => (200, "400"),
                Why::TooLarge => (200, "1001"),
                Why::Failed => (200, "500"),
                _ => (200, "205"),
            },
            // Section 5.2: 205 is the family's only word about a file, so everything wrong with one is said by it; 402 is
            // of its token call, and the only code it has for a facility that is not the account's.
            Self::Certificate => match why {
                Why::Unauthorised | Why::Locked | Why::NotAllowed => (200, "401"),
                Why::WrongFacility => (200, "402"),
                Why::TooLarge => (200, "1001"),
                Why::Failed => (200, "500"),
                _ => (200, "205"),
            },
            // Section 5.1: no numbers, the words say it.
            Self::DriverExam => (200, "0"),
        }
    }

    /// A body of the gateway's own in the family's keys and order. `number` is a transaction number of the gateway's, or
    /// the portal's own receipt where only that is known.
    pub(super) fn body(self, code: &str, number: &str, words: &str, echo: &Echo, now: Timestamp) -> String {
        let received_at = vietnam(now).strftime("%Y%m%d%H%M%S").to_string();
        let text = |text: &str| Value::from(text);
        let null = || Value::Null;
        match self {
            Self::SignIn => object(&[("maKetQua", text(code)), ("APIKey", null())]),
            Self::Card => {
                let known = [("maKetQua", text(code)), ("ghiChu", text(words)), ("maThe", text(&echo.card))];
                let others = CARD_FIELDS.iter().map(|name| (*name, null()));
                object(&known.into_iter().chain(others).collect::<Vec<_>>())
            }
            Self::History => object(&[("maKetQua", text(code)), ("ghiChu", text(words)), ("dsLichSuKCB2025", null())]),
            // The one family whose sample has the code as a number.
            Self::Copay => object(&[
                ("MaKetQua", code.parse::<u16>().map_or_else(|_| text(code), Value::from)),
                ("GhiChu", text(words)),
                ("DataCCT", null()),
                ("ThongTinSoThe", null()),
            ]),
            Self::Record | Self::Plain => object(&[
                ("maKetQua", text(code)),
                ("maGiaoDich", text(number)),
                ("thoiGianTiepNhan", text(&received_at)),
                ("thongDiep", text(words)),
            ]),
            Self::Certificate => {
                object(&[("MaGD", text(number)), ("MaKetQua", text(code)), ("ThoiGianTiepNhan", text(&received_at))])
            }
            Self::DriverExam => {
                let [facility, so, name] = &echo.exam;
                object(&[
                    ("MSG_STATE", text(code)),
                    ("MSG_TEXT", text(words)),
                    ("IDBENHVIEN", text(facility)),
                    ("SO", text(so)),
                    ("UUID", text(number)),
                    ("BENHVIEN", text(name)),
                ])
            }
        }
    }

    /// The family's code of success.
    pub(super) fn success(self) -> &'static str {
        if self == Self::DriverExam { "1" } else { "200" }
    }
}

/// The fields of the card lookup after the first three, in the order of its sample (section 2.1).
const CARD_FIELDS: [&str; 19] = [
    "hoTen",
    "ngaySinh",
    "gioiTinh",
    "diaChi",
    "maDKBD",
    "cqBHXH",
    "gtTheTu",
    "gtTheDen",
    "maKV",
    "ngayDu5Nam",
    "maSoBHXH",
    "maTheCu",
    "maTheMoi",
    "gtTheTuMoi",
    "gtTheDenMoi",
    "maDKBDMoi",
    "tenDKBDMoi",
    "dsLichSuKCB2018",
    "dsLichSuKT2018",
];

impl Refusal {
    fn why_is_about_the_caller(&self) -> bool {
        matches!(self.why, Why::Unauthorised | Why::Locked | Why::NotAllowed | Why::WrongFacility)
    }
}

/// A JSON object with its members in this order.
pub(super) fn object(members: &[(&str, Value)]) -> String {
    let written: Vec<String> = members.iter().map(|(name, value)| format!("{}:{value}", Value::from(*name))).collect();
    format!("{{{}}}", written.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Dialect; 8] = [
        Dialect::SignIn,
        Dialect::Card,
        Dialect::History,
        Dialect::Copay,
        Dialect::Record,
        Dialect::Certificate,
        Dialect::DriverExam,
        Dialect::Plain,
    ];

    fn refused(dialect: Dialect, why: Why) -> Reply {
        let now = "2026-10-06T01:30:15Z".parse().unwrap();
        let echo = Echo { card: "x\"y".to_owned(), exam: ["48999".into(), "1".into(), "PK".into()] };
        dialect.refuse(Refusal::new(why, "facade.test", "Lỗi"), &echo, now)
    }

    #[test]
    fn every_family_refuses_in_its_own_keys_and_order() {
        for (dialect, why, status, body) in [
            (Dialect::SignIn, Why::Unauthorised, 200, r#"{"maKetQua":"401","APIKey":null}"#),
            (Dialect::SignIn, Why::WrongFacility, 200, r#"{"maKetQua":"402","APIKey":null}"#),
            (Dialect::SignIn, Why::Locked, 200, r#"{"maKetQua":"403","APIKey":null}"#),
            (Dialect::History, Why::Failed, 200, r#"{"maKetQua":"101","ghiChu":"Lỗi","dsLichSuKCB2025":null}"#),
            (Dialect::Copay, Why::Unauthorised, 401, ""),
            (
                Dialect::Copay,
                Why::BadInput,
                400,
                r#"{"MaKetQua":400,"GhiChu":"Lỗi","DataCCT":null,"ThongTinSoThe":null}"#,
            ),
            (
                Dialect::Record,
                Why::WrongFacility,
                200,
                r#"{"maKetQua":"403","maGiaoDich":"","thoiGianTiepNhan":"20261006083015","thongDiep":"Lỗi"}"#,
            ),
            (
                Dialect::Certificate,
                Why::TooLarge,
                200,
                r#"{"MaGD":"","MaKetQua":"1001","ThoiGianTiepNhan":"20261006083015"}"#,
            ),
            (
                Dialect::DriverExam,
                Why::Unauthorised,
                200,
                r#"{"MSG_STATE":"0","MSG_TEXT":"Lỗi","IDBENHVIEN":"48999","SO":"1","UUID":"","BENHVIEN":"PK"}"#,
            ),
        ] {
            let reply = refused(dialect, why);
            assert_eq!(
                (reply.status, std::str::from_utf8(&reply.body).unwrap()),
                (status, body),
                "{dialect:?} {why:?}"
            );
        }
        let card = refused(Dialect::Card, Why::OfficerUnknown);
        let card = std::str::from_utf8(&card.body).unwrap();
        assert!(card.starts_with(r#"{"maKetQua":"054","ghiChu":"Lỗi","maThe":"x\"y","hoTen":null,"#), "{card}");
        assert!(card.ends_with(r#""dsLichSuKCB2018":null,"dsLichSuKT2018":null}"#), "{card}");
    }

    #[test]
    fn no_refusal_reads_like_a_success() {
        let whys = [
            Why::Unauthorised,
            Why::Locked,
            Why::NotAllowed,
            Why::WrongFacility,
            Why::BadInput,
            Why::Unreadable,
            Why::WrongContent,
            Why::Findings,
            Why::TooLarge,
            Why::OfficerUnknown,
            Why::OfficerName,
            Why::CardWrong,
            Why::CardUnknown,
            Why::Failed,
        ];
        for dialect in ALL {
            for why in whys {
                let reply = refused(dialect, why);
                assert_ne!(reply.code, dialect.success(), "{dialect:?} {why:?}");
                assert!(!matches!(reply.code.as_str(), "000" | "200" | "1"), "{dialect:?} {why:?}");
            }
        }
    }
}
