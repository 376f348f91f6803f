//! The parameters of gossipsub: degrees, caches, queues and the score by which it keeps its mesh.
//!
//! Scores here are of transport only: who forwards what he should have checked. What an organisation reports
//! never enters (that is the scorer's), and mesh delivery quotas are off: attacks come in bursts, and a quiet
//! night would punish honest peers.

use std::collections::HashMap;
use std::time::Duration;

use libp2p::gossipsub::{
    self, ConfigBuilder, MaxCountSubscriptionFilter, Message, MessageAuthenticity, MessageId,
    PeerScoreParams, PeerScoreThresholds, TopicScoreParams, ValidationMode, WhitelistSubscriptionFilter,
};

use super::gate::Gossipsub;
use crate::config::MeshConfig;
use crate::error::MeshError;
use crate::limits;
use crate::topic::Topics;

const MESSAGE_ID_DOMAIN: &str = "vigie/message-id/v1";
const MESSAGE_ID_BYTES: usize = 20;
/// Longer than any message is accepted as fresh.
const DUPLICATE_CACHE: Duration = Duration::from_mins(15);
const QUEUE: usize = 1_000;
const TIME_IN_MESH_CAP: f64 = 10.0;
const FIRST_DELIVERIES_CAP: f64 = 40.0;
const TOPIC_WEIGHT: f64 = 0.5;
/// Below this nothing a peer sends is looked at: two invalid messages within an hour.
pub(crate) const GRAYLIST: f64 = -160.0;
/// One invalid message undoes everything a peer can earn.
const INVALID_WEIGHT: f64 = -200.0;

/// Gossipsub, subscribed to the three topics.
pub(crate) fn build(config: &MeshConfig, topics: &Topics) -> Result<Gossipsub, MeshError> {
    let fault = |error: &dyn std::fmt::Display| MeshError::Gossip(error.to_string());
    let hashes = topics.hashes();
    let filter = MaxCountSubscriptionFilter {
        max_subscribed_topics: hashes.len(),
        max_subscriptions_per_request: 2 * hashes.len(),
        filter: WhitelistSubscriptionFilter(hashes.into()),
    };
    let settings = settings(config, topics).map_err(|error| fault(&error))?;
    let mut gossip =
        gossipsub::Behaviour::new_with_subscription_filter(MessageAuthenticity::Anonymous, settings, filter)
            .map_err(|error| fault(&error))?;
    gossip
        .with_peer_score(score(topics), thresholds())
        .map_err(|error| fault(&error))?;
    for topic in topics.all() {
        gossip.subscribe(topic).map_err(|error| fault(&error))?;
    }
    Ok(gossip)
}

/// Covers every byte, the signature too: else a copy with a bad signature would suppress the original.
pub(crate) fn message_id(message: &Message) -> MessageId {
    let mut hasher = blake3::Hasher::new_derive_key(MESSAGE_ID_DOMAIN);
    let topic = message.topic.as_str().as_bytes();
    hasher.update(&(topic.len() as u64).to_le_bytes());
    hasher.update(topic);
    hasher.update(&message.data);
    let mut id = vec![0; MESSAGE_ID_BYTES];
    hasher.finalize_xof().fill(&mut id);
    MessageId(id)
}

fn settings(
    config: &MeshConfig,
    topics: &Topics,
) -> Result<gossipsub::Config, gossipsub::ConfigBuilderError> {
    let (degree, high) = if config.seed { (8, 12) } else { (6, 9) };
    let urgent = topics.urgent.hash();
    ConfigBuilder::default()
        .validation_mode(ValidationMode::Anonymous)
        .validate_messages()
        .message_id_fn(message_id)
        .heartbeat_interval(config.timing.heartbeat)
        .heartbeat_initial_delay(config.timing.heartbeat.min(Duration::from_millis(500)))
        .mesh_n(degree)
        .mesh_n_low(4)
        .mesh_n_high(high)
        .mesh_outbound_min(2)
        .mesh_n_for_topic(8, urgent.clone())
        .mesh_n_low_for_topic(6, urgent.clone())
        .mesh_n_high_for_topic(12, urgent.clone())
        .mesh_outbound_min_for_topic(2, urgent)
        .gossip_lazy(6)
        .gossip_factor(0.25)
        .history_length(10)
        .history_gossip(5)
        .duplicate_cache_time(DUPLICATE_CACHE)
        .flood_publish(true)
        .max_transmit_size(limits::GOSSIP_BYTES)
        .idontwant_message_size_threshold(limits::IDONTWANT_BYTES)
        .connection_handler_queue_len(QUEUE)
        .publish_queue_duration(Duration::from_secs(5))
        .forward_queue_duration(Duration::from_secs(2))
        .build()
}

fn thresholds() -> PeerScoreThresholds {
    PeerScoreThresholds {
        gossip_threshold: -40.0,
        publish_threshold: -80.0,
        graylist_threshold: GRAYLIST,
        accept_px_threshold: 1_000.0,
        opportunistic_graft_threshold: 5.0,
    }
}

fn score(topics: &Topics) -> PeerScoreParams {
    let hour = gossipsub::score_parameter_decay(Duration::from_hours(1));
    let topic = TopicScoreParams {
        topic_weight: TOPIC_WEIGHT,
        time_in_mesh_weight: 1.0,
        time_in_mesh_quantum: Duration::from_mins(1),
        time_in_mesh_cap: TIME_IN_MESH_CAP,
        first_message_deliveries_weight: 1.0,
        first_message_deliveries_decay: gossipsub::score_parameter_decay(Duration::from_mins(5)),
        first_message_deliveries_cap: FIRST_DELIVERIES_CAP,
        mesh_message_deliveries_weight: 0.0,
        mesh_failure_penalty_weight: 0.0,
        invalid_message_deliveries_weight: INVALID_WEIGHT,
        invalid_message_deliveries_decay: hour,
        ..TopicScoreParams::default()
    };
    PeerScoreParams {
        topics: topics
            .hashes()
            .map(|hash| (hash, topic.clone()))
            .into_iter()
            .collect::<HashMap<_, _>>(),
        topic_score_cap: 0.0,
        app_specific_weight: 1.0,
        ip_colocation_factor_weight: -5.0,
        ip_colocation_factor_threshold: 8.0,
        ip_colocation_factor_whitelist: loopback(),
        behaviour_penalty_weight: -10.0,
        behaviour_penalty_threshold: 6.0,
        behaviour_penalty_decay: gossipsub::score_parameter_decay(Duration::from_mins(10)),
        slow_peer_weight: -0.2,
        slow_peer_threshold: 100.0,
        slow_peer_decay: gossipsub::score_parameter_decay(Duration::from_mins(1)),
        retain_score: Duration::from_hours(1),
        ..PeerScoreParams::default()
    }
}

/// Several nodes of one machine are no colocation attack.
fn loopback() -> std::collections::HashSet<std::net::IpAddr> {
    [
        std::net::Ipv4Addr::LOCALHOST.into(),
        std::net::Ipv6Addr::LOCALHOST.into(),
    ]
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use libp2p::gossipsub::TopicHash;

    fn id(topic: &str, data: &[u8]) -> MessageId {
        let topic = TopicHash::from_raw(topic);
        message_id(&Message {
            source: None,
            data: data.to_vec(),
            sequence_number: None,
            topic,
        })
    }

    #[test]
    fn a_message_id_covers_topic_and_every_byte() {
        assert_eq!(id("a", b"x").0.len(), MESSAGE_ID_BYTES);
        assert_eq!(id("a", b"x"), id("a", b"x"));
        assert_ne!(id("a", b"x"), id("b", b"x"));
        assert_ne!(id("a", b"x"), id("a", b"y"));
        assert_ne!(id("ab", b"c"), id("a", b"bc"));
    }

    #[test]
    fn thresholds_and_scores_pass_gossipsubs_own_checks() {
        let topics = Topics::of(vigie_gossip_core::wire::NetworkId([0; 16]));
        score(&topics).validate().unwrap();
        thresholds().validate().unwrap();
    }
}
