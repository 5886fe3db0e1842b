//! What is checked, told and let through: the same by validating and by submitting, as the configuration says.

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use crate::documents::id;
use crate::parts::with_field;
use crate::samples;
use crate::support::{Options, TestGateway};

/// A claim package of these visits, each with its key and fields of its XML1.
fn visits(declared: usize, visits: &[(&str, &[(&str, &str)])]) -> String {
    let whole = |(key, fields): &(&str, &[(&str, &str)])| {
        let main = samples::part(&samples::claim(key, ""), "XML1");
        let main = fields.iter().fold(main, |main, (name, value)| with_field(&main, name, value));
        samples::package("01999", &declared.to_string(), &[("XML1", main.as_bytes())])
    };
    let mut packages = visits.iter().map(whole);
    let first = packages.next().expect("a package has a visit");
    packages.fold(first, |package, next| {
        let (_, rest) = next.split_once("<HOSO>").unwrap();
        let (record, _) = rest.split_once("</HOSO>").unwrap();
        package.replace("</DANHSACHHOSO>", &format!("<HOSO>{record}</HOSO>\n</DANHSACHHOSO>"))
    })
}

/// Wrong in a field's form, and in a rule that only warns.
const WRONG: &[(&str, &str)] = &[("GIOI_TINH", "7")];
const ODD: &[(&str, &str)] = &[("THANG_QT", "13")];
const BOTH: &[(&str, &str)] = &[("GIOI_TINH", "7"), ("THANG_QT", "13")];

async fn validate(gateway: &TestGateway, xml: impl Into<Bytes>) -> Value {
    let headers = [("content-type", "application/xml")];
    gateway.send(Method::POST, "/v1/documents/validate", &headers, xml.into()).await.expect(200).json()
}

fn codes(findings: &Value) -> Vec<&str> {
    findings.as_array().unwrap().iter().map(|finding| finding["maLoi"].as_str().unwrap()).collect()
}

fn of_severity(findings: &Value, severity: &str) -> Value {
    findings.as_array().unwrap().iter().filter(|finding| finding["mucDo"] == severity).cloned().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn findings_are_counted_by_record_and_are_those_of_submitting() {
    let gateway = TestGateway::start().await;
    let package = visits(4, &[("LK-1", BOTH), ("LK-2", &[]), ("LK-3", ODD), ("LK-4", WRONG)]);
    let told = validate(&gateway, package.clone()).await;
    assert_eq!(told["hopLe"], false);
    let by_record = json!([
        {"maLk": "LK-1", "loi": 1, "canhBao": 1},
        {"maLk": "LK-3", "loi": 0, "canhBao": 1},
        {"maLk": "LK-4", "loi": 1, "canhBao": 0},
    ]);
    assert_eq!(told["hoSo"], by_record, "{told}");
    assert_eq!(codes(&told["errors"]), ["XSD_ENUMERATION", "XSD_ENUMERATION"]);
    assert_eq!(codes(&told["warnings"]), ["X1-21", "X1-21"]);
    assert_eq!((&told["errors"][1]["hoSo"], &told["errors"][1]["bang"]), (&json!(4), &json!("XML1")));
    assert_eq!(told["khongLietKe"], 0);

    let refused = gateway.submit(package).await.expect(422).json();
    assert_eq!(of_severity(&refused["errors"], "error"), told["errors"]);
    assert_eq!(of_severity(&refused["errors"], "warning"), told["warnings"]);
    assert_eq!((&refused["soLoi"], &refused["khongLietKe"]), (&json!(2), &json!(0)));
    assert_eq!(gateway.get("/v1/documents").await.expect(200).json()["data"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_in_the_documentation_is_a_real_one() {
    let (_, section) = include_str!("../../docs/API.md").split_once("## What checking found").unwrap();
    let (_, example) = section.split_once("```json").unwrap();
    let example: Value = serde_json::from_str(example.split_once("```").unwrap().0).unwrap();
    let gateway = TestGateway::start().await;
    let wrong = samples::with_parts_changed(samples::CLAIM, "<GIOI_TINH>2<", "<GIOI_TINH>7<");
    let wrong = wrong.replace("<SOLUONGHOSO>1<", "<SOLUONGHOSO>0<");
    let headers = [("content-type", "application/xml")];
    let path = "/v1/documents/validate?lang=en";
    let told = gateway.send(Method::POST, path, &headers, Bytes::from(wrong)).await.expect(200).json();
    assert_eq!(told, example);
    // The members of a right document stand in the table.
    for (member, _) in validate(&gateway, samples::CLAIM).await.as_object().unwrap() {
        assert!(section.contains(&format!("`{member}`")), "docs/API.md does not tell of {member}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn warnings_travel_with_an_accepted_document() {
    let mut gateway = TestGateway::start().await;
    let package = visits(2, &[("LK-1", ODD), ("LK-2", &[])]);
    let told = validate(&gateway, package.clone()).await;
    assert_eq!((&told["hopLe"], &told["spec"], &told["records"]), (&json!(true), &json!("QD3176"), &json!(2)));
    assert_eq!(told["hoSo"], json!([{"maLk": "LK-1", "loi": 0, "canhBao": 1}]));
    assert_eq!((codes(&told["warnings"]), &told["errors"]), (vec!["X1-21"], &json!([])));

    let accepted = gateway.submit(package).await.expect(202).json();
    assert_eq!(accepted["warnings"], told["warnings"]);
    gateway.document_in(id(&accepted), &["acknowledged"]).await;
    gateway.restart().await;
    let path = format!("/v1/documents/{}", id(&accepted));
    assert_eq!(gateway.get(&path).await.expect(200).json()["warnings"], told["warnings"]);
    let english = gateway.get(&format!("{path}?lang=en")).await.expect(200).json()["warnings"][0]["thongBao"].clone();
    assert_ne!(english, told["warnings"][0]["thongBao"], "in the reader's language, whoever sent it");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_says_how_severe_a_rule_is() {
    let wrong = || visits(1, &[("LK-1", BOTH)]);
    let mut gateway = TestGateway::start().await;
    gateway.submit(wrong()).await.expect(422);

    let documents = "rules.warn_only = [\"XSD_ENUMERATION\"]\nrules.off = [\"X1-21\"]";
    gateway.switch(Options { documents, ..Options::default() });
    gateway.restart().await;
    let told = validate(&gateway, wrong()).await;
    assert_eq!((&told["hopLe"], codes(&told["warnings"])), (&json!(true), vec!["XSD_ENUMERATION"]), "{told}");
    assert_eq!(told["warnings"][0]["mucDo"], "warning");
    let accepted = gateway.submit(wrong()).await.expect(202).json();
    assert_eq!(codes(&accepted["warnings"]), ["XSD_ENUMERATION"]);

    let documents = "rules.error = [\"X1-21\"]\nrules.off = [\"XSD_ENUMERATION\"]";
    gateway.switch(Options { documents, ..Options::default() });
    gateway.restart().await;
    let refused = gateway.submit(visits(1, &[("LK-2", BOTH)])).await.expect(422).json();
    assert_eq!(codes(&refused["errors"]), ["X1-21"]);
    assert_eq!(refused["errors"][0]["mucDo"], "error");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_version_follows_the_day_of_the_package_unless_it_is_fixed() {
    let mut gateway = TestGateway::start().await;
    let made_on =
        |day: &str, fields| visits(1, &[("LK-1", fields)]).replace("<NGAYLAP>20260316<", &format!("<NGAYLAP>{day}<"));
    // Under 4750 a visit of this type counts no day (X1-20), under 3176 it may count one.
    let old: &[(&str, &str)] = &[("SO_NGAY_DTRI", "0"), ("MA_TTDV", "0199999990")];
    let new: &[(&str, &str)] = &[("SO_NGAY_DTRI", "1")];
    for (day, fields, spec) in [("20240801", old, "QD4750"), ("20260316", new, "QD3176")] {
        let told = validate(&gateway, made_on(day, fields)).await;
        assert_eq!((&told["hopLe"], &told["spec"]), (&json!(true), &json!(spec)), "{told}");
    }
    let told = validate(&gateway, made_on("20240801", new)).await;
    assert!(codes(&told["errors"]).contains(&"X1-20"), "{told}");

    let fixed = async |gateway: &mut TestGateway, documents| {
        gateway.switch(Options { documents, ..Options::default() });
        gateway.restart().await;
    };
    fixed(&mut gateway, "versions.claim = \"4750\"").await;
    let told = validate(&gateway, made_on("20260316", old)).await;
    assert_eq!((&told["hopLe"], &told["spec"]), (&json!(true), &json!("QD4750")), "{told}");
    let told = validate(&gateway, made_on("20260316", new)).await;
    assert!(codes(&told["errors"]).contains(&"X1-20"), "{told}");
    fixed(&mut gateway, "versions.claim = \"1931\"").await;
    let told = validate(&gateway, samples::CLAIM).await;
    assert_eq!((&told["hopLe"], &told["spec"]), (&json!(true), &json!("QD1931")), "{told}");
}
