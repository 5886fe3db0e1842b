//! A wall clock that jumps by a day, forward and back, under a running gateway and between two starts. Nothing that waits
//! waits for the day, and nothing is sent twice.

use std::collections::BTreeMap;

use lienthong::sandbox::Faults;

use crate::matrix::Matrix;
use crate::site::{Document, Gateway, Site};

const DAY: i64 = 24 * 3_600;

/// Documents submitted in each weather.
const AT_A_TIME: usize = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_clock_that_jumps_by_a_day_keeps_nobody_waiting() {
    let mut matrix = Matrix::new("a clock that jumps");
    let site = Site::with_key(false, Faults::default()).await;
    let mut ledger = Vec::new();
    for (jump, restarts, words) in [
        (DAY, false, "a day forward, running"),
        (-DAY, false, "a day back, running"),
        (DAY, true, "a day forward, between two starts"),
        (-DAY, true, "a day back, between two starts"),
    ] {
        site.shim.move_clock(0);
        let gateway = site.start().await.unwrap_or_else(|ended| panic!("{ended:?}"));
        // Some are delivered, and some wait for the portal, when the clock jumps.
        submit(&site, &mut ledger).await;
        site.rest().await;
        site.sandbox.set_faults(Faults { outage: true, ..Faults::default() });
        submit(&site, &mut ledger).await;
        until_tried(&site, &ledger[ledger.len() - AT_A_TIME..]).await;
        let mut gateway = if restarts {
            gateway.stop().await;
            site.shim.move_clock(jump);
            site.start().await.unwrap_or_else(|ended| panic!("{words}: {ended:?}"))
        } else {
            site.shim.move_clock(jump);
            gateway
        };
        site.sandbox.set_faults(Faults::default());
        gateway.until_ready(&site).await;
        submit(&site, &mut ledger).await;
        site.rest().await;
        hold_to(&site, &ledger).await;
        put_back(&site, &mut gateway, &mut ledger, words).await;
        matrix.row(
            words,
            format!("{} documents: delivered before, waiting, new", 3 * AT_A_TIME),
            "all delivered within a minute, certificates once; also when it jumps back",
        );
        gateway.stop().await;
    }
    matrix.print();
}

/// The clock is put right again while the gateway runs.
async fn put_back(site: &Site, gateway: &mut Gateway, ledger: &mut Vec<(Document, String)>, words: &str) {
    site.shim.move_clock(0);
    submit(site, ledger).await;
    site.rest().await;
    hold_to(site, ledger).await;
    assert!(gateway.runs(), "{words}");
}

async fn submit(site: &Site, ledger: &mut Vec<(Document, String)>) {
    for _ in 0..AT_A_TIME {
        let document = Document::new(ledger.len());
        let id = site.submit_until_kept(&document).await;
        ledger.push((document, id));
    }
}

/// Waits until each of these was tried in vain, so that it waits for a time of the clock.
async fn until_tried(site: &Site, waiting: &[(Document, String)]) {
    for (_, id) in waiting {
        let deadline = tokio::time::Instant::now() + crate::site::PATIENCE;
        loop {
            let (_, view) = site.get(&format!("/v1/documents/{id}")).await.expect("an answer");
            let delivery = &view["deliveries"][0];
            // Those whose service rests after the others' failures are not tried; they are due at once.
            if delivery["attempts"].as_u64() > Some(0) || site_rests(site).await {
                break;
            }
            assert!(tokio::time::Instant::now() < deadline, "never tried: {view}");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
}

async fn site_rests(site: &Site) -> bool {
    let all = site.all().await;
    all.iter()
        .filter(|view| view["status"] == "queued")
        .any(|view| view["deliveries"][0]["attempts"].as_u64() > Some(0))
}

/// Each is at the portal as its receipt says.
async fn hold_to(site: &Site, ledger: &[(Document, String)]) {
    let mut held: BTreeMap<[u8; 32], usize> = BTreeMap::new();
    for submission in site.sandbox.submissions() {
        *held.entry(lienthong::intake::sha256(&submission.body)).or_default() += 1;
    }
    let all = site.all().await;
    assert_eq!(all.len(), ledger.len());
    for (document, id) in ledger {
        let view = all.iter().find(|view| view["id"] == id.as_str()).expect("acknowledged and there");
        let times = held.get(&lienthong::intake::sha256(&document.body)).copied().unwrap_or_default();
        // A certificate that the outage met is in doubt: the connection was reset after it was written.
        match view["status"].as_str().unwrap() {
            "acknowledged" => {
                assert!(times == 1 || document.is_claim && times > 0, "{id}: {times} times at the portal")
            }
            "unknown" if !document.is_claim => assert!(times <= 1, "{id}: {times} times at the portal"),
            other => panic!("{id} rests in {other}"),
        }
    }
}
