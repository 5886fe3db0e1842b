//! Lists beside people: how long a person waits for a turn while a list of thousands runs on the same budget, and how long
//! such a list takes where the budget does not hold it back.
//!
//! `cargo bench --bench bulk`; `docs/performance.md` says what each figure means.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::expect_used, reason = "a benchmark that cannot go on has nothing to tell")]

mod support;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use lienthong::sandbox::InsuredPerson;
use serde_json::{Value, json};

use self::support::Wishes;
use self::support::figures::{Figures, Latencies};
use self::support::load::{Target, Wanted, Wire};
use self::support::process::{cpu, machine};
use self::support::stand::{Stand, people, serve_if_told};

/// How long one slot of the budget is at five a second.
const SLOT_MS: f64 = 200.0;

fn main() -> ExitCode {
    if let Some(served) = serve_if_told() {
        return served;
    }
    let mut wishes = match Wishes::read() {
        Ok(wishes) => wishes,
        Err(code) => return code,
    };
    // Nothing here is about single cores.
    wishes.pinned = false;
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be made");
    let mut figures = Figures::default();
    println!("machine: {}", machine());
    runtime.block_on(async {
        if wishes.wants("beside") {
            beside(&wishes, "a burst of 60", "questions_per_minute = 300\nburst = 60", &mut figures).await;
            beside(&wishes, "no burst", "questions_per_minute = 300\nburst = 1", &mut figures).await;
        }
        if wishes.wants("alone") {
            alone(&wishes, &mut figures).await;
        }
    });
    match figures.write(wishes.json.as_deref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("the figures could not be written: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A list on a budget of five questions a second, and persons who ask meanwhile about people nobody has asked about, one
/// after the other, at moments that fall on no beat of the budget.
async fn beside(wishes: &Wishes, name: &str, lookup: &str, figures: &mut Figures) {
    let (rows, persons) = if wishes.quick { (200, 3) } else { (10_000, 60) };
    figures.section(&format!("a person beside a list of {rows}, five questions a second, {name}"));
    let stand = Stand::start(wishes, "", lookup).await;
    let target = Target::new(&stand.outside);
    let mut wire = target.connect().await;
    // What a miss takes where nobody waits for anything.
    let mut strangers = people().skip(30_000);
    let first = strangers.next().expect("there are many");
    timed(&mut wire, &target, &first).await;
    let mut bare = Latencies::default();
    for person in strangers.by_ref().take(5) {
        tokio::time::sleep(Duration::from_millis(250)).await;
        bare.note(timed(&mut wire, &target, &person).await);
    }

    let list: Vec<InsuredPerson> = people().take(rows).collect();
    let id = submit(&mut wire, &target, &list).await;
    let begun = Instant::now();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = stand.sandbox.questions().len();
    let mut waits = Latencies::default();
    for (n, person) in strangers.take(persons).enumerate() {
        let pause = 900 + (n as u64 * 7_919) % 317;
        tokio::time::sleep(Duration::from_millis(pause)).await;
        waits.note(timed(&mut wire, &target, &person).await);
    }
    let list = show(&mut wire, &target, &id).await;
    let asked = stand.sandbox.questions().len() - before;
    let rate = asked as f64 / begun.elapsed().as_secs_f64().max(1.0);
    let [median, p95, max] = in_ms(&mut waits);
    let [of_bare, ..] = in_ms(&mut bare);
    figures.tell(&format!("{name}, a miss without a list, median"), of_bare, "ms");
    figures.tell(&format!("{name}, a miss beside the list, median"), median, "ms");
    figures.tell(&format!("{name}, 95 of 100"), p95, "ms");
    figures.tell(&format!("{name}, longest of {persons}"), max, "ms");
    figures.tell(&format!("{name}, longest in slots of the budget"), max / SLOT_MS, "slots");
    figures.tell(&format!("{name}, questions a second in all"), rate, "/s");
    figures.tell(&format!("{name}, rows done meanwhile"), number(&list, "xong"), "");
}

/// A list where the budget is wide open.
async fn alone(wishes: &Wishes, figures: &mut Figures) {
    let rows = if wishes.quick { 200 } else { 10_000 };
    figures.section(&format!("a list of {rows} alone, budget wide open"));
    let stand = Stand::start(wishes, "", "bulk_share_percent = 100").await;
    let target = Target::new(&stand.outside);
    let mut wire = target.connect().await;
    let list: Vec<InsuredPerson> = people().take(rows).collect();
    let before = cpu(stand.pid());
    let begun = Instant::now();
    let id = submit(&mut wire, &target, &list).await;
    figures.tell("list, accepted after", begun.elapsed().as_secs_f64() * 1_000.0, "ms");
    let ended = until_done(&mut wire, &target, &id).await;
    let took = begun.elapsed();
    figures.tell("list, done after", took.as_secs_f64(), "s");
    figures.tell("list, rows a second", rows as f64 / took.as_secs_f64(), "/s");
    let spent = cpu(stand.pid()).saturating_sub(before);
    figures.tell("list, CPU of the gateway a row", spent.as_secs_f64() * 1e6 / rows as f64, "us");
    figures.tell("list, rows answered", number(&ended, "xong"), "");

    let begun = Instant::now();
    let again = submit(&mut wire, &target, &list).await;
    until_done(&mut wire, &target, &again).await;
    figures.tell("the same list again, from memory, done after", begun.elapsed().as_secs_f64(), "s");
    for format in ["csv", "xlsx"] {
        let begun = Instant::now();
        let path = format!("/v1/card-lookups/batches/{again}/results?format={format}");
        let status = if format == "xlsx" {
            wire.exchange(&target.call("GET", &path, b"")).await.status
        } else {
            // Streamed without a length, which this generator does not read; a page of JSON stands for it.
            let page = format!("/v1/card-lookups/batches/{again}/results?limit=500");
            wire.exchange(&target.call("GET", &page, b"")).await.status
        };
        assert_eq!(status, 200, "results are given");
        let what = if format == "xlsx" { "all results as a workbook" } else { "a page of 500 results as JSON" };
        figures.tell(what, begun.elapsed().as_secs_f64() * 1_000.0, "ms");
    }
}

fn in_ms(latencies: &mut Latencies) -> [f64; 3] {
    let found = latencies.percentiles(&[50.0, 95.0, 100.0]);
    [0, 1, 2].map(|at| found.get(at).copied().unwrap_or_default() / 1_000.0)
}

/// How long one person is answered in.
async fn timed(wire: &mut Wire, target: &Target, person: &InsuredPerson) -> Duration {
    let request = target.question(person);
    let begun = Instant::now();
    assert!(wire.exchange(&request).await.is(Wanted::Card), "a person is answered");
    begun.elapsed()
}

async fn submit(wire: &mut Wire, target: &Target, people: &[InsuredPerson]) -> String {
    let row = |person: &InsuredPerson| json!({"maThe": person.national_id.as_str(), "hoTen": person.name, "ngaySinh": person.birth_date.portal()});
    let rows: Value = people.iter().map(row).collect();
    let body = json!({"rows": rows}).to_string();
    let request = target.call("POST", "/v1/card-lookups/batch", body.as_bytes());
    let answer = wire.exchange(&request).await;
    assert_eq!(answer.status, 202, "{}", String::from_utf8_lossy(answer.body));
    let answer: Value = serde_json::from_slice(answer.body).expect("it is JSON");
    answer["id"].as_str().expect("a list has an id").to_owned()
}

async fn show(wire: &mut Wire, target: &Target, id: &str) -> Value {
    let request = target.call("GET", &format!("/v1/card-lookups/batches/{id}"), b"");
    serde_json::from_slice(wire.exchange(&request).await.body).expect("it is JSON")
}

async fn until_done(wire: &mut Wire, target: &Target, id: &str) -> Value {
    loop {
        let list = show(wire, target, id).await;
        if list["trangThai"] == "xong" {
            return list;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn number(list: &Value, member: &str) -> f64 {
    list[member].as_f64().unwrap_or_default()
}
