//! A hospital system written for the portal: it knows a base URL, a user and a password, and nothing of a gateway.

use bytes::Bytes;
use form_urlencoded::Serializer;
use http::Request;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use lienthong::app::{self, ClientWish};
use lienthong::clients::password_md5;
use lienthong::domain::FacilityCode;
use lienthong::sandbox::InsuredPerson;
use lienthong::system::System;
use serde_json::{Value, json};

use crate::support::{Reply, TestGateway, read, until, within};

/// One hospital system.
#[derive(Clone)]
pub(crate) struct His {
    /// Without a slash at its end.
    pub(crate) base_url: String,
    pub(crate) user: String,
    /// As the portal takes it: MD5, upper-case hex.
    pub(crate) password: String,
    pub(crate) access_token: String,
    pub(crate) id_token: String,
    pub(crate) http: Client<HttpConnector, Full<Bytes>>,
}

/// A field of a form, query or header.
pub(crate) type Field<'a> = (&'a str, &'a str);

impl His {
    /// A user of the façade, made by an operator, not signed in yet.
    pub(crate) async fn new(gateway: &TestGateway, user: &str, facilities: &[&str]) -> Self {
        Self::with_scopes(gateway, user, facilities, &app::scope_names()).await
    }

    pub(crate) async fn with_scopes(gateway: &TestGateway, user: &str, facilities: &[&str], scopes: &[&str]) -> Self {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        Self::made(gateway, ClientWish { scopes, ..wish(user, facilities) }, "200").await
    }

    /// A user who may make only so many requests a minute, one of which is spent when this returns.
    pub(crate) async fn with_quota(gateway: &TestGateway, user: &str, requests_per_minute: u32) -> Self {
        Self::made(gateway, ClientWish { requests_per_minute, ..wish(user, &user_facility(user)) }, "200").await
    }

    /// A user who may call from this address only.
    pub(crate) async fn from(gateway: &TestGateway, user: &str, address: &str) -> Self {
        let addresses = vec![address.to_owned()];
        Self::made(gateway, ClientWish { addresses, ..wish(user, &user_facility(user)) }, "403").await
    }

    /// Makes a user, whom the gateway knows when this returns: it answers a login with `known`.
    async fn made(gateway: &TestGateway, wish: ClientWish, known: &str) -> Self {
        let user = wish.facade_user.clone().expect("a user");
        let client = app::add_client(&gateway.config(), &System::real(), wish).await.unwrap();
        let his = Self {
            base_url: format!("http://{}", gateway.facade().expect("the façade is on")),
            user,
            password: password_md5(&client.secret),
            access_token: String::new(),
            id_token: String::new(),
            http: Client::builder(TokioExecutor::new()).build_http(),
        };
        until("the gateway to know a new user", async || {
            let reply = his.take_token().await;
            (code(&reply) == known).then_some(())
        })
        .await;
        his
    }

    /// A user who has signed in.
    pub(crate) async fn signed_in(gateway: &TestGateway, user: &str, facilities: &[&str]) -> Self {
        let mut his = Self::new(gateway, user, facilities).await;
        his.sign_in().await;
        his
    }

    pub(crate) async fn take_token(&self) -> Reply {
        let fields = [("username", self.user.as_str()), ("password", self.password.as_str())];
        self.post("/api/token/take", &[], &form(&fields), FORM).await
    }

    pub(crate) async fn sign_in(&mut self) {
        let reply = self.take_token().await.expect(200).json();
        assert_eq!(reply["maKetQua"], "200", "{reply}");
        let text = |name: &str| reply["APIKey"][name].as_str().expect("a session").to_owned();
        (self.access_token, self.id_token) = (text("access_token"), text("id_token"));
    }

    /// The gateway moved: it was started anew.
    pub(crate) fn moved_to(&mut self, gateway: &TestGateway) {
        self.base_url = format!("http://{}", gateway.facade().expect("the façade is on"));
    }

    pub(crate) async fn post(&self, path: &str, headers: &[Field<'_>], body: &str, kind: &str) -> Reply {
        let mut request = Request::post(format!("{}{path}", self.base_url)).header("content-type", kind);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
        read(within("an answer", self.http.request(request)).await.unwrap()).await
    }

    // The four conventions.

    /// Credentials in the query, JSON.
    pub(crate) async fn egw(&self, path: &str, body: &Value) -> Reply {
        self.post(&self.with_query(path), &[], &body.to_string(), JSON).await
    }

    /// Credentials in the query, a form.
    pub(crate) async fn egw_form(&self, path: &str, fields: &[Field<'_>]) -> Reply {
        self.post(&self.with_query(path), &[], &form(fields), FORM).await
    }

    /// Credentials in headers, a form.
    pub(crate) async fn qd130(&self, path: &str, fields: &[Field<'_>]) -> Reply {
        let mut all = vec![("username", self.user.as_str())];
        all.extend_from_slice(fields);
        self.post(path, &self.header_keys(), &form(&all), FORM).await
    }

    /// Credentials in headers, JSON; the account in the body, by its whole name unless the body says otherwise.
    pub(crate) async fn mcct(&self, body: &Value) -> Reply {
        let mut body = body.clone();
        if body.get("username").is_none() {
            body["username"] = json!(self.user);
        }
        self.post("/api/TraCuuCCT/TraCuuTienMCCT", &self.header_keys(), &body.to_string(), JSON).await
    }

    /// Credentials in the form itself.
    pub(crate) async fn pl02(&self, path: &str, fields: &[Field<'_>]) -> Reply {
        let mut all = vec![
            ("token", self.access_token.as_str()),
            ("id_token", &self.id_token),
            ("username", &self.user),
            ("password", &self.password),
        ];
        all.extend_from_slice(fields);
        self.post(path, &[], &form(&all), FORM).await
    }

    /// User and password in headers, no token.
    pub(crate) async fn gksk(&self, body: &str) -> Reply {
        let keys = [("Username", self.user.as_str()), ("Password", &self.password)];
        self.post("/api/hssk/gksk", &keys, body, JSON).await
    }

    pub(crate) fn header_keys(&self) -> [Field<'_>; 3] {
        [("accessToken", &self.access_token), ("tokenId", &self.id_token), ("passwordHash", &self.password)]
    }

    pub(crate) fn with_query(&self, path: &str) -> String {
        let sign = if path.contains('?') { '&' } else { '?' };
        let keys = [
            ("token", self.access_token.as_str()),
            ("id_token", &self.id_token),
            ("username", &self.user),
            ("password", &self.password),
        ];
        format!("{path}{sign}{}", form(&keys))
    }
}

fn wish(user: &str, facilities: &[&str]) -> ClientWish {
    ClientWish {
        name: user.to_owned(),
        scopes: app::scope_names().map(str::to_owned).to_vec(),
        facilities: facilities.iter().map(|code| FacilityCode::parse(code).unwrap()).collect(),
        requests_per_minute: 1_000_000,
        addresses: Vec::new(),
        facade_user: Some(user.to_owned()),
    }
}

fn user_facility(user: &str) -> [&str; 1] {
    [&user[..5]]
}

pub(crate) const FORM: &str = "application/x-www-form-urlencoded";
pub(crate) const JSON: &str = "application/json";

pub(crate) fn form(fields: &[Field<'_>]) -> String {
    Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// A question about an invented person as a client of the portal asks it.
pub(crate) fn asked(person: &InsuredPerson) -> Value {
    json!({
        "maThe": person.national_id.as_str(),
        "hoTen": person.name.as_str(),
        "ngaySinh": person.birth_date.portal(),
        "hoTenCb": "NGUYỄN THỊ B",
        "cccdCb": "001181012345",
    })
}

/// The result code of an answer, under whichever key its family has it.
pub(crate) fn code(reply: &Reply) -> String {
    let Ok(Value::Object(members)) = serde_json::from_slice(&reply.body) else { return String::new() };
    let code = ["maKetQua", "MaKetQua", "MSG_STATE"].iter().find_map(|key| members.get(*key));
    code.map_or_else(String::new, |code| code.as_str().map_or_else(|| code.to_string(), str::to_owned))
}
