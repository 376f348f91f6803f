//! `vigie sim` as a program: one object a run, the same for the same seed; a table that is taken up where it stopped;
//! sentences for what cannot be run.

use std::collections::BTreeSet;

use crate::support::Home;

const SMALL: &[&str] = &[
    "sim",
    "--orgs",
    "40",
    "--days",
    "5",
    "--observers",
    "2",
    "--set",
    "bystanders.count=200",
];

fn small(more: &[&str]) -> Vec<String> {
    SMALL.iter().chain(more).map(|word| (*word).to_owned()).collect()
}

fn say(home: &Home, more: &[&str]) -> String {
    let arguments = small(more);
    home.say(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn a_run_is_one_object_and_the_same_for_the_same_seed() {
    let home = Home::quiet();
    let figure = home.beside("harm.svg");
    let attack = [
        "--attack", "A03", "--liars", "0.3", "--seed", "9", "--scorer", "count-2",
    ];
    let drawn = [&attack[..], &["--json", "--figure", figure.to_str().unwrap()]].concat();
    let first = say(&home, &drawn);
    assert_eq!(first, say(&home, &drawn));
    assert!(std::fs::read_to_string(&figure).unwrap().contains("</svg>"));
    let last = first.lines().last().unwrap();
    let object: serde_json::Value = serde_json::from_str(last).unwrap();
    let names: BTreeSet<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
    for name in [
        "scorer",
        "attack",
        "liars",
        "seed",
        "innocents_blocked",
        "framed_share",
        "known_innocents_blocked",
        "harm",
        "prevented",
        "ttp50_hours",
        "honest_struck_share",
        "recovery_hours",
        "soft_prevented",
        "soft_harm",
    ] {
        assert!(names.contains(name), "{name} is missing: {last}");
    }
    assert_eq!(
        (object["attack"].as_str(), object["seed"].as_u64()),
        (Some("A03"), Some(9))
    );
    let people = say(&home, &attack);
    assert!(
        people.contains("  framed_share ") && people.contains("seed 9"),
        "{people}"
    );
}

#[test]
fn what_cannot_be_run_is_said_in_one_sentence() {
    let home = Home::quiet();
    for (arguments, expected) in [
        (
            &["sim", "--attack", "A24"][..],
            "--attack: expected none, A01 to A23, or adaptive",
        ),
        (
            &["sim", "--scorer", "count-0"],
            "--scorer: expected vigie, count-K",
        ),
        (&["sim", "--liars", "1.5"], "liars must be a share, 0 to 1"),
        (&["sim", "--set", "dayz=3"], "unknown field `dayz`"),
        (
            &["sim", "--set", "attack.x=3"],
            "attack.x: there is no such number",
        ),
        (
            &["sim", "--replay", "lists", "--data-set", "/nowhere"],
            "/nowhere/reporter-overlap.csv",
        ),
        (
            &["sim", "table", "--scorers", "vigie,nobody"],
            "--scorers nobody: expected vigie",
        ),
        (
            &["sim", "table", "--liars", "0.99"],
            "--liars 0.99: shares lie between 0 and 0.95",
        ),
    ] {
        let sentence = home.refuse(arguments);
        assert!(sentence.contains(expected), "{arguments:?}: {sentence}");
    }
    let help = home.say(&["sim", "--help"]);
    assert!(
        help.contains("recovery_hours") && help.contains("known_innocents_blocked"),
        "{help}"
    );
}

#[test]
fn a_table_goes_on_where_it_stopped() {
    let home = Home::quiet();
    let file = |name: &str| home.beside(name).display().to_string();
    let (state, json, page) = (file("state.jsonl"), file("table.json"), file("resistance.md"));
    let table = |seeds: &str| {
        home.say(&[
            "sim",
            "table",
            "--orgs",
            "30",
            "--days",
            "4",
            "--observers",
            "2",
            "--set",
            "bystanders.count=100",
            "--attacks",
            "none,A03",
            "--scorers",
            "count-2,vigie",
            "--liars",
            "0,0.3",
            "--seeds",
            seeds,
            "--quiet",
            "--state",
            &state,
            "--out",
            &page,
            "--out-json",
            &json,
        ])
    };
    assert!(table("1").starts_with("4 runs in "), "two scorers, none and A03");
    let lines = || std::fs::read_to_string(&state).unwrap().lines().count();
    assert_eq!(lines(), 5);
    let text = std::fs::read_to_string(&page).unwrap();
    std::fs::write(&page, format!("{text}\nMeant for people.\n")).unwrap();
    // A crash in the middle of a line costs that run alone.
    let kept = std::fs::read_to_string(&state).unwrap();
    std::fs::write(&state, &kept[..kept.len() - 20]).unwrap();
    assert!(table("2").starts_with("8 runs in "));
    assert_eq!(lines(), 10, "the base, eight runs, and the half line");
    let text = std::fs::read_to_string(&page).unwrap();
    assert!(
        text.contains("Meant for people.") && text.contains("| count-2 |"),
        "{text}"
    );
    let table: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&json).unwrap()).unwrap();
    let rows = table["rows"].as_array().unwrap();
    assert_eq!((rows.len(), rows[0]["seeds"].as_u64()), (4, Some(2)));
    let other = home.refuse(&["sim", "table", "--days", "9", "--state", &state]);
    assert!(other.contains("runs of another world"), "{other}");
}

#[test]
fn a_mesh_is_one_object_too_and_the_same_for_the_same_seed_but_for_the_processor() {
    let home = Home::quiet();
    let run = || {
        let arguments = [
            "sim",
            "mesh",
            "--nodes",
            "10",
            "--seconds",
            "3",
            "--seed",
            "5",
            "--json",
        ];
        let text = home.say(&arguments);
        let mut object: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        for measured in ["cpu_us_per_delivery", "core_cpu_us_per_delivery"] {
            assert!(object[measured].as_f64().unwrap() > 0.0, "{text}");
            object[measured] = serde_json::Value::Null;
        }
        object
    };
    let first = run();
    assert_eq!(first, run());
    for name in [
        "nodes",
        "seed",
        "published",
        "mean_rows_per_envelope",
        "repeat_share",
        "copies",
        "delivered",
        "lost",
        "stores_equal",
        "urgent_p50_ms",
        "urgent_p99_ms",
        "normal_p99_ms",
        "bytes_per_delivery",
        "heal_seconds",
        "equivocation_detect_ms",
    ] {
        assert!(first.get(name).is_some(), "{name} is missing: {first}");
    }
    assert_eq!(first["lost"], 0);
}
