//! V14 and V15: when voting began, and what moved its end.

use super::Check;
use crate::audit::Audit;
use crate::findings::Conclusion;
use crate::words::{count, utc};

pub(crate) fn conclude(audit: &Audit<'_>) -> [(Check, Conclusion); 2] {
    let facts = &audit.facts;
    let opened = facts.opened_at_ms.map(|time| {
        format!("Voting began {}, on the published keys and roll, not before the announced time.", utc(time))
    });
    let opening = audit.reached(opened.is_some(), opened.unwrap_or_default(), "Voting has not begun.");
    let mut extension = match facts.extensions {
        0 => "The end of voting was not moved.".to_owned(),
        times => {
            let end = audit.state.as_ref().map_or(0, |state| state.closes_at_ms());
            format!("The end of voting was moved {}, to {}.", count(times, "time", "times"), utc(end))
        }
    };
    if let Some(reason) = &facts.abandoned {
        let shown: String = reason.chars().filter(|c| !c.is_control()).take(200).collect();
        extension.push_str(&format!(" The election was given up; the reason that was given: “{shown}”."));
    }
    let began = facts.opened_at_ms.is_some() || facts.abandoned.is_some();
    [(Check::Opening, opening), (Check::Extension, audit.reached(began, extension, "Voting has not begun."))]
}
