//! Who else is there: members hand each other signed records of where nodes are called, and dial a few of them.
//!
//! Only members are asked and answered, and only records of nodes that are admitted now are kept and passed on: certificates
//! say who belongs here, so no hash table of strangers is needed. Whom to dial is chosen by operator and network, those
//! first of which we know fewest. Deliberately absent: the rations of what is dialled (`book.rs`), and the addresses of the
//! configuration (`dial.rs`), which are dialled whatever anybody says.

mod book;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use libp2p::request_response::{Event, Message};
use libp2p::swarm::ConnectionId;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::{Multiaddr, PeerId};
use tokio::time::Instant;
use vigie_gossip_core::directory::Standing;
use vigie_gossip_core::wire::{PublisherId, Timestamp};

use super::Task;
use super::dial::in_order;
use super::reach::is_circuit;
use super::slots::Prefix;
use crate::addresses::{self, Addresses, MAX_LIFE, RecordError, is_shareable, relay_of};
use crate::limits;
use crate::telemetry::Counted;
use book::{Book, Taken};

/// How long a member's own record holds. A seed's holds longer, since it travels in files too.
const LIFE: Duration = Duration::from_hours(48);
/// Least time between two own records.
const REISSUE: Duration = Duration::from_secs(2);

/// Our own record, what we know of others, and which dials came from there.
#[derive(Debug)]
pub(crate) struct Exchange {
    book: Book,
    own: Option<(Addresses, Instant)>,
    dialling: HashMap<ConnectionId, PublisherId>,
    /// Connected peers that were dialled on the word of a record.
    hinted: HashMap<PeerId, PublisherId>,
}

// === impl Exchange ===

impl Exchange {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            book: Book::new(now),
            own: None,
            dialling: HashMap::new(),
            hinted: HashMap::new(),
        }
    }

    pub(super) fn forget_peer(&mut self, peer: PeerId) {
        self.hinted.remove(&peer);
    }

    pub(super) fn dialled(&mut self, connection: ConnectionId, peer: PeerId) {
        if let Some(publisher) = self.dialling.remove(&connection) {
            self.hinted.insert(peer, publisher);
        }
    }

    pub(super) fn dialling(&mut self, connection: ConnectionId, publisher: PublisherId) {
        self.dialling.insert(connection, publisher);
    }

    /// Of these addresses those that may be dialled on this publisher's word now.
    pub(super) fn ration(
        &mut self,
        publisher: PublisherId,
        addresses: Vec<Multiaddr>,
        now: Instant,
    ) -> Vec<Multiaddr> {
        self.book.ration(publisher, addresses, now)
    }

    /// An outage is over.
    pub(super) fn hurry(&mut self, now: Instant) {
        self.book.hurry(now);
    }

    /// True if the dial was one of these.
    pub(super) fn dial_failed(&mut self, connection: ConnectionId, now: Instant, jitter: f64) -> bool {
        let failed = self.dialling.remove(&connection);
        if let Some(publisher) = failed {
            self.book.failed(publisher, now, jitter);
        }
        failed.is_some()
    }
}

impl Task {
    pub(super) fn exchange_due(&mut self, now: Instant) {
        let at = self.now();
        let directory = &self.directory;
        let admitted = |publisher| directory.standing(publisher, at).is_admitted();
        self.exchange.book.sweep(at, now, admitted);
        if self.certificate.is_none() {
            return;
        }
        self.reissue(now);
        let mut every = self.config.timing.exchange_every;
        if self.peers.len() < limits::FEW_PEERS {
            // Who came when we did was in nobody's answer yet.
            every /= 10;
        }
        let due = |last: Option<Instant>| last.is_none_or(|at| now.saturating_duration_since(at) >= every);
        let asked: Vec<PeerId> = self
            .peers
            .iter()
            .filter(|(_, peer)| peer.is_member() && due(peer.exchanged))
            .map(|(id, _)| *id)
            .collect();
        for peer in asked {
            if let Some(entry) = self.peers.get_mut(&peer) {
                entry.exchanged = Some(now);
            }
            let own = self.exchange.own.as_ref().map(|(record, _)| record);
            let request = addresses::encode_list(own);
            self.swarm.behaviour_mut().exchange.send_request(&peer, request);
        }
        self.dial_hinted(now);
    }

    /// Makes our own record anew when where we are called has changed, or half of its time is over. Seeds hear it at once.
    fn reissue(&mut self, now: Instant) {
        let at = self.now();
        let addresses = self.callable();
        let mut least = None;
        if let Some((held, made)) = &self.exchange.own {
            let life = held.expires.since(held.issued);
            let fresh = held.expires.since(at) > life / 2;
            if now.saturating_duration_since(*made) < REISSUE || (fresh && held.addresses == addresses) {
                return;
            }
            least = Some(held.issued + Duration::from_millis(1));
        }
        let Some(own) = &self.config.own else { return };
        let issued = least.map_or(at, |least| least.max(at));
        let life = if self.config.seed { MAX_LIFE } else { LIFE };
        let times = (issued, issued + life);
        let record = Addresses::sign(self.network, &own.key, self.transport_key, &addresses, times);
        self.exchange.own = record.map(|record| (record, now));
        for peer in self.peers.values_mut().filter(|peer| peer.is_seed()) {
            peer.exchanged = None;
        }
    }

    /// Where others can call us: what the operator says, where we listen, and circuits.
    fn callable(&self) -> Vec<Multiaddr> {
        let announced = self.announced.iter().cloned();
        // A listener behind a seed is the seed's word, of which we sign no more than one address.
        let direct = self.swarm.listeners().filter(|address| !is_circuit(address));
        let listening = direct.chain(self.reach.circuits()).map(|address| {
            // And it ends in our own name.
            let parts: Vec<_> = address.iter().collect();
            match parts.split_last() {
                Some((libp2p::multiaddr::Protocol::P2p(_), rest)) => rest.iter().cloned().collect(),
                _ => address.clone(),
            }
        });
        let mut addresses: Vec<Multiaddr> = Vec::new();
        let private = self.config.reach.private;
        for (address, named) in announced
            .map(|address| (address, true))
            .chain(listening.map(|address| (address, false)))
        {
            if is_shareable(&address, private, named) && !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        in_order(&mut addresses);
        addresses.truncate(addresses::MAX_ADDRESSES);
        addresses
    }

    pub(super) fn on_exchange_event(&mut self, event: Event<Vec<u8>, Vec<u8>>) {
        match event {
            Event::Message {
                peer,
                message: Message::Request { request, channel, .. },
                ..
            } => {
                let now = Instant::now();
                let entry = self.peers.get_mut(&peer);
                let admitted = entry.is_some_and(|entry| {
                    entry.is_member() && entry.requests.take(limits::EXCHANGE_COST, now)
                });
                if !admitted {
                    return self.counters.add(Counted::ExchangeRefused);
                }
                self.take_records(peer, &request, 1);
                let response = self.sample(peer);
                // An error says that the peer has gone meanwhile.
                drop(
                    self.swarm
                        .behaviour_mut()
                        .exchange
                        .send_response(channel, response),
                );
            }
            // An empty response declines: the peer has been asked too often just now, by sync too.
            Event::Message {
                message: Message::Response { response, .. },
                ..
            } if response.is_empty() => {}
            Event::Message {
                peer,
                message: Message::Response { response, .. },
                ..
            } => {
                if self
                    .peers
                    .get(&peer)
                    .is_some_and(super::peers::Connected::is_member)
                {
                    self.take_records(peer, &response, limits::RECORDS_AT_ONCE);
                }
            }
            Event::OutboundFailure { peer, error, .. } => {
                tracing::debug!(peer.id = %peer, %error, "no addresses from this peer");
            }
            Event::InboundFailure { .. } | Event::ResponseSent { .. } => {}
        }
    }

    /// Some of what we know, drawn by lot, few of one organisation; seeds first, as they are what a newcomer needs.
    fn sample(&self, asker: PeerId) -> Vec<u8> {
        let at = self.now();
        let asker = self.peers.get(&asker).and_then(|peer| peer.publisher);
        let own = self.exchange.own.as_ref().map(|(record, _)| record);
        let mut known: Vec<_> = self
            .exchange
            .book
            .entries()
            .filter(|(publisher, entry)| Some(**publisher) != asker && entry.record.holds(at))
            .map(|(publisher, entry)| {
                let seed = matches!(self.directory.standing(*publisher, at), Standing::Seed);
                (!seed, rand::random::<u32>(), entry)
            })
            .collect();
        known.sort_by_key(|(member, lot, _)| (*member, *lot));
        let mut of_org = HashMap::new();
        let mut seeds = 0;
        let chosen = known.into_iter().filter_map(|(member, _, entry)| {
            let count = of_org.entry(entry.org).or_insert(0_usize);
            *count += 1;
            seeds += usize::from(!member);
            let too_many_seeds = !member && seeds > limits::RECORDS_AT_ONCE / 2;
            (*count <= 2 && !too_many_seeds).then_some(&entry.record)
        });
        addresses::encode_list(own.into_iter().chain(chosen).take(limits::RECORDS_AT_ONCE))
    }

    /// Takes what a peer hands out. Only what it had to check itself is held against it.
    fn take_records(&mut self, from: PeerId, bytes: &[u8], most: usize) {
        let Some(list) = addresses::split_list(bytes, most) else {
            tracing::info!(peer.id = %from, "malformed list of addresses");
            self.counters.add(Counted::RecordsRefused);
            return self.blame(from, limits::FAULT_HIGH);
        };
        for bytes in list {
            match self.take_record(bytes) {
                Ok(true) => self.counters.add(Counted::RecordsTaken),
                Ok(false) => {}
                Err(RecordError::Version(_)) => self.counters.add(Counted::RecordsRefused),
                Err(error) => {
                    tracing::info!(peer.id = %from, %error, "forged or malformed record of addresses");
                    self.counters.add(Counted::RecordsRefused);
                    self.blame(from, limits::FAULT_HIGH);
                }
            }
        }
    }

    /// Whether the record is new and kept. That its node is not admitted here is nobody's fault.
    pub(super) fn take_record(&mut self, bytes: &[u8]) -> Result<bool, RecordError> {
        let record = Addresses::decode(bytes)?;
        let (publisher, at) = (record.publisher(), self.now());
        let ours = record.network == self.network && Some(publisher) != self.own();
        let admitted = self.directory.standing(publisher, at).is_admitted();
        let Some(org) = self.directory.org_of(publisher).filter(|_| ours && admitted) else {
            return Ok(false);
        };
        if !record.holds(at) {
            return Ok(false);
        }
        let taken = self.exchange.book.take(record, org.org_id(), Instant::now());
        if taken == Taken::Crowded {
            self.counters.add(Counted::RecordsCrowded);
        }
        Ok(taken == Taken::New)
    }

    /// The records that hold now, our own included.
    pub(super) fn known_addresses(&self) -> Vec<Addresses> {
        let at = self.now();
        let own = self.exchange.own.iter().map(|(record, _)| record);
        let others = self.exchange.book.entries().map(|(_, entry)| &entry.record);
        own.chain(others)
            .filter(|record| record.holds(at))
            .cloned()
            .collect()
    }

    /// Dials one more member while we dialled too few.
    fn dial_hinted(&mut self, now: Instant) {
        let dialled = self
            .peers
            .values()
            .filter(|peer| peer.outbound && peer.is_member());
        let lines = dialled.count() + self.exchange.dialling.len();
        if lines >= limits::EXCHANGED_OUTBOUND || self.exchange.dialling.len() >= limits::HINTS_AT_ONCE {
            return;
        }
        let Some((publisher, peer, addresses)) = self.next_hint(now) else {
            return;
        };
        let addresses = self.exchange.ration(publisher, addresses, now);
        if addresses.is_empty() {
            return self.counters.add(Counted::HintsRationed);
        }
        let options = DialOpts::peer_id(peer)
            .condition(PeerCondition::DisconnectedAndNotDialing)
            .addresses(addresses)
            .build();
        let connection = options.connection_id();
        if self.swarm.dial(options).is_ok() {
            self.counters.add(Counted::HintsDialled);
            self.exchange.dialling(connection, publisher);
        }
    }

    /// Seeds while we know too few of them, then whose operator and whose network we have fewest lines into; the rest by a
    /// lot that differs from node to node, so that one record does not bring everybody to one door.
    fn next_hint(&self, now: Instant) -> Option<(PublisherId, PeerId, Vec<Multiaddr>)> {
        let at = self.now();
        let (mut operators, mut prefixes) = (HashMap::new(), HashMap::new());
        let mut seeds = 0_usize;
        for peer in self.peers.values().filter(|peer| peer.is_member()) {
            seeds += usize::from(peer.is_seed());
            if let Some(operator) = peer.publisher.and_then(|publisher| self.operator_of(publisher)) {
                *operators.entry(operator).or_insert(0_usize) += 1;
            }
            for prefix in peer.connections.values().filter_map(Prefix::of) {
                *prefixes.entry(prefix).or_insert(0_usize) += 1;
            }
        }
        let own = *self.swarm.local_peer_id();
        let private = self.config.reach.private;
        let through = self.known_seeds(at);
        let candidates = self.exchange.book.entries().filter_map(|(publisher, entry)| {
            let peer = entry.record.peer;
            let known = peer == own || self.peers.contains_key(&peer) || self.dialer.knows(peer);
            let standing = self.directory.standing(*publisher, at);
            let usable = entry.is_due(now) && entry.record.holds(at) && standing.is_admitted();
            if known || !usable || self.bans.holds(&peer, now) {
                return None;
            }
            let seed = matches!(standing, Standing::Seed);
            let mut addresses = entry.record.addresses.clone();
            addresses.retain(|address| {
                let known = relay_of(address).is_none_or(|relay| through.contains(&relay));
                known && is_shareable(address, private, seed)
            });
            in_order(&mut addresses);
            let first = addresses.first()?;
            let crowd = Prefix::of(first).and_then(|prefix| prefixes.get(&prefix));
            let alike = self
                .operator_of(*publisher)
                .and_then(|operator| operators.get(&operator));
            let wanted_seed = seed && seeds < limits::SEEDS_WANTED;
            let lot = blake3::hash(&[&self.incarnation.to_le_bytes()[..], &publisher.0].concat());
            let order = (!wanted_seed, alike.copied(), crowd.copied(), *lot.as_bytes());
            Some((order, (*publisher, peer, addresses)))
        });
        let (_, next) = candidates.min_by_key(|(order, _)| *order)?;
        Some(next)
    }

    /// Seeds that are connected or that signed a record: a circuit through anybody else would have us call a stranger.
    fn known_seeds(&self, at: Timestamp) -> HashSet<PeerId> {
        let connected = self.peers.iter().filter(|(_, peer)| peer.is_seed());
        let is_seed =
            |publisher: &PublisherId| matches!(self.directory.standing(*publisher, at), Standing::Seed);
        let entries = self.exchange.book.entries();
        let recorded = entries.filter(|(publisher, entry)| entry.record.holds(at) && is_seed(publisher));
        connected
            .map(|(id, _)| *id)
            .chain(recorded.map(|(_, entry)| entry.record.peer))
            .collect()
    }

    /// A peer said hello: if a record brought us there, it has to be that record's node.
    pub(super) fn check_hint(&mut self, peer: PeerId) {
        let Some(publisher) = self.exchange.hinted.remove(&peer) else {
            return;
        };
        let Some(entry) = self.peers.get(&peer) else {
            return;
        };
        let (same, member) = (entry.publisher == Some(publisher), entry.is_member());
        if same && member {
            return self.exchange.book.proven(publisher);
        }
        tracing::info!(peer.id = %peer, "a record of addresses led to somebody else");
        self.exchange.book.forget(publisher);
        if !member {
            self.disconnect(peer);
        }
    }

    /// Who is admitted and signed that this peer is a node of his, unless it was dialled a moment ago.
    pub(super) fn known_member_at(&self, peer: PeerId, now: Instant) -> Option<PublisherId> {
        let at = self.now();
        let (publisher, entry) = self
            .exchange
            .book
            .entries()
            .find(|(_, entry)| entry.record.peer == peer)?;
        let admitted = self.directory.standing(*publisher, at).is_admitted();
        (entry.is_due(now) && entry.record.holds(at) && admitted).then_some(*publisher)
    }
}
