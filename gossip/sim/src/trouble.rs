//! What goes wrong: a partition, connections that die of it and are dialled again, nodes that are killed.
//!
//! In a partition nothing crosses. A node notices by its pings, two of which have to fail, and dials again after pauses
//! that double from one second to five minutes, each moved by up to a half; where a quarter of its peers is silent it
//! tries one of them every other second besides, in turn. Who comes back is compared with at once by whoever dialled, and
//! by the other two seconds later.

use crate::clock::{Micros, SECOND, seconds, signed};
use crate::measure::Measure;
use crate::network::{Link, at};
use crate::node::Role;
use crate::queue::Event;
use crate::run::World;

/// Two pings, 15 seconds apart, of which each may take 20 seconds: noticed after so long at least, and at most.
const NOTICED: (f64, f64) = (35.0, 55.0);
/// Who answers after so many failures brings the other dials forward: what lay between is over.
const OUTAGE: u32 = 4;
/// If at least one in so many was behind an outage, one of those is tried this often.
const PROBED_SHARE: usize = 4;
const PROBE_EVERY: Micros = 2 * SECOND;
/// ... and each of them no oftener than this, or than that if all are silent.
const PROBED_EVERY: Micros = 16 * SECOND;
const PROBED_ALONE_EVERY: Micros = 5 * SECOND;
const FIRST_PAUSE: f64 = 1.0;
const LONGEST_PAUSE: f64 = 300.0;
/// How long a killed node is down, at least and at most.
const DOWN: (f64, f64) = (5.0, 30.0);

impl World<'_> {
    /// Who does what wrong, and when.
    pub(crate) fn plan_trouble(&mut self) {
        let setup = self.setup;
        let mut order: Vec<u32> = (0..setup.nodes).collect();
        self.dice.shuffle(&mut order);
        let share = |share: f64| number(share * f64::from(setup.nodes));
        let (droppers, liars) = (share(setup.droppers), share(setup.liars));
        let mut roles = order.into_iter();
        for (nth, node) in roles.by_ref().take(droppers).enumerate() {
            self.nodes[at(node)].role = Role::Dropper {
                answers: nth % 2 == 0,
            };
        }
        let whole = setup.split().map_or(self.publishing, |(begins, _)| begins);
        for node in roles.by_ref().take(liars) {
            self.nodes[at(node)].role = Role::Liar;
            let told = seconds(crate::clock::as_seconds(whole) * (0.3 + 0.2 * self.dice.unit()));
            self.queue.push(told, Event::Lie { node });
        }
        let mut mortals: Vec<u32> = (0..setup.nodes).collect();
        self.dice.shuffle(&mut mortals);
        for node in mortals.into_iter().take(share(setup.churn)) {
            let crash = seconds(crate::clock::as_seconds(self.publishing) * self.dice.unit());
            self.queue.push(crash, Event::Crash { node });
        }
        if let Some((begins, ends)) = setup.split() {
            self.queue.push(begins, Event::Split);
            self.queue.push(ends, Event::Heal);
            self.heals_at = Some(ends);
        }
    }

    pub(crate) fn on_split(&mut self) {
        self.network.split = true;
        for node in 0..self.setup.nodes {
            let links: Vec<(usize, u32)> = self.network.links[at(node)]
                .iter()
                .enumerate()
                .filter(|(_, link)| link.up && link.dialled)
                .map(|(nth, link)| (nth, link.peer))
                .collect();
            for (link, peer) in links {
                if self.network.apart(node, peer) {
                    let noticed = self.between(NOTICED);
                    let link = u32::try_from(link).unwrap_or(u32::MAX);
                    self.queue.push(self.now + noticed, Event::Dead { node, link });
                }
            }
        }
    }

    pub(crate) fn on_heal(&mut self) {
        self.network.split = false;
    }

    pub(crate) fn on_dead(&mut self, node: u32, link: u32) {
        let peer = self.network.links[at(node)][at(link)].peer;
        if self.network.apart(node, peer) {
            self.disconnect(node, peer);
        }
    }

    /// Both sides lose the connection; whoever dialled dials again.
    fn disconnect(&mut self, one: u32, other: u32) {
        self.network.set_up(one, other, false);
        for (this, peer) in [(one, other), (other, one)] {
            self.nodes[at(this)].pace.forget(peer);
            if self.nodes[at(this)].running.contains_key(&peer) {
                self.end_session(this, peer);
            }
            if let Some(link) = self.network.link(this, peer)
                && self.network.links[at(this)][link].dialled
            {
                self.redial_later(this, link);
            }
        }
    }

    fn redial_later(&mut self, node: u32, link: usize) {
        let target = &mut self.network.links[at(node)][link];
        let doubled = FIRST_PAUSE * f64::from(1_u32 << target.failures.min(12));
        target.failures += 1;
        let probes = &mut self.nodes[at(node)].probes;
        if target.failures >= OUTAGE && !*probes {
            *probes = true;
            self.queue.push(self.now, Event::Probe { node });
        }
        let pause = doubled.min(LONGEST_PAUSE) * (0.5 + self.dice.unit());
        let link = u32::try_from(link).unwrap_or(u32::MAX);
        self.queue.push(
            self.now + seconds(pause),
            Event::Redial {
                node,
                link,
                extra: false,
            },
        );
    }

    pub(crate) fn on_probe(&mut self, node: u32) {
        let links = &self.network.links[at(node)];
        let dialled = links.iter().filter(|link| link.dialled).count();
        let silent = |link: &Link| link.dialled && !link.up && link.failures >= OUTAGE;
        let silent = links.iter().enumerate().filter(|(_, link)| silent(link));
        let silent: Vec<(Micros, usize)> = silent.map(|(nth, link)| (link.tried, nth)).collect();
        let next = silent
            .iter()
            .min()
            .filter(|_| silent.len() * PROBED_SHARE >= dialled);
        let Some((tried, nth)) = next.filter(|_| self.network.up[at(node)]) else {
            self.nodes[at(node)].probes = false;
            return;
        };
        let rest = if silent.len() == dialled {
            PROBED_ALONE_EVERY
        } else {
            PROBED_EVERY
        };
        if self.now < tried + rest {
            // Others may fall silent before this one is rested.
            let next = (tried + rest).min(self.now + PROBE_EVERY);
            self.queue.push(next, Event::Probe { node });
            return;
        }
        let (link, extra) = (u32::try_from(*nth).unwrap_or(u32::MAX), true);
        self.queue.push(self.now, Event::Redial { node, link, extra });
        self.queue.push(self.now + PROBE_EVERY, Event::Probe { node });
    }

    pub(crate) fn on_redial(&mut self, node: u32, link: u32, extra: bool) {
        let target = &mut self.network.links[at(node)][at(link)];
        let peer = target.peer;
        if target.up || !self.network.up[at(node)] {
            return;
        }
        target.tried = self.now;
        if self.network.reaches(node, peer) {
            self.connect(node, peer);
        } else if !extra {
            self.redial_later(node, at(link));
        }
    }

    fn connect(&mut self, dialler: u32, peer: u32) {
        let returned = self.network.link(dialler, peer).is_some_and(|link| {
            let link = &self.network.links[at(dialler)][link];
            link.failures >= OUTAGE
        });
        if returned {
            self.hurry(dialler);
        }
        self.network.set_up(dialler, peer, true);
        self.sync_with(dialler, peer);
        self.nodes[at(peer)].pace.soon(dialler, signed(self.now));
        self.wake_pace(peer);
    }

    /// Dials again whatever does not answer yet, beside the dials that are due later.
    fn hurry(&mut self, node: u32) {
        for link in 0..self.network.links[at(node)].len() {
            let target = &self.network.links[at(node)][link];
            if target.dialled && !target.up {
                let link = u32::try_from(link).unwrap_or(u32::MAX);
                self.queue.push(
                    self.now + SECOND / 2,
                    Event::Redial {
                        node,
                        link,
                        extra: true,
                    },
                );
            }
        }
    }

    pub(crate) fn on_crash(&mut self, node: u32) {
        if !self.network.up[at(node)] {
            return;
        }
        let peers: Vec<u32> = self.network.peers(node).collect();
        self.network.up[at(node)] = false;
        self.nodes[at(node)].die();
        for peer in peers {
            self.disconnect(node, peer);
        }
        self.gossip.forget(node);
        let down = self.between(DOWN);
        self.queue.push(self.now + down, Event::Restart { node });
    }

    pub(crate) fn on_restart(&mut self, node: u32) {
        self.network.up[at(node)] = true;
        self.nodes[at(node)].restart(&self.founding.directory, &self.book, self.scale, self.now);
        let targets: Vec<u32> = self.network.links[at(node)]
            .iter()
            .filter(|link| link.dialled && !link.up)
            .map(|link| link.peer)
            .collect();
        for peer in targets {
            if self.network.reaches(node, peer) {
                self.connect(node, peer);
            } else if let Some(link) = self.network.link(node, peer) {
                self.redial_later(node, link);
            }
        }
        self.queue.push(self.now + SECOND, Event::Heartbeat { node });
        self.wake_window(node);
        self.wake_pace(node);
    }

    fn between(&mut self, (least, most): (f64, f64)) -> Micros {
        seconds(least + (most - least) * self.dice.unit())
    }
}

impl Measure {
    /// How long the slowest proof took from the lie until every honest node held it; `None` if one never did.
    pub(crate) fn slowest_proof(&self, honest: u64) -> Option<Micros> {
        let took = self
            .lies
            .iter()
            .map(|lie| (lie.proven_at >= honest).then(|| lie.last - lie.told));
        took.collect::<Option<Vec<_>>>()?.into_iter().max()
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of the nodes"
)]
fn number(value: f64) -> usize {
    value.round() as usize
}
