//! Gossip as gossipsub does it: eager pushes in a mesh, ids to some others once a second, nothing twice.
//!
//! A message goes to the mesh neighbours of its topic once it is stored, but not to those who sent it meanwhile; its
//! publisher floods it to all its peers, as the node is configured to. Every second a node names what it took in the
//! last five to a quarter of the peers outside its mesh, six at least, and they ask for what they lack.
//! **The ids' bytes are part of the measured overhead of a copy and not counted again.** Deliberately absent: scores, which
//! honest peers keep above all thresholds, and which droppers never fall below, since delivery quotas are off.

use hashbrown::HashMap;
use vigie_gossip_core::{Acceptance, Ignored, Refusal, outcome};

use crate::clock::{MILLI, Micros, SECOND, signed};
use crate::cpu::{LIBP2P_MICROS_PER_COPY, Work};
use crate::dice::Dice;
use crate::network::{LARGE, Lane, at};
use crate::queue::Event;
use crate::run::World;

/// Validating and storing a message, beside the processor time of its copies: as in the measurements that the targets
/// come from.
pub(crate) const PROCESSING: Micros = 5 * MILLI;
/// Messages that were taken so long ago are named no more.
const NAMED_FOR: Micros = 5 * SECOND;
/// Messages that came so long ago are not given any more.
const KEPT_FOR: Micros = 10 * SECOND;
/// A promise to send is waited for.
const PROMISED_FOR: Micros = 3 * SECOND;
/// Peers that are told at least, and one in so many of them.
const LAZY: usize = 6;
const LAZY_ONE_IN: usize = 4;
/// A node whose processor is so far behind does not read: copies to it run out of their time in the sender's queue.
const DEAF_AFTER: Micros = 2 * SECOND;

/// The topics that messages of a run travel on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topic {
    Urgent,
    Sightings,
    /// No topic of gossipsub: the neighbours that there are streams to.
    Bundles,
}

/// What a node makes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Judged {
    /// On its way to the store, and passed on from there.
    Admitted,
    /// Not taken, and passed on.
    PassedOn,
    Refused,
}

/// Who has come how far with a message: a bit for each node.
#[derive(Clone, Debug)]
struct Bits(Vec<u64>);

/// A message, and who has it.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) paper: u32,
    pub(crate) bytes: u32,
    pub(crate) topic: Topic,
    born: Micros,
    seen: Bits,
    /// Stored and passed on.
    done: Bits,
    missing: u32,
}

/// All messages.
#[derive(Debug)]
pub(crate) struct Gossip {
    messages: Vec<Message>,
    /// Who sent a copy while a node was storing the first one.
    storing: HashMap<(u32, u32), Vec<u32>>,
    /// What nodes asked for, and until when they wait for it.
    promised: HashMap<(u32, u32), Micros>,
    /// Messages of late that not everybody has seen.
    open: Vec<u32>,
    dice: Dice,
}

// === impl Topic ===

impl Topic {
    /// Its place in [`crate::network::Link::mesh`].
    pub(crate) const fn number(self) -> usize {
        match self {
            Self::Urgent => 0,
            Self::Sightings => 1,
            Self::Bundles => 2,
        }
    }

    /// Neighbours wanted, the fewest that are enough, and the most. Seeds keep a denser mesh.
    pub(crate) const fn degrees(self, seed: bool) -> (usize, usize, usize) {
        match (self, seed) {
            (Self::Urgent | Self::Bundles, _) => (8, 6, 12),
            (Self::Sightings, true) => (8, 4, 12),
            (Self::Sightings, false) => (6, 4, 9),
        }
    }
}

// === impl Bits ===

impl Bits {
    fn new(count: usize) -> Self {
        Self(vec![0; count.div_ceil(64)])
    }

    fn has(&self, node: u32) -> bool {
        self.0[at(node) / 64] & (1 << (node % 64)) != 0
    }

    fn set(&mut self, node: u32) {
        self.0[at(node) / 64] |= 1 << (node % 64);
    }

    fn clear(&mut self, node: u32) {
        self.0[at(node) / 64] &= !(1 << (node % 64));
    }
}

// === impl Gossip ===

impl Gossip {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            messages: Vec::new(),
            storing: HashMap::new(),
            promised: HashMap::new(),
            open: Vec::new(),
            dice: Dice::new(seed, "gossip"),
        }
    }

    /// A process that starts again has seen nothing.
    pub(crate) fn forget(&mut self, node: u32) {
        self.storing.retain(|(at, _), _| *at != node);
        for number in &self.open {
            if let Some(message) = self.messages.get_mut(*number as usize)
                && message.seen.has(node)
            {
                message.seen.clear(node);
                message.done.clear(node);
                message.missing += 1;
            }
        }
    }

    /// Every second: what everybody has seen, or what is old, needs no more naming.
    pub(crate) fn tidy(&mut self, now: Micros) {
        let messages = &self.messages;
        self.open.retain(|number| {
            let message = &messages[*number as usize];
            message.missing > 0 && message.born + KEPT_FOR > now
        });
        self.promised.retain(|_, until| *until > now);
    }

    fn message(&self, number: u32) -> &Message {
        &self.messages[number as usize]
    }

    fn mark_seen(&mut self, node: u32, number: u32) -> bool {
        let message = &mut self.messages[number as usize];
        let new = !message.seen.has(node);
        if new {
            message.seen.set(node);
            message.missing -= 1;
        }
        new
    }
}

// === impl World ===

impl World<'_> {
    /// A publisher floods what it says to these of its connections.
    pub(crate) fn flood(&mut self, node: u32, paper: u32, topic: Topic, links: &[usize]) {
        let count = self.nodes.len();
        let bytes = self.book.get(paper).verified.bytes().len();
        let number = u32::try_from(self.gossip.messages.len()).unwrap_or(u32::MAX);
        self.gossip.messages.push(Message {
            paper,
            bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
            topic,
            born: self.now,
            seen: Bits::new(count),
            done: Bits::new(count),
            missing: self.setup.nodes,
        });
        self.gossip.open.push(number);
        self.gossip.mark_seen(node, number);
        self.gossip.messages[number as usize].done.set(node);
        for link in links {
            self.push_copy(node, *link, number, Lane::Publish);
        }
    }

    /// Sends a copy. Whoever has passed the message on already only counts it.
    fn push_copy(&mut self, from: u32, link: usize, number: u32, lane: Lane) {
        let message = self.gossip.message(number);
        let to = self.network.links[at(from)][link].peer;
        let (bytes, done) = (message.bytes, message.done.has(to));
        if bytes >= LARGE && message.seen.has(to) {
            // It has said by IDONTWANT that it needs none.
            return;
        }
        let Some(arrives) = self.network.send(self.now, from, link, bytes, lane) else {
            return;
        };
        if !self.network.reaches(from, to) {
            return;
        }
        if done {
            self.take_copy(to);
        } else {
            self.queue.push(
                arrives,
                Event::Copy {
                    to,
                    from,
                    message: number,
                },
            );
        }
    }

    /// What every copy costs whoever receives it. `false` if it cannot take it.
    pub(crate) fn take_copy(&mut self, to: u32) -> bool {
        let node = &mut self.nodes[at(to)];
        if node.busy > self.now + DEAF_AFTER {
            self.network.traffic.dropped += 1;
            return false;
        }
        node.busy = node.busy.max(self.now) + LIBP2P_MICROS_PER_COPY;
        self.measure.copies += 1;
        true
    }

    pub(crate) fn on_copy(&mut self, to: u32, from: u32, number: u32) {
        if !self.network.reaches(from, to) || !self.take_copy(to) {
            return;
        }
        if !self.gossip.mark_seen(to, number) {
            if let Some(senders) = self.gossip.storing.get_mut(&(to, number)) {
                senders.push(from);
            }
            return;
        }
        self.measure.firsts += 1;
        match self.admit_message(to, number) {
            Judged::Admitted => {
                self.gossip.storing.insert((to, number), vec![from]);
                let stored = self.nodes[at(to)].busy + PROCESSING;
                self.queue.push(
                    stored,
                    Event::Stored {
                        node: to,
                        message: number,
                    },
                );
            }
            Judged::PassedOn => self.forward(to, number, &[from]),
            Judged::Refused => {}
        }
    }

    /// Validates what a message brought.
    fn admit_message(&mut self, to: u32, number: u32) -> Judged {
        let paper = self.book.get(self.gossip.message(number).paper);
        let (directory, now) = (&self.founding.directory, signed(self.now));
        let index = &mut self.nodes[at(to)].index;
        if index.knows(paper.verified.header()) {
            return Judged::Refused;
        }
        let verified = paper.verified.clone();
        match self
            .meter
            .time(Work::Admit, || verified.admit(directory, index, now))
        {
            Ok(_) => Judged::Admitted,
            Err(refusal) => {
                let passed_on = outcome(&refusal).0 == Acceptance::Accept;
                if let Refusal::Ignored(Ignored::Fork(suspicion)) = refusal {
                    self.prove(to, &suspicion);
                }
                if passed_on {
                    Judged::PassedOn
                } else {
                    Judged::Refused
                }
            }
        }
    }

    pub(crate) fn on_stored(&mut self, node: u32, number: u32) {
        let Some(senders) = self.gossip.storing.remove(&(node, number)) else {
            return;
        };
        let message = self.gossip.message(number);
        let paper = message.paper;
        self.measure.by_gossip += 1;
        self.record(node, paper);
        let name = self.book.get(paper).packed[0].name();
        self.nodes[at(node)].relay.settle(name);
        let Self { nodes, book, now, .. } = self;
        let this = &mut nodes[at(node)];
        this.pace
            .note_gap(book.get(paper).verified.header(), &this.index, signed(*now));
        self.wake_pace(node);
        self.forward(node, number, &senders);
    }

    /// Passes a message on in the mesh of its topic, but not to these.
    fn forward(&mut self, node: u32, number: u32, senders: &[u32]) {
        self.gossip.messages[number as usize].done.set(node);
        if !self.nodes[at(node)].role.forwards() {
            return;
        }
        let topic = self.gossip.message(number).topic.number();
        let links = self.network.links[at(node)].iter().enumerate();
        let mesh: Vec<usize> = links
            .filter(|(_, link)| link.up && link.mesh[topic] && !senders.contains(&link.peer))
            .map(|(nth, _)| nth)
            .collect();
        for link in mesh {
            self.push_copy(node, link, number, Lane::Forward);
        }
    }

    /// Names what was taken lately to some peers outside the mesh.
    pub(crate) fn name_lately(&mut self, node: u32) {
        if !self.nodes[at(node)].role.forwards() {
            return;
        }
        for topic in [Topic::Urgent, Topic::Sightings] {
            let fresh = self.now.saturating_sub(NAMED_FOR);
            let had = |number: &&u32| {
                let message = self.gossip.message(**number);
                message.topic == topic && message.born >= fresh && message.done.has(node)
            };
            let names: Vec<u32> = self.gossip.open.iter().filter(had).copied().collect();
            if names.is_empty() {
                continue;
            }
            let links = self.network.links[at(node)].iter();
            let mut others: Vec<(u32, Micros)> = links
                .filter(|link| link.up && !link.mesh[topic.number()])
                .map(|link| (link.peer, link.latency))
                .collect();
            self.gossip.dice.shuffle(&mut others);
            others.truncate(LAZY.max(others.len() / LAZY_ONE_IN));
            for (to, latency) in others {
                for message in &names {
                    if !self.gossip.message(*message).seen.has(to) {
                        let (from, message) = (node, *message);
                        self.queue
                            .push(self.now + latency, Event::Have { to, from, message });
                    }
                }
            }
        }
    }

    pub(crate) fn on_have(&mut self, to: u32, from: u32, number: u32) {
        let promised = self.gossip.promised.contains_key(&(to, number));
        if promised || self.gossip.message(number).seen.has(to) || !self.network.reaches(from, to) {
            return;
        }
        let Some(link) = self.network.link(to, from) else {
            return;
        };
        self.gossip.promised.insert((to, number), self.now + PROMISED_FOR);
        let latency = self.network.links[at(to)][link].latency;
        let want = Event::Want {
            to: from,
            from: to,
            message: number,
        };
        self.queue.push(self.now + latency, want);
    }

    pub(crate) fn on_want(&mut self, to: u32, from: u32, number: u32) {
        let kept = self.gossip.message(number).born + KEPT_FOR > self.now;
        if let Some(link) = self
            .network
            .link(to, from)
            .filter(|_| kept && self.network.reaches(from, to))
        {
            self.measure.asked_again += 1;
            self.push_copy(to, link, number, Lane::Forward);
        }
    }
}
