//! How the portal is reached.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::Uri;

use crate::config::Mode;
use crate::config::file::Pem;
use crate::config::reader::Section;
use crate::domain::Bilingual;

/// How the portal is reached: where, how long is waited, how much is taken.
#[derive(Clone, Debug)]
pub struct Portal {
    /// `https://host[:port]`; `http` for loopback only.
    pub base_url: String,
    /// Authorities trusted besides the public ones, PEM: the sandbox's, or an inspecting proxy's.
    pub authorities: Option<PathBuf>,
    /// Which generation of the check-in and claim services is called.
    pub generation: Generation,
    /// Name resolution, TCP and TLS together.
    pub connect_timeout: Duration,
    /// One login.
    pub login_timeout: Duration,
    /// One question, with a login and a repetition where needed.
    pub question_timeout: Duration,
    /// Handing over one document, with a login and a repetition where needed.
    pub submission_timeout: Duration,
    /// The largest answer that is read, in bytes.
    pub reply_bytes_max: usize,
    /// Calls under way at one time, over all facilities.
    pub in_flight_max: usize,
    /// Consecutive failures after which a service is left alone.
    pub failures_to_rest: u32,
    /// How long it is left alone before a trial.
    pub rest: Duration,
    /// When a service counts as slow.
    pub slow_after: Duration,
}

/// The generations of the check-in and claim services.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Generation {
    /// QĐ 130/QĐ-BYT.
    Qd130,
    /// QĐ 4750/QĐ-BYT.
    Qd4750,
    /// QĐ 3176/QĐ-BYT, the present one.
    #[default]
    Qd3176,
}

/// The domain of the real portal, and its host for training (`portal-api.md`, section 0).
const PORTAL_DOMAIN: &str = "baohiemxahoi.gov.vn";
const TRAINING_HOST: &str = "daotaoegw.baohiemxahoi.gov.vn";

pub(super) fn read(mut section: Section<'_>, mode: Mode) -> Portal {
    let base_url = section.required_text("base_url");
    if !base_url.trim().is_empty() {
        check_url(&section, &base_url, mode);
    }
    let generations = [("3176", Generation::Qd3176), ("4750", Generation::Qd4750), ("130", Generation::Qd130)];
    let portal = Portal {
        base_url,
        authorities: section.pem_file("authorities", Pem::Certificates),
        generation: section.choice("generation", &generations, Generation::Qd3176),
        connect_timeout: section.seconds("connect_timeout_s", 1..=60, 5),
        login_timeout: section.seconds("login_timeout_s", 1..=120, 20),
        question_timeout: section.seconds("question_timeout_s", 1..=300, 60),
        submission_timeout: section.seconds("submission_timeout_s", 1..=600, 60),
        reply_bytes_max: section.count("reply_max_kib", 64..=65_536, 4_096) << 10,
        in_flight_max: section.count("in_flight_max", 1..=1_024, 64),
        failures_to_rest: section.count_u32("failures_to_rest", 1..=1_000, 5),
        rest: section.seconds("rest_s", 1..=3_600, 15),
        slow_after: section.milliseconds("slow_after_ms", 100..=300_000, 5_000),
    };
    section.finish();
    portal
}

fn check_url(section: &Section<'_>, base_url: &str, mode: Mode) {
    let url = base_url.parse::<Uri>().ok().filter(|url| {
        let bare = matches!(url.path(), "" | "/") && url.query().is_none();
        let authority = url.authority().is_some_and(|it| !it.as_str().contains('@') && !it.host().is_empty());
        bare && authority && matches!(url.scheme_str(), Some("https" | "http"))
    });
    let Some(url) = url else {
        section.fault(
            "base_url",
            "config.bad_url",
            Bilingual::fixed("địa chỉ cổng không đúng dạng", "the portal's address has the wrong form"),
            Bilingual::fixed(
                "Viết https://máy[:cổng], không có đường dẫn, tham số hay tên người dùng.",
                "Write https://host[:port], without a path, a query or a user name.",
            ),
        );
        return;
    };
    // A trailing dot and capitals name the same host.
    let host = url.host().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase();
    if url.scheme_str() == Some("http") && !is_loopback(&host) {
        section.fault(
            "base_url",
            "config.plain_http",
            Bilingual::fixed("http không mã hóa chỉ dùng được trong máy này", "plain http is for this machine only"),
            Bilingual::fixed("Viết https://.", "Write https://."),
        );
    }
    let of_the_portal = host == PORTAL_DOMAIN || host.ends_with(&format!(".{PORTAL_DOMAIN}"));
    if mode == Mode::Test && of_the_portal && host != TRAINING_HOST {
        section.fault(
            "base_url",
            "config.production_in_test",
            Bilingual::composed(
                format!("{host} là cổng thật, nhưng mode = \"test\""),
                format!("{host} is the real portal, but mode = \"test\""),
            ),
            Bilingual::composed(
                format!(
                    "Chạy thật thì đặt mode = \"live\" một cách có chủ ý; thử thì dùng sandbox hoặc {TRAINING_HOST}."
                ),
                format!("To go live, set mode = \"live\" knowingly; to try, use the sandbox or {TRAINING_HOST}."),
            ),
        );
    }
    if mode == Mode::Live && (!of_the_portal || host == TRAINING_HOST) {
        section.notice(
            "base_url",
            "config.live_elsewhere",
            Bilingual::composed(
                format!("mode = \"live\" nhưng {host} không phải cổng thật"),
                format!("mode = \"live\", but {host} is not the real portal"),
            ),
            Bilingual::fixed(
                "Cổng thật là https://egw.baohiemxahoi.gov.vn.",
                "The real portal is https://egw.baohiemxahoi.gov.vn.",
            ),
        );
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
