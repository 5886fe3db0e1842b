//! Signing in: one login an account, shared by all callers (`portal-api.md`, section 1).
//!
//! A token is renewed before its end while callers go on using it; only close to the end do they wait, all for the same
//! login. A login runs in a task of its own, so that a caller who gives up takes it from nobody. Refused logins are
//! remembered, because an account that is knocked at too often with a wrong password gets locked.

mod token;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::portal::account::Account;
use crate::portal::call::{self, Call};
use crate::portal::reply::Envelope;
use crate::portal::transport::{Reply, Shared, Way};
use crate::portal::weather::Station;
use crate::portal::{Fault, PortalError, Service, Stage};
use crate::system::System;

pub(super) use self::token::Token;
use self::token::{Decision, State};

/// How long the portal's "no" to a login is believed without asking again: a person has to mend it anyway.
const REFUSAL_KEPT: Duration = Duration::from_secs(60);

/// How long any other failure of a login is believed, give or take a quarter: callers in a queue must not each wait for
/// a time-out of their own.
const FAILURE_KEPT: Duration = Duration::from_secs(2);

/// A token taken because the one before was refused, and itself refused within this time, is not at fault: the account
/// lacks the right. Without this each call without a right would cost a login.
const RENEWED_JUST_NOW: Duration = Duration::from_secs(10);

/// Longest token taken: real ones are under 300 characters, and the query that holds one stays far below 8 KiB.
const TOKEN_BYTES_MAX: usize = 4096;

/// The session of one account.
pub(super) struct Session {
    account: Arc<Account>,
    transport: Shared,
    station: Arc<Station>,
    system: System,
    login_timeout: Duration,
    state: Mutex<State>,
    /// Told whenever a renewal ends, well or badly. All who wait hear of it in the order in which they came.
    renewed: Notify,
}

impl Session {
    pub(super) fn new(
        account: Arc<Account>,
        transport: Shared,
        station: Arc<Station>,
        system: System,
        login_timeout: Duration,
    ) -> Self {
        let (state, renewed) = (Mutex::default(), Notify::new());
        Self { account, transport, station, system, login_timeout, state, renewed }
    }

    /// A token to use now. Fails at [`Stage::NotConnected`] or [`Stage::NotTried`]: whatever befalls a login, the call
    /// it was for has not left.
    pub(super) async fn token(self: &Arc<Self>, deadline: Instant) -> Result<Arc<Token>, PortalError> {
        loop {
            // Registered before looking, so that a renewal that ends in between is not missed.
            let renewed = self.renewed.notified();
            match self.decide() {
                Decision::Use(token) | Decision::UseAndRenew(token) => return Ok(token),
                Decision::Fail(error) => return Err(error),
                Decision::Renew | Decision::Join => {}
            }
            if timeout_at(deadline, renewed).await.is_err() {
                return Err(PortalError { stage: Stage::NotTried, fault: Fault::TimedOut, retry_after: None });
            }
        }
    }

    /// Takes note that the portal refused a token. Tells whether the call is worth another try with a new one.
    pub(super) fn refuse(&self, refused: &Token) -> bool {
        let mut state = self.lock();
        let Some(present) = state.token.as_ref().filter(|token| token.generation == refused.generation) else {
            // Another caller saw to it already.
            return true;
        };
        if present.follows_refusal && present.taken.elapsed() < RENEWED_JUST_NOW {
            return false;
        }
        state.token = None;
        state.refused = true;
        true
    }

    /// Whether a call could be made without a login.
    pub(super) fn has_token(&self) -> bool {
        self.lock().token.as_ref().is_some_and(|token| Instant::now() < token.hard_end)
    }

    /// With which code the portal refused the last login, if it did and none has succeeded since: `401` user or password,
    /// `402` facility, `403` locked, `ip` the address we call from.
    pub(super) fn refusal(&self) -> Option<String> {
        match &self.lock().failed.as_ref()?.0.fault {
            Fault::LoginRefused(code) if matches!(code.as_str(), "401" | "402" | "403") => Some(code.clone()),
            Fault::SessionRefused => Some("ip".to_owned()),
            _ => None,
        }
    }

    /// Looks what a caller is to do, and starts the one renewal where one is due.
    fn decide(self: &Arc<Self>) -> Decision {
        let decision = {
            let mut state = self.lock();
            let decision = state.decide(Instant::now());
            state.renewing |= matches!(decision, Decision::Renew | Decision::UseAndRenew(_));
            decision
        };
        // Spawned without the lock: a runtime that is ending drops the task at once, and that takes the lock.
        if matches!(decision, Decision::Renew | Decision::UseAndRenew(_)) {
            let renewal = Renewal { session: Arc::clone(self), outcome: None };
            tokio::spawn(renewal.run());
        }
        decision
    }

    async fn sign_in(&self) -> Result<Token, PortalError> {
        let not_tried = |fault| PortalError { stage: Stage::NotTried, fault, retry_after: None };
        let permit = self
            .station
            .enter(Service::Login)
            .map_err(|wait| PortalError { retry_after: Some(wait), ..not_tried(Fault::BreakerOpen) })?;
        let fields = [("username", self.account.username.as_str()), ("password", self.account.password.md5())];
        let asked = Instant::now();
        let call = Call::form("/api/token/take", &fields);
        let reply = match self.transport.send(call, Way::SignIn, asked + self.login_timeout).await {
            Ok(reply) => reply,
            Err(failure) => {
                permit.failed();
                let stage = if failure.stage == Stage::NotConnected { Stage::NotConnected } else { Stage::NotTried };
                return Err(PortalError { stage, ..failure.into() });
            }
        };
        let outcome = read(&reply, asked);
        match &outcome {
            // A system error is an answer, but no service.
            Err(Fault::LoginRefused(code)) if code == "500" => permit.failed(),
            // Whether it lets us in or not, it answers.
            Ok(_) | Err(Fault::LoginRefused(_) | Fault::SessionRefused) => permit.succeeded(),
            Err(_) => permit.failed(),
        }
        outcome.map_err(not_tried)
    }

    fn settle(&self, outcome: Result<Token, PortalError>) {
        {
            let mut state = self.lock();
            state.renewing = false;
            match outcome {
                Ok(mut token) => {
                    state.generation += 1;
                    token.generation = state.generation;
                    token.follows_refusal = std::mem::take(&mut state.refused);
                    state.token = Some(Arc::new(token));
                    state.failed = None;
                }
                Err(error) => {
                    let kept = match &error.fault {
                        Fault::LoginRefused(code) if matches!(code.as_str(), "401" | "402" | "403") => REFUSAL_KEPT,
                        // Until the breaker is due for a trial there is nothing to try.
                        Fault::BreakerOpen => error.retry_after.unwrap_or(FAILURE_KEPT),
                        _ => FAILURE_KEPT.mul_f64(0.75 + 0.5 * self.system.chance()),
                    };
                    state.failed = Some((error, Instant::now() + kept));
                }
            }
        }
        self.renewed.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the token in hand due for renewal now and unfit for use after `left`, for tests.
    #[cfg(test)]
    pub(super) fn shorten(&self, left: Duration) {
        let mut state = self.lock();
        if let Some(token) = state.token.as_mut().and_then(Arc::get_mut) {
            token.soft_end = Instant::now();
            token.hard_end = Instant::now() + left;
        }
    }
}

/// A renewal under way; it ends for all who wait even if its task dies.
struct Renewal {
    session: Arc<Session>,
    outcome: Option<Result<Token, PortalError>>,
}

impl Renewal {
    async fn run(mut self) {
        self.outcome = Some(self.session.sign_in().await);
    }
}

impl Drop for Renewal {
    fn drop(&mut self) {
        let died = || Err(PortalError { stage: Stage::NotTried, fault: Fault::Broken, retry_after: None });
        let outcome = self.outcome.take().unwrap_or_else(died);
        self.session.settle(outcome);
    }
}

/// Reads the answer of `token/take` (`portal-api.md`, sections 1.2 and 1.3).
fn read(reply: &Reply, asked: Instant) -> Result<Token, Fault> {
    let envelope = match Envelope::read(&reply.body) {
        Ok(envelope) => envelope,
        // A firewall in front that does not know our address answers so, in a page of its own.
        Err(_) if matches!(reply.status.as_u16(), 401 | 403) => return Err(Fault::SessionRefused),
        Err(_) if reply.status.is_server_error() => return Err(Fault::HttpStatus(reply.status.as_u16())),
        Err(fault) => return Err(fault),
    };
    if envelope.code != "200" {
        return Err(Fault::LoginRefused(envelope.code));
    }
    let keys = envelope.object("APIKey").ok_or(Fault::Nonsense("a login without its keys"))?;
    let (access, id) = (keys.text("access_token"), keys.text("id_token"));
    let fit = |text: &str| call::is_plain(text) && text.len() <= TOKEN_BYTES_MAX;
    if !fit(&access) || !fit(&id) {
        return Err(Fault::Nonsense("a login without its keys"));
    }
    let life = token::life(&keys.text("expires_in"), reply.date.as_deref());
    Ok(Token::new(access, id, asked, life))
}
