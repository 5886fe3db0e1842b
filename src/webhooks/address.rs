//! Where events may be sent.
//!
//! HTTPS always; plain HTTP to this machine and to hosts the operator names. Never to addresses that only mean the link or
//! the machine's own cloud: whoever may make endpoints must not make the gateway ask for what is behind them. Addresses of
//! private networks are where hospital systems are, and are allowed. Names are checked when they are resolved, and what was
//! checked is what is connected to. Pure but for reading the address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::Uri;

/// Characters of an address: as long as any software takes.
pub const URL_CHARS_MAX: usize = 2_000;

/// What the operator allows.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Hosts to which plain HTTP may go, in lower case.
    pub plain_http_hosts: Vec<String>,
}

/// Why an address is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is no `https://host[:port]/path`, or too long, or holds a user name.
    Form,
    /// Plain HTTP to another machine.
    PlainHttp,
    /// An address that is never sent to.
    Forbidden,
}

/// Metadata services of clouds outside the link-local networks: Alibaba's, and Amazon's over IPv6.
const METADATA: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)), IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254))];

impl Rules {
    /// The address, if it may be sent to as far as it says itself.
    pub fn check(&self, url: &str) -> Result<Uri, Refused> {
        let uri: Uri = url.parse().map_err(|_| Refused::Form)?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Err(Refused::Form) };
        let host = bare(authority.host());
        let is_long = url.chars().count() > URL_CHARS_MAX;
        // A fragment is not sent, and the parser drops it without a word.
        if is_long || host.is_empty() || authority.as_str().contains('@') || url.contains('#') || !url.is_ascii() {
            return Err(Refused::Form);
        }
        let literal = host.parse::<IpAddr>().ok();
        if literal.is_some_and(|address| !may_be_sent_to(address)) {
            return Err(Refused::Forbidden);
        }
        let on_this_machine =
            is_localhost(&host) || literal.is_some_and(|address| address.to_canonical().is_loopback());
        match scheme {
            "https" => Ok(uri),
            "http" if on_this_machine || self.plain_http_hosts.contains(&host) => Ok(uri),
            "http" => Err(Refused::PlainHttp),
            _ => Err(Refused::Form),
        }
    }
}

/// Whether a connection may be made to `address`.
pub fn may_be_sent_to(address: IpAddr) -> bool {
    let address = address.to_canonical();
    let of_the_link = match address {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_broadcast() || v4.octets()[0] == 0,
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    !of_the_link && !address.is_unspecified() && !address.is_multicast() && !METADATA.contains(&address)
}

/// Whether a name is this machine's own: what it resolves to must then be, too.
pub fn is_localhost(host: &str) -> bool {
    host == "localhost"
}

/// A host as it is compared: lower case, without brackets and the dot at the end.
fn bare(host: &str) -> String {
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_fit_addresses_are_taken() {
        let rules = Rules { plain_http_hosts: vec!["his.local".to_owned(), "10.0.0.9".to_owned()] };
        for right in [
            "https://his.local/hooks/gw",
            "https://his.local:8443/hooks?token=x",
            "https://10.1.2.3/x",
            "https://[fd12::1]/x",
            "http://localhost:5000/hook",
            "http://127.0.0.1:5000/hook",
            "http://[::1]:5000/hook",
            "http://HIS.local./hook",
            "http://10.0.0.9/hook",
        ] {
            assert!(rules.check(right).is_ok(), "{right}: {:?}", rules.check(right));
        }
        for (wrong, why) in [
            ("", Refused::Form),
            ("his.local/hooks", Refused::Form),
            ("/hooks", Refused::Form),
            ("ftp://his.local/x", Refused::Form),
            ("https://user:pw@his.local/x", Refused::Form),
            ("https://his.local/x#part", Refused::Form),
            ("https:///x", Refused::Form),
            ("https://his.local/\u{1ea1}", Refused::Form),
            ("http://other.local/x", Refused::PlainHttp),
            ("http://10.0.0.8/x", Refused::PlainHttp),
            ("https://169.254.169.254/latest/meta-data", Refused::Forbidden),
            ("http://169.254.169.254/latest/meta-data", Refused::Forbidden),
            ("https://[fe80::1]/x", Refused::Forbidden),
            ("https://[::ffff:169.254.169.254]/x", Refused::Forbidden),
            ("https://0.0.0.0/x", Refused::Forbidden),
            ("https://[::]/x", Refused::Forbidden),
            ("https://100.100.100.200/x", Refused::Forbidden),
            ("https://[fd00:ec2::254]/x", Refused::Forbidden),
            ("https://224.0.0.1/x", Refused::Forbidden),
            ("https://255.255.255.255/x", Refused::Forbidden),
        ] {
            assert_eq!(rules.check(wrong).err(), Some(why), "{wrong}");
        }
        let long = format!("https://his.local/{}", "x".repeat(URL_CHARS_MAX));
        assert_eq!(rules.check(&long).err(), Some(Refused::Form));
    }
}
