//! What every command that calls a running gateway takes, and how its refusals are told.

use std::io::Read;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::cli::client::{Ask, Client, Reply, Trust};
use crate::cli::output::Output;
use crate::cli::{Exit, environment};
use crate::config::Secret;
use crate::domain::Bilingual;

/// Which gateway, and with which key.
#[derive(Debug, clap::Args)]
pub(super) struct Connection {
    /// Address of the gateway.
    #[arg(long, env = "LIENTHONG_URL", default_value = "https://127.0.0.1:8443", value_name = "URL")]
    url: String,
    /// File that holds the key; without it the variable LIENTHONG_KEY. The key itself never stands on the command line.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Authorities trusted besides the public ones, PEM.
    #[arg(long, env = "LIENTHONG_CA", value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Certificate of this caller, PEM, where the gateway asks for one.
    #[arg(long, value_name = "FILE", requires = "client_key")]
    client_certificate: Option<PathBuf>,
    /// Private key of that certificate, PEM.
    #[arg(long, value_name = "FILE", requires = "client_certificate")]
    client_key: Option<PathBuf>,
}

/// The longest key file. A key has some 60 characters; a file chosen by mistake shows at once.
const KEY_BYTES_MAX: u64 = 4096;

impl Connection {
    /// A client, or the usage error that was told.
    pub(super) fn client(&self, out: &Output) -> Result<Client, Exit> {
        let usage = |message: &Bilingual| out.failure(Exit::Usage, "cli.usage", message);
        let key = self.key().map_err(|message| usage(&message))?;
        let trust = Trust {
            authorities: self.ca.as_deref(),
            identity: self.client_certificate.as_deref().zip(self.client_key.as_deref()),
        };
        Client::new(&self.url, &key, trust, out.language()).map_err(|message| usage(&message))
    }

    fn key(&self) -> Result<Secret, Bilingual> {
        let Some(path) = &self.key_file else {
            return environment("LIENTHONG_KEY").map(Secret::new).ok_or_else(|| {
                Bilingual::fixed(
                    "thiếu khóa: đặt biến LIENTHONG_KEY hoặc dùng --key-file",
                    "the key is missing: set LIENTHONG_KEY or use --key-file",
                )
            });
        };
        let mut text = String::new();
        let read = std::fs::File::open(path).and_then(|file| file.take(KEY_BYTES_MAX).read_to_string(&mut text));
        read.map_err(|error| {
            let path = path.display();
            Bilingual::composed(
                format!("không đọc được tệp khóa {path}: {error}"),
                format!("the key file {path} cannot be read: {error}"),
            )
        })?;
        // Files made for curl hold the whole header.
        let key = text.trim().trim_start_matches("Authorization:").trim().trim_start_matches("Bearer ").to_owned();
        Ok(Secret::new(key))
    }
}

/// Makes one request; what did not work is told, and is the exit.
pub(super) async fn ask(client: &Client, ask: Ask, out: &Output) -> Result<Reply, Exit> {
    let reply = client.send(ask).await.map_err(|unreachable| tell_unreachable(&unreachable.0, out))?;
    if reply.status.is_success() { Ok(reply) } else { Err(tell_problem(&reply, out)) }
}

pub(super) fn tell_unreachable(why: &str, out: &Output) -> Exit {
    let message = Bilingual::composed(
        format!("không tới được gateway: {why}"),
        format!("the gateway could not be reached: {why}"),
    );
    out.failure(Exit::Unknown, "gateway.unreachable", &message)
}

/// Tells a refusal of the gateway: what happened, each fault, and what to do.
pub(super) fn tell_problem(reply: &Reply, out: &Output) -> Exit {
    let problem = reply.json();
    if out.wants_json() {
        let bare = json!({ "status": reply.status.as_u16(), "code": "gateway.unclear" });
        out.json(if problem.is_object() { &problem } else { &bare });
        return Exit::Failed;
    }
    let code = text(&problem, "code");
    let (title, detail) = (text(&problem, "title"), text(&problem, "detail"));
    out.error(&format!("{} {code}: {title}", reply.status.as_u16()));
    if !detail.is_empty() && detail != title {
        out.error(&format!("    {detail}"));
    }
    for fault in array(&problem, "errors") {
        // Of a list, where in the file; of a document, `submit` tells the place itself.
        let place = [("dong", out.wording("dòng", "row")), ("cot", out.wording("cột", "column"))]
            .map(|(member, word)| {
                Some(text(fault, member)).filter(|told| !told.is_empty()).map(|told| format!("{word} {told} "))
            })
            .map(Option::unwrap_or_default)
            .concat();
        let (field, code, words) = (text(fault, "truong"), text(fault, "maLoi"), text(fault, "thongBao"));
        out.error(&format!("    {place}{field}: {code} {words}"));
        out.error(&format!("        → {}", text(fault, "goiY")));
    }
    let next_step = text(&problem, "nextStep");
    if !next_step.is_empty() {
        out.error(&format!("    → {next_step}"));
    }
    if let Some(wait) = reply.header("retry-after") {
        out.error(&format!("    {}: {wait} s", out.wording("thử lại sau", "try again after")));
    }
    if let Some(id) = reply.header("request-id") {
        out.error(&format!("    requestId: {id}"));
    }
    Exit::Failed
}

/// The text of a member: empty if it is missing, the Vietnamese if it is in both languages.
pub(super) fn text(value: &Value, member: &str) -> String {
    match value.get(member) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Bool(flag)) => flag.to_string(),
        Some(Value::Object(both)) => both.get("vi").and_then(Value::as_str).unwrap_or_default().to_owned(),
        _ => String::new(),
    }
}

/// The items of a member; none if it is missing.
pub(super) fn array<'v>(value: &'v Value, member: &str) -> &'v [Value] {
    value.get(member).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Standard input, whole, at most `most` bytes.
pub(super) fn standard_input(most: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::io::stdin().lock().take(most as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > most { Err(std::io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}

/// Tells that something could not be read.
pub(super) fn tell_unreadable(what: &str, error: &std::io::Error, out: &Output) -> Exit {
    let message =
        Bilingual::composed(format!("không đọc được {what}: {error}"), format!("{what} cannot be read: {error}"));
    out.failure(Exit::Usage, "cli.unreadable", &message)
}
