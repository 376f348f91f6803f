//! Everything that is drawn: one generator, streams of it for each purpose, and the few distributions of the model.
//!
//! Streams of one seed do not disturb each other: with more loss, the same attackers still come.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};

/// One stream of random numbers.
#[derive(Clone, Debug)]
pub(crate) struct Dice(Xoshiro256PlusPlus);

// === impl Dice ===

impl Dice {
    /// The stream of a seed and a purpose.
    pub(crate) fn new(seed: u64, purpose: &str) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("vigie/sim/mesh/v1");
        hasher.update(&seed.to_le_bytes()).update(purpose.as_bytes());
        Self(Xoshiro256PlusPlus::from_seed(hasher.finalize().into()))
    }

    /// In `0.0..1.0`, 53 bits.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are exact in an f64")]
    pub(crate) fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True with this probability.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.unit() < probability
    }

    /// In `0..limit`; 0 if the limit is.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        let scaled = (u128::from(self.0.next_u64()) * u128::from(limit)) >> 64;
        u64::try_from(scaled).unwrap_or(0)
    }

    /// An index under `limit`.
    pub(crate) fn index(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        usize::try_from(self.below(limit)).unwrap_or(0)
    }

    /// Waiting time of a Poisson process, in units of its mean.
    pub(crate) fn exponential(&mut self, mean: f64) -> f64 {
        -mean * libm::log(1.0 - self.unit())
    }

    /// In random order.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.index(last + 1);
            items.swap(last, other);
        }
    }
}
