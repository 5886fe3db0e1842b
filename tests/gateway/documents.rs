//! Documents on their way in: the same one is the same, a newer one replaces with a reason, and nobody sends for others.

use bytes::Bytes;
use futures_util::future::join_all;
use http::Method;
use serde_json::{Value, json};

use crate::samples::{self, claim};
use crate::support::{Reply, TestGateway};

pub(crate) fn id(document: &Value) -> &str {
    document["id"].as_str().expect("a document has an id")
}

async fn documents(gateway: &TestGateway) -> Vec<Value> {
    let list = gateway.get("/v1/documents?limit=500").await.expect(200).json();
    list["data"].as_array().unwrap().clone()
}

async fn submit_keyed(gateway: &TestGateway, key: &str, xml: String) -> Reply {
    gateway.submit_with(&[("idempotency-key", key)], xml).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_bytes_are_the_same_document_and_are_sent_once() {
    let gateway = TestGateway::start().await;
    let first = gateway.submit(samples::CLAIM).await.expect(202).json();
    let again = gateway.submit(samples::CLAIM).await.expect(200);
    assert_eq!(again.json()["id"], first["id"]);
    assert_eq!(again.header("idempotency-replayed"), "", "no key was replayed");
    gateway.document_in(id(&first), &["acknowledged"]).await;
    let later = gateway.submit(samples::CLAIM).await.expect(200).json();
    assert_eq!((id(&later), &later["status"]), (id(&first), &json!("acknowledged")));

    let racing = (0..20).map(|_| gateway.submit(samples::VOUCHER));
    let ids: Vec<_> = join_all(racing).await.iter().map(|reply| reply.json()["id"].clone()).collect();
    assert!(ids.iter().all(|one| *one == ids[0]), "{ids:?}");
    gateway.document_in(ids[0].as_str().unwrap(), &["acknowledged"]).await;
    assert_eq!(documents(&gateway).await.len(), 2);
    assert_eq!(gateway.sandbox.submissions().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_answers_for_its_document_and_no_other() {
    let gateway = TestGateway::start().await;
    let first = submit_keyed(&gateway, "\"his-1\"", claim("LK-1", "")).await.expect(202).json();
    // Quoted as in the draft, or bare: the same key.
    let again = submit_keyed(&gateway, "his-1", claim("LK-1", "")).await.expect(200);
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.json()["id"], first["id"]);

    let problem = submit_keyed(&gateway, "his-1", claim("LK-2", "")).await.expect(422).json();
    assert_eq!(problem["code"], "idempotency.key_reused");
    assert_eq!(documents(&gateway).await.len(), 1);

    // Another client's key of the same wording is another key.
    let other = format!("Bearer {}", gateway.new_key(&["document:write"], &["01999"]).await);
    let headers = [("idempotency-key", "his-1"), ("authorization", other.as_str())];
    gateway.submit_with(&headers, claim("LK-3", "")).await.expect(202);

    let long = "k".repeat(256);
    let problem = submit_keyed(&gateway, &long, claim("LK-4", "")).await.expect(400).json();
    assert_eq!(problem["errors"][0]["truong"], "Idempotency-Key");
}

#[tokio::test(flavor = "multi_thread")]
async fn racing_requests_with_one_key_make_one_document() {
    let gateway = TestGateway::start().await;
    let racing = (0..30).map(|_| submit_keyed(&gateway, "race", claim("LK-1", "")));
    let (mut new, mut ids) = (0, Vec::new());
    for reply in join_all(racing).await {
        match reply.status.as_u16() {
            202 => new += 1,
            200 => assert_eq!(reply.header("idempotency-replayed"), "true"),
            _ => {
                let problem = reply.expect(409).json();
                assert_eq!(problem["code"], "idempotency.under_way");
                assert_eq!(problem["retryable"], true);
                continue;
            }
        }
        ids.push(reply.json()["id"].clone());
    }
    assert_eq!(new, 1);
    assert!(ids.iter().all(|one| *one == ids[0]), "{ids:?}");
    // A refused request is no use of its key.
    submit_keyed(&gateway, "after", "<broken".into()).await.expect(422);
    submit_keyed(&gateway, "after", claim("LK-2", "")).await.expect(202);
    assert_eq!(documents(&gateway).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrected_claim_needs_a_reason_once_the_portal_has_the_first() {
    let gateway = TestGateway::start().await;
    let first = gateway.submit(claim("LK-1", "một")).await.expect(202).json();
    gateway.document_in(id(&first), &["acknowledged"]).await;

    let problem = gateway.submit(claim("LK-1", "hai")).await.expect(409).json();
    assert_eq!(problem["code"], "document.replace_reason_required");
    assert_eq!(problem["existing"], first["id"]);
    assert_eq!(documents(&gateway).await.len(), 1);

    let reason = [("replace-reason", "S%E1%BB%ADa%20m%C3%A3%20b%E1%BB%87nh")];
    let second = gateway.submit_with(&reason, claim("LK-1", "hai")).await.expect(202).json();
    assert_eq!(second["version"], 2);
    gateway.document_in(id(&second), &["acknowledged"]).await;
    let sent = gateway.sandbox.submissions();
    assert_eq!(sent.iter().map(|one| one.replaced).collect::<Vec<_>>(), [None, Some(1)]);
    assert_eq!(sent[1].body, claim("LK-1", "hai"));

    // What was replaced does not come back by accident.
    let problem = gateway.submit(claim("LK-1", "một")).await.expect(409).json();
    assert_eq!((&problem["code"], &problem["existing"]), (&json!("document.replace_reason_required"), &second["id"]));
    let unreadable = [("replace-reason", "%FF")];
    let problem = gateway.submit_with(&unreadable, claim("LK-1", "ba")).await.expect(400).json();
    assert_eq!(problem["errors"][0]["truong"], "Replace-Reason");
    let long = "a".repeat(501);
    let problem = gateway.submit_with(&[("replace-reason", &long)], claim("LK-1", "ba")).await.expect(400).json();
    assert_eq!(problem["errors"][0]["truong"], "Replace-Reason");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_version_that_still_waits_is_superseded() {
    let mut gateway = TestGateway::start().await;
    gateway.portal_off().await;
    let first = gateway.submit(claim("LK-1", "một")).await.expect(202).json();
    let other = gateway.submit(claim("LK-2", "")).await.expect(202).json();
    let second = gateway.submit(claim("LK-1", "hai")).await.expect(202).json();
    assert_eq!(second["version"], 2);
    gateway.portal_on().await;
    gateway.document_in(id(&second), &["acknowledged"]).await;
    gateway.document_in(id(&other), &["acknowledged"]).await;
    gateway.document_in(id(&first), &["superseded"]).await;
    let sent: Vec<_> = gateway.sandbox.submissions().into_iter().map(|one| one.body).collect();
    assert!(!sent.contains(&Bytes::from(claim("LK-1", "một"))), "old content was sent");
    assert_eq!(sent.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_driver_exam_is_edited_in_the_portals_own_way() {
    let gateway = TestGateway::start().await;
    let submit = |state| gateway.submit_with(&[("content-type", "application/json")], samples::driver_exam(7, state));
    let first = submit("ADD").await.expect(202).json();
    gateway.document_in(id(&first), &["acknowledged"]).await;
    let edit = submit("EDIT").await.expect(202).json();
    assert_eq!(edit["version"], 2);
    gateway.document_in(id(&edit), &["acknowledged"]).await;
    assert_eq!(gateway.sandbox.submissions()[1].replaced, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contrary_kind_is_refused() {
    let gateway = TestGateway::start().await;
    let submit = |query: &str, xml: &'static str| {
        let path = format!("/v1/documents?type={query}");
        let gateway = &gateway;
        let headers = [("content-type", "application/xml")];
        async move { gateway.send(Method::POST, &path, &headers, Bytes::from(xml)).await }
    };
    for (declared, xml) in [
        ("death-certificate", samples::BIRTH),
        ("claim", samples::CHECKIN),
        ("referral", samples::CLAIM),
        ("re-examination-appointment", samples::REFERRAL),
        ("referral", samples::VOUCHER),
    ] {
        let problem = submit(declared, xml).await.expect(422).json();
        assert_eq!(problem["code"], "document.kind_mismatch", "{declared}");
    }
    let problem = submit("letter", samples::CLAIM).await.expect(400).json();
    assert_eq!(problem["errors"][0]["maLoi"], "UNKNOWN_KIND");
    assert_eq!(documents(&gateway).await, [Value::Null; 0]);
    assert!(gateway.sandbox.submissions().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_submits_under_another_facilitys_name() {
    let gateway = TestGateway::start().await;
    let mismatch = gateway.submit_with(&[("facility-id", "79999")], samples::CLAIM).await.expect(422).json();
    assert_eq!(mismatch["code"], "facility.mismatch");
    let malformed = gateway.submit_with(&[("facility-id", "1")], samples::CLAIM).await.expect(400).json();
    assert_eq!(malformed["errors"][0]["maLoi"], "FACILITY_CODE");
    // The minutes of an assessment name nobody, and this key has several facilities.
    let missing = gateway.submit(samples::MEDICAL_ASSESSMENT).await.expect(400).json();
    assert_eq!(missing["code"], "facility.missing");
    let stranger = gateway.submit_with(&[("facility-id", "02001")], samples::MEDICAL_ASSESSMENT).await.expect(403);
    assert_eq!(stranger.json()["code"], "facility.not_allowed");

    let bearer = format!("Bearer {}", gateway.new_key(&["document:write", "document:read"], &["79999"]).await);
    let other = ("authorization", bearer.as_str());
    let problem = gateway.submit_with(&[other], samples::CLAIM).await.expect(403).json();
    assert_eq!(problem["code"], "facility.not_allowed");
    let problem = gateway.submit_with(&[other, ("facility-id", "01999")], samples::CLAIM).await.expect(403).json();
    assert_eq!(problem["code"], "facility.not_allowed");
    assert_eq!(documents(&gateway).await, [Value::Null; 0]);

    // A key of one facility names it by itself.
    let own = gateway.submit_with(&[other], samples::MEDICAL_ASSESSMENT).await.expect(202).json();
    assert_eq!(own["maCSKCB"], "79999");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_contradicts_itself_is_refused() {
    let gateway = TestGateway::start().await;
    let xml1 = samples::part(samples::CLAIM, "XML1");
    let of_another = samples::part(samples::CLAIM, "XML2");
    let of_another = of_another.replace("HS2603160001", "HS2603160099");
    let mixed = samples::package("01999", "1", &[("XML1", xml1.as_bytes()), ("XML2", of_another.as_bytes())]);
    for (xml, code, table, field) in [
        (mixed, "KEY_MISMATCH", json!("XML2"), "MA_LK"),
        (samples::CLAIM.replace(">01999<", ">79999<"), "FACILITY_MISMATCH", json!("XML1"), "MA_CSKCB"),
        (samples::DEATH.replace(".38999.", ".79999."), "FACILITY_MISMATCH", json!("GIAYBAOTU"), ""),
        (samples::DRIVER_EXAM.replace("/48999/", "/79999/"), "FACILITY_MISMATCH", json!("GKSK"), ""),
        (samples::package("01999", "1", &[("XML13", xml1.as_bytes())]), "MISSING_XML1", Value::Null, ""),
        (samples::package("01999", "1", &[("XML2", xml1.as_bytes())]), "PART_ROOT", json!("XML2"), ""),
        (
            samples::package("01999", "1", &[("XML1", xml1.as_bytes()), ("XML1", xml1.as_bytes())]),
            "REPEATED_PART",
            json!("XML1"),
            "",
        ),
        (samples::checkin("", 1), "KEY_MISSING", json!("XML0"), "MA_LK"),
        (samples::CHECKIN.replace(">01999</MA_CSKCB>", "></MA_CSKCB>"), "FACILITY_MISSING", json!("XML0"), "MA_CSKCB"),
    ] {
        let problem = gateway.submit(xml).await.expect(422).json();
        let errors = problem["errors"].as_array().unwrap();
        let error = errors.iter().find(|error| error["maLoi"] == code);
        let error = error.unwrap_or_else(|| panic!("no {code} in {problem}"));
        assert_eq!(error["bang"], table, "{code}");
        assert!(field.is_empty() || error["truong"] == field, "{code}: {error}");
        assert!(error["line"].as_u64().is_some_and(|line| line > 0), "{code}: {error}");
    }
    assert_eq!(documents(&gateway).await, [Value::Null; 0]);
    assert!(gateway.sandbox.submissions().is_empty());
}
