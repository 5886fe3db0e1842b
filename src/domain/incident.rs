//! What can be wrong so that a person has to know, by kind.

/// The kinds of incidents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IncidentKind {
    /// A service of the portal does not answer. Subject: the service.
    PortalDown,
    /// A service of the portal answers slowly. Subject: the service.
    PortalSlow,
    /// The portal refuses a facility's account. Subject: the facility.
    AccountRefused,
    /// Documents are parked. Subject: the facility.
    DocumentsFailed,
    /// Documents whose answer was lost wait for a person. Subject: the facility.
    DocumentsUnknown,
    /// The portal refused documents, and nobody has sent a better version since. Subject: the facility.
    DocumentsRejected,
    /// Documents have been waiting for too long. Subject: the facility.
    BacklogOld,
    /// A webhook endpoint does not take its events. Subject: the endpoint.
    WebhookFailing,
    /// A webhook endpoint is sent nothing any more. Subject: the endpoint.
    WebhookDisabled,
    /// What has to be kept cannot be written. Subject: `store`, or `audit`.
    StorageRefusing,
    /// The disk will soon be full, or new documents are refused for it already. Subject: `gateway`.
    DiskLow,
    /// The server's certificate ends soon, or has ended. Subject: the listener.
    CertificateExpiring,
}

impl IncidentKind {
    /// All kinds.
    pub const ALL: [Self; 12] = [
        Self::PortalDown,
        Self::PortalSlow,
        Self::AccountRefused,
        Self::DocumentsFailed,
        Self::DocumentsUnknown,
        Self::DocumentsRejected,
        Self::BacklogOld,
        Self::WebhookFailing,
        Self::WebhookDisabled,
        Self::StorageRefusing,
        Self::DiskLow,
        Self::CertificateExpiring,
    ];

    /// The word on the wire, in the store and as a metric label.
    pub fn name(self) -> &'static str {
        match self {
            Self::PortalDown => "portal_down",
            Self::PortalSlow => "portal_slow",
            Self::AccountRefused => "account_refused",
            Self::DocumentsFailed => "documents_failed",
            Self::DocumentsUnknown => "documents_unknown",
            Self::DocumentsRejected => "documents_rejected",
            Self::BacklogOld => "backlog_old",
            Self::WebhookFailing => "webhook_failing",
            Self::WebhookDisabled => "webhook_disabled",
            Self::StorageRefusing => "storage_refusing",
            Self::DiskLow => "disk_low",
            Self::CertificateExpiring => "certificate_expiring",
        }
    }

    /// Reads [`name`](Self::name) back.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_differ() {
        for kind in IncidentKind::ALL {
            assert_eq!(IncidentKind::parse(kind.name()), Some(kind));
        }
        assert_eq!(IncidentKind::parse("fire"), None);
    }
}
