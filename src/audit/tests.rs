//! The log itself: its chain, its groups, what tampering shows, and what a full or held disk does.

mod tampering;

use std::path::Path;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use rusqlite::Connection;

use super::verify::{Report, Trust};
use super::*;
use crate::domain::FacilityCode;
use crate::system::{Clock, Entropy};

/// A clock that tests move.
#[derive(Clone)]
struct Moved(Arc<Mutex<Timestamp>>);

impl Clock for Moved {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

struct Chance;

impl Entropy for Chance {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.copy_from_slice(&System::real().random::<32>()[..bytes.len()]);
    }
}

fn moved() -> (Moved, System) {
    let clock = Moved(Arc::new(Mutex::new("2026-11-20T08:00:00+07:00".parse().unwrap())));
    (clock.clone(), System::new(Arc::new(clock), Arc::new(Chance)))
}

fn open(config: &Config, system: &System) -> Audit {
    Audit::open(config, Vault::for_tests().unwrap(), system.clone(), AuditMetrics::default()).unwrap()
}

fn about(audit: &Audit, number: &str) -> About {
    let subject = CardSubject::parse(number).unwrap();
    let facility = FacilityCode::parse("01999").ok();
    About { facility, subject: Some(audit.person(&subject)), object: String::new() }
}

fn verify(config: &Config) -> Report {
    let keys = vec![PublicKey::of_key_file(&config.key_file).unwrap()];
    Book::open(&config.folder).unwrap().verify(&Trust { keys, noted: None }).unwrap()
}

fn all(config: &Config, filter: &Filter) -> Vec<book::Shown> {
    let mut found = Vec::new();
    let book = Book::open(&config.folder).unwrap();
    book.each(filter, |entry| {
        found.push(entry.clone());
        true
    })
    .unwrap();
    found
}

fn raw(folder: &Path) -> Connection {
    Connection::open(folder.join(AUDIT_FILE)).unwrap()
}

/// Four entries and a signed end.
async fn a_small_log(config: &Config, system: &System) {
    let audit = open(config, system);
    let trail = Trail::new(&audit, "key_1", "req_1", Some("10.0.0.7".parse().unwrap()));
    let of = about(&audit, "001185012345");
    trail.record(Deed::CardLookup, of.clone(), Outcome::code("000").from("cache")).await.unwrap();
    let entry = trail.open(Deed::HistoryLookup, of).await.unwrap();
    entry.close(Outcome::code("000").from("portal"));
    trail.record(Deed::DocumentList, About::default(), Outcome::status(200, "")).await.unwrap();
    audit.close().await;
}

#[tokio::test]
async fn what_was_done_is_found_again_and_proved() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::new(folder.path());
    let (_, system) = moved();
    a_small_log(&config, &system).await;
    let report = verify(&config);
    assert_eq!((report.broken, report.entries, report.signed_to, report.open), (None, 4, 4, 0));

    let audit = Audit::open_beside(&config, Vault::for_tests().unwrap(), system).unwrap();
    let subjects = vec![about(&audit, "001185012345").subject.unwrap()];
    let found = all(&config, &Filter { subjects, ..Filter::default() });
    let told: Vec<_> = found.iter().map(|e| (e.phase, e.deed.as_str(), e.code.as_str(), e.is_closed)).collect();
    assert_eq!(
        told,
        [
            ("whole", "card.lookup", "000", None),
            ("opened", "history.lookup", "", Some(true)),
            ("closed", "history.lookup", "000", None),
        ]
    );
    assert!(found.iter().all(|e| e.who == "key_1" && e.request == "req_1" && e.origin == "10.0.0.7"));
    assert!(found.iter().all(|e| e.facility == "01999"));
    assert_eq!(all(&config, &Filter { who: Some("key_2".into()), ..Filter::default() }), []);
    let day = |text: &str| Some(text.parse().unwrap());
    let later = Filter { from: day("2026-11-21T00:00:00+07:00"), ..Filter::default() };
    let that_day = Filter { before: later.from, from: day("2026-11-20T00:00:00+07:00"), ..Filter::default() };
    assert_eq!((all(&config, &later).len(), all(&config, &that_day).len()), (0, 4));
    audit.close().await;
}

#[tokio::test]
async fn a_card_and_the_insurance_number_in_it_are_one_person() {
    let (_, system) = moved();
    let audit = Audit::idle_for_measuring(Vault::for_tests().unwrap(), system);
    let of = |text: &str| audit.person(&CardSubject::parse(text).unwrap());
    assert_eq!(of("GD4010123456789"), of("0123456789"));
    assert_ne!(of("001185012345"), of("0123456789"));
}

#[tokio::test]
async fn an_entry_that_nobody_closes_is_closed_as_broken_off() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::new(folder.path());
    let (_, system) = moved();
    let audit = open(&config, &system);
    drop(audit.trail_of(GATEWAY).open(Deed::DocumentSend, About::default()).await.unwrap());
    audit.close().await;
    let told: Vec<_> = all(&config, &Filter::default()).into_iter().map(|e| (e.phase, e.code)).collect();
    assert_eq!(told, [("opened", String::new()), ("closed", "broken_off".to_owned())]);
}

#[tokio::test]
async fn what_was_open_when_the_process_died_is_told_as_not_known() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::new(folder.path());
    let (_, system) = moved();
    let audit = open(&config, &system);
    let entry = audit.trail_of(GATEWAY).open(Deed::DocumentSend, About::default()).await.unwrap();
    // As a kill does it: nothing is closed, nothing is signed.
    std::mem::forget(entry);
    let killed = tempfile::tempdir().unwrap();
    for file in [AUDIT_FILE, "audit.db-wal", AUDIT_KEY_FILE] {
        std::fs::copy(folder.path().join(file), killed.path().join(file)).unwrap();
    }
    let config = Config::new(killed.path());
    let report = verify(&config);
    assert_eq!((report.broken, report.entries, report.signed_to), (None, 1, 0));
    assert_eq!((report.open, report.first_open), (1, vec![1]));
    assert_eq!(all(&config, &Filter::default())[0].is_closed, Some(false));
    // The next start signs what the dead one left.
    let next = open(&config, &system);
    assert_eq!(verify(&config).signed_to, 1);
    next.close().await;
    audit.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_write_one_chain() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::new(folder.path());
    let (_, system) = moved();
    let gateway = open(&config, &system);
    let beside = Audit::open_beside(&config, Vault::for_tests().unwrap(), system.clone()).unwrap();
    let mut tasks = Vec::new();
    for number in 0..200 {
        let audit = if number % 2 == 0 { &gateway } else { &beside };
        let trail = audit.trail_of(if number % 2 == 0 { GATEWAY } else { "operator:an" });
        tasks.push(tokio::spawn(async move {
            let entry = trail.open(Deed::KeyAdd, About::default()).await.unwrap();
            entry.close(Outcome::done());
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    beside.close().await;
    gateway.close().await;
    let report = verify(&config);
    assert_eq!((report.broken, report.entries, report.open, report.signed_to), (None, 400, 0, 400));
}

#[tokio::test]
async fn a_log_that_cannot_grow_refuses_the_deed_and_comes_back_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { page_count_max: Some(12), ..Config::new(folder.path()) };
    let (_, system) = moved();
    let audit = open(&config, &system);
    let trail = audit.trail_of("key_1");
    let waiting = trail.open(Deed::DocumentSend, About::default()).await.unwrap();
    let mut written = 1;
    let refused = loop {
        match trail.record(Deed::CardLookup, About::default(), Outcome::done()).await {
            Ok(()) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 10_000, "the bound does not hold");
    };
    assert_eq!(refused, Unavailable::Full);
    assert_eq!(audit.health(), Err(Unavailable::Full));
    assert!(matches!(trail.open(Deed::KeyAdd, About::default()).await, Err(Unavailable::Full)));
    // What is done is done: its end waits for room.
    waiting.close(Outcome::code(&"x".repeat(64)));
    audit.keep_up().await;
    audit.close().await;
    assert_eq!(verify(&config).open, 1);

    // With room, a new start goes on where the old one stood.
    let config = Config::new(folder.path());
    let audit = open(&config, &system);
    audit.trail_of("key_1").record(Deed::CardLookup, About::default(), Outcome::done()).await.unwrap();
    audit.close().await;
    let report = verify(&config);
    assert_eq!((report.broken, report.entries), (None, written + 1));
}

#[tokio::test]
async fn a_log_that_is_held_refuses_the_deed_and_closings_wait_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::new(folder.path());
    let (_, system) = moved();
    let audit = open(&config, &system);
    let trail = audit.trail_of("key_1");
    let before = trail.open(Deed::DocumentSend, About::default()).await.unwrap();
    let holder = raw(folder.path());
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = trail.record(Deed::CardLookup, About::default(), Outcome::done()).await;
    assert_eq!(refused, Err(Unavailable::Busy));
    before.close(Outcome::code("200"));
    assert!(trail.open(Deed::KeyAdd, About::default()).await.is_err());
    holder.execute_batch("COMMIT").unwrap();
    // Looked after, it finds by itself that it can be written again, and says that it could not.
    while audit.health().is_err() {
        audit.keep_up().await;
    }
    audit.close().await;
    let told: Vec<_> = all(&config, &Filter::default()).into_iter().map(|e| (e.phase, e.deed)).collect();
    assert_eq!(told[..2], [("opened", "document.send".to_owned()), ("closed", "document.send".to_owned())]);
    assert!(told[2..].iter().all(|one| *one == ("whole", "audit.resumed".to_owned())), "{told:?}");
    assert_eq!((verify(&config).broken, verify(&config).open), (None, 0));
}

#[tokio::test]
async fn the_head_is_signed_daily_and_old_days_are_cut_off_at_a_head() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { keep_days: 90, ..Config::new(folder.path()) };
    let (clock, system) = moved();
    let audit = open(&config, &system);
    let trail = audit.trail_of("key_1");
    for _ in 0..100 {
        trail.record(Deed::CardLookup, About::default(), Outcome::done()).await.unwrap();
        for _ in 0..3 {
            audit.keep_up().await;
        }
        let mut now = clock.0.lock().unwrap();
        *now = crate::system::after(*now, Duration::from_secs(24 * 3600));
    }
    audit.close().await;
    let report = verify(&config);
    assert_eq!(report.broken, None);
    let found = all(&config, &Filter::default());
    let oldest: Timestamp = "2026-11-29T00:00:00+07:00".parse().unwrap();
    assert!(found[0].at >= oldest && found[0].sequence == report.first, "{:?}", found[0]);
    assert!(report.heads >= 90, "{report:?}");
    assert!(found.iter().any(|entry| entry.deed == "audit.cut"));
    // Nothing older is left in the file.
    let first: i64 = raw(folder.path()).query_row("SELECT min(sequence) FROM entries", [], |row| row.get(0)).unwrap();
    assert_eq!(first, report.first);
}

#[tokio::test]
async fn entries_are_neither_changed_nor_deleted_by_a_slip() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::new(folder.path());
    let (_, system) = moved();
    a_small_log(&config, &system).await;
    let connection = raw(folder.path());
    for slip in ["UPDATE entries SET who = 'x'", "DELETE FROM entries", "DELETE FROM heads", "UPDATE heads SET at = 0"]
    {
        assert!(connection.execute_batch(slip).is_err(), "{slip}");
    }
    assert_eq!(verify(&config).broken, None);
}

#[tokio::test]
async fn a_log_of_a_newer_version_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::new(folder.path());
    let (_, system) = moved();
    a_small_log(&config, &system).await;
    raw(folder.path()).pragma_update(None, "user_version", 2).unwrap();
    let opened = Audit::open_beside(&config, Vault::for_tests().unwrap(), system);
    assert!(matches!(opened.err(), Some(AuditError::Log(Unavailable::Failed(_)))));
}

#[tokio::test]
async fn a_configuration_is_compared_with_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::new(folder.path());
    let (_, system) = moved();
    let audit = open(&config, &system);
    for fingerprint in ["a", "a", "b"] {
        audit.configuration(fingerprint).await.unwrap();
    }
    audit.close().await;
    let told: Vec<_> = all(&config, &Filter::default()).into_iter().map(|e| (e.object, e.code)).collect();
    let expected = [("a", "first"), ("a", "same"), ("b", "changed")];
    assert_eq!(told, expected.map(|(object, code)| (object.to_owned(), code.to_owned())));
}
