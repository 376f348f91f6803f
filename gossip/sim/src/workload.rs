//! What organisations see: attackers that come back, organisations that see much, and most that see little.
//!
//! Nearly half of the sightings repeat an address at an organisation that saw it lately: of the 451,581 events of nine
//! honeypots over 189 days, 48 % repeat one of the same address at the same honeypot within six hours. The rest are
//! new there, some of them known elsewhere: few attackers visit many. How many ask to be urgent the setup says.

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use hashbrown::HashSet;
use vigie_gossip_core::wire::{Behaviour, Count, Indicator, RuleHash, Sighting};

use crate::clock::{Micros, seconds, signed};
use crate::dice::Dice;
use crate::setup::Setup;

const REPEATS: f64 = 0.48;
/// Addresses that an organisation's next sighting may repeat.
const LATELY: usize = 32;
/// Attackers there are; the share that visits an organisation is drawn towards the first ones.
const ATTACKERS: f64 = 1_000_000.0;
/// How unequal organisations are: the exponent of a Pareto distribution, and how many times the mean the largest sees.
const TAIL: f64 = 1.3;
const LARGEST: f64 = 50.0;

/// One organisation's sensor.
#[derive(Debug)]
struct Sensor {
    /// Sightings per second.
    rate: f64,
    /// How likely one that is no repeat is to be urgent.
    urgent: f64,
    dice: Dice,
    lately: VecDeque<u32>,
    seen: HashSet<u32>,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Workload {
    sensors: Vec<Sensor>,
}

/// What a sensor saw.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) sighting: Sighting,
    pub(crate) urgent: bool,
    /// This organisation has seen it before.
    pub(crate) repeat: bool,
}

// === impl Workload ===

impl Workload {
    pub(crate) fn new(setup: &Setup) -> Self {
        let mut dice = Dice::new(setup.seed, "organisations");
        let drawn: Vec<f64> = (0..setup.nodes)
            .map(|_| libm::pow(1.0 - dice.unit(), -1.0 / TAIL).min(LARGEST))
            .collect();
        let scale = setup.rate * f64::from(setup.nodes) / drawn.iter().sum::<f64>();
        let sensors = (0..setup.nodes).zip(drawn).map(|(node, weight)| Sensor {
            rate: weight * scale,
            urgent: setup.urgent / (1.0 - REPEATS),
            dice: Dice::new(setup.seed, &format!("sensor {node}")),
            lately: VecDeque::new(),
            seen: HashSet::new(),
        });
        Self {
            sensors: sensors.collect(),
        }
    }

    /// What the busiest organisation sees in a second.
    pub(crate) fn highest_rate(&self) -> f64 {
        self.sensors.iter().map(|sensor| sensor.rate).fold(0.0, f64::max)
    }

    /// How long until this node's sensor sees the next.
    pub(crate) fn pause(&mut self, node: u32) -> Micros {
        let sensor = &mut self.sensors[node as usize];
        seconds(sensor.dice.exponential(1.0 / sensor.rate))
    }

    pub(crate) fn see(&mut self, node: u32, now: Micros) -> Seen {
        self.sensors[node as usize].see(now)
    }
}

// === impl Sensor ===

impl Sensor {
    fn see(&mut self, now: Micros) -> Seen {
        let again = self.dice.chance(REPEATS) && !self.lately.is_empty();
        let attacker = if again {
            let nth = self.dice.index(self.lately.len());
            self.lately.get(nth).copied().unwrap_or(0)
        } else {
            let popular = self.dice.unit();
            let attacker = number(ATTACKERS * popular * popular * popular);
            self.lately.push_front(attacker);
            self.lately.truncate(LATELY);
            attacker
        };
        let repeat = !self.seen.insert(attacker);
        Seen {
            sighting: sighting(attacker, now),
            urgent: self.dice.chance(self.urgent) && !repeat,
            repeat,
        }
    }
}

fn sighting(attacker: u32, now: Micros) -> Sighting {
    // Spread over the public addresses, the same for the same attacker; each does one thing.
    let address = 0x0100_0000 + attacker.wrapping_mul(97) % 0x0800_0000;
    let kind = u16::try_from(attacker % 9).unwrap_or(0);
    let mut rule = [0; 8];
    rule[..2].copy_from_slice(&kind.to_le_bytes());
    Sighting {
        indicator: Indicator::ip(Ipv4Addr::from(address).into()),
        behaviour: Behaviour(1 + kind),
        rule: RuleHash(rule),
        at: signed(now).to_minute(),
        count: Count::of(1),
        confidence: 90,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 0 and the number of attackers"
)]
fn number(value: f64) -> u32 {
    value as u32
}
