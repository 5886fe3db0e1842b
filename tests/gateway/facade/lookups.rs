//! Lookups through the façade: the portal's own bytes, and one question for everybody.

use serde_json::{Value, json};
use unicode_normalization::UnicodeNormalization;

use super::client::{His, asked, code};
use crate::support::{Options, TestGateway, question, valid_person};

const CARD: &str = "/api/egw/KQNhanLichSuKCB2024";

#[tokio::test(flavor = "multi_thread")]
async fn two_systems_and_v1_ask_the_portal_once_and_get_its_bytes() {
    let gateway = TestGateway::start().await;
    let first = His::signed_in(&gateway, "01999_BV", &["01999"]).await;
    let second = His::signed_in(&gateway, "01999_PK", &["01999"]).await;
    let person = valid_person(0);

    let one = first.egw(CARD, &asked(&person)).await.expect(200);
    assert_eq!(one.header("gateway-source"), "portal");
    // The keys in the portal's order, its nulls and its words: what the sandbox wrote, to the byte.
    let text = String::from_utf8(one.body.to_vec()).unwrap();
    assert!(text.starts_with(r#"{"maKetQua":"000","ghiChu":"Thẻ còn giá trị"#), "{text}");
    assert!(text.contains(r#""dsLichSuKCB2018":null,"#), "{text}");

    // As others write the same question: a form, the name in NFD and lower case, blanks in the number.
    let name: String = person.name.to_lowercase().nfd().collect();
    let id = person.national_id.as_str();
    let spaced = format!("{} {}", &id[..6], &id[6..]);
    let birth = person.birth_date.portal();
    let fields = [("maThe", spaced.as_str()), ("hoTen", &name), ("ngaySinh", &birth)];
    let two = second.egw_form(CARD, &fields).await.expect(200);
    assert_eq!(two.header("gateway-source"), "cache");
    assert!(two.header("age").parse::<u64>().is_ok());
    assert_eq!(two.body, one.body);

    let three = gateway.post("/v1/card-lookups", &question(&person)).await.expect(200).json();
    assert_eq!(three["nguon"], "da_luu");
    assert_eq!(gateway.sandbox.questions().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_asked_is_refused_in_the_portals_codes() {
    let gateway = TestGateway::start().await;
    let his = His::signed_in(&gateway, "01999_BV", &["01999"]).await;
    let good = asked(&valid_person(0));
    for (field, value, expected) in [
        ("maThe", "", "205"),
        ("maThe", "12345", "205"),
        ("maThe", "GD9010199999991", "051"),
        ("maThe", "003185012345", "050"),
        ("hoTen", "", "205"),
        ("ngaySinh", "31/02/2024", "205"),
        ("ngaySinh", "", "205"),
        ("cccdCb", "123", "054"),
        ("hoTenCb", "", "205"),
        ("hoTenCb", "7", "055"),
    ] {
        let mut question = good.clone();
        question[field] = json!(value);
        let reply = his.egw(CARD, &question).await.expect(200);
        assert_eq!(code(&reply), expected, "{field} = {value}");
        assert_eq!(reply.header("gateway-source"), "none");
        assert!(!reply.header("gateway-problem").is_empty() && !reply.header("gateway-message").is_empty());
    }
    let reply = his.post(&his.with_query(CARD), &[], "no JSON", "application/json").await.expect(200);
    assert_eq!(code(&reply), "205");
    assert!(gateway.sandbox.questions().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn histories_and_co_payments_come_to_the_byte_too() {
    let gateway = TestGateway::start().await;
    let his = His::signed_in(&gateway, "01999_BV", &["01999"]).await;
    let person = valid_person(1);
    let birth = person.birth_date.portal();
    let fields = [
        ("maThe", person.national_id.as_str()),
        ("hoTen", person.name.as_str()),
        ("ngaySinh", birth.as_str()),
        ("hoTenCb", "NGUYỄN THỊ B"),
        ("cccdCb", "001181012345"),
    ];
    let by_form = his.egw_form("/api/egw/Lskcb2025", &fields).await.expect(200);
    let text = String::from_utf8(by_form.body.to_vec()).unwrap();
    assert!(text.starts_with(r#"{"maKetQua":"000","ghiChu":"#) && text.contains("dsLichSuKCB2025"), "{text}");
    let by_json = his.egw("/api/egw/LSKCB2025", &asked(&person)).await.expect(200);
    assert_eq!((by_json.header("gateway-source"), &by_json.body), ("cache", &by_form.body));

    // The account by its whole name, and as the sample of the co-payments has it.
    for user in ["01999_BV", "01999"] {
        let mut question = asked(&person);
        question["username"] = json!(user);
        let reply = his.mcct(&question).await.expect(200);
        let text = String::from_utf8(reply.body.to_vec()).unwrap();
        assert!(text.starts_with(r#"{"MaKetQua":200,"GhiChu":"#), "{text}");
    }
    let mut question = asked(&person);
    question["maThe"] = json!("1");
    assert_eq!(his.mcct(&question).await.expect(400).json()["MaKetQua"], json!(400));
    let services: Vec<_> = gateway.sandbox.questions().into_iter().map(|asked| asked.service).collect();
    assert_eq!(services, ["Lskcb2025", "TraCuuTienMCCT"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_code_of_the_portal_comes_through() {
    let gateway = TestGateway::start().await;
    let his = His::signed_in(&gateway, "01999_BV", &["01999"]).await;
    let expected =
        ["000", "003", "004", "010", "050", "054", "060", "070", "100", "101", "110", "130", "205", "500", "777"];
    for expected in expected {
        let mut question = asked(&valid_person(0));
        question["maThe"] = json!(format!("000080000{expected}"));
        let reply = his.egw(CARD, &question).await.expect(200);
        assert_eq!((code(&reply).as_str(), reply.header("gateway-source")), (expected, "portal"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_is_never_somebody_else() {
    let gateway = TestGateway::start().await;
    let his = His::signed_in(&gateway, "01999_BV", &["01999"]).await;
    let person = valid_person(2);
    // Somebody the portal does not know is named: it says so itself.
    let mut stranger = asked(&person);
    stranger["cccdCb"] = json!("001080099999");
    assert_eq!(code(&his.egw(CARD, &stranger).await), "054");
    let mut misnamed = asked(&person);
    misnamed["hoTenCb"] = json!("NGƯỜI LẠ");
    assert_eq!(code(&his.egw(CARD, &misnamed).await), "055");
    // Nobody is named: the facility's own officer signs.
    let mut unsigned = asked(&person);
    unsigned.as_object_mut().unwrap().retain(|name, _| !name.ends_with("Cb"));
    assert_eq!(code(&his.egw(CARD, &unsigned).await), "000");
    // Half a name is nobody's.
    let mut half = unsigned.clone();
    half["hoTenCb"] = json!("NGUYỄN THỊ B");
    assert_eq!(code(&his.egw(CARD, &half).await), "054");

    let options = Options { facade: "officer_missing = \"refuse\"", ..Options::default() };
    let gateway = TestGateway::with(options).await;
    let his = His::signed_in(&gateway, "01999_BV", &["01999"]).await;
    let reply = his.egw(CARD, &unsigned).await.expect(200);
    assert_eq!((code(&reply).as_str(), reply.header("gateway-problem")), ("054", "staff.missing"));
    assert!(gateway.sandbox.questions().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn retired_functions_are_answered_in_their_old_form() {
    let gateway = TestGateway::start().await;
    let his = His::signed_in(&gateway, "01999_BV", &["01999"]).await;
    let person = valid_person(3);
    let mut old = asked(&person);
    old.as_object_mut().unwrap().retain(|name, _| !name.ends_with("Cb"));
    old["gioiTinh"] = json!("1");
    let today = his.egw(CARD, &asked(&person)).await.expect(200);
    let history = his.egw("/api/egw/Lskcb2025", &asked(&person)).await.expect(200).json();
    let visits = history["dsLichSuKCB2025"].as_array().cloned().unwrap_or_default();
    for path in
        ["nhanLichSuKCB", "NhanLichSuKCB2018", "KQNhanLichSuKCB595", "KQNhanLichSuKCB2018", "KQNhanLichSuKCB2019"]
    {
        let reply = his.egw(&format!("/api/egw/{path}"), &old).await.expect(200);
        assert_eq!(reply.header("deprecation"), "@1722445200", "{path}");
        let told = reply.json();
        for list in ["dsLichSuKCB2018", "dsLichSuKCB"] {
            let list = told[list].as_array().unwrap();
            assert_eq!(list.len(), visits.len());
            for (old, new) in list.iter().zip(&visits) {
                assert_eq!(old["maHoSo"].to_string(), new["maHoSo"].as_str().unwrap());
                let (day, moment) = (old["tuNgay"].as_str().unwrap(), new["ngayVao"].as_str().unwrap());
                assert_eq!(day, format!("{}/{}/{}", &moment[6..8], &moment[4..6], &moment[..4]));
            }
        }
        // All else is today's answer to the byte.
        let body = String::from_utf8(reply.body.to_vec()).unwrap();
        let (before, _) = body.split_once("\"dsLichSuKCB2018\":").unwrap();
        assert!(today.body.starts_with(before.as_bytes()), "{path}");
    }
    assert_eq!(gateway.sandbox.questions().len(), 2, "the five of them asked nothing more");

    // A card that is not good is worth no second question.
    let mut gone = old.clone();
    gone["maThe"] = json!("000080000010");
    let reply = his.egw("/api/egw/KQNhanLichSuKCB595", &gone).await.expect(200);
    assert_eq!((code(&reply).as_str(), &reply.json()["dsLichSuKCB2018"]), ("010", &Value::Null));
    assert_eq!(gateway.sandbox.questions().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_portal_is_away_the_last_answer_is_given_or_an_honest_word() {
    let mut gateway = TestGateway::start().await;
    let mut his = His::signed_in(&gateway, "01999_BV", &["01999"]).await;
    let (known, unknown) = (asked(&valid_person(4)), asked(&valid_person(5)));
    let fresh = his.egw(CARD, &known).await.expect(200);
    gateway.portal_off().await;
    // A restart empties the memory; the disk still has it.
    gateway.restart().await;
    his.moved_to(&gateway);
    let stale = his.egw(CARD, &known).await.expect(200);
    assert_eq!((stale.header("gateway-source"), &stale.body), ("last-known", &fresh.body));
    assert!(stale.header("age").parse::<u64>().is_ok());

    let nothing = his.egw(CARD, &unknown).await.expect(200);
    assert_eq!((code(&nothing).as_str(), nothing.header("gateway-source")), ("101", "none"));
    assert_eq!(nothing.header("gateway-problem"), "portal.unreachable");
    assert!(nothing.header("retry-after").parse::<u64>().is_ok_and(|wait| wait > 0));
    assert!(nothing.json()["ghiChu"].as_str().unwrap().starts_with("Gateway: "));
    let copay = his.mcct(&unknown).await.expect(500);
    assert_eq!(copay.json()["MaKetQua"], json!(500));
    assert!(copay.header("retry-after").parse::<u64>().is_ok_and(|wait| wait > 0));
}
