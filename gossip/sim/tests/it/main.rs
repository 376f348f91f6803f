//! Small networks, seconds each: the same seed gives the same run, nothing is lost whatever happens, a proof reaches all.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of tests: whatever is wrong ends the test"
)]

use vigie_mesh_sim::{Report, Setup, run};

fn simulated(setup: &Setup) -> Report {
    run(setup, &mut |_, _| ()).unwrap()
}

fn small(seed: u64) -> Setup {
    Setup {
        nodes: 40,
        seed,
        seconds: 15,
        ..Setup::default()
    }
}

/// Everything at once that can go wrong.
fn troubled(seed: u64) -> Setup {
    Setup {
        loss: 0.02,
        partition: 60,
        churn: 0.3,
        droppers: 0.2,
        liars: 0.05,
        ..small(seed)
    }
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_one_another() {
    let [one, again, other] = [7, 7, 8].map(|seed| simulated(&troubled(seed)).without_cpu());
    assert_eq!(
        serde_json::to_string(&one).unwrap(),
        serde_json::to_string(&again).unwrap()
    );
    assert_ne!(one.sightings, other.sightings);
}

#[test]
fn in_a_quiet_network_gossip_alone_brings_everything_within_two_seconds() {
    let report = simulated(&small(1));
    assert_eq!((report.lost, report.stores_equal), (0, true));
    assert_eq!(report.delivered, report.published * 39);
    assert!(report.published > 100, "{report:?}");
    assert!(report.urgent_p99_ms.unwrap() < 300, "{report:?}");
    assert!(report.normal_p99_ms.unwrap() < 2_000, "{report:?}");
    assert!(report.by_sync_share < 0.05, "{report:?}");
    assert!((1.0..3.0).contains(&report.copies), "{report:?}");
    assert_eq!((report.heal_seconds, report.equivocation_detect_ms), (None, None));
}

#[test]
fn whatever_happens_nothing_is_lost_and_proofs_reach_all() {
    for seed in [2, 3] {
        let report = simulated(&troubled(seed));
        assert_eq!((report.lost, report.stores_equal), (0, true), "{report:?}");
        assert!(report.by_sync_share > 0.1, "{report:?}");
        assert!(report.heal_seconds.unwrap() < 120.0, "{report:?}");
        assert!(report.equivocation_detect_ms.is_some(), "{report:?}");
        assert_eq!(report.over_rate, 0, "{report:?}");
    }
}

#[test]
fn in_bundles_a_delivery_costs_less_than_half_and_nothing_is_lost_either() {
    let [one_by_one, bundled] = [false, true].map(|bundled| {
        simulated(&Setup {
            bundled,
            rate: 3.0,
            ..small(6)
        })
    });
    assert_eq!((bundled.lost, bundled.stores_equal), (0, true), "{bundled:?}");
    assert!(
        2.0 * bundled.bytes_per_delivery < one_by_one.bytes_per_delivery,
        "{bundled:?}"
    );
    assert!(
        4.0 * bundled.libp2p_cpu_us_per_delivery < one_by_one.libp2p_cpu_us_per_delivery,
        "{bundled:?}"
    );
    assert!(bundled.normal_p99_ms.unwrap() < 2_000, "{bundled:?}");
    let alone = simulated(&Setup {
        bundled: false,
        ..troubled(7)
    });
    assert_eq!((alone.lost, alone.stores_equal), (0, true), "{alone:?}");
}

#[test]
fn a_network_that_is_told_too_much_loses_nothing_for_it() {
    let report = simulated(&Setup {
        rate: 40.0,
        uplink_mbit: 0.2,
        nodes: 20,
        ..small(4)
    });
    assert!(report.copies_dropped > 0, "{report:?}");
    assert_eq!((report.lost, report.stores_equal), (0, true), "{report:?}");
}

#[test]
fn a_run_that_cannot_be_is_refused_by_name() {
    let refused = |setup: &Setup| run(setup, &mut |_, _| ()).unwrap_err().to_string();
    assert_eq!(
        refused(&Setup { nodes: 1, ..small(1) }),
        "nodes must be 2 to 20000"
    );
    assert_eq!(
        refused(&Setup {
            loss: 0.7,
            ..small(1)
        }),
        "loss must be 0 to 0.5"
    );
    assert_eq!(
        refused(&Setup {
            rate: f64::NAN,
            ..small(1)
        }),
        "rate must be above 0 and at most 1000"
    );
}
