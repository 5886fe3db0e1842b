//! Every difference between the portal and the façade that is meant, with its reason. A difference that is not listed
//! fails the test, and so does a listed one that does not occur.
//!
//! All clients of the right ways are the same but where the façade does more than the portal; the rest is what becomes
//! of calls that are wrong.

use crate::matrix::Allowed;

const CARD: &str = "KQNhanLichSuKCB2024";
const VISITS: &str = "Lskcb2025";
const CO_PAYMENTS: &str = "TraCuuTienMCCT";

const fn row(
    clients: &'static [&'static str],
    functions: &'static [&'static str],
    difference: &'static str,
    reason: &'static str,
) -> Allowed {
    Allowed { clients, functions, difference, reason }
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
    // Wrong questions.
    row(UNREADABLE, &[CARD, VISITS], "other words in ghiChu", WORDS),
    row(&["byte-order mark before the body"], &[VISITS], "other words in ghiChu", WORDS),
    row(&["content type text/plain"], &[CARD, VISITS], "other words in ghiChu", WORDS),
    row(&["no number of the officer"], &[CARD, VISITS], "other words in ghiChu", WORDS),
    row(&["empty body", "half a JSON"], &[CARD, VISITS], "other words in ghiChu", WORDS),
    row(UNREADABLE, &[CO_PAYMENTS], "other words in GhiChu", WORDS),
    row(&["unknown path"], &[], "other words in Message", WORDS),
    // Right questions, asked again.
    row(&["asks again"], &[CARD, VISITS, CO_PAYMENTS], "again: a age", FROM_MEMORY),
    row(&["asks again"], &[CARD], "again: body \":null,\\\"dsLichSuKT2018\\\":[{…", OF_THAT_TIME),
];

/// Those that write JSON whatever a function's documents say.
const JSON_CLIENTS: &[&str] =
    &["JSON, md5 in lower case", ".NET HttpClient, JSON", "odd order, more fields, JSON", "numbers as numbers, JSON"];

const BAD_TOKENS: &[&str] =
    &["token of nobody", "id_token of another session", "token broken off", "no token", "token empty", "no id_token"];

const UNREADABLE: &[&str] = &["card of eleven digits", "no subject", "no name", "no birth date"];
