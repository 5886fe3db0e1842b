//! What the seed decides: whose documents, in which versions, by which door, with which orders; the portal's moods; and
//! when the gateway is killed. How threads and packets meet it does not decide.

use std::time::Duration;

use lienthong::sandbox::Faults;

use crate::papers::{FACILITIES, Kind, Paper};
use crate::random::Random;

/// Chance that is the same for the same seed and words.
pub(crate) fn chance(seed: u64, words: &[usize]) -> Random {
    let mix = |state: u64, word: &usize| (state ^ *word as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23);
    Random::new(words.iter().fold(seed, mix))
}

/// By which door a document goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// `POST /v1/documents`.
    Single,
    /// The same with an `Idempotency-Key`.
    WithKey,
    /// The same with `Prefer: wait`.
    Wait,
    /// In JSON, base64 within.
    Json,
    /// As a file of a form.
    Form,
}

/// What is done after a document was acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    Nothing,
    /// The same bytes once more, as a system does that forgot.
    Repeat,
    Cancel,
    /// Held back, and let go a while later.
    HoldAndRelease,
    /// Held back for good.
    Hold,
}

/// How the first request for a document goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum First {
    Usual,
    /// The sender hangs up after this while, answered or not, and begins anew.
    HangUp(Duration),
    /// Two threads of the sender send the same at once.
    TwiceAtOnce,
}

/// One document to be submitted.
pub(crate) struct Step {
    pub(crate) paper: Paper,
    pub(crate) door: Door,
    pub(crate) after: After,
    pub(crate) first: First,
    /// Before the next step.
    pub(crate) rest: Duration,
}

/// What a client does at one go.
pub(crate) enum Script {
    /// One after the other.
    Steps(Vec<Step>),
    /// All in one request; no two are of one record.
    Feed(Vec<Paper>),
}

/// Scripts a client may run in one round: its serial numbers have five digits, shared among the clients.
pub(crate) const SCRIPTS_MAX: usize = 300;

/// Records of one script.
const RECORDS_MAX: usize = 12;

/// Script number `number` of client number `client`, which may submit for `facilities`.
pub(crate) fn script(seed: u64, client: usize, number: usize, facilities: &[&'static str], feeds: bool) -> Script {
    let mut random = chance(seed, &[1, client, number]);
    let first = (client * SCRIPTS_MAX + number) * RECORDS_MAX;
    if feeds && random.one_in(6) {
        let count = 3 + random.below(RECORDS_MAX - 3);
        let paper = |place| {
            let kind = kind(&mut random, facilities);
            Paper::new(kind, random.pick(facilities), first + place, 1)
        };
        return Script::Feed((0..count).map(paper).collect());
    }
    let kind = kind(&mut random, facilities);
    let facility = random.pick(facilities);
    let versions = match kind {
        Kind::Claim => random.pick(&[1, 1, 1, 2, 3, 4]),
        Kind::Checkin => random.pick(&[1, 1, 2]),
        Kind::Birth => random.pick(&[1, 1, 1, 1, 2]),
        Kind::Exam => random.pick(&[1, 1, 2]),
        _ => 1,
    };
    let mut papers: Vec<Paper> = (1..=versions).map(|version| Paper::new(kind, facility, first, version)).collect();
    if kind == Kind::Claim {
        // A visit is noticed first, under the same number; and another facility may use that number too.
        if random.one_in(4) {
            papers.insert(0, Paper::new(Kind::Checkin, facility, first, 1));
        }
        let other = random.pick(facilities);
        if other != facility && random.one_in(3) {
            papers.insert(random.below(papers.len()), Paper::new(Kind::Claim, other, first, 1));
        }
    }
    let last = papers.len() - 1;
    let steps = papers.into_iter().enumerate().map(|(place, paper)| {
        // What is held for good stands in the way of what comes after it.
        let may_stay = place == last;
        Step {
            door: random.pick(&[Door::Single, Door::WithKey, Door::WithKey, Door::Wait, Door::Json, Door::Form]),
            after: after(&mut random, may_stay),
            first: match random.below(10) {
                0 => First::HangUp(Duration::from_millis(random.below(25) as u64)),
                1 => First::TwiceAtOnce,
                _ => First::Usual,
            },
            rest: Duration::from_millis(random.pick(&[0, 0, 0, 20, 100, 400])),
            paper,
        }
    });
    Script::Steps(steps.collect())
}

/// All kinds, claims most of all, as far as the facilities allow.
fn kind(random: &mut Random, facilities: &[&'static str]) -> Kind {
    const SHARES: [(Kind, usize, Option<&str>); 7] = [
        (Kind::Claim, 44, None),
        (Kind::Checkin, 12, None),
        (Kind::Assessment, 8, None),
        (Kind::Birth, 10, Some("79999")),
        (Kind::Death, 8, Some("38999")),
        (Kind::Exam, 8, Some("48999")),
        (Kind::Voucher, 10, Some("01999")),
    ];
    let mut rest = random.below(100);
    for (kind, share, only) in SHARES {
        if rest < share {
            return if only.is_none_or(|only| facilities.contains(&only)) { kind } else { Kind::Claim };
        }
        rest -= share;
    }
    Kind::Claim
}

fn after(random: &mut Random, may_stay: bool) -> After {
    match random.below(100) {
        0..10 => After::Repeat,
        10..15 => After::Cancel,
        15..20 => After::HoldAndRelease,
        20..22 if may_stay => After::Hold,
        _ => After::Nothing,
    }
}

/// How the portal misbehaves for a while. What concerns every call concerns the login too.
pub(crate) fn mood(random: &mut Random) -> (&'static str, Faults) {
    let fair = Faults::default;
    let moods: [(&str, Faults); 9] = [
        ("fair", fair()),
        (
            "losing answers",
            Faults { reset_before_rate: 0.1, reset_after_rate: 0.15, empty_rate: 0.1, truncate_rate: 0.1, ..fair() },
        ),
        (
            "stalling",
            Faults {
                stall_before_rate: 0.08,
                stall_after_rate: 0.12,
                latency_median_ms: 100,
                latency_sigma: 1.2,
                ..fair()
            },
        ),
        ("lying in HTML", Faults { html_rate: 0.15, html_ok_rate: 0.2, error_rate: 0.05, ..fair() }),
        ("revoking tokens", Faults { revoke_rate: 0.3, unauthorized_rate: 0.15, last_login_wins: true, ..fair() }),
        ("booking twice", Faults { double_rate: 0.25, reset_after_rate: 0.15, ..fair() }),
        // A receipt has some 150 bytes: a third of the answers take longer than the gateway waits.
        ("dripping", Faults { drip_ms_per_byte: 15, drip_rate: 0.3, code_as_number: true, ..fair() }),
        ("dark", Faults { outage: true, ..fair() }),
        (
            "at its worst",
            Faults {
                error_rate: 0.04,
                empty_rate: 0.04,
                html_rate: 0.04,
                html_ok_rate: 0.06,
                reset_before_rate: 0.06,
                reset_after_rate: 0.08,
                truncate_rate: 0.05,
                revoke_rate: 0.06,
                unauthorized_rate: 0.04,
                stall_before_rate: 0.02,
                stall_after_rate: 0.04,
                double_rate: 0.05,
                drip_ms_per_byte: 10,
                drip_rate: 0.1,
                latency_median_ms: 30,
                latency_sigma: 1.0,
                ..fair()
            },
        ),
    ];
    random.pick(&moods)
}

/// How a gateway ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending {
    /// SIGKILL this long after it serves.
    Serving(Duration),
    /// SIGKILL this long after it was started: while it opens, migrates, recovers, binds.
    Opening(Duration),
    /// SIGKILL right after the portal processed so many documents more: their answers are on the way.
    AtSubmission(usize),
    /// SIGKILL right after so many acknowledgements more were heard.
    AtAcknowledgement(usize),
    /// SIGTERM, then SIGKILL this much later, in the middle of letting go.
    Draining(Duration, Duration),
    /// SIGKILL while `lienthong keys add` writes beside it, which is killed itself a moment later, or finishes.
    BesideTool(Duration, Option<Duration>),
    /// SIGTERM, and as long as it likes. No kill.
    InPeace(Duration),
}

impl Ending {
    /// The next one. Three in ten come in the first tenths of a second, so that several follow each other closely.
    pub(crate) fn next(random: &mut Random) -> Self {
        let mut within = |most: usize| Duration::from_millis(random.below(most) as u64);
        let (long, short) = (within(1_200), within(150));
        let some = 1 + random.below(25);
        match random.below(100) {
            0..30 => Self::Opening(short),
            30..50 => Self::Serving(long),
            50..62 => Self::AtSubmission(some),
            62..74 => Self::AtAcknowledgement(some),
            74..83 => Self::Draining(long / 2, short * 2),
            83..93 => Self::BesideTool(long / 2, random.one_in(2).then_some(short)),
            _ => Self::InPeace(long),
        }
    }
}

/// The keys of the API clients: by turns, and what they may submit for.
pub(crate) const KEYS: [(&str, &[&str]); 4] =
    [("all", &FACILITIES), ("all again", &FACILITIES), ("one", &["01999"]), ("another", &["79999"])];

/// The users of the façade, one a system.
pub(crate) const USERS: [&str; 4] = ["01999_BV", "79999_BV", "38999_BV", "48999_BV"];
