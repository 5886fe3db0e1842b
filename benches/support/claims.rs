//! Claims of about 20 KB, each with a record number of its own, made from the sample.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Where the sample lies.
const SAMPLE: &str = "schemas/claim/sample.xml";

/// The record number in the sample's parts; replaced by ones as long.
const SAMPLE_RECORD: &str = "HS2603160001";

/// What a usual claim weighs.
const CLAIM_BYTES: usize = 20 * 1024;

/// Makes claims.
pub(crate) struct Claims {
    /// The envelope before each part, and the part, decoded.
    parts: Vec<(String, String)>,
    /// The envelope after the last part.
    end: String,
}

impl Claims {
    /// Takes the sample apart.
    pub(crate) fn from_sample() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(SAMPLE);
        let sample = std::fs::read_to_string(path).expect("the sample can be read");
        let (open, close) = ("<NOIDUNGFILE>", "</NOIDUNGFILE>");
        let (mut parts, mut rest) = (Vec::new(), sample.as_str());
        while let Some((before, after)) = rest.split_once(open) {
            let (encoded, after) = after.split_once(close).expect("the sample is well-formed");
            let decoded = STANDARD.decode(encoded).expect("its parts are base64");
            parts.push((format!("{before}{open}"), String::from_utf8(decoded).expect("and text")));
            assert!(parts.last().is_some_and(|(_, part)| part.contains(SAMPLE_RECORD)), "each part names its record");
            rest = after;
        }
        let mut claims = Self { parts, end: rest.to_owned() };
        // The sample is smaller than usual: blanks between the elements of its longest part make up for it.
        let short = CLAIM_BYTES.saturating_sub(claims.make(0).len()) / 4 * 3;
        if let Some((_, part)) = claims.parts.last_mut() {
            let place = part.rfind("</").expect("a part ends with a tag");
            part.insert_str(place, &" ".repeat(short));
        }
        claims
    }

    /// The claim with this serial number. All are of one length.
    pub(crate) fn make(&self, serial: u64) -> Vec<u8> {
        let record = format!("HS{serial:010}");
        let mut claim = String::with_capacity(CLAIM_BYTES + 1024);
        for (before, part) in &self.parts {
            claim.push_str(before);
            STANDARD.encode_string(part.replace(SAMPLE_RECORD, &record), &mut claim);
            claim.push_str("</NOIDUNGFILE>");
        }
        claim.push_str(&self.end);
        claim.into_bytes()
    }
}

/// A serial number never given before, in this run or (all but surely) in another: they begin with the time of day.
pub(crate) fn next_serial() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    // Two runs against one gateway must not submit the same records; the process id keeps them apart.
    u64::from(std::process::id() % 10_000) * 1_000_000 + NEXT.fetch_add(1, Ordering::Relaxed)
}
