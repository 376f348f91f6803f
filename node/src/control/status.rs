//! One screen about the node, for `vigie status` and the web page.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::json;
use vigie_gossip_core::Standing;
use vigie_store::Counts;
use vigie_wire::Timestamp;

use super::words::spell;
use super::{Answer, Shared, policy};
use crate::expiry::Ending;
use crate::horizon::Behind;
use crate::node::Node;
use crate::reach::Reach;
use crate::{defend, expiry, say};

/// How the node is, at one moment.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Status {
    pub(crate) version: &'static str,
    pub(crate) running: bool,
    pub(crate) up_for: String,
    pub(crate) organisation: String,
    pub(crate) publisher: String,
    pub(crate) network: Option<String>,
    pub(crate) network_id: Option<vigie_wire::NetworkId>,
    pub(crate) standing: Option<String>,
    pub(crate) peers: usize,
    pub(crate) reach: Reach,
    pub(crate) sharing: bool,
    pub(crate) anchors: usize,
    pub(crate) groups: usize,
    pub(crate) policy: String,
    /// Since when the breaker is open, and why.
    pub(crate) breaker: Option<vigie_reputation::Open>,
    pub(crate) skewed: bool,
    /// What those say whom we trust does not all reach us.
    pub(crate) behind: Option<Behind>,
    #[serde(skip)]
    pub(crate) now: Timestamp,
    /// Retractions and disputes that are not on our chain yet.
    pub(crate) unsaid: usize,
    /// Keys of bouncers that end soon, or ended lately.
    pub(crate) keys_ending: Vec<Ending>,
    /// Disputes for our users; `None` while the organisation does not want them.
    pub(crate) disputes: Option<defend::Disputes>,
    pub(crate) counts: Counts,
    pub(crate) warnings: WarningTotals,
    /// Addresses of users that are remembered, and visitors of the present fifteen days.
    pub(crate) remembered: (usize, usize),
    pub(crate) sensor: Option<SensorTotals>,
}

/// The warning lists in force.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct WarningTotals {
    pub(crate) lists: usize,
    pub(crate) entries: usize,
    /// Files that are refused: place and reason.
    pub(crate) refused: Vec<String>,
}

/// The sensor's counters, over all its sources.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct SensorTotals {
    pub(crate) sources: usize,
    pub(crate) lines: u64,
    pub(crate) parsed: u64,
    pub(crate) detections: u64,
    /// Questions for names that no DNS server answered in time.
    pub(crate) names_unanswered: u64,
}

pub(super) async fn show(State(node): Shared) -> Answer {
    let status = status(&node).await?;
    let mut answer = json!(status);
    if let Some(answer) = answer.as_object_mut() {
        answer.insert("lines".to_owned(), json!(lines(&status)));
    }
    Ok(Json(answer))
}

/// How the node is now.
pub(crate) async fn status(node: &Node) -> anyhow::Result<Status> {
    let now = node.now();
    let settings = node.settings.get();
    let publisher = node.identity.node.public().publisher_id();
    let peers = match node.mesh.get() {
        Some(mesh) => mesh.peers().await.map_or(0, |peers| peers.len()),
        None => 0,
    };
    Ok(Status {
        version: env!("CARGO_PKG_VERSION"),
        running: node.running(),
        up_for: spell(now.since(node.started_at)),
        organisation: node.membership.name_of(node.identity.org.org_id()),
        publisher: publisher.to_string(),
        network: node
            .membership
            .directory()
            .map(|directory| directory.genesis().name.to_string()),
        network_id: node.membership.network(),
        standing: node.membership.standing(publisher, now).map(standing_words),
        peers,
        reach: node.reach().await,
        sharing: node.sharing().enabled,
        anchors: settings.anchors.len(),
        groups: node.opinion.groups(),
        policy: policy::sentence(node),
        breaker: node.breaker.open(),
        unsaid: say::waiting(node).await?,
        keys_ending: expiry::near(node).await?,
        disputes: defend::disputes(node, now).await?,
        skewed: node.skewed.load(std::sync::atomic::Ordering::Relaxed),
        behind: node.horizon.behind(),
        now,
        counts: node.store.counts(now).await?,
        warnings: warnings(node),
        remembered: node.opinion.known(),
        sensor: node.sensor.get().map(|stats| totals(&stats.snapshot())),
    })
}

fn warnings(node: &Node) -> WarningTotals {
    let lists = node.warnings.lists();
    WarningTotals {
        lists: lists.len(),
        entries: lists.entries(),
        refused: node.warnings.refused().to_vec(),
    }
}

fn totals(snapshot: &vigie_sensor::stats::Snapshot) -> SensorTotals {
    let mut totals = SensorTotals {
        sources: snapshot.sources.len(),
        names_unanswered: snapshot.names_unanswered,
        ..SensorTotals::default()
    };
    for source in snapshot.sources.values() {
        totals.lines += source.lines;
        totals.parsed += source.parsed;
        totals.detections += source.detections;
    }
    totals
}

/// A standing in words.
pub(in crate::control) fn standing_words(standing: Standing) -> String {
    match standing {
        Standing::Seed => "seed".to_owned(),
        Standing::Member => "member".to_owned(),
        Standing::Newcomer => "newcomer".to_owned(),
        Standing::Outsider(why) => format!("not admitted: {why}"),
    }
}

fn lines(status: &Status) -> Vec<String> {
    let running = if status.running {
        format!("running for {}", status.up_for)
    } else {
        "not running".to_owned()
    };
    let mut lines = vec![
        format!("Vigie {}, {running}", status.version),
        format!("  organisation  {}", status.organisation),
        format!(
            "  decisions     {} active; alerts {}; bouncers {}",
            status.counts.active_decisions, status.counts.alerts, status.counts.bouncers
        ),
    ];
    let keys = status.keys_ending.iter();
    lines.extend(keys.map(|ending| format!("                {}", ending.sentence())));
    lines.extend(sensor_lines(status.sensor.as_ref()));
    // A command that opens the data for itself does not read what is remembered.
    if status.running {
        lines.push(format!(
            "  remembers     {} addresses of users, {} visitors since the fortnight began",
            status.remembered.0, status.remembered.1
        ));
    }
    let warnings = &status.warnings;
    lines.push(format!(
        "  warnings      {} lists, {} entries",
        warnings.lists, warnings.entries
    ));
    lines.extend(
        warnings
            .refused
            .iter()
            .map(|wrong| format!("                refused: {wrong}")),
    );
    match (&status.network, &status.standing) {
        (Some(network), Some(standing)) => {
            lines.push(format!(
                "  network       {network}, {standing}, {} peers",
                status.peers
            ));
            lines.push(format!("  reach         {}", status.reach.words));
            let missing = status.reach.missing.iter();
            lines.extend(missing.map(|sentence| format!("                {sentence}")));
            lines.push(format!(
                "  sightings     {} of {} organisations; ours are {}",
                status.counts.sightings,
                status.counts.publishers,
                if status.sharing { "shared" } else { "not shared" }
            ));
            lines.push(format!(
                "  anchors       {}, which reach {} independent groups",
                status.anchors, status.groups
            ));
            if status.groups < 2 {
                lines.push(
                    "                With so few, the mesh's word is shown and never blocks.".to_owned(),
                );
            }
            lines.push(format!("  policy        {}", status.policy));
            if let Some(disputes) = status.disputes {
                lines.push(format!(
                    "  disputes      for our users: {} told since yesterday, {} wait",
                    disputes.told, disputes.waiting
                ));
            }
            if status.unsaid > 0 {
                lines.push(format!(
                    "  waiting       {} retractions and disputes are not told yet",
                    status.unsaid
                ));
            }
            lines.extend(status.behind.iter().flat_map(|behind| behind.lines(status.now)));
            if status.skewed {
                lines.push(
                    "  clock         differs from our peers' by more than 30 s: nothing is published"
                        .to_owned(),
                );
            }
        }
        _ => lines.push("  network       none: nobody is contacted, nothing is shared".to_owned()),
    }
    lines
}

fn sensor_lines(sensor: Option<&SensorTotals>) -> Vec<String> {
    let Some(sensor) = sensor else {
        return vec!["  sensor        reads nothing".to_owned()];
    };
    let mut lines = vec![format!(
        "  sensor        {} lines, {} parsed, {} detections",
        sensor.lines, sensor.parsed, sensor.detections
    )];
    if sensor.names_unanswered > 0 {
        lines.push(format!(
            "                {} questions for names had no answer in time",
            sensor.names_unanswered
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use vigie_sensor::stats::{Snapshot, SourceSnapshot};

    #[test]
    fn names_that_nobody_told_are_said() {
        let mut snapshot = Snapshot::default();
        let source = SourceSnapshot {
            lines: 3,
            parsed: 2,
            ..SourceSnapshot::default()
        };
        snapshot.sources.insert("a.log".to_owned(), source);
        let said = |snapshot: &Snapshot| sensor_lines(Some(&totals(snapshot)));
        assert_eq!(
            said(&snapshot),
            ["  sensor        3 lines, 2 parsed, 0 detections"]
        );
        snapshot.names_unanswered = 5;
        let said = said(&snapshot);
        assert!(said[1].contains("5 questions for names"), "{said:?}");
    }
}
