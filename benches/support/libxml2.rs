//! libxml2 beside us: a small C program (`benches/checker/libxml2.c`), compiled here and driven over pipes.

use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// The program.
const SOURCE: &str = "benches/checker/libxml2.c";
/// The schemas both check against, but for the parts' own names.
const SCHEMAS: &str = "schemas/claim/3176";

/// libxml2 in a process of its own, which waits to be asked.
pub(crate) struct Libxml2 {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// Bytes of all parts, decoded.
    pub(crate) decoded: usize,
}

/// What is missing.
pub(crate) struct Missing(String);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Libxml2 {
    /// Compiles the program into `folder` and starts it on a claim of the parts named, which it must find valid.
    pub(crate) fn start(folder: &Path, claim: &Path, parts: &[&str]) -> Result<Self, Missing> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let flags = answer(Command::new("pkg-config").args(["--cflags", "--libs", "libxml-2.0"]))
            .or_else(|_| answer(Command::new("xml2-config").args(["--cflags", "--libs"])))
            .map_err(|_| Missing("libxml2's headers are missing: install libxml2-dev (and pkg-config)".to_owned()))?;
        let program = folder.join("libxml2");
        let mut compile = Command::new("cc");
        compile.arg("-O2").arg("-o").arg(&program).arg(root.join(SOURCE)).args(flags.split_whitespace());
        answer(&mut compile).map_err(|why| Missing(format!("cc could not compile {SOURCE}: {why}")))?;

        let schemas = root.join(SCHEMAS);
        let mut command = Command::new(&program);
        command.arg(claim).arg(schemas.join("GIAMDINHHS.xsd"));
        command.args(parts.iter().map(|part| format!("{part}={}", schemas.join(format!("{part}.xsd")).display())));
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| Missing(format!("{SOURCE} does not start: {error}")))?;
        let questions = child.stdin.take().expect("its input is a pipe");
        let answers = BufReader::new(child.stdout.take().expect("its output is a pipe"));
        let mut started = Self { child, questions, answers, decoded: 0 };
        let ready = started.line();
        let decoded = ready.strip_prefix("ready ").and_then(|bytes| bytes.parse().ok());
        started.decoded = decoded.ok_or_else(|| Missing("libxml2 does not find the claim valid".to_owned()))?;
        Ok(started)
    }

    /// Checks the claim so often; gives the seconds each took. Without `decoding` it takes parts decoded beforehand.
    pub(crate) fn run(&mut self, times: u32, decoding: bool) -> f64 {
        let kind = if decoding { "decoded" } else { "plain" };
        writeln!(self.questions, "{kind} {times}").expect("libxml2 listens");
        self.line().parse::<f64>().expect("libxml2 answers with a number") / 1e9
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("libxml2 writes text");
        line.trim().to_owned()
    }
}

impl Drop for Libxml2 {
    fn drop(&mut self) {
        // Gone already, or going: nothing is left to do either way.
        let _gone = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// What a command that succeeds writes; else why it did not.
fn answer(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}
