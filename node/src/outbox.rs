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

use crate::chain::OwnChain;
use crate::node::Node;
use crate::{chain, defend, say, share};

/// A look for what a crash or a refused envelope left behind.
const SWEEP: Duration = Duration::from_secs(30);
/// A look whether we may speak by now.
const GATED: Duration = Duration::from_secs(1);
/// After the first peer proved who it is: so long what it knows of our chain may take.
const LISTENING: Duration = Duration::from_secs(3);
/// Nobody answers: so long we wait.
const UNANSWERED: Duration = Duration::from_secs(60);
/// Older detections are history, which is not shared.
const FRESH: Duration = Duration::from_secs(24 * 3_600);
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

/// How a look at the outbox ended.
enum Step {
    /// What was due left.
    Done,
    /// Nothing may leave now.
    Waits,
}

/// The rows that wait and the alerts behind them. Only a cache of the store: losing it loses nothing.
struct Outbox {
    node: Arc<Node>,
    window: Window,
    class: Option<Class>,
    waiting: BTreeMap<Subject, Vec<Waiting>>,
    taken: BTreeSet<AlertId>,
    /// Alerts up to this number are taken, shared or withheld.
    read: AlertId,
}

/// Publishes what waits until shutdown. What still waits then is taken up at the next start.
pub(crate) async fn run(node: Arc<Node>, shutdown: CancellationToken) -> anyhow::Result<()> {
    let mut outbox = Outbox::new(Arc::clone(&node));
    loop {
        let pause = match outbox.step().await {
            Ok(Step::Waits) => GATED,
            Ok(Step::Done) => {
                let due = outbox.window.next_deadline();
                due.map_or(SWEEP, |due| due.since(node.now()).min(SWEEP))
            }
            Err(error) => {
                // What waits is on disk already; a full or restarting database is asked again later.
                tracing::error!(error = format!("{error:#}"), "nothing could be published");
                // Batches that the window gave out already are no longer in it: all is read again.
                outbox = Outbox::new(Arc::clone(&node));
                SWEEP
            }
        };
        tokio::select! {
            () = node.outbox.notified() => {}
            () = tokio::time::sleep(pause) => {}
            () = shutdown.cancelled() => return Ok(()),
        }
    }
}

// === impl Outbox ===

impl Outbox {
    /// Nothing is read yet.
    fn new(node: Arc<Node>) -> Self {
        Self {
            node,
            window: Window::new(Class::Newcomer),
            class: None,
            waiting: BTreeMap::new(),
            taken: BTreeSet::new(),
            read: 0,
        }
    }

    /// Takes new alerts in and lets out what is due.
    async fn step(&mut self) -> anyhow::Result<Step> {
        let now = self.node.now();
        let publisher = self.node.identity.node.public().publisher_id();
        let class = match self.node.membership.standing(publisher, now) {
            None | Some(Standing::Outsider(_)) => return Ok(Step::Waits),
            Some(standing) => standing.class().unwrap_or(Class::Newcomer),
        };
        {
            let chain = self.node.chain.lock().await;
            if !self.may_speak(&chain, now) {
                return Ok(Step::Waits);
            }
            if self.class != Some(class) {
                self.class = Some(class);
                self.window.set_class(class);
                self.window.resume(chain.allowance(class, now), now);
            }
        }
        let words = say::speak(&self.node, class, now).await?;
        if defend::speak(&self.node, class, now).await? || words {
            let left = self.node.chain.lock().await.allowance(class, now);
            self.window.resume(left, now);
        }
        let mut read = self.read;
        for alert in self.node.store.pending_shares(self.read, TAKEN).await? {
            if self.taken.insert(alert.id) && !self.take(&alert, now).await? {
                // The window is full: from the first again.
                read = 0;
                break;
            }
            read = alert.id;
        }
        self.read = read;
        self.window.set_distance(self.node.traffic().distance(now));
        let mut done = Ok(Step::Done);
        for batch in self.window.poll(now) {
            // One that cannot leave does not keep the others in.
            if let Err(error) = self.publish(batch).await {
                done = Err(error);
            }
        }
        done
    }

    /// Whether our clock is right and our chain is known: a node whose disk was set back must hear from a peer where it
    /// stood before it signs again (DESIGN 5). A node that nobody answers speaks after a minute.
    fn may_speak(&self, chain: &OwnChain, now: Timestamp) -> bool {
        if self.node.skewed.load(Ordering::Relaxed) || self.node.mesh.get().is_none() {
            return false;
        }
        let heard = self
            .node
            .heard
            .get()
            .is_some_and(|heard| now > *heard + LISTENING);
        !chain.is_used() || heard || now > self.node.started_at + UNANSWERED
    }

    /// Policy may have changed since the alert was written: it is asked again at the door.
    /// `false` if there is no room for it now.
    async fn take(&mut self, alert: &Alert, now: Timestamp) -> anyhow::Result<bool> {
        let known = alert.alert.value.parse().is_ok_and(|ip| self.node.is_known(ip));
        let old = now.since(alert.alert.last) > FRESH;
        let leaves = share::to_sighting(&alert.alert, &self.node.sharing(), known);
        let Some(sighting) = leaves.ok().filter(|_| !old) else {
            self.taken.remove(&alert.id);
            self.node.store.withhold(&[alert.id]).await?;
            return Ok(true);
        };
        let subject = subject(&sighting);
        let waiting = Waiting {
            alert: alert.id,
            detection: alert.alert.detection,
        };
        match self.window.push(sighting, true, now) {
            Ok(()) => {
                self.waiting.entry(subject).or_default().push(waiting);
                Ok(true)
            }
            Err(full) => {
                // It stays pending in the store and comes back with a later step.
                self.taken.remove(&alert.id);
                tracing::warn!(%full, "the outbox is full: a sighting waits on disk");
                Ok(false)
            }
        }
    }

    /// Rows waited a while: what policy no longer lets out stays, and so do the alerts behind it.
    async fn still_leaving(&mut self, batch: Batch) -> anyhow::Result<Batch> {
        let sharing = self.node.sharing();
        let (mut rows, mut staying) = (Vec::new(), Vec::new());
        for row in batch.rows {
            let known = row.indicator.as_ip().is_some_and(|ip| self.node.is_known(ip));
            if self.is_wanted(&row) && share::permits(&row, &sharing, known).is_ok() {
                rows.push(row);
            } else {
                staying.extend(self.waiting.remove(&subject(&row)).unwrap_or_default());
            }
        }
        let staying: Vec<AlertId> = staying.into_iter().map(|one| one.alert).collect();
        self.taken.retain(|id| !staying.contains(id));
        self.node.store.withhold(&staying).await?;
        Ok(Batch { rows, ..batch })
    }

    /// Whether an alert behind this row was not taken back meanwhile.
    fn is_wanted(&self, row: &Sighting) -> bool {
        let alerts = self.waiting.get(&subject(row));
        let kept_back = |one: &Waiting| self.node.saying.is_kept_back(one.alert);
        !alerts.is_some_and(|alerts| alerts.iter().all(kept_back))
    }

    /// Lets a batch out. Alerts whose envelope is not admitted now stay pending in the store.
    async fn publish(&mut self, batch: Batch) -> anyhow::Result<()> {
        let batch = self.still_leaving(batch).await?;
        if batch.rows.is_empty() {
            return Ok(());
        }
        // Whatever does not leave now is read again.
        self.read = 0;
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
