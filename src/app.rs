//! The gateway as a whole: its parts wired bottom-up, served, and drained.

mod alerts;
pub mod audit;
pub mod checkup;
pub mod directory;
mod due_times;
mod keeping;
pub mod keys;
mod settings;
pub mod storage_keys;
pub mod trial;

pub use self::audit::Certificates;
pub use self::keys::{ClientWish, NewClient, add_client, add_client_with_password, clients, revoke_client};

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio_util::task::TaskTracker;

use self::keeping::Keeper;
use self::settings::{
    accounts, batch_config, delivery_config, facade_config, intake_config, lookup_config, mode, portal_config,
    server_limits, tls_files,
};
use crate::audit::{Audit, AuditError};
use crate::batch::Batches;
use crate::clients::{Clients, Scope};
use crate::config::Config;
use crate::delivery::Courier;
use crate::facade::Facade;
use crate::http::body::BodyBudget;
use crate::http::server::Server;
use crate::http::tls::{Identity, TlsError};
use crate::http::{self, Gateway};
use crate::incidents::Watcher;
use crate::intake::Intake;
use crate::lookup::Lookup;
use crate::officers::Officers;
use crate::portal::{Portal, Weather};
use crate::store::vault::Vault;
use crate::store::{self, Lost, Store, StoreError};
use crate::system::System;
use crate::system::stop::Stopper;
use crate::telemetry::Metrics;
use crate::webhooks::Webhooks;

/// A gateway, bound to its ports and ready to serve.
pub struct App {
    gateway: Gateway,
    identity: Arc<Identity>,
    api: Server,
    admin: Server,
    facade: Option<(Server, Facade)>,
    courier: Courier,
    batches: Batches,
    housekeeping: Housekeeping,
}

/// Where a gateway listens.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    /// The API.
    pub api: SocketAddr,
    /// Alive, ready, metrics.
    pub admin: SocketAddr,
    /// The façade, where it is switched on.
    pub facade: Option<SocketAddr>,
}

/// Why a gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder.
    #[error("the data folder {}: {error}", folder.display())]
    Store {
        /// Where it is.
        folder: PathBuf,
        /// What is wrong with it.
        error: StoreError,
    },
    /// The audit log.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// Certificates.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The portal's authorities or address.
    #[error("the portal cannot be set up: {0}")]
    Portal(String),
    /// The authorities of webhook endpoints.
    #[error("webhooks cannot be set up: {0}")]
    Webhooks(String),
    /// A port.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// The façade's port.
    #[error("the façade cannot listen on {0}: {1}; set [facade] listen to another address, or enabled = false")]
    Facade(SocketAddr, std::io::Error),
    /// A client that cannot be made.
    #[error("{0}")]
    Client(&'static str),
}

impl App {
    /// Wires the parts in the order in which they rest on each other. Listeners are bound last but one, so that a port
    /// in use is found before anything is sent; what an earlier process left half-done is settled before they open.
    pub async fn build(config: Config, system: System) -> Result<Self, StartError> {
        Self::build_with(config, system, audit::Recording::Kept).await
    }

    /// The same without an audit log, for a benchmark to tell what that costs. Nothing in the program calls it.
    pub async fn build_unrecorded_for_measuring(config: Config, system: System) -> Result<Self, StartError> {
        Self::build_with(config, system, audit::Recording::NoneForMeasuring).await
    }

    async fn build_with(config: Config, system: System, recording: audit::Recording) -> Result<Self, StartError> {
        let metrics = Metrics::new();
        let stopper = Stopper::new();
        let mode = mode(&config);

        // The ground: certificates, the sealed store, and what the last process left on its way.
        let identity = Identity::load(tls_files(&config))?;
        let (vault, store) = open_store(&config, &system, Opening::Alone).await?;
        let audit = recording.open(&config, &vault, &system, &metrics.audit).await?;
        store.adopt_mode(mode.name()).await.map_err(|error| store_failed(&config, error))?;
        let recovered = store.recover(Lost::All).await.map_err(|error| store_failed(&config, error))?;
        if recovered != store::Recovered::default() {
            let store::Recovered { queued, unknown, parked } = recovered;
            tracing::warn!(queued, unknown, parked, "deliveries were on their way when the last process ended");
        }

        let intake_config = intake_config(&config);
        if let Some(on) = &intake_config.sending {
            let switched = store.switch_sending(on.iter().copied().collect()).await;
            let (held, released) = switched.map_err(|error| store_failed(&config, error))?;
            tracing::info!(held, released, "what waits follows what is switched on");
        }

        // The portal and the two flows over it.
        let portal = Portal::new(portal_config(&config)?, accounts(&config), system.clone())
            .map_err(|error| StartError::Portal(error.to_string()))?;
        let (of_lookups, of_documents) = (metrics.lookup.clone(), metrics.documents.clone());
        let lookup = Lookup::new(
            lookup_config(&config),
            portal.clone(),
            store.clone(),
            vault.clone(),
            audit.clone(),
            system.clone(),
            of_lookups,
        );
        let intake = Intake::new(intake_config, store.clone(), system.clone(), of_documents.clone());
        let courier = Courier::new(
            delivery_config(&config),
            portal.clone(),
            store.clone(),
            audit.clone(),
            system.clone(),
            of_documents,
        );

        // Who may use them, over which ports.
        let clients = Clients::open(mode, store.clone(), vault.clone()).await;
        let clients = clients.map_err(|error| store_failed(&config, error))?;
        let officers = Officers::open(directory::configured(&config), store.clone(), system.clone()).await;
        let officers = officers.map_err(|error| store_failed(&config, error))?;
        let batches = Batches::new(
            batch_config(&config),
            lookup.clone(),
            portal.clone(),
            store.clone(),
            system.clone(),
            officers.clone(),
            metrics.batches.clone(),
        );
        let listen = |address, error| StartError::Listen(address, error);
        let api = Server::bind(config.api.listen, Some(identity.clone()), server_limits(&config)).await;
        let api = api.map_err(|error| listen(config.api.listen, error))?;
        let admin = Server::bind(config.admin.listen, None, server_limits(&config)).await;
        let admin = admin.map_err(|error| listen(config.admin.listen, error))?;

        let of_facade = match config.facade.enabled {
            true => Some(bind_facade(&config, &identity).await?),
            false => None,
        };
        let mut connections = vec![("api", api.connections()), ("admin", admin.connections())];
        connections.extend(of_facade.iter().map(|server| ("facade", server.connections())));
        let usage = Arc::new(http::facade::Usage::new(config.facade.pass_through.clone(), system.now()));

        let webhooks = alerts::webhooks(&config, &store, &system, &metrics)?;
        let housekeeping = Housekeeping {
            webhooks: webhooks.clone(),
            watcher: alerts::watcher(&config, (&store, &audit), &portal, &identity, &system, &metrics),
            keeper: Keeper::new(&config, store.clone(), system.clone(), metrics.keeping.clone()),
            store: store.clone(),
            audit: audit.clone(),
            portal: portal.clone(),
            clients: clients.clone(),
            lookup: lookup.clone(),
            officers: officers.clone(),
            courier: courier.clone(),
            system: system.clone(),
            last_known_max: config.lookup.last_known_max,
            longest_wait: due_times::longest_wait(&config),
        };
        let gateway = Gateway(Arc::new(http::Parts {
            mode,
            lookup,
            lists: http::batches::Lists::new(batches.clone()),
            intake: intake.clone(),
            reference: http::reference::Reference::new(config.documents.library.clone()),
            store,
            audit,
            clients,
            portal,
            facade: of_facade.is_some().then(|| usage.clone()),
            officers,
            webhooks,
            streams: http::events::stream::Streams::default(),
            bodies: BodyBudget::new(
                u32::try_from(config.documents.bodies_in_memory_bytes_max / 1024).unwrap_or(u32::MAX),
                u32::try_from(config.documents.body_bytes_max.div_ceil(1024)).unwrap_or(u32::MAX),
            ),
            limits: http::Limits {
                document_bytes_max: config.documents.body_bytes_max,
                question_bytes_max: 64 * 1024,
                request_deadline: config.limits.request_deadline,
                body_stall: config.limits.body_stall,
                questions_per_minute: config.lookup.questions_per_minute,
                bulk_questions_per_minute: config.lookup.questions_per_minute * config.lookup.bulk_share_percent / 100,
                deliveries_at_once: config.delivery.under_way_max,
            },
            system,
            metrics,
            connections,
            stopper,
        }));

        // The portal's own language, over the same flows.
        let facade = of_facade.map(|server| {
            let from = &config.facade;
            let intake = if from.strict { intake } else { intake.by(Arc::new(config.documents.rulebook.lenient())) };
            (server, Facade::new(facade_config(from), gateway.clone(), intake, vault, usage))
        });
        Ok(Self { gateway, identity, api, admin, facade, courier, batches, housekeeping })
    }

    /// Where it listens.
    pub fn addresses(&self) -> Addresses {
        let facade = self.facade.as_ref().map(|(server, _)| server.address());
        Addresses { api: self.api.address(), admin: self.admin.address(), facade }
    }

    /// What reads the certificates again when told to; outlives [`run`](Self::run)'s taking of the gateway.
    pub fn certificates(&self) -> Certificates {
        Certificates::new(self.identity.clone(), self.gateway.0.audit.clone())
    }

    /// Serves until `stopper` is told to stop, then finishes what is in hand. When `stopper` lets go, what is left is
    /// dropped; it is safe on the disk.
    pub async fn run(self, stopper: Stopper) {
        let tasks = TaskTracker::new();
        let gateway = self.gateway;
        tasks.spawn(self.api.serve(http::api(gateway.clone()), stopper.clone()));
        if let Some((server, facade)) = self.facade {
            tasks.spawn(server.serve(facade.router(), stopper.clone()));
        }
        tasks.spawn(self.courier.run(stopper.clone()));
        tasks.spawn(self.batches.run(stopper.clone()));
        tasks.spawn(self.housekeeping.run(stopper.clone()));

        // The admin listener answers to the last: an orchestrator wants to hear "not ready" while the rest drains.
        let admin_stopper = Stopper::new();
        let admin = tokio::spawn(self.admin.serve(http::admin::admin(gateway.clone()), admin_stopper.clone()));

        stopper.stopping().await;
        gateway.0.stopper.stop();
        tasks.close();
        tasks.wait().await;
        admin_stopper.let_go();
        if let Err(error) = admin.await {
            tracing::error!(%error, "the admin listener broke off");
        }
        gateway.0.store.clone().close().await;
        gateway.0.audit.close().await;
    }
}

/// What goes on beside the flows.
struct Housekeeping {
    webhooks: Webhooks,
    watcher: Watcher,
    keeper: Keeper,
    store: Store,
    audit: Audit,
    portal: Portal,
    clients: Clients,
    lookup: Lookup,
    officers: Officers,
    courier: Courier,
    system: System,
    last_known_max: Duration,
    longest_wait: Duration,
}

impl Housekeeping {
    async fn run(self, stopper: Stopper) {
        let tasks = TaskTracker::new();
        tasks.spawn(self.audit.run(stopper.clone()));
        tasks.spawn(self.clients.run(stopper.clone()));
        tasks.spawn(self.lookup.recheck_tickets(stopper.clone()));
        tasks.spawn(self.officers.run(stopper.clone()));
        tasks.spawn(self.webhooks.run(stopper.clone()));
        tasks.spawn(self.watcher.run(stopper.clone()));
        tasks.spawn(self.keeper.run(stopper.clone()));
        tasks.spawn(storage_keys::follow(self.store.clone(), stopper.clone()));
        tasks.spawn(tell_weather(self.portal, self.store.clone(), stopper.clone()));
        tasks.spawn(due_times::put_right(self.store.clone(), self.longest_wait, stopper.clone()));
        tasks.spawn(keep_house(self.store, self.courier, self.system, self.last_known_max, stopper.clone()));
        tasks.close();
        tasks.wait().await;
    }
}

/// Writes every change of the portal's weather into the feed, so that a HIS learns of an outage and of its end.
async fn tell_weather(portal: Portal, store: Store, stopper: Stopper) {
    let mut changes = portal.weather_changes();
    loop {
        let change = tokio::select! {
            change = changes.recv() => change,
            () = stopper.stopping() => return,
        };
        match change {
            Ok((service, weather)) => {
                let kind = match weather {
                    Weather::Up => "destination.up",
                    Weather::Slow => "destination.slow",
                    Weather::Down => "destination.down",
                };
                tracing::warn!(service = service.name(), weather = weather.name(), "the portal's weather changed");
                let data = serde_json::json!({"destination": "bhxh", "service": service.name()});
                if let Err(error) = store.record_event(kind, data.to_string()).await {
                    tracing::error!(%error, "a change of weather could not be kept");
                }
            }
            Err(RecvError::Lagged(missed)) => tracing::warn!(missed, "changes of weather were missed"),
            Err(RecvError::Closed) => return,
        }
    }
}

/// Settles leases whose attempt is gone, and forgets answers too old to be shown.
async fn keep_house(store: Store, courier: Courier, system: System, last_known_max: Duration, stopper: Stopper) {
    /// Leases last minutes; half a minute later is soon enough.
    const EVERY: Duration = Duration::from_secs(30);
    /// What came of a ticket is looked at within the days of the visit; a week has every desk's shift in it.
    const TICKETS_KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
    while stopper.sleep(EVERY).await {
        match store.recover(Lost::EndedExcept(courier.in_hand())).await {
            Ok(recovered) if recovered == store::Recovered::default() => {}
            Ok(store::Recovered { queued, unknown, parked }) => {
                tracing::warn!(queued, unknown, parked, "leases ended unsettled");
            }
            Err(error) => tracing::error!(%error, "leases could not be looked at"),
        }
        let oldest = system.now().checked_sub(last_known_max).unwrap_or(jiff::Timestamp::MIN);
        if let Err(error) = store.forget_last_known(oldest).await {
            tracing::error!(%error, "old answers could not be forgotten");
        }
        let oldest = system.now().checked_sub(TICKETS_KEPT).unwrap_or(jiff::Timestamp::MIN);
        if let Err(error) = store.forget_tickets(oldest).await {
            tracing::error!(%error, "ended tickets could not be forgotten");
        }
    }
}

/// The names of all scopes, for the command line.
pub fn scope_names() -> [&'static str; 5] {
    Scope::ALL.map(Scope::name)
}

/// The names of the scopes a key has where none are named.
pub fn usual_scope_names() -> [&'static str; 3] {
    Scope::USUAL.map(Scope::name)
}

// === from configuration to parts ===

enum Opening {
    Alone,
    Beside,
}

async fn open_store(config: &Config, system: &System, opening: Opening) -> Result<(Vault, Store), StartError> {
    let folder = &config.data.folder;
    let failed = |error| store_failed(config, error);
    let vault = open_vault(config, system)?;
    /// SQLite's page, in bytes.
    const PAGE_BYTES: u64 = 4096;
    let page_count_max = config.data.size_bytes_max.map(|bytes| u32::try_from(bytes / PAGE_BYTES).unwrap_or(u32::MAX));
    let store_config = store::Config { page_count_max, ..store::Config::new(folder) };
    let store = match opening {
        Opening::Alone => Store::open(store_config, vault.clone(), system.clone()).await,
        Opening::Beside => Store::open_beside(store_config, vault.clone(), system.clone()).await,
    };
    Ok((vault, store.map_err(failed)?))
}

fn open_vault(config: &Config, system: &System) -> Result<Vault, StartError> {
    let folder = &config.data.folder;
    let opened = match &config.data.keys_credential {
        Some(credential) => match &credential.file {
            Some(file) => Vault::open_credential(file),
            None => Err(StoreError::Keys(format!(
                "the credential {0} is given by systemd to the service alone; run this as a unit with \
                 LoadCredentialEncrypted={0}:FILE (docs/OPERATING.md)",
                credential.name
            ))),
        },
        None => {
            let key_file = config.data.keys_file.clone().unwrap_or_else(|| folder.join(store::KEY_FILE));
            Vault::open(&key_file, folder, system)
        }
    };
    opened.map_err(|error| store_failed(config, error))
}

fn store_failed(config: &Config, error: StoreError) -> StartError {
    StartError::Store { folder: config.data.folder.clone(), error }
}

async fn bind_facade(config: &Config, identity: &Arc<Identity>) -> Result<Server, StartError> {
    let listen = config.facade.listen;
    let tls = config.facade.tls.then(|| identity.clone());
    let bound = Server::bind(listen, tls, server_limits(config)).await;
    bound.map_err(|error| StartError::Facade(listen, error))
}
