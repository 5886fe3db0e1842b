//! The people at the desks: what they ask, what they are told, and what must hold of it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lienthong::domain::{CardSubject, FacilityCode, NationalId, Officer, PartialDate, PersonName};
use lienthong::lookup::budget::Lane;
use lienthong::lookup::desk::AtDesk;
use lienthong::lookup::provisional::Clues;
use lienthong::lookup::{Ask, Failure, Found, Lookup, LookupError, Purpose, Source};
use lienthong::portal::{Question, Service};
use lienthong::sandbox::{InsuredPerson, Sandbox, default_officers, person_of};
use lienthong::system::{System, until, vietnam};
use tokio::time::Instant;

use crate::chance::Dice;
use crate::world::World;

/// What the budget of a run lets through a minute, and at once.
pub(crate) const QUESTIONS_A_MINUTE: u32 = 60;
pub(crate) const BURST: u32 = 10;
pub(crate) const UNDER_WAY_MAX: usize = 8;

/// The longest a desk may wait: its patience, once more where the first answer was about another officer, the moments
/// for the last known answer and the ticket, and a clock's tick.
const WAITS_MAX: Duration = Duration::from_secs(20 + 20 + 2 + 1 + 1);

/// The people who come again and again.
const REGULARS: usize = 40;

/// Last known answers are given for thirty days.
const LAST_KNOWN_MAX: Duration = Duration::from_secs(30 * 24 * 3600);

/// After so long an answer is surely on a disk that takes what it is given.
const KEPT_WITHIN: Duration = Duration::from_secs(60);

/// What is known of the answers.
#[derive(Default)]
pub(crate) struct Desks {
    seen: u64,
    /// Facilities by the subjects asked for, and when they asked lately.
    facility_of: HashMap<String, FacilityCode>,
    lately: HashMap<FacilityCode, VecDeque<Timestamp>>,
    /// How often the portal was asked about a subject.
    times: HashMap<String, u32>,
    /// The newest answer that anybody was told, by subject and name of the question.
    told: HashMap<(String, bool), Timestamp>,
}

/// Somebody at a desk with somebody's card.
#[derive(Clone)]
struct Visit {
    facility: FacilityCode,
    person: Arc<InsuredPerson>,
    officer: Officer,
    /// The officer is one the portal does not know.
    is_stranger: bool,
    /// The birth date is wrong.
    is_wrong: bool,
    refresh: bool,
    with_history: bool,
}

// === impl Desks ===

impl Desks {
    /// Looks at the questions the portal was asked since: none beyond the budget of its facility.
    pub(crate) fn look(&mut self, portal: &Sandbox, system: &System, lives: usize) -> Result<(), String> {
        let now = system.now();
        for question in portal.questions_after(self.seen) {
            self.seen += 1;
            *self.times.entry(question.subject.clone()).or_default() += 1;
            let facility = self.facility_of.get(&question.subject).copied();
            let facility = facility.ok_or("the portal was asked about somebody whom no desk named")?;
            let lately = self.lately.entry(facility).or_default();
            lately.push_back(now);
            while lately.front().is_some_and(|first| until(*first, now) > Duration::from_secs(60)) {
                lately.pop_front();
            }
            // What had its turn may have waited for a login, as many as may be under way. A new process does not know
            // what the one before had spent.
            let most = QUESTIONS_A_MINUTE as usize + BURST as usize * (1 + lives) + UNDER_WAY_MAX + 1;
            if lately.len() > most {
                return Err(format!("{} questions of {facility} within a minute, {most} allowed", lately.len()));
            }
        }
        Ok(())
    }
}

/// People come as long as the life lasts.
pub(crate) async fn open(world: Arc<Mutex<World>>, lookup: Lookup, facilities: Vec<FacilityCode>, mut dice: Dice) {
    loop {
        tokio::time::sleep(dice.wait(Duration::from_secs(150))).await;
        match dice.below(45) {
            // Many desks with one card at once.
            0 => {
                let visit = Visit { with_history: false, ..newcomer(&facilities, &mut dice) };
                tokio::spawn(rush(world.clone(), lookup.clone(), visit, 2 + dice.below(12)));
            }
            // The door opens.
            1 => {
                for _ in 0..10 + dice.below(290) {
                    let is_known = dice.chance(0.5);
                    let visit =
                        if is_known { regular(&facilities, &mut dice) } else { newcomer(&facilities, &mut dice) };
                    tokio::spawn(visited(world.clone(), lookup.clone(), visit));
                }
            }
            2..=10 => drop(tokio::spawn(visited(world.clone(), lookup.clone(), newcomer(&facilities, &mut dice)))),
            _ => drop(tokio::spawn(visited(world.clone(), lookup.clone(), regular(&facilities, &mut dice)))),
        }
    }
}

/// Equal questions at one instant: all are answered by one.
async fn rush(world: Arc<Mutex<World>>, lookup: Lookup, visit: Visit, desks: usize) {
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..desks {
        all.spawn(visited(world.clone(), lookup.clone(), visit.clone()));
    }
    while all.join_next().await.is_some() {}
    let subject = visit.person.national_id.as_str();
    let mut world = world.lock().unwrap();
    let times = world.desks.times.get(subject).copied().unwrap_or(0);
    if times > 1 {
        world.fail(format!("{desks} desks with one question cost the portal {times}"));
    }
}

async fn visited(world: Arc<Mutex<World>>, lookup: Lookup, visit: Visit) {
    let ask = visit.ask(&lookup);
    let (started, began) = {
        let mut world = world.lock().unwrap();
        let subject = ask.question.subject.as_str().to_owned();
        world.desks.facility_of.insert(subject, visit.facility);
        (Instant::now(), world.system.now())
    };
    let purpose = Purpose { with_history: visit.with_history, ..Purpose::default() };
    let told = lookup.at_desk("key_sim", ask, purpose, Clues::default()).await;
    let took = started.elapsed();
    let mut world = world.lock().unwrap();
    world.look();
    world.trace.lookups += 1;
    let now = world.system.now();
    let (word, checked) = match &told {
        Ok(AtDesk::Answered(found, ticket)) => {
            let word = match found.found.source {
                Source::Portal => "portal",
                Source::Cache { .. } => "cache",
                Source::LastKnown { .. } => "last known",
            };
            (word, visit.answered(&mut world, &found.found, ticket.is_some(), began, now))
        }
        Ok(AtDesk::Provisional(provisional)) => {
            let ticket = provisional.ticket.is_some();
            (
                "provisional",
                visit.known_by_nobody(&world, now).and_then(|()| visit.checked_ticket(&world, ticket, began)),
            )
        }
        Err(LookupError::NoAnswer(why)) => ("none", Err(format!("a desk was told nothing at all: {why}"))),
        Err(error) => ("refused", Err(format!("a question was refused: {error}"))),
    };
    world.trace.event(now, format_args!("desk of {} told {word} after {took:?}", visit.facility));
    if let Err(text) = checked {
        world.fail(text);
    }
    if took > WAITS_MAX {
        world.fail(format!("a desk waited {took:?}"));
    }
}

// === impl Visit ===

impl Visit {
    fn ask(&self, lookup: &Lookup) -> Ask {
        let birth = match self.is_wrong {
            true => PartialDate::parse("01/01/1931").unwrap(),
            false => self.person.birth_date,
        };
        Ask {
            service: Service::CardLookup,
            question: Question {
                facility: self.facility,
                subject: CardSubject::NationalId(self.person.national_id),
                name: PersonName::parse(&self.person.name).unwrap(),
                birth,
            },
            officer: Some(self.officer.clone()),
            refresh: self.refresh,
            stale_max: None,
            lane: Lane::Interactive,
            asked_by: lookup.trail_of("key_sim", "req_sim"),
        }
    }

    /// An answer was told: the right one, as old as it says, and none older than what was told before.
    fn answered(
        &self,
        world: &mut World,
        found: &Found,
        ticket: bool,
        began: Timestamp,
        now: Timestamp,
    ) -> Result<(), String> {
        let (code, at) = (&*found.code, found.answered_at);
        let right = if self.is_wrong { "070" } else { self.person.code.as_str() };
        if code != right && !(self.is_stranger && code == "054") {
            return Err(format!("code {code} was told where the portal says {right}"));
        }
        if at > now {
            return Err("an answer of the future was told".to_owned());
        }
        let key = (self.person.national_id.as_str().to_owned(), self.is_wrong);
        let before = world.desks.told.get(&key).copied();
        match &found.source {
            Source::Portal if at < began => return Err(format!("an answer of {at} was told as new at {began}")),
            Source::Cache { fresh_for } => {
                let is_of_today = vietnam(at).date() == vietnam(now).date();
                if fresh_for.is_zero() || !is_of_today || until(at, now) > Duration::from_secs(12 * 3600) {
                    return Err(format!("an answer of {at} was told as fresh at {now}"));
                }
            }
            Source::LastKnown { why, .. } => {
                if let Some(before) = before
                    // The disk keeps milliseconds.
                    && until(at, before) >= Duration::from_millis(1)
                    && until(before, now) > KEPT_WITHIN
                    && world.disturbances(before, KEPT_WITHIN) == 0
                {
                    return Err(format!("an answer of {at} was told though one of {before} was kept"));
                }
                if matches!(why, Failure::TooMany) {
                    return Err("a question ended without an outcome".to_owned());
                }
                self.checked_ticket(world, ticket, began)?;
            }
            Source::Portal => {}
        }
        // Codes about the officer are kept by nobody.
        if code != "054" && before.is_none_or(|before| before < at) {
            world.desks.told.insert(key, at);
        }
        Ok(())
    }

    /// Only who was never answered for is told nothing of the portal's.
    fn known_by_nobody(&self, world: &World, now: Timestamp) -> Result<(), String> {
        let key = (self.person.national_id.as_str().to_owned(), self.is_wrong);
        match world.desks.told.get(&key) {
            Some(before)
                if (KEPT_WITHIN..LAST_KNOWN_MAX).contains(&until(*before, now))
                    && world.disturbances(*before, KEPT_WITHIN) == 0 =>
            {
                Err(format!("nothing was told though the answer of {before} was kept"))
            }
            _ => Ok(()),
        }
    }

    /// Whoever is told less gets a ticket, unless the disk had its troubles.
    fn checked_ticket(&self, world: &World, ticket: bool, began: Timestamp) -> Result<(), String> {
        let recently = began.checked_sub(SignedDuration::from_secs(60)).unwrap();
        if ticket || world.disturbances(recently, Duration::MAX) > 0 || world.disk_is_slow {
            return Ok(());
        }
        Err("a desk was told less than the portal's word and got no ticket".to_owned())
    }
}

fn regular(facilities: &[FacilityCode], dice: &mut Dice) -> Visit {
    let number = dice.below(REGULARS);
    let id = format!("0011850{:05}", 100 + number);
    let visit = visit(&id, facilities[number % facilities.len()], dice);
    Visit { is_wrong: dice.chance(0.05), ..visit }
}

/// Somebody who was never here before.
fn newcomer(facilities: &[FacilityCode], dice: &mut Dice) -> Visit {
    let id = format!("0791{:02}0{:05}", 60 + dice.below(40), dice.below(100_000));
    let facility = facilities[usize::from(id.as_bytes()[11]) % facilities.len()];
    visit(&id, facility, dice)
}

fn visit(id: &str, facility: FacilityCode, dice: &mut Dice) -> Visit {
    // Whoever the portal answers with a fault of its own has no answer to compare with.
    let mut person = person_of(&NationalId::parse(id).unwrap());
    let mut number: u64 = id.parse().unwrap();
    while matches!(person.code.as_str(), "100" | "101" | "500") {
        number += 1;
        person = person_of(&NationalId::parse(&format!("{number:012}")).unwrap());
    }
    let is_stranger = dice.chance(0.03);
    let mut officer = default_officers().swap_remove(dice.below(2));
    if is_stranger {
        officer.national_id = NationalId::parse("001181099999").unwrap();
    }
    Visit {
        facility,
        person: Arc::new(person),
        officer,
        is_stranger,
        is_wrong: false,
        refresh: dice.chance(0.1),
        with_history: dice.chance(0.2),
    }
}
