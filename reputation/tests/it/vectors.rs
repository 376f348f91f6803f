//! The pinned bits: committed inputs, and the verdicts that every machine and every later version must reach on them.
//!
//! `vectors.json` holds both; no generator enters the check. After a deliberate change of the scorer, from the root:
//! `VIGIE_VECTORS=answers cargo test -p vigie-reputation --test it vectors` computes the answers anew, and the diff shows
//! what the change did. `VIGIE_VECTORS=inputs` draws other inputs as well.

use std::path::PathBuf;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde::{Deserialize, Serialize};
use vigie_reputation::wire::{Behaviour, Count, Indicator, OrgId, RuleHash, Timestamp};
use vigie_reputation::{Edge, Labels, Member, ScorerConfig, Tier, Verdict};

use crate::history::{ALL, Event, Player, history, world};
use crate::world::{NOW, World, after, ip, labels, report};

/// Whom the histories speak of.
const SUBJECTS: [&str; 3] = ["9.9.9.9", "9.9.9.1", "2606:4700:1:2::1"];
/// Drawn histories in the file.
const DRAWN: usize = 12;

/// One input: who is there, and what happens when.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Input {
    name: String,
    anchors: Vec<OrgId>,
    members: Vec<Member>,
    vouches: Vec<Edge>,
    events: Vec<(Timestamp, Event)>,
    asked: Vec<(Indicator, Timestamp)>,
}

/// And what is answered: a verdict and the rung of a block in force, for each question; what was learned.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Vector {
    input: Input,
    verdicts: Vec<Verdict>,
    held: Vec<vigie_reputation::Rung>,
    learned: vigie_reputation::Learned,
}

/// A vector whose answers another version may have written.
#[derive(Deserialize)]
struct InputOnly {
    input: Input,
}

// === impl Vector ===

impl Vector {
    fn of(input: Input) -> Self {
        let world = World {
            anchors: input.anchors.clone(),
            members: input.members.clone(),
            vouches: input.vouches.clone(),
        };
        let mut player = Player::new(&world, &ScorerConfig::default());
        for (now, event) in &input.events {
            player.play(*now, event);
        }
        let asked = input.asked.iter();
        Self {
            verdicts: asked
                .clone()
                .map(|(subject, at)| player.scorer.verdict(subject, *at))
                .collect(),
            held: asked
                .map(|(subject, at)| player.scorer.review_rung(subject, *at))
                .collect(),
            learned: player.scorer.learned(),
            input,
        }
    }
}

fn plain() -> Vec<Input> {
    let mut world = World::anchored();
    for number in 1..=3 {
        world.established(number);
    }
    let french = Labels {
        country: *b"FR",
        ..labels(1)
    };
    world.add(4, 30, french);
    world.vouch(1, 4);
    world.add(5, 7, Labels::default());
    let said = |reporter: u32, behaviour: u16, count: u64, confidence: u8, age: i64| {
        let mut one = report(reporter, &ip(SUBJECTS[0]));
        one.behaviour = Behaviour(behaviour);
        one.rule = RuleHash([u8::try_from(reporter).unwrap(); 8]);
        one.count = Count::of(count);
        one.confidence = confidence;
        one.observed = after(-age);
        one.arrived = after(-age / 2);
        (NOW, Event::Heard(one))
    };
    let came = |tier| (NOW, Event::Came("9.9.9.9".parse().unwrap(), tier));
    let all = [
        said(1, 5, 1, 100, 0),
        said(2, 5, 1, 100, 0),
        said(3, 5, 1, 100, 0),
    ];
    let mixed = vec![
        said(1, 5, 1, 100, 3_600),
        said(1, 9, 3, 70, 7_200),
        said(4, 5, 2, 90, 40_000),
        said(2, 38, 1, 33, 80_000),
        said(5, 1, 1, 100, 0),
        said(0, 7, 64, 50, 1_800),
    ];
    let input = |name: &str, events: Vec<(Timestamp, Event)>, asked_after| Input {
        name: name.to_owned(),
        anchors: world.anchors.clone(),
        members: world.members.clone(),
        vouches: world.vouches.clone(),
        events,
        asked: vec![(ip(SUBJECTS[0]), after(asked_after))],
    };
    vec![
        input("pair", vec![said(1, 5, 1, 100, 60), said(2, 5, 9, 100, 600)], 60),
        input("mixed", mixed, 12_345),
        input(
            "authenticated",
            [&all[..], &[came(Tier::Authenticated)]].concat(),
            0,
        ),
        input("visitor", [&all[..2], &[came(Tier::Visitor)]].concat(), 0),
    ]
}

fn drawn() -> impl Iterator<Item = Input> {
    let mut runner = TestRunner::deterministic();
    let strategy = (world(7), history(&ALL, 7, &SUBJECTS, 24, 4_000), 0_i64..90_000);
    let draws = std::iter::repeat_with(move || strategy.new_tree(&mut runner).unwrap().current());
    let long = draws.filter(|(_, events, _)| events.len() >= 16);
    (1..)
        .zip(long)
        .take(DRAWN)
        .map(|(number, (mut world, events, wait))| {
            world.vouches.truncate(12);
            let last = events.last().map_or(NOW, |(now, _)| *now);
            let late = Timestamp::from_millis(last.as_millis() + 1_000 * wait);
            Input {
                name: format!("drawn {number}"),
                anchors: world.anchors,
                members: world.members,
                vouches: world.vouches,
                asked: SUBJECTS
                    .iter()
                    .map(|text| (ip(text), if number % 2 == 0 { last } else { late }))
                    .collect(),
                events,
            }
        })
}

/// As it is committed: an event, a member, a contribution a line, so that a diff can be read.
fn text(vectors: &[Vector]) -> String {
    let one = |vector: &Vector| {
        let json = serde_json::to_string(vector).unwrap();
        let json = [
            "{\"org\"",
            "{\"from\"",
            "[1767",
            "{\"reporter\"",
            "\"events\"",
            "\"asked\"",
            "\"verdicts\"",
            "\"learned\"",
        ]
        .iter()
        .fold(json, |json, start| json.replace(start, &format!("\n{start}")));
        json.replace("[\n", "[").replace(" \n", "\n")
    };
    format!(
        "[\n{}\n]\n",
        vectors.iter().map(one).collect::<Vec<_>>().join(",\n")
    )
}

fn path() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "vectors.json"]
        .iter()
        .collect()
}

#[test]
fn verdicts_are_the_committed_ones_bit_for_bit() {
    #[expect(
        clippy::disallowed_methods,
        reason = "how this test is asked to write the file that it checks"
    )]
    let wanted = std::env::var("VIGIE_VECTORS").unwrap_or_default();
    let read = || std::fs::read_to_string(path()).unwrap();
    let inputs: Vec<Input> = if wanted == "inputs" {
        plain().into_iter().chain(drawn()).collect()
    } else {
        let committed: Vec<InputOnly> = serde_json::from_str(&read()).unwrap();
        committed.into_iter().map(|vector| vector.input).collect()
    };
    assert_eq!(inputs.len(), DRAWN + 4);
    let now: Vec<Vector> = inputs.into_iter().map(Vector::of).collect();
    if wanted == "inputs" || wanted == "answers" {
        std::fs::write(path(), text(&now)).unwrap();
        return;
    }
    let committed: Vec<Vector> = serde_json::from_str(&read()).unwrap();
    for (now, committed) in now.iter().zip(&committed) {
        assert_eq!(
            now, committed,
            "Deliberately? The first lines of this file say what to do then"
        );
    }
    assert_eq!(read(), text(&now));
}

#[test]
fn the_committed_histories_are_worth_keeping() {
    let vectors: Vec<Vector> = serde_json::from_str(&std::fs::read_to_string(path()).unwrap()).unwrap();
    let verdicts = || vectors.iter().flat_map(|vector| &vector.verdicts);
    assert!(verdicts().any(|verdict| verdict.hard_block) && verdicts().any(|verdict| !verdict.hard_block));
    assert!(verdicts().any(|verdict| verdict.threshold.dispute > 0));
    assert!(verdicts().any(|verdict| verdict.threshold.own < 0));
    assert!(verdicts().any(|verdict| verdict.threshold.visitor > 0));
    assert!(verdicts().any(|verdict| verdict.contributions.iter().any(|one| one.cap.is_some())));
    let learned = || vectors.iter().flat_map(|vector| &vector.learned.reporters);
    assert!(learned().any(|one| one.confirmed > 0) && learned().any(|one| one.forgotten));
}
