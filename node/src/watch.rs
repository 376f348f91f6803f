//! Our own sensor's word: detections become alerts and decisions, logins become memory, positions become notes.
//!
//! Before this stop: `vigie_sensor::detect`. After it: `decide` and `share`, then `table` and `outbox`.
//! Events are handled in order, and a position is noted only after the effects of every line before it, so that
//! kill -9 at any moment loses no detection; a repeated one is found by its id.

use std::sync::Arc;

use serde_json::json;
use tokio::sync::mpsc;
use vigie_sensor::detect::Detection;
use vigie_sensor::run::SensorEvent;
use vigie_store::{NewAlert, Remembered, Share, Tier};
use vigie_wire::{Indicator, Timestamp};

use crate::clock::rfc3339;
use crate::node::Node;
use crate::{decide, share};

/// Handles the sensor's events until the sensor ends.
pub(crate) async fn run(node: Arc<Node>, mut events: mpsc::Receiver<SensorEvent>) -> anyhow::Result<()> {
    while let Some(event) = events.recv().await {
        match event {
            SensorEvent::Detection(detection) => on_detection(&node, &detection).await?,
            SensorEvent::Authenticated { ip, at } => {
                node.opinion
                    .remember(ip, vigie_reputation::Tier::Authenticated, at);
                node.store
                    .remember(&Remembered {
                        ip,
                        tier: Tier::Authenticated,
                        at,
                    })
                    .await?;
            }
            SensorEvent::Visitor { ip, at } => node.opinion.remember(ip, vigie_reputation::Tier::Visitor, at),
            SensorEvent::Checkpoint { source, resume } => {
                let text = serde_json::to_string(&resume)?;
                node.store.put_note(&format!("position/{source}"), &text).await?;
            }
            SensorEvent::CaughtUp { source } => tracing::info!(source, "read to its end"),
        }
    }
    Ok(())
}

async fn on_detection(node: &Node, detection: &Detection) -> anyhow::Result<()> {
    let now = node.now();
    let mut alert = alert(detection, now);
    let subject = detection.ip.map(Indicator::ip);
    let known = detection.ip.is_some_and(|ip| node.is_known(ip));
    if detection.live && share::to_sighting(&alert, &node.sharing(), known).is_ok() {
        alert.share = Share::Pending;
    }
    let decision = decide::on_detection(&alert, &node.enforcing());
    let Some((id, decisions)) = node.store.insert_alert(&alert, decision.as_slice()).await? else {
        // Seen before the last restart: its effects are in the store already.
        return Ok(());
    };
    tracing::info!(
        detection.id = hex::encode(detection.id.0),
        alert.id = id,
        scenario = alert.scenario,
        indicator = alert.value,
        decided = decisions.len(),
        "detection"
    );
    if let (Some(subject), Some(behaviour)) = (&subject, alert.behaviour) {
        node.opinion.own_detection(subject, behaviour, detection.last);
    }
    node.table.put(&decisions, now);
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
        machine: "sensor".to_owned(),
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
