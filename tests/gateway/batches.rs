//! Lists of lookups: asked behind the people at the desks, lost by no restart, and told in three forms that agree.

use std::collections::HashMap;
use std::io::Cursor;

use bytes::Bytes;
use calamine::{Data, Reader, Xlsx};
use http::Method;
use lienthong::sandbox::{Faults, InsuredPerson, example_for_code};
use rust_xlsxwriter::Workbook;
use serde_json::{Value, json};

use crate::support::{Options, Reply, TestGateway, question, until, valid_person};
use crate::{exams, samples};

const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

fn row(person: &InsuredPerson, reference: &str) -> Value {
    let mut row = question(person);
    row["ref"] = json!(reference);
    row
}

fn rows(people: &[InsuredPerson]) -> Value {
    people.iter().enumerate().map(|(n, person)| row(person, &format!("BN{n}"))).collect()
}

fn people(count: usize) -> Vec<InsuredPerson> {
    // One pass over the invented people instead of one for each.
    let ids = (0..).map(|serial: u32| format!("0011{:02}{:06}", serial % 60 + 30, serial * 7 + 1));
    ids.filter_map(|id| lienthong::domain::NationalId::parse(&id).ok())
        .map(|id| lienthong::sandbox::person_of(&id))
        .filter(|person| person.code == "000")
        .take(count)
        .collect()
}

async fn submit(gateway: &TestGateway, body: &Value) -> Reply {
    gateway.post("/v1/card-lookups/batch", body).await
}

/// The list, once it stands so.
async fn in_state(gateway: &TestGateway, id: &str, states: &[&str]) -> Value {
    until(&format!("list {id} to become one of {states:?}"), async || {
        let list = gateway.get(&format!("/v1/card-lookups/batches/{id}")).await.expect(200).json();
        states.contains(&list["trangThai"].as_str().unwrap_or_default()).then_some(list)
    })
    .await
}

async fn order(gateway: &TestGateway, id: &str, order: &str) -> Reply {
    gateway.post(&format!("/v1/card-lookups/batches/{id}/{order}"), &json!({})).await
}

async fn results(gateway: &TestGateway, id: &str, query: &str) -> Reply {
    gateway.get(&format!("/v1/card-lookups/batches/{id}/results{query}")).await.expect(200)
}

/// How often each card was asked about.
fn asked(gateway: &TestGateway) -> HashMap<String, usize> {
    let mut asked = HashMap::new();
    for question in gateway.sandbox.questions() {
        *asked.entry(question.subject).or_default() += 1;
    }
    asked
}

fn id_of(reply: &Value) -> String {
    reply["id"].as_str().expect("a list has an id").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_asked_and_told_row_by_row() {
    let gateway = TestGateway::start().await;
    let mut all = people(30);
    all.push(example_for_code("010").unwrap());
    all.push(example_for_code("050").unwrap());
    // Known already: it costs nothing.
    gateway.post("/v1/card-lookups", &question(&all[0])).await.expect(200);

    let body = json!({"name": "Phòng khám sáng", "ngayKham": "20/11/2026", "rows": rows(&all)});
    let reply = submit(&gateway, &body).await.expect(202);
    let accepted = reply.json();
    let id = id_of(&accepted);
    assert_eq!(reply.header("location"), format!("/v1/card-lookups/batches/{id}"));
    assert_eq!(reply.header("cache-control"), "no-store");
    assert_eq!((&accepted["tong"], &accepted["name"]), (&json!(32), &json!("Phòng khám sáng")));

    let list = in_state(&gateway, &id, &["xong"]).await;
    assert_eq!(
        (&list["xong"], &list["hopLe"], &list["loi"], &list["conLai"]),
        (&json!(32), &json!(30), &json!(0), &json!(0))
    );
    assert_eq!(list["canXem"], json!(2));
    assert_eq!(list["ketLuan"], json!({"hop_le": 30, "het_han": 1, "khong_tim_thay": 1}));
    assert!(list["startedAt"].is_string() && list["endedAt"].is_string() && list["expectedEnd"].is_null());
    let questions = asked(&gateway);
    assert_eq!(questions.len(), 32);
    assert!(questions.values().all(|count| *count == 1), "somebody was asked about twice");

    // In pages, in order, whole.
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = results(&gateway, &id, &format!("?limit=7{cursor}")).await.json();
        found.extend(page["data"].as_array().unwrap().clone());
        match page["page"]["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(found.len(), 32);
    for (n, row) in found.iter().enumerate() {
        assert_eq!((&row["dong"], &row["ref"]), (&json!(n + 1), &json!(format!("BN{n}"))));
        assert_eq!((&row["trangThai"], &row["ngayKham"]), (&json!("xong"), &json!("2026-11-20")));
    }
    assert_eq!(found[0]["the"]["maThe"], all[0].card.as_str());
    assert_eq!((&found[0]["nguon"], &found[1]["nguon"]), (&json!("da_luu"), &json!("cong")));
    assert_eq!(found[30]["ketLuan"]["code"], "het_han");
    assert!(found[31]["nextStep"].as_str().is_some_and(|text| !text.is_empty()));

    // The list for seven o'clock.
    let problems = results(&gateway, &id, "?only=problems&lang=en").await.json();
    let problems = problems["data"].as_array().unwrap();
    assert_eq!(problems.iter().map(|row| row["dong"].as_u64().unwrap()).collect::<Vec<_>>(), [31, 32]);

    // And whoever comes to the desk in the morning is answered from memory.
    let desk = gateway.post("/v1/card-lookups", &question(&all[7])).await.expect(200).json();
    assert_eq!(desk["nguon"], "da_luu");

    let events = gateway.get("/v1/events").await.expect(200).json();
    let completed: Vec<&Value> =
        events["data"].as_array().unwrap().iter().filter(|event| event["type"] == "batch.completed").collect();
    assert_eq!(completed.len(), 1);
    assert_eq!(completed[0]["data"], json!({"id": id, "tong": 32, "hopLe": 30, "loi": 0}));

    let metrics = String::from_utf8(gateway.admin("/metrics").await.body.to_vec()).unwrap();
    assert!(metrics.contains("lienthong_batch_rows_total{outcome=\"hop_le\"} 30"), "{metrics}");
    assert!(metrics.contains("lienthong_batch_rows_waiting 0"), "{metrics}");
}

/// A workbook with the same rows as [`csv`].
fn workbook(people: &[InsuredPerson]) -> Vec<u8> {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.write_string(0, 0, "DANH SÁCH ĐẶT KHÁM").unwrap();
    for (index, heading) in (0u16..).zip(["Mã BN", "Họ tên", "Ngày sinh", "Số thẻ/CCCD"]) {
        sheet.write_string(1, index, heading).unwrap();
    }
    for (n, person) in people.iter().enumerate() {
        let line = u32::try_from(n + 2).unwrap();
        sheet.write_string(line, 0, format!("BN{n}")).unwrap();
        sheet.write_string(line, 1, &person.name).unwrap();
        sheet.write_string(line, 2, person.birth_date.portal()).unwrap();
        sheet.write_string(line, 3, person.national_id.as_str()).unwrap();
    }
    workbook.save_to_buffer().unwrap()
}

fn csv(people: &[InsuredPerson]) -> String {
    let mut text = "\u{FEFF}DANH SÁCH ĐẶT KHÁM;;;\r\nMã BN;Họ tên;Ngày sinh;Số thẻ/CCCD\r\n".to_owned();
    for (n, person) in people.iter().enumerate() {
        let (name, birth, id) = (&person.name, person.birth_date.portal(), person.national_id.as_str());
        text.push_str(&format!("BN{n};\"{name}\";{birth};{id}\r\n"));
    }
    text
}

async fn submit_file(gateway: &TestGateway, media_type: &str, query: &str, body: Vec<u8>) -> Reply {
    let headers = [("content-type", media_type), ("facility-id", "01999")];
    gateway.send(Method::POST, &format!("/v1/card-lookups/batch{query}"), &headers, Bytes::from(body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn three_forms_in_and_three_forms_out_say_the_same() {
    let gateway = TestGateway::start().await;
    let mut all = people(5);
    all.push(example_for_code("110").unwrap());
    let by_csv =
        submit_file(&gateway, "text/csv; charset=utf-8", "?name=a&ngayKham=20/11/2026", csv(&all).into_bytes()).await;
    let by_xlsx = submit_file(&gateway, XLSX, "?ngayKham=2026-11-20", workbook(&all)).await;
    let by_json = submit(&gateway, &json!({"rows": rows(&all), "ngayKham": "2026-11-20"})).await;
    let mut told = Vec::new();
    for reply in [by_csv, by_xlsx, by_json] {
        let id = id_of(&reply.expect(202).json());
        in_state(&gateway, &id, &["xong"]).await;
        let json = results(&gateway, &id, "").await.json();
        let shown = |row: &Value| {
            [&row["ref"], &row["maThe"], &row["hoTen"], &row["ketLuan"]["code"], &row["the"]["maThe"]]
                .map(|value| value.as_str().unwrap_or_default().to_owned())
        };
        let of_json: Vec<[String; 5]> = json["data"].as_array().unwrap().iter().map(shown).collect();

        let csv = results(&gateway, &id, "?format=csv").await;
        assert!(
            csv.header("content-disposition").contains(&format!("{id}.csv")),
            "{}",
            csv.header("content-disposition")
        );
        let text = String::from_utf8(csv.body.to_vec()).unwrap();
        let text = text.strip_prefix('\u{FEFF}').expect("Excel needs the mark");
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let headings = reader.headers().unwrap().clone();
        let at = |heading: &str| headings.iter().position(|own| own == heading).unwrap();
        let places = ["Mã tham chiếu", "Số thẻ/CCCD", "Họ tên", "Kết luận", "Số thẻ BHYT"].map(at);
        let of_csv: Vec<[String; 5]> =
            reader.records().map(|row| row.unwrap()).map(|row| places.map(|place| row[place].to_owned())).collect();
        assert_eq!(of_csv, of_json);

        let accept = [("accept", XLSX)];
        let path = format!("/v1/card-lookups/batches/{id}/results");
        let xlsx = gateway.send(Method::GET, &path, &accept, Bytes::new()).await.expect(200);
        let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(xlsx.body.to_vec())).unwrap();
        let sheet = workbook.worksheet_range_at(0).unwrap().unwrap();
        let of_xlsx: Vec<[String; 5]> =
            sheet.rows().skip(1).map(|row| places.map(|place| row[place].to_string())).collect();
        assert_eq!(of_xlsx, of_json);
        let number = sheet.rows().nth(1).unwrap()[places[1]].clone();
        assert_eq!(number, Data::String(all[0].national_id.as_str().to_owned()), "a number keeps its zeros as text");
        told.push(of_json);
    }
    assert_eq!(told[0].len(), 6);
    assert!(told.iter().all(|one| *one == told[0]), "{told:#?}");
    assert_eq!(asked(&gateway).len(), 6, "the same people cost one question each");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_rows_are_told_at_once_and_nothing_is_accepted() {
    let gateway = TestGateway::start().await;
    let person = valid_person(0);
    let mut list = csv(&[person.clone(), person.clone()]);
    list.push_str("BN2;;31/02/1985;1185012345\r\n=1+1;A;1985;24185012345\r\n");
    let refused = submit_file(&gateway, "text/csv", "", list.clone().into_bytes()).await.expect(422).json();
    assert_eq!(refused["code"], "batch.rows_invalid");
    let told: Vec<String> = refused["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| format!("{} {} {}", fault["dong"], fault["cot"], fault["maLoi"]).replace('"', ""))
        .collect();
    assert_eq!(told, ["5 C DATE", "5 D LOST_ZEROS", "5 B MISSING", "6 D LOST_ZEROS"]);
    assert!(!refused.to_string().contains("1185012345"), "no value is repeated");
    let lists = gateway.get("/v1/card-lookups/batches").await.expect(200).json();
    assert_eq!(lists["data"], json!([]));

    let accepted = submit_file(&gateway, "text/csv", "?skipInvalid=true", list.into_bytes()).await.expect(202).json();
    let id = id_of(&accepted);
    let done = in_state(&gateway, &id, &["xong"]).await;
    assert_eq!((&done["tong"], &done["xong"], &done["loi"]), (&json!(4), &json!(2), &json!(2)));
    let problems = results(&gateway, &id, "?only=problems").await.json();
    let problems = problems["data"].as_array().unwrap();
    assert_eq!((problems.len(), &problems[0]["dong"], &problems[1]["ref"]), (2, &json!(5), &json!("=1+1")));
    assert_eq!(problems[0]["loi"]["errors"].as_array().unwrap().len(), 3);
    let file = results(&gateway, &id, "?format=csv&only=problems").await;
    let text = String::from_utf8(file.body.to_vec()).unwrap();
    assert!(text.contains("\"'=1+1\"") && !text.contains("\"=1+1\""), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_list_is_refused() {
    let gateway = TestGateway::start().await;
    let good = rows(&[valid_person(0)]);
    for (body, status, code) in [
        (json!({}), 400, "batch.rows_missing"),
        (json!({"rows": []}), 422, "batch.empty"),
        (json!({"rows": good, "startAt": "25:00"}), 400, "request.invalid"),
        (json!({"rows": good, "ngayKham": "2026"}), 400, "request.invalid"),
        (json!({"rows": good, "ten": "x"}), 400, "request.invalid"),
        (json!({"rows": good, "canBo": {"hoTen": "A"}}), 400, "request.invalid"),
        (json!([]), 400, "request.not_an_object"),
    ] {
        let refused = submit(&gateway, &body).await.expect(status).json();
        assert_eq!(refused["code"], code, "{body}");
    }
    for (media_type, body, status, code) in [
        ("text/csv", &b"a,b\n1,2\n"[..], 422, "batch.headings_missing"),
        ("text/csv", b"\xFF\xFE", 400, "batch.not_utf8"),
        (XLSX, b"PK\x03\x04 no workbook", 422, "batch.not_a_workbook"),
        ("application/xml", b"<a/>", 415, "request.unsupported_media_type"),
    ] {
        let refused = submit_file(&gateway, media_type, "", body.to_vec()).await.expect(status).json();
        assert_eq!(refused["code"], code);
    }
    let refused = submit_file(&gateway, "text/csv", "?what=1", csv(&[valid_person(0)]).into_bytes()).await;
    assert_eq!(refused.expect(400).json()["code"], "request.invalid");
    gateway.get("/v1/card-lookups/batches/bat_nothing").await.expect(404);
    gateway.get("/v1/card-lookups/batches?limit=0").await.expect(400);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_makes_repeating_harmless() {
    let gateway = TestGateway::start().await;
    let body = json!({"rows": rows(&people(3))});
    let key = [("idempotency-key", "list-1")];
    let first = gateway.post_with("/v1/card-lookups/batch", &key, &body).await.expect(202).json();
    let again = gateway.post_with("/v1/card-lookups/batch", &key, &body).await.expect(200);
    assert_eq!((again.header("idempotency-replayed"), &again.json()["id"]), ("true", &first["id"]));
    let other = gateway.post_with("/v1/card-lookups/batch", &key, &json!({"rows": rows(&people(2))})).await;
    assert_eq!(other.expect(422).json()["code"], "idempotency.key_reused");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_asked_before_the_rows_that_wait() {
    // Five a second, and no burst: whoever asks, waits for a turn.
    let gateway = TestGateway::with(Options { budget: Some((300, 1)), ..Options::default() }).await;
    let all = people(200);
    let (desk, list) = all.split_at(5);
    let id = id_of(&submit(&gateway, &json!({"rows": rows(list)})).await.expect(202).json());
    until("the list to run", async || (gateway.sandbox.questions().len() >= 2).then_some(())).await;
    for person in desk {
        let before = gateway.sandbox.questions().len();
        gateway.post("/v1/card-lookups", &question(person)).await.expect(200);
        let questions = gateway.sandbox.questions();
        let place = questions.iter().position(|asked| asked.subject == person.national_id.as_str()).unwrap();
        // A row whose turn had come already may go before; of the hundred and more that wait, none does.
        assert!(place <= before + 1, "{place} of {}, {before} before", questions.len());
    }
    let list = gateway.get(&format!("/v1/card-lookups/batches/{id}")).await.expect(200).json();
    assert_eq!(list["trangThai"], "dang_chay");
    assert!(list["conLai"].as_u64().unwrap() > 100 && list["expectedEnd"].is_string(), "{list}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_paused_and_goes_on_and_is_cancelled() {
    let options = Options { budget: Some((600, 10)), lookup: "bulk_share_percent = 100", ..Options::default() };
    let mut gateway = TestGateway::with(options).await;
    let all = people(60);
    let id = id_of(&submit(&gateway, &json!({"rows": rows(&all)})).await.expect(202).json());
    until("the list to run", async || (gateway.sandbox.questions().len() >= 3).then_some(())).await;
    let paused = order(&gateway, &id, "pause").await.expect(200).json();
    assert_eq!((&paused["trangThai"], &paused["lyDo"]), (&json!("tam_dung"), &json!("theo_yeu_cau")));
    order(&gateway, &id, "pause").await.expect(200);
    // A restart does not set it going again; what had been asked is on the disk.
    gateway.restart().await;
    let list = in_state(&gateway, &id, &["tam_dung"]).await;
    assert_eq!(list["xong"].as_u64().unwrap() as usize, gateway.sandbox.questions().len());
    assert!(list["conLai"].as_u64().unwrap() > 0, "{list}");

    order(&gateway, &id, "resume").await.expect(200);
    let before = gateway.sandbox.questions().len();
    until("the list to go on", async || (gateway.sandbox.questions().len() > before).then_some(())).await;
    let cancelled = order(&gateway, &id, "cancel").await.expect(200).json();
    assert_eq!(cancelled["trangThai"], "da_huy");
    for wish in ["pause", "resume"] {
        assert_eq!(order(&gateway, &id, wish).await.expect(409).json()["code"], "batch.ended");
    }
    // What was answered stays, and what was not is told as such.
    let rows = results(&gateway, &id, "?limit=500").await.json();
    let states: Vec<&str> =
        rows["data"].as_array().unwrap().iter().filter_map(|row| row["trangThai"].as_str()).collect();
    assert_eq!(states.len(), 60);
    assert!(states.contains(&"xong") && states.contains(&"cho"), "{states:?}");
    let metrics = String::from_utf8(gateway.admin("/metrics").await.body.to_vec()).unwrap();
    assert!(metrics.contains("lienthong_batch_rows_waiting 0"), "nothing of a cancelled list waits");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_in_the_middle_loses_nothing_and_doubles_nothing() {
    let faults = Faults { latency_ms: 30, ..Faults::default() };
    let options = Options { faults, budget: Some((6_000, 100)), ..Options::default() };
    let mut gateway = TestGateway::with(options).await;
    let all = people(150);
    let id = id_of(&submit(&gateway, &json!({"rows": rows(&all)})).await.expect(202).json());
    for so_far in [20, 60, 100] {
        until("some rows to be asked", async || (gateway.sandbox.questions().len() >= so_far).then_some(())).await;
        gateway.restart().await;
    }
    let list = in_state(&gateway, &id, &["xong"]).await;
    assert_eq!((&list["tong"], &list["hopLe"]), (&json!(150), &json!(150)));
    let questions = asked(&gateway);
    assert_eq!(questions.len(), 150);
    assert!(questions.values().all(|count| *count == 1), "somebody was asked about twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_time_is_honoured() {
    let gateway = TestGateway::start().await;
    let (early, late) = (people(3), people(6).split_off(3));
    let tomorrow = lienthong::system::System::real().now() + jiff::SignedDuration::from_hours(24);
    let later =
        submit(&gateway, &json!({"rows": rows(&late), "startAt": tomorrow.to_string()})).await.expect(202).json();
    let past = json!({"rows": rows(&early), "startAt": "2020-01-01T02:00"});
    let now = submit(&gateway, &past).await.expect(202).json();
    in_state(&gateway, &id_of(&now), &["xong"]).await;
    // The one that came second has ended, and the first has not begun.
    let waiting = in_state(&gateway, &id_of(&later), &["cho"]).await;
    assert_eq!((&waiting["conLai"], &waiting["startedAt"]), (&json!(3), &Value::Null));
    assert!(waiting["expectedEnd"].as_str().unwrap() > waiting["createdAt"].as_str().unwrap());
    assert_eq!(gateway.sandbox.questions().len(), 3);
    let refused = submit(&gateway, &json!({"rows": rows(&late), "startAt": "2099-01-01T02:00"})).await;
    refused.expect(400);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_portal_is_away_a_list_rests_and_then_goes_on() {
    let options = Options { portal: "failures_to_rest = 2\nrest_s = 1", ..Options::default() };
    let mut gateway = TestGateway::with(options).await;
    gateway.portal_off().await;
    // Two failures, and the portal is left alone.
    let probe = valid_person(99);
    until("the portal to be known as away", async || {
        let answer = gateway.post("/v1/card-lookups", &question(&probe)).await.expect(200).json();
        assert_eq!(answer["nguon"], "tam_tinh");
        let ready = gateway.admin("/readyz").await.json();
        ready["portalServicesDown"].as_array().is_some_and(|down| !down.is_empty()).then_some(())
    })
    .await;
    let all = people(40);
    let id = id_of(&submit(&gateway, &json!({"rows": rows(&all)})).await.expect(202).json());
    let running = in_state(&gateway, &id, &["dang_chay"]).await;
    assert_eq!((&running["xong"], &running["loi"]), (&json!(0), &json!(0)));
    gateway.portal_on().await;
    let metrics = until("the portal to be back", async || {
        let metrics = String::from_utf8(gateway.admin("/metrics").await.body.to_vec()).unwrap();
        metrics.contains("lienthong_batch_rows_total{outcome=\"hop_le\"}").then_some(metrics)
    })
    .await;
    assert!(!metrics.contains("outcome=\"failed\""), "{metrics}");
    let list = gateway.get(&format!("/v1/card-lookups/batches/{id}")).await.expect(200).json();
    assert_eq!(list["loi"], json!(0), "no row failed for an outage");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_officer_the_portal_does_not_know_stops_the_list() {
    let gateway = TestGateway::start().await;
    let all = people(200);
    let body = json!({"rows": rows(&all), "canBo": {"hoTen": "NGUYỄN VĂN LẠ", "cccd": "001085099999"}});
    let id = id_of(&submit(&gateway, &body).await.expect(202).json());
    let list = in_state(&gateway, &id, &["tam_dung"]).await;
    assert_eq!(list["lyDo"], "staff.not_registered");
    assert_eq!((&list["xong"], &list["loi"]), (&json!(0), &json!(0)));
    assert!(gateway.sandbox.questions().len() < 100, "the rest of the list was not asked");
    // The desk asks in its own officer's name, and is answered.
    gateway.post("/v1/card-lookups", &question(&all[199])).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_the_list_of_another_facility() {
    let gateway = TestGateway::start().await;
    let id = id_of(&submit(&gateway, &json!({"rows": rows(&people(2))})).await.expect(202).json());
    in_state(&gateway, &id, &["xong"]).await;
    let stranger = format!("Bearer {}", gateway.new_key(&["lookup", "document:read"], &["79999"]).await);
    let headers = [("authorization", stranger.as_str())];
    let path = format!("/v1/card-lookups/batches/{id}");
    for (method, path) in [
        (Method::GET, path.clone()),
        (Method::GET, format!("{path}/results")),
        (Method::GET, format!("{path}/results?format=xlsx")),
        (Method::POST, format!("{path}/pause")),
        (Method::POST, format!("{path}/resume")),
        (Method::POST, format!("{path}/cancel")),
    ] {
        let reply = gateway.send(method, &path, &headers, Bytes::new()).await.expect(404);
        assert_eq!(reply.json()["code"], "batch.not_found");
    }
    let lists = gateway.send(Method::GET, "/v1/card-lookups/batches", &headers, Bytes::new()).await.expect(200);
    assert_eq!(lists.json()["data"], json!([]));
    let events = gateway.send(Method::GET, "/v1/events", &headers, Bytes::new()).await.expect(200).json();
    assert!(!events.to_string().contains("batch."), "{events}");
    // Without the scope there is nothing at all.
    let reader = format!("Bearer {}", gateway.new_key(&["document:read"], &["01999"]).await);
    let headers = [("authorization", reader.as_str())];
    gateway.send(Method::GET, &path, &headers, Bytes::new()).await.expect(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_has_only_so_many_lists_open() {
    let gateway = TestGateway::start().await;
    let tomorrow = (lienthong::system::System::real().now() + jiff::SignedDuration::from_hours(24)).to_string();
    let body = json!({"rows": rows(&people(1)), "startAt": tomorrow});
    let mut first = String::new();
    for _ in 0..20 {
        first = id_of(&submit(&gateway, &body).await.expect(202).json());
    }
    assert_eq!(submit(&gateway, &body).await.expect(409).json()["code"], "batch.too_many_open");
    order(&gateway, &first, "cancel").await.expect(200);
    submit(&gateway, &body).await.expect(202);
    let page = gateway.get("/v1/card-lookups/batches?limit=15").await.expect(200).json();
    let next = page["page"]["next"].as_str().unwrap().to_owned();
    let rest = gateway.get(&format!("/v1/card-lookups/batches?cursor={next}")).await.expect(200).json();
    assert_eq!((page["data"].as_array().unwrap().len(), rest["data"].as_array().unwrap().len()), (15, 6));
}

/// A person who asked about a row that waited for a place at the portal joined its wait, and was told of an outage.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_asks_about_a_row_does_not_wait_for_its_place() {
    let gateway = TestGateway::with(Options { portal: "in_flight_max = 4", ..Options::default() }).await;
    gateway.post("/v1/card-lookups", &question(&valid_person(0))).await.expect(200);
    let only_paths = vec!["/api/hssk/".to_owned()];
    gateway.sandbox.set_faults(Faults { latency_ms: 40_000, only_paths, ..Faults::default() });
    // Three documents take every place that is not kept for people.
    for number in 1..=3 {
        gateway.submit(exams::numbered(samples::DRIVER_EXAM, number)).await.expect(202);
    }
    until("the places to be taken", async || (gateway.sandbox.submissions().len() == 3).then_some(())).await;
    let person = valid_person(7);
    let list = submit(&gateway, &json!({"rows": [row(&person, "BN")]})).await.expect(202).json();
    in_state(&gateway, &id_of(&list), &["dang_chay"]).await;
    for _ in 0..3 {
        let answer = gateway.post("/v1/card-lookups", &question(&person)).await.expect(200).json();
        assert!(["cong", "da_luu"].contains(&answer["nguon"].as_str().unwrap()), "{answer}");
    }
    assert_eq!(asked(&gateway)[person.national_id.as_str()], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_goes_on_when_its_officer_is_put_right_in_the_directory() {
    let gateway = TestGateway::start().await;
    let admin = format!("Bearer {}", gateway.new_key(&["admin", "lookup"], &["01999"]).await);
    let put = async |name: &str, id: &str| {
        let headers = [("authorization", admin.as_str()), ("content-type", "application/json")];
        let body = Bytes::from(json!({"hoTen": name, "cccd": id}).to_string());
        gateway.send(Method::PUT, "/v1/officers/la01", &headers, body).await
    };
    put("TRẦN VĂN LẠ", "079085054399").await.expect(201);
    let list = json!({"rows": rows(&people(3))});
    let list = gateway.post_with("/v1/card-lookups/batch", &[("staff-id", "la01")], &list).await.expect(202).json();
    let id = id_of(&list);
    let stopped = in_state(&gateway, &id, &["tam_dung"]).await;
    assert_eq!(stopped["lyDo"], "staff.not_registered");
    put("NGUYỄN THỊ B", "001181012345").await.expect(200);
    order(&gateway, &id, "resume").await.expect(200);
    let done = in_state(&gateway, &id, &["xong"]).await;
    assert_eq!((&done["hopLe"], &done["loi"]), (&json!(3), &json!(0)));
}
