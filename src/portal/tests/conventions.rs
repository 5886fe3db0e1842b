//! The four calling conventions on the wire.

use base64::prelude::{BASE64_STANDARD, Engine};
use bytes::Bytes;
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

#[tokio::test]
async fn what_is_handed_through_changes_its_credentials_and_nothing_else() {
    use http::HeaderMap;

    use crate::portal::passage::{Passage, Written};

    // The first session is refused, so the call is made again with a new one; nothing else makes it twice.
    let refused = std::sync::atomic::AtomicBool::new(false);
    let fake = FakePortal::start(move |_| match refused.swap(true, std::sync::atomic::Ordering::Relaxed) {
        false => Play::Answer(200, r#"{"maKetQua":"401"}"#.to_owned()),
        true => Play::Answer(404, "<html>".to_owned()),
    })
    .await;
    let mut headers = HeaderMap::new();
    for (name, value) in [("accesstoken", "a"), ("passwordhash", "b"), ("content-type", "text/json"), ("cookie", "c")] {
        headers.insert(name, value.parse().unwrap());
    }
    let passage = Passage {
        facility: facility(),
        path: "/api/a".to_owned(),
        query: Some("x=%20+&Token=a&y&pass%77ord=b&tokens=t".to_owned()),
        headers,
        form: Written::Json,
        body: Bytes::from_static(b"{ \"USERNAME\" :\"a\",\"n\":1.50, \"deep\":{\"token\":\"kept\"} }"),
    };
    let passed = portal(&fake).hand_through(&passage).await.unwrap();
    assert_eq!((passed.http_status, &passed.raw[..], passed.code.as_str()), (404, &b"<html>"[..], ""));
    let requests = fake.requests("/api/a");
    assert_eq!(requests.len(), 2);
    let request = requests.last().unwrap();
    assert_eq!(request.raw_query, format!("x=%20+&Token=tok%2Ben%2F1%3D%3D&y&pass%77ord={MD5}&tokens=t"));
    assert_eq!(request.body, b"{ \"USERNAME\" :\"99001_BV\",\"n\":1.50, \"deep\":{\"token\":\"kept\"} }");
    let header = |name: &str| request.headers.get(name).map(String::as_str);
    assert_eq!((header("accesstoken"), header("passwordhash")), (Some("tok+en/1=="), Some(MD5)));
    assert_eq!((header("tokenid"), header("cookie"), header("content-type")), (None, None, Some("text/json")));

    let form = Passage {
        form: Written::Form,
        query: None,
        body: Bytes::from_static(b"a=1&token=x&id_token=y&username=z&password=&b=%2"),
        ..passage
    };
    portal(&fake).hand_through(&form).await.unwrap();
    let request = fake.requests("/api/a").pop().unwrap();
    let body = String::from_utf8(request.body).unwrap();
    assert!(body.starts_with("a=1&token=tok%2Ben%2F1%3D%3D&id_token="), "{body}");
    assert!(body.ends_with(&format!("&username=99001_BV&password={MD5}&b=%2")), "{body}");
}
