//! Which alerts a request is about. An unknown parameter is an error here, unlike for bouncers: `cscli` deletes by these.

use std::collections::HashMap;
use std::sync::Arc;

use vigie_store::{Alert, AlertFilter, AlertId, Decision, StoreError};
use vigie_wire::Timestamp;

use super::go;
use super::words::{Target, is_origin, is_type};
use crate::node::Node;
use crate::subject::{scope, sought};

/// Alerts that are read at a time, without their events: some KiB each.
const PAGE: u32 = 200;
/// Most alerts that one request looks at.
const MOST: usize = 20_000;
/// Most that are told unless the request says otherwise.
const USUAL: usize = 100;

/// The decisions of each alert, as the table holds them.
pub(super) type Made = HashMap<AlertId, Vec<Arc<Decision>>>;

/// What a request asks for.
#[derive(Debug, Default)]
pub(super) struct AlertQuery {
    now: Timestamp,
    scope: Option<String>,
    value: Option<String>,
    scenario: Option<String>,
    target: Option<Target>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    simulated: Option<bool>,
    active: Option<bool>,
    kind: Option<String>,
    decided: Option<String>,
    origin: Option<String>,
    source: Option<String>,
    limit: usize,
    oldest_first: bool,
}

/// The decisions of each alert.
pub(super) fn made(node: &Node) -> Made {
    let mut made = Made::new();
    for entry in node.table.snapshot().values() {
        if let Some(alert) = entry.held.alert {
            made.entry(alert).or_default().push(Arc::clone(&entry.held));
        }
    }
    made
}

/// The numbers of the alerts that match.
pub(super) async fn chosen(node: &Node, query: &AlertQuery, made: &Made) -> Result<Vec<AlertId>, StoreError> {
    let mut found = Vec::new();
    let (mut before, mut looked) = (None, 0);
    while looked < MOST && found.len() < query.limit {
        let page = AlertFilter {
            before,
            scenario: query.scenario.clone(),
            value: query.value.clone(),
            since: query.since,
            until: query.until,
            limit: PAGE,
            ..AlertFilter::default()
        };
        let alerts = node.store.alerts(&page).await?;
        let Some(last) = alerts.last() else { break };
        (before, looked) = (Some(last.id), looked + alerts.len());
        let admitted = alerts.iter().filter(|alert| query.admits(alert, made));
        found.extend(admitted.map(|alert| alert.id));
    }
    found.truncate(query.limit);
    if query.oldest_first {
        found.reverse();
    }
    Ok(found)
}

// === impl AlertQuery ===

impl AlertQuery {
    pub(super) fn read(query: &HashMap<String, String>, now: Timestamp) -> Result<Self, String> {
        let contains = query.get("contains").is_none_or(|value| value != "false");
        let mut asked = Self {
            now,
            limit: USUAL,
            ..Self::default()
        };
        for (name, value) in query {
            let flag = || {
                value
                    .parse::<bool>()
                    .map_err(|_| format!("{name} is neither true nor false: {value:?}"))
            };
            let ago = || {
                let length = go::duration(value).ok_or_else(|| format!("{value:?} is not a duration"));
                length.map(|length| now - length)
            };
            match name.as_str() {
                _ if value.is_empty() => {}
                "scope" => asked.scope = Some(scope(value)),
                "value" => asked.value = Some(value.clone()),
                "scenario" => asked.scenario = Some(value.clone()),
                "ip" | "range" => asked.target = Some(Target::read(value, contains)?),
                "since" => asked.since = Some(ago()?),
                "until" | "created_before" => asked.until = Some(ago()?),
                // CrowdSec: without simulated ones if false, all if true.
                "simulated" => asked.simulated = Some(flag()?),
                "has_active_decision" => asked.active = Some(flag()?),
                "decision_type" => asked.decided = Some(value.clone()),
                "origin" => asked.origin = Some(value.clone()),
                "kind" => asked.kind = Some(value.clone()),
                "alert_source" => asked.source = Some(value.clone()),
                "sort" => asked.oldest_first = value.eq_ignore_ascii_case("asc"),
                "limit" => {
                    let limit: usize = value
                        .parse()
                        .map_err(|_| format!("limit is not a number: {value:?}"))?;
                    asked.limit = if limit == 0 { MOST } else { limit.min(MOST) };
                }
                "contains" | "include_capi" | "with_decisions" => {}
                _ => {
                    return Err(format!(
                        "Filter parameter '{name}' is unknown (={value}): invalid filter"
                    ));
                }
            }
        }
        asked.value = asked.value.map(|value| sought(asked.scope.as_deref(), &value));
        Ok(asked)
    }

    /// Without a limit but the largest.
    pub(super) fn whole(self) -> Self {
        Self { limit: MOST, ..self }
    }

    pub(super) fn only_active(&self) -> bool {
        self.active == Some(true)
    }

    fn admits(&self, alert: &Alert, made: &Made) -> bool {
        let written = &alert.alert;
        let decisions = made.get(&alert.id).map_or(&[][..], Vec::as_slice);
        let is = |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|word| word == found);
        let active = decisions.iter().any(|held| held.decision.until > self.now);
        let kind = written.labels.get("kind").map_or("crowdsec", String::as_str);
        is(&self.scope, &written.scope)
            && is(&self.value, &written.value)
            && is(&self.kind, kind)
            && is(&self.source, &written.machine)
            && (self.simulated != Some(false) || !written.simulated)
            && self.active.is_none_or(|wanted| wanted == active)
            && self
                .target
                .as_ref()
                .is_none_or(|target| target.hits(&written.value))
            && self
                .decided
                .as_ref()
                .is_none_or(|word| decisions.iter().any(|held| is_type(held, word)))
            && self
                .origin
                .as_ref()
                .is_none_or(|word| decisions.iter().any(|held| is_origin(held, word)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_an_error() {
        let read = |name: &str, value: &str| {
            let query = HashMap::from([(name.to_owned(), value.to_owned())]);
            AlertQuery::read(&query, Timestamp::from_secs(1_790_000_000))
        };
        assert_eq!(
            read("nonsense", "1").unwrap_err(),
            "Filter parameter 'nonsense' is unknown (=1): invalid filter"
        );
        for (name, value) in [
            ("since", "yesterday"),
            ("limit", "x"),
            ("ip", "FR"),
            ("simulated", "2"),
        ] {
            assert!(read(name, value).is_err(), "{name}");
        }
        assert_eq!(read("limit", "0").unwrap().limit, MOST);
        assert_eq!(
            read("since", "1h").unwrap().since.unwrap().as_secs(),
            1_789_996_400
        );
    }
}
