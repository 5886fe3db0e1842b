//! Events sent by a gateway that is killed again and again: each arrives at least once, and of each document in order.

use bytes::Bytes;
use http::Method;
use lienthong::app::{self, ClientWish};
use lienthong::config::Config;
use lienthong::domain::FacilityCode;
use lienthong::sandbox::Faults;
use lienthong::system::System;
use serde_json::{Value, json};

use crate::documents;
use crate::process::{PATIENCE, Site};
use crate::receiver::{Answer, Receiver, assert_all_in_order};

const KILLS: usize = 4;
const DOCUMENTS_A_ROUND: usize = 15;

#[tokio::test(flavor = "multi_thread")]
async fn kills_in_the_middle_lose_no_event_and_keep_the_order() {
    let site = Site::new(Faults::default(), 7).await;
    let file = site.path("lienthong.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let webhooks = "[webhooks]\nretry_first_ms = 50\nretry_longest_s = 1\ntimeout_s = 1\n[log]";
    std::fs::write(&file, text.replace("[log]", webhooks)).unwrap();
    let config = Config::load(&file).unwrap_or_else(|faults| panic!("{faults:?}"));
    let wish = ClientWish {
        name: "hooks".into(),
        scopes: vec!["webhook".into(), "document:read".into()],
        facilities: vec![FacilityCode::parse("01999").unwrap()],
        requests_per_minute: 1_000_000,
        addresses: Vec::new(),
        facade_user: None,
    };
    let key = app::add_client(&config, &System::real(), wish).await.unwrap().secret;
    let bearer = format!("Bearer {key}");

    let receiver = Receiver::start(None).await;
    // Two in five are refused, so that some are always waiting for another try; one is never answered.
    let count = std::sync::atomic::AtomicUsize::new(0);
    receiver.answer(move |_| match count.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
        17 => Answer::Never,
        n if n % 5 == 0 => Answer::Status(500),
        n if n % 5 == 1 => Answer::With(503, "retry-after", "1".to_owned()),
        n if n % 5 == 2 => Answer::Large(64 << 10),
        _ => Answer::Status(200),
    });
    let mut gateway = site.start().await;
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let url = json!({"url": format!("http://{}/hook", receiver.address)});
    let made = loop {
        // The key was made beside the gateway, which knows it within a second.
        let body = Bytes::from(url.to_string());
        match send(&site, Method::POST, "/v1/webhook-endpoints", &headers, body).await {
            (201, made) => break made,
            (401, _) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            (status, body) => panic!("{status}: {body}"),
        }
    };
    let secret = made["secret"].as_str().unwrap();

    for kill in 0..KILLS {
        for n in 0..DOCUMENTS_A_ROUND {
            let claim = Bytes::from(documents::claim(&format!("HS{kill}{n:04}")));
            let answer = site.send(Method::POST, "/v1/documents", "application/xml", claim).await;
            assert_eq!(answer.expect("an answer").0, 202);
        }
        let wanted = receiver.taken().len() + DOCUMENTS_A_ROUND / 2;
        wait("some to arrive", async || receiver.taken().len() >= wanted).await;
        gateway.kill().await.unwrap();
        gateway = site.start().await;
    }
    let feed = async || -> Vec<Value> {
        let (status, feed) = send(&site, Method::GET, "/v1/events?limit=500", &headers, Bytes::new()).await;
        assert_eq!(status, 200, "{feed}");
        feed["data"].as_array().unwrap().clone()
    };
    let total = KILLS * DOCUMENTS_A_ROUND;
    wait("everything to arrive", async || {
        let (feed, taken) = (feed().await, receiver.taken());
        let acknowledged = feed.iter().filter(|event| event["type"] == "document.acknowledged").count();
        acknowledged == total && feed.iter().all(|event| taken.iter().any(|one| event["id"] == one.id))
    })
    .await;
    let (feed, taken) = (feed().await, receiver.taken());
    assert_all_in_order(&feed, &taken);
    assert!(taken.iter().all(|one| one.signed_by(secret) == [0]));
    assert!(
        taken
            .iter()
            .all(|one| one.path == "/hook" && one.headers["user-agent"].to_str().unwrap().starts_with("lienthong/"))
    );
    let about: std::collections::BTreeSet<String> = taken.iter().map(|one| one.document()).collect();
    println!("{} events, {} requests taken, {KILLS} kills, {} subjects", feed.len(), taken.len(), about.len());
    let log = std::fs::read_to_string(site.path("log")).unwrap();
    assert!(!log.contains(secret.trim_start_matches("whsec_")) && !log.contains("/hook"), "the log tells a secret");
    gateway.kill().await.unwrap();
}

async fn send(site: &Site, method: Method, path: &str, headers: &[(&str, &str)], body: Bytes) -> (u16, Value) {
    site.send_as(method, path, headers, body).await.expect("an answer")
}

async fn wait(what: &str, is_so: impl AsyncFn() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(tokio::time::Instant::now() < deadline, "waited in vain for {what}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
