//! `submit`: hands documents to a running gateway, one after the other, and tells of each what became of it.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::cli::Exit;
use crate::cli::client::{Ask, Client, Reply};
use crate::cli::connection::{
    Connection, array, standard_input, tell_problem, tell_unreachable, tell_unreadable, text,
};
use crate::cli::output::Output;
use crate::cli::process::on_one_thread;
use crate::domain::Bilingual;

/// What `submit` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    connection: Connection,
    /// Files to submit, as they are; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// What they are (claim, checkin, birth-certificate, …); the gateway reads it from the root and refuses a contradiction.
    #[arg(long = "type", value_name = "KIND")]
    kind: Option<String>,
    /// Under which facility, where the key has several.
    #[arg(long, value_name = "CODE")]
    facility: Option<String>,
    /// Makes repeating this one submission harmless; for a single file.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Why it may take the place of an earlier version that the portal may have; it stays on record.
    #[arg(long, value_name = "TEXT")]
    replace_reason: Option<String>,
    /// Wait so long for the portal's receipt.
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u64>,
}

/// The largest file read: what a gateway may be set to take.
const FILE_BYTES_MAX: usize = 256 << 20;

/// How long the gateway is asked to wait at once, under the 60 s it grants; after that it is asked again.
const WAIT_AT_ONCE_S: u64 = 20;

/// Between two questions about a document that still waits.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(500);

pub(super) fn submit(arguments: &Arguments, out: &Output) -> Exit {
    if arguments.files.len() > 1 && arguments.idempotency_key.is_some() {
        let message =
            Bilingual::fixed("--idempotency-key chỉ dùng với một tệp", "--idempotency-key goes with a single file");
        return out.failure(Exit::Usage, "cli.usage", &message);
    }
    let client = match arguments.connection.client(out) {
        Ok(client) => client,
        Err(exit) => return exit,
    };
    on_one_thread(out, async {
        let mut worst = Exit::Done;
        for file in &arguments.files {
            worst = worst.max(submit_one(arguments, file, &client, out).await);
        }
        worst
    })
}

async fn submit_one(arguments: &Arguments, file: &str, client: &Client, out: &Output) -> Exit {
    let name = if file == "-" { "<stdin>" } else { file };
    let body = match read(file) {
        Ok(body) => body,
        Err(error) => return tell_unreadable(name, &error, out),
    };
    let deadline = arguments.wait.map(|wait| Instant::now() + Duration::from_secs(wait));
    let reply = match client.send(request(arguments, body)).await {
        Ok(reply) => reply,
        Err(unreachable) => return tell_unreachable(&unreachable.0, out),
    };
    if !reply.status.is_success() {
        return refused(name, &reply, out);
    }
    let mut document = reply.json();
    if let Some(deadline) = deadline {
        while is_waiting(&document) && Instant::now() < deadline {
            tokio::time::sleep(ASK_AGAIN_AFTER).await;
            let path = format!("/v1/documents/{}", text(&document, "id"));
            match client.send(Ask::get(path)).await {
                Ok(reply) if reply.status.is_success() => document = reply.json(),
                Ok(reply) => return tell_problem(&reply, out),
                Err(unreachable) => return tell_unreachable(&unreachable.0, out),
            }
        }
    }
    tell_document(name, &document, out);
    for warning in array(&document, "warnings") {
        tell_finding(name, warning, out);
    }
    match text(&document, "status").as_str() {
        "rejected" | "failed" | "unknown" => Exit::Failed,
        _ => Exit::Done,
    }
}

fn request(arguments: &Arguments, body: Vec<u8>) -> Ask {
    let kind = arguments.kind.as_deref().map_or_else(String::new, |kind| {
        let query: String = form_urlencoded::Serializer::new(String::new()).append_pair("type", kind).finish();
        format!("?{query}")
    });
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    let media_type = if first == Some(&b'{') { "application/json" } else { "application/xml" };
    // Header fields are ASCII, reasons are Vietnamese.
    let encoded = |reason: &String| utf8_percent_encode(reason, NON_ALPHANUMERIC).to_string();
    let replace_reason = arguments.replace_reason.as_ref().map(encoded);
    let prefer = arguments.wait.map(|wait| format!("wait={}", wait.min(WAIT_AT_ONCE_S)));
    Ask::post(format!("/v1/documents{kind}"), media_type, body)
        .header("facility-id", arguments.facility.as_deref())
        .header("idempotency-key", arguments.idempotency_key.as_deref())
        .header("replace-reason", replace_reason.as_deref())
        .header("prefer", prefer.as_deref())
}

fn read(file: &str) -> std::io::Result<Vec<u8>> {
    if file == "-" {
        return standard_input(FILE_BYTES_MAX);
    }
    let mut bytes = Vec::new();
    std::fs::File::open(Path::new(file))?.take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > FILE_BYTES_MAX { Err(std::io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}

/// Whether the gateway is still going to do something about it.
fn is_waiting(document: &Value) -> bool {
    matches!(text(document, "status").as_str(), "queued" | "sending")
}

fn refused(name: &str, reply: &Reply, out: &Output) -> Exit {
    let problem = reply.json();
    if out.wants_json() {
        out.json(&json!({ "file": name, "problem": problem }));
        return Exit::Failed;
    }
    let findings = array(&problem, "errors");
    // A fault of the request has no place in the file; a finding has.
    if findings.iter().all(|finding| finding.get("line").is_none()) {
        out.error(&format!("{name}:"));
        return tell_problem(reply, out);
    }
    for finding in findings {
        tell_finding(name, finding, out);
    }
    out.error(&format!("{name}: {}: {}", text(&problem, "code"), text(&problem, "title")));
    Exit::Failed
}

/// `file  id  state  receipt`, one line a file.
fn tell_document(name: &str, document: &Value, out: &Output) {
    if out.wants_json() {
        out.json(&json!({ "file": name, "document": document }));
        return;
    }
    let receipts: Vec<String> = array(document, "deliveries")
        .iter()
        .map(|delivery| text(delivery, "maGiaoDich"))
        .filter(|it| !it.is_empty())
        .collect();
    let receipt = if receipts.is_empty() { "-".to_owned() } else { receipts.join(",") };
    out.line(&format!("{name}  {}  {}  {receipt}", text(document, "id"), text(document, "status")));
}

/// `file:line:column: error CODE [XML3 4 NGAY_YL] message`, then the cure, as compilers do. A place inside a part is
/// counted in the part; the line of the file is that of the part's own element.
fn tell_finding(name: &str, finding: &Value, out: &Output) {
    if out.wants_json() {
        return;
    }
    let number = |member| finding.get(member).and_then(Value::as_u64).unwrap_or_default();
    let part = text(finding, "bang");
    let (line, column) = (number("line"), number("column"));
    let envelope_line = number("envelopeLine");
    let place = if part.is_empty() || envelope_line == 0 {
        format!("{name}:{line}:{column}")
    } else {
        format!("{name}:{envelope_line}: {part}:{line}:{column}")
    };
    let row = match number("dong") {
        0 => String::new(),
        row => row.to_string(),
    };
    let within = [part, row, text(finding, "truong")];
    let within: Vec<String> = within.into_iter().filter(|word| !word.is_empty()).collect();
    let within = if within.is_empty() { String::new() } else { format!(" [{}]", within.join(" ")) };
    let (severity, code) = (text(finding, "mucDo"), text(finding, "maLoi"));
    out.error(&format!("{place}: {severity} {code}{within} {}", text(finding, "thongBao")));
    out.error(&format!("    → {}", text(finding, "goiY")));
}
