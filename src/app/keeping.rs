//! What goes on in the background with what is kept: forgetting it in time, and watching the disk it is kept on.

use std::path::PathBuf;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::config::{Config, Retention};
use crate::document::kind::KINDS;
use crate::domain::{DeliveryState, End};
use crate::store::retention::{Due, SpaceSample};
use crate::store::space::{self, Room};
use crate::store::{DATABASE_FILE, Store, StoreError};
use crate::system::System;
use crate::system::stop::Stopper;
use crate::telemetry::KeepingMetrics;

/// Forgets what is due and watches the disk.
#[derive(Clone)]
pub(super) struct Keeper {
    store: Store,
    system: System,
    metrics: KeepingMetrics,
    retention: Retention,
    folder: PathBuf,
    size_bytes_max: Option<u64>,
}

/// How often what is due is looked for. Spans are days, so a quarter of an hour is soon enough and costs some fifty looks
/// into an index.
const FORGET_EVERY: Duration = Duration::from_secs(900);

/// Rests between two steps of forgetting, so that documents that come meanwhile have the writer: 32 documents each tenth of
/// a second are more than any hospital submits.
const REST: Duration = Duration::from_millis(100);

/// How often the disk is looked at. At the fastest intake measured, half a gibibyte of floor lasts longer than this.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How far samples of the room are apart.
const SAMPLE_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// How many of the last samples must be of the last two days before anything is forgotten. A machine that starts with a
/// wrong date has its clock put right within minutes; what was forgotten in them would be gone.
const SAMPLES_TO_BELIEVE: usize = 8;
const SAMPLES_SINCE: SignedDuration = SignedDuration::from_hours(48);

/// How often the log is told of a disk that stays too full.
const REMIND_EVERY: SignedDuration = SignedDuration::from_hours(24);

impl Keeper {
    pub(super) fn new(config: &Config, store: Store, system: System, metrics: KeepingMetrics) -> Self {
        Self {
            store,
            system,
            metrics,
            retention: config.retention.clone(),
            folder: config.data.folder.clone(),
            size_bytes_max: config.data.size_bytes_max,
        }
    }

    /// Goes on until told to stop; a step that has begun is finished, which takes some milliseconds.
    pub(super) async fn run(self, stopper: Stopper) {
        tokio::join!(self.forget_in_time(&stopper), self.watch_disk(&stopper));
    }

    async fn forget_in_time(&self, stopper: &Stopper) {
        loop {
            if let Err(error) = self.forget_due(stopper).await {
                tracing::error!(%error, "what is due could not be forgotten");
            }
            if !stopper.sleep(FORGET_EVERY).await {
                return;
            }
        }
    }

    async fn forget_due(&self, stopper: &Stopper) -> Result<(), StoreError> {
        let now = self.system.now();
        if !is_believed(now, &self.store.space().await?) {
            return Ok(());
        }
        let (mut bodies, mut records, mut events) = (0, 0, 0);
        for due in due(&self.retention, now) {
            loop {
                let some = self.store.forget_bodies(due).await?;
                self.metrics.forgotten("body", some);
                bodies += some;
                if some == 0 {
                    break;
                }
                if !stopper.sleep(REST).await {
                    return Ok(());
                }
            }
        }
        let mut next = Some(0);
        while let Some(after) = next {
            let aged = self.store.forget_records(before(now, self.retention.records), after).await?;
            self.metrics.forgotten("record", aged.forgotten);
            (records, next) = (records + aged.forgotten, aged.next);
            if next.is_some() && !stopper.sleep(REST).await {
                return Ok(());
            }
        }
        loop {
            let some = self.store.forget_events(before(now, self.retention.events)).await?;
            self.metrics.forgotten("event", some);
            events += some;
            if some == 0 || !stopper.sleep(REST).await {
                break;
            }
        }
        if bodies + records + events > 0 {
            tracing::info!(bodies, records, events, "what was due was forgotten");
        }
        Ok(())
    }

    async fn watch_disk(&self, stopper: &Stopper) {
        let mut samples = self.store.space().await.unwrap_or_else(|error| {
            tracing::warn!(%error, "earlier samples of the disk could not be read");
            Vec::new()
        });
        let mut told: Option<(Told, Timestamp)> = None;
        loop {
            match self.look(&mut samples).await {
                Ok(room) => {
                    self.metrics.room(room.free_bytes, room.kept_bytes, room.days_left.unwrap_or(space::DAYS_LEFT_MAX));
                    self.store.set_room_on_disk(room);
                    tell(&room, self.system.now(), &mut told);
                }
                Err(error) => tracing::warn!(%error, "the disk could not be looked at"),
            }
            if !stopper.sleep(LOOK_EVERY).await {
                return;
            }
        }
    }

    async fn look(&self, samples: &mut Vec<SpaceSample>) -> Result<Room, String> {
        let (folder, size_bytes_max) = (self.folder.clone(), self.size_bytes_max);
        let looked = tokio::task::spawn_blocking(move || {
            let measured = space::measure(&folder)?;
            let up_to_bound = match size_bytes_max {
                Some(most) => most.saturating_sub(folder.join(DATABASE_FILE).metadata()?.len()),
                None => u64::MAX,
            };
            Ok::<_, std::io::Error>((measured, up_to_bound))
        });
        let (measured, up_to_bound) =
            looked.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        // What was forgotten leaves room inside the file, which is filled first.
        let inside = self.store.free_inside().await.map_err(|error| error.to_string())?;
        let free_bytes = measured.disk_free_bytes.min(up_to_bound).saturating_add(inside);
        let now = SpaceSample { at: self.system.now(), free_bytes, kept_bytes: measured.kept_bytes };
        let days_left = space::days_left(samples, now);
        let is_due = samples.last().is_none_or(|last| now.at.duration_since(last.at) >= SAMPLE_EVERY);
        if is_due {
            // A sample that could not be kept is taken again at the next look.
            self.store.keep_space(now).await.map_err(|error| error.to_string())?;
            samples.push(now);
            let beyond = samples.len().saturating_sub(14 * 24);
            samples.drain(..beyond);
        }
        let is_short = measured.disk_free_bytes < self.retention.disk_free_min_bytes;
        let is_low = is_short || days_left.is_some_and(|days| days < self.retention.disk_warn_days);
        Ok(Room { free_bytes, kept_bytes: measured.kept_bytes, days_left, is_short, is_low })
    }
}

/// What the log was told last.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Enough,
    Low,
    Short,
}

/// One line when it gets worse or better, and one a day while it stays bad.
fn tell(room: &Room, now: Timestamp, told: &mut Option<(Told, Timestamp)>) {
    let present = match room {
        Room { is_short: true, .. } => Told::Short,
        Room { is_low: true, .. } => Told::Low,
        _ => Told::Enough,
    };
    let Room { free_bytes, kept_bytes, days_left, .. } = *room;
    let is_new = match told {
        None => present != Told::Enough,
        Some((last, at)) => *last != present || (present != Told::Enough && now.duration_since(*at) >= REMIND_EVERY),
    };
    if !is_new {
        return;
    }
    *told = Some((present, now));
    match present {
        Told::Short => tracing::error!(free_bytes, kept_bytes, "the disk is nearly full: new documents are refused"),
        Told::Low => tracing::warn!(free_bytes, kept_bytes, days_left, "the disk will be full soon"),
        Told::Enough => tracing::info!(free_bytes, kept_bytes, "the disk has room again"),
    }
}

/// What is due at `now`: one entry for each kind and each end.
fn due(retention: &Retention, now: Timestamp) -> Vec<Due> {
    let of_kind = |kind, name| {
        DeliveryState::BY_URGENCY.into_iter().filter_map(move |state| {
            let spans = match state.end()? {
                End::Finished => &retention.finished,
                End::Unsettled => &retention.unsettled,
                End::Withdrawn => &retention.withdrawn,
            };
            Some(Due { kind, state, before: before(now, spans.of(name)) })
        })
    };
    KINDS.iter().flat_map(|facts| of_kind(facts.kind, facts.name)).collect()
}

fn before(now: Timestamp, span: Duration) -> Timestamp {
    now.checked_sub(span).unwrap_or(Timestamp::MIN)
}

/// Whether the date is what it was for hours of work, so that things may be forgotten by it.
fn is_believed(now: Timestamp, samples: &[SpaceSample]) -> bool {
    let is_recent = |sample: &&SpaceSample| sample.at <= now && now.duration_since(sample.at) <= SAMPLES_SINCE;
    samples.iter().filter(is_recent).count() >= SAMPLES_TO_BELIEVE
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::document::Kind;

    /// The retention of a configuration with these lines in it.
    fn retention(lines: &str) -> Retention {
        // Other faults than those of retention do not matter here, so what is read is taken from the sample.
        let sample = include_str!("../../docs/samples/lienthong.toml");
        let (before, rest) = sample.split_once("[retention]").unwrap();
        let (_, after) = rest.split_once("[limits]").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let authority = crate::certs::Authority::make("tests", &System::real()).unwrap();
        let pem = authority.issue_server(&["127.0.0.1".into()], 2).unwrap();
        for (name, text) in [
            ("certs/server.pem", &*pem.certificate),
            ("certs/server.key", &*pem.key),
            ("secrets/01999.password", "password"),
        ] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap_or(Path::new(""))).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let text = format!("{before}[retention]\n{lines}\n[limits]{after}");
        Config::parse(&text, folder.path(), &|_| None).unwrap_or_else(|faults| panic!("{faults:?}")).retention
    }

    #[test]
    fn a_date_is_believed_after_hours_of_work_under_it() {
        let now: Timestamp = "2026-11-20T08:00:00Z".parse().unwrap();
        let worked = |until: Timestamp, hours: i64| -> Vec<SpaceSample> {
            let at = |hour| until.checked_sub(SignedDuration::from_hours(hour)).unwrap();
            (0..hours).map(|hour| SpaceSample { at: at(hour), free_bytes: 1, kept_bytes: 1 }).collect()
        };
        assert!(is_believed(now, &worked(now, 8)));
        assert!(!is_believed(now, &worked(now, 7)), "too short");
        assert!(!is_believed(now, &[]), "just restored");
        let ahead = now.checked_add(SignedDuration::from_hours(400 * 24)).unwrap();
        assert!(!is_believed(ahead, &worked(now, 100)), "the clock leapt forward");
        assert!(!is_believed(now, &worked(ahead, 100)), "the clock was put back");
        // After a holiday it takes a morning.
        let holiday = now.checked_sub(SignedDuration::from_hours(9 * 24)).unwrap();
        assert!(!is_believed(now, &[worked(holiday, 100), worked(now, 7)].concat()));
        assert!(is_believed(now, &[worked(holiday, 100), worked(now, 8)].concat()));
    }

    #[test]
    fn every_kind_and_end_is_due_after_its_own_days() {
        let now = Timestamp::from_millisecond(1_800_000_000_000).unwrap();
        let lines = "[retention.finished_days]\nusual = 30\nclaim = 500\n[retention.unsettled_days]\nusual = 60\n\
                     [retention.withdrawn_days]\nbirth-certificate = 7\n";
        let due = due(&retention(lines), now);
        let days = |kind, state| {
            let found: Vec<_> = due.iter().filter(|due| (due.kind, due.state) == (kind, state)).collect();
            assert!(found.len() <= 1, "{kind:?} {state:?}");
            found.first().map(|due| now.duration_since(due.before).as_hours() / 24)
        };
        use DeliveryState::{
            Accepted, Acknowledged, Cancelled, Failed, Held, Queued, Rejected, Sending, Superseded, Unknown,
        };
        let cases = [
            (Kind::Claim, [Acknowledged, Accepted].as_slice(), Some(500)),
            (Kind::Checkin, &[Acknowledged, Accepted], Some(90)),
            (Kind::Voucher, &[Acknowledged, Accepted], Some(30)),
            (Kind::Claim, &[Rejected, Unknown, Failed], Some(60)),
            (Kind::Voucher, &[Cancelled, Superseded], Some(90)),
            (Kind::BirthCertificate, &[Cancelled, Superseded], Some(7)),
            (Kind::Claim, &[Held, Queued, Sending], None),
        ];
        for (kind, states, expected) in cases {
            for state in states {
                assert_eq!(days(kind, *state), expected, "{kind:?} {state:?}");
            }
        }
        assert_eq!(due.len(), KINDS.len() * 7);
    }

    #[test]
    fn the_log_is_told_once_of_what_changes_and_daily_of_what_stays_bad() {
        let at = |hours: i64| Timestamp::from_millisecond(1_800_000_000_000 + hours * 3_600_000).unwrap();
        let room = |is_short, is_low| Room { free_bytes: 1, kept_bytes: 1, days_left: Some(1), is_short, is_low };
        let mut told = None;
        tell(&room(false, false), at(0), &mut told);
        assert!(told.is_none(), "nothing to tell of a sound disk");
        for (hours, is_low, last) in [(1, true, 1), (2, true, 1), (25, true, 25), (26, false, 26), (90, false, 26)] {
            tell(&room(false, is_low), at(hours), &mut told);
            assert_eq!(told.map(|(_, when)| when), Some(at(last)), "at hour {hours}");
        }
        tell(&room(true, true), at(91), &mut told);
        assert!(matches!(told, Some((Told::Short, _))));
    }
}
