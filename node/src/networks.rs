//! Whole networks on the mesh's word, if policy wants it: blocked by the rule of `vigie_reputation`, released when it
//! holds no more.
//!
//! Before this stop: `ingest::review`, which knows what is blocked. After it: `ingest::enforce`. Deliberately absent: the
//! rule, and networks that a person or an agent blocks.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use vigie_reputation::Network;
use vigie_store::{NewDecision, Origin, Remediation};
use vigie_wire::Timestamp;

use crate::config::Remote;
use crate::decide::Enforcing;
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
    let gone = standing
        .iter()
        .filter(|one| !hit.iter().any(|hit| hit.net.to_string() == *one.decision.value));
    let gone: Vec<_> = gone.map(|one| one.id).collect();
    node.end(&gone).await?;
    for hit in hit {
        if let Some(decision) = decision(hit, &node.enforcing(), now) {
            ingest::enforce(node, decision, now).await?;
        }
    }
    Ok(())
}

/// What profiles make of it, as of any word of the mesh.
fn decision(hit: &Network, enforcing: &Enforcing, now: Timestamp) -> Option<NewDecision> {
    let (follows, profile) = decide::on_mesh(SCENARIO, (Remediation::Ban, LENGTH), enforcing, now);
    let follows = follows?;
    let reason = format!(
        "{} of its addresses are blocked on the word of {} independent groups, and nobody whom we remember came from it",
        hit.members, hit.groups
    );
    Some(NewDecision {
        origin: Origin::Mesh,
        remediation: follows.remediation,
        scope: "Range".into(),
        value: hit.net.to_string().into(),
        scenario: SCENARIO.into(),
        created_at: now,
        until: now + follows.length,
        simulated: follows.simulated,
        reason: decide::because(reason, profile),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{About, Leads, Profile, When};

    #[test]
    fn a_profile_softens_the_word_on_a_network_too() {
        let hit = Network {
            net: "192.88.99.0/24".parse().unwrap(),
            members: 9,
            groups: 7,
            spared: None,
        };
        let profile = Profile {
            name: "quiet".to_owned(),
            about: About::default(),
            when: When::default(),
            leads: Leads::To(Remediation::Throttle),
            length: None,
            again: 1,
            longest: LENGTH,
            simulate: true,
        };
        let nothing = Profile {
            leads: Leads::Nothing,
            ..profile.clone()
        };
        let made = |profiles: &[Profile]| {
            let enforcing = Enforcing {
                ban: LENGTH,
                ipv6_prefix: 64,
                remote: Remote::Enforce,
                spared: Vec::new(),
                profiles: profiles.into(),
            };
            let made = decision(&hit, &enforcing, Timestamp::from_secs(1_790_000_000))?;
            Some((made.remediation, made.simulated))
        };
        assert_eq!(made(&[]), Some((Remediation::Ban, false)));
        assert_eq!(made(&[profile]), Some((Remediation::Throttle, true)));
        assert_eq!(made(&[nothing]), None);
    }
}
