//! What the benchmarks share: their arguments, a gateway in a process of its own, a cheap load generator, and figures.

#![allow(dead_code, reason = "each benchmark uses its own part of this")]

pub(crate) mod claims;
pub(crate) mod figures;
pub(crate) mod floor;
pub(crate) mod libxml2;
pub(crate) mod load;
pub(crate) mod long_claim;
pub(crate) mod parts;
pub(crate) mod process;
pub(crate) mod stand;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// What the command line asks for. Everything after `cargo bench --bench NAME --`.
#[derive(Clone, Debug)]
pub(crate) struct Wishes {
    /// Seconds and thousands become tenths of seconds and hundreds: only to see that the benchmark runs.
    pub(crate) quick: bool,
    /// Where to write the figures as JSON.
    pub(crate) json: Option<PathBuf>,
    /// Sections to run, of those the benchmark names; empty means all.
    pub(crate) only: Vec<String>,
    /// Rounds of which the median is told.
    pub(crate) rounds: usize,
    /// Length of a round.
    pub(crate) span: Duration,
    /// The log filter of the gateway under test; the usual one unless told otherwise.
    pub(crate) log: String,
    /// Whether client and gateway are pinned to a core each.
    pub(crate) pinned: bool,
    /// A gateway that runs already, instead of one of our own.
    pub(crate) outside: Option<Outside>,
    /// A process whose CPU time (and memory) is read.
    pub(crate) pid: Option<u32>,
}

/// How a gateway that runs already is reached.
#[derive(Clone, Debug)]
pub(crate) struct Outside {
    /// `https://host:port`.
    pub(crate) url: String,
    /// A key with the scopes `lookup` and `document:write`, and a quota above what is measured.
    pub(crate) key: String,
    /// The authority of its certificate, PEM.
    pub(crate) ca: PathBuf,
    /// The facility the key may act for.
    pub(crate) facility: String,
}

const USAGE: &str = "\
options after `--`:
  --quick              a very small run, only to see that it works
  --json FILE          write the figures as JSON
  --only A,B           run these sections only
  --rounds N           rounds of which the median is told (3)
  --seconds N          length of a round (4)
  --log FILTER         log filter of the gateway (info, written to a file)
  --unpinned           do not give client and gateway a core each
  --url URL --key KEY --ca FILE [--facility CODE] [--pid PID]
                       measure a gateway that runs already, e.g. one started by `lienthong demo --json`
";

impl Wishes {
    /// Reads the command line. `cargo bench` passes `--bench`; without it (as under `cargo test --benches`) the run is
    /// a quick one.
    pub(crate) fn read() -> Result<Self, ExitCode> {
        let mut wishes = Self {
            quick: !std::env::args().any(|argument| argument == "--bench"),
            json: None,
            only: Vec::new(),
            rounds: 3,
            span: Duration::from_secs(4),
            log: "info".to_owned(),
            pinned: true,
            outside: None,
            pid: None,
        };
        let (mut url, mut key, mut ca, mut facility) = (None, None, None, "01999".to_owned());
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().unwrap_or_default();
            match argument.as_str() {
                "--bench" => {}
                "--quick" | "--test" => wishes.quick = true,
                "--json" => wishes.json = Some(value().into()),
                "--only" => wishes.only = value().split(',').map(str::to_owned).collect(),
                "--rounds" => wishes.rounds = value().parse().unwrap_or(3).max(1),
                "--seconds" => wishes.span = Duration::from_secs(value().parse().unwrap_or(4).max(1)),
                "--log" => wishes.log = value(),
                "--unpinned" => wishes.pinned = false,
                "--url" => url = Some(value()),
                "--key" => key = Some(value()),
                "--ca" => ca = Some(value().into()),
                "--facility" => facility = value(),
                "--pid" => wishes.pid = value().parse().ok(),
                _ => {
                    println!("{USAGE}");
                    return Err(if argument == "--help" { ExitCode::SUCCESS } else { ExitCode::from(2) });
                }
            }
        }
        if let (Some(url), Some(key), Some(ca)) = (url, key, ca) {
            wishes.outside = Some(Outside { url, key, ca, facility });
        }
        if wishes.quick {
            (wishes.rounds, wishes.span) = (1, Duration::from_millis(200));
        }
        Ok(wishes)
    }

    /// Whether a section is wanted.
    pub(crate) fn wants(&self, section: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|wanted| wanted == section)
    }
}
