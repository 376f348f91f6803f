//! What the Local API is told of the agent itself: what it runs on, its rules and logs, and how many lines it read.
//!
//! Servers from 1.6.3 on show it (`cscli machines inspect`); older ones do not know the request, and are not asked again
//! before the next start. Each report counts what came since the last one that was heard. Before: the sensor's counters.
//! After: `speaker`. Deliberately absent: addresses, and anything else that a line says.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::Instant;
use vigie_sensor::rules::Ruleset;
use vigie_sensor::source::{From, SourceConfig};
use vigie_sensor::stats::{GONE, Stats};
use vigie_wire::Timestamp;

use super::lapi::Failure;
use crate::clock;
use crate::hub::installed::Installed;
use crate::hub::item::Kind;

/// Between two reports, as the original's.
const EVERY: Duration = Duration::from_secs(30 * 60);
/// Logs that a report counts.
const MAX_SOURCES: usize = 1_000;
/// Longest value of a label.
const LABEL_CHARS: usize = 255;

/// Lines read, parsed and unparsed of one log.
type Lines = [u64; 3];

/// What stays as it is until the next start.
#[derive(Debug)]
pub(crate) struct About {
    os: (String, String),
    started: Timestamp,
    sources: Vec<SourceConfig>,
    items: Map<String, Value>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Usage {
    about: About,
    stats: Arc<Stats>,
    /// What was heard, by log.
    told: HashMap<String, Lines>,
    /// When the next report is due; never, if nobody wants one.
    due: Option<Instant>,
}

/// One report, and what will have been told by it.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) body: String,
    counts: HashMap<String, Lines>,
}

// === impl About ===

impl About {
    /// These rules, of which some were installed, on these logs.
    pub(crate) fn new(rules: &Ruleset, installed: &Installed, sources: &[SourceConfig]) -> Self {
        Self {
            os: os_of(&std::fs::read_to_string("/etc/os-release").unwrap_or_default()),
            started: clock::now(),
            sources: sources.to_vec(),
            items: items(rules, installed),
        }
    }

    /// How many sources of each kind.
    fn datasources(&self) -> BTreeMap<&'static str, u32> {
        let mut counts = BTreeMap::new();
        for source in &self.sources {
            *counts.entry(word(&source.from)).or_default() += 1;
        }
        counts
    }

    fn labels(&self, name: &str) -> Value {
        let feeds = self.sources.iter().find(|source| source.feeds(name));
        let (from, kind) = feeds.map_or(("file", ""), |source| (word(&source.from), &*source.kind));
        let cut: String = name.chars().take(LABEL_CHARS).collect();
        json!({"datasource_type": from, "source": cut, "acquis_type": kind})
    }
}

// === impl Usage ===

impl Usage {
    pub(super) fn new(about: About, stats: Arc<Stats>) -> Self {
        Self {
            about,
            stats,
            told: HashMap::new(),
            due: Some(Instant::now()),
        }
    }

    pub(super) fn is_due(&self) -> bool {
        self.due.is_some_and(|due| due <= Instant::now())
    }

    /// What is to be told now.
    pub(super) fn report(&self, now: Timestamp) -> Report {
        let mut counts = HashMap::new();
        let mut metrics = Vec::new();
        let sources = self.stats.snapshot().sources;
        // One that counts less than it did was gone in between: what it counted counts among those that are.
        let stayed = |name: &str, told: &[u64; 3]| {
            let stats = sources.iter().find(|(known, _)| **known == *name);
            stats.is_some_and(|(_, stats)| stats.lines >= told[0])
        };
        let told_of = |name: &str| self.told.get(name).copied().unwrap_or_default();
        let mut told_of_gone = told_of(GONE);
        for (_, told) in self
            .told
            .iter()
            .filter(|(name, told)| *name != GONE && !stayed(name, told))
        {
            for (all, one) in told_of_gone.iter_mut().zip(told) {
                *all = all.saturating_add(*one);
            }
        }
        for (name, stats) in &sources {
            let lines = [stats.lines, stats.parsed, stats.unparsed];
            let before = match told_of(name) {
                _ if *name == *GONE => told_of_gone,
                told if stayed(name, &told) => told,
                _ => [0; 3],
            };
            // The others go with a later report.
            if metrics.len() >= 3 * MAX_SOURCES {
                counts.insert(name.clone(), before);
                continue;
            }
            let words = ["read", "global_parsed", "global_unparsed"];
            for ((word, count), before) in words.into_iter().zip(lines).zip(before) {
                let since = count.saturating_sub(before);
                if since > 0 {
                    let labels = self.about.labels(name);
                    metrics.push(json!({"name": word, "unit": "line", "value": since, "labels": labels}));
                }
            }
            counts.insert(name.clone(), lines);
        }
        let (os, version) = &self.about.os;
        let body = json!({"log_processors": [{
            "version": concat!("vigie/", env!("CARGO_PKG_VERSION")),
            "os": {"name": os, "version": version},
            "feature_flags": [],
            "utc_startup_timestamp": self.about.started.as_secs(),
            "datasources": self.about.datasources(),
            "hub_items": self.about.items,
            "metrics": [{
                "meta": {"window_size_seconds": EVERY.as_secs(), "utc_now_timestamp": now.as_secs()},
                "items": metrics,
            }],
        }]});
        Report {
            body: body.to_string(),
            counts,
        }
    }

    /// What became of it, and so when the next is due.
    pub(super) fn answered(&mut self, report: Report, answer: Result<(), Failure>) {
        let wanted = match answer {
            Ok(()) => {
                self.told = report.counts;
                true
            }
            Err(Failure::Answered {
                status: status @ (404 | 405 | 501),
                ..
            }) => {
                tracing::info!(status, "the Local API knows no usage metrics: none are sent");
                false
            }
            Err(failure) if failure.is_final() => {
                tracing::warn!(%failure, "the Local API does not take our usage metrics: no more are sent");
                false
            }
            Err(failure) => {
                tracing::debug!(%failure, "usage metrics were not heard; their counts go with the next");
                true
            }
        };
        self.due = wanted.then(|| Instant::now() + EVERY);
    }
}

/// The original's words.
fn word(from: &From) -> &'static str {
    match from {
        From::File(_) => "file",
        From::Docker(_) => "docker",
        From::Journald { .. } => "journalctl",
        From::Stdin => "stdin",
        From::Syslog(_) => "syslog",
        From::Http(_) => "http",
        From::Nats(_) => "nats",
        From::Kafka(_) => "kafka",
    }
}

/// The rules by kind, as a hub sorts them: those of a hub as they were published or changed by hand, and our own.
fn items(rules: &Ruleset, installed: &Installed) -> Map<String, Value> {
    let mut items: BTreeMap<Kind, BTreeMap<String, Value>> = Kind::ALL
        .into_iter()
        .map(|kind| (kind, BTreeMap::new()))
        .collect();
    let mut put = |kind: Kind, name: &str, status: &str, version: &str| {
        let item = json!({"name": name, "status": status, "version": version});
        items.entry(kind).or_default().insert(name.to_owned(), item);
    };
    let parsers: BTreeSet<&str> = rules.parsers().flat_map(|(_, names)| names).collect();
    for name in parsers {
        put(Kind::Parser, name, "custom", "");
    }
    for scenario in &rules.scenarios {
        put(Kind::Scenario, &scenario.name, "custom", "");
    }
    for pinned in installed.items() {
        let changed = installed.is_changed(pinned);
        let status = if changed { "tainted" } else { "official" };
        put(pinned.item.kind, &pinned.item.name, status, &pinned.version);
    }
    let lists = items.into_iter();
    lists
        .map(|(kind, items)| (kind.folder().to_owned(), items.into_values().collect()))
        .collect()
}

/// Name and version in the text of `/etc/os-release`, as freedesktop.org defines it.
fn os_of(text: &str) -> (String, String) {
    let value = |key: &str| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        let value = line.unwrap_or_default().trim().trim_matches(['"', '\'']);
        value.chars().take(LABEL_CHARS).collect::<String>()
    };
    let (name, version) = (value("ID"), value("VERSION_ID"));
    let name = if name.is_empty() { "linux".to_owned() } else { name };
    (name, version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use vigie_sensor::stats::Counter;

    fn usage(stats: &Arc<Stats>) -> Usage {
        let rules = Ruleset::builtin().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let installed = Installed::open(&directory.path().join("hub")).unwrap();
        let source = SourceConfig {
            kind: "nginx".to_owned(),
            from: From::File("/l/*.log".into()),
        };
        Usage::new(About::new(&rules, &installed, &[source]), Arc::clone(stats))
    }

    /// The counted lines of a report.
    fn counted(report: &Report) -> Vec<(String, u64)> {
        let body: Value = serde_json::from_str(&report.body).unwrap();
        let items = body["log_processors"][0]["metrics"][0]["items"]
            .as_array()
            .unwrap();
        let read = |item: &Value| {
            let (source, kind) = match item["labels"]["source"].as_str() {
                Some(GONE) => (GONE, ""),
                _ => ("/l/a.log", "nginx"),
            };
            assert_eq!(
                item["labels"],
                json!({"datasource_type": "file", "source": source, "acquis_type": kind})
            );
            (
                item["name"].as_str().unwrap().to_owned(),
                item["value"].as_u64().unwrap(),
            )
        };
        items.iter().map(read).collect()
    }

    #[test]
    fn what_was_not_heard_is_counted_again() {
        let stats = Arc::<Stats>::default();
        let mut usage = usage(&stats);
        let add = |counter: &Counter, amount| counter.add(amount);
        let source = stats.source(&"/l/a.log".into());
        add(&source.lines, 5);
        add(&source.parsed, 5);
        let now = Timestamp::from_secs(1_790_000_000);
        let five = [("read".to_owned(), 5), ("global_parsed".to_owned(), 5)];
        assert!(usage.is_due());
        let report = usage.report(now);
        assert_eq!(counted(&report), five);
        usage.answered(report, Err(Failure::Odd("busy".to_owned())));
        assert!(!usage.is_due() && usage.due.is_some());
        let report = usage.report(now);
        assert_eq!(counted(&report), five);
        usage.answered(report, Ok(()));
        assert_eq!(counted(&usage.report(now)), []);
        add(&source.lines, 2);
        add(&source.unparsed, 2);
        let two = [("read".to_owned(), 2), ("global_unparsed".to_owned(), 2)];
        assert_eq!(counted(&usage.report(now)), two);
        // It goes, and what it counted since is told of those that are gone; comes back, and counts anew.
        stats.leave("/l/a.log");
        assert_eq!(counted(&usage.report(now)), two);
        add(&stats.source(&"/l/a.log".into()).lines, 1);
        let report = usage.report(now);
        let both = [("read".to_owned(), 1), two[0].clone(), two[1].clone()];
        assert_eq!(counted(&report), both);
        usage.answered(report, Ok(()));
        assert_eq!(counted(&usage.report(now)), []);
    }

    #[test]
    fn who_knows_no_usage_metrics_is_not_asked_again() {
        for (status, again) in [
            (404, false),
            (405, false),
            (422, false),
            (401, true),
            (500, true),
            (503, true),
        ] {
            let mut usage = usage(&Arc::default());
            let report = usage.report(Timestamp::ZERO);
            let failure = Failure::Answered {
                status,
                said: String::new(),
                wait: None,
            };
            usage.answered(report, Err(failure));
            assert_eq!(usage.due.is_some(), again, "{status}");
        }
    }

    #[test]
    fn a_system_is_called_what_it_calls_itself() {
        let text = "PRETTY_NAME=\"A B 12\"\nVERSION_ID=\"12\"\nID=debian\nID_LIKE=x\n";
        assert_eq!(os_of(text), ("debian".to_owned(), "12".to_owned()));
        assert_eq!(os_of("NAME=x"), ("linux".to_owned(), String::new()));
    }
}
