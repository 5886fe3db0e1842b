//! The disk under the store: slow, full or broken at will. After every commit the run is looked at.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use lienthong::store::simulated::{Disk, Refusal};

use crate::chance::Dice;
use crate::world::World;

pub(crate) struct SimDisk {
    state: Mutex<State>,
    world: Arc<Mutex<World>>,
}

struct State {
    dice: Dice,
    refuses: Option<Refusal>,
    /// How many of the transactions it refuses, if it does.
    share: f64,
    /// The longest wait of a group.
    slowest: Duration,
}

impl SimDisk {
    pub(crate) fn new(dice: Dice, world: Arc<Mutex<World>>) -> Self {
        Self { state: Mutex::new(State { dice, refuses: None, share: 1.0, slowest: Duration::ZERO }), world }
    }

    pub(crate) fn set(&self, refuses: Option<Refusal>, slowest: Duration) {
        let mut state = self.state.lock().unwrap();
        // One spell in two refuses a part only: what was leased cannot be settled.
        state.share = if state.dice.chance(0.5) { 1.0 } else { 0.1 + 0.6 * state.dice.part() };
        (state.refuses, state.slowest) = (refuses, slowest);
    }
}

impl Disk for SimDisk {
    fn takes(&self) -> Duration {
        let mut state = self.state.lock().unwrap();
        let part = state.dice.part();
        state.slowest.mul_f64(part)
    }

    fn admits(&self) -> Result<(), Refusal> {
        let refuses = {
            let mut state = self.state.lock().unwrap();
            let share = state.share;
            let is_hit = state.refuses.is_some() && state.dice.chance(share);
            state.refuses.filter(|_| is_hit)
        };
        match refuses {
            None => Ok(()),
            Some(refusal) => {
                self.world.lock().unwrap().disk_refused();
                Err(refusal)
            }
        }
    }

    fn committed(&self) {
        self.world.lock().unwrap().committed();
    }
}

/// A disk that does as it is told.
pub(crate) struct Sound;

impl Disk for Sound {
    fn takes(&self) -> Duration {
        Duration::ZERO
    }

    fn admits(&self) -> Result<(), Refusal> {
        Ok(())
    }

    fn committed(&self) {}
}
