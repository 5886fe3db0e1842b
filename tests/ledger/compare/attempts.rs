//! What the gateway recorded of its tries, against what the portal saw of them.

use serde_json::Value;

use super::Picture;

impl Picture {
    /// Every submission that the portal processed is an attempt on record that says so, or that says it may be.
    pub(super) fn attempts_agree(&self, found: &mut Vec<String>) {
        for place in 0..self.entries.len() {
            let Some(document) = &self.documents[place] else { continue };
            let attempts = &self.attempts[place];
            let numbers: Vec<u64> = attempts.iter().filter_map(|attempt| attempt["number"].as_u64()).collect();
            if !numbers.iter().copied().eq(1..=attempts.len() as u64) {
                found.push(self.tell(place, &format!("its attempts are numbered {numbers:?}")));
            }
            if document["deliveries"][0]["attempts"] != attempts.len() {
                found.push(self.tell(place, &format!("{} attempts counted", document["deliveries"][0]["attempts"])));
            }
            if attempts.iter().any(|attempt| attempt["endedAt"].is_null() || attempt["outcome"].is_null()) {
                found.push(self.tell(place, "an attempt without an end"));
            }
            self.match_with_submissions(place, found);
        }
    }

    fn match_with_submissions(&self, place: usize, found: &mut Vec<String>) {
        let attempts = &self.attempts[place];
        let mut unmatched: Vec<&str> = self.sent(place).map(|taken| taken.receipt.as_str()).collect();
        for attempt in attempts.iter().filter(|attempt| attempt["outcome"] == "acknowledged") {
            let raw = attempt["raw"].as_str().unwrap_or_default();
            match unmatched.iter().position(|receipt| raw.contains(receipt)) {
                Some(at) => drop(unmatched.swap_remove(at)),
                None => found.push(self.tell(place, "an attempt was answered with a receipt that is not the portal's")),
            }
        }
        // Each of the rest was answered to nobody, so an attempt must stand for it whose answer was lost.
        let lost = attempts.iter().filter(|attempt| answer_was_lost(attempt)).count();
        if unmatched.len() > lost {
            let more = unmatched.len() - lost;
            found.push(self.tell(place, &format!("the portal got it {more} times more than attempts on record allow")));
        }
    }
}

/// Whether the record leaves open that the portal acted.
fn answer_was_lost(attempt: &Value) -> bool {
    match attempt["outcome"].as_str().unwrap_or_default() {
        "interrupted" | "unknown" => true,
        "try-later" => attempt["stage"] == "no-answer",
        _ => false,
    }
}
