//! What goes wrong, and for how long.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use lienthong::sandbox::{Faults, Sandbox};
use lienthong::store::simulated::Refusal;
use lienthong::system::{after, until};

use crate::chance::Dice;
use crate::disk::SimDisk;
use crate::network::{Connecting, Network};
use crate::world::World;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Sky {
    Fine,
    Slow,
    Hanging,
    Flaky,
    Refused,
    Silent,
    Resets,
    Html,
    Errors,
    LoginFails,
    Revoking,
    AnswersLost,
    AnswersCut,
    LinesCut,
    LinesFrozen,
    DiskFull,
    DiskBroken,
    DiskSlow,
}

/// The disk's are twice as likely: most of them last minutes only.
const BAD: [Sky; 19] = [
    Sky::Slow,
    Sky::Hanging,
    Sky::Flaky,
    Sky::Refused,
    Sky::Silent,
    Sky::Resets,
    Sky::Html,
    Sky::Errors,
    Sky::LoginFails,
    Sky::Revoking,
    Sky::AnswersLost,
    Sky::AnswersCut,
    Sky::LinesCut,
    Sky::LinesFrozen,
    Sky::DiskFull,
    Sky::DiskFull,
    Sky::DiskBroken,
    Sky::DiskBroken,
    Sky::DiskSlow,
];

pub(crate) struct Weather {
    dice: Dice,
    network: Arc<Network>,
    disk: Arc<SimDisk>,
    portal: Sandbox,
    world: Arc<Mutex<World>>,
    sky: Sky,
    ends: Timestamp,
}

// === impl Weather ===

impl Weather {
    pub(crate) fn new(
        dice: Dice,
        network: Arc<Network>,
        disk: Arc<SimDisk>,
        portal: Sandbox,
        world: Arc<Mutex<World>>,
        begins: Timestamp,
    ) -> Self {
        Self { dice, network, disk, portal, world, sky: Sky::Fine, ends: after(begins, Duration::from_secs(3600)) }
    }

    /// Lets the weather change while a life goes on.
    pub(crate) async fn change(weather: Arc<Mutex<Self>>) {
        loop {
            let wait = {
                let mut weather = weather.lock().unwrap();
                let now = weather.world.lock().unwrap().system.now();
                if now >= weather.ends {
                    weather.turn(now);
                }
                weather.revoke();
                until(now, weather.ends).clamp(Duration::from_secs(1), Duration::from_secs(60))
            };
            tokio::time::sleep(wait).await;
        }
    }

    /// Nothing goes wrong any more.
    pub(crate) fn clear(&mut self, now: Timestamp) {
        self.set(Sky::Fine, now);
        self.ends = Timestamp::MAX;
    }

    fn turn(&mut self, now: Timestamp) {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        let (sky, least, most) = match self.sky {
            Sky::Fine => match self.dice.pick(&BAD) {
                sky @ (Sky::DiskFull | Sky::DiskBroken | Sky::LinesFrozen) => {
                    (sky, Duration::from_secs(2), minutes(20))
                }
                // One outage in twenty goes on for days.
                sky if self.dice.chance(0.05) => (sky, minutes(8 * 60), minutes(4 * 24 * 60)),
                sky => (sky, Duration::from_secs(20), minutes(6 * 60)),
            },
            _ => (Sky::Fine, minutes(5), minutes(12 * 60)),
        };
        self.ends = after(now, self.dice.span(least, most));
        self.set(sky, now);
    }

    fn set(&mut self, sky: Sky, now: Timestamp) {
        self.sky = sky;
        {
            let mut world = self.world.lock().unwrap();
            world.trace.faults += u64::from(sky != Sky::Fine);
            let ends = self.ends;
            world.trace.event(now, format_args!("weather {sky:?} until {ends}"));
            world.fine_since = (sky == Sky::Fine).then_some(now);
            world.disk_is_slow = sky == Sky::DiskSlow;
        }
        let (dice, usual) = (&mut self.dice, 1_500);
        let mut faults = Faults { latency_median_ms: usual, latency_sigma: 0.5, ..Faults::default() };
        let rate = 0.02 + 0.6 * dice.part();
        match sky {
            Sky::Slow => (faults.latency_median_ms, faults.latency_sigma) = (4_000 + dice.below(30_000) as u64, 1.0),
            Sky::Hanging => faults.latency_ms = 300_000,
            Sky::Flaky => {
                for fault in [
                    &mut faults.error_rate,
                    &mut faults.empty_rate,
                    &mut faults.html_rate,
                    &mut faults.reset_before_rate,
                    &mut faults.reset_after_rate,
                    &mut faults.truncate_rate,
                    &mut faults.revoke_rate,
                ] {
                    *fault = 0.12 * dice.part();
                }
            }
            Sky::Resets => faults.outage = true,
            Sky::Html => faults.html_rate = 1.0,
            Sky::Errors => faults.error_rate = rate.max(0.3),
            Sky::LoginFails => {
                (faults.error_rate, faults.only_paths) = (1.0, vec!["/api/token/".to_owned()]);
                self.portal.revoke_tokens();
            }
            Sky::Revoking => faults.revoke_rate = rate,
            Sky::AnswersLost => faults.reset_after_rate = rate,
            Sky::AnswersCut => (faults.truncate_rate, faults.empty_rate) = (rate / 2.0, rate / 2.0),
            _ => {}
        }
        faults.code_as_number = dice.chance(0.3);
        self.portal.set_faults(faults);
        let connecting = match sky {
            Sky::Refused => Connecting::Refused,
            Sky::Silent => Connecting::Silent,
            _ => Connecting::Works,
        };
        self.network.set(connecting, if sky == Sky::LinesCut { 0.3 } else { 0.0 });
        self.network.freeze(sky == Sky::LinesFrozen);
        if matches!(sky, Sky::Refused | Sky::Silent | Sky::LinesCut) {
            self.network.cut_all();
        }
        match sky {
            Sky::DiskFull => self.disk.set(Some(Refusal::Full), Duration::ZERO),
            Sky::DiskBroken => self.disk.set(Some(Refusal::Broken), Duration::ZERO),
            Sky::DiskSlow => self.disk.set(None, Duration::from_secs(3)),
            _ => self.disk.set(None, Duration::from_millis(4)),
        }
    }

    /// Sessions end before their time now and then, whatever the weather.
    fn revoke(&mut self) {
        if self.sky != Sky::Fine && self.dice.chance(0.02) {
            self.portal.revoke_tokens();
        }
    }
}
