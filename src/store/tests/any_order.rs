//! Whatever is done in whatever order: no delivery makes a move that the table does not list, no key has two
//! deliveries under way, and a restart changes nothing.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tokio::runtime;

use super::*;
use DeliveryState::{Acknowledged, Failed, Queued, Rejected, Sending, Unknown};

#[derive(Clone, Debug)]
enum Step {
    Accept { kind: Kind, key: u8, content: u8, reason: bool, held: bool },
    Lease(u32),
    Settle(usize, DeliveryState),
    Recover(bool),
    Order(usize, u8),
    Pass(i64),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let kind = prop::sample::select(vec![Kind::Checkin, Kind::Claim, Kind::BirthCertificate]);
    let ending = prop::sample::select(vec![Acknowledged, Rejected, Queued, Unknown, Failed]);
    prop_oneof![
        5 => (kind, 0..3u8, 0..4u8, any::<bool>(), prop::bool::weighted(0.2))
            .prop_map(|(kind, key, content, reason, held)| Step::Accept { kind, key, content, reason, held }),
        4 => (1..4u32).prop_map(Step::Lease),
        4 => (0..8usize, ending).prop_map(|(which, state)| Step::Settle(which, state)),
        1 => any::<bool>().prop_map(Step::Recover),
        3 => (0..12usize, 0..4u8).prop_map(|(which, order)| Step::Order(which, order)),
        1 => (1..90i64).prop_map(Step::Pass),
        1 => Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_move_is_in_the_table(steps in prop::collection::vec(step(), 1..50)) {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(steps));
    }
}

async fn run(steps: Vec<Step>) {
    let rig = Rig::new();
    let mut store = rig.open().await;
    let mut leases: Vec<Lease> = Vec::new();
    let mut before = BTreeMap::new();
    for step in steps {
        match step.clone() {
            Step::Accept { kind, key, content, reason, held } => {
                let mut document = rig.document(kind, &format!("LK{key}"), &format!("{content} of {key}"));
                document.replace_reason = reason.then(|| "x".to_owned());
                document.hold = held.then_some("by_hand");
                drop(store.accept(document).await.unwrap());
            }
            Step::Lease(most) => leases.extend(store.lease(wish(most)).await.unwrap().iter().map(Lease::from)),
            Step::Settle(which, state) => {
                if !leases.is_empty() {
                    let lease = leases.remove(which % leases.len());
                    store.settle(lease, settlement(state)).await.unwrap();
                }
            }
            Step::Recover(all) => drop(store.recover(lost(all)).await.unwrap()),
            Step::Order(which, order) => {
                let ids: Vec<_> = before.keys().cloned().collect();
                if let Some(id) = ids.get(which % ids.len().max(1)) {
                    let id: &String = id;
                    let outcome = match order {
                        0 => store.replay(id, "x").await,
                        1 => store.cancel(id, "x").await,
                        2 => store.hold(id, "x").await,
                        _ => store.release(id, "x").await,
                    };
                    assert!(!matches!(outcome, Err(MoveRefused::Store(_) | MoveRefused::NotFound)), "{outcome:?}");
                }
            }
            Step::Pass(seconds) => rig.pass(seconds),
            Step::Reopen => {
                store.close().await;
                store = rig.open().await;
            }
        }
        let views = store.documents(everything()).await.unwrap().0;
        let after: BTreeMap<String, DeliveryView> =
            views.iter().map(|view| (view.id.clone(), view.deliveries[0].clone())).collect();
        for (id, was) in &before {
            let is: &DeliveryView = &after[id];
            let was: &DeliveryView = was;
            assert!(was.state == is.state || was.state.may_become(is.state), "{step:?}: {was:?} to {is:?}");
            assert!(!matches!(step, Step::Reopen) || format!("{was:?}") == format!("{is:?}"));
        }
        let sending = views.iter().filter(|view| view.deliveries[0].state == Sending);
        let mut under_way: Vec<_> = sending.map(|view| (view.kind, view.keys.clone())).collect();
        let count = under_way.len();
        under_way.sort_unstable();
        under_way.dedup();
        assert_eq!(under_way.len(), count, "{step:?}: a key has two under way");
        before = after;
    }
    store.close().await;
}
