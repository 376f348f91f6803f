//! A bucket overflowed: is it told, and as what?
//!
//! Order of the questions as in `CrowdSec`: whose address is it, does the overflow filter hold, is the partition in a
//! blackhole. Before: `pouring`. After: the detections of `detect`. Deliberately absent: when a bucket overflows.

use std::sync::Arc;

use vigie_wire::Timestamp;

use super::bucket::{Kept, Who};
use super::detection::{Detection, DetectionEvent, DetectionId};
use super::plan::{Plan, short};
use super::{Detector, Hole, go};
use crate::expr::Env;
use crate::line::Position;
use crate::parse::event::Event;
use crate::parse::names::Space;
use crate::parse::overflow::Overflow;

/// Partitions in a blackhole at once; beyond them overflows are told again.
const MAX_HOLES: usize = 100_000;

/// A bucket at its end.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) key: u128,
    pub(crate) plan: usize,
    pub(crate) first: Position,
    pub(crate) last: Position,
    pub(crate) source: usize,
    pub(crate) first_at: Timestamp,
    pub(crate) at: Timestamp,
    pub(crate) total: u32,
    pub(crate) kept: Vec<Kept>,
    pub(crate) whole: Vec<Event>,
}

impl Detector {
    /// Makes the detections of an overflow, and the events that are poured again.
    pub(crate) fn conclude(
        &mut self,
        plan: &Plan,
        finished: &Finished,
        now: Timestamp,
        out: &mut Vec<Detection>,
        again: &mut Vec<Event>,
    ) {
        let whos = distinct(&finished.kept);
        if whos.is_empty() {
            self.counts.sourceless += 1;
            return;
        }
        let Some(filtered) = self.passes_filter(plan, finished, &whos) else {
            return;
        };
        if !filtered || !self.passes_blackhole(plan, finished) {
            self.counts.suppressed += 1;
            return;
        }
        out.extend(whos.iter().map(|who| self.detection(plan, finished, who, now)));
        if plan.rule.reprocess {
            again.extend(whos.iter().filter_map(|who| self.event(plan, finished, who)));
        }
    }

    fn passes_filter(&mut self, plan: &Plan, finished: &Finished, whos: &[Arc<Who>]) -> Option<bool> {
        let Some(filter) = &plan.rule.overflow_filter else {
            return Some(true);
        };
        let signal = self.signal(plan, finished, whos.first()?);
        let blank;
        let event = if let Some(event) = finished.whole.last() {
            event
        } else {
            blank = Event::blank(Arc::clone(&self.names));
            &blank
        };
        let env = Env {
            event,
            queue: &finished.whole,
            signal: Some(&signal),
        };
        let held = filter.eval(env);
        self.counts.rule_errors += u64::from(held.is_err());
        Some(held.is_ok_and(|value| value.as_bool() == Some(true)))
    }

    fn passes_blackhole(&mut self, plan: &Plan, finished: &Finished) -> bool {
        let Some(length) = plan.rule.blackhole else {
            return true;
        };
        let key = short(finished.key);
        if self.holes.get(&key).is_some_and(|hole| finished.at < hole.until) {
            return false;
        }
        if self.holes.len() < MAX_HOLES {
            self.holes.insert(
                key,
                Hole {
                    until: finished.at + length,
                    source: finished.source,
                },
            );
        }
        true
    }

    fn detection(&self, plan: &Plan, finished: &Finished, who: &Who, now: Timestamp) -> Detection {
        let rule = &plan.rule;
        let (first, last) = (finished.first_at.min(now), finished.at.min(now));
        let took = finished
            .at
            .as_millis()
            .saturating_sub(finished.first_at.as_millis());
        let message = format!(
            "{} {} performed '{}' ({} events over {}) at {}",
            rule.scope.kind,
            who.value,
            rule.name,
            finished.total,
            go::duration(took),
            go::time(last),
        );
        let events = finished.kept.iter();
        let events = events.map(|kept| DetectionEvent {
            at: kept.at.min(now),
            meta: self.packer.unpack(&kept.meta),
        });
        Detection {
            id: DetectionId::of(finished.key, &who.value, &finished.first, &finished.last),
            scenario: rule.name.to_string(),
            scenario_version: rule.rule.to_string(),
            rule: rule.rule,
            behaviour: rule.behaviour,
            scope: rule.scope.kind.to_string(),
            value: who.value.to_string(),
            ip: who.ip,
            first,
            last,
            events_count: finished.total,
            capacity: rule.capacity,
            leakspeed: rule.leakspeed_text.to_string(),
            events: events.collect(),
            message,
            remediation: rule.remediation,
            simulated: false,
            live: false,
            labels: rule.labels.clone(),
        }
    }

    fn signal(&self, plan: &Plan, finished: &Finished, who: &Who) -> Overflow {
        Overflow {
            scenario: plan.rule.name.to_string(),
            scope: plan.rule.scope.kind.to_string(),
            value: who.value.to_string(),
            ip: who.ip.map(|ip| ip.to_string()).unwrap_or_default(),
            range: who.range.to_string(),
            remediation: plan.rule.remediation,
            events_count: finished.total,
            events: self.events(finished),
        }
    }

    /// The overflow as an event, for scenarios that count overflows.
    fn event(&self, plan: &Plan, finished: &Finished, who: &Who) -> Option<Event> {
        let mut event = Event::blank(Arc::clone(&self.names));
        event.source = Arc::clone(&self.progress.sources.get(finished.source)?.name);
        event.position = finished.last.clone();
        event.set_time(finished.at);
        event.set_overflow(Arc::new(self.signal(plan, finished, who)));
        Some(event)
    }

    fn events(&self, finished: &Finished) -> Vec<Event> {
        if !finished.whole.is_empty() {
            return finished.whole.iter().map(Event::keep_meta).collect();
        }
        let rebuilt = finished.kept.iter().map(|kept| {
            let mut event = Event::blank(Arc::clone(&self.names));
            for (name, value) in self.packer.unpack(&kept.meta) {
                event.set(Space::Meta, &name, &value);
            }
            event.set_time(kept.at);
            event.keep()
        });
        rebuilt.collect()
    }
}

fn distinct(kept: &[Kept]) -> Vec<Arc<Who>> {
    let mut whos: Vec<Arc<Who>> = Vec::new();
    for who in kept.iter().filter_map(|kept| kept.who.as_ref()) {
        if !whos.iter().any(|known| known.value == who.value) {
            whos.push(Arc::clone(who));
        }
    }
    whos
}
