//! Clients that other people wrote: Python with `requests`, and curl. Both must be there; a test that cannot start them
//! fails, and `tests/run` installs them.

use std::io::Write;
use std::process::Stdio;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::functions::{Case, Content, Encoding, FUNCTIONS, Fields, Function, OldResult, Place};
use crate::matrix::{self, Cell};
use crate::request::{Session, request};
use crate::targets::Target;
use crate::ways::CLIENTS;
use crate::wire::{Answer, PATIENCE};

/// As the matrix shows them.
pub(crate) const PYTHON: &str = "Python requests, the library itself";
pub(crate) const CURL: &str = "curl, the program itself";

/// What `client.py` tells of an answer.
#[derive(Deserialize)]
struct Told {
    function: String,
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
    kept: bool,
}

/// Runs the Python client against both targets.
pub(crate) async fn python(portal: &Target, facade: &Target, cases: &[Case<'_>]) -> Vec<Cell> {
    let python = python_with_requests().await;
    let wanted = ask_python(&python, portal, cases).await;
    let got = ask_python(&python, facade, cases).await;
    assert_eq!(wanted.len(), FUNCTIONS.len());
    let cells = wanted.iter().zip(&got).zip(FUNCTIONS).map(|((wanted, got), function)| {
        assert!(wanted.function == function.name && got.function == function.name);
        matrix::cell(PYTHON, function, &wanted.answer(), &got.answer())
    });
    cells.collect()
}

/// The interpreter in the path, or else the distribution's, whichever has the library.
async fn python_with_requests() -> String {
    for python in ["python3", "/usr/bin/python3"] {
        let tried = Command::new(python).args(["-c", "import requests"]).output().await;
        if tried.is_ok_and(|output| output.status.success()) {
            return python.to_owned();
        }
    }
    panic!("no Python with the library `requests` is there; tests/run installs it (python3, python3-requests)");
}

async fn ask_python(python: &str, target: &Target, cases: &[Case<'_>]) -> Vec<Told> {
    let account =
        |account: &crate::targets::Account| (account.facility.to_owned(), json!([account.username, account.password]));
    let accounts: serde_json::Map<String, Value> = target.accounts.iter().map(account).collect();
    let calls: Vec<Value> = FUNCTIONS.iter().zip(cases).map(|(function, case)| described(function, case)).collect();
    let task = json!({ "accounts": accounts, "calls": calls }).to_string();
    let mut child = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/facade/client.py"))
        .arg(format!("http://{}", target.address))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(task.as_bytes()).await.unwrap();
    drop(stdin);
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await.expect("Python ends").unwrap();
    assert!(output.status.success(), "client.py failed; what it said stands above");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn described(function: &Function, case: &Case<'_>) -> Value {
    let family = match function.place {
        Place::Login => "login",
        Place::Query => "query",
        Place::Headers => "headers",
        Place::Body => "body",
        Place::Account => "account",
    };
    let earlier = match function.content {
        Content::OldResult(OldResult::Errors) => "@receipt",
        Content::Visit => "@visit",
        _ => "",
    };
    let mut body = function.content.body(function.facility, case);
    if let Content::Certificate(_) = function.content {
        body.insert(0, ("maCskcb".to_owned(), function.facility.to_owned()));
    }
    let mut call = json!({
        "function": function.name,
        "family": family,
        "path": function.path,
        "facility": function.facility,
        "encoding": if function.encoding == Encoding::Json { "json" } else { "form" },
        "query": object(function.content.query(function.facility, case, earlier)),
        "fields": object(body),
    });
    if function.content == Content::OldClaim {
        call["file"] = STANDARD.encode(case.old_claim()).into();
    }
    call
}

fn object(fields: Fields) -> Value {
    fields.into_iter().map(|(name, value)| (name, Value::from(value))).collect::<serde_json::Map<_, _>>().into()
}

impl Told {
    fn answer(&self) -> Answer {
        Answer {
            version: String::new(),
            status: self.status,
            headers: self.headers.clone(),
            body: STANDARD.decode(&self.body).unwrap(),
            continued: false,
            kept: self.kept,
        }
    }
}

/// Runs curl against both targets, a process a call, waiting for `100 Continue` as it does with large bodies.
pub(crate) async fn curl(portal: &Target, facade: &Target, cases: &[Case<'_>]) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (function, case) in FUNCTIONS.iter().zip(cases) {
        if matches!(function.content, Content::OldResult(OldResult::Errors) | Content::Visit) {
            // They hang on an earlier answer; the other clients ask them.
            continue;
        }
        let wanted = ask_curl(portal, function, case).await;
        let got = ask_curl(facade, function, case).await;
        cells.push(matrix::cell(CURL, function, &wanted, &got));
    }
    cells
}

async fn ask_curl(target: &Target, function: &Function, case: &Case<'_>) -> Answer {
    let way = &CLIENTS[0];
    let account = target.account(function.facility);
    let nobody = Session {
        token: String::new(),
        id_token: String::new(),
        username: account.username.clone(),
        password: account.password_md5(false),
    };
    let login = run_curl(target, &FUNCTIONS[0], &nobody, case).await;
    if function.place == Place::Login {
        return login;
    }
    let reply: Value = serde_json::from_slice(&login.body).expect("a login has a reply");
    let text = |name: &str| reply["APIKey"][name].as_str().expect("a login has tokens").to_owned();
    let session = Session { token: text("access_token"), id_token: text("id_token"), ..nobody };
    assert_eq!(way.name, crate::ways::AS_DOCUMENTED);
    run_curl(target, function, &session, case).await
}

async fn run_curl(target: &Target, function: &Function, session: &Session, case: &Case<'_>) -> Answer {
    let request = request(function, &CLIENTS[0], session, case, "").expect("as documented");
    let mut body = tempfile::NamedTempFile::new().unwrap();
    body.write_all(&request.body).unwrap();
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--noproxy", "*", "--max-time", "60", "--include", "--http1.1"]);
    command.args(["--header", "Expect: 100-continue", "--data-binary"]).arg(format!("@{}", body.path().display()));
    for (name, value) in &request.headers {
        command.arg("--header").arg(format!("{name}: {value}"));
    }
    command.arg(format!("http://{}{}?{}", target.address, request.path, request.query));
    let output = command.output().await.expect("curl is installed; tests/run does it");
    assert!(output.status.success(), "curl: {}", String::from_utf8_lossy(&output.stderr));
    parsed(&output.stdout)
}

/// What `curl --include` prints: every head, then the body.
fn parsed(printed: &[u8]) -> Answer {
    let (mut rest, mut continued) = (printed, false);
    loop {
        let end = rest.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
        let head = String::from_utf8(rest[..end].to_vec()).unwrap();
        rest = &rest[end + 4..];
        let mut lines = head.split("\r\n");
        let mut first = lines.next().unwrap().split(' ');
        let (version, status) = (first.next().unwrap().to_owned(), first.next().unwrap().parse().unwrap());
        if status == 100 {
            continued = true;
            continue;
        }
        let header =
            |line: &str| line.split_once(':').map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
        let headers = lines.filter_map(header).collect();
        return Answer { version, status, headers, body: rest.to_vec(), continued, kept: true };
    }
}
