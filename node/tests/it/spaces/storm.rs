//! Rounds of bad weather over a town: everybody sees attackers, one sees a flood of them, the wire is cut somewhere, nodes
//! are killed and come back; then the sky clears, and the clock runs until everybody holds everything.
//!
//! What happens is drawn from a seed; when it happens depends on the machine too. Deliberately absent: the verdict.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use super::town::{Stored, Town};
use super::wire::Air;

/// Rows of a member in one slot are 600 along its chain; what waits through a cut may meet the next slot's.
const ROWS_PER_SLOT: u32 = 250;
/// The same for the seed, of 6,000.
const SEED_ROWS_PER_SLOT: u32 = 2_500;
/// A slot of signed time: DESIGN's six bursts an hour.
const SLOT: Duration = Duration::from_secs(600);
/// Between two steps of a round.
const STEP: Duration = Duration::from_millis(500);

/// What one round does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    /// How long it lasts, and how long the cut within it.
    pub(crate) storm: Duration,
    pub(crate) kills: usize,
    /// Attackers that one node sees at once.
    pub(crate) flood: u32,
    /// Attackers that every running node sees per second, on average.
    pub(crate) drizzle: f64,
    /// The longest time until everybody holds everything.
    pub(crate) patience: Duration,
}

/// A town, the die, and what happened.
pub(crate) struct Storm {
    pub(crate) town: Town,
    air: Air,
    dice: Xoshiro256PlusPlus,
    begun: Instant,
    /// Attackers seen by each in which slot.
    spent: BTreeMap<(u64, usize), u32>,
    healed: Vec<Duration>,
    cuts: u32,
    one_way: u32,
    kills: u32,
}

// === impl Storm ===

impl Storm {
    pub(crate) fn over(town: Town, air: Air) -> Self {
        Self {
            town,
            air,
            dice: Xoshiro256PlusPlus::seed_from_u64(air.seed),
            begun: Instant::now(),
            spent: BTreeMap::new(),
            healed: Vec::new(),
            cuts: 0,
            one_way: 0,
            kills: 0,
        }
    }

    /// A round as the die wants it, for long runs.
    pub(crate) fn any_weather(&mut self) -> Weather {
        Weather {
            storm: Duration::from_millis(self.dice.random_range(8_000..40_000)),
            kills: self.dice.random_range(0..4),
            flood: self.dice.random_range(0..400),
            drizzle: self.dice.random_range(0.1..1.0),
            patience: Duration::from_secs(420),
        }
    }

    /// One round; how long healing took, or what is wrong.
    pub(crate) fn round(&mut self, weather: Weather) -> Result<Duration, String> {
        let nodes = self.town.members.len();
        let steps = u32::try_from(weather.storm.as_millis() / STEP.as_millis())
            .unwrap()
            .max(4);
        let sides = self.sides();
        let one_way = self.dice.random_ratio(1, 4);
        let cut_at = self.dice.random_range(0..steps / 4);
        let flood_at = self.dice.random_range(0..steps / 2);
        let flooded = self.dice.random_range(0..nodes);
        // Who dies, when, and when he is back: before the sky clears.
        let mut deaths: Vec<(u32, usize)> = Vec::new();
        let mut returns: Vec<(u32, usize)> = Vec::new();
        let mut chosen = BTreeSet::new();
        for _ in 0..weather.kills {
            let (node, at) = (
                self.dice.random_range(0..nodes),
                self.dice.random_range(0..steps / 2),
            );
            if chosen.insert(node) {
                deaths.push((at, node));
                returns.push((at + self.dice.random_range(2..steps / 2 + 2), node));
            }
        }
        for step in 0..steps {
            let begun = Instant::now();
            if step == cut_at {
                self.town.wire.cut(&sides, one_way);
                self.cuts += 1;
                self.one_way += u32::from(one_way);
            }
            for (_, node) in returns.iter().filter(|(at, _)| *at == step) {
                self.town.members[*node].start();
            }
            self.drizzle(weather.drizzle);
            if step == flood_at {
                self.see(flooded, weather.flood);
            }
            // After they saw something: what is on no disk yet is in their logs.
            for (_, node) in deaths.iter().filter(|(at, _)| *at == step) {
                self.town.members[*node].kill();
                self.kills += 1;
            }
            std::thread::sleep(STEP.saturating_sub(begun.elapsed()));
        }
        for member in self.town.members.iter_mut().filter(|member| !member.runs()) {
            member.start();
        }
        self.town.wire.mend();
        let took = self.town.until_whole(weather.patience)?;
        self.healed.push(took);
        Ok(took)
    }

    /// Two sides, each with somebody on it.
    fn sides(&mut self) -> Vec<bool> {
        let nodes = self.town.members.len();
        let mut sides: Vec<bool> = (0..nodes).map(|_| self.dice.random()).collect();
        let (one, other) = (self.dice.random_range(0..nodes), self.dice.random_range(1..nodes));
        sides[one] = true;
        sides[(one + other) % nodes] = false;
        sides
    }

    fn drizzle(&mut self, per_second: f64) {
        for member in 0..self.town.members.len() {
            let runs = self.town.members[member].runs();
            if runs && self.dice.random_bool((per_second * STEP.as_secs_f64()).min(1.0)) {
                self.see(member, 1);
            }
        }
    }

    /// As many as its budget still has: what is over would wait for the next slot, as it should.
    fn see(&mut self, member: usize, attackers: u32) {
        let slot = self.begun.elapsed().as_secs() / SLOT.as_secs();
        let spent = self.spent.entry((slot, member)).or_default();
        let budget = if member == 0 {
            SEED_ROWS_PER_SLOT
        } else {
            ROWS_PER_SLOT
        };
        let attackers = attackers.min(budget - *spent);
        *spent += attackers;
        if attackers > 0 {
            self.town.see(member, attackers);
        }
    }

    /// One line, while it runs.
    pub(crate) fn progress(&self) -> String {
        format!(
            "{:4} s  {} rounds, {} cuts, {} kills, {} sightings at {} nodes, healed in {:.1} s",
            self.begun.elapsed().as_secs(),
            self.healed.len(),
            self.cuts,
            self.kills,
            self.town.seen,
            self.town.members.len(),
            self.healed.last().map_or(0.0, Duration::as_secs_f64),
        )
    }

    /// Ends all nodes, compares what they stored, and tells everything.
    pub(crate) fn report(mut self) -> (Self, Value) {
        let lasted = self.begun.elapsed();
        let mut wire = self.town.wire.counts();
        let mut switch = super::usage::Usage::default();
        switch.look(self.town.wire.switch());
        wire["cpu_s"] = json!(switch.cpu().as_secs_f64());
        let told: Vec<u64> = self
            .town
            .members
            .iter()
            .filter_map(super::town::Member::sightings)
            .collect();
        let stores = self.town.stores();
        let (nodes, published) = (stores.len() as u64, u64::from(self.town.seen));
        let wanted = published * (nodes - 1);
        // What a node holds of what others saw.
        let delivered: u64 = std::iter::zip(&told, &self.town.members)
            .map(|(held, member)| held.saturating_sub(u64::from(member.seen)))
            .sum();
        let usage: Vec<_> = self.town.members.iter().map(|member| member.usage).collect();
        let cpu: Duration = usage.iter().map(super::usage::Usage::cpu).sum();
        let mut healed: Vec<f64> = self.healed.iter().map(Duration::as_secs_f64).collect();
        healed.sort_by(f64::total_cmp);
        let report = json!({
            "nodes": nodes, "seed": self.air.seed, "loss": self.air.loss,
            "farthest_ms": self.air.farthest_ms, "mbit": self.air.mbit,
            "seconds": lasted.as_secs(), "rounds": healed.len(),
            "partitions": self.cuts, "one_way": self.one_way, "kills": self.kills,
            "published": published, "delivered": delivered, "lost": wanted.saturating_sub(delivered),
            "envelopes": stores.first().map_or(0, Stored::len),
            "stores_equal": first_difference(&stores).is_none(),
            "difference": first_difference(&stores),
            "heal_p50_s": healed.get(healed.len() / 2), "heal_max_s": healed.last(),
            "peak_kib": usage.iter().map(|usage| usage.peak_kib).collect::<Vec<_>>(),
            "cpu_s": usage.iter().map(|usage| usage.cpu().as_secs_f64()).collect::<Vec<_>>(),
            "cpu_us_per_delivery": cpu.as_micros() / u128::from(delivered.max(1)),
            "wire": wire,
        });
        (self, report)
    }
}

/// Where two stores differ first, byte for byte; `None` if they are equal.
pub(crate) fn first_difference(stores: &[Stored]) -> Option<String> {
    let first = stores.first()?;
    stores.iter().enumerate().find_map(|(node, store)| {
        let places: BTreeSet<_> = first.keys().chain(store.keys()).collect();
        let differs = places
            .into_iter()
            .find(|place| first.get(place) != store.get(place))?;
        let length = |store: &Stored| store.get(differs).map(Vec::len);
        Some(format!(
            "nodes 0 and {node} at {differs:?}: {:?} and {:?} bytes",
            length(first),
            length(store)
        ))
    })
}
