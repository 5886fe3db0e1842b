//! The tables in the binary, held to their form and to the code.

use std::collections::HashSet;

use super::*;
use crate::document::schema::Library;

fn rules() -> Rules {
    Rules::read(Library::embedded().rule_tables(), &ReferenceLists::embedded()).unwrap()
}

#[test]
fn the_tables_in_the_binary_are_of_their_form() {
    let rules = rules();
    let ids: HashSet<&str> = rules.entries().iter().map(|entry| entry.id.as_str()).collect();
    assert_eq!((ids.len(), rules.entries().len()), (170, 170));
    for entry in rules.entries() {
        let has_words = [&entry.message.vi, &entry.message.en, &entry.cure.vi, &entry.cure.en];
        let has_words = has_words.into_iter().all(|words| !words.is_empty());
        assert!(has_words || !entry.how.is_carried_out_here(), "{}: words are missing", entry.id);
        assert!(entry.how != How::None || !entry.reason.is_empty(), "{}: no reason", entry.id);
        let by_codes = matches!(entry.how, How::Guard | How::Schema);
        assert_eq!(by_codes, !entry.codes.is_empty(), "{}: codes", entry.id);
    }
}

/// Rules that are told where the text is read, not where a row is.
const TOLD: [&str; 2] = ["ENV-02", "EDOC-17"];

#[test]
fn every_function_is_one_of_the_table_and_the_other_way_round() {
    let rows = ROW_RULES.iter().flat_map(|rules| rules.iter()).map(|rule| rule.id);
    let parts = PART_RULES.iter().flat_map(|rules| rules.iter()).map(|rule| rule.id);
    let records = RECORD_RULES.iter().flat_map(|rules| rules.iter()).map(|rule| rule.id);
    let registered: HashSet<&str> = rows.chain(parts).chain(records).collect();
    let rules = rules();
    let functions = rules.entries().iter().filter(|entry| entry.how == How::Function);
    let functions: HashSet<&str> = functions.map(|entry| entry.id.as_str()).collect();
    let unknown: Vec<_> = registered.difference(&functions).collect();
    assert!(unknown.is_empty(), "no function by the table: {unknown:?}");
    let missing: Vec<_> = functions.difference(&registered).filter(|id| !TOLD.contains(id)).collect();
    assert!(missing.is_empty(), "not registered: {missing:?}");
    let run = include_str!("run.rs");
    assert!(TOLD.iter().all(|id| !registered.contains(id) && run.contains(&format!("(\"{id}\""))), "{TOLD:?}");
}

#[test]
fn functions_look_at_parts_and_fields_there_are() {
    let place = |part: &str, field: usize| {
        let part = crate::document::part::named(part).unwrap_or_else(|| panic!("no part {part}"));
        assert!(fields::names(part.name).len() > field, "{}: no slot {field}", part.name);
    };
    ROW_RULES.iter().flat_map(|rules| rules.iter()).for_each(|rule| place(rule.part, rule.field));
    PART_RULES.iter().flat_map(|rules| rules.iter()).for_each(|rule| place(rule.part, rule.field));
    RECORD_RULES.iter().flat_map(|rules| rules.iter()).for_each(|rule| place("XML1", rule.field));
}

#[test]
fn a_wrong_row_is_refused_with_its_line() {
    let header = "rule,part,check,field,argument,when\n";
    for row in [
        "T-99,XML1,filled,MA_LK,,",
        "FMT-01,XML1,filled,MA_LK,,",
        "X1-01,XML99,filled,MA_LK,,",
        "X1-01,XML1,fulfilled,MA_LK,,",
        "X1-01,XML1,filled,MA LK,,",
        "X1-01,XML1,each-most,MA_LK,many,",
        "X1-01,XML1,form,MA_LK,\\d,",
        "X1-01,XML1,filled,MA_LK,,A B=1",
    ] {
        let checks = format!("{header}{row}\n");
        let tables = RuleTables { checks: checks.into(), ..Library::embedded().rule_tables().clone() };
        let faults = Rules::read(&tables, &ReferenceLists::embedded()).unwrap_err();
        let places: Vec<_> = faults.iter().map(|(file, fault)| (*file, fault.line)).collect();
        assert_eq!(places, [("checks.csv", 2)], "{row}");
    }
}

/// A field no table has is always blank, so a rule on it would never speak.
#[test]
fn rules_name_fields_of_the_tables() {
    let xsds = |part: &Part| -> String {
        let folders = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/schemas")).unwrap();
        let versions = folders.filter_map(|folder| std::fs::read_dir(folder.unwrap().path()).ok()).flatten();
        let file = format!("{}.xsd", part.name);
        versions.filter_map(|version| std::fs::read_to_string(version.unwrap().path().join(&file)).ok()).collect()
    };
    let vouchers: String = crate::document::part::voucher_parts().iter().map(xsds).collect();
    let rules = rules();
    let mut wrong = Vec::new();
    for part in &PARTS {
        let own = xsds(part);
        for name in rules.slots(part).names() {
            let declared = format!("name=\"{name}\"");
            // The vouchers share one list of fields.
            let shared =
                fields::names(part.name).contains(&&**name) && vouchers.contains(&own) && vouchers.contains(&declared);
            if !own.contains(&declared) && !shared {
                wrong.push(format!("{}.{name}", part.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}
