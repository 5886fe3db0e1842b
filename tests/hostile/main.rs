//! Hostile documents: each is refused by its name, and costs no more memory than an honest one of its size.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on must stop")]

#[path = "../common/hostile.rs"]
mod hostile;

use std::io::Write;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use self::hostile::{CASES, Case};

/// A sixteenth of the largest document, so that a build without optimisation reads them all in half a minute.
/// `cargo bench --bench hostile` reads the largest.
const SIZE: usize = hostile::LARGE / 16;

/// What may be held besides, whatever the size of the document: a thousand findings with their places and words, and what
/// the allocator keeps.
const FIXED_MAX: usize = 3 << 19;

/// Which case the process that reads one is to read.
const CHOICE: &str = "LIENTHONG_HOSTILE_CASE";

/// Beside a document of 64 MiB no more than 64 MiB: no more than itself, that is, and a fixed rest.
#[test]
fn every_one_is_refused_by_its_name_and_costs_no_more_than_its_size() {
    let next = AtomicUsize::new(0);
    // Memory is counted by process, so two may be read at once.
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let threads = [(); 2].map(|()| {
            scope.spawn(|| {
                let numbers = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
                numbers.map_while(|number| CASES.get(number).map(|case| judge(number, case))).flatten().collect()
            })
        });
        threads.into_iter().flat_map(|thread| -> Vec<String> { thread.join().unwrap() }).collect()
    });
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// What is wrong with the answer to one case.
fn judge(number: usize, case: &Case) -> Vec<String> {
    let mut wrong = Vec::new();
    let (document, grown, codes) = read_apart(number);
    let told = format!("{:<45} {:>6} KiB, grown by {:>6} KiB", case.name, document >> 10, grown >> 10);
    if !codes.iter().any(|code| code == case.code) {
        wrong.push(format!("{told}: not {}, but {codes:?}", case.code));
    }
    if grown > document + FIXED_MAX {
        wrong.push(format!("{told}: too much"));
    }
    // Not by `println`, which a test that succeeds keeps to itself.
    std::io::stdout().write_all(format!("{told}\n").as_bytes()).unwrap();
    wrong
}

/// Reads a case in a process of its own: bytes of the document, bytes grown by, codes found.
fn read_apart(number: usize) -> (usize, usize, Vec<String>) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "in_a_process_of_its_own", "--ignored", "--nocapture"])
        .env(CHOICE, number.to_string())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let line = said.lines().find_map(|line| line.strip_prefix("cost ")).expect("it tells what it cost");
    let mut words = line.split(' ');
    let mut number = || words.next().unwrap().parse().unwrap();
    (number(), number(), words.map(str::to_owned).collect())
}

#[test]
#[ignore = "started by the other test, once for each document"]
#[expect(clippy::disallowed_methods, reason = "told by the process that starts it which document to read")]
fn in_a_process_of_its_own() {
    let choice = std::env::var(CHOICE).expect("it is started by the other test only");
    let cost = hostile::cost(&CASES[choice.parse::<usize>().unwrap()], SIZE);
    // On a line of its own, behind whatever the harness wrote.
    println!("\ncost {} {} {}", cost.document, cost.grown, cost.codes.join(" "));
}
