//! "What would change if I distrusted X": the live scorer, copied, looks at the same words without them.
//!
//! Deliberately absent: any effect. Nothing is written, and the node goes on meanwhile.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::json;
use vigie_reputation::{Change, Changes};
use vigie_store::{Origin, Remediation};
use vigie_wire::{Indicator, OrgId};

use super::super::words::{Problem, nats};
use super::super::{Answer, Shared};
use super::named;

/// Organisations that are left out at once.
const MOST: usize = 64;
/// Changes that are listed; all are counted.
const LISTED: usize = 200;
/// Of these, so many are printed.
const PRINTED: usize = 40;

/// One at a time: each holds a copy of all that the scorer holds.
static RUNS: AtomicBool = AtomicBool::new(false);

/// Given back when it ends, however it ends.
struct Turn;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Wish {
    /// Whose word and whose vouches count for nothing.
    without: Vec<String>,
}

pub(in super::super) async fn simulate(State(node): Shared, Json(wish): Json<Wish>) -> Answer {
    if wish.without.is_empty() || wish.without.len() > MOST {
        return Err(Problem::wrong(format!(
            "name 1 to {MOST} organisations to do without"
        )));
    }
    let mut without = BTreeSet::new();
    for text in &wish.without {
        without.insert(named(&node, text)?);
    }
    node.recalled().await?;
    let now = node.now();
    let live = node.opinion.graph();
    if let Some(stranger) = without.iter().find(|org| live.place(**org).is_none()) {
        return Err(Problem::not_found(format!(
            "the network knows no organisation {stranger}"
        )));
    }
    if RUNS.swap(true, Ordering::AcqRel) {
        return Err(Problem::conflict("another simulation runs: one at a time"));
    }
    let turn = Turn;
    let anchors = node.settings.get().anchors.clone();
    let graph = node.membership.graph_without(&anchors, now, &without);
    let (groups_before, groups_after) = (live.groups(), graph.groups());
    let reached = |graph: &vigie_reputation::TrustGraph| {
        graph.places().filter(|(_, place)| place.group.is_some()).count()
    };
    let (reached_before, reached_after) = (reached(&live), reached(&graph));
    let held: BTreeSet<String> = node
        .table
        .active(now)
        .into_iter()
        .filter(|held| {
            let decision = &held.decision;
            decision.origin == Origin::Mesh && decision.remediation == Remediation::Ban
        })
        .map(|held| held.decision.value.to_string())
        .collect();
    let scorer = node.opinion.copy();
    let changes = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let other = scorer.with_graph(graph);
        scorer.compared(
            &other,
            now,
            |subject: &Indicator| held.contains(&subject.to_string()),
            LISTED,
        )
    });
    let changes = changes.await.map_err(anyhow::Error::new)?;
    let names: Vec<String> = without.iter().map(|org| node.membership.name_of(*org)).collect();
    let mut lines = vec![
        format!("Without {}:", names.join(", ")),
        format!("  groups that our anchors reach: {groups_after}, now {groups_before}"),
        format!("  organisations that they reach: {reached_after}, now {reached_before}"),
    ];
    lines.extend(words(&changes));
    let left_out: Vec<OrgId> = without.into_iter().collect();
    Ok(Json(json!({
        "without": left_out,
        "groups": {"before": groups_before, "after": groups_after},
        "reached": {"before": reached_before, "after": reached_after},
        "changes": changes,
        "lines": lines,
    })))
}

fn words(changes: &Changes) -> Vec<String> {
    let mut lines = vec![format!(
        "  of {} addresses that others name, {} would be treated harder and {} softer; {} blocks would begin and {} end",
        changes.subjects, changes.risen, changes.fallen, changes.blocked, changes.released
    )];
    let row = |one: &Change| {
        format!(
            "    {}: {} -> {} (score {} of {} -> {} of {})",
            one.subject,
            one.before,
            one.after,
            nats(one.score_before),
            nats(one.bar_before),
            nats(one.score_after),
            nats(one.bar_after)
        )
    };
    lines.extend(changes.listed.iter().take(PRINTED).map(row));
    let all = changes.risen + changes.fallen;
    if all > PRINTED {
        lines.push(format!("    ... and {} more, see --json", all - PRINTED));
    }
    lines
}

// === impl Turn ===

impl Drop for Turn {
    fn drop(&mut self) {
        RUNS.store(false, Ordering::Release);
    }
}
