//! What a mesh needs to start: its keys, addresses, what the node already holds, and its pace.

mod reach;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use vigie_gossip_core::chain::Held;
use vigie_gossip_core::directory::Directory;
use vigie_gossip_core::wire::{
    EquivocationProof, NetworkId, NodeCertificate, SecretKey, Signed, Statement, Timestamp,
};

use crate::error::MeshError;
pub use reach::{Reaching, RelayLimits};

/// The node's clock.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How this node takes part.
#[derive(Clone)]
pub struct MeshConfig {
    /// Seed of the transport's own ed25519 key, from which the `PeerId` follows. Not a publisher's key.
    pub transport_seed: [u8; 32],
    /// Multiaddresses to listen on, such as `/ip4/0.0.0.0/tcp/7946` and `/ip4/0.0.0.0/udp/7946/quic-v1`.
    pub listen: Vec<String>,
    /// Multiaddresses that are dialled until they answer, and again whenever the connection ends.
    pub dial: Vec<String>,
    /// A seed takes more connections and keeps a denser mesh.
    pub seed: bool,
    /// The own node key and its certificate. Without it the node reads what outsiders may read.
    pub own: Option<OwnNode>,
    /// How others find this node, and what it does where they cannot.
    pub reach: Reaching,
    /// Passes envelopes on in bundles where peers do so too. Else it is as nodes were before: everything is gossiped.
    pub bundles: bool,
    /// Intervals and timeouts.
    pub timing: Timing,
}

/// What the node proves to its peers.
#[derive(Clone)]
pub struct OwnNode {
    /// The node key.
    pub key: SecretKey,
    /// The organisation's word for it: a node certificate.
    pub certificate: Statement,
}

/// The node's memory at start.
#[derive(Debug)]
pub struct Initial {
    /// Genesis and every statement stored so far.
    pub directory: Directory,
    /// Every envelope stored so far.
    pub held: Vec<Held>,
    /// Every proof of a fork told so far.
    pub proofs: Vec<EquivocationProof>,
}

/// Intervals and timeouts. The defaults are those of a network across continents; tests are in a hurry.
#[derive(Debug, Clone)]
pub struct Timing {
    /// Between two rounds of anti-entropy; each is moved by up to a quarter either way.
    pub sync_every: Duration,
    /// Between two rounds with nodes of anchors and seeds; each is moved likewise.
    pub guides_every: Duration,
    /// How long a gap seen on live traffic may close by itself.
    pub gap_wait: Duration,
    /// For one sync request.
    pub request_timeout: Duration,
    /// From connection to hello.
    pub hello_timeout: Duration,
    /// Between two hellos with the same peer, for clocks and renewed certificates.
    pub hello_every: Duration,
    /// How long an incoming outsider is kept: enough to hand over its certificate and vouches.
    pub outsider_lease: Duration,
    /// First pause before dialling again.
    pub redial_first: Duration,
    /// Longest pause before dialling again.
    pub redial_longest: Duration,
    /// Between two exchanges of addresses with the same peer.
    pub exchange_every: Duration,
    /// How long a member waits for somebody to call it before it asks seeds to be called through them.
    pub reserve_after: Duration,
    /// Before a seed that refused is asked again.
    pub reserve_again: Duration,
    /// Between two pings.
    pub ping_every: Duration,
    /// For one ping; two failures in a row end the connection.
    pub ping_timeout: Duration,
    /// A neighbour who has taken nothing for so long, while something waits, is one no more.
    pub relay_stall: Duration,
    /// A peer that refused to be a neighbour, or is one no more, is not asked for so long.
    pub relay_backoff: Duration,
    /// Gossipsub's heartbeat.
    pub heartbeat: Duration,
    /// Resolution of all of the above.
    pub tick: Duration,
}

// === impl MeshConfig ===

impl MeshConfig {
    /// Neither listens nor dials nor publishes: to be filled in.
    pub fn new(transport_seed: [u8; 32]) -> Self {
        Self {
            transport_seed,
            listen: Vec::new(),
            dial: Vec::new(),
            seed: false,
            own: None,
            bundles: true,
            reach: Reaching::default(),
            timing: Timing::default(),
        }
    }
}

impl fmt::Debug for MeshConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeshConfig")
            .field("listen", &self.listen)
            .field("dial", &self.dial)
            .field("seed", &self.seed)
            .field("own", &self.own)
            .field("bundles", &self.bundles)
            .field("reach", &self.reach)
            .field("timing", &self.timing)
            .finish_non_exhaustive()
    }
}

// === impl OwnNode ===

impl OwnNode {
    /// The certificate, if it is one of this node for this network.
    pub(crate) fn checked(&self, network: NetworkId) -> Result<Signed<NodeCertificate>, MeshError> {
        let Statement::NodeCertificate(certificate) = &self.certificate else {
            return Err(MeshError::OwnCertificate("it is another kind of statement"));
        };
        if certificate.network != network {
            return Err(MeshError::OwnCertificate("it is for another network"));
        }
        if certificate.node != self.key.public() {
            return Err(MeshError::OwnCertificate("it is for another node key"));
        }
        Ok(certificate.clone())
    }
}

impl fmt::Debug for OwnNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnNode")
            .field("publisher", &self.key.public().publisher_id())
            .finish_non_exhaustive()
    }
}

// === impl Timing ===

impl Default for Timing {
    fn default() -> Self {
        Self {
            sync_every: Duration::from_secs(30),
            guides_every: Duration::from_mins(8),
            gap_wait: Duration::from_secs(2),
            request_timeout: Duration::from_secs(30),
            hello_timeout: Duration::from_secs(10),
            hello_every: Duration::from_mins(10),
            outsider_lease: Duration::from_mins(2),
            redial_first: Duration::from_secs(1),
            redial_longest: Duration::from_mins(5),
            exchange_every: Duration::from_mins(10),
            reserve_after: Duration::from_mins(1),
            reserve_again: Duration::from_mins(10),
            ping_every: Duration::from_secs(15),
            ping_timeout: Duration::from_secs(20),
            relay_stall: Duration::from_secs(20),
            relay_backoff: Duration::from_secs(30),
            heartbeat: Duration::from_secs(1),
            tick: Duration::from_millis(250),
        }
    }
}
