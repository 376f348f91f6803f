//! The shape of an alert that a machine pushes, and what of it becomes ours.
//!
//! Before this stop: bytes of a stranger. After it: `push`. Deliberately absent: what is decided.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use vigie_store::{NewAlert, NewDecision, Share};
use vigie_wire::{RuleHash, Timestamp};

use super::go;
use super::words::{origin, remediation};
use crate::subject::{LONGEST, is_place, named, scope};

/// Most bytes of events that are kept of one alert: who reads alerts reads one at a time.
const LARGEST_EVENTS: usize = 1 << 20;
/// Longest message that is kept, in bytes.
const LONGEST_MESSAGE: usize = 4 << 10;

/// An alert as CrowdSec's agents and `cscli` write it; what they may leave out is optional.
#[derive(Debug, Deserialize)]
pub(super) struct Pushed {
    scenario: Option<String>,
    scenario_hash: Option<String>,
    scenario_version: Option<String>,
    message: Option<String>,
    events_count: Option<i64>,
    start_at: Option<String>,
    stop_at: Option<String>,
    capacity: Option<i64>,
    leakspeed: Option<String>,
    simulated: Option<bool>,
    #[serde(default)]
    remediation: bool,
    kind: Option<String>,
    events: Option<Vec<Event>>,
    source: Option<Source>,
    decisions: Option<Vec<Embedded>>,
}

#[derive(Debug, Deserialize)]
struct Source {
    scope: Option<String>,
    value: Option<String>,
    #[serde(default)]
    as_number: Option<String>,
    #[serde(default)]
    as_name: Option<String>,
    #[serde(default)]
    cn: Option<String>,
    #[serde(default)]
    range: Option<String>,
}

/// One event. Whoever lists alerts reads it in this shape, so nothing else is kept.
#[derive(Debug, Deserialize, Serialize)]
struct Event {
    #[serde(default)]
    timestamp: String,
    #[serde(default)]
    meta: Option<Vec<Meta>>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Meta {
    #[serde(default)]
    key: String,
    #[serde(default)]
    value: String,
}

/// A decision that comes with an alert.
#[derive(Debug, Deserialize)]
pub(super) struct Embedded {
    duration: Option<String>,
    #[serde(default)]
    origin: String,
    scenario: Option<String>,
    scope: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    value: Option<String>,
    #[serde(default)]
    simulated: bool,
}

/// An alert in our words, and the decisions that came with it.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) alert: NewAlert,
    pub(super) decisions: Vec<NewDecision>,
    /// Whether an agent saw it itself: `kind` says so or nothing, there are events and no decision.
    pub(super) seen: bool,
}

// === impl Pushed ===

impl Pushed {
    /// In our words; what is missing or cannot be read is said as CrowdSec says it.
    pub(super) fn take(self, machine: &str, detection: [u8; 16], now: Timestamp) -> Result<Taken, String> {
        let source = need(self.source, "source")?;
        let (scope, value) = seen_at(
            &need(source.scope, "source.scope")?,
            &need(source.value, "source.value")?,
        )?;
        let scenario = short(need(self.scenario, "scenario")?, "scenario")?;
        let events = need(self.events, "events")?;
        let embedded = self.decisions.unwrap_or_default();
        let seen = self.kind.as_deref().is_none_or(|kind| kind == "crowdsec")
            && !events.is_empty()
            && embedded.is_empty();
        let mut labels = BTreeMap::new();
        let told = [
            ("kind", self.kind),
            ("source.as_number", source.as_number),
            ("source.as_name", source.as_name),
            ("source.cn", source.cn),
            ("source.range", source.range),
        ];
        for (name, text) in told {
            if let Some(text) = text.filter(|text| !text.is_empty()) {
                labels.insert(name.to_owned(), cut(text, LONGEST));
            }
        }
        let alert = NewAlert {
            detection,
            machine: machine.to_owned(),
            rule: rule(&need(self.scenario_hash, "scenario_hash")?, &scenario),
            scenario,
            scenario_version: short(
                need(self.scenario_version, "scenario_version")?,
                "scenario_version",
            )?,
            behaviour: None,
            scope,
            value,
            message: cut(need(self.message, "message")?, LONGEST_MESSAGE),
            events_count: u32::try_from(need(self.events_count, "events_count")?.max(0)).unwrap_or(u32::MAX),
            capacity: i32::try_from(need(self.capacity, "capacity")?).unwrap_or(i32::MAX),
            leakspeed: short(need(self.leakspeed, "leakspeed")?, "leakspeed")?,
            first: time(&need(self.start_at, "start_at")?)?,
            last: time(&need(self.stop_at, "stop_at")?)?,
            created_at: now,
            simulated: need(self.simulated, "simulated")?,
            remediation: self.remediation,
            labels,
            events: Value::Array(first(&events)),
            share: Share::Never,
        };
        let decisions = embedded.into_iter().map(|one| one.take(&alert, now));
        Ok(Taken {
            decisions: decisions.collect::<Result<_, _>>()?,
            alert,
            seen,
        })
    }
}

// === impl Embedded ===

impl Embedded {
    fn take(self, alert: &NewAlert, now: Timestamp) -> Result<NewDecision, String> {
        let (scope, value) = named(
            &need(self.scope, "decisions.scope")?,
            &need(self.value, "decisions.value")?,
        )?;
        let text = need(self.duration, "decisions.duration")?;
        let length = go::duration(&text).ok_or_else(|| format!("{text:?} is not a duration"))?;
        if length < Duration::from_secs(1) {
            return Err(format!("a decision of {text} decides nothing"));
        }
        Ok(NewDecision {
            origin: origin(&self.origin),
            remediation: remediation(&need(self.kind, "decisions.type")?)?,
            scope: scope.into(),
            value: value.into(),
            scenario: short(need(self.scenario, "decisions.scenario")?, "decisions.scenario")?.into(),
            created_at: now,
            until: now + length,
            simulated: self.simulated || alert.simulated,
            reason: alert.message.as_str().into(),
        })
    }
}

/// Whom an alert is about. A place that an agent's database names and nobody else is kept as it is told: no decision is
/// made of it here, and an alert that is refused would come again for ever.
fn seen_at(scope_text: &str, value: &str) -> Result<(String, String), String> {
    match named(scope_text, value) {
        Err(_) if is_place(scope_text) && value.len() <= LONGEST => Ok((scope(scope_text), value.to_owned())),
        named => named,
    }
}

fn need<T>(field: Option<T>, name: &str) -> Result<T, String> {
    field.ok_or_else(|| format!("validation failure list:\n{name} in body is required"))
}

/// It goes to every bouncer.
fn short(text: String, name: &str) -> Result<String, String> {
    if text.len() > LONGEST {
        return Err(format!("{name} has more than {LONGEST} bytes"));
    }
    Ok(text)
}

/// What people read is not worth a refusal.
fn cut(mut text: String, longest: usize) -> String {
    text.truncate(text.floor_char_boundary(longest));
    text
}

/// The events that have room; how many there were is counted beside them.
fn first(events: &[Event]) -> Vec<Value> {
    let mut room = LARGEST_EVENTS;
    let texts = events.iter().map(|event| json!(event));
    let fits = |event: &Value| {
        let rest = room.checked_sub(event.to_string().len());
        room = rest.unwrap_or_default();
        rest.is_some()
    };
    texts.take_while(fits).collect()
}

fn time(text: &str) -> Result<Timestamp, String> {
    let read = text.parse::<jiff::Timestamp>();
    read.map(|time| Timestamp::from_millis(time.as_millisecond()))
        .map_err(|_| format!("{text:?} is not a time"))
}

/// A short name of the scenario's content, as its agent states it.
fn rule(hash: &str, scenario: &str) -> RuleHash {
    let stated = if hash.is_empty() { scenario } else { hash };
    let hash = blake3::hash(stated.as_bytes());
    RuleHash(*hash.as_bytes().first_chunk().unwrap_or(&[0; 8]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_nobody_knows_is_kept_as_it_is_told() {
        let pair = |scope: &str, value: &str| Ok((scope.to_owned(), value.to_owned()));
        assert_eq!(seen_at("country", ""), pair("Country", ""));
        assert_eq!(seen_at("as", "AS64500"), pair("AS", "64500"));
        assert!(seen_at("Country", &"F".repeat(300)).is_err());
        assert!(seen_at("Ip", "FR").is_err());
    }

    #[test]
    fn what_is_missing_is_named() {
        let pushed: Pushed = serde_json::from_str("{}").unwrap();
        let refused = pushed.take("web", [0; 16], Timestamp::from_secs(0)).unwrap_err();
        assert!(
            refused.starts_with("validation failure list:\nsource"),
            "{refused}"
        );
    }
}
