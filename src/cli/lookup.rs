//! `lookup`: asks a running gateway about a card and shows the verdict as a clerk reads it.

use serde_json::{Map, Value, json};

use crate::cli::Exit;
use crate::cli::client::Ask;
use crate::cli::connection::{Connection, array, ask, standard_input, tell_unreadable, text};
use crate::cli::output::Output;
use crate::cli::process::on_one_thread;
use crate::domain::Bilingual;

/// What `lookup` takes.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("question").required(true).args(["card", "qr", "input"]))]
pub(super) struct Arguments {
    #[command(flatten)]
    connection: Connection,
    /// National ID, card number or social-insurance number. Other accounts of this machine can see the command line;
    /// to keep the person out of it, give `-`.
    #[arg(long, value_name = "NUMBER", requires_all = ["name", "birth"])]
    card: Option<String>,
    /// The holder's name as on the papers.
    #[arg(long, requires = "card")]
    name: Option<String>,
    /// The holder's date of birth: dd/MM/yyyy, MM/yyyy, yyyy or yyyy-MM-dd.
    #[arg(long, value_name = "DATE", requires = "card")]
    birth: Option<String>,
    /// The raw text of a scanned code; `-` reads it from standard input.
    #[arg(long, value_name = "RAW")]
    qr: Option<String>,
    /// `-`: read the whole question from standard input, as JSON (`{"maThe":…,"hoTen":…,"ngaySinh":…}`) or as the raw
    /// text of a scanned code.
    #[arg(value_name = "-", value_parser = ["-"])]
    input: Option<String>,
    /// The date of the visit; today if left out.
    #[arg(long, value_name = "DATE")]
    visit_date: Option<String>,
    /// The date on which the patient is expected to leave.
    #[arg(long, value_name = "DATE")]
    leaves: Option<String>,
    /// Show the earlier visits too, if the card can be used.
    #[arg(long)]
    history: bool,
    /// Name of the officer who asks, as registered at the portal.
    #[arg(long, value_name = "NAME", requires = "officer_id", conflicts_with = "staff_id")]
    officer_name: Option<String>,
    /// National ID of the officer who asks.
    #[arg(long, value_name = "NUMBER", requires = "officer_name")]
    officer_id: Option<String>,
    /// The officer who asks, by the directory of the gateway.
    #[arg(long, value_name = "ID")]
    staff_id: Option<String>,
    /// The facility that asks, where the key has several.
    #[arg(long, value_name = "CODE")]
    facility: Option<String>,
    /// Ask the portal even if the gateway has a fresh answer.
    #[arg(long)]
    refresh: bool,
}

/// The largest question: the longest code of a card has under 1 KiB, and the gateway takes 64.
const QUESTION_BYTES_MAX: usize = 64 << 10;

pub(super) fn lookup(arguments: &Arguments, out: &Output) -> Exit {
    let question = match question(arguments) {
        Ok(question) => question,
        Err(error) => return tell_unreadable(out.wording("đầu vào chuẩn", "standard input"), &error, out),
    };
    let client = match arguments.connection.client(out) {
        Ok(client) => client,
        Err(exit) => return exit,
    };
    let request = Ask::post_json("/v1/card-lookups", &Value::Object(question))
        .header("staff-id", arguments.staff_id.as_deref())
        .header("facility-id", arguments.facility.as_deref())
        .header("cache-control", arguments.refresh.then_some("no-cache"));
    on_one_thread(out, async {
        let reply = match ask(&client, request, out).await {
            Ok(reply) => reply,
            Err(exit) => return exit,
        };
        let answer = reply.json();
        if out.wants_json() {
            out.json(&answer);
        } else if answer.is_object() {
            show(&answer, reply.header("age"), out);
        } else {
            let words = Bilingual::fixed("câu trả lời không đọc được", "the answer cannot be read");
            return out.failure(Exit::Unknown, "gateway.unclear", &words);
        }
        Exit::Done
    })
}

fn question(arguments: &Arguments) -> std::io::Result<Map<String, Value>> {
    let mut question = Map::new();
    let from_stdin = arguments.input.is_some() || arguments.qr.as_deref() == Some("-");
    if from_stdin {
        let text = String::from_utf8(standard_input(QUESTION_BYTES_MAX)?)
            .map_err(|_| std::io::Error::from(std::io::ErrorKind::InvalidData))?;
        let whole = match serde_json::from_str(&text) {
            Ok(Value::Object(members)) if arguments.input.is_some() => Some(members),
            _ => None,
        };
        match whole {
            Some(members) => question = members,
            None => drop(question.insert("qr".into(), text.trim_end_matches(['\r', '\n']).into())),
        }
    } else if let Some(raw) = &arguments.qr {
        question.insert("qr".into(), raw.as_str().into());
    }
    let given = [
        ("maThe", &arguments.card),
        ("hoTen", &arguments.name),
        ("ngaySinh", &arguments.birth),
        ("ngayKham", &arguments.visit_date),
        ("ngayRaDuKien", &arguments.leaves),
    ];
    for (member, value) in given {
        if let Some(value) = value {
            question.insert(member.into(), value.as_str().into());
        }
    }
    if arguments.history {
        question.insert("lichSu".into(), true.into());
    }
    if let (Some(name), Some(id)) = (&arguments.officer_name, &arguments.officer_id) {
        question.insert("canBo".into(), json!({ "hoTen": name, "cccd": id }));
    }
    Ok(question)
}

/// The verdict first, then what it rests on.
fn show(answer: &Value, age: Option<&str>, out: &Output) {
    let verdict = answer.get("ketLuan").unwrap_or(&Value::Null);
    let codes = [text(verdict, "code"), text(verdict, "maKetQua")];
    let codes: Vec<String> = codes.into_iter().filter(|code| !code.is_empty()).collect();
    out.line(&format!("{}  [{}]", text(verdict, "nhan"), codes.join(" · ")));
    let next_step = text(answer, "nextStep");
    if !next_step.is_empty() {
        out.line(&format!("  → {next_step}"));
    }
    let used = text(verdict, "theDung");
    for (member, label) in [("the", out.wording("Thẻ", "Card")), ("theMoi", out.wording("Thẻ mới", "New card"))] {
        let Some(card) = answer.get(member).filter(|card| card.is_object()) else { continue };
        // The portal repeats the asked card as the new one where there is none.
        let repeats = |part| text(card, part) == text(answer.get("the").unwrap_or(&Value::Null), part);
        if member == "theMoi" && ["maThe", "gtTheTu", "gtTheDen"].into_iter().all(repeats) {
            continue;
        }
        let mark = if used == member { " ✓" } else { "" };
        let person = [text(card, "maThe"), text(card, "hoTen"), text(card, "ngaySinh"), text(card, "gioiTinh")];
        let person: Vec<String> = person.into_iter().filter(|part| !part.is_empty()).collect();
        out.line(&format!("  {label}{mark}: {}", person.join(" · ")));
        let (from, to) = (text(card, "gtTheTu"), text(card, "gtTheDen"));
        let contact = [text(card, "maDKBD"), text(card, "tenDKBD")].join(" ");
        let valid = out.wording("có giá trị", "valid");
        out.line(&format!(
            "    {valid}: {from} – {to} · {}: {}",
            out.wording("KCB ban đầu", "first contact"),
            contact.trim()
        ));
    }
    for warning in array(answer, "canhBao") {
        out.line(&format!("  ! {}  [{}]", text(warning, "nhan"), text(warning, "code")));
    }
    for change in array(answer, "thayDoi") {
        let (before, now) = (text(change, "truoc"), text(change, "nay"));
        out.line(&format!("  ~ {}: {before} → {now}", text(change, "nhan")));
    }
    if let Some(history) = answer.get("lichSu") {
        show_history(history, out);
    }
    let source = match text(answer, "nguon").as_str() {
        "cong" => out.wording("cổng BHXH, vừa hỏi", "the portal, just now").to_owned(),
        "da_luu" => out.wording("đã lưu, còn mới", "kept, still fresh").to_owned(),
        "da_luu_cu" => {
            out.wording("đã lưu, CŨ: cổng không trả lời", "kept, OLD: the portal does not answer").to_owned()
        }
        "tam_tinh" => out
            .wording("tạm tính theo thẻ: cổng không trả lời", "the card's own word: the portal does not answer")
            .to_owned(),
        other => other.to_owned(),
    };
    let age =
        age.and_then(|age| age.parse().ok()).map_or_else(String::new, |seconds| format!(" ({})", ago(seconds, out)));
    let (from, at) = (out.wording("Nguồn", "Source"), text(answer, "traLuc"));
    let told: Vec<String> = [source, format!("{at}{age}")].into_iter().filter(|part| !part.is_empty()).collect();
    out.line(&format!("  {from}: {}", told.join(" · ")));
    let ticket = text(answer, "pendingLookup");
    if !ticket.is_empty() {
        let words = out.wording("Sẽ tự tra lại, mã chờ", "Asked again by itself, ticket");
        out.line(&format!("  {words}: {ticket}"));
    }
}

fn show_history(history: &Value, out: &Output) {
    if let Some(error) = history.get("loi") {
        out.line(&format!("  ! {}  [{}]", text(error, "nhan"), text(error, "code")));
    }
    for visit in array(history, "data") {
        let (from, to) = (text(visit, "ngayVao"), text(visit, "ngayRa"));
        let parts = ["maCSKCB", "tenBenh", "kqDieuTriNhan", "lyDoVVNhan"].map(|part| text(visit, part));
        let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        out.line(&format!("  {}: {from} – {to} · {}", out.wording("Đợt khám", "Visit"), parts.join(" · ")));
    }
}

fn ago(seconds: u64, out: &Output) -> String {
    let (number, vi, en) = match seconds {
        0..60 => (seconds, "giây trước", "s ago"),
        60..3_600 => (seconds / 60, "phút trước", "min ago"),
        3_600..172_800 => (seconds / 3_600, "giờ trước", "h ago"),
        _ => (seconds / 86_400, "ngày trước", "days ago"),
    };
    format!("{number} {}", out.wording(vi, en))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    #[test]
    fn the_question_has_the_names_of_the_api() {
        let line = "x --card 1 --name A --birth 1980 --visit-date 2026-01-01 --leaves 2026-01-05 --history \
                    --officer-name B --officer-id 2";
        let line = Line::try_parse_from(line.split_whitespace()).unwrap();
        let expected = json!({
            "maThe": "1", "hoTen": "A", "ngaySinh": "1980", "ngayKham": "2026-01-01",
            "ngayRaDuKien": "2026-01-05", "lichSu": true, "canBo": {"hoTen": "B", "cccd": "2"},
        });
        assert_eq!(Value::Object(question(&line.arguments).unwrap()), expected);
        let line = Line::try_parse_from(["x", "--qr", "a|b"]).unwrap();
        assert_eq!(Value::Object(question(&line.arguments).unwrap()), json!({"qr": "a|b"}));
    }

    #[test]
    fn ages_are_told_in_the_unit_a_person_would_use() {
        let out = Output::new(false, crate::domain::Language::Vietnamese);
        for (seconds, told) in
            [(5, "5 giây trước"), (130, "2 phút trước"), (7_300, "2 giờ trước"), (200_000, "2 ngày trước")]
        {
            assert_eq!(ago(seconds, &out), told);
        }
    }
}
