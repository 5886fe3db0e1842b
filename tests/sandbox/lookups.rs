use lienthong::domain::NationalId;
use lienthong::sandbox::{Faults, example_for_code, person_of};
use serde_json::{Value, json};

use crate::client::{get, log_in, password_md5, post_form, post_json, question, sandbox};

fn of_id(id: &str) -> Value {
    let person = person_of(&NationalId::parse(id).unwrap());
    question(id, &person.name, &person.birth_date.portal())
}

#[tokio::test]
async fn a_registered_officer_finds_the_card() {
    let sandbox = sandbox(Faults::default()).await;
    let to = sandbox.address();
    let session = log_in(to, "99001_BV").await;
    let person = example_for_code("000").unwrap();
    for subject in [person.national_id.as_str(), &person.card, &person.social_insurance_number] {
        let reply = session.look_up(to, &question(subject, &person.name, &person.birth_date.portal())).await.unwrap();
        let json = reply.json();
        assert_eq!((reply.status, json["maKetQua"].as_str()), (200, Some("000")), "{json}");
        assert_eq!(json["maThe"], person.card.as_str());
        assert_eq!(json["hoTen"], person.name.as_str());
        assert_eq!(json["dsLichSuKCB2018"], Value::Null);
    }
    let json = session.look_up(to, &of_id(person.national_id.as_str())).await.unwrap().json();
    let checks = json["dsLichSuKT2018"].as_array().unwrap();
    assert_eq!((checks.len(), checks[0]["userKT"].as_str()), (3, Some("99001_BV")));
    assert_eq!((sandbox.logins(), sandbox.questions().len()), (1, 4));
    sandbox.stop().await;
}

#[tokio::test]
async fn the_reply_has_the_fields_of_the_official_sample_in_their_order() {
    let sandbox = sandbox(Faults::default()).await;
    let session = log_in(sandbox.address(), "99001_BV").await;
    let person = example_for_code("004").unwrap();
    let reply = session.look_up(sandbox.address(), &of_id(person.national_id.as_str())).await.unwrap();
    let text = String::from_utf8(reply.body.clone()).unwrap();
    let names = [
        "maKetQua",
        "ghiChu",
        "maThe",
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
    let places: Vec<_> = names.iter().map(|name| text.find(&format!("\"{name}\":")).expect(name)).collect();
    assert!(places.is_sorted(), "{text}");
    let json = reply.json();
    assert_eq!(json.as_object().unwrap().len(), names.len());
    assert_eq!(json["maThe"], person.old_card.unwrap());
    assert_eq!((json["maTheCu"].as_str(), json["maTheMoi"].as_str()), (Some(""), Some(person.card.as_str())));
}

#[tokio::test]
async fn every_code_of_a_person_comes_from_its_example() {
    let sandbox = sandbox(Faults::default()).await;
    let to = sandbox.address();
    let session = log_in(to, "99001_BV").await;
    let codes = get(to, "/_sandbox/people").await.json();
    let mut tried = 0;
    for entry in codes.as_array().unwrap().iter().filter(|entry| entry["example"].is_object()) {
        let example = &entry["example"];
        let text = |name: &str| example[name].as_str().unwrap();
        let asked = question(text("maThe"), text("hoTen"), text("ngaySinh"));
        assert_eq!(session.look_up(to, &asked).await.unwrap().code(), entry["code"].as_str().unwrap());
        tried += 1;
    }
    assert_eq!(tried, 20);
    assert_eq!(get(to, "/_sandbox/people?code=010").await.json()["code"], "010");
    assert_eq!(get(to, "/_sandbox/people?code=060").await.status, 404);
    assert_eq!(get(to, "/_sandbox/people?id=001185012345").await.json()["nationalId"], "001185012345");
}

#[tokio::test]
async fn wrong_questions_are_refused_with_their_codes() {
    let sandbox = sandbox(Faults::default()).await;
    let to = sandbox.address();
    let session = log_in(to, "99001_BV").await;
    let person = example_for_code("000").unwrap();
    let right = of_id(person.national_id.as_str());
    let first_letter = person.name.chars().next().unwrap().to_string();
    for (field, value, code) in [
        ("cccdCb", "001181099999", "054"),
        ("hoTenCb", "Nguyễn Thị C", "055"),
        ("hoTenCb", "", "205"),
        ("hoTen", "Xyz", "060"),
        ("hoTen", &first_letter, "061"),
        ("ngaySinh", "01/01/1901", "070"),
        ("ngaySinh", "1901-01-01", "205"),
        ("ngaySinh", "31/02/1985", "205"),
        ("maThe", "12345", "205"),
        ("maThe", "003185012345", "050"),
        ("maThe", "G14010199999991", "051"),
    ] {
        let mut asked = right.clone();
        asked[field] = json!(value);
        let reply = session.look_up(to, &asked).await.unwrap();
        assert_eq!(reply.code(), code, "{field}={value}");
        assert_eq!(reply.json()["hoTen"], Value::Null);
        if (field, value) == ("hoTenCb", "") {
            assert_eq!(reply.json()["ghiChu"], "Null hoTenCb");
        }
    }
}

#[tokio::test]
async fn login_speaks_the_documented_codes() {
    let sandbox = sandbox(Faults::default()).await;
    let to = sandbox.address();
    let password = password_md5();
    for (account, password, code) in [
        ("99001_BV", password.as_str(), "200"),
        ("99001_HSSK", &password.to_lowercase(), "200"),
        ("99001_BV", "5F4DCC3B5AA765D61D8327DEB882CF99", "401"),
        ("00000_BV", &password, "402"),
        ("99403_BV", &password, "403"),
    ] {
        let body = json!({ "username": account, "password": password });
        let reply = post_json(to, "/API/Token/Take", &[], &body).await.unwrap();
        assert_eq!((reply.status, reply.code().as_str()), (200, code), "{account}");
        assert_eq!(reply.json()["APIKey"].is_null(), code != "200");
        assert!(reply.headers["date"].ends_with(" GMT"));
    }
    assert_eq!(sandbox.logins(), 2);
}

#[tokio::test]
async fn visits_are_told_to_forms_only() {
    let sandbox = sandbox(Faults::default()).await;
    let to = sandbox.address();
    let session = log_in(to, "99001_BV").await;
    let person = example_for_code("000").unwrap();
    let asked = of_id(person.national_id.as_str());
    let target = session.query("/api/egw/Lskcb2025");
    assert_eq!(post_json(to, &target, &[], &asked).await.unwrap().code(), "205");
    sandbox.set_faults(Faults { lskcb_accepts_json: true, ..Faults::default() });
    assert_eq!(post_json(to, &target, &[], &asked).await.unwrap().code(), "000");
    let mut fields: Vec<_> =
        asked.as_object().unwrap().iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect();
    let reply = post_form(to, &target, &[], &fields).await.unwrap();
    assert_eq!(reply.code(), "000");
    assert!(reply.json()["dsLichSuKCB2025"].is_array());
    let eight: String = person.birth_date.portal().replace('/', "");
    for field in &mut fields {
        if field.0 == "ngaySinh" {
            field.1 = &eight;
        }
    }
    assert_eq!(post_form(to, &target, &[], &fields).await.unwrap().code(), "205");
}

#[tokio::test]
async fn co_payments_are_cumulative_and_newest_first() {
    let sandbox = sandbox(Faults::default()).await;
    let to = sandbox.address();
    let session = log_in(to, "99001_BV").await;
    let (mut found, mut none) = (0, 0);
    for number in 0..40 {
        let id = format!("001185{number:06}");
        if person_of(&NationalId::parse(&id).unwrap()).code != "000" {
            continue;
        }
        let reply = session.co_payments(to, &of_id(&id)).await.json();
        match reply["MaKetQua"].as_u64() {
            Some(204) => none += 1,
            Some(200) => {
                let rows = reply["DataCCT"].as_array().unwrap();
                let sums: Vec<_> = rows.iter().map(|row| row["tBNCCTLuyKe"].as_u64().unwrap()).collect();
                assert!(sums.iter().rev().is_sorted(), "{reply}");
                found += 1;
            }
            _ => panic!("{reply}"),
        }
    }
    assert!(found > 0 && none > 0);
    let mut wrong = of_id("001185000000");
    wrong["ngaySinh"] = json!("x");
    let reply = session.co_payments(to, &wrong).await;
    assert_eq!((reply.status, reply.json()["MaKetQua"].as_u64()), (400, Some(400)));
}

#[tokio::test]
async fn magic_ids_play_their_last_three_digits() {
    let sandbox = sandbox(Faults::default()).await;
    let to = sandbox.address();
    let session = log_in(to, "99001_BV").await;
    let magic =
        |code: &str| json!({ "maThe": format!("000080000{code}"), "hoTen": "Ai Cũng Được", "ngaySinh": "1999" });
    for code in ["000", "003", "004", "010", "050", "054", "060", "070", "124", "205", "401"] {
        assert_eq!(session.look_up(to, &magic(code)).await.unwrap().code(), code);
    }
    let renewed = session.look_up(to, &magic("003")).await.unwrap().json();
    assert_eq!(renewed["maThe"], "GD4000000000001");
    assert_eq!(renewed["maTheMoi"], "GD4000000000002");
    let refused = session.look_up(to, &magic("903")).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionReset);
    let empty = session.look_up(to, &magic("904")).await.unwrap();
    assert_eq!((empty.status, empty.body.len()), (401, 0));
    let page = session.look_up(to, &magic("905")).await.unwrap();
    assert!(page.status == 502 && page.body.starts_with(b"<html>"));
    let cut = session.look_up(to, &magic("906")).await.unwrap();
    assert!(cut.status == 200 && serde_json::from_slice::<Value>(&cut.body).is_err());
    assert!(sandbox.questions().iter().all(|asked| !asked.subject.ends_with("903")));
}

#[tokio::test]
async fn retired_lookups_are_gone() {
    let sandbox = sandbox(Faults::default()).await;
    let to = sandbox.address();
    for path in ["KQNhanLichSuKCB595", "KQNhanLichSuKCB2018", "KQNhanLichSuKCB2019", "NhanLichSuKCB2018"] {
        let reply = post_json(to, &format!("/api/egw/{path}"), &[], &json!({})).await.unwrap();
        assert!(reply.status == 404 && reply.json()["Message"].is_string());
    }
    assert_eq!(get(to, "/api/egw/KQNhanLichSuKCB2024").await.status, 405);
}
