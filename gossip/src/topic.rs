//! The names a network gives its topics and protocols, and which topic an envelope travels on.
//!
//! Network and major version are in every name: two networks, or two majors, never meet by accident.

use libp2p::StreamProtocol;
use libp2p::gossipsub::{IdentTopic, TopicHash};
use vigie_gossip_core::wire::{Kind, NetworkId};

/// The topics of one network.
#[derive(Debug, Clone)]
pub struct Topics {
    /// Retractions, revocations, proofs: everything that must overtake.
    pub urgent: IdentTopic,
    /// Sightings and everything else.
    pub sightings: IdentTopic,
    /// Certificates, vouches and heads.
    pub directory: IdentTopic,
}

// === impl Topics ===

impl Topics {
    /// The three topics of `network`.
    pub fn of(network: NetworkId) -> Self {
        let named = |name: &str| IdentTopic::new(format!("/vigie/{network}/1/{name}"));
        Self {
            urgent: named("urgent"),
            sightings: named("s"),
            directory: named("dir"),
        }
    }

    /// All of them.
    pub fn all(&self) -> [&IdentTopic; 3] {
        [&self.urgent, &self.sightings, &self.directory]
    }

    /// The only topics that are subscribed to, by us or by others.
    pub fn hashes(&self) -> [TopicHash; 3] {
        self.all().map(IdentTopic::hash)
    }

    /// Where an envelope of this kind is published. `urgent` is what its admission says.
    pub fn route(&self, kind: Kind, urgent: bool) -> &IdentTopic {
        match kind {
            _ if urgent => &self.urgent,
            Kind::Certificate | Kind::Vouch | Kind::Head => &self.directory,
            _ => &self.sightings,
        }
    }
}

/// The protocol by which two peers tell each other who they are.
pub fn hello_protocol(network: NetworkId) -> StreamProtocol {
    named_protocol(network, "hello")
}

/// The protocol of anti-entropy.
pub fn sync_protocol(network: NetworkId) -> StreamProtocol {
    named_protocol(network, "sync")
}

/// The protocol by which neighbours pass on envelopes in bundles.
pub fn relay_protocol(network: NetworkId) -> StreamProtocol {
    named_protocol(network, "relay")
}

/// The protocol by which members hand each other records of addresses.
pub fn exchange_protocol(network: NetworkId) -> StreamProtocol {
    named_protocol(network, "peers")
}

#[expect(
    clippy::expect_used,
    reason = "the name is built here and begins with a slash"
)]
fn named_protocol(network: NetworkId, name: &str) -> StreamProtocol {
    StreamProtocol::try_from_owned(format!("/vigie/{network}/{name}/1"))
        .expect("invariant: the name begins with a slash")
}
