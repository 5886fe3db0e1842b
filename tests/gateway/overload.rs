//! More than can be served: what is served is served well, the rest hears so at once, and nobody starves another.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::stream::{FuturesUnordered, StreamExt};
use http::Method;
use serde_json::Value;

use crate::samples::claim;
use crate::support::{FACILITIES, Options, Reply, TestGateway, question, until, valid_person};
use crate::wire::post_in_pieces;

/// The client that does what it should, beside another that does not.
async fn quiet(gateway: &TestGateway) -> String {
    format!("Bearer {}", gateway.new_key(&["lookup", "document:write", "document:read"], &FACILITIES).await)
}

#[track_caller]
fn assert_sent_away(reply: &Reply, code: &str) {
    assert_eq!((reply.status.as_u16(), reply.json()["code"].as_str()), (503, Some(code)));
    let wait: u64 = reply.header("retry-after").parse().expect("when to come again");
    assert!((1..=60).contains(&wait), "{wait}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_spends_the_budget_does_not_keep_another_from_asking() {
    // One question a second, and so ten places in line.
    let gateway = TestGateway::with(Options { budget: Some((60, 1)), ..Options::default() }).await;
    let quiet = quiet(&gateway).await;
    let ask = async |person: usize, headers: &[(&str, &str)]| {
        gateway.post_with("/v1/card-lookups", headers, &question(&valid_person(person))).await
    };
    let strict = [("prefer", "handling=strict")];
    let mut wild: FuturesUnordered<_> = (0..40).map(|person| ask(person, &strict)).collect();
    // Who is sent away hears so while the others are still in line.
    let first = wild.next().await.expect("there are forty");
    let second = wild.next().await.expect("there are forty");
    assert!([first, second].iter().any(|reply| reply.status == 503), "the line has an end");

    let headers = [("prefer", "handling=strict"), ("authorization", quiet.as_str())];
    let (answered, wild): (_, Vec<Reply>) = tokio::join!(ask(90, &headers), wild.collect());
    assert_eq!(answered.expect(200).json()["nguon"], "cong", "the quiet one is answered by the portal");
    let (served, sent_away): (Vec<Reply>, Vec<Reply>) = wild.into_iter().partition(|reply| reply.status == 200);
    assert!(served.len() >= 4 && sent_away.len() >= 28, "{} served, {} sent away", served.len(), sent_away.len());
    for reply in &sent_away {
        assert_sent_away(reply, "portal.budget_spent");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_one_client_leave_room_for_those_of_another() {
    let documents = "body_max_mib = 1\nbodies_in_memory_mib = 4";
    let gateway = TestGateway::with(Options { documents, ..Options::default() }).await;
    let quiet = quiet(&gateway).await;

    // Bodies that arrive and never end; there is room for five of these eight.
    let mut open = Vec::new();
    for _ in 0..8 {
        let (pieces, answer) = post_in_pieces(&gateway, "/v1/documents", "application/xml").await;
        for _ in 0..10 {
            // Whoever was refused reads no more of it.
            if !pieces.write(vec![b' '; 60 << 10]).await {
                break;
            }
        }
        open.push((pieces, answer));
    }
    until("three of them to be refused", async || {
        (open.iter().filter(|(_, answer)| answer.is_finished()).count() >= 3).then_some(())
    })
    .await;
    let (refused, open): (Vec<_>, Vec<_>) = open.into_iter().partition(|(_, answer)| answer.is_finished());
    for (_, answer) in refused {
        assert_eq!(answer.await.unwrap().status(), 503);
    }
    assert!(open.len() >= 2, "{}", open.len());

    let headers = [("content-type", "application/xml"), ("authorization", quiet.as_str())];
    let of = |key: &str| Bytes::from(claim(key, ""));
    gateway.send(Method::POST, "/v1/documents", &headers, of("HS2611200001")).await.expect(202);
    for (pieces, _) in open {
        pieces.cut().await;
    }
    until("the room to be given back", async || {
        let reply = gateway.submit(vec![b' '; 1 << 20]).await;
        (reply.status == 422).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn desks_and_documents_survive_each_other() {
    let gateway = Arc::new(TestGateway::with(Options { documents: "waiting_max = 4", ..Options::default() }).await);
    let (ended, serial) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let flood: Vec<_> = (0..24)
        .map(|_| {
            let (gateway, ended, serial) = (gateway.clone(), ended.clone(), serial.clone());
            tokio::spawn(async move {
                let (mut kept, mut sent_away) = (0, 0);
                while !ended.load(Ordering::Relaxed) {
                    let key = format!("HS26{:08}", serial.fetch_add(1, Ordering::Relaxed));
                    let reply = gateway.submit(claim(&key, &"x".repeat(40_000))).await;
                    match reply.status.as_u16() {
                        202 => kept += 1,
                        _ => {
                            assert_sent_away(&reply, "gateway.busy");
                            sent_away += 1;
                        }
                    }
                }
                (kept, sent_away)
            })
        })
        .collect();

    // A hundred people come to the desks meanwhile, ten at a time, and again when they are known.
    for round in 0..2 {
        for ten in 0..10 {
            let people = (ten * 10..ten * 10 + 10).map(|person| {
                let gateway = gateway.clone();
                async move { gateway.post("/v1/card-lookups", &question(&valid_person(person))).await }
            });
            for reply in join_all(people).await {
                let answer: Value = reply.expect(200).json();
                assert_eq!(answer["nguon"], ["cong", "da_luu"][round], "{answer}");
            }
        }
    }
    ended.store(true, Ordering::Relaxed);
    let (mut kept, mut sent_away) = (0, 0);
    for submitter in flood {
        let (own_kept, own_sent_away) = submitter.await.unwrap();
        (kept, sent_away) = (kept + own_kept, sent_away + own_sent_away);
    }
    assert!(kept > 0 && sent_away > 0, "{kept} kept, {sent_away} sent away");
    let listed = gateway.get("/v1/documents?limit=500").await.expect(200).json()["data"].as_array().unwrap().len();
    assert_eq!(listed, kept.min(500), "what was kept is there, what was sent away is not");
}
