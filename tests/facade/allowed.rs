//! Every difference between the portal and the façade that is meant, with its reason. A difference that is not listed
//! fails the test, and so does a listed one that does not occur.
//!
//! All clients of the right ways are the same but where the façade does more than the portal; the rest is what becomes
//! of calls that are wrong.

use crate::matrix::Allowed;

const CARD: &str = "KQNhanLichSuKCB2024";
const VISITS: &str = "Lskcb2025";
const CO_PAYMENTS: &str = "TraCuuTienMCCT";
const EXAM: &str = "hssk/gksk";
/// Check-in, claims and assessment.
const RECORDS: &[&str] = &[
    "checkInKcbQd130",
    "checkInKcbQd4750",
    "checkInKcbQd3176",
    "guiHoSoXmlQD130",
    "guiHoSoXmlQD4750",
    "guiHoSoXmlQD3176",
    "guiDuLieuGdykQd130",
];
const CERTIFICATES: &[&str] = &["giấy báo tử (60)", "giấy chứng sinh (61)", "GuiHoSoChungTu2025 (39)"];
const RETIRED: &[&str] = &["KQNhanLichSuKCB595", "KQNhanLichSuKCB2018", "KQNhanLichSuKCB2019", "NhanLichSuKCB2018"];
const FACILITY: &str = "NhanThongTinCSKCB";
/// Handed through.
const OLD: &[&str] = &[
    "guiHoSoGiamDinh4210",
    "guiHoSoGiamDinh",
    "nhanKQTiepNhanHS4210",
    "nhanChiTietHSNgay4210",
    "nhanChiTietLoiHS4210",
    "nhanHoSoKCBChiTiet",
    FACILITY,
];
const OLD_CLAIMS: &[&str] = &["guiHoSoGiamDinh4210", "guiHoSoGiamDinh"];

const fn row(
    clients: &'static [&'static str],
    functions: &'static [&'static str],
    difference: &'static str,
    reason: &'static str,
) -> Allowed {
    Allowed { clients, functions, difference, reason, always: true }
}

/// A difference that befalls some of these calls: which, hangs on the person asked for or on what was asked before.
const fn some(
    clients: &'static [&'static str],
    functions: &'static [&'static str],
    difference: &'static str,
    reason: &'static str,
) -> Allowed {
    Allowed { always: false, ..row(clients, functions, difference, reason) }
}

const WORDS: &str = "The code is the same. What the portal writes beside it is not known: the sandbox's words are its own, \
                     and so are the gateway's.";
const PRIVATE: &str = "Answers about persons are kept by nobody on the way, and guessed at by no browser; clients of the \
                       portal read neither header.";
const MENDED: &str = "Mended: the gateway reads what was meant and asks the portal as the portal wants to be asked. A \
                      client that was refused gets its answer.";
const NAMELESS: &str = "Mended: without a content type the body itself tells what it is.";
const HELD_TO_TOKEN: &str = "Stricter: the portal takes any user name beside a right token, and files under a wrong unit in \
                             silence; the gateway holds a caller to the user of the token.";
const NO_FIELDS: &str = "A body of a type that the function does not read has no user name in it: the portal calls that a \
                         wrong parameter, the gateway a caller that it does not know.";
const FROM_MEMORY: &str = "The same question within its time is answered from memory, byte for byte, and tells its age; the \
                           portal is not asked again.";
const OF_THAT_TIME: &str = "An answer from memory is the answer of its time: the check that the first question left behind is \
                            not in it.";
const LENIENT: &str = "Mended: the gateway reads the file however it is wrapped, and hands it to the portal as the portal \
                       wants it: the same bytes.";
const NOT_YOURS: &str = "Stricter: the portal files under whatever facility is named; the gateway keeps a user to its own \
                         facilities.";
const NO_DOCUMENT: &str = "The portal takes any bytes and finds out later; the gateway cannot keep, name and follow what is no \
                           document, and says so at once, in a code of the family.";
const ONCE: &str =
    "The same bytes again are the same document: the gateway answers as it did, and the portal gets them once.";
const REVIVED: &str = "The portal has switched this function off. The gateway asks today's one and answers in the old form, \
                       with a header that says so.";
const ONE_SHAPE: &str = "The code is the same. The gateway refuses the whole old family in one shape; what the portal writes \
                         beside the code when it refuses is not known.";
pub(crate) const ALLOWED: &[Allowed] = &[
    row(&[], &[], "a cache-control", PRIVATE),
    row(&[], &[], "a x-content-type-options", PRIVATE),
    // Right questions in forms that the portal does not take.
    row(JSON_CLIENTS, &[VISITS], "code 205 → 000", MENDED),
    row(&["form, md5 in lower case"], &[CO_PAYMENTS], "status 400 → 200", MENDED),
    row(&["form, md5 in lower case"], &[CO_PAYMENTS], "code 400 → 20…", MENDED),
    row(&["byte-order mark before the body"], &[CARD], "code 205 → 000", MENDED),
    row(&["byte-order mark before the body"], &[CO_PAYMENTS], "status 401 → 200", MENDED),
    row(
        &["byte-order mark before the body"],
        &[CO_PAYMENTS],
        "type \"\" → \"application/json; charset=utf-8\"",
        MENDED,
    ),
    row(&["byte-order mark before the body"], &[CO_PAYMENTS], "code nothing → 20…", MENDED),
    row(&["no content type"], &["token/take"], "code 401 → 200", NAMELESS),
    row(&["no content type"], &[CARD, VISITS], "code 205 → 000", NAMELESS),
    row(&["no content type"], &[CO_PAYMENTS], "status 400 → 200", NAMELESS),
    row(&["no content type"], &[CO_PAYMENTS], "code 400 → 20…", NAMELESS),
    row(&["names in NFD"], &[CARD, VISITS], "code 055 → 000", MENDED),
    row(&["birth date of eight digits"], &[VISITS], "code 205 → 000", MENDED),
    row(&["birth date as ISO writes it"], &[CARD, VISITS], "code 205 → 000", MENDED),
    row(&["birth date as ISO writes it"], &[CO_PAYMENTS], "status 400 → 200", MENDED),
    row(&["birth date as ISO writes it"], &[CO_PAYMENTS], "code 400 → 20…", MENDED),
    row(
        &["no officer at all"],
        &[CARD, VISITS],
        "code 205 → 000",
        "A system from before 2024 names no officer: the facility's default officer asks (facade.officer_missing).",
    ),
    // Wrong callers.
    row(&["nobody's account"], &[CARD, VISITS], "code 000 → 401", HELD_TO_TOKEN),
    row(&["nobody's account"], &[CO_PAYMENTS], "status 200 → 401", HELD_TO_TOKEN),
    row(&["nobody's account"], &[CO_PAYMENTS], "type \"application/json; charset=utf-8\" → \"\"", HELD_TO_TOKEN),
    row(&["nobody's account"], &[CO_PAYMENTS], "code 20…", HELD_TO_TOKEN),
    row(&["content type text/plain"], &[CO_PAYMENTS], "status 400 → 401", NO_FIELDS),
    row(&["content type text/plain"], &[CO_PAYMENTS], "type \"application/json; charset=utf-8\" → \"\"", NO_FIELDS),
    row(&["content type text/plain"], &[CO_PAYMENTS], "code 400 → nothing", NO_FIELDS),
    row(BAD_TOKENS, &[CARD, VISITS], "other words in ghiChu", WORDS),
    row(BAD_ACCOUNTS, &[CARD, VISITS], "other words in ghiChu", WORDS),
    row(&["credentials in another family's place"], &[CARD, VISITS], "other words in ghiChu", WORDS),
    // Wrong questions.
    row(UNREADABLE, &[CARD, VISITS], "other words in ghiChu", WORDS),
    row(&["byte-order mark before the body"], &[VISITS], "other words in ghiChu", WORDS),
    row(&["content type text/plain"], &[CARD, VISITS], "other words in ghiChu", WORDS),
    row(&["no number of the officer"], &[CARD, VISITS], "other words in ghiChu", WORDS),
    row(&["empty body", "half a JSON"], &[CARD, VISITS], "other words in ghiChu", WORDS),
    row(UNREADABLE, &[CO_PAYMENTS], "other words in GhiChu", WORDS),
    row(&["unknown path"], &[], "other words in Message", WORDS),
    // Documents.
    row(JSON_CLIENTS, CERTIFICATES, "code 401 → 200", LENIENT),
    row(JSON_CLIENTS, CERTIFICATES, "the portal got 0 → 1 files", LENIENT),
    row(&["no content type"], RECORDS, "code 401 → 200", NAMELESS),
    row(&["no content type"], RECORDS, "the portal got 0 → 1 files", NAMELESS),
    row(&["no content type"], CERTIFICATES, "code 401 → 200", NAMELESS),
    row(&["no content type"], CERTIFICATES, "the portal got 0 → 1 files", NAMELESS),
    row(&["no content type", "content type text/plain"], &[EXAM], "code 0 → 1", NAMELESS),
    row(&["no content type", "content type text/plain"], &[EXAM], "the portal got 0 → 1 files", NAMELESS),
    row(&["file's base64 in lines"], RECORDS, "code 205 → 200", LENIENT),
    row(&["file's base64 in lines"], RECORDS, "the portal got 0 → 1 files", LENIENT),
    row(&["file's base64 in lines"], CERTIFICATES, "code 205 → 200", LENIENT),
    row(&["file's base64 in lines"], CERTIFICATES, "the portal got 0 → 1 files", LENIENT),
    row(&["nobody's account"], RECORDS, "code 200 → 401", HELD_TO_TOKEN),
    row(&["nobody's account"], RECORDS, "the portal got 1 → 0 files", HELD_TO_TOKEN),
    row(&["nobody's account"], CERTIFICATES, "code 200 → 401", HELD_TO_TOKEN),
    row(&["nobody's account"], CERTIFICATES, "the portal got 1 → 0 files", HELD_TO_TOKEN),
    row(&["another's facility"], RECORDS, "code 200 → 403", NOT_YOURS),
    row(&["another's facility"], RECORDS, "the portal got 1 → 0 files", NOT_YOURS),
    row(&["another's facility"], CERTIFICATES, "code 200 → 402", NOT_YOURS),
    row(&["another's facility"], CERTIFICATES, "the portal got 1 → 0 files", NOT_YOURS),
    row(&["another's facility"], &[EXAM], "code 1 → 0", NOT_YOURS),
    row(&["another's facility"], &[EXAM], "the portal got 1 → 0 files", NOT_YOURS),
    row(&["file that is no XML"], RECORDS, "code 200 → 204", NO_DOCUMENT),
    row(&["file that is no XML"], RECORDS, "the portal got 1 → 0 files", NO_DOCUMENT),
    row(&["file that is no XML"], CERTIFICATES, "code 200 → 205", NO_DOCUMENT),
    row(&["file that is no XML"], CERTIFICATES, "the portal got 1 → 0 files", NO_DOCUMENT),
    row(BAD_TOKENS, RECORDS, "other words in thongDiep", WORDS),
    row(BAD_ACCOUNTS, RECORDS, "other words in thongDiep", WORDS),
    row(UNSIGNED, RECORDS, "other words in thongDiep", WORDS),
    row(BAD_FILES, RECORDS, "other words in thongDiep", WORDS),
    row(BAD_EXAMS, &[EXAM], "other words in MSG_TEXT", WORDS),
    row(&["asks again"], RECORDS, "the portal got 2 → 1 files", ONCE),
    row(&["asks again"], CERTIFICATES, "the portal got 2 → 1 files", ONCE),
    row(&["asks again"], &[EXAM], "again: code 0 → 1", ONCE),
    // What is handed through.
    row(BAD_TOKENS, OLD, "body …", ONE_SHAPE),
    row(BAD_ACCOUNTS, OLD, "body …", ONE_SHAPE),
    row(
        &["credentials in another family's place"],
        &[
            "guiHoSoGiamDinh4210",
            "guiHoSoGiamDinh",
            "nhanKQTiepNhanHS4210",
            "nhanChiTietHSNgay4210",
            "nhanChiTietLoiHS4210",
            "nhanHoSoKCBChiTiet",
        ],
        "body …",
        ONE_SHAPE,
    ),
    row(&["half a JSON"], OLD_CLAIMS, "body …", ONE_SHAPE),
    row(&["half a JSON", "empty body", "content type text/plain"], &[FACILITY], "body …", ONE_SHAPE),
    row(&["nobody's account"], OLD, "code 200 → 401", HELD_TO_TOKEN),
    row(&["nobody's account"], OLD_CLAIMS, "the portal got 1 → 0 files", HELD_TO_TOKEN),
    row(&["another's facility"], OLD, "code 200 → 403", NOT_YOURS),
    row(&["another's facility"], OLD_CLAIMS, "the portal got 1 → 0 files", NOT_YOURS),
    // What the portal no longer answers.
    some(&[], RETIRED, "status 404 → 200", REVIVED),
    some(&[], RETIRED, "a deprecation", REVIVED),
    some(&[], RETIRED, "a age", FROM_MEMORY),
    some(&[], RETIRED, "code none → …", REVIVED),
    row(&["asks again"], RETIRED, "again: status 404 → 200", REVIVED),
    row(&["asks again"], RETIRED, "again: a deprecation", REVIVED),
    row(&["asks again"], RETIRED, "again: a age", FROM_MEMORY),
    row(&["asks again"], RETIRED, "again: code none → 000", REVIVED),
    // Right questions, asked again.
    row(&["asks again"], &[CARD, VISITS, CO_PAYMENTS], "again: a age", FROM_MEMORY),
    row(&["asks again"], &[CARD], "again: body \":null,\\\"dsLichSuKT2018\\\":[{…", OF_THAT_TIME),
];

/// Those that write JSON whatever a function's documents say.
const JSON_CLIENTS: &[&str] =
    &["JSON, md5 in lower case", ".NET HttpClient, JSON", "odd order, more fields, JSON", "numbers as numbers, JSON"];

const BAD_TOKENS: &[&str] =
    &["token of nobody", "id_token of another session", "token broken off", "no token", "token empty", "no id_token"];

const BAD_ACCOUNTS: &[&str] = &["wrong password", "password not hashed", "no password", "no username"];

/// Those whose user name is not found.
const UNSIGNED: &[&str] = &[
    "byte-order mark before the body",
    "content type text/plain",
    "credentials in another family's place",
    "empty body",
    "half a JSON",
];

const BAD_FILES: &[&str] =
    &["no facility", "no kind of file", "another kind of file", "no file", "file empty", "file that is no base64"];

const BAD_EXAMS: &[&str] = &[
    "form, md5 in lower case",
    "wrong password",
    "password not hashed",
    "no password",
    "nobody's account",
    "no username",
    "credentials in another family's place",
    "no facility",
    "STATE of no meaning",
    "empty body",
    "half a JSON",
];

const UNREADABLE: &[&str] = &["card of eleven digits", "no subject", "no name", "no birth date"];
