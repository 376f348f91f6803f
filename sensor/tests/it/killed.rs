//! A sensor in a process of its own that writes down every event before it takes the next, to be killed at any moment.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use vigie_sensor::run::{Resume, SensorConfig, SensorEvent, SourceConfig};

use crate::support::{Running, config};

const DIRECTORY: &str = "VIGIE_TEST_SENSOR_DIRECTORY";

/// What the sensor said, over all its lives.
#[derive(Default)]
pub(crate) struct Effects {
    pub(crate) detections: BTreeSet<String>,
    pub(crate) authenticated: BTreeSet<String>,
    /// The first checkpoint of each source.
    pub(crate) first: HashMap<String, Resume>,
    /// The last.
    pub(crate) resume: HashMap<String, Resume>,
    pub(crate) checkpoints: usize,
}

/// Writes down which sources the sensor reads.
pub(crate) fn prepare(directory: &Path, sources: &[SourceConfig]) {
    fs::write(
        directory.join("sources.json"),
        serde_json::to_string(sources).unwrap(),
    )
    .unwrap();
}

/// A sensor of the sources in `directory`, from the beginning of each.
pub(crate) fn sensor_of(directory: &Path) -> SensorConfig {
    let sources = fs::read(directory.join("sources.json")).unwrap();
    SensorConfig {
        sources: serde_json::from_slice(&sources).unwrap(),
        spool: directory.join("spool"),
        ..config(directory)
    }
}

pub(crate) fn start(directory: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["killed::child_that_is_killed", "--exact", "--nocapture"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn child_that_is_killed() {
    let Some(directory) = std::env::var_os(DIRECTORY).map(PathBuf::from) else {
        return;
    };
    let mut config = sensor_of(&directory);
    config.resume = effects(&directory).resume;
    let mut sensor = Running::start(config);
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(directory.join("effects"))
        .unwrap();
    while let Some(event) = sensor.events.recv().await {
        let line = match event {
            SensorEvent::Detection(detection) => format!("D {}\n", detection.id),
            SensorEvent::Authenticated { ip, .. } => format!("A {ip}\n"),
            SensorEvent::Checkpoint { source, resume } => {
                format!("C {source}\t{}\n", serde_json::to_string(&resume).unwrap())
            }
            SensorEvent::Visitor { .. } | SensorEvent::CaughtUp { .. } => continue,
        };
        file.write_all(line.as_bytes()).unwrap();
        file.sync_data().unwrap();
    }
}

pub(crate) fn effects(directory: &Path) -> Effects {
    let mut effects = Effects::default();
    let Ok(file) = File::open(directory.join("effects")) else {
        return effects;
    };
    for line in BufReader::new(file).lines() {
        // The last line of a killed child may be torn; then it has no effect.
        let Ok(line) = line else { break };
        match line.split_once(' ') {
            Some(("D", id)) if id.len() == 32 => drop(effects.detections.insert(id.to_owned())),
            Some(("A", ip)) => drop(effects.authenticated.insert(ip.to_owned())),
            Some(("C", checkpoint)) => {
                let Some((source, json)) = checkpoint.split_once('\t') else {
                    continue;
                };
                let Ok(resume) = serde_json::from_str::<Resume>(json) else {
                    continue;
                };
                effects.checkpoints += 1;
                effects
                    .first
                    .entry(source.to_owned())
                    .or_insert_with(|| resume.clone());
                effects.resume.insert(source.to_owned(), resume);
            }
            _ => {}
        }
    }
    effects
}
