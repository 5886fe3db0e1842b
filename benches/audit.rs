//! What the audit log costs: cached lookups with it and without, by turns; and how long a year of it takes to be proved and
//! searched.
//!
//! `cargo bench --bench audit`. The two gateways are alike in all else; "without" exists in this benchmark only.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::expect_used, reason = "a benchmark that cannot go on has nothing to tell")]

mod support;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use lienthong::audit::verify::Trust;
use lienthong::audit::{About, Audit, Book, Config, Deed, Filter, Outcome, PublicKey};
use lienthong::domain::CardSubject;
use lienthong::store::Vault;
use lienthong::system::System;
use lienthong::telemetry::AuditMetrics;

use self::support::Wishes;
use self::support::figures::{Figures, median};
use self::support::load::{Tally, Target, Wanted, Wire, closed};
use self::support::process::{cpu, machine, take_second_core};
use self::support::stand::{Stand, people, serve_if_told};

fn main() -> ExitCode {
    if let Some(served) = serve_if_told() {
        return served;
    }
    let mut wishes = match Wishes::read() {
        Ok(wishes) => wishes,
        Err(code) => return code,
    };
    wishes.pinned = wishes.pinned && take_second_core();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be made");
    let mut figures = Figures::default();
    println!("machine: {}", machine());
    runtime.block_on(async {
        if wishes.wants("lookups") {
            lookups(&wishes, &mut figures).await;
        }
        if wishes.wants("year") {
            a_year(&wishes, &mut figures).await;
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

/// Asks each question once, so that all answers are in memory.
async fn warm(wire: &mut Wire, questions: &[Bytes]) {
    for question in questions {
        let answer = wire.exchange(question).await;
        assert!(answer.is(Wanted::Card), "warming up: {}", answer.status);
    }
}

/// Cached lookups by turns: in each round first one gateway, then the other.
async fn lookups(wishes: &Wishes, figures: &mut Figures) {
    let known = if wishes.quick { 50 } else { 1_000 };
    let stands = [Stand::start(wishes, "", "").await, Stand::start_unrecorded(wishes, "", "").await];
    let mut both = Vec::new();
    for stand in &stands {
        let target = Target::new(&stand.outside);
        let questions: Arc<Vec<Bytes>> =
            Arc::new(people().take(known).map(|person| target.question(&person)).collect());
        warm(&mut target.connect().await, &questions).await;
        both.push((target, questions, stand.pid()));
    }
    for connections in [1, 8, 64] {
        figures.section(&format!("cached lookups by turns, {connections} connections"));
        let mut rounds: [Vec<(f64, f64, f64)>; 2] = [Vec::new(), Vec::new()];
        for _ in 0..wishes.rounds {
            for ((target, questions, pid), rounds) in both.iter().zip(&mut rounds) {
                let mut wires = target.connect_many(connections).await;
                let questions = questions.clone();
                let next = move |n: usize, i: usize| {
                    questions.get((n * 7_919 + i) % questions.len()).cloned().unwrap_or_default()
                };
                let before = cpu(*pid);
                let mut tally: Tally = closed(&mut wires, wishes.span, Wanted::Cached, next).await;
                let spent = cpu(*pid).saturating_sub(before);
                let each = spent.as_secs_f64() * 1e6 / tally.latencies.count().max(1) as f64;
                let p50 = tally.latencies.percentiles(&[50.0]).first().copied().unwrap_or_default();
                rounds.push((tally.rate(), each, p50));
            }
        }
        let of = |rounds: &[(f64, f64, f64)], figure: fn(&(f64, f64, f64)) -> f64| {
            median(rounds.iter().map(figure).collect())
        };
        let [with, without] = &rounds;
        for (name, rounds) in [("with the log", with), ("without", without)] {
            figures.tell(&format!("{name}, {connections} connections"), of(rounds, |round| round.0), "/s");
            figures.tell(&format!("{name}, {connections} connections, CPU each"), of(rounds, |round| round.1), "us");
            figures.tell(&format!("{name}, {connections} connections, p50"), of(rounds, |round| round.2), "us");
        }
        let ratio = |figure: fn(&(f64, f64, f64)) -> f64| {
            median(with.iter().zip(without).map(|(with, without)| figure(with) / figure(without)).collect())
        };
        figures.tell(&format!("rate with the log, times without, {connections} connections"), ratio(|r| r.0), "");
        figures.tell(&format!("CPU with the log, times without, {connections} connections"), ratio(|r| r.1), "");
    }
}

/// As many entries as a large hospital makes in a year, proved and searched.
async fn a_year(wishes: &Wishes, figures: &mut Figures) {
    let wanted: u32 = if wishes.quick { 2_000 } else { 2_000_000 };
    figures.section(&format!("a log of {wanted} entries"));
    let folder = tempfile::tempdir().expect("a folder can be made");
    let (config, system) = (Config::new(folder.path()), System::real());
    let vault = Vault::for_tests().expect("a vault can be made");
    let audit = Audit::open(&config, vault, system, AuditMetrics::default()).expect("the log opens");
    let began = Instant::now();
    let tasks: Vec<_> = (0..256)
        .map(|_| {
            let audit = audit.clone();
            tokio::spawn(async move {
                let trail = audit.trail_of("key_01M7X4HWM9QYJXTQYD50PBT9GS");
                for person in people().take(usize::try_from(wanted / 256).unwrap_or_default()) {
                    let subject = Some(audit.person(&CardSubject::NationalId(person.national_id)));
                    let about = About { subject, ..About::default() };
                    let outcome = Outcome::code("000").from("cache");
                    trail.record(Deed::CardLookup, about, outcome).await.expect("it is written");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("it ends");
    }
    let took = began.elapsed();
    audit.close().await;
    figures.tell("written, 256 at a time", f64::from(wanted) / took.as_secs_f64(), "/s");
    let bytes = std::fs::metadata(folder.path().join(lienthong::audit::AUDIT_FILE)).map_or(0, |file| file.len());
    figures.tell("on the disk, each", bytes as f64 / f64::from(wanted), "bytes");

    let book = Book::open(folder.path()).expect("the log opens");
    let keys = vec![PublicKey::of_key_file(&config.key_file).expect("the key is there")];
    let seconds = |took: Duration| took.as_secs_f64();
    let began = Instant::now();
    let report = book.verify(&Trust { keys, noted: None }).expect("the log is read");
    assert!(report.broken.is_none(), "the log is whole: {report:?}");
    figures.tell("proved", seconds(began.elapsed()), "s");
    let began = Instant::now();
    let subject = people().nth(3).map(|person| CardSubject::NationalId(person.national_id));
    let filter = Filter { subjects: subject.iter().map(|one| audit.person(one)).collect(), ..Filter::default() };
    let found = book.each(&filter, |_| true).expect("the log is read");
    assert!(found > 0, "somebody is found");
    figures.tell("searched for one person", seconds(began.elapsed()), "s");
    let began = Instant::now();
    book.each(&Filter::default(), |_| true).expect("the log is read");
    figures.tell("read whole, as an export does", seconds(began.elapsed()), "s");
}
