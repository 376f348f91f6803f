//! Which decisions a reader is served: what its key was granted, and the query parameters that all reads share. Unknown ones are ignored, as CrowdSec does for bouncers.

use std::collections::HashMap;

use vigie_store::{Bouncer, Decision, Origin, Remediation};
use vigie_wire::Timestamp;

use super::words::{meant, remediation};
use crate::subject;

/// Which decisions a request is about. Two readers with equal ones are served the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Filter {
    granted: Vec<Remediation>,
    /// Scopes that the key is limited to, if it is.
    limited: Vec<String>,
    scopes: Option<Vec<String>>,
    origins: Option<Vec<Origin>>,
    kinds: Option<Vec<Remediation>>,
    with: Vec<String>,
    without: Vec<String>,
    simulated: bool,
}

// === impl Filter ===

impl Filter {
    pub(super) fn new(query: &HashMap<String, String>, bouncer: &Bouncer) -> Self {
        Self {
            granted: bouncer.remediations.clone(),
            limited: bouncer.scopes.clone(),
            scopes: list(query, "scopes").or_else(|| list(query, "scope")),
            origins: list(query, "origins")
                .map(|words| words.iter().filter_map(|word| meant(word)).collect()),
            kinds: query
                .get("type")
                .map(|kind| remediation(kind).into_iter().collect()),
            with: list(query, "scenarios_containing").unwrap_or_default(),
            without: list(query, "scenarios_not_containing").unwrap_or_default(),
            simulated: query.get("simulated").is_some_and(|value| value != "false"),
        }
    }

    /// The stream serves addresses and networks unless asked for more.
    pub(super) fn scopes_or(mut self, default: &[&str]) -> Self {
        self.scopes
            .get_or_insert_with(|| default.iter().map(|&scope| scope.to_owned()).collect());
        self
    }

    /// Whether decisions on places are asked for.
    pub(super) fn asks_for_places(&self) -> bool {
        self.scopes.iter().flatten().any(|scope| subject::is_place(scope))
    }

    /// Whether a decision is served: granted to this key, and asked for.
    pub(super) fn admits(&self, held: &Decision) -> bool {
        let decision = &held.decision;
        self.granted.contains(&decision.remediation)
            && (self.simulated || !decision.simulated)
            && within(self.scopes.as_deref(), &decision.scope)
            && (self.limited.is_empty() || within(Some(&self.limited), &decision.scope))
            && self
                .origins
                .as_ref()
                .is_none_or(|origins| origins.contains(&decision.origin))
            && self
                .kinds
                .as_ref()
                .is_none_or(|kinds| kinds.contains(&decision.remediation))
            && self.admits_scenario(&decision.scenario)
    }

    fn admits_scenario(&self, scenario: &str) -> bool {
        if self.with.is_empty() && self.without.is_empty() {
            return true;
        }
        let scenario = scenario.to_lowercase();
        (self.with.is_empty() || self.with.iter().any(|part| scenario.contains(part)))
            && !self.without.iter().any(|part| scenario.contains(part))
    }
}

fn within(wanted: Option<&[String]>, word: &str) -> bool {
    wanted.is_none_or(|wanted| wanted.iter().any(|wanted| wanted.eq_ignore_ascii_case(word)))
}

/// A comma-separated parameter in lower case; an empty one counts as absent.
fn list(query: &HashMap<String, String>, name: &str) -> Option<Vec<String>> {
    let text = query.get(name).filter(|text| !text.is_empty())?;
    Some(text.split(',').map(|part| part.trim().to_lowercase()).collect())
}

/// Whether it holds at that time.
pub(super) fn active(held: &Decision, now: Timestamp) -> bool {
    held.decision.until > now
}
