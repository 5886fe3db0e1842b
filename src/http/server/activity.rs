//! What a connection is busy with, shared by the parts that serve it, so that it can be told when nothing has been
//! asked for too long, and when the peer has stopped taking its answers.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::time::Instant;

use super::Limits;

/// Bytes of an answer handed to the transport at a time. The peer's progress is seen at this grain: with 64 KiB in 30 s
/// a line of 20 kbit/s still passes. It also keeps a large answer from being counted as taken while it waits.
const PIECE_BYTES: usize = 64 << 10;

/// A stream may wait for the peer this many times longer than the whole connection may: others of the same connection
/// may be going first, but not for ever.
const STREAM_PATIENCE: u32 = 4;

/// The requests in hand on one connection.
pub(super) struct Activity {
    state: Mutex<State>,
}

/// How a connection is doing.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// As it should.
    Fine,
    /// Nothing was asked for too long.
    Idle,
    /// The peer does not take its answers.
    Stalled,
}

/// A request in hand, until dropped.
pub(super) struct InHand {
    activity: Arc<Activity>,
    number: u64,
}

/// The body of an answer, which keeps its request in hand until the transport has taken the last piece.
pub(super) struct Answer {
    body: Body,
    rest: Bytes,
    in_hand: InHand,
}

struct State {
    // Each request gets the next number.
    requests: u64,
    in_hand: usize,
    idle_since: Instant,
    // Answers of which a piece waits for the transport to come for more, and since when.
    waiting: HashMap<u64, Instant>,
    // On HTTP/1, the bytes that came since the last request, for `gate` to see what hyper does not pass on.
    head: Vec<u8>,
    // When the transport last came for more of any answer.
    taken: Instant,
}

// === impl Activity ===

impl Activity {
    pub(super) fn new() -> Arc<Self> {
        let now = Instant::now();
        let state =
            State { requests: 0, in_hand: 0, idle_since: now, waiting: HashMap::new(), head: Vec::new(), taken: now };
        Arc::new(Self { state: Mutex::new(state) })
    }

    /// Takes a request in hand.
    pub(super) fn begin(self: &Arc<Self>) -> InHand {
        let mut state = self.lock();
        state.requests += 1;
        state.in_hand += 1;
        InHand { activity: self.clone(), number: state.requests }
    }

    /// Keeps bytes of a header to come. Only up to `bytes_max`, whatever hyper then makes of so long a header.
    pub(super) fn keep_head(&self, bytes: &[u8], bytes_max: usize) {
        let mut state = self.lock();
        if state.head.len() < bytes_max {
            state.head.extend_from_slice(bytes);
        }
    }

    /// The bytes kept since this was last asked.
    pub(super) fn take_head(&self) -> Vec<u8> {
        std::mem::take(&mut self.lock().head)
    }

    /// How many requests there have been, and how many are in hand.
    pub(super) fn requests(&self) -> (u64, usize) {
        let state = self.lock();
        (state.requests, state.in_hand)
    }

    /// How the connection is doing now.
    pub(super) fn verdict(&self, limits: &Limits) -> Verdict {
        let now = Instant::now();
        let state = self.lock();
        if state.in_hand == 0 {
            let idle = now.duration_since(state.idle_since) >= limits.idle_timeout;
            return if idle { Verdict::Idle } else { Verdict::Fine };
        }
        let Some(oldest) = state.waiting.values().min() else { return Verdict::Fine };
        let waited = now.duration_since(*oldest);
        let still = now.duration_since(state.taken).min(waited);
        if still >= limits.write_stall_timeout || waited >= limits.write_stall_timeout * STREAM_PATIENCE {
            Verdict::Stalled
        } else {
            Verdict::Fine
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl InHand ===

impl InHand {
    /// The transport came for more.
    fn taken(&self) {
        let mut state = self.activity.lock();
        if state.waiting.remove(&self.number).is_some() {
            state.taken = Instant::now();
        }
    }

    /// Something is there for the transport to take.
    fn offered(&self) {
        self.activity.lock().waiting.insert(self.number, Instant::now());
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.taken();
        let mut state = self.activity.lock();
        state.in_hand = state.in_hand.saturating_sub(1);
        if state.in_hand == 0 {
            state.idle_since = Instant::now();
        }
    }
}

// === impl Answer ===

impl Answer {
    pub(super) fn new(body: Body, in_hand: InHand) -> Self {
        in_hand.offered();
        Self { body, rest: Bytes::new(), in_hand }
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        this.in_hand.taken();
        if this.rest.is_empty() {
            match std::task::ready!(Pin::new(&mut this.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                end => return Poll::Ready(end),
            }
        }
        this.in_hand.offered();
        let piece = this.rest.split_to(this.rest.len().min(PIECE_BYTES));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (hint, rest) = (self.body.size_hint(), self.rest.len() as u64);
        let mut with_rest = SizeHint::new();
        with_rest.set_lower(hint.lower() + rest);
        if let Some(upper) = hint.upper() {
            with_rest.set_upper(upper + rest);
        }
        with_rest
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_answer_nobody_takes_is_a_stall_and_a_quiet_one_is_not() {
        let limits = Limits { write_stall_timeout: Duration::from_secs(30), ..Limits::default() };
        let activity = Activity::new();
        let answer = Answer::new(Body::from("answer"), activity.begin());
        tokio::time::advance(Duration::from_secs(31)).await;
        assert_eq!(activity.verdict(&limits), Verdict::Stalled);
        drop(answer);
        assert_eq!(activity.verdict(&limits), Verdict::Fine);

        // An event stream with nothing to say waits for itself, not for the peer.
        let mut quiet = Answer::new(
            Body::new(http_body_util::StreamBody::new(futures_util::stream::pending::<
                Result<Frame<Bytes>, axum::Error>,
            >())),
            activity.begin(),
        );
        assert!(futures_util::poll!(quiet.frame()).is_pending());
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!(activity.verdict(&limits), Verdict::Fine);
        drop(quiet);
        tokio::time::advance(limits.idle_timeout).await;
        assert_eq!(activity.verdict(&limits), Verdict::Idle);
    }

    #[tokio::test]
    async fn a_large_answer_goes_out_in_pieces_and_keeps_its_length() {
        let whole = Bytes::from(vec![7; 3 * PIECE_BYTES + 5]);
        let mut answer = Answer::new(Body::from(whole.clone()), Activity::new().begin());
        let (mut sizes, mut got) = (Vec::new(), Vec::new());
        loop {
            assert_eq!(http_body::Body::size_hint(&answer).exact(), Some((whole.len() - got.len()) as u64));
            let Some(frame) = answer.frame().await else { break };
            let data = frame.unwrap().into_data().unwrap();
            sizes.push(data.len());
            got.extend_from_slice(&data);
        }
        assert_eq!(sizes, [PIECE_BYTES, PIECE_BYTES, PIECE_BYTES, 5]);
        assert_eq!(got, whole);
    }
}
