//! What is stored, looked through beside the gateway: whole, in order, and without a trace.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;

impl Rig {
    fn data(&self) -> std::path::PathBuf {
        self.config().folder
    }

    fn archive(&self) -> Result<Archive, StoreError> {
        Archive::open(&self.data(), Vault::for_tests().unwrap())
    }
}

fn second(count: i64) -> Timestamp {
    Timestamp::from_millisecond(1_800_000_000_000 + count * 1_000).unwrap()
}

/// Everything of a span, page by page.
fn all(archive: &Archive, from: Timestamp, before: Timestamp, limit: u32) -> Vec<Received> {
    let mut found: Vec<Received> = Vec::new();
    loop {
        let after = found.last().map_or(0, |document| document.sequence);
        let page = archive.received_between(from, before, after, limit).unwrap();
        if page.is_empty() {
            return found;
        }
        assert!(page.len() <= limit as usize);
        found.extend(page);
    }
}

fn bodies(found: &[Received]) -> Vec<String> {
    found.iter().map(|it| String::from_utf8(it.body.as_ref().unwrap().to_vec()).unwrap()).collect()
}

/// Every file of a folder with its bytes.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries.map(|it| (it.file_name().into_string().unwrap(), std::fs::read(it.path()).unwrap())).collect()
}

#[tokio::test]
async fn a_span_is_read_in_the_order_of_acceptance_page_by_page() {
    let rig = Rig::new();
    let store = rig.open().await;
    for index in 0..6 {
        let mut document = rig.document(Kind::Claim, &format!("LK{index}"), &format!("content {index}"));
        if index == 3 {
            // The clock stood wrong for a moment: the order of acceptance is not that of the times.
            document.received_at = second(5);
        }
        if index == 4 {
            (document.facility, document.kind) = (facility("79001"), Kind::Checkin);
        }
        new(store.accept(document).await.unwrap());
        rig.pass(10);
    }
    let archive = rig.archive().unwrap();
    let numbers = |from: i64, before: i64, limit: u32| -> String {
        let found = all(&archive, second(from), second(before), limit);
        bodies(&found).iter().map(|body| body.trim_start_matches("content ")).collect()
    };
    for limit in [1, 2, 500] {
        assert_eq!(numbers(0, 1_000, limit), "012345", "{limit}");
        assert_eq!(numbers(5, 50, limit), "1234", "{limit}");
        assert_eq!(numbers(0, 10, limit), "03", "{limit}");
        assert_eq!(numbers(51, 1_000, limit), "", "{limit}");
    }
    let found = all(&archive, second(40), second(41), 9);
    let [document] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((document.facility, document.kind), (facility("79001"), Kind::Checkin));
    assert_eq!(document.received_at, second(40));
    store.close().await;
}

#[tokio::test]
async fn a_page_of_large_documents_is_short() {
    let rig = Rig::new();
    let store = rig.open().await;
    for (key, size) in [("LK1", 5 << 20), ("LK2", 5 << 20), ("LK3", 1), ("LK4", 9 << 20), ("LK5", 1)] {
        new(store.accept(rig.document(Kind::Claim, key, &format!("{key}{}", "x".repeat(size)))).await.unwrap());
    }
    let archive = rig.archive().unwrap();
    let (mut after, mut pages) = (0, Vec::new());
    loop {
        let page = archive.received_between(second(0), second(1), after, 500).unwrap();
        let Some(last) = page.last() else { break };
        after = last.sequence;
        pages.push(page.len());
    }
    assert_eq!(pages, [2, 2, 1]);
    store.close().await;
}

#[tokio::test]
async fn the_gateway_beside_is_not_disturbed() {
    let rig = Rig::new();
    let store = rig.open().await;
    let accept = async |number: usize| {
        let document = rig.document(Kind::Claim, &format!("LK{number}"), &format!("content {number}"));
        new(store.accept(document).await.unwrap());
    };
    accept(0).await;
    let archives = [rig.archive().unwrap(), rig.archive().unwrap()];
    for number in 1..20 {
        accept(number).await;
        for archive in &archives {
            assert_eq!(all(archive, second(0), second(1), 7).len(), number + 1);
        }
    }
    store.probe().await.unwrap();
    // Closing empties the log into the data file, which takes that nobody holds on to it.
    store.close().await;
    let log = rig.data().join(format!("{DATABASE_FILE}-wal"));
    assert!(std::fs::metadata(log).map_or(0, |log| log.len()) == 0, "the log was emptied");
    assert_eq!(all(&archives[0], second(0), second(1), 7).len(), 20);
}

#[tokio::test]
async fn looking_leaves_no_trace() {
    let rig = Rig::new();
    let store = rig.open().await;
    new(store.accept(rig.document(Kind::Claim, "LK1", "a")).await.unwrap());
    store.close().await;
    let data = |files: BTreeMap<String, Vec<u8>>| files[DATABASE_FILE].clone();
    let before = data(files(&rig.data()));
    let archive = rig.archive().unwrap();
    assert_eq!(bodies(&all(&archive, second(0), second(1), 9)), ["a"]);
    drop(archive);
    let after = files(&rig.data());
    for (name, bytes) in &after {
        // Of the log only an empty file may be left.
        assert!(!name.ends_with("-wal") || bytes.is_empty(), "{name}");
    }
    assert_eq!(data(after), before);
    let store = rig.open().await;
    assert_eq!(store.documents(everything()).await.unwrap().0.len(), 1);
    store.close().await;
}

#[tokio::test]
async fn a_log_that_a_dead_gateway_left_is_read_too_and_left() {
    let rig = Rig::new();
    let store = rig.open().await;
    new(store.accept(rig.document(Kind::Claim, "LK1", "a")).await.unwrap());
    // What lies there while the gateway runs is what it leaves when it is killed.
    let left = tempfile::tempdir().unwrap();
    for (name, bytes) in files(&rig.data()) {
        if !name.ends_with("-shm") {
            std::fs::write(left.path().join(name), bytes).unwrap();
        }
    }
    store.close().await;
    let before = files(left.path());
    let log = format!("{DATABASE_FILE}-wal");
    assert!(!before[&log].is_empty(), "the document is in the log");
    let archive = Archive::open(left.path(), Vault::for_tests().unwrap()).unwrap();
    assert_eq!(bodies(&all(&archive, second(0), second(1), 9)), ["a"]);
    drop(archive);
    let after = files(left.path());
    assert_eq!((&after[DATABASE_FILE], &after[&log]), (&before[DATABASE_FILE], &before[&log]));
}

#[tokio::test]
async fn what_cannot_be_read_is_told_row_by_row() {
    let rig = Rig::new();
    let key = |byte: u8| STANDARD.encode([byte; 32]);
    let key_file = rig.folder.path().join("keys");
    let vault = |text: String| {
        std::fs::write(&key_file, text).unwrap();
        #[cfg(unix)]
        std::fs::set_permissions(&key_file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        Vault::open(&key_file, &rig.data(), &rig.system).unwrap()
    };
    let [one, both] = [format!("1 {}\n", key(1)), format!("1 {}\n2 {}\n", key(1), key(2))];
    for (number, keys) in [one.clone(), both.clone(), both.clone()].into_iter().enumerate() {
        let store = Store::open(rig.config(), vault(keys), rig.system.clone()).await.unwrap();
        let document = rig.document(Kind::Claim, &format!("LK{number}"), &format!("content {number}"));
        new(store.accept(document).await.unwrap());
        store.close().await;
    }
    let connection = rusqlite::Connection::open(rig.data().join(DATABASE_FILE)).unwrap();
    connection.execute("DELETE FROM bodies WHERE document = 3", []).unwrap();
    drop(connection);

    let states = |keys: &str| -> Vec<Result<(), Unreadable>> {
        let archive = Archive::open(&rig.data(), vault(keys.to_owned())).unwrap();
        let found = all(&archive, second(0), second(1), 9);
        found.into_iter().map(|document| document.body.map(drop)).collect()
    };
    assert_eq!(states(&both), [Ok(()), Ok(()), Err(Unreadable::Forgotten)]);
    assert_eq!(states(&one), [Ok(()), Err(Unreadable::Sealed), Err(Unreadable::Forgotten)]);
    let wrong = Archive::open(&rig.data(), vault(format!("1 {}\n", key(9))));
    assert!(matches!(wrong, Err(StoreError::KeyMissing)));
}

#[tokio::test]
async fn where_nothing_is_stored_nothing_is_made() {
    let rig = Rig::new();
    assert!(matches!(rig.archive(), Err(StoreError::Failed(_))));
    assert!(!rig.data().exists());
    std::fs::create_dir(rig.data()).unwrap();
    std::fs::write(rig.data().join(DATABASE_FILE), b"").unwrap();
    assert!(matches!(rig.archive(), Err(StoreError::Failed(_))), "an empty file holds no version");
}
