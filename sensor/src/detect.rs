//! Events into buckets, buckets into detections.
//!
//! Buckets run on the times that the log lines tell, never on a clock, so that reading the same lines again finds the
//! same. Before: `parse`. After: `run`, which hands detections on. Pure: no clock, no files, no randomness.
//! Deliberately absent: deciding what to do about a detection, and remembering it.

use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;
use vigie_wire::Timestamp;

use crate::line::Position;
use crate::parse::event::Event;
use crate::parse::names::Names;
use crate::parse::post::PostParser;
use crate::rules::{Ruleset, Scenario};
use crate::trace::Trace;

mod arena;
mod bayes;
mod bucket;
pub mod detection;
mod dispatch;
mod go;
mod keys;
mod meta;
mod overflow;
mod plan;
mod pouring;
pub mod progress;
mod who;

use arena::Arena;
pub use detection::{Detection, DetectionEvent, DetectionId, Origin};
use dispatch::Dispatch;
use keys::Keys;
use meta::Packer;
use overflow::Finished;
use plan::{Plan, short};
use pouring::{Pour, STEP_BACK, deadline};
pub use progress::Fence;
use progress::Progress;

/// Lines may be this far ahead of our clock without remark.
const FUTURE_SKEW: Duration = Duration::from_mins(2);
/// Further ahead than any time zone mistaken for another, a time is nonsense and that of reading is taken instead.
const FUTURE_NONSENSE: Duration = Duration::from_hours(26);
/// How late a line may come after its log's newest and still find its bucket.
const GRACE: Duration = Duration::from_secs(30);
/// Overflows of overflows of overflows: deep enough for any rule, and an end for rules that feed themselves.
const MAX_REPROCESS: usize = 3;
/// More live buckets than this make a checkpoint without a fence.
const MAX_FENCE: usize = 4_096;

/// How much the detector may hold.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Live buckets.
    pub buckets: usize,
    /// Bytes that all of them may take. One of them may take a sixteenth.
    pub bytes: usize,
    /// How far the times of lines are trusted.
    pub times: Times,
}

/// How far the times of lines are trusted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Times {
    /// As far as it is safe: a log that is set back, or that lives in the far future, does not hold buckets open.
    #[default]
    Guarded,
    /// To the letter, as the original does in its time machine: what tests of rules count on.
    Exact,
}

/// What the detector counted since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Buckets begun.
    pub opened: u64,
    /// Buckets that overflowed.
    pub overflowed: u64,
    /// Buckets whose time ended.
    pub expired: u64,
    /// Buckets ended by `cancel_on`.
    pub cancelled: u64,
    /// Buckets given up because there were too many.
    pub evicted: u64,
    /// Buckets given up because all together took too many bytes.
    pub outweighed: u64,
    /// Events that buckets no longer keep because one took too many bytes. They still count.
    pub shed: u64,
    /// Overflows held back by a filter or a blackhole.
    pub suppressed: u64,
    /// Overflows that a postoverflow whitelisted.
    pub whitelisted: u64,
    /// Overflows without anybody to name.
    pub sourceless: u64,
    /// Expressions that failed.
    pub rule_errors: u64,
}

/// What was odd about an event's time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Oddity {
    /// It lies in the future.
    pub future: bool,
    /// The log went back in time.
    pub backwards: bool,
}

#[derive(Debug, Clone, Copy)]
struct Hole {
    until: Timestamp,
    source: usize,
}

/// Where overflows go.
struct Told<'t, T> {
    now: Timestamp,
    out: &'t mut Vec<Detection>,
    /// Overflows that are poured into the buckets again.
    again: Vec<Event>,
    trace: &'t mut T,
}

/// See the module.
#[derive(Debug)]
pub struct Detector {
    names: Arc<Names>,
    plans: Arc<[Plan]>,
    /// Absent from the plain engine, which asks every scenario about every event.
    dispatch: Option<Box<Dispatch>>,
    ended: Vec<Finished>,
    /// How many events each scenario's filter wanted.
    poured: Box<[u64]>,
    arena: Arena,
    progress: Progress,
    packer: Packer,
    keys: Keys,
    /// The value that the last event was grouped by.
    partition: String,
    post: PostParser,
    /// Whether any rule looks at the events of an overflow, which are copies.
    events_are_read: bool,
    /// Partitions whose overflows are ignored for a while after one was told.
    holes: HashMap<u64, Hole>,
    limits: Limits,
    counts: Counts,
    poured_since_sweep: usize,
}

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self {
            buckets: 200_000,
            bytes: 256 * 1024 * 1024,
            times: Times::Guarded,
        }
    }
}

impl Limits {
    /// The usual limits, with times taken to the letter.
    pub fn exact() -> Self {
        Self {
            times: Times::Exact,
            ..Self::default()
        }
    }
}

// === impl Detector ===

impl Detector {
    /// With the scenarios of a set of rules and the usual limits.
    pub fn new(rules: &Ruleset) -> Self {
        Self::with_limits(rules, Limits::default())
    }

    /// With limits of one's own.
    pub fn with_limits(rules: &Ruleset, limits: Limits) -> Self {
        let plans: Arc<[Plan]> = rules
            .scenarios
            .iter()
            .map(|scenario| Plan::new(Arc::clone(scenario)))
            .collect();
        Self {
            names: Arc::clone(rules.names()),
            dispatch: Some(Box::new(Dispatch::new(&plans))),
            ended: Vec::new(),
            plans,
            poured: vec![0; rules.scenarios.len()].into(),
            arena: Arena::default(),
            progress: Progress::default(),
            packer: Packer::new(rules.names()),
            keys: Keys::default(),
            partition: String::new(),
            post: PostParser::new(rules),
            events_are_read: rules.reads_alert_events,
            holes: HashMap::new(),
            limits,
            counts: Counts::default(),
            poured_since_sweep: 0,
        }
    }

    /// The plain engine: every scenario's filter is run for every event. The measure of what is left out otherwise.
    pub fn plain(mut self) -> Self {
        self.dispatch = None;
        self
    }

    /// Pours one event into every scenario that wants it. `now` only bounds times in the future.
    pub fn pour(&mut self, event: &Event, now: Timestamp, out: &mut Vec<Detection>) -> Oddity {
        self.pour_traced(event, now, out, &mut ())
    }

    /// Like [`Detector::pour`], and tells each step.
    pub fn pour_traced(
        &mut self,
        event: &Event,
        now: Timestamp,
        out: &mut Vec<Detection>,
        trace: &mut impl Trace,
    ) -> Oddity {
        let mut oddity = Oddity::default();
        let mut told = Told {
            now,
            out,
            again: Vec::new(),
            trace,
        };
        self.pour_one(event, &mut oddity, &mut told);
        for _ in 0..MAX_REPROCESS {
            if told.again.is_empty() {
                break;
            }
            for overflow in std::mem::take(&mut told.again) {
                self.pour_one(&overflow, &mut oddity, &mut told);
            }
        }
        self.poured_since_sweep += 1;
        if self.poured_since_sweep >= self.arena.len() + 1_024 && !self.is_exact() {
            self.sweep(&mut told);
        }
        oddity
    }

    fn is_exact(&self) -> bool {
        self.limits.times == Times::Exact
    }

    fn pour_one(&mut self, event: &Event, oddity: &mut Oddity, told: &mut Told<'_, impl Trace>) {
        let now = told.now;
        let source = self.progress.source(event.source());
        let mut at = event.time();
        oddity.future |= at > now + FUTURE_SKEW;
        if at > now + FUTURE_NONSENSE && !self.is_exact() {
            at = now;
        }
        if let Some(source) = self.progress.sources.get_mut(source) {
            oddity.backwards |= source.note_time(at, now, STEP_BACK);
        }
        let plans = Arc::clone(&self.plans);
        let mut ended = std::mem::take(&mut self.ended);
        let mut next = self.pour_from(0, &plans, &Pour::new(event, source, at), &mut ended);
        if next.is_some() {
            // What a filter sets is seen by its scenario and by all filters after it, as in the original: who may want the
            // event is asked again.
            let mut changed = event.clone();
            while let Some((number, held)) = next {
                changed.apply_pending();
                let pour = Pour::new(&changed, source, at);
                if let Some(plan) = plans.get(number).filter(|_| held) {
                    self.pour_wanted(number, plan, &pour, &mut ended);
                }
                next = self.pour_from(number + 1, &plans, &pour, &mut ended);
            }
            *event.ended.borrow_mut() = changed.ended();
        }
        for finished in ended.drain(..) {
            if let Some(plan) = plans.get(finished.plan) {
                self.conclude(plan, finished, told);
            }
        }
        self.ended = ended;
    }

    /// Pours into the scenarios from a number on, up to the one whose filter sets a field; which one that is, and whether it
    /// wants the event.
    fn pour_from(
        &mut self,
        from: usize,
        plans: &[Plan],
        pour: &Pour<'_>,
        ended: &mut Vec<Finished>,
    ) -> Option<(usize, bool)> {
        let Some(mut dispatch) = self.dispatch.take() else {
            let mut all = plans.iter().enumerate().skip(from);
            return all.find_map(|(number, plan)| {
                let held = self.pour_into(number, plan, pour, ended)?;
                Some((number, held))
            });
        };
        dispatch.find(pour.event);
        let mut found = dispatch.found().skip_while(|number| *number < from);
        let set = found.find_map(|number| {
            let plan = plans.get(number)?;
            if dispatch.is_decided(number) {
                self.pour_wanted(number, plan, pour, ended);
                return None;
            }
            let held = self.pour_into(number, plan, pour, ended)?;
            Some((number, held))
        });
        drop(found);
        self.dispatch = Some(dispatch);
        set
    }

    /// One more line of a source was dealt with, whether or not it became an event.
    pub fn line_done(&mut self, source: &Arc<str>) {
        self.lines_done(source, 1);
    }

    /// So many more lines of a source were dealt with.
    pub fn lines_done(&mut self, source: &Arc<str>, lines: u64) {
        let source = self.progress.source(source);
        if let Some(source) = self.progress.sources.get_mut(source) {
            source.ordinal += lines;
        }
    }

    /// Everything that a source has was read: what comes now is new, whatever a fence said.
    pub fn caught_up(&mut self, source: &Arc<str>) {
        let source = self.progress.source(source);
        if let Some(source) = self.progress.sources.get_mut(source) {
            source.open_fence();
        }
    }

    /// Sources are quiet: their logs' time goes on with the clock, and buckets whose time is over end.
    pub fn tick<'s>(
        &mut self,
        quiet: impl IntoIterator<Item = &'s Arc<str>>,
        now: Timestamp,
        out: &mut Vec<Detection>,
    ) {
        for source in quiet {
            let source = self.progress.source(source);
            if let Some(source) = self.progress.sources.get_mut(source) {
                source.estimate(now);
            }
        }
        self.sweep(&mut Told {
            now,
            out,
            again: Vec::new(),
            trace: &mut (),
        });
    }

    /// Forgets a source that is gone for good; `false` while a bucket or a blackhole still goes by its lines.
    pub fn leave(&mut self, source: &Arc<str>) -> bool {
        let Some((number, known)) = self.progress.find_numbered(source) else {
            return true;
        };
        if known.oldest().is_some() || self.holes.values().any(|hole| hole.source == number) {
            return false;
        }
        self.progress.leave(source);
        true
    }

    /// Ends all buckets whose time is over in every log that fed them.
    fn sweep(&mut self, told: &mut Told<'_, impl Trace>) {
        self.poured_since_sweep = 0;
        let plans = Arc::clone(&self.plans);
        let due: Vec<(u128, usize, Timestamp)> = self
            .arena
            .iter()
            .filter_map(|bucket| {
                let due = deadline(plans.get(bucket.plan)?, bucket);
                let over = |source: usize| self.log_time(source).is_some_and(|time| time > due + GRACE);
                bucket
                    .anchors
                    .iter()
                    .all(|anchor| over(anchor.source))
                    .then_some((bucket.key, bucket.plan, due))
            })
            .collect();
        for (key, plan, due) in due {
            let Some(plan) = plans.get(plan) else { continue };
            if let Some(finished) = self.end_of_life(key, plan, due) {
                self.conclude(plan, finished, told);
            }
        }
        let progress = &self.progress;
        self.holes.retain(|_, hole| {
            progress
                .sources
                .get(hole.source)
                .is_some_and(|source| source.log_time <= hole.until + GRACE)
        });
    }

    fn log_time(&self, source: usize) -> Option<Timestamp> {
        self.progress.sources.get(source).map(|source| source.log_time)
    }

    /// Each scenario, and how many events its filter wanted so far.
    pub fn poured(&self) -> impl Iterator<Item = (&Scenario, u64)> {
        let scenarios = self.plans.iter().map(|plan| &*plan.rule);
        scenarios.zip(self.poured.iter().copied())
    }

    /// The scenario of each live bucket.
    pub fn filled(&self) -> impl Iterator<Item = &Scenario> {
        self.arena
            .iter()
            .filter_map(|bucket| Some(&*self.plans.get(bucket.plan)?.rule))
    }

    /// The oldest line of a source that a live bucket holds; reading must begin there after a restart.
    pub fn oldest_live(&self, source: &str) -> Option<Position> {
        self.progress
            .find(source)?
            .oldest()
            .map(|(_, position)| position.clone())
    }

    /// Whether lines are being read again that an earlier run had dealt with.
    pub fn is_replaying(&self, source: &str) -> bool {
        self.progress
            .find(source)
            .is_some_and(|source| source.ordinal < source.fence_end())
    }

    /// What a replay from [`Detector::oldest_live`] needs, or one from the next line if no bucket lives.
    /// `None` if too many buckets live: then the replay may find halves of buckets again.
    pub fn fence(&self, source: &str) -> Option<Fence> {
        let (number, source) = self.progress.find_numbered(source)?;
        if self.arena.len() > MAX_FENCE {
            return None;
        }
        let start = source.oldest().map_or(source.ordinal, |(ordinal, _)| ordinal);
        let open = self.arena.iter().filter_map(|bucket| {
            let anchor = bucket.anchors.iter().find(|anchor| anchor.source == number)?;
            Some((short(bucket.key), anchor.ordinal.saturating_sub(start)))
        });
        let mut open: Vec<_> = open.collect();
        open.sort_unstable();
        let mut holes: Vec<_> = self
            .holes
            .iter()
            .filter(|(_, hole)| hole.source == number)
            .take(MAX_FENCE)
            .map(|(key, hole)| (*key, hole.until))
            .collect();
        holes.sort_unstable();
        Some(Fence {
            lines: source.ordinal - start,
            open,
            holes,
        })
    }

    /// Before the first line: reading begins at a checkpoint's position, under its fence.
    pub fn resume(&mut self, source: &Arc<str>, fence: &Fence) {
        let number = self.progress.source(source);
        if let Some(source) = self.progress.sources.get_mut(number) {
            source.fence(fence);
        }
        let holes = fence.holes.iter().map(|&(key, until)| {
            (
                key,
                Hole {
                    until,
                    source: number,
                },
            )
        });
        self.holes.extend(holes);
    }

    /// Buckets alive now.
    pub fn live(&self) -> usize {
        self.arena.len()
    }

    /// About how many bytes they take.
    pub fn bytes(&self) -> usize {
        self.arena.bytes()
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }
}
