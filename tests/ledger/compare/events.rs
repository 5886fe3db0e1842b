//! The feed of events: whole for whoever followed it over the kills, and telling how each document ended.

use std::collections::{HashMap, HashSet};

use super::Picture;

impl Picture {
    pub(super) fn events_tell_every_end(&self, found: &mut Vec<String>) {
        let ids: Vec<&str> = self.events.iter().filter_map(|event| event["id"].as_str()).collect();
        if ids.iter().collect::<HashSet<_>>().len() != self.events.len() {
            found.push("an event stands twice in the feed".to_owned());
        }
        let followed: Vec<&str> = self.followed.iter().filter_map(|event| event["id"].as_str()).collect();
        if followed != ids {
            let first = followed.iter().zip(&ids).position(|(one, other)| one != other);
            found.push(format!(
                "who followed the feed saw {} of {} events, other ones from {first:?} on",
                followed.len(),
                ids.len()
            ));
        }
        let mut of_document: HashMap<&str, Vec<&str>> = HashMap::new();
        for event in &self.events {
            if let (Some(kind), Some(id)) = (event["type"].as_str(), event["data"]["id"].as_str()) {
                of_document.entry(id).or_default().push(kind);
            }
        }
        for (place, entry) in self.entries.iter().enumerate() {
            let Some(id) = entry.id.as_deref() else { continue };
            let told = of_document.get(id).map(Vec::as_slice).unwrap_or_default();
            let begins = matches!(told.first(), Some(&("document.queued" | "document.held")));
            let end = format!("document.{}", self.state(place));
            if !begins || told.last().is_none_or(|last| *last != end) {
                found.push(self.tell(place, &format!("its events are {told:?}")));
            }
            // What the portal took is told once, and nothing is told after it.
            let receipts = told.iter().filter(|kind| **kind == "document.acknowledged").count();
            if receipts > 1 {
                found.push(self.tell(place, &format!("its receipt was told {receipts} times: {told:?}")));
            }
        }
    }
}
