//! The lists that the program does not have, as a hospital puts them into its folder of schemas: those of the bases' codes
//! that exist, and a few more for the neighbours. Invented, but for codes of diseases, services and drugs.

use std::path::Path;
use std::sync::Arc;

use lienthong::document::Rulebook;
use lienthong::document::schema::Library;

/// The case file that is read with these lists.
pub(crate) const FILE: &str = "lists.csv";

/// Name and codes.
const LISTS: [(&str, &[&str]); 10] = [
    ("communes", &["00070", "16681"]),
    ("drugs", &["40.677", "40.695"]),
    ("equipment", &["HH.1.SN0001", "SA.1.SN0002", "NS.1.SN0003", "ĐT.1.SN0009"]),
    ("facilities", &["01998", "01999", "40998", "40999"]),
    ("icd10", &["I10", "I20.0", "K29", "K29.7"]),
    ("occupations", &["33", "61"]),
    ("services", &["18.0015.0001", "20.0080.0135", "21.0014.1778", "22.0120.1370", "22.0121.1369"]),
    (
        "staff",
        &["000001/HNO-GPHN", "000003/NA-GPHN", "000123/HNO-GPHN", "000456/HNO-GPHN", "000777/NA-GPHN", "0199999990"],
    ),
    ("supplies", &["N07.01.010", "N08.00.190"]),
    ("traditional-medicine", &["U58.001", "U58.002"]),
];

/// The rules with the lists, read as the program reads them.
pub(crate) fn rulebook() -> Rulebook {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let library = Library::with_folder(folder.path()).unwrap_or_else(|faults| panic!("{faults:?}"));
    Rulebook::new(Arc::new(library)).unwrap_or_else(|faults| panic!("{faults:?}"))
}

/// The names of the lists.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    LISTS.iter().map(|(name, _)| *name)
}

fn write(folder: &Path) {
    let rows = LISTS.map(|(name, _)| format!("{name},Danh mục thử,A list for tests,invented,code\n")).concat();
    let index = format!("list,meaning_vi,meaning_en,source,code_column\n{rows}");
    std::fs::write(folder.join("lists.csv"), index).unwrap();
    std::fs::create_dir(folder.join("code-lists")).unwrap();
    for (name, codes) in LISTS {
        let text = format!("code\n{}\n", codes.join("\n"));
        std::fs::write(folder.join(format!("code-lists/{name}.csv")), text).unwrap();
    }
}
