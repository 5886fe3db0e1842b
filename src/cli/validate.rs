//! `validate`: checks documents on this machine and tells what is wrong with them as a good compiler does. No server is
//! asked and nothing is kept.

mod excerpt;
mod files;
mod lines;
mod report;
mod text;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;

use crate::cli::Exit;
use crate::cli::check::tell_faults;
use crate::cli::output::Output;
use crate::cli::schema::rulebook_of;
use crate::config::Config;
use crate::document::{Document, Findings, Limits, Rulebook};
use crate::system::{System, vietnam};

use self::files::Input;
use self::report::Reporter;
use self::text::Style;

/// What `validate` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP_EN)]
pub(super) struct Arguments {
    /// Files or folders to check; `-` is standard input. Of a folder, all .xml and .json files in it and below.
    #[arg(required = true, value_name = "FILE")]
    paths: Vec<PathBuf>,
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

/// The exit codes of this command; the Vietnamese words stand with those of the help.
const AFTER_HELP_EN: &str = "Exit codes of this command:
  0  no document has an error
  1  at least one document has errors (or the command line is wrong)
  2  not everything was checked: a file, the configuration or the schemas cannot be read, or a
     folder holds no document";

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
    let checker = match Checker::new(arguments, out) {
        Ok(checker) => checker,
        Err(exit) => return exit,
    };
    let format = if out.wants_json() { Format::Json } else { arguments.format };
    let colored = match arguments.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => std::io::stdout().is_terminal() && crate::cli::environment("NO_COLOR").is_none(),
    };
    let style = Style { language: out.language(), colored, show_values: arguments.show_values };
    let mut reporter = Reporter::begin(format, style, &checker.rulebook, out);
    let mut progress = Progress::new();
    let mut worst = Exit::Done;
    for input in files::inputs(&arguments.paths) {
        let exit = match input.and_then(|input| input.read().map(|bytes| (input, bytes))) {
            Ok((Input { name, .. }, bytes)) => {
                progress.step(&name);
                let checked = checker.check(&name, &bytes);
                reporter.file(&checked, out);
                if checked.findings.has_errors() { Exit::Usage } else { Exit::Done }
            }
            Err(unreadable) => {
                reporter.unreadable(&unreadable, out);
                Exit::Failed
            }
        };
        worst = worst.max(exit);
    }
    progress.end();
    reporter.end(out);
    worst
}

/// By what documents are checked.
struct Checker {
    rulebook: Arc<Rulebook>,
    limits: Limits,
    /// The day in Viet Nam, yyyymmdd.
    today: u32,
}

impl Checker {
    /// What cannot be read is told. That nothing was checked must not look like documents with errors, so the exit is
    /// not the one other commands have for it.
    fn new(arguments: &Arguments, out: &Output) -> Result<Self, Exit> {
        let mut limits = Limits { bytes_max: files::FILE_BYTES_MAX, ..Limits::default() };
        let rulebook = match (&arguments.config, &arguments.schemas) {
            (Some(file), _) => {
                let config = Config::load(file).map_err(|faults| {
                    tell_faults(file, &faults, out);
                    Exit::Failed
                })?;
                limits.bytes_max = config.documents.body_bytes_max;
                config.documents.rulebook
            }
            (None, Some(folder)) => rulebook_of(folder, out).map_err(|_| Exit::Failed)?,
            (None, None) => Arc::new(Rulebook::embedded()),
        };
        let today = vietnam(System::real().now()).strftime("%Y%m%d").to_string().parse().unwrap_or(0);
        Ok(Self { rulebook, limits, today })
    }

    fn check<'a>(&self, name: &'a str, bytes: &'a [u8]) -> Checked<'a> {
        match Document::parse(bytes, &self.limits, &self.rulebook, self.today) {
            Ok(document) => Checked { name, bytes, findings: document.warnings.clone(), document: Some(document) },
            Err(findings) => Checked { name, bytes, document: None, findings },
        }
    }
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
