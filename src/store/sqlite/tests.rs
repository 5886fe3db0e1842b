//! What only the engine's inside can show: query plans, and what happens when the disk fails.

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
    queries.push((incidents::OPEN.to_owned(), false));
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
            // The lists of kinds and facilities are ours, and short.
            let scans = step.starts_with("SCAN") && !step.contains("json_each");
            assert!(!scans, "{query}\n{steps:#?}");
            assert!(may_sort || !step.contains("TEMP B-TREE"), "{query}\n{steps:#?}");
        }
    }
    let steps = plan(lease::DUE);
    assert!(steps.iter().any(|step| step.contains("COVERING INDEX deliveries_due")), "{steps:#?}");
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
