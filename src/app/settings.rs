//! From the configuration, as people write it, to the settings of each part.

use std::num::NonZeroU32;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::StartError;
use crate::batch;
use crate::clients;
use crate::config::{ClientCertificates, Config, Generation, Mode, OfficerMissing, OnDelay};
use crate::delivery::{self, backoff::Backoff, judge::Patience};
use crate::document::{self, Kind};
use crate::facade;
use crate::http::{server, tls};
use crate::intake;
use crate::lookup;
use crate::portal::{self, Account, PortalPassword};

pub(super) fn mode(config: &Config) -> clients::Mode {
    match config.mode {
        Mode::Test => clients::Mode::Test,
        Mode::Live => clients::Mode::Live,
    }
}

pub(super) fn tls_files(config: &Config) -> tls::Files {
    let api = &config.api;
    let client_files = || tls::ClientFiles {
        // The configuration demands authorities wherever client certificates are on.
        authorities: api.client_authorities.clone().unwrap_or_default(),
        revocations: api.revocation_list.clone(),
    };
    tls::Files {
        certificate: api.certificate.clone(),
        key: api.key.clone(),
        clients: match api.client_certificates {
            ClientCertificates::Off => tls::Clients::Off,
            ClientCertificates::Optional => tls::Clients::Optional(client_files()),
            ClientCertificates::Required => tls::Clients::Required(client_files()),
        },
    }
}

pub(super) fn portal_config(config: &Config) -> Result<portal::Config, StartError> {
    let from = &config.portal;
    let mut authorities = Vec::new();
    if let Some(path) = &from.authorities {
        let unreadable = |error: &dyn std::fmt::Display| StartError::Portal(format!("{}: {error}", path.display()));
        let certificates = CertificateDer::pem_file_iter(path).map_err(|error| unreadable(&error))?;
        for certificate in certificates {
            authorities.push(certificate.map_err(|error| unreadable(&error))?);
        }
    }
    let mut to = portal::Config::new(&from.base_url);
    to.authorities = authorities;
    to.connect_timeout = from.connect_timeout;
    to.login_timeout = from.login_timeout;
    to.question_timeout = from.question_timeout;
    to.submission_timeout = from.submission_timeout;
    to.reply_bytes_max = from.reply_bytes_max;
    to.in_flight_max = from.in_flight_max;
    to.slow_after = from.slow_after;
    to.breaker = portal::breaker::Config { failures_to_open: from.failures_to_rest, rest: from.rest };
    to.generation = match from.generation {
        Generation::Qd130 => portal::Generation::Qd130,
        Generation::Qd4750 => portal::Generation::Qd4750,
        Generation::Qd3176 => portal::Generation::Qd3176,
    };
    Ok(to)
}

pub(super) fn accounts(config: &Config) -> Vec<Account> {
    let account = |facility: &crate::config::Facility| Account {
        facility: facility.code,
        username: facility.username.clone(),
        password: PortalPassword::new(facility.password.expose().to_owned()),
        driver_exam: facility
            .driver_exam
            .as_ref()
            .map(|account| (account.username.clone(), PortalPassword::new(account.password.expose().to_owned()))),
    };
    config.facilities.iter().map(account).collect()
}

pub(super) fn lookup_config(config: &Config) -> lookup::Config {
    let from = &config.lookup;
    let at_least_one = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
    lookup::Config {
        cache: lookup::cache::Config {
            usable: from.usable,
            usable_in_bulk: from.usable_in_bulk,
            definite: from.definite,
            correctable: from.correctable,
            history: from.history,
            bytes_max: from.cache_bytes_max,
        },
        budget: lookup::budget::Config {
            questions_per_minute: at_least_one(from.questions_per_minute),
            burst: at_least_one(from.burst),
            bulk_share_percent: from.bulk_share_percent,
            under_way_max: from.under_way_per_facility_max,
            line_max: from.patience / 2,
        },
        patience: from.patience,
        patience_in_silence: from.patience_in_silence.min(from.patience),
        refresh_cooldown: from.refresh_cooldown,
        last_known_max: from.last_known_max,
        under_way_max: from.under_way_max,
        sandbox_ids_allowed: config.mode == Mode::Test,
    }
}

pub(super) fn batch_config(config: &Config) -> batch::Config {
    let from = &config.lookup;
    batch::Config {
        // Half of what each has room for: people find the other half.
        under_way_max: (config.portal.in_flight_max / 2).max(1),
        under_way_per_facility_max: (from.under_way_per_facility_max / 2).max(1),
        rows_per_minute: from.questions_per_minute.saturating_mul(from.bulk_share_percent) / 100,
        ..batch::Config::default()
    }
}

pub(super) fn intake_config(config: &Config) -> intake::Config {
    let from = &config.documents;
    let kinds = |names: &[&'static str]| -> Vec<Kind> { names.iter().filter_map(|name| Kind::parse(name)).collect() };
    let switched_on = || {
        let of = |facility: &crate::config::Facility| {
            let code = facility.code;
            kinds(&facility.sends).into_iter().map(move |kind| (code, kind))
        };
        config.facilities.iter().flat_map(of).collect()
    };
    intake::Config {
        limits: document::Limits { bytes_max: from.body_bytes_max, ..document::Limits::default() },
        waiting_max: from.waiting_max,
        signature_required: kinds(&from.signature_required),
        rulebook: from.rulebook.clone(),
        sending: (config.mode == Mode::Live).then(switched_on),
        ..intake::Config::default()
    }
}

pub(super) fn facade_config(from: &crate::config::Facade) -> facade::Config {
    facade::Config {
        sync_timeout: from.sync_timeout,
        on_delay: match from.on_delay {
            OnDelay::Error => facade::OnDelay::Error,
            OnDelay::Ack => facade::OnDelay::Ack,
        },
        strict: from.strict,
        officer_missing: match from.officer_missing {
            OfficerMissing::Default => facade::OfficerMissing::Default,
            OfficerMissing::Refuse => facade::OfficerMissing::Refuse,
        },
        token_life: from.token_life,
        pass_through: from.pass_through.clone(),
    }
}

pub(super) fn delivery_config(config: &Config) -> delivery::Config {
    let from = &config.delivery;
    delivery::Config {
        under_way_max: from.under_way_max,
        backoff: Backoff { first: from.retry_first, longest: from.retry_longest },
        patience: Patience {
            unreachable_for: from.give_up_after,
            answers_lost_max: from.answers_lost_max,
            system_errors_max: from.system_errors_max,
            refused_wait: from.refused_wait,
        },
        look_every: from.look_every,
        lease: from.lease,
    }
}

pub(super) fn server_limits(config: &Config) -> server::Limits {
    let from = &config.limits;
    server::Limits {
        connections_max: from.connections_max,
        connections_per_source_max: from.connections_per_source_max,
        handshake_timeout: from.handshake_timeout,
        header_timeout: from.header_timeout,
        idle_timeout: from.idle_timeout,
        write_stall_timeout: from.write_stall,
        ..server::Limits::default()
    }
}
