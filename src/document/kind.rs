//! Every kind of document the gateway forwards, in one table.

/// What a document is. Read from its root element, never believed from the caller.
///
/// Referrals (XML13) and re-examination appointments (XML14) travel inside a claim package and share its business key,
/// so they are claims here; [`Carried`] tells that a package holds one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// XML0, the notice that a visit began.
    Checkin,
    /// GIAMDINHHS, the record on which a facility is paid.
    Claim,
    /// XML12, minutes of a medical-assessment board.
    MedicalAssessment,
    /// GKSKLX, the health certificate of a driver.
    DriverExam,
    /// HSDLGCS, a birth certificate.
    BirthCertificate,
    /// HSDLGBT, a death notice.
    DeathCertificate,
    /// HSCHUNGTU, the vouchers of TT 25/2025 (discharge paper, sick leave, …).
    Voucher,
}

/// A paper that travels inside a claim package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Carried {
    /// XML13, a referral to another facility.
    Referral,
    /// XML14, an appointment for re-examination.
    Appointment,
}

/// What is known of a kind: one row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// The kind this row is about.
    pub kind: Kind,
    /// The word of the API (`api.md`, section 2).
    pub name: &'static str,
    /// The root element, from which the kind is read.
    pub root: &'static str,
    /// Where the number stands by which the record is known; `None` where the format has none, and then equal
    /// documents are known by their bytes alone. A key is never invented.
    pub key: Option<&'static str>,
    /// Whether the portal replaces an earlier record with the same key, so that sending again after a lost answer is
    /// harmless (`portal-api.md`, sections 4.3 and 5.2).
    pub replaced_by_key: bool,
    /// Whether a newer version makes an older one that still waits pointless: what waits never reached the portal, or is
    /// replaced there by key. Not so for check-ins, of which a visit sends several (`portal-api.md`, section 3), nor for
    /// driver exams, whose `EDIT` needs the `ADD` before it.
    pub newer_supersedes: bool,
    /// The portal's service number (`loaiHoSo` or `loaiHs`).
    pub service_number: &'static str,
}

/// The table.
pub const KINDS: [Facts; 7] = [
    Facts {
        kind: Kind::Checkin,
        name: "checkin",
        root: "CHI_TIEU_TRANG_THAI_KCB",
        key: Some("MA_LK"),
        replaced_by_key: true,
        newer_supersedes: false,
        service_number: "0",
    },
    Facts {
        kind: Kind::Claim,
        name: "claim",
        root: "GIAMDINHHS",
        key: Some("MA_LK"),
        replaced_by_key: true,
        newer_supersedes: true,
        service_number: "130",
    },
    Facts {
        kind: Kind::MedicalAssessment,
        name: "medical-assessment",
        root: "CHI_TIEU_GIAM_DINH_YKHOA",
        key: None,
        replaced_by_key: false,
        newer_supersedes: false,
        service_number: "12",
    },
    Facts {
        kind: Kind::DriverExam,
        name: "driver-health-exam",
        root: "GKSK",
        key: Some("SO+HANGBANGLAI"),
        replaced_by_key: false,
        newer_supersedes: false,
        service_number: "gksk",
    },
    Facts {
        kind: Kind::BirthCertificate,
        name: "birth-certificate",
        root: "HSDLGCS",
        key: Some("MA_GCS"),
        replaced_by_key: false,
        newer_supersedes: true,
        service_number: "61",
    },
    Facts {
        kind: Kind::DeathCertificate,
        name: "death-certificate",
        root: "HSDLGBT",
        key: Some("MA_GBT"),
        replaced_by_key: false,
        newer_supersedes: true,
        service_number: "60",
    },
    Facts {
        kind: Kind::Voucher,
        name: "electronic-voucher",
        root: "HSCHUNGTU",
        key: Some("MA_YTE or MA_CT"),
        replaced_by_key: false,
        newer_supersedes: true,
        service_number: "39",
    },
];

impl Kind {
    /// The row about this kind.
    pub fn facts(self) -> &'static Facts {
        // The table has one row a kind (a test holds it to that), so the fallback is never taken.
        KINDS.iter().find(|facts| facts.kind == self).unwrap_or(&KINDS[0])
    }

    /// The word of the API.
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// Reads the word of the API.
    pub fn parse(name: &str) -> Option<Self> {
        KINDS.iter().find(|facts| facts.name == name).map(|facts| facts.kind)
    }

    /// The kind whose documents have `root` as their root element.
    pub fn of_root(root: &str) -> Option<Self> {
        KINDS.iter().find(|facts| facts.root == root).map(|facts| facts.kind)
    }
}

impl Carried {
    /// The word of the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Referral => "referral",
            Self::Appointment => "re-examination-appointment",
        }
    }

    /// Reads the word of the API.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Referral, Self::Appointment].into_iter().find(|carried| carried.name() == name)
    }

    /// The part that carries it.
    pub fn part(self) -> &'static str {
        match self {
            Self::Referral => "XML13",
            Self::Appointment => "XML14",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_one_row_a_kind_and_reads_back() {
        for facts in &KINDS {
            assert_eq!(facts.kind.facts().name, facts.name);
            assert_eq!(Kind::parse(facts.name), Some(facts.kind));
            assert_eq!(Kind::of_root(facts.root), Some(facts.kind));
        }
    }
}
