//! The guarantees, one file each, as properties over generated graphs and histories.
//!
//! Each file opens with the statement and why it holds. A property whose premise hardly ever holds proves nothing, so
//! [`share`] counts how often it does, and the counts are asserted. Deliberately absent: plain cases (`cases`).

mod t1;
mod t2;
mod t3;
mod t4;
mod t5;
mod t6;
mod t7;
mod t8;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use vigie_reputation::constants::KAPPA;
use vigie_reputation::wire::{Indicator, Timestamp};
use vigie_reputation::{Scorer, Verdict};

use crate::history::{Event, Kind, Player, history, world};
use crate::world::World;

/// The address that most properties ask about.
const SUBJECT: &str = "9.9.9.9";

/// Worlds of twelve organisations, and what they say of one address within a day.
fn said() -> impl Strategy<Value = (World, Vec<(Timestamp, Event)>)> {
    (world(12), history(&[Kind::Heard], 12, &[SUBJECT], 40, 2_000))
}

fn play(world: &World, history: &[(Timestamp, Event)]) -> Scorer {
    let mut player = Player::new(world, &crate::world::at_once());
    for (now, event) in history {
        player.play(*now, event);
    }
    player.scorer
}

/// When the last thing of a history happened.
fn end(history: &[(Timestamp, Event)]) -> Timestamp {
    history.last().map_or(crate::world::NOW, |(now, _)| *now)
}

fn later(now: Timestamp, seconds: i64) -> Timestamp {
    Timestamp::from_millis(now.as_millis() + 1_000 * seconds)
}

/// `ceil(threshold / kappa)`, computed here and not asked of the scorer.
fn quorum(threshold: i64) -> usize {
    usize::try_from((threshold + KAPPA - 1).div_euclid(KAPPA)).unwrap()
}

/// What must hold of every verdict whatever led to it: its integers add up (half of T8).
fn adds_up(verdict: &Verdict) {
    let sum: i64 = verdict.contributions.iter().map(|one| one.value).sum();
    assert_eq!(sum, verdict.score, "contributions add up: {verdict:?}");
    let least = verdict.partitions.iter().map(|one| one.score).min();
    assert_eq!(
        least,
        Some(verdict.score),
        "the least partition decides: {verdict:?}"
    );
    let parts = verdict.threshold;
    assert_eq!(
        parts.base + parts.visitor + parts.dispute + parts.own + parts.unanchored,
        parts.total
    );
    for one in &verdict.contributions {
        let product = one.weight * i64::from(one.confidence) * one.repetition * one.decay;
        assert_eq!(product / 100_000_000_000, one.uncapped);
        assert!((0..=one.uncapped).contains(&one.value));
        assert_eq!(one.cap.is_some(), one.value < one.uncapped && one.cap.is_some());
    }
}

/// Of every hundred generated values, how many have the property. The same ones each time.
fn share<T: std::fmt::Debug>(strategy: &impl Strategy<Value = T>, holds: impl Fn(&T) -> bool) -> usize {
    const DRAWN: usize = 400;
    let mut runner = TestRunner::deterministic();
    let hits = (0..DRAWN)
        .filter(|_| holds(&strategy.new_tree(&mut runner).unwrap().current()))
        .count();
    100 * hits / DRAWN
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        ..ProptestConfig::default()
    }
}

fn ask(scorer: &Scorer, now: Timestamp) -> Verdict {
    scorer.verdict(&subject(), now)
}

fn subject() -> Indicator {
    crate::world::ip(SUBJECT)
}
