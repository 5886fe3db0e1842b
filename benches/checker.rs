//! The check of a claim: beside a bare scan, beside libxml2, and the memory it takes.
//!
//! `cargo bench --bench checker`; `docs/performance.md` says what each figure means.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::expect_used, reason = "a benchmark that cannot go on has nothing to tell")]

mod support;

use std::hint::black_box;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lienthong::document::schema::Library;
use lienthong::document::{Document, Limits, Rulebook};
use lienthong::xml;
use quick_xml::Reader;
use quick_xml::events::Event;

use self::support::Wishes;
use self::support::figures::{Figures, median};
use self::support::libxml2::Libxml2;
use self::support::long_claim::{LongClaims, Parts};
use self::support::process::{machine, take_second_core};

/// Days of treatment that make a claim of about 500 KB, and of about 50 KB.
const LONG_DAYS: usize = 25;
const USUAL_DAYS: usize = 2;
/// The version that holds on the claims' day.
const VERSION: &str = "3176";
/// That day, for what does not say it.
const TODAY: u32 = 20_260_316;
/// Rounds below which a median on a shared machine says little.
const ROUNDS_MIN: usize = 11;
/// The option with which this binary starts itself to measure memory.
const MEMORY: &str = "--memory-of";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, option, file] = arguments.as_slice()
        && option == MEMORY
    {
        return measure_memory(Path::new(file));
    }
    let mut wishes = match Wishes::read() {
        Ok(wishes) => wishes,
        Err(code) => return code,
    };
    if !wishes.quick {
        wishes.rounds = wishes.rounds.max(ROUNDS_MIN);
    }
    // Everything on one core, by turns; processes started from here inherit it.
    wishes.pinned = wishes.pinned && take_second_core();
    let mut figures = Figures::default();
    println!("machine: {}", machine());
    println!("{}; medians of {} rounds", if wishes.pinned { "on one core" } else { "not pinned" }, wishes.rounds);
    let folder = tempfile::tempdir().expect("a folder can be made");
    if wishes.wants("speed")
        && let Err(missing) = tell_speed(&wishes, folder.path(), &mut figures)
    {
        println!("cannot compare: {missing}");
        return ExitCode::FAILURE;
    }
    if wishes.wants("memory") {
        tell_memory(&wishes, folder.path(), &mut figures);
    }
    match figures.write(wishes.json.as_deref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("the figures could not be written: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The full check of a claim, as the gateway does it.
fn check(bytes: &[u8], rulebook: &Rulebook) -> Document {
    let document = Document::parse(bytes, &Limits::default(), rulebook, TODAY).expect("the claim is right");
    assert!(document.warnings.is_empty(), "the claim keeps to the rules: {:?}", document.warnings.listed().first());
    document
}

// === speed ===

/// One of those compared: its name, and the seconds of one check, of each round.
struct Entrant<'a> {
    name: &'a str,
    work: Box<dyn FnMut(u32) -> f64 + 'a>,
    times: u32,
    rounds: Vec<f64>,
}

fn tell_speed(wishes: &Wishes, folder: &Path, figures: &mut Figures) -> Result<(), support::libxml2::Missing> {
    let claims = LongClaims::from_sample();
    let (bytes, parts) = (claims.package(1, LONG_DAYS), claims.record(1, LONG_DAYS));
    let file = folder.join("claim.xml");
    std::fs::write(&file, &bytes).expect("the folder is writable");
    let names: Vec<&str> = parts.iter().map(|(name, _)| *name).collect();
    let mut other = Libxml2::start(folder, &file, &names)?;
    let mut again = Libxml2::start(folder, &file, &names)?;
    let rows: usize = parts.iter().map(|(_, text)| text.matches("<STT>").count()).sum();
    figures.section("a claim, by turns");
    figures.tell("the claim", bytes.len() as f64 / 1e3, "KB");
    figures.tell("its parts, decoded", other.decoded as f64 / 1e3, "KB");
    figures.tell("its rows", rows as f64, "");

    let rulebook = Rulebook::embedded();
    let (bytes, parts, rulebook) = (&bytes, &parts, &rulebook);
    let mut entrants = [
        Entrant::new("bare quick-xml", Box::new(|times| timed(times, || scan(bytes)))),
        Entrant::new("full check", Box::new(|times| timed(times, || check(bytes, rulebook)))),
        Entrant::new("libxml2", Box::new(|times| other.run(times, true))),
        Entrant::new("guard alone, parts decoded before", Box::new(|times| timed(times, || guard_parts(bytes, parts)))),
        Entrant::new(
            "guard and schemas, parts decoded before",
            Box::new(|times| timed(times, || check_parts(bytes, parts, rulebook.library()))),
        ),
        Entrant::new("libxml2, parts decoded before", Box::new(|times| again.run(times, false))),
    ];
    for entrant in &mut entrants {
        entrant.prepare(wishes.span / 40);
    }
    for _ in 0..wishes.rounds {
        entrants.iter_mut().for_each(Entrant::round);
    }
    for entrant in &entrants {
        entrant.tell(bytes.len(), figures);
    }
    let [bare, full, libxml2, _, schemas, libxml2_plain] = &entrants;
    figures.section("ratios, of the rounds' own");
    ratio("speed of the full check, of bare quick-xml's", bare, full, figures);
    ratio("speed of the full check, times libxml2's", libxml2, full, figures);
    ratio("speed of guard and schemas, times libxml2's, parts decoded", libxml2_plain, schemas, figures);
    Ok(())
}

impl<'a> Entrant<'a> {
    fn new(name: &'a str, work: Box<dyn FnMut(u32) -> f64 + 'a>) -> Self {
        Self { name, work, times: 1, rounds: Vec::new() }
    }

    /// Warms up and finds how often the work fits into a round.
    fn prepare(&mut self, span: Duration) {
        let first = (self.work)(1);
        let each = first.min((self.work)(3)).max(1e-6);
        self.times = (span.as_secs_f64() / each).clamp(1.0, 1e6) as u32;
    }

    fn round(&mut self) {
        let seconds = (self.work)(self.times);
        self.rounds.push(seconds);
    }

    fn tell(&self, bytes: usize, figures: &mut Figures) {
        let middle = median(self.rounds.clone());
        figures.tell(self.name, middle * 1e6, "us");
        figures.tell(&format!("{}, megabytes of claim", self.name), bytes as f64 / 1e6 / middle, "MB/s");
        let least = self.rounds.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.rounds.iter().copied().fold(0.0, f64::max);
        figures.tell(&format!("{}, least round", self.name), least * 1e6, "us");
        figures.tell(&format!("{}, most", self.name), most * 1e6, "us");
    }
}

/// How many times as fast the second is, from round to round.
fn ratio(name: &str, one: &Entrant<'_>, other: &Entrant<'_>, figures: &mut Figures) {
    let mut ratios: Vec<f64> = one.rounds.iter().zip(&other.rounds).map(|(one, other)| 100.0 * one / other).collect();
    ratios.sort_by(f64::total_cmp);
    figures.tell(name, median(ratios.clone()), "%");
    let at = |part: usize| ratios.get(ratios.len() * part / 4).copied().unwrap_or_default();
    figures.remark(&format!("    half of the rounds between {:.1} and {:.1} %", at(1), at(3)));
}

/// Seconds of one call.
fn timed<T>(times: u32, mut work: impl FnMut() -> T) -> f64 {
    let begun = Instant::now();
    for _ in 0..times {
        black_box(work());
    }
    begun.elapsed().as_secs_f64() / f64::from(times)
}

/// The least anybody who reads a claim with quick-xml does: all events of the envelope, and of the parts once decoded.
fn scan(bytes: &[u8]) -> usize {
    let mut decoded = Vec::new();
    let mut reader = Reader::from_str(std::str::from_utf8(bytes).expect("the claim is text"));
    let (mut events, mut content) = (0, false);
    loop {
        events += 1;
        match reader.read_event().expect("the claim is well-formed") {
            Event::Start(tag) => content = tag.name().as_ref() == "NOIDUNGFILE",
            Event::Text(text) if content => {
                decoded.clear();
                STANDARD.decode_vec(text.as_bytes(), &mut decoded).expect("parts are base64");
                events += scan_part(&decoded);
            }
            Event::End(_) => content = false,
            Event::Eof => return events,
            _ => {}
        }
    }
}

fn scan_part(bytes: &[u8]) -> usize {
    let mut reader = Reader::from_str(std::str::from_utf8(bytes).expect("a part is text"));
    let mut events = 1;
    while reader.read_event().expect("a part is well-formed") != Event::Eof {
        events += 1;
    }
    events
}

/// The texts of a claim: the envelope and its parts, decoded.
fn texts<'a>(bytes: &'a [u8], parts: &'a Parts) -> impl Iterator<Item = (&'a str, &'a [u8])> {
    std::iter::once(("GIAMDINHHS", bytes)).chain(parts.iter().map(|(name, text)| (*name, text.as_bytes())))
}

fn guard_parts(bytes: &[u8], parts: &Parts) -> usize {
    let mut events = 0;
    for (_, text) in texts(bytes, parts) {
        let mut reader = xml::Reader::new(text, LIMITS).expect("a part is text");
        while reader.read().expect("a part is well-formed") != xml::Event::Eof {
            events += 1;
        }
    }
    events
}

/// Those of documents.
const LIMITS: xml::Limits = xml::Limits { depth_max: 64, attributes_max: 32 };

fn check_parts(bytes: &[u8], parts: &Parts, library: &Library) {
    for (name, text) in texts(bytes, parts) {
        let schema = library.schema(name, VERSION).expect("there is a schema").expect("it is understood");
        let faults = schema.check(text, LIMITS).expect("a part is well-formed");
        assert!(faults.is_empty(), "{name} keeps to its schema");
    }
}

// === memory ===

fn tell_memory(wishes: &Wishes, folder: &Path, figures: &mut Figures) {
    figures.section("memory beyond the document's own bytes, each in a process of its own");
    let claims = LongClaims::from_sample();
    let sizes: &[u32] = if wishes.quick { &[1, 10] } else { &[1, 100, 1_000] };
    for records in sizes {
        let bytes = claims.package(*records, USUAL_DAYS);
        let file = folder.join("package.xml");
        std::fs::write(&file, &bytes).expect("the folder is writable");
        let own = std::env::current_exe().expect("this binary has a path");
        let output = Command::new(own).arg(MEMORY).arg(&file).output().expect("this binary starts again");
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        let told: Vec<f64> = told.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let [extra, seconds] = told.as_slice() else {
            panic!("the document was not checked: {}", String::from_utf8_lossy(&output.stderr))
        };
        let size = bytes.len() as f64 / 1e6;
        figures.tell(&format!("{records} records, the document"), size, "MB");
        figures.tell(&format!("{records} records, the check takes beyond it"), *extra, "KiB");
        figures.tell(&format!("{records} records, the check"), seconds * 1e3, "ms");
    }
}

/// What a process that was started again for it does: checks one document and tells by how much memory grew.
fn measure_memory(file: &Path) -> ExitCode {
    let rulebook = Rulebook::embedded();
    // The schemas are compiled once a process, not once a document.
    check(&LongClaims::from_sample().package(1, 1), &rulebook);
    let bytes = std::fs::read(file).expect("the document can be read");
    // The kernel forgets the most it saw before.
    std::fs::write("/proc/self/clear_refs", "5").expect("Linux resets the mark of memory");
    let (before, begun) = (memory("VmRSS:"), Instant::now());
    let document = check(&bytes, &rulebook);
    let seconds = begun.elapsed().as_secs_f64();
    println!("{} {seconds}", memory("VmHWM:").saturating_sub(before));
    assert!(document.records > 0, "there are records");
    ExitCode::SUCCESS
}

/// A figure of this process, in KiB.
fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells of memory");
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).expect("the figure is there")
}
