//! The only place that prints.
//!
//! Texts may hold words of the portal or of a document, so control characters are taken out: they could rewrite the
//! screen. A reader that went away (`| head`) is no error.

use std::io::{IsTerminal, Write};

use serde_json::{Value, json};

use crate::cli::Exit;
use crate::domain::{Bilingual, Language};

/// How this run prints.
#[derive(Clone, Copy, Debug)]
pub(super) struct Output {
    json: bool,
    language: Language,
}

impl Output {
    pub(super) fn new(json: bool, language: Language) -> Self {
        Self { json, language }
    }

    /// Whether JSON was asked for.
    pub(super) fn wants_json(&self) -> bool {
        self.json
    }

    /// The language of messages.
    pub(super) fn language(&self) -> Language {
        self.language
    }

    /// The wording for this reader.
    pub(super) fn wording<'t>(&self, vi: &'t str, en: &'t str) -> &'t str {
        match self.language {
            Language::Vietnamese => vi,
            Language::English => en,
        }
    }

    /// One line (or several) to standard output.
    pub(super) fn line(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        drop(writeln!(out, "{}", printable(text)).and_then(|()| out.flush()));
    }

    /// One JSON value on one line to standard output, flushed: a program may be waiting for it.
    pub(super) fn json(&self, value: &Value) {
        let mut out = std::io::stdout().lock();
        drop(writeln!(out, "{value}").and_then(|()| out.flush()));
    }

    /// Text that was made harmless piece by piece, colours and all, to standard output.
    pub(super) fn raw(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
    }

    /// Bytes as they are to standard output.
    pub(super) fn bytes(&self, bytes: &[u8]) -> Exit {
        let mut out = std::io::stdout().lock();
        match out.write_all(bytes).and_then(|()| out.flush()) {
            Ok(()) => Exit::Done,
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Exit::Done,
            Err(_) => Exit::Failed,
        }
    }

    /// Standard output for what is written piece by piece.
    pub(super) fn stream(&self) -> impl Write {
        std::io::BufWriter::new(std::io::stdout().lock())
    }

    /// Asks the person at the terminal for something; says nothing where a program answers.
    pub(super) fn prompt(&self, text: &str) {
        if std::io::stdin().is_terminal() {
            let mut err = std::io::stderr().lock();
            drop(write!(err, "{}", printable(text)).and_then(|()| err.flush()));
        }
    }

    /// One line to standard error.
    pub(super) fn error(&self, text: &str) {
        let mut err = std::io::stderr().lock();
        drop(writeln!(err, "{}", printable(text)));
    }

    /// Says on the terminal how far a long command is, over what it said before; nothing where standard error is none.
    pub(super) fn progress(&self, text: &str) {
        let mut err = std::io::stderr().lock();
        if err.is_terminal() {
            // To the first column, and what stood there is wiped out.
            drop(write!(err, "\r\u{1b}[K{}", printable(text)).and_then(|()| err.flush()));
        }
    }

    /// Says why a command ends early: as text to standard error or, with `--json`, as an object to standard output.
    pub(super) fn failure(&self, exit: Exit, code: &str, message: &Bilingual) -> Exit {
        if self.json {
            self.json(&json!({
                "code": code,
                "title": message.wording(self.language),
                "i18n": { "vi": message.vi, "en": message.en },
            }));
        } else {
            self.error(&format!("{code}: {}", message.wording(self.language)));
        }
        exit
    }
}

/// Writes over the one line of standard error that tells how far the work is; an empty text takes it away.
pub(super) fn status(text: &str) {
    let mut err = std::io::stderr().lock();
    drop(write!(err, "\r\u{1b}[K{}", printable(text)).and_then(|()| err.flush()));
}

fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_rewrite_the_screen_is_taken_out() {
        assert_eq!(printable("a\u{1b}[2Jb\u{9b}1mc\r\n\td"), "a[2Jb1mc\n\td");
    }
}
