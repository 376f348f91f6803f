//! Alerts on disk until the Local API has taken them.
//!
//! An append-only spool holds them in order, and a file beside it how far they were taken. Bounded: when the Local API
//! is away for so long that the spool is full, the oldest go, counted. Lines which are read again after a kill make no
//! second alert: its id is known. When the disk takes nothing, alerts wait in memory and are handed out from there.
//! Before: `keeper`. After: `speaker`. Deliberately absent: HTTP.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use vigie_sensor::detect::DetectionId;
use vigie_sensor::spool::{Bounds, Record, Spool};

use super::Counts;
use crate::clock;
use crate::paths::write_private;

mod known;

use known::Known;

/// A quarter of a gibibyte: tens of thousands of alerts.
const BOUNDS: Bounds = Bounds {
    segment_bytes: 1 << 20,
    segments: 256,
};
/// Alerts that may wait for the disk.
const ASIDE: usize = 10_000;
/// Bytes of them.
const ASIDE_BYTES: usize = 64 << 20;
/// What is handed out at once.
const BATCH_BYTES: usize = 1 << 20;
/// Hexadecimal digits of an id, before each alert's text.
const ID: usize = 32;

/// See the module.
#[derive(Debug)]
pub(crate) struct Outbox {
    inner: Mutex<Inner>,
    figures: Figures,
    /// Rung when something was put in.
    pub(crate) filled: Notify,
}

/// How much there is, for whoever must not wait while the disk is written to. Changed only by who holds the lock.
#[derive(Debug, Default)]
struct Figures {
    waiting: AtomicU64,
    aside: AtomicUsize,
    aside_bytes: AtomicUsize,
}

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    spool: Spool,
    taken: Mark,
    /// Number of the next alert.
    next: u64,
    /// Alerts that the disk did not take.
    aside: VecDeque<Record>,
    known: Known,
    counts: Arc<Counts>,
    failing: bool,
}

/// How far alerts were taken, or given up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    /// Everything in the spool before this was.
    offset: u64,
    /// The number of the last one.
    number: u64,
}

/// Some alerts in order, as JSON.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    alerts: Vec<Record>,
    upto: Mark,
}

// === impl Outbox ===

impl Outbox {
    pub(crate) fn open(root: &Path, counts: Arc<Counts>) -> anyhow::Result<Self> {
        Self::bounded(root, counts, BOUNDS)
    }

    fn bounded(root: &Path, counts: Arc<Counts>, bounds: Bounds) -> anyhow::Result<Self> {
        let cannot = || format!("cannot open the outbox in {}", root.display());
        std::fs::create_dir_all(root).with_context(cannot)?;
        let taken: Mark = match std::fs::read(mark(root)) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .with_context(|| format!("{} is damaged", mark(root).display()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Mark::default(),
            Err(error) => return Err(error).with_context(cannot),
        };
        let spool = Spool::open(&root.join("alerts"), Some(taken.offset), bounds).with_context(cannot)?;
        let mut inner = Inner {
            root: root.to_owned(),
            spool,
            taken,
            next: taken.number + 1,
            aside: VecDeque::new(),
            known: Known::open(root.join("known")),
            counts,
            failing: false,
        };
        let mut reading = inner.spool.read();
        while let Some((_, record)) = reading.next_record() {
            inner.next = inner.next.max(record.number + 1);
            // Killed before it was noted.
            if let Some(id) = id(&record).filter(|id| inner.known.is_new(*id)) {
                inner.known.note(std::iter::once(id));
            }
        }
        let figures = Figures::default();
        figures.note(&inner);
        Ok(Self {
            inner: Mutex::new(inner),
            figures,
            filled: Notify::new(),
        })
    }

    /// Takes alerts in, but those that it knows, and writes what waits. Returns when they are on disk, or cannot be.
    pub(crate) fn put(&self, alerts: Vec<(DetectionId, String)>) {
        let more = self.with(|inner| {
            let before = inner.next;
            for (id, text) in alerts {
                inner.add(id, &text);
            }
            self.figures.note(inner);
            inner.write();
            inner.next > before
        });
        if more {
            self.filled.notify_one();
        }
    }

    /// Alerts that wait to be taken.
    pub(crate) fn waiting(&self) -> u64 {
        self.figures.waiting.load(Ordering::Acquire)
    }

    /// Whether everything that was put in is on disk, or was taken already.
    pub(crate) fn is_on_disk(&self) -> bool {
        self.figures.aside.load(Ordering::Acquire) == 0
    }

    pub(crate) fn has_room(&self) -> bool {
        self.figures.aside.load(Ordering::Acquire) < ASIDE
            && self.figures.aside_bytes.load(Ordering::Acquire) < ASIDE_BYTES
    }

    /// The next alerts, at most so many; the first of them always fits. Empty if none waits.
    pub(crate) fn batch(&self, most: usize) -> Batch {
        self.with(|inner| inner.batch(most))
    }

    /// The batch was taken, or will never be: it is not handed out again.
    pub(crate) fn settle(&self, batch: &Batch) {
        self.with(|inner| inner.settle(batch.upto));
    }

    fn with<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let done = act(&mut inner);
        self.figures.note(&inner);
        done
    }
}

// === impl Figures ===

impl Figures {
    fn note(&self, inner: &Inner) {
        let bytes = inner.aside.iter().map(|record| record.text.len()).sum();
        self.waiting
            .store(inner.next - 1 - inner.taken.number, Ordering::Release);
        self.aside_bytes.store(bytes, Ordering::Release);
        self.aside.store(inner.aside.len(), Ordering::Release);
    }
}

// === impl Inner ===

impl Inner {
    fn add(&mut self, id: DetectionId, text: &str) {
        if !self.known.is_new(id) {
            return;
        }
        self.aside.push_back(Record {
            at: clock::now().as_millis(),
            number: self.next,
            text: format!("{id}{text}"),
        });
        self.next += 1;
        self.counts.detections.add(1);
    }

    fn write(&mut self) {
        // Not all at once: a segment is as long as what is written to it in one go.
        while !self.aside.is_empty() {
            let some = self.waiting_aside(usize::MAX);
            if let Err(error) = self.spool.append(&some, true) {
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::error!(%error, "alerts cannot be written to disk: they wait in memory");
                }
                return;
            }
            self.known.note(some.iter().filter_map(id));
            self.aside.drain(..some.len());
        }
        self.failing = false;
    }

    /// The first of those that the disk did not take, as many as go together.
    fn waiting_aside(&self, most: usize) -> Vec<Record> {
        let mut bytes = 0;
        let waiting = self.aside.iter().take(most).enumerate();
        let fitting = waiting.take_while(|(place, record)| {
            bytes += record.text.len();
            *place == 0 || bytes <= BATCH_BYTES
        });
        fitting.map(|(_, record)| record.clone()).collect()
    }

    fn batch(&mut self, most: usize) -> Batch {
        let mut batch = Batch {
            alerts: Vec::new(),
            upto: self.taken,
        };
        let mut bytes = 0;
        let mut reading = self.spool.read_from(self.taken.offset);
        let mut offset = reading.at();
        while batch.alerts.len() < most
            && let Some((_, record)) = reading.next_record()
        {
            bytes += record.text.len();
            if bytes > BATCH_BYTES && !batch.alerts.is_empty() {
                break;
            }
            offset = reading.at();
            if record.number > self.taken.number {
                batch.alerts.push(record);
            }
        }
        batch.upto.offset = offset;
        if batch.alerts.is_empty() {
            batch.alerts = self.waiting_aside(most);
        }
        if let (Some(first), Some(last)) = (batch.alerts.first(), batch.alerts.last()) {
            let lost = first.number - self.taken.number - 1;
            if lost > 0 {
                self.taken.number += lost;
                self.counts.dropped.add(lost);
                tracing::error!(alerts = lost, "the outbox was full: its oldest alerts are lost");
            }
            batch.upto.number = last.number;
        }
        batch
    }

    fn settle(&mut self, upto: Mark) {
        self.taken = upto;
        // They may have reached the disk meanwhile; then the numbers say that they were taken.
        let taken = self.aside.iter().filter(|record| record.number <= upto.number);
        self.known.note(taken.filter_map(id));
        self.aside.retain(|record| record.number > upto.number);
        let text = serde_json::to_string(&upto).map_err(anyhow::Error::new);
        if let Err(error) = text.and_then(|text| write_private(&mark(&self.root), &text)) {
            tracing::warn!(
                error = format!("{error:#}"),
                "a restart now would send alerts twice"
            );
        }
        if let Err(error) = self.spool.forget(upto.offset) {
            tracing::warn!(%error, "old alerts cannot be removed");
        }
    }
}

fn mark(root: &Path) -> PathBuf {
    root.join("taken.json")
}

fn id(record: &Record) -> Option<DetectionId> {
    record.text.get(..ID)?.parse().ok()
}

// === impl Batch ===

impl Batch {
    pub(crate) fn len(&self) -> usize {
        self.alerts.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.alerts.is_empty()
    }

    /// The ids, for people.
    pub(crate) fn ids(&self) -> String {
        let ids: Vec<_> = self
            .alerts
            .iter()
            .filter_map(|record| record.text.get(..ID))
            .collect();
        ids.join(", ")
    }

    /// One JSON array.
    pub(crate) fn body(&self) -> String {
        let alerts: Vec<_> = self
            .alerts
            .iter()
            .filter_map(|record| record.text.get(ID..))
            .collect();
        format!("[{}]", alerts.join(","))
    }

    /// The last alone. Those before it are settled with it.
    pub(crate) fn last(mut self) -> Self {
        let before = self.alerts.len().saturating_sub(1);
        self.alerts.drain(..before);
        self
    }
}

#[cfg(test)]
mod tests;
