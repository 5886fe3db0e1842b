//! The commands and the signals, as an operator meets them.

use std::process::{Output, Stdio};

use bytes::Bytes;
use http::Method;
use lienthong::sandbox::Faults;
use serde_json::Value;
use tokio::process::{Child, Command};

use crate::documents;
use crate::process::{PATIENCE, PROGRAM, Site, run_command};

pub(crate) async fn program(arguments: &[&str]) -> Output {
    let running = Command::new(PROGRAM).args(arguments).env("LANG", "en_US.UTF-8").stdin(Stdio::null()).output();
    tokio::time::timeout(PATIENCE, running).await.expect("the command ends").unwrap()
}

pub(crate) fn signal(child: &Child, name: &str) {
    let id = child.id().expect("it runs").to_string();
    let sent = std::process::Command::new("kill").args(["-s", name, &id]).status().unwrap();
    assert!(sent.success());
}

async fn ends(child: &mut Child) -> i32 {
    let status = tokio::time::timeout(PATIENCE, child.wait()).await.expect("the gateway ends").unwrap();
    status.code().expect("it ends by itself")
}

#[tokio::test]
async fn a_wrong_configuration_names_every_fault_and_binds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wrong.toml");
    std::fs::write(&path, "mode = \"perhaps\"\n[api]\nlisten = \"nowhere\"\nlisen = 1\n[lookup]\npatience_s = -3\n")
        .unwrap();
    let path = path.to_str().unwrap();
    for command in ["check", "run"] {
        let output = program(&["--lang", "en", command, "--config", path]).await;
        assert_eq!(output.status.code(), Some(1), "{command}");
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        for place in [":1:", ":3:", ":4:", ":6:"] {
            assert!(text.contains(&format!("wrong.toml{place}")), "{place} is missing in {text}");
        }
    }
    let output = program(&["--json", "check", "--config", path]).await;
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(told["faults"].as_array().is_some_and(|faults| faults.len() >= 4), "{told}");
    assert!(!folder.path().join("data").exists(), "a wrong configuration touches no data");
}

#[tokio::test]
async fn exported_schemas_can_be_changed_looked_at_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    let shown = tree.to_str().unwrap();
    assert_eq!(program(&["schema", "export", shown]).await.status.code(), Some(0));
    let xsd = tree.join("claim/3176/XML1.xsd");
    let text = std::fs::read_to_string(&xsd).unwrap();
    std::fs::write(&xsd, text.replace("name=\"HO_TEN\"", "name=\"HOTEN\"")).unwrap();

    // What was changed stays, unless it is said otherwise.
    let refused = program(&["--json", "schema", "export", shown]).await;
    assert_eq!(refused.status.code(), Some(2));
    assert!(std::fs::read_to_string(&xsd).unwrap().contains("HOTEN"));

    let show = ["schema", "show", "XML1", "--version", "3176", "--schemas", shown];
    let told = program(&show).await;
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(told.contains("HOTEN") && told.contains("Patient full name"), "{told}");
    let vietnamese = program(&[&["--lang", "vi"], &show[..]].concat()).await;
    assert!(String::from_utf8(vietnamese.stdout).unwrap().contains("Ý NGHĨA"));
    let printed = program(&[&show[..], &["--xsd"]].concat()).await;
    assert_eq!(printed.stdout, std::fs::read(&xsd).unwrap());
    let listed = program(&["--json", "schema", "list", "--schemas", shown]).await;
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert!(listed["data"].as_array().unwrap().iter().all(|schema| schema["source"] == "folder"), "{listed}");
    assert_eq!(program(&["schema", "show", "XML99"]).await.status.code(), Some(2));

    // Wrong now, for the command and for a configuration that names the folder.
    std::fs::write(&xsd, text.replace("name=\"MA_LK\"", "name=\"MALK\"")).unwrap();
    let wrong = program(&["schema", "list", "--schemas", shown]).await;
    let told = String::from_utf8(wrong.stderr).unwrap();
    assert!(wrong.status.code() == Some(1) && told.contains("XML1.xsd:") && told.contains("MA_LK"), "{told}");
    let configuration = folder.path().join("lienthong.toml");
    std::fs::write(&configuration, "[documents]\nschemas = \"tree\"\n").unwrap();
    let checked = program(&["--json", "check", "--config", configuration.to_str().unwrap()]).await;
    let checked: Value = serde_json::from_slice(&checked.stdout).unwrap();
    let faults = checked["faults"].as_array().unwrap();
    let of_folder: Vec<&Value> = faults.iter().filter(|fault| fault["code"] == "config.schemas").collect();
    assert!(of_folder.len() == 1 && of_folder[0]["file"].as_str().unwrap().ends_with("XML1.xsd"), "{checked}");

    assert_eq!(program(&["schema", "export", shown, "--force"]).await.status.code(), Some(0));
    assert_eq!(std::fs::read_to_string(&xsd).unwrap(), text);
}

#[tokio::test]
async fn help_and_usage_faults_have_their_exit_codes() {
    assert_eq!(program(&["--help"]).await.status.code(), Some(0));
    assert_eq!(program(&["nonsense"]).await.status.code(), Some(1));
    assert_eq!(program(&["completions", "bash"]).await.status.code(), Some(0));
    // Nobody listens on port 1.
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, "lt_test_x").unwrap();
    let arguments = ["documents", "list", "--url", "https://127.0.0.1:1", "--key-file", key.to_str().unwrap()];
    let unreachable = program(&arguments).await;
    assert_eq!(unreachable.status.code(), Some(3), "{}", String::from_utf8_lossy(&unreachable.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_term_signal_finishes_what_is_in_hand() {
    let site = Site::new(Faults { latency_ms: 700, ..Faults::default() }, 1).await;
    let mut gateway = site.start().await;
    let question = r#"{"maThe":"000080000000","hoTen":"Nguyễn Văn Thử","ngaySinh":"01/01/1980"}"#;
    let asked = async {
        let path = "/v1/card-lookups";
        let request = site.send_with(Method::POST, path, &[("facility-id", "01999")], Bytes::from(question));
        request.await.expect("the request in hand is answered")
    };
    let stopped = async {
        // Told to stop once the question has reached the portal.
        while site.sandbox.questions().is_empty() {
            tokio::task::yield_now().await;
        }
        signal(&gateway, "TERM");
        ends(&mut gateway).await
    };
    let ((status, answer), code) = tokio::join!(asked, stopped);
    assert_eq!((status, code), (200, 0), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_data_folder_has_one_gateway() {
    let site = Site::new(Faults::default(), 2).await;
    let mut gateway = site.start().await;
    let second = run_command(&site.path("lienthong.toml")).output();
    let second = tokio::time::timeout(PATIENCE, second).await.expect("the second ends").unwrap();
    assert_ne!(second.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&second.stdout).contains("in use"), "{second:?}");
    signal(&gateway, "INT");
    assert_eq!(ends(&mut gateway).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_stops_working_beside_a_running_gateway() {
    let site = Site::new(Faults::default(), 3).await;
    let _gateway = site.start().await;
    let config = site.path("lienthong.toml");
    let config = config.to_str().unwrap();
    let listed = program(&["--json", "keys", "list", "--config", config]).await;
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let id = listed["data"][0]["id"].as_str().unwrap_or_else(|| panic!("{listed}")).to_owned();
    assert!(!listed.to_string().contains(&site.key), "a list of keys holds no key");
    assert!(site.send(Method::GET, "/v1/documents", "", Bytes::new()).await.is_some_and(|(status, _)| status == 200));

    let revoked = program(&["keys", "revoke", "--config", config, &id]).await;
    assert_eq!(revoked.status.code(), Some(0), "{revoked:?}");
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while site.send(Method::GET, "/v1/documents", "", Bytes::new()).await.is_none_or(|(status, _)| status != 401) {
        assert!(tokio::time::Instant::now() < deadline, "a revoked key goes on working");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_log_nor_data_folder_tells_of_a_person() {
    let site = Site::new(Faults { reset_after_rate: 0.2, html_rate: 0.1, ..Faults::default() }, 4).await;
    let mut gateway = site.start().await;
    let question = r#"{"maThe":"001185012345","hoTen":"Hoàng Thị Bí Mật","ngaySinh":"05/03/1994"}"#;
    for _ in 0..5 {
        let path = "/v1/card-lookups";
        site.send_with(Method::POST, path, &[("facility-id", "01999")], Bytes::from(question)).await;
    }
    let refused = r#"{"maThe":"001185012345","hoTen":7,"ngaySinh":"05/03/1994","Hoàng Thị Bí Mật":1}"#;
    site.send_with(Method::POST, "/v1/card-lookups", &[("facility-id", "01999")], Bytes::from(refused)).await;
    for number in 0..20 {
        let claim = documents::claim(&format!("BIMAT{number:06}"));
        site.send(Method::POST, "/v1/documents", "application/xml", Bytes::from(claim)).await.expect("an answer");
        let birth = documents::birth(number);
        site.send(Method::POST, "/v1/documents", "application/xml", Bytes::from(birth)).await.expect("an answer");
    }
    let broken = documents::claim("BIMAT999999").replace("</GIAMDINHHS>", "");
    site.send(Method::POST, "/v1/documents", "application/xml", Bytes::from(broken)).await.expect("an answer");
    signal(&gateway, "TERM");
    assert_eq!(ends(&mut gateway).await, 0);

    let log = std::fs::read(site.path("log")).unwrap();
    assert!(!log.is_empty());
    let mut searched = vec![("the log".to_owned(), log)];
    for entry in std::fs::read_dir(site.path("data")).unwrap() {
        let path = entry.unwrap().path();
        searched.push((path.display().to_string(), std::fs::read(path).unwrap()));
    }
    let secrets = [
        "Hoàng Thị",
        "HOÀNG THỊ",
        "001185012345",
        "05/03/1994",
        "BIMAT",
        "NGUYỄN THỊ VÍ DỤ",
        "LÊ THỊ GIẢ ĐỊNH",
        "VÕ LÊ MINH MẪU",
        "079196012345",
        "GD4010199999991",
        "NGUYỄN THỊ B",
        "001181012345",
        "GCS.79999",
        lienthong::sandbox::ACCOUNT_PASSWORD,
        &site.key,
    ];
    for (name, bytes) in &searched {
        for secret in secrets {
            let found = memchr::memmem::find(bytes, secret.as_bytes()).is_some();
            assert!(!found, "{name} holds {secret}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clients_commands_work_against_a_running_gateway() {
    let site = Site::new(Faults::default(), 5).await;
    let _gateway = site.start().await;
    let (key, ca) = (site.path("client.key"), site.path("ca.pem"));
    lienthong::certs::file::write_private(&key, &site.key, lienthong::certs::file::Existing::Replace).unwrap();
    let claim = site.path("claim.xml");
    std::fs::write(&claim, documents::claim("HS0000000001")).unwrap();
    let url = format!("https://{}", site.api);
    let connection = ["--url", &url, "--key-file", key.to_str().unwrap(), "--ca", ca.to_str().unwrap()];

    let mut submit = vec!["--json", "submit"];
    submit.extend(connection);
    submit.extend(["--wait", "20", claim.to_str().unwrap()]);
    let submitted = program(&submit).await;
    assert_eq!(submitted.status.code(), Some(0), "{submitted:?}");
    assert!(String::from_utf8_lossy(&submitted.stdout).contains("acknowledged"), "{submitted:?}");

    let mut list = vec!["--json", "documents", "list"];
    list.extend(connection);
    let listed = program(&list).await;
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(1), "{listed}");

    let mut lookup = vec!["--lang", "vi", "lookup"];
    lookup.extend(connection);
    lookup.extend(["--facility", "01999", "--card", "000080000010", "--name", "Nguyễn Văn Thử", "--birth", "1980"]);
    let looked_up = program(&lookup).await;
    assert_eq!(looked_up.status.code(), Some(0), "{looked_up:?}");
    assert!(String::from_utf8_lossy(&looked_up.stdout).contains("Thẻ hết giá trị sử dụng"), "{looked_up:?}");

    let broken = site.path("broken.xml");
    std::fs::write(&broken, documents::claim("HS0000000002").replace("<SOLUONGHOSO>1<", "<SOLUONGHOSO>2<")).unwrap();
    let mut submit = vec!["--lang", "en", "submit"];
    submit.extend(connection);
    submit.push(broken.to_str().unwrap());
    let refused = program(&submit).await;
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    let told = String::from_utf8_lossy(&[refused.stdout, refused.stderr].concat()).into_owned();
    assert!(told.contains("broken.xml:8:"), "the place is told: {told}");
}

#[tokio::test]
async fn a_scan_is_read_without_a_gateway() {
    use std::io::Write;
    let mut child = std::process::Command::new(PROGRAM)
        .args(["--json", "scan"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let raw = "000080000000|000000001|Nguyễn Văn Thử|01011980|Nam|Thôn Mẫu|01072021\r\n";
    child.stdin.take().unwrap().write_all(raw.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let scan: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(scan["soCccd"], "000080000000", "{scan}");
}
