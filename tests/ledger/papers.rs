//! What is submitted: documents of all kinds, made from the samples, each version of a record with bytes of its own.
//! Invented people only.

use bytes::Bytes;
use lienthong::intake::sha256;

use crate::documents;

/// Every facility the gateway has an account of.
pub(crate) const FACILITIES: [&str; 4] = ["01999", "79999", "38999", "48999"];

const CHECKIN: &str = include_str!("../../schemas/checkin/sample.xml");
const ASSESSMENT: &str = include_str!("../../schemas/medical-assessment/sample.xml");
const VOUCHER: &str = include_str!("../../schemas/electronic-voucher/sample.xml");

/// What a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    Checkin,
    Claim,
    Assessment,
    Exam,
    Birth,
    Death,
    Voucher,
}

impl Kind {
    /// The word of the API.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Checkin => "checkin",
            Self::Claim => "claim",
            Self::Assessment => "medical-assessment",
            Self::Exam => "driver-health-exam",
            Self::Birth => "birth-certificate",
            Self::Death => "death-certificate",
            Self::Voucher => "electronic-voucher",
        }
    }

    /// The portal's number of the service that must get it.
    pub(crate) fn service(self) -> &'static str {
        match self {
            Self::Checkin => "0",
            Self::Claim => "130",
            Self::Assessment => "12",
            Self::Exam => "gksk",
            Self::Birth => "61",
            Self::Death => "60",
            Self::Voucher => "39",
        }
    }

    /// Whether the portal puts a document in the place of an earlier one with the same key. What it does not replace
    /// must never be sent twice. Written here by `portal-api.md`, sections 4.3 and 5.2, not taken from the gateway.
    pub(crate) fn is_replaced_by_key(self) -> bool {
        matches!(self, Self::Checkin | Self::Claim)
    }

    /// Whether a newer version makes one that still waits pointless.
    pub(crate) fn newer_supersedes(self) -> bool {
        !matches!(self, Self::Checkin | Self::Exam | Self::Assessment)
    }
}

/// One document.
#[derive(Clone)]
pub(crate) struct Paper {
    pub(crate) kind: Kind,
    pub(crate) facility: &'static str,
    /// What names the record; an assessment has none, and is known by its bytes alone.
    pub(crate) key: Option<String>,
    /// From 1, in the order in which its record is written.
    pub(crate) version: usize,
    pub(crate) body: Bytes,
    pub(crate) sha256: [u8; 32],
}

impl Paper {
    /// Version `version` of record `serial` (up to five digits). Claims and check-ins may be of any facility; the rest
    /// is of the facility its number names.
    pub(crate) fn new(kind: Kind, facility: &'static str, serial: usize, version: usize) -> Self {
        let patient = format!("BN{version:07}");
        let link = format!("HS{serial:010}");
        let (facility, key, body) = match kind {
            Kind::Claim => {
                let envelope = documents::claim(&link).replace(&of_unit("01999"), &of_unit(facility));
                let body = documents::with_parts(&envelope, |part| {
                    part.replace(&of_facility("01999"), &of_facility(facility)).replace("BN0001234", &patient)
                });
                (facility, Some(link), body)
            }
            Kind::Checkin => {
                let body = CHECKIN.replace("HS2603160001", &link).replace("BN0001234", &patient);
                (facility, Some(link), body.replace(&of_facility("01999"), &of_facility(facility)))
            }
            Kind::Assessment => {
                // The number of the minutes has room for four digits; the letter of introduction takes the rest.
                let body = ASSESSMENT.replace("0006/BB", &format!("{:04}/BB", serial % 10_000));
                (facility, None, body.replace("0006/GGT", &format!("{serial:05}/GGT")))
            }
            Kind::Exam => {
                // The portal's own way of correcting one, which it takes only if it has the first.
                let state = if version == 1 { "\"STATE\": \"ADD\"" } else { "\"STATE\": \"EDIT\"" };
                let body = documents::driver_exam(serial).replace("\"STATE\": \"ADD\"", state);
                ("48999", Some(format!("{serial:05}/GKSKLX/48999/26;B")), body)
            }
            Kind::Birth => {
                let body = documents::birth(serial).replace("BN0005678", &patient);
                ("79999", Some(format!("{serial:05}.GCS.79999.26")), body)
            }
            Kind::Death => ("38999", Some(format!("{serial:05}.GBT.38999.26")), documents::death(serial)),
            Kind::Voucher => {
                let number = format!("01999-26-{serial:05}");
                let body = documents::with_parts(VOUCHER, |part| part.replace("01999-26-0001", &number));
                ("01999", Some(number), body)
            }
        };
        let body = Bytes::from(body);
        let sha256 = sha256(&body);
        Self { kind, facility, key, version, body, sha256 }
    }

    pub(crate) fn media_type(&self) -> &'static str {
        if self.kind == Kind::Exam { "application/json" } else { "application/xml" }
    }

    pub(crate) fn sha256_hex(&self) -> String {
        self.sha256.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// What names its record among all.
    pub(crate) fn record(&self) -> Option<(Kind, &'static str, &str)> {
        self.key.as_deref().map(|key| (self.kind, self.facility, key))
    }

    /// The key under which the portal files it, where the portal reads one.
    pub(crate) fn key_at_the_portal(&self) -> Option<&str> {
        match self.kind {
            Kind::Checkin | Kind::Claim | Kind::Exam => self.key.as_deref(),
            _ => None,
        }
    }

    /// For messages: the sandbox's documents are of invented people, and so are their keys.
    pub(crate) fn name(&self) -> String {
        let key = self.key.as_deref().unwrap_or("no key");
        format!("{} {key} of {} version {}", self.kind.name(), self.facility, self.version)
    }
}

fn of_unit(facility: &str) -> String {
    format!("<MACSKCB>{facility}</MACSKCB>")
}

fn of_facility(facility: &str) -> String {
    format!("<MA_CSKCB>{facility}</MA_CSKCB>")
}
