//! From configuration to what tells people and hospital systems what happens: incidents and webhooks.

use std::sync::Arc;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::StartError;
use crate::audit::Audit;
use crate::config::Config;
use crate::delivery::backoff::Backoff;
use crate::http::tls::Identity;
use crate::incidents::board::Settling;
use crate::incidents::{self, Watcher};
use crate::portal::Portal;
use crate::store::Store;
use crate::system::System;
use crate::telemetry::Metrics;
use crate::webhooks::judge::Patience;
use crate::webhooks::{self, Webhooks};

/// What sends events to endpoints.
pub(super) fn webhooks(
    config: &Config,
    store: &Store,
    system: &System,
    metrics: &Metrics,
) -> Result<Webhooks, StartError> {
    let from = &config.webhooks;
    let failed = |path: &std::path::Path, error: &dyn std::fmt::Display| {
        StartError::Webhooks(format!("{}: {error}", path.display()))
    };
    let mut authorities = Vec::new();
    if let Some(path) = &from.ca_file {
        let certificates = CertificateDer::pem_file_iter(path).map_err(|error| failed(path, &error))?;
        for certificate in certificates {
            authorities.push(certificate.map_err(|error| failed(path, &error))?);
        }
    }
    let to = webhooks::Config {
        plain_http_hosts: from.plain_http_hosts.clone(),
        authorities,
        timeout: from.timeout,
        under_way_max: from.under_way_max,
        patience: Patience {
            backoff: Backoff { first: from.retry_first, longest: from.retry_longest },
            give_up_after: from.give_up_after,
        },
        look_every: config.delivery.look_every,
    };
    Webhooks::new(to, store.clone(), system.clone(), metrics.webhooks.clone())
        .map_err(|error| StartError::Webhooks(error.to_string()))
}

/// What watches for incidents.
pub(super) fn watcher(
    config: &Config,
    (store, audit): (&Store, &Audit),
    portal: &Portal,
    identity: &Arc<Identity>,
    system: &System,
    metrics: &Metrics,
) -> Watcher {
    let from = &config.incidents;
    let to = incidents::Config {
        look_every: from.look_every,
        settling: Settling { open_after: from.open_after, close_after: from.close_after },
        backlog_max: from.backlog_max,
        rejected_max: from.rejected_max,
        certificate_notice: from.certificate_notice,
    };
    let identity = identity.clone();
    let certificate_end = Arc::new(move || identity.not_after());
    Watcher::new(
        to,
        store.clone(),
        audit.clone(),
        portal.clone(),
        certificate_end,
        system.clone(),
        metrics.incidents.clone(),
    )
}
