//! Our own sensor's word: detections become alerts and decisions, logins become memory, positions become notes.
//!
//! Before this stop: `vigie_sensor::detect`. After it: `decide` and `share`, then `table` and `outbox`.
//! Events are handled in order, and a position is noted only after the effects of every line before it, so that
//! kill -9 at any moment loses no detection; a repeated one is found by its id.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc;
use vigie_sensor::detect::Detection;
use vigie_sensor::run::{Resume, SensorEvent};
use vigie_sensor::source::{Kept, SourceConfig};
use vigie_store::{Decision, NewAlert, NewDecision, Remembered, Share, StoreError, Tier};
use vigie_wire::Timestamp;

use crate::absent::{Absent, LOOK_EVERY};
use crate::clock::rfc3339;
use crate::node::Node;
use crate::visitors::Visit;
use crate::{decide, share};

/// The machine of our own alerts; no other is called so.
pub(crate) const SENSOR: &str = "sensor";
/// Effects that may wait for a full or restarting database; then the sensor waits too.
const BACKLOG: usize = 10_000;
/// Between two attempts to write what waits.
const RETRY: Duration = Duration::from_secs(1);
/// The note of the logs that are gone.
const ABSENT: &str = "absent";

/// What an event leads to on disk, in the order of the events.
enum Effect {
    Alert(Box<Found>),
    Login(Remembered),
    Position {
        source: String,
        resume: Resume,
        text: String,
    },
}

/// One detection and what it leads to.
struct Found {
    alert: NewAlert,
    decisions: Vec<NewDecision>,
    /// The decisions as they are enforced while they wait for the disk.
    held: Vec<Decision>,
}

/// The sensor's events on their way to disk.
struct Watch {
    node: Arc<Node>,
    kept: Arc<Kept>,
    absent: Absent,
    backlog: VecDeque<Effect>,
    failing: bool,
    /// Visitors who are in no journal yet.
    visits: Vec<Visit>,
    /// Numbers of decisions that are enforced before they are written: below zero, so that none is ever a stored one's.
    provisional: i64,
}

/// The logs that were gone when the last process looked.
pub(crate) async fn absent(node: &Node, sources: &[SourceConfig]) -> Result<Absent, StoreError> {
    let kept = node.store.note(node.mine(), ABSENT).await?;
    Ok(Absent::new(kept.as_deref(), sources))
}

/// Handles the sensor's events until the sensor ends. What is not on disk then was not checkpointed either: the next
/// start reads its lines again. What is on disk is noted in `kept`, so that sources can let go of it. Positions of logs that
/// are gone go in the end, by `absent`.
pub(crate) async fn run(
    node: Arc<Node>,
    mut events: mpsc::Receiver<SensorEvent>,
    kept: Arc<Kept>,
    absent: Absent,
) -> anyhow::Result<()> {
    let mut watch = Watch {
        node,
        kept,
        absent,
        backlog: VecDeque::new(),
        failing: false,
        visits: Vec::new(),
        provisional: 0,
    };
    let mut looks = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            event = events.recv(), if watch.backlog.len() < BACKLOG => match event {
                Some(event) => watch.take(event)?,
                None => break,
            },
            () = tokio::time::sleep(RETRY), if !watch.backlog.is_empty() => {}
            _ = looks.tick() => watch.look().await,
            gone = watch.absent.looked() => watch.forget(&gone).await,
        }
        watch.flush().await;
    }
    watch.flush().await;
    Ok(())
}

// === impl Watch ===

impl Watch {
    fn take(&mut self, event: SensorEvent) -> anyhow::Result<()> {
        match event {
            SensorEvent::Detection(detection) => self.detected(&detection),
            SensorEvent::Authenticated { ip, at } => {
                // A log that is ahead of the clock tells nothing of tomorrow.
                let at = at.min(self.node.now());
                self.node.breaker.logged_in(&self.node, ip);
                self.node
                    .opinion
                    .remember(ip, vigie_reputation::Tier::Authenticated, at);
                self.backlog.push_back(Effect::Login(Remembered {
                    ip,
                    tier: Tier::Authenticated,
                    at,
                }));
            }
            SensorEvent::Visitor { ip, at } => {
                let at = at.min(self.node.now());
                self.node.breaker.visited(&self.node, ip);
                if self.node.opinion.visited(ip, at) {
                    self.visits.push((ip, at));
                }
            }
            SensorEvent::Checkpoint { source, resume } => {
                self.absent.hear(&source);
                let text = serde_json::to_string(&resume)?;
                self.backlog.push_back(Effect::Position { source, resume, text });
            }
            SensorEvent::CaughtUp { source } => tracing::info!(source, "read to its end"),
        }
        Ok(())
    }

    /// Begins to look which logs are gone.
    async fn look(&mut self) {
        match positions(&self.node).await {
            Ok(positions) => self.absent.look(positions),
            Err(error) => tracing::debug!(%error, "which logs are gone waits for the database"),
        }
    }

    /// Removes the positions of logs that are gone for long. Nothing is heard of them between the look and here, or they
    /// are not among those: only this task writes positions.
    async fn forget(&mut self, gone: &BTreeSet<String>) {
        let (node, mine) = (&self.node, self.node.mine());
        for source in self.absent.settle(gone, node.now()) {
            match node.store.delete_note(mine, &format!("position/{source}")).await {
                Ok(_) => tracing::info!(log = source, "a log is gone for long, and its position with it"),
                Err(error) => tracing::warn!(%error, log = source, "its position could not be removed"),
            }
        }
        if let Err(error) = node.store.put_note(mine, ABSENT, &self.absent.text()).await {
            tracing::warn!(%error, "which logs are gone could not be noted");
        }
    }

    fn detected(&mut self, detection: &Detection) {
        let now = self.node.now();
        let mut alert = alert(detection, now);
        let known = detection.ip.is_some_and(|ip| self.node.is_known(ip));
        if detection.live && share::to_sighting(&alert, &self.node.sharing(), known).is_ok() {
            alert.share = Share::Pending;
        }
        let before = self.node.repeats.times(&alert.value, now);
        let decisions = decide::on_detection(&alert, &self.node.enforcing(), before);
        let found = Found {
            alert,
            decisions,
            held: Vec::new(),
        };
        self.backlog.push_back(Effect::Alert(Box::new(found)));
        if self.failing {
            self.enforce_what_waits();
        }
    }

    /// The disk is full or the database away: enforcement does not wait for it.
    fn enforce_what_waits(&mut self) {
        let mut enforced = Vec::new();
        for effect in &mut self.backlog {
            let Effect::Alert(found) = effect else { continue };
            if !found.held.is_empty() {
                continue;
            }
            for decision in &found.decisions {
                self.provisional -= 1;
                found.held.push(Decision {
                    id: self.provisional,
                    alert: None,
                    decision: decision.clone(),
                });
            }
            enforced.extend_from_slice(&found.held);
        }
        self.node.table.put(&enforced, self.node.now());
    }

    /// Writes what waits, in order, as far as the store takes it.
    async fn flush(&mut self) {
        self.node.visitors.note(&std::mem::take(&mut self.visits));
        if let Err(error) = self.node.breaker.settle(&self.node).await {
            tracing::debug!(error = format!("{error:#}"), "what the breaker leads to waits");
        }
        while let Some(effect) = self.backlog.front() {
            if matches!(effect, Effect::Position { .. }) {
                self.node.visitors.sync().await;
            }
            match write(&self.node, effect).await {
                Ok(()) => {
                    if let Some(Effect::Position { source, resume, .. }) = self.backlog.pop_front() {
                        self.kept.note(&source, &resume.position);
                    }
                    self.failing = false;
                }
                Err(error) => {
                    if !self.failing {
                        tracing::error!(
                            error = format!("{:#}", anyhow::Error::new(error)),
                            "what was detected waits for the database"
                        );
                    }
                    self.failing = true;
                    self.enforce_what_waits();
                    return;
                }
            }
        }
    }
}

/// The logs whose positions are noted.
async fn positions(node: &Node) -> Result<Vec<String>, StoreError> {
    let notes = node.store.notes(node.mine(), "position/").await?;
    let names = notes.into_iter();
    Ok(names
        .map(|(name, _)| name.trim_start_matches("position/").to_owned())
        .collect())
}

async fn write(node: &Node, effect: &Effect) -> Result<(), StoreError> {
    match effect {
        Effect::Alert(found) => write_alert(node, found).await,
        Effect::Login(login) => node.store.remember(login).await,
        Effect::Position { source, text, .. } => {
            let name = format!("position/{source}");
            node.store.put_note(node.mine(), &name, text).await
        }
    }
}

async fn write_alert(node: &Node, found: &Found) -> Result<(), StoreError> {
    let alert = &found.alert;
    let written = node.store.insert_alert(alert, &found.decisions).await?;
    // What stood for a decision until now ends with its writing, so that one decision is one, also when it is ended.
    let mut ended = found.held.clone();
    for held in &mut ended {
        held.decision.until = node.now();
    }
    let Some((id, mut decisions)) = written else {
        // Seen before the last restart: its effects are in the store already. Or the store took it and could not say so:
        // then what stood for the decision is followed by it.
        if !ended.is_empty() {
            node.recover(alert.detection).await?;
        }
        node.table.put(&ended, node.now());
        return Ok(());
    };
    let decided = decisions.len();
    node.repeats.note(&decisions);
    decisions.extend(ended);
    tracing::info!(
        detection.id = hex::encode(alert.detection),
        alert.id = id,
        scenario = alert.scenario,
        indicator = alert.value,
        decided,
        "detection"
    );
    if let Some((subject, behaviour)) = decide::proven(alert, &node.spared()) {
        node.opinion.own_detection(&subject, behaviour, alert.last);
    }
    node.table.put(&decisions, node.now());
    if alert.share == Share::Pending {
        node.outbox.notify_one();
    }
    Ok(())
}

fn alert(detection: &Detection, now: Timestamp) -> NewAlert {
    let events: Vec<_> = detection
        .events
        .iter()
        .map(|event| {
            let meta: Vec<_> = event
                .meta
                .iter()
                .map(|(key, value)| json!({"key": key, "value": value}))
                .collect();
            json!({"timestamp": rfc3339(event.at), "meta": meta})
        })
        .collect();
    NewAlert {
        detection: detection.id.0,
        machine: SENSOR.to_owned(),
        scenario: detection.scenario.clone(),
        scenario_version: detection.scenario_version.clone(),
        rule: detection.rule,
        behaviour: detection.behaviour,
        scope: detection.scope.clone(),
        value: detection.value.clone(),
        message: detection.message.clone(),
        events_count: detection.events_count,
        capacity: detection.capacity,
        leakspeed: detection.leakspeed.clone(),
        first: detection.first,
        last: detection.last,
        created_at: now,
        simulated: detection.simulated,
        remediation: detection.remediation,
        labels: detection.labels.clone(),
        events: serde_json::Value::Array(events),
        share: Share::Never,
    }
}

#[cfg(test)]
mod tests;
