//! How the portal is reached.

use std::net::IpAddr;
use std::time::Duration;

use http::Uri;
use rustls_pki_types::CertificateDer;

use crate::domain::FacilityCode;
use crate::portal::breaker;

/// Longest of all spans: six times a session's life. It also keeps reckoning with instants from overflowing.
const SPAN_MAX: Duration = Duration::from_secs(3600);

/// How the portal is reached: where, how long is waited, how much is taken.
#[derive(Clone, Debug)]
pub struct Config {
    /// `https://host[:port]`. `http` is taken for loopback addresses only, because queries carry what opens the portal.
    pub base_url: String,
    /// Certificate authorities trusted besides the public ones (webpki-roots): a site's inspecting proxy, the sandbox.
    pub authorities: Vec<CertificateDer<'static>>,
    /// Longest time for name resolution, TCP and TLS together.
    pub connect_timeout: Duration,
    /// Longest time for one login.
    pub login_timeout: Duration,
    /// Longest time for one question, with a login and a repetition where they are needed.
    pub question_timeout: Duration,
    /// Longest time for handing over one document, with a login and a repetition where they are needed.
    pub submission_timeout: Duration,
    /// Largest answer that is read, in bytes.
    pub reply_bytes_max: usize,
    /// Most calls under way at one time over all facilities. Logins are not counted: there is at most one an account.
    pub in_flight_max: usize,
    /// How long an idle connection is kept for the next call.
    pub pool_idle: Duration,
    /// When a failing service is left alone, and for how long.
    pub breaker: breaker::Config,
    /// When a service counts as slow: half of its last calls took longer. Co-payments are given six times as long.
    pub slow_after: Duration,
    /// Which generation of the check-in and claim services is called.
    pub generation: Generation,
}

/// The generations of the check-in and claim services; each decision of the Ministry brought paths of its own
/// (`portal-api.md`, sections 3 and 4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Generation {
    /// QĐ 130/QĐ-BYT, from October 2023.
    Qd130,
    /// QĐ 4750/QĐ-BYT, from July 2024.
    Qd4750,
    /// QĐ 3176/QĐ-BYT, from January 2025: the present one.
    #[default]
    Qd3176,
}

/// Why a portal cannot be made of a configuration. No variant holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Not `https://host[:port]`.
    #[error("the portal's base URL must be https://host[:port], without a path, a query or a user name")]
    BaseUrl,
    /// Plain `http` to another machine.
    #[error("plain http is accepted for loopback addresses only")]
    PlainHttp,
    /// The certificate at this place of `authorities` (counted from 0) is none.
    #[error("certificate authority number {0} is not a certificate authority")]
    Authority(usize),
    /// The TLS library refused to start.
    #[error("TLS cannot be set up")]
    Tls,
    /// This field must be greater than zero.
    #[error("{0} must be greater than zero")]
    Zero(&'static str),
    /// This field must not be longer than an hour.
    #[error("{0} must not be longer than an hour")]
    TooLong(&'static str),
    /// Two accounts for one facility.
    #[error("facility {0} has more than one account")]
    TwoAccounts(FacilityCode),
    /// A user name that is empty or holds anything but visible ASCII characters.
    #[error("a user name of facility {0} is empty or holds characters other than visible ASCII")]
    Username(FacilityCode),
}

impl Config {
    /// The usual values for the portal at `base_url`.
    pub fn new(base_url: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            authorities: Vec::new(),
            // A handshake takes under 0.6 s in the field (`portal-api.md`, section 7).
            connect_timeout: Duration::from_secs(5),
            login_timeout: Duration::from_secs(20),
            // Co-payment answers take up to 60 s (`portal-api.md`, section 7).
            question_timeout: Duration::from_secs(60),
            submission_timeout: Duration::from_secs(60),
            // The largest known answer, a long visit history, is some tens of kilobytes.
            reply_bytes_max: 4 * 1024 * 1024,
            // Sixty desks and the courier, all waiting for an answer at once.
            in_flight_max: 64,
            // Below the 60 s after which common front ends close, so that a call seldom meets a closing connection.
            pool_idle: Duration::from_secs(50),
            breaker: breaker::Config::default(),
            // 1 to 3 s are usual for cards (`portal-api.md`, section 7).
            slow_after: Duration::from_secs(5),
            generation: Generation::default(),
        }
    }

    /// The parsed base URL, once every field was found usable.
    pub(super) fn check(&self) -> Result<Uri, ConfigError> {
        for (name, span) in [
            ("connect_timeout", self.connect_timeout),
            ("login_timeout", self.login_timeout),
            ("question_timeout", self.question_timeout),
            ("submission_timeout", self.submission_timeout),
            ("pool_idle", self.pool_idle),
            ("breaker.rest", self.breaker.rest),
            ("slow_after", self.slow_after),
        ] {
            // No rest and no idle connections are odd wishes, but they work.
            if span.is_zero() && name.ends_with("timeout") {
                return Err(ConfigError::Zero(name));
            }
            if span > SPAN_MAX {
                return Err(ConfigError::TooLong(name));
            }
        }
        for (name, zero) in [
            ("reply_bytes_max", self.reply_bytes_max == 0),
            ("in_flight_max", self.in_flight_max == 0),
            ("breaker.failures_to_open", self.breaker.failures_to_open == 0),
        ] {
            if zero {
                return Err(ConfigError::Zero(name));
            }
        }
        let url: Uri = self.base_url.parse().map_err(|_| ConfigError::BaseUrl)?;
        let authority = url.authority().ok_or(ConfigError::BaseUrl)?;
        let bare = authority.as_str().contains('@') || !matches!(url.path(), "" | "/") || url.query().is_some();
        if bare || authority.host().is_empty() {
            return Err(ConfigError::BaseUrl);
        }
        match url.scheme_str() {
            Some("https") => Ok(url),
            Some("http") if is_loopback(authority.host()) => Ok(url),
            Some("http") => Err(ConfigError::PlainHttp),
            _ => Err(ConfigError::BaseUrl),
        }
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_urls_are_taken_and_refused() {
        let check = |url: &str| Config::new(url).check().map(|_| ());
        for url in ["https://egw.example", "https://egw.example:8443/", "http://127.0.0.1:80", "http://[::1]:80"] {
            assert_eq!(check(url), Ok(()), "{url}");
        }
        assert_eq!(check("http://egw.example"), Err(ConfigError::PlainHttp));
        for url in ["", "egw.example", "ftp://egw.example", "https://a:b@egw.example", "https://e.example/api", "/x"] {
            assert_eq!(check(url), Err(ConfigError::BaseUrl), "{url}");
        }
    }

    #[test]
    fn limits_are_neither_nothing_nor_endless() {
        let config = Config { in_flight_max: 0, ..Config::new("https://egw.example") };
        assert_eq!(config.check(), Err(ConfigError::Zero("in_flight_max")));
        let config = Config { login_timeout: Duration::ZERO, ..Config::new("https://egw.example") };
        assert_eq!(config.check(), Err(ConfigError::Zero("login_timeout")));
        let config = Config { question_timeout: Duration::MAX, ..Config::new("https://egw.example") };
        assert_eq!(config.check(), Err(ConfigError::TooLong("question_timeout")));
    }
}
