//! Incidents: one opens and one closes, however many fail in between.

use lienthong::sandbox::{ACCOUNT_PASSWORD, Faults};
use serde_json::Value;

use crate::documents::id;
use crate::moves::order;
use crate::samples::{birth, claim, driver_exam};
use crate::support::{Options, TestGateway, question, until, valid_person};

/// Looks often and believes at once.
fn watchful() -> Options {
    Options {
        incidents: "look_every_s = 1\nopen_after_s = 0\nclose_after_s = 0\nrejected_max_s = 0",
        portal: "failures_to_rest = 2\nrest_s = 1",
        ..Options::default()
    }
}

async fn incidents(gateway: &TestGateway, status: &str) -> Vec<Value> {
    let answer = gateway.get(&format!("/v1/incidents?status={status}")).await.expect(200).json();
    answer["data"].as_array().unwrap().clone()
}

/// The open incident of this kind, once there is one that fits.
async fn open(gateway: &TestGateway, kind: &str, fits: impl Fn(&Value) -> bool) -> Value {
    until(&format!("an incident {kind}"), async || {
        incidents(gateway, "open").await.into_iter().find(|one| one["kind"] == kind && fits(one))
    })
    .await
}

async fn closed(gateway: &TestGateway, incident: &Value) -> Value {
    until("the incident to end", async || {
        incidents(gateway, "ended").await.into_iter().find(|one| one["id"] == incident["id"])
    })
    .await
}

/// How often each of the two events was told of incidents of this kind.
async fn told(gateway: &TestGateway, kind: &str) -> (usize, usize) {
    let events = gateway.get("/v1/events?limit=500").await.expect(200).json();
    let of = |word: &str| {
        events["data"].as_array().unwrap().iter().filter(|it| it["type"] == word && it["data"]["kind"] == kind).count()
    };
    (of("incident.opened"), of("incident.closed"))
}

#[tokio::test(flavor = "multi_thread")]
async fn many_documents_that_need_a_person_are_one_incident() {
    let mut gateway = TestGateway::with(watchful()).await;
    let only_paths = vec!["/api/hososuckhoe/".to_owned()];
    gateway.sandbox.set_faults(Faults { reset_after_rate: 1.0, only_paths, ..Faults::default() });
    let mut lost = Vec::new();
    for n in 0..5 {
        let document = gateway.submit(birth(n)).await.expect(202).json();
        // The breaker lets single trials through.
        gateway.document_in(id(&document), &["unknown"]).await;
        lost.push(document);
    }
    let incident = open(&gateway, "documents_unknown", |one| one["count"] == 5).await;
    assert_eq!((incident["subject"].as_str(), incident["maCSKCB"].as_str()), (Some("79999"), Some("79999")));
    assert!(incident["oldestAt"].is_string() && incident["closedAt"].is_null(), "{incident}");
    assert!(incident["nextStep"].as_str().unwrap().contains("documents confirm"), "{incident}");
    assert_eq!(told(&gateway, "documents_unknown").await, (1, 0));

    // A restart goes on with it, and tells nobody again.
    gateway.restart().await;
    let again = open(&gateway, "documents_unknown", |one| one["count"] == 5).await;
    assert_eq!(again["id"], incident["id"]);

    // Another facility's key does not hear of it.
    let other = format!("Bearer {}", gateway.new_key(&["document:read"], &["01999"]).await);
    let headers = [("authorization", other.as_str())];
    let heard = gateway.send(http::Method::GET, "/v1/incidents?status=all", &headers, bytes::Bytes::new()).await;
    let heard = heard.expect(200).json();
    assert!(heard["data"].as_array().unwrap().iter().all(|one| one["kind"] != "documents_unknown"), "{heard}");

    for document in &lost {
        order(&gateway, id(document), "confirm").await.expect(200);
    }
    let ended = closed(&gateway, &incident).await;
    assert_eq!(ended["countMax"], 5);
    assert_eq!(told(&gateway, "documents_unknown").await, (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_one_incident_a_service() {
    let mut gateway = TestGateway::with(watchful()).await;
    // A session is there, so that what is away is the claims' service and not the login.
    let first = gateway.submit(claim("LK-0", "")).await.expect(202).json();
    gateway.document_in(id(&first), &["acknowledged"]).await;
    gateway.portal_off().await;
    let mut waiting = Vec::new();
    for n in 1..20 {
        waiting.push(gateway.submit(claim(&format!("LK-{n}"), "")).await.expect(202).json());
    }
    let incident = open(&gateway, "portal_down", |one| one["subject"] == "claim").await;
    let metrics = until("the metric", async || {
        let text = String::from_utf8(gateway.admin("/metrics").await.body.to_vec()).unwrap();
        text.contains("lienthong_incidents_open{kind=\"portal_down\"} ").then_some(text)
    })
    .await;
    assert!(!metrics.contains("lienthong_incidents_open{kind=\"portal_down\"} 0"), "{metrics}");
    gateway.portal_on().await;
    for document in &waiting {
        gateway.document_in(id(document), &["acknowledged"]).await;
    }
    closed(&gateway, &incident).await;
    let opened = incidents(&gateway, "all").await;
    let of_claims = opened.iter().filter(|one| one["kind"] == "portal_down" && one["subject"] == "claim").count();
    assert_eq!(of_claims, 1, "{opened:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_account_is_an_incident_of_its_facility() {
    let mut gateway = TestGateway::with(watchful()).await;
    gateway.write("password", "sai-mat-khau");
    gateway.restart().await;
    gateway.post("/v1/card-lookups", &question(&valid_person(1))).await;
    let incident = open(&gateway, "account_refused", |one| one["subject"] == "01999").await;
    assert!(incident["nextStep"].as_str().unwrap().contains("IP"), "{incident}");
    gateway.write("password", ACCOUNT_PASSWORD);
    gateway.restart().await;
    closed(&gateway, &incident).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_document_is_an_incident_until_a_better_one_comes() {
    let gateway = TestGateway::with(watchful()).await;
    let json = [("content-type", "application/json")];
    let document = gateway.submit_with(&json, driver_exam(3, "EDIT")).await.expect(202).json();
    gateway.document_in(id(&document), &["rejected"]).await;
    let incident = open(&gateway, "documents_rejected", |one| one["subject"] == "48999").await;
    assert_eq!(incident["count"], 1);
    let mended = gateway.submit_with(&json, driver_exam(3, "ADD")).await.expect(202).json();
    gateway.document_in(id(&mended), &["acknowledged"]).await;
    closed(&gateway, &incident).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_parameters_of_the_list_are_refused_by_name() {
    let gateway = TestGateway::start().await;
    for (query, field) in [
        ("status=some", "status"),
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("cursor=x", "cursor"),
        ("x=1", "query"),
    ] {
        let refused = gateway.get(&format!("/v1/incidents?{query}")).await.expect(400).json();
        assert_eq!(refused["errors"][0]["truong"], field, "{query}");
    }
}
