//! The table on records made by hand.

use super::*;
use crate::outcome::Outcome;

fn record(seed: u64, attack: &str, scorer: Scorers, liars: f64, framed_share: f64) -> Record {
    let outcome = Outcome {
        scorer,
        attack: attack.into(),
        liars,
        orgs: 10,
        days: 2,
        strike_day: 1,
        observers: 1,
        anchors_stolen: 0,
        targets: 100,
        framed_innocents: 0,
        framed_share,
        innocents_blocked: 0,
        known_innocents_blocked: 0,
        harm: framed_share / 1e4,
        soft_harm: 0.0,
        prevented: Some(0.5 - framed_share),
        soft_prevented: Some(0.0),
        ttp50_hours: None,
        honest_struck_share: 0.0,
        honest_days_down: None,
        liars_struck_share: 1.0,
        recovery_hours: Some(1.0),
        found: None,
    };
    Record { seed, outcome }
}

fn plan() -> Plan {
    Plan {
        base: Setup::default(),
        attacks: vec!["none".into(), "A03".into(), "A04".into()],
        scorers: vec![Scorers::Vigie, Scorers::Count(2)],
        liars: vec![0.0, 0.2, 0.4],
        seeds: vec![1, 2, 3],
    }
}

#[test]
fn a_plan_runs_peace_once_and_attacks_with_liars_only() {
    let cells = plan().cells();
    assert_eq!(cells.len(), 3 * (2 + 2 * 2 * 2));
    assert!(
        cells
            .iter()
            .all(|cell| (cell.liars > 0.0) == (&*cell.attack != "none"))
    );
    let cell = &cells[2];
    assert!(cell.is_of(&record(1, "A03", Scorers::Vigie, 0.2, 0.0)));
    assert!(!cell.is_of(&record(1, "A03", Scorers::Vigie, 0.4, 0.0)));
    assert!(!cell.is_of(&record(2, "A03", Scorers::Vigie, 0.2, 0.0)));
}

#[test]
fn rows_hold_the_middle_and_the_worst_of_the_seeds() {
    let records: Vec<Record> = [(1, 0.1), (2, 0.3), (3, 0.2)]
        .iter()
        .map(|(seed, share)| record(*seed, "A03", Scorers::Vigie, 0.4, *share))
        .collect();
    let rows = rows(&records);
    assert_eq!((rows.len(), rows[0].seeds), (1, 3));
    let get = |of: &BTreeMap<Measured, Option<f64>>, measured| of[&measured].unwrap();
    assert!((get(&rows[0].median, Measured::FramedShare) - 0.2).abs() < 1e-9);
    assert!((get(&rows[0].worst, Measured::FramedShare) - 0.3).abs() < 1e-9);
    assert!((get(&rows[0].worst, Measured::Prevented) - 0.2).abs() < 1e-9);
    assert_eq!(rows[0].worst[&Measured::Ttp50Hours], None, "never");
}

#[test]
fn the_page_tells_the_worst_attack_and_each_attack() {
    let records = [
        record(1, "A03", Scorers::Vigie, 0.4, 0.01),
        record(1, "A04", Scorers::Vigie, 0.4, 0.02),
        record(1, "A04", Scorers::Count(2), 0.4, 0.97),
    ];
    let (plan, rows) = (plan(), rows(&records));
    let page = Page {
        plan: &plan,
        rows: &rows,
        command: "vigie sim table",
        figures: "figures",
    };
    let text = super::page(&page);
    assert!(
        text.contains("| vigie | 0 | 2.0 % | 0 | 2.0e-6 | 48.0 % | never |"),
        "{text}"
    );
    assert!(text.contains("\n| A04 | 2.0 % | 97.0 % |\n"), "{text}");
    assert!(text.contains("![framed_share, 40 % liars, worst seed](figures/framed_share.svg)"));
    for (name, _, svg) in figures(&page) {
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"), "{name}");
        assert!(svg.contains("A04") && svg.contains("count-2"), "{name}");
    }
}
