//! The listener that speaks the portal's own language, for hospital systems written for the portal.

use std::net::SocketAddr;
use std::time::Duration;

use crate::config::Mode;
use crate::config::listener::{Admin, Api, Limits, meet};
use crate::config::reader::Section;
use crate::domain::Bilingual;

/// How the façade behaves.
#[derive(Clone, Debug)]
pub struct Facade {
    /// Whether it listens at all.
    pub enabled: bool,
    /// Address and port; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Whether plain HTTP on an address that other machines can reach is knowingly allowed.
    pub allow_remote: bool,
    /// Whether it speaks TLS, with the API's certificate.
    pub tls: bool,
    /// How long a submission waits for the portal's own answer.
    pub sync_timeout: Duration,
    /// What is answered when the portal's answer is not there in time.
    pub on_delay: OnDelay,
    /// Whether a document with findings is refused; otherwise they are warnings and the portal judges.
    pub strict: bool,
    /// What becomes of a lookup that names no officer.
    pub officer_missing: OfficerMissing,
    /// How long a token lives.
    pub token_life: Duration,
    /// Paths of the portal that are handed through as they are.
    pub pass_through: Vec<String>,
}

/// What is answered when the portal's answer to a submission is not there in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDelay {
    /// The service's own system error, with words that say where the document is.
    #[default]
    Error,
    /// Success with a number of the gateway's own, `GW-…`.
    Ack,
}

/// What becomes of a lookup that names no officer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OfficerMissing {
    /// The facility's default officer asks.
    #[default]
    Default,
    /// It is refused as the portal refuses an officer it does not know.
    Refuse,
}

/// Paths handed through. The portal has a few dozen in all.
const PASS_THROUGH_MAX: usize = 100;

pub(super) fn read(mut section: Section<'_>, mode: Mode, (api, admin): (&Api, &Admin), limits: &Limits) -> Facade {
    let enabled = section.flag("enabled", mode == Mode::Test);
    let listen = section.address("listen", SocketAddr::from(([127, 0, 0, 1], 8081)));
    let (allow_remote, tls) = (section.flag("allow_remote", false), section.flag("tls", false));
    if enabled && !listen.ip().is_loopback() && !tls && !allow_remote {
        section.fault(
            "listen",
            "config.remote_facade",
            Bilingual::fixed(
                "HTTP không mã hóa trên địa chỉ mà máy khác tới được",
                "plain HTTP on an address that other machines can reach",
            ),
            Bilingual::fixed(
                "Đặt tls = true; HIS cũ không dùng được TLS và mạng nội bộ đã được bảo vệ thì đặt allow_remote = true.",
                "Set tls = true; for a system that cannot, on a network you protect, set allow_remote = true.",
            ),
        );
    }
    for (name, taken) in [("[api] listen", api.listen), ("[admin] listen", admin.listen)] {
        if enabled && meet(listen, taken) {
            section.fault(
                "listen",
                "config.same_address",
                Bilingual::composed(format!("trùng cổng với {name}"), format!("the same port as {name}")),
                Bilingual::fixed("Chọn cổng khác.", "Choose another port."),
            );
        }
    }
    let facade = Facade {
        enabled,
        listen,
        allow_remote,
        tls,
        sync_timeout: sync_timeout(&mut section, enabled, limits),
        on_delay: section.choice("on_delay", &[("error", OnDelay::Error), ("ack", OnDelay::Ack)], OnDelay::Error),
        strict: section.flag("strict", false),
        officer_missing: section.choice(
            "officer_missing",
            &[("default", OfficerMissing::Default), ("refuse", OfficerMissing::Refuse)],
            OfficerMissing::Default,
        ),
        token_life: section.hours("token_life_h", 1..=24 * 365, 24),
        pass_through: pass_through(&mut section),
    };
    section.finish();
    facade
}

/// Shorter than a request may take, or the wait would never end by itself.
fn sync_timeout(section: &mut Section<'_>, enabled: bool, limits: &Limits) -> Duration {
    let wished = section.seconds("sync_timeout_s", 0..=3_600, 25);
    if !section.has("sync_timeout_s") {
        return wished.min(limits.request_deadline / 2);
    }
    if enabled && wished >= limits.request_deadline {
        section.fault(
            "sync_timeout_s",
            "config.conflict",
            Bilingual::fixed("không nhỏ hơn [limits] request_deadline_s", "not below [limits] request_deadline_s"),
            Bilingual::fixed("Đặt nhỏ hơn.", "Set it lower."),
        );
    }
    wished
}

/// Paths as the portal has them: plain, without a query, each once whatever its case.
fn pass_through(section: &mut Section<'_>) -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    for item in section.list("pass_through") {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-' | b'.');
        let path = item.value.as_str();
        let right = path.to_ascii_lowercase().starts_with("/api/") && path.bytes().all(plain) && !path.contains("..");
        if !right || paths.len() == PASS_THROUGH_MAX {
            section.report.fault(
                item.at,
                section.full("pass_through"),
                "config.bad_path",
                Bilingual::composed(format!("không nhận đường dẫn \"{path}\""), format!("the path \"{path}\" is not accepted")),
                Bilingual::fixed(
                    "Viết đúng đường dẫn của cổng, như \"/api/egw/guiHoSoGiamDinh4210\", không có ? và tham số; nhiều nhất 100.",
                    "Write the portal's path, such as \"/api/egw/guiHoSoGiamDinh4210\", without ? and parameters; at most 100.",
                ),
            );
        } else if !paths.iter().any(|known| known.eq_ignore_ascii_case(path)) {
            paths.push(item.value);
        }
    }
    paths
}
