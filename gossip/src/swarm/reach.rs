//! Being called: a member that nobody calls asks seeds of different operators to be called through them.
//!
//! Whether somebody can call us is not asked of anybody: who was called is reachable, who was not for a while reserves,
//! which costs a seed a line in a table. A seed that refuses is left alone for a while and another one asked. Deliberately
//! absent: what a seed carries (`behaviour/circuit.rs`), and who is told where we can be called.

use std::collections::{HashMap, HashSet};

use libp2p::core::ConnectedPoint;
use libp2p::core::transport::ListenerId;
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId, dcutr, relay};
use tokio::time::Instant;
use vigie_gossip_core::wire::OrgId;

use super::Task;
use crate::behaviour::circuit::Circuit;
use crate::command::Reached;
use crate::limits;
use crate::telemetry::Counted;

/// A seed that was asked.
#[derive(Debug)]
struct Reservation {
    seed: PeerId,
    operator: Operator,
    /// Where we reached the seed, and asked.
    through: Multiaddr,
    /// Where we are called, once the seed agreed.
    address: Option<Multiaddr>,
}

/// Who runs a seed: what the vouch says, else its organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Operator {
    Named([u8; 8]),
    Unnamed(OrgId),
}

/// What is known of our being called.
#[derive(Debug)]
pub(crate) struct Reach {
    since: Instant,
    /// When somebody called last. It counts for a while: one who called back where we had called, or from the same house, tells
    /// nothing of others.
    called: Option<Instant>,
    reservations: HashMap<ListenerId, Reservation>,
    /// Until when a seed is not asked again. Seeds that are connected only, so it is bounded like these.
    refused: HashMap<PeerId, Instant>,
}

// === impl Reach ===

impl Reach {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            since: now,
            called: None,
            reservations: HashMap::new(),
            refused: HashMap::new(),
        }
    }

    /// Whether this listener is one of our reservations.
    pub(super) fn holds(&self, listener: ListenerId) -> bool {
        self.reservations.contains_key(&listener)
    }

    /// Somebody called, unless it was through a seed. (A hole punch ends in a call too, but its circuit came before it.)
    pub(super) fn note_connection(&mut self, endpoint: &ConnectedPoint, through_circuit: bool, now: Instant) {
        if endpoint.is_listener() && !endpoint.is_relayed() && !through_circuit {
            self.called = Some(now);
        }
    }

    fn is_called(&self, now: Instant) -> bool {
        self.called
            .is_some_and(|at| now.saturating_duration_since(at) < limits::CALLED_LATELY)
    }

    /// Where seeds take calls for us, one address each.
    pub(super) fn circuits(&self) -> impl Iterator<Item = &Multiaddr> {
        let held = self.reservations.values();
        held.filter_map(|held| {
            let told = held.address.as_ref()?;
            // What the seed tells is its word: where we reached it ourselves is better, unless that is a name only.
            let is_named = held
                .through
                .iter()
                .next()
                .is_none_or(|part| !matches!(part, Protocol::Ip4(_) | Protocol::Ip6(_)));
            Some(if is_named { told } else { &held.through })
        })
    }
}

/// Whether an address leads through a seed.
pub(crate) fn is_circuit(address: &Multiaddr) -> bool {
    address.iter().any(|part| part == Protocol::P2pCircuit)
}

impl Task {
    pub(super) fn reached(&self) -> Reached {
        let own = *self.swarm.local_peer_id();
        let circuits = self.reach.reservations.values();
        Reached {
            called: self.reach.is_called(Instant::now()),
            circuits: circuits
                .filter_map(|held| held.address.clone())
                .map(|address| {
                    address
                        .with_p2p(own)
                        .unwrap_or_else(|address| address)
                        .to_string()
                })
                .collect(),
        }
    }

    pub(super) fn on_listening(&mut self, listener: ListenerId, address: &Multiaddr) {
        match self.reach.reservations.get_mut(&listener) {
            Some(reservation) => {
                // It may tell many; one that leads through itself is enough.
                let leads = address.iter().any(|part| part == Protocol::P2p(reservation.seed));
                if reservation.address.is_none() && leads {
                    tracing::info!(%address, "nobody calls us: a seed takes calls for us");
                    reservation.address = Some(address.clone());
                }
            }
            // A seed tells whoever reserves where it is called itself.
            None if self.config.seed => self.swarm.add_external_address(address.clone()),
            None => {}
        }
    }

    /// A seed refused, or the connection with it ended.
    pub(super) fn on_reservation_over(
        &mut self,
        listener: ListenerId,
        reason: Result<(), std::io::Error>,
        now: Instant,
    ) {
        let Some(over) = self.reach.reservations.remove(&listener) else {
            return;
        };
        if let Err(error) = reason {
            tracing::info!(peer.id = %over.seed, %error, "a seed takes no calls for us");
        }
        if self.reach.is_called(now) {
            return;
        }
        self.counters.add(Counted::ReservationsLost);
        let until = now + self.config.timing.reserve_again;
        self.reach.refused.insert(over.seed, until);
    }

    pub(super) fn on_circuit_event(&mut self, event: &relay::Event) {
        match event {
            relay::Event::ReservationReqAccepted { renewed: false, .. } => {
                self.counters.add(Counted::ReservationsGiven);
            }
            relay::Event::ReservationReqDenied { .. } => self.counters.add(Counted::ReservationsRefused),
            relay::Event::CircuitReqAccepted { .. } => self.counters.add(Counted::CircuitsCarried),
            relay::Event::CircuitReqDenied { .. } => self.counters.add(Counted::CircuitsRefused),
            _ => {}
        }
    }

    pub(super) fn on_punch(event: &dcutr::Event) {
        match &event.result {
            Ok(_) => tracing::info!(peer.id = %event.remote_peer_id, "a circuit became a direct connection"),
            Err(error) => tracing::debug!(peer.id = %event.remote_peer_id, %error, "it stays a circuit"),
        }
    }

    /// Reservations that are due, or no longer needed; circuits beside a direct connection.
    pub(super) fn reach_due(&mut self, now: Instant) {
        let behaviour = self.swarm.behaviour_mut();
        let refused = behaviour.circuit.as_mut().map_or(0, Circuit::take_refused);
        let punches = behaviour.punch.take_refused();
        self.counters.add_many(Counted::CircuitsRefused, refused);
        self.counters.add_many(Counted::PunchesRefused, punches);
        self.end_doubled_circuits(now);
        self.reach
            .refused
            .retain(|seed, until| *until > now && self.peers.contains_key(seed));
        if self.reach.is_called(now) {
            for listener in self.reach.reservations.keys().copied().collect::<Vec<_>>() {
                self.swarm.remove_listener(listener);
            }
            return;
        }
        let wanted = self.config.reach.reserve && !self.config.seed && self.certificate.is_some();
        let waited = now.saturating_duration_since(self.reach.since) >= self.config.timing.reserve_after;
        if wanted && waited {
            self.reserve(now);
        }
    }

    fn reserve(&mut self, now: Instant) {
        let held = &self.reach.reservations;
        let mut operators: HashSet<Operator> = held.values().map(|held| held.operator).collect();
        let mut missing = limits::RESERVATIONS.saturating_sub(held.len());
        let candidates: Vec<(PeerId, Operator, Multiaddr)> = self
            .peers
            .iter()
            .filter(|(id, peer)| peer.is_seed() && !self.reach.refused.contains_key(*id))
            .filter_map(|(id, peer)| {
                // One that we dialled: an address at which it called us is none where it can be called.
                let address = peer.outbound_address()?.clone();
                Some((*id, self.operator_of(peer.publisher?)?, address))
            })
            .collect();
        for (seed, operator, address) in candidates {
            if missing == 0 || !operators.insert(operator) {
                continue;
            }
            missing -= 1;
            let through = match address.with_p2p(seed) {
                Ok(address) | Err(address) => address.with(Protocol::P2pCircuit),
            };
            match self.swarm.listen_on(through.clone()) {
                Ok(listener) => {
                    let reservation = Reservation {
                        seed,
                        operator,
                        through,
                        address: None,
                    };
                    self.reach.reservations.insert(listener, reservation);
                }
                Err(error) => {
                    tracing::debug!(%error, "a seed cannot be asked");
                    let until = now + self.config.timing.reserve_again;
                    self.reach.refused.insert(seed, until);
                }
            }
        }
    }

    pub(super) fn operator_of(&self, publisher: vigie_gossip_core::wire::PublisherId) -> Option<Operator> {
        let org = self.directory.org_of(publisher)?.org_id();
        let named = self.directory.organisation(org)?.labels.operator;
        Some(if named == [0; 8] {
            Operator::Unnamed(org)
        } else {
            Operator::Named(named)
        })
    }

    /// Who is connected directly needs no circuit. It is left a moment, as each end may still be sending on either.
    fn end_doubled_circuits(&mut self, now: Instant) {
        let doubled = self.peers.values().filter_map(|peer| {
            let direct = peer.connections.values().any(|address| !is_circuit(address));
            let lingered = now.saturating_duration_since(peer.changed) >= limits::CIRCUIT_LINGER;
            let circuit = peer.connections.iter().find(|(_, address)| is_circuit(address));
            circuit.filter(|_| direct && lingered).map(|(id, _)| *id)
        });
        for connection in doubled.collect::<Vec<_>>() {
            self.swarm.close_connection(connection);
        }
    }
}
