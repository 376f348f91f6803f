//! The sensor as an agent of somebody else's CrowdSec Local API: this machine's logs, read and judged here, told there.
//!
//! Sensor ─► `keeper` (alerts to disk, then positions) ─► `outbox` ─► `speaker` (login, alerts, heartbeat). Each arrow
//! is bounded and survives a kill. Deliberately absent: everything that makes a node, such as a store, a mesh,
//! decisions and an API; what follows from an alert is the other side's business.

mod backoff;
pub(crate) mod credentials;
mod keeper;
pub(crate) mod lapi;
mod outbox;
mod speaker;
mod state;
pub(crate) mod usage;
pub(crate) mod writer;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use vigie_sensor::detect::Limits;
use vigie_sensor::rules::Ruleset;
use vigie_sensor::run::SensorConfig;
use vigie_sensor::source::{SourceConfig, Start};
use vigie_sensor::stats::{Counter, Stats};

use crate::terminal::say;
use crate::{clock, up};
use keeper::Keeper;
use lapi::{Lapi, Who};
use outbox::Outbox;
use speaker::Speaker;
pub(crate) use state::State;
use usage::{About, Usage};
use writer::Writer;

/// Events of the sensor that may wait for the disk; then the sensor waits.
const QUEUE: usize = 1_024;
/// Between two lines of status.
const STATUS: Duration = Duration::from_secs(60);
/// How long the last lines may take, and then the last alerts.
const FAREWELL: Duration = Duration::from_secs(5);

/// Everything an agent is made of.
pub(crate) struct Agent {
    pub(crate) lapi: Lapi,
    pub(crate) who: Who,
    pub(crate) rules: Ruleset,
    pub(crate) sources: Vec<SourceConfig>,
    pub(crate) simulate: HashSet<String>,
    pub(crate) writer: Writer,
    /// What the Local API is told of us.
    pub(crate) about: About,
    pub(crate) state: State,
    /// Where a log begins that was never read before.
    pub(crate) start: Start,
    /// What the scenarios' buckets may hold.
    pub(crate) limits: Limits,
    /// Status as JSON on standard output, instead of in the log.
    pub(crate) json: bool,
}

/// What happened since the start.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Alerts that were written to the outbox.
    detections: Counter,
    /// Alerts that the Local API took.
    sent: Counter,
    /// Alerts that it will never take.
    refused: Counter,
    /// Alerts that were too old when the outbox was full.
    dropped: Counter,
    /// Whether the last exchange went well.
    up: AtomicBool,
}

// === impl Agent ===

impl Agent {
    /// Runs until a signal comes, the sources end or a task fails. `started` is told how many alerts wait from before,
    /// and whether the Local API answered, once everything runs. Fails at once if the Local API refuses the login.
    pub(crate) async fn run(self, started: impl FnOnce(u64, bool)) -> anyhow::Result<()> {
        let mut signals = up::signals()?;
        let counts = Arc::new(Counts::default());
        let stats = Arc::new(Stats::default());
        let outbox = Arc::new(Outbox::open(&self.state.outbox(), Arc::clone(&counts))?);
        let names = self.rules.scenarios.iter();
        let names = names.map(|scenario| scenario.name.to_string()).collect();
        let mut positions = self.state.positions()?;
        let absent = positions.absent(&self.sources);
        let mut config = SensorConfig {
            sources: self.sources,
            resume: positions.known(),
            start: self.start,
            spool: self.state.spool(),
            limits: self.limits,
            simulate: self.simulate,
            watched: positions.watched(),
            stats: Arc::clone(&stats),
            ..SensorConfig::default()
        };
        // What is written from here on is read, also by the next process if this one is killed before it noted anything.
        config.take_ends(clock::now());
        positions.begin(&config.resume, &config.sources);
        let mut speaker = Speaker::new(
            self.lapi,
            self.who,
            names,
            Arc::clone(&outbox),
            Arc::clone(&counts),
        )
        .telling(Usage::new(self.about, Arc::clone(&stats)));
        let answers = tokio::select! {
            answers = speaker.introduce() => answers?,
            _ = signals.0.recv() => return Ok(()),
            _ = signals.1.recv() => return Ok(()),
        };
        let keeper = Keeper::new(
            self.writer,
            (positions, absent),
            Arc::clone(&outbox),
            Arc::clone(&config.kept),
        );

        let (stop, hush) = (CancellationToken::new(), CancellationToken::new());
        let (told, events) = mpsc::channel(QUEUE);
        let (mut watching, mut speaking) = (JoinSet::new(), JoinSet::new());
        let waiting = outbox.waiting();
        let (rules, stopping) = (self.rules, stop.clone());
        watching.spawn(async move {
            let ended = vigie_sensor::run::run(config, rules, clock::system(), told, stopping);
            ended.await.context("the sensor failed")
        });
        watching.spawn(keeper.run(events, hush.clone()));
        speaking.spawn(speaker.run(hush.clone()));
        started(waiting, answers);

        // The first at once.
        let mut status = tokio::time::interval(STATUS);
        let ended = loop {
            tokio::select! {
                _ = signals.0.recv() => break Ok(()),
                _ = signals.1.recv() => break Ok(()),
                Some(task) = watching.join_next() => match flat(task) {
                    Ok(()) if watching.is_empty() => break Ok(()),
                    Ok(()) => {}
                    Err(error) => break Err(error),
                },
                Some(task) = speaking.join_next() => break flat(task),
                _ = status.tick() => report(&counts, &stats, &outbox, self.json),
            }
        };
        stop.cancel();
        // The sensor tells what it has read, the keeper writes it down, and the speaker says it if it is heard.
        let last_lines = async { while watching.join_next().await.is_some() {} };
        if tokio::time::timeout(FAREWELL, last_lines).await.is_err() {
            tracing::warn!("not everything that was read could be kept: it is read again at the next start");
        }
        hush.cancel();
        let last_words = async { while speaking.join_next().await.is_some() {} };
        if tokio::time::timeout(FAREWELL, last_words).await.is_err() {
            tracing::debug!("the Local API did not hear the last words");
        }
        report(&counts, &stats, &outbox, self.json);
        ended
    }
}

fn flat(task: Result<anyhow::Result<()>, JoinError>) -> anyhow::Result<()> {
    task.map_err(anyhow::Error::new).and_then(|ended| ended)
}

/// One line for whoever watches over the agent.
fn report(counts: &Counts, stats: &Stats, outbox: &Outbox, json: bool) {
    let snapshot = stats.snapshot();
    let (sources, unanswered) = (snapshot.sources, snapshot.names_unanswered);
    let lines: u64 = sources.values().map(|source| source.lines).sum();
    let parsed: u64 = sources.values().map(|source| source.parsed).sum();
    let (up, waiting) = (counts.up.load(Ordering::Relaxed), outbox.waiting());
    let (detections, sent) = (counts.detections.get(), counts.sent.get());
    let (refused, dropped) = (counts.refused.get(), counts.dropped.get());
    if json {
        let status = json!({
            "at": clock::rfc3339(clock::now()), "lapi": if up { "up" } else { "down" },
            "lines": lines, "parsed": parsed, "detections": detections,
            "sent": sent, "waiting": waiting, "refused": refused, "dropped": dropped,
            "names_unanswered": unanswered,
        });
        if let Err(error) = say(&format!("{status}\n")) {
            tracing::warn!(%error, "the status was not heard");
        }
        return;
    }
    tracing::info!(
        up,
        lines,
        parsed,
        detections,
        sent,
        waiting,
        refused,
        dropped,
        names_unanswered = unanswered,
        "status"
    );
}
