//! The directory of officers: all rows or none, one default a facility, and nobody's name on the disk.

use super::*;
use crate::domain::{NationalId, PersonName};

fn row(staff_id: &str, facility: &str, name: &str, is_default: bool) -> OfficerRow {
    OfficerRow {
        staff_id: staff_id.to_owned(),
        officer: Officer {
            name: PersonName::parse(name).unwrap(),
            national_id: NationalId::parse("079085054321").unwrap(),
        },
        facility: FacilityCode::parse(facility).ok(),
        is_default,
    }
}

async fn shown(store: &Store) -> Vec<(String, String, String, bool)> {
    let mut rows: Vec<_> = store
        .officers()
        .await
        .unwrap()
        .into_iter()
        .map(|row| {
            let facility = row.facility.map(|code| code.to_string()).unwrap_or_default();
            (row.staff_id, facility, row.officer.name.as_str().to_owned(), row.is_default)
        })
        .collect();
    rows.sort();
    rows
}

#[tokio::test]
async fn rows_are_added_changed_and_replaced() {
    let rig = Rig::new();
    let store = rig.open().await;
    let at = rig.system.now();
    let first = vec![row("a", "01999", "MỘT", true), row("a", "", "HAI", false), row("b", "01999", "BA", false)];
    let imported = store.import_officers(first, false, at).await.unwrap();
    assert_eq!(imported, Some(OfficersImported { added: 3, changed: 0, removed: 0 }));
    let version = store.officers_version().await.unwrap();

    // A new default takes the place of the old one, at its facility only.
    let second = vec![row("b", "01999", "BỐN", true), row("c", "", "NĂM", true)];
    let imported = store.import_officers(second, false, at).await.unwrap();
    assert_eq!(imported, Some(OfficersImported { added: 1, changed: 1, removed: 0 }));
    assert_ne!(store.officers_version().await.unwrap(), version);
    let told = |rows: &[(&str, &str, &str, bool)]| -> Vec<_> {
        rows.iter().map(|(id, facility, name, is)| ((*id).into(), (*facility).into(), (*name).into(), *is)).collect()
    };
    let expected = [("a", "", "HAI", false), ("a", "01999", "MỘT", false), ("b", "01999", "BỐN", true)];
    let expected = [&expected[..], &[("c", "", "NĂM", true)]].concat();
    assert_eq!(shown(&store).await, told(&expected));

    // It outlives the process; a replacement leaves nobody of before.
    store.close().await;
    let store = rig.open().await;
    assert_eq!(shown(&store).await, told(&expected));
    let imported = store.import_officers(vec![row("a", "", "SÁU", false)], true, at).await.unwrap();
    assert_eq!(imported, Some(OfficersImported { added: 0, changed: 1, removed: 3 }));
    assert_eq!(shown(&store).await, told(&[("a", "", "SÁU", false)]));

    assert!(!store.remove_officer("a", FacilityCode::parse("01999").ok()).await.unwrap());
    assert!(store.remove_officer("a", None).await.unwrap());
    assert!(shown(&store).await.is_empty());
    store.close().await;
}

#[tokio::test]
async fn more_than_the_bound_changes_nothing() {
    let rig = Rig::new();
    let store = rig.open().await;
    let many = |count: usize| (0..count).map(|number| row(&format!("u{number}"), "", "A B", false)).collect::<Vec<_>>();
    let all = store.import_officers(many(OFFICERS_MAX), false, rig.system.now()).await.unwrap();
    assert_eq!(all.map(|imported| imported.added), Some(OFFICERS_MAX));
    let one = vec![row("one more", "", "A B", false)];
    assert_eq!(store.import_officers(one.clone(), false, rig.system.now()).await.unwrap(), None);
    assert_eq!(store.officers().await.unwrap().len(), OFFICERS_MAX);
    // Who is there already may change; a replacement has room.
    let changed = store.import_officers(many(1), false, rig.system.now()).await.unwrap();
    assert_eq!(changed, Some(OfficersImported { added: 0, changed: 1, removed: 0 }));
    let replaced = store.import_officers(one, true, rig.system.now()).await.unwrap();
    assert_eq!(replaced, Some(OfficersImported { added: 1, changed: 0, removed: OFFICERS_MAX }));
    store.close().await;
}

#[tokio::test]
async fn nobody_is_named_on_the_disk() {
    let rig = Rig::new();
    let store = rig.open().await;
    let rows = vec![row("tiepdon01", "01999", "NGUYỄN THỊ HUYỀN", true)];
    store.import_officers(rows, false, rig.system.now()).await.unwrap();
    let mut seen = 0;
    for entry in std::fs::read_dir(rig.config().folder).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        seen += bytes.len();
        for secret in ["tiepdon01", "HUYỀN", "079085054321"] {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} stands on the disk");
        }
    }
    assert!(seen > 10_000, "the database was looked at");
    store.close().await;
}
