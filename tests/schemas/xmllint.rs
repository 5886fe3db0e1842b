//! libxml2's opinion, by its command line.

use std::path::Path;
use std::process::Command;

/// Whether each document is valid against the schema at `xsd`, in one process.
pub(crate) fn verdicts(xsd: &Path, documents: &[String]) -> Vec<bool> {
    verdicts_if_accepted(xsd, documents).unwrap_or_else(|| panic!("libxml2 refuses {}", xsd.display()))
}

/// The same; `None` if the schema itself is refused.
pub(crate) fn verdicts_if_accepted(xsd: &Path, documents: &[String]) -> Option<Vec<bool>> {
    let folder = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..documents.len()).map(|number| format!("{number}.xml")).collect();
    for (name, document) in names.iter().zip(documents) {
        std::fs::write(folder.path().join(name), document).unwrap();
    }
    let output = Command::new("xmllint")
        .args(["--noout", "--nonet", "--schema"])
        .arg(xsd)
        .args(&names)
        .current_dir(folder.path())
        .output()
        .expect("xmllint is needed here: install libxml2-utils");
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("failed to compile") {
        return None;
    }
    let mut verdicts = vec![None; documents.len()];
    for line in said.lines() {
        let verdict = line
            .strip_suffix(" fails to validate")
            .map(|name| (name, false))
            .or_else(|| line.strip_suffix(" validates").map(|name| (name, true)));
        let number = verdict.and_then(|(name, _)| name.strip_suffix(".xml")?.parse::<usize>().ok());
        if let (Some((_, verdict)), Some(number)) = (verdict, number) {
            verdicts[number] = Some(verdict);
        }
    }
    let judged = |(number, verdict): (usize, Option<bool>)| {
        verdict.unwrap_or_else(|| panic!("{}: no verdict on {}\n{said:.2000}", xsd.display(), documents[number]))
    };
    Some(verdicts.into_iter().enumerate().map(judged).collect())
}
