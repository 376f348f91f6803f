//! From what a sensor saw to an envelope on the network, by the core's window, and what follows when a node holds one.

use vigie_gossip_core::validate::asks_urgency;
use vigie_gossip_core::wire::{Draft, Envelope, Payload, Sighting, Tlp};
use vigie_gossip_core::{Held, Suspicion, Unverified};

use crate::book::Paper;
use crate::clock::{Micros, SECOND, moment, signed};
use crate::cpu::Work;
use crate::gossip::Topic;
use crate::measure::Class;
use crate::network::at;
use crate::node::Role;
use crate::queue::Event;
use crate::run::World;

impl World<'_> {
    /// A sensor saw something: it waits in the window.
    pub(crate) fn on_sight(&mut self, node: u32) {
        if self.now >= self.publishing {
            return;
        }
        let pause = self.workload.pause(node);
        self.queue.push(self.now + pause, Event::Sight { node });
        let seen = self.workload.see(node, self.now);
        if !self.network.up[at(node)] || self.has_lied(node) {
            return;
        }
        let this = &mut self.nodes[at(node)];
        let sighting = seen.sighting;
        let subject = (sighting.indicator.clone(), sighting.behaviour, sighting.rule);
        let now = signed(self.now);
        let pushed = self
            .meter
            .time(Work::Publish, || this.window.push(sighting, seen.urgent, now));
        if pushed.is_ok() && this.role.is_honest() {
            self.measure.sightings += 1;
            self.measure.repeats += u64::from(seen.repeat);
        }
        if pushed.is_ok() {
            this.waiting.entry(subject).or_insert((self.now, seen.repeat));
        }
        self.wake_window(node);
    }

    /// Comes back when the window has something to give.
    pub(crate) fn wake_window(&mut self, node: u32) {
        let this = &mut self.nodes[at(node)];
        this.window.set_distance(this.traffic.distance(signed(self.now)));
        let due = this.window.next_deadline().map(|due| moment(due).max(self.now));
        if let Some(due) = due.filter(|due| *due < this.window_due) {
            this.window_due = due;
            self.queue.push(due, Event::Window { node });
        }
    }

    pub(crate) fn on_window(&mut self, node: u32) {
        let this = &mut self.nodes[at(node)];
        if this.window_due > self.now || !self.network.up[at(node)] {
            return;
        }
        this.window_due = crate::clock::NEVER;
        let now = signed(self.now);
        let batches = self.meter.time(Work::Publish, || this.window.poll(now));
        for batch in batches {
            let rows = self.rows_of(node, &batch.rows, batch.urgent);
            self.say(node, batch.rows, batch.urgent, rows);
        }
        self.wake_window(node);
    }

    fn rows_of(&mut self, node: u32, rows: &[Sighting], urgent: bool) -> Vec<(Micros, Class)> {
        let now = self.now;
        let waiting = &mut self.nodes[at(node)].waiting;
        let came = |row: &Sighting| {
            let subject = (row.indicator.clone(), row.behaviour, row.rule);
            let (came, repeat) = waiting.remove(&subject).unwrap_or((now, true));
            match (urgent, repeat) {
                (true, _) => (came, Class::Urgent),
                (false, false) => (came, Class::New),
                (false, true) => (came, Class::Repeat),
            }
        };
        rows.iter().map(came).collect()
    }

    /// Seals, stores and floods.
    fn say(&mut self, node: u32, sightings: Vec<Sighting>, urgent: bool, rows: Vec<(Micros, Class)>) {
        let Some(paper) = self.seal(node, sightings, urgent, rows) else {
            return;
        };
        let paper = self.book.add(paper);
        self.record(node, paper);
        let topic = self.topic_of(paper);
        if self.setup.bundled {
            return self.pass_on(node, paper);
        }
        let links: Vec<usize> = self.connections(node);
        self.flood(node, paper, topic, &links);
    }

    /// A liar's two stories under one place: each to one half of its peers.
    pub(crate) fn on_lie(&mut self, node: u32) {
        if !self.network.up[at(node)] {
            return self.queue.push(self.now + SECOND, Event::Lie { node });
        }
        let mut papers = Vec::new();
        let sighting = self.workload.see(node, self.now).sighting;
        for confidence in [90, 10] {
            let sighting = Sighting {
                confidence,
                ..sighting.clone()
            };
            papers.extend(self.seal(node, vec![sighting], true, Vec::new()));
        }
        let connections = self.connections(node);
        let (first, second) = connections.split_at(connections.len() / 2);
        for (paper, links) in papers.into_iter().zip([first, second]) {
            let paper = self.book.add(paper);
            if links == first {
                self.record(node, paper);
            }
            self.flood(node, paper, Topic::Urgent, links);
        }
        self.measure.lies.push(crate::measure::Lie {
            liar: node,
            told: self.now,
            proven_at: 0,
            last: self.now,
        });
    }

    /// The next envelope of a node's chain, verified, and not yet held.
    fn seal(
        &mut self,
        node: u32,
        sightings: Vec<Sighting>,
        urgent: bool,
        rows: Vec<(Micros, Class)>,
    ) -> Option<Paper> {
        let this = &self.nodes[at(node)];
        let (seq, prev) = this.chain_end();
        let (directory, now) = (&self.founding.directory, signed(self.now));
        let draft = Draft {
            network: directory.network(),
            epoch: 0,
            seq,
            prev,
            time_base: now,
            tlp: Tlp::Green,
            policy: if urgent {
                vigie_gossip_core::constants::POLICY_URGENT
            } else {
                0
            },
            payload: Payload::Sightings(sightings),
        };
        let salt = salt(self.setup.seed, node, seq);
        let sealed = self.meter.time(Work::Publish, || draft.seal(&this.key, salt));
        let bytes = sealed.ok()?.encode();
        let verify = || Unverified::parse(&bytes).and_then(|unverified| unverified.verify(directory, now));
        let verified = self.meter.time(Work::Verify, verify).ok()?;
        let counts = this.role.is_honest();
        if counts {
            self.measure.envelopes += 1;
            self.measure.rows += u64::try_from(rows.len()).unwrap_or(0);
            self.measure.payload_bytes += u64::try_from(bytes.len()).unwrap_or(0);
        }
        let packed = self.pack(&verified);
        Some(Paper {
            packed,
            held: Held::of(verified.header()),
            verified,
            author: node,
            sealed: self.now,
            rows,
            counts,
        })
    }

    fn topic_of(&self, paper: u32) -> Topic {
        if asks_urgency(self.book.get(paper).verified.header()) {
            Topic::Urgent
        } else {
            Topic::Sightings
        }
    }

    fn connections(&self, node: u32) -> Vec<usize> {
        let links = self.network.links[at(node)].iter().enumerate();
        links.filter(|(_, link)| link.up).map(|(nth, _)| nth).collect()
    }

    /// A node holds an envelope now: stored, and counted as delivered.
    pub(crate) fn record(&mut self, node: u32, number: u32) {
        let paper = self.book.get(number);
        let this = &mut self.nodes[at(node)];
        let index = &mut this.index;
        let (directory, now) = (&self.founding.directory, signed(self.now));
        let header = paper.verified.header();
        if paper.author == node {
            // Its own it admits itself, as a neighbour would.
            drop(paper.verified.clone().admit(directory, index, now));
        }
        if paper.author != node {
            this.traffic.hear(header.time_base, now);
        }
        let before = index.len();
        let dropped = self.meter.time(Work::Admit, || index.record(header));
        if !paper.counts {
            return;
        }
        self.measure.over_rate += u64::try_from(dropped.len()).unwrap_or(0);
        if index.len() <= before {
            return;
        }
        let honest = self.nodes[at(node)].role.is_honest();
        self.measure.held += u64::from(honest);
        if paper.author != node {
            self.measure.delivered += u64::try_from(paper.rows.len()).unwrap_or(0);
            for (came, class) in &paper.rows {
                self.measure.delay(*class, self.now.saturating_sub(*came));
            }
        }
        if honest
            && self
                .heals_at
                .is_some_and(|heals| paper.sealed < heals && heals <= self.now)
        {
            self.measure.healed = Some(self.now);
        }
    }

    /// Two stories at one place: what is held and what came are a proof.
    pub(crate) fn prove(&mut self, node: u32, suspicion: &Suspicion) {
        let stored = || {
            let bytes = self.book.bytes(suspicion.held())?;
            suspicion.prove(&Envelope::decode(bytes).ok()?)
        };
        if let Some(proof) = suspicion.proof().or_else(stored) {
            self.convict(node, proof);
        }
    }

    pub(crate) fn convict(&mut self, node: u32, proof: vigie_gossip_core::wire::EquivocationProof) {
        let (publisher, epoch) = (proof.first().header().publisher, proof.first().header().epoch);
        let this = &mut self.nodes[at(node)];
        let known = this.index.proof(publisher, epoch).is_some();
        let taken = this
            .index
            .convict(proof.clone(), &self.founding.directory, signed(self.now));
        if known || taken.is_err() {
            return;
        }
        this.proofs.push(proof);
        let honest = this.role.is_honest();
        let liar = |lie: &&mut crate::measure::Lie| self.nodes[at(lie.liar)].publisher == publisher;
        if let Some(lie) = self.measure.lies.iter_mut().find(liar).filter(|_| honest) {
            lie.proven_at += 1;
            lie.last = self.now;
        }
    }

    fn has_lied(&self, node: u32) -> bool {
        self.nodes[at(node)].role == Role::Liar && self.measure.lies.iter().any(|lie| lie.liar == node)
    }
}

/// A live node draws it; here it follows from the place.
fn salt(seed: u64, node: u32, seq: u64) -> [u8; 16] {
    let mut salt = [0; 16];
    let mut hasher = blake3::Hasher::new_derive_key("vigie/sim/mesh/salt/v1");
    hasher
        .update(&seed.to_le_bytes())
        .update(&node.to_le_bytes())
        .update(&seq.to_le_bytes());
    hasher.finalize_xof().fill(&mut salt);
    salt
}
