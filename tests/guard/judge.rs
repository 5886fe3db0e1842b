//! libxml2's opinion, asked of a small program of ours that is compiled when the test begins.

use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Asks for the answers so far; no document is so long.
const ANSWERS_WANTED: u32 = u32::MAX;

/// Compiles the judge into `folder`.
pub(crate) fn compile(folder: &Path) -> PathBuf {
    let flags = Command::new("pkg-config").args(["--cflags", "--libs", "libxml-2.0"]).output();
    let flags = flags.expect("pkg-config is needed here: install pkg-config");
    assert!(flags.status.success(), "libxml2's headers are needed here: install libxml2-dev");
    let flags = String::from_utf8(flags.stdout).unwrap();
    let program = folder.join("judge");
    let compiled = Command::new("cc")
        .args(["-O2", "-Wall", "-Wextra", "-Werror", "-o"])
        .arg(&program)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guard/judge.c"))
        .args(flags.split_whitespace())
        .output()
        .expect("a C compiler is needed here");
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    program
}

/// Takes documents.
pub(crate) struct Questions {
    input: BufWriter<ChildStdin>,
}

/// Gives verdicts, in the order of the documents.
pub(crate) struct Answers {
    output: BufReader<ChildStdout>,
    child: Child,
}

/// Starts a judge. Questions and answers belong to different threads, so that neither pipe can fill up.
pub(crate) fn start(program: &Path) -> (Questions, Answers, String) {
    let mut child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let input = BufWriter::new(child.stdin.take().unwrap());
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut version = String::new();
    output.read_line(&mut version).unwrap();
    (Questions { input }, Answers { output, child }, version.trim().to_owned())
}

// === impl Questions ===

impl Questions {
    /// Asks about a whole batch and for the answers.
    pub(crate) fn ask<'d>(&mut self, documents: impl Iterator<Item = &'d [u8]>) {
        for document in documents {
            let length = u32::try_from(document.len()).unwrap();
            self.input.write_all(&length.to_le_bytes()).unwrap();
            self.input.write_all(document).unwrap();
        }
        self.input.write_all(&ANSWERS_WANTED.to_le_bytes()).unwrap();
        self.input.flush().unwrap();
    }
}

// === impl Answers ===

impl Answers {
    /// The next `count` verdicts: 0 if the document is right, otherwise libxml2's code of what is wrong.
    pub(crate) fn next(&mut self, count: usize) -> Vec<u8> {
        let mut verdicts = vec![0; count];
        self.output.read_exact(&mut verdicts).expect("the judge lives");
        verdicts
    }

    /// Waits for the end, which comes when the questions are dropped.
    pub(crate) fn end(mut self) {
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}");
    }
}
