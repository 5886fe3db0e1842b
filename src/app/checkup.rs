//! Looking whether what is stored is whole.

use crate::app::{StartError, store_failed, trial};
use crate::config::Config;
use crate::store::CheckUp;
use crate::system::System;

/// Looks at everything stored, beside a gateway that may be running. Blocks for as long as reading it all takes.
pub fn check_database(config: &Config, system: &System) -> Result<CheckUp, StartError> {
    // Numbers and ids alone come of it, and it must be possible where nothing can be written.
    let (_, archive) = trial::open_unrecorded(config, system)?;
    archive.check_up().map_err(|error| store_failed(config, error))
}
