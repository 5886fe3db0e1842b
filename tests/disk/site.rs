//! A gateway as a child process, with the library under its file calls, and the sandbox it sends to.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use lienthong::certs::Authority;
use lienthong::certs::file::{Existing, write_private, write_public};
use lienthong::sandbox::{self, Faults, Sandbox};
use lienthong::system::System;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::documents;
use crate::https::{HttpsClient, https_client};
use crate::shim::Shim;

const PROGRAM: &str = env!("CARGO_BIN_EXE_lienthong");

/// How long a test waits for a condition before it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

const FACILITIES: [&str; 4] = ["01999", "79999", "38999", "48999"];

/// A folder with everything a gateway needs.
pub(crate) struct Site {
    /// Removes everything in the end.
    _folder: TempDir,
    root: PathBuf,
    pub(crate) sandbox: Sandbox,
    pub(crate) shim: Shim,
    api: SocketAddr,
    client: HttpsClient,
    key: String,
}

/// A running gateway.
pub(crate) struct Gateway {
    child: Child,
    admin: String,
}

/// Why a program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    /// What it said to people.
    pub(crate) told: String,
}

/// One document to be submitted.
#[derive(Clone)]
pub(crate) struct Document {
    pub(crate) body: Bytes,
    media_type: &'static str,
    /// Whether the portal replaces it by key.
    pub(crate) is_claim: bool,
}

/// What the gateway answered: the status, and the problem's code or the document's id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Kept(String),
    Refused(u16, String),
    None,
}

// === impl Site ===

impl Site {
    /// A new site without a client's key: `data` is not there yet.
    pub(crate) async fn new(records: bool, faults: Faults) -> Self {
        let system = System::real();
        let folder = tempfile::tempdir().unwrap();
        // SQLite resolves links, and the library compares texts.
        let root = folder.path().canonicalize().unwrap();
        let file = |name: &str| root.join(name);
        let authority = Authority::make("lienthong tests", &system).unwrap();
        write_public(&file("ca.pem"), authority.certificate(), Existing::Replace).unwrap();
        for name in ["api", "portal"] {
            let pem = authority.issue_server(&["127.0.0.1".into()], 2).unwrap();
            write_public(&file(&format!("{name}.pem")), &pem.certificate, Existing::Replace).unwrap();
            write_private(&file(&format!("{name}.key")), &pem.key, Existing::Replace).unwrap();
        }
        write_private(&file("password"), sandbox::ACCOUNT_PASSWORD, Existing::Replace).unwrap();
        let options = sandbox::Options { faults, seed: 20_261_120, ..sandbox::Options::default() };
        let sandbox = Sandbox::start(options, system).await.unwrap();
        // A port of its own that stays the same over restarts: taken once by the kernel's choice, then given back.
        let api = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let accounts: String = FACILITIES
            .iter()
            .map(|code| {
                format!(
                    "[[facility]]\ncode = \"{code}\"\nname = \"Thử\"\npassword_file = \"password\"\n\
                     officer_name = \"NGUYỄN THỊ B\"\nofficer_id = \"001181012345\"\n"
                )
            })
            .collect();
        let config = format!(
            "mode = \"test\"\n[data]\nfolder = \"data\"\n\
             [api]\nlisten = \"{api}\"\ncertificate = \"api.pem\"\nkey = \"api.key\"\n\
             [admin]\nlisten = \"127.0.0.1:0\"\n[facade]\nenabled = false\n\
             [portal]\nbase_url = \"http://{}\"\nrest_s = 1\n\
             [retention]\ndisk_free_min_mib = 0\n[delivery]\nretry_first_ms = 100\nretry_longest_s = 1\n\
             [log]\nformat = \"json\"\nfilter = \"info\"\n{accounts}",
            sandbox.address()
        );
        std::fs::write(file("lienthong.toml"), config).unwrap();
        let shim = Shim::new(&root, records);
        let client = https_client(authority.certificate());
        Self { _folder: folder, root, sandbox, shim, api, client, key: String::new() }
    }

    /// The same with a client's key, made with `lienthong keys add`.
    pub(crate) async fn with_key(records: bool, faults: Faults) -> Self {
        let mut site = Self::new(records, faults).await;
        site.take_key().await;
        site
    }

    /// Makes a client's key, to be used from now on.
    pub(crate) async fn take_key(&mut self) {
        let added = self.add_key().await.unwrap_or_else(|ended| panic!("{ended:?}"));
        let added: Value = serde_json::from_str(&added).unwrap();
        self.key = added["key"].as_str().unwrap().to_owned();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Runs `lienthong keys add`; what it printed.
    pub(crate) async fn add_key(&self) -> Result<String, Ended> {
        let mut arguments = vec!["--json", "keys", "add", "--name", "test", "--per-minute", "1000000"];
        for code in FACILITIES {
            arguments.extend(["--facility", code]);
        }
        self.run(&arguments).await
    }

    /// Runs a command that ends by itself, with the configuration; what it printed.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Result<String, Ended> {
        let ended = self.command(arguments).stdin(Stdio::null()).output();
        let ended = tokio::time::timeout(PATIENCE, ended).await.expect("it ends").unwrap();
        let told =
            [ended.stderr, ended.stdout.clone()].map(|told| String::from_utf8_lossy(&told).into_owned()).concat();
        if ended.status.success() {
            Ok(String::from_utf8(ended.stdout).unwrap())
        } else {
            Err(Ended { code: ended.status.code(), told })
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).arg("--lang").arg("en").arg("--config").arg(self.path("lienthong.toml"));
        command.envs(self.shim.environment(&self.path("data"))).kill_on_drop(true);
        command
    }

    /// Starts the gateway and waits until it serves, or has ended.
    pub(crate) async fn start(&self) -> Result<Gateway, Ended> {
        let log = std::fs::File::create(self.path("log")).unwrap();
        let mut child = self.command(&["--json", "run"]).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await.expect("it starts or ends").unwrap();
        let told: Value = line.and_then(|line| serde_json::from_str(&line).ok()).unwrap_or_default();
        if let Some(admin) = told["admin"].as_str() {
            return Ok(Gateway { child, admin: admin.trim_start_matches("http://").to_owned() });
        }
        let status = tokio::time::timeout(PATIENCE, child.wait()).await.expect("it ends").unwrap();
        let told = told["title"].as_str().unwrap_or_default().to_owned();
        Err(Ended { code: status.code(), told: format!("{}{told}", self.log()) })
    }

    /// The log of the last start.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Submits a document once.
    pub(crate) async fn submit(&self, document: &Document) -> Answer {
        let request = self.request(Method::POST, "/v1/documents").header("content-type", document.media_type);
        let request = request.body(Full::new(document.body.clone())).unwrap();
        match self.send(request).await {
            Some((200 | 202, body)) => {
                let body: Value = serde_json::from_slice(&body).unwrap();
                Answer::Kept(body["id"].as_str().unwrap().to_owned())
            }
            Some((status, body)) => {
                let body: Value = serde_json::from_slice(&body).unwrap_or_default();
                Answer::Refused(status, body["code"].as_str().unwrap_or_default().to_owned())
            }
            None => Answer::None,
        }
    }

    /// Submits a document until it is kept.
    pub(crate) async fn submit_until_kept(&self, document: &Document) -> String {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            match self.submit(document).await {
                Answer::Kept(id) => return id,
                Answer::Refused(503 | 507, _) | Answer::None => {}
                Answer::Refused(status, code) => panic!("{status} {code}"),
            }
            assert!(tokio::time::Instant::now() < deadline, "a document was never kept");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Asks something; the status and the JSON.
    pub(crate) async fn get(&self, path: &str) -> Option<(u16, Value)> {
        let request = self.request(Method::GET, path).body(Full::default()).unwrap();
        let (status, body) = self.send(request).await?;
        Some((status, serde_json::from_slice(&body).ok()?))
    }

    /// The bytes of a document.
    pub(crate) async fn content(&self, id: &str) -> Option<(u16, Bytes)> {
        self.send(self.request(Method::GET, &format!("/v1/documents/{id}/content")).body(Full::default()).unwrap())
            .await
    }

    fn request(&self, method: Method, path: &str) -> http::request::Builder {
        let url = format!("https://{}{path}", self.api);
        Request::builder().method(method).uri(url).header("authorization", format!("Bearer {}", self.key))
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Option<(u16, Bytes)> {
        let response = tokio::time::timeout(PATIENCE, self.client.request(request)).await.expect("an end").ok()?;
        let status = response.status().as_u16();
        Some((status, response.into_body().collect().await.ok()?.to_bytes()))
    }

    /// All documents as listed.
    pub(crate) async fn all(&self) -> Vec<Value> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let (status, mut page) = self.get(&format!("/v1/documents?limit=500{cursor}")).await.expect("an answer");
            assert_eq!(status, 200, "{page}");
            if let Value::Array(data) = page["data"].take() {
                all.extend(data);
            }
            match page["page"]["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return all,
            }
        }
    }

    /// Waits until nothing is queued or under way.
    pub(crate) async fn rest(&self) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let all = self.all().await;
            let waiting =
                all.iter().filter(|view| matches!(view["status"].as_str(), Some("queued" | "sending"))).count();
            if waiting == 0 {
                return;
            }
            assert!(tokio::time::Instant::now() < deadline, "{waiting} deliveries do not come to rest");
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }
}

// === impl Gateway ===

impl Gateway {
    /// `/readyz`: the status and what it says.
    pub(crate) async fn ready(&self, site: &Site) -> (u16, Value) {
        let _ = site;
        let url = format!("http://{}/readyz", self.admin);
        let client = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new())
            .build_http::<Full<Bytes>>();
        let response = client.get(url.parse().unwrap());
        let response = tokio::time::timeout(PATIENCE, response).await.expect("an end").unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    }

    /// Waits until it says that it is ready.
    pub(crate) async fn until_ready(&self, site: &Site) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let (status, body) = self.ready(site).await;
            if status == 200 {
                return;
            }
            assert!(tokio::time::Instant::now() < deadline, "never ready again: {body}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Stops it as an operator does, and waits for its end.
    pub(crate) async fn stop(mut self) {
        let id = self.child.id().expect("it runs");
        assert!(std::process::Command::new("kill").arg(id.to_string()).status().unwrap().success());
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("it ends").unwrap();
        assert!(status.success(), "{status}");
    }

    /// Kills it.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

// === impl Document ===

impl Document {
    /// Three claims in six; birth certificates, death notices and driver exams for the rest.
    pub(crate) fn new(number: usize) -> Self {
        let claim = || documents::claim(&format!("HS{number:010}"));
        let (body, media_type, is_claim) = match number % 6 {
            0 => (documents::birth(number), "application/xml", false),
            1 => (documents::death(number), "application/xml", false),
            2 => (documents::driver_exam(number), "application/json", false),
            _ => (claim(), "application/xml", true),
        };
        Self { body: Bytes::from(body), media_type, is_claim }
    }

    /// The same with so many empty lines at its end.
    pub(crate) fn longer_by(self, length: usize) -> Self {
        Self { body: Bytes::from([&self.body[..], &vec![b'\n'; length]].concat()), ..self }
    }

    /// SHA-256, as the API writes it.
    pub(crate) fn sha256(&self) -> String {
        hex(&lienthong::intake::sha256(&self.body))
    }
}

pub(crate) fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
