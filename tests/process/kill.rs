//! Documents accepted while the portal loses answers and the gateway is killed: what was acknowledged is never lost,
//! never doubled, and has one honest state.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use lienthong::intake::sha256;
use lienthong::sandbox::Faults;
use serde_json::Value;

use crate::documents;
use crate::process::{PATIENCE, Site};

/// How many documents; `LIENTHONG_KILL_DOCUMENTS` asks for another number. Ten thousand is the number of the promise;
/// the everyday run does with fewer.
const DOCUMENTS: usize = 2_000;
const KILLS: usize = 5;
const CLIENTS: usize = 16;

/// One document to be submitted, and what the ledger says of it.
struct Entry {
    body: Bytes,
    media_type: &'static str,
    is_claim: bool,
    accepted: Mutex<Option<String>>,
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_or_doubled_over_kills_and_lost_answers() {
    #[expect(clippy::disallowed_methods, reason = "whoever runs the tests chooses how many")]
    let wished = std::env::var("LIENTHONG_KILL_DOCUMENTS").ok().and_then(|text| text.parse().ok());
    let count = wished.unwrap_or(DOCUMENTS);
    // Both rates together: one connection in five is reset, half of them after the portal has acted.
    let portal_paths = ["/api/qd130", "/api/hososuckhoe", "/api/chungtugw", "/api/hssk"];
    let faults = Faults {
        reset_before_rate: 0.1,
        reset_after_rate: 0.1,
        only_paths: portal_paths.map(str::to_owned).to_vec(),
        ..Faults::default()
    };
    let site = Arc::new(Site::new(faults, 20_261_120).await);
    let entries: Arc<Vec<Entry>> = Arc::new((0..count).map(entry).collect());

    // Clients submit until every document is acknowledged; a request without an answer is sent again as it was, which
    // is what makes it harmless.
    let next = Arc::new(AtomicUsize::new(0));
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (site, entries) = (site.clone(), entries.clone());
            let (next, acknowledged) = (next.clone(), acknowledged.clone());
            tokio::spawn(async move {
                while let Some(entry) = entries.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let id = submit_until_acknowledged(&site, entry).await;
                    *entry.accepted.lock().unwrap() = Some(id);
                    acknowledged.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();

    // The gateway is killed each time another share of the documents has been acknowledged, and started again.
    let mut gateway = site.start().await;
    for kill in 1..=KILLS {
        let share = count * kill / (KILLS + 1);
        let deadline = tokio::time::Instant::now() + PATIENCE * 5;
        while acknowledged.load(Ordering::Relaxed) < share {
            assert!(tokio::time::Instant::now() < deadline, "clients are stuck before kill {kill}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        gateway.kill().await.unwrap();
        gateway = site.start().await;
    }
    for client in clients {
        client.await.unwrap();
    }

    // Everything comes to rest: nothing is queued or on its way any more.
    let deadline = tokio::time::Instant::now() + PATIENCE * 5;
    loop {
        let waiting = [list_first(&site, "queued").await, list_first(&site, "sending").await];
        if waiting.iter().all(|data| data.as_array().is_some_and(Vec::is_empty)) {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "deliveries are stuck: {waiting:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    // The gateway's word: each acknowledged document is there, once, in one honest state.
    let kept = all_documents(&site).await;
    let ledger: HashSet<&str> = kept.iter().map(|document| document["id"].as_str().unwrap()).collect();
    assert_eq!(kept.len(), count, "as many documents as were offered");
    assert_eq!(ledger.len(), count, "each with an id of its own");
    for entry in entries.iter() {
        let id = entry.accepted.lock().unwrap().clone().expect("all were acknowledged");
        assert!(ledger.contains(id.as_str()), "acknowledged and gone: {id}");
    }

    // The portal's word: by the bytes it holds.
    let submissions = site.sandbox.submissions();
    let offered: HashSet<[u8; 32]> = entries.iter().map(|entry| sha256(&entry.body)).collect();
    let mut held: HashMap<[u8; 32], usize> = HashMap::new();
    for submission in &submissions {
        assert!(offered.contains(&submission.sha256), "the portal holds what nobody sent");
        *held.entry(submission.sha256).or_default() += 1;
    }
    let replaced: HashSet<u64> = submissions.iter().filter_map(|submission| submission.replaced).collect();
    let mut current: HashMap<&str, usize> = HashMap::new();
    for submission in submissions.iter().filter(|submission| submission.service == "130") {
        if !replaced.contains(&submission.number) {
            *current.entry(submission.business_key.as_deref().unwrap()).or_default() += 1;
        }
    }
    assert!(current.values().all(|count| *count == 1), "a claim is held more than once");

    let mut states: BTreeMap<(bool, String), usize> = BTreeMap::new();
    let by_sha: HashMap<String, &Value> =
        kept.iter().map(|document| (document["sha256"].as_str().unwrap().to_owned(), document)).collect();
    for entry in entries.iter() {
        let digest = sha256(&entry.body);
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let state = by_sha[&hex]["status"].as_str().unwrap();
        let times = held.get(&digest).copied().unwrap_or_default();
        *states.entry((entry.is_claim, state.to_owned())).or_default() += 1;
        match (entry.is_claim, state) {
            (true, "acknowledged") => assert!(times >= 1, "a claim with a receipt that the portal does not hold"),
            (false, "acknowledged") => assert_eq!(times, 1, "a certificate with a receipt is held once"),
            (false, "unknown") => assert!(times <= 1, "a certificate was sent twice"),
            (claim, state) => panic!("claim {claim}: {state} is no state to rest in here"),
        }
    }
    println!(
        "{count} documents, {KILLS} kills, {} submissions at the portal, states (claim?, state): {states:?}",
        submissions.len()
    );
    gateway.kill().await.unwrap();
}

/// Seven claims in ten; birth certificates, death notices and driver exams for the rest.
fn entry(number: usize) -> Entry {
    let (body, media_type) = match number % 10 {
        0 => (documents::birth(number), "application/xml"),
        1 => (documents::death(number), "application/xml"),
        2 => (documents::driver_exam(number), "application/json"),
        _ => (documents::claim(&format!("HS{number:010}")), "application/xml"),
    };
    let is_claim = number % 10 > 2;
    Entry { body: Bytes::from(body), media_type, is_claim, accepted: Mutex::new(None) }
}

async fn submit_until_acknowledged(site: &Site, entry: &Entry) -> String {
    let deadline = tokio::time::Instant::now() + PATIENCE * 5;
    loop {
        let answer = site.send(Method::POST, "/v1/documents", entry.media_type, entry.body.clone()).await;
        match answer {
            Some((200 | 202, body)) => return body["id"].as_str().expect("an id").to_owned(),
            Some((503, _)) | None => {}
            Some((status, body)) => panic!("{status}: {body}"),
        }
        assert!(tokio::time::Instant::now() < deadline, "a document was never acknowledged");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn list_first(site: &Site, state: &str) -> Value {
    site.get(&format!("/v1/documents?status={state}&limit=1")).await["data"].take()
}

async fn all_documents(site: &Site) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let mut page = site.get(&format!("/v1/documents?limit=500{cursor}")).await;
        if let Value::Array(data) = page["data"].take() {
            all.extend(data);
        }
        match page["page"]["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}
