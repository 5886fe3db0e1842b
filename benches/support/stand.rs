//! A gateway in a process of its own, with a sandbox in ours.
//!
//! The benchmark starts its own binary again with `--serve FOLDER`; that process runs nothing but the gateway, so that
//! its CPU time and memory are the gateway's alone.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use lienthong::app::{self, App, ClientWish};
use lienthong::certs::Authority;
use lienthong::certs::file::{Existing, write_private, write_public};
use lienthong::config::Config;
use lienthong::domain::{FacilityCode, NationalId};
use lienthong::http::tls;
use lienthong::sandbox::{self, InsuredPerson, Sandbox};
use lienthong::system::System;
use lienthong::system::stop::Stopper;
use lienthong::telemetry::{LogFormat, start_log};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::AsyncReadExt;

use super::floor::Floor;
use super::{Outside, Wishes};

/// The facilities the gateway has accounts for.
pub(crate) const FACILITIES: [&str; 6] = ["01999", "40999", "79999", "38999", "48999", "99001"];

/// The configuration's name inside the folder.
const CONFIG_FILE: &str = "lienthong.toml";

/// What a process of this binary is: the gateway as it is, and without its audit log.
const GATEWAY: &str = "gateway";
const UNRECORDED: &str = "unrecorded";

/// A running gateway and its sandbox.
pub(crate) struct Stand {
    /// The portal.
    pub(crate) sandbox: Sandbox,
    /// How the gateway is reached.
    pub(crate) outside: Outside,
    /// Everything of this run.
    pub(crate) folder: TempDir,
    gateway: Served,
}

/// A process of this binary that serves something.
pub(crate) struct Served {
    child: Child,
    address: String,
}

impl Stand {
    /// Starts both. `sections` is TOML put at the end of the configuration's own sections `[portal]`, `[lookup]`.
    pub(crate) async fn start(wishes: &Wishes, portal: &str, lookup: &str) -> Self {
        Self::start_as(GATEWAY, wishes, portal, lookup).await
    }

    /// Starts both, the gateway without its audit log.
    pub(crate) async fn start_unrecorded(wishes: &Wishes, portal: &str, lookup: &str) -> Self {
        Self::start_as(UNRECORDED, wishes, portal, lookup).await
    }

    async fn start_as(role: &str, wishes: &Wishes, portal: &str, lookup: &str) -> Self {
        let system = System::real();
        let folder = tempfile::tempdir().expect("a folder can be made");
        let authority = Authority::make("lienthong benchmarks", &system).expect("an authority can be made");
        let within = |name: &str| folder.path().join(name);
        write_public(&within("ca.pem"), authority.certificate(), Existing::Replace).expect("the folder is writable");
        for name in ["api", "portal"] {
            let pem = authority.issue_server(&["127.0.0.1".into(), "localhost".into()], 2).expect("a certificate");
            write_public(&within(&format!("{name}.pem")), &pem.certificate, Existing::Replace).expect("writable");
            write_private(&within(&format!("{name}.key")), &pem.key, Existing::Replace).expect("writable");
        }
        write_private(&within("password"), sandbox::ACCOUNT_PASSWORD, Existing::Replace).expect("writable");

        let sandbox = start_sandbox(folder.path()).await;
        let text = config_text(&sandbox.address().to_string(), portal, lookup);
        std::fs::write(within(CONFIG_FILE), text).expect("writable");
        let key =
            app::add_client(&read_config(folder.path()), &system, wish()).await.expect("a key can be made").secret;
        let gateway = Served::spawn(folder.path(), wishes, role);
        let url = format!("https://{}", gateway.address);
        let outside = Outside { url, key, ca: within("ca.pem"), facility: FACILITIES[0].to_owned() };
        Self { sandbox, outside, folder, gateway }
    }

    /// A key of another client, with all that the first may do.
    pub(crate) async fn another_client(&self) -> Outside {
        let key = app::add_client(&read_config(self.folder.path()), &System::real(), wish()).await;
        Outside { key: key.expect("a key can be made").secret, ..self.outside.clone() }
    }

    /// The gateway's process.
    pub(crate) fn pid(&self) -> u32 {
        self.gateway.pid()
    }

    /// Starts a floor beside it, under the same certificate; its key and facility mean nothing.
    pub(crate) fn start_floor(&self, wishes: &Wishes, floor: Floor) -> (Served, Outside) {
        let served = Served::spawn(self.folder.path(), wishes, floor.name());
        let outside = Outside { url: format!("https://{}", served.address), ..self.outside.clone() };
        (served, outside)
    }
}

impl Served {
    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn spawn(folder: &Path, wishes: &Wishes, role: &str) -> Self {
        let own = std::env::current_exe().expect("the benchmark knows its own file");
        let mut command = if wishes.pinned {
            let mut command = Command::new("taskset");
            command.args(["-c", "0"]).arg(own);
            command
        } else {
            Command::new(own)
        };
        let log_file = folder.join(format!("{role}.log"));
        let log = File::create(&log_file).expect("the folder is writable");
        command.arg("--serve").arg(folder).arg(&wishes.log).arg(role);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().expect("it can be started");
        let mut ready = String::new();
        let stdout = child.stdout.take().expect("it was asked for");
        BufReader::new(stdout).read_line(&mut ready).expect("it says when it is ready");
        let ready: Value = serde_json::from_str(&ready).unwrap_or_else(|_| {
            panic!("the {role} did not start: {}", std::fs::read_to_string(&log_file).unwrap_or_default())
        });
        Self { child, address: ready["api"].as_str().unwrap_or_default().to_owned() }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It ends when its standard input does. One that does not is killed: its data is thrown away anyway.
        drop(self.child.stdin.take());
        for _ in 0..50 {
            if let Ok(Some(_)) = self.child.try_wait() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            println!("a process could not be ended: {error}");
        }
    }
}

/// If this process was started to be the gateway under test, or a floor, is that until standard input ends.
pub(crate) fn serve_if_told() -> Option<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    if arguments.next()? != "--serve" {
        return None;
    }
    let (folder, log, role) = (PathBuf::from(arguments.next()?), arguments.next()?, arguments.next()?);
    start_log(LogFormat::Json, &log);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be made");
    runtime.block_on(async move {
        if let Some(floor) = Floor::parse(&role) {
            println!("{}", json!({"api": floor.serve(&folder).await}));
            return input_ends().await;
        }
        let config = read_config(&folder);
        let app = match role.as_str() {
            UNRECORDED => App::build_unrecorded_for_measuring(config, System::real()).await,
            _ => App::build(config, System::real()).await,
        };
        let app = app.expect("the gateway starts");
        println!("{}", json!({"api": app.addresses().api.to_string()}));
        let stopper = Stopper::new();
        let running = tokio::spawn(app.run(stopper.clone()));
        input_ends().await;
        stopper.stop();
        running.await.expect("the gateway ends in order");
    });
    Some(ExitCode::SUCCESS)
}

async fn input_ends() {
    let mut rest = Vec::new();
    if let Err(error) = tokio::io::stdin().read_to_end(&mut rest).await {
        println!("standard input broke off: {error}");
    }
}

/// Invented people whose card is good.
pub(crate) fn people() -> impl Iterator<Item = InsuredPerson> {
    (0..)
        .map(|serial: u32| format!("0011{:02}{:06}", serial % 60 + 30, serial % 999_999 + 1))
        .filter_map(|id| NationalId::parse(&id).ok())
        .map(|id| sandbox::person_of(&id))
        .filter(|person| person.code == "000")
}

async fn start_sandbox(folder: &Path) -> Sandbox {
    let files = tls::Files {
        certificate: folder.join("portal.pem"),
        key: folder.join("portal.key"),
        clients: tls::Clients::Off,
    };
    let mut tls = (*tls::Identity::load(files).expect("the certificates are good").config()).clone();
    // The portal, and so the sandbox, speaks HTTP/1.1 only.
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    let options = sandbox::Options { tls: Some(Arc::new(tls)), ..sandbox::Options::default() };
    Sandbox::start(options, System::real()).await.expect("the sandbox starts")
}

fn read_config(folder: &Path) -> Config {
    let text = std::fs::read_to_string(folder.join(CONFIG_FILE)).expect("the configuration is there");
    Config::parse(&text, folder, &|_| None).unwrap_or_else(|faults| panic!("{faults:?}"))
}

/// As most sites have it, but with room for what a benchmark asks for in a second.
fn config_text(portal: &str, of_portal: &str, of_lookup: &str) -> String {
    let facilities: String = FACILITIES
        .iter()
        .map(|code| {
            format!(
                "[[facility]]\ncode = \"{code}\"\nname = \"Cơ sở thử\"\npassword_file = \"password\"\n\
                 officer_name = \"NGUYỄN THỊ B\"\nofficer_id = \"001181012345\"\n"
            )
        })
        .collect();
    // What a benchmark sets itself stands once.
    let is_own = |line: &str| of_lookup.lines().any(|own| own.split(' ').next() == line.split(' ').next());
    let roomy = ["questions_per_minute = 60000", "burst = 10000", "under_way_per_facility_max = 1000"];
    let roomy = roomy.into_iter().filter(|line| !is_own(line)).collect::<Vec<_>>().join("\n");
    format!(
        "mode = \"test\"\n[data]\nfolder = \"data\"\n\
         [api]\nlisten = \"127.0.0.1:0\"\ncertificate = \"api.pem\"\nkey = \"api.key\"\n\
         [admin]\nlisten = \"127.0.0.1:0\"\n[facade]\nlisten = \"127.0.0.1:0\"\n\
         [portal]\nbase_url = \"https://{portal}\"\nauthorities = \"ca.pem\"\n{of_portal}\n\
         [lookup]\n{roomy}\n{of_lookup}\n\
         [limits]\nconnections_per_source_max = 2000\n{facilities}"
    )
}

/// A client that may do everything, as often as it likes.
fn wish() -> ClientWish {
    ClientWish {
        name: "benchmark".into(),
        scopes: app::scope_names().map(str::to_owned).to_vec(),
        facilities: FACILITIES.iter().filter_map(|code| FacilityCode::parse(code).ok()).collect(),
        // Above anything one machine can ask.
        requests_per_minute: 100_000_000,
        addresses: Vec::new(),
        facade_user: None,
    }
}
