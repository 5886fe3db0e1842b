//! What is wrong and since when: which of the things seen at each look begin an incident, go on with one, or end one.
//! Pure: it is handed what was seen, and the time.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::IncidentKind;
use crate::store::incidents::{Extent, IncidentChange, IncidentView, Subject};
use crate::system::until;

/// Things watched at a time at most: a hundred times what a province's hospitals have services, facilities and endpoints.
const WATCHED_MAX: usize = 10_000;

/// How often an open incident that does not change is written anew, so that `last_seen_at` tells the truth to some minutes.
const WRITTEN_EVERY: Duration = Duration::from_secs(300);

/// How long things must be so before they are believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settling {
    /// How long what comes and goes by itself (the portal's weather) must be wrong before an incident begins.
    pub open_after: Duration,
    /// How long it must be well before the incident ends: what comes back within this time is the same incident.
    pub close_after: Duration,
}

/// Something seen to be wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What.
    pub subject: Subject,
    /// How badly.
    pub extent: Extent,
    /// Whether this may begin an incident, or only goes on with one: a service that is down because nobody can log in is no
    /// incident of its own beside that of the login.
    pub may_open: bool,
}

/// Everything that is watched.
#[derive(Debug, Default)]
pub struct Board {
    watched: BTreeMap<Subject, Watched>,
}

#[derive(Clone, Debug)]
struct Watched {
    first: Timestamp,
    last: Timestamp,
    /// How it stands on the disk; `None` while it does not.
    written: Option<(Extent, Timestamp)>,
    /// Whether it is an incident, though the disk may not have it yet.
    announced: bool,
}

impl Board {
    /// A board that knows the incidents an earlier process left open.
    pub fn resume(open: &[IncidentView]) -> Self {
        let watched = |view: &IncidentView| Watched {
            first: view.opened_at,
            last: view.last_seen_at,
            written: Some((view.extent, view.last_seen_at)),
            announced: true,
        };
        Self { watched: open.iter().map(|view| (view.subject.clone(), watched(view))).collect() }
    }

    /// What follows from what was seen at `now`. Nothing is taken for granted until [`wrote`](Self::wrote) is told so: a
    /// change that the disk refused comes again.
    pub fn look(&mut self, now: Timestamp, seen: Vec<Seen>, settling: &Settling) -> Vec<IncidentChange> {
        let mut changes = Vec::new();
        for Seen { subject, extent, may_open } in seen {
            let full = self.watched.len() >= WATCHED_MAX;
            let watched = match self.watched.get_mut(&subject) {
                Some(watched) => watched,
                None if may_open && !full => self.watched.entry(subject.clone()).or_insert(Watched {
                    first: now,
                    last: now,
                    written: None,
                    announced: false,
                }),
                None => continue,
            };
            watched.last = now;
            let at = now;
            match &watched.written {
                None => {
                    let long = !comes_and_goes(subject.kind) || until(watched.first, now) >= settling.open_after;
                    if may_open && long {
                        changes.push(IncidentChange::Open { subject, extent, at: watched.first });
                    }
                }
                Some((before, written)) if *before != extent || until(*written, now) >= WRITTEN_EVERY => {
                    changes.push(IncidentChange::Update { subject, extent, at });
                }
                Some(_) => {}
            }
        }
        self.watched.retain(|subject, watched| {
            let gone = watched.last < now && until(watched.last, now) >= settling.close_after;
            if gone && watched.written.is_some() {
                changes.push(IncidentChange::Close { subject: subject.clone(), at: now });
            }
            // One that is to be closed is forgotten when that is written.
            !gone || watched.written.is_some()
        });
        changes
    }

    /// These changes are on the disk.
    pub fn wrote(&mut self, changes: &[IncidentChange]) {
        for change in changes {
            match change {
                IncidentChange::Open { subject, extent, .. } | IncidentChange::Update { subject, extent, .. } => {
                    if let Some(watched) = self.watched.get_mut(subject) {
                        watched.written = Some((*extent, watched.last));
                    }
                }
                IncidentChange::Close { subject, .. } => {
                    self.watched.remove(subject);
                }
            }
        }
    }

    /// That an incident began is told: `false` if it was told before.
    pub fn announce(&mut self, subject: &Subject) -> bool {
        self.watched.get_mut(subject).is_some_and(|watched| !std::mem::replace(&mut watched.announced, true))
    }

    /// Which of the incidents that these changes end are over.
    pub fn ended<'c>(&self, changes: &'c [IncidentChange]) -> Vec<&'c Subject> {
        let ended = |change: &'c IncidentChange| match change {
            IncidentChange::Close { subject, .. } if !self.watched.contains_key(subject) => Some(subject),
            _ => None,
        };
        changes.iter().filter_map(ended).collect()
    }

    /// How many incidents of a kind there are.
    pub fn open(&self, kind: IncidentKind) -> usize {
        self.watched.iter().filter(|(subject, watched)| subject.kind == kind && watched.announced).count()
    }
}

/// What mends itself and breaks again without anybody's doing.
fn comes_and_goes(kind: IncidentKind) -> bool {
    matches!(kind, IncidentKind::PortalDown | IncidentKind::PortalSlow)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTLING: Settling = Settling { open_after: Duration::from_secs(60), close_after: Duration::from_secs(300) };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn seen(kind: IncidentKind, count: u64) -> Vec<Seen> {
        let subject = Subject { kind, name: "claim".to_owned(), facility: None, client: None };
        vec![Seen { subject, extent: Extent { count, oldest_at: None }, may_open: true }]
    }

    /// What is told over these looks; everything told is written.
    fn told(board: &mut Board, looks: impl IntoIterator<Item = (i64, Vec<Seen>)>) -> Vec<(i64, &'static str)> {
        let mut all = Vec::new();
        for (second, seen) in looks {
            let changes = board.look(at(second), seen, &SETTLING);
            for change in &changes {
                let word = match change {
                    IncidentChange::Open { .. } => "open",
                    IncidentChange::Update { .. } => "update",
                    IncidentChange::Close { .. } => "close",
                };
                all.push((second, word));
            }
            board.wrote(&changes);
        }
        all
    }

    #[test]
    fn a_flapping_service_is_one_incident() {
        let mut board = Board::default();
        // Down for ten seconds in each minute, an hour long; then well.
        let looks = (0..720).map(|n| {
            let second = n * 10;
            let down = second < 3_600 && second % 60 == 0;
            (second, if down { seen(IncidentKind::PortalDown, 1) } else { Vec::new() })
        });
        let told = told(&mut board, looks);
        let words: Vec<_> = told.iter().filter(|(_, word)| *word != "update").copied().collect();
        assert_eq!(words, [(60, "open"), (3_540 + 300, "close")]);
        assert_eq!(board.open(IncidentKind::PortalDown), 0);
        assert!(board.watched.is_empty());
    }

    #[test]
    fn a_hiccup_is_no_incident() {
        let mut board = Board::default();
        let looks = [
            (0, seen(IncidentKind::PortalDown, 1)),
            (30, seen(IncidentKind::PortalDown, 1)),
            (45, Vec::new()),
            (400, Vec::new()),
        ];
        assert_eq!(told(&mut board, looks), []);
        assert!(board.watched.is_empty());
    }

    #[test]
    fn documents_open_at_once_and_a_thousand_are_one_incident() {
        let mut board = Board::default();
        let looks = (0..100).map(|n| (n, seen(IncidentKind::DocumentsFailed, u64::try_from(n).unwrap() / 10 + 1)));
        let told = told(&mut board, looks);
        assert_eq!(told.first(), Some(&(0, "open")));
        assert_eq!(told.iter().filter(|(_, word)| *word == "open").count(), 1);
        // Only when the number changed.
        assert_eq!(told.iter().filter(|(_, word)| *word == "update").count(), 9);
    }

    #[test]
    fn what_the_disk_refused_comes_again() {
        let mut board = Board::default();
        for second in [0, 1, 2] {
            let changes = board.look(at(second), seen(IncidentKind::DocumentsFailed, 1), &SETTLING);
            // Begun when it was first seen, however late it is written.
            assert!(matches!(changes.as_slice(), [IncidentChange::Open { at: opened, .. }] if *opened == at(0)));
            let [IncidentChange::Open { subject, .. }] = changes.as_slice() else { panic!() };
            assert_eq!(board.announce(subject), second == 0, "told once");
        }
        // It counts though the disk does not have it: the disk may be what is wrong.
        assert_eq!(board.open(IncidentKind::DocumentsFailed), 1);
        let changes = board.look(at(3), seen(IncidentKind::DocumentsFailed, 1), &SETTLING);
        board.wrote(&changes);
        for second in [400, 500] {
            let changes = board.look(at(second), Vec::new(), &SETTLING);
            assert!(matches!(changes.as_slice(), [IncidentChange::Close { .. }]), "{changes:?}");
        }
    }

    #[test]
    fn after_a_restart_the_same_incident_goes_on() {
        let subject = seen(IncidentKind::PortalDown, 1).remove(0).subject;
        let view = IncidentView {
            id: "inc_1".to_owned(),
            sequence: 1,
            subject,
            extent: Extent { count: 1, oldest_at: None },
            count_max: 1,
            opened_at: at(0),
            last_seen_at: at(100),
            closed_at: None,
        };
        let mut board = Board::resume(std::slice::from_ref(&view));
        assert_eq!(told(&mut board, [(150, seen(IncidentKind::PortalDown, 1))]), []);
        let mut board = Board::resume(&[view]);
        assert_eq!(told(&mut board, [(150, Vec::new()), (399, Vec::new()), (400, Vec::new())]), [(400, "close")]);
    }

    #[test]
    fn what_follows_from_another_incident_opens_none() {
        let mut board = Board::default();
        let following =
            || seen(IncidentKind::PortalDown, 1).into_iter().map(|one| Seen { may_open: false, ..one }).collect();
        assert_eq!(told(&mut board, [(0, following()), (100, following())]), []);
        let looks = [(200, seen(IncidentKind::PortalDown, 1)), (260, seen(IncidentKind::PortalDown, 1))];
        assert_eq!(told(&mut board, looks), [(260, "open")]);
        // It is kept open by it.
        assert_eq!(
            told(&mut board, [(700, following()), (900, following()), (1_200, Vec::new())]),
            [(700, "update"), (1_200, "close")]
        );
    }
}
