//! What an answer tells beside the verdict: differences to the scan, changes, other facilities, the history.

use jiff::ToSpan;
use jiff::civil::Date;
use lienthong::sandbox::{Faults, InsuredPerson, example_for_code};
use serde_json::{Value, json};

use crate::support::{Options, TestGateway, question, valid_person};

/// The warning of this code, if the answer has it.
fn warning<'a>(answer: &'a Value, code: &str) -> Option<&'a Value> {
    answer["canhBao"].as_array()?.iter().find(|warning| warning["code"] == code)
}

fn codes(answer: &Value, prefix: &str) -> Vec<String> {
    let all = answer["canhBao"].as_array().unwrap().iter().filter_map(|warning| warning["code"].as_str());
    all.filter(|code| code.starts_with(prefix)).map(str::to_owned).collect()
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// The code of an insurance card, as the portal's answer has it, with the fields that a caller changed.
fn card_code(person: &InsuredPerson, card: &Value, changed: &[(usize, &str)]) -> String {
    let text = |name: &str| card[name].as_str().unwrap().to_owned();
    let slashed = |name: &str| text(name).parse::<Date>().unwrap().strftime("%d/%m/%Y").to_string();
    let mut fields = vec![
        text("maThe"),
        hex(&person.name),
        person.birth_date.portal(),
        if text("gioiTinh") == "nam" { "1" } else { "2" }.to_owned(),
        hex(&text("diaChi")),
        text("maDKBD"),
        slashed("gtTheTu"),
        slashed("gtTheDen"),
        slashed("gtTheTu"),
        "x".to_owned(),
        "-".to_owned(),
        "4".to_owned(),
        slashed("ngayDu5Nam"),
        "0f".to_owned(),
        "$".to_owned(),
    ];
    for (place, value) in changed {
        fields[*place] = (*value).to_owned();
    }
    fields.join("|")
}

fn magic(code: &str) -> Value {
    json!({"maThe": format!("000080000{code}"), "hoTen": "Nguyễn Văn Thử", "ngaySinh": "01/01/1980"})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_is_held_against_the_answer_field_by_field() {
    let gateway = TestGateway::start().await;
    let person = valid_person(0);
    let known = gateway.post("/v1/card-lookups", &question(&person)).await.expect(200).json()["the"].clone();

    let same = json!({"qr": card_code(&person, &known, &[])});
    let answer = gateway.post("/v1/card-lookups", &same).await.expect(200).json();
    assert_eq!(codes(&answer, "scan."), Vec::<String>::new());

    let other = [(4, hex("Thôn Khác")), (5, "79 - 001".into()), (7, "30/06/2026".into())];
    let other: Vec<_> = other.iter().map(|(place, text)| (*place, text.as_str())).collect();
    let scanned = json!({"qr": card_code(&person, &known, &other)});
    let answer = gateway.post("/v1/card-lookups?lang=both", &scanned).await.expect(200).json();
    assert_eq!(answer["ketLuan"]["code"], "hop_le");
    let told = ["scan.valid_to_differs", "scan.first_contact_differs", "scan.address_differs"];
    assert_eq!(codes(&answer, "scan."), told);
    let first_contact = warning(&answer, "scan.first_contact_differs").unwrap();
    assert_eq!(first_contact["truong"], "maDKBD");
    assert_eq!(first_contact["quet"], "79001");
    assert_eq!(first_contact["cong"], known["maDKBD"]);
    assert!(first_contact["nhan"]["vi"].is_string() && first_contact["nhan"]["en"].is_string());
    assert_eq!(warning(&answer, "scan.valid_to_differs").unwrap()["quet"], "2026-06-30");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_of_the_new_card_is_held_against_the_new_card() {
    let gateway = TestGateway::start().await;
    let person = example_for_code("004").unwrap();
    let answer = gateway.post("/v1/card-lookups", &question(&person)).await.expect(200).json();
    let (old, new) = (&answer["the"], &answer["theMoi"]);
    assert_ne!(old["maThe"], new["maThe"]);
    let slashed = |name: &str| {
        let day: Date = new[name].as_str().unwrap().parse().unwrap();
        day.strftime("%d/%m/%Y").to_string()
    };
    let (from, to) = (slashed("gtTheTu"), slashed("gtTheDen"));
    let changed = [(0, new["maThe"].as_str().unwrap()), (6, from.as_str()), (7, to.as_str())];
    // The scan is of the new card, the question is about the old one: only so both stand in one answer.
    let mut asked = question(&person);
    asked["qr"] = json!(card_code(&person, old, &changed));
    let answer = gateway.post("/v1/card-lookups", &asked).await.expect(200).json();
    assert_eq!(codes(&answer, "scan."), Vec::<String>::new());
    asked["qr"] = json!(card_code(&person, old, &changed[..2]));
    let answer = gateway.post("/v1/card-lookups", &asked).await.expect(200).json();
    assert_eq!(codes(&answer, "scan."), ["scan.valid_to_differs"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_since_the_last_answer_is_told_to_all_who_ask() {
    let mut gateway = TestGateway::start().await;
    let asked = magic("907");
    let first = gateway.post("/v1/card-lookups", &asked).await.expect(200).json();
    assert_eq!((&first["thayDoi"], &first["lanTruoc"]), (&json!([]), &Value::Null));

    // The answer before outlives the process. It is written behind the lookup; a stop finishes the writing.
    gateway.restart().await;
    let second = gateway.post("/v1/card-lookups?lang=en", &asked).await.expect(200).json();
    assert_eq!(second["nguon"], "cong");
    assert_eq!(second["lanTruoc"], first["traLuc"]);
    let changes = second["thayDoi"].as_array().unwrap();
    let told: Vec<_> = changes.iter().map(|change| [&change["truong"], &change["truoc"], &change["nay"]]).collect();
    assert_eq!(json!(told), json!([["maDKBD", "01999", "79001"], ["maKV", "", "K1"]]));
    assert_eq!(changes[0]["nhan"], "The first-contact facility changed");

    let from_memory = gateway.post("/v1/card-lookups", &asked).await.expect(200).json();
    assert_eq!(from_memory["nguon"], "da_luu");
    assert_eq!(from_memory["thayDoi"].as_array().unwrap().len(), 2, "those who come later are told too");

    // Nothing changed since.
    gateway.restart().await;
    let third = gateway.post("/v1/card-lookups", &asked).await.expect(200).json();
    assert_eq!((&third["nguon"], &third["thayDoi"]), (&json!("cong"), &json!([])));
    assert_eq!(third["lanTruoc"], second["traLuc"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_that_is_wanted_comes_with_the_card() {
    let gateway = TestGateway::start().await;
    let mut asked = magic("908");
    let without = gateway.post("/v1/card-lookups", &asked).await.expect(200).json();
    assert!(without.get("lichSu").is_none());
    assert_eq!(warning(&without, "card.in_hospital_elsewhere"), None);

    asked["lichSu"] = json!(true);
    let answer = gateway.post("/v1/card-lookups", &asked).await.expect(200).json();
    assert_eq!(answer["nguon"], "da_luu");
    assert_eq!(answer["lichSu"]["nguon"], "cong");
    let stay = &answer["lichSu"]["data"][0];
    assert_eq!((&stay["ngayRa"], &stay["lyDoVV"], &stay["lyDoVVNhan"]), (&json!(""), &json!("2"), &json!("Cấp cứu")));
    assert_eq!(stay["tinhTrangNhan"], Value::Null);
    let told = warning(&answer, "card.in_hospital_elsewhere").unwrap();
    assert_eq!(told["coSo"], json!([{"maCSKCB": "79001", "soLan": 1}]));
    assert!(told["nextStep"].is_string());

    // A card that cannot be used has no history asked for.
    let before = gateway.sandbox.questions().len();
    let mut refused = magic("010");
    refused["lichSu"] = json!(true);
    let answer = gateway.post("/v1/card-lookups", &refused).await.expect(200).json();
    assert!(answer.get("lichSu").is_none());
    assert_eq!(gateway.sandbox.questions().len(), before + 1);

    let mut wrong = magic("908");
    wrong["lichSu"] = json!("có");
    let problem = gateway.post("/v1/card-lookups", &wrong).await.expect(400).json();
    assert_eq!(problem["errors"][0]["maLoi"], "NOT_A_FLAG");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_that_fails_does_not_fail_the_card() {
    let mut gateway = TestGateway::with(Options { lookup: "patience_s = 2", ..Options::default() }).await;
    let mut asked = question(&valid_person(1));
    gateway.post("/v1/card-lookups", &asked).await.expect(200);
    asked["lichSu"] = json!(true);
    // A portal that hangs costs the caller's patience and not more; one that is away costs nothing.
    gateway.sandbox.set_faults(Faults { latency_ms: 600_000, ..Faults::default() });
    let answer = gateway.post("/v1/card-lookups?lang=both", &asked).await.expect(200).json();
    assert_eq!(answer["ketLuan"]["code"], "hop_le");
    let history = &answer["lichSu"];
    assert_eq!((&history["nguon"], &history["loi"]["code"]), (&Value::Null, &json!("portal.timeout")));
    assert!(history["loi"]["nhan"]["vi"].is_string() && history["loi"]["nhan"]["en"].is_string());
    gateway.portal_off().await;
    let mut asked = question(&valid_person(1));
    asked["lichSu"] = json!(true);
    let answer = gateway.post("/v1/card-lookups", &asked).await.expect(200).json();
    assert_eq!(answer["lichSu"]["nguon"], Value::Null);
    gateway.portal_on().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn looks_of_another_facility_today_are_told_with_their_number() {
    let options = Options { lookup: "refresh_cooldown_s = 0", ..Options::default() };
    let gateway = TestGateway::with(options).await;
    let asked = question(&valid_person(2));
    let other = [("facility-id", "79999"), ("cache-control", "no-cache")];
    for _ in 0..2 {
        gateway.post_with("/v1/card-lookups", &other, &asked).await.expect(200);
    }
    let answer = gateway.post("/v1/card-lookups", &asked).await.expect(200).json();
    let told = warning(&answer, "card.checked_elsewhere_today").unwrap();
    assert_eq!(told["coSo"], json!([{"maCSKCB": "79999", "soLan": 2}]));
    assert!(told["nhan"].as_str().unwrap().contains("79999"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_ends_during_the_stay_is_told() {
    let gateway = TestGateway::start().await;
    let person = valid_person(3);
    let answer = gateway.post("/v1/card-lookups", &question(&person)).await.expect(200).json();
    assert_eq!(warning(&answer, "card.ends_during_stay"), None);
    let last: Date = answer["the"]["gtTheDen"].as_str().unwrap().parse().unwrap();

    let mut asked = question(&person);
    asked["ngayRaDuKien"] = json!(last.to_string());
    let answer = gateway.post("/v1/card-lookups", &asked).await.expect(200).json();
    assert_eq!(warning(&answer, "card.ends_during_stay"), None, "the last day counts");
    asked["ngayRaDuKien"] = json!(last.checked_add(1.day()).unwrap().to_string());
    let answer = gateway.post("/v1/card-lookups", &asked).await.expect(200).json();
    assert_eq!(warning(&answer, "card.ends_during_stay").unwrap()["ngay"], json!(last.to_string()));

    asked["ngayKham"] = json!("2026-05-02");
    asked["ngayRaDuKien"] = json!("2026-05-01");
    let problem = gateway.post("/v1/card-lookups", &asked).await.expect(400).json();
    assert_eq!(problem["errors"][0]["maLoi"], "BEFORE_VISIT");
}

#[tokio::test(flavor = "multi_thread")]
async fn cards_of_the_forces_are_told_by_their_group() {
    let gateway = TestGateway::start().await;
    for code in ["001", "002"] {
        let person = example_for_code(code).unwrap();
        let answer = gateway.post("/v1/card-lookups", &question(&person)).await.expect(200).json();
        assert_eq!(answer["ketLuan"]["code"], "doi_tuong_dac_biet");
        let told = warning(&answer, "card.special_group").unwrap();
        assert!(told["nextStep"].as_str().is_some_and(|text| !text.is_empty()), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copayment_tells_how_recent_it_is_and_whose() {
    let gateway = TestGateway::start().await;
    for n in 0..40 {
        let person = valid_person(n);
        let answer = gateway.post("/v1/copay-lookups", &question(&person)).await.expect(200).json();
        if answer["maKetQua"] == "204" {
            assert_eq!((&answer["tinhDen"], &answer["thongTinSoThe"]), (&Value::Null, &Value::Null));
            continue;
        }
        assert!(answer["ghiChu"].as_str().unwrap().contains("tính đến: "));
        let as_of = answer["tinhDen"].as_str().unwrap();
        assert!(as_of.parse::<jiff::Timestamp>().is_ok() && as_of.ends_with(":00+07:00"), "{as_of}");
        assert_eq!(answer["thongTinSoThe"]["hoTen"], person.name.as_str());
        assert_eq!(answer["thongTinSoThe"]["maBhxh"], person.social_insurance_number.as_str());
        let paid: Vec<i64> =
            answer["data"].as_array().unwrap().iter().map(|row| row["tBNCCTLuyKe"].as_i64().unwrap()).collect();
        assert_eq!(answer["tongLuyKe"].as_i64(), paid.into_iter().max());
        return;
    }
    panic!("nobody of forty has paid anything");
}
