//! `rules`: what documents are held to beyond their form, as the configuration has it; and trying a rule on what is
//! stored before it is switched on.

mod listing;
mod show;
mod trial;

use std::path::PathBuf;
use std::sync::Arc;

use crate::cli::Exit;
use crate::cli::check::tell_faults;
use crate::cli::output::Output;
use crate::cli::schema;
use crate::config::{Config, nearest};
use crate::document::rules::{Asleep, Entry, StructureCode, structure_codes};
use crate::document::{Rulebook, Severity};
use crate::domain::Bilingual;

/// What `rules` can do.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List every rule: scope, severity, who carries it out, versions, and what it demands.
    List {
        #[command(flatten)]
        source: Source,
    },
    /// Show all there is to know of one rule, or of one code of a finding.
    Show {
        #[command(flatten)]
        source: Source,
        /// The rule or code, such as T-01, XSD_TOO_LONG or COUNT_FEWER.
        #[arg(value_name = "ID")]
        rule: String,
    },
    /// Count what a rule would have found in the documents stored; changes nothing, also beside a running gateway.
    Try(trial::Arguments),
}

/// Whose rules; without a word those of the program.
#[derive(Debug, clap::Args)]
pub(super) struct Source {
    /// The configuration file of the gateway.
    #[arg(long, value_name = "FILE", conflicts_with = "schemas")]
    config: Option<PathBuf>,
    /// A folder whose files replace those of the program, as `[documents] schemas` names one.
    #[arg(long, value_name = "FOLDER")]
    schemas: Option<PathBuf>,
}

/// What a word on the command line names.
enum Named<'r> {
    Rule(&'r Entry),
    Structure(StructureCode),
    /// A code of the guards, and the rules it stands for.
    Code(Vec<&'r Entry>),
}

pub(super) fn rules(command: &Command, out: &Output) -> Exit {
    match command {
        Command::List { source } => rulebook(source, out).map(|rulebook| listing::list(&rulebook, out)),
        Command::Show { source, rule } => rulebook(source, out).and_then(|rulebook| show::show(&rulebook, rule, out)),
        Command::Try(arguments) => trial::try_rule(arguments, out),
    }
    .unwrap_or_else(|exit| exit)
}

fn rulebook(source: &Source, out: &Output) -> Result<Arc<Rulebook>, Exit> {
    match (&source.config, &source.schemas) {
        (Some(file), _) => match Config::load(file) {
            Ok(config) => Ok(config.documents.rulebook),
            Err(faults) => Err(tell_faults(file, &faults, out)),
        },
        (None, Some(folder)) => schema::rulebook_of(folder, out),
        (None, None) => Ok(Arc::new(Rulebook::embedded())),
    }
}

/// The rule, the code of structure or the code of a guard that is called `name`.
fn find<'r>(rulebook: &'r Rulebook, name: &str, out: &Output) -> Result<Named<'r>, Exit> {
    let entries = rulebook.rules().entries();
    if let Some(entry) = entries.iter().find(|entry| entry.id.eq_ignore_ascii_case(name)) {
        return Ok(Named::Rule(entry));
    }
    if let Some(known) = structure_codes().find(|known| known.code.eq_ignore_ascii_case(name)) {
        return Ok(Named::Structure(known));
    }
    let stands_for = |entry: &&Entry| entry.codes.iter().any(|code| code.eq_ignore_ascii_case(name));
    let of_code: Vec<&Entry> = entries.iter().filter(stands_for).collect();
    if of_code.is_empty() { Err(unknown(rulebook, name, out)) } else { Ok(Named::Code(of_code)) }
}

fn unknown(rulebook: &Rulebook, name: &str, out: &Output) -> Exit {
    let entries = rulebook.rules().entries();
    let ids = entries.iter().map(|entry| entry.id.as_str());
    let codes = entries.iter().flat_map(|entry| &entry.codes).map(String::as_str);
    let known: Vec<&str> = ids.chain(structure_codes().map(|known| known.code)).chain(codes).collect();
    let (vi, en) = match nearest(&name.to_ascii_uppercase(), &known) {
        Some(near) => (format!("; có phải là {near}?"), format!("; did you mean {near}?")),
        None => (".".to_owned(), ".".to_owned()),
    };
    let message = Bilingual::composed(
        format!("không có quy tắc {name}{vi} Xem `lienthong rules list`."),
        format!("there is no rule {name}{en} See `lienthong rules list`."),
    );
    out.failure(Exit::Failed, "rules.not_found", &message)
}

/// The word for a severity; `None` is off.
fn severity_word(severity: Option<Severity>, out: &Output) -> &'static str {
    match severity {
        Some(Severity::Error) => out.wording("lỗi", "error"),
        Some(Severity::Warning) => out.wording("cảnh báo", "warning"),
        None => out.wording("tắt", "off"),
    }
}

/// The same for programs.
fn severity_name(severity: Option<Severity>) -> &'static str {
    match severity {
        Some(Severity::Error) => "error",
        Some(Severity::Warning) => "warning",
        None => "off",
    }
}

/// The checks of a rule that sleep.
fn asleep<'r>(rulebook: &'r Rulebook, rule: &Entry) -> Vec<Asleep<'r>> {
    rulebook.rules().asleep().filter(|check| check.rule == rule.id).collect()
}

/// Each once, in the order of their first appearance.
fn distinct<'t>(words: impl Iterator<Item = &'t str>) -> Vec<&'t str> {
    let mut distinct = Vec::new();
    for word in words {
        if !distinct.contains(&word) {
            distinct.push(word);
        }
    }
    distinct
}
