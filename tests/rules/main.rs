//! Every rule has a document that breaks it and a neighbour that does not: `cases/*.csv`, one row a pair.
//!
//! Columns: `rule`; `base`, a document of `documents.rs`; `common`, `break` and `neighbour`, edits as `edit.rs` reads
//! them. The base with `common` and `break` has findings of exactly one code, the rule's (for a rule of the guard or the
//! schema one of its codes); with `common` and `neighbour` it has none. Rules joined by `+` cannot be broken one without
//! the other: then each has its code. `cases/lists.csv` is read with lists that the program does not have (`lists.rs`).
#![expect(
    clippy::unwrap_used,
    clippy::string_slice,
    reason = "a test that meets what it did not expect fails, and says where"
)]

mod cases;
mod documents;
mod edit;
mod lists;
mod text;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::LazyLock;

use lienthong::document::rules::{Asleep, Entry, How};
use lienthong::document::{Document, Finding, Limits, Rulebook};

use self::cases::Case;

/// The day of the tests.
const TODAY: u32 = 20_261_120;

static RULEBOOK: LazyLock<Rulebook> = LazyLock::new(Rulebook::embedded);
/// With the lists that the program does not have.
static AWAKE: LazyLock<Rulebook> = LazyLock::new(lists::rulebook);

#[test]
fn every_case_is_told_from_its_neighbour() {
    let cases = cases::all();
    let failures: Vec<String> = cases.iter().flat_map(failures).collect();
    let rules: BTreeSet<&str> = cases.iter().flat_map(Case::rules).collect();
    println!("{} cases of {} rules", cases.len(), rules.len());
    assert!(failures.is_empty(), "{} wrong:\n\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn every_rule_has_a_case() {
    let cases = cases::all();
    let cases: HashSet<&str> = cases.iter().flat_map(Case::rules).collect();
    let rules = RULEBOOK.rules();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut without = Vec::new();
    for entry in rules.entries() {
        *counts.entry(entry.how.name()).or_default() += 1;
        // A case of a rule that nobody carries out is wrong too.
        if (entry.how == How::None) == cases.contains(entry.id.as_str()) {
            without.push(entry.id.as_str());
        }
    }
    println!("{} rules: {counts:?}", rules.entries().len());
    assert!(without.is_empty(), "{} without a case, or with one and nobody: {without:?}", without.len());
}

#[test]
fn what_waits_for_a_list_sleeps_without_it_and_wakes_with_it() {
    let cases: Vec<Case> = cases::all().into_iter().filter(Case::needs_lists).collect();
    // By rule, part and field: where the cases' findings stand.
    let mut told: BTreeSet<(String, String, String)> = BTreeSet::new();
    for case in &cases {
        let broken = edit::made(&case.base, &[&case.common, &case.broken]).unwrap();
        let asleep = findings(&broken, &RULEBOOK);
        assert!(asleep.is_empty(), "{}", self::told(case, "without the lists", &case.broken, &asleep));
        for Finding { code, place, .. } in findings(&broken, &AWAKE) {
            told.insert((code.into_owned(), place.part, place.field));
        }
    }
    let asleep: BTreeSet<_> = RULEBOOK.rules().asleep().map(named).collect();
    let without: Vec<_> = asleep.difference(&told).collect();
    assert!(without.is_empty(), "without a case: {without:?}");
    assert_eq!(told, asleep, "cases of checks that do not sleep belong elsewhere");
    assert_eq!(AWAKE.rules().asleep().count(), 0);
    let waited_for: BTreeSet<&str> = RULEBOOK.rules().asleep().map(|check| check.list).collect();
    assert_eq!(lists::names().collect::<BTreeSet<_>>(), waited_for);
    println!("{} checks wake by {} cases", asleep.len(), cases.len());
}

fn named(check: Asleep<'_>) -> (String, String, String) {
    (check.rule.to_owned(), check.part.to_owned(), check.field.to_owned())
}

/// What is wrong with a case.
fn failures(case: &Case) -> Vec<String> {
    let entry = |rule: &str| RULEBOOK.rules().entries().iter().find(|entry| entry.id == rule);
    let Some(entries) = case.rules().map(entry).collect::<Option<Vec<_>>>() else {
        return vec![format!("{}: no such rule", case.place)];
    };
    let rulebook = if case.needs_lists() { &AWAKE } else { &RULEBOOK };
    let mut failures = Vec::new();
    match edit::made(&case.base, &[&case.common, &case.broken]) {
        Err(error) => failures.push(format!("{} {} break: {error}", case.place, case.rule)),
        Ok(text) => {
            let found = findings(&text, rulebook);
            let codes: BTreeSet<&str> = found.iter().map(|finding| finding.code.as_ref()).collect();
            let is_found = |entry: &&Entry| codes.iter().any(|code| names(entry, code));
            let right = codes.len() == entries.len() && entries.iter().all(is_found);
            if !right {
                failures.push(told(case, "break", &case.broken, &found));
            }
        }
    }
    match edit::made(&case.base, &[&case.common, &case.neighbour]) {
        Err(error) => failures.push(format!("{} {} neighbour: {error}", case.place, case.rule)),
        Ok(text) => {
            let found = findings(&text, rulebook);
            if !found.is_empty() {
                failures.push(told(case, "neighbour", &case.neighbour, &found));
            }
        }
    }
    failures
}

/// Whether a finding of this code is one of the rule.
fn names(entry: &Entry, code: &str) -> bool {
    match entry.how {
        How::Guard | How::Schema => entry.codes.iter().any(|known| known == code),
        _ => entry.id == code,
    }
}

/// What is found in a document, but for what the gateway says of every document of the kind.
fn findings(text: &str, rulebook: &Rulebook) -> Vec<Finding> {
    let findings = match Document::parse(text.as_bytes(), &Limits::default(), rulebook, TODAY) {
        Ok(document) => document.warnings,
        Err(findings) => findings,
    };
    let keyless = text.contains("<GIAM_DINH_YKHOA>");
    let told = findings.listed().iter().filter(|finding| !keyless || finding.code != "NO_BUSINESS_KEY");
    told.cloned().collect()
}

fn told(case: &Case, which: &str, edits: &str, found: &[Finding]) -> String {
    let finding = |finding: &Finding| {
        let place = &finding.place;
        let (part, row, field) = (&place.part, place.row, &place.field);
        format!("\n    {} at {part}[{row}].{field}: {} {}", finding.code, finding.message.en, finding.value)
    };
    let found: String = found.iter().map(finding).collect();
    let found = if found.is_empty() { "\n    nothing found".to_owned() } else { found };
    format!("{} {} {which} ({} | {} | {edits}):{found}", case.place, case.rule, case.base, case.common)
}
