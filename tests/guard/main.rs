//! The guard of `src/xml.rs` against libxml2: the same verdict on a million documents changed by chance.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on must stop")]

mod bases;
mod exceptions;
mod judge;
mod mutate;
#[path = "../common/random.rs"]
mod random;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::mpsc;

use lienthong::xml::{Error, Event, Limits, Reader};

use self::judge::{Answers, Questions};
use self::random::Random;

/// Documents compared; `LIENTHONG_GUARD_CASES` sets another number.
const CASES: u64 = 1_000_000;

/// Case `n` is made from this plus `n`; `LIENTHONG_GUARD_SEED` sets another. A disagreement tells its own seed.
const SEED: u64 = 20_260_316;

/// Documents asked about at once.
const BATCH: u64 = 500;

/// Disagreements told in full.
const TOLD_MAX: usize = 20;

/// As the gateway reads documents.
const LIMITS: Limits = Limits { depth_max: 64, attributes_max: 32 };

#[test]
fn the_verdict_on_a_million_documents_is_that_of_libxml2() {
    let (seed, cases) = (switch("LIENTHONG_GUARD_SEED", SEED), switch("LIENTHONG_GUARD_CASES", CASES));
    let folder = tempfile::tempdir().unwrap();
    let program = judge::compile(folder.path());
    let bases = bases::all();
    let middle = seed + cases / 2;
    let tally = std::thread::scope(|scope| {
        let halves = [seed..middle, middle..seed + cases];
        let workers = halves.map(|seeds| scope.spawn(|| compare(&program, &bases, seeds)));
        workers.into_iter().map(|worker| worker.join().unwrap()).fold(Tally::default(), Tally::add)
    });
    // Not by `println`, which a test that succeeds keeps to itself: what was compared is always told.
    let mut out = std::io::stdout().lock();
    let last = seed + cases - 1;
    writeln!(out, "{} bases, seeds {seed} to {last}, against libxml2 {}", bases.len(), tally.version).unwrap();
    tally.tell(&mut out).unwrap();
    drop(out);
    assert_eq!(tally.cases, cases, "every case was judged");
    assert!(tally.disagreed == 0, "{} disagreements, the first:\n{}", tally.disagreed, tally.told.join("\n"));
    if cases >= CASES {
        assert!(tally.right > cases / 10, "mutations that leave nothing right prove little: {}", tally.right);
        let missed: Vec<_> = EVERY_KIND.iter().filter(|code| !tally.refused.contains_key(*code)).collect();
        assert!(missed.is_empty(), "never met: {missed:?}");
    }
}

/// The codes of every fault the guard knows.
const EVERY_KIND: &[&str] = &[
    "XML_EMPTY",
    "XML_NOT_XML",
    "XML_UTF16",
    "XML_NOT_UTF8",
    "XML_ENCODING_DECLARED",
    "XML_DECLARATION",
    "XML_DECLARATION_NOT_FIRST",
    "XML_CHARACTER",
    "XML_CHARACTER_REFERENCE",
    "XML_AMPERSAND",
    "XML_NAME",
    "XML_ATTRIBUTE",
    "XML_ATTRIBUTE_TWICE",
    "XML_LESS_THAN_IN_ATTRIBUTE",
    "XML_END_TAG",
    "XML_UNCLOSED_ELEMENT",
    "XML_UNCLOSED_MARKUP",
    "XML_CDATA_END",
    "XML_COMMENT",
    "XML_PROCESSING_INSTRUCTION",
    "XML_MARKUP",
    "XML_TEXT_OUTSIDE_ROOT",
    "XML_SECOND_ROOT",
    "XML_UNBOUND_PREFIX",
    "XML_NAMESPACE_DECLARATION",
    "XML_DOCTYPE",
    "XML_ENTITY",
    "XML_TOO_DEEP",
    "XML_TOO_MANY_ATTRIBUTES",
    "XML_TAG_TOO_LONG",
];

#[expect(clippy::disallowed_methods, reason = "the switches of this test: what it begins from, and how long it runs")]
fn switch(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |set| set.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// One changed document and what the guard says of it.
struct Case {
    seed: u64,
    document: Vec<u8>,
    verdict: Result<(), Error>,
}

/// What came of the cases.
#[derive(Default)]
struct Tally {
    version: String,
    cases: u64,
    /// Both took it.
    right: u64,
    /// By code, what the guard refused, whatever libxml2 said.
    refused: BTreeMap<&'static str, u64>,
    /// Both refused it.
    wrong: u64,
    /// By code and reason.
    stricter: BTreeMap<(&'static str, &'static str), u64>,
    /// By code and the words of the standard, what libxml2 takes against them.
    forbidden: BTreeMap<(&'static str, &'static str), u64>,
    /// By libxml2's code and the words of the standard, what it refuses without need.
    allowed: BTreeMap<(u8, &'static str), u64>,
    disagreed: u64,
    told: Vec<String>,
}

/// Makes the cases and judges them here, while libxml2 judges those before.
fn compare(program: &Path, bases: &[Vec<u8>], seeds: std::ops::Range<u64>) -> Tally {
    let (questions, answers, version) = judge::start(program);
    // Two batches under way keep both sides busy.
    let (asked, to_answer) = mpsc::sync_channel(2);
    std::thread::scope(|scope| {
        let counting = scope.spawn(move || count(answers, to_answer, Tally { version, ..Tally::default() }));
        ask(questions, bases, seeds, &asked);
        drop(asked);
        counting.join().unwrap()
    })
}

fn ask(mut questions: Questions, bases: &[Vec<u8>], seeds: std::ops::Range<u64>, asked: &mpsc::SyncSender<Vec<Case>>) {
    let mut seeds = seeds.peekable();
    while seeds.peek().is_some() {
        let batch: Vec<Case> = (&mut seeds).take(BATCH as usize).map(|seed| case(bases, seed)).collect();
        questions.ask(batch.iter().map(|case| case.document.as_slice()));
        asked.send(batch).unwrap();
    }
}

fn case(bases: &[Vec<u8>], seed: u64) -> Case {
    let mut random = Random::new(seed);
    let mut document = bases[random.below(bases.len())].clone();
    mutate::mutate(&mut document, &mut random);
    let verdict = read(&document);
    Case { seed, document, verdict }
}

/// Reads to the end, as every caller does.
fn read(document: &[u8]) -> Result<(), Error> {
    let mut reader = Reader::new(document, LIMITS)?;
    while reader.read()? != Event::Eof {}
    Ok(())
}

fn count(mut answers: Answers, asked: mpsc::Receiver<Vec<Case>>, mut tally: Tally) -> Tally {
    for batch in asked {
        let verdicts = answers.next(batch.len());
        for (case, theirs) in batch.iter().zip(verdicts) {
            tally.take(case, theirs);
        }
    }
    answers.end();
    tally
}

// === impl Tally ===

impl Tally {
    fn take(&mut self, case: &Case, theirs: u8) {
        self.cases += 1;
        if let Err(error) = &case.verdict {
            *self.refused.entry(error.kind.code()).or_default() += 1;
            let lines = case.document.iter().filter(|&&byte| byte == b'\n').count() as u32 + 1;
            let place = error.position;
            assert!((1..=lines).contains(&place.line) && place.column >= 1, "seed {}: {error}", case.seed);
        }
        match (&case.verdict, theirs) {
            (Ok(()), 0) => self.right += 1,
            (Err(error), 0) => {
                let code = error.kind.code();
                if let Some(reason) = exceptions::deliberately_stricter(&case.document, error) {
                    *self.stricter.entry((code, reason)).or_default() += 1;
                } else if let Some(words) = exceptions::forbidden_by_the_standard(&case.document, error) {
                    *self.forbidden.entry((code, words)).or_default() += 1;
                } else {
                    self.disagree(case, theirs);
                }
            }
            (Ok(()), code) => match exceptions::allowed_by_the_standard(code) {
                Some(words) => *self.allowed.entry((code, words)).or_default() += 1,
                None => self.disagree(case, theirs),
            },
            (Err(_), _) => self.wrong += 1,
        }
    }

    fn disagree(&mut self, case: &Case, theirs: u8) {
        self.disagreed += 1;
        if self.told.len() < TOLD_MAX {
            let ours = case.verdict.as_ref().map_or_else(ToString::to_string, |()| "right".to_owned());
            let document = case.document.escape_ascii();
            self.told.push(format!("seed {}: libxml2 says {theirs}, the guard {ours}: {document}", case.seed));
        }
    }

    fn add(mut self, other: Self) -> Self {
        fn join<K: Ord>(all: &mut BTreeMap<K, u64>, more: BTreeMap<K, u64>) {
            for (key, count) in more {
                *all.entry(key).or_default() += count;
            }
        }
        self.version = other.version;
        self.cases += other.cases;
        self.right += other.right;
        self.wrong += other.wrong;
        self.disagreed += other.disagreed;
        self.told.extend(other.told);
        join(&mut self.refused, other.refused);
        join(&mut self.stricter, other.stricter);
        join(&mut self.forbidden, other.forbidden);
        join(&mut self.allowed, other.allowed);
        self
    }

    fn tell(&self, out: &mut impl Write) -> std::io::Result<()> {
        writeln!(out, "{} documents: both take {}, both refuse {}", self.cases, self.right, self.wrong)?;
        writeln!(out, "the guard alone refuses, knowingly stricter, {}:", sum(&self.stricter))?;
        for ((code, reason), count) in &self.stricter {
            writeln!(out, "  {count:>7} {code}: {reason}")?;
        }
        writeln!(out, "the guard alone refuses, and the standards with it, {}:", sum(&self.forbidden))?;
        for ((code, words), count) in &self.forbidden {
            writeln!(out, "  {count:>7} {code}: {words}")?;
        }
        writeln!(out, "libxml2 alone refuses what the standards allow, {}:", sum(&self.allowed))?;
        for ((code, words), count) in &self.allowed {
            writeln!(out, "  {count:>7} error {code}: {words}")?;
        }
        writeln!(out, "disagreements: {}", self.disagreed)?;
        writeln!(out, "refused by the guard, by code: {:?}", self.refused)
    }
}

fn sum<K>(counts: &BTreeMap<K, u64>) -> u64 {
    counts.values().sum()
}
