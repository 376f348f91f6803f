//! T6, an echo gains nothing. Who only repeats what somebody of weight said before him earns, of the credit for each
//! subject, what the others had left unforetold: `(1 - p)` per voice before him, p being its precision by its weight; and
//! nothing at all once our own sensor spoke. Nor does repeating renew evidence: it decays from when the last other group
//! joined.
//!
//! Why: credit goes by the order of arrival at this node, which an echo cannot be first in, and each voice takes its share
//! of the surprise. When it decays is a function of who joined when, and not of who repeats himself.

use proptest::collection::vec;
use proptest::prelude::*;
use vigie_reputation::constants::{FORETOLD_MILLI, KAPPA};
use vigie_reputation::wire::{Behaviour, Indicator, Timestamp};
use vigie_reputation::{Report, Scorer};

use super::{adds_up, ask, cases, subject};
use crate::world::{NOW, SSH, after, ip, mesh, org, report};

/// Said first by the one, echoed by the other; whose names sort first is drawn.
const NAMES: [(u32, u32); 2] = [(1, 2), (2, 1)];

fn confirmed(scorer: &Scorer, number: u32) -> i64 {
    let learned = scorer.learned();
    learned
        .reporters
        .iter()
        .find(|one| one.org == org(number))
        .map_or(0, |one| one.confirmed)
}

fn say(scorer: &mut Scorer, reporter: u32, subject: &Indicator, arrived: Timestamp) {
    let said = Report {
        arrived,
        ..report(reporter, subject)
    };
    scorer.observe(&said, arrived).unwrap();
}

fn millis(at: Timestamp, millis: i64) -> Timestamp {
    Timestamp::from_millis(at.as_millis() + millis)
}

proptest! {
    #![proptest_config(cases(1_024))]

    /// A pure echo of somebody of full weight, over any number of true attackers, however quick it is and whatever its name:
    /// a twelfth of what it repeats, at most, and nothing where our own sensor was before it.
    #[test]
    fn a_pure_echo_earns_what_was_left_unforetold(
        names in prop_oneof![Just(NAMES[0]), Just(NAMES[1])],
        history in 1_u32..1_000,
        subjects in vec((prop_oneof![20_i64..1_000, 20_i64..3_600_000], 0_i64..1_000, any::<bool>()), 1..40),
    ) {
        let (first, echo) = names;
        let mut world = mesh(3);
        world.members[usize::try_from(first).unwrap()].history = history;
        let mut scorer = world.scorer();
        let (mut most, mut rounding) = (0, 0);
        for (number, (delay, offset, caught_before)) in (1_u8..).zip(subjects) {
            let subject = ip(&format!("9.9.8.{number}"));
            let said = millis(NOW, offset);
            say(&mut scorer, first, &subject, said);
            if caught_before {
                scorer.own_detection(&subject, SSH, millis(said, delay / 2));
            } else {
                let left = 1_000 - FORETOLD_MILLI * scorer.weight(org(first), said) / KAPPA;
                most += left;
                rounding += 2;
            }
            say(&mut scorer, echo, &subject, millis(said, delay));
            scorer.own_detection(&subject, SSH, millis(said, delay + 1_000));
        }
        prop_assert!(confirmed(&scorer, echo) <= most + rounding, "{} of {most}", confirmed(&scorer, echo));
        prop_assert!(confirmed(&scorer, first) > confirmed(&scorer, echo));
    }

    /// However many echo, they share what is left: each of full weight takes its part of it.
    #[test]
    fn a_choir_of_echoes_earns_little_more_than_one(choir in 2_u32..40) {
        let mut scorer = mesh(choir).scorer();
        for reporter in 1..=choir {
            say(&mut scorer, reporter, &subject(), after(i64::from(reporter)));
        }
        scorer.own_detection(&subject(), SSH, after(60));
        let echoes: i64 = (2..=choir).map(|reporter| confirmed(&scorer, reporter)).sum();
        let left = 1_000 - FORETOLD_MILLI;
        prop_assert_eq!(confirmed(&scorer, 1), 1_000);
        prop_assert!(echoes <= left * 1_000 / (1_000 - left), "{echoes}");
        prop_assert!(choir == 1 || confirmed(&scorer, 2) == left);
    }

    /// However often the same repeat themselves, in other words too: it decays from when the last group joined.
    #[test]
    fn repetition_renews_nothing(
        times in vec((1_u32..4, 0_usize..3, 0_i64..500_000), 0..40),
        joins in 0_i64..200_000,
    ) {
        let mut scorer = mesh(4).scorer();
        let say = |scorer: &mut Scorer, reporter: u32, behaviour: u16, seconds: i64| {
            let mut one = report(reporter, &subject());
            one.sighting.seq = seconds.unsigned_abs();
            one.behaviour = Behaviour(behaviour);
            (one.observed, one.arrived) = (after(seconds), after(seconds));
            scorer.observe(&one, after(seconds)).unwrap();
        };
        for reporter in 1..4 {
            say(&mut scorer, reporter, 5, 0);
        }
        say(&mut scorer, 4, 5, joins);
        let mut times = times;
        times.sort_by_key(|(_, _, seconds)| *seconds);
        for (reporter, behaviour, seconds) in times {
            say(&mut scorer, reporter, [5, 9, 1][behaviour], joins + seconds);
        }
        let later = ask(&scorer, after(joins + 500_000));
        adds_up(&later);
        prop_assert!(later.contributions.iter().all(|one| one.observed <= after(joins)));
        prop_assert!(!later.hard_block);
    }
}
