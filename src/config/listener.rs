//! The listeners and the bounds on those who call.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::file::Pem;
use crate::config::reader::Section;
use crate::domain::Bilingual;

/// The listener for hospital systems: HTTPS always.
#[derive(Clone, Debug)]
pub struct Api {
    /// Address and port; port 0 takes any free one.
    pub listen: SocketAddr,
    /// The server's certificate chain, PEM.
    pub certificate: PathBuf,
    /// The certificate's private key, PEM.
    pub key: PathBuf,
    /// Whether callers show certificates of their own.
    pub client_certificates: ClientCertificates,
    /// Authorities that sign the callers' certificates, PEM; there whenever certificates are looked at.
    pub client_authorities: Option<PathBuf>,
    /// Certificates taken back, PEM.
    pub revocation_list: Option<PathBuf>,
}

/// Whether callers show certificates of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientCertificates {
    /// They are not asked for.
    #[default]
    Off,
    /// They are asked for and, if shown, checked.
    Optional,
    /// Nobody gets in without one.
    Required,
}

/// The listener for operators: plain HTTP, therefore for this machine alone unless allowed otherwise.
#[derive(Clone, Debug)]
pub struct Admin {
    /// Address and port; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Whether an address that other machines can reach is knowingly allowed.
    pub allow_remote: bool,
}

/// Bounds on callers and their connections. Their reasons stand in the sample.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Open connections in all.
    pub connections_max: usize,
    /// Open connections from one address.
    pub connections_per_source_max: usize,
    /// Longest TLS handshake.
    pub handshake_timeout: Duration,
    /// Longest time for a request's head.
    pub header_timeout: Duration,
    /// How long a connection may stay without a request.
    pub idle_timeout: Duration,
    /// How long a caller may take nothing of an answer.
    pub write_stall: Duration,
    /// Longest time for one request with its answer (not for feeds and streams).
    pub request_deadline: Duration,
    /// How long a caller may send nothing of a body.
    pub body_stall: Duration,
    /// How long work in hand may go on after the signal to stop.
    pub grace: Duration,
    /// The ceiling that all bounds together must keep; none if it is not set.
    pub memory_bytes_max: Option<u64>,
}

pub(super) fn read(api: Section<'_>, mut admin: Section<'_>) -> (Api, Admin) {
    let api = read_api(api);
    let listen = admin.address("listen", SocketAddr::from(([127, 0, 0, 1], 8444)));
    let allow_remote = admin.flag("allow_remote", false);
    if !listen.ip().is_loopback() && !allow_remote {
        admin.fault(
            "listen",
            "config.remote_admin",
            Bilingual::fixed(
                "cổng quản trị là HTTP không mã hóa, chỉ được nghe trên máy này",
                "the admin listener is plain HTTP and may listen on this machine only",
            ),
            Bilingual::fixed(
                "Dùng 127.0.0.1, hoặc đặt allow_remote = true nếu mạng quản trị đã được bảo vệ.",
                "Use 127.0.0.1, or set allow_remote = true if the management network is protected.",
            ),
        );
    }
    if meet(api.listen, listen) {
        admin.fault(
            "listen",
            "config.same_address",
            Bilingual::fixed("trùng cổng với [api] listen", "the same port as [api] listen"),
            Bilingual::fixed("Chọn cổng khác.", "Choose another port."),
        );
    }
    admin.finish();
    (api, Admin { listen, allow_remote })
}

fn read_api(mut section: Section<'_>) -> Api {
    let listen = section.address("listen", SocketAddr::from(([127, 0, 0, 1], 8443)));
    let certificate = section.required_pem_file("certificate", Pem::Certificates);
    let key = section.required_pem_file("key", Pem::PrivateKey);
    let words = [
        ("off", ClientCertificates::Off),
        ("optional", ClientCertificates::Optional),
        ("required", ClientCertificates::Required),
    ];
    let client_certificates = section.choice("client_certificates", &words, ClientCertificates::Off);
    let client_authorities = section.pem_file("client_authorities", Pem::Certificates);
    let revocation_list = section.pem_file("revocation_list", Pem::RevocationLists);
    let off = client_certificates == ClientCertificates::Off;
    if !off && !section.has("client_authorities") {
        section.missing("client_authorities");
    }
    for key in ["client_authorities", "revocation_list"] {
        if off && section.has(key) {
            section.notice(
                key,
                "config.no_effect",
                Bilingual::fixed(
                    "không có tác dụng khi client_certificates = \"off\"",
                    "has no effect while client_certificates = \"off\"",
                ),
                Bilingual::fixed(
                    "Đặt client_certificates = \"optional\" hoặc \"required\".",
                    "Set client_certificates = \"optional\" or \"required\".",
                ),
            );
        }
    }
    section.finish();
    Api { listen, certificate, key, client_certificates, client_authorities, revocation_list }
}

/// Whether two listeners would want the same port of the same address. Port 0 is a free one each time.
pub(super) fn meet(a: SocketAddr, b: SocketAddr) -> bool {
    a.port() != 0 && a.port() == b.port() && (a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified())
}

/// The bounds, and where the ceiling of memory stands: whether they keep it can be told once all is read.
pub(super) fn read_limits(mut section: Section<'_>) -> (Limits, usize) {
    let connections_max = section.count("connections_max", 1..=100_000, 4_096);
    let connections_per_source_max = section.count("connections_per_source_max", 1..=100_000, 512);
    if connections_per_source_max > connections_max {
        section.fault(
            "connections_per_source_max",
            "config.conflict",
            Bilingual::fixed("lớn hơn connections_max", "larger than connections_max"),
            Bilingual::fixed(
                "Một địa chỉ không được chiếm hết chỗ: đặt nhỏ hơn connections_max.",
                "One address must not take every place: set it below connections_max.",
            ),
        );
    }
    let limits = Limits {
        connections_max,
        connections_per_source_max,
        handshake_timeout: section.seconds("handshake_timeout_s", 1..=60, 10),
        header_timeout: section.seconds("header_timeout_s", 1..=60, 10),
        idle_timeout: section.seconds("idle_timeout_s", 1..=3_600, 75),
        write_stall: section.seconds("write_stall_s", 1..=600, 30),
        request_deadline: section.seconds("request_deadline_s", 5..=3_600, 120),
        body_stall: section.seconds("body_stall_s", 1..=600, 30),
        grace: section.seconds("grace_s", 0..=600, 25),
        memory_bytes_max: section.whole_number_if_any("memory_max_mib", 128..=1 << 20).map(|mib| mib << 20),
    };
    let at = section.at("memory_max_mib");
    section.finish();
    (limits, at)
}
