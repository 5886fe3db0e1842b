//! The whole drill: a backup beside a gateway at work, restored, started, and compared document by document.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use lienthong::sandbox::Faults;
use serde_json::{Value, json};

use crate::commands::program;
use crate::documents;
use crate::process::{PATIENCE, Site};

async fn submit(site: &Site, number: usize) -> String {
    let body = match number % 3 {
        0 => documents::birth(number),
        1 => documents::death(number),
        _ => documents::claim(&format!("HS{number:010}")),
    };
    let answer = site.send(Method::POST, "/v1/documents", "application/xml", Bytes::from(body)).await;
    let (status, answer) = answer.expect("an answer");
    assert_eq!(status, 202, "{answer}");
    answer["id"].as_str().unwrap().to_owned()
}

/// All pages of a list, by the ids of its entries, in the order of the list.
async fn all(site: &Site, path: &str, cursor: &str) -> Vec<(String, Value)> {
    let (mut all, mut next) = (Vec::new(), String::new());
    loop {
        let page = site.get(&format!("{path}?limit=500{next}")).await;
        let data = page["data"].as_array().unwrap();
        all.extend(data.iter().map(|entry| (entry["id"].as_str().unwrap().to_owned(), entry.clone())));
        match page["page"]["next"].as_str() {
            Some(id) if !data.is_empty() => next = format!("&{cursor}={id}"),
            _ => return all,
        }
    }
}

async fn at_rest(site: &Site) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    for state in ["queued", "sending"] {
        while !site.get(&format!("/v1/documents?status={state}&limit=1")).await["data"].as_array().unwrap().is_empty() {
            assert!(tokio::time::Instant::now() < deadline, "deliveries are stuck");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// How many deliveries of a backup stand in each state.
fn states_in(backup: &Path) -> BTreeMap<String, i64> {
    let copy = rusqlite::Connection::open(backup.join("gateway.db")).unwrap();
    let mut statement = copy.prepare("SELECT state, count(*) FROM deliveries GROUP BY state").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

/// The state of every delivery and the ids of all events of a backup.
fn ledger_of(backup: &Path) -> (HashMap<String, String>, Vec<String>) {
    let copy = rusqlite::Connection::open(backup.join("gateway.db")).unwrap();
    let mut documents =
        copy.prepare("SELECT d.id, v.state FROM deliveries v JOIN documents d ON d.sequence = v.document").unwrap();
    let mut events = copy.prepare("SELECT id FROM events ORDER BY sequence").unwrap();
    let states = documents.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let ids = events.query_map([], |row| row.get(0)).unwrap();
    (states.collect::<Result<_, _>>().unwrap(), ids.collect::<Result<_, _>>().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_beside_a_gateway_at_work_is_restored_compared_and_sends_nothing_twice() {
    let site = Arc::new(Site::new(Faults::default(), 20_261_120).await);
    let config = site.path("lienthong.toml");
    let config = config.to_str().unwrap();
    let folder = site.path("backups");
    let mut gateway = site.start().await;
    let next = Arc::new(AtomicUsize::new(0));
    for _ in 0..30 {
        submit(&site, next.fetch_add(1, Ordering::SeqCst)).await;
    }
    at_rest(&site).await;

    // The portal becomes slow, and documents keep coming while the backup is made: it is to hold some that are on their way
    // and some that wait.
    site.sandbox.set_faults(Faults { latency_ms: 1_500, ..Faults::default() });
    let done = Arc::new(AtomicBool::new(false));
    let coming: Vec<_> = (0..4)
        .map(|_| {
            let (site, next, done) = (site.clone(), next.clone(), done.clone());
            tokio::spawn(async move {
                while !done.load(Ordering::SeqCst) {
                    submit(&site, next.fetch_add(1, Ordering::SeqCst)).await;
                }
            })
        })
        .collect();
    let mut tries = 0;
    let backup = loop {
        let made = program(&["--json", "backup", "--config", config, "--to", folder.to_str().unwrap()]).await;
        assert_eq!(made.status.code(), Some(0), "{}", String::from_utf8_lossy(&made.stdout));
        let told: Value = serde_json::from_slice(&made.stdout).unwrap();
        let backup = std::path::PathBuf::from(told["folder"].as_str().unwrap());
        let states = states_in(&backup);
        if ["acknowledged", "sending", "queued"].iter().all(|state| states.contains_key(*state)) {
            break backup;
        }
        tries += 1;
        assert!(tries < 50, "no backup held everything: {states:?}");
    };
    done.store(true, Ordering::SeqCst);
    for client in coming {
        client.await.unwrap();
    }
    site.sandbox.set_faults(Faults::default());
    at_rest(&site).await;

    // What the gateway says before it is lost, and what the portal holds.
    let before: HashMap<String, Value> = all(&site, "/v1/documents", "cursor").await.into_iter().collect();
    let events_before = all(&site, "/v1/events", "after").await;
    let mut attempts_before = HashMap::new();
    for id in before.keys() {
        attempts_before.insert(id.clone(), site.get(&format!("/v1/documents/{id}/attempts")).await);
    }
    let sent_before = site.sandbox.submissions().len();
    let from = backup.to_str().unwrap();
    let refused = program(&["--json", "restore", "--config", config, "--from", from, "--replace"]).await;
    assert_eq!(refused.status.code(), Some(2));
    let told: Value = serde_json::from_slice(&refused.stdout).unwrap();
    assert!(told["i18n"]["en"].as_str().unwrap().contains("a gateway is running"), "{told}");
    gateway.kill().await.unwrap();

    let refused = program(&["--json", "restore", "--config", config, "--from", from]).await;
    assert_eq!(refused.status.code(), Some(2), "what is there is not overwritten unasked");
    let restored = program(&["--json", "restore", "--config", config, "--from", from, "--replace"]).await;
    assert_eq!(restored.status.code(), Some(0), "{}", String::from_utf8_lossy(&restored.stdout));
    let told: Value = serde_json::from_slice(&restored.stdout).unwrap();
    assert!(Path::new(told["putAside"].as_str().unwrap()).join("gateway.db").is_file());
    let mut gateway = site.start().await;
    at_rest(&site).await;

    // Document by document.
    let (states, event_ids) = ledger_of(&backup);
    let after: HashMap<String, Value> = all(&site, "/v1/documents", "cursor").await.into_iter().collect();
    assert_eq!(after.len(), states.len());
    assert!(after.len() < before.len(), "what came after the backup is lost, and known to be");
    let mut waited = Vec::new();
    for (id, state) in &states {
        let (now, then) = (&after[id], &before[id]);
        for member in ["sha256", "keys", "version", "receivedAt", "parts", "size", "warnings"] {
            assert_eq!(now[member], then[member], "{id} {member}");
        }
        let attempts = site.get(&format!("/v1/documents/{id}/attempts")).await;
        let delivery = &now["deliveries"][0];
        if state == "acknowledged" {
            assert_eq!(now["deliveries"], then["deliveries"], "{id}");
            assert_eq!(attempts, attempts_before[id], "{id}");
        } else {
            let expected = if now["type"] == "claim" { "held" } else { "unknown" };
            assert_eq!((&delivery["status"], &delivery["reason"]), (&json!(expected), &json!("restored_from_backup")));
            waited.push((id.clone(), expected));
        }
    }
    // Event by event; those after the backup are gone, and whoever read them is told so.
    let events_after = all(&site, "/v1/events", "after").await;
    assert_eq!(events_after[..event_ids.len()], events_before[..event_ids.len()]);
    assert!(events_after.iter().zip(&event_ids).all(|((id, _), kept)| id == kept));
    // That documents wait for a person now may be told already.
    let of_store = |(_, event): &&(String, Value)| event["type"] == "store.restored";
    let restored = &events_after.iter().rev().find(of_store).unwrap().1;
    assert_eq!(restored["type"], "store.restored");
    assert_eq!(
        restored["data"]["held"].as_u64().unwrap() + restored["data"]["unknown"].as_u64().unwrap(),
        waited.len() as u64
    );
    let cursor = &events_before.last().unwrap().0;
    let gone = site.send(Method::GET, &format!("/v1/events?after={cursor}"), "text/plain", Bytes::new()).await.unwrap();
    assert_eq!((gone.0, &gone.1["code"]), (410, &json!("store.cursor_unknown")));

    // Nothing went out, though every one of these is at the portal already; a person lets one go.
    assert_eq!(site.sandbox.submissions().len(), sent_before);
    let (claim, _) = waited.iter().find(|(_, state)| *state == "held").expect("a claim waited");
    let body = Bytes::from(json!({"lyDo": "đã xem"}).to_string());
    let path = format!("/v1/documents/{claim}/release");
    let released = site.send(Method::POST, &path, "application/json", body).await.unwrap();
    assert_eq!(released.0, 200);
    at_rest(&site).await;
    assert_eq!(site.get(&format!("/v1/documents/{claim}")).await["status"], "acknowledged");
    assert_eq!(site.sandbox.submissions().len(), sent_before + 1);
    println!("{} documents, {} in the backup, of which {} waited", before.len(), states.len(), waited.len());
    gateway.kill().await.unwrap();
}
