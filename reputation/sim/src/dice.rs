//! Everything that is drawn: one generator, and the few distributions of the model.
//!
//! The generator is xoshiro256++, the logarithms come from `libm`: the same seed gives the same bits on every machine.
//! Deliberately absent: any source of entropy. Whoever runs the simulator passes a seeded generator in.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};

/// One stream of random numbers.
#[derive(Clone, Debug)]
pub struct Dice {
    rng: Xoshiro256PlusPlus,
}

/// Weights to choose by, summed up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Weights {
    sums: Vec<f64>,
}

/// The generator that a seed stands for: to be passed to [`simulate`](crate::simulate).
pub fn generator(seed: u64) -> impl Rng {
    Xoshiro256PlusPlus::seed_from_u64(seed)
}

// === impl Dice ===

impl Dice {
    /// The stream of a seed.
    pub(crate) fn of_seed(seed: u64) -> Self {
        Self {
            rng: Xoshiro256PlusPlus::seed_from_u64(seed),
        }
    }

    /// A stream of its own, started from the next 256 bits of `source`.
    pub(crate) fn split(source: &mut impl Rng) -> Self {
        let mut seed = [0; 32];
        source.fill_bytes(&mut seed);
        Self {
            rng: Xoshiro256PlusPlus::from_seed(seed),
        }
    }

    /// The stream of one moment and one pair: what it gives does not depend on what was drawn before.
    pub(crate) fn keyed(key: u64, moment: u64, left: u32, right: u32) -> Self {
        Self::of_seed(mix(key ^ moment.rotate_left(17), left, right))
    }

    /// 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.rng.next_u64()
    }

    /// In `0.0..1.0`, 53 bits.
    pub fn unit(&mut self) -> f64 {
        unit(self.bits())
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// In `0..limit`; 0 if the limit is.
    pub fn below(&mut self, limit: u32) -> u32 {
        let scaled = (u128::from(self.bits()) * u128::from(limit)) >> 64;
        u32::try_from(scaled).unwrap_or(0)
    }

    /// Waiting time of a Poisson process, in units of its mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * libm::log(1.0 - self.unit())
    }

    /// `median * exp(sigma * normal)`.
    pub fn lognormal(&mut self, median: f64, sigma: f64) -> f64 {
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.unit()));
        median * libm::exp(sigma * radius * libm::cos(std::f64::consts::TAU * self.unit()))
    }

    /// A number of events where `mean` are expected.
    pub fn poisson(&mut self, mean: f64) -> u32 {
        let (mut count, mut time) = (0, self.exponential(1.0));
        while time < mean {
            count += 1;
            time += self.exponential(1.0);
        }
        count
    }

    /// Up to `count` different indices, each draw by weight.
    pub(crate) fn pick_different(&mut self, count: u32, weights: &Weights) -> Vec<u32> {
        let mut picked = Vec::new();
        // Each miss is a repetition; the bound only matters where nearly everybody is picked.
        for _ in 0..count.saturating_mul(8) {
            if u32::try_from(picked.len()).is_ok_and(|have| have >= count) {
                break;
            }
            match self.pick(weights) {
                Some(index) if !picked.contains(&index) => picked.push(index),
                _ => {}
            }
        }
        picked
    }

    /// An index by weight; `None` if nothing weighs anything.
    pub(crate) fn pick(&mut self, weights: &Weights) -> Option<u32> {
        let at = self.unit() * weights.total();
        let index = weights.sums.partition_point(|sum| *sum <= at);
        (index < weights.sums.len()).then(|| u32::try_from(index).ok())?
    }
}

// === impl Weights ===

impl Weights {
    pub(crate) fn new(weights: impl IntoIterator<Item = f64>) -> Self {
        let mut total = 0.0;
        let sums = weights.into_iter().map(|weight| {
            total += weight;
            total
        });
        Self { sums: sums.collect() }
    }

    pub(crate) fn total(&self) -> f64 {
        self.sums.last().copied().unwrap_or(0.0)
    }
}

/// 64 bits as a number in `0.0..1.0`.
#[expect(clippy::cast_precision_loss, reason = "53 bits are exact in an f64")]
pub(crate) fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// A hash of two numbers under a key (the finaliser of splitmix64, twice): what is drawn once per pair and never stored.
pub(crate) fn mix(key: u64, left: u32, right: u32) -> u64 {
    let mut bits = key ^ (u64::from(left) << 32 | u64::from(right));
    for _ in 0..2 {
        bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distributions_have_their_means() {
        let mut dice = Dice::of_seed(1);
        let mut mean = |draw: &mut dyn FnMut(&mut Dice) -> f64| {
            (0..20_000).map(|_| draw(&mut dice)).sum::<f64>() / 20_000.0
        };
        let close = |value: f64, expected: f64| (value / expected - 1.0).abs() < 0.05;
        assert!(close(mean(&mut |dice| dice.unit()), 0.5));
        assert!(close(mean(&mut |dice| dice.exponential(12.0)), 12.0));
        assert!(close(mean(&mut |dice| f64::from(dice.poisson(2.5))), 2.5));
        assert!(close(
            mean(&mut |dice| dice.lognormal(2.0, 0.7)),
            2.0 * libm::exp(0.245)
        ));
        let weights = Weights::new([1.0, 0.0, 3.0]);
        assert!(close(
            mean(&mut |dice| f64::from(dice.pick(&weights).unwrap())),
            1.5
        ));
    }

    #[test]
    fn nobody_is_picked_twice_and_nothing_from_nothing() {
        let mut dice = Dice::of_seed(2);
        let mut picked = dice.pick_different(5, &Weights::new([1.0; 5]));
        picked.sort_unstable();
        picked.dedup();
        assert!(picked.len() >= 4);
        assert_eq!(dice.pick(&Weights::new([0.0; 3])), None);
        assert_eq!(dice.below(0), 0);
    }
}
