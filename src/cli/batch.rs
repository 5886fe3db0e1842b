//! `batch`: lists of lookups of a running gateway: hand one over, see how far it is, fetch its results, order about it.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde_json::{Value, json};

use crate::cli::Exit;
use crate::cli::client::{Ask, Client};
use crate::cli::connection::{Connection, array, ask, standard_input, tell_unreadable, text};
use crate::cli::documents::new_private_file;
use crate::cli::output::Output;
use crate::cli::process::on_one_thread;
use crate::domain::Bilingual;

/// What `batch` does.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Hand a list over: JSON, CSV or XLSX.
    Submit(Box<Submit>),
    /// How far a list is.
    Show(One),
    /// The lists, newest first.
    List(List),
    /// What came of a list, as a file.
    Results(Results),
    /// Ask nothing more of a list for now.
    Pause(One),
    /// Go on with a list.
    Resume(One),
    /// End a list; what was answered stays.
    Cancel(One),
}

/// What `batch submit` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Submit {
    #[command(flatten)]
    connection: Connection,
    /// The list: .json, .csv or .xlsx; `-` is standard input.
    #[arg(value_name = "FILE")]
    file: String,
    /// What the file is, where its name does not say so.
    #[arg(long, value_enum, value_name = "FORM")]
    format: Option<Form>,
    /// What to call the list (CSV and XLSX; JSON says so itself).
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// When to start: 02:00 (the next time it is), or a date with time (CSV and XLSX).
    #[arg(long, value_name = "TIME")]
    start_at: Option<String>,
    /// The date of the visit of rows that name none (CSV and XLSX); the day they are asked if left out.
    #[arg(long, value_name = "DATE")]
    visit_date: Option<String>,
    /// Accept the list without its wrong rows.
    #[arg(long)]
    skip_invalid: bool,
    /// The facility that asks, where the key has several.
    #[arg(long, value_name = "CODE")]
    facility: Option<String>,
    /// The officer who asks, by the directory of the gateway.
    #[arg(long, value_name = "ID")]
    staff_id: Option<String>,
    /// Makes repeating this one submission harmless.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

/// Which list.
#[derive(Debug, clap::Args)]
pub(super) struct One {
    #[command(flatten)]
    connection: Connection,
    /// The list's id, bat_….
    #[arg(value_name = "ID")]
    batch: String,
}

/// What `batch list` takes.
#[derive(Debug, clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    connection: Connection,
    /// At most so many.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
}

/// What `batch results` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Results {
    #[command(flatten)]
    connection: Connection,
    /// The list's id, bat_….
    #[arg(value_name = "ID")]
    batch: String,
    /// As what; by the name of --output if left out, else CSV.
    #[arg(long, value_enum, value_name = "FORM")]
    format: Option<Form>,
    /// Only rows that somebody should look at.
    #[arg(long)]
    problems: bool,
    /// Write to this new file instead of standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Forms of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    /// As programs have it.
    Json,
    /// Comma, semicolon or tab.
    Csv,
    /// A workbook.
    Xlsx,
}

impl Form {
    fn of_name(name: &Path) -> Option<Self> {
        match name.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "json" => Some(Self::Json),
            "csv" | "tsv" | "txt" => Some(Self::Csv),
            "xlsx" => Some(Self::Xlsx),
            _ => None,
        }
    }

    /// What the first bytes say, for lists that come without a name.
    fn of_content(bytes: &[u8]) -> Self {
        let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
        match first {
            Some(b'{') => Self::Json,
            _ if bytes.starts_with(b"PK") => Self::Xlsx,
            _ => Self::Csv,
        }
    }

    fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Xlsx => "xlsx",
        }
    }
}

/// The largest list the gateway takes.
const FILE_BYTES_MAX: usize = 12 << 20;

const PATH: &str = "/v1/card-lookups/batches";

pub(super) fn batch(command: &Command, out: &Output) -> Exit {
    let done = match command {
        Command::Submit(arguments) => submit(arguments, out),
        Command::Show(one) => with_client(&one.connection, out, Ask::get(path_of(one))),
        Command::Pause(one) => order(one, "pause", out),
        Command::Resume(one) => order(one, "resume", out),
        Command::Cancel(one) => order(one, "cancel", out),
        Command::List(arguments) => list(arguments, out),
        Command::Results(arguments) => results(arguments, out),
    };
    done.unwrap_or_else(|exit| exit)
}

fn path_of(one: &One) -> String {
    // An id that holds a slash or a question mark must not become another path.
    format!("{PATH}/{}", percent_encoding::utf8_percent_encode(&one.batch, percent_encoding::NON_ALPHANUMERIC))
}

fn order(one: &One, order: &str, out: &Output) -> Result<Exit, Exit> {
    with_client(&one.connection, out, Ask::post_json(format!("{}/{order}", path_of(one)), &json!({})))
}

/// Makes one request that answers with a list, and shows it.
fn with_client(connection: &Connection, out: &Output, request: Ask) -> Result<Exit, Exit> {
    let client = connection.client(out)?;
    Ok(on_one_thread(out, async { tell_one(&client, request, out).await.unwrap_or_else(|exit| exit) }))
}

async fn tell_one(client: &Client, request: Ask, out: &Output) -> Result<Exit, Exit> {
    let answer = ask(client, request, out).await?.json();
    if out.wants_json() {
        out.json(&answer);
    } else {
        show(&answer, out);
    }
    Ok(Exit::Done)
}

fn submit(arguments: &Submit, out: &Output) -> Result<Exit, Exit> {
    let name = if arguments.file == "-" { "<stdin>" } else { &arguments.file };
    let body = read(&arguments.file).map_err(|error| tell_unreadable(name, &error, out))?;
    let form = arguments.format.or_else(|| Form::of_name(Path::new(&arguments.file)));
    let form = form.unwrap_or_else(|| Form::of_content(&body));
    let around = [("name", &arguments.name), ("startAt", &arguments.start_at), ("ngayKham", &arguments.visit_date)];
    if form == Form::Json && around.iter().any(|(_, value)| value.is_some()) {
        let message = Bilingual::fixed(
            "với JSON, ghi name, startAt và ngayKham trong chính tệp",
            "with JSON, write name, startAt and ngayKham into the file itself",
        );
        return Err(out.failure(Exit::Usage, "cli.usage", &message));
    }
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (parameter, value) in around {
        if let Some(value) = value {
            query.append_pair(parameter, value);
        }
    }
    if arguments.skip_invalid {
        query.append_pair("skipInvalid", "true");
    }
    let query: String = query.finish();
    let path = if query.is_empty() { String::new() } else { format!("?{query}") };
    let request = Ask::post(format!("/v1/card-lookups/batch{path}"), form.media_type(), body)
        .header("facility-id", arguments.facility.as_deref())
        .header("staff-id", arguments.staff_id.as_deref())
        .header("idempotency-key", arguments.idempotency_key.as_deref());
    with_client(&arguments.connection, out, request)
}

fn read(file: &str) -> std::io::Result<Vec<u8>> {
    if file == "-" {
        return standard_input(FILE_BYTES_MAX);
    }
    let mut bytes = Vec::new();
    std::fs::File::open(Path::new(file))?.take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > FILE_BYTES_MAX { Err(std::io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}

fn list(arguments: &List, out: &Output) -> Result<Exit, Exit> {
    let client = arguments.connection.client(out)?;
    let request = Ask::get(format!("{PATH}?limit={}", arguments.limit));
    Ok(on_one_thread(out, async {
        match ask(&client, request, out).await {
            Ok(reply) if out.wants_json() => out.json(&reply.json()),
            Ok(reply) => {
                for list in array(&reply.json(), "data") {
                    out.line(&line(list));
                }
            }
            Err(exit) => return exit,
        }
        Exit::Done
    }))
}

fn results(arguments: &Results, out: &Output) -> Result<Exit, Exit> {
    let client = arguments.connection.client(out)?;
    let by_name = arguments.output.as_deref().and_then(Form::of_name);
    let form = arguments.format.or(by_name).unwrap_or(Form::Csv);
    let one = percent_encoding::utf8_percent_encode(&arguments.batch, percent_encoding::NON_ALPHANUMERIC);
    let problems = if arguments.problems { "&only=problems" } else { "" };
    let path = format!("{PATH}/{one}/results?format={}{problems}", form.name());
    Ok(on_one_thread(out, async {
        let bytes = match form {
            Form::Json => all_pages(&client, &path, out).await,
            Form::Csv | Form::Xlsx => ask(&client, Ask::get(path), out).await.map(|reply| reply.body.to_vec()),
        };
        if bytes.is_ok() {
            tell_unfinished(&client, &format!("{PATH}/{one}"), out).await;
        }
        match (bytes, &arguments.output) {
            (Ok(bytes), None) => out.bytes(&bytes),
            (Ok(bytes), Some(path)) => write(path, &bytes, out),
            (Err(exit), _) => exit,
        }
    }))
}

/// Says beside the results that they are not all: no problems in half a list is no good news.
async fn tell_unfinished(client: &Client, path: &str, out: &Output) {
    let Ok(reply) = ask(client, Ask::get(path.to_owned()), out).await else { return };
    let list = reply.json();
    let state = text(&list, "trangThai");
    if state != "xong" {
        let (left, all) = (text(&list, "conLai"), text(&list, "tong"));
        out.error(out.wording(
            &format!("danh sách chưa xong ({state}): {left}/{all} dòng chưa có kết quả"),
            &format!("the list is not done ({state}): {left} of {all} rows have no result yet"),
        ));
    }
}

/// Every page of the results, as one JSON array.
async fn all_pages(client: &Client, path: &str, out: &Output) -> Result<Vec<u8>, Exit> {
    let mut rows: Vec<Value> = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = ask(client, Ask::get(format!("{path}&limit=500{cursor}")), out).await?.json();
        rows.extend_from_slice(array(&page, "data"));
        match page.get("page").map(|page| text(page, "next")).filter(|next| !next.is_empty()) {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(format!("{}\n", Value::from(rows)).into_bytes()),
        }
    }
}

/// Writes a new file for its owner alone, because it names patients.
fn write(path: &Path, bytes: &[u8], out: &Output) -> Exit {
    let written = new_private_file(path).and_then(|mut file| file.write_all(bytes));
    match written {
        Ok(()) => Exit::Done,
        Err(error) => {
            let path = path.display();
            let message = Bilingual::composed(
                format!("không ghi được {path}: {error}"),
                format!("{path} cannot be written: {error}"),
            );
            out.failure(Exit::Failed, "cli.unwritable", &message)
        }
    }
}

/// `id  state  done/all  name`.
fn line(list: &Value) -> String {
    let done = format!("{}/{}", text(list, "xong"), text(list, "tong"));
    format!(
        "{}  {}  {done}  {}  {}",
        text(list, "id"),
        text(list, "trangThai"),
        text(list, "createdAt"),
        text(list, "name")
    )
}

fn show(list: &Value, out: &Output) {
    out.line(&line(list));
    let counts = [
        (out.wording("hợp lệ", "good"), "hopLe"),
        (out.wording("cần xem", "to look at"), "canXem"),
        (out.wording("lỗi", "failed"), "loi"),
        (out.wording("còn lại", "left"), "conLai"),
    ];
    let counts: Vec<String> = counts.iter().map(|(label, member)| format!("{label} {}", text(list, member))).collect();
    out.line(&format!("  {}", counts.join(" · ")));
    for (member, label) in [
        ("lyDo", out.wording("lý do", "reason")),
        ("startAt", out.wording("bắt đầu", "start")),
        ("expectedEnd", out.wording("dự kiến xong", "expected end")),
        ("endedAt", out.wording("kết thúc", "end")),
    ] {
        let value = text(list, member);
        if !value.is_empty() {
            out.line(&format!("  {label}: {value}"));
        }
    }
    let ignored: Vec<&str> = array(list, "cotBoQua").iter().filter_map(Value::as_str).collect();
    if !ignored.is_empty() {
        out.line(&format!("  {}: {}", out.wording("cột không dùng", "columns not used"), ignored.join(", ")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_told_by_the_name_or_by_the_content() {
        for (name, form) in
            [("a.JSON", Some(Form::Json)), ("a.csv", Some(Form::Csv)), ("a.xlsx", Some(Form::Xlsx)), ("a.xls", None)]
        {
            assert_eq!(Form::of_name(Path::new(name)), form, "{name}");
        }
        for (bytes, form) in
            [(&b" {\"rows\":[]}"[..], Form::Json), (b"PK\x03\x04", Form::Xlsx), (b"\xEF\xBB\xBFa;b", Form::Csv)]
        {
            assert_eq!(Form::of_content(bytes), form);
        }
    }
}
