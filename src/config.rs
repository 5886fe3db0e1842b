//! The configuration: one file in TOML, read once at the start, into plain values.
//!
//! Everything that is wrong is reported in one go, each fault with its line and column and what to do about it. Unknown
//! keys are faults: a key with a slip of the pen must not leave a default in force unnoticed. Secrets stand in files or
//! in the environment, never in the configuration file, so that it can be shown to anybody who helps.
//!
//! Defaults and their reasons stand in `docs/samples/lienthong.toml`, which a test holds to what is read here.

pub mod alerts;
pub mod audit;
pub mod documents;
pub mod facade;
pub mod facility;
pub mod fault;
pub mod listener;
pub mod lookup;
pub mod memory;
pub mod portal;
pub mod retention;
pub mod value;

mod file;
mod reader;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

pub use self::alerts::{Incidents, Webhooks};
pub use self::audit::Audit;
pub use self::documents::{Delivery, Documents};
pub use self::facade::{Facade, OfficerMissing, OnDelay};
pub use self::facility::{DriverExamAccount, Facility, StaffMember};
pub use self::fault::{Fault, Faults};
pub use self::listener::{Admin, Api, ClientCertificates, Limits};
pub use self::lookup::Lookup;
pub use self::portal::{Generation, Portal};
pub use self::retention::{Retention, Spans};
pub use self::value::Secret;

pub(crate) use self::reader::nearest;

use self::fault::place;
use self::reader::{Environment, Report, Section};
use crate::domain::Bilingual;

/// The whole configuration. It exists only without faults.
#[derive(Clone, Debug)]
pub struct Config {
    /// Whether documents really go out.
    pub mode: Mode,
    /// Where the gateway keeps its data.
    pub data: Data,
    /// The listener for hospital systems.
    pub api: Api,
    /// The listener for operators and monitoring.
    pub admin: Admin,
    /// The listener that speaks the portal's own language.
    pub facade: Facade,
    /// How the portal is reached.
    pub portal: Portal,
    /// How lookups behave.
    pub lookup: Lookup,
    /// What documents are taken in.
    pub documents: Documents,
    /// How documents are carried to the portal.
    pub delivery: Delivery,
    /// When something is an incident.
    pub incidents: Incidents,
    /// How events are sent to webhook endpoints.
    pub webhooks: Webhooks,
    /// How long what is kept stays.
    pub retention: Retention,
    /// Bounds on callers and their connections.
    pub limits: Limits,
    /// How the audit log is kept.
    pub audit: Audit,
    /// How the log looks.
    pub log: Log,
    /// The facilities and their portal accounts; at least one.
    pub facilities: Vec<Facility>,
    /// The directory of officers, for callers that send `Staff-Id`.
    pub officers: Vec<StaffMember>,
    notices: Vec<Fault>,
    fingerprint: String,
}

/// Whether documents really go out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Against the sandbox or the portal's training host; the production portal is refused.
    #[default]
    Test,
    /// Against the production portal. Each kind of document is switched on for each facility (`sends`).
    Live,
}

/// Where the gateway keeps its data.
#[derive(Clone, Debug)]
pub struct Data {
    /// The folder of the database.
    pub folder: PathBuf,
    /// The file of the keys that seal what is stored; `None` leaves it to the store, in the data folder.
    pub keys_file: Option<PathBuf>,
    /// The keys are a credential that the platform opened for this process, in place of a file.
    pub keys_credential: Option<Credential>,
    /// The database's greatest size in bytes; `None` leaves it to the disk.
    pub size_bytes_max: Option<u64>,
}

/// A secret that the platform's credential store opens for the process, as a file that only this process can read.
#[derive(Clone, Debug)]
pub struct Credential {
    /// What the service's unit calls it.
    pub name: String,
    /// Where it is; `None` if this process was given none (it does not run as a service of systemd).
    pub file: Option<PathBuf>,
}

/// How the log looks.
#[derive(Clone, Debug)]
pub struct Log {
    /// Text or JSON.
    pub format: LogFormat,
    /// A `tracing` filter: `info`, `lienthong=debug`, ….
    pub filter: String,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For a person at a terminal.
    #[default]
    Text,
    /// One JSON object a line, for collectors.
    Json,
}

// === impl Config ===

impl Config {
    /// Reads the file at `path` and what it points to.
    pub fn load(path: &Path) -> Result<Self, Faults> {
        let unreadable = |vi: String, en: String| {
            let cure = Bilingual::fixed(
                "Kiểm tra đường dẫn và quyền đọc; tệp mẫu: docs/samples/lienthong.toml.",
                "Check the path and the right to read it; a sample is docs/samples/lienthong.toml.",
            );
            let message = Bilingual::composed(vi, en);
            Faults::new(vec![Fault {
                file: None,
                line: 1,
                column: 1,
                key: String::new(),
                code: "config.unreadable",
                message,
                cure,
            }])
        };
        let bytes = file::read_bounded(path).map_err(|error| {
            let kind = error.kind();
            unreadable(
                format!("không đọc được tệp cấu hình: {kind}"),
                format!("the configuration file cannot be read: {kind}"),
            )
        })?;
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            let at = error.valid_up_to();
            unreadable(format!("tệp không phải UTF-8 từ byte {at}"), format!("the file is not UTF-8 from byte {at}"))
        })?;
        // Editors on Windows put a byte-order mark before the text; TOML has no place for it.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Self::parse(text, path.parent().unwrap_or(Path::new("")), &environment)
    }

    /// Reads `text`; paths in it are relative to `base_folder`, variables are read by `env`.
    pub fn parse(text: &str, base_folder: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, Faults> {
        read(text, base_folder, env).0
    }

    /// How much memory the gateway takes at most, in bytes, by its own bounds.
    pub fn memory_bound(&self) -> u64 {
        memory::bound(&memory::shares(&self.limits, &self.portal, &self.lookup, &self.documents))
    }

    /// What is doubtful but does not stop the gateway.
    pub fn notices(&self) -> &[Fault] {
        &self.notices
    }

    /// Names the text of the file, so that a change of it is seen: the beginning of its SHA-256. What the file points to
    /// is not in it.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The facility with this code.
    pub fn facility(&self, code: crate::domain::FacilityCode) -> Option<&Facility> {
        self.facilities.iter().find(|facility| facility.code == code)
    }
}

/// The one place where the gateway's own settings are read from the environment.
#[expect(clippy::disallowed_methods, reason = "configuration is where the environment is read")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Reads a secret from a file that the command line points to, bounded as those of the configuration are.
pub(crate) fn read_secret(path: &Path) -> std::io::Result<Secret> {
    let bytes = file::read_bounded(path)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| std::io::ErrorKind::InvalidData)?;
    Ok(Secret::new(text.to_owned()))
}

/// Reads the file and tells every key that is known, for the test of the sample.
fn read(text: &str, base_folder: &Path, env: Environment<'_>) -> (Result<Config, Faults>, BTreeSet<String>) {
    let (table, syntax_errors) = DeTable::parse_recoverable(text);
    let report = Report::new(text, base_folder, env);
    let mut config = compose(Section::root(&report, table.get_ref()));
    let (mut faults, notices, known) = report.into_parts();

    // After a slip in the syntax, what is missing may only have been misread, and so may be the line it is on.
    let broken: Vec<Fault> = syntax_errors.iter().map(|error| syntax_fault(text, error)).collect();
    if !broken.is_empty() {
        let certain =
            |fault: &Fault| fault.code != "config.missing_key" && broken.iter().all(|syntax| syntax.line != fault.line);
        faults.retain(certain);
        faults.extend(broken);
    }
    if !faults.is_empty() {
        return (Err(Faults::new(faults)), known);
    }
    config.notices = notices;
    config.fingerprint = fingerprint(text);
    (Ok(config), known)
}

fn fingerprint(text: &str) -> String {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    let hex: String = hash.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

fn compose(mut root: Section<'_>) -> Config {
    let mode = root.choice("mode", &[("test", Mode::Test), ("live", Mode::Live)], Mode::Test);
    let data = data(root.section("data"));
    let (api, admin) = listener::read(root.section("api"), root.section("admin"));
    let (limits, at_ceiling) = listener::read_limits(root.section("limits"));
    let facade = facade::read(root.section("facade"), mode, (&api, &admin), &limits);
    let (portal, lookup) = (portal::read(root.section("portal"), mode), lookup::read(root.section("lookup")));
    let documents = documents::read(root.section("documents"));
    let delivery = documents::read_delivery(root.section("delivery"), &portal);
    if let Some(ceiling) = limits.memory_bytes_max {
        let shares = memory::shares(&limits, &portal, &lookup, &documents);
        memory::hold(root.report, at_ceiling, ceiling, &shares);
    }
    let incidents = alerts::read_incidents(root.section("incidents"));
    let webhooks = alerts::read_webhooks(root.section("webhooks"));
    let retention = retention::read(root.section("retention"));
    let (audit, log) = (audit::read(root.section("audit")), log(root.section("log")));
    let (facilities, codes) = facility::read(&mut root, mode);
    let officers = facility::read_officers(&mut root, &codes);
    root.finish();
    Config {
        mode,
        data,
        api,
        admin,
        facade,
        portal,
        lookup,
        documents,
        delivery,
        incidents,
        webhooks,
        retention,
        limits,
        audit,
        log,
        facilities,
        officers,
        notices: Vec::new(),
        fingerprint: String::new(),
    }
}

fn data(mut section: Section<'_>) -> Data {
    let folder = section.path("folder").unwrap_or_else(|| section.report.base_folder().join("data"));
    let keys_file = section.path("keys_file");
    let keys_credential = section.credential("keys_credential", "keys_file");
    // Below 64 MiB the first large claims would fill it; a mebibyte is 1 << 20 bytes.
    let size_bytes_max = section.whole_number_if_any("size_max_mib", 64..=16 << 20).map(|mib| mib << 20);
    section.finish();
    Data { folder, keys_file, keys_credential, size_bytes_max }
}

fn log(mut section: Section<'_>) -> Log {
    let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    let format = section.choice("format", &formats, LogFormat::Text);
    let filter = section.text("filter").unwrap_or_else(|| "info".to_owned());
    if tracing_subscriber::EnvFilter::try_new(&filter).is_err() {
        section.fault(
            "filter",
            "config.bad_filter",
            Bilingual::fixed("bộ lọc nhật ký không đọc được", "the log filter cannot be read"),
            Bilingual::fixed(
                "Viết như \"info\" hoặc \"info,lienthong=debug\".",
                "Write \"info\" or \"info,lienthong=debug\".",
            ),
        );
    }
    section.finish();
    Log { format, filter }
}

fn syntax_fault(text: &str, error: &toml::de::Error) -> Fault {
    let (line, column) = place(text, error.span().map_or(0, |span| span.start));
    let what = error.message().trim();
    Fault {
        file: None,
        line,
        column,
        key: String::new(),
        code: "config.syntax",
        message: Bilingual::composed(format!("sai cú pháp TOML: {what}"), format!("TOML syntax: {what}")),
        cure: Bilingual::fixed(
            "Viết khóa = giá trị; chuỗi trong ngoặc kép; mỗi khóa một lần trong mỗi mục.",
            "Write key = value; texts in quotes; each key once in a section.",
        ),
    }
}

#[cfg(test)]
mod tests;
