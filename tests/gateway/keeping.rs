//! What is kept, held and forgotten, as callers see it.

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use crate::samples::{birth, claim};
use crate::support::{FACILITIES, Options, Reply, TestGateway, until};

/// An order with a key of scope admin, as the test's own key has not got it.
async fn order(gateway: &TestGateway, admin: &str, path: &str) -> Reply {
    let bearer = format!("Bearer {admin}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let body = Bytes::from(json!({"lyDo": "Công văn số 12"}).to_string());
    gateway.send(Method::POST, path, &headers, body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_legal_hold_is_shown_and_keeps_the_content_and_only_an_admin_sets_it() {
    let gateway = TestGateway::start().await;
    let admin = gateway.new_key(&["admin", "document:read"], &FACILITIES).await;
    let id = gateway.submit(claim("LK-1", "")).await.expect(202).json()["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/documents/{id}");
    let refused = gateway.post(&format!("{path}/legal-hold"), &json!({"lyDo": "x"})).await.expect(403).json();
    assert_eq!((&refused["code"], &refused["scope"]), (&json!("auth.scope_missing"), &json!("admin")));
    gateway.document_in(&id, &["acknowledged"]).await;

    let held = order(&gateway, &admin, &format!("{path}/legal-hold")).await.expect(200).json();
    assert_eq!(held["legalHold"]["reason"], "Công văn số 12");
    assert!(held["legalHold"]["by"].as_str().unwrap().starts_with("key_"), "{held}");
    assert_eq!(gateway.get(&path).await.expect(200).json()["legalHold"], held["legalHold"]);
    let refused = order(&gateway, &admin, &format!("{path}/forget")).await.expect(409).json();
    assert_eq!(refused["code"], "document.legal_hold");
    gateway.get(&format!("{path}/content")).await.expect(200);

    let lifted = order(&gateway, &admin, &format!("{path}/legal-hold/lift")).await.expect(200).json();
    assert_eq!(lifted.get("legalHold"), None);
    let other = gateway.new_key(&["admin"], &["99001"]).await;
    order(&gateway, &other, &format!("{path}/legal-hold")).await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_forgotten_says_so_and_keeps_its_receipt() {
    let mut gateway = TestGateway::start().await;
    let admin = gateway.new_key(&["admin", "document:read"], &FACILITIES).await;
    let held = gateway.submit_with(&[], claim("LK-2", "")).await.expect(202).json();
    let bytes = birth(7);
    let id = gateway.submit(bytes.clone()).await.expect(202).json()["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/documents/{id}");
    let before = gateway.document_in(&id, &["acknowledged"]).await;
    gateway.document_in(held["id"].as_str().unwrap(), &["acknowledged"]).await;

    let forgotten = order(&gateway, &admin, &format!("{path}/forget")).await.expect(200).json();
    assert!(forgotten["forgottenAt"].is_string() && forgotten["deliveries"] == before["deliveries"], "{forgotten}");
    for query in ["", "?table=GIAYCHUNGSINH"] {
        let gone = gateway.get(&format!("{path}/content{query}")).await.expect(410).json();
        assert_eq!(gone["code"], "document.forgotten");
    }
    let attempts = gateway.get(&format!("{path}/attempts")).await.expect(200).json();
    assert_eq!((&attempts["data"][0]["raw"], &attempts["data"][0]["outcome"]), (&json!(""), &json!("acknowledged")));
    gateway.restart().await;
    let again = gateway.submit(bytes).await.expect(200).json();
    assert_eq!((&again["id"], again["deliveries"][0]["maGiaoDich"].is_string()), (&json!(id), true));
    assert_eq!(gateway.sandbox.submissions().len(), 2, "nothing was sent twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_not_in_the_feed_any_more_is_a_problem_of_its_own() {
    let gateway = TestGateway::start().await;
    let gone = gateway.get("/v1/events?after=evt_01JD3W8Q2M0000000000000001").await.expect(410).json();
    assert_eq!(gone["code"], "store.cursor_unknown");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_without_room_refuses_new_documents_early_and_says_so() {
    let mut gateway = TestGateway::start().await;
    let ready = until("the disk to be looked at", async || {
        let ready = gateway.admin("/readyz").await.expect(200).json();
        ready["disk"].is_object().then_some(ready)
    })
    .await;
    assert_eq!(ready["disk"]["state"], "ok");
    assert!(ready["disk"]["freeBytes"].as_u64().unwrap() > 0);
    let metrics = gateway.admin("/metrics").await.expect(200);
    let metrics = String::from_utf8(metrics.body.to_vec()).unwrap();
    for name in ["lienthong_disk_free_bytes", "lienthong_data_kept_bytes", "lienthong_disk_days_left"] {
        let value = metrics.lines().find_map(|line| line.strip_prefix(&format!("{name} "))).unwrap();
        assert!(value.parse::<f64>().unwrap() > 0.0, "{name} {value}");
    }

    // A floor above every disk there is.
    gateway.switch(Options { retention: "disk_free_min_mib = 1_000_000_000", ..Options::default() });
    gateway.restart().await;
    let refused = until("new documents to be refused", async || {
        let number = gateway.sandbox.submissions().len();
        let reply = gateway.submit(claim(&format!("LK-{number}"), "")).await;
        (reply.status.as_u16() == 507).then(|| reply.json())
    })
    .await;
    assert_eq!(refused["code"], "store.short_of_room");
    let ready = gateway.admin("/readyz").await.expect(503).json();
    assert_eq!((&ready["disk"]["state"], &ready["store"]), (&json!("short"), &json!("ok")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_forgets_by_itself_what_is_due_and_nothing_that_is_held_or_open() {
    let mut gateway = TestGateway::start().await;
    let admin = gateway.new_key(&["admin", "document:read"], &FACILITIES).await;
    let mut ids = Vec::new();
    for (number, hold) in [(1, ""), (2, ""), (3, "?hold=true")] {
        let headers = [("content-type", "application/xml")];
        let path = format!("/v1/documents{hold}");
        let body = Bytes::from(claim(&format!("LK-{number}"), ""));
        let document = gateway.send(Method::POST, &path, &headers, body).await.expect(202).json();
        ids.push(format!("/v1/documents/{}", document["id"].as_str().unwrap()));
    }
    for path in &ids[..2] {
        gateway.document_in(path.trim_start_matches("/v1/documents/"), &["acknowledged"]).await;
    }
    order(&gateway, &admin, &format!("{}/legal-hold", ids[1])).await.expect(200);
    let receipt = gateway.get(&ids[0]).await.expect(200).json()["deliveries"].clone();

    gateway.switch(Options { days_ahead: 401, retention: "[retention.withdrawn_days]", ..Options::default() });
    gateway.stop().await;
    worked_under_this_date(&gateway, 401);
    gateway.restart().await;
    let gone = until("the content to be forgotten", async || {
        let reply = gateway.get(&format!("{}/content", ids[0])).await;
        (reply.status.as_u16() == 410).then(|| reply.json())
    })
    .await;
    assert_eq!(gone["code"], "document.forgotten");
    assert_eq!(gateway.get(&ids[0]).await.expect(200).json()["deliveries"], receipt);
    // Events are older than their ninety days, too; whoever reads from the beginning reads what is left.
    until("old events to be forgotten", async || {
        let feed = gateway.get("/v1/events").await.expect(200).json();
        // That the certificate has ended, a year ahead, is told anew.
        let of_documents = |event: &Value| !event["type"].as_str().unwrap().starts_with("incident.");
        (!feed["data"].as_array().unwrap().iter().any(of_documents)).then_some(())
    })
    .await;
    // A look that came to the events has passed all documents.
    for path in &ids[1..] {
        gateway.get(&format!("{path}/content")).await.expect(200);
    }
    let metrics = String::from_utf8(gateway.admin("/metrics").await.expect(200).body.to_vec()).unwrap();
    assert!(metrics.contains("lienthong_forgotten_total{what=\"body\"} 1\n"), "{metrics}");
}

/// Leaves the samples of eight hours so many days from now, as a gateway does that has worked for so long: before that it does
/// not believe the date.
fn worked_under_this_date(gateway: &TestGateway, days_ahead: i64) {
    let database = rusqlite::Connection::open(gateway.data_folder().join("gateway.db")).unwrap();
    let now = lienthong::system::System::real().now().as_millisecond() + days_ahead * 24 * 3_600_000;
    for hour in 1..=8 {
        let sample = "INSERT INTO space (at, free_bytes, kept_bytes) VALUES (?1, 1000000000, 1000)";
        database.execute(sample, [now - hour * 3_600_000]).unwrap();
    }
}
