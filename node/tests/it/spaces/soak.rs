//! The same weather for as long as one likes: `make soak MINUTES=n [NODES=8] [SEED=s] [LOSS=0.01]`.
//!
//! One line a round, and a report at the end, readable and as JSON. What fails names its seed and leaves its directories.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::say;
use super::storm::Storm;
use super::town::Town;
use super::wire::Air;
use crate::support::{number_of, text_of};

/// The most namespaces that the switch has ports for.
const MOST: u64 = 64;

#[test]
fn as_long_as_somebody_asks() {
    let Some(minutes) = number_of("VIGIE_SOAK_MINUTES") else {
        // `make test` has its own, of half a minute.
        return;
    };
    let air = Air {
        seed: number_of("VIGIE_SOAK_SEED").unwrap_or_else(|| u64::from(std::process::id())),
        loss: text_of("VIGIE_SOAK_LOSS").map_or(0.01, |text| text.parse().unwrap()),
        farthest_ms: 100,
        mbit: 50,
    };
    let nodes = number_of("VIGIE_SOAK_NODES").unwrap_or(8);
    assert!((2..=MOST).contains(&nodes), "2 to {MOST} nodes");
    say(&format!(
        "{nodes} nodes, {minutes} minutes, SEED={}, LOSS={}",
        air.seed, air.loss
    ));
    let town = Town::found(usize::try_from(nodes).unwrap(), air).unwrap_or_else(|reason| panic!("{reason}"));
    let mut storm = Storm::over(town, air);
    let until = Instant::now() + Duration::from_secs(60 * minutes);
    let mut failed = None;
    while failed.is_none() && Instant::now() < until {
        let weather = storm.any_weather();
        failed = storm.round(weather).err();
        say(&storm.progress());
    }
    let (mut storm, mut report) = storm.report();
    let fine = failed.is_none() && report["lost"] == 0 && report["stores_equal"] == true;
    if !fine {
        let kept: Vec<_> = storm
            .town
            .members
            .iter_mut()
            .map(|member| member.home.keep().to_owned())
            .collect();
        report["kept"] = json!(kept);
        report["failure"] = json!(failed);
    }
    say(&readable(&report));
    if let Some(path) = text_of("VIGIE_SOAK_REPORT") {
        std::fs::write(path, format!("{report:#}\n")).unwrap();
    }
    assert!(fine, "SEED={}: {report:#}", air.seed);
}

/// The report for people.
fn readable(report: &Value) -> String {
    let list = |name: &str, divisor: f64| -> String {
        let numbers = report[name].as_array().cloned().unwrap_or_default();
        let numbers = numbers.iter().filter_map(Value::as_f64);
        numbers
            .map(|number| format!(" {:.1}", number / divisor))
            .collect()
    };
    let seconds = |name: &str| report[name].as_f64().unwrap_or(f64::NAN);
    format!(
        "nodes {}, seed {}, loss {}, {} s, {} rounds\n\
         partitions {} ({} one way), kills {}\n\
         published {}, delivered {}, lost {}, envelopes {}, stores equal: {}\n\
         healing, median {:.1} s, longest {:.1} s\n\
         memory at its highest, MiB:{}\n\
         processor seconds:{}; {} us per delivered sighting, the nodes' own work included\n\
         the wire: {}",
        report["nodes"],
        report["seed"],
        report["loss"],
        report["seconds"],
        report["rounds"],
        report["partitions"],
        report["one_way"],
        report["kills"],
        report["published"],
        report["delivered"],
        report["lost"],
        report["envelopes"],
        report["stores_equal"],
        seconds("heal_p50_s"),
        seconds("heal_max_s"),
        list("peak_kib", 1024.0),
        list("cpu_s", 1.0),
        report["cpu_us_per_delivery"],
        report["wire"],
    )
}
