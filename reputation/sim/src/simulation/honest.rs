//! What the honest say besides what they see of attackers: mistakes of their sensors, and disputes.
//!
//! Deliberately absent: lies.

use vigie_reputation::Tier;
use vigie_reputation::wire::{Behaviour, Timestamp};

use super::Simulation;
use super::queue::Event;
use crate::claim::{Claim, Word};
use crate::dice::Dice;
use crate::span::{days, hours};
use crate::subject::{INNOCENTS_PER_RANGE, Org, Subject, index};

/// What a sensor says of an innocent by mistake: that it crawls.
const SLIP: Behaviour = Behaviour(7);
/// So long honest organisations do not dispute the same innocent again.
const DISPUTED_DAYS: u32 = 3;

// === impl Simulation ===

impl Simulation<'_> {
    /// Innocents that honest sensors report today.
    pub(super) fn slips_of_day(&mut self, from: Timestamp) -> Vec<Claim> {
        let mut claims = Vec::new();
        let speaking = self.population.honest().skip(self.silent());
        for org in speaking {
            for _ in 0..self.slips.poisson(org.slips_per_day) {
                let at = from + hours(24.0 * self.slips.unit());
                if let Some(innocent) = self.slips.pick(&self.mistaken) {
                    let subject = Subject::Innocent(innocent);
                    claims.push(Claim::now(at, org.org, subject, Word::Report(SLIP)));
                }
            }
        }
        claims
    }

    /// Honest organisations whose user an accused innocent is say so, each after a while.
    pub(super) fn provoke_disputes(&mut self, claim: &Claim) {
        if !matches!(claim.subject, Subject::Innocent(_) | Subject::Range(_)) {
            return;
        }
        // What is too old to be scored by anybody is disputed by nobody.
        if claim.at.since(claim.observed) > days(1) {
            return;
        }
        let rest = days(DISPUTED_DAYS);
        let last = self.disputed.get(&claim.subject);
        if last.is_some_and(|at| claim.at.since(*at) < rest) {
            return;
        }
        self.disputed.insert(claim.subject, claim.at);
        for org in self.population.honest().skip(self.silent()).map(|org| org.org) {
            if org == claim.by || !self.knows(org, claim.subject) {
                continue;
            }
            let salt = claim.subject.name().bits();
            let moment = claim.at.as_millis().unsigned_abs();
            let mut dice = Dice::keyed(self.disputes, moment, org.0, salt);
            let at = claim.at + hours(dice.exponential(self.setup.noise.hours_to_dispute));
            let dispute = Claim::now(at, org, claim.subject, Word::Dispute);
            self.queue.push(at, Event::Claim(dispute));
        }
    }

    /// Honest organisations, from the first, that say nothing.
    fn silent(&self) -> usize {
        let honest_anchors = self.setup.anchors - self.population.stolen;
        if self.setup.trust.silent_anchors {
            index(honest_anchors)
        } else {
            0
        }
    }

    /// Whether an organisation has users there, or anywhere in it: of visitors a node has only a sketch, which proves
    /// nothing and disputes nothing.
    fn knows(&self, org: Org, subject: Subject) -> bool {
        let innocents = match subject {
            Subject::Innocent(innocent) => innocent..innocent + 1,
            Subject::Range(range) => range * INNOCENTS_PER_RANGE..(range + 1) * INNOCENTS_PER_RANGE,
            _ => return false,
        };
        innocents
            .into_iter()
            .any(|innocent| self.population.acquaintance(org, innocent).tier() == Some(Tier::Authenticated))
    }
}
