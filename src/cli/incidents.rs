//! `incidents`: what is wrong at a running gateway, and what to do about it.

use clap::ValueEnum;

use crate::cli::Exit;
use crate::cli::client::Ask;
use crate::cli::connection::{Connection, array, ask, text};
use crate::cli::output::Output;
use crate::cli::process::on_one_thread;

/// What `incidents` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    connection: Connection,
    /// Which: open ones, ended ones, or all.
    #[arg(long, value_enum, default_value_t = Status::Open, value_name = "WHICH")]
    status: Status,
    /// At most so many, newest first.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
}

/// Which incidents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Status {
    /// Those that last.
    Open,
    /// Those that are over.
    Ended,
    /// All.
    All,
}

pub(super) fn incidents(arguments: &Arguments, out: &Output) -> Exit {
    let client = match arguments.connection.client(out) {
        Ok(client) => client,
        Err(exit) => return exit,
    };
    let status = match arguments.status {
        Status::Open => "open",
        Status::Ended => "ended",
        Status::All => "all",
    };
    let request = Ask::get(format!("/v1/incidents?status={status}&limit={}", arguments.limit));
    on_one_thread(out, async {
        let answer = match ask(&client, request, out).await {
            Ok(reply) => reply.json(),
            Err(exit) => return exit,
        };
        if out.wants_json() {
            out.json(&answer);
            return Exit::Done;
        }
        let found = array(&answer, "data");
        if found.is_empty() {
            out.line(out.wording("Không có sự cố.", "No incidents."));
        }
        for incident in found {
            let (kind, subject, count) = (text(incident, "kind"), text(incident, "subject"), text(incident, "count"));
            out.line(&format!("! {kind} · {subject} · {} · {count}", text(incident, "nhan")));
            let times = [
                (out.wording("từ", "since"), "openedAt"),
                (out.wording("cũ nhất", "oldest"), "oldestAt"),
                (out.wording("đến", "until"), "closedAt"),
            ];
            let times = times.map(|(word, member)| (word, text(incident, member)));
            let times: Vec<_> =
                times.iter().filter(|(_, it)| !it.is_empty()).map(|(a, b)| format!("{a} {b}")).collect();
            out.line(&format!("    {}", times.join(" · ")));
            out.line(&format!("    → {}", text(incident, "nextStep")));
        }
        Exit::Done
    })
}
