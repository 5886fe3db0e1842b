//! From a function and the way of a client to the bytes that the client sends.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lienthong::sandbox::InsuredPerson;

use crate::functions::{Case, Content, Encoding, Fields, Function, Place, fields};
use crate::ways::{Change, Oddity, Way, Writes};
use crate::wire::Request;

/// What a client has from its login.
pub(crate) struct Session {
    pub(crate) token: String,
    pub(crate) id_token: String,
    pub(crate) username: String,
    /// The MD5 of the password, in the client's case.
    pub(crate) password: String,
}

/// The parts of a call before they are written.
struct Draft {
    query: Fields,
    headers: Fields,
    fields: Fields,
    /// The whole body, where it is a file.
    file: Option<Vec<u8>>,
}

/// What the client sends; `None` if this way of calling has no meaning for the function. `earlier` is what an earlier
/// answer gave for this call (a receipt, the number of a visit).
pub(crate) fn request(
    function: &Function,
    way: &Way,
    session: &Session,
    case: &Case<'_>,
    earlier: &str,
) -> Option<Request> {
    let mut draft = Draft::of(function, session, case, earlier);
    if way.encoding == Writes::Form && draft.file.is_some() {
        return None;
    }
    let person = way.person(case);
    if !draft.rewrite(way, &person) || !draft.change(way.changes) {
        return None;
    }
    if way.extra {
        draft.add_what_nobody_asked_for(function.place, session);
    }
    if way.reversed {
        draft.query.reverse();
        draft.headers.reverse();
        draft.fields.reverse();
    }
    let (mut method, mut path) = ("POST", function.path.to_owned());
    let mut body = None;
    match way.oddity {
        Oddity::None | Oddity::AsksAgain | Oddity::LogsInTwice => {}
        Oddity::Method(other) => (method, body) = (other, (other == "GET").then(Vec::new)),
        Oddity::UnknownPath => path.push('X'),
        Oddity::Body(bytes) => {
            // A function that has no body is called as it should be.
            draft.body_is_asked_for().then_some(())?;
            body = Some(bytes.to_vec());
        }
        Oddity::WrongPlace => draft.misplace(function.place).then_some(())?,
    }
    let encoding = match way.encoding {
        Writes::AsDocumented => function.encoding,
        Writes::Form => Encoding::Form,
        Writes::Json => Encoding::Json,
    };
    let kind = draft.body_is_asked_for().then(|| way.content_type(encoding)).flatten();
    let body = body.unwrap_or_else(|| draft.body(way, encoding));
    let mut headers: Fields = fields(way.headers);
    headers.extend(draft.headers);
    headers.extend(kind.map(|kind| ("Content-Type".to_owned(), kind)));
    Some(Request { method, path, query: way.query(&draft.query), headers, body })
}

/// The names of credentials and of other roles, whatever a function calls them.
fn names(role: &str) -> &'static [&'static str] {
    match role {
        "token" => &["token", "accessToken"],
        "id_token" => &["id_token", "tokenId"],
        "username" => &["username", "Username"],
        "password" => &["password", "passwordHash", "Password"],
        "facility" => &["maCSKCB", "maCskcb", "IDBENHVIEN"],
        "service" => &["loaiHoSo", "loaiHs"],
        "file" => &["fileHSBase64", "fileBase64Str"],
        "subject" => &["maThe", "maHoSo", "maGiaoDich", "ngayGui", "tuNgay"],
        "name" => &["hoTen", "HOTEN"],
        "birth date" => &["ngaySinh", "NGAYSINH"],
        "officer" => &["hoTenCb"],
        "officer's number" => &["cccdCb"],
        "state" => &["STATE"],
        other => panic!("no role {other}"),
    }
}

impl Draft {
    fn of(function: &Function, session: &Session, case: &Case<'_>, earlier: &str) -> Self {
        let (token, id_token) = (session.token.as_str(), session.id_token.as_str());
        let (username, password) = (session.username.as_str(), session.password.as_str());
        let all = [("token", token), ("id_token", id_token), ("username", username), ("password", password)];
        let (mut query, mut headers) = (Vec::new(), Vec::new());
        let mut body = function.content.body(function.facility, case);
        match function.place {
            Place::Login => body = fields(&[("username", username), ("password", password)]),
            Place::Query => query = fields(&all),
            Place::Headers => {
                headers = fields(&[("accessToken", token), ("tokenId", id_token), ("passwordHash", password)]);
                body.insert(0, ("username".to_owned(), username.to_owned()));
            }
            Place::Body => {
                body = fields(&all).into_iter().chain(body).collect();
                if matches!(function.content, Content::Certificate(_)) {
                    body.insert(0, ("maCskcb".to_owned(), function.facility.to_owned()));
                }
            }
            Place::Account => headers = fields(&[("Username", username), ("Password", password)]),
        }
        query.extend(function.content.query(function.facility, case, earlier));
        let file = (function.content == Content::OldClaim).then(|| case.old_claim());
        Self { query, headers, fields: body, file }
    }

    fn body_is_asked_for(&self) -> bool {
        self.file.is_some() || !self.fields.is_empty()
    }

    /// Lets the way write the person as it does; false if there was nothing for it to write.
    fn rewrite(&mut self, way: &Way, person: &InsuredPerson) -> bool {
        let asks = self.fields.iter().any(|(name, _)| name == "maThe");
        if way.of_people() && !asks {
            return false;
        }
        if asks {
            way.name_person(&mut self.fields, person);
        }
        let Some(rewrite) = way.rewrite else { return true };
        let before = self.fields.clone();
        rewrite(&mut self.fields, person);
        before != self.fields
    }

    /// Applies changes; false if a change found nothing to change.
    fn change(&mut self, changes: &[(&str, Change)]) -> bool {
        changes.iter().all(|(role, change)| {
            let mut found = false;
            for list in [&mut self.query, &mut self.headers, &mut self.fields] {
                for (name, value) in list.iter_mut() {
                    if names(role).contains(&name.as_str()) {
                        found = true;
                        if let Change::Set(other) = change {
                            *value = (*other).to_owned();
                        }
                    }
                }
                if let Change::Remove = change {
                    list.retain(|(name, _)| !names(role).contains(&name.as_str()));
                }
            }
            found
        })
    }

    /// As some clients do: the account again among the fields, and fields of their own.
    fn add_what_nobody_asked_for(&mut self, place: Place, session: &Session) {
        let own = fields(&[("maDinhDanhPhanMem", "HIS 7.1"), ("chukydonvi", ""), ("duPhong", "đ=&+ %")]);
        self.query.extend(own.clone());
        self.headers.push(("X-Phan-Mem".to_owned(), "HIS 7.1".to_owned()));
        if self.file.is_none() && !self.fields.is_empty() {
            // Where the body is the document itself, nobody writes an account into it.
            if place != Place::Account && !self.fields.iter().any(|(name, _)| name == "username") {
                self.fields.extend(fields(&[("username", &session.username), ("password", &session.password)]));
            }
            self.fields.extend(own);
        }
    }

    /// Puts the credentials where another family has them; false where there is no other place.
    fn misplace(&mut self, place: Place) -> bool {
        let credentials = ["token", "accessToken", "id_token", "tokenId", "password", "passwordHash", "Password"];
        let taken = |list: &mut Fields| -> Fields {
            let (taken, left) =
                std::mem::take(list).into_iter().partition(|(name, _)| credentials.contains(&name.as_str()));
            *list = left;
            taken
        };
        let from = match place {
            Place::Login => return false,
            Place::Query => taken(&mut self.query),
            Place::Headers | Place::Account => taken(&mut self.headers),
            Place::Body => taken(&mut self.fields),
        };
        for (name, value) in from {
            let (header, query) = match name.as_str() {
                "token" | "accessToken" => ("accessToken", "token"),
                "id_token" | "tokenId" => ("tokenId", "id_token"),
                _ => ("passwordHash", "password"),
            };
            match place {
                Place::Query => self.headers.push((header.to_owned(), value)),
                _ => self.query.push((query.to_owned(), value)),
            }
        }
        true
    }

    fn body(&self, way: &Way, encoding: Encoding) -> Vec<u8> {
        if !self.body_is_asked_for() {
            return Vec::new();
        }
        let text = match (&self.file, encoding) {
            (Some(file), _) if way.dot_net => format!("\"{}\"", STANDARD.encode(file)),
            (Some(file), _) => serde_json::to_string(file).expect("numbers"),
            (None, Encoding::Json) => way.json(&self.fields),
            (None, Encoding::Form) => way.form(&self.fields),
        };
        let mark: &[u8] = if way.byte_order_mark { b"\xEF\xBB\xBF" } else { b"" };
        [mark, text.as_bytes()].concat()
    }
}
