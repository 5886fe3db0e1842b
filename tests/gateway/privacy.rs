//! Nothing that names a patient or opens the portal stands where it does not belong: not in problems, events, metrics or
//! log lines, and not readable in the files on the disk.

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Method;
use lienthong::sandbox::{ACCOUNT_PASSWORD, Faults, InsuredPerson};
use md5::{Digest, Md5};
use serde_json::{Value, json};

use crate::documents::id;
use crate::moves::order;
use crate::samples::{self, claim};
use crate::support::{Options, TestGateway, question, until, valid_person};

/// Keys of documents, like nothing else that any test writes.
const VISIT: &str = "LKRIENGTU20261120";
const CERTIFICATE: &str = "73951.GCS.79999.26";
const REASON: &str = "Bà Riêng Thị Tư xin sửa";

/// All log lines of this process.
fn log() -> &'static Arc<Mutex<Vec<u8>>> {
    static LOG: OnceLock<Arc<Mutex<Vec<u8>>>> = OnceLock::new();
    LOG.get_or_init(|| {
        let log = Arc::new(Mutex::new(Vec::new()));
        let kept = log.clone();
        // Ours at their most talkative; the others as an operator would run them.
        tracing_subscriber::fmt()
            .with_env_filter("lienthong=trace,debug")
            .with_ansi(false)
            .with_writer(move || Line(kept.clone()))
            .init();
        log
    })
}

struct Line(Arc<Mutex<Vec<u8>>>);

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What must not be found, each with a word that may be shown when it is.
fn secrets(gateway: &TestGateway, people: &[InsuredPerson]) -> Vec<(String, String)> {
    let mut secrets = vec![
        ("the key".to_owned(), gateway.key.clone()),
        ("the portal's password".to_owned(), ACCOUNT_PASSWORD.to_owned()),
        ("its hash".to_owned(), Md5::digest(ACCOUNT_PASSWORD).iter().map(|byte| format!("{byte:02x}")).collect()),
        ("a MA_LK".to_owned(), VISIT.to_owned()),
        ("a certificate's number".to_owned(), CERTIFICATE.to_owned()),
        ("a reason".to_owned(), REASON.to_owned()),
        ("a name in a document".to_owned(), "BÙI THỊ GIẢ".to_owned()),
        ("a mother's name".to_owned(), "LÊ THỊ GIẢ ĐỊNH".to_owned()),
        ("a mother's national id".to_owned(), "079196012345".to_owned()),
        ("an element of a document".to_owned(), "GIAYCHUNGSINH Id".to_owned()),
    ];
    for person in people {
        secrets.push(("a name".to_owned(), person.name.as_str().to_owned()));
        secrets.push(("a national id".to_owned(), person.national_id.as_str().to_owned()));
        secrets.push(("a card".to_owned(), person.card.as_str().to_owned()));
    }
    secrets
}

fn found_in(bytes: &[u8], secrets: &[(String, String)]) -> Vec<String> {
    let lower = bytes.to_ascii_lowercase();
    let holds = |secret: &str| memchr::memmem::find(&lower, secret.to_ascii_lowercase().as_bytes()).is_some();
    let packed = |secret: &str| {
        // The middle of the base64 is the same whatever stands before in multiples of three.
        (0..3).any(|shift| {
            let encoded = STANDARD.encode(format!("{}{secret}", &"   "[..shift]));
            let middle = &encoded[4..encoded.len() - 4];
            memchr::memmem::find(bytes, middle.as_bytes()).is_some()
        })
    };
    secrets.iter().filter(|(_, secret)| holds(secret) || packed(secret)).map(|(what, _)| what.clone()).collect()
}

fn files_below(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
    files
}

/// Lookups and documents that go well, and their problems: everything a problem was told, as bytes.
async fn a_day(gateway: &TestGateway, people: &[InsuredPerson]) -> Vec<u8> {
    for person in people {
        gateway.post("/v1/card-lookups", &question(person)).await.expect(200);
        gateway.post("/v1/treatment-histories", &question(person)).await.expect(200);
        gateway.post("/v1/copay-lookups", &question(person)).await.expect(200);
    }
    let first = gateway.submit(claim(VISIT, "một")).await.expect(202).json();
    gateway.document_in(id(&first), &["acknowledged"]).await;
    let only_paths = vec!["/api/hososuckhoe/".to_owned()];
    gateway.sandbox.set_faults(Faults { reset_after_rate: 1.0, only_paths, ..Faults::default() });
    let birth = samples::BIRTH.replace("00012.GCS.79999.26", CERTIFICATE);
    let certificate = gateway.submit(birth.clone()).await.expect(202).json();
    gateway.document_in(id(&certificate), &["unknown"]).await;
    gateway.sandbox.set_faults(Faults::default());
    let reason = json!({"lyDo": REASON});
    gateway.post(&format!("/v1/documents/{}/cancel", id(&certificate)), &reason).await.expect(200);

    let rows: Value = people.iter().map(question).collect();
    let list = json!({"name": people[0].name, "rows": rows});
    let list = gateway.post("/v1/card-lookups/batch", &list).await.expect(202).json();
    until("the list to be done", async || {
        let shown = gateway.get(&format!("/v1/card-lookups/batches/{}", id(&list))).await.expect(200).json();
        (shown["trangThai"] == "xong").then_some(())
    })
    .await;

    let person = &people[0];
    let (name, national_id) = (person.name.as_str(), person.national_id.as_str());
    let key = [("idempotency-key", VISIT)];
    gateway.submit_with(&key, claim("LK-2", "")).await.expect(202);
    let mut problems = Vec::new();
    let mut told = |reply: crate::support::Reply| {
        assert!(reply.status.is_client_error() || reply.status.is_server_error(), "{}", reply.status);
        problems.extend_from_slice(&reply.body);
    };
    told(gateway.submit(claim(VISIT, "hai")).await);
    told(gateway.submit_with(&key, claim("LK-3", "")).await);
    told(gateway.submit_with(&[("facility-id", "79999")], claim(VISIT, "")).await);
    told(gateway.submit(format!("<GIAMDINHHS><HO_TEN>{name}</HO_TEN><GHI_CHU>{VISIT}</GHI_CHU>")).await);
    told(gateway.submit(samples::checkin(VISIT, 1).replace("</MA_LK>", "</HO_TEN>")).await);
    told(
        gateway
            .submit(birth.replace(".79999.", ".38999.").replacen("</HSDLGCS>", "<GIAYCHUNGSINH/></HSDLGCS>", 1))
            .await,
    );
    told(gateway.post("/v1/card-lookups", &json!({"maThe": name, "hoTen": national_id, "ngaySinh": name})).await);
    told(gateway.post("/v1/card-lookups", &json!({"qr": format!("{national_id}|x|{name}|y"), name: name})).await);
    told(gateway.post("/v1/scans", &json!({"raw": format!("{name} {national_id}")})).await);
    let wrong = json!({"ref": VISIT, "maThe": name, "hoTen": national_id, "ngaySinh": name, name: name});
    told(gateway.post("/v1/card-lookups/batch", &json!({"name": name, "rows": [wrong]})).await);
    let csv = [("content-type", "text/csv"), ("facility-id", "01999")];
    for text in [format!("Họ tên,CCCD,Năm sinh\n{national_id},{name},{VISIT}\n"), format!("{name},{national_id}\n")]
    {
        told(gateway.send(Method::POST, "/v1/card-lookups/batch", &csv, Bytes::from(text)).await);
    }
    told(gateway.get(&format!("/v1/card-lookups/batches/{national_id}/results")).await);
    told(gateway.get(&format!("/v1/documents/{national_id}")).await);
    told(gateway.get(&format!("/v1/documents?ma-lk={VISIT}&type={VISIT}&status={VISIT}&cursor={VISIT}")).await);
    told(gateway.get(&format!("/v1/events?after={VISIT}")).await);
    told(gateway.get(&format!("/{VISIT}/{national_id}")).await);
    told(order(gateway, id(&first), "replay").await);
    let json = [("content-type", "application/json"), ("facility-id", "01999")];
    let broken = format!("{{\"hoTen\": {name}");
    told(gateway.send(Method::POST, "/v1/scans", &json, Bytes::from(broken)).await);
    gateway.sandbox.set_faults(Faults { html_rate: 1.0, ..Faults::default() });
    for unknown in 40..44 {
        let strict = [("prefer", "handling=strict")];
        told(gateway.post_with("/v1/card-lookups", &strict, &question(&valid_person(unknown))).await);
    }
    gateway.sandbox.set_faults(Faults::default());
    problems
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_names_a_patient_stands_where_it_does_not_belong() {
    let log = log();
    let options = Options { portal: "failures_to_rest = 3\nrest_s = 1", ..Options::default() };
    let mut gateway = TestGateway::with(options).await;
    let mut people: Vec<InsuredPerson> = (30..33).map(valid_person).collect();
    let problems = a_day(&gateway, &people).await;
    people.extend((40..44).map(valid_person));
    let secrets = secrets(&gateway, &people);
    assert_eq!(found_in(&problems, &secrets), [""; 0], "in a problem");

    let mut events = until("the outage to be told", async || {
        let events = gateway.get("/v1/events?limit=500").await.expect(200).json();
        events["data"].as_array().unwrap().iter().any(|event| event["type"] == "destination.down").then_some(events)
    })
    .await;
    for event in events["data"].as_array_mut().unwrap() {
        // The keys are there on purpose: by them the HIS finds its own record.
        event["data"].as_object_mut().unwrap().remove("keys");
    }
    assert!(events["data"].as_array().unwrap().len() > 5);
    assert_eq!(found_in(events.to_string().as_bytes(), &secrets), [""; 0], "in an event");

    let metrics = gateway.admin("/metrics").await.expect(200).body;
    assert_eq!(found_in(&metrics, &secrets), [""; 0], "in the metrics");
    let ready = gateway.admin("/readyz").await.body;
    assert_eq!(found_in(&ready, &secrets), [""; 0], "in the readiness");

    // While it runs, and after it has put everything in its place.
    for stopped in [false, true] {
        if stopped {
            gateway.stop().await;
        }
        let files = files_below(&gateway.data_folder());
        for database in ["gateway.db", "audit.db"] {
            let is_there = files.iter().any(|(name, bytes)| name.ends_with(database) && bytes.len() > 4_096);
            assert!(is_there, "no {database}");
        }
        for (name, bytes) in files {
            assert_eq!(found_in(&bytes, &secrets), [""; 0], "in {name}");
        }
    }

    let log = log.lock().unwrap();
    assert!(
        memchr::memmem::find(&log, b"answered").is_some()
            && memchr::memmem::find(&log, b"delivery attempted").is_some()
            && memchr::memmem::find(&log, b"a list is done").is_some()
    );
    // Other tests' gateways log here too; those secrets are of this one alone.
    let own: Vec<_> = secrets
        .iter()
        .filter(|(what, secret)| !what.ends_with("in a document") && *secret != *"079196012345")
        .cloned()
        .collect();
    assert_eq!(found_in(&log, &own), [""; 0], "in the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_looked_for_would_be_found() {
    let secrets = [("a name".to_owned(), "BÙI THỊ GIẢ".to_owned())];
    for shift in ["", "x", "xy"] {
        let packed = STANDARD.encode(format!("{shift}<HO_TEN>BÙI THỊ GIẢ</HO_TEN>"));
        assert_eq!(found_in(packed.as_bytes(), &secrets), ["a name"]);
    }
    assert_eq!(found_in("bÙI THỊ GIẢ".as_bytes(), &secrets), ["a name"]);
    assert_eq!(found_in(Value::from("BÙI THỊ").to_string().as_bytes(), &secrets), [""; 0]);
}
