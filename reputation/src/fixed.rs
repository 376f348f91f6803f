//! Integer arithmetic for logarithms, square roots and powers of one half: the same bits on every machine.
//!
//! Deliberately absent: floating point, also while the tables are computed.

use std::sync::LazyLock;

/// Steps of the table per half-life.
const STEPS: usize = 1_024;
/// One, in parts per million.
pub(crate) const PPM: i64 = 1_000_000;
/// One, in thousandths.
pub(crate) const MILLI: i64 = 1_000;
/// ln 2 times 2^32, rounded.
const LN2_Q32: i128 = 2_977_044_472;

/// `2^(-i/1024)` in parts per million, rounded down.
static POWERS: [u32; STEPS] = powers();

/// `2^(-age/half_life)` in parts per million. An age below zero counts as zero.
pub(crate) fn decay_ppm(age_millis: i64, half_life_millis: i64) -> i64 {
    let (age, half_life) = (
        age_millis.max(0).unsigned_abs(),
        half_life_millis.max(1).unsigned_abs(),
    );
    let steps = match age.checked_mul(STEPS as u64) {
        Some(scaled) => u128::from(scaled / half_life),
        // Older than half a million years.
        None => u128::from(age) * STEPS as u128 / u128::from(half_life),
    };
    let halvings = steps / STEPS as u128;
    let index = usize::try_from(steps % STEPS as u128).unwrap_or(0);
    let power = POWERS.get(index).copied().unwrap_or(0);
    u32::try_from(halvings).map_or(0, |shift| i64::from(power.checked_shr(shift).unwrap_or(0)))
}

/// `1 + 0.1 log2(count)`, at most 1.3, in thousandths.
pub(crate) fn repetition_milli(count_log2: u8) -> i64 {
    MILLI + 100 * i64::from(count_log2.min(3))
}

/// The largest integer whose square is not above `value`.
pub(crate) const fn square_root(value: u128) -> u128 {
    if value == 0 {
        return 0;
    }
    let mut root = 1 << (value.ilog2() / 2 + 1);
    loop {
        let next = u128::midpoint(root, value / root);
        if next >= root {
            return root;
        }
        root = next;
    }
}

/// The natural logarithm of `numerator / denominator` in thousandths, both above zero (else zero).
pub(crate) fn ln_milli(numerator: u64, denominator: u64) -> i64 {
    if numerator == 0 || denominator == 0 {
        return 0;
    }
    let log2_q32 = log2_q32(numerator) - log2_q32(denominator);
    i64::try_from((i128::from(log2_q32) * LN2_Q32 * i128::from(MILLI)) >> 64).unwrap_or(0)
}

/// The binary logarithm times 2^32, by repeated squaring of the mantissa.
pub(crate) fn log2_q32(value: u64) -> i64 {
    let whole = value.ilog2();
    let mut mantissa = u128::from(value) << (63 - whole);
    let mut fraction = 0_i64;
    for bit in (0..32).rev() {
        mantissa = (mantissa * mantissa) >> 63;
        if mantissa >> 64 != 0 {
            mantissa >>= 1;
            fraction |= 1 << bit;
        }
    }
    (i64::from(whole) << 32) | fraction
}

/// The binary logarithm of `confidence x repetition`, times 2^32. Looked up: a crowded subject asks for it 65 times for
/// every statement that comes in.
pub(crate) fn log2_of_size(confidence: u8, count_log2: u8) -> i64 {
    static SIZES: LazyLock<Vec<i64>> = LazyLock::new(|| {
        let sizes =
            (0..4).flat_map(|count| (1..=100).map(move |confidence| confidence * repetition_milli(count)));
        sizes.map(|size| log2_q32(size.unsigned_abs())).collect()
    });
    let place = usize::from(count_log2.min(3)) * 100 + usize::from(confidence.clamp(1, 100) - 1);
    SIZES.get(place).copied().unwrap_or(0)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "const fn has neither try_from nor get; every value is below one million and every index below STEPS"
)]
const fn powers() -> [u32; STEPS] {
    // 2^(-1/1024) with 62 fractional bits: ten square roots of one half.
    let one: u128 = 1 << 62;
    let mut step = one / 2;
    let mut times = 0;
    while times < 10 {
        step = square_root(step << 62);
        times += 1;
    }
    let mut table = [0; STEPS];
    let mut power = one;
    let mut index = 0;
    while index < table.len() {
        table[index] = ((power * PPM as u128) >> 62) as u32;
        power = (power * step) >> 62;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_half_life_is_the_root_of_one_half() {
        assert_eq!(decay_ppm(0, 10), PPM);
        assert_eq!(decay_ppm(-5, 10), PPM);
        assert_eq!(decay_ppm(10, 10), PPM / 2);
        assert_eq!(decay_ppm(5, 10), 707_106);
        assert_eq!(decay_ppm(i64::MAX, 1), 0);
        assert_eq!(decay_ppm(i64::MAX, i64::MAX), PPM / 2);
    }

    #[test]
    fn decay_never_rises_with_age() {
        let values: Vec<_> = (0..5_000).map(|age| decay_ppm(age, 997)).collect();
        assert!(values.is_sorted_by(|left, right| left >= right));
    }

    #[test]
    fn roots_and_logarithms() {
        assert_eq!(square_root(0), 0);
        assert_eq!(square_root(99), 9);
        assert_eq!(square_root(100), 10);
        assert_eq!(square_root(u128::MAX), u128::from(u64::MAX));
        assert_eq!(ln_milli(1, 1), 0);
        assert_eq!(ln_milli(10, 1), 2_302);
        assert_eq!(ln_milli(1, 10), -2_303);
        assert_eq!(ln_milli(u64::MAX, 1), 44_361);
    }

    #[test]
    fn repetition_is_nearly_free_of_weight() {
        assert_eq!(repetition_milli(0), 1_000);
        assert_eq!(repetition_milli(2), 1_200);
        assert_eq!(repetition_milli(63), 1_300);
        assert_eq!(log2_of_size(100, 0), log2_q32(100_000));
        assert_eq!(log2_of_size(1, 63), log2_q32(1_300));
        assert_eq!(log2_of_size(255, 2), log2_q32(120_000));
    }
}
