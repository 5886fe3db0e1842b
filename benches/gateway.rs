//! The gateway as an operator feels it: cached lookups, misses, new connections, durable accepts.
//!
//! `cargo bench --bench gateway`; `docs/performance.md` says what each figure means.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::expect_used, reason = "a benchmark that cannot go on has nothing to tell")]

mod support;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use lienthong::sandbox::Faults;
use rusqlite::{Connection, params};
use tokio::sync::{mpsc, oneshot};

use self::support::Wishes;
use self::support::claims::{Claims, next_serial};
use self::support::figures::{Figures, Latencies, median};
use self::support::floor::Floor;
use self::support::load::{Tally, Target, Wanted, Wire, at_once, closed, open, zipf};
use self::support::parts;
use self::support::process::{cpu, machine, take_second_core};
use self::support::stand::{Stand, people, serve_if_told};

/// Members of a million choices are enough that no pattern shows.
const CHOICES: usize = 1 << 20;

fn main() -> ExitCode {
    if let Some(served) = serve_if_told() {
        return served;
    }
    let mut wishes = match Wishes::read() {
        Ok(wishes) => wishes,
        Err(code) => return code,
    };
    // Before the runtime makes its threads, which inherit it.
    wishes.pinned = wishes.pinned && wishes.outside.is_none() && take_second_core();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be made");
    let mut figures = Figures::default();
    println!("machine: {}", machine());
    println!(
        "gateway and load generator {}; log filter of the gateway: {}; medians of {} rounds of {:?}",
        if wishes.pinned { "on a core each" } else { "not pinned" },
        wishes.log,
        wishes.rounds,
        wishes.span,
    );
    runtime.block_on(run(&wishes, &mut figures));
    match figures.write(wishes.json.as_deref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("the figures could not be written: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(wishes: &Wishes, figures: &mut Figures) {
    if let Some(outside) = &wishes.outside {
        let bench = Bench { wishes, target: Target::new(outside), pid: wishes.pid };
        if wishes.wants("lookups") {
            bench.lookups(None, figures).await;
        }
        if wishes.wants("accepts") {
            bench.accepts("accepts", &[1, 16, 64], figures).await;
        }
        return;
    }
    // 256 questions at once, so that a rush of misses is not told by the default of 64; no trial while the portal is
    // off, so that the courier rests.
    let stand = Stand::start(wishes, "in_flight_max = 256\nfailures_to_rest = 1\nrest_s = 3600", "").await;
    let bench = Bench { wishes, target: Target::new(&stand.outside), pid: Some(stand.pid()) };
    if wishes.wants("lookups") {
        bench.lookups(Some(&stand), figures).await;
    }
    if wishes.wants("misses") {
        bench.misses(&stand, figures).await;
    }
    if wishes.wants("parts") {
        parts::tell(&bench.target, &stand, wishes.quick, figures).await;
    }
    if wishes.wants("accepts") {
        // The sandbox answers at once; it shares the load generator's core.
        bench.accepts("accepts, courier busy", &[64], figures).await;
        // The portal is gone: after one failure the courier leaves it alone for an hour.
        stand.sandbox.set_faults(Faults { outage: true, ..Faults::default() });
        bench.rest().await;
        bench.accepts("accepts, courier resting", &[1, 16, 64], figures).await;
        bench.beside_sqlite(stand.folder.path(), figures).await;
    }
}

/// One gateway under test.
struct Bench<'a> {
    wishes: &'a Wishes,
    target: Target,
    pid: Option<u32>,
}

impl Bench<'_> {
    // === lookups ===

    /// Cached lookups over kept connections, in both models, and over new ones.
    async fn lookups(&self, stand: Option<&Stand>, figures: &mut Figures) {
        let known = if self.wishes.quick { 200 } else { 10_000 };
        let questions: Arc<Vec<_>> =
            Arc::new(people().take(known).map(|person| self.target.question(&person)).collect());
        self.warm(&questions).await;
        let choices = Arc::new(zipf(known, CHOICES));
        let next = move |n: usize, i: usize| {
            // Each connection walks through the choices from a place of its own.
            let choice = choices.get((n * 7_919 + i) % CHOICES).copied().unwrap_or_default();
            questions.get(choice).cloned().unwrap_or_default()
        };

        let mut fastest: f64 = 0.0;
        for connections in [32, 64] {
            figures.section(&format!("cached lookups, {known} people, {connections} connections, closed model"));
            let mut wires = self.target.connect_many(connections).await;
            let mut rounds = Vec::new();
            for _ in 0..self.wishes.rounds {
                let before = self.cpu();
                let tally = closed(&mut wires, self.wishes.span, Wanted::Cached, next.clone()).await;
                rounds.push(Round::new(tally, self.cpu().saturating_sub(before)));
            }
            let name = format!("lookups, {connections} connections");
            fastest = fastest.max(tell(&name, &mut rounds, figures));
            if let Some(round) = rounds.first() {
                let (head, body) = round.tally.answer_bytes;
                figures.tell(&format!("{name}, answer's head"), head as f64, "bytes");
                figures.tell(&format!("{name}, answer's body"), body as f64, "bytes");
            }
        }

        if let Some(stand) = stand {
            self.beside_floors(stand, next.clone(), figures).await;
        }

        figures.section("cached lookups, 64 connections, open model at 60 % of the rate above");
        let mut wires = self.target.connect_many(64).await;
        let mut rounds = Vec::new();
        for _ in 0..self.wishes.rounds {
            let before = self.cpu();
            let tally = open(&mut wires, self.wishes.span, 0.6 * fastest, Wanted::Cached, next.clone()).await;
            rounds.push(Round::new(tally, self.cpu().saturating_sub(before)));
        }
        tell("open model", &mut rounds, figures);
        drop(wires);

        figures.section("a new TLS connection for each cached lookup, 16 at a time, no resumption");
        let mut rounds = Vec::new();
        for _ in 0..self.wishes.rounds {
            let before = self.cpu();
            let tally = self.strangers(16, next.clone()).await;
            rounds.push(Round::new(tally, self.cpu().saturating_sub(before)));
        }
        tell("new connections", &mut rounds, figures);
    }

    /// The gateway and servers that do next to nothing by turns.
    async fn beside_floors<F>(&self, stand: &Stand, next: F, figures: &mut Figures)
    where
        F: Fn(usize, usize) -> Bytes + Clone + Send + 'static,
    {
        figures.section("by turns, 64 connections: constant answers, and cached lookups");
        let floors = [Floor::Hyper, Floor::Listener].map(|floor| (floor, stand.start_floor(self.wishes, floor)));
        let mut all = vec![("by turns, the gateway".to_owned(), self.target.clone(), self.pid, Vec::new())];
        all.extend(floors.iter().map(|(floor, (served, outside))| {
            let name = format!("by turns, a constant answer by {}", floor.words());
            (name, Target::new(outside), Some(served.pid()), Vec::new())
        }));
        for _ in 0..self.wishes.rounds {
            for (_, target, pid, rounds) in &mut all {
                let mut wires = target.connect_many(64).await;
                let before = pid.map(cpu).unwrap_or_default();
                let tally = closed(&mut wires, self.wishes.span, Wanted::Cached, next.clone()).await;
                rounds.push(Round::new(tally, pid.map(cpu).unwrap_or_default().saturating_sub(before)));
            }
        }
        let mut each = Vec::new();
        for (name, _, _, rounds) in &mut all {
            figures.tell(name, median(rounds.iter().map(|round| round.tally.rate()).collect()), "/s");
            let us = median(rounds.iter().map(Round::cpu_us).collect());
            figures.tell(&format!("{name}, CPU each"), us, "us");
            each.push(us);
        }
        if let [ours, hyper, listener] = each.as_slice() {
            figures.tell("by turns, CPU of the gateway, times bare hyper", ours / hyper, "");
            figures.tell("by turns, CPU of its listener, times bare hyper", listener / hyper, "");
        }
    }

    /// Asks each question once, so that all answers are in memory.
    async fn warm(&self, questions: &Arc<Vec<Bytes>>) {
        const AT_ONCE: usize = 16;
        let wires = self.target.connect_many(AT_ONCE).await;
        let tasks: Vec<_> = wires
            .into_iter()
            .enumerate()
            .map(|(n, mut wire)| {
                let questions = questions.clone();
                tokio::spawn(async move {
                    for question in questions.iter().skip(n).step_by(AT_ONCE) {
                        let answer = wire.exchange(question).await;
                        let words = String::from_utf8_lossy(answer.body).into_owned();
                        assert!(answer.is(Wanted::Card), "warming up: {} {words}", answer.status);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("warming up succeeds");
        }
    }

    /// Every lookup over a connection of its own. The latency is that of connecting, asking and being answered.
    async fn strangers<F>(&self, at_once: usize, next: F) -> Tally
    where
        F: Fn(usize, usize) -> Bytes + Clone + Send + 'static,
    {
        let (begun, span) = (Instant::now(), self.wishes.span);
        let tasks: Vec<_> = (0..at_once)
            .map(|n| {
                let (target, next) = (self.target.clone(), next.clone());
                tokio::spawn(async move {
                    let mut latencies = Latencies::default();
                    for i in 0.. {
                        let sent = Instant::now();
                        if sent.duration_since(begun) >= span {
                            break;
                        }
                        let mut wire = target.connect().await;
                        assert!(wire.exchange(&next(n, i)).await.is(Wanted::Cached), "a known person is known");
                        latencies.note(sent.elapsed());
                    }
                    latencies
                })
            })
            .collect();
        let mut sum = Tally::default();
        for task in tasks {
            sum.latencies.join(task.await.expect("a connection does not panic"));
        }
        sum.took = begun.elapsed();
        sum
    }

    // === misses ===

    /// A crowd that asks about people nobody asked about before, all at once.
    async fn misses(&self, stand: &Stand, figures: &mut Figures) {
        let (crowd, unknown) = if self.wishes.quick { (50, 10) } else { (1_000, 200) };
        let latency_ms = 100;
        figures.section(&format!(
            "misses: {crowd} connections ask about {unknown} people at once, portal at {latency_ms} ms"
        ));
        // Whom the section on lookups has not asked about.
        let mut strangers = people().skip(20_000);
        let (mut took, mut questions, mut last, mut spent) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        // The first round finds no open connections to the portal; it is told apart.
        for round in 0..=self.wishes.rounds {
            let asked: Vec<_> = strangers.by_ref().take(unknown).map(|person| self.target.question(&person)).collect();
            let requests = (0..crowd).filter_map(|n| asked.get(n % unknown).cloned()).collect();
            let wires = self.target.connect_many(crowd).await;
            stand.sandbox.reset();
            stand.sandbox.set_faults(Faults { latency_ms, ..Faults::default() });
            let before = self.cpu();
            let mut tally = at_once(wires, requests, Wanted::Card).await;
            let cpu = self.cpu().saturating_sub(before);
            stand.sandbox.set_faults(Faults::default());
            let took_ms = tally.took.as_secs_f64() * 1_000.0;
            if tally.wrong > 0 {
                figures.tell(&format!("misses, round {round}, not answered"), tally.wrong as f64, "");
            }
            if round == 0 {
                figures.tell("misses, first round (connects to the portal), all", took_ms, "ms");
                continue;
            }
            took.push(took_ms);
            questions.push(stand.sandbox.questions().len() as f64);
            last.extend(tally.latencies.percentiles(&[50.0]).first().map(|us| us / 1_000.0));
            spent.push(cpu.as_secs_f64() * 1e6 / crowd as f64);
        }
        figures.tell("misses, all answered after", median(took), "ms");
        figures.tell("misses, half answered after", median(last), "ms");
        figures.tell("misses, questions to the portal", median(questions), "");
        figures.tell("misses, CPU of the gateway a caller", median(spent), "us");
    }

    // === documents ===

    /// How many claims a second are kept.
    async fn accepts(&self, name: &str, clients: &[usize], figures: &mut Figures) {
        figures.section(&format!("{name}: claims of 20 KB, each on the disk before it is answered"));
        for clients in clients {
            let mut rounds = Vec::new();
            for _ in 0..self.wishes.rounds {
                rounds.push(self.accept_round(*clients).await);
            }
            tell(&format!("{name}, {clients} clients"), &mut rounds, figures);
        }
    }

    async fn accept_round(&self, clients: usize) -> Round {
        let mut wires = self.target.connect_many(clients).await;
        let next = self.submissions();
        let before = self.cpu();
        let tally = closed(&mut wires, self.wishes.span, Wanted::Accepted, next).await;
        Round::new(tally, self.cpu().saturating_sub(before))
    }

    fn submissions(&self) -> impl Fn(usize, usize) -> Bytes + Clone + Send + 'static {
        let (claims, target) = (Arc::new(Claims::from_sample()), self.target.clone());
        move |_, _| target.submission(&claims.make(next_serial()))
    }

    /// Submits until the courier has given up for the time being.
    async fn rest(&self) {
        let mut wire: Wire = self.target.connect().await;
        assert!(wire.exchange(&self.submissions()(0, 0)).await.is(Wanted::Accepted), "a claim is taken");
        tokio::time::sleep(Duration::from_secs(2)).await;
    }

    /// The gateway and bare SQLite by turns, because the disk is not the same from one minute to the next.
    async fn beside_sqlite(&self, folder: &Path, figures: &mut Figures) {
        const CLIENTS: usize = 64;
        figures.section("the same bytes by turns: through the gateway, and into bare SQLite (WAL, FULL, group commit)");
        let (mut ours, mut bare, mut ratios, mut syncs, mut groups) = Default::default();
        for round in 0..self.wishes.rounds {
            syncs = with(syncs, syncs_per_second(folder, self.wishes.span / 4));
            let (tally, group) = bare_sqlite(&folder.join(format!("bare-{round}.db")), CLIENTS, self.wishes.span).await;
            let gateway = self.accept_round(CLIENTS).await;
            ratios = with(ratios, gateway.tally.rate() / tally.rate());
            ours = with(ours, gateway.tally.rate());
            bare = with(bare, tally.rate());
            groups = with(groups, group);
        }
        figures.tell("by turns, gateway, 64 clients", median(ours), "/s");
        figures.tell("by turns, bare SQLite, 64 clients", median(bare), "/s");
        figures.tell("by turns, bare SQLite, rows a transaction", median(groups), "");
        figures.tell("by turns, gateway to bare SQLite, percent", 100.0 * median(ratios), "%");
        figures.tell("by turns, append of 4 KB with fdatasync, 1 writer", median(syncs), "/s");
    }

    fn cpu(&self) -> Duration {
        self.pid.map(cpu).unwrap_or_default()
    }
}

fn with(mut values: Vec<f64>, value: f64) -> Vec<f64> {
    values.push(value);
    values
}

/// One round and what it cost the gateway.
struct Round {
    tally: Tally,
    cpu: Duration,
}

impl Round {
    fn new(tally: Tally, cpu: Duration) -> Self {
        Self { tally, cpu }
    }

    /// Microseconds of CPU for each answer.
    fn cpu_us(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.tally.latencies.count().max(1) as f64
    }
}

/// Tells the medians of some rounds; gives the rate.
fn tell(name: &str, rounds: &mut [Round], figures: &mut Figures) -> f64 {
    let of = |rounds: &mut [Round], figure: &dyn Fn(&mut Round) -> f64| median(rounds.iter_mut().map(figure).collect());
    let rate = of(rounds, &|round| round.tally.rate());
    figures.tell(name, rate, "/s");
    let cpu_us = of(rounds, &|round| round.cpu_us());
    if cpu_us > 0.0 {
        figures.tell(&format!("{name}, CPU of the gateway each"), cpu_us, "us");
        figures.tell(&format!("{name}, a core's worth"), 1e6 / cpu_us, "/s");
    }
    for (part, word) in [(50.0, "p50"), (99.0, "p99"), (99.9, "p99.9")] {
        let us = of(rounds, &|round| round.tally.latencies.percentiles(&[part]).first().copied().unwrap_or_default());
        figures.tell(&format!("{name}, {word}"), us, "us");
    }
    let wrong: usize = rounds.iter().map(|round| round.tally.wrong).sum();
    if wrong > 0 {
        figures.tell(&format!("{name}, answered otherwise, all rounds"), wrong as f64, "");
    }
    rate
}

// === bare SQLite ===

/// `clients` hand rows of the same bytes to one writer, which commits what waits in one transaction; gives the rate and
/// the rows a transaction.
async fn bare_sqlite(file: &Path, clients: usize, span: Duration) -> (Tally, f64) {
    let (queue, waiting) = mpsc::channel::<(Vec<u8>, oneshot::Sender<()>)>(1_024);
    let connection = Connection::open(file).expect("a database can be made");
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             CREATE TABLE documents (id INTEGER PRIMARY KEY, body BLOB NOT NULL);",
        )
        .expect("SQLite takes its settings");
    let writer = std::thread::spawn(move || write_groups(&connection, waiting));
    let claims = Arc::new(Claims::from_sample());
    let begun = Instant::now();
    let tasks: Vec<_> = (0..clients)
        .map(|_| {
            let (queue, claims) = (queue.clone(), claims.clone());
            tokio::spawn(async move {
                let mut latencies = Latencies::default();
                while begun.elapsed() < span {
                    let body = claims.make(next_serial());
                    let sent = Instant::now();
                    let (done, kept) = oneshot::channel();
                    queue.send((body, done)).await.expect("the writer takes rows");
                    kept.await.expect("the writer keeps rows");
                    latencies.note(sent.elapsed());
                }
                latencies
            })
        })
        .collect();
    drop(queue);
    let mut sum = Tally::default();
    for task in tasks {
        sum.latencies.join(task.await.expect("a client does not panic"));
    }
    sum.took = begun.elapsed();
    let transactions = writer.join().expect("the writer does not panic");
    let group = sum.latencies.count() as f64 / transactions.max(1) as f64;
    (sum, group)
}

fn write_groups(connection: &Connection, mut waiting: mpsc::Receiver<(Vec<u8>, oneshot::Sender<()>)>) -> usize {
    let mut transactions = 0;
    while let Some(first) = waiting.blocking_recv() {
        let mut group = vec![first];
        while group.len() < 256
            && let Ok(next) = waiting.try_recv()
        {
            group.push(next);
        }
        connection.execute_batch("BEGIN IMMEDIATE").expect("a transaction begins");
        {
            let mut insert =
                connection.prepare_cached("INSERT INTO documents (body) VALUES (?1)").expect("the statement is right");
            for (body, _) in &group {
                insert.execute(params![body]).expect("a row fits");
            }
        }
        connection.execute_batch("COMMIT").expect("the disk keeps it");
        transactions += 1;
        for (_, done) in group {
            done.send(()).expect("each client waits for its row");
        }
    }
    transactions
}

/// What the disk can do just now: appends of 4 KB, each synced.
fn syncs_per_second(folder: &Path, span: Duration) -> f64 {
    use std::io::Write;
    let mut file = std::fs::File::create(folder.join("syncs")).expect("the folder is writable");
    let (begun, mut count) = (Instant::now(), 0_u32);
    while begun.elapsed() < span {
        file.write_all(&[0; 4096]).and_then(|()| file.sync_data()).expect("the disk takes it");
        count += 1;
    }
    f64::from(count) / begun.elapsed().as_secs_f64()
}
