//! The way of a claim to an observer: at once, late, or never.
//!
//! Deliberately absent: hops. The delay of the whole way is drawn once for each claim and observer.

use std::time::Duration;

use vigie_reputation::wire::Timestamp;

use super::Simulation;
use super::queue::Event;
use crate::attack::Way;
use crate::claim::Claim;
use crate::dice::Dice;
use crate::node::Ask;
use crate::span::hours;
use crate::subject::{Org, Subject, number};

// === impl Simulation ===

impl Simulation<'_> {
    pub(super) fn send(&mut self, claim: &Claim, place: usize, to: Org) {
        let usual = self.delay(claim, to);
        let delay = match self.adversary.way(claim, number(place), &self.population) {
            Way::Usual => Some(usual),
            Way::Held(held) => Some(usual + held),
            Way::Lost => None,
        };
        if let Some(delay) = delay.filter(|delay| *delay <= hours(self.setup.delivery.seconds / 3_600.0)) {
            self.arrive(place, claim, claim.at + delay);
            return;
        }
        if let Some(node) = self.nodes.get_mut(place) {
            node.horizon
                .miss(claim.by, claim.at, delay.map(|delay| claim.at + delay));
        }
        if let Some(delay) = delay {
            let place = number(place);
            self.queue
                .push(claim.at + delay, Event::Arrival { place, claim: *claim });
        }
    }

    /// An observer counts whom it misses.
    pub(super) fn look(&mut self, place: usize, now: Timestamp) {
        let Self {
            nodes,
            adversary,
            population,
            ..
        } = self;
        let silent = |org: Org| adversary.silent_since(org, number(place), population, now);
        if let Some(node) = nodes.get_mut(place) {
            let all = population.organisations.iter().map(|one| one.org);
            node.look(all, silent, adversary.cut_off_since(number(place), now), now);
        }
    }

    /// How long a claim travels to an observer.
    fn delay(&self, claim: &Claim, to: Org) -> Duration {
        let delivery = &self.setup.delivery;
        let moment = claim.at.as_millis().unsigned_abs();
        let mut dice = Dice::keyed(self.delivery, moment, claim.by.0, to.0);
        let usual = hours(dice.unit() * delivery.seconds / 3_600.0);
        if dice.chance(delivery.partitioned) {
            return usual + hours(dice.exponential(delivery.partition_hours));
        }
        usual
    }

    pub(super) fn arrive(&mut self, place: usize, claim: &Claim, now: Timestamp) {
        let Some(node) = self.nodes.get_mut(place) else {
            return;
        };
        let (visit, news) = node.hear(claim, &self.population, now);
        let asks = news && node.may_change(claim);
        if let (Some(at), Subject::Innocent(innocent)) = (visit, claim.subject) {
            let place = number(place);
            self.queue.push(at, Event::Visit { place, innocent });
        }
        let ask = if asks {
            node.ask(claim.subject, now)
        } else {
            Ask::Awaited
        };
        match ask {
            Ask::Now => self.decide(place, claim.subject, now),
            Ask::At(at) => {
                let (place, subject) = (number(place), claim.subject);
                self.queue.push(at, Event::Ask { place, subject });
            }
            Ask::Awaited => {}
        }
    }
}
