//! What is kept of webhook endpoints and of what is on its way to them.

use std::fmt;

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::EventView;

/// Endpoints of one client at most: its systems, a test one, and room. Each costs a look at the feed at every change.
pub const ENDPOINTS_OF_CLIENT_MAX: u32 = 10;

/// Endpoints in all at most: every one of them is looked at whenever something happens.
pub const ENDPOINTS_MAX: u32 = 200;

/// Events on their way to one endpoint at most. The rest stay where they are, in the feed, and are taken from there as places
/// become free: an endpoint that is away for days costs a thousand small rows.
pub const WAITING_MAX: u32 = 1_000;

/// Deliveries on one page at most.
pub const PAGE_MAX: u32 = 500;

/// A secret that signs. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct HookSecret(Zeroizing<Vec<u8>>);

/// Where and what: what a client chooses of an endpoint. `Debug` shows no address.
#[derive(Clone, PartialEq, Eq)]
pub struct HookDetails {
    /// Where events are sent.
    pub url: String,
    /// What people call it.
    pub name: String,
    /// Which kinds of events, `document.failed` or `document.*`; empty means all.
    pub kinds: Vec<String>,
}

/// Whether an endpoint is sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookState {
    /// It is.
    On,
    /// Its client has switched it off.
    Off,
    /// The gateway has: it answered 410, or failed for too long.
    Disabled,
}

/// A new endpoint.
pub struct NewHook {
    /// `whe_…`.
    pub id: String,
    /// Whose (`Client::id`).
    pub client: String,
    /// Where and what.
    pub details: HookDetails,
    /// What signs.
    pub secret: HookSecret,
}

/// What a client changes of an endpoint; what is `None` stays.
#[derive(Clone, Default)]
pub struct HookChange {
    /// Where and what.
    pub details: Option<HookDetails>,
    /// Switched on or off. On also ends what the gateway disabled, and begins the patience anew.
    pub on: Option<bool>,
}

/// An endpoint as its client sees it. `Debug` shows no address.
#[derive(Clone)]
pub struct HookView {
    /// `whe_…`.
    pub id: String,
    /// Position in the order in which they were made.
    pub sequence: i64,
    /// Whose.
    pub client: String,
    /// Where and what.
    pub details: HookDetails,
    /// Whether it is sent to.
    pub state: HookState,
    /// Why it is disabled: `gone` or `failing`.
    pub reason: Option<String>,
    /// Failures in a row.
    pub failures: u32,
    /// Since when nothing succeeded.
    pub failing_since: Option<Timestamp>,
    /// Until when nothing is tried.
    pub rest_until: Option<Timestamp>,
    /// When an event was last taken.
    pub last_success_at: Option<Timestamp>,
    /// Until when the secret before the present one signs too.
    pub old_secret_until: Option<Timestamp>,
    /// Events on their way.
    pub waiting: u32,
    /// When the first event happened that is not even on its way, because there are too many before it or it is off.
    pub unread_since: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// An event on its way to an endpoint, or lately arrived.
#[derive(Clone, Debug)]
pub struct HookDelivery {
    /// The event's id, which is the delivery's as well.
    pub event: String,
    /// Its position in the feed.
    pub sequence: i64,
    /// Its kind; `None` where the event itself was forgotten.
    pub kind: Option<String>,
    /// `waiting`, `delivered`, `failed`.
    pub state: String,
    /// How often it was tried since it was last ordered.
    pub tries: u32,
    /// When it was put on its way.
    pub queued_at: Timestamp,
    /// When it is tried next.
    pub next_at: Option<Timestamp>,
    /// When it was last tried.
    pub last_at: Option<Timestamp>,
    /// What status came back then.
    pub http_status: Option<u16>,
    /// What went wrong then, as a stable word.
    pub fault: Option<String>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// What there is to do for one endpoint.
pub struct HookWork {
    /// Its position.
    pub sequence: i64,
    /// `whe_…`.
    pub id: String,
    /// Where to.
    pub url: String,
    /// What signs: the present secret, and for a day after a change the one before.
    pub secrets: Vec<HookSecret>,
    /// Failures in a row.
    pub failures: u32,
    /// Since when nothing succeeded.
    pub failing_since: Option<Timestamp>,
    /// Whether the feed has events that are not on their way yet, and there is room for some.
    pub has_news: bool,
    /// What may be sent now, in order.
    pub due: Vec<DueHook>,
    /// When something becomes due.
    pub next_at: Option<Timestamp>,
}

/// An event to be sent.
pub struct DueHook {
    /// Its position in the feed.
    pub sequence: i64,
    /// What happened; `None` where the event itself was forgotten meanwhile.
    pub event: Option<EventView>,
    /// How often it was tried before.
    pub tries: u32,
    /// When it was put on its way.
    pub queued_at: Timestamp,
}

/// How a try to send an event ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookEnd {
    /// What becomes of the event.
    pub fate: HookFate,
    /// Until when nothing more is tried at this endpoint.
    pub rest_until: Option<Timestamp>,
    /// Why the endpoint is sent nothing more.
    pub disable: Option<&'static str>,
    /// What status came back.
    pub http_status: Option<u16>,
    /// What went wrong, as a stable word.
    pub fault: Option<&'static str>,
}

/// What becomes of an event on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookFate {
    /// It arrived.
    Delivered,
    /// It is tried again.
    Again(Timestamp),
    /// It was tried for as long as is allowed.
    GivenUp,
    /// It is not kept any more, and cannot be sent; that is nothing against the endpoint.
    Forgotten,
}

/// Which events are put on their way again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// Those that happened at or after this.
    pub since: Timestamp,
    /// Only those that were given up.
    pub failed_only: bool,
}

/// Why an endpoint was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyHooks;

impl HookSecret {
    /// A secret of these bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, to sign with or to show its owner once.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl HookState {
    /// The word on the wire and in the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
            Self::Disabled => "disabled",
        }
    }

    /// Reads [`name`](Self::name) back.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::On, Self::Off, Self::Disabled].into_iter().find(|state| state.name() == name)
    }
}

impl HookDetails {
    /// Whether events of `kind` are wanted.
    pub fn wants(&self, kind: &str) -> bool {
        let fits = |wish: &String| match wish.strip_suffix('*') {
            Some(family) => kind.starts_with(family),
            None => wish == kind,
        };
        self.kinds.is_empty() || self.kinds.iter().any(fits)
    }
}

impl fmt::Debug for HookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HookSecret(redacted)")
    }
}

impl fmt::Debug for HookDetails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HookDetails").field("kinds", &self.kinds).finish_non_exhaustive()
    }
}

impl fmt::Debug for HookView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HookView").field("id", &self.id).field("state", &self.state).finish_non_exhaustive()
    }
}

impl fmt::Debug for HookWork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HookWork").field("id", &self.id).field("due", &self.due.len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for NewHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewHook").field("id", &self.id).finish_non_exhaustive()
    }
}
