//! Hostile documents of the largest size: how long each keeps a core busy until it is refused, and what it costs in
//! memory meanwhile.
//!
//! `cargo bench --bench hostile`; a name or a part of one after `--` picks cases. Without `--bench`, as under
//! `cargo test --benches`, the documents are small.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::expect_used, reason = "a benchmark that cannot go on has nothing to tell")]

#[path = "../tests/common/hostile.rs"]
mod hostile;

use std::process::{Command, ExitCode};

use self::hostile::{CASES, Case, LARGE};

/// What a document may take of a core, in milliseconds.
const ALLOWED_MS: f64 = 100.0;

/// What it may cost, in MiB beyond itself.
const ALLOWED_MIB: f64 = 64.0;

/// Behind this stand the number of a case and its size: to be read once, by a process that does nothing else.
const APART: &str = "--apart";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(at) = arguments.iter().position(|argument| argument == APART) {
        let number = |place: usize| arguments.get(place)?.parse::<usize>().ok();
        let (case, size) = (number(at + 1).and_then(|case| CASES.get(case)), number(at + 2));
        let cost = hostile::cost(case.expect("there is such a case"), size.expect("its size is told"));
        println!("{} {} {}", cost.document, cost.grown, cost.codes.join(" "));
        return ExitCode::SUCCESS;
    }
    let quick = !arguments.iter().any(|argument| argument == "--bench");
    let wanted: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    println!("{:>8} {:>8} {:>8}  {:<26} case", "MiB", "ms", "MiB more", "refused by");
    let mut right = true;
    for (number, case) in CASES.iter().enumerate() {
        if wanted.is_empty() || wanted.iter().any(|wanted| case.name.contains(wanted.as_str())) {
            right &= tell(number, case, quick);
        }
    }
    if right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Milliseconds this thread has had a core for, so that others on the machine do not count.
fn busy_ms() -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").expect("the kernel counts the time of threads");
    let ns: f64 = told.split(' ').next().and_then(|ns| ns.parse().ok()).expect("it is a number");
    ns / 1e6
}

/// Tells what one costs, the median of several times; `false` if it is not refused as it should be.
fn tell(number: usize, case: &Case, quick: bool) -> bool {
    let (size, times) = if quick { (1 << 20, 1) } else { (LARGE, 5) };
    let document = (case.make)(size);
    let mut took: Vec<f64> = (0..times)
        .map(|_| {
            let start = busy_ms();
            drop(hostile::read(&document));
            busy_ms() - start
        })
        .collect();
    took.sort_by(f64::total_cmp);
    let took = took.get(times / 2).copied().unwrap_or_default();
    let apart = Command::new(std::env::current_exe().expect("this program has a path"))
        .args([APART.to_owned(), number.to_string(), size.to_string()])
        .output()
        .expect("this program can be started once more");
    let said = String::from_utf8_lossy(&apart.stdout);
    let mut words = said.split_whitespace().skip(1);
    let grown = words.next().and_then(|grown| grown.parse::<f64>().ok()).expect("it tells what it cost");
    let grown = grown / f64::from(1 << 20);
    let refused = words.any(|code| code == case.code);
    let mib = document.len() as f64 / f64::from(1 << 20);
    let slow = if took > ALLOWED_MS { ", SLOW" } else { "" };
    let large = if grown > ALLOWED_MIB { ", LARGE" } else { "" };
    let wrong = if refused { "" } else { ", NOT REFUSED SO" };
    println!("{mib:>8.3} {took:>8.1} {grown:>8.1}  {:<26} {}{slow}{large}{wrong}", case.code, case.name);
    refused
}
