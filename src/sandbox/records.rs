//! What the sandbox remembers of what it was asked and sent, each list with its bound.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use jiff::Timestamp;

use crate::sandbox::judge::Finding;
use crate::sandbox::{Question, Submission};

/// Submissions kept; the oldest go first. A full day of the largest hospital is a few thousand.
const SUBMISSIONS_MAX: usize = 200_000;

/// Bytes of bodies kept. When there are more, the oldest bodies are emptied; their hashes stay.
const BODY_BYTES_MAX: usize = 1 << 30;

/// Questions kept; the oldest go first.
const QUESTIONS_MAX: usize = 200_000;

/// Checks remembered for one person, and persons for whom checks are remembered.
const CHECKS_MAX: usize = 20;
const CHECKED_PEOPLE_MAX: usize = 50_000;

/// Visits remembered by the number they were told under; the oldest go first.
const TOLD_VISITS_MAX: usize = 50_000;

/// A visit of the history (`portal-api.md`, section 2.4), as its details are told later.
#[derive(Clone)]
pub(super) struct ToldVisit {
    pub(super) name: String,
    pub(super) birth_date: String,
    pub(super) card: String,
    pub(super) facility: String,
    pub(super) diagnosis: &'static str,
    /// yyyyMMddHHmm, as the next.
    pub(super) from: String,
    pub(super) to: String,
}

/// One entry of `dsLichSuKT2018` (`portal-api.md`, section 2.1).
#[derive(Clone)]
pub(super) struct Check {
    pub(super) account: String,
    /// yyyyMMddHHmm.
    pub(super) at: String,
    pub(super) message: String,
    pub(super) code: String,
}

/// A submission with what its judge will say once its time has come.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) submission: Submission,
    pub(super) finding: Finding,
}

/// A document that was taken, before it has a number.
#[derive(Clone)]
pub(super) struct Taken {
    pub(super) path: String,
    pub(super) service: String,
    pub(super) facility: String,
    pub(super) body: Bytes,
    pub(super) sha256: [u8; 32],
    pub(super) receipt: String,
    pub(super) business_key: Option<String>,
    pub(super) received_at: Timestamp,
    pub(super) finding: Finding,
}

#[derive(Default)]
pub(super) struct Records {
    last_number: u64,
    entries: VecDeque<Entry>,
    body_bytes: usize,
    /// How many entries at the front have lost their body already.
    emptied: usize,
    /// The number of the record in force, by service, facility and business key.
    in_force: HashMap<(String, String, String), u64>,
    questions: VecDeque<Question>,
    question_count: u64,
    checks: HashMap<String, VecDeque<Check>>,
    /// Social-insurance numbers in the order of their first check.
    checked: VecDeque<String>,
    told_visits: HashMap<String, ToldVisit>,
    /// The numbers of the visits in the order in which they were first told.
    told: VecDeque<String>,
}

impl Records {
    /// Records a document and gives its number. With a business key it takes the place of the record that has the same
    /// one (section 4.3).
    pub(super) fn take(&mut self, taken: Taken) -> u64 {
        self.book(taken, None)
    }

    /// [`take`](Self::take), and where `double` says so once more, as a portal does that processes one call twice: with a
    /// receipt of its own that nobody is told. The number is that of the first.
    pub(super) fn take_once_or_twice(&mut self, taken: Taken, double: bool) -> u64 {
        let again = double.then(|| Taken { receipt: format!("{}_2", taken.receipt), ..taken.clone() });
        let number = self.take(taken);
        if let Some(again) = again {
            self.book(again, Some(number));
        }
        number
    }

    fn book(&mut self, taken: Taken, twin_of: Option<u64>) -> u64 {
        self.last_number += 1;
        let number = self.last_number;
        let replaced = taken.business_key.as_ref().and_then(|key| {
            let place = (taken.service.clone(), taken.facility.clone(), key.clone());
            self.in_force.insert(place, number)
        });
        self.body_bytes += taken.body.len();
        self.entries.push_back(Entry {
            finding: taken.finding,
            submission: Submission {
                number,
                path: taken.path,
                service: taken.service,
                facility: taken.facility,
                body: taken.body,
                sha256: taken.sha256,
                receipt: taken.receipt,
                business_key: taken.business_key,
                replaced,
                twin_of,
                answered: false,
                received_at: taken.received_at,
            },
        });
        self.keep_within_bounds();
        number
    }

    /// The number of the record in force under a business key.
    pub(super) fn in_force(&self, service: &str, facility: &str, key: &str) -> Option<u64> {
        self.in_force.get(&(service.to_owned(), facility.to_owned(), key.to_owned())).copied()
    }

    /// The last byte of the answer was handed to the connection.
    pub(super) fn answered(&mut self, number: u64) {
        let first = self.entries.front().map_or(0, |entry| entry.submission.number);
        let place = number.checked_sub(first).and_then(|place| usize::try_from(place).ok());
        if let Some(entry) = place.and_then(|place| self.entries.get_mut(place)) {
            entry.submission.answered = true;
        }
    }

    pub(super) fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> + ExactSizeIterator {
        self.entries.iter()
    }

    pub(super) fn ask(&mut self, service: &str, subject: &str) {
        self.question_count += 1;
        if self.questions.len() == QUESTIONS_MAX {
            self.questions.pop_front();
        }
        self.questions.push_back(Question { service: service.to_owned(), subject: subject.to_owned() });
    }

    pub(super) fn questions(&self) -> impl ExactSizeIterator<Item = &Question> {
        self.questions.iter()
    }

    /// How many were asked, those no longer kept included.
    pub(super) fn question_count(&self) -> u64 {
        self.question_count
    }

    /// The checks of a person before this one, newest first; then remembers this one.
    pub(super) fn check(&mut self, person: &str, check: Check) -> Vec<Check> {
        if !self.checks.contains_key(person) {
            if self.checked.len() == CHECKED_PEOPLE_MAX
                && let Some(oldest) = self.checked.pop_front()
            {
                self.checks.remove(&oldest);
            }
            self.checked.push_back(person.to_owned());
        }
        let checks = self.checks.entry(person.to_owned()).or_default();
        let earlier = checks.iter().rev().cloned().collect();
        if checks.len() == CHECKS_MAX {
            checks.pop_front();
        }
        checks.push_back(check);
        earlier
    }

    /// Remembers a visit by its number. Two people can have one number, as numbers are drawn: the newest is kept.
    pub(super) fn tell_visit(&mut self, number: &str, visit: ToldVisit) {
        if self.told_visits.insert(number.to_owned(), visit).is_some() {
            return;
        }
        if self.told.len() == TOLD_VISITS_MAX
            && let Some(oldest) = self.told.pop_front()
        {
            self.told_visits.remove(&oldest);
        }
        self.told.push_back(number.to_owned());
    }

    pub(super) fn told_visit(&self, number: &str) -> Option<&ToldVisit> {
        self.told_visits.get(number)
    }

    fn keep_within_bounds(&mut self) {
        while self.entries.len() > SUBMISSIONS_MAX
            && let Some(Entry { submission, .. }) = self.entries.pop_front()
        {
            self.body_bytes -= submission.body.len();
            self.emptied = self.emptied.saturating_sub(1);
            if let Some(key) = submission.business_key {
                let place = (submission.service, submission.facility, key);
                if self.in_force.get(&place) == Some(&submission.number) {
                    self.in_force.remove(&place);
                }
            }
        }
        while self.body_bytes > BODY_BYTES_MAX
            && let Some(entry) = self.entries.get_mut(self.emptied)
        {
            self.body_bytes -= entry.submission.body.len();
            entry.submission.body = Bytes::new();
            self.emptied += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(key: &str) -> Taken {
        Taken {
            path: String::new(),
            service: "130".into(),
            facility: "99001".into(),
            body: Bytes::from_static(b"x"),
            sha256: [0; 32],
            receipt: String::new(),
            business_key: Some(key.into()),
            received_at: Timestamp::UNIX_EPOCH,
            finding: Finding::default(),
        }
    }

    #[test]
    fn the_oldest_go_first_and_are_forgotten_whole() {
        let mut records = Records::default();
        for number in 0..=SUBMISSIONS_MAX {
            records.take(taken(&number.to_string()));
        }
        assert_eq!(records.entries().len(), SUBMISSIONS_MAX);
        assert_eq!(records.in_force("130", "99001", "0"), None);
        assert_eq!(records.in_force("130", "99001", "1"), Some(2));
        assert_eq!(records.body_bytes, SUBMISSIONS_MAX);
        records.answered(2);
        assert!(records.entries().next().unwrap().submission.answered);
        records.answered(1);
        records.answered(u64::MAX);
    }

    #[test]
    fn a_person_has_the_newest_checks_first() {
        let mut records = Records::default();
        let check = |number: usize| Check {
            account: String::new(),
            at: String::new(),
            message: String::new(),
            code: number.to_string(),
        };
        for number in 0..30 {
            records.check("0100000001", check(number));
        }
        let earlier = records.check("0100000001", check(30));
        assert_eq!(earlier.len(), CHECKS_MAX);
        assert_eq!(earlier[0].code, "29");
        assert!(records.check("0100000002", check(0)).is_empty());
    }
}
