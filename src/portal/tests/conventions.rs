//! The four calling conventions on the wire.

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::json;

use super::server::{FakePortal, Play, Recorded};
use super::{account, config, facility, officer, portal, question, submission};
use crate::domain::Receipt;
use crate::portal::{Answer, Generation, Portal, PortalPassword, Service};
use crate::system::System;

const MD5: &str = "2AB96390C7DBE3439DE74D0C9B0B1767";
const TAKEN: &str = r#"{"maKetQua":"200","maGiaoDich":"G1","MaGD":"G1","MSG_STATE":"1","UUID":"G1"}"#;

fn only(requests: Vec<Recorded>) -> Recorded {
    let [request] = requests.try_into().unwrap();
    request
}

fn pairs(pairs: &[(&str, &str)]) -> std::collections::BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn login_is_a_form_with_the_hash() {
    let fake = FakePortal::start(|_| Play::Hang).await;
    portal(&fake).sign_in(&facility()).await.unwrap();
    let login = only(fake.requests("/api/token/take"));
    assert_eq!(login.method, "POST");
    assert!(login.headers["content-type"].starts_with("application/x-www-form-urlencoded"));
    assert_eq!(login.headers["user-agent"], concat!("lienthong/", env!("CARGO_PKG_VERSION")));
    assert_eq!(login.form(), pairs(&[("username", "99001_BV"), ("password", MD5)]));
}

#[tokio::test]
async fn card_lookups_carry_the_keys_in_an_encoded_query() {
    let fake = FakePortal::start(|_| Play::Answer(200, "\u{feff}{\"maKetQua\":\"000\"} ".to_owned())).await;
    let answered = portal(&fake).ask(Service::CardLookup, &question(), Some(&officer())).await.unwrap();
    assert_eq!((answered.code.as_str(), &answered.raw[..]), ("000", &br#"{"maKetQua":"000"}"#[..]));
    let request = only(fake.requests("/api/egw/KQNhanLichSuKCB2024"));
    assert!(request.raw_query.contains("token=tok%2Ben%2F1%3D%3D&"), "{}", request.raw_query);
    let keys = [("token", "tok+en/1=="), ("id_token", "0f4b7c1e-0000"), ("username", "99001_BV"), ("password", MD5)];
    assert_eq!(request.query(), pairs(&keys));
    let body = json!({"maThe": "001094012345", "hoTen": "TRẦN VĂN A", "ngaySinh": "05/03/1994",
        "hoTenCb": "NGUYỄN THỊ B", "cccdCb": "001181012345"});
    assert_eq!(request.json(), body);
}

#[tokio::test]
async fn treatment_histories_are_asked_with_a_form() {
    let fake = FakePortal::start(|_| Play::Answer(200, r#"{"maKetQua":"000"}"#.to_owned())).await;
    portal(&fake).ask(Service::TreatmentHistory, &question(), Some(&officer())).await.unwrap();
    let request = only(fake.requests("/api/egw/Lskcb2025"));
    assert_eq!(request.query()["token"], "tok+en/1==");
    let form = [("maThe", "001094012345"), ("hoTen", "TRẦN VĂN A"), ("ngaySinh", "05/03/1994")];
    let officer = [("hoTenCb", "NGUYỄN THỊ B"), ("cccdCb", "001181012345")];
    assert_eq!(request.form(), pairs(&[&form[..], &officer[..]].concat()));
}

#[tokio::test]
async fn copay_is_json_with_the_keys_in_headers() {
    let fake = FakePortal::start(|_| Play::Answer(200, r#"{"MaKetQua":204}"#.to_owned())).await;
    assert_eq!(portal(&fake).ask(Service::Copay, &question(), None).await.unwrap().code, "204");
    let request = only(fake.requests("/api/TraCuuCCT/TraCuuTienMCCT"));
    assert_eq!(request.raw_query, "");
    assert_keys_in_headers(&request);
    assert!(request.headers["content-type"].starts_with("application/json"));
    let body =
        json!({"username": "99001_BV", "maThe": "001094012345", "hoTen": "TRẦN VĂN A", "ngaySinh": "05/03/1994"});
    assert_eq!(request.json(), body);
}

fn assert_keys_in_headers(request: &Recorded) {
    assert_eq!(request.headers["accesstoken"], "tok+en/1==");
    assert_eq!(request.headers["tokenid"], "0f4b7c1e-0000");
    assert_eq!(request.headers["passwordhash"], MD5);
}

#[tokio::test]
async fn files_of_the_130_family_take_type_and_province_from_here() {
    for (service, generation, path, record_type) in [
        (Service::Checkin, Generation::Qd130, "/api/qd130/checkInKcbQd130", "0"),
        (Service::Checkin, Generation::Qd4750, "/api/qd130/checkInKcbQd4750", "0"),
        (Service::Checkin, Generation::Qd3176, "/api/qd130/checkInKcbQd3176", "0"),
        (Service::Claim, Generation::Qd130, "/api/qd130/guiHoSoXmlQD130", "130"),
        (Service::Claim, Generation::Qd4750, "/api/qd130/guiHoSoXmlQD4750", "130"),
        (Service::Claim, Generation::Qd3176, "/api/qd130/guiHoSoXmlQD3176", "130"),
        (Service::MedicalAssessment, Generation::Qd3176, "/api/qd130/guiDuLieuGdykQd130", "12"),
    ] {
        let fake = FakePortal::start(|_| Play::Answer(200, TAKEN.to_owned())).await;
        let config = crate::portal::Config { generation, ..config(&fake.url) };
        let portal = Portal::new(config, vec![account()], System::real()).unwrap();
        let handover = portal.submit(&submission(service, "<A>?>~ế</A>")).await;
        assert_eq!(handover.result, Ok(Answer::Taken(Receipt { code: "G1".to_owned(), received_at: None })));
        assert_eq!((handover.http_status, &handover.raw[..]), (Some(200), TAKEN.as_bytes()));
        let request = only(fake.requests(path));
        assert_keys_in_headers(&request);
        let file = BASE64_STANDARD.encode("<A>?>~ế</A>");
        let form = [
            ("username", "99001_BV"),
            ("loaiHoSo", record_type),
            ("maTinh", "99"),
            ("maCSKCB", "99001"),
            ("fileHSBase64", &file),
        ];
        assert_eq!(request.form(), pairs(&form));
        // The login's connection is kept for what may be repeated; the others open their own.
        assert_eq!(request.connection, usize::from(service == Service::MedicalAssessment), "{service:?}");
    }
}

#[tokio::test]
async fn certificates_carry_the_keys_in_the_form() {
    for (service, path, number) in [
        (Service::BirthCertificate, "/api/hososuckhoe/guiGiayToDienTu", "61"),
        (Service::DeathCertificate, "/api/hososuckhoe/guiGiayToDienTu", "60"),
        (Service::Voucher, "/api/chungtugw/GuiHoSoChungTu2025", "39"),
    ] {
        let fake = FakePortal::start(|_| Play::Answer(200, TAKEN.to_owned())).await;
        let handover = portal(&fake).submit(&submission(service, "<A/>")).await;
        assert!(matches!(handover.result, Ok(Answer::Taken(_))));
        let request = only(fake.requests(path));
        assert_eq!((request.raw_query.as_str(), request.connection), ("", 1));
        let form = [
            ("maCskcb", "99001"),
            ("token", "tok+en/1=="),
            ("id_token", "0f4b7c1e-0000"),
            ("username", "99001_BV"),
            ("password", MD5),
            ("loaiHs", number),
            ("fileBase64Str", "PEEvPg=="),
        ];
        assert_eq!(request.form(), pairs(&form));
    }
}

#[tokio::test]
async fn driver_exams_go_verbatim_under_their_own_account_and_without_a_token() {
    let fake = FakePortal::start(|_| Play::Answer(200, TAKEN.to_owned())).await;
    let body = "{ \"SO\":\"00001/GKSKLX/99001/26\" }";
    portal(&fake).submit(&submission(Service::DriverExam, body)).await.result.unwrap();
    let mut own = account();
    own.driver_exam = Some(("99001_HSSK".to_owned(), PortalPassword::new("password".to_owned())));
    let own = Portal::new(config(&fake.url), vec![own], System::real()).unwrap();
    own.submit(&submission(Service::DriverExam, body)).await.result.unwrap();
    let [main, own] = fake.requests("/api/hssk/gksk").try_into().unwrap();
    assert_eq!((main.headers["username"].as_str(), main.headers["password"].as_str()), ("99001_BV", MD5));
    assert_eq!(own.headers["username"], "99001_HSSK");
    assert_eq!(own.headers["password"], "5F4DCC3B5AA765D61D8327DEB882CF99");
    assert_eq!(own.body, body.as_bytes());
    assert!(fake.requests("/api/token/take").is_empty());
}
