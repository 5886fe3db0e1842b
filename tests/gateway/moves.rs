//! What a person orders: hold, release, cancel, replay; and what cannot be ordered.

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use crate::documents::id;
use crate::samples::{self, birth, claim};
use crate::support::{Reply, TestGateway};

/// Orders something of a document, with a reason.
pub(crate) async fn order(gateway: &TestGateway, id: &str, what: &str) -> Reply {
    gateway.post(&format!("/v1/documents/{id}/{what}"), &json!({"lyDo": "Thử nghiệm"})).await
}

pub(crate) async fn submit_held(gateway: &TestGateway, xml: String) -> Value {
    let headers = [("content-type", "application/xml")];
    gateway.send(Method::POST, "/v1/documents?hold=true", &headers, Bytes::from(xml)).await.expect(202).json()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_waits_until_it_is_released() {
    let gateway = TestGateway::start().await;
    let held = submit_held(&gateway, claim("LK-1", "")).await;
    assert_eq!((&held["status"], &held["deliveries"][0]["reason"]), (&json!("held"), &json!("by_hand")));
    // Whoever comes after it is not held up, unless it is about the same visit.
    let other = gateway.submit(claim("LK-2", "")).await.expect(202).json();
    gateway.document_in(id(&other), &["acknowledged"]).await;
    assert_eq!(gateway.get(&format!("/v1/documents/{}", id(&held))).await.json()["status"], "held");

    order(&gateway, id(&held), "release").await.expect(200);
    gateway.document_in(id(&held), &["acknowledged"]).await;
    assert_eq!(gateway.sandbox.submissions().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_queued_can_be_held_and_cancelled() {
    let mut gateway = TestGateway::start().await;
    gateway.portal_off().await;
    let first = gateway.submit(claim("LK-1", "")).await.expect(202).json();
    let second = gateway.submit(birth(1)).await.expect(202).json();
    // An attempt under way ends first.
    for (document, what) in [(&first, "hold"), (&second, "cancel")] {
        crate::support::until("the order to be possible", async || {
            let reply = order(&gateway, id(document), what).await;
            (reply.status == 200).then_some(())
        })
        .await;
    }
    let third = gateway.submit(claim("LK-3", "")).await.expect(202).json();
    gateway.portal_on().await;
    gateway.document_in(id(&third), &["acknowledged"]).await;
    gateway.document_in(id(&first), &["held"]).await;
    gateway.document_in(id(&second), &["cancelled"]).await;
    assert_eq!(gateway.sandbox.submissions().len(), 1);

    // A cancelled certificate may be submitted anew.
    let anew = gateway.submit(birth(1)).await.expect(202).json();
    assert_ne!(id(&anew), id(&second));
    gateway.document_in(id(&anew), &["acknowledged"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_portal_has_cannot_be_called_back() {
    let gateway = TestGateway::start().await;
    let document = gateway.submit(samples::DEATH).await.expect(202).json();
    gateway.document_in(id(&document), &["acknowledged"]).await;
    for what in ["replay", "cancel", "hold", "release"] {
        let problem = order(&gateway, id(&document), what).await.expect(409).json();
        assert_eq!((&problem["code"], &problem["state"]), (&json!("document.not_possible"), &json!("acknowledged")));
    }
    assert_eq!(gateway.sandbox.submissions().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_needs_a_reason_and_a_document() {
    let gateway = TestGateway::start().await;
    let document = submit_held(&gateway, claim("LK-1", "")).await;
    let path = format!("/v1/documents/{}/release", id(&document));
    let problem = gateway.post(&path, &json!({})).await.expect(400).json();
    assert_eq!((&problem["errors"][0]["truong"], &problem["errors"][0]["maLoi"]), (&json!("lyDo"), &json!("MISSING")));
    // Reasons and receipts are kept whole or not at all: they were once cut in silence.
    for (order, field) in [
        (json!({"lyDo": "ý".repeat(501)}), "lyDo"),
        (json!({"lyDo": "ý".repeat(500), "maGiaoDich": "9".repeat(201)}), "maGiaoDich"),
    ] {
        let problem = gateway.post(&path, &order).await.expect(400).json();
        assert_eq!(
            (&problem["errors"][0]["truong"], &problem["errors"][0]["maLoi"]),
            (&json!(field), &json!("TOO_LONG"))
        );
    }
    let problem = order(&gateway, "doc_01JD3Y00000000000000000000", "release").await.expect(404).json();
    assert_eq!(problem["code"], "document.not_found");
    assert_eq!(gateway.get(&format!("/v1/documents/{}", id(&document))).await.json()["status"], "held");
}
