//! Lists of lookups and the process: its commands, and being killed in the middle.

use std::collections::HashMap;

use lienthong::certs::file::{Existing, write_private};
use lienthong::domain::NationalId;
use lienthong::sandbox::{Faults, InsuredPerson, person_of};
use serde_json::Value;

use crate::commands::program;
use crate::process::{PATIENCE, Site};

fn people(count: usize) -> Vec<InsuredPerson> {
    let ids = (0..).filter_map(|serial: u32| NationalId::parse(&format!("001185{:06}", serial * 7 + 1)).ok());
    ids.map(|id| person_of(&id)).filter(|person| person.code == "000").take(count).collect()
}

fn csv(people: &[InsuredPerson]) -> String {
    let mut text = "Mã BN,Họ tên,Ngày sinh,CCCD\n".to_owned();
    for (n, person) in people.iter().enumerate() {
        text.push_str(&format!(
            "BN{n},{},{},{}\n",
            person.name,
            person.birth_date.portal(),
            person.national_id.as_str()
        ));
    }
    text
}

/// Runs a `batch` command against the site's gateway.
async fn batch(site: &Site, arguments: &[&str]) -> (Option<i32>, String, String) {
    let (key, ca) = (site.path("client.key"), site.path("ca.pem"));
    write_private(&key, &site.key, Existing::Replace).unwrap();
    let url = format!("https://{}", site.api);
    let mut line = vec!["--lang", "en", "batch"];
    line.extend(arguments);
    line.extend(["--url", &url, "--key-file", key.to_str().unwrap(), "--ca", ca.to_str().unwrap()]);
    let output = program(&line).await;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// The list, once it stands so.
async fn until(site: &Site, id: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let list = site.get(&format!("/v1/card-lookups/batches/{id}")).await;
        if is_so(&list) {
            return list;
        }
        assert!(tokio::time::Instant::now() < deadline, "waited in vain for {what}: {list}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_hand_a_list_over_and_fetch_what_came() {
    let site = Site::new(Faults::default(), 6).await;
    let _gateway = site.start().await;
    let all = people(3);
    let file = site.path("list.csv");
    let file = file.to_str().unwrap();
    std::fs::write(file, csv(&all)).unwrap();

    let later = ["submit", file, "--facility", "01999", "--name", "later", "--start-at", "2099-01-01T02:00"];
    let (code, _, told) = batch(&site, &later).await;
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("startAt"), "{told}");
    // A wrong row is told with its place in the file.
    let wrong = site.path("wrong.csv");
    std::fs::write(&wrong, format!("{}12,Nguyễn Văn Thử,01/01/1980\n", csv(&all))).unwrap();
    let (code, told, error) = batch(&site, &["submit", wrong.to_str().unwrap(), "--facility", "01999"]).await;
    assert_eq!(code, Some(2), "{told}");
    assert!(error.contains("row 5 ") || told.contains("row 5 "), "{told}{error}");

    let (code, told, error) =
        batch(&site, &["submit", file, "--facility", "01999", "--name", "sáng mai", "--json"]).await;
    assert_eq!(code, Some(0), "{told}{error}");
    let list: Value = serde_json::from_str(&told).unwrap();
    let id = list["id"].as_str().unwrap();
    until(&site, id, "the list to be done", |list| list["trangThai"] == "xong").await;
    let (code, told, _) = batch(&site, &["show", id]).await;
    assert_eq!(code, Some(0));
    assert!(told.contains("3/3") && told.contains("sáng mai") && told.contains("good 3"), "{told}");
    let (_, told, _) = batch(&site, &["list"]).await;
    assert!(told.contains(id), "{told}");

    let (code, told, _) = batch(&site, &["results", id]).await;
    assert_eq!((code, told.lines().count()), (Some(0), 4), "{told}");
    let (_, told, _) = batch(&site, &["results", id, "--format", "json"]).await;
    let rows: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(rows.as_array().map(Vec::len), Some(3), "{rows}");
    let (_, told, error) = batch(&site, &["results", id, "--problems"]).await;
    assert_eq!(told.lines().count(), 1, "the headings alone: {told}");
    assert_eq!(error, "", "all of them are there");
    // No problems in a list that is not done are no good news.
    let (_, told, _) = batch(&site, &["submit", file, "--facility", "01999", "--start-at", "02:00", "--json"]).await;
    let waiting: Value = serde_json::from_str(&told).unwrap();
    let (_, told, error) = batch(&site, &["results", waiting["id"].as_str().unwrap(), "--problems"]).await;
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(error.contains("not done (cho): 3 of 3"), "{error}");
    let workbook = site.path("results.xlsx");
    let (code, _, error) = batch(&site, &["results", id, "--output", workbook.to_str().unwrap()]).await;
    assert_eq!(code, Some(0), "{error}");
    assert!(std::fs::read(&workbook).unwrap().starts_with(b"PK"));
    let (code, ..) = batch(&site, &["results", id, "--output", workbook.to_str().unwrap()]).await;
    assert_eq!(code, Some(2), "a file that is there is not overwritten");

    let (code, _, told) = batch(&site, &["pause", id]).await;
    assert_eq!(code, Some(2));
    assert!(told.contains("batch.ended"), "{told}");
    let (code, _, told) = batch(&site, &["show", "bat_1/../.."]).await;
    assert_eq!(code, Some(2));
    assert!(told.contains("batch.not_found"), "{told}");
    let (code, ..) = batch(&site, &["submit", "nothing.csv"]).await;
    assert_eq!(code, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_survives_being_killed() {
    // An answer takes a while, so that rows are under way when the process ends.
    let site = Site::new(Faults { latency_ms: 400, ..Faults::default() }, 7).await;
    let mut gateway = site.start().await;
    let all = people(30);
    let file = site.path("list.csv");
    std::fs::write(&file, csv(&all)).unwrap();
    let (_, told, error) = batch(&site, &["submit", file.to_str().unwrap(), "--facility", "01999", "--json"]).await;
    let list: Value = serde_json::from_str(&told).unwrap_or_else(|_| panic!("{told}{error}"));
    let id = list["id"].as_str().unwrap();

    for so_far in [5, 15] {
        let before = until(&site, id, "some rows to be done", |list| list["xong"].as_u64() >= Some(so_far)).await;
        gateway.kill().await.unwrap();
        gateway = site.start().await;
        let after = site.get(&format!("/v1/card-lookups/batches/{id}")).await;
        assert!(after["xong"].as_u64() >= before["xong"].as_u64(), "an answer was lost: {before} {after}");
        let sum = |member: &str| after[member].as_u64().unwrap();
        assert_eq!(sum("xong") + sum("loi") + sum("conLai"), 30, "{after}");
    }
    let list = until(&site, id, "the list to be done", |list| list["trangThai"] == "xong").await;
    assert_eq!((list["hopLe"].as_u64(), list["loi"].as_u64()), (Some(30), Some(0)), "{list}");
    let mut asked: HashMap<String, usize> = HashMap::new();
    for question in site.sandbox.questions() {
        *asked.entry(question.subject).or_default() += 1;
    }
    assert_eq!(asked.len(), 30);
    // Only what was under way at a kill is asked once more: at four a second and 400 ms an answer, a few rows.
    let total: usize = asked.values().sum();
    assert!(total <= 30 + 2 * 10, "{total} questions for 30 rows and two kills");
    gateway.kill().await.unwrap();
}
