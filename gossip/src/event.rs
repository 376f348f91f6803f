//! What the mesh tells the node, in order.

use std::time::Duration;

use tokio::sync::oneshot;
use vigie_gossip_core::chain::Held;
use vigie_gossip_core::directory::Standing;
use vigie_gossip_core::validate::Admitted;
use vigie_gossip_core::wire::{EquivocationProof, HeaderHash, PublisherId, Statement};

/// Something the node should know or do.
#[derive(Debug)]
pub enum MeshEvent {
    /// Reachable here, `/p2p/` included.
    Listening(String),
    /// A peer has said who it is; and again when its standing changes, and when it subscribes.
    Connected {
        /// As far as known.
        peer: Peer,
        /// Whether it was not told of before.
        new: bool,
    },
    /// The last connection with a peer that was told of is gone.
    Disconnected {
        /// As last known.
        peer: Peer,
    },
    /// An envelope to store. It is forwarded, and counts as held, once `stored` was answered with true.
    Admitted {
        /// Verified and admitted.
        admitted: Admitted,
        /// Answer false, or drop, when it cannot be stored: anti-entropy brings it again.
        stored: oneshot::Sender<bool>,
    },
    /// A statement that was not known yet, already in force here: to store.
    Statement(Statement),
    /// A peer misses these: answer with encoded envelopes, newest first.
    RangeWanted {
        /// Whose chain.
        publisher: PublisherId,
        /// Which epoch of it.
        epoch: u32,
        /// First sequence number.
        from: u64,
        /// Last sequence number, included.
        to: u64,
        /// Bytes to answer with at most; what is beyond is cut off.
        max_bytes: usize,
        /// Where to.
        reply: oneshot::Sender<Vec<Vec<u8>>>,
    },
    /// No longer held, by the rules all nodes share: over its publisher's rate, after a fork, no longer
    /// admitted, or past retention. To be dropped from the store, which may keep it for its operator.
    Dropped(Vec<Held>),
    /// A publisher signed two headers for one place of its chain.
    Fork(Box<EquivocationProof>),
    /// A peer knows more of our own chain than we do: after a restore, raise the epoch before publishing.
    OwnHead {
        /// Epoch of the head.
        epoch: u32,
        /// Its sequence number.
        seq: u64,
        /// Its hash.
        hash: HeaderHash,
    },
    /// Our clock is this far before (negative) or behind (positive) the median of our peers. Told when the
    /// difference passes the limit, in either direction: a value within the limit means all is well again.
    ClockSkew {
        /// Peers' median minus ours.
        millis: i64,
    },
}

/// A peer, as known at the moment of asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its libp2p `PeerId`.
    pub id: String,
    /// One address of it.
    pub address: String,
    /// Whether we dialled.
    pub outbound: bool,
    /// The node key it has proven to hold.
    pub publisher: Option<PublisherId>,
    /// Where the directory places that node; nothing before it has said hello.
    pub standing: Option<Standing>,
    /// Whether it hears our gossip.
    pub subscribed: bool,
    /// Whether it is a neighbour, with whom envelopes are exchanged in bundles.
    pub neighbour: bool,
    /// What it calls its software.
    pub agent: Option<String>,
    /// Last round trip.
    pub round_trip: Option<Duration>,
    /// Its clock minus ours at its last hello.
    pub skew_millis: Option<i64>,
}
