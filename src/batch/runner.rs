//! Works lists off: takes rows that are due, facility by facility in turn, asks them behind the people at the desks, and
//! writes down what came. While the portal's card lookup rests, so does this.

mod desks;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;

use self::desks::{Desks, Job, Key, List};
use crate::batch::judge::{Judgement, judge, stops};
use crate::batch::row::{Details, Question, Signs};
use crate::batch::{Batches, KEPT, OPEN_AFTER_START_MAX, OVERDUE, answer};
use crate::lookup::budget::Lane;
use crate::lookup::code::Conclusion;
use crate::lookup::{Ask, CardFound, LookupError, Purpose};
use crate::portal::{self, Service};
use crate::store::StoreError;
use crate::store::batches::{BatchOrder, BatchRefused, RowOutcome};
use crate::system::stop::Stopper;
use crate::system::{after, until};

/// How often old lists are looked for.
const KEEP_HOUSE_EVERY: Duration = Duration::from_secs(600);

/// How long a list may be in the making: its request has ended long before.
const MAKING_MAX: Duration = Duration::from_secs(3_600);

/// How long nothing is begun after the store failed: rows would be asked whose answers cannot be kept.
const REST_OF_STORE: Duration = Duration::from_secs(5);

/// Rows read ahead for a facility, in so many times the places it has: reading them one by one would cost more than
/// asking them.
const READ_AHEAD: usize = 4;

/// What a look at the store leaves to wait for.
struct Look {
    /// The longest wait before the next one.
    wait: Duration,
}

impl Batches {
    /// Works lists off until told to stop, then waits for the rows that have been asked already; those that wait for
    /// their turn are given up, and asked after the next start.
    pub async fn run(self, stopper: Stopper) {
        let parts = &self.0;
        let places = parts.config.under_way_per_facility_max.min(parts.config.under_way_max);
        let mut desks = Desks::new(places.max(1));
        let mut under_way: JoinSet<Result<(), StoreError>> = JoinSet::new();
        let mut keys: HashMap<Id, Key> = HashMap::new();
        let (mut rest_until, mut house_at) = (Instant::now(), Instant::now());

        while !stopper.is_stopping() {
            if Instant::now() >= house_at {
                self.keep_house().await;
                house_at = Instant::now() + KEEP_HOUSE_EVERY;
            }
            let look = match self.look(&mut desks).await {
                Ok(look) => look,
                Err(error) => {
                    tracing::error!(%error, "lists could not be looked at");
                    rest_until = Instant::now() + REST_OF_STORE;
                    Look { wait: REST_OF_STORE }
                }
            };
            if Instant::now() >= rest_until {
                self.begin(&mut desks, &mut under_way, &mut keys);
            }

            tokio::select! {
                () = stopper.stopping() => {}
                () = parts.wake.notified() => desks.look_again(),
                () = tokio::time::sleep(look.wait) => desks.look_again(),
                Some(ended) = under_way.join_next_with_id() => {
                    let mut ended = Some(ended);
                    while let Some(one) = ended {
                        if let Err(error) = self.end(one, &mut desks, &mut keys).await {
                            tracing::error!(%error, "what came of a row could not be kept; it will be asked again");
                            rest_until = Instant::now() + REST_OF_STORE;
                        }
                        ended = under_way.try_join_next_with_id();
                    }
                }
            }
        }

        parts.lookup.end_lists();
        tokio::select! {
            () = async { while under_way.join_next().await.is_some() {} } => {}
            // What is dropped here is asked again after the next start.
            () = stopper.letting_go() => {}
        }
    }

    /// Brings the desks into line with the store: lists that start, lists that were paused, rows that are due.
    async fn look(&self, desks: &mut Desks) -> Result<Look, StoreError> {
        let parts = &self.0;
        if !desks.wants_look() {
            return Ok(Look { wait: parts.config.look_every });
        }
        let now = parts.system.now();
        let (mut running, mut next_start) = parts.store.running_batches().await?;
        if next_start.is_some_and(|start| start <= now) {
            parts.store.begin_batches().await?;
            (running, next_start) = parts.store.running_batches().await?;
        }
        let lists = running.into_iter().filter_map(|batch| {
            // What cannot be read back was written by no version of the gateway; its rows wait for one that can.
            let details = Details::from_json(&batch.details_json)?;
            Some(Arc::new(List { batch, details }))
        });
        desks.keep_only(lists.collect());
        if parts.portal.room(Service::CardLookup) > 0 {
            for (list, most) in desks.wanting(READ_AHEAD) {
                let most = u32::try_from(most).unwrap_or(u32::MAX);
                let rows = parts.store.due_rows(&list.batch, now, most).await?;
                desks.add(&list, rows);
            }
            desks.looked();
        }
        let wait = next_start.map_or(Duration::MAX, |start| until(now, start));
        Ok(Look { wait: wait.clamp(Duration::from_millis(10), parts.config.look_every) })
    }

    /// Begins as many rows as there are places, a facility at a time in turn. While the portal is due for a trial, one row
    /// is the trial.
    fn begin(&self, desks: &mut Desks, under_way: &mut JoinSet<Result<(), StoreError>>, keys: &mut HashMap<Id, Key>) {
        let parts = &self.0;
        let room = usize::try_from(parts.portal.room(Service::CardLookup)).unwrap_or(usize::MAX);
        while under_way.len() < parts.config.under_way_max.max(1).min(room) {
            let Some(job) = desks.next() else { return };
            let (batches, key) = (self.clone(), job.key());
            let handle = under_way.spawn(async move { batches.ask(job).await });
            keys.insert(handle.id(), key);
        }
    }

    /// Gives the place of a row back.
    async fn end(
        &self,
        ended: Result<(Id, Result<(), StoreError>), JoinError>,
        desks: &mut Desks,
        keys: &mut HashMap<Id, Key>,
    ) -> Result<(), StoreError> {
        match ended {
            Ok((id, outcome)) => {
                if let Some(key) = keys.remove(&id) {
                    desks.ended(&key);
                }
                outcome
            }
            Err(error) => {
                tracing::error!(panicked = error.is_panic(), "asking a row broke off");
                let Some(key) = keys.remove(&error.id()) else { return Ok(()) };
                let list = desks.ended(&key);
                // Our own fault: asked again, it would break off again.
                let outcome = RowOutcome::Failed { code: "gateway.fault" };
                match list {
                    Some(list) => self.0.store.settle_row(&list.batch, key.number, outcome).await.map(drop),
                    None => Ok(()),
                }
            }
        }
    }

    /// One row, from the question to the disk.
    async fn ask(&self, job: Job) -> Result<(), StoreError> {
        let parts = &self.0;
        let Job { list, row } = job;
        let Some(question) = Question::from_json(&row.question_json) else {
            return self.settle(&list, row.number, RowOutcome::Failed { code: "gateway.fault" }).await;
        };
        let facility = list.batch.facility;
        let visit = question.visit.or(list.details.visit);
        let Question { subject, name, birth, .. } = question;
        let ask = Ask {
            service: Service::CardLookup,
            question: portal::Question { facility, subject, name, birth },
            officer: match &list.details.signs {
                Signs::Default => parts.officers.default_of(&facility).map(|signer| signer.officer),
                Signs::StaffId(staff_id) => {
                    parts.officers.by_staff_id(&facility, staff_id).map(|signer| signer.officer)
                }
                Signs::Officer(officer) => Some(officer.clone()),
            },
            refresh: false,
            // An old answer is no answer to a list: it can wait for a new one.
            stale_max: Some(Duration::ZERO),
            lane: Lane::Bulk,
            asked_by: parts.lookup.trail_of(&list.batch.client, &list.batch.id),
        };
        match parts.lookup.card(ask, Purpose { visit, ..Purpose::default() }).await {
            Ok(found) => self.answered(&list, row.number, &found).await,
            Err(error) => self.unanswered(&list, row.number, row.tries + 1, &error).await,
        }
    }

    async fn answered(&self, list: &List, number: u32, found: &CardFound) -> Result<(), StoreError> {
        let code = found.found.code.to_string();
        let conclusion: Conclusion = found.verdict.conclusion;
        if let Some(reason) = stops(conclusion, &code) {
            return self.stop(list, reason).await;
        }
        let answer_json = answer::to_json(found);
        self.settle(list, number, RowOutcome::Answered { conclusion: conclusion.name(), code, answer_json }).await
    }

    async fn unanswered(&self, list: &List, number: u32, tries: u32, error: &LookupError) -> Result<(), StoreError> {
        let parts = &self.0;
        let is_away = parts.portal.room(Service::CardLookup) < u32::MAX;
        let outcome = match judge(error, tries, is_away, &parts.config.backoff) {
            Judgement::Stop(reason) => return self.stop(list, reason).await,
            Judgement::Failed(code) => RowOutcome::Failed { code },
            Judgement::Later { wait, counted, code } => {
                let tries = if counted { tries } else { tries - 1 };
                RowOutcome::Later { at: after(parts.system.now(), wait), tries, code }
            }
        };
        self.settle(list, number, outcome).await
    }

    async fn settle(&self, list: &List, number: u32, outcome: RowOutcome) -> Result<(), StoreError> {
        let parts = &self.0;
        let told = match &outcome {
            RowOutcome::Answered { conclusion, .. } => conclusion,
            RowOutcome::Failed { .. } => "failed",
            RowOutcome::Later { .. } => "later",
        };
        let is_over = parts.store.settle_row(&list.batch, number, outcome).await?;
        parts.metrics.row(told);
        if is_over {
            tracing::info!(batch = list.batch.id, "a list is done");
        }
        Ok(())
    }

    /// Pauses a list whose every further row would fail alike.
    async fn stop(&self, list: &List, reason: &'static str) -> Result<(), StoreError> {
        tracing::error!(batch = list.batch.id, facility = %list.batch.facility, reason, "a list stops: every row would fail alike");
        match self.0.store.order_batch(&list.batch.id, BatchOrder::Pause(reason)).await {
            Ok(_) | Err(BatchRefused::NotFound | BatchRefused::Ended(_)) => {
                self.0.wake.notify_one();
                Ok(())
            }
            Err(BatchRefused::Store(error)) => Err(error),
        }
    }

    /// Forgets what is old, and ends what should have ended long ago.
    async fn keep_house(&self) {
        let parts = &self.0;
        let now = parts.system.now();
        let before = |span: Duration| now.checked_sub(span).unwrap_or(jiff::Timestamp::MIN);
        let kept_house = async {
            while let Some(id) = parts.store.overdue_batch(before(OPEN_AFTER_START_MAX)).await? {
                if let Err(error) = parts.store.order_batch(&id, BatchOrder::Cancel(OVERDUE)).await {
                    tracing::error!(%error, batch = id, "a list that is long overdue could not be ended");
                    break;
                }
                tracing::warn!(batch = id, "a list was open for too long and is ended");
            }
            // What was in the making when this process began is nobody's any more; what came since may be under way.
            parts.store.forget_batches(before(KEPT), before(MAKING_MAX).max(parts.began_at)).await
        };
        match kept_house.await {
            Ok(0) => {}
            Ok(forgotten) => tracing::info!(forgotten, "old lists were forgotten"),
            Err(error) => tracing::error!(%error, "old lists could not be forgotten"),
        }
    }
}
