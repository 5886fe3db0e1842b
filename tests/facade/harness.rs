//! The clients and the comparison themselves: two portals are the same to every client, and no fault goes unseen.

use lienthong::sandbox::Faults;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::compare::{blanked, difference};
use crate::matrix::{self, Allowed, Cell};
use crate::targets::Target;
use crate::wire::{Answer, Case, Connection, Request, Style};

/// The matrix of a portal as it usually is and one with other habits.
async fn usual_beside(habits: Faults) -> Vec<Cell> {
    loop {
        let (one, other) = (Target::portal(Faults::default()).await, Target::portal(habits.clone()).await);
        if let Some(cells) = matrix::run(&one, &other).await {
            return cells;
        }
    }
}

#[tokio::test]
async fn two_portals_are_the_same_to_every_client() {
    let cells = usual_beside(Faults::default()).await;
    matrix::assert_it_says_something(&cells);
    let complaints = matrix::complaints(&cells, &[]);
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    let is_file = |cell: &&Cell| ["gui", "Gui", "checkIn", "giấy"].iter().any(|name| cell.function.starts_with(name));
    let arrived = cells.iter().filter(is_file).filter(|cell| cell.code == "200").count();
    assert!(arrived > 300, "files arrived: {arrived}");
}

#[tokio::test]
async fn a_portal_of_other_habits_is_told_apart() {
    let cells = usual_beside(Faults { code_as_number: true, ..Faults::default() }).await;
    // Every answer with a code in it, and none without; the code of co-payments is a number anyway.
    for cell in &cells {
        let fixed = ["none", "nothing"].contains(&cell.code.as_str()) || NUMBERS_ANYWAY.contains(&cell.function);
        assert_eq!(cell.differences.is_empty(), fixed, "{} × {}: {:?}", cell.client, cell.function, cell.differences);
    }
    let shown = matrix::shown(&cells, &[]);
    assert!(shown.contains(r#"differs: body "{\"maKetQua\":\"200"#) && shown.contains("NOT ALLOWED"), "{shown}");
}

/// `hssk/gksk` has no numbered codes, and the codes of co-payments are numbers.
const NUMBERS_ANYWAY: [&str; 2] = ["TraCuuTienMCCT", "hssk/gksk"];

#[tokio::test]
async fn one_other_habit_is_one_difference() {
    let cells = usual_beside(Faults { lskcb_accepts_json: true, ..Faults::default() }).await;
    let json: Vec<_> = cells.iter().filter(|cell| !cell.differences.is_empty()).collect();
    assert!(json.len() > 2 && json.iter().all(|cell| cell.function == "Lskcb2025"));
    let allowed = |difference, clients| Allowed {
        clients,
        functions: &["Lskcb2025"],
        difference,
        reason: "a test",
        always: true,
    };
    let right = allowed("code 205 → 000", &["JSON, md5 in lower case", ".NET HttpClient, JSON"]);
    let told = matrix::complaints(&cells, &[right]);
    assert_eq!(told.len(), json.iter().map(|cell| cell.differences.len()).sum::<usize>() - 2, "{told:?}");
    // What is allowed and does not occur is a complaint too, as is a client that there is none of.
    let idle = allowed("code 205 → 000", &["as documented"]);
    let nobody = allowed("code 205 → 000", &["no such client"]);
    assert_eq!(matrix::complaints(&cells, &[idle]).len(), told.len() + 2 + 1);
    assert_eq!(matrix::complaints(&cells, &[nobody]).len(), told.len() + 2 + 1);
}

#[tokio::test]
async fn requests_stand_on_the_wire_as_they_are_called() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = listener.local_addr().unwrap();
    let request = Request {
        method: "POST",
        path: "/api/Token/take".into(),
        query: "a=1".into(),
        headers: vec![("Content-Type".into(), "text/plain".into())],
        body: b"0123456789".into(),
    };
    let plain = Style::PLAIN;
    let rest = format!("host: {to}\r\ncontent-type: text/plain\r\n");
    for (style, wanted) in [
        (plain, format!("POST /api/Token/take?a=1 HTTP/1.1\r\n{rest}content-length: 10\r\n\r\n0123456789")),
        (
            Style { version: "HTTP/1.0", connection: Some("close"), path_case: Case::Upper, ..plain },
            format!(
                "POST /API/TOKEN/TAKE?a=1 HTTP/1.0\r\n{rest}connection: close\r\ncontent-length: 10\r\n\r\n0123456789"
            ),
        ),
        (
            Style { chunks: Some(7), whole_address: true, path_case: Case::Lower, ..plain },
            format!(
                "POST http://{to}/api/token/take?a=1 HTTP/1.1\r\n{rest}transfer-encoding: chunked\r\n\r\n\
                 7\r\n0123456\r\n3\r\n789\r\n0\r\n\r\n"
            ),
        ),
        (
            Style { expects: true, ..plain },
            format!("POST /api/Token/take?a=1 HTTP/1.1\r\n{rest}content-length: 10\r\nexpect: 100-continue\r\n\r\n"),
        ),
    ] {
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut seen = vec![0; wanted.len()];
            stream.read_exact(&mut seen).await.unwrap();
            // Whoever waits for a word sends its body after it, and not before.
            if style.expects {
                stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.unwrap();
                let mut body = [0; 10];
                stream.read_exact(&mut body).await.unwrap();
                assert_eq!(&body, b"0123456789");
            }
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n")
                .await
                .unwrap();
            String::from_utf8(seen).unwrap()
        };
        let lower = Style { header_case: Case::Lower, ..style };
        let mut connection = Connection::to(to);
        let (seen, answer) = tokio::join!(serve, connection.exchange(&lower, &request));
        assert_eq!(seen, wanted);
        assert_eq!((answer.body.as_slice(), answer.continued, answer.kept), (&b"ab"[..], style.expects, true));
    }
}

#[test]
fn whatever_a_client_could_notice_is_a_difference() {
    let reply = r#"{"maKetQua":"200","maGiaoDich":"HS4210_01999_0123456789ABCDEF0123456789ABCDEF","ghiChu":null}"#;
    let portal = answer(reply);
    assert_eq!(difference(&portal, &portal), Vec::<String>::new());
    let other = |change: fn(&mut Answer)| {
        let mut facade = portal.clone();
        change(&mut facade);
        difference(&portal, &facade).join("; ")
    };
    let body = |old: &str, new: &str| {
        let mut facade = portal.clone();
        facade.body = reply.replace(old, new).into_bytes();
        assert_ne!(facade.body, portal.body);
        difference(&portal, &facade).join("; ")
    };
    assert_eq!(other(|answer| answer.status = 404), "status 200 → 404");
    assert_eq!(other(|answer| answer.version = "HTTP/1.0".into()), "version HTTP/1.1 → HTTP/1.0");
    assert_eq!(other(|answer| answer.kept = false), "kept true → false");
    assert_eq!(other(|answer| answer.continued = true), "100 Continue false → true");
    let kind = r#"type "application/json; charset=utf-8" → "application/json""#;
    assert_eq!(other(|answer| answer.headers[0].1 = "application/json".into()), kind);
    assert_eq!(other(|answer| drop(answer.headers.remove(1))), "no date");
    assert_eq!(other(|answer| answer.headers.push(("vary".into(), "x".into()))), "a vary");
    assert_eq!(other(|answer| answer.headers.push(("gateway-request-id".into(), "x".into()))), "");
    assert_eq!(other(|answer| answer.body.clear()), "code 200 → nothing");
    assert_eq!(body("\"200\"", "\"401\""), "code 200 → 401");
    // The same number with and without quotes, another order, another blank, a missing null: each is another body.
    for (old, new) in [
        ("\"200\"", "200"),
        (",\"ghiChu\":null", ""),
        ("null", "\"\""),
        ("\"maKetQua\":\"200\",", "\"maKetQua\": \"200\","),
        ("ghiChu", "GhiChu"),
        // The number of a receipt may be another, its form and its facility may not.
        ("01999", "01998"),
        ("HS4210", "GW"),
        ("0123456789ABCDEF0123", "0123456789abcdef0123"),
    ] {
        assert!(body(old, new).starts_with("body "), "{old} → {new}: {}", body(old, new));
    }
    assert_eq!(body("0123456789ABCDEF0123", "FFFF456789ABCDEF0123"), "");
    let words = |text: &str| answer(&format!(r#"{{"maKetQua":"205","ghiChu":"{text}","maThe":null}}"#));
    let differ = |other: &str| difference(&words("Null hoTenCb"), &words(other)).join("; ");
    assert_eq!(differ(r#"Thiếu \"hoTenCb\""#), "other words in ghiChu");
    assert!(differ(r#"x","maThe":"1"#).starts_with("body "), "{}", differ(r#"x","maThe":"1"#));
}

#[test]
fn only_what_has_its_form_is_blanked() {
    for (right, wrong) in [
        (r#"{"expires_in":"2026-07-27T01:37:07.9726Z"}"#, r#"{"expires_in":"2026-07-27T01:37:07.97260Z"}"#),
        (r#"{"expires_in":"2026-07-27T01:37:07Z"}"#, r#"{"expires_in":"600"}"#),
        (r#"{"expires_in":"2026-07-27T01:37:07.1Z"}"#, r#"{"expires_in":600}"#),
        (
            r#"{"id_token":"0f4b7c1e-6a52-4e0e-9a39-2c7d1c5c9a10"}"#,
            r#"{"id_token":"0F4B7C1E-6A52-4E0E-9A39-2C7D1C5C9A10"}"#,
        ),
        (r#"{"access_token":"TkhNc1ZhQm5iMlJ2WkhraFBUMD0="}"#, r#"{"access_token":"gw_TkhNc1ZhQm5iMlJ2WkhraFBUMD0="}"#),
        (r#"{"thoiGianTiepNhan":"20261006083015"}"#, r#"{"thoiGianTiepNhan":"2026-10-06T08:30"}"#),
        (r#"{"MaGD":"HS_CHUNGTU99001_094D388C-0000-4000-8000-6D5BF53FEE75"}"#, r#"{"MaGD":"GW-1"}"#),
        (r#"{"GhiChu":"tính đến: 05/08/2026 17:30"}"#, r#"{"GhiChu":"tính đến: hôm nay"}"#),
    ] {
        assert_ne!(blanked(right.as_bytes()), right);
        assert_eq!(blanked(wrong.as_bytes()), wrong);
    }
    // Each of several, and none that is only named like one.
    let several = r#"[{"thoiGianKT":"202404251031","x":"1"},{"thoiGianKT":"202404251032"},{"thoiGianKT":""}]"#;
    assert_eq!(blanked(several.as_bytes()), r#"[{"thoiGianKT":"*","x":"1"},{"thoiGianKT":"*"},{"thoiGianKT":""}]"#);
}

fn answer(body: &str) -> Answer {
    let headers = [("content-type", "application/json; charset=utf-8"), ("date", "x"), ("content-length", "1")];
    Answer {
        version: "HTTP/1.1".into(),
        status: 200,
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        body: body.into(),
        continued: false,
        kept: true,
    }
}
