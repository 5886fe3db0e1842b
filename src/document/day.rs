//! The day a document speaks of, which chooses its version before a single element is read.

use super::kind::Kind;

/// How far into the text the field is looked for. It is among the first elements of every template; a document that
/// keeps it elsewhere breaks its structure.
const WITHIN_BYTES: usize = 16 * 1024;

/// The day as yyyymmdd; `None` if the kind names none or it cannot be told, and then today's version holds. Only the
/// version hangs on it, and a document in another version than that of its day is refused for its structure.
pub(super) fn spoken_of(kind: Kind, bytes: &[u8]) -> Option<u32> {
    let field: &[u8] = match kind {
        Kind::Claim | Kind::Voucher => b"<NGAYLAP",
        Kind::Checkin => b"<NGAY_VAO",
        Kind::MedicalAssessment => b"<NGAY_HOP",
        _ => return None,
    };
    let text = bytes.get(..bytes.len().min(WITHIN_BYTES))?;
    let at = memchr::memmem::find(text, field)?;
    // In a comment or a CDATA section stands no element; no template has one before the day.
    if memchr::memmem::find(text.get(..at)?, b"<!").is_some() {
        return None;
    }
    let content = text.get(at + field.len()..)?.trim_ascii_start().strip_prefix(b">")?;
    let digits = content.get(..8)?;
    digits.iter().all(u8::is_ascii_digit).then(|| std::str::from_utf8(digits).ok()?.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_is_the_one_of_the_kind() {
        let text = b"<a><NGAYLAP>20260316</NGAYLAP><NGAY_VAO>202601020304</NGAY_VAO><NGAY_HOP>x</NGAY_HOP></a>";
        assert_eq!(spoken_of(Kind::Claim, text), Some(20_260_316));
        assert_eq!(spoken_of(Kind::Checkin, text), Some(20_260_102));
        assert_eq!(spoken_of(Kind::MedicalAssessment, text), None);
        assert_eq!(spoken_of(Kind::DeathCertificate, text), None);
        assert_eq!(spoken_of(Kind::Claim, b"<NGAYLAP>2026"), None);
        assert_eq!(spoken_of(Kind::Claim, b"<NGAYLAP >20260316<"), Some(20_260_316));
        assert_eq!(spoken_of(Kind::Checkin, b"<NGAY_VAO_NOI_TRU>20260316<"), None);
        assert_eq!(spoken_of(Kind::Claim, b"<a><!-- <NGAYLAP>20240101 --><NGAYLAP>20260316</NGAYLAP></a>"), None);
    }
}
