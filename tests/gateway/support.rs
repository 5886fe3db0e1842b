//! A gateway and a sandbox portal for one test: own ports, own folder, own authority; nothing is left behind.

use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use lienthong::app::{self, App, ClientWish, NewClient};
use lienthong::certs::Authority;
use lienthong::certs::file::{Existing, write_private, write_public};
use lienthong::config::Config;
use lienthong::domain::{FacilityCode, NationalId};
use lienthong::http::tls;
use lienthong::sandbox::{self, Faults, InsuredPerson, Sandbox};
use lienthong::system::stop::Stopper;
use lienthong::system::{Clock, Entropy, System};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::https::{HttpsClient, https_client};

/// The facilities every test gateway has an account for: those of the samples, and one more.
pub(crate) const FACILITIES: [&str; 6] = ["01999", "40999", "79999", "38999", "48999", "99001"];

/// How long a test waits for a condition before it fails. Far above anything a sound gateway needs, because the
/// machines are shared.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What a test may choose.
#[derive(Clone, Default)]
pub(crate) struct Options {
    /// How the sandbox misbehaves from the start.
    pub(crate) faults: Faults,
    /// Sections put over the defaults of the configuration, as TOML; see [`TestGateway::config_text`].
    pub(crate) portal: &'static str,
    pub(crate) lookup: &'static str,
    pub(crate) documents: &'static str,
    pub(crate) delivery: &'static str,
    pub(crate) limits: &'static str,
    pub(crate) facade: &'static str,
    pub(crate) retention: &'static str,
    pub(crate) incidents: &'static str,
    pub(crate) webhooks: &'static str,
    /// Another portal than the sandbox.
    pub(crate) own_portal: Option<String>,
    /// Requests a minute of the test's key; 0 means plenty.
    pub(crate) requests_per_minute: u32,
    /// Live mode, with these kinds switched on for every facility; `None` is test mode.
    pub(crate) live: Option<&'static str>,
    /// By how many days the gateway's clock is ahead of the world's.
    pub(crate) days_ahead: i64,
    /// Questions a minute and burst of a facility's account; `None` means plenty.
    pub(crate) budget: Option<(u32, u32)>,
}

/// A running gateway and its sandbox.
pub(crate) struct TestGateway {
    pub(crate) sandbox: Sandbox,
    pub(crate) key: String,
    folder: TempDir,
    options: Options,
    client: HttpsClient,
    running: Option<Running>,
    portal: SocketAddr,
    authority: Authority,
}

struct Running {
    api: SocketAddr,
    admin: SocketAddr,
    facade: Option<SocketAddr>,
    stopper: Stopper,
    task: JoinHandle<()>,
}

/// The world, so many days later.
struct Ahead(i64);

impl Clock for Ahead {
    fn now(&self) -> jiff::Timestamp {
        System::real().now().checked_add(jiff::SignedDuration::from_hours(24 * self.0)).unwrap()
    }
}

impl Entropy for Ahead {
    fn fill(&self, bytes: &mut [u8]) {
        for place in bytes.chunks_mut(16) {
            place.copy_from_slice(&System::real().random::<16>()[..place.len()]);
        }
    }
}

/// An answer.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// A header as text, empty if missing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("headers are printable"))
    }

    /// The reply, which must have this status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.body));
        self
    }
}

impl TestGateway {
    pub(crate) async fn start() -> Self {
        Self::with(Options::default()).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        let system = System::real();
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::make("lienthong tests", &system).unwrap();
        write_public(&folder.path().join("ca.pem"), authority.certificate(), Existing::Replace).unwrap();
        for name in ["api", "portal"] {
            let pem = authority.issue_server(&["127.0.0.1".into(), "localhost".into()], 2).unwrap();
            write_public(&folder.path().join(format!("{name}.pem")), &pem.certificate, Existing::Replace).unwrap();
            write_private(&folder.path().join(format!("{name}.key")), &pem.key, Existing::Replace).unwrap();
        }
        write_private(&folder.path().join("password"), sandbox::ACCOUNT_PASSWORD, Existing::Replace).unwrap();

        let sandbox = start_sandbox(folder.path(), "127.0.0.1:0".parse().unwrap(), options.faults.clone()).await;
        let portal = sandbox.address();
        let client = https_client(authority.certificate());
        let key = String::new();
        let mut gateway = Self { sandbox, key, folder, options, client, running: None, portal, authority };
        gateway.key = gateway.new_key(&["lookup", "document:write", "document:read"], &FACILITIES).await;
        gateway.start_app().await;
        gateway
    }

    /// A further key, which the gateway knows when this returns.
    pub(crate) async fn new_key(&self, scopes: &[&str], facilities: &[&str]) -> String {
        self.new_client(scopes, facilities, &[]).await.secret
    }

    /// A further key that may be used from these addresses only (from anywhere if there are none).
    pub(crate) async fn new_client(&self, scopes: &[&str], facilities: &[&str], addresses: &[&str]) -> NewClient {
        let requests_per_minute = match self.options.requests_per_minute {
            0 => 10_000_000,
            wished => wished,
        };
        let wish = ClientWish {
            name: "test".into(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            facilities: facilities.iter().map(|code| FacilityCode::parse(code).unwrap()).collect(),
            requests_per_minute,
            addresses: addresses.iter().map(|address| (*address).to_owned()).collect(),
            facade_user: None,
        };
        let client = app::add_client(&self.config(), &System::real(), wish).await.unwrap();
        if self.running.is_some() {
            let bearer = format!("Bearer {}", client.secret);
            let headers = [("authorization", bearer.as_str())];
            until("the gateway to know a new key", async || {
                let reply = self.send(Method::GET, "/v1/documents", &headers, Bytes::new()).await;
                (reply.status != StatusCode::UNAUTHORIZED).then_some(())
            })
            .await;
        }
        client
    }

    /// Writes a file beside the configuration, for a next start to find.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    async fn start_app(&mut self) {
        let system = match self.options.days_ahead {
            0 => System::real(),
            days => System::new(Arc::new(Ahead(days)), Arc::new(Ahead(days))),
        };
        let app = App::build(self.config(), system).await.unwrap();
        let (addresses, stopper) = (app.addresses(), Stopper::new());
        let task = tokio::spawn(app.run(stopper.clone()));
        self.running =
            Some(Running { api: addresses.api, admin: addresses.admin, facade: addresses.facade, stopper, task });
    }

    /// Gives the next start other options.
    pub(crate) fn switch(&mut self, options: Options) {
        self.options = options;
    }

    /// What a start would say that does not succeed.
    pub(crate) async fn try_start(&self) -> Result<(), String> {
        App::build(self.config(), System::real()).await.map(drop).map_err(|error| error.to_string())
    }

    /// Stops the gateway as a signal would, and waits until it has ended.
    pub(crate) async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stopper.stop();
            within("the gateway to stop", running.task).await.unwrap();
        }
    }

    /// Stops it, and ends the grace at once.
    pub(crate) async fn let_go(&mut self) {
        if let Some(running) = self.running.take() {
            running.stopper.let_go();
            within("the gateway to let go", running.task).await.unwrap();
        }
    }

    /// Stops and starts the gateway on the same data.
    pub(crate) async fn restart(&mut self) {
        self.stop().await;
        self.start_app().await;
    }

    /// Switches the portal off: its port is closed.
    pub(crate) async fn portal_off(&self) {
        self.sandbox.clone().stop().await;
    }

    /// Switches the portal on again at the same address, with an empty memory.
    pub(crate) async fn portal_on(&mut self) {
        self.sandbox = start_sandbox(self.folder.path(), self.portal, self.options.faults.clone()).await;
    }

    pub(crate) fn data_folder(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    pub(crate) fn api(&self) -> SocketAddr {
        self.running.as_ref().expect("the gateway runs").api
    }

    /// Where the façade listens.
    pub(crate) fn facade(&self) -> Option<SocketAddr> {
        self.running.as_ref().expect("the gateway runs").facade
    }

    pub(crate) fn config(&self) -> Config {
        Config::parse(&self.config_text(), self.folder.path(), &|_| None).unwrap_or_else(|faults| panic!("{faults:?}"))
    }

    fn config_text(&self) -> String {
        let Options { portal, lookup, documents, delivery, limits, facade, retention, incidents, webhooks, .. } =
            &self.options;
        let (per_minute, burst) = self.options.budget.unwrap_or((60_000, 10_000));
        let (mode, sends) = match self.options.live {
            Some(kinds) => ("live", format!("sends = [{kinds}]\n")),
            None => ("test", String::new()),
        };
        let facilities: String = FACILITIES
            .iter()
            .map(|code| {
                format!(
                    "[[facility]]\ncode = \"{code}\"\nname = \"Cơ sở thử\"\npassword_file = \"password\"\n\
                     officer_name = \"NGUYỄN THỊ B\"\nofficer_id = \"001181012345\"\n{sends}"
                )
            })
            .collect();
        format!(
            "mode = \"{mode}\"\n[data]\nfolder = \"data\"\n\
             [api]\nlisten = \"127.0.0.1:0\"\ncertificate = \"api.pem\"\nkey = \"api.key\"\n\
             [admin]\nlisten = \"127.0.0.1:0\"\n[facade]\nlisten = \"127.0.0.1:0\"\n{facade}\n\
             [portal]\nbase_url = \"{}\"\nauthorities = \"ca.pem\"\n{portal}\n\
             [lookup]\nquestions_per_minute = {per_minute}\nburst = {burst}\nunder_way_per_facility_max = 1000\n{lookup}\n\
             [documents]\n{documents}\n[delivery]\nretry_first_ms = 100\n{delivery}\n\
             [retention]\n{retention}\n[incidents]\ncertificate_days = 1\n{incidents}\n[webhooks]\n{webhooks}\n\
             [limits]\nconnections_per_source_max = 2000\n{limits}\n{facilities}\
             [[officer]]\nstaff_id = \"tiepdon01\"\nname = \"LÊ VĂN C\"\nnational_id = \"079085054321\"\n",
            self.options.own_portal.clone().unwrap_or_else(|| format!("https://{}", self.portal))
        )
    }

    // === requests ===

    /// Sends a request with the test's key; `headers` may name another `authorization`.
    pub(crate) async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Bytes) -> Reply {
        let running = self.running.as_ref().expect("the gateway runs");
        let mut request = Request::builder().method(method).uri(format!("https://{}{path}", running.api));
        if !headers.iter().any(|(name, _)| *name == "authorization") {
            request = request.header("authorization", format!("Bearer {}", self.key));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body)).unwrap();
        read(within("an answer", self.client.request(request)).await.unwrap()).await
    }

    /// Opens an answer that goes on, which must be a success; its body.
    pub(crate) async fn open(&self, path: &str, headers: &[(&str, &str)]) -> hyper::body::Incoming {
        let response = self.begin(path, headers).await;
        assert_eq!(response.status(), StatusCode::OK);
        response.into_body()
    }

    /// The status of an answer that may go on, without waiting for its end.
    pub(crate) async fn open_status(&self, path: &str) -> u16 {
        self.begin(path, &[]).await.status().as_u16()
    }

    async fn begin(&self, path: &str, headers: &[(&str, &str)]) -> http::Response<hyper::body::Incoming> {
        let mut request = Request::builder().uri(format!("https://{}{path}", self.api()));
        request = request.header("authorization", format!("Bearer {}", self.key));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::new())).unwrap();
        within("an answer", self.client.request(request)).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, &[], Bytes::new()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.post_with(path, &[], body).await
    }

    pub(crate) async fn post_with(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Reply {
        let mut all = vec![("content-type", "application/json"), ("facility-id", "01999")];
        all.retain(|(name, _)| !headers.iter().any(|(given, _)| given == name));
        all.extend_from_slice(headers);
        self.send(Method::POST, path, &all, Bytes::from(body.to_string())).await
    }

    /// Submits an XML document.
    pub(crate) async fn submit(&self, xml: impl Into<Bytes>) -> Reply {
        self.submit_with(&[], xml).await
    }

    pub(crate) async fn submit_with(&self, headers: &[(&str, &str)], xml: impl Into<Bytes>) -> Reply {
        let mut all = vec![("content-type", "application/xml")];
        all.extend_from_slice(headers);
        self.send(Method::POST, "/v1/documents", &all, xml.into()).await
    }

    /// The document, once its state is one of `states`.
    pub(crate) async fn document_in(&self, id: &str, states: &[&str]) -> Value {
        let wanted = format!("document {id} to become one of {states:?}");
        until(&wanted, async || {
            let document = self.get(&format!("/v1/documents/{id}")).await.expect(200).json();
            states.contains(&document["status"].as_str().unwrap_or_default()).then_some(document)
        })
        .await
    }

    /// Asks the admin listener, which speaks plain HTTP.
    pub(crate) async fn admin(&self, path: &str) -> Reply {
        let admin = self.running.as_ref().expect("the gateway runs").admin;
        let client: Client<HttpConnector, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
        let response = within("admin", client.get(format!("http://{admin}{path}").parse().unwrap())).await.unwrap();
        let (head, body) = response.into_parts();
        let body = within("the body", body.collect()).await.unwrap().to_bytes();
        Reply { status: head.status, headers: head.headers, body }
    }
}

impl Drop for TestGateway {
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            running.stopper.let_go();
            running.task.abort();
        }
    }
}

/// A question about an invented person, as a HIS sends it.
pub(crate) fn question(person: &InsuredPerson) -> Value {
    json!({
        "maThe": person.national_id.as_str(),
        "hoTen": person.name.as_str(),
        "ngaySinh": person.birth_date.portal(),
    })
}

/// The `n`th of a row of invented people whose card is good.
pub(crate) fn valid_person(n: usize) -> InsuredPerson {
    let ids = (0..).map(|serial: u32| format!("0011{:02}{:06}", serial % 60 + 30, serial * 7 + 1));
    ids.filter_map(|id| NationalId::parse(&id).ok())
        .map(|id| sandbox::person_of(&id))
        .filter(|person| person.code == "000")
        .nth(n)
        .expect("there are many")
}

/// Waits until `look` finds something, looking again and again; fails after [`PATIENCE`].
pub(crate) async fn until<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(tokio::time::Instant::now() < deadline, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// An answer, read whole.
pub(crate) async fn read(response: http::Response<hyper::body::Incoming>) -> Reply {
    let (head, body) = response.into_parts();
    let body = within("the answer's body", body.collect()).await.unwrap().to_bytes();
    Reply { status: head.status, headers: head.headers, body }
}

/// `future`, which must end within [`PATIENCE`].
pub(crate) async fn within<F: Future>(what: &str, future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

async fn start_sandbox(folder: &Path, listen: SocketAddr, faults: Faults) -> Sandbox {
    let files = tls::Files {
        certificate: folder.join("portal.pem"),
        key: folder.join("portal.key"),
        clients: tls::Clients::Off,
    };
    let tls = Some(sandbox_tls(files));
    let options = sandbox::Options { listen, tls, faults, ..sandbox::Options::default() };
    Sandbox::start(options, System::real()).await.unwrap()
}

fn sandbox_tls(files: tls::Files) -> Arc<rustls::ServerConfig> {
    let mut config = (*tls::Identity::load(files).unwrap().config()).clone();
    // The portal, and so the sandbox, speaks HTTP/1.1 only.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}
