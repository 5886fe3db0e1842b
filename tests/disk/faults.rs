//! A disk that is full, read-only, failing or slow, under a running gateway and under one that starts. What was
//! acknowledged is there afterwards; what was refused was refused in clear words and is there whole or not at all; and the
//! gateway goes on by itself when the disk is well again.

use std::collections::{BTreeMap, BTreeSet};

use lienthong::sandbox::Faults;
use serde_json::Value;

use crate::crashes::is_sound;
use crate::matrix::{Matrix, rounds};
use crate::shim::Fault;
use crate::site::{Answer, Document, Gateway, Site};

/// One row of the matrix: what is done, and in which words the gateway may refuse.
struct Row {
    fault: Fault,
    words: &'static str,
    /// How many calls suffer; all until the disk is well again, if `None`.
    times: Option<usize>,
    /// The codes it may be refused with.
    codes: &'static [&'static str],
}

impl Row {
    /// Whether a refusal may say so. The audit log is written first, so it is often what the fault meets.
    fn may_tell(&self, code: &str) -> bool {
        self.codes.contains(&code) || code == "audit.unavailable"
    }
}

/// What a fault came to, over all its places.
#[derive(Default)]
struct Tally {
    places: usize,
    kept: usize,
    refused: BTreeMap<String, usize>,
    /// What `/readyz` named as the reason.
    reasons: BTreeSet<String>,
    /// Refused with a failed commit, and yet found whole: the sender may send it again.
    there_all_the_same: usize,
}

/// A disk that cannot be read lets SQLite suspect damage, which is dismissed when the file proves sound.
const GONE: &[&str] = &["store.failed", "store.read_only", "store.damaged"];

const WHILE_RUNNING: [Row; 9] = [
    Row { fault: Fault::Full, words: "disk full", times: None, codes: &["store.full", "store.failed"] },
    Row { fault: Fault::Full, words: "disk full for one call", times: Some(1), codes: &["store.full", "store.failed"] },
    Row { fault: Fault::WriteFails, words: "writes fail (EIO)", times: None, codes: &["store.failed"] },
    Row { fault: Fault::WriteFails, words: "one write fails (EIO)", times: Some(1), codes: &["store.failed"] },
    Row { fault: Fault::SyncFails, words: "syncs fail (EIO)", times: None, codes: &["store.failed"] },
    Row { fault: Fault::SyncFails, words: "one sync fails (EIO)", times: Some(1), codes: &["store.failed"] },
    Row { fault: Fault::ShortWrite, words: "writes take half", times: None, codes: &[] },
    Row {
        fault: Fault::ReadOnly,
        words: "disk turns read-only",
        times: None,
        codes: &["store.failed", "store.read_only"],
    },
    Row { fault: Fault::Gone, words: "disk unplugged", times: None, codes: GONE },
];

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_running_gateway_outlives_every_fault_of_its_disk() {
    let mut matrix = Matrix::new("a running gateway and its disk");
    let site = Site::with_key(false, Faults::default()).await;
    let mut gateway = site.start().await.unwrap_or_else(|ended| panic!("{ended:?}"));
    let mut ledger = Vec::new();
    for row in &WHILE_RUNNING {
        let tally = at_every_place(&site, &mut gateway, row, &mut ledger).await;
        let refused: Vec<String> = tally.refused.iter().map(|(code, count)| format!("{code} {count}")).collect();
        let mut outcome = format!("{} kept, refused: {}", tally.kept, none_or(refused));
        if !tally.reasons.is_empty() {
            let reasons: Vec<&str> = tally.reasons.iter().map(String::as_str).collect();
            outcome.push_str(&format!("; /readyz 503: {}", reasons.join(", ")));
        }
        if tally.there_all_the_same > 0 {
            outcome.push_str(&format!("; {} of the refused were there whole, taken once", tally.there_all_the_same));
        }
        matrix.row(row.words, format!("from each of {} calls on", tally.places), outcome + "; well again by itself");
    }
    slow_sync(&site, &mut gateway, &mut matrix, &mut ledger).await;
    reads_fail(&site, &mut gateway, &mut matrix, &mut ledger).await;

    // Everything that was acknowledged over all this is there, once, and came to rest in an honest state.
    site.rest().await;
    hold_to(&site, &ledger).await;
    gateway.stop().await;
    is_sound(&site.path("data/gateway.db")).unwrap();
    let gateway = site.start().await.unwrap_or_else(|ended| panic!("{ended:?}"));
    hold_to(&site, &ledger).await;
    gateway.stop().await;
    matrix.row(
        "all of these, one after the other",
        format!("{} documents", ledger.len()),
        "each there once with its bytes, at rest, sound; no certificate twice at the portal",
    );
    matrix.print();
}

fn none_or(listed: Vec<String>) -> String {
    if listed.is_empty() { "none".to_owned() } else { listed.join(", ") }
}

/// Lets the fault begin at each call that a submission leads to.
async fn at_every_place(site: &Site, gateway: &mut Gateway, row: &Row, ledger: &mut Vec<(Document, String)>) -> Tally {
    // How many calls of the kind there are, from the submission to the receipt.
    site.shim.order(row.fault, usize::MAX >> 1, None);
    keep(site, ledger).await;
    site.rest().await;
    // A full disk is tried at more of them than the others.
    let most = if row.fault == Fault::Full && row.times.is_none() { 24 * rounds() } else { 8 * rounds() };
    let places = site.shim.seen().min(most);
    site.shim.heal();
    let mut tally = Tally { places, ..Tally::default() };
    for place in 0..places {
        site.shim.order(row.fault, place, row.times);
        let documents = [next(ledger, 0), next(ledger, 1)];
        let (one, other) = tokio::join!(site.submit(&documents[0]), site.submit(&documents[1]));
        let refused = [&one, &other].into_iter().any(|answer| !matches!(answer, Answer::Kept(_)));
        if refused && row.times.is_none() {
            let (status, told) = gateway.ready(site).await;
            assert_eq!(status, 503, "{}: {told}", row.words);
            let code = told["reasons"][0]["code"].as_str().unwrap_or_else(|| panic!("{told}"));
            assert!(row.may_tell(code), "{}: {told} {}", row.words, site.log());
            assert!(told["reasons"][0]["nextStep"]["vi"].as_str().is_some_and(|words| !words.is_empty()), "{told}");
            tally.reasons.insert(code.to_owned());
        }
        site.shim.heal();
        gateway.until_ready(site).await;
        assert!(gateway.runs(), "{}", row.words);
        for (document, answer) in documents.into_iter().zip([one, other]) {
            let id = match answer {
                Answer::Kept(id) => {
                    tally.kept += 1;
                    id
                }
                Answer::Refused(status, code) => {
                    let expected = if code == "store.full" { 507 } else { 503 };
                    assert_eq!(status, expected, "{}: {code}", row.words);
                    assert!(row.may_tell(&code), "{}: refused with {code}", row.words);
                    *tally.refused.entry(code).or_default() += 1;
                    let there = site.all().await;
                    let there = there.iter().find(|view| view["sha256"] == document.sha256().as_str());
                    tally.there_all_the_same += usize::from(there.is_some());
                    let id = site.submit_until_kept(&document).await;
                    assert!(there.is_none_or(|view| view["id"] == id.as_str()), "{}: kept twice", row.words);
                    id
                }
                Answer::None => panic!("{}: no answer", row.words),
            };
            assert_eq!(site.content(&id).await, Some((200, document.body.clone())), "{}", row.words);
            ledger.push((document, id));
        }
    }
    tally
}

/// The document after so many others.
fn next(ledger: &[(Document, String)], beside: usize) -> Document {
    Document::new(ledger.len() + beside)
}

async fn keep(site: &Site, ledger: &mut Vec<(Document, String)>) {
    let document = next(ledger, 0);
    let id = site.submit_until_kept(&document).await;
    ledger.push((document, id));
}

/// A sync that takes long holds up those who wait for it, and fails nobody.
async fn slow_sync(site: &Site, gateway: &mut Gateway, matrix: &mut Matrix, ledger: &mut Vec<(Document, String)>) {
    site.rest().await;
    site.shim.slow_by(1_500);
    site.shim.order(Fault::SlowSync, 0, Some(2));
    let documents = [next(ledger, 0), next(ledger, 1)];
    let submitted = futures_util::future::join(site.submit(&documents[0]), site.submit(&documents[1]));
    // Who reads waits too, for his entry in the audit log, and is answered.
    let (answers, listed) = tokio::join!(submitted, site.get("/v1/documents?limit=1"));
    assert_eq!(listed.map(|(status, _)| status), Some(200));
    site.shim.heal();
    for (document, answer) in documents.clone().into_iter().zip([answers.0, answers.1]) {
        let Answer::Kept(id) = answer else { panic!("{answer:?}") };
        ledger.push((document, id));
    }
    gateway.until_ready(site).await;
    matrix.row("a sync takes seconds", "2 documents", "kept after it, and reads answered after it");
}

/// Reads that fail are told to who reads; nothing kept is lost by them.
async fn reads_fail(site: &Site, gateway: &mut Gateway, matrix: &mut Matrix, ledger: &mut Vec<(Document, String)>) {
    let mut told: BTreeMap<String, usize> = BTreeMap::new();
    let mut places = 0;
    for place in 0..12 * rounds() {
        site.shim.order(Fault::ReadFails, place, None);
        // The oldest document: its pages have left the small memory of some readers.
        let id = &ledger[place % ledger.len()].1;
        let answer = site.get(&format!("/v1/documents/{id}")).await.expect("an answer");
        let submitted = next(ledger, 0);
        let kept = site.submit(&submitted).await;
        places += usize::from(site.shim.fired() > 0);
        site.shim.heal();
        match answer {
            (200, view) => assert_eq!(view["sha256"], ledger[place % ledger.len()].0.sha256().as_str()),
            (503, problem) => {
                let code = problem["code"].as_str().unwrap_or_default();
                assert!(GONE.contains(&code), "{problem}");
                *told.entry(code.to_owned()).or_default() += 1;
            }
            other => panic!("{other:?}"),
        }
        gateway.until_ready(site).await;
        match kept {
            Answer::Kept(id) => ledger.push((submitted, id)),
            Answer::Refused(503, code) if GONE.contains(&code.as_str()) || code == "audit.unavailable" => {
                *told.entry(code).or_default() += 1;
                let id = site.submit_until_kept(&submitted).await;
                ledger.push((submitted, id));
            }
            other => panic!("{other:?}"),
        }
        let id = &ledger[place % ledger.len()].1;
        assert_eq!(site.get(&format!("/v1/documents/{id}")).await.expect("an answer").0, 200);
    }
    let told: Vec<String> = told.iter().map(|(code, count)| format!("{code} {count}")).collect();
    matrix.row(
        "reads fail (EIO)",
        format!("from each of {places} calls on"),
        format!("refused: {}; right bytes otherwise; well again by itself", none_or(told)),
    );
}

/// Everything in the ledger is there, once, in a state to rest in, and at the portal as often as it may be.
async fn hold_to(site: &Site, ledger: &[(Document, String)]) {
    let all = site.all().await;
    assert_eq!(all.len(), ledger.len(), "as many documents as were acknowledged");
    let by_id: BTreeMap<&str, &Value> = all.iter().map(|view| (view["id"].as_str().unwrap(), view)).collect();
    let mut held: BTreeMap<[u8; 32], usize> = BTreeMap::new();
    for submission in site.sandbox.submissions() {
        *held.entry(lienthong::intake::sha256(&submission.body)).or_default() += 1;
    }
    for (document, id) in ledger {
        let view = by_id[id.as_str()];
        assert_eq!(view["sha256"], document.sha256().as_str());
        let times = held.get(&lienthong::intake::sha256(&document.body)).copied().unwrap_or_default();
        match view["status"].as_str().unwrap() {
            "acknowledged" if document.is_claim => assert!(times >= 1, "a receipt for nothing: {id}"),
            "acknowledged" => assert_eq!(times, 1, "a certificate is there once: {id}"),
            "unknown" if !document.is_claim => assert!(times <= 1, "a certificate was sent twice: {id}"),
            other => panic!("{id} rests in {other}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_gateway_starts_on_a_sick_disk_or_says_why_not() {
    let mut matrix = Matrix::new("a start on a sick disk");
    let site = Site::with_key(false, Faults::default()).await;
    let gateway = site.start().await.unwrap_or_else(|ended| panic!("{ended:?}"));
    let mut ledger = Vec::new();
    for _ in 0..4 {
        keep(&site, &mut ledger).await;
    }
    site.rest().await;
    // Killed, so that the start finds a log to read.
    gateway.kill().await;
    for (fault, words, why) in [
        (Fault::Full, "disk full", &["the disk is full", "the store failed"][..]),
        (Fault::WriteFails, "writes fail (EIO)", &["the store failed"]),
        (Fault::SyncFails, "syncs fail (EIO)", &["the store failed"]),
        // What cannot be read may look damaged to SQLite; looked through when the disk is well, it is whole.
        (Fault::ReadFails, "reads fail (EIO)", &["the store failed", "the database is damaged"]),
        (Fault::ReadOnly, "disk read-only", &["the disk is read-only", "the store failed"]),
        (Fault::Gone, "disk unplugged", &["the store failed", "the database is damaged"]),
    ] {
        let (mut started, mut refused, mut first) = (0, 0, None);
        for place in 0..6 * rounds() {
            site.shim.order(fault, place * place, None);
            match site.start().await {
                Ok(gateway) => {
                    started += 1;
                    site.shim.heal();
                    gateway.until_ready(&site).await;
                    hold_ids(&site, &ledger).await;
                    gateway.kill().await;
                }
                Err(ended) => {
                    refused += 1;
                    site.shim.heal();
                    assert_eq!(ended.code, Some(2), "{words}: {ended:?}");
                    let told = ended.told.lines().last().unwrap_or_default().to_owned();
                    assert!(!ended.told.contains("panicked"), "{words}: {}", ended.told);
                    let why = || {
                        why.iter()
                            .chain([&"the audit log", &"the storage keys"])
                            .find(|why| told.contains(**why))
                            .copied()
                    };
                    assert!(why().is_some(), "{words}: {told}");
                    first = first.or_else(why);
                }
            }
        }
        let gateway = site.start().await.unwrap_or_else(|ended| panic!("{words}: {ended:?}"));
        hold_ids(&site, &ledger).await;
        gateway.kill().await;
        matrix.row(
            format!("{words}, at the start"),
            format!("from {} calls on", started + refused),
            format!("{started} started and served, {refused} refused (\"{}\", exit code 2); starts when it is well, all there",
                first.unwrap_or_default()),
        );
    }
    first_start(&mut matrix).await;
    matrix.print();
}

async fn hold_ids(site: &Site, ledger: &[(Document, String)]) {
    for (document, id) in ledger {
        assert_eq!(site.content(id).await, Some((200, document.body.clone())), "{id}");
    }
}

/// The very first start, which makes the key and the database, broken off at every call and tried again.
async fn first_start(matrix: &mut Matrix) {
    let site = Site::new(false, Faults::default()).await;
    for (fault, words) in
        [(Fault::Full, "disk full"), (Fault::SyncFails, "syncs fail (EIO)"), (Fault::Gone, "disk unplugged")]
    {
        let (mut refused, mut place) = (0, 0);
        loop {
            site.shim.order(fault, place, None);
            let added = site.add_key().await;
            let fired = site.shim.fired() > 0;
            site.shim.heal();
            if let Err(ended) = &added {
                refused += 1;
                assert_eq!(ended.code, Some(2), "{words}: {ended:?}");
                assert!(!ended.told.contains("panicked"), "{words}: {}", ended.told);
                site.add_key()
                    .await
                    .unwrap_or_else(|ended| panic!("{words} at call {place}, then a well disk: {ended:?}"));
            }
            std::fs::remove_dir_all(site.path("data")).unwrap();
            if !fired {
                break;
            }
            place += 1 + place / 4;
        }
        matrix.row(
            format!("{words}, at the very first start"),
            format!("{refused} places until it went through"),
            "refused with exit code 2; the second try makes key and database anew",
        );
    }
}
