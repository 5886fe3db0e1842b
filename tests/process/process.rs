//! The gateway as a child process, beside a sandbox in the test's own.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use lienthong::app::{self, ClientWish};
use lienthong::certs::Authority;
use lienthong::certs::file::{Existing, write_private, write_public};
use lienthong::config::Config;
use lienthong::domain::FacilityCode;
use lienthong::http::tls;
use lienthong::sandbox::{self, Faults, Sandbox};
use lienthong::system::System;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::https::{HttpsClient, https_client};

/// The built program.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_lienthong");

/// How long a test waits for a condition before it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

const FACILITIES: [&str; 4] = ["01999", "79999", "38999", "48999"];

/// A folder with everything a gateway process needs, and the sandbox it talks to.
pub(crate) struct Site {
    pub(crate) folder: TempDir,
    pub(crate) sandbox: Sandbox,
    pub(crate) key: String,
    pub(crate) api: SocketAddr,
    pub(crate) facade: SocketAddr,
    client: HttpsClient,
}

impl Site {
    pub(crate) async fn new(faults: Faults, seed: u64) -> Self {
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
        let options = sandbox::Options { tls: Some(Arc::new(portal_tls)), faults, seed, ..sandbox::Options::default() };
        let sandbox = Sandbox::start(options, system.clone()).await.unwrap();

        // A port of its own that stays the same over restarts: taken once by the kernel's choice, then given back.
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
        let config = format!(
            "mode = \"test\"\n[data]\nfolder = \"data\"\n\
             [api]\nlisten = \"{api}\"\ncertificate = \"api.pem\"\nkey = \"api.key\"\n\
             [admin]\nlisten = \"127.0.0.1:0\"\n[facade]\nlisten = \"{facade}\"\n\
             [portal]\nbase_url = \"https://{}\"\nauthorities = \"ca.pem\"\nrest_s = 1\n\
             [incidents]\ncertificate_days = 1\n[delivery]\nretry_first_ms = 100\nretry_longest_s = 2\n\
             [log]\nformat = \"json\"\nfilter = \"info\"\n{accounts}",
            sandbox.address()
        );
        std::fs::write(file("lienthong.toml"), config).unwrap();

        let wish = ClientWish {
            name: "test".into(),
            scopes: app::scope_names().map(str::to_owned).to_vec(),
            facilities: FACILITIES.iter().map(|code| FacilityCode::parse(code).unwrap()).collect(),
            requests_per_minute: 10_000_000,
            addresses: Vec::new(),
            facade_user: None,
        };
        let config = Config::load(&file("lienthong.toml")).unwrap_or_else(|faults| panic!("{faults:?}"));
        let key = app::add_client(&config, &system, wish).await.unwrap().secret;
        let client = https_client(authority.certificate());
        Self { folder, sandbox, key, api, facade, client }
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// Starts the gateway and waits until it says where it serves. Its log goes to the end of `log`.
    pub(crate) async fn start(&self) -> Child {
        self.start_with(&[]).await
    }

    /// The same with variables in its environment.
    pub(crate) async fn start_with(&self, variables: &[(&str, &str)]) -> Child {
        let log = std::fs::File::options().create(true).append(true).open(self.path("log")).unwrap();
        let mut child = run_command(&self.path("lienthong.toml"))
            .stdout(Stdio::piped())
            .stderr(log)
            .envs(variables.iter().copied())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await.expect("it starts").unwrap();
        let line = line.unwrap_or_else(|| panic!("no line: {}", std::fs::read_to_string(self.path("log")).unwrap()));
        let started: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(started["api"], format!("https://{}", self.api));
        assert_eq!(started["facade"], format!("http://{}", self.facade));
        child
    }

    /// Sends a request; `None` if no answer came.
    pub(crate) async fn send(&self, method: Method, path: &str, kind: &str, body: Bytes) -> Option<(u16, Value)> {
        self.send_with(method, path, &[("content-type", kind)], body).await
    }

    /// Sends a request with headers of the test's choice; `None` if no answer came.
    pub(crate) async fn send_with(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Option<(u16, Value)> {
        let own = format!("Bearer {}", self.key);
        let all: Vec<_> = std::iter::once(("authorization", own.as_str())).chain(headers.iter().copied()).collect();
        self.send_as(method, path, &all, body).await
    }

    /// Sends a request with these headers and no others; `None` if no answer came.
    pub(crate) async fn send_as(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Option<(u16, Value)> {
        let mut request = Request::builder().method(method).uri(format!("https://{}{path}", self.api));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body)).unwrap();
        let response = tokio::time::timeout(PATIENCE, self.client.request(request)).await.expect("an end").ok()?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.ok()?.to_bytes();
        Some((status, serde_json::from_slice(&body).ok()?))
    }

    /// Asks something that must be answered.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.send(Method::GET, path, "application/json", Bytes::new()).await.expect("an answer");
        assert_eq!(status, 200, "{body}");
        body
    }
}

/// The command line of a gateway.
pub(crate) fn run_command(config: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(["--json", "run", "--config"]).arg(config);
    command
}
