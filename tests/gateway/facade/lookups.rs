//! Lookups through the façade: the portal's own bytes, and one question for everybody.

use serde_json::json;
use unicode_normalization::UnicodeNormalization;

use super::client::{His, asked, code};
use crate::support::{TestGateway, question, valid_person};

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
