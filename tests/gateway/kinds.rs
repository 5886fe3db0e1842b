//! Every kind of document from its sample to its receipt, byte for byte, and how the kinds are listed and read again.

use bytes::Bytes;
use http::Method;
use lienthong::document::{Document, Limits, Rulebook};
use serde_json::{Value, json};

use crate::support::TestGateway;
use crate::{exams, samples};

/// One kind, and where it must arrive.
struct Case {
    what: &'static str,
    /// What is sent.
    body: String,
    media_type: &'static str,
    query: &'static str,
    /// What the portal must hold.
    wire: Vec<u8>,
    kind: &'static str,
    facility: &'static str,
    path: &'static str,
    service: &'static str,
}

const CLAIMS: &str = "/api/qd130/guiHoSoXmlQD3176";
const CERTIFICATES: &str = "/api/hososuckhoe/guiGiayToDienTu";
const XML: &str = "application/xml";

fn xml(
    what: &'static str,
    body: &str,
    kind: &'static str,
    facility: &'static str,
    (path, service): (&'static str, &'static str),
) -> Case {
    let (body, wire) = (body.to_owned(), body.as_bytes().to_vec());
    Case { what, body, media_type: XML, query: "", wire, kind, facility, path, service }
}

fn cases() -> Vec<Case> {
    let exam = exams::numbered(samples::DRIVER_EXAM, 43);
    let (limits, rulebook) = (Limits::default(), Rulebook::embedded());
    let document = Document::parse(exam.as_bytes(), &limits, &rulebook, 20_261_120).unwrap();
    let exam_wire = document.driver_exam_wire(exam.as_bytes(), &limits).unwrap();
    let gksk = ("/api/hssk/gksk", "gksk");
    vec![
        xml("check-in", samples::CHECKIN, "checkin", "01999", ("/api/qd130/checkInKcbQd3176", "0")),
        xml("claim", samples::CLAIM, "claim", "01999", (CLAIMS, "130")),
        Case { query: "?type=referral", ..xml("referral", samples::REFERRAL, "claim", "40999", (CLAIMS, "130")) },
        Case {
            query: "?type=re-examination-appointment",
            ..xml("appointment", samples::APPOINTMENT, "claim", "01999", (CLAIMS, "130"))
        },
        xml(
            "medical assessment",
            samples::MEDICAL_ASSESSMENT,
            "medical-assessment",
            "01999",
            ("/api/qd130/guiDuLieuGdykQd130", "12"),
        ),
        Case { wire: exam_wire, ..xml("driver exam", &exam, "driver-health-exam", "48999", gksk) },
        Case {
            media_type: "application/json",
            ..xml("driver exam as JSON", samples::DRIVER_EXAM_JSON, "driver-health-exam", "48999", gksk)
        },
        xml("birth certificate", samples::BIRTH, "birth-certificate", "79999", (CERTIFICATES, "61")),
        xml("death notice", samples::DEATH, "death-certificate", "38999", (CERTIFICATES, "60")),
        xml("voucher", samples::VOUCHER, "electronic-voucher", "01999", ("/api/chungtugw/GuiHoSoChungTu2025", "39")),
    ]
}

async fn submit(gateway: &TestGateway, case: &Case) -> Value {
    // Minutes of an assessment name no facility themselves.
    let headers = [("content-type", case.media_type), ("facility-id", case.facility)];
    let path = format!("/v1/documents{}", case.query);
    let reply = gateway.send(Method::POST, &path, &headers, Bytes::from(case.body.clone())).await.expect(202);
    let document = reply.json();
    assert_eq!(reply.header("location"), format!("/v1/documents/{}", document["id"].as_str().unwrap()));
    document
}

/// Submits one document of every kind, one after the other; their ids in that order.
async fn submit_all(gateway: &TestGateway) -> Vec<(Case, String)> {
    let mut submitted = Vec::new();
    for case in cases() {
        let id = submit(gateway, &case).await["id"].as_str().unwrap().to_owned();
        submitted.push((case, id));
    }
    submitted
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_reaches_its_receipt_byte_for_byte() {
    let gateway = TestGateway::start().await;
    let submitted = submit_all(&gateway).await;
    for (case, id) in &submitted {
        let document = gateway.document_in(id, &["acknowledged"]).await;
        let what = case.what;
        assert_eq!(document["type"], case.kind, "{what}");
        assert_eq!(document["maCSKCB"], case.facility, "{what}");
        assert_eq!(document["version"], 1, "{what}");
        assert_eq!(document["size"], case.body.len(), "{what}");
        let receipt = document["deliveries"][0]["maGiaoDich"].as_str().unwrap_or_default();
        let sent: Vec<_> = gateway.sandbox.submissions().into_iter().filter(|one| one.receipt == receipt).collect();
        let [sent] = sent.as_slice() else { panic!("{what}: {} submissions with its receipt", sent.len()) };
        assert_eq!((sent.path.as_str(), sent.service.as_str()), (case.path, case.service), "{what}");
        assert_eq!(sent.facility, case.facility, "{what}");
        assert!(sent.body == case.wire, "{what}: other bytes arrived");
    }
    assert_eq!(gateway.sandbox.submissions().len(), submitted.len(), "each was sent once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_driver_exam_sent_as_xml_arrives_as_json_with_every_field() {
    let gateway = TestGateway::start().await;
    let reply = gateway.submit(samples::DRIVER_EXAM).await.expect(202).json();
    let id = reply["id"].as_str().unwrap();
    gateway.document_in(id, &["acknowledged"]).await;

    let sent = gateway.sandbox.submissions();
    let wire: Value = serde_json::from_slice(&sent[0].body).unwrap();
    let sample: Value = serde_json::from_str(samples::DRIVER_EXAM_JSON).unwrap();
    assert_eq!(wire, sample);
    // What the caller gets back is what the caller sent, not what went out.
    let content = gateway.get(&format!("/v1/documents/{id}/content")).await.expect(200);
    assert_eq!(content.body, samples::DRIVER_EXAM);
}

#[tokio::test(flavor = "multi_thread")]
async fn content_is_given_back_whole_or_by_table() {
    let gateway = TestGateway::start().await;
    for (case, id) in submit_all(&gateway).await {
        let content = gateway.get(&format!("/v1/documents/{id}/content")).await.expect(200);
        assert!(content.body == case.body, "{}: other bytes came back", case.what);
        assert_eq!(content.header("content-type"), case.media_type, "{}", case.what);
        let table = match case.what {
            "claim" | "appointment" => "XML1",
            "referral" => "XML13",
            "voucher" => "CT07",
            _ => {
                gateway.get(&format!("/v1/documents/{id}/content?table=XML1")).await.expect(404);
                continue;
            }
        };
        let part = gateway.get(&format!("/v1/documents/{id}/content?table={table}")).await.expect(200);
        assert!(part.body == samples::part(&case.body, table).into_bytes(), "{}: another part came back", case.what);
        gateway.get(&format!("/v1/documents/{id}/content?table=XML99")).await.expect(404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_tell_what_the_portal_answered() {
    let gateway = TestGateway::start().await;
    for (case, id) in submit_all(&gateway).await {
        let document = gateway.document_in(&id, &["acknowledged"]).await;
        let attempts = gateway.get(&format!("/v1/documents/{id}/attempts")).await.expect(200).json();
        let [attempt] = attempts["data"].as_array().unwrap().as_slice() else { panic!("{}: {attempts}", case.what) };
        assert_eq!(attempt["number"], 1, "{}", case.what);
        assert_eq!(attempt["outcome"], "acknowledged", "{}", case.what);
        assert_eq!(attempt["httpStatus"], 200, "{}", case.what);
        assert!(attempt["startedAt"].is_string() && attempt["endedAt"].is_string(), "{}", case.what);
        let receipt = document["deliveries"][0]["maGiaoDich"].as_str().unwrap();
        assert!(attempt["raw"].as_str().unwrap().contains(receipt), "{}: {attempt}", case.what);
    }
}

/// The ids a list gives, in its order.
async fn listed(gateway: &TestGateway, query: &str) -> Vec<String> {
    let list = gateway.get(&format!("/v1/documents{query}")).await.expect(200).json();
    list["data"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_filtered_by_kind_paper_state_key_and_facility() {
    let gateway = TestGateway::start().await;
    let submitted = submit_all(&gateway).await;
    for (_, id) in &submitted {
        gateway.document_in(id, &["acknowledged"]).await;
    }
    let of = |wanted: &dyn Fn(&Case) -> bool| -> Vec<String> {
        submitted.iter().rev().filter(|(case, _)| wanted(case)).map(|(_, id)| id.clone()).collect()
    };
    let all = of(&|_| true);
    assert_eq!(listed(&gateway, "").await, all);
    assert_eq!(listed(&gateway, "?status=acknowledged").await, all);
    assert_eq!(listed(&gateway, "?status=queued").await, [""; 0]);
    assert_eq!(listed(&gateway, "?type=claim").await, of(&|case| case.kind == "claim"));
    assert_eq!(listed(&gateway, "?type=driver-health-exam").await, of(&|case| case.kind == "driver-health-exam"));
    assert_eq!(listed(&gateway, "?type=referral").await, of(&|case| case.what == "referral"));
    assert_eq!(listed(&gateway, "?type=re-examination-appointment").await, of(&|case| case.what == "appointment"));
    assert_eq!(listed(&gateway, "?facility=48999").await, of(&|case| case.facility == "48999"));
    // One visit's check-in and claim have one key.
    let of_visit = of(&|case| matches!(case.what, "check-in" | "claim"));
    assert_eq!(listed(&gateway, "?maLk=HS2603160001").await, of_visit);
    assert_eq!(listed(&gateway, "?maLk=HS2603160001&type=checkin").await, of(&|case| case.what == "check-in"));
    assert_eq!(listed(&gateway, "?maLk=HS2603160001&status=held").await, [""; 0]);
    assert_eq!(listed(&gateway, "?tu=2000-01-01&den=2001-01-01").await, [""; 0]);
    assert_eq!(listed(&gateway, "?tu=2000-01-01").await, all);
    let carries = gateway.get(&format!("/v1/documents/{}", of(&|case| case.what == "referral")[0])).await.json();
    assert_eq!(carries["carries"], serde_json::json!(["referral"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_each_other_without_gap_or_repetition() {
    let gateway = TestGateway::start().await;
    let all: Vec<String> = submit_all(&gateway).await.into_iter().rev().map(|(_, id)| id).collect();
    let (mut seen, mut query) = (Vec::new(), "?limit=3".to_owned());
    loop {
        let list = gateway.get(&format!("/v1/documents{query}")).await.expect(200).json();
        let page: Vec<_> = list["data"].as_array().unwrap().iter().map(|one| one["id"].clone()).collect();
        assert!(page.len() <= 3);
        seen.extend(page.into_iter().map(|id| id.as_str().unwrap().to_owned()));
        if list["page"]["hasMore"] == false {
            assert_eq!(list["page"]["next"], Value::Null);
            break;
        }
        query = format!("?limit=3&cursor={}", list["page"]["next"].as_str().unwrap());
        assert!(seen.len() <= all.len(), "the pages have no end");
    }
    assert_eq!(seen, all);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_filters_are_refused_each_by_name() {
    let gateway = TestGateway::start().await;
    let query = "?type=letter&status=lost&limit=501&cursor=x&facility=1&tu=yesterday&colour=red";
    let problem = gateway.get(&format!("/v1/documents{query}")).await.expect(400).json();
    assert_eq!(problem["code"], "request.invalid");
    let fields: Vec<_> =
        problem["errors"].as_array().unwrap().iter().map(|error| error["truong"].as_str().unwrap()).collect();
    assert_eq!(fields, ["type", "status", "limit", "cursor", "facility", "tu", "colour"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_facilitys_key_sees_none_of_it() {
    let gateway = TestGateway::start().await;
    let id = gateway.submit(samples::CLAIM).await.expect(202).json()["id"].as_str().unwrap().to_owned();
    let bearer = format!("Bearer {}", gateway.new_key(&["document:read", "document:write"], &["79999"]).await);
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    for path in ["", "/attempts", "/content"] {
        let path = format!("/v1/documents/{id}{path}");
        let problem = gateway.send(Method::GET, &path, &headers, Bytes::new()).await.expect(404).json();
        assert_eq!(problem["code"], "document.not_found");
    }
    for order in ["replay", "cancel", "hold", "release"] {
        let path = format!("/v1/documents/{id}/{order}");
        gateway.send(Method::POST, &path, &headers, Bytes::from_static(b"{\"lyDo\":\"x\"}")).await.expect(404);
    }
    let list = gateway.send(Method::GET, "/v1/documents", &headers, Bytes::new()).await.expect(200).json();
    assert_eq!(list["data"], serde_json::json!([]));
    gateway.document_in(&id, &["acknowledged"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_is_held_to_its_schema() {
    let gateway = TestGateway::start().await;
    let xml = [("content-type", XML)];
    let validate = async |body: String| {
        gateway.send(Method::POST, "/v1/documents/validate", &xml, Bytes::from(body)).await.expect(200).json()
    };
    let samples = [
        samples::CHECKIN,
        samples::CLAIM,
        samples::REFERRAL,
        samples::APPOINTMENT,
        samples::BIRTH,
        samples::DEATH,
        samples::VOUCHER,
    ];
    for sample in samples {
        let checked = validate(sample.to_owned()).await;
        assert_eq!((&checked["hopLe"], &checked["warnings"]), (&json!(true), &json!([])), "{checked}");
    }

    let wrong = samples::with_parts_changed(samples::CLAIM, "<GIOI_TINH>2</GIOI_TINH>", "<GIOI_TINH>7</GIOI_TINH>");
    let checked = validate(wrong.clone()).await;
    assert_eq!((&checked["hopLe"], &checked["errors"][0]["maLoi"]), (&json!(false), &json!("XSD_ENUMERATION")));
    let problem = gateway.submit(wrong).await.expect(422).json();
    let warning = &problem["errors"][0];
    assert_eq!(warning, &checked["errors"][0]);
    assert_eq!((&warning["bang"], &warning["truong"]), (&json!("XML1"), &json!("GIOI_TINH")));
    assert_eq!((&warning["line"], &warning["column"]), (&json!(9), &json!(3)));
    assert!(warning["envelopeLine"].as_u64().is_some_and(|line| line > 1), "{warning}");
}
