//! A detection as the alert that a CrowdSec agent would send.
//!
//! Which decision follows is up to the Local API's profiles, which look at `remediation`; so whom we spare is told
//! without it. Bounded: values are cut and events left out until an alert is small enough to be stored anywhere.
//! Before: `vigie_sensor::detect`. After: `outbox`. Deliberately absent: decisions.

use std::collections::HashMap;

use ipnet::IpNet;
use serde::Serialize;
use serde_json::{Value, json};
use vigie_sensor::detect::{Detection, Origin};
use vigie_sensor::rules::Ruleset;

use crate::clock::rfc3339;
use crate::hub::installed::Installed;
use crate::{config, decide};

/// Longest text of one value.
const VALUE_BYTES: usize = 4_096;
/// Longest alert. The original's server takes requests of 2 MiB and more.
const ALERT_BYTES: usize = 256 << 10;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    /// Our own networks.
    spared: Vec<IpNet>,
    /// Version and SHA-256 of the hub's scenarios, by name.
    published: HashMap<String, (String, String)>,
}

#[derive(Serialize)]
struct Alert<'a> {
    kind: &'static str,
    scenario: &'a str,
    scenario_hash: &'a str,
    scenario_version: &'a str,
    message: &'a str,
    events_count: u32,
    start_at: String,
    stop_at: String,
    capacity: i32,
    leakspeed: &'a str,
    simulated: bool,
    remediation: bool,
    source: Source<'a>,
    events: &'a [Value],
    meta: Vec<Value>,
}

#[derive(Serialize)]
struct Source<'a> {
    scope: &'a str,
    value: &'a str,
    #[serde(skip_serializing_if = "String::is_empty")]
    ip: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    range: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    as_number: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    as_name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    cn: &'a str,
    latitude: f32,
    longitude: f32,
}

// === impl Writer ===

impl Writer {
    /// `spared` are our own networks. Scenarios that were installed from a hub and not changed are named by the hash
    /// and version that the hub gives them; all others have neither, by which the original knows rules of one's own.
    pub(crate) fn new(spared: Vec<IpNet>, rules: &Ruleset, installed: &Installed) -> Self {
        let mut by_path = HashMap::new();
        for pinned in installed.rules().filter(|pinned| !installed.is_changed(pinned)) {
            let path = installed.path(pinned).display().to_string();
            by_path.insert(path, (pinned.version.clone(), pinned.sha256.clone()));
        }
        let published = rules.scenarios.iter().filter_map(|scenario| {
            let published = by_path.get(&*scenario.place.file)?;
            Some((scenario.name.to_string(), published.clone()))
        });
        Self {
            spared,
            published: published.collect(),
        }
    }

    /// JSON on one line.
    pub(crate) fn alert(&self, detection: &Detection) -> String {
        let mut events: Vec<Value> = detection.events.iter().map(event).collect();
        loop {
            let text = self.with(detection, &events);
            if text.len() <= ALERT_BYTES || events.is_empty() {
                return text;
            }
            // The latest tell the most.
            events.drain(..events.len().div_ceil(2));
        }
    }

    fn with(&self, detection: &Detection, events: &[Value]) -> String {
        let unknown = Origin::default();
        let origin = detection.origin.as_ref().unwrap_or(&unknown);
        let (version, hash) = match self.published.get(&detection.scenario) {
            Some((version, hash)) => (version.as_str(), hash.as_str()),
            None => ("", ""),
        };
        let (message, value) = (text(&detection.message), text(&detection.value));
        let scoped_to_ip = ["ip", "range"]
            .iter()
            .any(|scope| detection.scope.eq_ignore_ascii_case(scope));
        let alert = Alert {
            kind: "crowdsec",
            scenario: &detection.scenario,
            scenario_hash: hash,
            scenario_version: version,
            message: &message,
            events_count: detection.events_count,
            start_at: rfc3339(detection.first),
            stop_at: rfc3339(detection.last),
            capacity: detection.capacity,
            leakspeed: &detection.leakspeed,
            simulated: detection.simulated,
            remediation: detection.remediation && !self.is_spared(detection),
            source: Source {
                scope: &detection.scope,
                value: &value,
                ip: match detection.ip {
                    Some(ip) if scoped_to_ip => ip.to_string(),
                    _ => String::new(),
                },
                range: &origin.range,
                as_number: &origin.as_number,
                as_name: &origin.as_name,
                cn: &origin.country,
                latitude: origin.latitude,
                longitude: origin.longitude,
            },
            events,
            // Context: each value a list, as the original writes them.
            meta: vec![
                json!({"key": "vigie_detection", "value": json!([detection.id.to_string()]).to_string()}),
                json!({"key": "vigie_rule", "value": json!([detection.rule.to_string()]).to_string()}),
            ],
        };
        serde_json::to_string(&alert).unwrap_or_default()
    }

    /// Whether nobody shall act on it: our own networks, and addresses that mean something else elsewhere.
    fn is_spared(&self, detection: &Detection) -> bool {
        let address = detection.ip.is_some_and(|ip| decide::spares(ip, &self.spared));
        let network = config::network(&detection.value);
        address || network.is_some_and(|network| decide::touches(network, &self.spared))
    }
}

fn event(event: &vigie_sensor::detect::DetectionEvent) -> Value {
    let meta = event.meta.iter();
    let meta: Vec<_> = meta
        .map(|(key, value)| json!({"key": key, "value": text(value)}))
        .collect();
    json!({"timestamp": rfc3339(event.at), "meta": meta})
}

/// Cut to a length that a database takes, and without NUL, which PostgreSQL refuses.
fn text(value: &str) -> String {
    let mut end = value.len().min(VALUE_BYTES);
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    value.get(..end).unwrap_or_default().replace('\0', "\u{fffd}")
}

#[cfg(test)]
mod tests;
