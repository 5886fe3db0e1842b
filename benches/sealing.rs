//! What sealing costs: its share of the CPU time of accepting a document, and what a rotation of the storage keys leaves to
//! those who submit meanwhile.
//!
//! `cargo bench --bench sealing`; `docs/performance.md` says what each figure means.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::expect_used, reason = "a benchmark that cannot go on has nothing to tell")]

mod support;

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use lienthong::audit::{Audit, Trail};
use lienthong::domain::FacilityCode;
use lienthong::intake::{self, Intake, Offered};
use lienthong::store::{self, KEY_FILE, Store, Vault};
use lienthong::system::System;
use lienthong::telemetry::Metrics;
use tempfile::TempDir;

use self::support::Wishes;
use self::support::claims::Claims;
use self::support::figures::{Figures, median};
use self::support::process::{cpu, machine};

/// Who submit at the same time, as in the benchmark of the whole gateway.
const CALLERS: usize = 64;

/// What else is sealed of a usual claim beside its body: its key and its warnings.
const KEYS_JSON: &[u8] = b"[\"HS0000000001\"]";
const WARNINGS_JSON: &[u8] = b"[]";

fn main() -> ExitCode {
    let wishes = match Wishes::read() {
        Ok(wishes) => wishes,
        Err(code) => return code,
    };
    let mut figures = Figures::default();
    println!("machine: {}", machine());
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be made");
    runtime.block_on(tell(&wishes, &mut figures));
    match figures.write(wishes.json.as_deref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("the figures could not be written: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A store of its own, and what is accepted into it.
struct Bench {
    _folder: TempDir,
    store: Store,
    vault: Vault,
    intake: Intake,
    /// The audit log has a benchmark of its own.
    by: Trail,
    claims: Arc<Claims>,
    next: Arc<AtomicU64>,
}

/// What one span of accepting gave.
struct Accepts {
    count: u64,
    each_us: f64,
    a_second: f64,
}

impl Bench {
    async fn open() -> Self {
        let (folder, system) = (tempfile::tempdir().expect("a folder can be made"), System::real());
        let data = folder.path().join("data");
        let vault = Vault::open(&folder.path().join(KEY_FILE), &data, &system).expect("keys can be made");
        let store = Store::open(store::Config::new(&data), vault.clone(), system.clone()).await.expect("a store");
        let metrics = Metrics::new();
        let by = Trail::new(&Audit::idle_for_measuring(vault.clone(), system.clone()), "key_1", "req_1", None);
        let intake = Intake::new(intake::Config::default(), store.clone(), system, metrics.documents.clone());
        let (claims, next) = (Arc::new(Claims::from_sample()), Arc::default());
        Self { _folder: folder, store, vault, intake, by, claims, next }
    }

    /// Lets everybody submit for a while, and counts what was kept.
    async fn accept_for(&self, span: Duration) -> Accepts {
        let facility = FacilityCode::parse("01999").expect("it is a code");
        let (begun, cpu_before) = (Instant::now(), cpu(std::process::id()));
        let callers: Vec<_> = (0..CALLERS)
            .map(|_| {
                let (intake, claims, next) = (self.intake.clone(), self.claims.clone(), self.next.clone());
                let by = self.by.clone();
                tokio::spawn(async move {
                    let mut count = 0;
                    while begun.elapsed() < span {
                        let body = Bytes::from(claims.make(next.fetch_add(1, Ordering::Relaxed)));
                        let offered = Offered {
                            client: "key_1".to_owned(),
                            by: by.clone(),
                            facilities: vec![facility],
                            facility: Some(facility),
                            declared: None,
                            body,
                            idempotency_key: None,
                            replace_reason: None,
                            hold: false,
                        };
                        intake.accept(offered).await.expect("it is kept");
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        let mut count = 0;
        for caller in callers {
            count += caller.await.expect("a caller ends");
        }
        let (took, used) = (begun.elapsed().as_secs_f64(), cpu(std::process::id()) - cpu_before);
        let many = (count as f64).max(1.0);
        Accepts { count, each_us: used.as_secs_f64() * 1e6 / many, a_second: many / took }
    }

    /// What sealing one claim takes, and what copying it without sealing would, in microseconds of one core.
    fn sealing(&self, times: u32) -> (f64, f64) {
        let body = self.claims.make(0);
        let run = |work: &dyn Fn(&str, &[u8])| {
            let begun = Instant::now();
            for _ in 0..times {
                work("documents.keys", KEYS_JSON);
                work("documents.warnings", WARNINGS_JSON);
                work("bodies.body", black_box(&body));
            }
            begun.elapsed().as_secs_f64() * 1e6 / f64::from(times)
        };
        let seal = run(&|table, plain| drop(black_box(self.vault.seal(table, b"doc_1", plain))));
        let copy = run(&|_, plain| drop(black_box(plain.to_vec())));
        (seal, copy)
    }
}

async fn tell(wishes: &Wishes, figures: &mut Figures) {
    let bench = Bench::open().await;
    let body = bench.claims.make(0).len();
    figures.section(&format!("claims of {} KB, {CALLERS} callers, intake and store in this process", body / 1000));
    let (mut shares, mut seals, mut rates, mut each) = (vec![], vec![], vec![], vec![]);
    for _ in 0..wishes.rounds {
        // By turns, because the machine is not the same from one minute to the next.
        let (seal, copy) = bench.sealing(if wishes.quick { 20 } else { 5_000 });
        let accepts = bench.accept_for(wishes.span).await;
        assert!(accepts.count > 0, "something is accepted");
        shares.push((seal - copy) / accepts.each_us.max(f64::MIN_POSITIVE) * 100.0);
        seals.push(seal);
        rates.push(accepts.a_second);
        each.push(accepts.each_us);
    }
    figures.tell("accepts a second", median(rates.clone()), "1/s");
    figures.tell("CPU of an accept (making the claim too)", median(each), "us");
    figures.tell("sealing a claim", median(seals), "us");
    figures.tell("sealing's share of the CPU of an accept", median(shares), "%");

    figures.section("while a rotation seals everything anew");
    bench.store.add_storage_key().await.expect("a key can be added");
    let rotating = tokio::spawn(rotate(bench.store.clone()));
    let meanwhile = bench.accept_for(wishes.span).await;
    let (rows, took) = rotating.await.expect("the rotation ends");
    figures.tell("accepts meanwhile, of those without", meanwhile.a_second / median(rates).max(1.0) * 100.0, "%");
    figures.tell("rows sealed anew a second", rows as f64 / took.as_secs_f64(), "1/s");
    if took < wishes.span {
        figures.remark("the rotation was over before the round: the first figure is too good");
    }
    bench.store.clone().close().await;
}

/// As the gateway does it: at most half of the writer's time.
async fn rotate(store: Store) -> (u64, Duration) {
    let begun = Instant::now();
    loop {
        let step = Instant::now();
        if !store.seal_some_anew().await.expect("rows are sealed anew") {
            break;
        }
        tokio::time::sleep(step.elapsed()).await;
    }
    let keys = store.storage_keys().await.expect("the store can be read");
    let rows = keys.rotation.map_or(0, |rotation| rotation.sealed_anew);
    (rows, begun.elapsed())
}
