//! Anti-entropy over the simulated network: the core's sessions, their real bytes, and the adapter's bounds.
//!
//! Whom to compare with, and when, the core's pace decides. One request of a session is under way at a time; who
//! answers spends its peers' allowance; what gets no answer ends after half a minute.

use vigie_gossip_core::chain::Gap;
use vigie_gossip_core::sync::{
    Action, Audience, Choice, Delivery, Fetch, Message, Range, Session, View, Wanted,
};
use vigie_gossip_core::{Ignored, Refusal, Unverified};

use crate::clock::{MILLI, Micros, SECOND, moment, signed};
use crate::cpu::Work;
use crate::network::{Lane, at};
use crate::node::{Node, Running};
use crate::queue::Event;
use crate::run::World;

/// Sessions of one node at a time, as in the adapter.
const SESSIONS: usize = 8;
/// For one request.
const PATIENCE: Micros = 30 * SECOND;
/// Between a response and the next request: reading, and the store.
const TURN: Micros = 5 * MILLI;
/// What an envelope of a response takes besides.
const TURN_PER_ENVELOPE: Micros = 25;

/// A request and its response.
#[derive(Debug)]
pub(crate) struct Exchange {
    asker: u32,
    answerer: u32,
    /// Which life of the asker asked.
    life: u32,
    /// The request, then the response.
    bytes: Vec<u8>,
}

impl World<'_> {
    /// Sees to it that the pace is looked at when something is due.
    pub(crate) fn wake_pace(&mut self, node: u32) {
        let this = &mut self.nodes[at(node)];
        let due = moment(this.pace.next_deadline()).max(self.now);
        if due < this.pace_due {
            this.pace_due = due;
            self.queue.push(due, Event::Pace { node });
        }
    }

    pub(crate) fn on_pace(&mut self, node: u32) {
        if self.nodes[at(node)].pace_due > self.now || !self.network.up[at(node)] {
            return;
        }
        let members: Vec<u32> = self.network.peers(node).collect();
        let seeds: Vec<u32> = members
            .iter()
            .copied()
            .filter(|peer| self.is_seed(*peer))
            .collect();
        let Self { nodes, dice, now, .. } = self;
        let this = &mut nodes[at(node)];
        this.pace_due = crate::clock::NEVER;
        let choice = Choice {
            members: &members,
            seeds: &seeds,
        };
        let due = this
            .pace
            .due(&this.index, choice, signed(*now), |limit| dice.index(limit));
        for peer in due.compare {
            self.sync_with(node, peer);
        }
        for peer in due.repair {
            self.begin_session(node, peer, Some(&due.gaps));
        }
        self.wake_pace(node);
    }

    /// Compares with a peer now, or as soon as a session is free.
    pub(crate) fn sync_with(&mut self, node: u32, peer: u32) {
        self.begin_session(node, peer, None);
    }

    /// The same, or only for what is known to be missing.
    fn begin_session(&mut self, node: u32, peer: u32, gaps: Option<&[Gap]>) {
        if self
            .network
            .link(node, peer)
            .is_none_or(|link| !self.network.links[at(node)][link].up)
        {
            return;
        }
        let this = &mut self.nodes[at(node)];
        if let Some(running) = this.running.get_mut(&peer) {
            running.again = true;
            return;
        }
        if this.running.len() >= SESSIONS {
            if !this.queued.contains(&peer) {
                this.queued.push_back(peer);
            }
            return;
        }
        self.measure.sessions += 1;
        let mut session = Session::new(Audience::Members);
        let actions = self.meter.time(Work::Sync, || {
            let this = &self.nodes[at(node)];
            let elsewhere = asked_for(this);
            let view = View {
                elsewhere: &elsewhere,
                ..view(&this.index, this.publisher, &self.founding, self.now)
            };
            match gaps {
                Some(gaps) => session.repair(gaps, &view),
                None => session.start(&view),
            }
        });
        let running = Running {
            session,
            exchange: None,
            next: None,
            again: false,
        };
        self.nodes[at(node)].running.insert(peer, running);
        self.act(node, peer, actions);
    }

    fn act(&mut self, node: u32, peer: u32, actions: Vec<Action>) {
        let mut wait = 0;
        for action in actions {
            match action {
                Action::Send(message) => {
                    let bytes = self.meter.time(Work::Sync, || message.encode());
                    if let Some(running) = self.nodes[at(node)].running.get_mut(&peer) {
                        running.next = Some(bytes);
                    }
                }
                Action::Deliver(delivery) => wait += self.take(node, delivery),
                Action::Done(_) | Action::Blame(_) => self.end_session(node, peer),
                Action::OwnHead { .. } | Action::PeerClock(_) | Action::FetchFromStore(_) => {}
            }
        }
        if self.nodes[at(node)]
            .running
            .get(&peer)
            .is_some_and(|running| running.next.is_some())
        {
            let first = if wait == 0 { 0 } else { TURN };
            self.queue
                .push(self.now + first + wait, Event::Next { node, peer });
        }
    }

    /// What a session brought, and how long it takes to take it.
    fn take(&mut self, node: u32, delivery: Delivery) -> Micros {
        match delivery {
            // Everybody knows all statements.
            Delivery::Statements(_) => 0,
            Delivery::Proofs(proofs) => {
                for proof in proofs {
                    self.convict(node, proof);
                }
                TURN
            }
            Delivery::Envelopes(envelopes) => {
                let count = Micros::try_from(envelopes.len()).unwrap_or(0);
                for envelope in &envelopes {
                    self.take_envelope(node, envelope);
                }
                // One processor verifies what all sessions bring, and what gossip does.
                let (this, now) = (&mut self.nodes[at(node)], self.now);
                this.busy = this.busy.max(now) + count * TURN_PER_ENVELOPE;
                this.busy - now
            }
        }
    }

    fn take_envelope(&mut self, node: u32, envelope: &Unverified) {
        let Some(number) = self.book.find(envelope.header().hash()) else {
            return;
        };
        let index = &mut self.nodes[at(node)].index;
        if envelope.is_held(index) {
            return;
        }
        let verified = self.book.get(number).verified.clone();
        let (directory, now) = (&self.founding.directory, signed(self.now));
        match self
            .meter
            .time(Work::Admit, || verified.admit(directory, index, now))
        {
            Ok(_) => {
                self.measure.by_sync += 1;
                self.record(node, number);
                let name = self.book.get(number).packed[0].name();
                self.nodes[at(node)].relay.settle(name);
            }
            Err(Refusal::Ignored(Ignored::Fork(suspicion))) => self.prove(node, &suspicion),
            Err(_) => {}
        }
    }

    /// The next request of a session leaves.
    pub(crate) fn on_next(&mut self, node: u32, peer: u32) {
        let this = &mut self.nodes[at(node)];
        let Some(running) = this.running.get_mut(&peer) else {
            return;
        };
        let Some(bytes) = running.next.take() else {
            return;
        };
        let number = u32::try_from(self.exchanges.len()).unwrap_or(u32::MAX);
        running.exchange = Some(number);
        let sent = length(&bytes);
        self.exchanges.push(Exchange {
            asker: node,
            answerer: peer,
            life: this.life,
            bytes,
        });
        self.queue
            .push(self.now + PATIENCE, Event::Timeout { exchange: number });
        self.deliver(node, peer, sent, Event::Asked { exchange: number });
    }

    /// Sends a sync message: the event happens where it arrives.
    fn deliver(&mut self, from: u32, to: u32, bytes: u32, event: Event) {
        let Some(link) = self
            .network
            .link(from, to)
            .filter(|_| self.network.reaches(from, to))
        else {
            return;
        };
        if let Some(arrives) = self.network.send(self.now, from, link, bytes, Lane::Sync) {
            self.queue.push(arrives, event);
        }
    }

    /// A request arrived.
    pub(crate) fn on_asked(&mut self, number: u32) {
        let exchange = &mut self.exchanges[at(number)];
        let (asker, answerer) = (exchange.asker, exchange.answerer);
        let request = std::mem::take(&mut exchange.bytes);
        let this = &mut self.nodes[at(answerer)];
        if !self.network.reaches(asker, answerer) || !this.role.answers() {
            return;
        }
        if this.allows(asker, self.now) {
            let response = self.answer(answerer, asker, &request);
            self.exchanges[at(number)].bytes = response;
        } else {
            self.measure.declined += 1;
        }
        let bytes = length(&self.exchanges[at(number)].bytes);
        self.deliver(answerer, asker, bytes, Event::Answered { exchange: number });
    }

    /// What the core answers; an empty response declines.
    fn answer(&mut self, node: u32, peer: u32, request: &[u8]) -> Vec<u8> {
        let Self {
            nodes,
            meter,
            founding,
            book,
            now,
            ..
        } = self;
        let this = &nodes[at(node)];
        let response = meter.time(Work::Sync, || {
            let view = view(&this.index, this.publisher, founding, *now);
            let message = Message::decode(request).ok()?;
            let action = Session::new(Audience::Members).on_message(message, &view).pop()?;
            match action {
                Action::Send(message) => Some(message.encode()),
                Action::FetchFromStore(fetch) => {
                    let read = |wanted: &Wanted| {
                        let range = wanted.from..=wanted.to;
                        let hashes = this.index.hashes(wanted.publisher, wanted.epoch, range);
                        within(hashes.filter_map(|(_, hash)| book.bytes(hash)), wanted.max_bytes)
                    };
                    Some(reply(&fetch, read))
                }
                _ => None,
            }
        });
        let response = response.unwrap_or_default();
        self.nodes[at(node)].charge(peer, response.len(), self.now);
        response
    }

    /// A response arrived.
    pub(crate) fn on_answered(&mut self, number: u32) {
        let exchange = &mut self.exchanges[at(number)];
        let (node, peer, life) = (exchange.asker, exchange.answerer, exchange.life);
        let bytes = std::mem::take(&mut exchange.bytes);
        if !self.is_under_way(number)
            || !self.network.reaches(node, peer)
            || self.nodes[at(node)].life != life
        {
            return;
        }
        let Some(mut running) = self.nodes[at(node)].running.remove(&peer) else {
            return;
        };
        running.exchange = None;
        let this = &self.nodes[at(node)];
        let actions = self.meter.time(Work::Sync, || {
            let message = Message::decode(&bytes).ok()?;
            let elsewhere = asked_for(this);
            let view = View {
                elsewhere: &elsewhere,
                ..view(&this.index, this.publisher, &self.founding, self.now)
            };
            Some(running.session.on_message(message, &view))
        });
        self.nodes[at(node)].running.insert(peer, running);
        match actions {
            Some(actions) => self.act(node, peer, actions),
            None => self.end_session(node, peer),
        }
    }

    pub(crate) fn on_timeout(&mut self, number: u32) {
        if self.is_under_way(number) {
            self.measure.timeouts += 1;
            let (node, peer) = (
                self.exchanges[at(number)].asker,
                self.exchanges[at(number)].answerer,
            );
            self.end_session(node, peer);
        }
    }

    fn is_under_way(&self, number: u32) -> bool {
        let exchange = &self.exchanges[at(number)];
        let running = self.nodes[at(exchange.asker)].running.get(&exchange.answerer);
        running.is_some_and(|running| running.exchange == Some(number))
    }

    /// The next one that waits may begin.
    pub(crate) fn end_session(&mut self, node: u32, peer: u32) {
        let now = signed(self.now);
        let this = &mut self.nodes[at(node)];
        if this.running.remove(&peer).is_some_and(|running| running.again) {
            this.pace.soon(peer, now);
        }
        let next = this.queued.pop_front();
        if let Some(next) = next {
            self.sync_with(node, next);
        }
        self.wake_pace(node);
    }
}

fn view<'a>(
    index: &'a vigie_gossip_core::ChainIndex,
    own: vigie_gossip_core::wire::PublisherId,
    founding: &'a crate::founding::Founding,
    now: Micros,
) -> View<'a> {
    View {
        index,
        directory: &founding.directory,
        own: Some(own),
        now: signed(now),
        elsewhere: &[],
    }
}

/// What the sessions ask for that are running now.
fn asked_for(node: &Node) -> Vec<Range> {
    let running = node.running.values();
    running.flat_map(|running| running.session.asks_for()).collect()
}

fn reply<'a>(fetch: &Fetch, read: impl Fn(&Wanted) -> Vec<&'a [u8]>) -> Vec<u8> {
    let found = fetch.wanted.iter().flat_map(read).map(<[u8]>::to_vec);
    fetch.reply(found.collect()).encode()
}

/// The first of these, in no more bytes, and one at least.
fn within<'a>(envelopes: impl Iterator<Item = &'a [u8]>, max_bytes: usize) -> Vec<&'a [u8]> {
    let mut sum = 0;
    let mut taken = Vec::new();
    for envelope in envelopes {
        sum += envelope.len();
        if sum > max_bytes && !taken.is_empty() {
            break;
        }
        taken.push(envelope);
    }
    taken
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}
