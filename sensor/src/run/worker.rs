//! The thread that parses and detects: lines in, events out, checkpoints between.
//!
//! A checkpoint of a source goes out at most once a second and at the end, always after the events of the lines that
//! it covers. Before: the sources' intake. After: whoever receives the events. Deliberately absent: threads and channels
//! themselves (`run`).

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use vigie_wire::Timestamp;

use super::observe::Observer;
use super::{Resume, SensorConfig, SensorEvent};
use crate::detect::{Counts, Detection, Detector, Fence};
use crate::line::{Line, Position};
use crate::outside::Outside;
use crate::parse::{Parsed, Parser};
use crate::rules::Ruleset;
use crate::seen::Seen;
use crate::source::{Clock, Closed, Intake};
use crate::stats::{SourceStats, Stats};

/// Between two checkpoints of a source.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);
/// How often quiet sources are looked at.
const TICK: Duration = Duration::from_millis(200);
/// Detections of older lines are history, though read now.
const LIVE: Duration = Duration::from_hours(24);

/// See the module.
pub(super) struct Worker<F> {
    parser: Parser,
    detector: Detector,
    observer: Observer,
    seats: BTreeMap<Arc<str>, Seat>,
    /// With which line a fenced source must begin for the fence to fit.
    expected: HashMap<String, Position>,
    simulate: HashSet<String>,
    outside: Arc<Outside>,
    seen: Arc<Seen>,
    stats: Arc<Stats>,
    told: Counts,
    told_dropped: u64,
    live: bool,
    ticked: Timestamp,
    detections: Vec<Detection>,
    out: F,
}

/// What is known of one source.
struct Seat {
    stats: Arc<SourceStats>,
    next: Option<Position>,
    last: Option<Position>,
    idle: bool,
    caught_up: bool,
    /// The source is gone for good.
    left: bool,
    checked: Timestamp,
    sent: Option<Resume>,
}

// === impl Worker ===

impl<F: FnMut(SensorEvent) -> Result<(), Closed>> Worker<F> {
    pub(super) fn new(rules: &Ruleset, config: &SensorConfig, live: bool, out: F) -> Self {
        let mut detector = Detector::with_limits(rules, config.limits);
        let mut expected = HashMap::new();
        for (source, resume) in &config.resume {
            if let Some(fence) = &resume.fence {
                detector.resume(&source.as_str().into(), fence);
                expected.insert(source.clone(), resume.position.clone());
            }
        }
        let seen = Arc::new(Seen::new(rules));
        config.stats.set_seen(&seen);
        Self {
            parser: Parser::new(rules),
            detector,
            seen,
            observer: Observer::default(),
            seats: BTreeMap::new(),
            expected,
            simulate: config.simulate.clone(),
            outside: Arc::clone(&rules.outside),
            stats: Arc::clone(&config.stats),
            told: Counts::default(),
            told_dropped: 0,
            live,
            ticked: Timestamp::ZERO,
            detections: Vec::new(),
            out,
        }
    }

    /// Works until the sources have ended or it is told to stop, then on what is left in the intake.
    pub(super) fn run(
        &mut self,
        batches: &Receiver<Intake>,
        clock: &Clock,
        stop: &CancellationToken,
    ) -> Result<(), Closed> {
        loop {
            match batches.recv_timeout(TICK) {
                Ok(batch) => self.take(batch, clock())?,
                Err(RecvTimeoutError::Timeout) if stop.is_cancelled() => break,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.tick(clock())?;
        }
        self.finish(clock())
    }

    /// One batch of a source.
    pub(super) fn take(&mut self, batch: Intake, now: Timestamp) -> Result<(), Closed> {
        match batch {
            Intake::Lines { source, lines, next } => {
                for line in lines {
                    self.line(&line, now)?;
                }
                let seat = self.seat(&source);
                seat.next = next;
                seat.idle = false;
                seat.left = false;
                self.checkpoint(&source, now, false)
            }
            Intake::Idle { source, next } => {
                self.detector.caught_up(&source);
                let seat = self.seat(&source);
                seat.next = next.or(seat.next.take());
                seat.idle = true;
                seat.left = false;
                if !std::mem::replace(&mut seat.caught_up, true) {
                    (self.out)(SensorEvent::CaughtUp {
                        source: source.to_string(),
                    })?;
                }
                self.checkpoint(&source, now, false)
            }
            Intake::Left { source } => {
                self.seat(&source).left = true;
                Ok(())
            }
        }
    }

    /// The last counts and checkpoints.
    pub(super) fn finish(&mut self, now: Timestamp) -> Result<(), Closed> {
        self.count();
        let sources: Vec<_> = self.seats.keys().cloned().collect();
        sources
            .iter()
            .try_for_each(|source| self.checkpoint(source, now, true))
    }

    fn line(&mut self, line: &Line, now: Timestamp) -> Result<(), Closed> {
        let stats = Arc::clone(&self.seat(&line.source).stats);
        if !self.expected.is_empty()
            && self
                .expected
                .remove(&*line.source)
                .is_some_and(|expected| expected != line.position)
        {
            // The file or the journal's entry is gone: these are other lines than those dealt with.
            self.detector.caught_up(&line.source);
        }
        let mut observed = None;
        match self.parser.parse_told(line, now, &mut self.seen.steps()) {
            Parsed::Event(event) => {
                stats.parsed.add(1);
                let oddity = self.detector.pour(event, now, &mut self.detections);
                stats.future.add(u64::from(oddity.future));
                stats.backwards.add(u64::from(oddity.backwards));
                observed = self.observer.observe(event);
            }
            Parsed::Unparsed { .. } => stats.unparsed.add(1),
            Parsed::Whitelisted(_) => stats.whitelisted.add(1),
        }
        self.stats.rules_ended.add(u64::from(self.parser.take_ended()));
        self.detector.line_done(&line.source);
        self.seat(&line.source).last = Some(line.position.clone());
        stats.detections.add(self.detections.len() as u64);
        if let Some(observed) = observed {
            (self.out)(observed)?;
        }
        self.tell(now)
    }

    fn tell(&mut self, now: Timestamp) -> Result<(), Closed> {
        for mut detection in self.detections.drain(..) {
            detection.live = self.live && now.since(detection.last) <= LIVE;
            detection.simulated |= self.simulate.contains(&detection.scenario);
            (self.out)(SensorEvent::Detection(Box::new(detection)))?;
        }
        Ok(())
    }

    /// Lets time pass for quiet sources.
    fn tick(&mut self, now: Timestamp) -> Result<(), Closed> {
        if now.since(self.ticked) < CHECKPOINT_EVERY && now >= self.ticked {
            return Ok(());
        }
        self.ticked = now;
        let quiet = self
            .seats
            .iter()
            .filter(|(_, seat)| seat.idle)
            .map(|(source, _)| source);
        self.detector.tick(quiet, now, &mut self.detections);
        self.tell(now)?;
        self.count();
        let sources: Vec<_> = self.seats.keys().cloned().collect();
        sources
            .iter()
            .try_for_each(|source| self.checkpoint(source, now, false))?;
        self.forget_left(now)
    }

    /// Sources that are gone take no place once nothing of them lives: no bucket, and nobody who is ignored for a while.
    fn forget_left(&mut self, now: Timestamp) -> Result<(), Closed> {
        let left = self.seats.iter().filter(|(_, seat)| seat.left);
        let left: Vec<_> = left.map(|(source, _)| Arc::clone(source)).collect();
        for source in left {
            self.checkpoint(&source, now, true)?;
            if self.detector.leave(&source) {
                self.seats.remove(&source);
                self.expected.remove(&*source);
                self.stats.leave(&source);
            }
        }
        Ok(())
    }

    /// Tells how far a source is dealt with, if that has changed and the last time is long enough ago.
    fn checkpoint(&mut self, source: &Arc<str>, now: Timestamp, at_once: bool) -> Result<(), Closed> {
        let Some(seat) = self.seats.get(source) else {
            return Ok(());
        };
        let early = now >= seat.checked && now.since(seat.checked) < CHECKPOINT_EVERY;
        // Lines read again are covered by the checkpoint that made us read them.
        if (early && !at_once) || self.detector.is_replaying(source) {
            return Ok(());
        }
        let Some(resume) = self.resume(source, seat) else {
            return Ok(());
        };
        let Some(seat) = self.seats.get_mut(source) else {
            return Ok(());
        };
        seat.checked = now;
        if seat.sent.as_ref() == Some(&resume) {
            return Ok(());
        }
        seat.sent = Some(resume.clone());
        (self.out)(SensorEvent::Checkpoint {
            source: source.to_string(),
            resume,
        })
    }

    fn resume(&self, source: &str, seat: &Seat) -> Option<Resume> {
        let oldest = self.detector.oldest_live(source);
        let fence = self.detector.fence(source);
        if oldest.is_some() {
            return Some(Resume {
                position: oldest?,
                fence,
            });
        }
        if let Some(next) = &seat.next {
            let needed = fence.filter(|fence| !fence.holes.is_empty());
            return Some(Resume {
                position: next.clone(),
                fence: needed,
            });
        }
        // A journal does not know its next cursor: the last line is read again and left out.
        let holes = fence.map(|fence| fence.holes).unwrap_or_default();
        let fence = Some(Fence {
            lines: 1,
            open: Vec::new(),
            holes,
        });
        Some(Resume {
            position: seat.last.clone()?,
            fence,
        })
    }

    fn seat(&mut self, source: &Arc<str>) -> &mut Seat {
        let stats = &self.stats;
        self.seats.entry(Arc::clone(source)).or_insert_with(|| Seat {
            stats: stats.source(source),
            next: None,
            last: None,
            idle: false,
            caught_up: false,
            left: false,
            checked: Timestamp::ZERO,
            sent: None,
        })
    }

    /// Brings the shared counters up to date.
    pub(super) fn count(&mut self) {
        let counts = self.detector.counts();
        self.stats.buckets.set(self.detector.live() as u64);
        self.stats.bucket_bytes.set(self.detector.bytes() as u64);
        self.seen.poured(&self.detector);
        self.stats.evicted.add(counts.evicted - self.told.evicted);
        self.stats
            .outweighed
            .add(counts.outweighed - self.told.outweighed);
        self.stats.shed.add(counts.shed - self.told.shed);
        self.stats
            .suppressed
            .add(counts.suppressed - self.told.suppressed);
        self.stats
            .rule_errors
            .add(counts.rule_errors - self.told.rule_errors);
        self.stats
            .visitors_dropped
            .add(self.observer.dropped - self.told_dropped);
        if let Some(names) = self.outside.resolver() {
            self.stats.names_unanswered.set(names.unanswered());
        }
        self.told = counts;
        self.told_dropped = self.observer.dropped;
    }
}
