//! The directory of officers: who signs for a lookup, who may change that, and what the portal says of them.

use bytes::Bytes;
use http::Method;
use lienthong::app::directory;
use lienthong::domain::{FacilityCode, NationalId, Officer, PersonName};
use lienthong::store::OfficerRow;
use lienthong::system::System;
use serde_json::{Value, json};

use crate::support::{Reply, TestGateway, question, until, valid_person};

/// An officer nobody registered.
const STRANGER: (&str, &str) = ("Trần Văn Lạ", "001080099999");
/// Of the sandbox's two registered officers, the one who is no facility's default.
const REGISTERED: (&str, &str) = ("Lê Văn C", "079085054321");

/// The gateway and a key that may change the directory at two of its facilities.
struct Rig {
    gateway: TestGateway,
    bearer: String,
}

impl Rig {
    async fn start() -> Self {
        let gateway = TestGateway::start().await;
        let key = gateway.new_key(&["admin"], &["01999", "79999"]).await;
        Self { gateway, bearer: format!("Bearer {key}") }
    }

    async fn send(&self, method: Method, path: &str, facility: &str, body: &Value) -> Reply {
        let mut headers = vec![("authorization", self.bearer.as_str())];
        if !facility.is_empty() {
            headers.push(("facility-id", facility));
        }
        self.gateway.send(method, path, &headers, Bytes::from(body.to_string())).await
    }

    async fn put(&self, staff_id: &str, facility: &str, who: (&str, &str), is_default: bool) -> Reply {
        let body = json!({"hoTen": who.0, "cccd": who.1, "macDinh": is_default});
        self.send(Method::PUT, &format!("/v1/officers/{staff_id}"), facility, &body).await
    }

    async fn list(&self, query: &str, facility: &str) -> Value {
        self.send(Method::GET, &format!("/v1/officers{query}"), facility, &Value::Null).await.expect(200).json()
    }

    /// The row of a staff id in the directory.
    async fn row(&self, staff_id: &str) -> Value {
        let list = self.list("", "").await;
        let is = |row: &&Value| row["staffId"] == staff_id && row["nguon"] == "danh_ba";
        list["data"].as_array().unwrap().iter().find(is).cloned().unwrap_or_default()
    }

    /// Looks somebody up and tells as whom, if the portal did not take it.
    async fn refused_as(&self, facility: &str, staff_id: &str, n: usize) -> Value {
        let mut headers = vec![("facility-id", facility)];
        if !staff_id.is_empty() {
            headers.push(("staff-id", staff_id));
        }
        let asked = question(&valid_person(n));
        let answer = self.gateway.post_with("/v1/card-lookups", &headers, &asked).await.expect(200).json();
        answer["canBo"].clone()
    }
}

fn row(staff_id: &str, facility: &str, who: (&str, &str), is_default: bool) -> OfficerRow {
    OfficerRow {
        staff_id: staff_id.to_owned(),
        officer: Officer { name: PersonName::parse(who.0).unwrap(), national_id: NationalId::parse(who.1).unwrap() },
        facility: FacilityCode::parse(facility).ok(),
        is_default,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_changes_the_officers_of_its_facilities_only() {
    let rig = Rig::start().await;
    let made = rig.put("bs%20an", "01999", REGISTERED, false).await.expect(201).json();
    let expected = json!({
        "staffId": "bs an", "hoTen": "LÊ VĂN C", "cccd": "079*******21", "maCSKCB": "01999", "macDinh": false,
        "nguon": "danh_ba", "congTraLoi": null,
    });
    assert_eq!(made, expected);
    rig.put("bs%20an", "01999", REGISTERED, true).await.expect(200);
    assert_eq!(rig.row("bs an").await["macDinh"], true);
    rig.put("u2", "38999", REGISTERED, false).await.expect(403);
    rig.put("u2", "", REGISTERED, false).await.expect(400);
    let wrong = rig.put("u2", "01999", ("L3", "12345"), false).await.expect(400);
    assert_eq!(wrong.json()["errors"].as_array().unwrap().len(), 2);
    assert!(!String::from_utf8_lossy(&wrong.body).contains("12345"), "what was typed is not repeated");

    // The configuration's rows are shown, and can be changed there only.
    let list = rig.list("", "").await;
    let configured: Vec<_> = list["data"].as_array().unwrap().iter().filter(|row| row["nguon"] == "cau_hinh").collect();
    let facilities: Vec<_> = configured.iter().map(|row| (&row["staffId"], &row["maCSKCB"])).collect();
    assert_eq!(
        json!(facilities),
        json!([[null, "01999"], [null, "79999"], ["tiepdon01", null]]),
        "other facilities' officers are not shown"
    );
    for (staff_id, facility, status) in
        [("tiepdon01", "01999", 404), ("bs%20an", "79999", 404), ("bs%20an", "01999", 204)]
    {
        let path = format!("/v1/officers/{staff_id}");
        rig.send(Method::DELETE, &path, facility, &Value::Null).await.expect(status);
    }
    assert_eq!(rig.row("bs an").await, Value::Null);

    // A hospital system's key has no business here.
    let path = "/v1/officers";
    let refused = rig.gateway.get(path).await.expect(403).json();
    assert_eq!((&refused["code"], &refused["scope"]), (&json!("auth.scope_missing"), &json!("admin")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_comes_in_pages() {
    let rig = Rig::start().await;
    let rows: Vec<_> = (0..25).map(|n| row(&format!("u{n:02}"), "79999", REGISTERED, false)).collect();
    let others = (0..5).map(|n| row(&format!("u{n:02}"), "38999", REGISTERED, false));
    directory::import(&rig.gateway.config(), &System::real(), rows.into_iter().chain(others).collect(), false)
        .await
        .unwrap();
    until("the gateway to see the directory", async || (rig.row("u24").await != Value::Null).then_some(())).await;
    let (mut query, mut seen) = ("?limit=10".to_owned(), Vec::new());
    loop {
        let page = rig.list(&query, "79999").await;
        seen.extend(page["data"].as_array().unwrap().iter().map(|row| row["staffId"].clone()));
        let Some(next) = page["page"]["next"].as_str() else { break };
        assert_eq!(page["page"]["hasMore"], true);
        query = format!("?limit=10&cursor={next}");
    }
    let mut expected: Vec<Value> = vec![Value::Null, json!("tiepdon01")];
    expected.extend((0..25).map(|n| json!(format!("u{n:02}"))));
    assert_eq!(seen, expected);
    rig.send(Method::GET, "/v1/officers?cursor=x", "79999", &Value::Null).await.expect(400);
    rig.send(Method::GET, "/v1/officers", "38999", &Value::Null).await.expect(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_directory_signs_before_the_configuration_and_the_facility_before_all() {
    let rig = Rig::start().await;
    // The configuration's tiepdon01 and the facility's own officer are registered.
    assert_eq!(rig.refused_as("01999", "tiepdon01", 0).await, Value::Null);
    assert_eq!(rig.refused_as("01999", "", 1).await, Value::Null);

    // For all facilities, by another process: the running gateway learns of it.
    let all = vec![row("tiepdon01", "", STRANGER, true)];
    directory::import(&rig.gateway.config(), &System::real(), all, false).await.unwrap();
    until("the gateway to see the directory", async || (rig.row("tiepdon01").await != Value::Null).then_some(())).await;
    let stranger = json!({"staffId": "tiepdon01", "hoTen": "TRẦN VĂN LẠ", "cccd": "001*******99"});
    assert_eq!(rig.refused_as("01999", "tiepdon01", 2).await, stranger);
    assert_eq!(rig.refused_as("01999", "", 3).await, stranger, "the directory's default signs for who names nobody");

    // The facility's own row comes before the one for all.
    rig.put("tiepdon01", "01999", REGISTERED, false).await.expect(201);
    assert_eq!(rig.refused_as("01999", "tiepdon01", 4).await, Value::Null);
    assert_eq!(rig.refused_as("79999", "tiepdon01", 5).await, stranger);
    rig.put("quay2", "01999", REGISTERED, true).await.expect(201);
    assert_eq!(rig.refused_as("01999", "", 6).await, Value::Null);

    // Who is named in the body signs whatever the header says.
    let mut asked = question(&valid_person(7));
    asked["canBo"] = json!({"hoTen": REGISTERED.0, "cccd": REGISTERED.1});
    let headers = [("staff-id", "nobody"), ("facility-id", "79999")];
    let answer = rig.gateway.post_with("/v1/card-lookups", &headers, &asked).await.expect(200).json();
    assert_eq!(answer["ketLuan"]["code"], "hop_le");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_portal_says_of_an_officer_is_told_as_that_and_remembered() {
    let rig = Rig::start().await;
    rig.put("u1", "01999", STRANGER, false).await.expect(201);
    rig.put("u2", "01999", ("Lê Văn Sai", REGISTERED.1), false).await.expect(201);
    for (staff_id, code, name, n) in [("u1", "054", "TRẦN VĂN LẠ", 0), ("u2", "055", "LÊ VĂN SAI", 1)] {
        let headers = [("staff-id", staff_id)];
        let asked = question(&valid_person(n));
        let path = "/v1/card-lookups?lang=both";
        let answer = rig.gateway.post_with(path, &headers, &asked).await.expect(200).json();
        assert_eq!(answer["ketLuan"]["code"], "can_bo_khong_hop_le");
        assert_eq!((&answer["ketLuan"]["maKetQua"], &answer["the"]), (&json!(code), &Value::Null));
        assert_eq!(answer["canBo"]["staffId"], staff_id);
        assert!(answer["canBo"]["cccd"].as_str().unwrap().contains("*******"));
        for words in [&answer["ketLuan"]["nhan"], &answer["nextStep"]] {
            for language in ["vi", "en"] {
                assert!(words[language].as_str().unwrap().contains(name), "{words}");
            }
        }
        assert!(answer["ketLuan"]["nhan"]["vi"].as_str().unwrap().contains("chưa được xét"));
        assert_eq!(rig.row(staff_id).await["congTraLoi"]["code"], code);
        // The history is refused in the same words.
        let history = rig.gateway.post_with("/v1/treatment-histories", &headers, &asked).await.expect(200).json();
        assert_eq!((&history["maKetQua"], &history["canBo"]["hoTen"]), (&json!(code), &json!(name)));
        assert!(history["nextStep"].is_string());
    }
    // Mended, the row is another officer; a success of that one leaves nothing to tell.
    rig.put("u2", "01999", REGISTERED, false).await.expect(200);
    assert_eq!(rig.refused_as("01999", "u2", 2).await, Value::Null);
    assert_eq!(rig.row("u2").await["congTraLoi"], Value::Null);

    // A magic id plays 054 for an officer who is registered: the next success ends it.
    let magic = json!({"maThe": "000080000054", "hoTen": "Nguyễn Văn Thử", "ngaySinh": "01/01/1980"});
    let headers = [("staff-id", "u2")];
    rig.gateway.post_with("/v1/card-lookups", &headers, &magic).await.expect(200);
    assert_eq!(rig.row("u2").await["congTraLoi"]["code"], "054");
    assert_eq!(rig.refused_as("01999", "u2", 3).await, Value::Null);
    assert_eq!(rig.row("u2").await["congTraLoi"], Value::Null);
}
