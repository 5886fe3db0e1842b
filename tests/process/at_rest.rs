//! Without the key the data folder shows no patient: every byte of it, and of the log, is searched for everybody who went
//! through the gateway; and what is searched for is found once the rows are opened with the key.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use http::Method;
use lienthong::certs::file::{Existing, write_private};
use lienthong::domain::NationalId;
use lienthong::sandbox::{Faults, InsuredPerson, person_of};
use lienthong::store::{Archive, Vault};
use lienthong::system::System;
use serde_json::{Value, json};

use crate::commands::{program, signal};
use crate::facade::his;
use crate::process::{PATIENCE, Site};
use crate::search::{Needle, files_below, names_in};
use crate::{documents, exams};

const CHECKIN: &str = include_str!("../../schemas/checkin/sample.xml");
const CLAIM: &str = include_str!("../../schemas/claim/sample.xml");
const APPOINTMENT: &str = include_str!("../../schemas/claim/sample-appointment.xml");
const ASSESSMENT: &str = include_str!("../../schemas/medical-assessment/sample.xml");
const EXAM: &str = include_str!("../../schemas/driver-health-exam/sample.xml");
const EXAM_JSON: &str = include_str!("../../schemas/driver-health-exam/sample.json");
const BIRTH: &str = include_str!("../../schemas/birth-certificate/sample.xml");
const DEATH: &str = include_str!("../../schemas/death-certificate/sample.xml");
const VOUCHER: &str = include_str!("../../schemas/electronic-voucher/sample.xml");

const OFFICER: (&str, &str) = ("TRẦN THỊ QUẦY BẢY", "079085054321");
const REASON: &str = "Bà Riêng Thị Tư xin sửa ngày sinh";

fn people(count: usize) -> Vec<InsuredPerson> {
    let ids = (0..).filter_map(|serial: u32| NationalId::parse(&format!("001185{:06}", serial * 7 + 1)).ok());
    ids.map(|id| person_of(&id)).filter(|person| person.code == "000").take(count).collect()
}

fn question(person: &InsuredPerson) -> Value {
    json!({
        "maThe": person.national_id.as_str(),
        "hoTen": person.name,
        "ngaySinh": person.birth_date.portal(),
    })
}

/// What must be found nowhere.
fn needles(people: &[InsuredPerson]) -> Vec<Needle> {
    let mut values: BTreeSet<String> = BTreeSet::new();
    for document in [CHECKIN, CLAIM, APPOINTMENT, ASSESSMENT, EXAM, EXAM_JSON, BIRTH, DEATH, VOUCHER] {
        let names = names_in(document);
        assert!(names.len() >= 2, "nobody is named in a sample: {names:?}");
        values.extend(names);
    }
    for person in people {
        let texts = [person.name.as_str(), person.national_id.as_str(), &person.card, &person.address];
        values.extend(texts.map(str::to_owned));
        values.insert(person.birth_date.portal());
    }
    values.extend([OFFICER.0, OFFICER.1, REASON].map(str::to_owned));
    assert!(values.len() > 50, "{values:?}");
    values.iter().map(|value| Needle::new(value)).collect()
}

/// Searches the data folder and the log.
fn search(site: &Site, needles: &[Needle], when: &str) {
    let mut files = files_below(&site.path("data"));
    assert!(files.iter().any(|(name, bytes)| name.ends_with("gateway.db") && bytes.len() > 100_000), "{when}");
    files.push(("the log".to_owned(), std::fs::read(site.path("log")).unwrap()));
    let shown = shown_in(&files, needles);
    assert!(shown.is_empty(), "{when}: {shown:?}");
}

/// What stands in some file, and in which form.
fn shown_in<'n>(files: &[(String, Vec<u8>)], needles: &'n [Needle]) -> BTreeMap<&'n str, (&'static str, String)> {
    let mut shown = BTreeMap::new();
    for (name, bytes) in files {
        for needle in needles {
            if let Some(form) = needle.found_in(bytes) {
                shown.insert(needle.value.as_str(), (form, name.clone()));
            }
        }
    }
    shown
}

async fn post(site: &Site, path: &str, headers: &[(&str, &str)], body: String) -> (u16, Value) {
    let json = ("content-type", "application/json");
    let headers = [&[json], headers].concat();
    site.send_with(Method::POST, path, &headers, Bytes::from(body)).await.expect("an answer")
}

async fn submit(site: &Site, media_type: &str, facility: &str, body: &str) -> (u16, Value) {
    let headers = [("content-type", media_type), ("facility-id", facility)];
    let body = Bytes::from(body.to_owned());
    site.send_with(Method::POST, "/v1/documents", &headers, body).await.expect("an answer")
}

/// The document, once it is in one of these states.
async fn rests(site: &Site, id: &str, states: &[&str]) -> Value {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let document = site.get(&format!("/v1/documents/{id}")).await;
        if document["status"].as_str().is_some_and(|status| states.contains(&status)) {
            return document;
        }
        assert!(tokio::time::Instant::now() < deadline, "waited in vain for {states:?}: {}", document["status"]);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// Documents of every kind: taken, refused here, lost on the way back, withdrawn.
async fn all_documents(site: &Site) {
    const XML: &str = "application/xml";
    let exam = exams::numbered(EXAM, 43);
    for (media_type, facility, body) in [
        (XML, "01999", CHECKIN),
        (XML, "01999", CLAIM),
        (XML, "01999", APPOINTMENT),
        (XML, "01999", ASSESSMENT),
        (XML, "48999", exam.as_str()),
        ("application/json", "48999", EXAM_JSON),
        (XML, "79999", BIRTH),
        (XML, "38999", DEATH),
        (XML, "01999", VOUCHER),
    ] {
        let (status, told) = submit(site, media_type, facility, body).await;
        assert_eq!(status, 202, "{told}");
        let document = rests(site, told["id"].as_str().unwrap(), &["acknowledged", "rejected"]).await;
        let path = format!("/v1/documents/{}/legal-hold", document["id"].as_str().unwrap());
        for path in [path.clone(), format!("{path}/lift")] {
            let (status, told) = post(site, &path, &[], json!({"lyDo": REASON}).to_string()).await;
            assert_eq!(status, 200, "{told}");
        }
    }
    let (status, _) =
        submit(site, XML, "01999", &documents::claim("HS0000000009").replace(">1</SOLUONG", ">2</SOLUONG")).await;
    assert_eq!(status, 422);
    let (status, _) = submit(site, XML, "01999", "<GIAMDINHHS><HO_TEN>NGUYỄN THỊ VÍ DỤ</HO_TEN>").await;
    assert!((400..500).contains(&status), "{status}");

    let only_paths = vec!["/api/hososuckhoe/".to_owned()];
    site.sandbox.set_faults(Faults { reset_after_rate: 1.0, only_paths, ..Faults::default() });
    let (_, lost) = submit(site, XML, "79999", &documents::birth(77)).await;
    let lost = lost["id"].as_str().unwrap();
    rests(site, lost, &["unknown"]).await;
    site.sandbox.set_faults(Faults { outage: true, ..Faults::default() });
    let (_, waiting) = submit(site, XML, "38999", &documents::death(78)).await;
    site.sandbox.set_faults(Faults::default());
    for (id, what) in [(lost, "cancel"), (waiting["id"].as_str().unwrap(), "hold")] {
        let (status, told) =
            post(site, &format!("/v1/documents/{id}/{what}"), &[], json!({"lyDo": REASON}).to_string()).await;
        // What waited may have gone out meanwhile.
        assert!(status == 200 || what == "hold", "{told}");
    }
}

/// A webhook endpoint whose address names somebody, with a secret that was changed.
async fn a_webhook(site: &Site) {
    let url = format!("https://127.0.0.1:9/{}", OFFICER.1);
    let (status, told) = post(site, "/v1/webhook-endpoints", &[], json!({"url": url}).to_string()).await;
    assert_eq!(status, 201, "{told}");
    let path = format!("/v1/webhook-endpoints/{}/rotate-secret", told["id"].as_str().unwrap());
    assert_eq!(post(site, &path, &[], "{}".to_owned()).await.0, 200);
}

/// Lookups of every sort: answered, refused for their form, while the portal is away, and as a list.
async fn all_lookups(site: &Site, people: &[InsuredPerson]) {
    let staff = site.path("staff.csv");
    std::fs::write(
        &staff,
        format!("staff_id,name,national_id,facility,default\nquay7,{},{},,\n", OFFICER.0, OFFICER.1),
    )
    .unwrap();
    let config = site.path("lienthong.toml");
    let imported =
        program(&["officers", "import", "--config", config.to_str().unwrap(), staff.to_str().unwrap()]).await;
    assert!(imported.status.success(), "{imported:?}");

    let facility = [("facility-id", "01999")];
    for person in people {
        for path in ["/v1/card-lookups", "/v1/treatment-histories", "/v1/copay-lookups"] {
            let (status, told) = post(site, path, &facility, question(person).to_string()).await;
            assert_eq!(status, 200, "{told}");
        }
    }
    let name = people[0].name.as_str();
    for wrong in [
        json!({"maThe": name, "hoTen": people[0].national_id.as_str(), "ngaySinh": name}),
        json!({"qr": format!("{}|x|{name}|y", people[0].card)}),
    ] {
        let (status, _) = post(site, "/v1/card-lookups", &facility, wrong.to_string()).await;
        assert!((400..500).contains(&status), "{status}");
    }
    let rows: Value = people.iter().map(question).collect();
    let list = json!({"name": format!("Danh sách của {name}"), "rows": rows});
    let (status, list) = post(site, "/v1/card-lookups/batch", &facility, list.to_string()).await;
    assert_eq!(status, 202, "{list}");
    let path = format!("/v1/card-lookups/batches/{}", list["id"].as_str().unwrap());
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while site.get(&path).await["trangThai"] != "xong" {
        assert!(tokio::time::Instant::now() < deadline, "the list is stuck");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }

    // Whom nobody has asked about before: tickets.
    site.sandbox.set_faults(Faults { outage: true, ..Faults::default() });
    let unknown = crate::at_rest::people(people.len() + 3).split_off(people.len());
    let mut tickets = Vec::new();
    for person in &unknown {
        let (status, told) = post(site, "/v1/card-lookups", &facility, question(person).to_string()).await;
        assert_eq!(status, 200, "{told}");
        tickets.push(told["pendingLookup"].as_str().expect("a ticket").to_owned());
    }
    site.sandbox.set_faults(Faults::default());
    // Asked again by itself, with the answer in the ticket.
    let deadline = tokio::time::Instant::now() + PATIENCE;
    for ticket in tickets {
        while site.get(&format!("/v1/card-lookups/{ticket}")).await["trangThai"] == "dang_cho" {
            assert!(tokio::time::Instant::now() < deadline, "a ticket is stuck");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_key_the_data_folder_shows_no_patient() {
    let site = Site::new(Faults::default(), 20_261_121).await;
    let config = site.path("lienthong.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    // The key apart from the data, as it should be.
    let keys = site.path("keys");
    std::fs::rename(site.path("data").join("storage.keys"), &keys).unwrap();
    let text = text.replace("folder = \"data\"\n", "folder = \"data\"\nkeys_file = \"keys\"\n");
    std::fs::write(&config, text.replace("filter = \"info\"", "filter = \"debug\"")).unwrap();
    write_private(&site.path("client.key"), &site.key, Existing::Replace).unwrap();

    let mut his = his(&site).await;
    let mut gateway = site.start().await;
    his.sign_in().await;
    let asked = people(6);
    all_lookups(&site, &asked).await;
    all_documents(&site).await;
    a_webhook(&site).await;
    let told = his.claim(&documents::claim("HS0000000011")).await.expect("an answer");
    assert_eq!(told["maKetQua"], "200", "{told}");

    let everybody = people(9);
    let needles = needles(&everybody);
    search(&site, &needles, "while it runs");
    gateway.kill().await.unwrap();
    assert!(std::fs::metadata(site.path("data").join("gateway.db-wal")).unwrap().len() > 0, "a log was left");
    search(&site, &needles, "after a kill");

    let mut gateway = site.start().await;
    let rotated = program(&["--json", "keys", "rotate-storage", "--config", config.to_str().unwrap()]).await;
    let told: Value = serde_json::from_slice(&rotated.stdout).unwrap_or_else(|_| panic!("{rotated:?}"));
    assert_eq!((&told["key"], &told["unreadable"], &told["needed"]), (&json!(2), &json!(0), &json!([2])), "{told}");
    search(&site, &needles, "after a rotation");
    signal(&gateway, "TERM");
    assert!(tokio::time::timeout(PATIENCE, gateway.wait()).await.expect("it ends").unwrap().success());
    search(&site, &needles, "after a stop");

    // With the key, in a copy, the same search finds every one of them.
    let copy = site.path("copy");
    std::fs::create_dir(&copy).unwrap();
    for (name, bytes) in files_below(&site.path("data")) {
        std::fs::write(copy.join(std::path::Path::new(&name).file_name().unwrap()), bytes).unwrap();
    }
    let vault = Vault::open(&keys, &copy, &System::real()).unwrap();
    let mut opened: Vec<(String, Vec<u8>)> = Vec::new();
    let mut tables = BTreeSet::new();
    let closed = Archive::open(&copy, vault).unwrap().each_sealed(|table, column, plain| {
        tables.insert(table.to_owned());
        opened.push((format!("{table}.{column}"), plain.to_vec()));
    });
    assert_eq!(closed.unwrap(), 0, "everything opens");
    assert_eq!(tables.len(), lienthong::store::rotation::TABLES, "every table was filled: {tables:?}");
    let shown = shown_in(&opened, &needles);
    let missed: Vec<&str> =
        needles.iter().map(|needle| needle.value.as_str()).filter(|value| !shown.contains_key(value)).collect();
    assert!(missed.is_empty(), "searched for and nowhere to be found, even opened: {missed:?}");
    let forms: BTreeSet<&str> = shown.values().map(|(form, _)| *form).collect();
    assert!(forms.contains("plain") && forms.contains("base64"), "{forms:?}");
}
