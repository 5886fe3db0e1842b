//! Where the clients are let loose: a sandbox portal, and whatever stands before another one.

use std::net::SocketAddr;

use lienthong::sandbox::{ACCOUNT_PASSWORD, Faults, Options, Sandbox};
use lienthong::system::System;
use md5::{Digest, Md5};

/// The facilities of the samples; each has an account of its own at every target.
pub(crate) const FACILITIES: [&str; 4] = ["01999", "38999", "79999", "48999"];

/// What a client is told by the people who set it up: an address, and an account for each facility.
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) accounts: Vec<Account>,
    /// The portal at its end, which tells what really arrived.
    pub(crate) portal: Sandbox,
}

/// A user name and password.
pub(crate) struct Account {
    pub(crate) facility: &'static str,
    pub(crate) username: String,
    pub(crate) password: String,
}

impl Account {
    /// The MD5 of the password, as clients send it.
    pub(crate) fn password_md5(&self, lower: bool) -> String {
        let hex: String = Md5::digest(&self.password).iter().map(|byte| format!("{byte:02X}")).collect();
        if lower { hex.to_lowercase() } else { hex }
    }
}

impl Target {
    /// A sandbox itself.
    pub(crate) async fn portal(faults: Faults) -> Self {
        let portal = sandbox(faults).await;
        let account = |facility: &'static str| Account {
            facility,
            username: format!("{facility}_BV"),
            password: ACCOUNT_PASSWORD.to_owned(),
        };
        Self { address: portal.address(), accounts: FACILITIES.map(account).into(), portal }
    }

    pub(crate) fn account(&self, facility: &str) -> &Account {
        self.accounts.iter().find(|account| account.facility == facility).expect("every facility has an account")
    }
}

/// A sandbox that judges claims at once, so that what it tells of them hangs on no clock.
pub(crate) async fn sandbox(faults: Faults) -> Sandbox {
    let faults = Faults { judge_after_ms: 0, ..faults };
    Sandbox::start(Options { faults, ..Options::default() }, System::real()).await.unwrap()
}
