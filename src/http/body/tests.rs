//! Bodies: bounds, packing, stalls, and the budget.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream;
use http::HeaderValue;
use proptest::prelude::*;

use super::*;

const LIMITS: BodyLimits =
    BodyLimits { bytes_max: 4 << 20, deadline: Duration::from_secs(60), stall: Duration::from_secs(5) };

fn sender() -> Arc<str> {
    Arc::from("key_test")
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn headers(coding: &'static str, length: Option<usize>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
    if let Some(length) = length {
        headers.insert(CONTENT_LENGTH, length.into());
    }
    headers
}

/// A body that arrives in pieces, one every `pause`, and then either ends or says nothing more.
fn dripping(pieces: Vec<Bytes>, pause: Duration, ends: bool) -> Body {
    Body::from_stream(stream::unfold(pieces.into_iter(), move |mut pieces| async move {
        tokio::time::sleep(pause).await;
        match pieces.next() {
            Some(piece) => Some((Ok::<_, std::io::Error>(piece), pieces)),
            None if ends => None,
            None => std::future::pending().await,
        }
    }))
}

async fn read_within(limit_bytes: usize, declared: Option<u64>, body: Body) -> Result<Bytes, BodyError> {
    read(body, declared, limit_bytes, LIMITS.deadline, LIMITS.stall).await
}

#[tokio::test]
async fn the_limit_is_the_last_size_that_passes() {
    let pieces = || vec![Bytes::from_static(b"abc"), Bytes::from_static(b"de")];
    let body = || dripping(pieces(), Duration::ZERO, true);
    assert_eq!(read_within(5, None, body()).await.unwrap(), "abcde");
    assert_eq!(read_within(5, Some(5), body()).await.unwrap(), "abcde");
    assert_eq!(read_within(4, None, body()).await, Err(BodyError::TooLarge { bytes_max: 4 }));
    assert_eq!(read_within(0, None, Body::empty()).await.unwrap(), "");
    // What is announced too large is refused without waiting for any of it.
    let silent = dripping(Vec::new(), Duration::ZERO, false);
    assert_eq!(read_within(4, Some(5), silent).await, Err(BodyError::TooLarge { bytes_max: 4 }));
}

#[tokio::test(start_paused = true)]
async fn a_stalled_and_an_endless_body_are_given_up() {
    let begun = Instant::now();
    let stalled = dripping(vec![Bytes::from_static(b"abc")], Duration::ZERO, false);
    assert_eq!(read_within(9, None, stalled).await, Err(BodyError::TimedOut));
    assert!(begun.elapsed() < LIMITS.stall * 2);

    let begun = Instant::now();
    let slow = dripping(vec![Bytes::from_static(b"a"); 1000], LIMITS.stall / 2, true);
    assert_eq!(read_within(9999, None, slow).await, Err(BodyError::TimedOut));
    assert!(begun.elapsed() < LIMITS.deadline * 2);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_broken() {
    let pieces = [Ok(Bytes::from_static(b"abc")), Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))];
    let body = Body::from_stream(stream::iter(pieces));
    assert_eq!(read_within(9, None, body).await, Err(BodyError::Broken));
}

#[tokio::test]
async fn gzip_is_unpacked_within_its_bounds() {
    let budget = BodyBudget::default();
    let noise: Vec<u8> =
        (0..200_000u32).flat_map(|n| format!("{:x}\n", n.wrapping_mul(2_654_435_761)).into_bytes()).collect();
    let packed = gzip(&noise);
    for length in [None, Some(packed.len())] {
        let held = budget.read(&sender(), &headers("gzip", length), Body::from(packed.clone()), &LIMITS).await.unwrap();
        assert!(*held == noise[..]);
    }
    let small = budget.read(&sender(), &headers("X-GZIP", Some(30)), Body::from(gzip(b"abc")), &LIMITS).await.unwrap();
    assert_eq!(small.bytes, "abc");
    drop(small);
    assert_eq!(budget.free_kib(), BUDGET_KIB as usize);

    let read = async |coding, packed: Vec<u8>, bytes_max| {
        let limits = BodyLimits { bytes_max, ..LIMITS };
        budget.read(&sender(), &headers(coding, None), Body::from(packed), &limits).await.map(|held| held.bytes)
    };
    let bomb = gzip(&vec![0; 64 << 20]);
    assert_eq!(read("gzip", bomb, 100 << 20).await, Err(BodyError::Bomb));
    assert_eq!(read("gzip", packed.clone(), noise.len()).await.unwrap(), noise);
    let bytes_max = noise.len() - 1;
    assert_eq!(read("gzip", packed.clone(), bytes_max).await, Err(BodyError::TooLarge { bytes_max }));
    assert_eq!(read("gzip", packed[..packed.len() - 1].to_vec(), 9 << 20).await, Err(BodyError::Broken));
    assert_eq!(read("gzip", [&packed[..], b"more"].concat(), 9 << 20).await, Err(BodyError::Broken));
    assert_eq!(read("gzip", b"plain".to_vec(), 9).await, Err(BodyError::Broken));
    assert_eq!(read("identity", b"plain".to_vec(), 9).await.unwrap(), "plain");
    for coding in ["br", "gzip, gzip", "deflate"] {
        assert_eq!(read(coding, packed.clone(), 9 << 20).await, Err(BodyError::Unsupported));
    }
    assert_eq!(budget.free_kib(), BUDGET_KIB as usize);
}

#[tokio::test]
async fn a_used_up_budget_refuses_at_once_and_recovers() {
    let budget = BodyBudget::new(300, 300);
    let read = async |body| budget.read(&sender(), &HeaderMap::new(), body, &LIMITS).await;
    let first = read(Body::from(vec![1; 100 << 10])).await.unwrap();
    assert_eq!(budget.free_kib(), 100, "charged by the room made, not by the bytes in it");
    assert_eq!(read(Body::from(vec![1; 100 << 10])).await.unwrap_err(), BodyError::Busy);
    drop(first);
    assert_eq!(read(Body::from(vec![1; 100 << 10])).await.unwrap().len(), 100 << 10);
    // What unpacks to more than there is room for is refused while it is being unpacked.
    let packed = Body::from(gzip(&vec![1; 400 << 10]));
    let refused = budget.read(&sender(), &headers("gzip", None), packed, &LIMITS).await;
    assert_eq!(refused.unwrap_err(), BodyError::Busy);
    assert_eq!(budget.free_kib(), 300);
}

#[tokio::test]
async fn an_announcement_alone_takes_nothing_from_the_budget() {
    let budget = BodyBudget::new(1024, 1024);
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_LENGTH, (1000usize << 10).into());
    let silent = dripping(vec![Bytes::from_static(b"a")], Duration::ZERO, false);
    let sender = sender();
    let reading = budget.read(&sender, &headers, silent, &LIMITS);
    tokio::pin!(reading);
    assert!(timeout(Duration::from_millis(50), &mut reading).await.is_err());
    assert_eq!(budget.free_kib(), 1024 - 64);
}

proptest! {
    /// Whatever a peer calls gzip, reading it ends in bytes or a typed refusal, within the bound.
    #[test]
    fn any_bytes_unpack_or_are_refused(mut packed in prop::collection::vec(any::<u8>(), 0..600), real in any::<bool>()) {
        if real {
            let at = packed.len();
            packed = gzip(&packed);
            if let Some(byte) = packed.get_mut(at) { *byte ^= 1; }
        }
        if let Ok(bytes) = gzip::unpack(&packed, 500, |_| Ok(())) {
            prop_assert!(bytes.len() <= 500);
        }
    }
}
