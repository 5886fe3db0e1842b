//! What a backup holds is what was there; a damaged one is refused; nothing of a restored one goes out by itself.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::store::backup::{BackupError, Made, Wish, back_up, restore, verify};
use crate::store::migrate;
use DeliveryState::{Acknowledged, Cancelled, Failed, Held, Queued, Rejected, Sending, Unknown};

impl Rig {
    fn home(&self) -> PathBuf {
        self.config().folder
    }

    fn backups(&self) -> PathBuf {
        self.folder.path().join("backups")
    }

    fn back_up(&self, with_keys: bool) -> Result<Made, BackupError> {
        let keys = self.folder.path().join(KEY_FILE);
        let wish = Wish {
            data_folder: &self.home(),
            key_file: &keys,
            with_keys,
            configuration: None,
            to: &self.backups(),
            name: "lienthong",
        };
        back_up(&wish, &self.system)
    }

    /// A vault with a key file of its own, because a restore reads one.
    fn vault(&self) -> Vault {
        Vault::open(&self.folder.path().join(KEY_FILE), &self.home(), &self.system).unwrap()
    }

    async fn open_sealed(&self, folder: &Path) -> Store {
        Store::open(Config::new(folder), self.vault(), self.system.clone()).await.unwrap()
    }

    fn restore_to(&self, backup: &Path, folder: &Path, replace: bool) -> Result<(), BackupError> {
        restore(backup, folder, &self.folder.path().join(KEY_FILE), replace, &self.system).map(drop)
    }
}

/// Everything that a caller can see of the documents, in words.
async fn seen(store: &Store) -> Vec<String> {
    let mut all = Vec::new();
    for view in store.documents(everything()).await.unwrap().0 {
        let content = store.content(&view.id).await.unwrap();
        let attempts: Vec<_> = store.attempts(&view.id).await.unwrap();
        let attempts: Vec<_> = attempts.iter().map(|it| (it.number, &it.outcome, it.ended_at, &it.raw)).collect();
        let keys = &view.keys;
        all.push(format!("{view:?} {} {keys:?} {:?} {content:?} {attempts:?}", view.sequence, view.deliveries));
    }
    for event in store.events_after(0, 500, &[facility("01999")]).await.unwrap() {
        all.push(format!("{} {} {} {:?}", event.sequence, event.id, event.kind, event.data_json));
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_made_while_documents_come_holds_one_state_and_every_database() {
    let rig = Rig::new();
    let store = rig.open_sealed(&rig.home()).await;
    for number in 0..50 {
        let document = rig.document(Kind::Claim, &format!("LK{number}"), &"x".repeat(50_000 + number));
        new(store.accept(document).await.unwrap());
    }
    let other = rusqlite::Connection::open(rig.home().join("audit.db")).unwrap();
    other.execute_batch("PRAGMA journal_mode = wal; CREATE TABLE t (a); INSERT INTO t VALUES (7)").unwrap();

    // Documents keep coming from before the first page is copied until after the last.
    let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let coming = tokio::spawn({
        let (store, done) = (store.clone(), done.clone());
        let rig = Rig { folder: tempfile::tempdir().unwrap(), clock: rig.clock.clone(), system: rig.system.clone() };
        async move {
            let mut accepted = 0;
            while !done.load(Ordering::SeqCst) {
                let document = rig.document(Kind::Claim, &format!("NEW{accepted}"), &format!("{accepted}"));
                new(store.accept(document).await.unwrap());
                accepted += 1;
            }
            accepted
        }
    });
    let rig = Arc::new(rig);
    let made = tokio::task::spawn_blocking({
        let rig = rig.clone();
        move || rig.back_up(false).unwrap()
    });
    let made = made.await.unwrap();
    done.store(true, Ordering::SeqCst);
    let accepted = coming.await.unwrap();
    assert!(accepted > 0, "documents came meanwhile");
    store.close().await;

    let names: Vec<&str> = made.manifest.files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, [DATABASE_FILE, "audit.db"]);
    assert_eq!((made.manifest.storage_keys.as_slice(), made.manifest.with_keys), (&[1][..], false));
    let left: Vec<_> = fs::read_dir(&made.folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "nothing but the manifest beside them: {left:?}");
    let copy = rusqlite::Connection::open(made.folder.join("audit.db")).unwrap();
    assert_eq!(copy.query_row("SELECT a FROM t", [], |row| row.get::<_, i64>(0)).unwrap(), 7);

    // A prefix of what was accepted, whole.
    let copy = rusqlite::Connection::open(made.folder.join(DATABASE_FILE)).unwrap();
    let counts = |table: &str| -> i64 {
        copy.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    };
    let documents = counts("documents");
    assert!((50..=50 + accepted).contains(&documents), "{documents}");
    assert_eq!([counts("bodies"), counts("deliveries"), counts("events")], [documents; 3]);
}

#[tokio::test]
async fn what_is_restored_is_what_was_there_and_nothing_of_it_goes_out() {
    let rig = Rig::new();
    let store = rig.open_sealed(&rig.home()).await;
    let mut ids = std::collections::BTreeMap::new();
    for (kind, prefix) in [(Kind::Claim, "C"), (Kind::BirthCertificate, "B")] {
        for state in [Acknowledged, Rejected, Unknown, Failed, Sending] {
            let key = format!("{prefix}{}", state.name());
            let id = new(store.accept(rig.document(kind, &key, &key)).await.unwrap()).id;
            match state {
                Sending => drop(store.lease(wish(1)).await.unwrap()),
                state => deliver(&store, &id, state).await,
            }
            ids.insert(key, id);
        }
        for (name, hold) in [("queued", None), ("off", Some("sending_off")), ("by_hand", Some("by_hand"))] {
            let key = format!("{prefix}{name}");
            let document = NewDocument { hold, ..rig.document(kind, &key, &key) };
            ids.insert(key, new(store.accept(document).await.unwrap()).id);
        }
        store.hold(&ids[&format!("{prefix}queued")], "x").await.unwrap();
        store.release(&ids[&format!("{prefix}queued")], "x").await.unwrap();
        // Out of the way of the next kind's leases.
        store.hold(&ids[&format!("{prefix}queued")], "x").await.unwrap();
    }
    for prefix in ["C", "B"] {
        store.release(&ids[&format!("{prefix}queued")], "x").await.unwrap();
    }
    let before = seen(&store).await;
    let made = rig.back_up(true).unwrap();
    // After the backup, the gateway goes on: what waited goes out, and new documents come.
    assert_eq!(store.lease(wish(9)).await.unwrap().len(), 2);
    let lost = new(store.accept(rig.document(Kind::Claim, "LATER", "later")).await.unwrap());
    let last_event = store.events_after(0, 500, &[facility("01999")]).await.unwrap().pop().unwrap();
    store.close().await;

    // The file alone, without the first start's decisions: all is as it was.
    let plain = rig.folder.path().join("plain");
    fs::create_dir(&plain).unwrap();
    fs::copy(made.folder.join(DATABASE_FILE), plain.join(DATABASE_FILE)).unwrap();
    let copy = rig.open_sealed(&plain).await;
    assert_eq!(seen(&copy).await, before);
    copy.close().await;

    let place = rig.folder.path().join("place");
    rig.restore_to(&made.folder, &place, false).unwrap();
    let store = rig.open_sealed(&place).await;
    assert!(store.document(&lost.id).await.unwrap().is_none());
    assert_eq!(store.event_sequence(&last_event.id).await.unwrap(), None, "a cursor beyond the feed is known for one");
    let expected = [
        ("Csending", Held, true),
        ("Cqueued", Held, true),
        ("Coff", Held, true),
        ("Cby_hand", Held, false),
        ("Cacknowledged", Acknowledged, false),
        ("Crejected", Rejected, false),
        ("Cunknown", Unknown, false),
        ("Cfailed", Failed, false),
        ("Bsending", Unknown, true),
        ("Bqueued", Unknown, true),
        ("Boff", Unknown, true),
        ("Bby_hand", Held, false),
        ("Backnowledged", Acknowledged, false),
        ("Brejected", Rejected, false),
        ("Bunknown", Unknown, false),
        ("Bfailed", Failed, false),
    ];
    for (key, state, by_restore) in expected {
        let delivery = store.document(&ids[key]).await.unwrap().unwrap().deliveries.remove(0);
        let reason = delivery.reason.as_deref() == Some("restored_from_backup");
        assert_eq!((delivery.state, reason), (state, by_restore), "{key}");
    }
    let after = seen(&store).await;
    let moved =
        |line: &&String| !expected.iter().any(|(key, _, moved)| *moved && line.contains(&format!("[\"{key}\"]")));
    let untouched: Vec<_> = before.iter().filter(moved).collect();
    let missing: Vec<_> = untouched.iter().filter(|line| !after.contains(line)).collect();
    assert!(untouched.len() > 20 && missing.is_empty(), "{missing:#?}");

    // Nothing goes out, by whatever the gateway does by itself.
    store.recover(lost_all()).await.unwrap();
    let on = crate::document::kind::KINDS.iter().map(|facts| (facility("01999"), facts.kind)).collect();
    store.switch_sending(on).await.unwrap();
    rig.pass(100 * 24 * 3600);
    assert!(store.lease(wish(99)).await.unwrap().is_empty());
    // Nor because a system sends again what a person may have sent since.
    for key in ["Brejected", "Bfailed"] {
        assert!(matches!(store.send_again(&ids[key], "x").await, Err(MoveRefused::NotPossible { .. })), "{key}");
    }
    assert_eq!(store.send_again(&ids["Crejected"], "x").await.unwrap().deliveries[0].state, Queued);
    store.cancel(&ids["Crejected"], "x").await.unwrap();
    store.cancel(&ids["Bqueued"], "x").await.unwrap();
    let again = store.accept(rig.document(Kind::BirthCertificate, "Bqueued", "Bqueued")).await.unwrap();
    assert!(matches!(again, Accepted::ReasonNeeded(_)), "it may be at the portal, which would not replace it");
    // A person may.
    store.release(&ids["Cqueued"], "đã xem").await.unwrap();
    store.replay(&ids["Boff"], "cổng chưa có").await.unwrap();
    assert_eq!(store.lease(wish(99)).await.unwrap().len(), 2);

    let events = store.events_after(0, 500, &[facility("01999")]).await.unwrap();
    let told: Vec<_> = events.iter().filter(|event| event.kind == "store.restored").collect();
    assert_eq!(told.len(), 1);
    assert!(told[0].data_json.contains("\"held\":3,") && told[0].data_json.contains("\"unknown\":3"));
    assert!(told[0].sequence > last_event.sequence, "positions leap beyond all that was given");
    let fresh = new(store.accept(rig.document(Kind::Claim, "FRESH", "fresh")).await.unwrap());
    assert!(fresh.sequence > lost.sequence + 1_000);
    assert_eq!(state_of(&store, &ids["Crejected"]).await, Cancelled);
    store.close().await;

    // A second start decides nothing anew.
    let store = rig.open_sealed(&place).await;
    let again = store.events_after(0, 500, &[facility("01999")]).await.unwrap();
    assert_eq!(again.iter().filter(|event| event.kind == "store.restored").count(), 1);
    store.close().await;
}

fn lost_all() -> Lost {
    lost(true)
}

#[tokio::test]
async fn a_damaged_backup_is_refused_by_the_name_of_the_file_and_touches_nothing() {
    let rig = Rig::new();
    let store = rig.open_sealed(&rig.home()).await;
    new(store.accept(rig.document(Kind::Claim, "LK1", &"x".repeat(100_000))).await.unwrap());
    let made = rig.back_up(true).unwrap();
    store.close().await;
    assert_eq!(verify(&made.folder).unwrap(), made.manifest);
    let place = rig.folder.path().join("place");
    let database = made.folder.join(DATABASE_FILE);
    let sound = fs::read(&database).unwrap();
    let mut flipped = sound.clone();
    flipped[sound.len() / 2] ^= 1;
    let cut = sound[..sound.len() - 4096].to_vec();
    for (bytes, what) in [(&flipped, "changed"), (&cut, "size")] {
        fs::write(&database, bytes).unwrap();
        let told = rig.restore_to(&made.folder, &place, true).unwrap_err().to_string();
        assert!(told.contains(DATABASE_FILE) && told.contains(what), "{told}");
    }
    fs::remove_file(&database).unwrap();
    let told = rig.restore_to(&made.folder, &place, true).unwrap_err().to_string();
    assert!(told.contains(DATABASE_FILE) && told.contains("missing"), "{told}");
    fs::write(&database, &sound).unwrap();
    let keys = made.folder.join(KEY_FILE);
    let right = fs::read(&keys).unwrap();
    fs::write(&keys, b"no keys").unwrap();
    assert!(rig.restore_to(&made.folder, &place, true).unwrap_err().to_string().contains(KEY_FILE));
    fs::write(&keys, &right).unwrap();
    // A manifest that leads elsewhere, one of another program, none at all, and a backup that was not finished.
    let manifest = made.folder.join("manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    for wrong in [text.replace("gateway.db", "../gateway.db"), "{}".to_owned(), String::new()] {
        fs::write(&manifest, wrong).unwrap();
        assert!(matches!(rig.restore_to(&made.folder, &place, true), Err(BackupError::NotABackup(_))));
    }
    fs::write(&manifest, text.replace("\"format\": 1", "\"format\": 2")).unwrap();
    assert!(matches!(rig.restore_to(&made.folder, &place, true), Err(BackupError::TooNew { .. })));
    fs::write(&manifest, &text).unwrap();
    assert!(!place.join(DATABASE_FILE).exists());
    rig.restore_to(&made.folder, &place, false).unwrap();
    let left: Vec<String> =
        fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    assert!(left.iter().all(|name| ["gateway.db", "gateway.lock"].contains(&name.as_str())), "{left:?}");
}

#[tokio::test]
async fn a_folder_in_use_or_with_data_is_not_overwritten() {
    let rig = Rig::new();
    let store = rig.open_sealed(&rig.home()).await;
    let kept = new(store.accept(rig.document(Kind::Claim, "LK1", "a")).await.unwrap()).id;
    let made = rig.back_up(false).unwrap();
    assert!(matches!(rig.restore_to(&made.folder, &rig.home(), true), Err(BackupError::InUse(_))));
    let later = new(store.accept(rig.document(Kind::Claim, "LK2", "b")).await.unwrap()).id;
    store.close().await;
    assert!(matches!(rig.restore_to(&made.folder, &rig.home(), false), Err(BackupError::NotEmpty(_))));
    let restored = restore(&made.folder, &rig.home(), &rig.folder.path().join(KEY_FILE), true, &rig.system).unwrap();
    let aside = restored.put_aside.unwrap();
    let store = rig.open_sealed(&rig.home()).await;
    assert!(store.document(&kept).await.unwrap().is_some() && store.document(&later).await.unwrap().is_none());
    store.close().await;
    // What was put aside is whole, and can be looked at.
    let store = rig.open_sealed(&aside).await;
    assert!(store.document(&later).await.unwrap().is_some());
    store.close().await;
}

#[tokio::test]
async fn keys_come_with_the_backup_only_if_asked_and_others_are_refused() {
    let rig = Rig::new();
    let store = rig.open_sealed(&rig.home()).await;
    let id = new(store.accept(rig.document(Kind::Claim, "LK1", "a")).await.unwrap()).id;
    let without = rig.back_up(false).unwrap();
    rig.pass(1);
    let with = rig.back_up(true).unwrap();
    store.close().await;
    assert!(!without.folder.join(KEY_FILE).exists() && with.folder.join(KEY_FILE).is_file());
    let place = rig.folder.path().join("place");
    let keys = place.join(KEY_FILE);
    let tried = restore(&without.folder, &place, &keys, false, &rig.system);
    assert!(matches!(tried, Err(BackupError::KeysMissing(_))));
    let others = rig.folder.path().join("others").join(KEY_FILE);
    Vault::open(&others, Path::new("none"), &System::real()).unwrap();
    for backup in [&with, &without] {
        let tried = restore(&backup.folder, &place, &others, false, &rig.system);
        assert!(matches!(tried, Err(BackupError::Store { error: StoreError::KeyMissing, .. })));
    }
    let restored = restore(&with.folder, &place, &keys, false, &rig.system).unwrap();
    assert!(restored.with_keys);
    let vault = Vault::open(&keys, &place, &rig.system).unwrap();
    let store = Store::open(Config::new(&place), vault, rig.system.clone()).await.unwrap();
    assert_eq!(store.content(&id).await.unwrap().unwrap(), "a");
    store.close().await;
}

#[tokio::test]
async fn a_restore_that_broke_off_keeps_the_gateway_from_starting_and_can_be_run_again() {
    let rig = Rig::new();
    let store = rig.open_sealed(&rig.home()).await;
    let id = new(store.accept(rig.document(Kind::Claim, "LK1", "a")).await.unwrap()).id;
    let made = rig.back_up(false).unwrap();
    store.close().await;
    // As a kill leaves it between moving the old away and bringing the new.
    fs::write(rig.home().join("restore.unfinished"), b"").unwrap();
    fs::remove_file(rig.home().join(DATABASE_FILE)).unwrap();
    let opened = Store::open(rig.config(), rig.vault_beside(), rig.system.clone()).await.map(drop);
    assert!(matches!(opened, Err(StoreError::RestoreUnfinished)));
    assert!(!rig.home().join(DATABASE_FILE).exists(), "no empty database takes its place");
    rig.restore_to(&made.folder, &rig.home(), false).unwrap();
    let store = rig.open_sealed(&rig.home()).await;
    assert!(store.document(&id).await.unwrap().is_some());
    store.close().await;
}

impl Rig {
    fn vault_beside(&self) -> Vault {
        Vault::open(&self.folder.path().join(KEY_FILE), Path::new("none"), &self.system).unwrap()
    }
}

#[tokio::test]
async fn a_change_of_the_schema_is_made_after_a_backup_and_only_while_nobody_runs() {
    let rig = Rig::new();
    let store = rig.open_sealed(&rig.home()).await;
    let id = new(store.accept(rig.document(Kind::Claim, "LK1", "a")).await.unwrap()).id;
    deliver(&store, &id, Acknowledged).await;
    assert!(matches!(migrate(&rig.home(), false, &rig.system), Err(StoreError::InUse)));
    let before = seen(&store).await;
    store.close().await;
    assert_eq!(migrate(&rig.home(), true, &rig.system).unwrap(), None);
    assert!(!rig.home().join("backups").exists(), "nothing to change, nothing to keep");
    let store = rig.open_sealed(&rig.home()).await;
    assert_eq!(seen(&store).await, before, "compacting changes nothing");
    store.close().await;
    let nowhere = rig.folder.path().join("nowhere");
    assert!(matches!(migrate(&nowhere, false, &rig.system), Err(StoreError::Failed(_))));
}
