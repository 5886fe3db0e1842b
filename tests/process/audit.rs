//! The audit log as an operator meets it: proved over a kill, searched and exported beside the gateway, and told apart from
//! one that somebody changed.

use std::process::Stdio;
use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use lienthong::audit::AUDIT_FILE;
use lienthong::domain::NationalId;
use lienthong::sandbox::{self, Faults, InsuredPerson};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::commands::program;
use crate::documents;
use crate::process::{PATIENCE, PROGRAM, Site};

fn people() -> impl Iterator<Item = InsuredPerson> {
    let ids = (0..).map(|serial: u32| format!("0011{:02}{:06}", serial % 60 + 30, serial * 11 + 5));
    ids.filter_map(|id| NationalId::parse(&id).ok())
        .map(|id| sandbox::person_of(&id))
        .filter(|person| person.code == "000")
}

fn question(person: &InsuredPerson) -> Bytes {
    let (number, name) = (person.national_id.as_str(), person.name.as_str());
    Bytes::from(json!({"maThe": number, "hoTen": name, "ngaySinh": person.birth_date.portal()}).to_string())
}

impl Site {
    async fn look_up(&self, person: &InsuredPerson) -> Option<u16> {
        let headers = [("content-type", "application/json"), ("facility-id", "01999")];
        let answer = self.send_with(Method::POST, "/v1/card-lookups", &headers, question(person)).await;
        answer.map(|(status, _)| status)
    }

    /// `lienthong audit …` with its exit code and what it printed.
    async fn audit(&self, more: &[&str]) -> (i32, String) {
        let config = self.path("lienthong.toml");
        let output = program(&[more, &["--config", config.to_str().unwrap()]].concat()).await;
        (output.status.code().expect("it ends by itself"), String::from_utf8(output.stdout).unwrap())
    }

    async fn verify(&self, more: &[&str]) -> (i32, Value) {
        let (code, text) = self.audit(&[&["--json", "audit", "verify"], more].concat()).await;
        (code, serde_json::from_str(text.lines().next().unwrap_or_default()).unwrap_or_else(|_| panic!("{text}")))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_whole_over_a_kill_and_says_what_is_not_known() {
    let site = Arc::new(Site::new(Faults { latency_ms: 400, ..Faults::default() }, 21).await);
    let mut gateway = site.start().await;
    let person = people().next().unwrap();
    assert_eq!(site.look_up(&person).await, Some(200));
    assert_eq!(site.look_up(&person).await, Some(200));

    // The kill comes while questions are at the portal and documents on their way in.
    let busy: Vec<_> = people()
        .skip(1)
        .take(24)
        .enumerate()
        .map(|(number, person)| {
            let site = site.clone();
            tokio::spawn(async move {
                let claim = Bytes::from(documents::claim(&format!("NK{number:010}")));
                drop(site.send(Method::POST, "/v1/documents", "application/xml", claim).await);
                site.look_up(&person).await;
            })
        })
        .collect();
    let asked = tokio::time::timeout(PATIENCE, async {
        while site.sandbox.questions().len() < 3 {
            tokio::task::yield_now().await;
        }
    });
    asked.await.expect("questions reach the portal");
    gateway.kill().await.unwrap();
    for task in busy {
        task.await.unwrap();
    }
    let (code, killed) = site.verify(&[]).await;
    assert_eq!((code, &killed["whole"]), (0, &json!(true)), "{killed}");
    assert!(killed["open"].as_u64().unwrap() > 0, "nothing was under way: {killed}");
    let (_, opened) = site.audit(&["--lang", "en", "audit", "search", "--deed", "card.lookup"]).await;
    assert!(opened.contains("outcome not known"), "{opened}");

    // The next start signs what was left, and goes on; the commands work beside it.
    let mut gateway = site.start().await;
    assert_eq!(site.look_up(&person).await, Some(200));
    let (code, report) = site.verify(&[]).await;
    assert_eq!((code, &report["whole"]), (0, &json!(true)), "{report}");
    assert!(report["signedTo"].as_i64() >= killed["last"].as_i64(), "{report}");

    // What the gateway's own log told of a head holds; another hash does not.
    let log = std::fs::read_to_string(site.path("log")).unwrap();
    let mut lines = log.lines().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let head = lines.find(|line| line["message"] == "the head of the audit log was signed").expect("a head");
    let sequence = head["sequence"].as_i64().unwrap();
    let (_, key) = site.audit(&["audit", "public-key"]).await;
    std::fs::write(site.path("audit.pub"), key).unwrap();
    let key_file = site.path("audit.pub");
    let noted = format!("{sequence}:{}", head["hash"].as_str().unwrap());
    let held = ["--public-key", key_file.to_str().unwrap(), "--head", &noted];
    assert_eq!(site.verify(&held).await.0, 0);
    let other = format!("{sequence}:{}", "0".repeat(64));
    let (code, told) = site.verify(&["--head", &other]).await;
    assert_eq!(
        (code, &told["broken"]["wrong"], &told["broken"]["sequence"]),
        (2, &json!("not_as_noted"), &json!(sequence))
    );
    gateway.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_looked_at_whom_is_found_and_exported_without_a_number_on_the_command_line() {
    let site = Site::new(Faults::default(), 22).await;
    let _gateway = site.start().await;
    let people: Vec<_> = people().take(2).collect();
    for person in people.iter().chain(&people[..1]) {
        assert_eq!(site.look_up(person).await, Some(200));
    }
    let config = site.path("lienthong.toml");
    let mut search = Command::new(PROGRAM)
        .args(["--json", "audit", "search", "--subject", "--config", config.to_str().unwrap()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let number = format!("{}\n", people[0].national_id.as_str());
    search.stdin.take().unwrap().write_all(number.as_bytes()).await.unwrap();
    let output = tokio::time::timeout(PATIENCE, search.wait_with_output()).await.expect("it ends").unwrap();
    let found: Vec<Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let lookups: Vec<_> = found.iter().filter(|entry| entry["deed"] == "card.lookup").collect();
    // Asked at the portal once (opened, closed), from memory once; and the search itself is about this person.
    let told: Vec<_> = lookups.iter().map(|entry| (&entry["phase"], &entry["source"])).collect();
    assert_eq!(
        told,
        [(&json!("opened"), &json!("")), (&json!("closed"), &json!("portal")), (&json!("whole"), &json!("cache"))]
    );
    assert!(
        found
            .iter()
            .any(|entry| entry["deed"] == "audit.search" && entry["who"].as_str().unwrap().starts_with("operator"))
    );

    let (code, csv) = site.audit(&["audit", "export", "--format", "csv", "--from", "2020-01-01"]).await;
    assert_eq!(code, 0);
    assert!(csv.starts_with("sequence,at,phase,") && csv.matches("card.lookup").count() == 5, "{csv}");
    let (_, none) = site.audit(&["audit", "export", "--to", "2020-01-01"]).await;
    assert_eq!(none, "");
    let (_, lines) = site.audit(&["audit", "export"]).await;
    for person in &people {
        for text in [&csv, &lines] {
            assert!(!text.contains(person.national_id.as_str()) && !text.contains(person.name.as_str()));
        }
    }
    assert!(lines.contains("audit.export") && lines.contains("key.add"), "{lines}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_somebody_changed_is_told_with_its_first_wrong_entry() {
    let site = Site::new(Faults::default(), 23).await;
    let (code, text) = site.audit(&["--json", "audit", "search", "--deed", "key.add"]).await;
    assert_eq!((code, text.lines().count()), (0, 2), "{text}");
    let log = rusqlite::Connection::open(site.path("data").join(AUDIT_FILE)).unwrap();
    log.execute_batch("DROP TRIGGER entries_stay; UPDATE entries SET who = 'operator:nobody' WHERE sequence = 2")
        .unwrap();
    drop(log);
    // The key is made with the first start of a gateway; without one there is nothing to believe.
    let (code, _) = site.audit(&["audit", "verify"]).await;
    assert_eq!(code, 2);
    let mut gateway = site.start().await;
    let (code, told) = site.verify(&[]).await;
    assert_eq!((code, &told["broken"]), (2, &json!({"sequence": 2, "wrong": "changed"})), "{told}");
    let (code, text) = site.audit(&["--lang", "en", "audit", "verify"]).await;
    assert_eq!(code, 2, "{text}");
    gateway.kill().await.unwrap();
}
