//! A verdict in a file: the same to the bit elsewhere, and found out when anything in it was changed.

use std::net::IpAddr;

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;
use vigie_reputation::verify::{Checked, Export, ExportRefused, MAX_BYTES};
use vigie_reputation::wire::{Behaviour, Count, RuleHash};
use vigie_reputation::{Class, Labels, Scorer, ScorerConfig, Tier};

use crate::world::{NOW, World, after, ip, labels, mesh, org, report};

const SUBJECT: &str = "9.9.9.9";

/// A scorer in which everything that can enter a verdict does: repetition, disputes, a struck and a forgotten reporter,
/// a suspected rule, a cluster, a withdrawn statement, members whom no anchor reaches.
fn busy(class: Class, own: bool, tier: Option<Tier>) -> Scorer {
    let mut world = mesh(7);
    world.add(8, 30, Labels::default());
    world.vouch(1, 8);
    world.add(9, 40, labels(9));
    let config = ScorerConfig {
        class: std::sync::Arc::new(move |_| class),
        ..ScorerConfig::default()
    };
    let mut scorer = world.scorer_with(config);
    let subject = ip(SUBJECT);
    // Seven who lie about a regular of ours are struck, but for the long-standing; two of them lie again.
    let regular: IpAddr = "8.8.4.4".parse().unwrap();
    for day in 0..12 {
        scorer.remember(regular, Tier::Authenticated, after(-1_000_000 + 86_400 * day));
    }
    for reporter in [8, 3] {
        scorer.observe(&report(reporter, &ip("8.8.4.4")), NOW).unwrap();
    }
    scorer.remember(regular, Tier::Authenticated, NOW);
    for (seq, reporter) in (10_u32..).zip([0, 1, 2, 3, 4, 8, 9, 1]) {
        let mut one = report(reporter, &subject);
        one.sighting.seq = u64::from(seq);
        one.behaviour = Behaviour([5, 9, 1][seq as usize % 3]);
        one.rule = RuleHash([u8::try_from(reporter % 4).unwrap(); 8]);
        one.count = Count::of(u64::from(seq));
        one.confidence = 60 + u8::try_from(seq).unwrap();
        one.arrived = after(-3_000 + 60 * i64::from(seq));
        one.observed = after(-4_000 + 90 * i64::from(seq));
        scorer.observe(&one, NOW).unwrap();
        if reporter == 4 {
            scorer.retract(one.sighting);
        }
    }
    for disputer in [5, 6] {
        scorer.dispute(org(disputer), &subject, after(-600));
    }
    scorer.suspect_rule(RuleHash([2; 8]), true);
    scorer.set_cluster(org(2), Some(77));
    scorer.set_cluster(org(3), Some(77));
    scorer.forget(org(7));
    if own {
        scorer.own_detection(&subject, Behaviour(9), after(-30));
    }
    if let Some(tier) = tier {
        scorer.remember(SUBJECT.parse().unwrap(), tier, after(-20));
    }
    scorer
}

fn exported(scorer: &Scorer, held: bool) -> Export {
    Export::of(scorer, &ip(SUBJECT), after(5_000), held).unwrap()
}

#[test]
fn every_kind_of_verdict_is_the_same_elsewhere() {
    for class in Class::ALL {
        for own in [false, true] {
            for tier in [None, Some(Tier::Visitor), Some(Tier::Authenticated)] {
                for held in [false, true] {
                    let export = exported(&busy(class, own, tier), held);
                    let text = serde_json::to_vec_pretty(&export).unwrap();
                    let read = Export::read(&text).unwrap();
                    assert_eq!(read, export);
                    assert_eq!(read.check().unwrap(), Checked::Same);
                    check_sums(&export);
                }
            }
        }
    }
}

/// Every listed number adds up: contributions, disputes, threshold, and the groups of every partition.
fn check_sums(export: &Export) {
    let verdict = &export.verdict;
    let sum: i64 = verdict.contributions.iter().map(|one| one.value).sum();
    assert_eq!(sum, verdict.score);
    let disputed: i64 = verdict.disputes.iter().map(|one| one.value).sum();
    assert_eq!(disputed, verdict.threshold.dispute, "{verdict:?}");
    let parts = verdict.threshold;
    assert_eq!(
        parts.base + parts.visitor + parts.dispute + parts.own + parts.unanchored,
        parts.total
    );
    assert_eq!(export.partitions.len(), verdict.partitions.len());
    for (sums, told) in export.partitions.iter().zip(&verdict.partitions) {
        assert_eq!(
            (sums.partition, sums.score, sums.groups.len()),
            (told.partition, told.score, told.groups)
        );
        for group in &sums.groups {
            assert_eq!(group.counted, group.said.min(group.cap));
        }
    }
    let deciding = export
        .partitions
        .iter()
        .find(|sums| sums.partition == verdict.partition)
        .unwrap();
    for group in &deciding.groups {
        let of_group = verdict
            .contributions
            .iter()
            .filter(|one| one.group == group.group);
        assert_eq!(of_group.map(|one| one.value).sum::<i64>(), group.counted);
    }
}

#[test]
fn nobody_named_is_a_verdict_too() {
    let export = Export::of(&mesh(2).scorer(), &ip("9.9.9.10"), NOW, false).unwrap();
    assert!(export.inputs.statements.is_empty());
    assert_eq!(export.check().unwrap(), Checked::Same);
}

/// Every integer below a value, by JSON pointer.
fn integers(at: &str, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Number(_) => found.push(at.to_owned()),
        Value::Array(items) => {
            for (place, item) in items.iter().enumerate() {
                integers(&format!("{at}/{place}"), item, found);
            }
        }
        Value::Object(fields) => {
            for (name, item) in fields {
                integers(&format!("{at}/{name}"), item, found);
            }
        }
        _ => {}
    }
}

fn flipped(whole: &Value, at: &str) -> Value {
    let mut changed = whole.clone();
    let number = changed.pointer_mut(at).unwrap();
    let value = number.as_i64().unwrap();
    *number = Value::from(if value == 0 { 1 } else { value - 1 });
    changed
}

/// What a check of these bytes comes to, for short.
fn found_out(text: &[u8]) -> bool {
    match Export::read(text) {
        Err(_) => true,
        Ok(export) => export.check().map_or(true, |checked| checked != Checked::Same),
    }
}

#[test]
fn whichever_integer_is_changed_the_check_finds_it() {
    let export = exported(&busy(Class::Ordinary, false, Some(Tier::Visitor)), false);
    let whole = serde_json::to_value(&export).unwrap();
    let mut places = Vec::new();
    integers("", &whole, &mut places);
    assert!(places.len() > 300, "{}", places.len());
    for at in &places {
        let text = serde_json::to_vec(&flipped(&whole, at)).unwrap();
        assert!(found_out(&text), "{at}");
    }
    for name in ["rules", "digest"] {
        let mut changed = whole.clone();
        changed[name] = "0123".into();
        assert!(found_out(&serde_json::to_vec(&changed).unwrap()), "{name}");
    }
}

/// Who changes an input and makes the digest anew claims to have seen something else. Where that decides something the
/// verdict betrays him; these inputs can be off by one without deciding anything in this case, and `docs/explain.md`
/// says so.
const PURE: [&str; 19] = [
    "place/history",
    "place/depth",
    "record/confirmed",
    "record/refuted",
    "record/day",
    "record/active_days",
    "record/last_active",
    "record/joint/",
    "record/struck_until",
    "record/disputes_right",
    "record/dispute_forgiven",
    "record/dispute_refuted",
    "place/labels/",
    "/cluster",
    "/inputs/groups",
    "/inputs/hearing",
    "/inputs/lag",
    "arrived_secs",
    "/count",
];

#[test]
fn without_the_digest_what_came_out_is_safe_and_only_pure_inputs_can_be_claimed() {
    let export = exported(&busy(Class::Ordinary, false, None), false);
    let whole = serde_json::to_value(&export).unwrap();
    let mut places = Vec::new();
    integers("", &whole, &mut places);
    let believed = |at: &&String| {
        let Ok(mut read) = serde_json::from_value::<Export>(flipped(&whole, at)) else {
            return false;
        };
        read.digest = read.digest_now();
        read.check().is_ok_and(|checked| checked == Checked::Same)
    };
    let is_withdrawn = |at: &str| {
        let statement = at
            .rsplit_once('/')
            .and_then(|(statement, _)| whole.pointer(statement));
        statement.is_some_and(|statement| statement["withdrawn"] == true)
    };
    let is_pure = |at: &str| {
        at.starts_with("/inputs/") && (is_withdrawn(at) || PURE.iter().any(|name| at.contains(name)))
    };
    let places = places.iter().filter(|at| at.as_str() != "/format");
    let wrong: Vec<_> = places.filter(believed).filter(|at| !is_pure(at)).collect();
    assert!(wrong.is_empty(), "believed: {wrong:?}");
}

#[test]
fn what_is_no_export_is_refused_with_its_place() {
    let refused = |text: &str| Export::read(text.as_bytes()).unwrap_err().to_string();
    for wrong in ["", "{}", "[]", "null", "{\"format\":3}", "\u{0}"] {
        assert!(
            refused(wrong).starts_with("it is no exported verdict"),
            "{wrong:?}"
        );
    }
    assert!(refused("{\"format\":2}").contains("format is 2"));
    assert!(matches!(
        Export::read(&vec![b' '; MAX_BYTES + 1]),
        Err(ExportRefused::TooLong)
    ));
    assert!(refused(&"[".repeat(100_000)).contains("recursion"));
    let whole = serde_json::to_value(exported(&busy(Class::Ordinary, false, None), false)).unwrap();
    let mut more = whole.clone();
    more["verdict"]["because"] = "I say so".into();
    assert!(refused(&more.to_string()).contains("/verdict/because"));
    let mut twice = whole.clone();
    let first = twice["inputs"]["statements"][0].clone();
    twice["inputs"]["statements"].as_array_mut().unwrap().push(first);
    let twice = Export::read(twice.to_string().as_bytes()).unwrap();
    assert!(twice.check().unwrap_err().to_string().contains("statements"));
    let mut stranger = whole;
    stranger["inputs"]["reporters"].as_array_mut().unwrap().pop();
    let stranger = Export::read(stranger.to_string().as_bytes()).unwrap();
    assert!(
        stranger
            .check()
            .unwrap_err()
            .to_string()
            .contains("nothing is said of")
    );
}

#[test]
fn extreme_inputs_end_in_an_answer() {
    let whole = serde_json::to_value(exported(&busy(Class::Ordinary, true, None), true)).unwrap();
    let mut places = Vec::new();
    integers("/inputs", &whole["inputs"], &mut places);
    for at in places {
        for extreme in [i64::MIN, -1, 0, 255, i64::from(u32::MAX), i64::MAX] {
            let mut changed = whole.clone();
            *changed.pointer_mut(&at).unwrap() = extreme.into();
            if let Ok(export) = Export::read(changed.to_string().as_bytes()) {
                let _either = export.check();
            }
        }
    }
}

#[test]
fn where_all_is_void_there_is_nothing_to_object_to() {
    let mut scorer = World::anchored().scorer();
    let subject = ip(SUBJECT);
    let one = report(0, &subject);
    scorer.observe(&one, NOW).unwrap();
    scorer.retract(one.sighting);
    scorer.dispute(org(0), &subject, NOW);
    let export = Export::of(&scorer, &subject, NOW, false).unwrap();
    assert_eq!(export.verdict.disputes, []);
    check_sums(&export);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// Whatever was said, disputed, retracted and learned: the inputs carry all that the verdict hangs on.
    #[test]
    fn every_history_is_carried(
        edges in vec((0_u32..10, 0_u32..10), 0..30),
        said in vec((0_u32..10, 0_usize..4, 0_u8..3, 1_u64..30, 1_u8..=100, 0_i64..80_000), 0..40),
        disputers in vec(0_u32..10, 0..6),
        withdrawn in vec(0_u64..40, 0..5),
        caught in proptest::option::of(0_i64..90_000),
        visits in vec((any::<bool>(), 0_i64..90_000), 0..4),
        later in 0_i64..400_000,
        held in any::<bool>(),
    ) {
        let mut world = World::anchored();
        for number in 1..10 {
            world.add(number, number * 40 % 90, labels(number % 4));
        }
        for (from, to) in edges {
            world.vouch(from, to);
        }
        let mut scorer = world.scorer();
        let subject = ip(SUBJECT);
        for (seq, (reporter, behaviour, rule, count, confidence, age)) in (0_u64..).zip(said) {
            let mut one = report(reporter, &subject);
            one.sighting.seq = seq;
            one.behaviour = Behaviour([5, 9, 1, 38][behaviour]);
            one.rule = RuleHash([rule; 8]);
            one.count = Count::of(count);
            one.confidence = confidence;
            (one.observed, one.arrived) = (after(-age), after(-age / 2));
            scorer.observe(&one, NOW).unwrap();
            if withdrawn.contains(&seq) {
                scorer.retract(one.sighting);
            }
        }
        for disputer in disputers {
            scorer.dispute(org(disputer), &subject, NOW);
        }
        for (login, at) in visits {
            let tier = if login { Tier::Authenticated } else { Tier::Visitor };
            scorer.remember(SUBJECT.parse().unwrap(), tier, after(at));
        }
        if let Some(at) = caught {
            scorer.own_detection(&subject, Behaviour(5), after(at));
        }
        let export = Export::of(&scorer, &subject, after(later), held);
        prop_assert!(export.is_ok(), "{export:?}");
        check_sums(&export.unwrap());
    }
}
