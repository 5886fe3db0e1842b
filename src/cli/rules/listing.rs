//! `rules list`: a row a rule, then the codes of structure, then how many are carried out.

use serde_json::{Value, json};

use super::{asleep, distinct, severity_name, severity_word};
use crate::cli::Exit;
use crate::cli::documents::table::Table;
use crate::cli::output::Output;
use crate::document::rules::{Asleep, Entry, How, StructureCode, structure_codes};
use crate::document::{Rulebook, Severity};
use crate::domain::{Bilingual, Language};

/// How much of the rules is carried out.
struct Counts<'r> {
    rules: usize,
    /// By the guards, the schemas, a check or a function.
    carried_out: usize,
    /// Not carried out; the table says why.
    listed: usize,
    /// Checks that sleep.
    asleep: usize,
    /// Rules of which everything sleeps.
    wholly_asleep: usize,
    /// The lists they wait for.
    lists: Vec<&'r str>,
}

pub(super) fn list(rulebook: &Rulebook, out: &Output) -> Exit {
    let counts = Counts::of(rulebook);
    let entries = rulebook.rules().entries();
    if out.wants_json() {
        let rules: Vec<Value> = entries.iter().map(|entry| facts(rulebook, entry)).collect();
        let structure: Vec<Value> = structure_codes().map(|known| structure_facts(rulebook, &known)).collect();
        out.json(&json!({ "data": rules, "structure": structure, "counts": counts.as_json() }));
        return Exit::Done;
    }
    let mut table = Table::new([
        "ID",
        out.wording("PHẠM VI", "SCOPE"),
        out.wording("MỨC", "SEVERITY"),
        out.wording("THỰC HIỆN BỞI", "BY"),
        out.wording("PHIÊN BẢN", "VERSIONS"),
        out.wording("NỘI DUNG", "RULE"),
    ]);
    let mut is_changed = false;
    let mut severity = |code: &str, of_table: Severity| {
        let now = rulebook.settings().severity(code, of_table);
        let changed = now != Some(of_table);
        is_changed |= changed;
        format!("{}{}", severity_word(now, out), if changed { "*" } else { "" })
    };
    for entry in entries {
        table.row([
            entry.id.clone(),
            entry.scope.clone(),
            severity(&entry.id, entry.severity),
            carried_out_by(rulebook, entry, out),
            entry.versions.join(" "),
            entry.statement.clone(),
        ]);
    }
    for StructureCode { code, severity: of_table, message, .. } in structure_codes() {
        let words = message.wording(out.language()).to_owned();
        table.row([
            code.to_owned(),
            String::new(),
            severity(code, of_table),
            "schema".to_owned(),
            String::new(),
            words,
        ]);
    }
    out.line(&table.draw());
    if is_changed {
        out.line(out.wording("* cấu hình đã đổi mức", "* changed by the configuration"));
    }
    out.line(&counts.told(out.language()));
    Exit::Done
}

/// Who carries a rule out, and whether it waits for a list.
pub(super) fn carried_out_by(rulebook: &Rulebook, entry: &Entry, out: &Output) -> String {
    let lists = distinct(asleep(rulebook, entry).iter().map(|check| check.list)).join(" ");
    let waits = match (lists.is_empty(), rulebook.rules().is_asleep(entry)) {
        (true, _) => return entry.how.name().to_owned(),
        (_, true) => out.wording("ngủ, chờ", "asleep for"),
        (_, false) => out.wording("ngủ một phần, chờ", "partly asleep for"),
    };
    format!("{} ({waits} {lists})", entry.how.name())
}

/// A rule for programs.
pub(super) fn facts(rulebook: &Rulebook, entry: &Entry) -> Value {
    let now = rulebook.settings().severity(&entry.id, entry.severity);
    let check = |Asleep { part, field, list, .. }: &Asleep<'_>| json!({ "part": part, "field": field, "list": list });
    json!({
        "id": entry.id,
        "scope": entry.scope,
        "statement": entry.statement,
        "severity": severity_name(now),
        "tableSeverity": severity_name(Some(entry.severity)),
        "changed": now != Some(entry.severity),
        "changeable": entry.how.is_carried_out_here(),
        "by": entry.how.name(),
        "asleep": rulebook.rules().is_asleep(entry),
        "checksAsleep": asleep(rulebook, entry).iter().map(check).collect::<Vec<_>>(),
        "versions": entry.versions,
        "codes": entry.codes,
        "source": entry.source,
        "reason": entry.reason,
        "message": both(&entry.message),
        "cure": both(&entry.cure),
    })
}

/// A code of structure for programs.
pub(super) fn structure_facts(rulebook: &Rulebook, known: &StructureCode) -> Value {
    let now = rulebook.settings().severity(known.code, known.severity);
    json!({
        "id": known.code,
        "severity": severity_name(now),
        "tableSeverity": severity_name(Some(known.severity)),
        "changed": now != Some(known.severity),
        "changeable": known.is_changeable,
        "by": How::Schema.name(),
        "message": both(&known.message),
        "cure": both(&known.cure),
    })
}

/// Words in both languages; nothing where there are none.
fn both(words: &Bilingual) -> Value {
    if words.vi.is_empty() { Value::Null } else { json!({ "vi": words.vi, "en": words.en }) }
}

// === impl Counts ===

impl<'r> Counts<'r> {
    fn of(rulebook: &'r Rulebook) -> Self {
        let rules = rulebook.rules();
        let listed = rules.entries().iter().filter(|entry| entry.how == How::None).count();
        Self {
            rules: rules.entries().len(),
            carried_out: rules.entries().len() - listed,
            listed,
            asleep: rules.asleep().count(),
            wholly_asleep: rules.entries().iter().filter(|entry| rules.is_asleep(entry)).count(),
            lists: distinct(rules.asleep().map(|check| check.list)),
        }
    }

    fn told(&self, language: Language) -> String {
        let Self { rules, carried_out, listed, asleep, wholly_asleep, .. } = self;
        let lists = self.lists.join(", ");
        match (language, *asleep) {
            (Language::Vietnamese, 0) => {
                format!(
                    "{rules} quy tắc: thực hiện {carried_out}, chỉ liệt kê kèm lý do {listed}, không kiểm tra nào ngủ"
                )
            }
            (Language::English, 0) => {
                format!("{rules} rules: {carried_out} carried out, {listed} listed with the reason, no check asleep")
            }
            (Language::Vietnamese, _) => format!(
                "{rules} quy tắc: thực hiện {carried_out}, chỉ liệt kê kèm lý do {listed}; {asleep} kiểm tra đang ngủ \
                 ({wholly_asleep} quy tắc ngủ hẳn) cho đến khi có danh mục: {lists}"
            ),
            (Language::English, _) => format!(
                "{rules} rules: {carried_out} carried out, {listed} listed with the reason; {asleep} checks asleep \
                 ({wholly_asleep} rules wholly) until there are the lists: {lists}"
            ),
        }
    }

    fn as_json(&self) -> Value {
        json!({
            "rules": self.rules,
            "carriedOut": self.carried_out,
            "listed": self.listed,
            "checksAsleep": self.asleep,
            "rulesAsleep": self.wholly_asleep,
            "listsMissing": self.lists,
            "structure": structure_codes().count(),
        })
    }
}
