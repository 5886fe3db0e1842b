//! Records of several versions: nothing overtakes, nothing takes another's place, and what is in force at the portal is
//! the last that it took.

use std::collections::{BTreeMap, HashMap};

use super::Picture;
use crate::papers::Kind;

impl Picture {
    pub(super) fn records_keep_their_order(&self, found: &mut Vec<String>) {
        let place_of: HashMap<[u8; 32], usize> =
            self.entries.iter().enumerate().map(|(place, entry)| (entry.paper.sha256, place)).collect();
        let mut records: BTreeMap<(Kind, &str, &str), Vec<usize>> = BTreeMap::new();
        for (place, entry) in self.entries.iter().enumerate() {
            if let Some(record) = entry.paper.record() {
                records.entry(record).or_default().push(place);
            }
        }
        for places in records.values() {
            self.kept_in_order(places, found);
            self.sent_in_order(places, found);
        }
        // Whose place each one took, by the portal's own word.
        let place_of_number: HashMap<u64, Option<usize>> =
            self.submissions.iter().map(|taken| (taken.number, place_of.get(&taken.sha256).copied())).collect();
        for taken in &self.submissions {
            let Some(replaced) = taken.replaced else { continue };
            let places = (place_of.get(&taken.sha256), place_of_number.get(&replaced).copied().flatten());
            let same = match places {
                (Some(new), Some(old)) => self.entries[*new].paper.record() == self.entries[old].paper.record(),
                _ => false,
            };
            if !same {
                found.push(format!("submission {} took the place of {replaced}, another record", taken.number));
            }
        }
    }

    /// The gateway numbers versions in the order of the ledger.
    fn kept_in_order(&self, places: &[usize], found: &mut Vec<String>) {
        let version = |place: usize| self.documents[place].as_ref().and_then(|document| document["version"].as_u64());
        for pair in places.windows(2) {
            if version(pair[0]) >= version(pair[1]) {
                let versions = (version(pair[0]), version(pair[1]));
                found.push(self.tell(pair[1], &format!("versions {versions:?} of its record are out of order")));
            }
        }
    }

    /// The portal got the versions in their order, and the last one that it acknowledged is in force.
    fn sent_in_order(&self, places: &[usize], found: &mut Vec<String>) {
        let mut arrived: Vec<(u64, usize)> = places
            .iter()
            .flat_map(|place| self.held[*place].iter().map(|number| (self.submissions[*number].number, *place)))
            .collect();
        arrived.sort_unstable();
        let version = |place: usize| self.entries[place].paper.version;
        for pair in arrived.windows(2) {
            let ((_, earlier), (number, later)) = (pair[0], pair[1]);
            if version(later) < version(earlier) {
                let what = format!("arrived as {number}, after version {}", version(earlier));
                found.push(self.tell(later, &what));
            }
        }
        let last_acknowledged = places.iter().copied().filter(|place| self.state(*place) == "acknowledged").max();
        let (Some(last), Some((_, in_force))) = (last_acknowledged, arrived.last().copied()) else { return };
        // Newer content may be there only if the gateway says that it may be: a lost answer, then withdrawn or parked.
        let may_be_there = matches!(self.state(in_force), "unknown" | "cancelled" | "superseded" | "rejected" | "held");
        if version(in_force) < version(last) || (in_force != last && !may_be_there) {
            let what = format!("is the last one acknowledged, but version {} is in force", version(in_force));
            found.push(self.tell(last, &what));
        }
    }
}
