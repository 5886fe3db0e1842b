//! Power cuts. A gateway works, its file calls are recorded, and from the record the data folder is built as a power cut
//! would have left it: at every sync, and between. Each of these folders must open, be sound, and hold what had been
//! acknowledged by then.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lienthong::domain::{DeliveryState, FacilityCode};
use lienthong::sandbox::Faults;
use lienthong::store::{Config, DATABASE_FILE, DocumentView, Filter, KEY_FILE, Lost, Store, Vault};
use lienthong::system::System;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::image::{AfterFailedSync, Disk, FATES, Fate, Syncs};
use crate::matrix::{Matrix, rounds};
use crate::random::Random;
use crate::record::{self, Record, What};
use crate::shim::Fault;
use crate::site::{Document, Site, hex};

/// Documents submitted while the record runs, before and after a restart: enough that the log is put into the database and
/// begun anew while the gateway runs.
const DOCUMENTS: [usize; 2] = [30, 96];

/// Bytes that are added to each claim after the restart, so that few documents fill a log.
const PADDING: usize = 200_000;

/// Programs that submit at once, so that several documents share a commit.
const CLIENTS: usize = 4;

/// Images looked at for one row of the matrix, in a round.
const IMAGES: usize = 150;

/// Images opened at once.
const AT_ONCE: usize = 3;

/// What the world outside knew at some moment.
#[derive(Clone, Default)]
struct Known {
    /// Documents acknowledged, by id, with the SHA-256 of their bytes.
    kept: BTreeMap<String, String>,
    /// SHA-256 of what the portal had received.
    sent: Vec<String>,
    /// Ids of events read from the feed.
    events: Vec<String>,
    /// Ids of client keys handed out.
    keys: Vec<String>,
}

/// What an image was found to be.
struct Finding {
    fate: Fate,
    /// What is wrong with it.
    wrong: Option<String>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_acknowledged_survives_a_power_cut_at_any_sync() {
    let mut matrix = Matrix::new("power cuts");
    let site = worked(false).await;
    let bytes: Arc<[u8]> = site.shim.trace().into();
    let records = Arc::new(record::read(&bytes));
    let syncs = records.iter().filter(|record| matches!(record.what, What::Sync)).count();
    let begins_log = |record: &&Record| record.name.ends_with("-wal") && matches!(record.what, What::Write(0, _));
    let logs = records.iter().filter(begins_log).count();
    assert!(logs > 3, "the log was begun {logs} times: by the key, two starts, and never while a gateway ran");
    let tell = format!("{syncs} syncs of files, {} changes, {logs} logs", records.len());

    let findings =
        look_at_images(&bytes, &records, Syncs::Honest, AfterFailedSync::StillDirty, IMAGES * 2 * rounds()).await;
    for fate in FATES {
        let of_fate: Vec<&Finding> = findings.iter().filter(|finding| finding.fate == fate).collect();
        for finding in &of_fate {
            assert!(finding.wrong.is_none(), "{fate:?}: {}", finding.wrong.as_deref().unwrap_or_default());
        }
        matrix.row(
            format!("power cut at a sync; unsynced changes {}", in_words(fate)),
            format!("{} images of {tell}", of_fate.len()),
            "opens, sound, every acknowledged document and told event there, nothing sent is taken for unsent",
        );
    }

    // The test bites: where syncs do not keep what they promise, it finds the losses.
    for (syncs, fault) in [
        (Syncs::LogLies, "power cut; the log was never synced (synchronous=NORMAL)"),
        (Syncs::AllLie, "power cut; nothing was ever synced (synchronous=OFF)"),
        (Syncs::NamesLie, "power cut; the folder was never synced"),
    ] {
        let findings = look_at_images(&bytes, &records, syncs, AfterFailedSync::StillDirty, IMAGES / 4).await;
        let wrong = findings.iter().filter(|finding| finding.wrong.is_some()).count();
        assert!(wrong > 0, "{fault}: no loss was found, so the test finds none");
        matrix.row(fault, format!("{} images", findings.len()), format!("proof of the test: losses found in {wrong}"));
    }
    matrix.print();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_failed_sync_is_never_taken_for_a_good_one() {
    let mut matrix = Matrix::new("failed syncs, then power cuts");
    let site = worked(true).await;
    let bytes: Arc<[u8]> = site.shim.trace().into();
    let records = Arc::new(record::read(&bytes));
    let failed = records.iter().filter(|record| matches!(record.what, What::SyncFailed)).count();
    assert!(failed > 3, "hardly any sync failed: {failed}");
    for (after, words) in [
        (AfterFailedSync::Dropped, "the kernel drops what it could not write"),
        (AfterFailedSync::StillDirty, "the kernel writes it later"),
    ] {
        let findings = look_at_images(&bytes, &records, Syncs::Honest, after, IMAGES * rounds()).await;
        for finding in &findings {
            assert!(
                finding.wrong.is_none(),
                "{words}: {:?}: {}",
                finding.fate,
                finding.wrong.as_deref().unwrap_or_default()
            );
        }
        matrix.row(
            format!("syncs fail, {words}, then a power cut"),
            format!("{failed} failed syncs, {} images", findings.len()),
            "refused at once; a sound connection after it; every acknowledged document there",
        );
    }
    matrix.print();
}

fn in_words(fate: Fate) -> &'static str {
    match fate {
        Fate::Lost => "all lost",
        Fate::Kept => "all there",
        Fate::Some => "some there, in any order",
        Fate::Torn => "torn at sectors",
        Fate::Garbled => "torn, garbage in their sectors",
    }
}

/// A gateway's life from the first key to its second end, recorded. With `disturbed`, some syncs fail.
async fn worked(disturbed: bool) -> Site {
    // Every fourth answer is lost after the portal has acted.
    let portal_paths = ["/api/qd130", "/api/hososuckhoe", "/api/chungtugw", "/api/hssk"];
    let faults = Faults {
        reset_after_rate: 0.25,
        latency_ms: 5,
        only_paths: portal_paths.map(str::to_owned).to_vec(),
        ..Faults::default()
    };
    let site = Arc::new(Site::with_key(true, faults).await);
    site.shim.mark(&json!({"key": true}));
    let ends = Arc::new(AtomicBool::new(false));
    let watcher = tokio::spawn(watch(site.clone(), ends.clone()));

    let mut end = 0;
    for documents in DOCUMENTS {
        let gateway = site.start().await.unwrap_or_else(|ended| panic!("{ended:?}"));
        let next = Arc::new(AtomicUsize::new(end));
        end += documents;
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let (site, next) = (site.clone(), next.clone());
            clients.spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= end {
                        return;
                    }
                    if disturbed && number % 5 == 4 {
                        site.shim.order(Fault::SyncFails, number % 3, Some(1 + number % 2));
                    }
                    let mut document = Document::new(number);
                    if document.is_claim && number >= DOCUMENTS[0] && !disturbed {
                        document = document.longer_by(PADDING);
                    }
                    let id = site.submit_until_kept(&document).await;
                    site.shim.mark(&json!({"kept": id, "sha256": document.sha256()}));
                }
            });
        }
        while let Some(client) = clients.join_next().await {
            client.unwrap();
        }
        site.shim.heal();
        site.rest().await;
        if end == documents {
            gateway.stop().await;
        } else {
            gateway.kill().await;
        }
    }
    ends.store(true, Ordering::Relaxed);
    watcher.await.unwrap();
    Arc::into_inner(site).expect("nobody else is left")
}

/// Marks what the portal has received and what the feed tells, as soon as it is seen.
async fn watch(site: Arc<Site>, ends: Arc<AtomicBool>) {
    let (mut sent, mut last_event) = (0, String::new());
    while !ends.load(Ordering::Relaxed) {
        for submission in site.sandbox.submissions().iter().skip(sent) {
            site.shim.mark(&json!({"sent": hex(&lienthong::intake::sha256(&submission.body))}));
            sent += 1;
        }
        let after = if last_event.is_empty() { String::new() } else { format!("&after={last_event}") };
        if let Some((200, page)) = site.get(&format!("/v1/events?limit=500{after}")).await {
            for event in page["data"].as_array().into_iter().flatten() {
                last_event = event["id"].as_str().unwrap().to_owned();
                site.shim.mark(&json!({"event": last_event}));
            }
        }
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
}

/// Builds about `count` images over the whole record and looks at each.
async fn look_at_images(
    bytes: &Arc<[u8]>,
    records: &Arc<Vec<Record>>,
    syncs: Syncs,
    after: AfterFailedSync,
    count: usize,
) -> Vec<Finding> {
    let folder = tempfile::tempdir().unwrap();
    let mut random = Random::new(7);
    let mut disk = Disk::new(bytes, syncs, after);
    let mut known = Known::default();
    let mut looks: JoinSet<Finding> = JoinSet::new();
    let findings = Arc::new(Mutex::new(Vec::new()));
    // A cut falls just before a sync has come back (all it covers is in the balance), just after, and just after something
    // became known outside.
    let is_moment = |at: usize| {
        let is_sync = |record: &Record| matches!(record.what, What::Sync | What::SyncFailed | What::FolderSync);
        let next_is_sync = records.get(at + 1).is_some_and(is_sync);
        next_is_sync || is_sync(&records[at]) || matches!(records[at].what, What::Mark(_))
    };
    let moments: Vec<usize> = (0..records.len()).filter(|at| is_moment(*at)).collect();
    let (mut turn, mut taken) = (0, 0);
    let mut moments_passed = 0;
    for at in 0..records.len() {
        disk.pass(&records[at]);
        known.learn(&records[at]);
        if !is_moment(at) {
            continue;
        }
        moments_passed += 1;
        // As many as are wanted, spread evenly.
        while taken * moments.len() < moments_passed * count {
            taken += 1;
            let fate = FATES[turn % FATES.len()];
            turn += 1;
            let image = folder.path().join(format!("image{taken}"));
            disk.cut(&image, fate, &mut random);
            let known = known.clone();
            while looks.len() >= AT_ONCE {
                let finding = looks.join_next().await.unwrap().unwrap();
                findings.lock().unwrap().push(finding);
            }
            looks.spawn(async move {
                let wrong = look_at(&image, &known).await.err();
                let wrong = wrong.map(|wrong| format!("cut after record {at}: {wrong}"));
                std::fs::remove_dir_all(&image).unwrap();
                Finding { fate, wrong }
            });
        }
    }
    while let Some(finding) = looks.join_next().await {
        findings.lock().unwrap().push(finding.unwrap());
    }
    std::mem::take(&mut *findings.lock().unwrap())
}

/// Opens what a power cut left, as a gateway does at its start.
async fn look_at(image: &Path, known: &Known) -> Result<(), String> {
    let said = |error: lienthong::store::StoreError| error.to_string();
    let system = System::real();
    let vault = Vault::open(&image.join(KEY_FILE), image, &system).map_err(said)?;
    let store = Store::open(Config::new(image), vault, system).await.map_err(said)?;
    let facilities = ["01999", "79999", "38999", "48999"].map(|code| FacilityCode::parse(code).unwrap()).to_vec();
    let all = store.documents(Filter { facilities, limit: 500, ..Filter::default() }).await.map_err(said)?.0;
    let outcome = known.compare(&store, &all).await;
    if outcome.is_ok() {
        store.recover(Lost::All).await.map_err(said)?;
        store.probe().await.map_err(said)?;
    }
    store.close().await;
    outcome?;
    is_sound(&image.join(DATABASE_FILE))
}

/// SQLite's own judgement.
pub(crate) fn is_sound(database: &PathBuf) -> Result<(), String> {
    let connection = rusqlite::Connection::open(database).map_err(|error| error.to_string())?;
    for check in ["PRAGMA integrity_check", "SELECT count(*) || ' rows point nowhere' FROM pragma_foreign_key_check"] {
        let said: String = connection.query_row(check, [], |row| row.get(0)).map_err(|error| error.to_string())?;
        if said != "ok" && said != "0 rows point nowhere" {
            return Err(said);
        }
    }
    Ok(())
}

// === impl Known ===

impl Known {
    fn learn(&mut self, record: &Record) {
        let What::Mark(mark) = &record.what else { return };
        let text = |member: &str| mark[member].as_str().map(str::to_owned);
        if let (Some(id), Some(sha256)) = (text("kept"), text("sha256")) {
            self.kept.insert(id, sha256);
        }
        self.sent.extend(text("sent"));
        self.events.extend(text("event"));
        if mark["key"] == Value::Bool(true) {
            self.keys.push(String::new());
        }
    }

    /// Whether the store knows all this too.
    async fn compare(&self, store: &Store, all: &[DocumentView]) -> Result<(), String> {
        let said = |error: lienthong::store::StoreError| error.to_string();
        let by_id: BTreeMap<&str, &DocumentView> = all.iter().map(|view| (view.id.as_str(), view)).collect();
        for (id, sha256) in &self.kept {
            let view = by_id.get(id.as_str()).ok_or_else(|| format!("acknowledged and gone: {id}"))?;
            if hex(&view.sha256) != *sha256 {
                return Err(format!("acknowledged and another: {id}"));
            }
            if view.deliveries.len() != 1 {
                return Err(format!("acknowledged and without its delivery: {id}"));
            }
        }
        // Everything that is there is there whole, acknowledged or not.
        for view in all.iter().take(12) {
            let content = store.content(&view.id).await.map_err(said)?;
            let content = content.ok_or_else(|| format!("without its bytes: {}", view.id))?;
            if lienthong::intake::sha256(&content) != view.sha256 {
                return Err(format!("with other bytes: {}", view.id));
            }
        }
        // The lease was on the disk before a byte left: nothing that the portal has seen looks as if it was never sent.
        for sha256 in &self.sent {
            let Some(view) = all.iter().find(|view| hex(&view.sha256) == *sha256) else {
                // A driver exam that came as XML goes out as JSON; none of these do.
                return Err(format!("the portal has what is not here: {sha256}"));
            };
            let delivery = &view.deliveries[0];
            let untouched = delivery.attempts == 0 || matches!(delivery.state, DeliveryState::Held);
            if untouched {
                return Err(format!("sent, and taken for unsent: {} {:?}", view.id, delivery.state));
            }
            if delivery.state == DeliveryState::Queued && !view.kind.facts().replaced_by_key {
                return Err(format!("sent, and to be sent again though the portal would double it: {}", view.id));
            }
        }
        if let Some(last) = self.events.last()
            && store.event_sequence(last).await.map_err(said)?.is_none()
        {
            return Err(format!("told in the feed and gone: {last}"));
        }
        if store.clients().await.map_err(said)?.len() < self.keys.len() {
            return Err("a key that was handed out is gone".to_owned());
        }
        Ok(())
    }
}
