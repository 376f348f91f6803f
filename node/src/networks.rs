//! Whole networks on the mesh's word, if policy wants it: blocked by the rule of `vigie_reputation`, released when it
//! holds no more.
//!
//! Before this stop: `ingest::review`, which knows what is blocked. After it: `ingest::enforce`. Deliberately absent: the
//! rule, and networks that a person or an agent blocks.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use vigie_reputation::Network;
use vigie_store::{DecisionFilter, NewDecision, Origin, Remediation};
use vigie_wire::Timestamp;

use crate::config::Remote;
use crate::node::Node;
use crate::{decide, ingest};

/// As long as the shortest ban.
const LENGTH: Duration = Duration::from_secs(3_600);
/// What such decisions are called.
const SCENARIO: &str = "vigie/network";

/// Decides anew on networks, by the addresses that are blocked now.
pub(crate) async fn review(node: &Node, blocked: &[IpAddr]) -> anyhow::Result<()> {
    let now = node.now();
    let standing: Vec<_> = node
        .table
        .active(now)
        .into_iter()
        .filter(|held| held.decision.origin == Origin::Mesh && held.decision.scope == "Range")
        .collect();
    let held: Vec<IpNet> = standing
        .iter()
        .filter_map(|held| held.decision.value.parse().ok())
        .collect();
    let wanted = node.config.policy.block_networks && node.enforcing().remote != Remote::Off;
    let found = if wanted {
        node.opinion.networks(blocked, &held, now)
    } else {
        Vec::new()
    };
    let spared = node.spared();
    let hits = |found: &&Network| {
        let by_hand = decide::touches(found.net, &spared) || node.overruled.touches(found.net, now);
        if let Some(why) = found.spared {
            tracing::debug!(indicator = %found.net, members = found.members, %why, "a network is spared");
        }
        found.spared.is_none() && !by_hand
    };
    let hit: Vec<&Network> = found.iter().filter(hits).collect();
    for one in standing {
        if !hit.iter().any(|hit| hit.net.to_string() == one.decision.value) {
            let this = DecisionFilter {
                id: Some(one.id),
                ..DecisionFilter::default()
            };
            node.end(&this).await?;
        }
    }
    for hit in hit {
        let simulated = node.enforcing().remote == Remote::Simulate;
        ingest::enforce(node, decision(hit, simulated, now), now).await?;
    }
    Ok(())
}

fn decision(hit: &Network, simulated: bool, now: Timestamp) -> NewDecision {
    NewDecision {
        origin: Origin::Mesh,
        remediation: Remediation::Ban,
        scope: "Range".into(),
        value: hit.net.to_string(),
        scenario: SCENARIO.into(),
        created_at: now,
        until: now + LENGTH,
        simulated,
        reason: format!(
            "{} of its addresses are blocked on the word of {} independent groups, and nobody whom we remember came from it",
            hit.members, hit.groups
        )
        .into(),
    }
}
