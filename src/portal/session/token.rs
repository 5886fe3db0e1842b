//! A session of the portal in hand: its keys, how long it lives, and what a caller finds.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::portal::PortalError;

/// The portal's default life of a session, and the longest ever believed (`portal-api.md`, section 1.4).
const LIFE_MAX: Duration = Duration::from_secs(600);

/// Shorter lives are taken for a mistake of some clock: believing them would mean a login for every call, and a token
/// that ends early after all is renewed when it is refused.
const LIFE_MIN: Duration = Duration::from_secs(30);

/// Before its end by this much a token is renewed while it is still used: the calls of a minute and a half find time
/// for one login of 20 s..
const SOFT_MARGIN: Duration = Duration::from_secs(90);

/// Before its end by this much a token is used no more: a call that starts now may reach the portal this much later.
const HARD_MARGIN: Duration = Duration::from_secs(20);

/// A session in hand. Its texts open the portal, so they are wiped when dropped and `Debug` hides them.
pub(crate) struct Token {
    access: Zeroizing<String>,
    id: Zeroizing<String>,
    /// Which token of the account this is, counted from 1.
    pub(super) generation: u64,
    /// Whether the one before it was refused by the portal.
    pub(super) follows_refusal: bool,
    pub(super) taken: Instant,
    /// From here on it is renewed.
    pub(super) soft_end: Instant,
    /// From here on it is not used.
    pub(super) hard_end: Instant,
}

/// What an account's session holds at a time.
#[derive(Default)]
pub(super) struct State {
    pub(super) token: Option<Arc<Token>>,
    /// The last failed login, and until when it is remembered.
    pub(super) failed: Option<(PortalError, Instant)>,
    pub(super) renewing: bool,
    /// Whether the next token follows a refusal.
    pub(super) refused: bool,
    pub(super) generation: u64,
}

/// What a caller who wants a token is to do.
#[derive(Debug)]
pub(super) enum Decision {
    /// Use this one.
    Use(Arc<Token>),
    /// Use this one, and start a renewal that nobody waits for.
    UseAndRenew(Arc<Token>),
    /// Start a renewal and wait for it.
    Renew,
    /// Wait for the renewal that is under way.
    Join,
    /// A login failed just now; try again after this long.
    Fail(PortalError),
}

impl Token {
    /// A token asked for at `asked`, which lives for `life` from then on.
    pub(super) fn new(access: String, id: String, asked: Instant, life: Duration) -> Self {
        let end = asked + life;
        Self {
            access: Zeroizing::new(access),
            id: Zeroizing::new(id),
            generation: 0,
            follows_refusal: false,
            taken: asked,
            soft_end: end - SOFT_MARGIN.min(life / 2),
            hard_end: end - HARD_MARGIN.min(life / 4),
        }
    }

    /// `access_token`.
    pub(crate) fn access(&self) -> &str {
        &self.access
    }

    /// `id_token`.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token").field("generation", &self.generation).finish_non_exhaustive()
    }
}

impl State {
    pub(super) fn decide(&self, now: Instant) -> Decision {
        let failed = self.failed.as_ref().filter(|(_, until)| now < *until);
        if let Some(token) = self.token.as_ref().filter(|token| now < token.hard_end) {
            let due = now >= token.soft_end && !self.renewing && failed.is_none();
            return if due { Decision::UseAndRenew(Arc::clone(token)) } else { Decision::Use(Arc::clone(token)) };
        }
        match failed {
            _ if self.renewing => Decision::Join,
            Some((error, until)) => Decision::Fail(PortalError { retry_after: Some(*until - now), ..error.clone() }),
            None => Decision::Renew,
        }
    }
}

/// How long a token lives: from the portal's clock (`Date`) until its end (`expires_in`, an instant and not seconds), so
/// that our own clock need not be right.
pub(super) fn life(expires_in: &str, date: Option<&str>) -> Duration {
    static PARSER: DateTimeParser = DateTimeParser::new();
    let end: Option<Timestamp> = expires_in.trim().parse().ok();
    let start = date.and_then(|date| PARSER.parse_timestamp(date.trim()).ok());
    let life = end.zip(start).and_then(|(end, start)| Duration::try_from(end.duration_since(start)).ok());
    life.filter(|life| *life >= LIFE_MIN).unwrap_or(LIFE_MAX).min(LIFE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::portal::{Fault, Stage};

    #[test]
    fn life_is_measured_on_the_portals_clock() {
        let date = Some("Mon, 27 Jul 2026 01:27:07 GMT");
        assert_eq!(life("2026-07-27T01:37:07.0000000Z", date), Duration::from_secs(600));
        assert_eq!(life("2026-07-27T01:32:07.5Z", date), Duration::from_millis(300_500));
        for (expires_in, date, why) in [
            ("2026-07-27T09:37:07Z", date, "far too long"),
            ("2026-07-27T01:27:08Z", date, "no life at all"),
            ("2025-07-27T01:27:08Z", date, "over before it began"),
            ("600", date, "no instant"),
            ("", date, "nothing"),
            ("2026-07-27T01:32:07Z", None, "no clock"),
            ("2026-07-27T01:32:07Z", Some("yesterday"), "a broken clock"),
        ] {
            assert_eq!(life(expires_in, date), LIFE_MAX, "{why}");
        }
    }

    #[test]
    fn a_token_is_used_then_renewed_aside_then_waited_for() {
        let now = Instant::now();
        let token = Token::new("a".to_owned(), "b".to_owned(), now, LIFE_MAX);
        let mut state = State { token: Some(Arc::new(token)), ..State::default() };
        let at = |seconds| now + Duration::from_secs(seconds);
        assert!(matches!(state.decide(at(509)), Decision::Use(_)));
        assert!(matches!(state.decide(at(511)), Decision::UseAndRenew(_)));
        assert!(matches!(state.decide(at(581)), Decision::Renew));
        state.renewing = true;
        assert!(matches!(state.decide(at(511)), Decision::Use(_)));
        assert!(matches!(state.decide(at(581)), Decision::Join));
    }

    #[test]
    fn short_lives_leave_time_to_use_the_token() {
        let now = Instant::now();
        let token = Token::new("a".to_owned(), "b".to_owned(), now, LIFE_MIN);
        assert!(token.soft_end > now + Duration::from_secs(10) && token.hard_end > token.soft_end);
    }

    #[test]
    fn a_failed_login_is_remembered_for_a_while() {
        let now = Instant::now();
        let refused =
            PortalError { stage: Stage::NotTried, fault: Fault::LoginRefused("401".to_owned()), retry_after: None };
        let minute = Duration::from_secs(60);
        let state = State { failed: Some((refused, now + minute)), ..State::default() };
        let Decision::Fail(error) = state.decide(now + minute / 2) else { panic!("not remembered") };
        assert_eq!(error.retry_after, Some(minute / 2));
        assert!(matches!(state.decide(now + minute), Decision::Renew));
    }
}
