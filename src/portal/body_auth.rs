//! The services of TT 25/2025, "PL02": what opens the portal stands in the form itself (`portal-api.md`, section 5.2).

use base64::prelude::{BASE64_STANDARD, Engine};

use crate::portal::Submission;
use crate::portal::call::{Call, Keys};

/// `guiGiayToDienTu` with number 61.
pub(super) fn birth_certificate(keys: &Keys<'_>, submission: &Submission) -> Call {
    file(keys, submission, "/api/hososuckhoe/guiGiayToDienTu", "61")
}

/// `guiGiayToDienTu` with number 60.
pub(super) fn death_certificate(keys: &Keys<'_>, submission: &Submission) -> Call {
    file(keys, submission, "/api/hososuckhoe/guiGiayToDienTu", "60")
}

/// `GuiHoSoChungTu2025` with number 39.
pub(super) fn voucher(keys: &Keys<'_>, submission: &Submission) -> Call {
    file(keys, submission, "/api/chungtugw/GuiHoSoChungTu2025", "39")
}

/// The number is the service's, never a caller's: births and deaths share one path, and the portal takes a wrong pair
/// without a word.
fn file(keys: &Keys<'_>, submission: &Submission, path: &str, number: &str) -> Call {
    let fields = [
        ("maCskcb", submission.facility.as_str()),
        ("token", keys.token.access()),
        ("id_token", keys.token.id()),
        ("username", &keys.account.username),
        ("password", keys.account.password.md5()),
        ("loaiHs", number),
        ("fileBase64Str", &BASE64_STANDARD.encode(&submission.body)),
    ];
    Call::form(path, &fields)
}
