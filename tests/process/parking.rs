//! A document that the gateway dies of: it is parked after a stated number of deaths, and stops nobody else.

use bytes::Bytes;
use http::Method;
use lienthong::domain::delivery::{CRASHED_THE_SENDER, INTERRUPTED_MAX};
use lienthong::sandbox::Faults;
use serde_json::Value;

use crate::documents;
use crate::process::{PATIENCE, Site};

/// The smallest check-in of the sample with another key.
fn checkin(key: &str, step: usize) -> String {
    const CHECKIN: &str = include_str!("../../schemas/checkin/sample.xml");
    CHECKIN.replace("HS2603160001", key).replace("<STT>1</STT>", &format!("<STT>{step}</STT>"))
}

async fn submit(site: &Site, xml: String) -> String {
    let answer = site.send(Method::POST, "/v1/documents", "application/xml", Bytes::from(xml)).await;
    let (status, body) = answer.expect("an answer");
    assert_eq!(status, 202, "{body}");
    body["id"].as_str().unwrap().to_owned()
}

/// The document, once its state is one of `states`.
async fn document_in(site: &Site, id: &str, states: &[&str]) -> Value {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let document = site.get(&format!("/v1/documents/{id}")).await;
        if states.contains(&document["status"].as_str().unwrap()) {
            return document;
        }
        assert!(tokio::time::Instant::now() < deadline, "not one of {states:?}: {document}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_the_gateway_dies_of_is_parked_and_blocks_nobody() {
    // Check-ins are never answered, so that whoever is killed for a check-in under way is killed in the middle of it.
    let stuck = Faults { latency_ms: 600_000, only_paths: vec!["/api/qd130/checkIn".to_owned()], ..Faults::default() };
    let site = Site::new(stuck, 1).await;
    let mut gateway = site.start().await;
    let poison = submit(&site, checkin("HSPOISON", 1)).await;
    let follower = submit(&site, checkin("HSPOISON", 2)).await;
    let bystander = submit(&site, checkin("HSBYSTANDER", 1)).await;
    document_in(&site, &bystander, &["sending"]).await;
    let mut claims = Vec::new();
    for death in 0..INTERRUPTED_MAX {
        document_in(&site, &poison, &["sending"]).await;
        // Others are delivered while it is under way.
        for n in 0..5 {
            let claim = submit(&site, documents::claim(&format!("HS{death}{n}"))).await;
            document_in(&site, &claim, &["acknowledged"]).await;
            claims.push(claim);
        }
        assert_eq!(site.get(&format!("/v1/documents/{follower}")).await["status"], "queued");
        gateway.kill().await.unwrap();
        gateway = site.start().await;
    }
    let parked = document_in(&site, &poison, &["failed"]).await;
    assert_eq!(parked["deliveries"][0]["reason"], CRASHED_THE_SENDER, "{parked}");
    assert_eq!(parked["deliveries"][0]["attempts"], INTERRUPTED_MAX);
    let events = site.get("/v1/events?limit=500").await;
    let told: Vec<_> = events["data"].as_array().unwrap().iter().filter(|it| it["type"] == "document.failed").collect();
    assert_eq!(told.len(), 1);
    assert_eq!(
        (told[0]["data"]["id"].as_str(), told[0]["data"]["reason"].as_str()),
        (Some(poison.as_str()), Some(CRASHED_THE_SENDER))
    );

    // What was under way beside it, and what waited behind it, goes out once the portal answers.
    site.sandbox.set_faults(Faults::default());
    gateway.kill().await.unwrap();
    let mut gateway = site.start().await;
    for id in claims.iter().chain([&follower, &bystander]) {
        document_in(&site, id, &["acknowledged"]).await;
    }
    gateway.kill().await.unwrap();
}
