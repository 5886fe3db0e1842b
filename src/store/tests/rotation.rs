//! Storage keys change under everything that is stored, wherever it is cut short; and no key goes that a row needs.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::super::batches::{BatchKept, NewBatch, NewRow, RowOutcome};
use super::super::ticket::{NewTicket, TicketEnd, TicketState};
use super::super::vault::key_id;
use super::*;
use crate::domain::{NationalId, PersonName};
use DeliveryState::{Acknowledged, Cancelled, Rejected, Unknown};

/// A data folder with a key file of its own.
struct Site {
    rig: Rig,
    keys: PathBuf,
}

impl Site {
    fn new() -> Self {
        let rig = Rig::new();
        let keys = rig.folder.path().join("keys").join(KEY_FILE);
        Self { rig, keys }
    }

    fn vault(&self) -> Result<Vault, StoreError> {
        Vault::open(&self.keys, &self.rig.config().folder, &System::real())
    }

    async fn try_open(&self) -> Result<Store, StoreError> {
        Store::open(self.rig.config(), self.vault()?, self.rig.system.clone()).await
    }

    async fn open(&self) -> Store {
        self.try_open().await.unwrap()
    }

    async fn beside(&self) -> Store {
        let vault = self.vault().unwrap();
        Store::open_beside(self.rig.config(), vault, self.rig.system.clone()).await.unwrap()
    }

    /// Numbers of the keys in the key file.
    fn in_file(&self) -> Vec<u32> {
        let text = fs::read_to_string(&self.keys).unwrap();
        text.lines().filter_map(|line| line.split_once(' ')?.0.parse().ok()).collect()
    }

    fn archive(&self) -> Archive {
        Archive::open(&self.rig.config().folder, self.vault().unwrap()).unwrap()
    }

    /// Everything sealed, opened.
    fn content(&self) -> Vec<(String, String, Vec<u8>)> {
        let mut found = Vec::new();
        let each = |table: &str, column: &str, plain: &[u8]| found.push((table.into(), column.into(), plain.to_vec()));
        assert_eq!(self.archive().each_sealed(each).unwrap(), 0, "something does not open");
        found
    }
}

/// The keys that the blobs of a database name, and how many blobs there are.
fn named(folder: &Path) -> (BTreeSet<u32>, usize) {
    let connection = Connection::open(folder.join(DATABASE_FILE)).unwrap();
    let (mut named, mut count) = (BTreeSet::new(), 0);
    for column in [
        "keys FROM documents",
        "warnings FROM documents",
        "replace_reason FROM documents",
        "body FROM bodies",
        "wire FROM bodies",
        "reason FROM deliveries",
        "replay_reason FROM deliveries",
        "raw FROM attempts",
        "raw FROM last_known",
        "sealed FROM officers",
        "asked FROM tickets",
        "answer FROM tickets",
        "name FROM batches",
        "details FROM batches",
        "question FROM batch_rows",
        "answer FROM batch_rows",
    ] {
        let mut statement = connection.prepare(&format!("SELECT {column}")).unwrap();
        let blobs = statement.query_map([], |row| row.get::<_, Option<Vec<u8>>>(0)).unwrap();
        let before = count;
        for blob in blobs.filter_map(Result::unwrap) {
            named.insert(key_id(&blob).unwrap());
            count += 1;
        }
        assert!(count > before, "the test fills no {column}");
    }
    let keys = connection.query_row("SELECT count(DISTINCT sealing_key), max(sealing_key) FROM bodies", [], |row| {
        Ok((row.get::<_, u32>(0)?, row.get::<_, u32>(1)?))
    });
    let (distinct, newest) = keys.unwrap();
    assert!(distinct > 1 || named.contains(&newest));
    (named, count)
}

/// Something in every sealed column, and hundreds of rows, so that there are many steps.
async fn fill(site: &Site, store: &Store) {
    let rig = &site.rig;
    for number in 0..40 {
        let document = NewDocument {
            warnings_json: "[\"Trần Thị Giả\"]".to_owned(),
            wire: (number % 3 == 0).then(|| Bytes::from(format!("wire {number}"))),
            ..rig.document(Kind::BirthCertificate, &format!("GCS{number}"), &format!("<a>{number}</a>"))
        };
        new(store.accept(document).await.unwrap());
    }
    let large = new(store.accept(rig.document(Kind::Claim, "LK-large", &"x".repeat(1_500_000))).await.unwrap());
    for leased in store.lease(wish(8)).await.unwrap() {
        let outcome = ended(End::Unknown { reason: "lý do".to_owned(), counts: Counts::Nothing });
        assert!(store.settle(&leased, outcome).await.unwrap());
    }
    let (page, _) = store.documents(Filter { state: Some(Unknown), ..everything() }).await.unwrap();
    store.replay(&page[0].id, "không có trên cổng").await.unwrap();
    store.cancel(&large.id, "gửi nhầm").await.unwrap();
    let replacing = NewDocument {
        replace_reason: Some("sửa tên".to_owned()),
        ..rig.document(Kind::BirthCertificate, "GCS1", "<a>sửa</a>")
    };
    new(store.accept(replacing).await.unwrap());

    for number in 0..250_u32 {
        let mut key = [0; 32];
        key[..4].copy_from_slice(&number.wrapping_mul(0x9E37_79B9).to_be_bytes());
        let known = LastKnown { code: "000".to_owned(), raw: Bytes::from("câu trả lời"), answered_at: rig.now() };
        assert!(store.keep_last_known(key, known));
    }
    store.probe().await.unwrap();
    let officer = |number: usize| OfficerRow {
        staff_id: format!("tiepdon{number}"),
        officer: Officer {
            name: PersonName::parse("TRẦN THỊ GIẢ").unwrap(),
            national_id: NationalId::parse("079085054321").unwrap(),
        },
        facility: Some(facility("01999")),
        is_default: number == 0,
    };
    store.import_officers((0..230).map(officer).collect(), false, rig.now()).await.unwrap().unwrap();
    for number in 0..5 {
        let ticket = NewTicket {
            key: [number; 32],
            client: "key_1".to_owned(),
            facility: facility("01999"),
            asked_json: "{\"hoTen\":\"Trần Thị Giả\"}".to_owned(),
            next_at: rig.now(),
        };
        let id = store.open_ticket(ticket).await.unwrap().unwrap();
        if number > 2 {
            let end = TicketEnd {
                state: TicketState::Answered,
                answer_json: Some("{\"b\":2}".to_owned()),
                event: "lookup.resolved",
                event_json: "{}".to_owned(),
            };
            assert!(store.end_ticket(&id, end).await.unwrap());
        }
    }
    let row = |number| NewRow { number, question_json: "{\"c\":3}".to_owned(), refused: None };
    let list = NewBatch {
        client: "key_1".to_owned(),
        facility: facility("01999"),
        name: "Danh sách của Trần Thị Giả".to_owned(),
        details_json: "{}".to_owned(),
        start_at: rig.now(),
        idempotency_key: None,
        sha256: [1; 32],
        open_max: 3,
        rows: (1..=260).map(row).collect(),
    };
    assert!(matches!(store.keep_batch(list).await.unwrap(), BatchKept::New(_)));
    store.begin_batches().await.unwrap();
    let (running, _) = store.running_batches().await.unwrap();
    for number in 1..20 {
        let outcome =
            RowOutcome::Answered { conclusion: "hop_le", code: "000".to_owned(), answer_json: "{\"d\":4}".to_owned() };
        store.settle_row(&running[0], number, outcome).await.unwrap();
    }
}

/// What a killed process leaves: the files as they lie.
fn left_by_a_kill(site: &Site, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(site.rig.config().folder).unwrap().map(Result::unwrap) {
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

#[tokio::test]
async fn everything_is_sealed_anew_and_the_first_key_can_go() {
    let site = Site::new();
    let store = site.open().await;
    fill(&site, &store).await;
    let before = site.content();
    let keys = store.storage_keys().await.unwrap();
    assert_eq!((keys.needed, keys.rotation), (BTreeSet::from([1]), None));
    assert!(!store.seal_some_anew().await.unwrap(), "there is nothing to do");
    assert_eq!(store.remove_old_storage_keys().await.unwrap(), [0_u32; 0]);

    assert_eq!(store.add_storage_key().await.unwrap(), 2);
    assert_eq!(site.in_file(), [1, 2], "it is in the file before anything else");
    let mut steps = 1;
    while store.seal_some_anew().await.unwrap() {
        steps += 1;
        let keys = store.storage_keys().await.unwrap();
        assert_eq!((keys.needed, store.add_storage_key().await.unwrap()), (BTreeSet::from([1, 2]), 2));
        assert_eq!(store.remove_old_storage_keys().await.unwrap(), [0_u32; 0], "no key goes while it is needed");
    }
    assert!(steps > 12, "{steps} steps");
    let keys = store.storage_keys().await.unwrap();
    let rotation = keys.rotation.clone().unwrap();
    let (named_keys, blobs) = named(&site.rig.config().folder);
    assert_eq!((named_keys, &keys.needed), (BTreeSet::from([2]), &BTreeSet::from([2])));
    assert_eq!((rotation.key, rotation.unreadable, rotation.table), (2, 0, None));
    assert!(rotation.looked_at >= rotation.sealed_anew && blobs as u64 > rotation.sealed_anew);
    assert_eq!(site.content(), before);

    assert_eq!(store.remove_old_storage_keys().await.unwrap(), [1]);
    store.close().await;
    assert_eq!(site.in_file(), [2]);
    let store = site.open().await;
    assert_eq!(site.content(), before);
    // Hashes stay: the same document is known again, and so is an officer.
    let again = site.rig.document(Kind::BirthCertificate, "GCS3", "<a>3</a>");
    assert!(matches!(store.accept(again).await.unwrap(), Accepted::Already(..)));
    assert!(store.remove_officer("tiepdon7", Some(facility("01999"))).await.unwrap());
    // And on to a third, and the number of one that is gone never comes back.
    assert_eq!(store.add_storage_key().await.unwrap(), 3);
    while store.seal_some_anew().await.unwrap() {}
    assert_eq!(named(&site.rig.config().folder).0, BTreeSet::from([3]));
    store.close().await;
}

#[tokio::test]
async fn wherever_it_is_cut_short_it_goes_on_to_its_end() {
    let site = Site::new();
    let store = site.open().await;
    fill(&site, &store).await;
    let before = site.content();
    store.add_storage_key().await.unwrap();
    let mut copies = Vec::new();
    loop {
        let copy = site.rig.folder.path().join(format!("copy {}", copies.len()));
        left_by_a_kill(&site, &copy);
        copies.push(copy);
        if !store.seal_some_anew().await.unwrap() {
            break;
        }
    }
    store.close().await;
    let mut went_on = Vec::new();
    for copy in copies {
        let vault = Vault::open(&site.keys, &copy, &System::real()).unwrap();
        let store = Store::open(Config::new(&copy), vault.clone(), site.rig.system.clone()).await.unwrap();
        while store.seal_some_anew().await.unwrap() {}
        let keys = store.storage_keys().await.unwrap();
        assert_eq!(keys.needed, BTreeSet::from([2]), "{copy:?}");
        went_on.push(keys.rotation.unwrap().sealed_anew);
        store.close().await;
        assert_eq!(named(&copy).0, BTreeSet::from([2]), "{copy:?}");
        let mut after = Vec::new();
        let each = |table: &str, column: &str, plain: &[u8]| after.push((table.into(), column.into(), plain.to_vec()));
        assert_eq!(Archive::open(&copy, vault).unwrap().each_sealed(each).unwrap(), 0);
        assert_eq!(after, before);
    }
    // The counts go on too: nothing was sealed anew twice.
    assert!(went_on.len() > 12 && went_on.iter().all(|count| *count == went_on[0]), "{went_on:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn moves_and_new_rows_meanwhile_are_never_written_over() {
    let site = Site::new();
    let store = site.open().await;
    fill(&site, &store).await;
    store.add_storage_key().await.unwrap();
    let callers: Vec<_> = (0..4)
        .map(|caller| {
            let (store, rig_document) = (store.clone(), site.rig.document(Kind::Claim, "", ""));
            tokio::spawn(async move {
                let mut told = Vec::new();
                for number in 0..40 {
                    let content = format!("{caller}/{number}");
                    let digest = digest::digest(&digest::SHA256, content.as_bytes());
                    let document = NewDocument {
                        keys: vec![format!("LK{content}")],
                        sha256: digest.as_ref().try_into().unwrap(),
                        body: Bytes::from(content.clone()),
                        ..copy_of(&rig_document)
                    };
                    let id = new(store.accept(document).await.unwrap()).id;
                    store.hold(&id, "giữ").await.unwrap();
                    store.cancel(&id, &content).await.unwrap();
                    told.push((id, content));
                }
                told
            })
        })
        .collect();
    while store.seal_some_anew().await.unwrap() {
        tokio::task::yield_now().await;
    }
    for caller in callers {
        for (id, content) in caller.await.unwrap() {
            let view = store.document(&id).await.unwrap().unwrap();
            let delivery = &view.deliveries[0];
            assert_eq!((delivery.state, delivery.reason.as_deref()), (Cancelled, Some(content.as_str())));
            assert_eq!(store.content(&id).await.unwrap().unwrap(), content.as_bytes());
        }
    }
    assert_eq!(named(&site.rig.config().folder).0, BTreeSet::from([2]));
    store.close().await;
}

fn copy_of(document: &NewDocument) -> NewDocument {
    NewDocument {
        client: document.client.clone(),
        facility: document.facility,
        kind: document.kind,
        keys: document.keys.clone(),
        parts: document.parts.clone(),
        records: document.records,
        sha256: document.sha256,
        body: document.body.clone(),
        wire: None,
        warnings_json: document.warnings_json.clone(),
        idempotency_key: None,
        replace_reason: None,
        hold: None,
        received_at: document.received_at,
    }
}

#[tokio::test]
async fn a_tool_beside_is_never_ahead_of_the_gateway_and_the_gateway_follows_the_file() {
    let site = Site::new();
    let store = site.open().await;
    fill(&site, &store).await;
    let tool = site.beside().await;
    assert!(tool.gateway_runs().await.unwrap());
    assert_eq!(tool.add_storage_key().await.unwrap(), 2);
    assert_eq!(tool.add_storage_key().await.unwrap(), 2);
    // Another tool reads the new file, and yet seals with the key that the gateway has in use.
    let other = site.beside().await;
    let officer = OfficerRow {
        staff_id: "moi".to_owned(),
        officer: Officer {
            name: PersonName::parse("TRẦN THỊ GIẢ").unwrap(),
            national_id: NationalId::parse("079085054321").unwrap(),
        },
        facility: None,
        is_default: false,
    };
    other.import_officers(vec![officer], false, site.rig.now()).await.unwrap().unwrap();
    assert_eq!(other.storage_keys().await.unwrap().needed, BTreeSet::from([1]));
    assert_eq!(named(&site.rig.config().folder).0, BTreeSet::from([1]));

    assert!(store.newer_storage_keys().await.unwrap());
    while store.seal_some_anew().await.unwrap() {}
    assert!(!store.newer_storage_keys().await.unwrap());
    assert_eq!(named(&site.rig.config().folder).0, BTreeSet::from([2]));
    // The tool that was there all the while reads what the gateway sealed, and removes the old key.
    assert_eq!(other.officers().await.unwrap().len(), 231);
    assert_eq!(tool.remove_old_storage_keys().await.unwrap(), [1]);
    tool.close().await;
    other.close().await;
    store.close().await;
    let tool = site.beside().await;
    assert!(!tool.gateway_runs().await.unwrap());
    // Without a gateway the tool does it.
    tool.add_storage_key().await.unwrap();
    assert!(!tool.seal_some_anew().await.unwrap(), "not before it was taken into use");
    tool.take_storage_key_into_use().await.unwrap();
    while tool.seal_some_anew().await.unwrap() {}
    assert_eq!(named(&site.rig.config().folder).0, BTreeSet::from([3]));
    // One that was killed before it took its key into use is followed by one that does.
    tool.add_storage_key().await.unwrap();
    tool.close().await;
    let tool = site.beside().await;
    assert_eq!(tool.add_storage_key().await.unwrap(), 4);
    tool.take_storage_key_into_use().await.unwrap();
    while tool.seal_some_anew().await.unwrap() {}
    assert_eq!(named(&site.rig.config().folder).0, BTreeSet::from([4]));
    tool.close().await;
}

#[tokio::test]
async fn a_row_changed_on_the_disk_keeps_its_key_and_stops_nothing_else() {
    let site = Site::new();
    let store = site.open().await;
    fill(&site, &store).await;
    let database = Connection::open(site.rig.config().folder.join(DATABASE_FILE)).unwrap();
    database
        .execute("UPDATE tickets SET asked = (SELECT asked FROM tickets WHERE sequence = 2) WHERE sequence = 1", [])
        .unwrap();
    store.add_storage_key().await.unwrap();
    while store.seal_some_anew().await.unwrap() {}
    let keys = store.storage_keys().await.unwrap();
    assert!(keys.is_settled());
    assert_eq!((keys.needed, keys.rotation.unwrap().unreadable), (BTreeSet::from([1, 2]), 1));
    assert_eq!(store.remove_old_storage_keys().await.unwrap(), [0_u32; 0], "the row may yet be put right");
    // Another rotation finds it in order.
    database.execute("DELETE FROM tickets WHERE sequence = 1", []).unwrap();
    assert_eq!(store.add_storage_key().await.unwrap(), 3);
    while store.seal_some_anew().await.unwrap() {}
    assert_eq!(store.remove_old_storage_keys().await.unwrap(), [1, 2]);
    drop(database);
    store.close().await;
}

#[tokio::test]
async fn keys_that_are_missing_others_or_too_old_are_refused_at_the_start_with_their_number() {
    let site = Site::new();
    let store = site.open().await;
    fill(&site, &store).await;
    let old_file = fs::read_to_string(&site.keys).unwrap();
    store.add_storage_key().await.unwrap();
    store.seal_some_anew().await.unwrap();
    store.close().await;
    let whole = fs::read_to_string(&site.keys).unwrap();
    let line = |text: &str, id: &str| text.lines().find(|line| line.starts_with(id)).unwrap().to_owned() + "\n";
    let (first, second, hashing) = (line(&whole, "1 "), line(&whole, "2 "), line(&whole, "hashing "));
    let other = "BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU=";
    for (text, told) in [
        (old_file, "storage key 2 is missing"),
        (whole.replace(&first, ""), "storage key 1 is missing"),
        (whole.replace(&second, &format!("2 {other}\n")), "storage key 2 is not the one"),
        (whole.replace(&first, &format!("1 {other}\n")), "storage key 1 is not the one"),
        (whole.replace(&hashing, &format!("hashing {other}\n")), "the storage keys of this database are missing"),
        (whole.replace(&hashing, ""), "the storage keys of this database are missing"),
        (whole.trim_end().to_owned(), "is not whole"),
    ] {
        fs::write(&site.keys, &text).unwrap();
        let error = site.try_open().await.map(drop).expect_err(told);
        assert!(error.to_string().contains(told), "{error}");
        assert!(!error.to_string().contains(other));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::write(&site.keys, &whole).unwrap();
        fs::set_permissions(&site.keys, fs::Permissions::from_mode(0o644)).unwrap();
        let error = site.try_open().await.map(drop).expect_err("others may read it");
        assert!(error.to_string().contains("chmod 600"), "{error}");
        fs::set_permissions(&site.keys, fs::Permissions::from_mode(0o600)).unwrap();
    }
    fs::write(&site.keys, &whole).unwrap();
    let store = site.open().await;
    while store.seal_some_anew().await.unwrap() {}
    store.close().await;
    // What a rotation left behind may be missing then.
    fs::write(&site.keys, whole.replace(&first, "")).unwrap();
    site.open().await.close().await;
}

#[tokio::test]
async fn a_key_file_of_the_first_form_gives_up_its_first_key() {
    let site = Site::new();
    fs::create_dir_all(site.keys.parent().unwrap()).unwrap();
    fs::write(&site.keys, "1 AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n").unwrap();
    #[cfg(unix)]
    fs::set_permissions(&site.keys, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let store = site.open().await;
    fill(&site, &store).await;
    store.add_storage_key().await.unwrap();
    while store.seal_some_anew().await.unwrap() {}
    assert_eq!(store.remove_old_storage_keys().await.unwrap(), [1]);
    store.close().await;
    let store = site.open().await;
    let again = site.rig.document(Kind::BirthCertificate, "GCS3", "<a>3</a>");
    assert!(
        matches!(store.accept(again).await.unwrap(), Accepted::Already(..)),
        "hashes outlive the key they came from"
    );
    store.close().await;
}

#[tokio::test]
async fn a_database_of_a_time_when_keys_were_not_written_down_is_brought_in_order() {
    let site = Site::new();
    let store = site.open().await;
    fill(&site, &store).await;
    store.add_storage_key().await.unwrap();
    for _ in 0..4 {
        assert!(store.seal_some_anew().await.unwrap());
    }
    store.close().await;
    let database = Connection::open(site.rig.config().folder.join(DATABASE_FILE)).unwrap();
    database.execute_batch("DELETE FROM storage_keys; DELETE FROM storage_rotation").unwrap();
    drop(database);
    let store = site.open().await;
    assert_eq!(store.storage_keys().await.unwrap().needed, BTreeSet::from([1, 2]));
    while store.seal_some_anew().await.unwrap() {}
    assert_eq!(store.storage_keys().await.unwrap().needed, BTreeSet::from([2]));
    assert_eq!(named(&site.rig.config().folder).0, BTreeSet::from([2]));
    store.close().await;
}

#[tokio::test]
async fn deliveries_go_on_while_everything_is_sealed_anew() {
    let site = Site::new();
    let store = site.open().await;
    fill(&site, &store).await;
    store.add_storage_key().await.unwrap();
    let mut receipts = Vec::new();
    loop {
        let leased = store.lease(wish(1)).await.unwrap();
        let more = store.seal_some_anew().await.unwrap();
        for one in &leased {
            let state = if receipts.len() % 2 == 0 { Acknowledged } else { Rejected };
            let raw = Bytes::from(format!("receipt {}", receipts.len()));
            assert!(store.settle(one, Settlement { raw: raw.clone(), ..settlement(state) }).await.unwrap());
            receipts.push((one.document.clone(), state, raw));
        }
        if leased.is_empty() && !more {
            break;
        }
    }
    assert!(receipts.len() > 30);
    for (id, state, raw) in receipts {
        assert_eq!(state_of(&store, &id).await, state);
        assert_eq!(store.attempts(&id).await.unwrap().last().unwrap().raw, raw);
    }
    assert_eq!(named(&site.rig.config().folder).0, BTreeSet::from([2]));
    store.close().await;
}
