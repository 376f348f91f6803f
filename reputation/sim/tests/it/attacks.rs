//! Every attack does what its name says, seen where it must hurt: at a count of two, or at what it is made for.

use vigie_sim::{Outcome, Scorers};

use crate::world::{run, set, small};

fn count_two(attack: &str) -> Outcome {
    run(&small(Scorers::Count(2), attack, 0.3), 11)
}

#[test]
fn attacks_that_frame_block_innocents_at_a_count_of_two() {
    for attack in [
        "A01", "A02", "A03", "A04", "A05", "A10", "A11", "A13", "A14", "A15", "A16", "A19", "A20", "A21",
    ] {
        let mut setup = small(Scorers::Count(2), attack, 0.3);
        if attack == "A19" {
            setup = set(setup, &["attack.cycle_days=6", "attack.strike_days=2"]);
        }
        let outcome = run(&setup, 11);
        assert!(outcome.targets > 0, "{attack} frames nobody: {outcome:?}");
        let framed = f64::from(outcome.framed_innocents) / f64::from(outcome.targets);
        let expected = match attack {
            // Who equivocates is out for good, so there are liars for a day only.
            "A14" => 0.1,
            // Disputes of the probes still stand.
            "A20" => 0.3,
            _ => 0.7,
        };
        assert!(framed > expected, "{attack}: {outcome:?}");
        assert!(outcome.harm > 0.0, "{attack}: {outcome:?}");
    }
}

#[test]
fn infrastructure_competitors_shared_addresses_and_ranges_are_framed() {
    let infrastructure = count_two("A06");
    assert_eq!(infrastructure.targets, 4, "1 % of 400");
    assert!(infrastructure.framed_innocents >= 3, "{infrastructure:?}");
    let competitor = count_two("A07");
    assert_eq!((competitor.targets, competitor.framed_innocents), (1, 1));
    let slow = ["noise.hours_to_dispute=96"];
    let shared = run(&set(small(Scorers::Count(2), "A08", 0.3), &slow), 11);
    assert!(shared.framed_innocents * 2 > shared.targets, "{shared:?}");
    let range = count_two("A17");
    assert!(range.framed_innocents * 2 > range.targets, "{range:?}");
}

#[test]
fn praise_silences_a_count() {
    let calm = count_two("none").prevented.unwrap();
    let praised = count_two("A09").prevented.unwrap();
    assert!(praised < 0.2 && calm > 0.6, "{calm} {praised}");
}

#[test]
fn slander_makes_honest_organisations_accuse_innocents() {
    let few = ["attack.victims=3", "attack.strike.targets_per_day=20"];
    let slandered = run(&set(small(Scorers::Beta, "A18", 0.3), &few), 11);
    assert!(slandered.targets >= 50, "{slandered:?}");
    assert!(slandered.honest_struck_share > 0.02, "{slandered:?}");
}

#[test]
fn attackers_that_behave_first_are_blocked_less_by_who_remembers() {
    let prevented = |attack, assignments: &[&str]| {
        let setup = set(small(Scorers::Vigie, attack, 0.0), assignments);
        run(&setup, 11).prevented.unwrap()
    };
    let calm = prevented("none", &[]);
    assert!(prevented("A22", &[]) < calm - 0.02);
    assert!(prevented("A23", &["attack.attackers=1", "attack.nodes=1"]) < calm - 0.3);
}

#[test]
fn a_flood_names_what_nobody_else_does_and_changes_nothing_for_a_count() {
    let flooded = run(
        &set(small(Scorers::Count(2), "A12", 0.3), &["attack.ranges=0"]),
        11,
    );
    assert_eq!(flooded.prevented, count_two("none").prevented);
}

#[test]
fn the_adaptive_attacker_finds_a_strike_that_is_no_worse_than_his_first() {
    let tries = |tries: &str| {
        let setup = set(
            small(Scorers::Count(3), "adaptive", 0.3),
            &[
                tries,
                "attack.smaller=1",
                "attack.try_days=2",
                "attack.strike.liars_per_target=2",
            ],
        );
        run(&setup, 11)
    };
    let (one, many) = (tries("attack.tries=1"), tries("attack.tries=6"));
    assert!(one.framed_innocents < many.framed_innocents, "{one:?} {many:?}");
    assert!(many.found.is_some());
}
