//! One request's way through the log: who makes it, and every entry that is written on its behalf.

use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc::OwnedPermit;

use super::deed::Deed;
use super::record::{About, Draft, Outcome, is_own_id};
use super::writer::Message;
use super::{Audit, Unavailable};
use crate::system::System;

/// Who asks, in which request, and from where; handed down to whatever does the deed. Cheap to clone.
#[derive(Clone)]
pub struct Trail(Arc<Parts>);

struct Parts {
    audit: Audit,
    who: Arc<str>,
    request: Arc<str>,
    origin: Option<IpAddr>,
    /// What was learnt of the request's subject on the way.
    about: Mutex<About>,
    has_written: AtomicBool,
}

/// An entry that is open: the deed may be done, and what came of it is told by [`close`](Self::close). Dropped without,
/// it is closed as broken off.
#[must_use = "an entry is closed with what came of the deed"]
pub struct Entry {
    pub(super) system: System,
    pub(super) draft: Draft,
    pub(super) opening: i64,
    /// Room in the queue for the closing, taken with the opening: a closing is never turned away.
    pub(super) room: Option<OwnedPermit<Message>>,
}

// === impl Trail ===

impl Trail {
    /// The trail of one request.
    pub fn new(audit: &Audit, who: &str, request: &str, origin: Option<IpAddr>) -> Self {
        let (audit, who, request) = (audit.clone(), who.into(), request.into());
        Self(Arc::new(Parts {
            audit,
            who,
            request,
            origin,
            about: Mutex::default(),
            has_written: AtomicBool::new(false),
        }))
    }

    /// Who asks.
    pub fn who(&self) -> &Arc<str> {
        &self.0.who
    }

    /// The log, for keyed hashes of subjects.
    pub fn audit(&self) -> &Audit {
        &self.0.audit
    }

    /// Notes what the request turned out to be about, for the entry that is written at its end.
    pub fn tell(&self, about: About) {
        self.0.about.lock().unwrap_or_else(PoisonError::into_inner).take(about);
    }

    /// Notes the thing a path names, if that is an id of the gateway's own making.
    pub fn tell_id(&self, id: &str) {
        if is_own_id(id) {
            self.tell(About::object(id));
        }
    }

    /// What was noted.
    pub fn told(&self) -> About {
        self.0.about.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether any entry was written on this request's behalf.
    pub fn has_written(&self) -> bool {
        self.0.has_written.load(Ordering::Relaxed)
    }

    /// Opens an entry. When this returns, it is on the disk and the deed may be done; an error refuses the deed.
    pub async fn open(&self, deed: Deed, about: About) -> Result<Entry, Unavailable> {
        let entry = self.0.audit.open_entry(self.draft(deed, about)).await?;
        self.0.has_written.store(true, Ordering::Relaxed);
        Ok(entry)
    }

    /// Records a deed that only reads, whole. When this returns, it is on the disk and the answer may leave; an error
    /// withholds the answer.
    pub async fn record(&self, deed: Deed, about: About, outcome: Outcome) -> Result<(), Unavailable> {
        self.0.audit.write_whole(self.draft(deed, about), outcome).await?;
        self.0.has_written.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn draft(&self, deed: Deed, about: About) -> Draft {
        let mut whole = self.told();
        whole.take(about);
        Draft {
            at: self.0.audit.now(),
            deed,
            who: self.0.who.clone(),
            request: self.0.request.clone(),
            origin: self.0.origin,
            about: whole,
        }
    }
}

impl fmt::Debug for Trail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trail({} {})", self.0.who, self.0.request)
    }
}

// === impl Entry ===

impl Entry {
    /// Adds what was learnt while the deed was done.
    pub fn tell(&mut self, about: About) {
        self.draft.about.take(about);
    }

    /// Tells what came of the deed. It is written as soon as the disk takes it; nobody waits for that, because the deed
    /// can no longer be refused.
    pub fn close(mut self, outcome: Outcome) {
        self.send(outcome);
    }

    fn send(&mut self, outcome: Outcome) {
        if let Some(room) = self.room.take() {
            let draft = Draft { at: self.system.now().as_microsecond(), ..self.draft.clone() };
            drop(room.send(Message::Close { draft, opening: self.opening, outcome }));
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.send(Outcome::broken_off());
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry({} {})", self.opening, self.draft.deed.name())
    }
}
