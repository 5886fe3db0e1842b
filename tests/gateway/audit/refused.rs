//! A log that cannot be written: every deed is refused, nothing is done, and it comes back by itself.

use lienthong::audit::AUDIT_FILE;
use rusqlite::Connection;

use super::*;
use crate::facade::client::code;

/// Holds the log as another process would that does not let go.
fn held(gateway: &TestGateway) -> Connection {
    let holder = Connection::open(gateway.data_folder().join(AUDIT_FILE)).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    holder
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_recorded_is_refused_and_not_done() {
    let gateway = TestGateway::start().await;
    let his = His::signed_in(&gateway, "01999_BV", &["01999"]).await;
    let known = valid_person(72);
    gateway.post("/v1/card-lookups", &question(&known)).await.expect(200);
    let document = submit_held(&gateway, claim("AUDIT-5", "")).await;
    let document = id(&document);
    let questions = gateway.sandbox.questions().len();
    let holder = held(&gateway);

    let (from_memory, from_portal) = (question(&known), question(&valid_person(73)));
    let path = |what: &str| format!("/v1/documents/{document}{what}");
    let (content, release) = (path("/content"), path("/release"));
    let (reason, from_his) = (json!({"lyDo": "thử"}), asked(&known));
    let (one, other, read, acted, submitted, facade) = tokio::join!(
        gateway.post("/v1/card-lookups", &from_memory),
        gateway.post("/v1/card-lookups", &from_portal),
        gateway.get(&content),
        gateway.post(&release, &reason),
        gateway.submit(claim("AUDIT-6", "")),
        his.egw("/api/egw/KQNhanLichSuKCB2024", &from_his),
    );
    for refused in [one, other, read, acted, submitted] {
        let problem = refused.expect(503);
        assert!(!problem.header("retry-after").is_empty());
        let problem = problem.json();
        assert_eq!((&problem["code"], &problem["retryable"]), (&json!("audit.unavailable"), &json!(true)));
        assert!(!problem.to_string().contains(known.name.as_str()));
    }
    assert_eq!((code(&facade).as_str(), facade.header("gateway-problem")), ("101", "audit.unavailable"));
    let ready = gateway.admin("/readyz").await.expect(503).json();
    assert!(ready["audit"].as_str().unwrap().contains("audit log"), "{ready}");
    // Nothing was asked, kept or let go.
    assert_eq!(gateway.sandbox.questions().len(), questions);
    assert!(gateway.sandbox.submissions().is_empty());

    holder.execute_batch("COMMIT").unwrap();
    drop(holder);
    until("the gateway to be ready again", async || (gateway.admin("/readyz").await.status == 200).then_some(())).await;
    let listed = gateway.get("/v1/documents").await.expect(200).json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    assert_eq!(gateway.get(&path("")).await.expect(200).json()["status"], "held");
    gateway.post("/v1/card-lookups", &question(&known)).await.expect(200);
    is_whole(&gateway);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_does_not_leave_unrecorded_and_leaves_later() {
    let mut gateway = TestGateway::start().await;
    gateway.portal_off().await;
    let sent = gateway.submit(claim("AUDIT-7", "")).await.expect(202).json();
    let holder = held(&gateway);
    assert!(gateway.sandbox.submissions().is_empty(), "it left before the log was held");
    gateway.portal_on().await;
    until("an attempt to be put off", async || {
        let metrics = gateway.admin("/metrics").await.expect(200).body;
        let text = String::from_utf8(metrics.to_vec()).unwrap();
        let refused = text.lines().find_map(|line| line.strip_prefix("lienthong_audit_refused_total "));
        (refused != Some("0")).then_some(())
    })
    .await;
    assert!(gateway.sandbox.submissions().is_empty());
    holder.execute_batch("COMMIT").unwrap();
    drop(holder);
    until("the document to be acknowledged", async || {
        let reply = gateway.get(&format!("/v1/documents/{}", id(&sent))).await;
        (reply.status == 200 && reply.json()["status"] == "acknowledged").then_some(())
    })
    .await;
    let asked = gateway.get(&format!("/v1/documents/{}/attempts", id(&sent))).await.expect(200).json();
    assert!(asked["data"].as_array().unwrap().len() >= 2, "{asked}");
    is_whole(&gateway);
}
