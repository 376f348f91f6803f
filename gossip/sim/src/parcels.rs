//! Passing on in bundles: what the core's relay gives out, as messages between neighbours of the mesh.
//!
//! Only with `bundled`: the live node does not do so yet, and gossips every envelope by itself. Urgent envelopes are
//! gossiped either way. Neighbours are four, in a mesh of their own; nothing is named or asked for beside, since sync
//! repairs. A bundle is one message to libp2p; its envelopes are verified together.

use vigie_gossip_core::validate::verify_all;
use vigie_gossip_core::{Acceptance, Ignored, Refusal, Unverified, outcome};

use crate::clock::{NEVER, moment, signed};
use crate::cpu::Work;
use crate::gossip::{PROCESSING, Topic};
use crate::network::{Lane, at};
use crate::queue::Event;
use crate::run::World;

/// A bundle's frame, and the length before each envelope.
const MARK_BYTES: usize = 1;
const LENGTH_BYTES: usize = 2;
/// Of one in so many bundles the signatures are checked in fact, and timed.
const CHECKED_ONE_IN: u64 = 64;

/// Envelopes on their way from one neighbour to another, or to the store.
#[derive(Debug, Default)]
pub(crate) struct Parcels {
    all: Vec<Vec<u32>>,
    free: Vec<u32>,
    arrived: u64,
}

// === impl Parcels ===

impl Parcels {
    fn put(&mut self, papers: Vec<u32>) -> u32 {
        if let Some(number) = self.free.pop() {
            self.all[at(number)] = papers;
            return number;
        }
        self.all.push(papers);
        u32::try_from(self.all.len() - 1).unwrap_or(u32::MAX)
    }

    fn take(&mut self, number: u32) -> Vec<u32> {
        self.free.push(number);
        std::mem::take(&mut self.all[at(number)])
    }
}

// === impl World ===

impl World<'_> {
    /// An envelope that a node holds goes on to its neighbours, but not to these.
    pub(crate) fn pass_on(&mut self, node: u32, paper: u32, except: &[u32]) {
        if !self.nodes[at(node)].role.forwards() && self.book.get(paper).author != node {
            return;
        }
        let topic = Topic::Bundles.number();
        let links = self.network.links[at(node)].iter();
        let neighbours = links
            .filter(|link| link.up && link.mesh[topic])
            .map(|link| link.peer);
        let relay = &mut self.nodes[at(node)].relay;
        relay.set_neighbours(neighbours);
        let paper = self.book.get(paper);
        let bytes = paper.verified.shared_bytes();
        relay.push(paper.held.hash, &bytes, except, signed(self.now));
        self.wake_relay(node);
    }

    fn wake_relay(&mut self, node: u32) {
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
        let parcels = self.meter.time(Work::Publish, || this.relay.poll(now));
        for parcel in parcels {
            let lengths = parcel
                .envelopes
                .iter()
                .map(|(_, bytes)| bytes.len() + LENGTH_BYTES);
            let bytes = u32::try_from(MARK_BYTES + lengths.sum::<usize>()).unwrap_or(u32::MAX);
            let papers = parcel
                .envelopes
                .iter()
                .filter_map(|(hash, _)| self.book.find(*hash));
            let papers: Vec<u32> = papers.collect();
            self.measure.bundles += 1;
            self.measure.bundled += u64::try_from(papers.len()).unwrap_or(0);
            let (to, from) = (parcel.to, node);
            let Some(link) = self.network.link(from, to) else {
                continue;
            };
            let arrives = self.network.send(self.now, from, link, bytes, Lane::Forward);
            if let Some(arrives) = arrives.filter(|_| self.network.reaches(from, to)) {
                let parcel = self.parcels.put(papers);
                self.queue.push(arrives, Event::Parcel { to, from, parcel });
            }
        }
        self.wake_relay(node);
    }

    /// A bundle reaches a node.
    pub(crate) fn on_parcel(&mut self, to: u32, from: u32, number: u32) {
        let papers = self.parcels.take(number);
        if !self.network.reaches(from, to) || !self.take_copy(to) {
            return;
        }
        self.measure.unbundled += u64::try_from(papers.len()).unwrap_or(0).saturating_sub(1);
        let mut new = Vec::new();
        for paper in papers {
            let hash = self.book.get(paper).held.hash;
            self.nodes[at(to)].relay.heard(hash, from);
            if self.admit_from_bundle(to, from, paper) {
                new.push(paper);
            }
        }
        if new.is_empty() {
            return;
        }
        self.time_batch(&new);
        let stored = self.nodes[at(to)].busy + PROCESSING;
        let parcel = self.parcels.put(new);
        let life = self.nodes[at(to)].life;
        self.queue.push(
            stored,
            Event::Unpacked {
                node: to,
                from,
                life,
                parcel,
            },
        );
    }

    fn admit_from_bundle(&mut self, to: u32, from: u32, number: u32) -> bool {
        let paper = self.book.get(number);
        let (directory, now) = (&self.founding.directory, signed(self.now));
        let index = &mut self.nodes[at(to)].index;
        if index.knows(paper.verified.header()) {
            return false;
        }
        let verified = paper.verified.clone();
        match self
            .meter
            .time(Work::Admit, || verified.admit(directory, index, now))
        {
            Ok(_) => true,
            Err(refusal) => {
                let passed_on = outcome(&refusal).0 == Acceptance::Accept;
                if let Refusal::Ignored(Ignored::Fork(suspicion)) = refusal {
                    self.prove(to, &suspicion);
                }
                if passed_on {
                    self.pass_on(to, number, &[from]);
                }
                false
            }
        }
    }

    /// Decodes and verifies the envelopes of one bundle in so many together, as every node would those of each.
    fn time_batch(&mut self, papers: &[u32]) {
        self.parcels.arrived += 1;
        self.measure.batched += u64::try_from(papers.len()).unwrap_or(0);
        if !self.parcels.arrived.is_multiple_of(CHECKED_ONE_IN) {
            return;
        }
        let (book, directory, now) = (&self.book, &self.founding.directory, signed(self.now));
        self.measure.batch_timed += u64::try_from(papers.len()).unwrap_or(0);
        self.meter.time(Work::Batch, || {
            let bytes = papers.iter().map(|paper| book.get(*paper).verified.bytes());
            let parsed = bytes.filter_map(|bytes| Unverified::parse(bytes).ok()).collect();
            verify_all(parsed, directory, now, &[7; 32])
        });
    }

    /// The new envelopes of a bundle are stored.
    pub(crate) fn on_unpacked(&mut self, node: u32, from: u32, life: u32, number: u32) {
        let papers = self.parcels.take(number);
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
            self.pass_on(node, paper, &[from]);
        }
        self.wake_pace(node);
    }
}
