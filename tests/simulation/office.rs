//! The hospital's systems that submit documents, and the clerk who sees to those that wait for a person.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use lienthong::delivery::Courier;
use lienthong::document::Kind;
use lienthong::domain::{DeliveryState, FacilityCode, Receipt};
use lienthong::store::{Accepted, Lost, NewDocument, Store, StoreError};

use crate::chance::Dice;
use crate::world::{Offer, World};

/// What was not yet told to be kept; outlives the gateway, as a hospital's system does.
#[derive(Default)]
pub(crate) struct Outbox {
    waiting: VecDeque<Sent>,
    count: u64,
    /// Keys used so far, of which newer versions may come.
    keys: Vec<(FacilityCode, Kind, String)>,
}

#[derive(Clone)]
struct Sent {
    offer: Offer,
    body: Bytes,
    reason: Option<String>,
    idempotency_key: String,
}

const KINDS: [Kind; 7] = [
    Kind::Claim,
    Kind::Claim,
    Kind::Checkin,
    Kind::BirthCertificate,
    Kind::DeathCertificate,
    Kind::Voucher,
    Kind::MedicalAssessment,
];

// === impl Outbox ===

impl Outbox {
    fn write(&mut self, world: &mut World, facilities: &[FacilityCode], dice: &mut Dice) {
        self.count += 1;
        let number = self.count;
        let (facility, kind, key) = match dice.chance(0.3) && !self.keys.is_empty() {
            // A newer version of something, of late above all.
            true => {
                let back = dice.below(self.keys.len().min(12));
                self.keys[self.keys.len() - 1 - back].clone()
            }
            false => {
                // One in fifty is a driver exam that the portal refuses.
                let kind = if dice.chance(0.02) { Kind::DriverExam } else { dice.pick(&KINDS) };
                // The last one cannot send: a few of its documents say all that can be learnt of it.
                let can_send = facilities.len() - usize::from(!dice.chance(0.03));
                (dice.pick(&facilities[..can_send]), kind, format!("KEY{number:06}"))
            }
        };
        let body = match kind {
            Kind::DriverExam => format!(r#"{{"SO":"{key}","HANGBANGLAI":"B2","N":"{number}"}}"#),
            _ => format!("<{0}><MA_LK>{key}</MA_LK><N>{number}</N></{0}>", kind.facts().root),
        };
        let sha256: [u8; 32] = digest(&SHA256, body.as_bytes()).as_ref().try_into().unwrap();
        let has_key = kind.facts().key.is_some();
        let offer = Offer { facility, kind, key: has_key.then(|| key.clone()), sha256 };
        world.offers.insert(sha256, offer.clone());
        if has_key {
            self.keys.push((facility, kind, key));
        }
        let reason = dice.chance(0.8).then(|| "mended".to_owned());
        self.waiting.push_back(Sent { offer, body: body.into(), reason, idempotency_key: format!("idem-{number}") });
    }
}

/// Writes documents and submits them until each is told to be kept.
pub(crate) async fn submit(
    world: Arc<Mutex<World>>,
    outbox: Arc<Mutex<Outbox>>,
    store: Store,
    facilities: Vec<FacilityCode>,
    mut dice: Dice,
) {
    loop {
        let next = outbox.lock().unwrap().waiting.front().cloned();
        let Some(sent) = next else {
            tokio::time::sleep(dice.wait(Duration::from_secs(240))).await;
            let mut world = world.lock().unwrap();
            // Once in a while the day's work comes at once.
            let documents = if dice.chance(0.03) { 10 + dice.below(60) } else { 1 };
            for _ in 0..documents {
                outbox.lock().unwrap().write(&mut world, &facilities, &mut dice);
            }
            continue;
        };
        let now = world.lock().unwrap().system.now();
        let new = NewDocument {
            client: "key_sim".to_owned(),
            facility: sent.offer.facility,
            kind: sent.offer.kind,
            keys: sent.offer.key.clone().into_iter().collect(),
            parts: Vec::new(),
            records: 1,
            sha256: sent.offer.sha256,
            body: sent.body.clone(),
            wire: None,
            warnings_json: "[]".to_owned(),
            idempotency_key: Some(sent.idempotency_key.clone()),
            replace_reason: sent.reason.clone(),
            hold: dice.chance(0.03).then_some("by_hand"),
            received_at: now,
        };
        match store.accept(new).await {
            Ok(accepted) => {
                let mut world = world.lock().unwrap();
                world.look();
                let is_kept = world.by_sha.contains_key(&sent.offer.sha256);
                match accepted {
                    Accepted::New(_) | Accepted::Already(..) if !is_kept => {
                        world.fail("a document was told to be kept and is not on the disk".to_owned());
                    }
                    Accepted::KeyUsedForOther => world.fail("an idempotency key was used for others".to_owned()),
                    Accepted::ReasonNeeded(_) if is_kept => {
                        world.fail("a document that is kept was told to need a reason".to_owned());
                    }
                    Accepted::New(_) | Accepted::Already(..) | Accepted::ReasonNeeded(_) => {}
                }
                outbox.lock().unwrap().waiting.pop_front();
            }
            Err(StoreError::Full | StoreError::Failed(_) | StoreError::Busy) => {
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
            Err(error) => world.lock().unwrap().fail(format!("a document was refused: {error}")),
        }
    }
}

/// Sees to what waits for a person, after a look at the portal's own pages.
pub(crate) async fn see_to(world: Arc<Mutex<World>>, store: Store, every: Duration, mut dice: Dice) {
    loop {
        tokio::time::sleep(dice.wait(every)).await;
        let waiting: Vec<(String, DeliveryState, Option<String>)> = {
            let world = world.lock().unwrap();
            let docs = world.docs.values();
            let waits = |state| {
                matches!(
                    state,
                    DeliveryState::Unknown | DeliveryState::Failed | DeliveryState::Rejected | DeliveryState::Held
                )
            };
            let waiting = docs.filter(|doc| waits(doc.state) || doc.state == DeliveryState::Queued);
            waiting.map(|doc| (doc.id.clone(), doc.state, doc.taken.last().cloned())).collect()
        };
        for (id, state, receipt) in waiting {
            let reason = "seen to";
            // Refusals are honest: a newer version was sent meanwhile, or the disk is full.
            match (state, receipt) {
                (DeliveryState::Queued, _) if dice.chance(0.02) => drop(store.hold(&id, reason).await),
                (DeliveryState::Queued, _) => {}
                (DeliveryState::Unknown, Some(code)) => {
                    let receipt = Receipt { code, received_at: None };
                    drop(store.confirm(&id, reason, Some(receipt)).await);
                }
                (DeliveryState::Held, _) => drop(store.release(&id, reason).await),
                (DeliveryState::Rejected, _) => drop(store.cancel(&id, reason).await),
                (_, None) if dice.chance(0.1) => drop(store.cancel(&id, reason).await),
                _ => drop(store.replay(&id, reason).await),
            }
        }
    }
}

/// What the gateway does beside its flows, as `app` has it.
pub(crate) async fn keep_house(store: Store, courier: Courier) {
    loop {
        tokio::time::sleep(Duration::from_secs(30)).await;
        // A disk that refuses is looked at again in half a minute.
        drop(store.recover(Lost::EndedExcept(courier.in_hand())).await);
    }
}
