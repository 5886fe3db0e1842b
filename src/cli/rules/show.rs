//! `rules show`: all there is to know of one rule.

use serde_json::{Value, json};

use super::listing::{carried_out_by, facts, structure_facts};
use super::{Named, asleep, find, severity_word};
use crate::cli::Exit;
use crate::cli::output::Output;
use crate::document::rules::{Entry, How, StructureCode};
use crate::document::{Rulebook, Severity};

pub(super) fn show(rulebook: &Rulebook, name: &str, out: &Output) -> Result<Exit, Exit> {
    match find(rulebook, name, out)? {
        Named::Rule(entry) => rule(rulebook, entry, out),
        Named::Structure(known) => structure(rulebook, &known, out),
        Named::Code(entries) if out.wants_json() => {
            let rules: Vec<Value> = entries.into_iter().map(|entry| facts(rulebook, entry)).collect();
            out.json(&json!({ "id": name, "rules": rules }));
        }
        Named::Code(entries) => entries.into_iter().for_each(|entry| rule(rulebook, entry, out)),
    }
    Ok(Exit::Done)
}

fn rule(rulebook: &Rulebook, entry: &Entry, out: &Output) {
    if out.wants_json() {
        return out.json(&facts(rulebook, entry));
    }
    out.line(&format!("{} · {}", entry.id, entry.statement));
    let language = out.language();
    let waits = asleep(rulebook, entry);
    let waits = waits.iter().map(|check| format!("{}.{} ({})", check.part, check.field, check.list));
    let reason_label = match entry.how {
        How::None => out.wording("Lý do không thực hiện", "Why it is not carried out"),
        _ => out.wording("Thực hiện đến đâu", "What is carried out"),
    };
    let told = [
        (out.wording("Phạm vi", "Scope"), entry.scope.clone()),
        (out.wording("Mức", "Severity"), severity(rulebook, &entry.id, entry.severity, out)),
        (out.wording("Thực hiện bởi", "Carried out by"), carried_out_by(rulebook, entry, out)),
        (out.wording("Đang ngủ", "Asleep"), waits.collect::<Vec<_>>().join(", ")),
        (out.wording("Phiên bản", "Versions"), entry.versions.join(", ")),
        (out.wording("Nguồn", "Source"), entry.source.clone()),
        (out.wording("Mã trong kết quả", "Codes of findings"), entry.codes.join(", ")),
        (out.wording("Thông báo", "Message"), entry.message.wording(language).to_owned()),
        (out.wording("Cách sửa", "Cure"), entry.cure.wording(language).to_owned()),
        (reason_label, entry.reason.clone()),
    ];
    tell(&told, out);
}

fn structure(rulebook: &Rulebook, known: &StructureCode, out: &Output) {
    if out.wants_json() {
        return out.json(&structure_facts(rulebook, known));
    }
    let StructureCode { code, severity: of_table, is_changeable, message, cure } = known;
    let entries = rulebook.rules().entries().iter();
    let of_code = entries.filter(|entry| entry.codes.iter().any(|known| known == code));
    let of_code: Vec<&str> = of_code.map(|entry| entry.id.as_str()).collect();
    out.line(&format!("{code} · {}", message.wording(out.language())));
    let fixed = || out.wording("không đổi được", "cannot be changed").to_owned();
    let severity = severity(rulebook, code, *of_table, out);
    let told = [
        (out.wording("Mức", "Severity"), if *is_changeable { severity } else { format!("{severity} ({})", fixed()) }),
        (out.wording("Thực hiện bởi", "Carried out by"), How::Schema.name().to_owned()),
        (out.wording("Quy tắc", "Rules"), of_code.join(", ")),
        (out.wording("Cách sửa", "Cure"), cure.wording(out.language()).to_owned()),
    ];
    tell(&told, out);
}

fn severity(rulebook: &Rulebook, code: &str, of_table: Severity, out: &Output) -> String {
    let now = rulebook.settings().severity(code, of_table);
    let word = severity_word(now, out);
    if now == Some(of_table) {
        return word.to_owned();
    }
    let before = severity_word(Some(of_table), out);
    format!(
        "{word} ({} {before})",
        out.wording("cấu hình đã đổi; bảng ghi", "changed by the configuration; the table says")
    )
}

/// Labels and values, one a line; what is empty is left out.
fn tell(told: &[(&str, String)], out: &Output) {
    let told: Vec<_> = told.iter().filter(|(_, value)| !value.is_empty()).collect();
    let width = told.iter().map(|(label, _)| label.chars().count()).max().unwrap_or_default();
    for (label, value) in told {
        out.line(&format!("  {label:<width$}  {value}"));
    }
}
