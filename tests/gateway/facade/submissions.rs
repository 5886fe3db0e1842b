//! Submissions through the façade: every family with the portal's own word to the byte, and an honest one while there is
//! none.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use lienthong::sandbox::Faults;
use serde_json::{Value, json};

use super::client::{His, code};
use crate::support::{Options, Reply, TestGateway, until};
use crate::{exams, samples};

const CLAIM: &str = "/api/qd130/guiHoSoXmlQD3176";
const CERTIFICATE: &str = "/api/hososuckhoe/guiGiayToDienTu";

/// A claim or another document of the 130 family, as a client of the portal sends it.
pub(super) async fn send(his: &His, path: &str, number: &str, facility: &str, xml: &str) -> Reply {
    let (file, province) = (STANDARD.encode(xml), &facility[..2]);
    let fields = [("loaiHoSo", number), ("maTinh", province), ("maCSKCB", facility), ("fileHSBase64", file.as_str())];
    his.qd130(path, &fields).await
}

pub(super) async fn send_paper(his: &His, path: &str, number: &str, facility: &str, xml: &str) -> Reply {
    let file = STANDARD.encode(xml);
    his.pl02(path, &[("maCskcb", facility), ("loaiHs", number), ("fileBase64Str", file.as_str())]).await
}

/// The raw answer that the attempt of a document brought.
async fn raw_answer(gateway: &TestGateway, document: &str) -> String {
    let attempts = gateway.get(&format!("/v1/documents/{document}/attempts")).await.expect(200).json();
    attempts["data"].as_array().unwrap().last().unwrap()["raw"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_family_is_taken_kept_and_answered_to_the_byte() {
    let gateway = TestGateway::start().await;
    let his = His::signed_in(&gateway, "01999_BV", &["01999", "79999", "38999", "48999", "40999"]).await;
    let exam = exams::numbered(samples::DRIVER_EXAM_JSON, 77);
    let cases = [
        send(&his, "/api/qd130/checkInKcbQd3176", "0", "01999", samples::CHECKIN).await,
        send(&his, "/api/qd130/checkInKcbQd4750", "0", "01999", &samples::checkin("FACADE-1", 2)).await,
        send(&his, "/api/qd130/checkInKcbQd130", "0", "01999", &samples::checkin("FACADE-2", 2)).await,
        send(&his, CLAIM, "130", "01999", samples::CLAIM).await,
        send(&his, "/api/qd130/guiHoSoXmlQD4750", "130", "01999", &samples::claim("FACADE-3", "")).await,
        send(&his, "/api/qd130/guiHoSoXmlQD130", "130", "01999", &samples::claim("FACADE-4", "")).await,
        send(&his, "/API/QD130/GUIDULIEUGDYKQD130", "12", "01999", samples::MEDICAL_ASSESSMENT).await,
        send_paper(&his, CERTIFICATE, "61", "79999", samples::BIRTH).await,
        send_paper(&his, CERTIFICATE, "60", "38999", samples::DEATH).await,
        send_paper(&his, "/api/chungtugw/GuiHoSoChungTu2025", "39", "01999", samples::VOUCHER).await,
        his.gksk(&exam).await,
    ];
    let taken = gateway.sandbox.submissions();
    assert_eq!(taken.len(), cases.len());
    for (reply, taken) in cases.into_iter().zip(taken) {
        let reply = reply.expect(200);
        assert!(matches!(code(&reply).as_str(), "200" | "1"), "{}", String::from_utf8_lossy(&reply.body));
        assert_eq!(reply.header("gateway-source"), "portal");
        let body = String::from_utf8(reply.body.to_vec()).unwrap();
        assert!(body.contains(&taken.receipt), "{body}");
        // What the portal said, to the byte, and the document that it said it of.
        assert_eq!(body, raw_answer(&gateway, reply.header("gateway-document")).await);
        assert_eq!(reply.header("content-type"), "application/json; charset=utf-8");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_bytes_are_one_document_and_one_receipt() {
    let gateway = TestGateway::start().await;
    let his = His::signed_in(&gateway, "01999_BV", &["01999"]).await;
    let xml = samples::claim("TWICE", "");
    let first = send(&his, CLAIM, "130", "01999", &xml).await.expect(200);
    let second = send(&his, CLAIM, "130", "01999", &xml).await.expect(200);
    assert_eq!(first.body, second.body);
    assert_eq!(gateway.sandbox.submissions().len(), 1);

    // A corrected record replaces the earlier one without being asked why; the record keeps a reason.
    let third = send(&his, CLAIM, "130", "01999", &samples::claim("TWICE", "sửa")).await.expect(200);
    assert_eq!(code(&third), "200");
    assert_ne!(third.body, first.body);
    let id = third.header("gateway-document");
    let document = gateway.get(&format!("/v1/documents/{id}")).await.expect(200).json();
    assert_eq!(document["version"], json!(2));
    assert_eq!(gateway.sandbox.submissions().last().unwrap().replaced, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_submissions_are_refused_in_each_familys_codes_and_leave_nothing() {
    let gateway = TestGateway::start().await;
    let his = His::signed_in(&gateway, "01999_BV", &["01999", "79999"]).await;
    let xml = samples::claim("WRONG", "");
    let record = [
        (send(&his, CLAIM, "12", "01999", &xml).await, "205", "another number"),
        (send(&his, CLAIM, "", "01999", &xml).await, "205", "no number"),
        (send(&his, CLAIM, "130", "0199", &xml).await, "205", "no facility"),
        (send(&his, CLAIM, "130", "79999", &xml).await, "123", "another facility of the same user"),
        (send(&his, CLAIM, "130", "48999", &xml).await, "403", "a foreign facility"),
        (send(&his, CLAIM, "130", "01999", samples::CHECKIN).await, "123", "another kind"),
        (send(&his, CLAIM, "130", "01999", "").await, "205", "nothing"),
        (send(&his, CLAIM, "130", "01999", "no XML").await, "204", "no XML"),
        (send(&his, CLAIM, "130", "01999", &xml.replace("</HOSO>", "")).await, "204", "broken XML"),
        (send(&his, CLAIM, "130", "01999", &xml.replace(">1<", ">2<")).await, "123", "lost records"),
        (his.qd130(CLAIM, &[("loaiHoSo", "130"), ("maTinh", "01"), ("maCSKCB", "01999")]).await, "205", "no file"),
    ];
    for (reply, expected, what) in record {
        let reply = reply.expect(200);
        assert_eq!(code(&reply), expected, "{what}: {}", String::from_utf8_lossy(&reply.body));
        let told = reply.json();
        assert_eq!(told["maGiaoDich"], json!(""), "{what}");
        assert!(told["thongDiep"].as_str().is_some_and(|words| !words.is_empty()), "{what}");
    }
    let paper = [
        (send_paper(&his, CERTIFICATE, "60", "79999", samples::BIRTH).await, "205", "a birth as a death"),
        (send_paper(&his, CERTIFICATE, "39", "79999", samples::BIRTH).await, "205", "a number of another path"),
        (send_paper(&his, CERTIFICATE, "61", "01999", samples::BIRTH).await, "205", "another facility"),
        (send_paper(&his, CERTIFICATE, "61", "48999", samples::BIRTH).await, "402", "a foreign facility"),
        (send_paper(&his, CERTIFICATE, "61", "79999", "no XML").await, "205", "no XML"),
    ];
    for (reply, expected, what) in paper {
        let reply = reply.expect(200);
        assert_eq!(code(&reply), expected, "{what}");
        assert_eq!(reply.json()["MaGD"], json!(""), "{what}");
        assert!(!reply.header("gateway-message").is_empty(), "{what}");
    }
    // The exam of a facility that is not the user's, and none at all.
    for body in [samples::DRIVER_EXAM_JSON, "{}", "no JSON"] {
        let reply = his.gksk(body).await.expect(200);
        assert_eq!(code(&reply), "0", "{body}");
        assert_eq!(reply.json()["UUID"], json!(""));
    }
    assert!(gateway.sandbox.submissions().is_empty());
    assert_eq!(gateway.get("/v1/documents").await.expect(200).json()["data"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn findings_warn_as_at_the_portal_unless_they_are_to_stop() {
    let wrong = samples::claim("FINDINGS", "");
    let main = samples::part(&wrong, "XML1")
        .replace("<GIOI_TINH>1<", "<GIOI_TINH>7<")
        .replace("<GIOI_TINH>2<", "<GIOI_TINH>7<");
    let wrong = samples::package("01999", "1", &[("XML1", main.as_bytes())]);

    let gateway = TestGateway::start().await;
    let his = His::signed_in(&gateway, "01999_BV", &["01999"]).await;
    let reply = send(&his, CLAIM, "130", "01999", &wrong).await.expect(200);
    assert_eq!(code(&reply), "200", "{}", String::from_utf8_lossy(&reply.body));
    let id = reply.header("gateway-document");
    let document = gateway.get(&format!("/v1/documents/{id}")).await.expect(200).json();
    assert!(document["warnings"].as_array().is_some_and(|warnings| !warnings.is_empty()), "{document}");
    // The door beside is as strict as ever.
    gateway.submit(wrong.replace("FINDINGS", "FINDINGS2")).await.expect(422);

    let gateway = TestGateway::with(Options { facade: "strict = true", ..Options::default() }).await;
    let his = His::signed_in(&gateway, "01999_BV", &["01999"]).await;
    let reply = send(&his, CLAIM, "130", "01999", &wrong).await.expect(200);
    assert_eq!(code(&reply), "400");
    let words = reply.json()["thongDiep"].as_str().unwrap().to_owned();
    assert!(words.contains("XSD_ENUMERATION") && words.contains("GIOI_TINH"), "{words}");
    assert!(gateway.sandbox.submissions().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_portal_is_away_nothing_looks_like_its_receipt() {
    for (on_delay, expected) in [("", "500"), ("on_delay = \"ack\"", "200")] {
        let facade: &'static str = Box::leak(format!("sync_timeout_s = 1\n{on_delay}").into_boxed_str());
        let mut gateway = TestGateway::with(Options { facade, ..Options::default() }).await;
        let his = His::signed_in(&gateway, "01999_BV", &["01999", "79999", "48999"]).await;
        gateway.portal_off().await;

        let xml = samples::claim("AWAY", "");
        let reply = send(&his, CLAIM, "130", "01999", &xml).await.expect(200);
        assert_eq!(code(&reply), expected);
        assert_eq!(reply.header("gateway-problem"), "facade.delayed");
        assert_eq!(reply.header("gateway-source"), "none");
        let id = reply.header("gateway-document").to_owned();
        let number = reply.json()["maGiaoDich"].as_str().unwrap().to_owned();
        match expected {
            "200" => {
                assert_eq!(number, format!("GW-{id}"));
                assert_eq!(reply.json()["thongDiep"], json!("Đã nhận tại gateway, sẽ chuyển cổng"));
            }
            _ => assert_eq!(number, ""),
        }
        let paper = send_paper(&his, CERTIFICATE, "61", "79999", samples::BIRTH).await.expect(200).json();
        assert_eq!(paper["MaKetQua"], json!(expected));
        let gateways = paper["MaGD"].as_str().unwrap();
        assert!(gateways.is_empty() || gateways.starts_with("GW-doc_"), "{gateways}");
        let exam = his.gksk(&exams::numbered(samples::DRIVER_EXAM_JSON, 78)).await.expect(200).json();
        assert_eq!(exam["MSG_STATE"], json!(if expected == "200" { "1" } else { "0" }));

        // The same bytes are the same document, before the portal is back and after.
        let again = send(&his, CLAIM, "130", "01999", &xml).await.expect(200);
        assert_eq!(again.header("gateway-document"), id);
        gateway.portal_on().await;
        gateway.document_in(&id, &["acknowledged"]).await;
        let after = send(&his, CLAIM, "130", "01999", &xml).await.expect(200);
        assert_eq!((code(&after).as_str(), after.header("gateway-source")), ("200", "portal"));
        assert_eq!(after.header("gateway-document"), id);
        let taken = gateway.sandbox.submissions();
        let receipts: Vec<_> =
            taken.iter().filter(|taken| taken.service == "130").map(|taken| &taken.receipt).collect();
        assert_eq!(receipts.len(), 1);
        assert_eq!(after.json()["maGiaoDich"], json!(receipts[0]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_told_as_what_it_is() {
    let faults = Faults { reset_after_rate: 1.0, only_paths: vec!["/api/hososuckhoe".into()], ..Faults::default() };
    let gateway = TestGateway::with(Options { faults, ..Options::default() }).await;
    let his = His::signed_in(&gateway, "79999_BV", &["79999"]).await;
    let reply = send_paper(&his, CERTIFICATE, "61", "79999", samples::BIRTH).await.expect(200);
    assert_eq!((code(&reply).as_str(), reply.header("gateway-problem")), ("500", "facade.unknown"));
    // Sent again by an impatient person: not sent twice to the portal.
    let again = send_paper(&his, CERTIFICATE, "61", "79999", samples::BIRTH).await.expect(200);
    assert_eq!(again.header("gateway-problem"), "facade.unknown");
    assert_eq!(gateway.sandbox.submissions().len(), 1);

    // A person found it at the portal: its receipt is given, and nothing else.
    let (id, receipt) = (reply.header("gateway-document"), gateway.sandbox.submissions()[0].receipt.clone());
    let order = json!({"lyDo": "đã thấy trên cổng", "maGiaoDich": receipt});
    gateway.post(&format!("/v1/documents/{id}/confirm"), &order).await.expect(200);
    let confirmed = send_paper(&his, CERTIFICATE, "61", "79999", samples::BIRTH).await.expect(200);
    assert_eq!((code(&confirmed), &confirmed.json()["MaGD"]), ("200".to_owned(), &json!(receipt)));
    assert_eq!(confirmed.header("gateway-source"), "none");
}

/// A fixed bug: the reason for a correction was given by itself for the same bytes too, and the portal got them twice.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_withdrawn_and_may_be_at_the_portal_is_not_sent_again() {
    let faults = Faults { reset_after_rate: 1.0, only_paths: vec!["/api/hososuckhoe".into()], ..Faults::default() };
    let gateway = TestGateway::with(Options { faults, ..Options::default() }).await;
    let his = His::signed_in(&gateway, "79999_BV", &["79999"]).await;
    let reply = send_paper(&his, CERTIFICATE, "61", "79999", samples::BIRTH).await.expect(200);
    assert_eq!(reply.header("gateway-problem"), "facade.unknown");
    let id = reply.header("gateway-document");
    gateway.post(&format!("/v1/documents/{id}/cancel"), &json!({"lyDo": "nhập nhầm"})).await.expect(200);
    gateway.sandbox.set_faults(Faults::default());
    let again = send_paper(&his, CERTIFICATE, "61", "79999", samples::BIRTH).await.expect(200);
    assert_eq!((code(&again).as_str(), again.header("gateway-problem")), ("500", "facade.withdrawn"));
    assert_eq!((again.header("gateway-document"), gateway.sandbox.submissions().len()), (id, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_go_out_is_held_and_says_so() {
    let options = Options { live: Some("\"claim\""), facade: "enabled = true", ..Options::default() };
    let gateway = TestGateway::with(options).await;
    let his = His::signed_in(&gateway, "01999_BV", &["01999"]).await;
    let reply = send(&his, "/api/qd130/checkInKcbQd3176", "0", "01999", samples::CHECKIN).await.expect(200);
    assert_eq!((code(&reply).as_str(), reply.header("gateway-problem")), ("500", "facade.held"));
    assert!(reply.json()["thongDiep"].as_str().unwrap().contains("chưa bật gửi thật"));
    assert!(gateway.sandbox.submissions().is_empty());
    assert_eq!(code(&send(&his, CLAIM, "130", "01999", &samples::claim("LIVE", "")).await), "200");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_the_portals_is_given_as_it_came() {
    let gateway = TestGateway::start().await;
    let his = His::signed_in(&gateway, "48999_HSSK", &["48999"]).await;
    let exam = exams::numbered(samples::DRIVER_EXAM_JSON, 79);
    assert_eq!(code(&his.gksk(&exam).await), "1");
    // The portal has this number and refuses to add it again.
    let other: Value = serde_json::from_str(&exam).unwrap();
    let mut other = other.as_object().unwrap().clone();
    other.insert("LYDO".into(), json!("lý do khác"));
    let other = Value::Object(other).to_string();
    let reply = his.gksk(&other).await.expect(200);
    assert_eq!(
        (code(&reply).as_str(), reply.header("gateway-source")),
        ("0", "portal"),
        "{}",
        String::from_utf8_lossy(&reply.body)
    );
    assert_eq!(reply.json()["MSG_TEXT"], json!("Số giấy khám sức khỏe đã tồn tại"));

    // Sent again, it is judged again: the portal may think otherwise by now.
    let id = reply.header("gateway-document").to_owned();
    assert_eq!(code(&his.gksk(&other).await), "0");
    gateway.sandbox.reset();
    let taken = his.gksk(&other).await.expect(200);
    assert_eq!((code(&taken).as_str(), taken.header("gateway-document")), ("1", id.as_str()));
    let attempts = gateway.get(&format!("/v1/documents/{id}/attempts")).await.expect(200).json();
    assert_eq!(attempts["data"].as_array().map(Vec::len), Some(3), "{attempts}");
    // And once it is taken, it is not sent again.
    assert_eq!(his.gksk(&other).await.expect(200).body, taken.body);
    assert_eq!(gateway.sandbox.submissions().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_up_loses_nothing() {
    let faults = Faults { latency_ms: 400, ..Faults::default() };
    let gateway = TestGateway::with(Options { faults, ..Options::default() }).await;
    let his = His::signed_in(&gateway, "01999_BV", &["01999"]).await;
    let xml = samples::claim("HUNG-UP", "");
    let sending = tokio::spawn({
        let (his, xml) = (his.clone(), xml.clone());
        async move { send(&his, CLAIM, "130", "01999", &xml).await }
    });
    until("the claim to be kept", async || {
        let list = gateway.send(Method::GET, "/v1/documents", &[], "".into()).await.expect(200).json();
        (!list["data"].as_array().unwrap().is_empty()).then_some(())
    })
    .await;
    sending.abort();
    until("the claim to arrive", async || gateway.sandbox.submissions().first().map(|_| ())).await;
    let reply = send(&his, CLAIM, "130", "01999", &xml).await.expect(200);
    assert_eq!(reply.json()["maGiaoDich"], json!(gateway.sandbox.submissions()[0].receipt));
    assert_eq!(gateway.sandbox.submissions().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_said_to_be() {
    let options = Options { documents: "body_max_mib = 1", ..Options::default() };
    let gateway = TestGateway::with(options).await;
    let his = His::signed_in(&gateway, "01999_BV", &["01999", "79999"]).await;
    // Larger than a document may be, and larger than any call with one.
    for bytes in [(1 << 20) + 1, 3 << 20] {
        let file = format!("<GIAMDINHHS>{}</GIAMDINHHS>", "x".repeat(bytes));
        assert_eq!(code(&send(&his, CLAIM, "130", "01999", &file).await.expect(200)), "1001", "{bytes}");
        assert_eq!(code(&send_paper(&his, CERTIFICATE, "61", "79999", &file).await.expect(200)), "1001", "{bytes}");
    }
    assert_eq!(gateway.get("/v1/documents").await.expect(200).json()["data"], json!([]));
}
