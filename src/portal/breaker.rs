//! When a failing service is left alone: a pure state machine that is handed the time.
//!
//! Closed, it counts consecutive failures. Open, it admits nothing for a rest. After the rest it admits one trial at a
//! time; the trial's outcome closes it or opens it anew. Outcomes of calls admitted before it last changed hands are
//! ignored: they tell of an earlier time.

use std::time::Duration;

use tokio::time::Instant;

use crate::portal::Weather;

/// When a service is left alone and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Consecutive failures after which the service is left alone.
    pub failures_to_open: u32,
    /// How long it is left alone before a trial.
    pub rest: Duration,
}

impl Default for Config {
    fn default() -> Self {
        // Five in a row are no accident; fifteen seconds are short against the minutes that outages last, and long
        // against the second a desk can wait.
        Self { failures_to_open: 5, rest: Duration::from_secs(15) }
    }
}

/// How long callers are told to wait while a trial is under way: a good answer takes 1 to 3 s (`portal-api.md`, 7).
const TRIAL_WAIT: Duration = Duration::from_secs(2);

/// The breaker of one service.
#[derive(Debug)]
pub(super) struct Breaker {
    config: Config,
    state: State,
    /// Grows whenever earlier calls cease to matter.
    era: u64,
}

#[derive(Debug)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant },
    Trying,
}

/// Leave to make one call; hand it back with the outcome.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pass {
    era: u64,
}

impl Breaker {
    pub(super) fn new(config: Config) -> Self {
        Self { config, state: State::Closed { failures: 0 }, era: 0 }
    }

    /// Leave to make a call, or how long to wait before asking again.
    pub(super) fn admit(&mut self, now: Instant) -> Result<Pass, Duration> {
        match self.state {
            State::Closed { .. } => {}
            State::Open { until } if now < until => return Err(until - now),
            State::Open { .. } => self.turn(State::Trying),
            State::Trying => return Err(TRIAL_WAIT),
        }
        Ok(Pass { era: self.era })
    }

    /// Whether [`admit`](Self::admit) would give leave.
    pub(super) fn is_ready(&self, now: Instant) -> bool {
        match self.state {
            State::Closed { .. } => true,
            State::Open { until } => now >= until,
            State::Trying => false,
        }
    }

    /// How the service does.
    pub(super) fn weather(&self) -> Weather {
        match self.state {
            State::Closed { .. } => Weather::Up,
            State::Open { .. } | State::Trying => Weather::Down,
        }
    }

    /// The call brought an understood answer.
    pub(super) fn succeeded(&mut self, pass: Pass) {
        if pass.era == self.era {
            self.state = State::Closed { failures: 0 };
        }
    }

    /// The call failed.
    pub(super) fn failed(&mut self, pass: Pass, now: Instant) {
        if pass.era != self.era {
            return;
        }
        match &mut self.state {
            State::Closed { failures } => {
                *failures += 1;
                if *failures >= self.config.failures_to_open {
                    self.turn(State::Open { until: now + self.config.rest });
                }
            }
            State::Trying => self.turn(State::Open { until: now + self.config.rest }),
            State::Open { .. } => {}
        }
    }

    /// The call was given up, or says nothing about the service: a trial leaves its place to the next.
    pub(super) fn abandoned(&mut self, pass: Pass, now: Instant) {
        if pass.era == self.era && matches!(self.state, State::Trying) {
            self.turn(State::Open { until: now });
        }
    }

    fn turn(&mut self, state: State) {
        self.state = state;
        self.era += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: Duration = Duration::from_secs(15);

    fn opened(now: Instant) -> Breaker {
        let mut breaker = Breaker::new(Config { failures_to_open: 3, rest: REST });
        for _ in 0..3 {
            assert_eq!(breaker.weather(), Weather::Up);
            let pass = breaker.admit(now).unwrap();
            breaker.failed(pass, now);
        }
        breaker
    }

    #[test]
    fn opens_after_consecutive_failures_only() {
        let now = Instant::now();
        let mut breaker = Breaker::new(Config { failures_to_open: 3, rest: REST });
        for _ in 0..10 {
            for _ in 0..2 {
                let pass = breaker.admit(now).unwrap();
                breaker.failed(pass, now);
            }
            let pass = breaker.admit(now).unwrap();
            breaker.succeeded(pass);
        }
        assert_eq!(breaker.weather(), Weather::Up);
        let mut breaker = opened(now);
        assert_eq!(breaker.weather(), Weather::Down);
        assert!(!breaker.is_ready(now));
        assert_eq!(breaker.admit(now + REST / 3).unwrap_err(), REST - REST / 3);
    }

    #[test]
    fn one_trial_at_a_time_decides() {
        let now = Instant::now();
        let mut breaker = opened(now);
        let later = now + REST;
        assert!(breaker.is_ready(later));
        let trial = breaker.admit(later).unwrap();
        assert!(!breaker.is_ready(later));
        assert_eq!(breaker.admit(later).unwrap_err(), TRIAL_WAIT);
        assert_eq!(breaker.weather(), Weather::Down);
        breaker.failed(trial, later);
        assert_eq!(breaker.admit(later).unwrap_err(), REST);
        let trial = breaker.admit(later + REST).unwrap();
        breaker.succeeded(trial);
        assert_eq!(breaker.weather(), Weather::Up);
        assert!(breaker.admit(later + REST).is_ok());
    }

    #[test]
    fn an_abandoned_trial_frees_its_place() {
        let now = Instant::now();
        let mut breaker = opened(now);
        let trial = breaker.admit(now + REST).unwrap();
        breaker.abandoned(trial, now + REST);
        assert!(breaker.admit(now + REST).is_ok());
    }

    #[test]
    fn outcomes_of_earlier_calls_are_ignored() {
        let now = Instant::now();
        let mut breaker = Breaker::new(Config { failures_to_open: 1, rest: REST });
        let (early, another, third) =
            (breaker.admit(now).unwrap(), breaker.admit(now).unwrap(), breaker.admit(now).unwrap());
        breaker.failed(early, now);
        breaker.succeeded(another);
        assert_eq!(breaker.weather(), Weather::Down);
        let trial = breaker.admit(now + REST).unwrap();
        breaker.abandoned(third, now + REST);
        assert!(breaker.admit(now + REST).is_err(), "a stranger must not free the trial's place");
        breaker.succeeded(trial);
        assert_eq!(breaker.weather(), Weather::Up);
    }
}
