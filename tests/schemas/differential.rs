//! The same verdict as libxml2 on every schema, over valid documents and mutated ones.

use std::collections::BTreeMap;

use lienthong::document::schema::Library;
use lienthong::xml::Limits;

use crate::generate::{self, Schema};
use crate::random::Random;
use crate::tree_of::{self, Element};
use crate::{mutate, table, xmllint};

pub(crate) const LIMITS: Limits = Limits { depth_max: 64, attributes_max: 32 };

/// Rounds of one valid document and all its mutations, for each schema; `LIENTHONG_ROUNDS` sets another number.
const ROUNDS: u64 = 1;

/// Of one change: it may take one name away and bring another, but does not set off ten.
const FAULTS_MAX: usize = 3;

struct Case {
    mutation: String,
    document: String,
    /// Whether it is right by how it was made, if that is known.
    valid: Option<bool>,
    /// Faults at most.
    faults_max: usize,
}

#[test]
fn the_verdict_is_that_of_libxml2() {
    let schemas = generate::schemas();
    let rounds = rounds();
    let results: Vec<Tally> = std::thread::scope(|scope| {
        let halves: Vec<_> = schemas.chunks(schemas.len().div_ceil(2)).collect();
        let threads: Vec<_> = halves
            .into_iter()
            .map(|half| scope.spawn(|| half.iter().map(|schema| compare(schema, rounds)).collect::<Vec<_>>()))
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let (cases, valid): (usize, usize) =
        results.iter().fold((0, 0), |(cases, valid), tally| (cases + tally.cases, valid + tally.valid));
    let mut codes: BTreeMap<&str, usize> = BTreeMap::new();
    for (code, count) in results.iter().flat_map(|tally| &tally.codes) {
        *codes.entry(code).or_default() += count;
    }
    let disagreed: Vec<&String> = results.iter().flat_map(|tally| &tally.disagreed).collect();
    let disagreements = disagreed.len();
    println!("{} schemas, {cases} documents ({valid} valid), {disagreements} disagreements", schemas.len());
    println!("faults found: {codes:?}");
    assert!(cases > 10_000 && valid > 1_000, "{cases} documents, {valid} valid");
    assert!(disagreed.is_empty(), "{disagreements} disagreements, the first:\n{}", disagreed[0]);
}

#[derive(Default)]
struct Tally {
    cases: usize,
    valid: usize,
    codes: BTreeMap<&'static str, usize>,
    disagreed: Vec<String>,
}

fn compare(schema: &Schema, rounds: u64) -> Tally {
    let library = Library::embedded();
    let compiled = library.schema(&schema.part["part"], &schema.version).unwrap().unwrap();
    let mut tally = Tally::default();
    for seed in 0..rounds {
        let cases = cases(schema, seed);
        let documents: Vec<String> = cases.iter().map(|case| case.document.clone()).collect();
        let theirs = xmllint::verdicts(&table::root().join(schema.path()), &documents);
        for (case, theirs) in cases.iter().zip(theirs) {
            let faults = compiled.check(case.document.as_bytes(), LIMITS).unwrap_or_else(|error| {
                panic!("{} seed {seed}, {}: {error}\n{}", schema.path(), case.mutation, case.document)
            });
            tally.cases += 1;
            tally.valid += usize::from(theirs);
            for fault in &faults.list {
                *tally.codes.entry(fault.code.name()).or_default() += 1;
            }
            let expected = case.valid.unwrap_or(theirs);
            if faults.is_empty() != theirs || expected != theirs || faults.list.len() > case.faults_max {
                let (path, mutation, document) = (schema.path(), &case.mutation, &case.document);
                let found: Vec<_> = faults.list.iter().map(|fault| (fault.code, &fault.xpath)).collect();
                tally.disagreed.push(format!(
                    "{path} seed {seed}, {mutation}: libxml2 says {theirs}, made {expected}, here {found:?}\n{document}"
                ));
            }
        }
    }
    tally
}

#[expect(clippy::disallowed_methods, reason = "the one switch of this test: how long it runs")]
fn rounds() -> u64 {
    let asked = std::env::var("LIENTHONG_ROUNDS").ok();
    asked.map_or(ROUNDS, |rounds| rounds.parse().expect("LIENTHONG_ROUNDS is a number"))
}

fn cases(schema: &Schema, seed: u64) -> Vec<Case> {
    let mut random = Random::new(seed);
    let mut cases = Vec::new();
    for number in 0..10 {
        let (document, _) = tree_of::valid(schema, &mut random);
        cases.push(Case {
            mutation: format!("valid {number}"),
            document: document.to_xml(),
            valid: Some(true),
            faults_max: 0,
        });
    }
    // Packages have many places; one document each.
    let documents = if schema.fields.is_empty() { 12 } else { 1 };
    for _ in 0..documents {
        let (document, way) = tree_of::valid(schema, &mut random);
        for (mutation, document) in mutate::whole(&document, &mut random) {
            let faults_max = if mutation == "root emptied" { usize::MAX } else { FAULTS_MAX };
            cases.push(Case { mutation: mutation.to_owned(), document, valid: None, faults_max });
        }
        let record = way.iter().fold(&document, |element, &child| &element.children[child]).clone();
        for at in 0..record.children.len() {
            for (mutation, changed) in mutate::all(schema, &record, at, &mut random) {
                let mut document = document.clone();
                *inside(&mut document, &way) = changed;
                let mutation = format!("{} {mutation}", record.children[at].name);
                cases.push(Case { mutation, document: document.to_xml(), valid: None, faults_max: FAULTS_MAX });
            }
        }
        for _ in 0..40 {
            let (mut record, mut mutation) = (record.clone(), String::new());
            for _ in 0..2 + random.below(3) {
                let at = random.below(record.children.len());
                let name = record.children[at].name.clone();
                let changed = mutate::all(schema, &record, at, &mut random);
                let (how, changed) = random.pick(&changed);
                mutation.push_str(&format!("{name} {how}; "));
                record = changed;
                if record.children.is_empty() {
                    break;
                }
            }
            let mut document = document.clone();
            *inside(&mut document, &way) = record;
            cases.push(Case { mutation, document: document.to_xml(), valid: None, faults_max: usize::MAX });
        }
    }
    cases
}

fn inside<'e>(document: &'e mut Element, way: &[usize]) -> &'e mut Element {
    way.iter().fold(document, |element, &child| &mut element.children[child])
}
