//! Folders that are right, and every way in which one is wrong.

use super::*;

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

fn load(files: &[(&str, &str)]) -> Result<Library, Vec<(String, u32)>> {
    let loaded = Library::with_folder(folder(files).path());
    loaded.map_err(|faults| {
        for fault in &faults {
            for words in [&fault.what, &fault.cure] {
                assert!(!words.vi.is_empty() && !words.en.is_empty());
            }
        }
        faults.into_iter().map(|fault| (fault.file.to_string_lossy().into_owned(), fault.line)).collect()
    })
}

fn faults(files: &[(&str, &str)]) -> Vec<(String, u32)> {
    load(files).map(|library| format!("{library:?}")).unwrap_err()
}

fn at(path: &str, line: u32) -> (String, u32) {
    (path.to_owned(), line)
}

fn xml1(version: &str) -> String {
    Library::embedded().entry("XML1", version).unwrap().text().to_owned()
}

const VERSIONS: &str = "family,version,valid_from,based_on,decision\nclaim,5000,2027-01-01,1931,QĐ 5000\n";

#[test]
fn what_is_in_the_folder_replaces_and_adds() {
    // A field less: what was right before is a fault now.
    let changed = xml1("3176").replace("name=\"HO_TEN\"", "name=\"TEN\"");
    assert_ne!(changed, xml1("3176"));
    let library = load(&[
        ("claim/3176/XML1.xsd", &changed),
        ("claim/5000/XML2.xsd", Library::embedded().entry("XML2", "3176").unwrap().text()),
        ("versions.csv", VERSIONS),
        ("code-lists/ma-pttt.csv", "code,meaning_vi\n9,Mới\n"),
        (".git/config", "x"),
    ])
    .unwrap();
    assert_eq!(library.entry("XML1", "3176").unwrap().text(), changed);
    assert!(!library.entry("XML1", "3176").unwrap().is_embedded());
    assert!(library.entry("XML3", "3176").unwrap().is_embedded());
    assert_eq!(library.version_on("XML1", 20261231), Some("1931"));
    assert_eq!(library.version_on("XML1", 20270101), Some("5000"));
    // By way of 1931, which is based on 3176 itself.
    assert_eq!(library.entry("XML1", "5000").unwrap().version(), "3176");
    assert_eq!(library.entry("XML3", "5000").unwrap().version(), "1931");
    assert_eq!(library.version("claim", "5000").unwrap().first_day().as_deref(), Some("2027-01-01"));
    assert!(library.reference().contains("ma-pttt", "9") && !library.reference().contains("ma-pttt", "1"));
}

#[test]
fn an_empty_folder_changes_nothing() {
    let library = load(&[]).unwrap();
    assert_eq!(library.entries().count(), Library::embedded().entries().count());
}

#[test]
fn the_exported_tree_is_read_back() {
    let exported = Library::embedded().files();
    let files: Vec<(&str, &str)> = exported.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let library = load(&files).unwrap();
    assert!(library.entries().all(|entry| !entry.is_embedded()));
    assert_eq!(library.files(), exported);
}

#[test]
fn the_tree_of_the_project_can_serve_as_the_folder() {
    let library = Library::with_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas")).unwrap();
    assert_eq!(library.files(), Library::embedded().files());
}

#[test]
fn every_fault_is_told_and_nothing_is_loaded() {
    let broken = xml1("3176").replacen("<xs:sequence>", "<xs:sequence><xs:group/>", 1);
    let line = broken.lines().position(|line| line.contains("xs:group")).unwrap() as u32 + 1;
    let wrong = "clam,1,,,\nclaim,2,2027-02-30,,\nclaim,3,2027-02-28,,\nclaim,3,,7,\n";
    let found = faults(&[
        ("claim/3176/XML1.xsd", &broken),
        ("claim/3176/XML2.xsd", "<a"),
        ("claim/3176/XML0.xsd", "x"),
        ("claim/3176/xml3.xsd", "x"),
        ("claim/3176/note.txt", "x"),
        ("claim/3176/XML1.xsd.xsd", "<a"),
        ("claims/3176/XML1.xsd", "x"),
        ("claim/3176/deep/XML1.xsd", "x"),
        ("versions.csv", &format!("{VERSIONS}{wrong}")),
        ("code-lists/ma-pttt.csv", "code\n1,2\n"),
        ("code-lists/x.txt", ""),
        ("other.csv", "a\n"),
    ]);
    let expected = [
        at("claim/3176/XML0.xsd", 1),
        at("claim/3176/XML1.xsd", line),
        at("claim/3176/XML1.xsd.xsd", 1),
        at("claim/3176/XML2.xsd", 1),
        at("claim/3176/deep", 1),
        at("claim/3176/note.txt", 1),
        at("claim/3176/xml3.xsd", 1),
        at("claims/3176/XML1.xsd", 1),
        at("code-lists/ma-pttt.csv", 2),
        at("code-lists/x.txt", 1),
        at("other.csv", 1),
        at("versions.csv", 3),
        at("versions.csv", 4),
        at("versions.csv", 6),
        at("versions.csv", 6),
    ];
    assert_eq!(found, expected);
    let unknown = ("claim/9/XML3.xsd", Library::embedded().entry("XML3", "3176").unwrap().text().to_owned());
    assert_eq!(faults(&[(unknown.0, &unknown.1)]), [at("claim/9/XML3.xsd", 1)]);
}

#[test]
fn a_known_part_keeps_its_root_and_its_identity() {
    let root = xml1("3176").replace("name=\"TONG_HOP\"", "name=\"TONGHOP\"");
    assert_eq!(faults(&[("claim/3176/XML1.xsd", &root)]).len(), 1);
    let without = xml1("3176").replace("name=\"MA_LK\"", "name=\"MALK\"");
    assert_eq!(faults(&[("claim/3176/XML1.xsd", &without)]).len(), 1);
    let line = xml1("3176").lines().position(|line| line.contains("name=\"MA_CSKCB\"")).unwrap() as u32 + 1;
    let twice = xml1("3176").replace("name=\"MA_CSKCB\"", "name=\"MA_CSKCB\" maxOccurs=\"2\"");
    assert_eq!(faults(&[("claim/3176/XML1.xsd", &twice)]), [at("claim/3176/XML1.xsd", line)]);
}

#[test]
fn a_new_version_leaves_no_part_unchecked() {
    let versions = VERSIONS.replace(",1931,", ",,");
    assert_eq!(faults(&[("versions.csv", &versions)]), [at("versions.csv", 2)]);
    load(&[("versions.csv", VERSIONS)]).unwrap();
    assert_eq!(faults(&[("versions.csv", &VERSIONS.replace(",1931,", ",5000,"))]), [at("versions.csv", 2)]);
    // Nor does an old one that is given another ground.
    assert_eq!(
        faults(&[("versions.csv", &VERSIONS.replace("5000,2027-01-01,1931", "1931,2026-07-01,"))]),
        [at("versions.csv", 2)]
    );
    let old = VERSIONS.replace("5000,2027-01-01,1931", "130,2023-02-01,");
    assert_eq!(load(&[("versions.csv", &old)]).unwrap().version("claim", "130").unwrap().valid_from, 20230201);
}

#[test]
fn what_is_too_much_or_no_text_is_refused() {
    let large = "x".repeat((8 << 20) + 1);
    assert_eq!(faults(&[("code-lists/ma-pttt.csv", &large)]), [at("code-lists/ma-pttt.csv", 1)]);
    let folder = folder(&[]);
    std::fs::write(folder.path().join("versions.csv"), [b'f', 0xFF]).unwrap();
    assert_eq!(Library::with_folder(folder.path()).unwrap_err().len(), 1);
    assert_eq!(Library::with_folder(&folder.path().join("nothing")).unwrap_err().len(), 1);
}

#[test]
fn a_part_that_is_new_joins_the_family_of_its_folder() {
    let text = "<s:schema xmlns:s='http://www.w3.org/2001/XMLSchema'><s:element name='R' type='s:string'/></s:schema>";
    let library = load(&[("claim/3176/XML99.xsd", text)]).unwrap();
    let part = library.part("XML99").unwrap();
    assert_eq!((part.family.as_str(), part.root.as_str()), ("claim", "R"));
    assert!(library.schema("XML99", "1931").unwrap().is_ok());
}
