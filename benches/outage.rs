//! What the desks see when the portal fails for five minutes in the middle of two thousand lookups at a steady rate.
//!
//! `cargo bench --bench outage` takes a quarter of an hour: five minutes of good weather, five of an outage (a minute of
//! silence, a minute of error pages, three of refused connections), five of good weather. `--quick` takes seconds.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a benchmark that cannot go on has nothing to tell")]

#[path = "../tests/common/https.rs"]
mod https;
mod support;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use lienthong::sandbox::{Faults, InsuredPerson};
use serde_json::{Value, json};
use tokio_util::task::TaskTracker;

use self::https::{HttpsClient, https_client};
use self::support::figures::{Figures, median};
use self::support::process::machine;
use self::support::stand::{Stand, people, serve_if_told};
use self::support::{Outside, Wishes};

/// How the run is laid out.
struct Plan {
    lookups: u32,
    /// What is called a minute.
    minute: Duration,
    minutes: u32,
}

/// What one desk saw.
struct Seen {
    source: String,
    waited: Duration,
}

/// Answers count as fresh for a minute here, so that a patient who comes back shows the third rung and not the first.
const LOOKUP: &str = "usable_s = 60";

fn main() -> ExitCode {
    if let Some(served) = serve_if_told() {
        return served;
    }
    let mut wishes = match Wishes::read() {
        Ok(wishes) => wishes,
        Err(code) => return code,
    };
    wishes.pinned = false;
    let plan = match wishes.quick {
        true => Plan { lookups: 60, minute: Duration::from_millis(600), minutes: 15 },
        false => Plan { lookups: 2_000, minute: Duration::from_secs(60), minutes: 15 },
    };
    println!("machine: {}", machine());
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be made");
    let mut figures = Figures::default();
    runtime.block_on(run(&wishes, &plan, &mut figures));
    match figures.write(wishes.json.as_deref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("the figures could not be written: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(wishes: &Wishes, plan: &Plan, figures: &mut Figures) {
    let stand = Stand::start(wishes, "", LOOKUP).await;
    let client = https_client(&std::fs::read_to_string(&stand.outside.ca).expect("the authority is there"));
    let seen: Arc<Mutex<BTreeMap<u32, Vec<Seen>>>> = Arc::default();
    let (started, tasks) = (Instant::now(), TaskTracker::new());
    let span = plan.minute * plan.minutes;
    let step = span / plan.lookups;
    let mut patients = people();
    let mut known: Vec<InsuredPerson> = Vec::new();
    let mut weather = 0;
    stand.sandbox.set_faults(good_weather());
    println!("{} lookups in {span:?}, one each {step:?}; the portal fails in minutes 6 to 10\n", plan.lookups);

    for number in 0..plan.lookups {
        let due = step * number;
        tokio::time::sleep(due.saturating_sub(started.elapsed())).await;
        let minute = u32::try_from(due.as_nanos() / plan.minute.as_nanos()).unwrap_or(u32::MAX) + 1;
        if minute != weather {
            weather = minute;
            stand.sandbox.set_faults(weather_of(minute, plan.minute));
        }
        // Two in five come back; of the others, every second shows an insurance card with its dates.
        let person = match number % 5 {
            0 | 2 if known.len() > 20 => known[usize::try_from(number).unwrap_or_default() * 7 % known.len()].clone(),
            _ => {
                let person = patients.next().expect("there are many");
                known.push(person.clone());
                person
            }
        };
        let question = question(&person, number % 2 == 1);
        let (client, outside, seen) = (client.clone(), stand.outside.clone(), Arc::clone(&seen));
        tasks.spawn(async move {
            let asked = Instant::now();
            let source = ask(&client, &outside, &question).await;
            let one = Seen { source, waited: asked.elapsed() };
            seen.lock().unwrap_or_else(PoisonError::into_inner).entry(minute).or_default().push(one);
        });
    }
    tasks.close();
    tasks.wait().await;
    tell(&seen.lock().unwrap_or_else(PoisonError::into_inner), figures);
    tell_tickets(&client, &stand.outside, figures).await;
}

fn good_weather() -> Faults {
    Faults { latency_median_ms: 1_500, latency_sigma: 0.4, only_paths: vec!["/api/egw/".into()], ..Faults::default() }
}

/// Minutes 6 to 10 are the outage.
fn weather_of(minute: u32, length: Duration) -> Faults {
    match minute {
        // Nothing is heard for longer than anybody waits.
        6 => Faults { latency_ms: u64::try_from(length.as_millis()).unwrap_or(u64::MAX) * 2, ..good_weather() },
        7 => Faults { html_rate: 1.0, ..good_weather() },
        8..=10 => Faults { outage: true, ..good_weather() },
        _ => good_weather(),
    }
}

fn question(person: &InsuredPerson, shows_card: bool) -> Value {
    let mut question = json!({
        "maThe": person.national_id.as_str(),
        "hoTen": person.name,
        "ngaySinh": person.birth_date.portal(),
    });
    if shows_card {
        question["gtTheTu"] = "01/01/2026".into();
        question["gtTheDen"] = "31/12/2026".into();
    }
    question
}

/// `nguon` of the answer, or the problem's code.
async fn ask(client: &HttpsClient, outside: &Outside, question: &Value) -> String {
    let answer = call(client, outside, "POST", "/v1/card-lookups", Some(question)).await;
    let word = answer["nguon"].as_str().or_else(|| answer["code"].as_str());
    word.unwrap_or("nothing").to_owned()
}

async fn call(client: &HttpsClient, outside: &Outside, method: &str, path: &str, body: Option<&Value>) -> Value {
    let request = Request::builder()
        .method(method)
        .uri(format!("{}{path}", outside.url))
        .header("authorization", format!("Bearer {}", outside.key))
        .header("facility-id", &outside.facility)
        .header("content-type", "application/json")
        .body(Full::new(body.map(|body| Bytes::from(body.to_string())).unwrap_or_default()))
        .expect("it is a request");
    let response = client.request(request).await.expect("the gateway answers");
    let bytes = response.into_body().collect().await.expect("and to the end").to_bytes();
    serde_json::from_slice(&bytes).expect("with JSON")
}

/// One line a minute.
fn tell(seen: &BTreeMap<u32, Vec<Seen>>, figures: &mut Figures) {
    const SOURCES: [(&str, &str); 4] =
        [("cong", "asked now"), ("da_luu", "from memory"), ("da_luu_cu", "last known"), ("tam_tinh", "provisional")];
    println!("minute  lookups  asked now  from memory  last known  provisional  refused   median ms  longest ms");
    for (minute, seen) in seen {
        let of = |source: &str| seen.iter().filter(|one| one.source == source).count();
        let counts = SOURCES.map(|(source, _)| of(source));
        let refused = seen.len() - counts.iter().sum::<usize>();
        let waits: Vec<f64> = seen.iter().map(|one| one.waited.as_secs_f64() * 1000.0).collect();
        let longest = waits.iter().copied().fold(0.0, f64::max);
        println!(
            "{minute:>6}  {:>7}  {:>9}  {:>11}  {:>10}  {:>11}  {refused:>7}  {:>10.1}  {longest:>10.1}",
            seen.len(),
            counts[0],
            counts[1],
            counts[2],
            counts[3],
            median(waits),
        );
    }
    println!();
    let all: Vec<&Seen> = seen.values().flatten().collect();
    for (source, words) in SOURCES {
        figures.tell(words, all.iter().filter(|one| one.source == source).count() as f64, "");
    }
    let known = |one: &&&Seen| SOURCES.iter().any(|(source, _)| one.source == *source);
    figures.tell("refused", (all.len() - all.iter().filter(known).count()) as f64, "");
}

/// What became of the tickets, once none waits any more.
async fn tell_tickets(client: &HttpsClient, outside: &Outside, figures: &mut Figures) {
    let waiting = Instant::now();
    let tickets = loop {
        let tickets = all_tickets(client, outside).await;
        let open = tickets.iter().filter(|ticket| ticket["trangThai"] == "dang_cho").count();
        if open == 0 || waiting.elapsed() > Duration::from_secs(600) {
            figures.tell("tickets still open", open as f64, "");
            break tickets;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    };
    let differ = tickets.iter().filter(|ticket| ticket["khac"].as_array().is_some_and(|fields| !fields.is_empty()));
    figures.tell("tickets opened", tickets.len() as f64, "");
    figures.tell("of them with another answer than the desk was told", differ.count() as f64, "");
    let ended = |ticket: &&Value| ticket["xongLuc"].as_str().unwrap_or_default().to_owned();
    let mut ends: Vec<String> = tickets.iter().map(|ticket| ended(&ticket)).filter(|end| !end.is_empty()).collect();
    ends.sort();
    if let (Some(first), Some(last)) = (ends.first(), ends.last()) {
        figures.remark(&format!("first ticket answered at {first}, last at {last}"));
    }
}

async fn all_tickets(client: &HttpsClient, outside: &Outside) -> Vec<Value> {
    let (mut tickets, mut path) = (Vec::new(), "/v1/card-lookups?limit=500".to_owned());
    loop {
        let page = call(client, outside, "GET", &path, None).await;
        tickets.extend(page["data"].as_array().expect("a page has data").iter().cloned());
        match page["page"]["next"].as_str() {
            Some(next) => path = format!("/v1/card-lookups?limit=500&cursor={next}"),
            None => return tickets,
        }
    }
}
