//! Harm: legitimate traffic kept out, hour by hour, as a share of what the observers' clients would bring.
//!
//! Deliberately absent: why it was kept out.

use vigie_reputation::constants::{DAY, HOUR};
use vigie_reputation::wire::Timestamp;

use crate::population::Population;
use crate::subject::{index, number};

/// Below this share of all traffic an hour counts as unharmed: one visitor in a million.
const UNHARMED: f64 = 1e-6;
/// Hours after which harm that stayed away has ended.
const CALM_HOURS: usize = 24;

/// One kind of harm, over the whole run.
#[derive(Clone, Debug)]
pub(super) struct Harm {
    start: Timestamp,
    /// Mean over the observers, by hour of the run.
    hours: Vec<f64>,
    /// What one unit of popularity is of each observer's traffic, divided by their number.
    shares: Vec<f64>,
}

// === impl Harm ===

impl Harm {
    pub(super) fn new(start: Timestamp, until: Timestamp, population: &Population) -> Self {
        let span = until.as_millis() - start.as_millis();
        let observers = population.observers();
        let count = f64::from(number(observers.len()));
        let own = |org| {
            (0_u32..)
                .zip(&population.innocents)
                .filter(|(number, _)| population.acquaintance(org, *number).is_client())
                .map(|(_, innocent)| innocent.popularity)
                .sum::<f64>()
        };
        let share = |own: f64| if own > 0.0 { 1.0 / (own * count) } else { 0.0 };
        Self {
            start,
            hours: vec![0.0; usize::try_from(span / HOUR).unwrap_or(0)],
            shares: observers.iter().map(|org| share(own(*org))).collect(),
        }
    }

    /// A client of this popularity was kept out of an observer.
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds of one hour are exact in an f64"
    )]
    pub(super) fn lose(&mut self, place: usize, popularity: f64, since: Timestamp, until: Timestamp) {
        let share = popularity * self.shares.get(place).copied().unwrap_or(0.0);
        let begin = since.as_millis() - self.start.as_millis();
        let end = until.as_millis() - self.start.as_millis();
        for hour in begin.div_euclid(HOUR)..=end.div_euclid(HOUR) {
            let inside = (end.min((hour + 1) * HOUR) - begin.max(hour * HOUR)).max(0);
            let slot = usize::try_from(hour)
                .ok()
                .and_then(|hour| self.hours.get_mut(hour));
            if let Some(slot) = slot {
                *slot += share * (inside as f64 / HOUR as f64);
            }
        }
    }

    /// The mean from a moment to the end.
    pub(super) fn since(&self, from: Timestamp) -> f64 {
        mean(self.hours.get(self.hour(from)..).unwrap_or(&[]))
    }

    pub(super) fn by_day(&self) -> Vec<f64> {
        let hours = usize::try_from(DAY / HOUR).unwrap_or(24);
        self.hours.chunks(hours).map(mean).collect()
    }

    /// See [`Outcome::recovery_hours`](crate::Outcome::recovery_hours).
    pub(super) fn recovery_hours(&self, strike: Timestamp) -> Option<f64> {
        let strike = self.hour(strike);
        let (before, after) = self.hours.split_at_checked(strike)?;
        let bound = (2.0 * mean(before)).max(UNHARMED);
        let Some(first) = after.iter().position(|harm| *harm > bound) else {
            return Some(0.0);
        };
        let harmed = after.get(first..)?;
        let mut calm = 0;
        for (hour, harm) in harmed.iter().enumerate() {
            calm = if *harm > bound { 0 } else { calm + 1 };
            if calm >= CALM_HOURS {
                return Some(f64::from(number(hour + 1 - CALM_HOURS)));
            }
        }
        None
    }

    fn hour(&self, at: Timestamp) -> usize {
        let hour = (at.as_millis() - self.start.as_millis()).div_euclid(HOUR);
        index(u32::try_from(hour).unwrap_or(0))
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / f64::from(number(values.len()).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(hours: Vec<f64>) -> Harm {
        Harm {
            start: Timestamp::ZERO,
            hours,
            shares: vec![0.5],
        }
    }

    #[test]
    fn a_block_is_spread_over_the_hours_that_it_lasts() {
        let mut harm = flat(vec![0.0; 4]);
        let at = |minutes: i64| Timestamp::from_secs(minutes * 60);
        harm.lose(0, 0.2, at(90), at(195));
        for (hour, expected) in harm.hours.iter().zip([0.0, 0.05, 0.1, 0.025]) {
            assert!((hour - expected).abs() < 1e-12, "{:?}", harm.hours);
        }
        assert!((harm.since(at(60)) - 0.175 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn recovery_is_the_time_until_a_calm_day_begins() {
        let mut hours = vec![1e-4; 48];
        hours.extend([0.0; 3]);
        hours.extend([1e-2; 2]);
        hours.extend([1e-4; 5]);
        hours.extend([1e-2; 1]);
        hours.extend([1e-4; 30]);
        let strike = Timestamp::from_secs(48 * 3_600);
        assert_eq!(flat(hours.clone()).recovery_hours(strike), Some(8.0));
        hours.truncate(70);
        assert_eq!(flat(hours).recovery_hours(strike), None);
        assert_eq!(flat(vec![0.0; 80]).recovery_hours(strike), Some(0.0));
    }
}
