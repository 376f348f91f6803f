//! The sensor's events in order: alerts into the outbox, and how far the logs are only after the alerts before it.
//!
//! So a kill at any moment loses no detection: its lines are read again, and what the outbox already has is known by
//! its id. A disk that takes nothing keeps nobody from being told: alerts then wait in memory and go out from there.
//! Before: the sensor. After: `outbox`. Deliberately absent: delivery.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use vigie_sensor::run::{Resume, SensorEvent};
use vigie_sensor::source::Kept;

use super::outbox::Outbox;
use super::state::Positions;
use super::writer::Writer;
use crate::absent::{Absent, LOOK_EVERY};
use crate::clock;

/// Events handled with one write to disk.
const AT_ONCE: usize = 256;
/// Between two attempts to write what waits.
const RETRY: Duration = Duration::from_secs(1);

/// See the module.
pub(crate) struct Keeper {
    writer: Writer,
    positions: Positions,
    absent: Absent,
    outbox: Arc<Outbox>,
    kept: Arc<Kept>,
    /// Checkpoints whose alerts are not all on disk, or that are not themselves.
    reached: HashMap<String, Resume>,
    failing: bool,
}

// === impl Keeper ===

impl Keeper {
    pub(crate) fn new(
        writer: Writer,
        (positions, absent): (Positions, Absent),
        outbox: Arc<Outbox>,
        kept: Arc<Kept>,
    ) -> Self {
        Self {
            writer,
            positions,
            absent,
            outbox,
            kept,
            reached: HashMap::new(),
            failing: false,
        }
    }

    /// Until the sensor has ended. What is on no disk when `given_up` comes is read again at the next start.
    pub(crate) async fn run(
        mut self,
        mut events: mpsc::Receiver<SensorEvent>,
        given_up: CancellationToken,
    ) -> anyhow::Result<()> {
        let mut taken = Vec::with_capacity(AT_ONCE);
        let mut ended = false;
        let mut looks = tokio::time::interval(LOOK_EVERY);
        while !ended || !self.is_settled() {
            tokio::select! {
                count = events.recv_many(&mut taken, AT_ONCE), if !ended && self.outbox.has_room() => {
                    ended = count == 0;
                }
                () = tokio::time::sleep(RETRY), if !self.is_settled() => {}
                _ = looks.tick() => self.absent.look(self.positions.sources()),
                gone = self.absent.looked() => self.forget(&gone),
                () = given_up.cancelled() => break,
            }
            // Writing waits for the disk; the other tasks go on meanwhile.
            tokio::task::block_in_place(|| self.take(&mut taken));
        }
        Ok(())
    }

    fn is_settled(&self) -> bool {
        self.outbox.is_on_disk() && self.reached.is_empty()
    }

    fn forget(&mut self, gone: &BTreeSet<String>) {
        let over = self.absent.settle(gone, clock::now());
        let forgotten = tokio::task::block_in_place(|| self.positions.forget(&over, &self.absent));
        if let Err(error) = forgotten {
            tracing::warn!(
                error = format!("{error:#}"),
                "which logs are gone could not be noted"
            );
        }
    }

    fn take(&mut self, events: &mut Vec<SensorEvent>) {
        let mut alerts = Vec::new();
        for event in events.drain(..) {
            match event {
                SensorEvent::Detection(detection) => {
                    tracing::info!(
                        detection.id = %detection.id,
                        scenario = detection.scenario,
                        indicator = detection.value,
                        "detection"
                    );
                    alerts.push((detection.id, self.writer.alert(&detection)));
                }
                SensorEvent::Checkpoint { source, resume } => {
                    self.absent.hear(&source);
                    self.reached.insert(source, resume);
                }
                SensorEvent::CaughtUp { source } => tracing::info!(source, "read to its end"),
                // What a node remembers; a Local API has no ear for it.
                SensorEvent::Authenticated { .. } | SensorEvent::Visitor { .. } => {}
            }
        }
        self.outbox.put(alerts);
        if self.reached.is_empty() || !self.outbox.is_on_disk() {
            return;
        }
        for (source, resume) in &self.reached {
            self.positions.note(source.clone(), resume.clone());
        }
        match self.positions.save() {
            Ok(()) => {
                self.failing = false;
                for (source, resume) in self.reached.drain() {
                    self.kept.note(&source, &resume.position);
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::error!(error = format!("{error:#}"), "positions wait for the disk");
                }
            }
        }
    }
}
