//! `validate` as a person, a build server and a spreadsheet meet it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;

use crate::documents::{self, with_parts};
use crate::process::PROGRAM;

const BIRTH: &str = include_str!("../../schemas/birth-certificate/sample.xml");
const DRIVER: &str = include_str!("../../schemas/driver-health-exam/sample.json");

/// A folder to check documents in.
struct Folder(TempDir);

/// What the command said.
struct Told {
    code: i32,
    out: String,
    err: String,
}

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn link(&self, target: &str, name: &str) {
        std::os::unix::fs::symlink(target, self.path(name)).unwrap();
    }

    /// Runs `validate` with these arguments in the folder.
    fn validate(&self, arguments: &[&str]) -> Told {
        self.validate_input(arguments, b"")
    }

    fn validate_input(&self, arguments: &[&str], input: &[u8]) -> Told {
        let mut command = std::process::Command::new(PROGRAM);
        command.arg("validate").args(arguments).current_dir(self.0.path()).env("LANG", "en_US.UTF-8");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // One that ends without reading is no fault of the test.
        drop(child.stdin.take().unwrap().write_all(input));
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).expect("what is printed is UTF-8");
        Told { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// The sample's claim with this change in its parts.
fn claim_with(from: &str, to: &str) -> String {
    let claim = documents::claim("HS0000000001");
    let changed = with_parts(&claim, |part| part.replace(from, to));
    assert_ne!(changed, claim, "{from} stands in no part");
    changed
}

fn wrong_sex() -> String {
    claim_with("<GIOI_TINH>2<", "<GIOI_TINH>7<")
}

/// A claim with a warning and no error: more records than declared.
fn warned() -> String {
    let claim = documents::claim("HS0000000001");
    claim.replace("<SOLUONGHOSO>1<", "<SOLUONGHOSO>0<")
}

fn codes(told: &Told) -> Vec<String> {
    let one: Value = serde_json::from_str(told.out.lines().next().unwrap_or_default()).unwrap();
    let findings = ["errors", "warnings"].into_iter().flat_map(|kind| one[kind].as_array().unwrap().clone());
    findings.map(|finding| finding["maLoi"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_exit_code_tells_right_from_wrong_from_unread() {
    let folder = Folder::new();
    folder.write("right.xml", documents::claim("HS0000000001"));
    folder.write("wrong.xml", wrong_sex());
    folder.write("warned.xml", warned());
    for (arguments, code, summary) in [
        (&["right.xml"][..], 0, "1 file: 0 with errors, 0 errors, 0 warnings"),
        (&["warned.xml"], 0, "1 file: 0 with errors, 0 errors, 1 warning"),
        (&["right.xml", "wrong.xml", "warned.xml"], 1, "3 files: 1 with errors, 1 error, 1 warning"),
        (&["missing.xml"], 2, "0 files: 0 with errors, 0 errors, 0 warnings, 1 not checked"),
        (&["missing.xml", "wrong.xml"], 2, "1 file: 1 with errors, 1 error, 0 warnings, 1 not checked"),
    ] {
        let told = folder.validate(arguments);
        assert_eq!((told.code, told.out.lines().last()), (code, Some(summary)), "{arguments:?}: {}", told.out);
    }
    let told = folder.validate(&["missing.xml"]);
    assert_eq!(told.err, "missing.xml: cannot be checked: there is no such file\n");
    let told = folder.validate(&["--lang", "vi", "missing.xml", "wrong.xml"]);
    assert_eq!(told.err, "missing.xml: không kiểm tra được: không có tệp này\n");
    assert!(told.out.ends_with("1 tệp: 1 có lỗi, 1 lỗi, 0 cảnh báo, 1 không kiểm tra được\n"), "{}", told.out);
    assert_eq!(folder.validate(&[]).code, 1, "nothing to check is a wrong command line");
    assert_eq!(folder.validate(&["--format", "pdf", "right.xml"]).code, 1);
}

#[test]
fn of_a_folder_all_documents_in_it_and_below_are_checked_once() {
    let folder = Folder::new();
    folder.write("in/b/2.XML", documents::claim("HS0000000002"));
    folder.write("in/b/3.json", DRIVER);
    folder.write("in/a.xml", wrong_sex());
    folder.write("in/note.txt", "no document");
    folder.write("in/b/.swp", "no document");
    folder.link(".", "in/b/circle");
    folder.link("../../in", "in/b/above");
    folder.link("nowhere.txt", "in/other");
    let told = folder.validate(&["--json", "in"]);
    let files: Vec<Value> = told.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<&str> = files.iter().map(|file| file["file"].as_str().unwrap()).collect();
    assert_eq!((told.code, names.as_slice()), (1, &["in/a.xml", "in/b/2.XML", "in/b/3.json"][..]), "{}", told.err);
    assert_eq!(files[1]["spec"], "QD3176");

    // What cannot be read is told, and the others are checked.
    folder.link("nowhere.xml", "in/b/1.xml");
    let told = folder.validate(&["--json", "in"]);
    let second: Value = serde_json::from_str(told.out.lines().nth(1).unwrap()).unwrap();
    assert_eq!((told.code, told.out.lines().count(), &second["file"]), (2, 4, &Value::from("in/b/1.xml")));
    assert_eq!(second["unreadable"], "there is no such file");

    // A folder without a document is a mistake, not a success. A pipe in a folder is not waited for.
    std::fs::create_dir(folder.path("empty")).unwrap();
    let pipe = folder.path("empty/pipe.xml");
    assert!(std::process::Command::new("mkfifo").arg(pipe).status().unwrap().success());
    let told = folder.validate(&["empty"]);
    assert_eq!(
        (told.code, told.err.as_str()),
        (2, "empty: cannot be checked: the folder holds no .xml or .json file\n")
    );
}

#[test]
fn standard_input_is_a_document_like_any_other() {
    let folder = Folder::new();
    let right = documents::claim("HS0000000001");
    assert_eq!(folder.validate_input(&["-"], right.as_bytes()).code, 0);
    let told = folder.validate_input(&["-"], wrong_sex().as_bytes());
    assert!(told.code == 1 && told.out.contains("--> <stdin>:13: XML1:9:3"), "{}", told.out);
    assert_eq!(folder.validate_input(&["--json", "-"], DRIVER.as_bytes()).code, 0);
}

#[test]
fn a_finding_shows_the_line_the_place_and_the_cure() {
    let folder = Folder::new();
    folder.write("a.xml", wrong_sex());
    let english = "error[XSD_ENUMERATION]: The code is not in the list. (7)
  --> a.xml:13: XML1:9:3 (record 1, row 1, GIOI_TINH)
  |
9 | <GIOI_TINH>•</GIOI_TINH>
  | ^^^^^^^^^^^
  = Choose a code of the list. Wanted: one of the codes 1, 2, 3.

1 file: 1 with errors, 1 error, 0 warnings
";
    let vietnamese = "lỗi[XSD_ENUMERATION]: Mã không có trong danh mục. (7)
  --> a.xml:13: XML1:9:3 (hồ sơ 1, dòng 1, GIOI_TINH)
  |
9 | <GIOI_TINH>•</GIOI_TINH>
  | ^^^^^^^^^^^
  = Chọn một mã của danh mục. Cần: một trong các mã 1, 2, 3.

1 tệp: 1 có lỗi, 1 lỗi, 0 cảnh báo
";
    assert_eq!(folder.validate(&["a.xml"]).out, english);
    assert_eq!(folder.validate(&["--lang", "vi", "a.xml"]).out, vietnamese);
    assert!(folder.validate(&["a.xml", "--show-values"]).out.contains("<GIOI_TINH>7</GIOI_TINH>"));

    // A place in the file itself, and one without a line to show.
    folder.write("b.xml", documents::claim("HS0000000001").replace("<SOLUONGHOSO>1<", "<SOLUONGHOSO>2<"));
    let told = folder.validate(&["b.xml"]).out;
    assert!(
        told.contains("--> b.xml:8:5 (SOLUONGHOSO)\n  |\n8 | <SOLUONGHOSO>•</SOLUONGHOSO>\n  | ^^^^^^^^^^^^^\n"),
        "{told}"
    );
    folder.write("c.xml", "");
    assert!(folder.validate(&["c.xml"]).out.contains("error[XML_EMPTY]"));
    folder.write("d.xml", with_first_content(&wrong_sex(), "@@@@"));
    let told = folder.validate(&["d.xml"]).out;
    assert!(told.contains("--> d.xml:13:11: XML1 (record 1, NOIDUNGFILE)\n  = "), "{told}");
}

#[test]
fn what_the_readme_shows_is_what_is_printed() {
    let checkin = include_str!("../../schemas/checkin/sample.xml");
    let wrong = checkin.replace("<GIOI_TINH>2", "<GIOI_TINH>7");
    let told = Folder::new().validate_input(&["--lang", "en", "-"], wrong.as_bytes()).out;
    assert!(include_str!("../../README.md").contains(told.trim_end()), "{told}");
}

/// A package whose first part has this for its base64.
fn with_first_content(package: &str, content: &str) -> String {
    let (before, rest) = package.split_once("<NOIDUNGFILE>").unwrap();
    let (_, after) = rest.split_once("</NOIDUNGFILE>").unwrap();
    format!("{before}<NOIDUNGFILE>{content}</NOIDUNGFILE>{after}")
}

#[test]
fn the_line_is_found_however_the_file_is_written() {
    let folder = Folder::new();
    let windows = with_parts(&wrong_sex(), |part| format!("\u{FEFF}{}", part.replace('\n', "\r\n")));
    let windows = format!("\u{FEFF}{}", windows.replace('\n', "\r\n"));
    let quoted = "9 | <GIOI_TINH>•</GIOI_TINH>\n  | ^^^^^^^^^^^\n";
    folder.write("windows.xml", windows);
    let told = folder.validate(&["windows.xml"]).out;
    assert!(told.contains("windows.xml:13: XML1:9:3") && told.contains(quoted) && !told.contains('\r'), "{told}");

    // A whole package, and each part, in one line.
    let in_one_line = with_parts(&wrong_sex(), |part| part.replace('\n', "")).replace('\n', "");
    folder.write("one.xml", in_one_line);
    let told = folder.validate(&["one.xml"]).out;
    let shown = told.lines().find(|line| line.starts_with("1 | ")).unwrap();
    let marks = told.lines().find(|line| line.contains('^')).unwrap();
    let (before, length) = (marks.find('^').unwrap(), marks.matches('^').count());
    assert_eq!(shown.chars().skip(before).take(length).collect::<String>(), "<GIOI_TINH>", "{told}");
    assert!(shown.chars().count() < 130 && shown.ends_with('…'), "{told}");

    // A part that stands twice in its record: each finding shows its own.
    let claim = documents::claim("HS0000000001");
    let start = claim.find("<FILEHOSO>").unwrap();
    let end = claim.find("</FILEHOSO>").unwrap() + "</FILEHOSO>".len();
    let first = &claim[start..end];
    let second = with_parts(first, |part| part.replace("<GIOI_TINH>2<", "<GIOI_TINH >\n7<"));
    folder.write("twice.xml", format!("{}{first}\n{second}{}", &claim[..start], &claim[end..]));
    let told = folder.validate(&["twice.xml"]).out;
    assert!(told.contains("error[REPEATED_PART]") && told.contains("9 | <GIOI_TINH >\n  | ^^^^^^^^^^^^\n"), "{told}");
}

/// Texts of the samples that name, or lead to, their invented people.
const PERSONAL: [&str; 15] = [
    "NGUYỄN",
    "VÍ DỤ",
    "001185012345",
    "phố Mẫu",
    "0900000000",
    "HS0000000001",
    "LÊ THỊ",
    "VÕ",
    "MINH MẪU",
    "079196012345",
    "19960820",
    "PHẠM",
    "048201012345",
    "05/09/2001",
    "đường Mẫu",
];

/// Documents wrong in every field, with their values still in them.
fn all_wrong() -> Vec<(&'static str, String)> {
    let claim = documents::claim("HS0000000001");
    // Every value is too long and of the wrong form, but begins as before.
    let spoilt = |text: &str| text.replace("</", &format!("{}</", " x".repeat(600)));
    let renamed = |text: &str| text.replace("</", "_X</").replace("_X</NOIDUNG", "</NOIDUNG");
    let unclosed = |text: &str| text.replacen("HO_TEN>", "HO_TEN ", 1);
    let commented = |text: &str| text.replace("<HO_TEN>", "<!-- NGUYỄN --><HOTEN><![CDATA[NGUYỄN]]>");
    vec![
        ("spoilt.xml", with_parts(&claim, spoilt)),
        ("renamed.xml", with_parts(&claim, renamed)),
        ("unclosed.xml", with_parts(&claim, unclosed)),
        ("commented.xml", with_parts(&claim, commented)),
        ("joined.xml", with_parts(&claim, |part| spoilt(&part.replace('\n', "")))),
        (
            "swapped.xml",
            with_parts(&claim, |part| part.replace("HO_TEN>", "GIOI_TINH>").replace("SO_CCCD>", "MA_LOAI_KCB>")),
        ),
        ("birth.xml", spoilt(BIRTH)),
        ("birth-cut.xml", BIRTH.split_at(BIRTH.find("GIẢ ĐỊNH").unwrap()).0.to_owned()),
        ("birth-text.xml", BIRTH.replace("<HOTEN_NND>", "<HOTEN_NND").replace("<TEN_CON>", "VÕ <LÊ THỊ")),
        ("exam.json", DRIVER.replace("\": \"", "\": \" ")),
        ("exam-long.json", DRIVER.replace("\",\n", &format!("{}\",\n", "x".repeat(600)))),
        ("exam-broken.json", DRIVER.replace("\"HOTEN\": ", "\"PHẠM VĂN\" ")),
    ]
}

#[test]
fn nothing_printed_names_a_person_unless_asked() {
    let folder = Folder::new();
    let documents = all_wrong();
    for (name, text) in &documents {
        folder.write(name, text);
        let told = folder.validate(&["--show-values", name]);
        assert_eq!(told.code, 1, "{name} is wrong");
    }
    let names: Vec<&str> = documents.iter().map(|(name, _)| *name).collect();
    let shown = folder.validate(&[&["--show-values"], &names[..]].concat()).out;
    for text in ["NGUYỄN THỊ", "LÊ THỊ GIẢ", "PHẠM"] {
        assert!(shown.contains(text), "{text} would be shown, so that its absence tells something");
    }
    for format in ["text", "json", "sarif", "junit", "csv"] {
        for language in ["vi", "en"] {
            let told = folder.validate(&[&["--lang", language, "--format", format], &names[..]].concat());
            assert_eq!(told.code, 1);
            for (number, line) in told.out.lines().chain(told.err.lines()).enumerate() {
                let found = PERSONAL.iter().find(|text| line.contains(**text));
                assert_eq!(found, None, "{format}, line {number}: {line}");
            }
        }
    }
}

#[test]
fn colours_come_only_where_they_are_wanted() {
    let folder = Folder::new();
    folder.write("a.xml", wrong_sex());
    let plain = folder.validate(&["a.xml"]).out;
    assert!(!plain.contains('\u{1b}'), "no terminal, no colour");
    assert_eq!(folder.validate(&["--color", "never", "a.xml"]).out, plain);
    let colored = folder.validate(&["--color", "always", "a.xml"]).out;
    assert!(colored.contains("\u{1b}[1;31merror[XSD_ENUMERATION]\u{1b}[0m"), "{colored}");
    for format in ["json", "sarif", "junit", "csv"] {
        let told = folder.validate(&["--color", "always", "--format", format, "a.xml"]).out;
        assert!(!told.contains('\u{1b}'), "{format} is for programs");
    }
}

#[test]
fn a_files_name_cannot_rewrite_the_screen_or_break_a_form() {
    let folder = Folder::new();
    let name = "\u{1b}[2J<a&\"\u{202e},\n.xml";
    folder.write(name, wrong_sex());
    for format in ["text", "json", "sarif", "junit", "csv"] {
        let told = folder.validate(&["--format", format, name, "missing\u{1b}[2J.xml"]);
        assert_eq!(told.code, 2);
        assert!(!told.out.contains('\u{1b}') && !told.err.contains('\u{1b}'), "{format}: {}", told.out);
    }
    xmllint(&folder, &folder.validate(&["--format", "junit", name]).out);
}

/// The text is XML, as libxml2 reads it.
fn xmllint(folder: &Folder, text: &str) {
    folder.write("junit.out", text);
    let judged = std::process::Command::new("xmllint").arg("--noout").arg(folder.path("junit.out")).output().unwrap();
    assert!(judged.status.success(), "{}\n{text}", String::from_utf8_lossy(&judged.stderr));
}

#[test]
fn sarif_has_rules_results_and_what_was_not_checked() {
    let folder = Folder::new();
    folder.write("a b.xml", wrong_sex());
    folder.write("wrong.xml", claim_with("<MA_LOAI_KCB>", "<MA_LOAI_KCB>x"));
    let sarif = |arguments: &[&str]| -> Value {
        let told = folder.validate(&[&["--format", "sarif"], arguments].concat());
        serde_json::from_str(&told.out).unwrap_or_else(|error| panic!("{error}: {}", told.out))
    };
    let told = sarif(&["a b.xml", "missing.xml", "wrong.xml"]);
    assert_eq!(told["version"], "2.1.0");
    let run = &told["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    assert!(rules.len() > 50 && rules.iter().any(|rule| rule["id"] == "T-01"), "{} rules", rules.len());
    let results = run["results"].as_array().unwrap();
    assert!(results.len() >= 2, "{results:?}");
    let first = &results[0];
    assert_eq!((&first["ruleId"], &first["level"]), (&Value::from("XSD_ENUMERATION"), &Value::from("error")));
    let location = &first["locations"][0];
    assert_eq!(location["physicalLocation"]["artifactLocation"]["uri"], "a%20b.xml");
    assert_eq!(location["physicalLocation"]["region"]["startLine"], 13);
    assert_eq!((&first["properties"]["partLine"], &first["properties"]["field"]), (&9.into(), &"GIOI_TINH".into()));
    assert_eq!(run["invocations"][0]["executionSuccessful"], false);
    let notified = &run["invocations"][0]["toolExecutionNotifications"];
    assert_eq!(notified[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], "missing.xml");

    let whole = folder.path("a b.xml");
    let told = sarif(&[whole.to_str().unwrap()]);
    let uri = told["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].clone();
    assert!(uri.as_str().unwrap().starts_with("file:///"), "{uri}");
    folder.write("right.xml", documents::claim("HS0000000001"));
    let told = sarif(&["right.xml"]);
    assert_eq!(told["runs"][0]["results"], serde_json::json!([]));
    assert_eq!(told["runs"][0]["invocations"][0]["executionSuccessful"], true);
}

#[test]
fn junit_has_a_case_for_each_file() {
    let folder = Folder::new();
    folder.write("wrong.xml", wrong_sex());
    folder.write("warned.xml", warned());
    let told = folder.validate(&["--format", "junit", "wrong.xml", "warned.xml", "missing.xml"]).out;
    xmllint(&folder, &told);
    assert_eq!(told.matches("<testcase ").count(), 3, "{told}");
    assert!(
        told.contains("<failure type=\"invalid\" message=\"1 error\">wrong.xml:13 [XSD_ENUMERATION] XML1"),
        "{told}"
    );
    assert!(told.contains("<system-out>warned.xml:8 [COUNT_MORE]"), "{told}");
    assert!(told.contains("<error type=\"unreadable\">there is no such file</error>"), "{told}");
}

#[test]
fn an_error_that_is_not_listed_any_more_is_told_all_the_same() {
    let folder = Folder::new();
    let warning = "HOUSE-01,XML2,no drugs,warning,this hospital,,check,,,Thuốc.,A drug.,Bỏ.,Remove it.\n";
    house_rule(&folder, warning, "HOUSE-01,XML2,empty,MA_THUOC,,\n");
    let many = with_parts(&documents::claim("HS0000000001"), |part| {
        let row = part.split_once("<CHI_TIET_THUOC>").and_then(|(_, rest)| rest.split_once("</CHI_TIET_THUOC>"));
        let Some((row, _)) = row else { return part.replace("</NGAY_YL>", "x</NGAY_YL>") };
        let rows = format!("<CHI_TIET_THUOC>{row}</CHI_TIET_THUOC>").repeat(1_200);
        part.replacen("<CHI_TIET_THUOC>", &format!("{rows}<CHI_TIET_THUOC>"), 1)
    });
    folder.write("many.xml", many);
    let configuration = ["--schemas", "tables", "many.xml"];
    for format in ["text", "csv", "sarif", "junit"] {
        let told = folder.validate(&[&["--format", format], &configuration[..]].concat());
        assert_eq!(told.code, 1, "{format}");
        let text = if format == "text" { &told.out } else { &told.err };
        assert!(text.contains(" more errors and warnings are not listed"), "{format}: {}", told.err);
        if format == "junit" {
            assert!(told.out.contains("errors\"></failure>"), "no error is listed: {}", told.out);
            xmllint(&folder, &told.out);
        }
    }
}

/// A folder of tables with one rule more.
fn house_rule(folder: &Folder, rule: &str, check: &str) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    let table = |name: &str| std::fs::read_to_string(source.join(name)).unwrap();
    folder.write("tables/rules.csv", table("rules.csv") + rule);
    folder.write("tables/checks.csv", table("checks.csv") + check);
}

#[test]
fn csv_is_a_table_in_which_no_cell_is_a_formula() {
    let folder = Folder::new();
    folder.write("=cmd.xml", wrong_sex());
    let told = folder.validate(&["--format", "csv", "=cmd.xml", "missing.xml"]).out;
    let text = told.strip_prefix('\u{FEFF}').expect("spreadsheets know UTF-8 by the mark");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let head: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(
        head.join(","),
        "file,severity,code,record,part,row,field,line,column,envelope_line,value,message,cure,xpath"
    );
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let shown: Vec<&str> = rows[0].iter().take(11).collect();
    assert_eq!(shown, ["'=cmd.xml", "error", "XSD_ENUMERATION", "1", "XML1", "1", "GIOI_TINH", "9", "3", "13", "7"]);
    assert_eq!((&rows[1][0], &rows[1][2]), ("missing.xml", "UNREADABLE"));
    assert!(rows.iter().flat_map(|row| row.iter()).all(|cell| !cell.starts_with(['=', '+', '-', '@'])), "{rows:?}");
}

#[test]
fn a_configuration_says_which_rules_count() {
    let folder = Folder::new();
    let gateway = |documents: &str| {
        format!(
            "mode = \"test\"\n[data]\nfolder = \"data\"\n\
             [api]\nlisten = \"127.0.0.1:0\"\ncertificate = \"api.pem\"\nkey = \"api.key\"\n\
             [facade]\nlisten = \"127.0.0.1:0\"\n[portal]\nbase_url = \"https://127.0.0.1:1\"\n[documents]\n{documents}\n\
             [[facility]]\ncode = \"01999\"\nname = \"Thử\"\npassword_file = \"password\"\n\
             officer_name = \"NGUYỄN THỊ B\"\nofficer_id = \"001181012345\"\n"
        )
    };
    let authority = lienthong::certs::Authority::make("lienthong tests", &lienthong::system::System::real()).unwrap();
    let pem = authority.issue_server(&["127.0.0.1".into()], 2).unwrap();
    let private = |name: &str, text: &str| {
        let existing = lienthong::certs::file::Existing::Replace;
        lienthong::certs::file::write_private(&folder.path(name), text, existing).unwrap();
    };
    folder.write("api.pem", &pem.certificate);
    private("api.key", &pem.key);
    private("password", "x");
    folder.write("a.xml", wrong_sex());
    let with = |documents: &str| {
        folder.write("gateway.toml", gateway(documents));
        folder.validate(&["--json", "--config", "gateway.toml", "a.xml"])
    };
    let table = with("");
    assert_eq!((table.code, codes(&table)), (1, vec!["XSD_ENUMERATION".to_owned()]), "{}{}", table.out, table.err);
    let softened = with("[documents.rules]\nwarn_only = [\"XSD_ENUMERATION\"]");
    assert_eq!((softened.code, codes(&softened)), (0, vec!["XSD_ENUMERATION".to_owned()]));
    let off = with("[documents.rules]\noff = [\"XSD_ENUMERATION\"]");
    assert_eq!((off.code, codes(&off)), (0, Vec::new()));
    let sarif = folder.validate(&["--format", "sarif", "--config", "gateway.toml", "a.xml"]);
    assert_eq!(sarif.code, 0);

    let version = with("[documents.versions]\nclaim = \"130\"");
    let told: Value = serde_json::from_str(&version.out).unwrap();
    assert!(
        version.code == 1 && told["errors"].as_array().is_some_and(|errors| errors.len() > 1),
        "another version's form"
    );

    // A configuration that cannot be read is no wrong document.
    let wrong = with("[documents.rules]\noff = [\"XSD_ENUMERATIO\"]");
    let told: Value = serde_json::from_str(&wrong.out).unwrap();
    assert_eq!((wrong.code, &told["valid"]), (2, &Value::from(false)), "{told}");
    assert!(told["faults"][0]["cure"]["en"].as_str().unwrap().contains("XSD_ENUMERATION"), "{told}");
}

#[test]
fn a_folder_brings_its_own_rules() {
    let folder = Folder::new();
    folder.write("a.xml", documents::claim("HS0000000001"));
    assert_eq!(folder.validate(&["a.xml"]).code, 0);

    let rule = "HOUSE-01,XML1,every visit has a weight under a kilogram,error,this hospital,,check,,,\
                Cân nặng lạ.,The weight is odd.,Cân lại.,Weigh again.\n";
    house_rule(&folder, rule, "HOUSE-01,XML1,at-most,CAN_NANG,1,CAN_NANG\n");
    let told = folder.validate(&["--schemas", "tables", "a.xml"]);
    assert!(told.code == 1 && told.out.contains("error[HOUSE-01]: The weight is odd."), "{}{}", told.out, told.err);
    assert!(told.out.contains("| <CAN_NANG>") && told.out.contains("  = Weigh again.\n"), "{}", told.out);

    house_rule(&folder, rule, "HOUSE-02,XML1,filled,CAN_NANG,,\n");
    let told = folder.validate(&["--schemas", "tables", "a.xml"]);
    assert!(told.code == 2 && told.err.contains("tables/checks.csv:"), "{}{}", told.out, told.err);
    assert_eq!(folder.validate(&["--schemas", "nowhere", "a.xml"]).code, 2);
}

#[test]
fn a_package_of_a_thousand_records_is_checked_to_its_end() {
    let folder = Folder::new();
    let sample = documents::claim("HS0000000000");
    let start = sample.find("<HOSO>").unwrap();
    let end = sample.find("</HOSO>").unwrap() + "</HOSO>".len();
    let record = |number: usize| {
        let record = with_parts(&sample[start..end], |part| part.replace("HS0000000000", &format!("HS{number:010}")));
        if number == 1_000 {
            with_parts(&record, |part| part.replace("<GIOI_TINH>2<", "<GIOI_TINH>7<"))
        } else {
            record
        }
    };
    let records: String = (1..=1_000).map(record).collect();
    let package = format!("{}{records}{}", &sample[..start], &sample[end..]);
    folder.write("month.xml", package.replace("<SOLUONGHOSO>1<", "<SOLUONGHOSO>1000<"));
    let told = folder.validate(&["month.xml"]);
    assert_eq!(told.code, 1);
    assert!(told.out.contains("XML1:9:3 (record 1000, row 1, GIOI_TINH)\n  |\n9 | <GIOI_TINH>•<"), "{}", told.out);
    assert!(told.out.ends_with("1 file: 1 with errors, 1 error, 0 warnings\n"), "{}", told.out);
}

#[test]
fn a_rule_that_cannot_be_changed_is_refused_with_its_line() {
    let folder = Folder::new();
    folder.write(
        "gateway.toml",
        "[documents.rules]\noff = [\"X1-166\", \"ENV-07\"]\nwarn_only = [\"XSD_REPEATED_ELEMENT\"]\n\
         error = [\n  \"XSD_ENUMERATIO\",\n  \"X1-17\",\n  \"X1-17\",\n]\n",
    );
    let checked = std::process::Command::new(PROGRAM)
        .args(["--json", "check", "--config"])
        .arg(folder.path("gateway.toml"))
        .output()
        .unwrap();
    assert_eq!(checked.status.code(), Some(1));
    let told: Value = serde_json::from_slice(&checked.stdout).unwrap();
    let of_rules = |fault: &&Value| fault["key"].as_str().is_some_and(|key| key.starts_with("documents.rules"));
    let faults: Vec<&Value> = told["faults"].as_array().unwrap().iter().filter(of_rules).collect();
    let places: Vec<(u64, &str)> =
        faults.iter().map(|fault| (fault["line"].as_u64().unwrap(), fault["code"].as_str().unwrap())).collect();
    let expected = [
        (2, "config.not_accepted"),
        (2, "config.fixed_rule"),
        (3, "config.fixed_rule"),
        (5, "config.not_accepted"),
        (7, "config.fixed_rule"),
    ];
    assert_eq!(places, expected, "{told}");
    assert!(faults[3]["cure"]["en"].as_str().unwrap().contains("XSD_ENUMERATION"), "{}", faults[3]);
    assert!(faults[0]["cure"]["vi"].as_str().unwrap().contains("X1-16"), "{}", faults[0]);
}
