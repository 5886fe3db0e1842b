//! Every rule has a document that breaks it and a neighbour that does not: `cases/*.csv`, one row a pair.
//!
//! Columns: `rule`; `base`, a document of `documents.rs`; `common`, `break` and `neighbour`, edits as `edit.rs` reads
//! them. The base with `common` and `break` has findings of exactly one code, the rule's (for a rule of the guard or the
//! schema one of its codes); with `common` and `neighbour` it has none.
#![expect(
    clippy::unwrap_used,
    clippy::string_slice,
    reason = "a test that meets what it did not expect fails, and says where"
)]

mod cases;
mod documents;
mod edit;
mod text;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::LazyLock;

use lienthong::document::rules::{Entry, How};
use lienthong::document::{Document, Finding, Limits, Rulebook};

use self::cases::Case;

/// The day of the tests.
const TODAY: u32 = 20_261_120;

/// Rules that hold a field against a list which the binary does not have.
const DORMANT: [&str; 9] = ["CLS-03", "D-03", "D-05", "GRV-05", "S-19", "S-22", "X1-09", "X1-23", "X1-25"];

static RULEBOOK: LazyLock<Rulebook> = LazyLock::new(Rulebook::embedded);

#[test]
fn every_case_is_told_from_its_neighbour() {
    let cases = cases::all();
    let failures: Vec<String> = cases.iter().flat_map(failures).collect();
    let rules: BTreeSet<&str> = cases.iter().map(|case| case.rule.as_str()).collect();
    println!("{} cases of {} rules", cases.len(), rules.len());
    assert!(failures.is_empty(), "{} wrong:\n\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn every_rule_has_a_case() {
    let cases: HashSet<String> = cases::all().into_iter().map(|case| case.rule).collect();
    let rules = RULEBOOK.rules();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut without = Vec::new();
    for entry in rules.entries() {
        *counts.entry(entry.how.name()).or_default() += 1;
        let excused = entry.how == How::None || DORMANT.contains(&entry.id.as_str());
        // An excuse that is no longer needed is wrong too.
        if excused == cases.contains(&entry.id) {
            without.push(entry.id.as_str());
        }
    }
    println!("{} rules: {counts:?}; {} dormant", rules.entries().len(), DORMANT.len());
    assert!(without.is_empty(), "{} without a case, or with one and an excuse: {without:?}", without.len());
}

/// What is wrong with a case.
fn failures(case: &Case) -> Vec<String> {
    let Some(entry) = RULEBOOK.rules().entries().iter().find(|entry| entry.id == case.rule) else {
        return vec![format!("{}: no such rule", case.place)];
    };
    let mut failures = Vec::new();
    match edit::made(&case.base, &[&case.common, &case.broken]) {
        Err(error) => failures.push(format!("{} {} break: {error}", case.place, case.rule)),
        Ok(text) => {
            let found = findings(&text);
            let codes: BTreeSet<&str> = found.iter().map(|finding| finding.code.as_ref()).collect();
            let right = codes.len() == 1 && codes.iter().all(|code| names(entry, code));
            if !right {
                failures.push(told(case, "break", &case.broken, &found));
            }
        }
    }
    match edit::made(&case.base, &[&case.common, &case.neighbour]) {
        Err(error) => failures.push(format!("{} {} neighbour: {error}", case.place, case.rule)),
        Ok(text) => {
            let found = findings(&text);
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
fn findings(text: &str) -> Vec<Finding> {
    let findings = match Document::parse(text.as_bytes(), &Limits::default(), &RULEBOOK, TODAY) {
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
