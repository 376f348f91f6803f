//! What tests of the running sensor share: a clock, a log of sshd, a sensor with its events.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use vigie_sensor::rules::Ruleset;
use vigie_sensor::run::{
    Clock, From, Pace, SensorConfig, SensorError, SensorEvent, SourceConfig, Start, run,
};
use vigie_wire::Timestamp;

/// 2026-06-01T00:00:00Z, when all tests begin.
pub(crate) const BEGIN: i64 = 1_780_272_000;

pub(crate) fn clock() -> Clock {
    let begun = Instant::now();
    Arc::new(move || Timestamp::from_secs(BEGIN) + begun.elapsed())
}

pub(crate) fn append(path: &Path, text: &str) {
    OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
}

/// A line of sshd so many seconds before the tests began.
pub(crate) fn sshd(seconds_ago: i64, message: &str) -> String {
    let time = jiff::Timestamp::from_second(BEGIN - seconds_ago).unwrap();
    format!("{time} host sshd[42]: {message}\n")
}

pub(crate) fn failed(seconds_ago: i64, ip: &str) -> String {
    sshd(
        seconds_ago,
        &format!("Failed password for root from {ip} port 22 ssh2"),
    )
}

pub(crate) fn accepted(seconds_ago: i64, ip: &str) -> String {
    sshd(
        seconds_ago,
        &format!("Accepted publickey for bob from {ip} port 22 ssh2: ED25519 SHA256:x"),
    )
}

pub(crate) fn config(path: &Path) -> SensorConfig {
    let from = From::File(path.to_owned());
    SensorConfig {
        sources: vec![SourceConfig {
            kind: "syslog".to_owned(),
            from,
        }],
        start: Start::Beginning,
        pace: Pace {
            poll: Duration::from_millis(5),
            settle: Duration::from_millis(50),
            rescan: Duration::from_millis(50),
        },
        ..SensorConfig::default()
    }
}

/// A sensor that runs until it is stopped.
pub(crate) struct Running {
    pub(crate) events: mpsc::Receiver<SensorEvent>,
    pub(crate) stop: CancellationToken,
    task: tokio::task::JoinHandle<Result<(), SensorError>>,
}

impl Running {
    pub(crate) fn start(config: SensorConfig) -> Self {
        Self::with(config, Ruleset::builtin().unwrap())
    }

    #[expect(clippy::disallowed_methods, reason = "a test's task, joined in `end`")]
    pub(crate) fn with(config: SensorConfig, rules: Ruleset) -> Self {
        let (tx, events) = mpsc::channel(64);
        let stop = CancellationToken::new();
        let task = tokio::spawn(run(config, rules, clock(), tx, stop.clone()));
        Self { events, stop, task }
    }

    /// Events up to and with the one that is waited for.
    pub(crate) async fn until(&mut self, mut wanted: impl FnMut(&SensorEvent) -> bool) -> Vec<SensorEvent> {
        let mut seen = Vec::new();
        loop {
            let next = tokio::time::timeout(Duration::from_mins(1), self.events.recv()).await;
            let Ok(Some(event)) = next else {
                panic!("the sensor ended, or said nothing for a minute, after {seen:?}")
            };
            let found = wanted(&event);
            seen.push(event);
            if found {
                return seen;
            }
        }
    }

    /// Stops it; the events that were still to come.
    pub(crate) async fn end(mut self) -> Vec<SensorEvent> {
        self.stop.cancel();
        let mut rest = Vec::new();
        while let Some(event) = self.events.recv().await {
            rest.push(event);
        }
        self.task.await.unwrap().unwrap();
        rest
    }
}

pub(crate) fn is_caught_up(event: &SensorEvent) -> bool {
    matches!(event, SensorEvent::CaughtUp { .. })
}

/// The ids of all detections, in order.
pub(crate) fn ids(events: &[SensorEvent]) -> Vec<String> {
    let detections = events.iter().filter_map(|event| match event {
        SensorEvent::Detection(detection) => Some(detection.id.to_string()),
        _ => None,
    });
    detections.collect()
}
