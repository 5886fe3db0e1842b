//! Documents that are wrong: told where and how to mend it, all at once, and nothing of them is kept.

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use crate::samples;
use crate::support::{Reply, TestGateway};

/// Wrong documents, and the code by which each is known.
fn wrong_documents() -> Vec<(&'static str, Vec<u8>)> {
    let claim = samples::CLAIM;
    let doctype = |declaration: &str| claim.replacen("<GIAMDINHHS", &format!("{declaration}<GIAMDINHHS"), 1);
    let bomb = format!("<GIAMDINHHS>{}{}</GIAMDINHHS>", "<a>".repeat(5_000), "</a>".repeat(5_000));
    let utf16: Vec<u8> = std::iter::once(0xFEFF).chain(claim.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    // "NGUYỄN" in the old code page VISCII: bytes that are no UTF-8.
    let old_code_page = [b"<GIAMDINHHS><a>NGUY".as_slice(), &[0xAE], b"N</a></GIAMDINHHS>"].concat();
    let fewer = samples::package("01999", "3", &[("XML1", samples::part(claim, "XML1").as_bytes())]);
    let entity = samples::with_parts_changed(claim, "<MA_LK>", "<MA_LK>&who;");
    let inner_doctype = samples::with_parts_changed(
        claim,
        "<TONG_HOP>",
        "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><TONG_HOP>",
    );
    vec![
        ("XML_DOCTYPE", doctype("<!DOCTYPE GIAMDINHHS>").into_bytes()),
        ("XML_DOCTYPE", doctype("<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>").into_bytes()),
        ("XML_DOCTYPE", inner_doctype.into_bytes()),
        ("XML_ENTITY", entity.into_bytes()),
        ("XML_TOO_DEEP", bomb.into_bytes()),
        ("XML_UTF16", utf16),
        ("XML_NOT_UTF8", old_code_page),
        ("XML_ENCODING_DECLARED", claim.replacen("utf-8", "windows-1258", 1).into_bytes()),
        ("XML_CHARACTER", samples::CHECKIN.replacen("Khám", "Kh\u{0}m", 1).into_bytes()),
        ("XML_UNCLOSED_MARKUP", samples::BIRTH.split_once("/MA_BN").unwrap().0.into()),
        ("XML_UNCLOSED_ELEMENT", samples::BIRTH.split_once("<MA_BN").unwrap().0.into()),
        ("XML_EMPTY", Vec::new()),
        ("XML_NOT_XML", b"PD94bWwgdmVyc2lvbj0n".to_vec()),
        ("XML_AMPERSAND", samples::CHECKIN.replacen("Khám", "Tai & Mũi", 1).into_bytes()),
        ("XML_END_TAG", samples::CHECKIN.replacen("</MA_LK>", "</MA_KL>", 1).into_bytes()),
        ("UNKNOWN_ROOT", b"<HOSO><MA_LK>1</MA_LK></HOSO>".to_vec()),
        ("ROOT_NAMESPACE", claim.replacen("<GIAMDINHHS", "<GIAMDINHHS xmlns=\"urn:x\"", 1).into_bytes()),
        ("COUNT_FEWER", fewer.into_bytes()),
        ("NOT_BASE64", claim.replacen("<NOIDUNGFILE>", "<NOIDUNGFILE>*", 1).into_bytes()),
        ("UNKNOWN_PART", claim.replacen("<LOAIHOSO>XML2<", "<LOAIHOSO>XML77<", 1).into_bytes()),
        ("XSD_MISSING_ELEMENT", claim.replacen("<CHUKYDONVI/>", "", 1).into_bytes()),
        ("JSON_MALFORMED", b"{\"SO\": ".to_vec()),
        ("JSON_NOT_STRING", samples::DRIVER_EXAM_JSON.replacen("\"ADD\"", "1", 1).into_bytes()),
        ("STATE_VALUE", samples::driver_exam(1, "DELETE").into_bytes()),
    ]
}

async fn post(gateway: &TestGateway, path: &str, body: Vec<u8>) -> Reply {
    gateway.send(Method::POST, path, &[("content-type", "application/xml")], Bytes::from(body)).await
}

async fn nothing_is_kept(gateway: &TestGateway) {
    let list = gateway.get("/v1/documents").await.expect(200).json();
    assert_eq!(list["data"], json!([]));
    let events = gateway.get("/v1/events").await.expect(200).json();
    assert_eq!(events["data"], json!([]));
    assert!(gateway.sandbox.submissions().is_empty());
}

fn has_words(error: &Value) -> bool {
    let filled = |name: &str| error[name].as_str().is_some_and(|text| !text.is_empty());
    filled("maLoi") && filled("thongBao") && filled("goiY") && filled("mucDo")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_document_is_told_its_faults_and_leaves_nothing() {
    let gateway = TestGateway::start().await;
    for (code, body) in wrong_documents() {
        let problem = post(&gateway, "/v1/documents", body).await.expect(422).json();
        let errors = problem["errors"].as_array().unwrap_or_else(|| panic!("{code}: {problem}"));
        assert!(errors.iter().all(has_words), "{code}: {problem}");
        let error = errors.iter().find(|error| error["maLoi"] == code);
        let error = error.unwrap_or_else(|| panic!("no {code} in {problem}"));
        let place = ["line", "column"].map(|name| error[name].as_u64().unwrap());
        assert!(place.iter().all(|number| *number >= 1), "{code}: {error}");
        assert_eq!(problem["soLoi"], errors.len(), "{code}");
        assert_eq!(problem["retryable"], false, "{code}");
        let expected = match code {
            "COUNT_FEWER" => "document.count_mismatch",
            code if code.starts_with("XML_") => "document.malformed_xml",
            _ => "document.invalid",
        };
        assert_eq!(problem["code"], expected, "{code}");
    }
    nothing_is_kept(&gateway).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn validating_finds_what_submitting_finds_and_keeps_nothing() {
    let gateway = TestGateway::start().await;
    for (code, body) in wrong_documents() {
        let submitted = post(&gateway, "/v1/documents", body.clone()).await.expect(422).json();
        let validated = post(&gateway, "/v1/documents/validate", body).await.expect(200).json();
        assert_eq!(validated["hopLe"], false, "{code}");
        assert_eq!(validated["errors"], submitted["errors"], "{code}");
    }
    for sample in [samples::CLAIM, samples::CHECKIN, samples::BIRTH, samples::DRIVER_EXAM, samples::DRIVER_EXAM_JSON] {
        let validated = post(&gateway, "/v1/documents/validate", sample.as_bytes().to_vec()).await.expect(200).json();
        assert_eq!((&validated["hopLe"], &validated["errors"]), (&json!(true), &json!([])), "{validated}");
    }
    nothing_is_kept(&gateway).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn validating_refuses_a_contrary_kind_as_submitting_does() {
    let gateway = TestGateway::start().await;
    let path = "/v1/documents/validate?type=death-certificate";
    let problem = post(&gateway, path, samples::BIRTH.into()).await.expect(422).json();
    assert_eq!(problem["code"], "document.kind_mismatch");
    let right = post(&gateway, "/v1/documents/validate?type=claim", samples::CLAIM.into()).await.expect(200).json();
    assert_eq!((&right["hopLe"], &right["type"]), (&json!(true), &json!("claim")));
    let problem = post(&gateway, "/v1/documents/validate?type=letter", samples::CLAIM.into()).await.expect(400).json();
    assert_eq!(problem["errors"][0]["maLoi"], "UNKNOWN_KIND");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_faults_of_a_document_are_told_in_one_answer() {
    let gateway = TestGateway::start().await;
    // One fault in the envelope, one in each of two parts: none hides the others.
    let wrong = samples::with_parts_changed(samples::CLAIM, "<MA_THUOC>", "<MA_THUOC>&nbsp;")
        .replacen("<SOLUONGHOSO>1<", "<SOLUONGHOSO>2<", 1)
        .replacen("<NGAYLAP>20260316<", "<NGAYLAP>20261331<", 1);
    let problem = gateway.submit(wrong).await.expect(422).json();
    let codes: Vec<_> = problem["errors"].as_array().unwrap().iter().map(|error| error["maLoi"].clone()).collect();
    for code in ["XSD_PATTERN", "COUNT_FEWER", "XML_ENTITY"] {
        assert!(codes.contains(&json!(code)), "{code} is missing in {codes:?}");
    }
    let inner = problem["errors"].as_array().unwrap().iter().find(|error| error["maLoi"] == "XML_ENTITY").unwrap();
    assert_eq!(inner["bang"], "XML2");
    assert!(inner["envelopeLine"].as_u64().unwrap() > 1, "{inner}");
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_are_told_in_the_language_asked_for() {
    let gateway = TestGateway::start().await;
    let submit = |query: &'static str| post(&gateway, query, b"<HOSO/>".to_vec());
    let vietnamese = submit("/v1/documents").await.json()["errors"][0]["thongBao"].clone();
    let english = submit("/v1/documents?lang=en").await.json()["errors"][0]["thongBao"].clone();
    assert_ne!(vietnamese, english);
    let both = submit("/v1/documents?lang=both").await.json()["errors"][0]["thongBao"].clone();
    assert_eq!(both, json!({"vi": vietnamese, "en": english}));
}
