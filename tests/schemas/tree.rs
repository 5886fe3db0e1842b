//! The derived files are what the tables make of them.

use crate::generate;
use crate::table;

#[test]
#[expect(clippy::disallowed_methods, reason = "the one switch of this test: write in place of compare")]
fn the_tree_is_up_to_date() {
    let write = std::env::var_os("LIENTHONG_REGENERATE").is_some_and(|value| value == "1");
    let files = generate::files();
    let mut stale = Vec::new();
    for (path, text) in &files {
        let full = table::root().join(path);
        if std::fs::read_to_string(&full).is_ok_and(|old| old == *text) {
            continue;
        }
        if write {
            std::fs::create_dir_all(full.parent().unwrap()).unwrap();
            std::fs::write(&full, text).unwrap();
        } else {
            stale.push(path.clone());
        }
    }
    for path in schemas_in_the_tree() {
        if files.contains_key(&path) {
            continue;
        }
        if write { std::fs::remove_file(table::root().join(&path)).unwrap() } else { stale.push(path) }
    }
    assert!(stale.is_empty(), "run tests/schemas/regenerate; these differ from the tables: {stale:#?}");
}

fn schemas_in_the_tree() -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![table::root().join("schemas")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "xsd") {
                found.push(path.strip_prefix(table::root()).unwrap().to_string_lossy().into_owned());
            }
        }
    }
    found
}
