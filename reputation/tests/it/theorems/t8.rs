//! T8, determinism. Given the same exported inputs every machine computes the same bits, and the integers of a verdict add
//! up to its score. The order in which statements of one moment arrive does not matter, nor does a restart.
//!
//! Why: integers only, one owner, no clock, and no order of a hash table in any result: tables are seeded at random in every
//! scorer here, so two of them that agree after a thousand histories do not depend on it. Across machines and versions the
//! committed file holds it (`vectors`).

use proptest::prelude::*;
use vigie_reputation::wire::Timestamp;
use vigie_reputation::{MemoryConfig, ScorerConfig};

use super::{adds_up, ask, cases, said, share, subject};
use crate::history::{ALL, Event, Player, history, world};
use crate::world::{NOW, World, ip};

const SUBJECTS: [&str; 8] = [
    "9.9.9.9",
    "9.9.9.1",
    "9.9.9.2",
    "9.9.9.3",
    "9.9.9.4",
    "9.9.9.5",
    "2606:4700:1:2::1",
    "2606:4700:1:2::2",
];

/// Room for so little that everything overflows.
fn narrow() -> ScorerConfig {
    ScorerConfig {
        max_subjects: 4,
        max_contributions: 5,
        max_reporters: 10,
        max_retracted: 2,
        max_own: 2,
        memory: MemoryConfig {
            max_authenticated: 2,
            max_visitors: 3,
            seed: [7; 32],
        },
        ..ScorerConfig::default()
    }
}

/// Everything that a scorer tells, as text.
fn everything(player: &Player, now: Timestamp) -> Vec<String> {
    let scorer = &player.scorer;
    let mut told: Vec<String> = SUBJECTS
        .iter()
        .flat_map(|text| {
            let verdict = scorer.verdict(&ip(text), now);
            adds_up(&verdict);
            [
                format!("{verdict:?}"),
                format!("{:?}", scorer.review_rung(&ip(text), now)),
            ]
        })
        .collect();
    told.push(format!("{:?}", scorer.learned()));
    let size = scorer.size();
    told.push(format!(
        "{} {} {}",
        size.subjects, size.contributions, size.evicted
    ));
    told
}

#[test]
fn the_generated_histories_fill_the_narrow_tables() {
    let evicts = |(world, history): &(World, Vec<(Timestamp, Event)>)| {
        let mut player = Player::new(world, &narrow());
        history.iter().any(|(now, event)| {
            player.play(*now, event);
            player.scorer.size().evicted > 0
        })
    };
    let found = share(&(world(12), history(&ALL, 12, &SUBJECTS, 120, 2_000)), evicts);
    assert!(found >= 30, "{found} %");
}

proptest! {
    #![proptest_config(cases(512))]

    /// Two scorers to which the same happens tell the same, each time, with room enough and with hardly any.
    #[test]
    fn the_same_history_gives_the_same_bits(
        world in world(12),
        history in history(&ALL, 12, &SUBJECTS, 120, 2_000),
        is_narrow in any::<bool>(),
    ) {
        let config = if is_narrow { narrow() } else { ScorerConfig::default() };
        let (mut one, mut other) = (Player::new(&world, &config), Player::new(&world, &config));
        for (now, event) in &history {
            one.play(*now, event);
            other.play(*now, event);
            prop_assert_eq!(everything(&one, *now), everything(&other, *now));
        }
    }

    /// The order of arrival within one moment does not change the verdict, also of a subject that is crowded.
    #[test]
    fn the_order_within_a_moment_is_nothing(
        ((world, history), order) in said().prop_flat_map(|(world, history)| {
            let order: Vec<usize> = (0..history.len()).collect();
            (Just((world, history)), Just(order).prop_shuffle())
        }),
        max in 1_usize..20,
    ) {
        let config = ScorerConfig { max_contributions: max, ..Default::default() };
        let (mut one, mut other) = (world.scorer_with(config.clone()), world.scorer_with(config));
        let said: Vec<_> = history
            .into_iter()
            .filter_map(|(now, event)| match event {
                Event::Heard(mut said) => {
                    let age = now.as_millis() - said.observed.as_millis();
                    (said.arrived, said.observed) = (NOW, Timestamp::from_millis(NOW.as_millis() - age));
                    Some(said)
                }
                _ => None,
            })
            .collect();
        for report in &said {
            one.observe(report, NOW).unwrap();
        }
        for place in order {
            other.observe(&said[place], NOW).unwrap();
        }
        prop_assert_eq!(one.verdict(&subject(), NOW), other.verdict(&subject(), NOW));
    }

    /// What was learned and the statements, exported, give the verdict back. As long as all of them live: that a statement
    /// repeats one that has died since is not told again, and then it decays since the repetition.
    #[test]
    fn a_restart_changes_no_score((world, history) in said()) {
        let mut afresh = world.scorer_with(ScorerConfig::default());
        let end = super::end(&history);
        let lives = |event: &Event| match event {
            Event::Heard(said) => afresh.observe(said, end).is_ok(),
            _ => true,
        };
        let all_live = history.iter().map(|(_, event)| event).all(lives);
        prop_assume!(all_live);
        let mut player = Player::new(&world, &ScorerConfig::default());
        for (now, event) in &history {
            player.play(*now, event);
        }
        let now = super::end(&history);
        let before = ask(&player.scorer, now);
        player.play(now, &Event::Restarted);
        prop_assert_eq!(before, ask(&player.scorer, now));
    }
}
