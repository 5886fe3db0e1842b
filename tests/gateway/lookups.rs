//! Lookups: one question each, answers kept as long as their code allows, and the verdict.

use std::collections::HashMap;

use futures_util::future::join_all;
use lienthong::sandbox::{Faults, example_for_code};
use serde_json::{Value, json};

use crate::support::{Options, TestGateway, question, valid_person};

fn verdict(answer: &Value) -> (&str, &str) {
    let verdict = &answer["ketLuan"];
    (verdict["code"].as_str().unwrap_or_default(), verdict["maKetQua"].as_str().unwrap_or_default())
}

/// No verdict rather than a provisional one.
const STRICT: &[(&str, &str)] = &[("prefer", "handling=strict")];

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_questions_about_two_hundred_people_cost_two_hundred() {
    let faults = Faults { latency_ms: 300, ..Faults::default() };
    let gateway = TestGateway::with(Options { faults, ..Options::default() }).await;
    let people: Vec<_> = (0..200).map(valid_person).collect();

    let asked = (0..1_000).map(|n| {
        let (gateway, person) = (&gateway, &people[n % 200]);
        async move {
            let answer = gateway.post("/v1/card-lookups", &question(person)).await.expect(200).json();
            assert_eq!(verdict(&answer), ("hop_le", "000"));
            assert_eq!(answer["the"]["maThe"], person.card.as_str());
        }
    });
    join_all(asked).await;

    let mut questions: HashMap<String, usize> = HashMap::new();
    for asked in gateway.sandbox.questions() {
        *questions.entry(asked.subject).or_default() += 1;
    }
    assert_eq!(questions.len(), 200);
    assert!(questions.values().all(|count| *count == 1), "somebody was asked about twice");
    assert_eq!(gateway.sandbox.logins(), 1, "one login is shared by all");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_question_is_answered_from_memory_and_says_so() {
    let gateway = TestGateway::start().await;
    let asked = question(&valid_person(0));
    let first = gateway.post("/v1/card-lookups", &asked).await.expect(200);
    assert_eq!(first.json()["nguon"], "cong");
    assert_eq!(first.header("cache-status"), "lienthong; fwd=miss");
    assert_eq!(first.header("cache-control"), "no-store");

    let second = gateway.post("/v1/card-lookups", &asked).await.expect(200);
    assert_eq!(second.json()["nguon"], "da_luu");
    assert!(second.header("cache-status").starts_with("lienthong; hit; ttl="), "{}", second.header("cache-status"));
    assert!(second.header("age").parse::<u64>().is_ok());
    assert!(second.header("ratelimit").starts_with("\"client\";r="));
    assert!(second.header("ratelimit-policy").starts_with("\"client\";q="));
    assert!(second.header("request-id").starts_with("req_"));
    assert_eq!(second.header("gateway-mode"), "test");
    assert_eq!(gateway.sandbox.questions().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_know_the_name_gets_nothing_from_memory() {
    let gateway = TestGateway::start().await;
    let person = valid_person(1);
    gateway.post("/v1/card-lookups", &question(&person)).await.expect(200);

    let mut guessed = question(&person);
    guessed["hoTen"] = json!("ĐOÁN MÒ");
    let answer = gateway.post("/v1/card-lookups", &guessed).await.expect(200).json();
    assert_eq!(verdict(&answer).0, "sai_thong_tin");
    assert_eq!(answer["the"], Value::Null);
    assert_eq!(gateway.sandbox.questions().len(), 2);

    // Another facility has its own account, and its own right to know.
    let other = [("facility-id", "79999")];
    gateway.post_with("/v1/card-lookups", &other, &question(&person)).await.expect(200);
    assert_eq!(gateway.sandbox.questions().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_typed_in_any_form_are_one_question() {
    let gateway = TestGateway::start().await;
    let person = valid_person(2);
    gateway.post("/v1/card-lookups", &question(&person)).await.expect(200);
    let decomposed: String = unicode_normalization::UnicodeNormalization::nfd(person.name.as_str()).collect();
    let mut typed = question(&person);
    typed["hoTen"] = json!(decomposed.to_lowercase().replace(' ', "  "));
    typed["ngaySinh"] = json!(person.birth_date.iso());
    let answer = gateway.post("/v1/card-lookups", &typed).await.expect(200).json();
    assert_eq!(answer["nguon"], "da_luu");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_code_has_its_verdict() {
    let gateway = TestGateway::start().await;
    for (code, expected) in [
        ("000", "hop_le"),
        ("001", "doi_tuong_dac_biet"),
        ("002", "doi_tuong_dac_biet"),
        ("010", "het_han"),
        ("050", "khong_tim_thay"),
        ("110", "da_thu_hoi_bao_giam"),
        ("120", "da_thu_hoi_bao_giam"),
        ("121", "da_thu_hoi_bao_giam"),
        ("122", "da_thu_hoi_bao_giam"),
        ("123", "da_thu_hoi_bao_giam"),
        ("124", "da_thu_hoi_bao_giam"),
        ("130", "tre_em_chua_the"),
    ] {
        let person = example_for_code(code).unwrap_or_else(|| panic!("no example for {code}"));
        let answer = gateway.post("/v1/card-lookups", &question(&person)).await.expect(200).json();
        assert_eq!(verdict(&answer), (expected, code));
        assert!(answer["nextStep"].as_str().is_some_and(|text| !text.is_empty()), "{code}");
    }
    // Codes that the magic ids play, among them one that is in no list.
    for (id, expected) in [
        ("000080000003", "hop_le_the_moi"),
        ("000080000051", "sai_thong_tin"),
        ("000080000052", "sai_thong_tin"),
        ("000080000053", "sai_thong_tin"),
        ("000080000054", "can_bo_khong_hop_le"),
        ("000080000055", "can_bo_khong_hop_le"),
        ("000080000060", "sai_thong_tin"),
        ("000080000061", "sai_thong_tin"),
        ("000080000070", "sai_thong_tin"),
        ("000080000205", "loi_cong"),
        ("000080000777", "chua_ro"),
    ] {
        let asked = json!({"maThe": id, "hoTen": "Nguyễn Văn Thử", "ngaySinh": "01/01/1980"});
        let answer = gateway.post("/v1/card-lookups", &asked).await.expect(200).json();
        assert_eq!(verdict(&answer), (expected, &id[9..]));
    }
    // Faults of the portal's own are no answers about a card.
    for id in ["000080000100", "000080000101", "000080000500"] {
        let asked = json!({"maThe": id, "hoTen": "Nguyễn Văn Thử", "ngaySinh": "01/01/1980"});
        let answer = gateway.post_with("/v1/card-lookups", STRICT, &asked).await.expect(503);
        assert_eq!(answer.json()["code"], "portal.fault");
        assert_eq!(answer.json()["portal"]["maKetQua"], &id[9..]);
        assert!(answer.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds >= 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_new_card_counts_when_the_visit_is_in_its_time() {
    let gateway = TestGateway::start().await;
    let person = example_for_code("004").unwrap();
    let today = gateway.post("/v1/card-lookups", &question(&person)).await.expect(200).json();
    assert_ne!(today["theMoi"], Value::Null);
    let from = today["theMoi"]["gtTheTu"].as_str().unwrap().to_owned();

    let mut later = question(&person);
    later["ngayKham"] = json!(from);
    let answer = gateway.post("/v1/card-lookups", &later).await.expect(200).json();
    assert_eq!(verdict(&answer), ("hop_le_the_moi", "004"));
    assert_eq!(answer["ketLuan"]["theDung"], "theMoi");
    assert_eq!(gateway.sandbox.questions().len(), 1, "another visit date is no other question");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_asks_again_after_the_cooldown_only() {
    let gateway = TestGateway::start().await;
    let asked = question(&valid_person(3));
    let refresh = [("cache-control", "no-cache")];
    gateway.post("/v1/card-lookups", &asked).await.expect(200);
    let answer = gateway.post_with("/v1/card-lookups", &refresh, &asked).await.expect(200).json();
    assert_eq!(answer["nguon"], "da_luu", "within the cool-down the answer at hand is given");
    assert!(answer["lamMoi"]["choPhepSau"].as_u64().is_some_and(|wait| wait > 0));

    let options = Options { lookup: "refresh_cooldown_s = 0", ..Options::default() };
    let gateway = TestGateway::with(options).await;
    gateway.post("/v1/card-lookups", &asked).await.expect(200);
    let answer = gateway.post_with("/v1/card-lookups", &refresh, &asked).await.expect(200).json();
    assert_eq!(answer["nguon"], "cong");
    assert_eq!(gateway.sandbox.questions().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_of_the_officer_is_not_said_of_the_card() {
    let gateway = TestGateway::start().await;
    let person = valid_person(4);
    let mut asked = question(&person);
    asked["canBo"] = json!({"hoTen": "NGƯỜI LẠ", "cccd": "001080099999"});
    let answer = gateway.post("/v1/card-lookups", &asked).await.expect(200).json();
    assert_eq!(verdict(&answer), ("can_bo_khong_hop_le", "054"));
    // The next desk, with a registered officer, gets its own answer.
    let answer = gateway.post("/v1/card-lookups", &question(&person)).await.expect(200).json();
    assert_eq!(verdict(&answer), ("hop_le", "000"));
}

#[tokio::test(flavor = "multi_thread")]
async fn desks_that_join_a_strangers_question_ask_in_their_own_name() {
    let faults = Faults { latency_ms: 200, ..Faults::default() };
    let gateway = TestGateway::with(Options { faults, ..Options::default() }).await;
    let person = valid_person(5);
    let mut by_stranger = question(&person);
    by_stranger["canBo"] = json!({"hoTen": "NGƯỜI LẠ", "cccd": "001080099999"});
    let ours = question(&person);
    let asked = (0..20).map(|n| {
        let (gateway, body) = (&gateway, if n % 2 == 0 { &by_stranger } else { &ours });
        async move { (n % 2 == 0, gateway.post("/v1/card-lookups", body).await.expect(200).json()) }
    });
    for (stranger, answer) in join_all(asked).await {
        if !stranger {
            assert_eq!(verdict(&answer), ("hop_le", "000"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_officer_is_found_by_staff_id() {
    let gateway = TestGateway::start().await;
    let asked = question(&valid_person(6));
    gateway.post_with("/v1/card-lookups", &[("staff-id", "tiepdon01")], &asked).await.expect(200);
    let unknown = gateway.post_with("/v1/card-lookups", &[("staff-id", "nobody")], &asked).await.expect(400).json();
    assert_eq!(unknown["errors"][0]["maLoi"], "STAFF_UNKNOWN");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_is_read_and_looked_up() {
    let gateway = TestGateway::start().await;
    let raw = "000080000000|000000001|Nguyễn Văn Thử|01011980|Nam|Thôn Mẫu, Xã Ví Dụ, Tỉnh Thử Nghiệm|01072021";
    let scan = gateway.post("/v1/scans", &json!({"raw": raw})).await.expect(200).json();
    assert_eq!(scan["loai"], "cccd");
    assert_eq!(scan["soCccd"], "000080000000");
    assert_eq!(scan["ngaySinh"], json!({"giaTri": "1980-01-01", "doChinhXac": "ngay"}));

    let answer = gateway.post("/v1/card-lookups", &json!({"qr": raw})).await.expect(200).json();
    assert_eq!(verdict(&answer), ("hop_le", "000"));
    assert_eq!(answer["the"]["maThe"], "GD4000000000001");

    let unknown = gateway.post("/v1/scans", &json!({"raw": "https://example.vn/x"})).await.expect(400).json();
    assert_eq!(unknown["code"], "request.invalid");
    assert!(unknown["errors"][0]["maLoi"].as_str().unwrap().starts_with("qr."));
}

#[tokio::test(flavor = "multi_thread")]
async fn history_and_copayment_are_asked_in_their_own_ways() {
    let gateway = TestGateway::start().await;
    let asked = question(&valid_person(7));
    let history = gateway.post("/v1/treatment-histories", &asked).await.expect(200).json();
    assert_eq!(history["maKetQua"], "000");
    assert!(history["data"].is_array());
    let copay = gateway.post("/v1/copay-lookups", &asked).await.expect(200).json();
    assert!(["200", "204"].contains(&copay["maKetQua"].as_str().unwrap()), "{copay}");
    gateway.post("/v1/copay-lookups", &asked).await.expect(200);
    assert_eq!(gateway.sandbox.questions().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_faults_of_a_question_are_told_at_once_in_both_languages() {
    let gateway = TestGateway::start().await;
    let asked = json!({"maThe": "12345", "hoTen": "1", "ngaySinh": "31/02/1994", "ngayKhamm": "x"});
    let reply = gateway.post("/v1/card-lookups?lang=both", &asked).await.expect(400);
    assert_eq!(reply.header("content-type"), "application/problem+json");
    let problem = reply.json();
    assert_eq!(problem["code"], "request.invalid");
    let fields: Vec<_> =
        problem["errors"].as_array().unwrap().iter().map(|error| error["truong"].as_str().unwrap()).collect();
    assert_eq!(fields, ["maThe", "hoTen", "ngaySinh", "ngayKhamm"]);
    assert!(problem["i18n"]["title"]["vi"].is_string() && problem["i18n"]["title"]["en"].is_string());
    assert!(gateway.sandbox.questions().is_empty());
    // What was typed is not repeated: it may be a patient's name.
    assert!(!String::from_utf8_lossy(&reply.body).contains("31/02/1994"));

    let english = [("accept-language", "en-GB,en")];
    let problem = gateway.post_with("/v1/card-lookups", &english, &asked).await.expect(400).json();
    assert_eq!(problem["title"], "The request has invalid fields");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_the_portal_drops_is_renewed_once() {
    let gateway = TestGateway::start().await;
    gateway.post("/v1/card-lookups", &question(&valid_person(8))).await.expect(200);
    gateway.sandbox.revoke_tokens();
    let asked = (9..29).map(|n| {
        let gateway = &gateway;
        async move { gateway.post("/v1/card-lookups", &question(&valid_person(n))).await.expect(200) }
    });
    join_all(asked).await;
    assert_eq!(gateway.sandbox.logins(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_from_the_portal_is_a_fault_and_never_a_success() {
    let gateway = TestGateway::start().await;
    for id in ["000080000904", "000080000905", "000080000906"] {
        let asked = json!({"maThe": id, "hoTen": "Nguyễn Văn Thử", "ngaySinh": "01/01/1980"});
        let reply = gateway.post_with("/v1/card-lookups", STRICT, &asked).await;
        assert!([502, 503].contains(&reply.status.as_u16()), "{id}: {}", reply.status);
        assert!(reply.json()["code"].as_str().unwrap().starts_with("portal."), "{id}");
    }
    let faults = Faults { code_as_number: true, ..Faults::default() };
    gateway.sandbox.set_faults(faults);
    // A number in place of a string is understood, but 000 cannot be written as a number.
    let asked = json!({"maThe": "000080000110", "hoTen": "Nguyễn Văn Thử", "ngaySinh": "01/01/1980"});
    let answer = gateway.post("/v1/card-lookups", &asked).await.expect(200).json();
    assert_eq!(verdict(&answer), ("da_thu_hoi_bao_giam", "110"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spent_quota_is_refused_with_the_wait() {
    let gateway = TestGateway::with(Options { requests_per_minute: 2, ..Options::default() }).await;
    let asked = question(&valid_person(0));
    gateway.post("/v1/card-lookups", &asked).await.expect(200);
    gateway.post("/v1/card-lookups", &asked).await.expect(200);
    let reply = gateway.post("/v1/card-lookups", &asked).await.expect(429);
    assert_eq!(reply.json()["code"], "quota.exceeded");
    assert!(reply.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds >= 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spent_budget_is_refused_without_asking() {
    let options = Options { lookup: "patience_s = 1", budget: Some((1, 1)), ..Options::default() };
    let gateway = TestGateway::with(options).await;
    gateway.post("/v1/card-lookups", &question(&valid_person(0))).await.expect(200);
    let asked = question(&valid_person(1));
    let reply = gateway.post_with("/v1/card-lookups", STRICT, &asked).await.expect(503);
    assert_eq!(reply.json()["code"], "portal.budget_spent");
    assert_eq!(gateway.sandbox.questions().len(), 1);
}
