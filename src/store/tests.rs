//! The store as its users see it. Each file is one promise.

mod accepting;
mod any_order;
mod archive;
mod backup;
mod batches;
mod clocks;
mod delivering;
mod feeding;
mod looking;
mod officers;
mod retention;
mod rotation;
mod surviving;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use aws_lc_rs::digest;
use tempfile::TempDir;

use super::*;
use crate::system::{Clock, Entropy, System};

/// A data folder with a clock that only the test moves.
struct Rig {
    folder: TempDir,
    clock: Arc<ManualClock>,
    system: System,
}

struct ManualClock(AtomicI64);

struct Counter(AtomicU64);

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

impl Entropy for Counter {
    fn fill(&self, bytes: &mut [u8]) {
        let count = self.0.fetch_add(1, Ordering::SeqCst).to_be_bytes();
        for (place, byte) in bytes.iter_mut().rev().zip(count.iter().rev()) {
            *place = *byte;
        }
    }
}

impl Rig {
    fn new() -> Self {
        let clock = Arc::new(ManualClock(AtomicI64::new(1_800_000_000_000)));
        let system = System::new(clock.clone(), Arc::new(Counter(AtomicU64::new(1))));
        Self { folder: tempfile::tempdir().unwrap(), clock, system }
    }

    fn config(&self) -> Config {
        Config::new(self.folder.path().join("data"))
    }

    async fn open(&self) -> Store {
        self.open_with(self.config()).await.unwrap()
    }

    async fn open_with(&self, config: Config) -> Result<Store, StoreError> {
        Store::open(config, Vault::for_tests().unwrap(), self.system.clone()).await
    }

    fn pass(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }

    fn now(&self) -> Timestamp {
        self.system.now()
    }

    /// A document of this kind with these keys (parted by commas) and this content.
    fn document(&self, kind: Kind, keys: &str, content: &str) -> NewDocument {
        let digest = digest::digest(&digest::SHA256, content.as_bytes());
        NewDocument {
            client: "key_1".to_owned(),
            facility: facility("01999"),
            kind,
            keys: keys.split(',').filter(|key| !key.is_empty()).map(str::to_owned).collect(),
            parts: vec!["XML1".to_owned()],
            records: 1,
            sha256: digest.as_ref().try_into().unwrap(),
            body: Bytes::from(content.to_owned()),
            wire: None,
            warnings_json: "[]".to_owned(),
            idempotency_key: None,
            replace_reason: None,
            hold: None,
            received_at: self.now(),
        }
    }
}

fn facility(code: &str) -> FacilityCode {
    FacilityCode::parse(code).unwrap()
}

fn lost(all: bool) -> Lost {
    if all { Lost::All } else { Lost::EndedExcept(Vec::new()) }
}

fn wish(most: u32) -> LeaseWish {
    LeaseWish {
        most,
        kinds: crate::document::kind::KINDS.iter().map(|facts| (facts.kind, u32::MAX)).collect(),
        facilities_excluded: Vec::new(),
        lease_for: Duration::from_secs(60),
    }
}

/// An attempt that ended so that its delivery is in `state` now, and is due at once if it is to be tried again.
fn settlement(state: DeliveryState) -> Settlement {
    let (reason, counts) = ("judged".to_owned(), Counts::Nothing);
    let end = match state {
        DeliveryState::Acknowledged => {
            End::Acknowledged(Receipt { code: "GD-1".to_owned(), received_at: Some("20261120101500".to_owned()) })
        }
        DeliveryState::Rejected => End::Rejected { reason },
        DeliveryState::Queued => End::TryLater { at: Timestamp::UNIX_EPOCH, reason, counts },
        DeliveryState::Unknown => End::Unknown { reason, counts },
        DeliveryState::Failed => End::Failed { reason },
        state => panic!("no attempt ends {state:?}"),
    };
    ended(end)
}

fn ended(end: End) -> Settlement {
    Settlement {
        end,
        stage: None,
        http_status: Some(200),
        code: Some("200".to_owned()),
        note: None,
        raw: Bytes::from_static(b"{\"maKetQua\":\"200\"}"),
    }
}

fn everything() -> Filter {
    Filter { facilities: vec![facility("01999")], limit: 500, ..Filter::default() }
}

fn new(accepted: Accepted) -> DocumentView {
    match accepted {
        Accepted::New(view) => view,
        other => panic!("not new: {other:?}"),
    }
}

/// Leases one delivery, which must be of `id`, and settles it.
async fn deliver(store: &Store, id: &str, state: DeliveryState) {
    let leased = store.lease(wish(1)).await.unwrap();
    assert_eq!(leased.iter().map(|leased| leased.document.as_str()).collect::<Vec<_>>(), [id]);
    assert!(store.settle(&leased[0], settlement(state)).await.unwrap());
}

async fn state_of(store: &Store, id: &str) -> DeliveryState {
    store.document(id).await.unwrap().unwrap().deliveries[0].state
}

async fn event_kinds(store: &Store) -> Vec<String> {
    let events = store.events_after(0, 500, &[facility("01999")]).await.unwrap();
    events.into_iter().map(|event| event.kind).collect()
}
