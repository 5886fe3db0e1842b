//! `documents`: what the gateway has, where it stands, and the two things a person does to it.

mod keeping;
pub(super) mod table;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use self::table::Table;
use crate::cli::Exit;
use crate::cli::client::{Ask, Client};
use crate::cli::connection::{Connection, array, ask, text};
use crate::cli::output::Output;
use crate::cli::process::on_one_thread;
use crate::domain::Bilingual;

/// What `documents` can do.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List documents, newest first.
    List(List),
    /// Show one document with its deliveries and warnings.
    Show(One),
    /// Show every try to hand a document over.
    Attempts(One),
    /// Print a document as it was received, or one decoded part of it.
    Content {
        #[command(flatten)]
        one: One,
        /// The part, such as XML1.
        #[arg(long, value_name = "PART")]
        table: Option<String>,
        /// Write to this new file instead of standard output.
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Send again, knowingly.
    Replay(Several),
    /// Withdraw before the portal has it.
    Cancel(Several),
    /// Keep back until released.
    Hold(Several),
    /// Let a held one go.
    Release(Several),
    /// End the doubt about a lost answer: it was found at the portal.
    Confirm(Several),
    /// Keep from being forgotten, whatever its age (key of scope admin).
    LegalHold(keeping::Named),
    /// Let retention hold again (key of scope admin).
    LiftLegalHold(keeping::Named),
    /// Forget the content now, ahead of retention (key of scope admin); what is known of the document stays.
    Forget(keeping::Named),
}

/// Which documents to list.
#[derive(Debug, clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    connection: Connection,
    /// Only in this state: held, queued, sending, acknowledged, accepted, rejected, unknown, failed, cancelled, superseded.
    #[arg(long)]
    state: Option<String>,
    /// Only of this kind: claim, checkin, birth-certificate, referral, ….
    #[arg(long = "type", value_name = "KIND")]
    kind: Option<String>,
    /// Only of this facility.
    #[arg(long, value_name = "CODE")]
    facility: Option<String>,
    /// Only received on or after this day (yyyy-MM-dd) or instant.
    #[arg(long, value_name = "DATE")]
    from: Option<String>,
    /// Only received up to this day or before this instant.
    #[arg(long, value_name = "DATE")]
    to: Option<String>,
    /// At most so many.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
    /// Go on where the previous page ended.
    #[arg(long)]
    cursor: Option<String>,
}

/// Which document.
#[derive(Debug, clap::Args)]
pub(super) struct One {
    #[command(flatten)]
    connection: Connection,
    /// Its id, doc_….
    #[arg(value_parser = id)]
    id: String,
}

/// Which documents, and why.
#[derive(Debug, clap::Args)]
pub(super) struct Several {
    #[command(flatten)]
    connection: Connection,
    /// Their ids, doc_….
    #[arg(required = true, value_name = "ID", value_parser = id)]
    ids: Vec<String>,
    /// Why; it stays on record.
    #[arg(long, default_value = "lienthong documents")]
    reason: String,
}

/// An id is part of a path, so it is taken only if it looks like one.
fn id(text: &str) -> Result<String, String> {
    let right = !text.is_empty() && text.len() <= 64 && text.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_');
    if right { Ok(text.to_owned()) } else { Err("doc_…".to_owned()) }
}

pub(super) fn documents(command: &Command, out: &Output) -> Exit {
    let connection = match command {
        Command::List(list) => &list.connection,
        Command::Show(one) | Command::Attempts(one) | Command::Content { one, .. } => &one.connection,
        Command::Replay(several)
        | Command::Cancel(several)
        | Command::Hold(several)
        | Command::Release(several)
        | Command::Confirm(several) => &several.connection,
        Command::LegalHold(named) | Command::LiftLegalHold(named) | Command::Forget(named) => named.connection(),
    };
    let client = match connection.client(out) {
        Ok(client) => client,
        Err(exit) => return exit,
    };
    on_one_thread(out, async {
        let done = match command {
            Command::List(list) => self::list(list, &client, out).await,
            Command::Show(one) => show(&one.id, &client, out).await,
            Command::Attempts(one) => attempts(&one.id, &client, out).await,
            Command::Content { one, table, output } => {
                content(&one.id, table.as_deref(), output.as_ref(), &client, out).await
            }
            Command::Replay(several) => act(several, "replay", &client, out).await,
            Command::Cancel(several) => act(several, "cancel", &client, out).await,
            Command::Hold(several) => act(several, "hold", &client, out).await,
            Command::Release(several) => act(several, "release", &client, out).await,
            Command::Confirm(several) => act(several, "confirm", &client, out).await,
            Command::LegalHold(named) => keeping::order(named, "legal-hold", &client, out).await,
            Command::LiftLegalHold(named) => keeping::order(named, "legal-hold/lift", &client, out).await,
            Command::Forget(named) => keeping::order(named, "forget", &client, out).await,
        };
        done.unwrap_or_else(|exit| exit)
    })
}

async fn list(list: &List, client: &Client, out: &Output) -> Result<Exit, Exit> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    let filters = [
        ("status", &list.state),
        ("type", &list.kind),
        ("facility", &list.facility),
        ("tu", &list.from),
        ("den", &list.to),
        ("cursor", &list.cursor),
    ];
    for (name, value) in filters {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    query.append_pair("limit", &list.limit.to_string());
    let answer = ask(client, Ask::get(format!("/v1/documents?{}", query.finish())), out).await?.json();
    if out.wants_json() {
        out.json(&answer);
        return Ok(Exit::Done);
    }
    let mut table = Table::new([
        "ID",
        out.wording("LOẠI", "TYPE"),
        out.wording("CƠ SỞ", "FACILITY"),
        out.wording("KHÓA", "KEY"),
        out.wording("TRẠNG THÁI", "STATE"),
        out.wording("BIÊN NHẬN", "RECEIPT"),
        out.wording("NHẬN LÚC", "RECEIVED"),
    ]);
    for document in array(&answer, "data") {
        let keys: Vec<&str> = array(document, "keys").iter().filter_map(Value::as_str).collect();
        let key = match keys.as_slice() {
            [] => String::new(),
            [only] => (*only).to_owned(),
            [first, rest @ ..] => format!("{first} +{}", rest.len()),
        };
        let delivery = array(document, "deliveries").first().unwrap_or(&Value::Null);
        table.row([
            text(document, "id"),
            text(document, "type"),
            text(document, "maCSKCB"),
            key,
            text(document, "status"),
            text(delivery, "maGiaoDich"),
            text(document, "receivedAt"),
        ]);
    }
    out.line(&table.draw());
    let page = answer.get("page").unwrap_or(&Value::Null);
    if page.get("hasMore") == Some(&Value::Bool(true)) {
        out.line(&format!("{}: --cursor {}", out.wording("còn nữa", "more"), text(page, "next")));
    }
    Ok(Exit::Done)
}

async fn show(id: &str, client: &Client, out: &Output) -> Result<Exit, Exit> {
    let document = ask(client, Ask::get(format!("/v1/documents/{id}")), out).await?.json();
    tell(&document, out);
    Ok(Exit::Done)
}

fn tell(document: &Value, out: &Output) {
    if out.wants_json() {
        out.json(document);
        return;
    }
    let joined = |member| array(document, member).iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ");
    let facts = [
        ("ID", text(document, "id")),
        (out.wording("Trạng thái", "State"), text(document, "status")),
        (out.wording("Loại", "Type"), text(document, "type")),
        (out.wording("Cơ sở", "Facility"), text(document, "maCSKCB")),
        (out.wording("Khóa", "Keys"), joined("keys")),
        (out.wording("Phần", "Parts"), joined("parts")),
        (out.wording("Phiên bản", "Version"), text(document, "version")),
        (out.wording("Nhận lúc", "Received"), text(document, "receivedAt")),
        ("SHA-256", text(document, "sha256")),
    ];
    let hold = document.get("legalHold").unwrap_or(&Value::Null);
    let keeping = [
        (out.wording("Đã xóa", "Forgotten"), text(document, "forgottenAt")),
        (out.wording("Giữ từ", "Legal hold"), format!("{} {}", text(hold, "since"), text(hold, "reason"))),
    ];
    let keeping = keeping.iter().filter(|(_, value)| !value.trim().is_empty());
    for (label, value) in facts.iter().chain(keeping).filter(|(_, value)| !value.is_empty()) {
        out.line(&format!("{label:<12} {value}"));
    }
    for delivery in array(document, "deliveries") {
        let told = ["destination", "status", "reason", "maGiaoDich", "thoiGianTiepNhan", "nextAt"];
        let told: Vec<String> =
            told.into_iter().map(|member| text(delivery, member)).filter(|it| !it.is_empty()).collect();
        let attempts = text(delivery, "attempts");
        out.line(&format!("→ {} · {attempts} {}", told.join(" · "), out.wording("lần gửi", "attempts")));
    }
    for warning in array(document, "warnings") {
        let place = [text(warning, "bang"), text(warning, "dong"), text(warning, "truong")].join(" ");
        out.line(&format!("! {} {} {}", text(warning, "maLoi"), place.trim(), text(warning, "thongBao")));
    }
}

async fn attempts(id: &str, client: &Client, out: &Output) -> Result<Exit, Exit> {
    let answer = ask(client, Ask::get(format!("/v1/documents/{id}/attempts")), out).await?.json();
    if out.wants_json() {
        out.json(&answer);
        return Ok(Exit::Done);
    }
    let mut table = Table::new([
        "#",
        out.wording("BẮT ĐẦU", "STARTED"),
        out.wording("KẾT THÚC", "ENDED"),
        out.wording("KẾT QUẢ", "OUTCOME"),
        out.wording("BƯỚC HỎNG", "FAILED AT"),
        "HTTP",
        out.wording("MÃ", "CODE"),
        out.wording("GHI CHÚ", "NOTE"),
    ]);
    let members = ["number", "startedAt", "endedAt", "outcome", "stage", "httpStatus", "maKetQua", "note"];
    for attempt in array(&answer, "data") {
        table.row(members.map(|member| text(attempt, member)));
    }
    out.line(&table.draw());
    Ok(Exit::Done)
}

async fn content(
    id: &str,
    table: Option<&str>,
    output: Option<&PathBuf>,
    client: &Client,
    out: &Output,
) -> Result<Exit, Exit> {
    let query = table.map_or_else(String::new, |table| {
        format!("?{}", form_urlencoded::Serializer::new(String::new()).append_pair("table", table).finish())
    });
    let reply = ask(client, Ask::get(format!("/v1/documents/{id}/content{query}")), out).await?;
    let Some(path) = output else { return Ok(out.bytes(&reply.body)) };
    // A document names a patient, so the file is the owner's alone; one that exists is not overwritten.
    let written = new_private_file(path).and_then(|mut file| std::io::Write::write_all(&mut file, &reply.body));
    written.map(|()| Exit::Done).map_err(|error| {
        let path = path.display();
        let message = Bilingual::composed(
            format!("không ghi được {path}: {error}"),
            format!("{path} cannot be written: {error}"),
        );
        out.failure(Exit::Failed, "cli.unwritable", &message)
    })
}

/// A new file that is the owner's alone; one that is there already is not touched.
pub(super) fn new_private_file(path: &Path) -> std::io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

async fn act(several: &Several, action: &str, client: &Client, out: &Output) -> Result<Exit, Exit> {
    let mut worst = Exit::Done;
    for id in &several.ids {
        let request = Ask::post_json(format!("/v1/documents/{id}/{action}"), &json!({ "lyDo": several.reason }));
        match ask(client, request, out).await {
            Ok(reply) if out.wants_json() => out.json(&reply.json()),
            Ok(reply) => out.line(&format!("{id}  {}", text(&reply.json(), "status"))),
            Err(exit) => worst = worst.max(exit),
        }
    }
    Ok(worst)
}
