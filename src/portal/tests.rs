//! The client against a small server over real sockets.

mod conventions;
mod faults;
mod server;
mod sessions;

use std::time::Duration;

use bytes::Bytes;

use super::tests::server::FakePortal;
use super::{Account, Config, Portal, PortalPassword, Question, Service, Submission};
use crate::domain::{CardSubject, FacilityCode, NationalId, Officer, PartialDate, PersonName};
use crate::system::System;

/// Texts that must never be seen in an error or a `Debug`: password, its MD5, token parts, name, numbers.
const SECRETS: [&str; 9] = [
    "hunter2",
    "2AB96390C7DBE3439DE74D0C9B0B1767",
    "tok+en/1==",
    "tok%2Ben",
    "0f4b7c1e-0000",
    "TRẦN",
    "001094012345",
    "1994",
    "001181012345",
];

fn facility() -> FacilityCode {
    FacilityCode::parse("99001").unwrap()
}

fn account() -> Account {
    Account {
        facility: facility(),
        username: "99001_BV".to_owned(),
        password: PortalPassword::new("hunter2".to_owned()),
        driver_exam: None,
    }
}

fn question() -> Question {
    Question {
        facility: facility(),
        subject: CardSubject::parse("001094012345").unwrap(),
        name: PersonName::parse("Trần Văn A").unwrap(),
        birth: PartialDate::parse("05/03/1994").unwrap(),
    }
}

fn officer() -> Officer {
    Officer {
        name: PersonName::parse("Nguyễn Thị B").unwrap(),
        national_id: NationalId::parse("001181012345").unwrap(),
    }
}

fn submission(service: Service, body: &'static str) -> Submission {
    Submission { service, facility: facility(), body: Bytes::from_static(body.as_bytes()) }
}

/// Long enough never to matter on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(30);

fn config(url: &str) -> Config {
    Config { connect_timeout: PATIENCE, login_timeout: PATIENCE, ..Config::new(url) }
}

fn portal(fake: &FakePortal) -> Portal {
    Portal::new(config(&fake.url), vec![account()], System::real()).unwrap()
}

fn assert_no_secret(shown: &str) {
    for secret in SECRETS {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}
