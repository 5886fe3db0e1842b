//! Memory: a gateway at rest, a million cached cards, and what a cached card takes in a running gateway.
//!
//! `cargo bench --bench memory`; `docs/performance.md` says what each figure means.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::expect_used, reason = "a benchmark that cannot go on has nothing to tell")]

mod support;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use lienthong::lookup::cache::{Cache, Config, Kept, QuestionKey};
use lienthong::system::{System, after};

use self::support::Wishes;
use self::support::figures::Figures;
use self::support::load::{Target, Wanted};
use self::support::process::{machine, resident};
use self::support::stand::{FACILITIES, Stand, people, serve_if_told};

/// What an answer of the card lookup weighs.
const ANSWER_BYTES: usize = 1_200;

fn main() -> ExitCode {
    if let Some(served) = serve_if_told() {
        return served;
    }
    let mut wishes = match Wishes::read() {
        Ok(wishes) => wishes,
        Err(code) => return code,
    };
    wishes.pinned = false;
    let mut figures = Figures::default();
    println!("machine: {}", machine());
    if let Some(pid) = wishes.pid {
        figures.section(&format!("process {pid}"));
        figures.tell("resident", mib(resident(pid)), "MiB");
    } else {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime can be made");
        // The gateway first: what this process holds later is no business of its own process, but of the machine.
        if wishes.wants("gateway") {
            runtime.block_on(in_gateway(&wishes, &mut figures));
        }
        if wishes.wants("cache") {
            runtime.block_on(cache_alone(&wishes, &mut figures));
        }
    }
    match figures.write(wishes.json.as_deref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("the figures could not be written: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The cache by itself, filled with answers that own exactly their bytes.
async fn cache_alone(wishes: &Wishes, figures: &mut Figures) {
    let steps: &[usize] = if wishes.quick { &[1_000, 10_000] } else { &[10_000, 100_000, 1_000_000] };
    figures.section(&format!("the cache alone, answers of {ANSWER_BYTES} bytes"));
    let now = System::real().now();
    let fresh_until = after(now, Duration::from_secs(4 * 3600));
    let own = std::process::id();
    let before = resident(own);
    let cache = Cache::new(Config { bytes_max: 16 << 30, ..Config::default() });
    let mut filled = 0;
    for step in steps {
        for n in filled..*step {
            let kept = Kept { code: "000".into(), raw: answer(n), answered_at: now, fresh_until, changed: None };
            let kept = cache.joined(key(n), async move { Ok::<_, ()>(kept) }).await.expect("it is kept");
            drop(kept);
            // Asked once more, as cards are: the first copy of a `Bytes` makes room for a count.
            assert!(cache.fresh(&key(n), now).await.is_some(), "it is found again");
        }
        filled = *step;
        let held = cache.len();
        let grown = resident(own).saturating_sub(before) as f64;
        let each = grown / *step as f64;
        figures.tell(&format!("cache, {step} cards, resident"), grown / f64::from(1 << 20), "MiB");
        figures.tell(&format!("cache, {step} cards, each beyond its answer"), each - ANSWER_BYTES as f64, "bytes");
        if (held as f64) < 0.99 * *step as f64 {
            figures.remark(&format!("the cache says it holds {held} of {step} only"));
        }
    }
    figures.tell(
        "cache, counted beyond the answer (ENTRY_OVERHEAD)",
        f64::from(lienthong::lookup::cache::ENTRY_OVERHEAD),
        "bytes",
    );
    drop(cache);
}

/// A gateway in a process of its own: at rest, and with cards it got from the sandbox.
async fn in_gateway(wishes: &Wishes, figures: &mut Figures) {
    let each_facility = if wishes.quick { 100 } else { 8_000 };
    let stand = Stand::start(wishes, "in_flight_max = 64", "cache_mib = 4096").await;
    settle(wishes).await;
    let rest = resident(stand.pid());
    figures.section("a gateway in a process of its own");
    figures.tell("gateway, at rest, resident", mib(rest), "MiB");

    // Some traffic first, so that buffers and caches of the store are not counted as cards.
    let target = Target::new(&stand.outside);
    let mut answer_bytes = fill(&target, FACILITIES.get(..1).unwrap_or_default(), each_facility).await;
    settle(wishes).await;
    let before = resident(stand.pid());
    let further = FACILITIES.get(1..).unwrap_or_default();
    answer_bytes = answer_bytes.max(fill(&target, further, each_facility).await);
    settle(wishes).await;
    let cards = (each_facility * further.len()) as f64;
    let grown = resident(stand.pid()).saturating_sub(before) as f64;
    figures.tell("gateway, first cards cached, resident", mib(before), "MiB");
    figures.tell("gateway, further cards cached", cards, "");
    figures.tell("gateway, grown by", grown / f64::from(1 << 20), "MiB");
    figures.tell("gateway, each further card", grown / cards, "bytes");
    figures.remark(&format!(
        "the gateway's own answers have {answer_bytes} bytes; the portal's, which are kept, are of that size"
    ));
}

/// Asks about each person once, for each facility. Gives the bytes of the last answer.
async fn fill(target: &Target, facilities: &'static [&'static str], count: usize) -> usize {
    const AT_ONCE: usize = 32;
    let persons: Arc<Vec<_>> = Arc::new(people().take(count).collect());
    let wires = target.connect_many(AT_ONCE).await;
    let tasks: Vec<_> = wires
        .into_iter()
        .enumerate()
        .map(|(n, mut wire)| {
            let (target, persons) = (target.clone(), persons.clone());
            tokio::spawn(async move {
                let mut bytes = 0;
                for facility in facilities {
                    for person in persons.iter().skip(n).step_by(AT_ONCE) {
                        let answer = wire.exchange(&target.question_for(person, facility)).await;
                        assert!(answer.is(Wanted::Card), "{}", String::from_utf8_lossy(answer.body));
                        bytes = answer.body.len();
                    }
                }
                bytes
            })
        })
        .collect();
    let mut bytes = 0;
    for task in tasks {
        bytes = bytes.max(task.await.expect("filling succeeds"));
    }
    bytes
}

/// Lets the writer and the allocator come to rest.
async fn settle(wishes: &Wishes) {
    tokio::time::sleep(if wishes.quick { Duration::from_millis(200) } else { Duration::from_secs(3) }).await;
}

fn answer(n: usize) -> Bytes {
    // Written to, so that the kernel really gives the memory.
    let byte = u8::try_from(n % 251).unwrap_or_default() + 1;
    Bytes::from(vec![byte; ANSWER_BYTES])
}

fn key(n: usize) -> QuestionKey {
    let mut key = [0; 32];
    for (place, byte) in key.iter_mut().zip((n as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes().iter().cycle())
    {
        *place = *byte;
    }
    key
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
