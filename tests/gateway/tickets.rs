//! The last rung of the outage ladder, and the tickets under which a desk hears the rest.

use lienthong::sandbox::{Faults, InsuredPerson};
use serde_json::{Value, json};

use crate::support::{Options, TestGateway, question, until, valid_person};

/// A service is left alone after two failures, for a second.
const QUICK_TO_REST: &str = "failures_to_rest = 2\nrest_s = 1";

fn out() -> Faults {
    Faults { outage: true, ..Faults::default() }
}

async fn ask(gateway: &TestGateway, question: &Value) -> Value {
    gateway.post("/v1/card-lookups", question).await.expect(200).json()
}

fn by_card(person: &InsuredPerson, from: &str, to: &str) -> Value {
    json!({
        "maThe": person.card,
        "hoTen": person.name,
        "ngaySinh": person.birth_date.portal(),
        "gtTheTu": from,
        "gtTheDen": to,
    })
}

/// The ticket, once it has ended.
async fn ended(gateway: &TestGateway, id: &str) -> Value {
    let path = format!("/v1/card-lookups/{id}");
    until("the ticket to end", async || {
        let ticket = gateway.get(&path).await.expect(200).json();
        (ticket["trangThai"] != "dang_cho").then_some(ticket)
    })
    .await
}

async fn events(gateway: &TestGateway, kind: &str) -> Vec<Value> {
    let events = gateway.get("/v1/events?limit=500").await.expect(200).json();
    events["data"].as_array().unwrap().iter().filter(|event| event["type"] == kind).cloned().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_desk_hears_a_provisional_verdict_now_and_the_portals_word_later() {
    let options = Options { portal: QUICK_TO_REST, ..Options::default() };
    let gateway = TestGateway::with(options).await;
    gateway.sandbox.set_faults(out());
    let (good, expired, unknown) = (valid_person(0), valid_person(1), valid_person(2));

    let first = ask(&gateway, &by_card(&good, "01/01/2026", "31/12/2099")).await;
    assert_eq!((&first["nguon"], &first["ketLuan"]["code"]), (&json!("tam_tinh"), &json!("tam_tinh_con_han")));
    assert_eq!((&first["the"], &first["traLuc"]), (&Value::Null, &Value::Null));
    let second = ask(&gateway, &by_card(&expired, "01/01/2020", "31/12/2020")).await;
    assert_eq!(second["ketLuan"]["code"], "tam_tinh_het_han");
    let third = ask(&gateway, &question(&unknown)).await;
    assert_eq!(third["ketLuan"]["code"], "chua_ro");
    // The same question again waits under the same ticket.
    assert_eq!(ask(&gateway, &question(&unknown)).await["pendingLookup"], third["pendingLookup"]);

    let card = until("the weather to be told", async || {
        ask(&gateway, &question(&unknown)).await;
        let status = gateway.get("/v1/portal-status").await.expect(200).json();
        assert!(status["oldestTicket"].is_string());
        let services = status["services"].as_array().unwrap();
        services.iter().find(|post| post["service"] == "card-lookup" && post["weather"] == "down").cloned()
    })
    .await;
    assert_eq!((&card["tickets"], &card["afterRecovery"]), (&json!(3), &json!(true)), "{card}");
    assert!(card["since"].is_string() && card["drainSeconds"].is_number(), "{card}");
    let metrics = String::from_utf8(gateway.admin("/metrics").await.expect(200).body.to_vec()).unwrap();
    for line in [
        "lienthong_portal_weather{service=\"card-lookup\",weather=\"down\"} 1",
        "lienthong_portal_waiting{service=\"card-lookup\"} 3",
        "lienthong_lookup_answers_total{source=\"provisional\"}",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }

    gateway.sandbox.set_faults(Faults::default());
    for (told, differs) in [(&first, json!(["gtTheDen"])), (&second, json!(["ketLuan", "gtTheTu", "gtTheDen"]))] {
        let ticket = ended(&gateway, told["pendingLookup"].as_str().unwrap()).await;
        assert_eq!((&ticket["trangThai"], &ticket["khac"]), (&json!("da_tra_loi"), &differs), "{ticket}");
        assert_eq!(ticket["traLoi"]["ketLuan"]["code"], "hop_le");
        assert_eq!(ticket["daBao"]["ketLuan"], told["ketLuan"]["code"]);
    }
    let ticket = ended(&gateway, third["pendingLookup"].as_str().unwrap()).await;
    assert_eq!(ticket["traLoi"]["the"]["hoTen"], unknown.name);

    let told = events(&gateway, "lookup.completed").await;
    assert_eq!(told.len(), 3, "{told:?}");
    let text = serde_json::to_string(&told).unwrap();
    for person in [&good, &expired, &unknown] {
        for secret in [person.name.as_str(), person.card.as_str(), person.national_id.as_str()] {
            assert!(!text.contains(secret), "an event names nobody: {text}");
        }
    }
    let of_first = told.iter().find(|event| event["data"]["id"] == first["pendingLookup"]).unwrap();
    assert_eq!(
        (&of_first["data"]["ketLuanTruoc"], &of_first["data"]["ketLuan"]),
        (&json!("tam_tinh_con_han"), &json!("hop_le"))
    );
    // The answer is fresh now for whoever asks.
    assert_eq!(ask(&gateway, &question(&unknown)).await["nguon"], "da_luu");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_told_an_old_answer_hears_whether_it_still_holds() {
    let options =
        Options { portal: QUICK_TO_REST, lookup: "usable_s = 0\nusable_in_bulk_s = 60", ..Options::default() };
    let mut gateway = TestGateway::with(options).await;
    ask(&gateway, &question(&valid_person(0))).await;
    // What is to be kept of an answer is written beside it; a stop waits for it.
    gateway.restart().await;
    gateway.sandbox.set_faults(out());
    let old = ask(&gateway, &question(&valid_person(0))).await;
    assert_eq!(old["nguon"], "da_luu_cu");
    gateway.sandbox.set_faults(Faults::default());
    let ticket = ended(&gateway, old["pendingLookup"].as_str().unwrap()).await;
    assert_eq!((&ticket["trangThai"], &ticket["khac"]), (&json!("da_tra_loi"), &json!([])), "{ticket}");
    assert_eq!(ticket["daBao"]["nguon"], "da_luu_cu");
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_outlive_a_restart_and_are_seen_by_their_facility_alone() {
    let options = Options { portal: QUICK_TO_REST, ..Options::default() };
    let mut gateway = TestGateway::with(options).await;
    gateway.sandbox.set_faults(out());
    let told = ask(&gateway, &question(&valid_person(0))).await;
    let id = told["pendingLookup"].as_str().unwrap().to_owned();
    gateway.restart().await;

    let foreign = format!("Bearer {}", gateway.new_key(&["lookup", "document:read"], &["79999"]).await);
    let path = format!("/v1/card-lookups/{id}");
    let headers = [("authorization", foreign.as_str())];
    let look = async |path: &str| gateway.send(http::Method::GET, path, &headers, bytes::Bytes::new()).await;
    look(&path).await.expect(404);
    assert_eq!(look("/v1/card-lookups").await.expect(200).json()["data"], json!([]));
    let own = [("facility-id", "01999")];
    let list = gateway.send(http::Method::GET, "/v1/card-lookups?limit=1", &own, bytes::Bytes::new()).await;
    let list = list.expect(200).json();
    assert_eq!((&list["data"][0]["id"], &list["page"]["hasMore"]), (&json!(id), &json!(false)));

    gateway.sandbox.set_faults(Faults::default());
    ended(&gateway, &id).await;
    assert_eq!(events(&gateway, "lookup.completed").await.len(), 1);
    let seen = look("/v1/events?limit=500").await.expect(200).json();
    let seen = seen["data"].as_array().unwrap().iter().filter(|event| event["type"] == "lookup.completed");
    assert_eq!(seen.count(), 0, "another facility's ticket is none of their business");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_under_way_does_not_keep_the_process() {
    let portal = "failures_to_rest = 2\nrest_s = 1\nquestion_timeout_s = 300";
    let mut gateway = TestGateway::with(Options { portal, ..Options::default() }).await;
    // Signed in from here on: a login has a shorter deadline.
    ask(&gateway, &question(&valid_person(1))).await;
    gateway.sandbox.set_faults(out());
    ask(&gateway, &question(&valid_person(0))).await;
    gateway.sandbox.set_faults(Faults { latency_ms: 300_000, ..Faults::default() });
    until("the ticket to be asked", async || {
        let status = gateway.get("/v1/portal-status").await.expect(200).json();
        let services = status["services"].as_array().unwrap();
        services.iter().any(|post| post["service"] == "card-lookup" && post["waiting"] == 1).then_some(())
    })
    .await;
    gateway.let_go().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_wants_no_provisional_verdict_gets_the_failure_with_its_ticket() {
    let gateway = TestGateway::with(Options { portal: QUICK_TO_REST, ..Options::default() }).await;
    gateway.sandbox.set_faults(out());
    let strict = [("prefer", "handling=strict")];
    let problem = gateway.post_with("/v1/card-lookups", &strict, &question(&valid_person(0))).await.expect(503).json();
    assert_eq!(problem["code"], "portal.unreachable");
    gateway.get(&format!("/v1/card-lookups/{}", problem["pendingLookup"].as_str().unwrap())).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn desks_that_were_told_something_else_hear_of_their_own_question() {
    let gateway = TestGateway::with(Options { portal: QUICK_TO_REST, ..Options::default() }).await;
    gateway.sandbox.set_faults(out());
    let mut by_stranger = question(&valid_person(0));
    by_stranger["canBo"] = json!({"hoTen": "PHẠM VĂN KHÁC", "cccd": "079085054399"});
    let mut long_ago = question(&valid_person(0));
    long_ago["ngayKham"] = json!("2001-01-05");
    let own = question(&valid_person(0));
    let mut tickets = Vec::new();
    for asked in [&by_stranger, &long_ago, &own] {
        tickets.push(ask(&gateway, asked).await["pendingLookup"].as_str().unwrap().to_owned());
    }
    assert_eq!(ask(&gateway, &own).await["pendingLookup"], tickets[2], "the same question again");
    gateway.sandbox.set_faults(Faults::default());
    // The stranger may hear of the card as well, if the portal has told of it to the others by then.
    ended(&gateway, &tickets[0]).await;
    for (id, conclusion) in tickets[1..].iter().zip(["het_han", "hop_le"]) {
        let ticket = ended(&gateway, id).await;
        assert_eq!(ticket["traLoi"]["ketLuan"]["code"], conclusion, "{ticket}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_tells_nothing_to_another_client_of_the_facility() {
    let gateway = TestGateway::with(Options { portal: QUICK_TO_REST, ..Options::default() }).await;
    gateway.sandbox.set_faults(out());
    let own = ask(&gateway, &question(&valid_person(0))).await["pendingLookup"].as_str().unwrap().to_owned();

    // Another program of the same facility knows nobody's name and birth date.
    let other = format!("Bearer {}", gateway.new_key(&["lookup"], &["01999"]).await);
    let headers = [("authorization", other.as_str())];
    let look = async |path: &str| gateway.send(http::Method::GET, path, &headers, bytes::Bytes::new()).await;
    let path = format!("/v1/card-lookups/{own}");
    look(&path).await.expect(404);
    assert_eq!(look("/v1/card-lookups").await.expect(200).json()["data"], json!([]));

    // Who asks the same is told as much as whoever asked first, under a ticket of his own.
    let theirs = gateway.post_with("/v1/card-lookups", &headers, &question(&valid_person(0))).await.expect(200).json();
    let theirs = theirs["pendingLookup"].as_str().unwrap();
    assert_ne!(theirs, own);
    gateway.sandbox.set_faults(Faults::default());
    ended(&gateway, &own).await;
    let seen = until("the other's ticket to end", async || {
        let list = look("/v1/card-lookups").await.expect(200).json();
        (list["data"][0]["trangThai"] == "da_tra_loi").then_some(list)
    })
    .await;
    assert_eq!((&seen["data"][0]["id"], seen["data"].as_array().unwrap().len()), (&json!(theirs), 1));
    look(&path).await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_says_nothing_of_a_card_that_was_typed_instead() {
    let gateway = TestGateway::with(Options { portal: QUICK_TO_REST, ..Options::default() }).await;
    gateway.sandbox.set_faults(out());
    let person = valid_person(0);
    let name: String = person.name.bytes().map(|byte| format!("{byte:02x}")).collect();
    let code = format!(
        "{}|{name}|{}|1||01 - 999|01/01/2020|31/12/2099|-|x|-|4|01/01/2030|0f|$",
        person.card,
        person.birth_date.portal()
    );
    let scanned = ask(&gateway, &json!({"qr": code})).await;
    assert_eq!(scanned["ketLuan"]["code"], "tam_tinh_con_han", "{scanned}");
    let corrected = ask(&gateway, &json!({"qr": code, "maThe": person.national_id.as_str()})).await;
    assert_eq!(corrected["ketLuan"]["code"], "tam_tinh_con_han", "the same person's card: {corrected}");
    let other = ask(&gateway, &json!({"qr": code, "maThe": valid_person(1).card})).await;
    assert_eq!(other["ketLuan"]["code"], "chua_ro", "{other}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_about_the_officer_ends_a_ticket_too() {
    let gateway = TestGateway::with(Options { portal: QUICK_TO_REST, ..Options::default() }).await;
    gateway.sandbox.set_faults(out());
    let mut asked = question(&valid_person(0));
    asked["canBo"] = json!({"hoTen": "PHẠM VĂN KHÁC", "cccd": "079085054399"});
    let told = ask(&gateway, &asked).await;
    gateway.sandbox.set_faults(Faults::default());
    let ticket = ended(&gateway, told["pendingLookup"].as_str().unwrap()).await;
    assert_eq!(ticket["traLoi"]["ketLuan"]["code"], "can_bo_khong_hop_le");
}
