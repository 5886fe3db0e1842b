//! Up to ten times the load that can be served: what is served all the same, how quickly, and what the rest hears.
//!
//! `cargo bench --bench overload`; `docs/performance.md` says what each figure means.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::expect_used, reason = "a benchmark that cannot go on has nothing to tell")]

mod support;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use lienthong::sandbox::Faults;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

use self::support::Wishes;
use self::support::claims::{Claims, next_serial};
use self::support::figures::Figures;
use self::support::load::{Tally, Target, Wanted, Wire, closed, open};
use self::support::process::{machine, peak, take_second_core};
use self::support::stand::{Stand, people, serve_if_told};

/// How many times what can be served is offered.
const TIMES: [f64; 5] = [0.5, 1.0, 2.0, 5.0, 10.0];

/// Connections of the load generator: enough that arrivals seldom wait for one.
const CONNECTIONS: usize = 800;

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
    println!(
        "machine: {}; gateway and load generator {}",
        machine(),
        if wishes.pinned { "on a core each" } else { "not pinned" }
    );
    runtime.block_on(async {
        if wishes.wants("documents") {
            documents(&wishes, &mut figures).await;
        }
        if wishes.wants("questions") {
            questions(&wishes, &mut figures).await;
        }
        if wishes.wants("mixed") {
            mixed(&wishes, &mut figures).await;
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

/// Claims of 20 KB: the checks are what there is too little of.
async fn documents(wishes: &Wishes, figures: &mut Figures) {
    figures.section("claims of 20 KB, portal away, each on the disk before it is answered");
    let stand = resting(wishes).await;
    stand.sandbox.set_faults(Faults { outage: true, ..Faults::default() });
    let target = Target::new(&stand.outside);
    let capacity = capacity_of_documents(wishes, &target).await;
    figures.tell("claims, what can be served", capacity, "/s");
    let mut wires = target.connect_many(connections(wishes)).await;
    for times in TIMES {
        let tally = open(&mut wires, wishes.span, times * capacity, Wanted::Accepted, submissions(&target)).await;
        tell(&format!("claims, {times} times that"), tally, &stand, figures);
    }
}

/// Questions nobody has asked before: the portal's budget is what there is too little of.
async fn questions(wishes: &Wishes, figures: &mut Figures) {
    let per_second = 20.0;
    figures.section("questions about people nobody asked about, 20 a second allowed, portal at 100 ms");
    let stand = Stand::start(wishes, "in_flight_max = 256", "questions_per_minute = 1200\nburst = 20").await;
    stand.sandbox.set_faults(Faults { latency_ms: 100, ..Faults::default() });
    let target = Target::new(&stand.outside);
    let mut wires = target.connect_many(connections(wishes)).await;
    for times in TIMES {
        let tally = open(&mut wires, wishes.span * 2, times * per_second, Wanted::Card, strangers(&target)).await;
        tell(&format!("questions, {times} times that"), tally, &stand, figures);
    }

    let wild = Target::new(&stand.another_client().await);
    let mut many = wild.connect_many(connections(wishes)).await;
    let mut few = target.connect_many(8).await;
    let (ours, theirs) = tokio::join!(
        open(&mut few, wishes.span * 2, per_second / 4.0, Wanted::Card, strangers(&target)),
        open(&mut many, wishes.span * 2, 10.0 * per_second, Wanted::Card, strangers(&wild)),
    );
    tell("questions, a client at a quarter beside one at ten times", ours, &stand, figures);
    tell("questions, that one", theirs, &stand, figures);
}

/// Lookups and documents at once, and connections that do nothing.
async fn mixed(wishes: &Wishes, figures: &mut Figures) {
    figures.section("cached lookups (200 a second) and documents, one flooding the other");
    let stand = resting(wishes).await;
    let target = Target::new(&stand.outside);
    let known = cached(wishes, &target, &stand).await;
    let capacity = capacity_of_documents(wishes, &target).await;
    let mut desks = target.connect_many(32).await;
    let mut flood = target.connect_many(connections(wishes)).await;

    let alone = open(&mut desks, wishes.span, 200.0, Wanted::Cached, known.clone()).await;
    tell("lookups, alone", alone, &stand, figures);
    let (beside, documents) = tokio::join!(
        open(&mut desks, wishes.span, 200.0, Wanted::Cached, known.clone()),
        open(&mut flood, wishes.span, 10.0 * capacity, Wanted::Accepted, submissions(&target)),
    );
    tell("lookups, beside ten times the documents", beside, &stand, figures);
    tell("documents, that flood", documents, &stand, figures);

    let some = 0.25 * capacity;
    let alone = open(&mut desks, wishes.span, some, Wanted::Accepted, submissions(&target)).await;
    tell("documents at a quarter of what can be served, alone", alone, &stand, figures);
    let (beside, lookups_flood) = tokio::join!(
        open(&mut desks, wishes.span, some, Wanted::Accepted, submissions(&target)),
        closed(&mut flood, wishes.span, Wanted::Cached, known.clone()),
    );
    tell("documents, beside all the lookups there can be", beside, &stand, figures);
    tell("lookups, that flood", lookups_flood, &stand, figures);
    drop(flood);

    // Connections that say a little and then nothing more, from another address of this machine.
    let address = stand.outside.url.trim_start_matches("https://").to_owned();
    let dead = half_dead(&address, if wishes.quick { 50 } else { 1_500 }).await;
    let beside = open(&mut desks, wishes.span, 200.0, Wanted::Cached, known).await;
    tell(&format!("lookups, beside {} half-dead connections", dead.len()), beside, &stand, figures);
}

/// A gateway whose portal is away: after one failure it is left alone for an hour, so that nothing is sent beside.
async fn resting(wishes: &Wishes) -> Stand {
    Stand::start(wishes, "in_flight_max = 256\nfailures_to_rest = 1\nrest_s = 3600", "").await
}

/// How many documents a second are kept where each client waits for the last.
async fn capacity_of_documents(wishes: &Wishes, target: &Target) -> f64 {
    let mut wires: Vec<Wire> = target.connect_many(64).await;
    closed(&mut wires, wishes.span, Wanted::Accepted, submissions(target)).await.rate()
}

fn connections(wishes: &Wishes) -> usize {
    if wishes.quick { 50 } else { CONNECTIONS }
}

fn submissions(target: &Target) -> impl Fn(usize, usize) -> Bytes + Clone + Send + 'static {
    let (claims, target) = (Arc::new(Claims::from_sample()), target.clone());
    move |_, _| target.submission(&claims.make(next_serial()))
}

/// Questions about people nobody has asked about, in this whole run.
fn strangers(target: &Target) -> impl Fn(usize, usize) -> Bytes + Clone + Send + 'static {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let target = target.clone();
    let all: Arc<Vec<_>> = Arc::new(people().skip(40_000).take(60_000).collect());
    move |_, _| {
        let person = all.get(ASKED.fetch_add(1, Ordering::Relaxed) % all.len()).expect("there are many");
        target.question(person)
    }
}

/// Questions whose answers are in memory.
async fn cached(
    wishes: &Wishes,
    target: &Target,
    stand: &Stand,
) -> impl Fn(usize, usize) -> Bytes + Clone + Send + 'static + use<> {
    let known = if wishes.quick { 20 } else { 1_000 };
    let questions: Vec<Bytes> = people().take(known).map(|person| target.question(&person)).collect();
    let mut wire = target.connect().await;
    for question in &questions {
        assert!(wire.exchange(question).await.is(Wanted::Card), "the portal answers");
    }
    stand.sandbox.set_faults(Faults { outage: true, ..Faults::default() });
    let questions = Arc::new(questions);
    move |n: usize, i: usize| questions.get((n * 7_919 + i) % questions.len()).cloned().unwrap_or_default()
}

/// Connections that begin a handshake and stop.
async fn half_dead(address: &str, count: usize) -> Vec<TcpStream> {
    let address = address.parse().expect("an address of this machine");
    let mut dead = Vec::new();
    for _ in 0..count {
        let socket = TcpSocket::new_v4().expect("a socket can be made");
        socket.bind(([127, 0, 0, 2], 0).into()).expect("all of 127.0.0.0/8 is this machine");
        let Ok(mut stream) = socket.connect(address).await else { break };
        // The first bytes of a ClientHello, and no more.
        if stream.write_all(&[0x16, 0x03, 0x01, 0x02]).await.is_ok() {
            dead.push(stream);
        }
    }
    dead
}

fn tell(name: &str, mut tally: Tally, stand: &Stand, figures: &mut Figures) {
    let offered = tally.latencies.count() + tally.wrong;
    figures.tell(&format!("{name}: offered"), offered as f64 / tally.took.as_secs_f64(), "/s");
    figures.tell(&format!("{name}: served"), tally.rate(), "/s");
    let ms = |of: &mut support::figures::Latencies, part: f64| {
        of.percentiles(&[part]).first().map_or(0.0, |us| us / 1_000.0)
    };
    figures.tell(&format!("{name}: served, p50"), ms(&mut tally.latencies, 50.0), "ms");
    figures.tell(&format!("{name}: served, p99"), ms(&mut tally.latencies, 99.0), "ms");
    let refused = tally.refused.count();
    if refused > 0 {
        figures.tell(&format!("{name}: refused with Retry-After"), refused as f64 / tally.took.as_secs_f64(), "/s");
        figures.tell(&format!("{name}: refused, p99"), ms(&mut tally.refused, 99.0), "ms");
    }
    if tally.wrong > refused {
        figures.tell(&format!("{name}: answered otherwise"), (tally.wrong - refused) as f64, "");
    }
    figures.tell(&format!("{name}: memory at most so far"), peak(stand.pid()) as f64 / f64::from(1 << 20), "MiB");
}
