//! The gateway as a process that may be killed at any instant, beside a sandbox in the test's own, and the wires between.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use lienthong::certs::Authority;
use lienthong::certs::file::{Existing, write_private, write_public};
use lienthong::http::tls;
use lienthong::sandbox::{self, Faults, Sandbox};
use lienthong::system::System;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::https::{HttpsClient, https_client};
use crate::papers::FACILITIES;

/// The built program.
const PROGRAM: &str = env!("CARGO_BIN_EXE_lienthong");

/// How long anything may take before the round fails: two cores are shared with whatever else runs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

/// How long one answer is waited for; then it counts as lost.
const ANSWER_PATIENCE: Duration = Duration::from_secs(30);

/// A folder with everything a gateway process needs, and the sandbox it talks to.
pub(crate) struct Site {
    folder: TempDir,
    pub(crate) sandbox: Sandbox,
    pub(crate) api: SocketAddr,
    pub(crate) facade: SocketAddr,
    https: HttpsClient,
    http: Client<HttpConnector, Full<Bytes>>,
}

/// An answer that arrived whole.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

impl Site {
    /// Nothing is in the data folder yet: the first start makes and migrates it, and may be killed over it.
    pub(crate) async fn new(seed: u64) -> Self {
        let system = System::real();
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::make("lienthong tests", &system).unwrap();
        let file = |name: &str| folder.path().join(name);
        write_public(&file("ca.pem"), authority.certificate(), Existing::Replace).unwrap();
        for name in ["api", "portal"] {
            let pem = authority.issue_server(&["127.0.0.1".into()], 2).unwrap();
            write_public(&file(&format!("{name}.pem")), &pem.certificate, Existing::Replace).unwrap();
            write_private(&file(&format!("{name}.key")), &pem.key, Existing::Replace).unwrap();
        }
        write_private(&file("password"), sandbox::ACCOUNT_PASSWORD, Existing::Replace).unwrap();

        let files = tls::Files { certificate: file("portal.pem"), key: file("portal.key"), clients: tls::Clients::Off };
        let mut portal_tls = (*tls::Identity::load(files).unwrap().config()).clone();
        portal_tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let tls = Some(Arc::new(portal_tls));
        let options = sandbox::Options { tls, faults: Faults::default(), seed, ..sandbox::Options::default() };
        let sandbox = Sandbox::start(options, system).await.unwrap();

        // Ports of its own that stay the same over restarts: taken once by the kernel's choice, then given back.
        let own_port = || TcpListener::bind("127.0.0.1:0").unwrap();
        let (api, facade) = (own_port(), own_port());
        let [api, facade] = [api, facade].map(|listener| listener.local_addr().unwrap());
        let accounts: String = FACILITIES
            .iter()
            .map(|code| {
                format!(
                    "[[facility]]\ncode = \"{code}\"\nname = \"Thử\"\npassword_file = \"password\"\n\
                     officer_name = \"NGUYỄN THỊ B\"\nofficer_id = \"001181012345\"\n"
                )
            })
            .collect();
        // Everything that takes its time in the field is quick here, or a round would take hours.
        let config = format!(
            "mode = \"test\"\n[data]\nfolder = \"data\"\n\
             [api]\nlisten = \"{api}\"\ncertificate = \"api.pem\"\nkey = \"api.key\"\n\
             [admin]\nlisten = \"127.0.0.1:0\"\n\
             [facade]\nlisten = \"{facade}\"\nsync_timeout_s = 1\n\
             [portal]\nbase_url = \"https://{}\"\nauthorities = \"ca.pem\"\nrest_s = 1\nfailures_to_rest = 10\n\
             login_timeout_s = 2\nsubmission_timeout_s = 2\n\
             [delivery]\nretry_first_ms = 50\nretry_longest_s = 1\nrefused_wait_s = 1\nlook_every_s = 1\nlease_s = 10\n\
             [limits]\ngrace_s = 1\n\
             [log]\nformat = \"json\"\nfilter = \"info\"\n{accounts}",
            sandbox.address()
        );
        std::fs::write(file("lienthong.toml"), config).unwrap();
        let https = https_client(authority.certificate());
        let http = Client::builder(TokioExecutor::new()).build_http();
        Self { folder, sandbox, api, facade, https, http }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The database, for whoever looks at it after the last process is gone.
    pub(crate) fn database(&self) -> PathBuf {
        self.path("data").join("gateway.db")
    }

    /// The end of what all processes logged.
    pub(crate) fn log_tail(&self) -> String {
        let text = std::fs::read_to_string(self.path("log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }

    /// Every line of the log that tells of a fault of the gateway's own.
    pub(crate) fn log_lines_with(&self, words: &[&str]) -> Vec<String> {
        let text = std::fs::read_to_string(self.path("log")).unwrap_or_default();
        let found = text.lines().filter(|line| words.iter().any(|word| line.contains(word)));
        found.take(20).map(str::to_owned).collect()
    }

    /// Starts a gateway and does not wait. Its log goes to the end of `log`.
    pub(crate) fn spawn(&self) -> Child {
        let log = std::fs::File::options().create(true).append(true).open(self.path("log")).unwrap();
        let mut command = Command::new(PROGRAM);
        command.args(["--json", "run", "--config"]).arg(self.path("lienthong.toml"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).kill_on_drop(true).spawn().unwrap()
    }

    /// Starts a gateway and waits until it serves. One that ends instead (a port that somebody else took for a moment, a
    /// tool that migrates) is started again, as a service manager does.
    pub(crate) async fn start(&self) -> Result<Child, String> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let mut child = self.spawn();
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            let line = tokio::time::timeout(PATIENCE, lines.next_line()).await;
            if let Ok(Ok(Some(line))) = line
                && line.contains(&self.api.to_string())
            {
                return Ok(child);
            }
            child.kill().await.unwrap();
            if tokio::time::Instant::now() > deadline {
                return Err(format!("the gateway does not start any more:\n{}", self.log_tail()));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Starts `lienthong keys add`, whose output names the key.
    pub(crate) fn spawn_keys_add(&self, name: &str, facilities: &[&str], facade_user: Option<&str>) -> Child {
        let mut command = Command::new(PROGRAM);
        command.args(["--json", "keys", "add", "--config"]).arg(self.path("lienthong.toml"));
        command.args(["--name", name, "--per-minute", "1000000"]);
        for facility in facilities {
            command.args(["--facility", facility]);
        }
        if let Some(user) = facade_user {
            command.args(["--facade-user", user]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap()
    }

    /// Makes a key, or a user of the façade, and returns what opens it.
    pub(crate) async fn add_key(&self, name: &str, facilities: &[&str], facade_user: Option<&str>) -> String {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let made = self.spawn_keys_add(name, facilities, facade_user).wait_with_output().await.unwrap();
            let told: Value = serde_json::from_slice(&made.stdout).unwrap_or_default();
            if let Some(secret) = secret_in(&told) {
                return secret;
            }
            assert!(tokio::time::Instant::now() < deadline, "no key could be made: {made:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Calls `/v1`; `None` if no whole answer came.
    pub(crate) async fn call(
        &self,
        key: &str,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Option<Answer> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("https://{}{path}", self.api))
            .header("authorization", format!("Bearer {key}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body)).unwrap();
        let exchange = async {
            let (head, body) = self.https.request(request).await.ok()?.into_parts();
            let body = body.collect().await.ok()?.to_bytes();
            Some(Answer { status: head.status.as_u16(), headers: head.headers, body })
        };
        tokio::time::timeout(ANSWER_PATIENCE, exchange).await.ok()?
    }

    /// Calls `/v1` and gives what came of the answer before it ended or broke off.
    pub(crate) async fn call_as_far_as_it_goes(&self, key: &str, path: &str, kind: &str, body: Bytes) -> Vec<u8> {
        let mut came = Vec::new();
        let request = Request::post(format!("https://{}{path}", self.api))
            .header("authorization", format!("Bearer {key}"))
            .header("content-type", kind)
            .body(Full::new(body))
            .unwrap();
        let exchange = async {
            let Ok(response) = self.https.request(request).await else { return };
            let mut body = response.into_body();
            while let Some(Ok(frame)) = body.frame().await {
                came.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
            }
        };
        drop(tokio::time::timeout(ANSWER_PATIENCE, exchange).await);
        came
    }

    /// Calls the façade; `None` if no whole answer came.
    pub(crate) async fn call_facade(&self, path: &str, headers: &[(&str, &str)], body: Bytes) -> Option<Answer> {
        let mut request = Request::post(format!("http://{}{path}", self.facade));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body)).unwrap();
        let exchange = async {
            let (head, body) = self.http.request(request).await.ok()?.into_parts();
            let body = body.collect().await.ok()?.to_bytes();
            Some(Answer { status: head.status.as_u16(), headers: head.headers, body })
        };
        tokio::time::timeout(ANSWER_PATIENCE, exchange).await.ok()?
    }

    /// Asks until there is a good answer.
    pub(crate) async fn ask(&self, key: &str, path: &str) -> Value {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            match self.call(key, Method::GET, path, &[], Bytes::new()).await {
                Some(answer) if answer.status == 200 => return answer.json(),
                Some(answer) if answer.status < 500 => panic!("{path}: {} {}", answer.status, answer.json()),
                _ => {}
            }
            assert!(tokio::time::Instant::now() < deadline, "{path} was never answered");
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    /// All rows of a list, page by page.
    pub(crate) async fn ask_all(&self, key: &str, path: &str) -> Vec<Value> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let mut page = self.ask(key, &format!("{path}&limit=500{cursor}")).await;
            if let Value::Array(data) = page["data"].take() {
                all.extend(data);
            }
            match page["page"]["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return all,
            }
        }
    }
}

/// What opens a key or user that `keys add` told of.
pub(crate) fn secret_in(told: &Value) -> Option<String> {
    ["key", "secret", "password"].iter().find_map(|name| told[*name].as_str()).map(str::to_owned)
}
