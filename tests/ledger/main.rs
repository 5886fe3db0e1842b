//! Documents of all kinds from many systems, a portal in every bad mood, and a gateway that is killed again and again: at
//! the end the ledger, the gateway and the portal agree.
//!
//! `cargo test --test ledger` kills it thirty times with a seed of the day's own; `tests/ledger/soak KILLS [SEED]` as often
//! as wanted, in rounds. The seed is printed, and brings back the plan: documents, versions, doors, orders, moods, and when
//! the gateway is killed. How threads and packets meet is the machine's.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::string_slice,
    reason = "a test that cannot go on must stop"
)]

#[path = "../common/documents.rs"]
mod documents;
#[path = "../common/exams.rs"]
mod exams;
#[path = "../common/https.rs"]
mod https;
#[path = "../common/random.rs"]
mod random;

mod clients;
mod compare;
mod his;
mod killer;
mod ledger;
mod papers;
mod people;
mod plan;
mod round;
mod site;

/// Kills of the everyday run.
const KILLS: usize = 30;

/// Kills of one round; a soak of more has several, so that what the portal and the ledger hold stays small.
const KILLS_A_ROUND: usize = 30;

#[tokio::test(flavor = "multi_thread")]
async fn ledger_gateway_and_portal_agree_over_kills_and_a_portal_in_every_mood() {
    let kills =
        wished("LIENTHONG_LEDGER_KILLS").map_or(KILLS, |kills| usize::try_from(kills).expect("a number of kills"));
    let first = wished("LIENTHONG_LEDGER_SEED").unwrap_or_else(seed_of_this_run);
    let (mut left, mut seed, mut number) = (kills, first, 0);
    let (mut documents, mut submissions, mut done) = (0, 0, 0);
    while left > 0 {
        number += 1;
        let kills = left.min(KILLS_A_ROUND);
        println!("round {number}: seed {seed}, {kills} kills");
        let told = round::play(seed, kills).await;
        println!("  {}", told.line);
        if !told.violations.is_empty() {
            for violation in told.violations.iter().take(40) {
                println!("VIOLATION (seed {seed}): {violation}");
            }
            let count = told.violations.len();
            panic!("{count} violations; replay: tests/ledger/soak {kills} {seed}");
        }
        (documents, submissions) = (documents + told.documents, submissions + told.submissions);
        (left, done) = (left - kills, done + kills);
        // The next round's seed follows from this one's.
        seed = seed.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F) >> 1;
    }
    println!(
        "{done} kills in {number} rounds from seed {first}: {documents} documents, {submissions} submissions at the \
         portal, nothing lost, nothing doubled"
    );
}

/// What whoever runs the tests asks for.
fn wished(name: &str) -> Option<u64> {
    #[expect(clippy::disallowed_methods, reason = "whoever runs the tests chooses how many and from which seed")]
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// Another one each time: thirty kills a run find more over many runs than the same thirty.
fn seed_of_this_run() -> u64 {
    u64::from_be_bytes(lienthong::system::System::real().random::<8>()) >> 1
}
