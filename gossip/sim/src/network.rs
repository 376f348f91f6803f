//! The simulated network: connections, how long bytes take on them, and which of them are up.
//!
//! Every node has an uplink on which its bytes queue. Gossip and sync share it as their connections would: while a sync
//! response is under way and gossip waits, each has half. **Loss is a packet's**, and costs time, not messages: gossip runs
//! over TCP and QUIC, which send again after a round trip and 200 ms (the probe of a tail, which a lone message is),
//! twice as long each time, and what follows on the same connection waits. Messages are lost where they are lost in
//! fact: at a full queue, at a node that is down, and across a partition.
//! Deliberately absent: congestion windows, and the download side, which is seldom the narrower.

use crate::clock::{MILLI, Micros, SECOND, seconds};
use crate::dice::Dice;
use crate::geography::Place;
use crate::setup::Setup;

/// What a copy of a gossip message costs on the wire beside its bytes, measured: frames, acknowledgements, heartbeats,
/// IHAVE. The second from the size on at which IDONTWANT is sent.
const COPY_OVERHEAD: u32 = 200;
const LARGE_COPY_OVERHEAD: u32 = 390;
/// From this size on a node tells its neighbours that it does not want a copy.
pub(crate) const LARGE: u32 = 4_096;
/// What a message of sync or of a stream costs beside its bytes: frames, and a packet's headers for every 1,400 bytes.
const SYNC_OVERHEAD: u32 = 150;
/// Bytes of a packet.
const PACKET: u32 = 1_400;
const PACKET_HEADERS: u32 = 60;
/// A copy that waited so long for the uplink is thrown away: gossipsub's queue for forwarding, and that for publishing.
const FORWARD_QUEUE: Micros = 2 * SECOND;
const PUBLISH_QUEUE: Micros = 5 * SECOND;
/// How long the sender waits for a sign of a packet, beside the round trip.
const RESEND: Micros = 200 * MILLI;

/// What bytes are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    Forward,
    Publish,
    /// A message on the stream between two neighbours.
    Stream,
    Sync,
}

/// One side of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) peer: u32,
    pub(crate) latency: Micros,
    /// This side dialled, and dials again.
    pub(crate) dialled: bool,
    pub(crate) up: bool,
    /// Whether the two are in each other's mesh: for the urgent topic, for the other, for bundles.
    pub(crate) mesh: [bool; 3],
    /// Dials that failed in a row.
    pub(crate) failures: u32,
    /// When it was dialled last.
    pub(crate) tried: Micros,
    /// When the last message on it arrives.
    last: Micros,
}

#[derive(Clone, Copy, Debug, Default)]
struct Uplink {
    free: Micros,
    bulk_free: Micros,
}

/// Bytes and copies that went out.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) gossip_bytes: u64,
    pub(crate) sync_bytes: u64,
    pub(crate) copies: u64,
    /// Copies thrown away because the uplink was full.
    pub(crate) dropped: u64,
}

/// Who is connected with whom.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) links: Vec<Vec<Link>>,
    pub(crate) up: Vec<bool>,
    pub(crate) split: bool,
    /// Which half a node is in while the network is split.
    half: Vec<bool>,
    uplinks: Vec<Uplink>,
    bytes_per_micro: f64,
    loss: f64,
    dice: Dice,
    pub(crate) traffic: Traffic,
}

// === impl Network ===

impl Network {
    /// Nodes at random places, connected at random: each dials half of its connections, two of them to seeds, which are
    /// the first nodes.
    pub(crate) fn new(setup: &Setup) -> Self {
        let mut dice = Dice::new(setup.seed, "network");
        let count = usize::try_from(setup.nodes).unwrap_or(0);
        let places: Vec<Place> = (0..count).map(|_| Place::draw(&mut dice)).collect();
        let mut halves: Vec<bool> = (0..count).map(|node| node % 2 == 0).collect();
        dice.shuffle(&mut halves);
        let mut network = Self {
            links: vec![Vec::new(); count],
            up: vec![true; count],
            split: false,
            half: halves,
            uplinks: vec![Uplink::default(); count],
            bytes_per_micro: setup.uplink_mbit / 8.0,
            loss: setup.loss,
            dice: Dice::new(setup.seed, "loss"),
            traffic: Traffic::default(),
        };
        let (seeds, dials) = (u64::from(setup.seeds()), u64::from(setup.connections / 2));
        for from in 0..setup.nodes {
            let most = u64::from(setup.nodes - 1).min(dials);
            for nth in 0..most {
                // A few draws may hit who is connected already: that leaves one connection less.
                let among = if nth < 2 { seeds } else { u64::from(setup.nodes) };
                let to = (0..8)
                    .map(|_| u32::try_from(dice.below(among)).unwrap_or(0))
                    .find(|to| *to != from && network.link(from, *to).is_none());
                if let Some(to) = to {
                    let latency = place(&places, from).latency(place(&places, to));
                    network.connect(from, to, latency);
                }
            }
        }
        network
    }

    fn connect(&mut self, from: u32, to: u32, latency: Micros) {
        for (this, peer, dialled) in [(from, to, true), (to, from, false)] {
            self.links[at(this)].push(Link {
                peer,
                latency,
                dialled,
                up: true,
                mesh: [false; 3],
                failures: 0,
                tried: 0,
                last: 0,
            });
        }
    }

    /// The number of the connection of two nodes at the first.
    pub(crate) fn link(&self, node: u32, peer: u32) -> Option<usize> {
        self.links[at(node)].iter().position(|link| link.peer == peer)
    }

    /// Peers on connections that stand.
    pub(crate) fn peers(&self, node: u32) -> impl Iterator<Item = u32> + '_ {
        self.links[at(node)]
            .iter()
            .filter(|link| link.up)
            .map(|link| link.peer)
    }

    /// Whether the network lies between them in halves.
    pub(crate) fn apart(&self, one: u32, other: u32) -> bool {
        self.split && self.half[at(one)] != self.half[at(other)]
    }

    /// Whether what one sends now reaches the other.
    pub(crate) fn reaches(&self, one: u32, other: u32) -> bool {
        self.up[at(one)] && self.up[at(other)] && !self.apart(one, other)
    }

    /// Both sides at once; meshes are left, and grafted anew.
    pub(crate) fn set_up(&mut self, one: u32, other: u32, up: bool) {
        for (this, peer) in [(one, other), (other, one)] {
            if let Some(link) = self.links[at(this)].iter_mut().find(|link| link.peer == peer) {
                link.up = up;
                link.mesh = [false; 3];
                link.last = 0;
                if up {
                    link.failures = 0;
                }
            }
        }
    }

    /// Sends a message of so many bytes over a connection. When it arrives, if it does.
    pub(crate) fn send(
        &mut self,
        now: Micros,
        from: u32,
        link: usize,
        bytes: u32,
        lane: Lane,
    ) -> Option<Micros> {
        let total = bytes + overhead(bytes, lane);
        let departs = self.depart(now, from, total, lane)?;
        if lane == Lane::Sync {
            self.traffic.sync_bytes += u64::from(total);
        } else {
            self.traffic.gossip_bytes += u64::from(total);
            self.traffic.copies += 1;
        }
        let late = self.resends(total);
        let jitter = self.dice.unit() * 0.1;
        let link = self.links.get_mut(at(from))?.get_mut(link)?;
        let delay = link.latency + scaled(link.latency, jitter) + late(link.latency);
        link.last = link.last.max(departs + delay);
        Some(link.last)
    }

    /// When the last byte has left; `None` if it would wait too long.
    fn depart(&mut self, now: Micros, from: u32, bytes: u32, lane: Lane) -> Option<Micros> {
        let uplink = &mut self.uplinks[at(from)];
        let takes = seconds(f64::from(bytes) / self.bytes_per_micro / 1e6);
        if lane == Lane::Sync {
            let shared = uplink.free > now;
            uplink.bulk_free = uplink.bulk_free.max(now) + if shared { 2 * takes } else { takes };
            return Some(uplink.bulk_free);
        }
        let longest = if lane == Lane::Publish {
            PUBLISH_QUEUE
        } else {
            FORWARD_QUEUE
        };
        if uplink.free > now + longest {
            self.traffic.dropped += 1;
            return None;
        }
        let shared = uplink.bulk_free > now;
        uplink.free = uplink.free.max(now) + if shared { 2 * takes } else { takes };
        Some(uplink.free)
    }

    /// How much later a message is for packets that got lost, given the latency of its connection.
    fn resends(&mut self, bytes: u32) -> impl Fn(Micros) -> Micros + use<> {
        let mut rounds = 0_u32;
        if self.loss > 0.0 {
            let mut packets = bytes.div_ceil(PACKET);
            while packets > 0 && rounds < 8 {
                packets =
                    u32::try_from((0..packets).filter(|_| self.dice.chance(self.loss)).count()).unwrap_or(0);
                rounds += u32::from(packets > 0);
            }
        }
        move |latency| (2 * latency + RESEND) * ((1 << rounds) - 1)
    }
}

pub(crate) fn overhead(bytes: u32, lane: Lane) -> u32 {
    match lane {
        Lane::Sync | Lane::Stream => SYNC_OVERHEAD + bytes.div_ceil(PACKET) * PACKET_HEADERS,
        _ if bytes >= LARGE => LARGE_COPY_OVERHEAD,
        _ => COPY_OVERHEAD,
    }
}

fn scaled(latency: Micros, by: f64) -> Micros {
    seconds(crate::clock::as_seconds(latency) * by)
}

fn place(places: &[Place], node: u32) -> Place {
    places[at(node)]
}

/// A node's number as an index.
pub(crate) const fn at(node: u32) -> usize {
    node as usize
}
