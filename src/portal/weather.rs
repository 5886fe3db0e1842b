//! How each service does: one breaker and one pace a service, and news of every change.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::broadcast;
use tokio::time::Instant;

use crate::portal::breaker::{self, Breaker, Pass};
use crate::portal::pace::Pace;
use crate::portal::{Service, ServiceWeather, Weather};
use crate::system::System;

/// Changes kept for a slow listener: several for each of the twelve services; who lags reads the present state anew.
const CHANGES_KEPT_MAX: usize = 64;

/// The breakers of all services.
pub(super) struct Station {
    posts: [Mutex<Post>; Service::ALL.len()],
    changes: broadcast::Sender<(Service, Weather)>,
    system: System,
}

struct Post {
    breaker: Breaker,
    pace: Pace,
    since: Option<Timestamp>,
}

/// Leave to make one call. Dropped without an outcome, it says nothing about the service.
pub(super) struct Permit {
    station: Arc<Station>,
    service: Service,
    started: Instant,
    pass: Option<Pass>,
}

impl Station {
    pub(super) fn new(config: breaker::Config, slow_after: Duration, system: System) -> Self {
        let posts = Service::ALL.map(|service| {
            // Co-payments take 5 to 30 s in good hours (`portal-api.md`, section 2.6).
            let pace = Pace::new(if service == Service::Copay { slow_after.saturating_mul(6) } else { slow_after });
            Mutex::new(Post { breaker: Breaker::new(config), pace, since: None })
        });
        Self { posts, changes: broadcast::Sender::new(CHANGES_KEPT_MAX), system }
    }

    /// Leave to call `service`, or how long to wait before asking again.
    pub(super) fn enter(self: &Arc<Self>, service: Service) -> Result<Permit, Duration> {
        let pass = self.at(service, |post, now| post.breaker.admit(now))?;
        Ok(Permit { station: Arc::clone(self), service, started: Instant::now(), pass: Some(pass) })
    }

    /// Whether [`enter`](Self::enter) would give leave.
    pub(super) fn is_ready(&self, service: Service) -> bool {
        self.at(service, |post, now| post.breaker.is_ready(now))
    }

    /// How one service does.
    pub(super) fn weather(&self, service: Service) -> Weather {
        self.at(service, |post, _| post.weather())
    }

    /// How every service does, and since when if that ever changed.
    pub(super) fn report(&self) -> Vec<ServiceWeather> {
        let post = |service| {
            let post = self.post(service).lock().unwrap_or_else(PoisonError::into_inner);
            ServiceWeather { service, weather: post.weather(), since: post.since, typical: post.pace.typical() }
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

    /// Does one thing to a post and publishes what it changed, in the order of the changes.
    fn at<T>(&self, service: Service, act: impl FnOnce(&mut Post, Instant) -> T) -> T {
        let mut post = self.post(service).lock().unwrap_or_else(PoisonError::into_inner);
        let before = post.weather();
        let outcome = act(&mut post, Instant::now());
        let after = post.weather();
        if before != after {
            post.since = Some(self.system.now());
            // Nobody listening is no fault.
            self.changes.send((service, after)).ok();
        }
        outcome
    }
}

impl Post {
    fn weather(&self) -> Weather {
        match self.breaker.weather() {
            Weather::Up if self.pace.is_slow() => Weather::Slow,
            weather => weather,
        }
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
            self.station.at(self.service, |post, now| {
                post.pace.took(now - self.started);
                post.breaker.succeeded(pass);
            });
        }
    }

    /// The call failed in a way that tells of the service.
    pub(super) fn failed(mut self) {
        if let Some(pass) = self.pass.take() {
            self.station.at(self.service, |post, now| {
                post.pace.took(now - self.started);
                post.breaker.failed(pass, now);
            });
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(pass) = self.pass.take() {
            self.station.at(self.service, |post, now| post.breaker.abandoned(pass, now));
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
        let station = Arc::new(Station::new(config, Duration::from_secs(5), System::real()));
        let mut changes = station.changes();
        station.enter(Service::Claim).ok().unwrap().failed();
        assert_eq!(changes.try_recv().unwrap(), (Service::Claim, Weather::Down));
        let down: Vec<_> = station.report().into_iter().filter(|post| post.weather == Weather::Down).collect();
        assert!(matches!(down.as_slice(), [ServiceWeather { service: Service::Claim, since: Some(_), .. }]));

        let trial = station.enter(Service::Claim).ok().unwrap();
        assert!(station.enter(Service::Claim).is_err());
        drop(trial);
        assert!(station.is_ready(Service::Claim));
        station.enter(Service::Claim).ok().unwrap().succeeded();
        assert_eq!(changes.try_recv().unwrap(), (Service::Claim, Weather::Up));
        assert!(changes.try_recv().is_err());
    }
}
