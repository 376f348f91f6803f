//! Our own sightings on their way out: batched, sequenced, chained, signed, on disk, and only then published.
//!
//! Before this stop: `share`. After it: `chain`, then `vigie_gossip::publish`. What waits is in the store (alerts marked pending),
//! so a kill -9 between detection and envelope loses nothing, and one after it repeats nothing. How long a row waits
//! for company is the core's decision (`vigie_gossip_core::window`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use vigie_gossip_core::window::{Batch, Window};
use vigie_gossip_core::{Class, Standing};
use vigie_store::{Alert, AlertId};
use vigie_wire::envelope::policy;
use vigie_wire::{Behaviour, Envelope, Indicator, Payload, RuleHash, Sighting, SightingId, Timestamp};

use crate::node::Node;
use crate::{chain, share};

/// A look for what a crash or a refused envelope left behind.
const SWEEP: Duration = Duration::from_secs(30);
/// Alerts taken from the store at once.
const TAKEN: u32 = 4_096;

/// What the window merges: alerts with the same subject leave as one row.
type Subject = (Indicator, Behaviour, RuleHash);

/// An alert behind a row that waits.
#[derive(Clone, Copy)]
struct Waiting {
    alert: AlertId,
    detection: [u8; 16],
}

/// The rows that wait and the alerts behind them. Only a cache of the store: losing it loses nothing.
struct Outbox {
    node: Arc<Node>,
    window: Window,
    waiting: BTreeMap<Subject, Vec<Waiting>>,
    taken: BTreeSet<AlertId>,
}

/// Publishes what waits until shutdown. What still waits then is taken up at the next start.
pub(crate) async fn run(node: Arc<Node>, shutdown: CancellationToken) -> anyhow::Result<()> {
    let mut outbox = Outbox {
        node: Arc::clone(&node),
        window: Window::new(Class::Newcomer),
        waiting: BTreeMap::new(),
        taken: BTreeSet::new(),
    };
    loop {
        outbox.step().await?;
        let pause = outbox
            .window
            .next_deadline()
            .map_or(SWEEP, |due| due.since(node.now()).min(SWEEP));
        tokio::select! {
            () = node.outbox.notified() => {}
            () = tokio::time::sleep(pause) => {}
            () = shutdown.cancelled() => return Ok(()),
        }
    }
}

// === impl Outbox ===

impl Outbox {
    /// Takes new alerts in and lets out what is due.
    async fn step(&mut self) -> anyhow::Result<()> {
        if self.node.skewed.load(Ordering::Relaxed) {
            return Ok(());
        }
        let now = self.node.now();
        let publisher = self.node.identity.node.public().publisher_id();
        match self.node.membership.standing(publisher, now) {
            None => return Ok(()),
            Some(Standing::Outsider(why)) => {
                tracing::debug!(%why, "nothing is published: the network does not admit this node yet");
                return Ok(());
            }
            Some(standing) => self.window.set_class(standing.class().unwrap_or(Class::Newcomer)),
        }
        for alert in self.node.store.pending_shares(TAKEN).await? {
            if self.taken.insert(alert.id) {
                self.take(&alert, now).await?;
            }
        }
        for batch in self.window.poll(now) {
            self.publish(batch).await?;
        }
        Ok(())
    }

    /// Policy may have changed since the alert was written: it is asked again at the door.
    async fn take(&mut self, alert: &Alert, now: Timestamp) -> anyhow::Result<()> {
        let known = alert.alert.value.parse().is_ok_and(|ip| self.node.is_known(ip));
        let Ok(sighting) = share::to_sighting(&alert.alert, &self.node.sharing(), known) else {
            self.taken.remove(&alert.id);
            return Ok(self.node.store.withhold(&[alert.id]).await?);
        };
        let subject = subject(&sighting);
        let urgent = !self.waiting.contains_key(&subject);
        let waiting = Waiting {
            alert: alert.id,
            detection: alert.alert.detection,
        };
        match self.window.push(sighting, urgent, now) {
            Ok(()) => self.waiting.entry(subject).or_default().push(waiting),
            Err(full) => {
                // It stays pending in the store and comes back with a later step.
                self.taken.remove(&alert.id);
                tracing::warn!(%full, "the outbox is full: a sighting waits on disk");
            }
        }
        Ok(())
    }

    /// Lets a batch out. Alerts whose envelope is not admitted now stay pending in the store.
    async fn publish(&mut self, batch: Batch) -> anyhow::Result<()> {
        let policy = if batch.urgent { policy::URGENT } else { 0 };
        let mut leaving: BTreeMap<Subject, Vec<Waiting>> = BTreeMap::new();
        for row in &batch.rows {
            if let Some(waiting) = self.waiting.remove(&subject(row)) {
                self.taken.retain(|id| waiting.iter().all(|one| one.alert != *id));
                leaving.insert(subject(row), waiting);
            }
        }
        let rows_of = |envelope: &Envelope| {
            let of_row = |(id, sighting): (SightingId, Sighting)| {
                let alerts = leaving
                    .get(&subject(&sighting))
                    .map(Vec::as_slice)
                    .unwrap_or_default();
                alerts.iter().map(|one| (one.alert, id)).collect::<Vec<_>>()
            };
            envelope.sightings().flat_map(of_row).collect()
        };
        let shared = chain::publish(&self.node, Payload::Sightings(batch.rows), policy, rows_of).await?;
        for (alert, sighting) in shared.unwrap_or_default() {
            let detection = leaving
                .values()
                .flatten()
                .find(|one| one.alert == alert)
                .map(|one| hex::encode(one.detection));
            tracing::info!(detection.id = detection, alert.id = alert, sighting.id = %sighting, "shared");
        }
        Ok(())
    }
}

fn subject(sighting: &Sighting) -> Subject {
    (sighting.indicator.clone(), sighting.behaviour, sighting.rule)
}
