//! T7, monotonicity. One more organisation that names a subject never lowers its score, nor the distance to its threshold,
//! nor its rung; and while nothing is said, no score rises.
//!
//! Why: in every partition it adds to one group, and a capped sum of more is not less; the minimum over partitions of
//! sums that did not fall does not fall. Of several behaviours the least harmful decides, so the base does not rise, and
//! disputes take back no more than others than our anchors added. Evidence only decays.
//!
//! It is said of statements in the order of arrival and of subjects that are not crowded. Whoever repeats *himself* under
//! another rule or more weakly may move to another group, and weigh less there: that is no corroboration.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use vigie_reputation::wire::{Count, RuleHash, Timestamp};
use vigie_reputation::{Rung, ScorerConfig, Verdict};

use super::{ask, cases, end, later, play, said, share};
use crate::history::{Event, Player, history, world};
use crate::world::{World, org};

/// What must not fall.
fn standing(verdict: &Verdict) -> (i64, i64, Rung) {
    (
        verdict.score,
        verdict.score - verdict.threshold.total,
        verdict.rung,
    )
}

fn not_below(before: (i64, i64, Rung), after: (i64, i64, Rung)) {
    assert!(
        after.0 >= before.0 && after.1 >= before.1 && after.2 >= before.2,
        "{before:?} became {after:?}"
    );
}

/// Everybody speaks once, after the disputers have spoken, which they may when somebody named it.
fn corroborate(
    world: &World,
    history: &[(Timestamp, Event)],
    disputers: &[u32],
    check: impl Fn(&Verdict, &Verdict),
) {
    let mut player = Player::new(world, &ScorerConfig::default());
    let mut heard = BTreeSet::new();
    for (now, event) in history {
        let Event::Heard(said) = event else { continue };
        if !heard.insert(said.reporter) {
            continue;
        }
        let before = ask(&player.scorer, *now);
        player.play(*now, event);
        check(&before, &ask(&player.scorer, *now));
        if heard.len() == 1 {
            for disputer in disputers {
                player.scorer.dispute(org(*disputer), &super::subject(), *now);
            }
        }
    }
}

#[test]
fn the_generated_corroborations_do_raise_scores_and_rungs() {
    let drawn = (
        world(20),
        history(&[crate::history::Kind::Heard], 20, &[super::SUBJECT], 40, 2_000),
    );
    let raises = |(world, history): &(World, Vec<_>)| {
        let raised = std::cell::Cell::new(0);
        corroborate(world, history, &[], |before, after| {
            raised.set(raised.get() + u32::from(after.score > before.score && after.rung > before.rung));
        });
        raised.get() > 0
    };
    let found = share(&drawn, raises);
    assert!(found >= 30, "{found} %");
}

proptest! {
    #![proptest_config(cases(1_024))]

    /// Any statement of anybody who has not spoken of it, among any others, disputed or not.
    #[test]
    fn one_more_organisation_never_lowers_anything(
        world in world(20),
        history in history(&[crate::history::Kind::Heard], 20, &[super::SUBJECT], 40, 2_000),
        disputers in vec(0_u32..20, 0..8),
    ) {
        corroborate(&world, &history, &disputers, |before, after| not_below(standing(before), standing(after)));
    }

    /// The same of one who repeats himself, if he keeps to one rule, count and confidence.
    #[test]
    fn repeating_oneself_alike_never_lowers_anything((world, history) in said(), disputers in vec(0_u32..12, 0..5)) {
        let mut player = Player::new(&world, &ScorerConfig::default());
        for (now, event) in &history {
            let Event::Heard(said) = event else { continue };
            let mut said = said.clone();
            said.rule = RuleHash([said.reporter.0[3] % 4; 8]);
            said.confidence = 30 + 5 * said.reporter.0[3];
            said.count = Count::of(1 + u64::from(said.reporter.0[3] % 5));
            let before = ask(&player.scorer, *now);
            player.play(*now, &Event::Heard(said));
            not_below(standing(&before), standing(&ask(&player.scorer, *now)));
            for disputer in &disputers {
                player.scorer.dispute(org(*disputer), &super::subject(), *now);
            }
        }
    }

    #[test]
    fn silence_never_raises_a_score((world, history) in said(), steps in vec(0_i64..100_000, 1..6)) {
        let scorer = play(&world, &history);
        let (mut now, mut score) = (end(&history), i64::MAX);
        for step in steps {
            now = later(now, step);
            let verdict = ask(&scorer, now);
            prop_assert!(verdict.score <= score);
            score = verdict.score;
        }
    }
}
