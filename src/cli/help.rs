//! Help in the reader's language. The words in the code are English; the Vietnamese ones stand here, by command and
//! argument, and a test holds the two to each other.

use clap::Command;

use crate::domain::Language;

mod vietnamese;

use self::vietnamese::WORDS;

/// The exit codes, as `--help` tells them.
pub(super) const EXIT_CODES_EN: &str = "Exit codes (stable):
  0  done
  1  the configuration or the command line is wrong; starting again changes nothing
  2  what was asked for failed: refused, not found, a wrong document, a port in use
  3  unknown: the gateway could not be reached or did not answer";

/// The same in Vietnamese.
pub(super) const EXIT_CODES_VI: &str = "Mã kết thúc (không đổi qua các phiên bản):
  0  xong
  1  cấu hình hoặc dòng lệnh sai; chạy lại không có ích
  2  việc được yêu cầu không thành: bị từ chối, không tìm thấy, tài liệu sai, cổng đã bị chiếm
  3  chưa rõ: không tới được gateway hoặc gateway không trả lời";

/// `command` with its help in `language`.
pub(super) fn in_language(command: Command, language: Language) -> Command {
    match language {
        Language::English => command,
        Language::Vietnamese => translated(command, "").after_help(EXIT_CODES_VI),
    }
}

/// Stands after a command's name for what its help ends with.
const AFTER: &str = "(after)";

fn translated(mut command: Command, path: &str) -> Command {
    if let Some(words) = words(path) {
        command = command.about(words).long_about(None::<&str>);
    }
    if let Some(words) = words(&format!("{path} {AFTER}")) {
        command = command.after_help(words);
    }
    let keyed = |id: &str| format!("{path} {id}").trim().to_owned();
    command = command.mut_args(|argument| {
        let id = argument.get_id().as_str().to_owned();
        let translation = words(&keyed(&format!("--{id}"))).or_else(|| words(&format!("* --{id}")));
        match translation {
            Some(words) => argument.help(words).long_help(None::<&str>),
            None => argument,
        }
    });
    let names: Vec<String> = command.get_subcommands().map(|inner| inner.get_name().to_owned()).collect();
    for name in names {
        let path = keyed(&name);
        command = command.mut_subcommand(&name, |inner| translated(inner, &path));
    }
    command
}

fn words(key: &str) -> Option<&'static str> {
    WORDS.iter().find(|(known, _)| *known == key).map(|(_, words)| *words)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    fn keys(command: &Command, path: &str, found: &mut BTreeSet<String>) {
        found.insert(path.to_owned());
        if !path.is_empty() && command.get_after_help().is_some() {
            found.insert(format!("{path} {AFTER}"));
        }
        for argument in command.get_arguments() {
            let id = argument.get_id().as_str();
            assert!(argument.get_help().is_some(), "{path} --{id} has no help");
            let own = format!("{path} --{id}").trim().to_owned();
            found.insert(if words(&own).is_some() { own } else { format!("* --{id}") });
        }
        for inner in command.get_subcommands() {
            keys(inner, format!("{path} {}", inner.get_name()).trim(), found);
        }
    }

    #[test]
    fn every_command_and_argument_has_its_vietnamese_words_and_no_word_is_left_over() {
        let mut found = BTreeSet::new();
        keys(&Cli::command(), "", &mut found);
        let known: BTreeSet<String> = WORDS.iter().map(|(key, _)| (*key).to_owned()).collect();
        assert_eq!(known.len(), WORDS.len(), "a key stands twice");
        assert_eq!(found, known);
    }
}
