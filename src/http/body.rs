//! Reading request bodies: bounded in size, in time, in what they unpack to, and in what all of them together hold.
//!
//! [`BodyBudget::read`] is what handlers use. It charges a body's bytes to the budget as they arrive, not as they are
//! announced, so that a peer which announces much and sends little takes nothing from others, and gives the bytes
//! together with the permit that accounts for them. Bodies are never awaited in a queue: when the budget is used up, or
//! the sender's share of it, the caller hears so at once.

mod gzip;

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http_body_util::BodyExt;
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use crate::system::shares::{Share, Shares};

/// KiB of all bodies in memory at once, unless set otherwise: 256 MiB, a quarter of the smallest machine the gateway is
/// meant for, and room for two dozen of the largest documents.
pub const BUDGET_KIB: u32 = 256 << 10;

/// Compressed bodies larger than this are unpacked off the async threads: below it unpacking takes under a few
/// milliseconds even for the most compressible text.
const INLINE_GZIP_BYTES_MAX: usize = 16 << 10;

/// Bytes of room made for a body before its first bytes are there, at most.
const FIRST_ROOM_BYTES_MAX: usize = 64 << 10;

/// What one body may cost.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimits {
    /// Bytes of the body, packed and unpacked alike.
    pub bytes_max: usize,
    /// For the whole body to arrive.
    pub deadline: Duration,
    /// For the next bytes of it to arrive.
    pub stall: Duration,
}

/// Why a body could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BodyError {
    /// It is larger than allowed, as it is or unpacked.
    #[error("the body is larger than {bytes_max} bytes")]
    TooLarge {
        /// The bound.
        bytes_max: usize,
    },
    /// It did not arrive in time.
    #[error("the body did not arrive in time")]
    TimedOut,
    /// The connection broke, or the body is not framed or packed as it says.
    #[error("the body broke off or is damaged")]
    Broken,
    /// It unpacks to far more than any document would: made to exhaust the memory.
    #[error("the body unpacks to more than {} times its size", gzip::RATIO_MAX)]
    Bomb,
    /// It is packed in a way not known here.
    #[error("the body's Content-Encoding is unknown; send it plain or as gzip")]
    Unsupported,
    /// The bodies of other requests use up the memory set aside for them; nothing is wrong with this one.
    #[error("too many bodies are being read at once")]
    Busy,
}

/// Bounds the bytes of all bodies held at once. Clones share the bound.
#[derive(Clone, Debug)]
pub struct BodyBudget {
    free_kib: Arc<Semaphore>,
    shares: Shares,
}

/// A body, accounted for in its budget until dropped.
#[derive(Debug)]
pub struct Held {
    /// The body, unpacked.
    pub bytes: Bytes,
    // Drop the bytes with it: bytes kept beyond it are memory nobody counts.
    _charge: Charge,
}

/// What a body has been charged so far.
#[derive(Debug)]
struct Charge {
    budget: Option<Arc<Semaphore>>,
    permit: Option<OwnedSemaphorePermit>,
    /// The same KiB in the sender's share.
    share: Option<Share>,
}

/// Reads `body` whole. `declared` is its Content-Length, if it has one: too large a one is refused before a byte is
/// read. No budget and no unpacking; see [`BodyBudget::read`].
pub async fn read(
    body: Body,
    declared: Option<u64>,
    limit_bytes: usize,
    deadline: Duration,
    stall: Duration,
) -> Result<Bytes, BodyError> {
    let limits = BodyLimits { bytes_max: limit_bytes, deadline, stall };
    collect(body, declared, &limits, &mut Charge { budget: None, permit: None, share: None }).await
}

// === impl BodyError ===

impl BodyError {
    /// A short stable name, for metrics and support.
    pub fn code(self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "body-too-large",
            Self::TimedOut => "body-timed-out",
            Self::Broken => "body-broken",
            Self::Bomb => "body-bomb",
            Self::Unsupported => "body-encoding-unsupported",
            Self::Busy => "body-budget-used-up",
        }
    }
}

// === impl BodyBudget ===

impl BodyBudget {
    /// A budget of `kib` KiB. It should be several times the largest body, of `largest_kib`, which could else never be
    /// read beside another.
    pub fn new(kib: u32, largest_kib: u32) -> Self {
        let shares = Shares::new(kib as usize, largest_kib as usize);
        Self { free_kib: Arc::new(Semaphore::new(kib as usize)), shares }
    }

    /// KiB not in use.
    pub fn free_kib(&self) -> usize {
        self.free_kib.available_permits()
    }

    /// Charges bytes that are in memory already, waiting at most `patience` for room: whoever reads a stream of bodies
    /// waits here, and so the stream waits.
    pub async fn admit(&self, bytes: Bytes, patience: Duration) -> Result<Held, BodyError> {
        let kib = u32::try_from(bytes.len().div_ceil(1024)).map_err(|_| BodyError::Busy)?;
        let permit = timeout(patience, self.free_kib.clone().acquire_many_owned(kib)).await;
        let permit = permit.map_err(|_| BodyError::Busy)?.map_err(|_| BodyError::Busy)?;
        Ok(Held { bytes, _charge: Charge { budget: None, permit: Some(permit), share: None } })
    }

    /// Reads a request's body whole, and unpacks it if `headers` say it is packed. `sender` is whose share it takes.
    pub async fn read(
        &self,
        sender: &Arc<str>,
        headers: &HeaderMap,
        body: Body,
        limits: &BodyLimits,
    ) -> Result<Held, BodyError> {
        let packed = is_gzip(headers)?;
        let mut charge = self.charge(sender);
        let bytes = collect(body, declared(headers), limits, &mut charge).await?;
        if !packed {
            return Ok(Held { bytes, _charge: charge });
        }
        let bytes_max = limits.bytes_max;
        let mut unpacked_charge = self.charge(sender);
        let small = bytes.len() <= INLINE_GZIP_BYTES_MAX;
        // The packed bytes and their charge go when this is done.
        let unpack = move || {
            let _packed_charge = charge;
            let unpacked = gzip::unpack(&bytes, bytes_max, |room| unpacked_charge.cover(room))?;
            Ok(Held { bytes: unpacked, _charge: unpacked_charge })
        };
        if small {
            return unpack();
        }
        // A panic while unpacking is our bug; to the caller the body was not readable.
        tokio::task::spawn_blocking(unpack).await.unwrap_or(Err(BodyError::Broken))
    }

    fn charge(&self, sender: &Arc<str>) -> Charge {
        Charge { budget: Some(self.free_kib.clone()), permit: None, share: self.shares.take(sender, 0) }
    }
}

impl Default for BodyBudget {
    fn default() -> Self {
        Self::new(BUDGET_KIB, BUDGET_KIB / 4)
    }
}

// === impl Held ===

impl Deref for Held {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

// === impl Charge ===

impl Charge {
    /// Sees to it that at least `bytes` are charged.
    fn cover(&mut self, bytes: usize) -> Result<(), BodyError> {
        let Some(budget) = &self.budget else { return Ok(()) };
        let charged = self.permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let more = bytes.div_ceil(1024).saturating_sub(charged);
        if more == 0 {
            return Ok(());
        }
        if !self.share.as_mut().is_none_or(|share| share.grow(more)) {
            return Err(BodyError::Busy);
        }
        let more = u32::try_from(more).map_err(|_| BodyError::Busy)?;
        let permit = budget.clone().try_acquire_many_owned(more).map_err(|_| BodyError::Busy)?;
        match &mut self.permit {
            Some(whole) => whole.merge(permit),
            none => *none = Some(permit),
        }
        Ok(())
    }
}

async fn collect(
    mut body: Body,
    declared: Option<u64>,
    limits: &BodyLimits,
    charge: &mut Charge,
) -> Result<Bytes, BodyError> {
    let too_large = BodyError::TooLarge { bytes_max: limits.bytes_max };
    let declared = declared.map(|declared| usize::try_from(declared).unwrap_or(usize::MAX));
    if declared.is_some_and(|declared| declared > limits.bytes_max) {
        return Err(too_large);
    }
    let deadline = Instant::now() + limits.deadline;
    let mut whole = BytesMut::new();
    loop {
        let frame = timeout_at(deadline, timeout(limits.stall, body.frame())).await;
        let frame = match frame.map_err(|_| BodyError::TimedOut)?.map_err(|_| BodyError::TimedOut)? {
            Some(frame) => frame.map_err(|_| BodyError::Broken)?,
            None => return Ok(whole.freeze()),
        };
        // Trailers tell nothing we use.
        let Ok(data) = frame.into_data() else { continue };
        let length = whole.len() + data.len();
        if length > limits.bytes_max {
            return Err(too_large);
        }
        if length > whole.capacity() {
            // Twice as much each time, so that few copies are made, but no more than can come; and charged before the
            // room is made. While the bytes move the old room is held as well, uncounted.
            let most = declared.unwrap_or(limits.bytes_max).max(length);
            let room = (2 * length).max(FIRST_ROOM_BYTES_MAX).min(most);
            charge.cover(room)?;
            whole.reserve(room - whole.len());
        }
        whole.extend_from_slice(&data);
    }
}

/// The announced length. hyper has seen to it that there is one at most, and that it is a number.
fn declared(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn is_gzip(headers: &HeaderMap) -> Result<bool, BodyError> {
    let mut codings = headers.get_all(CONTENT_ENCODING).iter();
    let Some(coding) = codings.next() else { return Ok(false) };
    let coding = coding.as_bytes().trim_ascii();
    let is = |name: &str| coding.eq_ignore_ascii_case(name.as_bytes());
    match codings.next() {
        None if is("gzip") || is("x-gzip") => Ok(true),
        None if is("identity") || is("") => Ok(false),
        // Packed twice is no one's honest habit.
        _ => Err(BodyError::Unsupported),
    }
}

#[cfg(test)]
mod tests;
