//! The forms a document may come in, and the bounds on its body.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::Method;
use serde_json::{Value, json};

use crate::documents::id;
use crate::samples::{self, claim};
use crate::support::{Options, Reply, TestGateway};
use crate::wire::post_in_pieces;

const XML: (&str, &str) = ("content-type", "application/xml");

/// A multipart body of files, and its media type.
pub(crate) fn multipart(files: &[(&str, &[u8])]) -> (&'static str, Vec<u8>) {
    let mut body = Vec::new();
    for (name, content) in files {
        let head = format!(
            "--ranh\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
             Content-Type: application/xml\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--ranh--\r\n");
    ("multipart/form-data; boundary=ranh", body)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

async fn post(gateway: &TestGateway, headers: &[(&str, &str)], body: Vec<u8>) -> Reply {
    gateway.send(Method::POST, "/v1/documents", headers, Bytes::from(body)).await
}

/// A right claim of at least so many bytes.
fn large_claim(key: &str, bytes: usize) -> String {
    claim(key, &"x".repeat(bytes * 3 / 4))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_may_come_as_base64_inside_json() {
    let gateway = TestGateway::start().await;
    let wrapped = json!({"type": "claim", "fileHSBase64": STANDARD.encode(samples::CLAIM)});
    let document = gateway.post("/v1/documents", &wrapped).await.expect(202).json();
    let content = gateway.get(&format!("/v1/documents/{}/content", id(&document))).await.expect(200);
    assert_eq!(content.body, samples::CLAIM);
    gateway.document_in(id(&document), &["acknowledged"]).await;
    assert_eq!(gateway.sandbox.submissions()[0].body, samples::CLAIM);
    // The same bytes in another form are the same document.
    let raw = gateway.submit(samples::CLAIM).await.expect(200).json();
    assert_eq!(id(&raw), id(&document));

    let changed = claim("HS2603160001", "sửa");
    let mut correction = json!({"fileHSBase64": STANDARD.encode(&changed)});
    let problem = gateway.post("/v1/documents", &correction).await.expect(409).json();
    assert_eq!(problem["code"], "document.replace_reason_required");
    correction["replace"] = json!({"lyDo": "Sửa tên"});
    assert_eq!(gateway.post("/v1/documents", &correction).await.expect(202).json()["version"], 2);

    for (body, field, code) in [
        (json!({"fileHSBase64": "%%"}), "fileHSBase64", "BASE64"),
        (json!({"fileHSBase64": 1}), "fileHSBase64", "NOT_TEXT"),
        (json!({"fileHSBase64": "PGEvPg==", "tpye": "claim"}), "tpye", "UNKNOWN_FIELD"),
        (json!({"fileHSBase64": "PGEvPg==", "type": "letter"}), "type", "UNKNOWN_KIND"),
        (json!({"fileHSBase64": "PGEvPg==", "replace": {"lyDo": "ý".repeat(501)}}), "replace.lyDo", "TOO_LONG"),
    ] {
        let problem = gateway.post("/v1/documents", &body).await.expect(400).json();
        assert_eq!((&problem["errors"][0]["truong"], &problem["errors"][0]["maLoi"]), (&json!(field), &json!(code)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_files_are_answered_one_by_one() {
    let gateway = TestGateway::start().await;
    let first = claim("LK-1", "");
    let (media_type, body) = multipart(&[
        ("mot.xml", first.as_bytes()),
        ("hai.xml", b"<broken"),
        ("ba.xml", samples::VOUCHER.as_bytes()),
        ("bon.xml", first.as_bytes()),
    ]);
    let reply = post(&gateway, &[("content-type", media_type)], body).await.expect(207).json();
    let results = reply["data"].as_array().unwrap();
    let told: Vec<_> = results.iter().map(|one| (one["ref"].clone(), one["httpStatus"].as_u64().unwrap())).collect();
    let expected = [("mot.xml", 202), ("hai.xml", 422), ("ba.xml", 202), ("bon.xml", 200)];
    assert_eq!(told, expected.map(|(name, status)| (json!(name), status)));
    assert_eq!(results[1]["problem"]["errors"][0]["maLoi"], "XML_UNCLOSED_MARKUP");
    assert_eq!(results[3]["document"]["id"], results[0]["document"]["id"]);
    for place in [0, 2] {
        gateway.document_in(id(&results[place]["document"]), &["acknowledged"]).await;
    }
    assert_eq!(gateway.sandbox.submissions().len(), 2);

    let problem = post(&gateway, &[("content-type", media_type)], b"nonsense".to_vec()).await.expect(400).json();
    assert_eq!(problem["code"], "request.malformed_multipart");
    let many: Vec<_> = (0..101).map(|_| ("a.xml", b"<a/>".as_slice())).collect();
    let problem = post(&gateway, &[("content-type", media_type)], multipart(&many).1).await.expect(400).json();
    assert_eq!(problem["errors"][0]["maLoi"], "TOO_MANY_FILES");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_files_may_be_as_large_as_one_document() {
    let gateway = TestGateway::start().await;
    let (one, other) = (large_claim("LK-1", 2 << 20), large_claim("LK-2", 2 << 20));
    let (media_type, body) = multipart(&[("1.xml", one.as_bytes()), ("2.xml", other.as_bytes())]);
    let reply = post(&gateway, &[("content-type", media_type)], body).await.expect(207).json();
    let statuses: Vec<_> = reply["data"].as_array().unwrap().iter().map(|one| one["httpStatus"].clone()).collect();
    assert_eq!(statuses, [202, 202]);
}

#[tokio::test(flavor = "multi_thread")]
async fn packed_bodies_are_unpacked_and_bombs_refused() {
    let gateway = TestGateway::start().await;
    let packed = [XML, ("content-encoding", "gzip")];
    let document = post(&gateway, &packed, gzip(samples::CLAIM.as_bytes())).await.expect(202).json();
    let content = gateway.get(&format!("/v1/documents/{}/content", id(&document))).await.expect(200);
    assert_eq!(content.body, samples::CLAIM);

    let bomb = gzip(&vec![b' '; 32 << 20]);
    let problem = post(&gateway, &packed, bomb).await.expect(413).json();
    assert_eq!(problem["code"], "request.compression_bomb");
    let problem = post(&gateway, &packed, b"not gzip".to_vec()).await.expect(400).json();
    assert_eq!(problem["code"], "request.broken_body");
    let brotli = [XML, ("content-encoding", "br")];
    let problem = post(&gateway, &brotli, b"x".to_vec()).await.expect(415).json();
    assert_eq!(problem["code"], "request.unsupported_media_type");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_over_the_bound_is_refused_announced_or_not() {
    let options = Options { documents: "body_max_mib = 1", ..Options::default() };
    let gateway = TestGateway::with(options).await;
    let large = large_claim("LK-1", 1 << 20);
    let refused = post(&gateway, &[XML], large.clone().into_bytes()).await.expect(413);
    // Without the word, the next request went into a connection that was about to end.
    assert_eq!(refused.header("connection"), "close");
    let problem = refused.json();
    assert_eq!((&problem["code"], &problem["bytesMax"]), (&json!("request.too_large"), &json!(1 << 20)));

    let (body, answer) = post_in_pieces(&gateway, "/v1/documents", "application/xml").await;
    for piece in large.as_bytes().chunks(64 << 10) {
        if !body.write(piece.to_vec()).await {
            break;
        }
    }
    drop(body);
    assert_eq!(answer.await.unwrap().status(), 413);
    // What fits still fits.
    post(&gateway, &[XML], large_claim("LK-1", 900 << 10).into_bytes()).await.expect(202);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_media_type_is_refused_with_the_known_ones() {
    let gateway = TestGateway::start().await;
    for media_type in ["text/plain", "application/pdf", "application/x-www-form-urlencoded"] {
        for path in ["/v1/documents", "/v1/documents/validate", "/v1/feeds"] {
            let body = Bytes::from(samples::CLAIM);
            let reply = gateway.send(Method::POST, path, &[("content-type", media_type)], body).await.expect(415);
            assert_eq!(reply.json()["code"], "request.unsupported_media_type", "{path}");
        }
    }
    assert!(gateway.sandbox.submissions().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_may_prefer_to_wait_for_the_end() {
    let gateway = TestGateway::start().await;
    let wait = [("prefer", "respond-async, wait=20")];
    let document = gateway.submit_with(&wait, samples::CLAIM).await.expect(202).json();
    assert_eq!(document["status"], "acknowledged");
    assert!(document["deliveries"][0]["maGiaoDich"].is_string());
    // What waits for a person has come to its end for now.
    let (path, headers) = ("/v1/documents?hold=true", [XML, ("prefer", "wait=20")]);
    let held = gateway.send(Method::POST, path, &headers, Bytes::from(samples::VOUCHER)).await.expect(202).json();
    assert_eq!((&held["status"], &held["deliveries"][0]["reason"]), (&json!("held"), &json!("by_hand")));

    gateway.portal_off().await;
    let waiting = gateway.submit_with(&[("prefer", "wait=1")], claim("LK-9", "")).await.expect(202).json();
    assert!(["queued", "sending"].contains(&waiting["status"].as_str().unwrap()), "{waiting}");
    assert_eq!(waiting["deliveries"][0]["maGiaoDich"], Value::Null);
}
