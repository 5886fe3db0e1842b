//! What a try to send an event means for the event and for its endpoint. Pure.

use std::time::Duration;

use jiff::Timestamp;

use crate::delivery::backoff::Backoff;
use crate::store::webhooks::{HookEnd, HookFate};
use crate::system::{after, until};
use crate::webhooks::send::{Answered, Unsent};

/// How often and how long an event is tried.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How waits grow. From five seconds, in which a service restarts, to an hour.
    pub backoff: Backoff,
    /// How long. Three days: a weekend in which nobody restarts a receiver is survived. An endpoint that takes nothing for
    /// as long is disabled.
    pub give_up_after: Duration,
}

/// Failures in a row after which an endpoint is sent a single event at a time, at growing intervals: five that fail one after
/// the other are no accident of one event.
pub const TRIAL_AFTER: u32 = 5;

/// What is known before the try.
#[derive(Clone, Copy, Debug)]
pub struct Health {
    /// How often this event was tried before.
    pub tries: u32,
    /// When it was put on its way.
    pub queued_at: Timestamp,
    /// How often in a row the endpoint failed before.
    pub failures: u32,
    /// Since when it has taken nothing.
    pub failing_since: Option<Timestamp>,
}

/// Whether it was taken, what status came back, and what went wrong.
pub fn told(sent: &Result<Answered, Unsent>) -> (bool, Option<u16>, Option<&'static str>) {
    match sent {
        Ok(Answered { status, .. }) => match status {
            200..=299 => (true, Some(*status), None),
            300..=399 => (false, Some(*status), Some("redirected")),
            410 => (false, Some(*status), Some("gone")),
            _ => (false, Some(*status), Some("refused")),
        },
        Err(unsent) => (false, None, Some(unsent.word())),
    }
}

/// Judges how a try ended at `now`. `chance` (`0.0..1.0`) spreads the waits.
pub fn judge(
    sent: &Result<Answered, Unsent>,
    health: &Health,
    now: Timestamp,
    patience: &Patience,
    chance: f64,
) -> HookEnd {
    let (taken, http_status, fault) = told(sent);
    let end = HookEnd { fate: HookFate::Delivered, rest_until: None, disable: None, http_status, fault };
    if taken {
        return end;
    }
    if http_status == Some(410) {
        return HookEnd { fate: HookFate::Again(now), disable: Some("gone"), ..end };
    }
    // What the receiver asks for is heard, but no longer than the longest wait: a slip of its pen must not be a year.
    let asked = sent.as_ref().ok().and_then(|answered| answered.retry_after);
    let asked = asked.map(|wait| wait.min(patience.backoff.longest));
    let wait = patience.backoff.wait(health.tries.saturating_add(1), chance).max(asked.unwrap_or_default());
    let failures = health.failures.saturating_add(1);
    let rest = (failures >= TRIAL_AFTER)
        .then(|| patience.backoff.wait(failures - TRIAL_AFTER + 1, chance))
        .into_iter()
        .chain(asked)
        .max();
    let rest_until = rest.map(|rest| after(now, rest));
    let too_long = |since: Timestamp| until(since, now) >= patience.give_up_after;
    if health.failing_since.is_some_and(too_long) {
        // Nothing is given up for an endpoint that takes nothing at all: it goes on when somebody switches it on again.
        return HookEnd { fate: HookFate::Again(now), disable: Some("failing"), rest_until, ..end };
    }
    let fate = if too_long(health.queued_at) { HookFate::GivenUp } else { HookFate::Again(after(now, wait)) };
    HookEnd { fate, rest_until, ..end }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_secs(5);
    const LONGEST: Duration = Duration::from_secs(3_600);

    fn patience() -> Patience {
        Patience {
            backoff: Backoff { first: FIRST, longest: LONGEST },
            give_up_after: Duration::from_secs(3 * 24 * 3_600),
        }
    }

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    fn before(span: Duration) -> Timestamp {
        now().checked_sub(span).unwrap()
    }

    fn fresh() -> Health {
        Health { tries: 0, queued_at: now(), failures: 0, failing_since: None }
    }

    fn answered(status: u16, retry_after: Option<u64>) -> Result<Answered, Unsent> {
        Ok(Answered { status, retry_after: retry_after.map(Duration::from_secs) })
    }

    fn of(sent: &Result<Answered, Unsent>, health: &Health) -> HookEnd {
        judge(sent, health, now(), &patience(), 1.0)
    }

    #[test]
    fn only_two_hundreds_count_as_taken() {
        for status in [200, 201, 202, 204, 299] {
            assert_eq!(of(&answered(status, None), &fresh()).fate, HookFate::Delivered, "{status}");
        }
        for (status, word) in [
            (101, "refused"),
            (301, "redirected"),
            (307, "redirected"),
            (400, "refused"),
            (404, "refused"),
            (500, "refused"),
            (503, "refused"),
        ] {
            let end = of(&answered(status, None), &fresh());
            assert_eq!(
                (end.fate, end.fault, end.disable),
                (HookFate::Again(after(now(), FIRST)), Some(word), None),
                "{status}"
            );
        }
        for unsent in [Unsent::Unreachable, Unsent::TimedOut, Unsent::Broken, Unsent::Forbidden] {
            assert_eq!(of(&Err(unsent), &fresh()).fate, HookFate::Again(after(now(), FIRST)), "{unsent:?}");
        }
    }

    #[test]
    fn gone_disables_at_once_and_gives_nothing_up() {
        let end = of(&answered(410, None), &fresh());
        assert_eq!((end.disable, end.fate), (Some("gone"), HookFate::Again(now())));
    }

    #[test]
    fn waits_grow_and_retry_after_is_heard_within_bounds() {
        let wait = |tries, retry_after| match of(&answered(503, retry_after), &Health { tries, ..fresh() }).fate {
            HookFate::Again(at) => until(now(), at).as_secs(),
            fate => panic!("{fate:?}"),
        };
        assert_eq!([0, 1, 2, 9, 10, 500].map(|tries| wait(tries, None)), [5, 10, 20, 2_560, 3_600, 3_600]);
        assert_eq!((wait(0, Some(60)), wait(0, Some(0)), wait(0, Some(u64::MAX))), (60, 5, 3_600));
        // What it asks for holds for the whole endpoint.
        assert_eq!(of(&answered(429, Some(60)), &fresh()).rest_until, Some(after(now(), Duration::from_secs(60))));
        assert_eq!(of(&answered(500, None), &fresh()).rest_until, None);
    }

    #[test]
    fn an_endpoint_that_keeps_failing_rests_and_is_disabled_in_the_end() {
        let failing = |failures, since| Health { failures, failing_since: Some(before(since)), ..fresh() };
        let rested = of(&Err(Unsent::Unreachable), &failing(TRIAL_AFTER - 1, FIRST));
        assert_eq!(rested.rest_until, Some(after(now(), FIRST)));
        let later = of(&Err(Unsent::Unreachable), &failing(TRIAL_AFTER + 30, FIRST));
        assert_eq!(later.rest_until, Some(after(now(), LONGEST)));
        let end = of(&Err(Unsent::Unreachable), &failing(90, patience().give_up_after));
        assert_eq!((end.disable, end.fate), (Some("failing"), HookFate::Again(now())));
    }

    #[test]
    fn one_event_that_is_never_taken_is_given_up_alone() {
        let old = Health { queued_at: before(patience().give_up_after), ..fresh() };
        let end = of(&answered(500, None), &old);
        assert_eq!((end.fate, end.disable), (HookFate::GivenUp, None));
    }
}
