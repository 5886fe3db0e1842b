//! How each service does: one breaker a service, and news of every change.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::broadcast;
use tokio::time::Instant;

use crate::portal::breaker::{self, Breaker, Pass};
use crate::portal::{Service, Weather};
use crate::system::System;

/// Changes kept for a slow listener: several for each of the eleven services; who lags reads the present state anew.
const CHANGES_KEPT_MAX: usize = 64;

/// The breakers of all services.
pub(super) struct Station {
    posts: [Mutex<Post>; Service::ALL.len()],
    changes: broadcast::Sender<(Service, Weather)>,
    system: System,
}

struct Post {
    breaker: Breaker,
    since: Option<Timestamp>,
}

/// Leave to make one call. Dropped without an outcome, it says nothing about the service.
pub(super) struct Permit {
    station: Arc<Station>,
    service: Service,
    pass: Option<Pass>,
}

impl Station {
    pub(super) fn new(config: breaker::Config, system: System) -> Self {
        let posts = Service::ALL.map(|_| Mutex::new(Post { breaker: Breaker::new(config), since: None }));
        Self { posts, changes: broadcast::Sender::new(CHANGES_KEPT_MAX), system }
    }

    /// Leave to call `service`, or how long to wait before asking again.
    pub(super) fn enter(self: &Arc<Self>, service: Service) -> Result<Permit, Duration> {
        let pass = self.at(service, |breaker, now| breaker.admit(now))?;
        Ok(Permit { station: Arc::clone(self), service, pass: Some(pass) })
    }

    /// Whether [`enter`](Self::enter) would give leave.
    pub(super) fn is_ready(&self, service: Service) -> bool {
        self.at(service, |breaker, now| breaker.is_ready(now))
    }

    /// How one service does.
    pub(super) fn weather(&self, service: Service) -> Weather {
        self.at(service, |breaker, _| breaker.weather())
    }

    /// How every service does, and since when if that ever changed.
    pub(super) fn report(&self) -> Vec<(Service, Weather, Option<Timestamp>)> {
        let post = |service| {
            let post = self.post(service).lock().unwrap_or_else(PoisonError::into_inner);
            (service, post.breaker.weather(), post.since)
        };
        Service::ALL.into_iter().map(post).collect()
    }

    /// Every change from now on.
    pub(super) fn changes(&self) -> broadcast::Receiver<(Service, Weather)> {
        self.changes.subscribe()
    }

    fn post(&self, service: Service) -> &Mutex<Post> {
        // `ALL` has every variant in order (a test holds it to that), so the discriminant is its place.
        &self.posts[service as usize]
    }

    /// Does one thing to a breaker and publishes what it changed, in the order of the changes.
    fn at<T>(&self, service: Service, act: impl FnOnce(&mut Breaker, Instant) -> T) -> T {
        let mut post = self.post(service).lock().unwrap_or_else(PoisonError::into_inner);
        let before = post.breaker.weather();
        let outcome = act(&mut post.breaker, Instant::now());
        let after = post.breaker.weather();
        if before != after {
            post.since = Some(self.system.now());
            // Nobody listening is no fault.
            self.changes.send((service, after)).ok();
        }
        outcome
    }
}

impl Permit {
    /// Which service may be called.
    pub(super) fn service(&self) -> Service {
        self.service
    }

    /// The call brought an understood answer.
    pub(super) fn succeeded(mut self) {
        if let Some(pass) = self.pass.take() {
            self.station.at(self.service, |breaker, _| breaker.succeeded(pass));
        }
    }

    /// The call failed in a way that tells of the service.
    pub(super) fn failed(mut self) {
        if let Some(pass) = self.pass.take() {
            self.station.at(self.service, |breaker, now| breaker.failed(pass, now));
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(pass) = self.pass.take() {
            self.station.at(self.service, |breaker, now| breaker.abandoned(pass, now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_has_its_own_post_and_changes_are_told() {
        for (place, service) in Service::ALL.into_iter().enumerate() {
            assert_eq!(service as usize, place);
        }
        let config = breaker::Config { failures_to_open: 1, rest: Duration::ZERO };
        let station = Arc::new(Station::new(config, System::real()));
        let mut changes = station.changes();
        station.enter(Service::Claim).ok().unwrap().failed();
        assert_eq!(changes.try_recv().unwrap(), (Service::Claim, Weather::Down));
        let down: Vec<_> = station.report().into_iter().filter(|(_, weather, _)| *weather == Weather::Down).collect();
        assert!(matches!(down.as_slice(), [(Service::Claim, _, Some(_))]));

        let trial = station.enter(Service::Claim).ok().unwrap();
        assert!(station.enter(Service::Claim).is_err());
        drop(trial);
        assert!(station.is_ready(Service::Claim));
        station.enter(Service::Claim).ok().unwrap().succeeded();
        assert_eq!(changes.try_recv().unwrap(), (Service::Claim, Weather::Up));
        assert!(changes.try_recv().is_err());
    }
}
