//! Unpacking gzip with bounds on what comes out of it.

use std::io::{ErrorKind, Read};

use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;

use super::BodyError;

/// How many times larger than itself a body may unpack. Claims full of equal rows reach some 40, deflate's utmost is
/// 1032, and bombs come near it.
pub(super) const RATIO_MAX: usize = 200;

/// Bytes unpacked before the ratio is looked at: a small body of blanks is nobody's bomb.
const RATIO_FROM_BYTES: usize = 1 << 20;

/// Bytes unpacked at a time, between two looks at the bounds.
const PIECE_BYTES: usize = 64 << 10;

/// Unpacks `packed` into at most `bytes_max` bytes. `cover` is asked for each room before it is made.
pub(super) fn unpack(
    packed: &[u8],
    bytes_max: usize,
    mut cover: impl FnMut(usize) -> Result<(), BodyError>,
) -> Result<Bytes, BodyError> {
    let mut decoder = MultiGzDecoder::new(packed);
    let mut piece = vec![0; PIECE_BYTES.min(bytes_max.saturating_add(1))];
    let mut whole = Vec::new();
    loop {
        let count = match decoder.read(&mut piece) {
            Ok(0) => return Ok(Bytes::from(whole)),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            // Damaged, cut short, or followed by something that is not gzip.
            Err(_) => return Err(BodyError::Broken),
        };
        let length = whole.len() + count;
        if length > RATIO_FROM_BYTES && length / RATIO_MAX > packed.len() {
            return Err(BodyError::Bomb);
        }
        if length > bytes_max {
            return Err(BodyError::TooLarge { bytes_max });
        }
        if length > whole.capacity() {
            let room = (2 * length).min(bytes_max);
            cover(room)?;
            whole.reserve_exact(room - whole.len());
        }
        whole.extend_from_slice(piece.get(..count).unwrap_or_default());
    }
}
