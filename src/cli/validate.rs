//! `validate`: checks documents on this machine and tells what is wrong with them as a good compiler does. No server is
//! asked and nothing is kept.

mod files;
mod report;
mod text;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;

use crate::cli::Exit;
use crate::cli::check::tell_faults;
use crate::cli::output::Output;
use crate::config::Config;
use crate::document::schema::Library;
use crate::document::{Document, Findings, Limits, Rulebook};
use crate::domain::Bilingual;
use crate::system::{System, vietnam};

use self::files::{Input, Unreadable};
use self::report::Reporter;

/// What `validate` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP_EN)]
pub(super) struct Arguments {
    /// Files or folders to check; `-` is standard input. Of a folder, all .xml and .json files in it and below.
    #[arg(required = true, value_name = "FILE")]
    paths: Vec<String>,
    /// Check as this configuration says: its schemas, versions and severities of rules.
    #[arg(long, value_name = "FILE", conflicts_with = "schemas")]
    config: Option<PathBuf>,
    /// Check with the schemas, rules and code lists of this folder.
    #[arg(long, value_name = "FOLDER")]
    schemas: Option<PathBuf>,
    /// How to tell it.
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Text)]
    format: Format,
    /// Show the values in the lines that are quoted; without it they are dots, because they name patients.
    #[arg(long)]
    show_values: bool,
    /// Whether to colour: auto does where the output is a terminal and NO_COLOR is not set.
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    color: Color,
}

const AFTER_HELP_EN: &str = "Exit codes of this command:
  0  no document has an error
  1  at least one document has errors
  2  something could not be read, so not everything was checked";

/// How to tell what was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON object a file.
    Json,
    /// SARIF 2.1.0, for code hosts and editors.
    Sarif,
    /// JUnit, for build servers.
    Junit,
    /// One line a finding, for spreadsheets.
    Csv,
}

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Color {
    /// On terminals.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// One file that was checked.
struct Checked<'a> {
    name: &'a str,
    bytes: &'a [u8],
    /// What it is; `None` if it has errors.
    document: Option<Document>,
    findings: Findings,
}

pub(super) fn validate(arguments: &Arguments, out: &Output) -> Exit {
    let rulebook = match rulebook(arguments, out) {
        Ok(rulebook) => rulebook,
        Err(exit) => return exit,
    };
    let today = vietnam(System::real().now()).strftime("%Y%m%d").to_string().parse().unwrap_or(0);
    let format = if out.wants_json() { Format::Json } else { arguments.format };
    let colored = match arguments.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => std::io::stdout().is_terminal() && crate::cli::environment("NO_COLOR").is_none(),
    };
    let mut reporter = Reporter::begin(format, colored, arguments.show_values, &rulebook, out);
    let mut progress = Progress::new();
    let mut worst = Exit::Done;
    for input in files::inputs(&arguments.paths) {
        let exit = match input.and_then(|input| input.read().map(|bytes| (input, bytes))) {
            Ok((Input { name, .. }, bytes)) => {
                progress.step(&name);
                let checked = check(&name, &bytes, &rulebook, today);
                reporter.file(&checked, out);
                if checked.findings.has_errors() { Exit::Usage } else { Exit::Done }
            }
            Err(Unreadable { name, error }) => {
                reporter.unreadable(&name, &error, out);
                Exit::Failed
            }
        };
        worst = worst.max(exit);
    }
    progress.end();
    reporter.end(out);
    worst
}

fn check<'a>(name: &'a str, bytes: &'a [u8], rulebook: &Rulebook, today: u32) -> Checked<'a> {
    let limits = Limits { bytes_max: files::FILE_BYTES_MAX, ..Limits::default() };
    match Document::parse(bytes, &limits, rulebook, today) {
        Ok(document) => Checked { name, bytes, findings: document.warnings.clone(), document: Some(document) },
        Err(findings) => Checked { name, bytes, document: None, findings },
    }
}

fn rulebook(arguments: &Arguments, out: &Output) -> Result<Arc<Rulebook>, Exit> {
    if let Some(file) = &arguments.config {
        return match Config::load(file) {
            Ok(config) => Ok(config.documents.rulebook),
            Err(faults) => Err(tell_faults(file, &faults, out)),
        };
    }
    let Some(folder) = &arguments.schemas else { return Ok(Arc::new(Rulebook::embedded())) };
    Library::with_folder(folder).and_then(|library| Rulebook::new(Arc::new(library))).map(Arc::new).map_err(|faults| {
        for fault in &faults {
            let (file, language) = (folder.join(&fault.file), out.language());
            out.error(&format!("{}:{}: {}", file.display(), fault.line, fault.what.wording(language)));
            out.error(&format!("    → {}", fault.cure.wording(language)));
        }
        let message = Bilingual::fixed("thư mục lược đồ sai", "the folder of schemas is wrong");
        out.failure(Exit::Usage, "cli.schemas", &message)
    })
}

/// A line on standard error that tells how far the work is, if a person is watching and it takes a while.
struct Progress {
    shown: bool,
    count: u64,
    begun: std::time::Instant,
    told: std::time::Instant,
}

impl Progress {
    fn new() -> Self {
        let now = std::time::Instant::now();
        // Where findings go to the same terminal, they are progress enough.
        let shown = std::io::stderr().is_terminal() && !std::io::stdout().is_terminal();
        Self { shown, count: 0, begun: now, told: now }
    }

    fn step(&mut self, name: &str) {
        const WAIT: std::time::Duration = std::time::Duration::from_secs(1);
        const EVERY: std::time::Duration = std::time::Duration::from_millis(200);
        self.count += 1;
        let now = std::time::Instant::now();
        if self.shown && now - self.begun > WAIT && now - self.told > EVERY {
            self.told = now;
            let name: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
            crate::cli::output::status(&format!("{}  {name}", self.count));
        }
    }

    fn end(&self) {
        if self.shown && self.told != self.begun {
            crate::cli::output::status("");
        }
    }
}
