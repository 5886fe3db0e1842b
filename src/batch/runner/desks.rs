//! What is in hand, by facility: rows read ahead, and rows under way. Facilities take turns, and so do the lists of one
//! facility, so that nobody's list of thousands holds up another's of fifty.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use crate::batch::row::Details;
use crate::domain::FacilityCode;
use crate::store::batches::{DueRow, RunningBatch};

/// A list that runs.
pub(super) struct List {
    pub(super) batch: RunningBatch,
    pub(super) details: Details,
}

/// A row to be asked now.
pub(super) struct Job {
    pub(super) list: Arc<List>,
    pub(super) row: DueRow,
}

/// What a row is known by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    facility: FacilityCode,
    /// The list's position.
    sequence: i64,
    pub(super) number: u32,
}

/// All facilities' desks.
pub(super) struct Desks {
    places: usize,
    desks: BTreeMap<FacilityCode, Desk>,
    /// Which facility's turn it is.
    turn: usize,
    /// Whether something may have changed in the store since the last look.
    stale: bool,
}

#[derive(Default)]
struct Desk {
    lists: Vec<Arc<List>>,
    /// Rows read ahead, by list, in order.
    ahead: HashMap<i64, VecDeque<DueRow>>,
    /// Which list's turn it is.
    turn: usize,
    /// Rows under way, with the list of each.
    under_way: HashMap<Key, Arc<List>>,
    /// Whether the last look found nothing more that is due.
    dry: bool,
}

impl Job {
    pub(super) fn key(&self) -> Key {
        let RunningBatch { facility, sequence, .. } = self.list.batch;
        Key { facility, sequence, number: self.row.number }
    }
}

impl Desks {
    /// Desks with so many places each.
    pub(super) fn new(places: usize) -> Self {
        Self { places, desks: BTreeMap::new(), turn: 0, stale: true }
    }

    /// Something may have changed: look at the store.
    pub(super) fn look_again(&mut self) {
        self.stale = true;
    }

    /// The store was looked at.
    pub(super) fn looked(&mut self) {
        self.stale = false;
    }

    /// Whether a look at the store may bring something.
    pub(super) fn wants_look(&self) -> bool {
        self.stale || self.desks.values().any(|desk| !desk.dry && desk.rows_ahead() < self.places)
    }

    /// From now on only these lists run; rows read ahead of others are let go.
    pub(super) fn keep_only(&mut self, lists: Vec<Arc<List>>) {
        for desk in self.desks.values_mut() {
            desk.lists.clear();
        }
        for list in lists {
            self.desks.entry(list.batch.facility).or_default().lists.push(list);
        }
        for desk in self.desks.values_mut() {
            let running: HashSet<i64> = desk.lists.iter().map(|list| list.batch.sequence).collect();
            desk.ahead.retain(|sequence, _| running.contains(sequence));
        }
        self.desks.retain(|_, desk| !desk.lists.is_empty() || !desk.under_way.is_empty());
    }

    /// The lists of which rows are wanted, and how many: those read already and those under way are still due as far as
    /// the store knows, so they are asked for as well.
    pub(super) fn wanting(&self, read_ahead: usize) -> Vec<(Arc<List>, usize)> {
        let low = |desk: &&Desk| desk.rows_ahead() < self.places && (self.stale || !desk.dry);
        let of_desk = |desk: &Desk| {
            let each = (self.places * read_ahead / desk.lists.len().max(1)).max(1);
            let under_way = desk.under_way.len();
            let wanted = |list: &Arc<List>| {
                (list.clone(), each + under_way + desk.ahead.get(&list.batch.sequence).map_or(0, VecDeque::len))
            };
            desk.lists.iter().map(wanted).collect::<Vec<_>>()
        };
        self.desks.values().filter(low).flat_map(of_desk).collect()
    }

    /// Takes in rows that are due, save those already in hand.
    pub(super) fn add(&mut self, list: &Arc<List>, rows: Vec<DueRow>) {
        let RunningBatch { facility, sequence, .. } = list.batch;
        let Some(desk) = self.desks.get_mut(&facility) else { return };
        let ahead = desk.ahead.entry(sequence).or_default();
        let known: HashSet<u32> = ahead.iter().map(|row| row.number).collect();
        let is_new = |row: &DueRow| {
            !known.contains(&row.number)
                && !desk.under_way.contains_key(&Key { facility, sequence, number: row.number })
        };
        ahead.extend(rows.into_iter().filter(is_new));
        // Fewer than there are places will not fill them; a row that becomes due meanwhile is found by the next look.
        desk.dry = desk.rows_ahead() < self.places;
    }

    /// The next row to be asked, if a facility that has one has a place for it.
    pub(super) fn next(&mut self) -> Option<Job> {
        let count = self.desks.len();
        for step in 0..count {
            let index = (self.turn + step) % count;
            let Some((_, desk)) = self.desks.iter_mut().nth(index) else { continue };
            if desk.under_way.len() >= self.places {
                continue;
            }
            if let Some(job) = desk.next() {
                desk.under_way.insert(job.key(), job.list.clone());
                self.turn = index + 1;
                return Some(job);
            }
        }
        None
    }

    /// Gives the place of a row back, and tells its list.
    pub(super) fn ended(&mut self, key: &Key) -> Option<Arc<List>> {
        self.desks.get_mut(&key.facility)?.under_way.remove(key)
    }
}

impl Desk {
    fn rows_ahead(&self) -> usize {
        self.ahead.values().map(VecDeque::len).sum()
    }

    /// The next row of the list whose turn it is.
    fn next(&mut self) -> Option<Job> {
        let count = self.lists.len();
        for step in 0..count {
            let index = (self.turn + step) % count;
            let Some(list) = self.lists.get(index) else { continue };
            let row = self.ahead.get_mut(&list.batch.sequence).and_then(VecDeque::pop_front);
            if let Some(row) = row {
                self.turn = index + 1;
                return Some(Job { list: list.clone(), row });
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(sequence: i64, facility: &str) -> Arc<List> {
        let facility = FacilityCode::parse(facility).unwrap();
        let (id, client) = (format!("bat_{sequence}"), "key_1".to_owned());
        let batch = RunningBatch { sequence, id, client, facility, details_json: String::new() };
        Arc::new(List { batch, details: Details::default() })
    }

    fn rows(numbers: std::ops::Range<u32>) -> Vec<DueRow> {
        numbers.map(|number| DueRow { number, tries: 0, question_json: String::new() }).collect()
    }

    fn taken(desks: &mut Desks) -> Vec<(i64, u32)> {
        std::iter::from_fn(|| desks.next()).map(|job| (job.list.batch.sequence, job.row.number)).collect()
    }

    #[test]
    fn facilities_take_turns_and_so_do_their_lists() {
        let mut desks = Desks::new(4);
        let lists = [list(1, "01999"), list(2, "01999"), list(3, "79999")];
        desks.keep_only(lists.to_vec());
        desks.add(&lists[0], rows(0..100));
        desks.add(&lists[1], rows(0..2));
        desks.add(&lists[2], rows(0..100));
        let taken = taken(&mut desks);
        assert_eq!(taken, [(1, 0), (3, 0), (2, 0), (3, 1), (1, 1), (3, 2), (2, 1), (3, 3)]);
        assert!(desks.next().is_none(), "every place is taken");
    }

    #[test]
    fn no_row_is_in_hand_twice() {
        let mut desks = Desks::new(2);
        let one = list(1, "01999");
        desks.keep_only(vec![one.clone()]);
        desks.add(&one, rows(0..3));
        assert_eq!(taken(&mut desks), [(1, 0), (1, 1)]);
        // The store gives all that wait, those in hand too.
        desks.add(&one, rows(0..4));
        let key = Key { facility: one.batch.facility, sequence: 1, number: 0 };
        assert!(desks.ended(&key).is_some() && desks.ended(&key).is_none());
        assert_eq!(taken(&mut desks), [(1, 2)]);
    }

    #[test]
    fn a_list_that_does_not_run_any_more_is_let_go() {
        let mut desks = Desks::new(2);
        let (one, other) = (list(1, "01999"), list(2, "01999"));
        desks.keep_only(vec![one.clone(), other.clone()]);
        desks.add(&one, rows(0..9));
        desks.add(&other, rows(0..9));
        desks.keep_only(vec![other.clone()]);
        assert_eq!(taken(&mut desks), [(2, 0), (2, 1)]);
        desks.keep_only(Vec::new());
        assert_eq!(desks.desks.len(), 1, "rows are under way");
        for number in 0..2 {
            desks.ended(&Key { facility: one.batch.facility, sequence: 2, number });
        }
        desks.keep_only(Vec::new());
        assert!(desks.desks.is_empty());
    }

    #[test]
    fn the_store_is_asked_only_while_it_may_have_more() {
        let mut desks = Desks::new(2);
        let one = list(1, "01999");
        assert!(desks.wants_look());
        desks.keep_only(vec![one.clone()]);
        let wanted: Vec<usize> = desks.wanting(4).into_iter().map(|(_, most)| most).collect();
        assert_eq!(wanted, [8]);
        desks.add(&one, rows(0..8));
        desks.looked();
        assert!(!desks.wants_look());
        assert_eq!(taken(&mut desks).len(), 2);
        for number in 0..2 {
            desks.ended(&Key { facility: one.batch.facility, sequence: 1, number });
        }
        assert!(!desks.wants_look(), "six are read ahead");
        let ended = |desks: &mut Desks, number| {
            desks.ended(&Key { facility: one.batch.facility, sequence: 1, number });
        };
        for number in 2..7 {
            assert!(desks.next().is_some());
            ended(&mut desks, number);
        }
        assert!(desks.wants_look(), "one is left");
        desks.add(&one, Vec::new());
        assert!(!desks.wants_look(), "nothing more is due");
        desks.look_again();
        assert!(desks.wants_look());
    }
}
