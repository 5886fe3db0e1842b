//! What only the engine's inside can show: query plans, and what happens when the disk fails.

use std::path::Path;

use rusqlite::{ffi, params_from_iter};

use super::super::{DATABASE_FILE, KEY_FILE};
use super::*;
use crate::document::Kind;
use crate::domain::DeliveryState;

async fn store(folder: &tempfile::TempDir) -> Store {
    let vault = Vault::open(&folder.path().join(KEY_FILE), folder.path(), &System::real()).unwrap();
    Store::open(Config::new(folder.path()), vault, System::real()).await.unwrap()
}

#[tokio::test]
async fn no_question_reads_a_whole_table() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    let connection = rusqlite::Connection::open(folder.path().join(DATABASE_FILE)).unwrap();
    let plan = |query: &str| {
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {query}")).unwrap();
        let nothing = vec![rusqlite::types::Value::Null; statement.parameter_count()];
        let steps = statement.query_map(params_from_iter(nothing), |row| row.get::<_, String>(3)).unwrap();
        steps.map(Result::unwrap).collect::<Vec<_>>()
    };
    let facility = FacilityCode::parse("01999").unwrap();
    let base = || Filter { facilities: vec![facility], limit: 50, ..Filter::default() };
    let state = Some(DeliveryState::Failed);
    let mut queries = vec![
        (lease::DUE.to_owned(), false),
        (lease::SUSPECT.to_owned(), false),
        (lease::NEXT_DUE.to_owned(), false),
        (lease::LOST.to_owned(), false),
        (lease::TO_HAND_OVER.to_owned(), false),
        (due_times::DELIVERIES.to_owned(), false),
        (due_times::LEASES.to_owned(), false),
        (due_times::TICKETS.to_owned(), false),
        (due_times::ROWS.to_owned(), false),
        (due_times::WEBHOOKS.to_owned(), true),
        (moves::NEWER.to_owned(), false),
        (accept::SHARING.to_owned(), false),
        (accept::SAME_CONTENT.to_owned(), false),
        (events::POSITIONS.to_owned(), false),
        (retention::TO_FORGET.to_owned(), false),
        (archive::NEXT.to_owned(), false),
        (batches::OF_FACILITY.to_owned(), false),
        (batches::RUNNING.to_owned(), false),
        (batches::NEXT_START.to_owned(), false),
        (batches::OPEN_OF_CLIENT.to_owned(), false),
        (batches::ENDED.to_owned(), false),
        (batches::UNMADE.to_owned(), false),
        // A few open lists may be sorted.
        (batches::OVERDUE.to_owned(), true),
        (batches::rows::DUE.to_owned(), false),
        (batches::rows::ANY_WAITING.to_owned(), false),
        (batches::rows::COUNTS.to_owned(), false),
        (batches::rows::WAITING.to_owned(), false),
        (batches::rows::PAGE.to_owned(), false),
    ];
    queries.push((tickets::PAGE.to_owned(), false));
    queries.push((incidents::PAGE.to_owned(), false));
    queries.push((incidents::STANDING.to_owned(), false));
    queries.push((incidents::REJECTED.to_owned(), false));
    queries.push((webhooks::OF_CLIENT.to_owned(), false));
    queries.push((webhooks::deliveries::DUE.to_owned(), false));
    queries.push((webhooks::deliveries::NEXT.to_owned(), false));
    queries.push((webhooks::deliveries::WAITING.to_owned(), false));
    queries.push((webhooks::deliveries::PAGE.to_owned(), false));
    let before = Some(Timestamp::UNIX_EPOCH);
    for filter in [
        base(),
        Filter { before_sequence: Some(9), before, ..base() },
        Filter { kind: Some(Kind::Claim), ..base() },
        Filter { state, kind: Some(Kind::Claim), before_sequence: Some(9), ..base() },
        Filter { part: Some("XML13".to_owned()), ..base() },
        Filter { part: Some("CT07".to_owned()), ..base() },
    ] {
        queries.push((listing::query(&filter, facility, &store.inner.vault).0, false));
    }
    // A key has a handful of documents, which may be sorted.
    let by_key = Filter { key: Some("LK1".to_owned()), state, ..base() };
    queries.push((listing::query(&by_key, facility, &store.inner.vault).0, true));
    for (query, may_sort) in queries {
        let steps = plan(&query);
        for step in &steps {
            // The lists of kinds and facilities are ours, and short; so is that of endpoints; the inner queries have a limit.
            let short = step.contains("json_each") || step.contains("webhook_endpoints");
            let bounded = short || step == "SCAN (subquery-1)" || step == "SCAN refused";
            let scans = step.starts_with("SCAN") && !bounded;
            assert!(!scans, "{query}\n{steps:#?}");
            assert!(may_sort || !step.contains("TEMP B-TREE"), "{query}\n{steps:#?}");
        }
    }
    let steps = plan(lease::DUE);
    assert!(steps.iter().any(|step| step.contains("COVERING INDEX deliveries_due")), "{steps:#?}");
    // For each event that waits, those of its own line are looked at, and not all that were sent in a week.
    let steps = plan(webhooks::deliveries::DUE);
    assert!(steps.iter().any(|step| step.contains("webhook_deliveries_line")), "{steps:#?}");
    // Every entry of the index is looked at, and no row.
    let first = plan(archive::FIRST);
    assert!(first.iter().all(|step| step.contains("COVERING INDEX documents_of_facility")), "{first:#?}");
    let referrals = Filter { part: Some("XML13".to_owned()), ..base() };
    let steps = plan(&listing::query(&referrals, facility, &store.inner.vault).0);
    assert!(steps.iter().any(|step| step.contains("documents_with_referral")), "{steps:#?}");
    // Ten thousand tickets may wait, and each new one looks at this in the writer's turn.
    let waiting = plan(tickets::WAITING);
    assert!(waiting.iter().all(|step| step.contains("COVERING INDEX")), "{waiting:#?}");
    let counts = plan(upkeep::COUNTS);
    assert!(counts.iter().all(|step| step.contains("deliveries_open") || step.contains("B-TREE")), "{counts:#?}");
    store.close().await;
}

#[tokio::test]
async fn after_a_failed_disk_nothing_of_the_group_is_kept_and_a_new_connection_serves() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    // While the writer is kept busy the three gather in the queue, and so become one group.
    let (begun, begin) = std::sync::mpsc::channel();
    let (blocker, blocked) = std::sync::mpsc::channel::<()>();
    let blocking = store.write(1, move |_| {
        begun.send(()).unwrap();
        blocked.recv().or(Ok(()))
    });
    let before = store.record_event("before", "{}".to_owned());
    let failing = store.write(1, |work| -> Result<(), Fault> {
        events::record(work, "failing", About::Everybody, "{}")?;
        Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_IOERR_FSYNC), None).into())
    });
    let after = store.record_event("after", "{}".to_owned());
    let mut blocking = Box::pin(blocking);
    assert!(futures_util::poll!(&mut blocking).is_pending());
    begin.recv().unwrap();
    let (before, failing, after, ()) = tokio::join!(before, failing, after, async { drop(blocker) });
    blocking.await.unwrap();
    for told in [before, failing, after] {
        assert!(matches!(told, Err(StoreError::Failed(_))), "{told:?}");
    }
    assert!(matches!(store.health(), Err(StoreError::Failed(_))));
    assert!(store.events_after(0, 9, &[]).await.unwrap().is_empty());
    store.probe().await.unwrap();
    assert!(store.health().is_ok());
    store.record_event("later", "{}".to_owned()).await.unwrap();
    store.close().await;
}

/// What SQLite says when it meets a page that cannot be right.
async fn meet_damage(store: &Store) {
    let met = store.write(1, |_| -> Result<(), Fault> {
        Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_CORRUPT), None).into())
    });
    assert!(matches!(met.await, Err(StoreError::Damaged)));
    assert!(matches!(store.health(), Err(StoreError::Damaged)));
}

#[tokio::test]
async fn suspected_damage_is_dismissed_when_the_whole_file_is_sound() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    meet_damage(&store).await;
    while store.probe().await.is_err() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(store.health().is_ok());
    store.record_event("later", "{}".to_owned()).await.unwrap();
    store.close().await;
}

#[tokio::test]
async fn found_damage_stops_everything_but_the_answers_of_the_portal() {
    let folder = tempfile::tempdir().unwrap();
    store(&folder).await.close().await;
    let store = store(&folder).await;
    store.record_event("read before", "{}".to_owned()).await.unwrap();
    let file = folder.path().join(DATABASE_FILE);
    let mut bytes = std::fs::read(&file).unwrap();
    for page in bytes.chunks_mut(4096).skip(2) {
        page[..8].fill(0xFF);
    }
    // Written over in place: the store has the file open.
    std::io::Write::write_all(&mut std::fs::OpenOptions::new().write(true).open(&file).unwrap(), &bytes).unwrap();
    meet_damage(&store).await;
    while !store.inner.health.is_found() {
        assert!(matches!(store.probe().await, Err(StoreError::Damaged)));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(matches!(store.record_event("no more", "{}".to_owned()).await, Err(StoreError::Damaged)));
    let known = LastKnown { code: "000".to_owned(), raw: Bytes::new(), answered_at: Timestamp::UNIX_EPOCH };
    assert!(!store.keep_last_known([1; 32], known));
    store.close().await;
}

#[tokio::test]
async fn a_panic_ends_its_command_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    let before = store.record_event("before", "{}".to_owned());
    let panicking = store.write(1, |work| -> Result<(), Fault> {
        events::record(work, "panicking", About::Everybody, "{}")?;
        panic!("a fault of ours")
    });
    let after = store.record_event("after", "{}".to_owned());
    let (before, panicking, after) = tokio::join!(before, panicking, after);
    before.unwrap();
    after.unwrap();
    assert!(matches!(panicking, Err(StoreError::Failed(_))));
    assert!(store.health().is_ok());
    let kept: Vec<_> = store.events_after(0, 9, &[]).await.unwrap().into_iter().map(|event| event.kind).collect();
    assert_eq!(kept, ["before", "after"]);
    store.close().await;
}

#[tokio::test]
async fn an_asker_who_left_before_the_work_began_gets_none_done() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    let (blocker, blocked) = std::sync::mpsc::channel::<()>();
    let blocking = tokio::spawn({
        let store = store.clone();
        async move { store.write(1, move |_| blocked.recv().or(Ok(()))).await }
    });
    tokio::task::yield_now().await;
    let mut leaving = Box::pin(store.record_event("left", "{}".to_owned()));
    assert!(futures_util::poll!(&mut leaving).is_pending());
    drop(leaving);
    drop(blocker);
    blocking.await.unwrap().unwrap();
    store.probe().await.unwrap();
    assert!(store.events_after(0, 9, &[]).await.unwrap().is_empty());
    store.close().await;
}

/// A data folder as the program of an earlier version left it: its schema, with one delivered document.
fn made_by(version: usize, folder: &Path, vault: &Vault) {
    let connection = rusqlite::Connection::open(folder.join(DATABASE_FILE)).unwrap();
    connection.pragma_update(None, "journal_mode", "wal").unwrap();
    for step in &schema::MIGRATIONS[..version] {
        connection.execute_batch(step).unwrap();
    }
    connection.pragma_update(None, "user_version", i64::try_from(version).unwrap()).unwrap();
    let sealed = |name: &str, row: &[u8], text: &str| vault.seal(name, row, text.as_bytes()).unwrap();
    let of_document = |name: &str, text: &str| sealed(name, b"doc_1", text);
    connection
        .execute(
            "INSERT INTO documents (id, facility, kind, client, keys, parts, records, version, sha256, size, received_at,
               warnings) VALUES ('doc_1', '01999', 'claim', 'key_1', ?1, ' XML1 ', 1, 1, ?2, 4, 1800000000000, ?3)",
            rusqlite::params![of_document(views::KEYS, "[\"LK1\"]"), [7_u8; 32], of_document(views::WARNINGS, "[]")],
        )
        .unwrap();
    connection
        .execute(
            "INSERT INTO bodies (document, body, sealing_key) VALUES (1, ?1, 1)",
            [of_document(views::BODY, "body")],
        )
        .unwrap();
    connection
        .execute_batch(
            "INSERT INTO deliveries (document, destination, facility, kind, state, attempts, receipt_code, waiting_since,
               changed_at) VALUES (1, 'bhxh', '01999', 'claim', 'acknowledged', 1, 'GD-1', 1800000000000, 1800000000000);
             INSERT INTO events (id, at, kind, facility, document, destination, data)
               VALUES ('evt_1', 1800000000000, 'document.acknowledged', '01999', 1, 'bhxh', '{}')",
        )
        .unwrap();
    connection
        .execute(
            "INSERT INTO attempts (id, document, destination, number, started_at, ended_at, outcome, raw)
             VALUES (5, 1, 'bhxh', 1, 1800000000000, 1800000000000, 'acknowledged', ?1)",
            [sealed(views::RAW, &5_i64.to_be_bytes(), "answer")],
        )
        .unwrap();
}

#[tokio::test]
async fn data_of_every_earlier_version_is_backed_up_brought_up_to_date_and_read() {
    for version in 1..schema::MIGRATIONS.len() {
        for by_command in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let vault = Vault::for_tests().unwrap();
            made_by(version, folder.path(), &vault);
            let (from, to) = (i64::try_from(version).unwrap(), schema::current());
            if by_command {
                let migrated = migrate(folder.path(), false, &System::real()).unwrap().unwrap();
                assert_eq!((migrated.from, migrated.to, migrated.backup.is_some()), (from, to, true));
            }
            let store = Store::open(Config::new(folder.path()), vault, System::real()).await.unwrap();
            let view = store.document("doc_1").await.unwrap().unwrap();
            let delivery = &view.deliveries[0];
            assert_eq!((view.keys.as_slice(), delivery.state), (&["LK1".to_owned()][..], DeliveryState::Acknowledged));
            assert_eq!(delivery.receipt.as_ref().unwrap().code, "GD-1");
            assert_eq!(store.content("doc_1").await.unwrap().unwrap(), "body");
            assert_eq!(store.attempts("doc_1").await.unwrap()[0].raw, "answer");
            let feed = store.events_after(0, 9, &[view.facility]).await.unwrap();
            assert_eq!(feed[0].document.as_ref().unwrap().id, "doc_1");
            assert_eq!((view.forgotten_at, view.legal_hold), (None, None));
            store.close().await;

            let backups: Vec<_> =
                std::fs::read_dir(folder.path().join("backups")).unwrap().map(Result::unwrap).collect();
            assert_eq!(backups.len(), 1);
            let name = backups[0].file_name().into_string().unwrap();
            assert!(name.starts_with(&format!("before-schema-{to}-")), "{name}");
            let manifest = super::super::backup::verify(&backups[0].path()).unwrap();
            assert_eq!((manifest.files.len(), manifest.files[0].schema), (1, Some(from)));
        }
    }
}

#[tokio::test]
async fn what_was_sealed_before_its_turn_is_written_with_the_key_of_now() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    let new = NewDocument {
        client: "key_1".to_owned(),
        facility: FacilityCode::parse("01999").unwrap(),
        kind: Kind::Claim,
        keys: vec!["LK1".to_owned()],
        parts: vec!["XML1".to_owned()],
        records: 1,
        sha256: [1; 32],
        body: Bytes::from_static(b"content"),
        wire: Some(Bytes::from_static(b"wire")),
        warnings_json: "[]".to_owned(),
        idempotency_key: None,
        replace_reason: Some("x".to_owned()),
        hold: None,
        received_at: System::real().now(),
    };
    let prepared = Prepared::of(new, &store.inner.vault, &store.inner.system).unwrap();
    assert_eq!(store.add_storage_key().await.unwrap(), 2);
    while store.seal_some_anew().await.unwrap() {}
    assert_eq!(store.storage_keys().await.unwrap().needed.len(), 1, "nobody needs the first key any more");
    let accepted = store.write(SMALL_BYTES, move |work| accept::accept(work, &prepared)).await.unwrap();
    let Accepted::New(view) = accepted else { panic!("not new") };
    assert_eq!(view.keys, ["LK1"]);
    let connection = rusqlite::Connection::open(folder.path().join(DATABASE_FILE)).unwrap();
    let sql = "SELECT keys, warnings, replace_reason, body, wire, sealing_key FROM documents JOIN bodies";
    let (blobs, key) = connection
        .query_row(sql, [], |row| {
            let blobs = (0..5).map(|index| row.get::<_, Vec<u8>>(index)).collect::<Result<Vec<_>, _>>()?;
            Ok((blobs, row.get::<_, u32>(5)?))
        })
        .unwrap();
    assert!(blobs.iter().all(|blob| super::super::vault::key_id(blob) == Some(2)));
    assert_eq!(key, 2);
    store.close().await;
}
