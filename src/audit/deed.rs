//! What can be done that is recorded, in one table.

/// A deed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Deed {
    /// Of routes without a person in them (schemas, code lists, the portal's weather) and of reading a scan, which asks
    /// nobody and gives back what the caller sent: not recorded.
    NotRecorded,
    /// A question about a card.
    CardLookup,
    /// A question about earlier visits.
    HistoryLookup,
    /// A question about co-payments.
    CopayLookup,
    /// The open questions were listed.
    TicketList,
    /// One open question was looked at.
    TicketView,
    /// A list of questions was brought.
    BatchSubmit,
    /// Lists were listed.
    BatchList,
    /// One list was looked at.
    BatchView,
    /// Answers of a list were read.
    BatchResults,
    /// A list was paused.
    BatchPause,
    /// A list goes on.
    BatchResume,
    /// A list was ended.
    BatchCancel,
    /// A document was offered.
    DocumentSubmit,
    /// A feed of documents began; each has an entry of its own.
    DocumentFeed,
    /// A document was checked and not kept.
    DocumentValidate,
    /// Documents were listed.
    DocumentList,
    /// One document was looked at.
    DocumentView,
    /// The portal's answers to one document were read.
    DocumentAttempts,
    /// A document's bytes were read.
    DocumentContent,
    /// A document is to be sent again.
    DocumentReplay,
    /// A document was withdrawn.
    DocumentCancel,
    /// A document is kept back.
    DocumentHold,
    /// A document is let go.
    DocumentRelease,
    /// A person confirmed that the portal has a document.
    DocumentConfirm,
    /// A document is on a legal hold from now on.
    DocumentLegalHold,
    /// A document is on no legal hold any more.
    DocumentLegalHoldLift,
    /// A document's content was forgotten because somebody asked for it.
    DocumentForget,
    /// A document left for the portal.
    DocumentSend,
    /// Events were read.
    EventsRead,
    /// A system signed in at the façade.
    FacadeSignIn,
    /// A call was handed through to the portal.
    FacadePassThrough,
    /// The directory of officers was read.
    OfficersList,
    /// An officer was kept.
    OfficersKeep,
    /// An officer was removed.
    OfficersRemove,
    /// The directory was read from a file.
    OfficersImport,
    /// A key was made.
    KeyAdd,
    /// A key was revoked.
    KeyRevoke,
    /// A storage key was added, and everything stored is sealed anew.
    StorageKeyAdd,
    /// Storage keys that nothing needs were destroyed.
    StorageKeyRetire,
    /// The gateway started with a configuration.
    ConfigurationLoaded,
    /// Certificates were read again.
    CertificatesReloaded,
    /// Stored documents were read to try a rule.
    ArchiveRead,
    /// The audit log was searched.
    AuditSearch,
    /// The audit log was exported.
    AuditExport,
    /// The log can be written again after a failure.
    AuditResumed,
    /// The oldest days of the log were cut off.
    AuditCut,
    /// A webhook endpoint was made.
    WebhookMake,
    /// Webhook endpoints were listed.
    WebhookList,
    /// A webhook endpoint was looked at.
    WebhookView,
    /// A webhook endpoint was changed.
    WebhookChange,
    /// A webhook endpoint was removed.
    WebhookRemove,
    /// A trial was sent to a webhook endpoint.
    WebhookTest,
    /// A webhook endpoint got a new secret.
    WebhookRotate,
    /// Past events are to be sent to a webhook endpoint again.
    WebhookRecover,
    /// What was sent to a webhook endpoint was listed.
    WebhookDeliveries,
    /// One event is to be sent to a webhook endpoint again.
    WebhookRedeliver,
}

/// How a route's deed is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Not at all.
    Not,
    /// It only reads: one whole entry, on the disk before the answer leaves.
    Reads,
    /// It changes or sends something: opened on the disk before the deed, closed after.
    Acts,
    /// The flow that the route calls records it; what ends before the flow is recorded as reading is.
    InFlow,
}

/// Every deed with its name in the log.
const NAMES: &[(Deed, &str)] = &[
    (Deed::CardLookup, "card.lookup"),
    (Deed::HistoryLookup, "history.lookup"),
    (Deed::CopayLookup, "copay.lookup"),
    (Deed::TicketList, "ticket.list"),
    (Deed::TicketView, "ticket.view"),
    (Deed::BatchSubmit, "batch.submit"),
    (Deed::BatchList, "batch.list"),
    (Deed::BatchView, "batch.view"),
    (Deed::BatchResults, "batch.results"),
    (Deed::BatchPause, "batch.pause"),
    (Deed::BatchResume, "batch.resume"),
    (Deed::BatchCancel, "batch.cancel"),
    (Deed::DocumentSubmit, "document.submit"),
    (Deed::DocumentFeed, "document.feed"),
    (Deed::DocumentValidate, "document.validate"),
    (Deed::DocumentList, "document.list"),
    (Deed::DocumentView, "document.view"),
    (Deed::DocumentAttempts, "document.attempts"),
    (Deed::DocumentContent, "document.content"),
    (Deed::DocumentReplay, "document.replay"),
    (Deed::DocumentCancel, "document.cancel"),
    (Deed::DocumentHold, "document.hold"),
    (Deed::DocumentRelease, "document.release"),
    (Deed::DocumentConfirm, "document.confirm"),
    (Deed::DocumentLegalHold, "document.legal_hold"),
    (Deed::DocumentLegalHoldLift, "document.legal_hold_lift"),
    (Deed::DocumentForget, "document.forget"),
    (Deed::DocumentSend, "document.send"),
    (Deed::EventsRead, "events.read"),
    (Deed::FacadeSignIn, "facade.sign_in"),
    (Deed::FacadePassThrough, "facade.pass_through"),
    (Deed::OfficersList, "officers.list"),
    (Deed::OfficersKeep, "officers.keep"),
    (Deed::OfficersRemove, "officers.remove"),
    (Deed::OfficersImport, "officers.import"),
    (Deed::KeyAdd, "key.add"),
    (Deed::KeyRevoke, "key.revoke"),
    (Deed::StorageKeyAdd, "storage_key.add"),
    (Deed::StorageKeyRetire, "storage_key.retire"),
    (Deed::ConfigurationLoaded, "configuration.loaded"),
    (Deed::CertificatesReloaded, "certificates.reloaded"),
    (Deed::ArchiveRead, "archive.read"),
    (Deed::AuditSearch, "audit.search"),
    (Deed::AuditExport, "audit.export"),
    (Deed::AuditResumed, "audit.resumed"),
    (Deed::AuditCut, "audit.cut"),
    (Deed::WebhookMake, "webhook.make"),
    (Deed::WebhookList, "webhook.list"),
    (Deed::WebhookView, "webhook.view"),
    (Deed::WebhookChange, "webhook.change"),
    (Deed::WebhookRemove, "webhook.remove"),
    (Deed::WebhookTest, "webhook.test"),
    (Deed::WebhookRotate, "webhook.rotate"),
    (Deed::WebhookRecover, "webhook.recover"),
    (Deed::WebhookDeliveries, "webhook.deliveries"),
    (Deed::WebhookRedeliver, "webhook.redeliver"),
];

impl Deed {
    /// Its name in the log; empty for [`NotRecorded`](Self::NotRecorded).
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(deed, _)| *deed == self).map_or("", |(_, name)| name)
    }

    /// The names of all that are recorded.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(_, name)| *name)
    }

    /// How a route that does it is recorded.
    pub fn manner(self) -> Manner {
        match self {
            Self::NotRecorded => Manner::Not,
            Self::CardLookup | Self::HistoryLookup | Self::CopayLookup | Self::DocumentSubmit => Manner::InFlow,
            Self::TicketList
            | Self::TicketView
            | Self::BatchList
            | Self::BatchView
            | Self::BatchResults
            | Self::DocumentFeed
            | Self::DocumentValidate
            | Self::DocumentList
            | Self::DocumentView
            | Self::DocumentAttempts
            | Self::DocumentContent
            | Self::EventsRead
            | Self::FacadeSignIn
            | Self::OfficersList
            | Self::ArchiveRead
            | Self::AuditSearch
            | Self::AuditExport
            | Self::WebhookList
            | Self::WebhookView
            | Self::WebhookDeliveries => Manner::Reads,
            Self::BatchSubmit
            | Self::BatchPause
            | Self::BatchResume
            | Self::BatchCancel
            | Self::DocumentReplay
            | Self::DocumentCancel
            | Self::DocumentHold
            | Self::DocumentRelease
            | Self::DocumentConfirm
            | Self::DocumentLegalHold
            | Self::DocumentLegalHoldLift
            | Self::DocumentForget
            | Self::DocumentSend
            | Self::FacadePassThrough
            | Self::OfficersKeep
            | Self::OfficersRemove
            | Self::OfficersImport
            | Self::KeyAdd
            | Self::KeyRevoke
            | Self::StorageKeyAdd
            | Self::StorageKeyRetire
            | Self::ConfigurationLoaded
            | Self::CertificatesReloaded
            | Self::AuditResumed
            | Self::AuditCut
            | Self::WebhookMake
            | Self::WebhookChange
            | Self::WebhookRemove
            | Self::WebhookTest
            | Self::WebhookRotate
            | Self::WebhookRecover
            | Self::WebhookRedeliver => Manner::Acts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_once() {
        let names: std::collections::BTreeSet<_> = Deed::names().collect();
        assert_eq!(names.len(), NAMES.len());
        for (deed, name) in NAMES {
            assert_eq!(deed.name(), *name);
            assert_ne!(deed.manner(), Manner::Not);
        }
        assert_eq!((Deed::NotRecorded.name(), Deed::NotRecorded.manner()), ("", Manner::Not));
    }
}
