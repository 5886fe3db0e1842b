//! The portal as the rest of the gateway sees it: ask, hand over, and how it does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use tokio::sync::{OwnedSemaphorePermit, broadcast};
use tokio::time::Instant;

use crate::domain::{FacilityCode, Officer};
use crate::portal::account::Account;
use crate::portal::call::{self, Call, Keys};
use crate::portal::config::{Config, ConfigError};
use crate::portal::passage::{self, Passage, Passed};
use crate::portal::reply::{Heard, hear_passage, hear_question, hear_submission};
use crate::portal::session::Session;
use crate::portal::transport::line::Dial;
use crate::portal::transport::{Reply, Transport, Way};
use crate::portal::weather::{Permit, Station};
use crate::portal::{
    Answered, Fault, Handover, PortalError, Question, RAW_KEPT_MAX, Service, ServiceWeather, Stage, Submission,
    Weather, body_auth, driver_exam, header_auth, query_auth,
};
use crate::system::System;

/// The national portal. A cheap handle: clones share connections, sessions and breakers.
#[derive(Clone)]
pub struct Portal(Arc<Inner>);

struct Inner {
    config: Config,
    transport: Arc<Transport>,
    station: Arc<Station>,
    desks: BTreeMap<FacilityCode, Desk>,
}

/// A facility's account and its session.
struct Desk {
    account: Arc<Account>,
    session: Arc<Session>,
}

/// A place among the calls under way; given back when dropped.
pub struct Place(#[expect(dead_code, reason = "held, not read")] OwnedSemaphorePermit);

/// What came of a call, with what an attempt's record needs.
struct Exchange<T> {
    result: Result<T, PortalError>,
    http_status: Option<u16>,
    content_type: Option<HeaderValue>,
    raw: Bytes,
}

/// Understands an answer of a service.
type Hear<T> = fn(Service, &Reply) -> Result<Heard<T>, Fault>;

impl Portal {
    /// Makes the client; nothing is connected yet. The accounts' facilities must differ.
    pub fn new(config: Config, accounts: Vec<Account>, system: System) -> Result<Self, ConfigError> {
        let transport = Transport::new(&config, None)?;
        Self::with(transport, config, accounts, system)
    }

    /// The same over lines that a simulation plays.
    pub fn over(
        lines: Arc<dyn Dial>,
        config: Config,
        accounts: Vec<Account>,
        system: System,
    ) -> Result<Self, ConfigError> {
        let transport = Transport::new(&config, Some(lines))?;
        Self::with(transport, config, accounts, system)
    }

    fn with(transport: Transport, config: Config, accounts: Vec<Account>, system: System) -> Result<Self, ConfigError> {
        let transport = Arc::new(transport);
        let station = Arc::new(Station::new(config.breaker, config.slow_after, system.clone()));
        let mut desks = BTreeMap::new();
        for account in accounts {
            let facility = account.facility;
            let of_driver_exams = account.driver_exam.iter().map(|(username, _)| username);
            if !of_driver_exams.chain([&account.username]).all(|username| call::is_plain(username)) {
                return Err(ConfigError::Username(facility));
            }
            let account = Arc::new(account);
            let (login_timeout, shared) = (config.login_timeout, Arc::clone(&account));
            let (transport, station) = (Arc::clone(&transport), Arc::clone(&station));
            let session = Session::new(shared, transport, station, system.clone(), login_timeout);
            if desks.insert(facility, Desk { account, session: Arc::new(session) }).is_some() {
                return Err(ConfigError::TwoAccounts(facility));
            }
        }
        Ok(Self(Arc::new(Inner { config, transport, station, desks })))
    }

    /// Asks a question somebody waits for, with the account of its facility. `officer` goes with card lookups and
    /// treatment histories; the co-payment lookup takes none. A service that takes no questions is refused here, before anything leaves.
    pub async fn ask(
        &self,
        service: Service,
        question: &Question,
        officer: Option<&Officer>,
    ) -> Result<Answered, PortalError> {
        self.put(service, question, officer, Way::AtDesk).await
    }

    /// A place for a question that nobody stands before, taken ahead of it: the last places are left to those whom
    /// somebody waits for. `None` if none is free within `patience`.
    pub async fn place_in_bulk(&self, patience: Duration) -> Option<Place> {
        self.0.transport.place_ahead(patience).await.map(Place)
    }

    /// The same as [`ask`](Self::ask) in a place taken ahead, so that whoever joins the question does not wait for one.
    pub async fn ask_in_bulk(
        &self,
        _place: &Place,
        service: Service,
        question: &Question,
        officer: Option<&Officer>,
    ) -> Result<Answered, PortalError> {
        self.put(service, question, officer, Way::Placed).await
    }

    async fn put(
        &self,
        service: Service,
        question: &Question,
        officer: Option<&Officer>,
        way: Way,
    ) -> Result<Answered, PortalError> {
        let desk = self.desk(&question.facility)?;
        let deadline = Instant::now() + self.0.config.question_timeout;
        let make: &(dyn Fn(&Keys<'_>) -> Call + Sync) = match service {
            Service::CardLookup => &|keys| query_auth::card_lookup(keys, question, officer),
            Service::TreatmentHistory => &|keys| query_auth::treatment_history(keys, question, officer),
            Service::Copay => &|keys| header_auth::copay(keys, question),
            _ => return Err(not_tried(Fault::Nonsense("this service takes no questions"))),
        };
        self.converse(desk, service, way, deadline, make, hear_question).await.result
    }

    /// Hands a document over, once. Only after the portal refused the session, and so did not act, is it sent again.
    pub async fn submit(&self, submission: &Submission) -> Handover {
        let exchange = match self.desk(&submission.facility) {
            Ok(desk) => self.hand_over(desk, submission).await,
            Err(error) => Exchange::failed(error),
        };
        let Exchange { result, http_status, raw, .. } = exchange;
        Handover { result, http_status, raw }
    }

    /// Hands a call through with the account of its facility, once: nobody knows whether it may be repeated. Only after
    /// the portal refused the session, and so did not act, is it made again; what it then says is its answer, because it
    /// also says so of a call in which it does not find the credentials.
    pub async fn hand_through(&self, passage: &Passage) -> Result<Passed, PortalError> {
        let desk = self.desk(&passage.facility)?;
        let deadline = Instant::now() + self.0.config.submission_timeout;
        let make = |keys: &Keys<'_>| passage::call(keys, passage);
        let exchange = self.converse(desk, Service::PassThrough, Way::Fresh, deadline, &make, hear_passage).await;
        match (exchange.result, exchange.http_status) {
            (Err(error), Some(http_status)) if error.fault == Fault::SessionRefused => {
                let (content_type, raw) = (exchange.content_type, exchange.raw);
                Ok(Passed { http_status, content_type, code: "401".to_owned(), raw, refused: Some(error) })
            }
            (result, _) => result,
        }
    }

    /// Signs in with a facility's account, or finds that it is signed in: for checks by an operator.
    pub async fn sign_in(&self, facility: &FacilityCode) -> Result<(), PortalError> {
        let deadline = Instant::now() + self.0.config.login_timeout;
        self.desk(facility)?.session.token(deadline).await.map(|_| ())
    }

    /// How every service does, and since when if that changed since the start.
    pub fn weather(&self) -> Vec<ServiceWeather> {
        let mut report = self.0.station.report();
        let login = report.iter().find(|post| post.service == Service::Login).copied();
        if let Some(ServiceWeather { weather: Weather::Down, since, .. }) = login
            && !self.0.desks.values().any(|desk| desk.session.has_token())
        {
            // Nobody can log in and nobody is: what needs a session is down with the login.
            for post in &mut report {
                if post.service != Service::DriverExam && post.weather != Weather::Down {
                    (post.weather, post.since) = (Weather::Down, since);
                }
            }
        }
        report
    }

    /// Whether a call to `service` would be tried now: its breaker is closed or due for a trial, and a login is possible
    /// where one would be needed.
    pub fn ready(&self, service: Service) -> bool {
        let station = &self.0.station;
        station.is_ready(service)
            && (service == Service::DriverExam
                || station.is_ready(Service::Login)
                || self.0.desks.values().any(|desk| desk.session.has_token()))
    }

    /// How many calls to `service` make sense now: none, one as a trial, or as many as there are.
    pub fn room(&self, service: Service) -> u32 {
        match (self.ready(service), self.0.station.weather(service)) {
            (false, _) => 0,
            (true, Weather::Down) => 1,
            (true, Weather::Up | Weather::Slow) => u32::MAX,
        }
    }

    /// Every change of weather from now on. A listener who lags loses the oldest and should read
    /// [`weather`](Self::weather) anew.
    pub fn weather_changes(&self) -> broadcast::Receiver<(Service, Weather)> {
        self.0.station.changes()
    }

    /// The facilities whose account the portal refused at the last login, and with which code: `401` user or password,
    /// `402` facility, `403` locked, `ip` the address we call from.
    pub fn refused_accounts(&self) -> Vec<(FacilityCode, String)> {
        let refused = |(facility, desk): (&FacilityCode, &Desk)| desk.session.refusal().map(|code| (*facility, code));
        self.0.desks.iter().filter_map(refused).collect()
    }

    /// The facilities that have an account, in order.
    pub fn facilities(&self) -> Vec<FacilityCode> {
        self.0.desks.keys().copied().collect()
    }

    /// A facility's session, for tests.
    #[cfg(test)]
    pub(super) fn session(&self, facility: &FacilityCode) -> Arc<Session> {
        Arc::clone(&self.0.desks[facility].session)
    }

    fn desk(&self, facility: &FacilityCode) -> Result<&Desk, PortalError> {
        self.0.desks.get(facility).ok_or_else(|| not_tried(Fault::NoAccount))
    }

    async fn hand_over(&self, desk: &Desk, submission: &Submission) -> Exchange<crate::portal::Answer> {
        let generation = self.0.config.generation;
        let deadline = Instant::now() + self.0.config.submission_timeout;
        // Claims and check-ins are replaced by key and may be repeated; a connection of its own is for all the others.
        let (way, make): (Way, &(dyn Fn(&Keys<'_>) -> Call + Sync)) = match submission.service {
            Service::Checkin => (Way::Pooled, &|keys| header_auth::checkin(keys, submission, generation)),
            Service::Claim => (Way::Pooled, &|keys| header_auth::claim(keys, submission, generation)),
            Service::MedicalAssessment => (Way::Fresh, &|keys| header_auth::medical_assessment(keys, submission)),
            Service::BirthCertificate => (Way::Fresh, &|keys| body_auth::birth_certificate(keys, submission)),
            Service::DeathCertificate => (Way::Fresh, &|keys| body_auth::death_certificate(keys, submission)),
            Service::Voucher => (Way::Fresh, &|keys| body_auth::voucher(keys, submission)),
            Service::DriverExam => {
                return match self.0.station.enter(Service::DriverExam) {
                    Ok(permit) => {
                        let call = driver_exam::driver_exam(&desk.account, submission);
                        self.call_once(permit, Way::Fresh, deadline, call, hear_submission).await
                    }
                    Err(wait) => Exchange::failed(resting(wait)),
                };
            }
            Service::Login
            | Service::CardLookup
            | Service::TreatmentHistory
            | Service::Copay
            | Service::PassThrough => {
                return Exchange::failed(not_tried(Fault::Nonsense("this service takes no documents")));
            }
        };
        self.converse(desk, submission.service, way, deadline, make, hear_submission).await
    }

    /// A call under a session. A refused session is renewed once and the call made again.
    async fn converse<T>(
        &self,
        desk: &Desk,
        service: Service,
        way: Way,
        deadline: Instant,
        make: &(dyn Fn(&Keys<'_>) -> Call + Sync),
        hear: Hear<T>,
    ) -> Exchange<T> {
        let mut tried_again = false;
        loop {
            // Leave comes first: for a service that rests no login is made either.
            let permit = match self.0.station.enter(service) {
                Ok(permit) => permit,
                Err(wait) => return Exchange::failed(resting(wait)),
            };
            let token = match desk.session.token(deadline).await {
                Ok(token) => token,
                Err(error) => return Exchange::failed(error),
            };
            let call = make(&Keys { account: &desk.account, token: &token });
            let exchange = self.call_once(permit, way, deadline, call, hear).await;
            let refused = matches!(&exchange.result, Err(error) if error.fault == Fault::SessionRefused);
            if !refused || tried_again || !desk.session.refuse(&token) {
                return exchange;
            }
            tried_again = true;
        }
    }

    /// One call: there and back, what the answer says, and what that says about the service.
    async fn call_once<T>(
        &self,
        permit: Permit,
        way: Way,
        deadline: Instant,
        call: Call,
        hear: Hear<T>,
    ) -> Exchange<T> {
        let reply = match self.0.transport.send(call, way, deadline).await {
            Ok(reply) => reply,
            Err(failure) => {
                // A full gateway says nothing about the portal.
                if failure.stage != Stage::NotTried {
                    permit.failed();
                }
                return Exchange { http_status: failure.http_status, ..Exchange::failed(failure.into()) };
            }
        };
        let result = match hear(permit.service(), &reply) {
            Ok(Heard::Said(answer)) => {
                permit.succeeded();
                Ok(answer)
            }
            // Neither good nor bad weather: the service lives, but nobody was served.
            Ok(Heard::SessionRefused) => {
                drop(permit);
                Err(PortalError { stage: Stage::Refused, fault: Fault::SessionRefused, retry_after: None })
            }
            Err(fault) => {
                permit.failed();
                Err(PortalError { stage: reply.stage, fault, retry_after: None })
            }
        };
        // A copy, so that the record does not hold on to an answer of megabytes.
        let kept = reply.body.get(..RAW_KEPT_MAX).unwrap_or(&reply.body);
        let raw = Bytes::copy_from_slice(kept);
        Exchange { result, http_status: Some(reply.status.as_u16()), content_type: reply.content_type, raw }
    }
}

impl std::fmt::Debug for Portal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Portal").field("facilities", &self.facilities()).finish_non_exhaustive()
    }
}

impl<T> Exchange<T> {
    fn failed(error: PortalError) -> Self {
        Self { result: Err(error), http_status: None, content_type: None, raw: Bytes::new() }
    }
}

fn not_tried(fault: Fault) -> PortalError {
    PortalError { stage: Stage::NotTried, fault, retry_after: None }
}

fn resting(wait: Duration) -> PortalError {
    PortalError { retry_after: Some(wait), ..not_tried(Fault::BreakerOpen) }
}
