//! Whether a service has fallen silent: somebody's patience ended, and in all that time nothing was heard of it.
//!
//! A breaker learns of this only when a call has failed, a minute later. Until then every desk would wait its whole
//! patience in vain; so from the first vain wait on, desks wait a short while only, until the first answer is heard.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use crate::portal::Service;

/// What was last heard of each service.
#[derive(Default)]
pub(super) struct Silence(Mutex<HashMap<Service, Heard>>);

#[derive(Clone, Copy, Default)]
struct Heard {
    last: Option<Instant>,
    silent: bool,
}

impl Silence {
    /// The service answered.
    pub(super) fn heard(&self, service: Service) {
        self.posts().insert(service, Heard { last: Some(Instant::now()), silent: false });
    }

    /// Somebody waited since `since` in vain.
    pub(super) fn waited_in_vain(&self, service: Service, since: Instant) {
        let mut posts = self.posts();
        let post = posts.entry(service).or_default();
        post.silent |= post.last.is_none_or(|last| last < since);
    }

    /// Whether nothing is heard of the service.
    pub(super) fn is_silent(&self, service: Service) -> bool {
        self.posts().get(&service).is_some_and(|post| post.silent)
    }

    fn posts(&self) -> MutexGuard<'_, HashMap<Service, Heard>> {
        // Nothing in here can panic half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_vain_wait_without_a_word_is_silence_and_one_word_ends_it() {
        let (silence, service) = (Silence::default(), Service::CardLookup);
        let before = Instant::now();
        assert!(!silence.is_silent(service));
        silence.heard(service);
        silence.waited_in_vain(service, before);
        assert!(!silence.is_silent(service), "others were answered meanwhile");
        silence.waited_in_vain(service, Instant::now());
        assert!(silence.is_silent(service) && !silence.is_silent(Service::Copay));
        silence.heard(service);
        assert!(!silence.is_silent(service));
        silence.waited_in_vain(Service::Copay, before);
        assert!(silence.is_silent(Service::Copay), "it was never heard at all");
    }
}
