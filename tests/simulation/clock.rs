//! The wall clock of a run: the runtime's simulated instants, carried on from one life of the gateway to the next.

use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;
use lienthong::system::{Clock, after};
use tokio::time::Instant;

pub(crate) struct SimClock(Mutex<State>);

struct State {
    /// The time at `origin`, or the present where no life goes on.
    at: Timestamp,
    origin: Option<Instant>,
}

impl SimClock {
    pub(crate) fn new(at: Timestamp) -> Self {
        Self(Mutex::new(State { at, origin: None }))
    }

    /// A life begins in the present runtime.
    pub(crate) fn begin(&self) {
        self.0.lock().unwrap().origin = Some(Instant::now());
    }

    /// The life ends, still in its runtime.
    pub(crate) fn end(&self) {
        let now = self.now();
        *self.0.lock().unwrap() = State { at: now, origin: None };
    }

    /// Time passes while no life goes on.
    pub(crate) fn pass(&self, span: Duration) {
        let mut state = self.0.lock().unwrap();
        state.at = after(state.at, span);
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        let state = self.0.lock().unwrap();
        state.origin.map_or(state.at, |origin| after(state.at, origin.elapsed()))
    }
}
