//! Systems written for the portal, at the façade: they know paths, fields and receipts, and send again what got none.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use form_urlencoded::Serializer;
use lienthong::clients::password_md5;
use serde_json::Value;
use tokio::time::Instant;

use crate::clients::{OF_FACADE, Round};
use crate::papers::{Kind, Paper};
use crate::plan::{self, Script};
use crate::site::{Answer, PATIENCE};

/// How often a document without a receipt is sent again before the system turns to the next.
const TRIES: usize = 3;

/// One system with a user of its own.
pub(crate) struct His {
    pub(crate) round: Round,
    pub(crate) number: usize,
    pub(crate) user: &'static str,
    pub(crate) password: String,
}

/// What opens a call.
struct Keys {
    user: &'static str,
    md5: String,
    access: String,
    id: String,
}

impl His {
    pub(crate) async fn run(self) {
        let keys = self.sign_in().await;
        for script in 0..plan::SCRIPTS_MAX {
            if self.round.finish.is_cancelled() {
                return;
            }
            let Script::Steps(steps) = plan::script(self.round.seed, self.number, script, OF_FACADE, false) else {
                return;
            };
            for step in steps {
                let place = self.round.ledger.offer(step.paper.clone());
                self.submit(place, &step.paper, &keys).await;
                tokio::time::sleep(step.rest).await;
            }
        }
    }

    async fn sign_in(&self) -> Keys {
        let (user, md5) = (self.user, password_md5(&self.password));
        let deadline = Instant::now() + PATIENCE;
        loop {
            let body = form(&[("username", user), ("password", &md5)]);
            if let Some(answer) = self.round.site.call_facade("/api/token/take", &[FORM], body).await {
                let told = answer.json();
                let token = |name: &str| told["APIKey"][name].as_str().map(str::to_owned);
                if let (Some(access), Some(id)) = (token("access_token"), token("id_token")) {
                    return Keys { user, md5, access, id };
                }
            }
            assert!(Instant::now() < deadline, "{user} cannot sign in");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Sends until the gateway says that it is kept, and then a few times more for the portal's receipt: the same bytes
    /// each time. The tokens outlive every restart.
    async fn submit(&self, place: usize, paper: &Paper, keys: &Keys) {
        let ledger = &self.round.ledger;
        let deadline = Instant::now() + PATIENCE;
        let (mut kept, mut tries) = (false, 0);
        while !kept || tries < TRIES {
            if let Some(answer) = self.send(paper, keys).await {
                let told = answer.json();
                let document = answer.headers.get("gateway-document").and_then(|id| id.to_str().ok());
                let source = answer.headers.get("gateway-source").and_then(|source| source.to_str().ok());
                if let Some(id) = document {
                    (kept, tries) = (true, tries + 1);
                    ledger.acknowledged(place, id);
                } else if answer.status != 503 && !is_system_error(&told) {
                    ledger.violation(format!("{} refused by the façade: {} {told}", paper.name(), answer.status));
                    return;
                }
                let receipt = ["maGiaoDich", "MaGD", "UUID"].iter().find_map(|name| told[*name].as_str());
                if let Some(receipt) = receipt.filter(|receipt| !receipt.is_empty()) {
                    let receipt = receipt.to_owned();
                    if document.is_none() || source.is_none() {
                        ledger.violation(format!("{}: a receipt without a document: {told}", paper.name()));
                    }
                    ledger.change(place, |entry| entry.receipts_told.push(receipt));
                    return;
                }
            }
            if Instant::now() > deadline {
                ledger.violation(format!("{} was never kept by the façade", paper.name()));
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn send(&self, paper: &Paper, keys: &Keys) -> Option<Answer> {
        let site = &self.round.site;
        let Keys { user, md5, access, id } = keys;
        let file = STANDARD.encode(&paper.body);
        let province = paper.facility.get(..2).unwrap_or_default();
        let in_headers = [FORM, ("accessToken", access.as_str()), ("tokenId", id), ("passwordHash", md5)];
        match paper.kind {
            Kind::Checkin | Kind::Claim | Kind::Assessment => {
                let fields = [
                    ("username", *user),
                    ("loaiHoSo", paper.kind.service()),
                    ("maTinh", province),
                    ("maCSKCB", paper.facility),
                    ("fileHSBase64", &file),
                ];
                let path = match paper.kind {
                    Kind::Checkin => "/api/qd130/checkInKcbQd3176",
                    Kind::Claim => "/api/qd130/guiHoSoXmlQD3176",
                    _ => "/api/qd130/guiDuLieuGdykQd130",
                };
                site.call_facade(path, &in_headers, form(&fields)).await
            }
            Kind::Birth | Kind::Death | Kind::Voucher => {
                let fields = [
                    ("username", *user),
                    ("password", md5),
                    ("token", access),
                    ("id_token", id),
                    ("maCskcb", paper.facility),
                    ("loaiHs", paper.kind.service()),
                    ("fileBase64Str", &file),
                ];
                let path = match paper.kind {
                    Kind::Voucher => "/api/chungtugw/GuiHoSoChungTu2025",
                    _ => "/api/hososuckhoe/guiGiayToDienTu",
                };
                site.call_facade(path, &[FORM], form(&fields)).await
            }
            Kind::Exam => {
                let headers = [("content-type", "application/json"), ("Username", *user), ("Password", md5)];
                site.call_facade("/api/hssk/gksk", &headers, paper.body.clone()).await
            }
        }
    }
}

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

fn form(fields: &[(&str, &str)]) -> Bytes {
    Bytes::from(Serializer::new(String::new()).extend_pairs(fields).finish())
}

/// The family's own word for "not now".
fn is_system_error(told: &Value) -> bool {
    ["maKetQua", "MaKetQua"].iter().any(|name| told[*name] == "500") || told["MSG_STATE"] == "0"
}
