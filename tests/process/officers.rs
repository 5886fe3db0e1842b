//! `lienthong officers` beside a running gateway.

use bytes::Bytes;
use http::Method;
use lienthong::sandbox::Faults;
use serde_json::{Value, json};

use crate::commands::program;
use crate::process::{PATIENCE, Site};

/// The status of a lookup in the name of a staff id.
async fn lookup_as(site: &Site, staff_id: &str) -> u16 {
    let asked = json!({"maThe": "000080000000", "hoTen": "Nguyễn Văn Thử", "ngaySinh": "01/01/1980"});
    let headers = [("content-type", "application/json"), ("facility-id", "01999"), ("staff-id", staff_id)];
    let body = Bytes::from(asked.to_string());
    site.send_with(Method::POST, "/v1/card-lookups", &headers, body).await.expect("an answer").0
}

async fn becomes(site: &Site, staff_id: &str, status: u16) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while lookup_as(site, staff_id).await != status {
        assert!(tokio::time::Instant::now() < deadline, "waited in vain for {staff_id} to get {status}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_directory_is_imported_listed_and_removed() {
    let site = Site::new(Faults::default(), 1).await;
    let mut gateway = site.start().await;
    let (config, file) = (site.path("lienthong.toml"), site.path("staff.csv"));
    let (config, csv) = (config.to_str().unwrap(), file.to_str().unwrap());
    assert_eq!(lookup_as(&site, "bs.an").await, 400);

    // One wrong row: nobody is taken, and the line is told.
    let right = "staff_id,name,national_id,facility,default\nbs.an,LÊ VĂN C,079085054321,,\n";
    std::fs::write(
        &file,
        format!("{right}quay2,NGUYỄN THỊ B,1181012345,01999,1\nquay3,LÊ VĂN C,079085054321,12345,\n"),
    )
    .unwrap();
    let refused = program(&["--lang", "en", "officers", "import", "--config", config, csv]).await;
    let told = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{told}");
    assert!(told.contains("staff.csv:3: national_id") && told.contains("staff.csv:4: facility"), "{told}");
    assert!(!told.contains("1181012345") && !told.contains("NGUYỄN"), "{told}");
    let refused = program(&["--json", "officers", "import", "--config", config, csv]).await;
    let told: Value = serde_json::from_slice(&refused.stdout).unwrap();
    assert_eq!(told["errors"][0]["line"], 3);
    let list = ["--json", "officers", "list", "--config", config];
    let listed: Value = serde_json::from_slice(&program(&list).await.stdout).unwrap();
    assert_eq!(listed, json!({"data": []}));

    std::fs::write(&file, format!("{right}quay2,NGUYỄN THỊ B,001181012345,01999,1\n")).unwrap();
    let taken = program(&["--json", "officers", "import", "--config", config, csv]).await;
    let taken: Value = serde_json::from_slice(&taken.stdout).unwrap();
    assert_eq!(taken, json!({"added": 2, "changed": 0, "removed": 0}));
    let listed: Value = serde_json::from_slice(&program(&list).await.stdout).unwrap();
    assert_eq!(listed["data"][0]["cccd"], "079*******21");
    assert_eq!(listed["data"].as_array().unwrap().len(), 2);
    becomes(&site, "bs.an", 200).await;
    becomes(&site, "quay2", 200).await;

    std::fs::write(&file, right).unwrap();
    let taken = program(&["--json", "officers", "import", "--config", config, csv, "--replace"]).await;
    let taken: Value = serde_json::from_slice(&taken.stdout).unwrap();
    assert_eq!(taken, json!({"added": 0, "changed": 1, "removed": 1}));
    becomes(&site, "quay2", 400).await;
    let elsewhere = ["officers", "remove", "--config", config, "bs.an", "--facility", "01999"];
    assert_eq!(program(&elsewhere).await.status.code(), Some(2));
    assert_eq!(program(&elsewhere[..5]).await.status.code(), Some(0));
    becomes(&site, "bs.an", 400).await;

    // Nothing of it stands in the log.
    let log = std::fs::read_to_string(site.path("log")).unwrap();
    assert!(!log.contains("bs.an") && !log.contains("LÊ VĂN C") && !log.contains("079085054321"), "{log}");
    gateway.kill().await.unwrap();
}
