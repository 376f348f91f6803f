//! Real nodes in network namespaces, on a wire with distance and loss that is cut, while nodes are killed.
//!
//! `wire` makes namespaces and the wire, `town` the nodes, `storm` the weather, `soak` lets it rage as long as one likes
//! (`make soak`). `make test` has a short one. Deliberately absent: thousands of nodes; that is `vigie sim mesh`.

mod behind;
mod figures;
mod forks;
mod newer;
mod puppet;
mod soak;
mod storm;
mod town;
mod usage;
mod wire;

use std::time::Duration;

use crate::skip::skip;
use crate::support::number_of;
use storm::{Storm, Weather};
use town::Town;
use wire::Air;

/// Nodes of a town.
const NODES: usize = 8;

/// The wire of these tests: one frame in a hundred is lost, the farthest are 60 ms apart.
fn air() -> Air {
    let seed = number_of("VIGIE_SOAK_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    Air {
        seed,
        loss: 0.01,
        farthest_ms: 60,
        mbit: 50,
    }
}

/// Says at once, whatever the runner keeps of a test's output.
fn say(line: &str) {
    use std::io::Write as _;
    std::io::stderr()
        .write_all(format!("{line}\n").as_bytes())
        .unwrap();
}

/// A town that is up and connected; none, and a skip, where this machine has no wire for it.
fn town(test: &str, nodes: usize, guests: &[String], air: Air) -> Option<Town> {
    match Town::found_with(nodes, guests, air) {
        Ok(town) => {
            town.until_connected(2);
            Some(town)
        }
        Err(reason) => {
            skip(test, &reason);
            None
        }
    }
}

#[test]
fn nothing_is_lost_by_partition_and_kill() {
    let air = air();
    println!("VIGIE_SOAK_SEED={}", air.seed);
    let Some(town) = town("nothing_is_lost_by_partition_and_kill", NODES, &[], air) else {
        return;
    };
    let mut storm = Storm::over(town, air);
    let weather = Weather {
        storm: Duration::from_secs(8),
        kills: 3,
        flood: 150,
        drizzle: 0.7,
        patience: Duration::from_secs(60),
    };
    for _ in 0..2 {
        let healed = storm.round(weather);
        println!("{}", storm.progress());
        assert!(healed.is_ok(), "{healed:?}");
    }
    let (_storm, report) = storm.report();
    println!("{report:#}");
    assert_eq!(report["lost"], 0);
    assert_eq!(report["stores_equal"], true, "{}", report["difference"]);
    assert!(report["wire"]["lost"].as_u64() > Some(0), "the wire is too good");
}
