//! A client of few words: one connection a call, the answer as it came.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use lienthong::sandbox::{ACCOUNT_PASSWORD, Faults, Options, Sandbox};
use lienthong::system::System;
use md5::{Digest, Md5};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) type Fields<'a> = &'a [(&'a str, &'a str)];

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn code(&self) -> String {
        let json = self.json();
        let code = json.get("maKetQua").or(json.get("MaKetQua")).unwrap_or_else(|| panic!("no code: {json}"));
        code.as_str().map_or_else(|| code.to_string(), str::to_owned)
    }
}

pub(crate) struct Session {
    pub(crate) token: String,
    pub(crate) id_token: String,
    pub(crate) password: String,
}

pub(crate) async fn sandbox(faults: Faults) -> Sandbox {
    Sandbox::start(Options { faults, ..Options::default() }, System::real()).await.unwrap()
}

pub(crate) fn password_md5() -> String {
    Md5::digest(ACCOUNT_PASSWORD).iter().map(|byte| format!("{byte:02X}")).collect()
}

pub(crate) fn form(fields: Fields<'_>) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

pub(crate) async fn call(
    to: SocketAddr,
    method: &str,
    target: &str,
    headers: Fields<'_>,
    body: &str,
) -> std::io::Result<Reply> {
    let mut stream = TcpStream::connect(to).await?;
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    let head = format!("{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n");
    stream.write_all(format!("{head}{headers}\r\n{body}").as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("an HTTP head");
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.filter_map(|line| line.split_once(": ")).map(|(n, v)| (n.to_lowercase(), v.to_owned()));
    Ok(Reply { status, headers: headers.collect(), body: answer[end + 4..].to_vec() })
}

pub(crate) async fn post_form(
    to: SocketAddr,
    target: &str,
    headers: Fields<'_>,
    fields: Fields<'_>,
) -> std::io::Result<Reply> {
    let headers: Vec<_> =
        [("Content-Type", "application/x-www-form-urlencoded")].iter().chain(headers).copied().collect();
    call(to, "POST", target, &headers, &form(fields)).await
}

pub(crate) async fn post_json(
    to: SocketAddr,
    target: &str,
    headers: Fields<'_>,
    body: &Value,
) -> std::io::Result<Reply> {
    let headers: Vec<_> =
        [("Content-Type", "application/json; charset=utf-8")].iter().chain(headers).copied().collect();
    call(to, "POST", target, &headers, &body.to_string()).await
}

pub(crate) async fn get(to: SocketAddr, target: &str) -> Reply {
    call(to, "GET", target, &[], "").await.unwrap()
}

pub(crate) async fn log_in(to: SocketAddr, account: &str) -> Session {
    let password = password_md5();
    let reply = post_form(to, "/api/token/take", &[], &[("username", account), ("password", &password)]).await.unwrap();
    let json = reply.json();
    assert_eq!(json["maKetQua"], "200");
    let text = |name: &str| json["APIKey"][name].as_str().unwrap().to_owned();
    Session { token: text("access_token"), id_token: text("id_token"), password }
}

impl Session {
    pub(crate) fn query(&self, path: &str) -> String {
        let query = form(&[
            ("token", &self.token),
            ("id_token", &self.id_token),
            ("username", "99001_BV"),
            ("password", &self.password),
        ]);
        format!("{path}?{query}")
    }

    pub(crate) fn headers(&self) -> [(&str, &str); 3] {
        [("accessToken", &self.token), ("tokenId", &self.id_token), ("passwordHash", &self.password)]
    }

    pub(crate) async fn look_up(&self, to: SocketAddr, question: &Value) -> std::io::Result<Reply> {
        post_json(to, &self.query("/api/egw/KQNhanLichSuKCB2024"), &[], question).await
    }

    pub(crate) async fn claim(&self, to: SocketAddr, facility: &str, file: &str) -> std::io::Result<Reply> {
        let fields = [
            ("username", "99001_BV"),
            ("loaiHoSo", "130"),
            ("maTinh", "99"),
            ("maCSKCB", facility),
            ("fileHSBase64", file),
        ];
        post_form(to, "/api/qd130/guiHoSoXmlQD3176", &self.headers(), &fields).await
    }

    pub(crate) async fn certificate(&self, to: SocketAddr, file_field: &str, file: &str) -> std::io::Result<Reply> {
        let fields = [
            ("maCskcb", "99001"),
            ("token", &self.token),
            ("id_token", &self.id_token),
            ("username", "99001_BV"),
            ("password", &self.password),
            ("loaiHs", "61"),
            (file_field, file),
        ];
        post_form(to, "/api/hososuckhoe/guiGiayToDienTu", &[], &fields).await
    }

    pub(crate) async fn co_payments(&self, to: SocketAddr, question: &Value) -> Reply {
        post_json(to, "/api/TraCuuCCT/TraCuuTienMCCT", &self.headers(), question).await.unwrap()
    }
}

/// A question in the name of a registered officer.
pub(crate) fn question(subject: &str, name: &str, birth_date: &str) -> Value {
    json!({
        "maThe": subject, "hoTen": name, "ngaySinh": birth_date, "username": "99001_BV",
        "hoTenCb": "Nguyễn Thị B", "cccdCb": "001181012345",
    })
}
