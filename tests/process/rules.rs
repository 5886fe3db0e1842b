//! The rules as an operator meets them: listed, shown, and tried beside a gateway that goes on working.

use bytes::Bytes;
use http::Method;
use lienthong::sandbox::Faults;
use lienthong::store::DATABASE_FILE;
use serde_json::Value;

use crate::commands::program;
use crate::documents;
use crate::process::Site;

const SUM_OF_DRUGS: [&str; 2] = ["<T_THUOC>123514.00<", "<T_THUOC>123513.00<"];
const SUM_OF_SUPPLIES: [&str; 2] = ["<T_VTYT>0.00<", "<T_VTYT>1.00<"];

/// The document as it came, or with a wrong sum of drugs (T-01).
fn claim(key: &str, is_broken: bool) -> Bytes {
    let broken = |part: &str| part.replace(SUM_OF_DRUGS[0], SUM_OF_DRUGS[1]);
    let claim = documents::claim(key);
    Bytes::from(if is_broken { documents::with_parts(&claim, broken) } else { claim })
}

impl Site {
    /// Adds to the configuration.
    fn configure(&self, words: &str) {
        let path = self.path("lienthong.toml");
        let config = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, format!("{config}\n{words}\n")).unwrap();
    }

    /// Changes the configuration; a running gateway does not look at it.
    fn replace(&self, old: &str, new: &str) {
        let path = self.path("lienthong.toml");
        let config = std::fs::read_to_string(&path).unwrap();
        assert!(config.contains(old));
        std::fs::write(path, config.replace(old, new)).unwrap();
    }

    async fn accept(&self, document: Bytes) -> String {
        let sent = self.send(Method::POST, "/v1/documents", "application/xml", document).await.expect("an answer");
        let (status, body) = sent;
        assert!(status == 201 || status == 202, "{status} {body}");
        body["id"].as_str().unwrap().to_owned()
    }

    async fn try_rule(&self, more: &[&str]) -> (i32, Value) {
        let config = self.path("lienthong.toml");
        let fixed = ["--json", "rules", "try", "--config", config.to_str().unwrap(), "--since", "2020-01-01"];
        let output = program(&[&fixed[..], more].concat()).await;
        let told = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        (output.status.code().expect("it ends by itself"), told)
    }
}

#[tokio::test]
async fn rules_are_listed_as_the_configuration_has_them() {
    let site = Site::new(Faults::default(), 11).await;
    site.configure("[documents.rules]\noff = [\"T-01\"]\nwarn_only = [\"XSD_TOO_LONG\"]\nerror = [\"X1-23\"]");
    let config = site.path("lienthong.toml");
    let config = config.to_str().unwrap();
    let listed = program(&["--json", "rules", "list", "--config", config]).await;
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let of = |group: &str, id: &str| {
        let found = listed[group].as_array().unwrap().iter().find(|rule| rule["id"] == id);
        found.unwrap_or_else(|| panic!("no {id}")).clone()
    };
    let [off, same, raised] = ["T-01", "T-02", "X1-23"].map(|id| of("data", id));
    assert_eq!(
        (&off["severity"], &off["changed"], &off["tableSeverity"]),
        (&"off".into(), &true.into(), &"error".into())
    );
    assert_eq!((&same["severity"], &same["changed"]), (&"error".into(), &false.into()));
    assert_eq!((&raised["severity"], &raised["asleep"]), (&"error".into(), &true.into()));
    assert_eq!(raised["checksAsleep"][0]["list"], "staff");
    assert_eq!(of("structure", "XSD_TOO_LONG")["severity"], "warning");
    assert_eq!(of("structure", "XSD_WRONG_ROOT")["changeable"], false);
    let counts = &listed["counts"];
    let number = |name: &str| counts[name].as_u64().unwrap();
    assert_eq!(number("rules"), listed["data"].as_array().unwrap().len() as u64);
    assert_eq!(number("carriedOut") + number("listed"), number("rules"));
    assert!(number("rulesAsleep") > 0 && number("checksAsleep") > number("rulesAsleep"), "{counts}");

    let text = program(&["--lang", "vi", "rules", "list", "--config", config]).await;
    let text = String::from_utf8(text.stdout).unwrap();
    let row = text.lines().find(|line| line.starts_with("T-01 ")).unwrap();
    assert!(row.contains("tắt*") && text.lines().last().unwrap().contains("staff"), "{text}");

    // A list that comes with the folder of schemas wakes what waited for it.
    let tree = site.path("tree");
    std::fs::create_dir_all(tree.join("code-lists")).unwrap();
    let head = "list,meaning_vi,meaning_en,source,code_column\n";
    std::fs::write(tree.join("lists.csv"), format!("{head}staff,Nhân viên,Staff,thử,code\n")).unwrap();
    std::fs::write(tree.join("code-lists/staff.csv"), "code\n000001/HNO-GPHN\n").unwrap();
    let shown = program(&["--json", "rules", "show", "X1-23", "--schemas", tree.to_str().unwrap()]).await;
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!((&shown["asleep"], &shown["severity"]), (&false.into(), &"warning".into()), "{shown}");
}

#[tokio::test]
async fn a_rule_is_shown_with_its_words_and_an_unknown_one_with_the_nearest() {
    for (language, words) in [("vi", "Cách sửa"), ("en", "Cure")] {
        let shown = program(&["--lang", language, "rules", "show", "t-01"]).await;
        let text = String::from_utf8(shown.stdout).unwrap();
        assert!(text.starts_with("T-01 ") && text.contains(words), "{text}");
    }
    for (id, words) in
        [("COUNT_FEWER", "ENV-03"), ("XSD_NESTED_ELEMENT", "cannot be changed"), ("ENV-09", "Why it is not")]
    {
        let shown = program(&["--lang", "en", "rules", "show", id]).await;
        let text = String::from_utf8(shown.stdout).unwrap();
        assert!(text.contains(words), "{text}");
    }
    let unknown = program(&["--lang", "en", "rules", "show", "T-1"]).await;
    let told = String::from_utf8(unknown.stderr).unwrap();
    assert!(unknown.status.code() == Some(2) && told.contains("did you mean T-01?"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_is_tried_on_what_is_stored_while_the_gateway_goes_on() {
    let site = Site::new(Faults::default(), 12).await;
    site.configure("[documents.rules]\noff = [\"T-01\", \"T-02\"]");
    let (code, told) = site.try_rule(&["--rule", "T-01"]).await;
    assert_eq!((code, &told["all"]["documents"]), (0, &0.into()), "the keys alone are stored: {told}");

    let _gateway = site.start().await;
    let mut broken = Vec::new();
    for number in 0..30 {
        let is_broken = number % 3 == 0;
        let id = site.accept(claim(&format!("HS{number:010}"), is_broken)).await;
        if is_broken {
            broken.push(id);
        }
    }
    site.accept(Bytes::from(documents::birth(1))).await;
    // Broken in two ways, of which one counts as an error from now on.
    let both = |part: &str| {
        let part = part.replace(SUM_OF_DRUGS[0], SUM_OF_DRUGS[1]);
        part.replace(SUM_OF_SUPPLIES[0], SUM_OF_SUPPLIES[1])
    };
    let both = documents::with_parts(&documents::claim("HS0000000100"), both);
    broken.push(site.accept(Bytes::from(both)).await);
    site.replace(", \"T-02\"]", "]");

    let (code, told) = site.try_rule(&["--rule", "T-01"]).await;
    assert_eq!((code, &told["severity"], &told["configured"]), (0, &"error".into(), &"off".into()));
    let counts =
        |of: &Value| ["documents", "hit", "findings", "newlyInvalid", "unreadable"].map(|it| of[it].as_u64().unwrap());
    assert_eq!(counts(&told["all"]), [32, 11, 11, 10, 0], "{told}");
    assert_eq!(counts(&told["byKind"]["claim"]), [31, 11, 11, 10, 0]);
    assert_eq!(counts(&told["byKind"]["birth-certificate"]), [1, 0, 0, 0, 0]);
    assert_eq!(counts(&told["byFacility"]["01999"]), [31, 11, 11, 10, 0]);
    assert_eq!(counts(&told["byFacility"]["79999"]), [1, 0, 0, 0, 0]);
    let first: Vec<&str> = told["firstHit"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(first, broken);

    // As a warning it refuses nothing; what is off refuses nothing beside it; what is past is not looked at.
    let (_, told) = site.try_rule(&["--rule", "t-01", "--severity", "warning"]).await;
    assert_eq!(counts(&told["all"]), [32, 11, 11, 0, 0], "{told}");
    let (_, told) = site.try_rule(&["--rule", "T-02"]).await;
    assert_eq!(counts(&told["all"]), [32, 1, 1, 1, 0], "{told}");
    let (_, told) = site.try_rule(&["--rule", "T-01", "--until", "2020-01-31"]).await;
    assert_eq!(counts(&told["all"]), [0; 5], "{told}");

    // The gateway takes documents in while it is looked through again and again.
    let tries = async {
        let mut seen = Vec::new();
        for _ in 0..5 {
            let (code, told) = site.try_rule(&["--rule", "T-01"]).await;
            assert_eq!(code, 0, "{told}");
            seen.push(told["all"]["documents"].as_u64().unwrap());
        }
        seen
    };
    let mut tries = std::pin::pin!(tries);
    let mut accepted = 32;
    let seen = loop {
        let number = accepted;
        tokio::select! {
            biased;
            _ = site.accept(claim(&format!("HT{number:010}"), false)) => accepted += 1,
            seen = &mut tries => break seen,
        }
    };
    assert!(seen.is_sorted() && seen[0] >= 32, "{seen:?}");
    let (_, told) = site.try_rule(&["--rule", "T-01"]).await;
    let documents = told["all"]["documents"].as_u64().unwrap();
    // One more may have been on its way when the last try ended.
    assert!(documents == accepted || documents == accepted + 1, "{documents} of {accepted}");
    assert!(accepted > 32, "the gateway took nothing in");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_or_tried_is_told() {
    let site = Site::new(Faults::default(), 13).await;
    let mut gateway = site.start().await;
    let good = site.accept(claim("HS0000000001", false)).await;
    let sealed = site.accept(claim("HS0000000002", false)).await;
    site.accept(claim("HS0000000003", false)).await;
    gateway.kill().await.unwrap();
    let database = rusqlite::Connection::open(site.path("data").join(DATABASE_FILE)).unwrap();
    // Bytes 1 to 4 of a sealed blob number its key.
    let other_key =
        "UPDATE bodies SET body = CAST(substr(body, 1, 4) || x'09' || substr(body, 6) AS BLOB) WHERE document = 2";
    assert_eq!(database.execute(other_key, []).unwrap(), 1);
    assert_eq!(database.execute("DELETE FROM bodies WHERE document = 3", []).unwrap(), 1);
    drop(database);

    let (code, told) = site.try_rule(&["--rule", "D-01"]).await;
    let all = &told["all"];
    assert_eq!((code, &all["documents"], &all["unreadable"]), (0, &1.into(), &2.into()), "{told}");
    assert_eq!((&told["sealed"], &told["forgotten"]), (&1.into(), &1.into()));
    assert_eq!(told["firstSealed"], Value::from(vec![sealed.as_str()]));
    assert!(!told.to_string().contains(&good), "it breaks nothing");
    let config = site.path("lienthong.toml");
    let words = ["--lang", "en", "rules", "try", "--rule", "D-01", "--since", "2020-01-01", "--config"];
    let text = program(&[&words[..], &[config.to_str().unwrap()]].concat()).await;
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("do not open") && text.contains(&sealed) && text.contains("no content any more"), "{text}");

    for (rule, code) in [
        ("T-1", "rules.not_found"),
        ("X1-09", "rules.not_triable"),
        ("FMT-01", "rules.not_triable"),
        ("ENV-03", "rules.not_triable"),
        ("ENV-09", "rules.not_triable"),
        ("XSD_WRONG_ROOT", "rules.not_triable"),
    ] {
        let (exit, told) = site.try_rule(&["--rule", rule]).await;
        assert_eq!((exit, &told["code"]), (2, &code.into()), "{rule}: {told}");
    }
    std::fs::write(site.path("data/storage.keys"), "1 AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n").unwrap();
    let (exit, told) = site.try_rule(&["--rule", "T-01"]).await;
    assert_eq!((exit, &told["code"]), (2, &"rules.not_done".into()), "{told}");
}
