//! Feeds: many documents in one request, answered line by line, resumable, in order.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use crate::documents::id;
use crate::forms::multipart;
use crate::samples::{self, checkin, claim};
use crate::support::{Options, TestGateway, until};
use crate::wire::post_in_pieces;

const NDJSON: &str = "application/x-ndjson";

/// A line of a feed.
fn line(reference: &str, xml: &str) -> String {
    format!("{}\n", json!({"ref": reference, "contentBase64": STANDARD.encode(xml)}))
}

fn parsed(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

fn answers(body: &[u8]) -> Vec<Value> {
    std::str::from_utf8(body).unwrap().lines().map(parsed).collect()
}

async fn feed(gateway: &TestGateway, media_type: &str, body: impl Into<Bytes>) -> Vec<Value> {
    let headers = [("content-type", media_type)];
    let reply = gateway.send(Method::POST, "/v1/feeds", &headers, body.into()).await.expect(200);
    assert_eq!(reply.header("content-type"), NDJSON);
    answers(&reply.body)
}

fn statuses(answers: &[Value]) -> Vec<u64> {
    answers.iter().map(|answer| answer["httpStatus"].as_u64().unwrap()).collect()
}

async fn count(gateway: &TestGateway) -> usize {
    let list = gateway.get("/v1/documents?limit=500").await.expect(200).json();
    list["data"].as_array().unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_answered_in_order_and_bad_ones_in_their_place() {
    let gateway = TestGateway::start().await;
    let wrong_kind = json!({"ref": "kind", "type": "claim", "contentBase64": STANDARD.encode(samples::CHECKIN)});
    let lines = [
        line("một", &claim("LK-1", "")),
        "{\"ref\": \"cut\"\n".to_owned(),
        line("hai", samples::REFERRAL),
        line("broken", "<GIAMDINHHS>"),
        format!("{wrong_kind}\n"),
        "{\"ref\":\"b64\",\"contentBase64\":\"*\"}\n".to_owned(),
        "{\"ref\":\"field\",\"contentBase64\":\"PGEvPg==\",\"x\":1}\n".to_owned(),
        "[1]\n".to_owned(),
        line("ba", &checkin("LK-1", 1)),
        line("lại", &claim("LK-1", "")),
        // The last line may lack its end.
        line("bốn", samples::VOUCHER).trim_end().to_owned(),
    ];
    let answers = feed(&gateway, NDJSON, lines.concat()).await;
    assert_eq!(statuses(&answers), [202, 400, 202, 422, 422, 400, 400, 400, 202, 200, 202]);
    let references: Vec<_> = answers.iter().map(|answer| answer["ref"].as_str().unwrap()).collect();
    assert_eq!(references, ["một", "", "hai", "broken", "kind", "b64", "field", "", "ba", "lại", "bốn"]);
    let numbers: Vec<_> = answers.iter().map(|answer| answer["line"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=11).collect::<Vec<_>>());
    assert_eq!(answers[4]["problem"]["code"], "document.kind_mismatch");
    assert_eq!(answers[2]["document"]["carries"], json!(["referral"]));
    assert_eq!(answers[9]["document"]["id"], answers[0]["document"]["id"]);
    for answer in [&answers[0], &answers[2], &answers[8], &answers[10]] {
        gateway.document_in(id(&answer["document"]), &["acknowledged"]).await;
    }
    assert_eq!(gateway.sandbox.submissions().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_is_answered_before_the_next_is_sent() {
    let gateway = TestGateway::start().await;
    let (body, answer) = post_in_pieces(&gateway, "/v1/feeds", NDJSON).await;
    assert!(body.write(line("0", &claim("LK-0", ""))).await);
    let mut answers = answer.await.unwrap();
    assert_eq!(answers.status(), 200);
    for number in 1..=5 {
        let answered = parsed(&answers.line().await.expect("an answer while the feed goes on"));
        assert_eq!((&answered["line"], &answered["httpStatus"]), (&json!(number), &json!(202)));
        // It is accepted already, and delivered while the feed is open.
        gateway.document_in(id(&answered["document"]), &["acknowledged"]).await;
        let next = line(&number.to_string(), &claim(&format!("LK-{number}"), ""));
        let (first_half, second_half) = next.split_at(40);
        assert!(body.write(first_half.to_owned()).await && body.write(second_half.to_owned()).await);
    }
    drop(body);
    assert_eq!(answers.lines().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_that_was_cut_is_sent_again_without_doubling_anything() {
    let gateway = TestGateway::start().await;
    let lines: Vec<String> = (0..10).map(|n| line(&n.to_string(), &claim(&format!("LK-{n}"), ""))).collect();
    let (body, answer) = post_in_pieces(&gateway, "/v1/feeds", NDJSON).await;
    for line in &lines[..5] {
        assert!(body.write(line.clone()).await);
    }
    body.write(lines[5][..60].to_owned()).await;
    let mut answers = answer.await.unwrap();
    let mut accepted = Vec::new();
    for _ in 0..5 {
        let answered = parsed(&answers.line().await.expect("an answer for each whole line"));
        accepted.push(answered["document"]["id"].clone());
    }
    body.cut().await;
    drop(answers);

    let again = feed(&gateway, NDJSON, lines.concat()).await;
    assert_eq!(statuses(&again), [200, 200, 200, 200, 200, 202, 202, 202, 202, 202]);
    let ids: Vec<_> = again.iter().map(|answer| answer["document"]["id"].clone()).collect();
    assert_eq!(ids[..5], accepted);
    for id in &ids {
        gateway.document_in(id.as_str().unwrap(), &["acknowledged"]).await;
    }
    assert_eq!(count(&gateway).await, 10);
    assert_eq!(gateway.sandbox.submissions().len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_of_one_record_keep_the_order_of_the_feed() {
    let gateway = TestGateway::start().await;
    gateway.portal_off().await;
    // The first version takes long to check, the second no time at all.
    let large = "x".repeat(300 << 10);
    let lines: Vec<String> = (0..12)
        .flat_map(|n| {
            let key = format!("LK-{n}");
            [line(&format!("{n} old"), &claim(&key, &large)), line(&format!("{n} new"), &claim(&key, "mới"))]
        })
        .collect();
    let answers = feed(&gateway, NDJSON, lines.concat()).await;
    for (n, pair) in answers.chunks(2).enumerate() {
        assert_eq!(statuses(pair), [202, 202]);
        let versions = [0, 1].map(|place| pair[place]["document"]["version"].as_u64().unwrap());
        assert_eq!(versions, [1, 2], "the newer version of record {n} was taken for the older");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_hundred_documents_in_one_feed_all_arrive_once() {
    let gateway = TestGateway::start().await;
    let lines: String = (0..300).map(|n| line(&n.to_string(), &claim(&format!("LK-{n}"), ""))).collect();
    let answers = feed(&gateway, NDJSON, lines).await;
    assert_eq!(statuses(&answers), [202; 300]);
    let references: Vec<_> = answers.iter().map(|answer| answer["ref"].as_str().unwrap().to_owned()).collect();
    assert_eq!(references, (0..300).map(|n| n.to_string()).collect::<Vec<_>>());
    until("all to be acknowledged", async || {
        let list = gateway.get("/v1/documents?status=acknowledged&limit=500").await.expect(200).json();
        (list["data"].as_array().unwrap().len() == 300).then_some(())
    })
    .await;
    let mut keys: Vec<_> = gateway.sandbox.submissions().into_iter().map(|one| one.business_key.unwrap()).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!((keys.len(), gateway.sandbox.submissions().len()), (300, 300));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_fed_as_multipart_too() {
    let gateway = TestGateway::start().await;
    let one = claim("LK-1", "");
    let (media_type, body) =
        multipart(&[("1.xml", one.as_bytes()), ("2.xml", b"<x/>"), ("3.xml", samples::DEATH.as_bytes())]);
    let answers = feed(&gateway, media_type, body).await;
    assert_eq!(statuses(&answers), [202, 422, 202]);
    assert_eq!(answers.iter().map(|answer| answer["ref"].clone()).collect::<Vec<_>>(), ["1.xml", "2.xml", "3.xml"]);
    for place in [0, 2] {
        gateway.document_in(id(&answers[place]["document"]), &["acknowledged"]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_multipart_feed_has_no_bound_in_all() {
    let options = Options { documents: "body_max_mib = 1", ..Options::default() };
    let gateway = TestGateway::with(options).await;
    let large: Vec<String> = (0..6).map(|n| claim(&format!("LK-{n}"), &"x".repeat(600 << 10))).collect();
    let mut files: Vec<(&str, &[u8])> = large.iter().map(|xml| ("a.xml", xml.as_bytes())).collect();
    let (media_type, body) = multipart(&files);
    assert_eq!(statuses(&feed(&gateway, media_type, body).await), [202; 6]);
    // Each file has one.
    let too_large = claim("LK-9", &"x".repeat(1 << 20));
    files.insert(1, ("b.xml", too_large.as_bytes()));
    let (media_type, body) = multipart(&files);
    assert_eq!(statuses(&feed(&gateway, media_type, body).await), [200, 413]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_without_end_is_refused_and_what_stood_before_it_stands() {
    let options = Options { documents: "body_max_mib = 1", ..Options::default() };
    let gateway = TestGateway::with(options).await;
    let (body, answer) = post_in_pieces(&gateway, "/v1/feeds", NDJSON).await;
    assert!(body.write(line("1", &claim("LK-1", ""))).await);
    for _ in 0..64 {
        if !body.write(vec![b'x'; 64 << 10]).await {
            break;
        }
    }
    let answers = answer.await.unwrap().lines().await;
    let answers: Vec<_> = answers.iter().map(|line| parsed(line)).collect();
    assert_eq!(statuses(&answers), [202, 413]);
    assert_eq!(answers[1]["problem"]["code"], "request.too_large");
    gateway.document_in(id(&answers[0]["document"]), &["acknowledged"]).await;
    assert_eq!(count(&gateway).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_names_the_facility_of_what_names_none() {
    let gateway = TestGateway::start().await;
    let content = STANDARD.encode(samples::MEDICAL_ASSESSMENT);
    let lines = [
        json!({"contentBase64": content}),
        json!({"contentBase64": content, "maCSKCB": "79999"}),
        json!({"contentBase64": content, "maCSKCB": "02001"}),
        json!({"contentBase64": content, "maCSKCB": "9"}),
    ];
    let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let answers = feed(&gateway, NDJSON, body).await;
    assert_eq!(statuses(&answers), [400, 202, 403, 400]);
    assert_eq!(answers[1]["document"]["maCSKCB"], "79999");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_name_the_line_of_the_request_blank_ones_counted() {
    let gateway = TestGateway::start().await;
    let body = format!("\n{}\n\n{}", line("a", &claim("LK-1", "")), line("b", &claim("LK-2", "")));
    let lines: Vec<u64> = feed(&gateway, NDJSON, body).await.iter().map(|a| a["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [2, 5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_packed_feed_is_refused_rather_than_misread() {
    let gateway = TestGateway::start().await;
    let headers = [("content-type", NDJSON), ("content-encoding", "gzip")];
    gateway.send(Method::POST, "/v1/feeds", &headers, Bytes::from_static(b"\x1f\x8b")).await.expect(415);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_larger_than_the_memory_for_bodies_goes_through_it_in_turn() {
    let documents = "body_max_mib = 1\nbodies_in_memory_mib = 1";
    let gateway = TestGateway::with(Options { documents, ..Options::default() }).await;
    let note = "x".repeat(300 * 1024);
    let body: String = (0..8).map(|n| line(&n.to_string(), &claim(&format!("LK-{n}"), &note))).collect();
    assert!(statuses(&feed(&gateway, NDJSON, body).await).iter().all(|status| *status == 202));
}
