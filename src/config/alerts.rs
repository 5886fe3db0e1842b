//! What is told to people, and what is sent to hospital systems by itself: incidents and webhooks.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::file::Pem;
use crate::config::reader::{Placed, Section};
use crate::domain::Bilingual;

/// When something is an incident. The reasons for the defaults stand in the sample.
#[derive(Clone, Debug)]
pub struct Incidents {
    /// How often somebody looks.
    pub look_every: Duration,
    /// How long what comes and goes by itself must be wrong before an incident begins.
    pub open_after: Duration,
    /// How long it must be well before the incident ends.
    pub close_after: Duration,
    /// Documents waiting longer than this are too old.
    pub backlog_max: Duration,
    /// How long a refused document may lie before somebody must have looked at it.
    pub rejected_max: Duration,
    /// How long before its end a certificate is spoken of.
    pub certificate_notice: Duration,
}

/// How events are sent to webhook endpoints. The reasons for the defaults stand in the sample.
#[derive(Clone, Debug)]
pub struct Webhooks {
    /// Hosts to which plain HTTP may go, in lower case.
    pub plain_http_hosts: Vec<String>,
    /// Authorities trusted besides the public ones, PEM.
    pub ca_file: Option<PathBuf>,
    /// From connecting to the end of the answer.
    pub timeout: Duration,
    /// Requests under way at once.
    pub under_way_max: usize,
    /// The wait before the second try.
    pub retry_first: Duration,
    /// The longest wait.
    pub retry_longest: Duration,
    /// How long an event is tried, and an endpoint that takes nothing is not disabled.
    pub give_up_after: Duration,
}

/// Hosts to which plain HTTP may go: each is a decision, so there are few.
const HOSTS_MAX: usize = 20;

pub(super) fn read_incidents(mut section: Section<'_>) -> Incidents {
    let incidents = Incidents {
        look_every: section.seconds("look_every_s", 1..=3_600, 30),
        open_after: section.seconds("open_after_s", 0..=86_400, 60),
        close_after: section.seconds("close_after_s", 0..=86_400, 300),
        backlog_max: section.seconds("backlog_max_s", 1..=30 * 86_400, 14_400),
        rejected_max: section.seconds("rejected_max_s", 0..=30 * 86_400, 86_400),
        certificate_notice: Duration::from_secs(section.whole_number("certificate_days", 1..=365, 30) * 86_400),
    };
    section.finish();
    incidents
}

pub(super) fn read_webhooks(mut section: Section<'_>) -> Webhooks {
    let webhooks = Webhooks {
        plain_http_hosts: hosts(&mut section),
        ca_file: section.pem_file("ca_file", Pem::Certificates),
        timeout: section.seconds("timeout_s", 1..=120, 15),
        under_way_max: section.count("under_way_max", 1..=256, 32),
        retry_first: section.milliseconds("retry_first_ms", 50..=3_600_000, 5_000),
        retry_longest: section.seconds("retry_longest_s", 1..=86_400, 3_600),
        give_up_after: section.hours("give_up_after_h", 1..=720, 72),
    };
    if webhooks.retry_first > webhooks.retry_longest {
        section.fault(
            "retry_longest_s",
            "config.conflict",
            Bilingual::fixed("ngắn hơn retry_first_ms", "shorter than retry_first_ms"),
            Bilingual::fixed("Đặt dài hơn lần chờ đầu.", "Set it longer than the first wait."),
        );
    }
    section.finish();
    webhooks
}

/// Names or addresses, without a scheme or a port.
fn hosts(section: &mut Section<'_>) -> Vec<String> {
    let mut hosts = Vec::new();
    for Placed { value, at } in section.list("plain_http_hosts") {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':');
        let host = value.trim_end_matches('.').to_ascii_lowercase();
        // A colon belongs to an IPv6 address or to a port, and a port belongs elsewhere.
        let has_port = host.contains(':') && host.parse::<std::net::Ipv6Addr>().is_err();
        if host.is_empty() || has_port || !host.bytes().all(plain) || hosts.len() == HOSTS_MAX {
            section.report.fault(
                at,
                section.full("plain_http_hosts"),
                "config.bad_host",
                Bilingual::composed(
                    format!("không nhận máy \"{value}\""),
                    format!("the host \"{value}\" is not accepted"),
                ),
                Bilingual::fixed(
                    "Viết tên máy hoặc địa chỉ IP, không có http:// và cổng; nhiều nhất 20.",
                    "Write a name or an IP address, without http:// and port; at most 20.",
                ),
            );
        } else if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    hosts
}
