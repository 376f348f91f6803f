//! The run: events in order of time, from attackers through sensors and liars to what the observers decide.
//!
//! Attackers and honest mistakes are drawn a day at a time, so the queue holds days and not the run. A claim that
//! travels the usual seconds is handed over when it is published, with the time of its arrival; only what a partition
//! or an attack holds back waits in the queue. Deliberately absent: threads. Runs are independent; whoever has cores
//! starts several.

mod delivery;
mod honest;
mod queue;

use std::collections::{BTreeSet, HashMap};

use rand::Rng;
use vigie_reputation::Tier;
use vigie_reputation::wire::{Behaviour, Timestamp};

use crate::attack::{Adversary, Day};
use crate::baseline::Makers;
use crate::claim::{Claim, Deed, Word};
use crate::dice::{Dice, Weights};
use crate::measure::Measure;
use crate::node::Node;
use crate::outcome::{Course, Outcome};
use crate::population::{Attacker, Attackers, Population, Visit};
use crate::replay::Recording;
use crate::setup::{Setup, SetupRefused};
use crate::span::{DAY, HOUR, START, days, hours};
use crate::subject::{Org, Subject, index, number};
use queue::{Event, Queue};

/// A run under way.
struct Simulation<'a> {
    setup: &'a Setup,
    population: Population,
    attackers: Source<'a>,
    started: Vec<Attacker>,
    adversary: Box<dyn Adversary>,
    adversary_dice: Dice,
    slips: Dice,
    mistaken: Weights,
    nodes: Vec<Node>,
    measure: Measure,
    queue: Queue,
    disputed: HashMap<Subject, Timestamp>,
    /// Keys of what is drawn by hash: gossip delays, dispute lags, attackers that court.
    delivery: u64,
    disputes: u64,
    courts: u64,
}

/// Where attackers come from.
enum Source<'a> {
    /// The model.
    Drawn(Attackers),
    /// What real sensors saw.
    Recorded(&'a Recording),
}

/// Runs it. The same setup and the same state of the generator give the same outcome.
pub fn simulate(setup: &Setup, rng: &mut impl Rng) -> Result<Outcome, SetupRefused> {
    course(setup, None, rng, &mut |_| ()).map(|course| course.outcome)
}

/// Runs it with the attackers of a recording, if there is one, and gives its course too. `on_day` hears of every day
/// that begins.
pub fn course(
    setup: &Setup,
    recording: Option<&Recording>,
    rng: &mut impl Rng,
    on_day: &mut dyn FnMut(u32),
) -> Result<Course, SetupRefused> {
    setup.check()?;
    let mut found = None;
    let mut chosen = setup.clone();
    if let Some(search) = setup.attack.search() {
        let strike = search.best(setup, recording, Dice::split(rng).bits())?;
        chosen.attack = setup.attack.with_strike(strike);
        found = Some(strike);
    }
    let mut simulation = Simulation::new(&chosen, recording, rng);
    let end = START + days(setup.days);
    simulation.queue.push(START, Event::Day(0));
    simulation.queue.push(START + HOUR, Event::Hour);
    while let Some((now, event)) = simulation.queue.pop().filter(|(now, _)| *now < end) {
        if let Event::Day(day) = event {
            on_day(day);
        }
        simulation.step(event, now);
    }
    let mut course = simulation.course();
    course.outcome.found = found;
    Ok(course)
}

// === impl Simulation ===

impl<'a> Simulation<'a> {
    fn new(setup: &'a Setup, recording: Option<&'a Recording>, rng: &mut impl Rng) -> Self {
        let population = Population::draw(setup, rng);
        let drawn = Attackers::new(setup, &population, Dice::split(rng), Dice::split(rng));
        let (slips, adversary_dice) = (Dice::split(rng), Dice::split(rng));
        let [delivery, disputes, visits, courts] = [(); 4].map(|()| Dice::split(rng).bits());
        let makers = Makers::new(&population);
        let nodes: Vec<Node> = population
            .observers()
            .iter()
            .map(|org| Node::new(*org, setup.scorer.build(&makers, *org), visits))
            .collect();
        let span = (START, START + days(setup.strike_day()), START + days(setup.days));
        Self {
            adversary: setup.attack.adversary(&population),
            mistaken: Weights::new(
                population
                    .innocents
                    .iter()
                    .map(|innocent| libm::sqrt(innocent.popularity)),
            ),
            measure: Measure::new(span, &population),
            attackers: recording.map_or(Source::Drawn(drawn), Source::Recorded),
            setup,
            population,
            started: Vec::new(),
            adversary_dice,
            slips,
            nodes,
            queue: Queue::default(),
            disputed: HashMap::new(),
            delivery,
            disputes,
            courts,
        }
    }

    fn step(&mut self, event: Event, now: Timestamp) {
        match event {
            Event::Day(day) => self.begin_day(day, now),
            Event::Hour => {
                self.queue.push(now + HOUR, Event::Hour);
                for node in &mut self.nodes {
                    node.scorer.tick(now);
                }
            }
            Event::Hit {
                attacker,
                victim,
                noticed,
            } => self.hit(attacker, victim, noticed, now),
            Event::Strike {
                from,
                victim,
                behaviour,
            } => self.sensed(from, victim, behaviour, now),
            Event::Claim(claim) => self.claim(&claim),
            Event::Arrival { place, claim } => self.arrive(index(place), &claim, now),
            Event::Visit { place, innocent } => {
                let place = index(place);
                if let Some(node) = self.nodes.get_mut(place) {
                    node.visit(innocent, &self.population, now);
                }
                self.decide(place, Subject::Innocent(innocent), now);
            }
            Event::Court {
                place,
                attacker,
                tier,
                again,
            } => self.court(place, attacker, tier, again, now),
            Event::Review { place, subject } => {
                let place = index(place);
                if self
                    .nodes
                    .get(place)
                    .is_some_and(|node| node.is_due(subject, now))
                {
                    self.decide(place, subject, now);
                }
            }
            Event::Ask { place, subject } => {
                if let Some(node) = self.nodes.get_mut(index(place)) {
                    node.ask_again(subject, now);
                }
                self.decide(index(place), subject, now);
            }
            Event::Exposed(org) => {
                for node in &mut self.nodes {
                    node.expose(org);
                }
            }
        }
    }

    fn begin_day(&mut self, day: u32, now: Timestamp) {
        self.queue.push(now + DAY, Event::Day(day + 1));
        self.measure.struck.look(day, &self.nodes, now);
        let today = match &mut self.attackers {
            Source::Drawn(attackers) => attackers.of_day(now),
            Source::Recorded(recording) => recording.of_day(day, now),
        };
        for (attacker, visits) in today {
            self.begin_attacker(attacker, &visits, now);
        }
        for claim in self.slips_of_day(now) {
            self.queue.push(claim.at, Event::Claim(claim));
        }
        let today = Day {
            number: day,
            from: now,
            striking: day >= self.setup.strike_day(),
            first_strike: day == self.setup.strike_day(),
            population: &self.population,
        };
        for deed in self.adversary.plan(&today, &mut self.adversary_dice) {
            match deed {
                Deed::Say(claim) => self.queue.push(claim.at, Event::Claim(claim)),
                Deed::Strike {
                    at,
                    from,
                    victim,
                    behaviour,
                } => {
                    let event = Event::Strike {
                        from,
                        victim,
                        behaviour,
                    };
                    self.queue.push(at, event);
                }
                Deed::Exposed { at, org } => self.queue.push(at, Event::Exposed(org)),
            }
        }
    }

    /// A recorded attacker of an earlier day may come again: his number is kept by the recording.
    fn begin_attacker(&mut self, attacker: Attacker, visits: &[Visit], today: Timestamp) {
        let number = attacker.number.unwrap_or(number(self.started.len()));
        while self.started.len() <= index(number) {
            self.started.push(attacker);
        }
        if let Some(slot) = self.started.get_mut(index(number)) {
            *slot = attacker;
        }
        for visit in visits {
            let event = Event::Hit {
                attacker: number,
                victim: visit.victim,
                noticed: visit.noticed,
            };
            self.queue.push(visit.at, event);
        }
        let Some(courtship) = self.adversary.courtship().filter(|_| attacker.start >= today) else {
            return;
        };
        let mut dice = Dice::keyed(self.courts, 0, number, 0);
        if !dice.chance(courtship.attackers) {
            return;
        }
        for place in 0..self.setup.observers {
            if dice.chance(courtship.nodes) {
                let event = Event::Court {
                    place,
                    attacker: number,
                    tier: courtship.tier,
                    again: courtship.times,
                };
                self.queue.push(attacker.start, event);
            }
        }
    }

    fn hit(&mut self, attacker: u32, victim: Org, noticed: bool, now: Timestamp) {
        let subject = Subject::Attacker(attacker);
        if victim.0 < self.population.honest {
            for (place, node) in self.nodes.iter().enumerate() {
                self.measure.hit(place, node, subject, now);
            }
        }
        let behaviour = self.started.get(index(attacker)).map(|one| one.behaviour);
        if let Some(behaviour) = behaviour.filter(|_| noticed) {
            self.sensed(subject, victim, behaviour, now);
        }
    }

    /// A sensor sees an attack, and its organisation says so.
    fn sensed(&mut self, subject: Subject, victim: Org, behaviour: Behaviour, now: Timestamp) {
        let speaker = if self.population.is_honest(victim) {
            Some(victim)
        } else {
            self.adversary.speaker(victim, now, &self.population)
        };
        if let Some(by) = speaker {
            self.claim(&Claim::now(now, by, subject, Word::Report(behaviour)));
        }
    }

    /// Somebody says something in public.
    fn claim(&mut self, claim: &Claim) {
        let now = claim.at;
        if let Word::Report(behaviour) = claim.word {
            self.measure.reported(claim.subject, now);
            let own = |node: &Node| node.org == claim.by && claim.observed == now;
            if let Some(place) = self.nodes.iter().position(own) {
                if let Some(node) = self.nodes.get_mut(place) {
                    node.catch(claim.subject, behaviour, now);
                }
                self.decide(place, claim.subject, now);
            }
            self.provoke_disputes(claim);
        }
        for place in 0..self.nodes.len() {
            let to = self.nodes.get(place).map(|node| node.org);
            if let Some(to) = to.filter(|to| *to != claim.by) {
                self.send(claim, place, to);
            }
        }
        for answer in self
            .adversary
            .hear(claim, &self.population, &mut self.adversary_dice)
        {
            self.queue.push(answer.at, Event::Claim(answer));
        }
    }

    fn court(&mut self, place: u32, attacker: u32, tier: Tier, again: u32, now: Timestamp) {
        let subject = Subject::Attacker(attacker);
        if let Some(node) = self.nodes.get_mut(index(place)) {
            node.court(subject, tier, now);
        }
        self.decide(index(place), subject, now);
        let every = self.adversary.courtship().map(|courtship| courtship.every_hours);
        if let (Some(every), Some(again)) = (every, again.checked_sub(1)) {
            let event = Event::Court {
                place,
                attacker,
                tier,
                again,
            };
            self.queue.push(now + hours(every), event);
        }
    }

    fn decide(&mut self, place: usize, subject: Subject, now: Timestamp) {
        self.look(place, now);
        let Some(node) = self.nodes.get_mut(place) else {
            return;
        };
        let (change, review) = node.decide(subject, now);
        if let Some(change) = change {
            self.measure
                .decided((place, node), subject, change, &self.population, now);
        }
        if let Some(at) = review {
            let place = number(place);
            self.queue.push(at, Event::Review { place, subject });
        }
    }

    fn course(mut self) -> Course {
        for (place, node) in self.nodes.iter().enumerate() {
            for (subject, level, since) in node.standing() {
                self.measure
                    .end((place, node), subject, (level, since), &self.population);
            }
        }
        let none = BTreeSet::new();
        let targets = self.adversary.targets().unwrap_or(&none);
        let framed = self.measure.framed(targets);
        let (setup, measure) = (self.setup, &self.measure);
        let outcome = Outcome {
            scorer: setup.scorer,
            attack: setup.attack.id().into(),
            liars: setup.liars,
            orgs: setup.orgs,
            days: setup.days,
            strike_day: setup.strike_day(),
            observers: setup.observers,
            anchors_stolen: setup.stolen(),
            targets: number(targets.len()),
            framed_innocents: framed,
            framed_share: f64::from(framed) / f64::from(number(targets.len()).max(100)),
            innocents_blocked: measure.innocents_blocked(),
            known_innocents_blocked: measure.known_innocents_blocked(),
            harm: measure.harm(),
            soft_harm: measure.soft_harm(),
            prevented: measure.prevented(),
            soft_prevented: measure.soft_prevented(),
            ttp50_hours: measure.ttp50_hours(&self.started),
            honest_struck_share: measure.struck.honest_share(),
            honest_days_down: measure.struck.days_down(),
            liars_struck_share: measure.struck.liars_share(),
            recovery_hours: measure.recovery_hours(),
            found: None,
        };
        Course {
            outcome,
            harm_by_day: measure.harm_by_day(),
        }
    }
}
