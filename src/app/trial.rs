//! Trying a rule before it is switched on: what it would have found in the documents stored.
//!
//! It looks through the data folder beside a gateway that may be running, changes nothing, and holds one page of
//! documents in memory. Each document is checked as of the day it was received.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::audit::read_by_operator;
use super::{StartError, open_vault, store_failed};
use crate::audit::Deed;
use crate::config::Config;
use crate::document::rules::{Settings, SettingsError};
use crate::document::{Document, Findings, Kind, Limits, Rulebook, Severity};
use crate::domain::FacilityCode;
use crate::store::{Archive, DATABASE_FILE, Received, StoreError, Unreadable, Vault};
use crate::system::{System, vietnam};

/// What is to be tried, and on what.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The rule, or a code of structure.
    pub rule: String,
    /// How severe it is to be.
    pub severity: Severity,
    /// The first instant from which documents are looked at.
    pub from: Timestamp,
    /// The first instant from which they are not.
    pub before: Timestamp,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trial {
    /// Over all.
    pub all: Counts,
    /// Each facility with documents in the time.
    pub by_facility: BTreeMap<FacilityCode, Counts>,
    /// Each kind with documents in the time.
    pub by_kind: BTreeMap<Kind, Counts>,
    /// The first ids of documents hit.
    pub first: Vec<String>,
    /// Documents whose bytes are sealed with a key that is not here, or were changed.
    pub sealed: u64,
    /// The first of their ids.
    pub first_sealed: Vec<String>,
    /// Documents whose bytes were forgotten.
    pub forgotten: u64,
    /// There were more findings than were counted.
    pub is_more: bool,
}

/// How many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Documents looked at.
    pub documents: u64,
    /// Documents that break the rule.
    pub hit: u64,
    /// Findings of the rule.
    pub findings: u64,
    /// Documents the rule would have refused, and nothing else would have.
    pub newly_invalid: u64,
    /// Documents whose bytes cannot be read; not among those looked at.
    pub unreadable: u64,
}

/// Why a rule could not be tried.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// Its severity cannot be set.
    #[error(transparent)]
    Rule(#[from] SettingsError),
    /// The data folder.
    #[error(transparent)]
    Start(#[from] StartError),
}

/// Ids told. A person looks at a handful.
const IDS_MAX: usize = 20;

/// Documents in memory at once, at most.
const PAGE: u32 = 200;

/// The rulebooks a document is checked by.
struct Judge<'w> {
    wish: &'w Wish,
    /// The configuration's, with the rule as a warning: what is an error now is one without the rule.
    beside: Rulebook,
    /// The rule and nothing else that can be switched off: to count what the list of a very wrong document has no room for.
    alone: Rulebook,
}

/// What the rule found in one document.
struct Found {
    count: u64,
    /// Something else refuses the document.
    is_wrong_anyway: bool,
    is_more: bool,
}

/// Tries a rule on the documents stored. Blocks until all are looked at; after each page `progress` is told how far it is
/// and when the last document of the page was received.
pub async fn try_rule(
    config: &Config,
    system: &System,
    wish: &Wish,
    mut progress: impl FnMut(&Trial, Timestamp),
) -> Result<Trial, TrialError> {
    let judge = Judge::new(&config.documents.rulebook, wish)?;
    let archive = open(config, system).await?;
    let mut trial = Trial::default();
    let mut after = 0;
    loop {
        let page = archive.received_between(wish.from, wish.before, after, PAGE);
        let page = page.map_err(|error| store_failed(config, error))?;
        let Some(last) = page.last() else { return Ok(trial) };
        let received_at = last.received_at;
        after = last.sequence;
        for document in page {
            trial.take(&judge, document);
        }
        progress(&trial, received_at);
    }
}

/// Opens what is stored, and records that it is read.
async fn open(config: &Config, system: &System) -> Result<Archive, StartError> {
    let (vault, archive) = open_unrecorded(config, system)?;
    read_by_operator(config, &vault, system, Deed::ArchiveRead).await?;
    Ok(archive)
}

/// Opens what is stored, to be read only, by whoever shows nothing of it.
pub(super) fn open_unrecorded(config: &Config, system: &System) -> Result<(Vault, Archive), StartError> {
    // Where nothing is stored, opening the vault would make a key file.
    if !config.data.folder.join(DATABASE_FILE).is_file() {
        return Err(store_failed(config, StoreError::Failed("nothing is stored there yet".to_owned())));
    }
    let vault = open_vault(config, system)?;
    let archive = Archive::open(&config.data.folder, vault.clone()).map_err(|error| store_failed(config, error))?;
    Ok((vault, archive))
}

// === impl Judge ===

impl<'w> Judge<'w> {
    fn new(rulebook: &Rulebook, wish: &'w Wish) -> Result<Self, SettingsError> {
        let rules = rulebook.rules();
        let warning = Some(Severity::Warning);
        let mut beside = rulebook.settings().clone();
        beside.set(rules, &wish.rule, warning)?;
        let mut alone = Settings::default();
        for code in rules.changeable() {
            alone.set(rules, code, None)?;
        }
        alone.set(rules, &wish.rule, warning)?;
        Ok(Self { wish, beside: rulebook.under(beside), alone: rulebook.under(alone) })
    }

    fn judge(&self, body: &[u8], today: u32) -> Found {
        let (found, is_wrong_anyway) = findings(body, &self.beside, today);
        let count = self.count(&found);
        if found.not_listed() == 0 {
            return Found { count, is_wrong_anyway, is_more: false };
        }
        let (found, _) = findings(body, &self.alone, today);
        // If all that are listed are of the rule, so are the others.
        let (count, more) = (self.count(&found), found.not_listed());
        let is_all = count == found.count() - more;
        Found { count: if is_all { count + more } else { count }, is_wrong_anyway, is_more: more > 0 && !is_all }
    }

    fn count(&self, found: &Findings) -> u64 {
        let of_rule = found.listed().iter().filter(|finding| finding.code == self.wish.rule);
        // A list of at most a thousand fits.
        of_rule.count() as u64
    }
}

/// What is found in a document, and whether that refuses it.
fn findings(body: &[u8], rulebook: &Rulebook, today: u32) -> (Findings, bool) {
    // It was small enough when it was received.
    let limits = Limits { bytes_max: usize::MAX, ..Limits::default() };
    match Document::parse(body, &limits, rulebook, today) {
        Ok(document) => (document.warnings, false),
        Err(findings) => (findings, true),
    }
}

// === impl Trial ===

impl Trial {
    fn take(&mut self, judge: &Judge<'_>, document: Received) {
        let mut counts = Counts::default();
        match document.body {
            Ok(body) => {
                let today = vietnam(document.received_at).strftime("%Y%m%d").to_string().parse().unwrap_or(0);
                let found = judge.judge(&body, today);
                self.is_more |= found.is_more;
                let is_refused = judge.wish.severity == Severity::Error && !found.is_wrong_anyway;
                counts.documents = 1;
                if found.count > 0 {
                    counts.hit = 1;
                    counts.findings = found.count;
                    counts.newly_invalid = u64::from(is_refused);
                    keep_first(&mut self.first, document.id);
                }
            }
            Err(Unreadable::Sealed) => {
                (counts.unreadable, self.sealed) = (1, self.sealed + 1);
                keep_first(&mut self.first_sealed, document.id);
            }
            Err(Unreadable::Forgotten) => (counts.unreadable, self.forgotten) = (1, self.forgotten + 1),
        }
        self.all.add(counts);
        self.by_facility.entry(document.facility).or_default().add(counts);
        self.by_kind.entry(document.kind).or_default().add(counts);
    }
}

fn keep_first(ids: &mut Vec<String>, id: String) {
    if ids.len() < IDS_MAX {
        ids.push(id);
    }
}

// === impl Counts ===

impl Counts {
    fn add(&mut self, other: Self) {
        self.documents += other.documents;
        self.hit += other.hit;
        self.findings += other.findings;
        self.newly_invalid += other.newly_invalid;
        self.unreadable += other.unreadable;
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    const CLAIM: &str = include_str!("../../schemas/claim/sample.xml");

    /// The sample with its first drug so many times, ordered before the patient came (D-01).
    fn with_drugs(count: usize) -> String {
        let changed = |content: &str| {
            let part = String::from_utf8(STANDARD.decode(content).unwrap()).unwrap();
            let Some((head, rest)) = part.split_once("<CHI_TIET_THUOC>") else { return content.to_owned() };
            let (row, rest) = rest.split_once("</CHI_TIET_THUOC>").unwrap();
            let row = row.replace("<NGAY_YL>2026", "<NGAY_YL>2025");
            let rows = format!("<CHI_TIET_THUOC>{row}</CHI_TIET_THUOC>").repeat(count);
            STANDARD.encode(format!("{head}{rows}{rest}"))
        };
        let mut pieces = CLAIM.split("<NOIDUNGFILE>");
        let mut document = pieces.next().unwrap().to_owned();
        for piece in pieces {
            let (content, rest) = piece.split_once("</NOIDUNGFILE>").unwrap();
            document += &format!("<NOIDUNGFILE>{}</NOIDUNGFILE>{rest}", changed(content.trim()));
        }
        document
    }

    #[test]
    fn all_findings_of_the_rule_are_counted_though_a_list_has_no_room_for_them() {
        let wish = |rule: &str| Wish {
            rule: rule.to_owned(),
            severity: Severity::Error,
            from: Timestamp::MIN,
            before: Timestamp::MAX,
        };
        let rulebook = Rulebook::embedded();
        for (rule, drugs, count) in
            [("D-01", 3, 3), ("D-01", 1_700, 1_700), ("T-01", 1_700, 1), ("XSD_TOO_LONG", 1_700, 0)]
        {
            let wish = wish(rule);
            let judge = Judge::new(&rulebook, &wish).unwrap();
            let found = judge.judge(with_drugs(drugs).as_bytes(), 20_261_120);
            assert_eq!((found.count, found.is_wrong_anyway, found.is_more), (count, true, false), "{rule} {drugs}");
        }
        let wish = wish("FMT-01");
        assert_eq!(Judge::new(&rulebook, &wish).err(), Some(SettingsError::Fixed("FMT-01".to_owned())));
    }
}
