//! The run: events in order of time, from attackers through sensors and liars to what the observers decide.
//!
//! Attackers and honest mistakes are drawn a day at a time, so the queue holds days and not the run. Deliberately
//! absent: threads. Runs are independent; whoever has cores starts several.

mod queue;

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use rand::Rng;
use vigie_reputation::wire::{Behaviour, Timestamp};

use crate::attack::{Adversary, Claim, Day, Word};
use crate::dice::{Dice, Weights};
use crate::measure::Measure;
use crate::node::Node;
use crate::outcome::Outcome;
use crate::population::{Attacker, Attackers, Population};
use crate::setup::{Setup, SetupRefused};
use crate::span::{START, days, hours};
use crate::subject::{Org, Subject, index, number};
use queue::{Event, Queue};

/// What a sensor says of an innocent by mistake: that it crawls.
const SLIP: Behaviour = Behaviour(7);
/// So long honest organisations do not dispute the same innocent again.
const DISPUTED_DAYS: u32 = 3;

/// A run under way.
struct Simulation<'a> {
    setup: &'a Setup,
    population: Population,
    attackers: Attackers,
    started: Vec<Attacker>,
    adversary: Box<dyn Adversary>,
    adversary_dice: Dice,
    slips: Dice,
    mistaken: Weights,
    nodes: Vec<Node>,
    measure: Measure,
    queue: Queue,
    disputed: HashMap<u32, Timestamp>,
    /// Keys of what is drawn by hash: gossip delays, dispute lags.
    delivery: u64,
    disputes: u64,
}

/// Runs it. The same setup and the same state of the generator give the same outcome.
pub fn simulate(setup: &Setup, rng: &mut impl Rng) -> Result<Outcome, SetupRefused> {
    setup.check()?;
    let mut simulation = Simulation::new(setup, rng);
    let end = START + days(setup.days);
    simulation.queue.push(START, Event::Day(0));
    while let Some((now, event)) = simulation.queue.pop().filter(|(now, _)| *now < end) {
        simulation.step(event, now);
    }
    Ok(simulation.outcome(end))
}

// === impl Simulation ===

impl<'a> Simulation<'a> {
    fn new(setup: &'a Setup, rng: &mut impl Rng) -> Self {
        let population = Population::draw(setup, rng);
        let attackers = Attackers::new(
            setup.traffic.clone(),
            &population,
            Dice::split(rng),
            Dice::split(rng),
        );
        let (slips, adversary_dice) = (Dice::split(rng), Dice::split(rng));
        let [delivery, disputes, visits] = [(); 3].map(|()| Dice::split(rng).bits());
        let nodes: Vec<Node> = population
            .observers()
            .iter()
            .map(|org| Node::new(*org, setup.scorer.build(&population, *org), visits))
            .collect();
        Self {
            adversary: setup.attack.adversary(&population),
            mistaken: Weights::new(
                population
                    .innocents
                    .iter()
                    .map(|innocent| libm::sqrt(innocent.popularity)),
            ),
            measure: Measure::new(
                START + days(setup.strike_day),
                START + days(setup.days),
                nodes.len(),
            ),
            setup,
            population,
            attackers,
            started: Vec::new(),
            adversary_dice,
            slips,
            nodes,
            queue: Queue::default(),
            disputed: HashMap::new(),
            delivery,
            disputes,
        }
    }

    fn step(&mut self, event: Event, now: Timestamp) {
        match event {
            Event::Day(day) => self.begin_day(day, now),
            Event::Hit {
                attacker,
                victim,
                noticed,
            } => self.hit(attacker, victim, noticed, now),
            Event::Claim(claim) => self.claim(&claim),
            Event::Arrival { place, claim } => self.arrive(place, &claim, now),
            Event::Visit { place, innocent } => {
                if let Some(node) = self.nodes.get_mut(place) {
                    node.visit(innocent, &self.population, now);
                }
                self.decide(place, Subject::Innocent(innocent), now);
            }
            Event::Review { place, subject } => {
                if self
                    .nodes
                    .get(place)
                    .is_some_and(|node| node.is_due(subject, now))
                {
                    self.decide(place, subject, now);
                }
            }
        }
    }

    fn begin_day(&mut self, day: u32, now: Timestamp) {
        self.queue.push(now + days(1), Event::Day(day + 1));
        for (attacker, visits) in self.attackers.of_day(now) {
            let number = number(self.started.len());
            self.started.push(attacker);
            for visit in visits {
                let event = Event::Hit {
                    attacker: number,
                    victim: visit.victim,
                    noticed: visit.noticed,
                };
                self.queue.push(visit.at, event);
            }
        }
        for claim in self.slips_of_day(now) {
            self.queue.push(claim.at, Event::Claim(claim));
        }
        let today = Day {
            from: now,
            striking: day >= self.setup.strike_day,
            population: &self.population,
        };
        for claim in self.adversary.plan(&today, &mut self.adversary_dice) {
            self.queue.push(claim.at, Event::Claim(claim));
        }
    }

    /// Innocents that honest sensors report today.
    fn slips_of_day(&mut self, from: Timestamp) -> Vec<Claim> {
        let mut claims = Vec::new();
        for org in self.population.honest() {
            for _ in 0..self.slips.poisson(org.slips_per_day) {
                let at = from + hours(24.0 * self.slips.unit());
                if let Some(innocent) = self.slips.pick(&self.mistaken) {
                    claims.push(Claim {
                        at,
                        by: org.org,
                        subject: Subject::Innocent(innocent),
                        word: Word::Report(SLIP),
                    });
                }
            }
        }
        claims
    }

    fn hit(&mut self, attacker: u32, victim: Org, noticed: bool, now: Timestamp) {
        let subject = Subject::Attacker(attacker);
        let honest = self.population.is_honest(victim);
        if honest {
            for (place, node) in self.nodes.iter().enumerate() {
                self.measure.hit(place, node, subject, now);
            }
        }
        let Some(behaviour) = self.started.get(index(attacker)).map(|one| one.behaviour) else {
            return;
        };
        if noticed && (honest || self.adversary.senses()) {
            self.claim(&Claim {
                at: now,
                by: victim,
                subject,
                word: Word::Report(behaviour),
            });
        }
    }

    /// Somebody says something in public.
    fn claim(&mut self, claim: &Claim) {
        let now = claim.at;
        if let Word::Report(behaviour) = claim.word {
            self.measure.reported(claim.subject, now);
            if let Some(place) = self.nodes.iter().position(|node| node.org == claim.by) {
                if let Some(node) = self.nodes.get_mut(place) {
                    node.catch(claim.subject, behaviour, now);
                }
                self.decide(place, claim.subject, now);
            }
            self.provoke_disputes(claim);
        }
        for (place, node) in self
            .nodes
            .iter()
            .enumerate()
            .filter(|(_, node)| node.org != claim.by)
        {
            let at = now + self.delay(claim, node.org);
            self.queue.push(at, Event::Arrival { place, claim: *claim });
        }
        for answer in self
            .adversary
            .hear(claim, &self.population, &mut self.adversary_dice)
        {
            self.queue.push(answer.at, Event::Claim(answer));
        }
    }

    /// How long a claim travels to an observer.
    fn delay(&self, claim: &Claim, to: Org) -> Duration {
        let delivery = &self.setup.delivery;
        let mut dice = Dice::keyed(
            self.delivery,
            claim.at.as_millis().unsigned_abs(),
            claim.by.0,
            to.0,
        );
        let usual = hours(dice.unit() * delivery.seconds / 3_600.0);
        if dice.chance(delivery.partitioned) {
            return usual + hours(dice.exponential(delivery.partition_hours));
        }
        usual
    }

    /// Honest organisations that know an accused innocent say so, each after a while.
    fn provoke_disputes(&mut self, claim: &Claim) {
        let Subject::Innocent(innocent) = claim.subject else {
            return;
        };
        let rest = days(DISPUTED_DAYS);
        let last = self.disputed.get(&innocent);
        if last.is_some_and(|at| claim.at.since(*at) < rest) {
            return;
        }
        self.disputed.insert(innocent, claim.at);
        for org in self.population.honest().map(|org| org.org) {
            let known = self.population.acquaintance(org, innocent).tier().is_some();
            if !known || org == claim.by {
                continue;
            }
            let mut dice = Dice::keyed(
                self.disputes,
                claim.at.as_millis().unsigned_abs(),
                org.0,
                innocent,
            );
            let at = claim.at + hours(dice.exponential(self.setup.noise.hours_to_dispute));
            let dispute = Claim {
                at,
                by: org,
                subject: claim.subject,
                word: Word::Dispute,
            };
            self.queue.push(at, Event::Claim(dispute));
        }
    }

    fn arrive(&mut self, place: usize, claim: &Claim, now: Timestamp) {
        let Some(node) = self.nodes.get_mut(place) else {
            return;
        };
        let visit = node.hear(claim, &self.population, now);
        if let (Some(at), Subject::Innocent(innocent)) = (visit, claim.subject) {
            self.queue.push(at, Event::Visit { place, innocent });
        }
        self.decide(place, claim.subject, now);
    }

    fn decide(&mut self, place: usize, subject: Subject, now: Timestamp) {
        let Some(node) = self.nodes.get_mut(place) else {
            return;
        };
        let (change, review) = node.decide(subject, now);
        self.measure
            .decided((place, node), subject, change, &self.population, now);
        if let Some(at) = review {
            self.queue.push(at, Event::Review { place, subject });
        }
    }

    fn outcome(mut self, end: Timestamp) -> Outcome {
        for (place, node) in self.nodes.iter().enumerate() {
            for (subject, since) in node.blocked() {
                if let Subject::Innocent(innocent) = subject {
                    self.measure
                        .lose((place, node), innocent, since, &self.population, end);
                }
            }
        }
        let none = BTreeSet::new();
        let targets = self.adversary.targets().unwrap_or(&none);
        let framed = self.measure.framed(targets);
        let (setup, measure) = (self.setup, &self.measure);
        Outcome {
            scorer: setup.scorer,
            attack: setup.attack.id().into(),
            liars: setup.liars,
            orgs: setup.orgs,
            days: setup.days,
            strike_day: setup.strike_day,
            observers: setup.observers,
            targets: number(targets.len()),
            framed_innocents: framed,
            framed_share: f64::from(framed) / f64::from(number(targets.len()).max(100)),
            innocents_blocked: measure.innocents_blocked(),
            known_innocents_blocked: measure.known_innocents_blocked(),
            harm: measure.harm(&self.population, &self.nodes),
            prevented: measure.prevented(),
            ttp50_hours: measure.ttp50_hours(&self.started),
        }
    }
}
