//! One life of the gateway: from its start on what the last one left, to its end at whatever it was doing.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lienthong::audit::Audit;
use lienthong::delivery::{self, Courier};
use lienthong::domain::FacilityCode;
use lienthong::lookup::{self, Lookup};
use lienthong::portal::{self, Account, Portal, PortalPassword};
use lienthong::sandbox::ACCOUNT_PASSWORD;
use lienthong::store::{self, Lost, Store, StoreError, Vault};
use lienthong::system::System;
use lienthong::system::stop::Stopper;
use lienthong::telemetry::Metrics;

use crate::chance::Dice;
use crate::clock::SimClock;
use crate::desks::{self, BURST, QUESTIONS_A_MINUTE, UNDER_WAY_MAX};
use crate::disk::SimDisk;
use crate::network::Network;
use crate::office::{self, Outbox};
use crate::weather::Weather;
use crate::world::{LOCKED, Trigger, World};

/// What outlives the gateway.
pub(crate) struct Run {
    pub(crate) folder: PathBuf,
    pub(crate) system: System,
    pub(crate) clock: Arc<SimClock>,
    pub(crate) network: Arc<Network>,
    pub(crate) disk: Arc<SimDisk>,
    pub(crate) world: Arc<Mutex<World>>,
    pub(crate) weather: Arc<Mutex<Weather>>,
    pub(crate) outbox: Arc<Mutex<Outbox>>,
    pub(crate) dice: Dice,
}

/// How a life is to end.
pub(crate) struct End {
    pub(crate) after: Duration,
    pub(crate) trigger: Option<Trigger>,
    /// How often others have their turn between the trigger and the end, so that it comes at any point of theirs.
    pub(crate) turns: usize,
    /// Told to stop and waited for, instead of killed.
    pub(crate) is_stopped: bool,
    /// The last life: no new work, and the clerk looks often.
    pub(crate) is_last: bool,
}

/// The gateway's parts.
struct Gateway {
    store: Store,
    portal: Portal,
    lookup: Lookup,
    courier: Courier,
}

pub(crate) fn facilities() -> Vec<FacilityCode> {
    ["79001", "01999", LOCKED].map(|code| FacilityCode::parse(code).unwrap()).to_vec()
}

/// A runtime whose time is the run's.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

pub(crate) fn open_store(run: &Run) -> Result<Store, StoreError> {
    let config = store::Config { group_max: 8, ..store::Config::new(&run.folder) };
    Store::open_simulated(config, Vault::for_tests().unwrap(), run.system.clone(), run.disk.clone())
}

/// Lives one life. Whatever runs in it is dropped with its runtime, wherever it stands.
pub(crate) fn live(run: &mut Run, end: &End) {
    let runtime = runtime();
    runtime.block_on(async {
        run.clock.begin();
        {
            let mut world = run.world.lock().unwrap();
            world.disturb();
            world.life_began = run.system.now();
            world.trigger = end.trigger;
            world.kill = Arc::default();
            let now = run.system.now();
            world.trace.event(now, format_args!("a life begins"));
        }
        tokio::spawn(Weather::change(run.weather.clone()));
        // A gateway that cannot start ends, and is started again.
        match Gateway::start(run).await {
            Ok(gateway) => gateway.live(run, end).await,
            Err(_) => tokio::time::sleep(Duration::from_secs(5)).await,
        }
        let mut world = run.world.lock().unwrap();
        world.look();
        world.in_hand = Arc::new(Vec::new);
        world.trace.lives += 1;
        run.clock.end();
    });
    drop(runtime);
}

// === impl Gateway ===

impl Gateway {
    /// Wires the parts as `app` does.
    async fn start(run: &Run) -> Result<Self, StoreError> {
        let store = open_store(run)?;
        store.recover(Lost::All).await?;
        let account = |facility: FacilityCode| Account {
            facility,
            username: format!("{facility}_BV"),
            password: PortalPassword::new(ACCOUNT_PASSWORD.to_owned()),
            driver_exam: None,
        };
        let accounts = facilities().into_iter().map(account).collect();
        let config = portal::Config::new("http://127.0.0.1");
        let portal = Portal::over(run.network.clone(), config, accounts, run.system.clone()).unwrap();
        let metrics = Metrics::new();
        // The log has a file and a thread of its own, which simulated time cannot wait for.
        let audit = Audit::idle_for_measuring(Vault::for_tests().unwrap(), run.system.clone());
        let at_least_one = |number| std::num::NonZeroU32::new(number).unwrap();
        let budget = lookup::budget::Config {
            questions_per_minute: at_least_one(QUESTIONS_A_MINUTE),
            burst: at_least_one(BURST),
            under_way_max: UNDER_WAY_MAX,
            ..lookup::budget::Config::default()
        };
        let lookup = Lookup::new(
            lookup::Config { budget, ..lookup::Config::default() },
            portal.clone(),
            store.clone(),
            Vault::for_tests().unwrap(),
            audit.clone(),
            run.system.clone(),
            metrics.lookup.clone(),
        );
        let courier = Courier::new(
            delivery::Config::default(),
            portal.clone(),
            store.clone(),
            audit.clone(),
            run.system.clone(),
            metrics.documents.clone(),
        );
        Ok(Self { store, portal, lookup, courier })
    }

    async fn live(self, run: &mut Run, end: &End) {
        let stopper = Stopper::new();
        let (world, kill) = {
            let mut world = run.world.lock().unwrap();
            let courier = self.courier.clone();
            world.in_hand = Arc::new(move || courier.in_hand());
            (run.world.clone(), world.kill.clone())
        };
        let courier = tokio::spawn(self.courier.clone().run(stopper.clone()));
        tokio::spawn(self.lookup.clone().recheck_tickets(stopper.clone()));
        tokio::spawn(office::keep_house(self.store.clone(), self.courier.clone()));
        tokio::spawn(tick(world.clone()));
        let clerk_every = Duration::from_secs(if end.is_last { 60 } else { 1_200 });
        tokio::spawn(office::see_to(world.clone(), self.store.clone(), clerk_every, run.dice.fork()));
        if !end.is_last {
            let dice = run.dice.fork();
            tokio::spawn(office::submit(world.clone(), run.outbox.clone(), self.store.clone(), facilities(), dice));
            // Nobody stands at the desks of a facility that cannot ask.
            let open = facilities().into_iter().filter(|facility| facility.as_str() != LOCKED).collect();
            tokio::spawn(desks::open(world.clone(), self.lookup.clone(), open, run.dice.fork()));
        }
        let killed = tokio::time::timeout(end.after, kill.notified()).await.is_ok();
        for _ in 0..end.turns {
            tokio::task::yield_now().await;
        }
        if end.is_stopped && !killed {
            stopper.stop();
            let ended = tokio::time::timeout(Duration::from_secs(30), courier).await.is_ok();
            stopper.let_go();
            tokio::task::yield_now().await;
            if ended {
                self.store.clone().close().await;
            }
        }
        if end.is_last {
            self.at_rest(run).await;
        }
    }

    /// Nothing is under way, nothing waits, nothing is held on to.
    async fn at_rest(&self, run: &Run) {
        let mut wrong = Vec::new();
        if !self.courier.in_hand().is_empty() {
            wrong.push("attempts are in hand at the end".to_owned());
        }
        if self.lookup.under_way() != 0 {
            wrong.push(format!("{} questions are under way at the end", self.lookup.under_way()));
        }
        let (tickets, since) = self.store.tickets_waiting().await.unwrap();
        if tickets != 0 {
            wrong.push(format!("{tickets} tickets wait at the end, the first since {since:?}"));
        }
        for service in self.portal.weather() {
            if service.weather == portal::Weather::Down {
                wrong.push(format!("{} counts as down at the end", service.service.name()));
            }
        }
        let mut world = run.world.lock().unwrap();
        for text in wrong {
            world.fail(text);
        }
        world.at_rest();
    }
}

/// Looks at the world every second.
async fn tick(world: Arc<Mutex<World>>) {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        world.lock().unwrap().tick();
    }
}
