//! The ledger: what was offered, what was acknowledged, and what people ordered. It is written by those who hear the
//! answers and by nobody else.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};

use crate::papers::Paper;

/// One document and everything its sender knows of it.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) paper: Paper,
    /// The id in the first acknowledgement.
    pub(crate) id: Option<String>,
    /// In which phase it was acknowledged: how many kills there had been, and the portal's mood.
    pub(crate) phase: String,
    /// Whether a person ordered it to be withdrawn, and whether that was acknowledged.
    pub(crate) cancel: Order,
    /// The same for being held back; released again, or not.
    pub(crate) hold: Order,
    pub(crate) release: Order,
    /// Receipts that people found at the portal and confirmed.
    pub(crate) confirmed: Vec<String>,
    /// Receipts that were told to the sender as the portal's.
    pub(crate) receipts_told: Vec<String>,
    /// How often a person ordered it to be sent again, having looked at the portal where that matters.
    pub(crate) replays: usize,
}

/// How far an order is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Order {
    #[default]
    None,
    /// It was sent; whether it was done is not known.
    Sent,
    /// It was acknowledged.
    Done,
}

/// All entries, in the order in which they were first offered.
pub(crate) struct Ledger {
    entries: Mutex<Vec<Entry>>,
    offered: Mutex<HashSet<[u8; 32]>>,
    /// Told by whoever kills and whoever sets the portal's mood.
    pub(crate) kills: AtomicUsize,
    /// Acknowledgements heard, repeated ones too.
    pub(crate) heard: AtomicUsize,
    pub(crate) mood: Mutex<&'static str>,
    /// What went wrong while the round was running.
    violations: Mutex<Vec<String>>,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        let (entries, offered, violations) = (Mutex::default(), Mutex::default(), Mutex::default());
        Self {
            entries,
            offered,
            kills: AtomicUsize::new(0),
            heard: AtomicUsize::new(0),
            mood: Mutex::new("fair"),
            violations,
        }
    }

    pub(crate) fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap()
    }

    /// Writes down a document before it is offered for the first time; gives its place.
    pub(crate) fn offer(&self, paper: Paper) -> usize {
        let mut entries = self.entries();
        // Everything below knows documents by their bytes.
        assert!(self.offered.lock().unwrap().insert(paper.sha256), "{} was made twice", paper.name());
        entries.push(Entry {
            paper,
            id: None,
            phase: String::new(),
            cancel: Order::None,
            hold: Order::None,
            release: Order::None,
            confirmed: Vec::new(),
            receipts_told: Vec::new(),
            replays: 0,
        });
        entries.len() - 1
    }

    /// Writes down an acknowledgement. Every later one of the same bytes must name the same document.
    pub(crate) fn acknowledged(&self, place: usize, id: &str) {
        self.heard.fetch_add(1, Ordering::Relaxed);
        let phase = self.phase();
        let told_otherwise = {
            let entry = &mut self.entries()[place];
            match &entry.id {
                None => {
                    (entry.id, entry.phase) = (Some(id.to_owned()), phase);
                    None
                }
                Some(known) if known == id => None,
                Some(known) => Some(format!("{}: acknowledged as {known} and as {id}", entry.paper.name())),
            }
        };
        if let Some(violation) = told_otherwise {
            self.violation(violation);
        }
    }

    pub(crate) fn change(&self, place: usize, change: impl FnOnce(&mut Entry)) {
        change(&mut self.entries()[place]);
    }

    /// Where each acknowledged document stands.
    pub(crate) fn by_id(&self) -> HashMap<String, usize> {
        let entries = self.entries();
        let ids = entries.iter().enumerate().filter_map(|(place, entry)| Some((entry.id.clone()?, place)));
        ids.collect()
    }

    /// How far the round is.
    pub(crate) fn phase(&self) -> String {
        format!("after kill {}, portal {}", self.kills.load(Ordering::Relaxed), self.mood.lock().unwrap())
    }

    /// Something happened that must not; the round goes on, so that all of it is told at the end.
    pub(crate) fn violation(&self, what: String) {
        let phase = self.phase();
        self.violations.lock().unwrap().push(format!("{what} [{phase}]"));
    }

    pub(crate) fn violations(&self) -> Vec<String> {
        self.violations.lock().unwrap().clone()
    }
}
