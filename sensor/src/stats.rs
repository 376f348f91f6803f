//! What the sensor counted: how much it read, and everything that it had to drop, cut or replace.
//!
//! Deliberately absent: names and export of metrics, which are the node's. Counters only grow.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use crate::seen::Seen;

/// A number that only grows, read and written from any thread.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

/// Counters of one source.
#[derive(Debug, Default)]
pub struct SourceStats {
    /// Lines read.
    pub lines: Counter,
    /// Bytes of their text.
    pub bytes: Counter,
    /// Lines that became an event.
    pub parsed: Counter,
    /// Lines that no parser knew.
    pub unparsed: Counter,
    /// Lines of a whitelisted source.
    pub whitelisted: Counter,
    /// Detections that a line of this source completed.
    pub detections: Counter,
    /// Lines cut at the longest length.
    pub cut: Counter,
    /// Lines with bytes that are no UTF-8.
    pub lossy: Counter,
    /// Lines with NUL bytes.
    pub nul: Counter,
    /// Times that the file was rotated away by a new one.
    pub rotations: Counter,
    /// Times that the file was truncated.
    pub truncations: Counter,
    /// Truncations whose unread lines stood in no copy, and positions whose file is gone: lines may be missing.
    pub gaps: Counter,
    /// Reads that failed, and restarts of a program that feeds the source.
    pub errors: Counter,
    /// Lines from further in the future than a clock's skew.
    pub future: Counter,
    /// Times that the log went back in time.
    pub backwards: Counter,
    /// Lines that were lost because they came faster than they could be taken, over a protocol that cannot wait.
    pub dropped: Counter,
    /// Datagrams, connections and requests of those who may not send, or not so many at once.
    pub refused: Counter,
    /// Frames, requests and messages that are not what they should be.
    pub malformed: Counter,
    /// Lines that were used, but that the disk did not take: a crash would lose them.
    pub unkept: Counter,
}

/// Under this name stand the counters of all logs that are gone.
pub const GONE: &str = "logs that are gone";

/// Counters of the whole sensor.
#[derive(Debug, Default)]
pub struct Stats {
    sources: Mutex<BTreeMap<Arc<str>, Arc<SourceStats>>>,
    seen: Mutex<Option<Arc<Seen>>>,
    /// Buckets alive now.
    pub buckets: Gauge,
    /// About how many bytes they take.
    pub bucket_bytes: Gauge,
    /// Buckets given up because there were too many.
    pub evicted: Counter,
    /// Buckets given up because all together took too many bytes.
    pub outweighed: Counter,
    /// Events that buckets no longer keep because one took too many bytes.
    pub shed: Counter,
    /// Overflows that a blackhole or an overflow filter held back.
    pub suppressed: Counter,
    /// Rule expressions that failed while running.
    pub rule_errors: Counter,
    /// Rule expressions that were ended because they looked at too much or made too much.
    pub rules_ended: Counter,
    /// Visitors not reported because the minute already had too many.
    pub visitors_dropped: Counter,
    /// Questions for names that got no answer in time, so that rules took it that there is none.
    pub names_unanswered: Gauge,
}

/// A number that goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

/// The counters of one source at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[expect(
    missing_docs,
    reason = "the fields are those of SourceStats, where they are described"
)]
pub struct SourceSnapshot {
    pub lines: u64,
    pub bytes: u64,
    pub parsed: u64,
    pub unparsed: u64,
    pub whitelisted: u64,
    pub detections: u64,
    pub cut: u64,
    pub lossy: u64,
    pub nul: u64,
    pub rotations: u64,
    pub truncations: u64,
    pub gaps: u64,
    pub errors: u64,
    pub future: u64,
    pub backwards: u64,
    pub dropped: u64,
    pub refused: u64,
    pub malformed: u64,
    pub unkept: u64,
}

/// All counters at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[expect(
    missing_docs,
    reason = "the fields are those of Stats, where they are described"
)]
pub struct Snapshot {
    pub sources: BTreeMap<String, SourceSnapshot>,
    pub buckets: u64,
    pub bucket_bytes: u64,
    pub evicted: u64,
    pub outweighed: u64,
    pub shed: u64,
    pub suppressed: u64,
    pub rule_errors: u64,
    pub rules_ended: u64,
    pub visitors_dropped: u64,
    pub names_unanswered: u64,
}

// === impl Counter, Gauge ===

impl Counter {
    /// Adds to it.
    pub fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    /// Its value.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Gauge {
    /// Sets it.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Its value.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

// === impl Stats ===

impl Stats {
    /// The counters of a source, made at its first mention.
    pub fn source(&self, name: &Arc<str>) -> Arc<SourceStats> {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(sources.entry(Arc::clone(name)).or_default())
    }

    /// A source is gone for good: its counters are added to those of all that are, and its name is forgotten.
    pub fn leave(&self, name: &str) {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(left) = sources.remove(name) {
            sources.entry(Arc::from(GONE)).or_default().add(&left.snapshot());
        }
    }

    /// What the rules of the running sensor have seen since it started; `None` while none runs.
    pub fn seen(&self) -> Option<Arc<Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where these rules count.
    pub(crate) fn set_seen(&self, seen: &Arc<Seen>) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(seen));
    }

    /// All counters as plain numbers.
    pub fn snapshot(&self) -> Snapshot {
        let sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        Snapshot {
            sources: sources
                .iter()
                .map(|(name, stats)| (name.as_ref().to_owned(), stats.snapshot()))
                .collect(),
            buckets: self.buckets.get(),
            bucket_bytes: self.bucket_bytes.get(),
            evicted: self.evicted.get(),
            outweighed: self.outweighed.get(),
            shed: self.shed.get(),
            suppressed: self.suppressed.get(),
            rule_errors: self.rule_errors.get(),
            rules_ended: self.rules_ended.get(),
            visitors_dropped: self.visitors_dropped.get(),
            names_unanswered: self.names_unanswered.get(),
        }
    }
}

impl SourceStats {
    fn add(&self, other: &SourceSnapshot) {
        self.lines.add(other.lines);
        self.bytes.add(other.bytes);
        self.parsed.add(other.parsed);
        self.unparsed.add(other.unparsed);
        self.whitelisted.add(other.whitelisted);
        self.detections.add(other.detections);
        self.cut.add(other.cut);
        self.lossy.add(other.lossy);
        self.nul.add(other.nul);
        self.rotations.add(other.rotations);
        self.truncations.add(other.truncations);
        self.gaps.add(other.gaps);
        self.errors.add(other.errors);
        self.future.add(other.future);
        self.backwards.add(other.backwards);
        self.dropped.add(other.dropped);
        self.refused.add(other.refused);
        self.malformed.add(other.malformed);
        self.unkept.add(other.unkept);
    }

    fn snapshot(&self) -> SourceSnapshot {
        SourceSnapshot {
            lines: self.lines.get(),
            bytes: self.bytes.get(),
            parsed: self.parsed.get(),
            unparsed: self.unparsed.get(),
            whitelisted: self.whitelisted.get(),
            detections: self.detections.get(),
            cut: self.cut.get(),
            lossy: self.lossy.get(),
            nul: self.nul.get(),
            rotations: self.rotations.get(),
            truncations: self.truncations.get(),
            gaps: self.gaps.get(),
            errors: self.errors.get(),
            future: self.future.get(),
            backwards: self.backwards.get(),
            dropped: self.dropped.get(),
            refused: self.refused.get(),
            malformed: self.malformed.get(),
            unkept: self.unkept.get(),
        }
    }
}

impl Snapshot {
    /// Lines read from all sources.
    pub fn lines(&self) -> u64 {
        self.sources.values().map(|source| source.lines).sum()
    }
}
