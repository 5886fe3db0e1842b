//! What was acknowledged is there afterwards, whatever happened; what was refused left no trace.

use std::fs;

use super::*;
use DeliveryState::{Acknowledged, Failed};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_many_callers_were_told_is_kept_is_kept() {
    let rig = Rig::new();
    let store = rig.open().await;
    let callers: Vec<_> = (0..64)
        .map(|index| {
            let (store, document) =
                (store.clone(), rig.document(Kind::Claim, &format!("LK{index}"), &index.to_string()));
            tokio::spawn(async move { new(store.accept(document).await.unwrap()).id })
        })
        .collect();
    let mut ids = Vec::new();
    for caller in callers {
        ids.push(caller.await.unwrap());
    }
    let before = store.documents(everything()).await.unwrap().0;
    store.close().await;
    let store = rig.open().await;
    let after = store.documents(everything()).await.unwrap().0;
    assert_eq!((after.len(), format!("{before:?}")), (64, format!("{after:?}")));
    for id in ids {
        assert!(store.content(&id).await.unwrap().is_some());
    }
    store.close().await;
}

#[tokio::test]
async fn what_a_killed_process_left_is_read_from_the_log() {
    let rig = Rig::new();
    let store = rig.open().await;
    let id = new(store.accept(rig.document(Kind::Claim, "LK1", "a")).await.unwrap()).id;
    // A copy of the files as they lie while the store is open is what a killed process leaves.
    let copy = rig.folder.path().join("copy");
    fs::create_dir(&copy).unwrap();
    for file in fs::read_dir(rig.config().folder).unwrap().map(Result::unwrap) {
        fs::copy(file.path(), copy.join(file.file_name())).unwrap();
    }
    store.close().await;
    let store = rig.open_with(Config::new(copy)).await.unwrap();
    deliver(&store, &id, Acknowledged).await;
    store.close().await;
}

#[tokio::test]
async fn a_full_disk_refuses_and_keeps_nothing_by_halves() {
    let rig = Rig::new();
    // Room for the empty schema and a few documents.
    let store = rig.open_with(Config { page_count_max: Some(120), ..rig.config() }).await.unwrap();
    let mut kept = Vec::new();
    let refused = loop {
        let content = format!("{}{}", kept.len(), "x".repeat(20_000));
        match store.accept(rig.document(Kind::Claim, &format!("LK{}", kept.len()), &content)).await {
            Ok(accepted) => kept.push(new(accepted).id),
            Err(error) => break error,
        }
        assert!(kept.len() < 100, "the bound was never met");
    };
    assert!(matches!(refused, StoreError::Full) && !kept.is_empty());
    assert!(matches!(store.health(), Err(StoreError::Full)));
    assert!(matches!(store.probe().await, Err(StoreError::Full)));
    assert_eq!(store.documents(everything()).await.unwrap().0.len(), kept.len());
    assert_eq!(event_kinds(&store).await.len(), kept.len());
    assert_eq!(store.backlog().await.unwrap().counts, [(Kind::Claim, DeliveryState::Queued, kept.len() as u64)]);
    store.close().await;

    let store = rig.open().await;
    store.probe().await.unwrap();
    assert!(store.health().is_ok());
    let next = rig.document(Kind::Claim, "LKnext", &"y".repeat(20_000));
    new(store.accept(next).await.unwrap());
    assert_eq!(store.documents(everything()).await.unwrap().0.len(), kept.len() + 1);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_too_large_does_not_keep_out_those_that_fit() {
    let rig = Rig::new();
    let store = rig.open_with(Config { page_count_max: Some(200), ..rig.config() }).await.unwrap();
    let large = store.accept(rig.document(Kind::Claim, "large", &"x".repeat(2_000_000)));
    let small = store.accept(rig.document(Kind::Claim, "small", "x"));
    let (large, small) = tokio::join!(large, small);
    assert!(matches!(large, Err(StoreError::Full)));
    new(small.unwrap());
    store.close().await;
}

#[tokio::test]
async fn more_than_the_queue_holds_is_refused_at_once() {
    let rig = Rig::new();
    let store = rig.open_with(Config { queue_max: 1, ..rig.config() }).await.unwrap();
    let asked = (0..200).map(|index| {
        let (store, document) = (store.clone(), rig.document(Kind::Claim, &format!("LK{index}"), &index.to_string()));
        async move { store.accept(document).await }
    });
    let answers = futures_util::future::join_all(asked).await;
    let kept = answers.iter().filter(|answer| answer.is_ok()).count();
    assert!(answers.iter().all(|answer| matches!(answer, Ok(Accepted::New(_)) | Err(StoreError::Busy))));
    assert!(kept < 200, "nobody was refused");
    assert_eq!(store.documents(everything()).await.unwrap().0.len(), kept);
    store.close().await;
}

#[tokio::test]
async fn a_changed_row_is_noticed_and_stops_nobody_else() {
    let rig = Rig::new();
    let store = rig.open().await;
    let bad = new(store.accept(rig.document(Kind::Claim, "LK1", "a")).await.unwrap());
    let good = new(store.accept(rig.document(Kind::Claim, "LK2", "b")).await.unwrap());
    let database = rusqlite::Connection::open(rig.config().folder.join(DATABASE_FILE)).unwrap();
    // The body of another row: sealed with the right key, in the wrong place.
    let swapped = "UPDATE bodies SET body = (SELECT body FROM bodies WHERE document = ?2) WHERE document = ?1";
    database.execute(swapped, [bad.sequence, good.sequence]).unwrap();
    assert!(matches!(store.content(&bad.id).await, Err(StoreError::Sealed)));
    deliver(&store, &good.id, Acknowledged).await;
    assert_eq!(state_of(&store, &bad.id).await, Failed);
    database.execute("UPDATE documents SET keys = x'010203' WHERE sequence = ?1", [bad.sequence]).unwrap();
    assert!(matches!(store.document(&bad.id).await, Err(StoreError::Sealed)));
    drop(database);
    store.close().await;
}

#[tokio::test]
async fn nothing_that_names_a_person_can_be_read_from_the_files() {
    const MARK: &str = "NGUYENVANAN";
    let rig = Rig::new();
    let store = rig.open().await;
    let document = NewDocument {
        wire: Some(Bytes::from(format!("wire {MARK}"))),
        warnings_json: format!("[\"{MARK}\"]"),
        idempotency_key: Some(format!("his-{MARK}")),
        replace_reason: Some(MARK.to_owned()),
        ..rig.document(Kind::BirthCertificate, MARK, &format!("<a>{MARK}</a>"))
    };
    let view = new(store.accept(document).await.unwrap());
    assert!(!format!("{view:?}").contains(MARK));
    let leased = store.lease(wish(1)).await.unwrap();
    let answer = Settlement {
        raw: Bytes::from(MARK),
        ..ended(End::Unknown { reason: MARK.to_owned(), counts: Counts::Nothing })
    };
    assert!(store.settle(&leased[0], answer).await.unwrap());
    store.replay(&view.id, MARK).await.unwrap();
    store.cancel(&view.id, MARK).await.unwrap();
    let known = LastKnown { code: "000".to_owned(), raw: Bytes::from(MARK), answered_at: rig.now() };
    assert!(store.keep_last_known([1; 32], known));
    store.probe().await.unwrap();
    let grep = || {
        for file in fs::read_dir(rig.config().folder).unwrap().map(Result::unwrap) {
            let bytes = fs::read(file.path()).unwrap();
            assert!(memchr::memmem::find(&bytes, MARK.as_bytes()).is_none(), "{:?}", file.file_name());
        }
    };
    grep();
    store.close().await;
    grep();
}

#[tokio::test]
async fn one_gateway_a_folder_and_tools_beside_it() {
    let rig = Rig::new();
    let store = rig.open().await;
    assert!(matches!(rig.open_with(rig.config()).await, Err(StoreError::InUse)));
    let beside = Store::open_beside(rig.config(), Vault::for_tests().unwrap(), rig.system.clone()).await.unwrap();
    let before = store.clients_version().await.unwrap();
    let client = Client {
        id: "key_1".to_owned(),
        name: "HIS".to_owned(),
        secret_hash: [9; 32],
        prefix: "lt_test_ab12".to_owned(),
        scopes: vec!["lookup".to_owned(), "document:write".to_owned()],
        facilities: vec![facility("01999")],
        requests_per_minute: 300,
        addresses: vec!["10.0.0.0/8".to_owned()],
        facade_user: Some("01999_BV".into()),
        created_at: rig.now(),
        revoked_at: None,
    };
    beside.add_client(client.clone()).await.unwrap();
    assert_ne!(store.clients_version().await.unwrap(), before);
    assert_eq!(store.clients().await.unwrap(), std::slice::from_ref(&client));
    assert!(beside.revoke_client("key_1", rig.now()).await.unwrap());
    assert!(!beside.revoke_client("key_1", rig.now()).await.unwrap());
    assert_eq!(store.clients().await.unwrap(), [Client { revoked_at: Some(rig.now()), ..client }]);
    beside.close().await;
    let handle = store.clone();
    store.close().await;
    assert!(matches!(handle.probe().await, Err(StoreError::Closing)));
    assert!(matches!(handle.clients().await, Err(StoreError::Closing)));
    rig.open().await.close().await;
}

#[tokio::test]
async fn other_keys_and_newer_data_are_refused() {
    let rig = Rig::new();
    let config = rig.config();
    let keys = config.folder.join(KEY_FILE);
    let own = Vault::open(&keys, &config.folder, &System::real()).unwrap();
    Store::open(config.clone(), own.clone(), rig.system.clone()).await.unwrap().close().await;
    assert!(matches!(rig.open_with(config.clone()).await, Err(StoreError::KeyMissing)), "other keys");
    // A document sealed with a second key, which then is taken out of the file again.
    let (head, second) = (fs::read_to_string(&keys).unwrap(), "2 AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n");
    fs::write(&keys, format!("{head}{second}")).unwrap();
    let rotated = Vault::open(&keys, &config.folder, &System::real()).unwrap();
    let store = Store::open(config.clone(), rotated, rig.system.clone()).await.unwrap();
    new(store.accept(rig.document(Kind::Claim, "LK1", "a")).await.unwrap());
    store.close().await;
    let without = Store::open(config.clone(), own.clone(), rig.system.clone()).await;
    assert!(matches!(without, Err(StoreError::KeyIdMissing(2))), "without the second key");
    fs::rename(&keys, keys.with_extension("away")).unwrap();
    assert!(matches!(Vault::open(&keys, &config.folder, &System::real()), Err(StoreError::KeyMissing)), "no keys");
    let database = rusqlite::Connection::open(config.folder.join(DATABASE_FILE)).unwrap();
    database.pragma_update(None, "user_version", 99).unwrap();
    drop(database);
    assert!(matches!(Store::open(config, own, rig.system.clone()).await, Err(StoreError::TooNew(99))));
}
