//! Passing on over streams between neighbours: what the core's relay gives out, and what it makes of what comes.
//!
//! Only where the setup is `bundled`; elsewhere every envelope is gossiped by itself. Neighbours are those of a mesh of
//! their own. A message is encoded for its length; whoever gets it is given the envelopes themselves, and of one message in so many
//! the decoding, restoring and verifying is done in fact, and timed.

use std::sync::Arc;

use vigie_gossip_core::passing::Footing;
use vigie_gossip_core::validate::{asks_urgency, verify_all};
use vigie_gossip_core::wire::relay::{Ground, Packed, Parcel, restore_all};
use vigie_gossip_core::wire::{HeaderHash, NetworkId, PublisherId};
use vigie_gossip_core::{Acceptance, Directory, Ignored, Refusal, Unverified, outcome};

use crate::clock::{NEVER, moment, signed};
use crate::cpu::Work;
use crate::gossip::{PROCESSING, Topic};
use crate::network::{Lane, at};
use crate::queue::Event;
use crate::run::World;

/// Of one in so many messages the work is done in fact.
const DONE_ONE_IN: u64 = 64;

/// What is on its way from one neighbour to another, or to the store.
#[derive(Debug, Default)]
pub(crate) struct Parcels {
    sent: Slots<(Parcel, Vec<u8>)>,
    unpacked: Slots<Vec<u32>>,
    arrived: u64,
}

/// Places that are used again.
#[derive(Debug)]
struct Slots<T> {
    all: Vec<Option<T>>,
    free: Vec<u32>,
}

/// What somebody knows who holds every envelope before another, or none.
struct Holds<'a> {
    directory: &'a Directory,
    before: Option<HeaderHash>,
}

// === impl Slots ===

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<T> Slots<T> {
    fn put(&mut self, one: T) -> u32 {
        if let Some(number) = self.free.pop() {
            self.all[at(number)] = Some(one);
            return number;
        }
        self.all.push(Some(one));
        u32::try_from(self.all.len() - 1).unwrap_or(u32::MAX)
    }

    fn take(&mut self, number: u32) -> Option<T> {
        self.free.push(number);
        self.all[at(number)].take()
    }
}

// === impl Holds ===

impl Ground for Holds<'_> {
    fn network(&self) -> NetworkId {
        self.directory.network()
    }

    fn publisher(&self, short: [u8; 4]) -> Option<PublisherId> {
        self.directory.publisher_by_short(short)
    }

    fn hash_at(&self, _: PublisherId, _: u32, _: u64) -> Option<HeaderHash> {
        self.before
    }
}

// === impl World ===

impl World<'_> {
    /// How an envelope travels from a node that holds the one before it, and from one that does not: made once, and
    /// shared by all nodes.
    pub(crate) fn pack(&mut self, verified: &vigie_gossip_core::Verified) -> [Arc<Packed>; 2] {
        let bytes = verified.shared_bytes();
        [Some(verified.header().prev), None].map(|before| {
            let directory = &self.founding.directory;
            let holds = Holds { directory, before };
            let packed = || Packed::of(verified.envelope(), &bytes, &holds);
            Arc::new(self.meter.time(Work::Pack, packed))
        })
    }

    /// An envelope that a node holds goes on to its neighbours.
    pub(crate) fn pass_on(&mut self, node: u32, paper: u32) {
        let paper = self.book.get(paper);
        let this = &mut self.nodes[at(node)];
        if !this.role.forwards() && paper.author != node {
            return this.relay.settle(paper.packed[0].name());
        }
        let topic = Topic::Bundles.number();
        let links = self.network.links[at(node)].iter();
        let neighbours = links
            .filter(|link| link.up && link.mesh[topic])
            .map(|link| link.peer);
        this.relay.set_neighbours(neighbours);
        let header = paper.verified.header();
        let holds_before = header.seq == 0
            || this.index.hash_at(
                header.publisher,
                vigie_gossip_core::Place {
                    epoch: header.epoch,
                    seq: header.seq - 1,
                },
            ) == Some(header.prev);
        let packed = &paper.packed[usize::from(!holds_before)];
        let (bytes, urgent, now) = (
            paper.verified.shared_bytes(),
            asks_urgency(header),
            signed(self.now),
        );
        self.meter
            .time(Work::Relay, || this.relay.push(packed, &bytes, urgent, now));
        self.wake_relay(node);
    }

    pub(crate) fn wake_relay(&mut self, node: u32) {
        let this = &mut self.nodes[at(node)];
        let due = this.relay.next_deadline().map(|due| moment(due).max(self.now));
        if let Some(due) = due.filter(|due| *due < this.relay_due) {
            this.relay_due = due;
            self.queue.push(due, Event::Relay { node });
        }
    }

    pub(crate) fn on_relay(&mut self, node: u32) {
        let this = &mut self.nodes[at(node)];
        if this.relay_due > self.now || !self.network.up[at(node)] {
            return;
        }
        this.relay_due = NEVER;
        let now = signed(self.now);
        let departures = self.meter.time(Work::Relay, || this.relay.poll(now));
        for departure in departures {
            let (to, from, parcel) = (departure.to, node, departure.parcel);
            let bytes = self.meter.time(Work::Encode, || parcel.encode());
            self.measure.bundles += 1;
            self.measure.bundled += u64::try_from(parcel.envelopes.len()).unwrap_or(0);
            let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            let Some(link) = self.network.link(from, to) else {
                continue;
            };
            let arrives = self.network.send(self.now, from, link, length, Lane::Stream);
            if let Some(arrives) = arrives.filter(|_| self.network.reaches(from, to)) {
                let parcel = self.parcels.sent.put((parcel, bytes));
                self.queue.push(arrives, Event::Parcel { to, from, parcel });
            }
        }
        self.wake_relay(node);
    }

    /// A message reaches a node.
    pub(crate) fn on_parcel(&mut self, to: u32, from: u32, number: u32) {
        let Some((parcel, bytes)) = self.parcels.sent.take(number) else {
            return;
        };
        if !self.network.reaches(from, to) || !self.take_copy(to) {
            return;
        }
        self.measure.parcels += 1;
        self.measure.unbundled += u64::try_from(parcel.envelopes.len()).unwrap_or(0);
        let now = signed(self.now);
        let relay = &mut self.nodes[at(to)].relay;
        let new = self.meter.time(Work::Relay, || relay.receive(from, &parcel, now));
        self.try_out(to, &bytes, &new);
        let stored = self.unpack(to, from, &new);
        if !stored.is_empty() {
            let (due, life) = (self.nodes[at(to)].busy + PROCESSING, self.nodes[at(to)].life);
            let parcel = self.parcels.unpacked.put(stored);
            let node = to;
            self.queue.push(due, Event::Unpacked { node, life, parcel });
        }
        self.wake_relay(to);
    }

    /// Those that can be restored, and are admitted.
    fn unpack(&mut self, to: u32, from: u32, new: &[Arc<Packed>]) -> Vec<u32> {
        let (mut stored, now) = (Vec::new(), signed(self.now));
        for packed in new {
            let Some(number) = self.book.by_name(packed.name()) else {
                continue;
            };
            let header = self.book.get(number).verified.header();
            let restored = !packed.borrows() || {
                let index = &self.nodes[at(to)].index;
                let directory = &self.founding.directory;
                let footing = Footing { directory, index };
                let before = header.seq.checked_sub(1);
                before.is_none_or(|before| {
                    footing.hash_at(header.publisher, header.epoch, before) == Some(header.prev)
                })
            };
            if !restored && packed.is_follower() {
                self.nodes[at(to)].relay.unrestored(packed.name(), from, now);
            } else if self.admit_from_parcel(to, number) {
                self.measure.batched += 1;
                stored.push(number);
            }
        }
        stored
    }

    fn admit_from_parcel(&mut self, to: u32, number: u32) -> bool {
        let paper = self.book.get(number);
        let name = paper.packed[0].name();
        let (directory, now) = (&self.founding.directory, signed(self.now));
        let this = &mut self.nodes[at(to)];
        if this.index.knows(paper.verified.header()) {
            this.relay.settle(name);
            return false;
        }
        let verified = paper.verified.clone();
        match self
            .meter
            .time(Work::Admit, || verified.admit(directory, &mut this.index, now))
        {
            Ok(_) => true,
            Err(refusal) => {
                let passed_on = outcome(&refusal).0 == Acceptance::Accept;
                if let Refusal::Ignored(Ignored::Fork(suspicion)) = refusal {
                    self.prove(to, &suspicion);
                }
                if passed_on {
                    self.pass_on(to, number);
                } else {
                    self.nodes[at(to)].relay.settle(name);
                }
                false
            }
        }
    }

    /// Decodes a message, restores and verifies what is new in it: in one of so many, as every node would in each.
    fn try_out(&mut self, to: u32, bytes: &[u8], new: &[Arc<Packed>]) {
        self.parcels.arrived += 1;
        if !self.parcels.arrived.is_multiple_of(DONE_ONE_IN) {
            return;
        }
        drop(self.meter.time(Work::Unpack, || Parcel::decode(bytes)));
        if new.is_empty() {
            return;
        }
        self.measure.batch_timed += u64::try_from(new.len()).unwrap_or(0);
        let (directory, now) = (&self.founding.directory, signed(self.now));
        let index = &self.nodes[at(to)].index;
        self.meter.time(Work::Batch, || {
            let restored = restore_all(new, &Footing { directory, index });
            let restored = restored.into_iter().filter_map(Result::ok);
            verify_all(
                restored.map(Unverified::restored).collect(),
                directory,
                now,
                &[7; 32],
            )
        });
    }

    /// The new envelopes of a message are stored.
    pub(crate) fn on_unpacked(&mut self, node: u32, life: u32, number: u32) {
        let papers = self.parcels.unpacked.take(number).unwrap_or_default();
        if self.nodes[at(node)].life != life {
            return;
        }
        for paper in papers {
            self.measure.by_gossip += 1;
            self.record(node, paper);
            let Self { nodes, book, now, .. } = self;
            let this = &mut nodes[at(node)];
            this.pace
                .note_gap(book.get(paper).verified.header(), &this.index, signed(*now));
            self.pass_on(node, paper);
        }
        self.wake_pace(node);
    }
}
