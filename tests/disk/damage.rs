//! Changed bytes: in the database file and in its log, on every kind of page. The store refuses in clear words, or works
//! honestly: what it hands out is what was handed in, under the right facility, and nothing panics.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use bytes::Bytes;
use lienthong::document::Kind;
use lienthong::document::kind::KINDS;
use lienthong::domain::FacilityCode;
use lienthong::sandbox::Faults;
use lienthong::store::{
    Accepted, Config, DATABASE_FILE, Filter, KEY_FILE, LeaseWish, Lost, NewDocument, Store, StoreError, Vault,
};
use lienthong::system::System;
use rusqlite::Connection;

use crate::matrix::{Matrix, rounds};
use crate::random::Random;
use crate::site::{Document, Site};

/// Changes tried on one kind of page, in a round.
const CHANGES: usize = 24;

const PAGE: usize = 4096;

/// A log begins with a header, and each of its frames with another.
const LOG_HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// What was handed in.
struct Handed {
    facility: FacilityCode,
    kind: Kind,
    body: Bytes,
}

/// How a changed file was met.
#[derive(Default)]
struct Tally {
    not_opened: usize,
    told: usize,
    unnoticed: usize,
    recovered: usize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_changed_page_is_refused_or_harmless() {
    let mut matrix = Matrix::new("changed bytes");
    let folder = tempfile::tempdir().unwrap();
    let (data, log) = (folder.path().join("data"), folder.path().join("log"));
    let handed = filled(&data, &log).await;
    let mut random = Random::new(11);

    for (kind, pages) in pages_of(&data.join(DATABASE_FILE)) {
        let mut tally = Tally::default();
        for change in 0..CHANGES * rounds() {
            let image = folder.path().join("image");
            copy(&data, &image);
            let page = random.pick(&pages);
            let file = image.join(DATABASE_FILE);
            let mut bytes = fs::read(&file).unwrap();
            // The beginning of a page tells what it is; elsewhere anything may stand.
            let bound = if change % 3 == 0 { 16 } else { PAGE };
            spoil(&mut bytes, page * PAGE + random.below(bound), change, &mut random);
            fs::write(&file, bytes).unwrap();
            look_at(&image, &handed, &mut tally).await;
            removed(&image).await;
        }
        matrix.row(
            format!("changed: {kind}"),
            format!("{} changes, {} pages", CHANGES * rounds(), pages.len()),
            tally.words(),
        );
    }

    // The log. A change in the last commit cannot be told from a torn write, and is what SQLite leaves out.
    for (kind, from, to) in [
        ("the log's header", 0, LOG_HEADER),
        ("a frame's header in the log", LOG_HEADER, LOG_HEADER + FRAME_HEADER),
        ("a frame's page in the log", LOG_HEADER + FRAME_HEADER, LOG_HEADER + FRAME_HEADER + PAGE),
    ] {
        let mut tally = Tally::default();
        for change in 0..CHANGES * rounds() {
            let image = folder.path().join("image");
            copy(&log, &image);
            let file = image.join(format!("{DATABASE_FILE}-wal"));
            let mut bytes = fs::read(&file).unwrap();
            let frames = (bytes.len() - LOG_HEADER) / (FRAME_HEADER + PAGE);
            let frame = if to == LOG_HEADER { 0 } else { random.below(frames) };
            let at = from + frame * (FRAME_HEADER + PAGE) + random.below(to - from);
            let is_commit = |frame: &usize| {
                let at = LOG_HEADER + frame * (FRAME_HEADER + PAGE) + 4;
                bytes[at..at + 4] != [0; 4]
            };
            // Two commits after it prove that it was synced. A change may reach into the next frame.
            let is_proven = to == LOG_HEADER || (frame + 2..frames).filter(is_commit).count() > 2;
            spoil(&mut bytes, at, change, &mut random);
            fs::write(&file, bytes).unwrap();
            let refused = tally.not_opened;
            look_at(&image, &handed, &mut tally).await;
            assert!(!is_proven || tally.not_opened > refused, "{kind}: what was acknowledged is forgotten in silence");
            removed(&image).await;
        }
        matrix.row(format!("changed: {kind}"), format!("{} changes", CHANGES * rounds()), tally.words());
    }
    at_the_program(&mut matrix).await;
    matrix.print();
}

/// Changes a byte, a word, or a whole sector.
fn spoil(bytes: &mut [u8], at: usize, change: usize, random: &mut Random) {
    let length = [1, 1, 4, 512][change % 4];
    let end = (at + length).min(bytes.len());
    for byte in &mut bytes[at..end] {
        *byte ^= u8::try_from(1 + random.below(255)).unwrap();
    }
}

/// Fills `data` with documents, and `log` with the same while their newest part is in the log.
async fn filled(data: &Path, log: &Path) -> BTreeMap<String, Handed> {
    let system = System::real();
    let vault = Vault::open(&data.join(KEY_FILE), data, &system).unwrap();
    let mut handed = BTreeMap::new();
    let store = Store::open(Config::new(data), vault.clone(), system.clone()).await.unwrap();
    for number in 0..60 {
        let facts = &KINDS[number % KINDS.len()];
        let facility = FacilityCode::parse(["01999", "79999", "38999"][number % 3]).unwrap();
        // Some are larger than a page and lead to pages of their own.
        let body = Bytes::from(format!("<{}>{}</{}>", facts.name, "x".repeat(number * 300), number));
        let new = NewDocument {
            client: "key_1".to_owned(),
            facility,
            kind: facts.kind,
            keys: vec![format!("LK{number}")],
            parts: vec!["XML1".to_owned()],
            records: 1,
            sha256: lienthong::intake::sha256(&body),
            body: body.clone(),
            wire: None,
            warnings_json: "[]".to_owned(),
            idempotency_key: Some(format!("key {number}")),
            replace_reason: None,
            hold: None,
            received_at: system.now(),
        };
        let Accepted::New(view) = store.accept(new).await.unwrap() else { panic!("not new") };
        handed.insert(view.id, Handed { facility, kind: facts.kind, body });
    }
    // Room that was used and is free again.
    store.probe().await.unwrap();
    copy(data, log);
    store.close().await;
    handed
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for file in fs::read_dir(from).unwrap().map(Result::unwrap) {
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

/// The pages of a database by what they hold.
fn pages_of(database: &Path) -> BTreeMap<String, Vec<usize>> {
    let connection = Connection::open(database).unwrap();
    let mut pages: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    pages.insert("the file's first page".to_owned(), vec![0]);
    let mut listed = connection.prepare("SELECT name, type FROM sqlite_schema WHERE rootpage > 0").unwrap();
    let named: BTreeMap<String, String> =
        listed.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().collect::<Result<_, _>>().unwrap();
    // SQLite tells which tree a page belongs to only where it was built to, so the roots stand for their trees, and
    // every other page for the rest.
    let mut roots = connection.prepare("SELECT name, rootpage FROM sqlite_schema WHERE rootpage > 0").unwrap();
    let roots: Vec<(String, u32)> =
        roots.query_map([], |row| Ok((row.get(0)?, row.get::<_, u32>(1)?))).unwrap().collect::<Result<_, _>>().unwrap();
    for (name, root) in &roots {
        let of = if named[name] == "table" { format!("the table {name}") } else { "an index".to_owned() };
        let of = match name.as_str() {
            "documents" | "bodies" | "deliveries" | "events" | "document_keys" | "meta" | "idempotency" => of,
            _ if named[name] == "table" => "another table".to_owned(),
            _ => of,
        };
        pages.entry(of).or_default().push(*root as usize - 1);
    }
    let count: u32 = connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    let free: u32 = connection.query_row("PRAGMA freelist_count", [], |row| row.get(0)).unwrap();
    assert!(free > 0, "no page is free");
    let others =
        (1..count as usize).filter(|page| !roots.iter().any(|(_, root)| *root as usize - 1 == *page)).collect();
    pages.insert("leaves, overflow and free pages".to_owned(), others);
    pages
}

/// Opens what was changed and uses it as a gateway does.
/// Removes a folder whose store may not have let go of it: whoever looks through the pages lets go when he is done.
async fn removed(folder: &Path) {
    let deadline = tokio::time::Instant::now() + crate::site::PATIENCE;
    while let Err(error) = fs::remove_dir_all(folder) {
        assert!(tokio::time::Instant::now() < deadline, "{error}");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

async fn look_at(image: &Path, handed: &BTreeMap<String, Handed>, tally: &mut Tally) {
    let system = System::real();
    let vault = Vault::open(&image.join(KEY_FILE), image, &system).unwrap();
    let store = match Store::open(Config::new(image), vault.clone(), system).await {
        Ok(store) => store,
        Err(error) => {
            in_order(&error);
            tally.not_opened += 1;
            return;
        }
    };
    let mut told = 0;
    let mut note = |error: StoreError| {
        in_order(&error);
        told += 1;
    };
    let mut there = 0;
    for (id, was) in handed {
        match store.document(id).await {
            Ok(Some(view)) => {
                there += 1;
                // What is told of a document may be changed where no seal covers it; what it is known by must not be.
                assert!(view.deliveries.len() <= 1);
            }
            Ok(None) => {}
            Err(error) => note(error),
        }
        match store.content(id).await {
            Ok(Some(body)) => assert_eq!(body, was.body, "other bytes were handed out"),
            Ok(None) => {}
            Err(error) => note(error),
        }
    }
    let facilities: Vec<FacilityCode> =
        ["01999", "79999", "38999"].map(|code| FacilityCode::parse(code).unwrap()).to_vec();
    if let Err(error) =
        store.documents(Filter { facilities: facilities.clone(), limit: 500, ..Filter::default() }).await
    {
        note(error);
    }
    if let Err(error) = store.events_after(0, 500, &facilities).await {
        note(error);
    }
    if let Err(error) = store.backlog().await {
        note(error);
    }
    if let Err(error) = store.recover(Lost::All).await {
        note(error);
    }
    // What would be sent is what was handed in, as what it was handed in.
    let wish = LeaseWish {
        most: 200,
        kinds: KINDS.iter().map(|facts| (facts.kind, u32::MAX)).collect(),
        facilities_excluded: Vec::new(),
        lease_for: std::time::Duration::from_secs(60),
    };
    let mut leased_all = 0;
    loop {
        match store.lease(wish.clone()).await {
            Ok(leased) if leased.is_empty() => break,
            Ok(leased) => {
                for leased in leased {
                    leased_all += 1;
                    let was = handed.get(&leased.document).expect("a document that was handed in");
                    assert_eq!((leased.facility, leased.kind), (was.facility, was.kind), "sent as something else");
                    assert_eq!(leased.body, was.body, "other bytes would be sent");
                    assert!(leased_all <= handed.len(), "leased twice");
                }
            }
            Err(error) => {
                note(error);
                break;
            }
        }
    }
    let probed = store.probe().await;
    if let Err(error) = probed {
        note(error);
    }
    store.close().await;
    match told {
        0 if there == handed.len() && leased_all == handed.len() => tally.unnoticed += 1,
        0 => tally.recovered += 1,
        _ => tally.told += 1,
    }
}

/// An error that is told in the words of the store, without a panic.
fn in_order(error: &StoreError) {
    let told = error.to_string();
    assert!(!told.contains("panicked"), "{told}");
    assert!(
        matches!(
            error,
            StoreError::Damaged
                | StoreError::LogDamaged
                | StoreError::Failed(_)
                | StoreError::Sealed
                | StoreError::KeyMissing
                | StoreError::TooNew(_)
                | StoreError::Full
        ),
        "{told}"
    );
}

// === impl Tally ===

impl Tally {
    fn words(&self) -> String {
        let Self { not_opened, told, unnoticed, recovered } = self;
        format!(
            "{not_opened} refused at the start, {told} refused where it was met, {recovered} with rows left out, {unnoticed} without effect; no other byte handed out"
        )
    }
}

/// The program's own words at a damaged file.
async fn at_the_program(matrix: &mut Matrix) {
    let site = Site::with_key(false, Faults::default()).await;
    let gateway = site.start().await.unwrap_or_else(|ended| panic!("{ended:?}"));
    for number in 0..6 {
        site.submit_until_kept(&Document::new(number)).await;
    }
    site.rest().await;
    gateway.stop().await;
    let database = site.path("data/gateway.db");
    let sound = fs::read(&database).unwrap();
    let told = site.run(&["check", "--database"]).await.unwrap_or_else(|ended| panic!("{ended:?}"));
    assert!(told.contains("6 documents were read") && told.contains("the database is whole"), "{told}");

    let mut header = sound.clone();
    header[..16].fill(0);
    fs::write(&database, &header).unwrap();
    let ended = site.start().await.err().expect("a file that is no database is refused");
    assert_eq!(ended.code, Some(2));
    assert!(ended.told.contains("the database is damaged") && ended.told.contains("backup"), "{}", ended.told);
    let ended = site.run(&["check", "--database"]).await.unwrap_err();
    assert!(ended.code == Some(2) && ended.told.contains("the database is damaged"), "{ended:?}");

    // Every page but the first: it starts, meets the damage, refuses, says why, and looks through the file.
    let mut pages = sound.clone();
    for page in pages.chunks_mut(PAGE).skip(1) {
        page[..8].fill(0xFF);
    }
    fs::write(&database, &pages).unwrap();
    let outcome = match site.start().await {
        Err(ended) => {
            assert!(ended.code == Some(2) && ended.told.contains("the database is damaged"), "{ended:?}");
            "refused at the start, exit code 2, \"the database is damaged …\""
        }
        Ok(gateway) => {
            let (status, told) = gateway.ready(&site).await;
            assert_eq!((status, &told["reasons"][0]["code"]), (503, &"store.damaged".into()), "{told}");
            gateway.kill().await;
            "not ready: store.damaged"
        }
    };
    let ended = site.run(&["check", "--database"]).await.unwrap_err();
    assert!(ended.code == Some(2) && ended.told.contains("the database is damaged"), "{ended:?}");
    matrix.row("the whole file but its first page", "run, check --database", outcome);
    fs::write(&database, &sound).unwrap();
    let gateway = site.start().await.unwrap_or_else(|ended| panic!("{ended:?}"));
    assert_eq!(site.all().await.len(), 6);
    gateway.stop().await;
}
