//! The three lookups of `portal-api.md`, section 2: the card, the visits, the co-payments.
//!
//! What the real replies hold beside the code when a question is refused is not known; here every other field is
//! then `null`, which clients must stand (section 2.1).

mod replies;

use std::time::Duration;

use http::StatusCode;

use self::replies::{CardReply, CoPaymentReply, VisitReply};
use crate::domain::{CardNumber, CardSubject, NationalId, PartialDate, Precision};
use crate::sandbox::population::lists::RESULT_CODES;
use crate::sandbox::population::{self, InsuredPerson, person_by_number, person_of};
use crate::sandbox::portal::Portal;
use crate::sandbox::records::Check;
use crate::sandbox::reply::{Answer, Play};
use crate::sandbox::request::{Call, Encoding};
use crate::sandbox::tokens::Credentials;

/// `POST /api/egw/KQNhanLichSuKCB2024`, form or JSON.
pub(super) fn card(portal: &Portal, call: &Call) -> Answer {
    if !egw_admits(portal, call) {
        return Answer::json(StatusCode::OK, &CardReply::refused(portal, call, "401", text_of("401")));
    }
    let verdict = judge(portal, call, true);
    if let Some(broken) = verdict.broken() {
        return broken;
    }
    portal.records().ask("KQNhanLichSuKCB2024", call.fields.get("maThe"));
    let moved = verdict.person.as_ref().and_then(InsuredPerson::after_a_move);
    let reply = match &verdict.person {
        None => CardReply::refused(portal, call, &verdict.code, &verdict.note),
        Some(person) => {
            let note = replies::note(portal, person, &verdict.note);
            let check = Check {
                account: call.query.get("username").to_owned(),
                at: portal.wall_clock().strftime("%Y%m%d%H%M").to_string(),
                message: note.clone(),
                code: verdict.code.clone(),
            };
            let earlier = portal.records().check(&person.social_insurance_number, check);
            let person = moved.as_ref().filter(|_| !earlier.is_empty()).unwrap_or(person);
            CardReply::of(portal, person, &verdict.code, note, verdict.asked_new_card, earlier)
        }
    };
    Answer::json(StatusCode::OK, &reply).playing(verdict.play)
}

/// `POST /api/egw/Lskcb2025`. Takes a form; a JSON body only if the switch is on (section 2.4).
pub(super) fn visits(portal: &Portal, call: &Call) -> Answer {
    if !egw_admits(portal, call) {
        return Answer::json(StatusCode::OK, &VisitReply::refused(portal, "401", text_of("401")));
    }
    let eight_digits = call.fields.get("ngaySinh").trim().len() == 8;
    let wrong_encoding = call.encoding != Encoding::Form && !portal.faults().lskcb_accepts_json;
    if wrong_encoding || eight_digits {
        portal.records().ask("Lskcb2025", call.fields.get("maThe"));
        return Answer::json(StatusCode::OK, &VisitReply::refused(portal, "205", text_of("205")));
    }
    let verdict = judge(portal, call, true);
    if let Some(broken) = verdict.broken() {
        return broken;
    }
    portal.records().ask("Lskcb2025", call.fields.get("maThe"));
    let reply = match &verdict.person {
        None => VisitReply::refused(portal, &verdict.code, &verdict.note),
        Some(person) => {
            let told = VisitReply::of(portal, person, &verdict.code);
            told.remember(portal, person);
            told
        }
    };
    Answer::json(StatusCode::OK, &reply).playing(verdict.play)
}

/// `POST /api/TraCuuCCT/TraCuuTienMCCT`: credentials in headers, JSON, no officer (section 2.6).
pub(super) fn co_payments(portal: &Portal, call: &Call) -> Answer {
    let credentials = Credentials {
        access_token: call.header("accessToken"),
        id_token: call.header("tokenId"),
        username: call.fields.get("username"),
        password: call.header("passwordHash"),
    };
    // Outside JSON no field can be read, not even the account; that is a wrong parameter, not a wrong token.
    if call.encoding == Encoding::Json && !portal.admits(call, &credentials) {
        return Answer::empty(StatusCode::UNAUTHORIZED);
    }
    let verdict = judge(portal, call, false);
    if let Some(broken) = verdict.broken() {
        return broken;
    }
    portal.records().ask("TraCuuTienMCCT", call.fields.get("maThe"));
    let status = match verdict.code.as_str() {
        _ if call.encoding != Encoding::Json => StatusCode::BAD_REQUEST,
        "401" => return Answer::empty(StatusCode::UNAUTHORIZED),
        "205" | "400" => StatusCode::BAD_REQUEST,
        "100" | "101" | "500" => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::OK,
    };
    let reply = match &verdict.person {
        _ if status != StatusCode::OK => CoPaymentReply::failed(status.as_u16()),
        Some(person) => CoPaymentReply::of(portal, person),
        None => CoPaymentReply::failed(204),
    };
    Answer::json(status, &reply).playing(verdict.play)
}

/// The wording of a result code; empty for a code of nobody's table.
pub(super) fn text_of(code: &str) -> &'static str {
    RESULT_CODES.iter().find(|(known, _)| *known == code).map_or("", |(_, text)| text)
}

/// What a question comes to.
struct Verdict {
    code: String,
    note: String,
    /// Given only where the code says that card and person belong together.
    person: Option<InsuredPerson>,
    /// The new card was asked for, not the one on record.
    asked_new_card: bool,
    play: Play,
}

/// The egw family takes its credentials from the query and from nowhere else.
pub(super) fn egw_admits(portal: &Portal, call: &Call) -> bool {
    let credentials = Credentials {
        access_token: call.query.get("token"),
        id_token: call.query.get("id_token"),
        username: call.query.get("username"),
        password: call.query.get("password"),
    };
    portal.admits(call, &credentials)
}

/// In the order of what the portal must know first: the parameters, the officer, the card, the person.
///
/// A magic ID plays its code before any of that: whoever asks for 010 gets 010, whatever name and officer they send.
fn judge(portal: &Portal, call: &Call, with_officer: bool) -> Verdict {
    let subject: String =
        call.fields.get("maThe").chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '_')).take(32).collect();
    let parsed_id = NationalId::parse(&subject).ok();
    if let Some(id) = parsed_id.filter(NationalId::is_sandbox_only) {
        return Verdict::magic(&id);
    }

    let (name, date) = (call.fields.get("hoTen"), call.fields.get("ngaySinh"));
    // 17 characters: a card with two more, which only the end of 2025's letter knows (section 2.1, mark B).
    let subject = if subject.len() == 17 { subject.get(..15).unwrap_or_default() } else { &subject };
    let Ok(date) = PartialDate::parse(date).map_err(drop).and_then(|read| match date.contains('-') {
        // ISO dates are read by our own type, not by the portal.
        true => Err(()),
        false => Ok(read),
    }) else {
        return Verdict::refused("205");
    };
    if name.trim().is_empty() || !matches!(subject.len(), 10 | 12 | 15) || !subject.is_ascii() {
        return Verdict::refused("205");
    }
    if with_officer && let Some(refusal) = check_officer(portal, call) {
        return refusal;
    }

    let (person, card) = match CardSubject::parse(subject) {
        Ok(CardSubject::NationalId(id)) => (Some(person_of(&id)), None),
        Ok(CardSubject::SocialInsuranceNumber(number)) => (person_by_number(number.as_str()), None),
        Ok(CardSubject::CardNumber(card)) => (person_by_number(card.as_str().get(5..).unwrap_or_default()), Some(card)),
        Err(_) if subject.len() == 15 => return Verdict::refused("051"),
        // A place that is none: nobody has such a number.
        Err(_) => return Verdict::refused("050"),
    };
    let Some(person) = person.filter(|person| person.code != "050") else { return Verdict::refused("050") };
    if let Some(refusal) = card.and_then(|card| check_card(&person, &card)) {
        return Verdict::refused(refusal);
    }
    if let "100" | "101" | "500" = person.code.as_str() {
        return Verdict::refused(&person.code);
    }
    // A tester asked for by card is nobody to be misnamed.
    if !person.national_id.is_sandbox_only()
        && let Some(refusal) = check_person(&person, name, date)
    {
        return Verdict::refused(refusal);
    }
    let asked_new_card = person.old_card.is_some() && card.is_some_and(|card| card.as_str() == person.card);
    let code = if asked_new_card { "000".to_owned() } else { person.code.clone() };
    let note = text_of(&code).to_owned();
    Verdict { code, note, person: Some(person), asked_new_card, play: Play::AsUsual }
}

impl Verdict {
    fn refused(code: &str) -> Self {
        let note = text_of(code).to_owned();
        Self { code: code.to_owned(), note, person: None, asked_new_card: false, play: Play::AsUsual }
    }

    fn magic(id: &NationalId) -> Self {
        let mut person = person_of(id);
        // 901: longer than the 120 s of the most patient client.
        let play = match person.code.as_str() {
            "901" => Play::ResetAfter(Duration::from_secs(180)),
            "902" => Play::After(Duration::from_secs(20)),
            "906" => Play::Truncate,
            _ => Play::AsUsual,
        };
        let code = match person.code.as_str() {
            _ if play != Play::AsUsual => "000".to_owned(),
            // A card in order of a person of whom something else is odd.
            population::MOVES | population::STILL_IN => "000".to_owned(),
            code => code.to_owned(),
        };
        if play != Play::AsUsual {
            person.code.clone_from(&code);
        }
        let note = text_of(&code).to_owned();
        let of_a_card = matches!(
            code.as_str(),
            "000" | "001" | "002" | "003" | "004" | "010" | "110" | "120" | "121" | "122" | "123" | "124" | "130"
        );
        Self { person: of_a_card.then_some(person), code, note, asked_new_card: false, play }
    }

    /// The magic codes that break off before the question is processed; such a question is not recorded.
    fn broken(&self) -> Option<Answer> {
        match self.code.as_str() {
            "903" => Some(Answer::empty(StatusCode::OK).playing(Play::ResetAfter(Duration::ZERO))),
            "904" => Some(Answer::empty(StatusCode::UNAUTHORIZED)),
            "905" => Some(Answer::bad_gateway()),
            _ => None,
        }
    }
}

/// Section 2.1 and 2.2: nobody named, a CCCD that is not registered, a name that is not its owner's.
fn check_officer(portal: &Portal, call: &Call) -> Option<Verdict> {
    let (name, id) = (call.fields.get("hoTenCb"), call.fields.get("cccdCb").trim());
    if name.trim().is_empty() {
        // Seen in production; the code it comes with was not recorded and is our choice.
        return Some(Verdict { note: "Null hoTenCb".to_owned(), ..Verdict::refused("205") });
    }
    let mut registered = portal.officers.iter().filter(|officer| officer.national_id.as_str() == id).peekable();
    if registered.peek().is_none() {
        return Some(Verdict::refused("054"));
    }
    let named = registered.any(|officer| officer.name.as_str() == plain(name));
    (!named).then(|| Verdict::refused("055"))
}

/// The card asked for against the cards the person has; the ten digits at its end agree already.
fn check_card(person: &InsuredPerson, card: &CardNumber) -> Option<&'static str> {
    let asked = card.as_str();
    if asked == person.card || person.old_card.as_deref() == Some(asked) {
        return None;
    }
    let part = |text: &str, from: usize, to: usize| text.get(from..to).map(str::to_owned);
    if part(asked, 3, 5) != part(&person.card, 3, 5) {
        Some("052")
    } else if part(asked, 2, 3) != part(&person.card, 2, 3) && part(asked, 0, 2) == part(&person.card, 0, 2) {
        Some("053")
    } else {
        Some("051")
    }
}

fn check_person(person: &InsuredPerson, name: &str, date: PartialDate) -> Option<&'static str> {
    let (asked, known) = (plain(name), plain(&person.name));
    if asked != known {
        return Some(if asked.chars().next() == known.chars().next() { "061" } else { "060" });
    }
    // Where the card has only a year, the year decides; where it has a day, nothing less will do.
    let agrees = match person.birth_date.precision() {
        Precision::Year => date.calendar_year() == person.birth_date.calendar_year(),
        _ => date == person.birth_date,
    };
    (!agrees).then_some("070")
}

/// Upper case and single blanks. Deliberately no normalisation: a name typed in NFD fails here as it does at the real
/// portal (section 7).
fn plain(name: &str) -> String {
    name.split_whitespace().map(str::to_uppercase).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use unicode_normalization::UnicodeNormalization;

    use super::*;
    use crate::sandbox::example_for_code;

    #[test]
    fn a_name_is_wrong_whole_or_after_its_first_letter() {
        let person = example_for_code("000").unwrap();
        let check = |name: &str| check_person(&person, name, person.birth_date);
        assert_eq!(check(&person.name), None);
        assert_eq!(check(&format!(" {} ", person.name.to_uppercase())), None);
        assert_eq!(check(&person.name.nfd().collect::<String>()), Some("061"));
        assert_eq!(check("X"), Some("060"));
        assert_eq!(check_person(&person, &person.name, PartialDate::parse("1985").unwrap()), Some("070"));
    }

    #[test]
    fn misprinted_cards_are_told_apart() {
        for code in ["051", "052", "053"] {
            let person = example_for_code(code).unwrap();
            let right = person_of(&person.national_id);
            assert_eq!(check_card(&right, &CardNumber::parse(&person.card).unwrap()), Some(code));
            assert_eq!(check_card(&right, &CardNumber::parse(&right.card).unwrap()), None);
        }
    }
}
