//! Rows in order, and found by staff id. Pure.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::FacilityCode;
use crate::store::OfficerRow;

/// The rows of one source.
#[derive(Default)]
pub(super) struct Book {
    /// By staff id, then facility; rows for all facilities first. Sorted rather than hashed: the list is shown in this
    /// order, and a hundred thousand rows are found in seventeen steps.
    rows: Vec<Arc<OfficerRow>>,
    defaults: HashMap<Option<FacilityCode>, Arc<OfficerRow>>,
}

impl Book {
    pub(super) fn of(rows: Vec<OfficerRow>) -> Self {
        let mut rows: Vec<Arc<OfficerRow>> = rows.into_iter().map(Arc::new).collect();
        rows.sort_unstable_by(|one, other| {
            (&one.staff_id, one.facility, !one.is_default).cmp(&(&other.staff_id, other.facility, !other.is_default))
        });
        let defaults = rows.iter().filter(|row| row.is_default).map(|row| (row.facility, row.clone())).collect();
        Self { rows, defaults }
    }

    /// Of the facility before for all.
    pub(super) fn find(&self, facility: &FacilityCode, staff_id: &str) -> Option<&Arc<OfficerRow>> {
        let at = |facility: Option<FacilityCode>| {
            let found =
                self.rows.binary_search_by(|row| (row.staff_id.as_str(), row.facility).cmp(&(staff_id, facility)));
            found.ok().and_then(|place| self.rows.get(place))
        };
        at(Some(*facility)).or_else(|| at(None))
    }

    /// Of the facility before for all.
    pub(super) fn default_of(&self, facility: &FacilityCode) -> Option<&Arc<OfficerRow>> {
        self.defaults.get(&Some(*facility)).or_else(|| self.defaults.get(&None))
    }

    /// The rows from a staff id on, in order; all of them without one.
    pub(super) fn after(&self, staff_id: Option<&str>) -> impl Iterator<Item = &Arc<OfficerRow>> {
        let begin = staff_id.map_or(0, |id| self.rows.partition_point(|row| row.staff_id.as_str() < id));
        self.rows.iter().skip(begin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{NationalId, Officer, PersonName};

    fn row(staff_id: &str, facility: &str, name: &str, is_default: bool) -> OfficerRow {
        OfficerRow {
            staff_id: staff_id.into(),
            officer: Officer {
                name: PersonName::parse(name).unwrap(),
                national_id: NationalId::parse("001181012345").unwrap(),
            },
            facility: FacilityCode::parse(facility).ok(),
            is_default,
        }
    }

    #[test]
    fn a_row_of_the_facility_is_found_before_one_for_all() {
        let book = Book::of(vec![
            row("b", "", "CHUNG", false),
            row("a", "01999", "A MOT", true),
            row("b", "01999", "B MOT", false),
            row("c", "", "C CHUNG", true),
            row("a", "79999", "A HAI", false),
        ]);
        for (facility, staff_id, name) in [
            ("01999", "a", Some("A MOT")),
            ("79999", "a", Some("A HAI")),
            ("38999", "a", None),
            ("01999", "b", Some("B MOT")),
            ("79999", "b", Some("CHUNG")),
            ("01999", "B", None),
            ("01999", "", None),
        ] {
            let facility = FacilityCode::parse(facility).unwrap();
            let found = book.find(&facility, staff_id).map(|row| row.officer.name.as_str().to_owned());
            assert_eq!(found.as_deref(), name, "{staff_id} at {facility}");
        }
        for (facility, name) in [("01999", "A MOT"), ("79999", "C CHUNG")] {
            let facility = FacilityCode::parse(facility).unwrap();
            assert_eq!(book.default_of(&facility).unwrap().officer.name.as_str(), name);
        }
        let listed: Vec<_> = book.after(Some("b")).map(|row| row.staff_id.as_str()).collect();
        assert_eq!(listed, ["b", "b", "c"]);
        assert_eq!(book.after(None).count(), 5);
    }
}
