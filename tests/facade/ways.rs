//! The ways in which hospital systems call the portal: right ones, sloppy ones, and wrong ones of every sort.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lienthong::domain::NationalId;
use lienthong::sandbox::{InsuredPerson, example_for_code, person_of};
use unicode_normalization::UnicodeNormalization;

use crate::functions::{Case, Encoding, Fields};
use crate::wire::{Case as LetterCase, Style};

/// One client: everything it does otherwise than the documents say.
#[derive(Clone, Copy)]
pub(crate) struct Way {
    /// As the matrix shows it.
    pub(crate) name: &'static str,
    pub(crate) style: Style,
    pub(crate) encoding: Writes,
    /// Headers it always sends.
    pub(crate) headers: &'static [(&'static str, &'static str)],
    /// Its own content type; empty for none at all.
    pub(crate) kind: Option<&'static str>,
    /// What it writes after the content type.
    pub(crate) charset: &'static str,
    /// The MD5 in lower case.
    pub(crate) lower_md5: bool,
    /// A byte-order mark before the body.
    pub(crate) byte_order_mark: bool,
    /// Everything outside ASCII as `\u` escapes, in JSON.
    pub(crate) ascii: bool,
    /// Blanks as `%20` and escapes in lower case, in queries and forms.
    pub(crate) lower_escapes: bool,
    /// No escapes in the query at all; the client is lucky with its tokens.
    pub(crate) unescaped: bool,
    /// Digits as numbers, in JSON.
    pub(crate) numbers: bool,
    /// Bytes as base64 in a string, as .NET writes them.
    pub(crate) dot_net: bool,
    /// The last field first.
    pub(crate) reversed: bool,
    /// Fields that nobody asked for.
    pub(crate) extra: bool,
    /// Asks for a person of this code.
    pub(crate) code: Option<&'static str>,
    /// Writes the person otherwise.
    pub(crate) rewrite: Option<fn(&mut Fields, &InsuredPerson)>,
    /// What is wrong with the values, by role.
    pub(crate) changes: &'static [(&'static str, Change)],
    pub(crate) oddity: Oddity,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writes {
    AsDocumented,
    Form,
    Json,
}

#[derive(Clone, Copy)]
pub(crate) enum Change {
    Remove,
    Set(&'static str),
}

#[derive(Clone, Copy)]
pub(crate) enum Oddity {
    None,
    Method(&'static str),
    UnknownPath,
    Body(&'static [u8]),
    WrongPlace,
    /// Logs in again before the call, and calls with the first token.
    LogsInTwice,
    /// Sends everything a second time.
    AsksAgain,
}

const fn way(name: &'static str) -> Way {
    Way {
        name,
        style: Style::PLAIN,
        encoding: Writes::AsDocumented,
        headers: &[],
        kind: None,
        charset: "",
        lower_md5: false,
        byte_order_mark: false,
        ascii: false,
        lower_escapes: false,
        unescaped: false,
        numbers: false,
        dot_net: false,
        reversed: false,
        extra: false,
        code: None,
        rewrite: None,
        changes: &[],
        oddity: Oddity::None,
    }
}

const fn styled(name: &'static str, style: Style) -> Way {
    Way { style, ..way(name) }
}

const fn person(name: &'static str, code: &'static str) -> Way {
    Way { code: Some(code), ..way(name) }
}

const fn rewritten(name: &'static str, rewrite: fn(&mut Fields, &InsuredPerson)) -> Way {
    Way { rewrite: Some(rewrite), ..way(name) }
}

const fn wrong(name: &'static str, changes: &'static [(&'static str, Change)]) -> Way {
    Way { changes, ..way(name) }
}

const fn odd(name: &'static str, oddity: Oddity) -> Way {
    Way { oddity, ..way(name) }
}

/// What a client that does everything as documented is called.
pub(crate) const AS_DOCUMENTED: &str = "as documented";

/// Right ways, of which each function that knows them must take every one.
pub(crate) const CLIENTS: &[Way] = {
    const P: Style = Style::PLAIN;
    const OLD: Style = Style { version: "HTTP/1.0", ..P };
    &[
        way(AS_DOCUMENTED),
        Way { encoding: Writes::Form, lower_md5: true, ..styled("form, md5 in lower case", CLOSING) },
        Way { encoding: Writes::Json, lower_md5: true, ..way("JSON, md5 in lower case") },
        Way {
            encoding: Writes::Json,
            charset: "; charset=utf-8",
            dot_net: true,
            ..styled(".NET HttpClient, JSON", Style { expects: true, ..P })
        },
        styled(".NET HttpWebRequest", Style { expects: true, connection: Some("Keep-Alive"), ..P }),
        Way {
            headers: &[("User-Agent", "curl/7.29.0"), ("Accept", "*/*")],
            ..styled("curl, a large body", Style { expects: true, ..P })
        },
        Way {
            charset: ";charset=UTF-8",
            headers: &[
                ("Accept", "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"),
                ("User-Agent", "Java/1.8.0"),
            ],
            ..styled("Java, chunks of 4 KiB", Style { chunks: Some(4096), connection: Some("keep-alive"), ..P })
        },
        styled("chunks of seven bytes", Style { chunks: Some(7), ..P }),
        Way { ascii: true, ..styled("PHP streams, HTTP/1.0", Style { connection: Some("close"), ..OLD }) },
        styled("Delphi, HTTP/1.0 kept alive", Style { connection: Some("Keep-Alive"), ..OLD }),
        styled("HTTP/1.0, silent about the connection", OLD),
        Way {
            headers: &[("Accept-Encoding", "gzip, deflate, br"), ("Accept", "application/json")],
            ..way("asks for gzip")
        },
        styled("closes each connection", CLOSING),
        styled("path in lower case", Style { path_case: LetterCase::Lower, ..P }),
        styled("path in upper case", Style { path_case: LetterCase::Upper, ..P }),
        styled("header names in lower case", Style { header_case: LetterCase::Lower, ..P }),
        styled("header names in upper case", Style { header_case: LetterCase::Upper, ..P }),
        styled("whole address in the request line", Style { whole_address: true, ..P }),
        Way { unescaped: true, ..way("token as it is in the query") },
        Way { lower_escapes: true, ..way("escapes in lower case, %20") },
        Way { charset: "; charset=utf-8", ..way("charset in the content type") },
        Way { kind: Some("TYPE"), ..way("content type in upper case") },
        Way { reversed: true, extra: true, ..way("odd order, more fields") },
        Way { encoding: Writes::Json, reversed: true, extra: true, ..way("odd order, more fields, JSON") },
        Way { encoding: Writes::Json, numbers: true, ..way("numbers as numbers, JSON") },
    ]
};

const CLOSING: Style = Style { connection: Some("close"), ..Style::PLAIN };

/// Ways that the portal takes amiss, and calls for people of every sort.
pub(crate) const TROUBLES: &[Way] = {
    use Change::{Remove, Set};
    /// In the form of a token, and nobody's.
    const NOBODYS: &str = "TkhNc1ZhQm5iMlJ2WkhraFBUMD06MDE5OTlfQlY6MTM0MDAwMDAwMDAwMDAwMDAw";
    const NOBODYS_ID: &str = "0f4b7c1e-6a52-4e0e-9a39-2c7d1c5c9a10";
    &[
        Way { byte_order_mark: true, ..way("byte-order mark before the body") },
        Way { kind: Some("text/plain"), ..way("content type text/plain") },
        Way { kind: Some(""), ..way("no content type") },
        rewritten("names in NFD", |fields, _| {
            for (_, value) in fields.iter_mut().filter(|(name, _)| matches!(name.as_str(), "hoTen" | "hoTenCb")) {
                *value = value.nfd().collect();
            }
        }),
        rewritten("asks by card", |fields, person| put(fields, "maThe", &person.card)),
        rewritten("asks by social-insurance number", |fields, person| {
            put(fields, "maThe", &person.social_insurance_number)
        }),
        rewritten("maThe in groups", |fields, person| {
            let (first, last) = person.national_id.as_str().split_at(6);
            put(fields, "maThe", &format!(" {first} {last}-"));
        }),
        rewritten("names in small letters, two blanks", |fields, person| {
            put(fields, "hoTen", &person.name.to_lowercase().replace(' ', "  "));
        }),
        rewritten("birth date of eight digits", |fields, person| {
            put(fields, "ngaySinh", &person.birth_date.portal().replace('/', ""));
        }),
        rewritten("birth date as ISO writes it", |fields, person| {
            let date = person.birth_date.portal();
            let parts: Vec<&str> = date.split('/').rev().collect();
            put(fields, "ngaySinh", &parts.join("-"));
        }),
        rewritten("card of eleven digits", |fields, _| put(fields, "maThe", "01234567890")),
        rewritten("file of three MiB", |fields, _| change_file(fields, |xml| xml.resize(3 << 20, b' '))),
        rewritten("file with a byte-order mark", |fields, _| {
            change_file(fields, |xml| drop(xml.splice(0..0, *b"\xEF\xBB\xBF")));
        }),
        rewritten("file's base64 in lines", |fields, _| {
            for (_, value) in fields.iter_mut().filter(|(name, _)| names_a_file(name)) {
                let lines: Vec<&[u8]> = value.as_bytes().chunks(76).collect();
                *value = String::from_utf8(lines.join(&b"\r\n"[..])).expect("base64 is ASCII");
            }
        }),
        rewritten("file under its other name", |fields, _| {
            for (name, _) in fields.iter_mut().filter(|(name, _)| name == "fileBase64Str") {
                *name = "fileHsBase64".to_owned();
            }
        }),
        rewritten("file under both names", |fields, _| {
            let file = fields.iter().find(|(name, _)| name == "fileBase64Str").cloned();
            fields.extend(file.map(|(_, file)| ("fileHsBase64".to_owned(), file)));
        }),
        person("of code 001", "001"),
        person("of code 002", "002"),
        person("of code 003", "003"),
        person("of code 004", "004"),
        person("of code 010", "010"),
        person("of code 050", "050"),
        person("of code 051", "051"),
        person("of code 052", "052"),
        person("of code 053", "053"),
        person("of code 110", "110"),
        person("of code 120", "120"),
        person("of code 121", "121"),
        person("of code 122", "122"),
        person("of code 123", "123"),
        person("of code 124", "124"),
        person("of code 130", "130"),
        wrong("another's name", &[("name", Set("ĐẶNG VĂN KHÁC"))]),
        wrong("another birth date", &[("birth date", Set("31/12/1999"))]),
        wrong("officer not registered", &[("officer's number", Set("001080000001"))]),
        wrong("officer misnamed", &[("officer", Set("NGUYỄN THỊ BÊ"))]),
        wrong("no officer named", &[("officer", Remove)]),
        wrong("officer's name empty", &[("officer", Set(""))]),
        wrong("no officer at all", &[("officer", Remove), ("officer's number", Remove)]),
        wrong("no number of the officer", &[("officer's number", Remove)]),
        wrong("wrong password", &[("password", Set("00000000000000000000000000000000"))]),
        wrong("password not hashed", &[("password", Set("Sandbox@123"))]),
        wrong("no password", &[("password", Remove)]),
        wrong("nobody's account", &[("username", Set("nobody"))]),
        wrong("no username", &[("username", Remove)]),
        wrong("token of nobody", &[("token", Set(NOBODYS)), ("id_token", Set(NOBODYS_ID))]),
        wrong("id_token of another session", &[("id_token", Set(NOBODYS_ID))]),
        wrong("token broken off", &[("token", Set("TkhNc1Zh"))]),
        wrong("no token", &[("token", Remove)]),
        wrong("token empty", &[("token", Set(""))]),
        wrong("no id_token", &[("id_token", Remove)]),
        odd("credentials in another family's place", Oddity::WrongPlace),
        wrong("no subject", &[("subject", Remove)]),
        wrong("no name", &[("name", Remove)]),
        wrong("no birth date", &[("birth date", Remove)]),
        wrong("another's facility", &[("facility", Set("40999"))]),
        wrong("no facility", &[("facility", Remove)]),
        wrong("no kind of file", &[("service", Remove)]),
        wrong("another kind of file", &[("service", Set("77"))]),
        wrong("no file", &[("file", Remove)]),
        wrong("file empty", &[("file", Set(""))]),
        wrong("file that is no base64", &[("file", Set("***"))]),
        wrong("file that is no XML", &[("file", Set("bm90IHhtbA=="))]),
        wrong("correction of what was never sent", &[("state", Set("EDIT"))]),
        wrong("STATE of no meaning", &[("state", Set("MAYBE"))]),
        odd("GET", Oddity::Method("GET")),
        odd("PUT", Oddity::Method("PUT")),
        odd("unknown path", Oddity::UnknownPath),
        odd("empty body", Oddity::Body(b"")),
        Way { encoding: Writes::Json, ..odd("half a JSON", Oddity::Body(b"{\"maThe\":\"0011")) },
        odd("first token after a second login", Oddity::LogsInTwice),
        odd("asks again", Oddity::AsksAgain),
    ]
};

fn names_a_file(name: &str) -> bool {
    matches!(name, "fileHSBase64" | "fileBase64Str")
}

fn change_file(fields: &mut Fields, change: impl Fn(&mut Vec<u8>)) {
    for (_, value) in fields.iter_mut().filter(|(name, _)| names_a_file(name)) {
        let mut file = STANDARD.decode(&*value).expect("base64");
        change(&mut file);
        *value = STANDARD.encode(file);
    }
}

fn put(fields: &mut Fields, name: &str, value: &str) {
    for (known, old) in fields {
        if known == name {
            value.clone_into(old);
        }
    }
}

impl Way {
    /// Whether it is about people and nothing else.
    pub(crate) fn of_people(&self) -> bool {
        self.code.is_some()
    }

    /// Whom it asks for: the person of the case, or the example of its code.
    pub(crate) fn person(&self, case: &Case<'_>) -> InsuredPerson {
        match self.code {
            None => case.person.clone(),
            Some(code) => example_for_code(code).expect("every code has an example"),
        }
    }

    /// Writes a person of a code over the one of the case.
    pub(crate) fn name_person(&self, fields: &mut Fields, person: &InsuredPerson) {
        // A card that is misprinted is found by the card only.
        let misprinted = person_of(&person.national_id).card != person.card;
        put(fields, "maThe", if misprinted { &person.card } else { NationalId::as_str(&person.national_id) });
        put(fields, "hoTen", &person.name.to_uppercase());
        put(fields, "ngaySinh", &person.birth_date.portal());
    }

    /// The content type, `None` for none.
    pub(crate) fn content_type(&self, encoding: Encoding) -> Option<String> {
        let documented = match encoding {
            Encoding::Form => "application/x-www-form-urlencoded",
            Encoding::Json => "application/json",
        };
        match self.kind {
            None => Some(format!("{documented}{}", self.charset)),
            Some("TYPE") => Some(documented.to_uppercase()),
            Some("") => None,
            Some(kind) => Some(kind.to_owned()),
        }
    }

    /// Fields as a query.
    pub(crate) fn query(&self, fields: &Fields) -> String {
        match self.unescaped {
            true => fields.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&"),
            false => self.form(fields),
        }
    }

    /// Fields as a form.
    pub(crate) fn form(&self, fields: &Fields) -> String {
        let escaped = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        if !self.lower_escapes {
            return escaped;
        }
        let mut lower = String::new();
        let mut signs = escaped.chars();
        while let Some(sign) = signs.next() {
            match sign {
                '+' => lower.push_str("%20"),
                '%' => {
                    lower.push('%');
                    lower.extend(signs.by_ref().take(2).map(|digit| digit.to_ascii_lowercase()));
                }
                other => lower.push(other),
            }
        }
        lower
    }

    /// Fields as an object.
    pub(crate) fn json(&self, fields: &Fields) -> String {
        let is_number = |text: &str| text.parse::<u32>().is_ok_and(|number| number.to_string() == text);
        let members = fields.iter().map(|(name, value)| match value {
            number if self.numbers && is_number(number) => format!("\"{name}\":{number}"),
            text => format!("\"{name}\":{}", self.text(text)),
        });
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    }

    fn text(&self, text: &str) -> String {
        let quoted = serde_json::Value::from(text).to_string();
        if !self.ascii {
            return quoted;
        }
        let mut units = [0; 2];
        let escaped = quoted.chars().map(|sign| match sign {
            sign if sign.is_ascii() => sign.to_string(),
            sign => sign.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect(),
        });
        escaped.collect()
    }
}
