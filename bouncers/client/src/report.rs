//! What the node is told of this bouncer: `POST /v1/usage-metrics`, as `CrowdSec`'s own bouncers send it.
//!
//! A Vigie node shows it (`vigie bouncers show`), a Local API of 1.6.3 or later as well (`cscli metrics show bouncers`); who does
//! not know the request is asked once. Before: [`Pulse`]. Deliberately absent: any address, and what nginx counts, of which
//! its daemon knows nothing.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::pulse::{Counts, Dropped, Pulse, since_1970};
use crate::source::{RequestError, Source};

/// Between two reports, as theirs.
const EVERY: Duration = Duration::from_mins(15);
/// Before the first one: what is in force is known by then.
const FIRST: Duration = Duration::from_secs(15);

/// Who reports.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// The program's name.
    pub program: &'static str,
    /// Its version.
    pub version: &'static str,
}

/// What was told so far, so that each report counts what came since the last one that was heard.
#[derive(Debug)]
struct Reporter {
    about: About,
    started: Duration,
    since: Instant,
    /// What was dropped by then.
    told: Option<Vec<Dropped>>,
}

/// Reports to the node until `shutdown`, or until it turns out to know no reports.
pub async fn report(about: About, source: Source, pulse: Pulse, shutdown: CancellationToken) {
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = Reporter::new(about).run(&source, &pulse) => {}
    }
}

// === impl Reporter ===

impl Reporter {
    fn new(about: About) -> Self {
        Self {
            about,
            started: since_1970(),
            since: Instant::now(),
            told: None,
        }
    }

    async fn run(mut self, source: &Source, pulse: &Pulse) {
        tokio::time::sleep(FIRST).await;
        loop {
            let counts = pulse.counts();
            match source.report(&self.body(&counts, since_1970())).await {
                Ok(()) => self.heard(&counts),
                Err(RequestError::NotOffered { status }) => {
                    tracing::info!(status, "the node knows no usage metrics: none are sent");
                    return;
                }
                Err(error) => {
                    tracing::debug!(%error, "usage metrics were not heard; their counts go with the next");
                }
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    fn body(&self, counts: &Counts, now: Duration) -> Value {
        let held = counts.holds.iter().map(|(origin, count)| {
            json!({"name": "active_decisions", "unit": "ip", "value": count, "labels": {"origin": origin.name()}})
        });
        let told = self.told.as_deref().unwrap_or(&counts.dropped_before);
        let dropped = counts.dropped.iter().flat_map(|now| since(told, now));
        json!({"log_processors": null, "remediation_components": [{
            "type": self.about.program,
            "version": self.about.version,
            "feature_flags": [],
            "utc_startup_timestamp": self.started.as_secs(),
            "metrics": [{
                "meta": {
                    "window_size_seconds": self.since.elapsed().as_secs(),
                    "utc_now_timestamp": now.as_secs(),
                },
                "items": held.chain(dropped).collect::<Vec<_>>(),
            }],
        }]})
    }

    fn heard(&mut self, counts: &Counts) {
        self.since = Instant::now();
        self.told = Some(counts.dropped.clone());
    }
}

/// What a counter counted since that was told, if it did.
fn since(told: &[Dropped], now: &Dropped) -> Vec<Value> {
    let same = |one: &&Dropped| (one.origin, one.family) == (now.origin, now.family);
    let before = told.iter().find(same);
    let (packets, bytes) = before.map_or((0, 0), |one| (one.packets, one.bytes));
    // A counter that counts less was made anew in between.
    let more = |now: u64, before: u64| now.checked_sub(before).unwrap_or(now);
    let counts = [
        ("packet", more(now.packets, packets)),
        ("byte", more(now.bytes, bytes)),
    ];
    let labels = json!({"origin": now.origin.name(), "ip_type": now.family.to_string()});
    let counts = counts.into_iter();
    counts
        .filter(|(_, value)| *value > 0)
        .map(|(unit, value)| json!({"name": "dropped", "unit": unit, "value": value, "labels": labels}))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Family, Origin};

    fn dropped(packets: u64) -> Vec<Dropped> {
        vec![Dropped {
            origin: Origin::Mesh,
            family: Family::V4,
            packets,
            bytes: packets * 60,
        }]
    }

    fn told(reporter: &Reporter, counts: &Counts) -> Vec<(String, u64)> {
        let body = reporter.body(counts, Duration::from_secs(1_790_000_000));
        let items = body["remediation_components"][0]["metrics"][0]["items"]
            .as_array()
            .unwrap();
        let name = |item: &Value| {
            format!(
                "{} {}",
                item["name"].as_str().unwrap(),
                item["unit"].as_str().unwrap()
            )
        };
        items
            .iter()
            .map(|item| (name(item), item["value"].as_u64().unwrap()))
            .collect()
    }

    #[test]
    fn each_report_counts_what_came_since_the_last_that_was_heard() {
        let about = About {
            program: "x",
            version: "1",
        };
        let mut reporter = Reporter::new(about);
        let pulse = Pulse::default();
        pulse.dropped(dropped(100));
        pulse.holds(vec![(Origin::Mesh, 3)]);
        let check = |reporter: &Reporter, packets: u64| {
            let counts = pulse.counts();
            let mut expected = vec![("active_decisions ip".to_owned(), 3)];
            if packets > 0 {
                expected.push(("dropped packet".to_owned(), packets));
                expected.push(("dropped byte".to_owned(), packets * 60));
            }
            assert_eq!(told(reporter, &counts), expected);
            counts
        };
        // What was dropped before we began is not ours to tell.
        check(&reporter, 0);
        pulse.dropped(dropped(107));
        // Not heard, so told again.
        check(&reporter, 7);
        let counts = check(&reporter, 7);
        reporter.heard(&counts);
        check(&reporter, 0);
        pulse.dropped(dropped(110));
        check(&reporter, 3);
        // The table was made anew.
        pulse.dropped(dropped(2));
        check(&reporter, 2);
    }
}
