//! Keeps the cache's housekeeping from being felt.
//!
//! Whoever happens to use the cache when its housekeeping is due (by the machine's clock) does it, and is woken by it
//! once more for nothing. That costs a turn, and makes the order of tasks hang on real time, which a simulation cannot
//! repeat.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

/// Does `work` without the wakes that come while its last turn goes on: it is done, nobody needs them.
pub(super) async fn quietly<T>(work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    std::future::poll_fn(move |cx| {
        let turn = Arc::new(Turn::new(cx.waker().clone()));
        let outcome = work.as_mut().poll(&mut Context::from_waker(&Waker::from(turn.clone())));
        if outcome.is_pending() {
            turn.end();
        }
        outcome
    })
    .await
}

/// One turn, and whether somebody woke in it.
struct Turn {
    waker: Waker,
    goes_on: AtomicBool,
    woken: AtomicBool,
}

impl Turn {
    fn new(waker: Waker) -> Self {
        Self { waker, goes_on: AtomicBool::new(true), woken: AtomicBool::new(false) }
    }

    /// There will be another turn: a wake of this one counts.
    fn end(&self) {
        // One order for both flags, here and in the wake: either the wake sees the end, or the end sees the wake.
        self.goes_on.store(false, Ordering::SeqCst);
        if self.woken.load(Ordering::SeqCst) {
            self.waker.wake_by_ref();
        }
    }
}

impl Wake for Turn {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        if !self.goes_on.load(Ordering::SeqCst) {
            self.waker.wake_by_ref();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::task::Poll;

    use super::*;

    #[derive(Default)]
    struct Counted(AtomicUsize);

    impl Wake for Counted {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Wakes itself in each of two turns.
    fn turns() -> impl Future<Output = ()> {
        let mut turn = 0;
        std::future::poll_fn(move |cx| {
            turn += 1;
            cx.waker().wake_by_ref();
            if turn == 2 { Poll::Ready(()) } else { Poll::Pending }
        })
    }

    #[test]
    fn a_wake_counts_only_where_there_is_another_turn() {
        let counted = Arc::new(Counted::default());
        let waker = Waker::from(counted.clone());
        let mut cx = Context::from_waker(&waker);
        let mut work = pin!(quietly(turns()));
        assert!(work.as_mut().poll(&mut cx).is_pending());
        assert_eq!(counted.0.load(Ordering::Relaxed), 1);
        assert!(work.as_mut().poll(&mut cx).is_ready());
        assert_eq!(counted.0.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_wake_from_elsewhere_comes_through() {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let told = tokio::spawn(quietly(receiver));
        tokio::task::yield_now().await;
        sender.send(7).unwrap();
        assert_eq!(told.await.unwrap(), Ok(7));
    }
}
