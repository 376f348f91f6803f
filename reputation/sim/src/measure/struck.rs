//! Who lost his standing: the honest by mistake, the liars as they should; and how long the honest took to come back.
//!
//! Looked at once a day. Deliberately absent: why; and scorers that give nobody a weight of his own, which strike nobody.

use vigie_reputation::wire::Timestamp;

use crate::node::Node;
use crate::population::Population;
use crate::subject::{Org, index, number};

/// Below this share of his own best an organisation counts as struck.
const FALLEN: f64 = 0.5;
/// From this share on it is back.
const BACK: f64 = 0.9;

/// Everybody's standing with every observer.
#[derive(Clone, Debug)]
pub(crate) struct Struck {
    standings: Vec<Vec<Standing>>,
    honest: u32,
    stolen: u32,
    today: f64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Standing {
    best: f64,
    /// Since which day.
    down: Option<f64>,
    ever: bool,
    /// The longest time that he was down and came back, in days.
    longest: f64,
}

// === impl Struck ===

impl Struck {
    pub(super) fn new(population: &Population, observers: usize) -> Self {
        let everybody = vec![Standing::default(); population.organisations.len()];
        Self {
            standings: vec![everybody; observers],
            honest: population.honest,
            stolen: population.stolen,
            today: 0.0,
        }
    }

    /// A day begins.
    pub(crate) fn look(&mut self, day: u32, nodes: &[Node], now: Timestamp) {
        self.today = f64::from(day);
        for (node, standings) in nodes.iter().zip(&mut self.standings) {
            for (org, standing) in (0..).map(Org).zip(standings) {
                let struck = node.scorer.is_struck(org, now);
                if let Some(weight) = node.scorer.weight(org, now) {
                    standing.see(weight, struck, self.today);
                }
            }
        }
    }

    /// The share of the honest that were struck, mean over the observers.
    pub(crate) fn honest_share(&self) -> f64 {
        self.share(self.stolen..self.honest)
    }

    /// The share of the liars.
    pub(crate) fn liars_share(&self) -> f64 {
        let everybody = self.standings.first().map_or(0, Vec::len);
        self.share(self.honest..number(everybody))
    }

    /// Days that a struck honest organisation is down, 95th percentile; who is still down counts until today.
    pub(crate) fn days_down(&self) -> Option<f64> {
        let honest = index(self.stolen)..index(self.honest);
        let mut days: Vec<f64> = self
            .standings
            .iter()
            .filter_map(|standings| standings.get(honest.clone()))
            .flatten()
            .filter(|standing| standing.ever)
            .map(|standing| {
                standing
                    .down
                    .map_or(0.0, |since| self.today - since)
                    .max(standing.longest)
            })
            .collect();
        days.sort_unstable_by(f64::total_cmp);
        days.get(days.len().saturating_sub(1) * 95 / 100).copied()
    }

    fn share(&self, of: std::ops::Range<u32>) -> f64 {
        let range = index(of.start)..index(of.end);
        let all = number(range.len()) * number(self.standings.len());
        let struck = self
            .standings
            .iter()
            .filter_map(|standings| standings.get(range.clone()))
            .flatten()
            .filter(|standing| standing.ever);
        f64::from(number(struck.count())) / f64::from(all.max(1))
    }
}

// === impl Standing ===

impl Standing {
    fn see(&mut self, weight: f64, struck: bool, day: f64) {
        self.best = self.best.max(weight);
        if struck || weight < FALLEN * self.best {
            self.ever = true;
            self.down.get_or_insert(day);
        } else if weight >= BACK * self.best
            && let Some(since) = self.down.take()
        {
            self.longest = self.longest.max(day - since);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_falls_is_struck_until_he_is_nearly_back() {
        let mut standing = Standing::default();
        for (day, weight, struck) in [
            (0.0, 1.0, false),
            (1.0, 0.8, false),
            (2.0, 0.4, false),
            (3.0, 0.6, false),
        ] {
            standing.see(weight, struck, day);
        }
        assert_eq!((standing.ever, standing.down), (true, Some(2.0)));
        standing.see(0.95, true, 4.0);
        standing.see(0.95, false, 5.0);
        assert_eq!(standing.down, None);
        assert!((standing.longest - 3.0).abs() < 1e-9);
    }
}
