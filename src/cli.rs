//! The command line: one file a group of verbs, and what the process ends with.
//!
//! What a command found goes to standard output, as text for a person or, with `--json`, as JSON for a program; what
//! went wrong goes to standard error. Secrets and data of persons are never asked for on the command line alone: other
//! accounts of the machine can read it, so each has a way in by file, environment or standard input.

mod audit;
mod backup;
mod batch;
mod certs;
mod check;
mod client;
mod connection;
mod demo;
mod documents;
mod help;
mod incidents;
mod keys;
mod language;
mod lookup;
mod officers;
mod output;
mod process;
mod rules;
mod run;
mod sandbox;
mod scan;
mod schema;
mod submit;
mod validate;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use self::language::Lang;
use self::output::Output;

/// What the process ends with. Stable: scripts and service managers build on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// The configuration or the command line is wrong. Starting again changes nothing.
    Usage = 1,
    /// What was asked for failed: refused, not found, wrong document, port taken.
    Failed = 2,
    /// Nobody knows: the gateway could not be reached or did not answer.
    Unknown = 3,
}

/// Clinic-side gateway to the national health-insurance portal of Viet Nam.
#[derive(Debug, Parser)]
#[command(name = "lienthong", version, after_help = help::EXIT_CODES_EN, max_term_width = 100)]
pub struct Cli {
    /// Print JSON for programs instead of text for people.
    #[arg(long, global = true)]
    json: bool,
    /// Language of messages; without it the locale decides, and Vietnamese where there is none.
    #[arg(long, global = true, value_enum, value_name = "LANGUAGE")]
    lang: Option<Lang>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start sandbox and gateway, run a lookup and a claim through them, and stay up to be tried.
    Demo(demo::Arguments),
    /// Run the gateway.
    Run(run::Arguments),
    /// Check a configuration: every fault at once, with line and column.
    Check(check::Arguments),
    /// Run the portal's simulator alone.
    Sandbox(sandbox::Arguments),
    /// Ask a running gateway about a card.
    Lookup(lookup::Arguments),
    /// Lists of lookups of a running gateway, asked behind the people at the desks.
    #[command(subcommand)]
    Batch(batch::Command),
    /// Read what a scanner read, without asking anybody.
    Scan(scan::Arguments),
    /// Check documents on this machine, without a gateway: every fault at once, with line, caret and cure.
    Validate(validate::Arguments),
    /// Submit documents to a running gateway.
    Submit(submit::Arguments),
    /// Look at documents of a running gateway, and act on them.
    #[command(subcommand)]
    Documents(documents::Command),
    /// What is wrong at a running gateway, and what to do about it.
    Incidents(incidents::Arguments),
    /// What documents are checked against: schemas by part and version, and code lists.
    #[command(subcommand)]
    Schema(schema::Command),
    /// The rules that documents are checked by, as the configuration has them, and trying one on stored documents.
    #[command(subcommand)]
    Rules(rules::Command),
    /// Keys by which programs call the gateway.
    #[command(subcommand)]
    Keys(keys::Command),
    /// The directory of officers: who a staff id of the hospital system is to the portal.
    #[command(subcommand)]
    Officers(officers::Command),
    /// The audit log: who did what, for whom, when, from where, and what came of it.
    #[command(subcommand)]
    Audit(audit::Command),
    /// Certificates for the gateway and its callers.
    #[command(subcommand)]
    Certs(certs::Command),
    /// Copy the data of a gateway, which may be running, to a folder of its own, and verify the copy.
    Backup(backup::BackUp),
    /// Put a backup in the place of the data, after verifying it.
    Restore(backup::Restore),
    /// Bring the data up to this program's version, after a backup.
    Migrate(backup::Migrate),
    /// Print the completion script of a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

/// Does what the command line of this process says.
pub fn main() -> ExitCode {
    ExitCode::from(run(std::env::args_os().collect()) as u8)
}

fn run(arguments: Vec<OsString>) -> Exit {
    let language = language::choose(&arguments, &environment);
    let mut command = help::in_language(Cli::command(), language);
    let matches = match command.try_get_matches_from_mut(arguments.iter().cloned()) {
        Ok(matches) => matches,
        Err(error) => return usage(&error),
    };
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let out = Output::new(cli.json, language);
    match cli.command {
        Command::Demo(arguments) => demo::demo(arguments, &out),
        Command::Run(arguments) => run::run(&arguments, &out),
        Command::Check(arguments) => check::check(&arguments, &out),
        Command::Sandbox(arguments) => sandbox::sandbox(&arguments, &out),
        Command::Lookup(arguments) => lookup::lookup(&arguments, &out),
        Command::Batch(command) => batch::batch(&command, &out),
        Command::Scan(arguments) => scan::scan(&arguments, &out),
        Command::Validate(arguments) => validate::validate(&arguments, &out),
        Command::Submit(arguments) => submit::submit(&arguments, &out),
        Command::Documents(command) => documents::documents(&command, &out),
        Command::Incidents(arguments) => incidents::incidents(&arguments, &out),
        Command::Schema(command) => schema::schema(&command, &out),
        Command::Rules(command) => rules::rules(&command, &out),
        Command::Keys(command) => keys::keys(command, &out),
        Command::Officers(command) => officers::officers(&command, &out),
        Command::Audit(command) => audit::audit(&command, &out),
        Command::Certs(command) => certs::certs(&command, &out),
        Command::Backup(arguments) => backup::back_up(&arguments, &out),
        Command::Restore(arguments) => backup::restore(&arguments, &out),
        Command::Migrate(arguments) => backup::migrate(&arguments, &out),
        Command::Completions { shell } => completions(shell, &out),
    }
}

/// Help and version are what was asked for; everything else is a command line that cannot be used.
fn usage(error: &clap::Error) -> Exit {
    // Nothing can be done where the terminal is gone.
    drop(error.print());
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Done,
        _ => Exit::Usage,
    }
}

fn completions(shell: clap_complete::Shell, out: &Output) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "lienthong", &mut script);
    out.bytes(&script)
}

/// The one place where the command line reads the environment: locale, address and key of the gateway.
#[expect(clippy::disallowed_methods, reason = "the command line is one of the two readers of the environment")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
        help::in_language(Cli::command(), crate::domain::Language::Vietnamese).debug_assert();
    }

    #[test]
    fn every_command_is_read() {
        for line in [
            "lienthong demo",
            "lienthong demo --json --port-base 20000 --data /tmp/d",
            "lienthong --json --lang en run --config a.toml",
            "lienthong check --config a.toml --json",
            "lienthong sandbox --listen 127.0.0.1:9443 --certificate a --key b --faults @f.json --control",
            "lienthong lookup --card 1 --name A --birth 1980 --visit-date 2026-01-01 --staff-id x --refresh",
            "lienthong lookup --card 1 --name A --birth 1980 --officer-name B --officer-id 1",
            "lienthong lookup --qr - --url https://127.0.0.1:8443 --key-file k --ca ca.pem",
            "lienthong lookup -",
            "lienthong batch submit a.xlsx --name x --start-at 02:00 --visit-date 2026-11-21 --skip-invalid --facility 01999",
            "lienthong batch submit - --format csv --staff-id x --idempotency-key k",
            "lienthong batch show bat_1",
            "lienthong batch list --limit 5",
            "lienthong batch results bat_1 --problems --output a.xlsx",
            "lienthong batch results bat_1 --format json",
            "lienthong batch pause bat_1",
            "lienthong batch resume bat_1",
            "lienthong batch cancel bat_1",
            "lienthong scan",
            "lienthong scan a|b",
            "lienthong validate a.xml folder - --format sarif --color never --show-values",
            "lienthong validate a.xml --config a.toml --json",
            "lienthong validate a.xml --schemas folder --format csv",
            "lienthong submit a.xml - --type claim --facility 01999 --wait 20",
            "lienthong documents list --state failed --type claim --facility 01999 --from 2026-01-01 --limit 5",
            "lienthong documents show doc_1",
            "lienthong documents attempts doc_1",
            "lienthong documents content doc_1 --table XML1",
            "lienthong documents replay doc_1 doc_2 --reason x",
            "lienthong documents cancel doc_1",
            "lienthong documents legal-hold doc_1 --reason x",
            "lienthong documents lift-legal-hold --key LK1 --reason x",
            "lienthong documents forget --key LK1 --reason x --dry-run",
            "lienthong keys add --config a.toml --name his --scope lookup --scope document:write --facility 01999 \
             --per-minute 60 --address 10.0.0.0/8",
            "lienthong keys list --config a.toml",
            "lienthong incidents",
            "lienthong incidents --status all --limit 5 --json",
            "lienthong officers import --config a.toml staff.csv --replace",
            "lienthong officers list --config a.toml --json",
            "lienthong officers remove --config a.toml tiepdon01 --facility 01999",
            "lienthong schema list --schemas folder --json",
            "lienthong schema show XML1 --version 3176 --xsd",
            "lienthong schema export folder --force",
            "lienthong rules list --json",
            "lienthong rules list --config a.toml",
            "lienthong rules show T-01 --schemas folder",
            "lienthong rules try --config a.toml --rule T-01 --since 2026-01-01 --until 2026-01-31 --severity warning",
            "lienthong audit verify --config a.toml",
            "lienthong audit verify --config a.toml --public-key a.pub --public-key b.pub --json",
            "lienthong audit export --config a.toml --from 2026-01-01 --to 2026-01-31 --format csv",
            "lienthong audit search --config a.toml --subject --deed card.lookup --client key_1 --object doc_1 --facility 01999",
            "lienthong audit public-key --config a.toml",
            "lienthong keys revoke --config a.toml key_1",
            "lienthong keys rotate-storage --config a.toml",
            "lienthong keys rotate-storage --config a.toml --retire-old --output b.keys",
            "lienthong certs init --folder certs --name localhost --name 10.0.0.5 --client his",
            "lienthong backup --config a.toml --to folder --with-keys",
            "lienthong restore --config a.toml --from folder --replace",
            "lienthong restore --config a.toml --from folder --verify --json",
            "lienthong migrate --config a.toml --compact",
            "lienthong completions bash",
        ] {
            let words = line.split_whitespace();
            assert!(Cli::try_parse_from(words).is_ok(), "{line}");
        }
    }

    #[test]
    fn a_wrong_command_line_is_a_usage_error() {
        for line in [
            "lienthong",
            "lienthong nothing",
            "lienthong run",
            "lienthong check",
            "lienthong submit",
            "lienthong validate",
            "lienthong validate a.xml --format pdf",
            "lienthong lookup --card 1",
            "lienthong lookup",
            "lienthong lookup --card 1 --name A --birth 1980 --officer-name B",
            "lienthong lookup - --qr -",
            "lienthong batch submit",
            "lienthong batch results bat_1 --format pdf",
            "lienthong batch list --limit 0",
            "lienthong documents legal-hold doc_1",
            "lienthong documents forget --reason x",
            "lienthong backup --config a.toml",
            "lienthong restore --from folder",
            "lienthong keys add",
            "lienthong incidents --status some",
            "lienthong officers import --config a.toml",
            "lienthong officers remove --config a.toml tiepdon01 --facility 1999",
            "lienthong schema show",
            "lienthong schema export",
            "lienthong rules list --config a.toml --schemas folder",
            "lienthong rules show",
            "lienthong rules try --config a.toml --rule T-01",
            "lienthong rules try --config a.toml --rule T-01 --since 2026-02-30",
            "lienthong rules try --config a.toml --rule T-01 --since 2026-02-02 --severity off",
            "lienthong audit verify --config a.toml --head 17",
            "lienthong audit search --config a.toml --deed nothing",
            "lienthong audit export --config a.toml --from yesterday",
            "lienthong sandbox --certificate a",
            "lienthong demo --port-base 65533",
            "lienthong --lang fr demo",
        ] {
            assert!(parse(line).is_err(), "{line}");
            assert_eq!(run(line.split(' ').map(OsString::from).collect()), Exit::Usage, "{line}");
        }
        for line in ["lienthong --help", "lienthong --version", "lienthong run --help", "lienthong help documents"] {
            assert_eq!(run(line.split(' ').map(OsString::from).collect()), Exit::Done, "{line}");
        }
    }

    #[test]
    fn exit_codes_are_the_documented_ones() {
        assert_eq!([Exit::Done, Exit::Usage, Exit::Failed, Exit::Unknown].map(|exit| exit as u8), [0, 1, 2, 3]);
        for text in [help::EXIT_CODES_EN, help::EXIT_CODES_VI] {
            for code in 0..=3 {
                assert!(text.contains(&format!("\n  {code}  ")), "{text}");
            }
        }
    }
}
