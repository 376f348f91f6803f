//! A bucket overflowed: is it told, and as what?
//!
//! Order of the questions as in `CrowdSec`: whose address is it, does the overflow filter hold, is the partition in a
//! blackhole, what do the postoverflows say. Before: `pouring`. After: the detections of `detect`. Deliberately absent: when a bucket overflows.

use std::net::IpAddr;
use std::sync::Arc;

use vigie_wire::Timestamp;

use super::bucket::Kept;
use super::detection::{Detection, DetectionEvent, DetectionId, Origin};
use super::meta::Packer;
use super::plan::{Plan, short};
use super::{Detector, Hole, Told, go};
use crate::address;
use crate::expr::{Env, Leaky};
use crate::line::Position;
use crate::parse::event::Event;
use crate::parse::names::Space;
use crate::parse::overflow::{Alert, Overflow, Source};
use crate::trace::Trace;

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
    /// The address of the last event, for scopes that are none of addresses.
    pub(crate) address: Option<IpAddr>,
}

impl Detector {
    /// Asks filter, blackhole and postoverflows, then makes the detections of an overflow, and the event that is poured
    /// again.
    pub(super) fn conclude(&mut self, plan: &Plan, mut finished: Finished, told: &mut Told<'_, impl Trace>) {
        if !is_told(&finished.kept) {
            self.counts.sourceless += 1;
            return;
        }
        // Without a filter the blackhole is the only question, and what it swallows need not be put together.
        let filtered = plan.rule.overflow_filter.is_some();
        if !filtered && !self.passes_blackhole(plan, &finished) {
            self.counts.suppressed += 1;
            return;
        }
        let looked_at = self.events_are_read || told.trace.sees_overflows();
        let overflow = self.signal(plan, &mut finished, looked_at);
        let Some(mut event) = self.event(&finished, overflow) else {
            return;
        };
        if filtered
            && (!self.passes_filter(plan, &finished, &event) || !self.passes_blackhole(plan, &finished))
        {
            self.counts.suppressed += 1;
            return;
        }
        self.post.process(&mut event, told.now, told.trace);
        told.trace.overflow(&event);
        if event.whitelist_reason().is_some() {
            self.counts.whitelisted += 1;
            return;
        }
        let Some(overflow) = event.overflow() else { return };
        let first = told.out.len();
        for source in &overflow.alerted {
            if source.value.is_empty() {
                self.counts.sourceless += 1;
                continue;
            }
            let detection = self.detection(plan, &finished, overflow, source, told.now);
            // A dual-stack socket and a plain one name the same host.
            let known = told.out.iter().skip(first).any(|other| other.id == detection.id);
            if !known {
                told.out.push(detection);
            }
        }
        if plan.rule.reprocess {
            told.again.push(event);
        }
    }

    fn passes_filter(&mut self, plan: &Plan, finished: &Finished, event: &Event) -> bool {
        let Some(filter) = &plan.rule.overflow_filter else {
            return true;
        };
        let leaky = Leaky {
            total: finished.total,
            first_at: finished.first_at,
            last_at: finished.at,
            overflow_at: finished.at,
            ..plan.leaky(None)
        };
        let env = Env {
            queue: &finished.whole,
            leaky: Some(&leaky),
            signal: event.overflow().map(AsRef::as_ref),
            ..Env::of(event)
        };
        let held = filter.eval(env);
        self.counts.rule_errors += u64::from(held.is_err());
        held.is_ok_and(|value| value.as_bool() == Some(true))
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

    fn detection(
        &self,
        plan: &Plan,
        finished: &Finished,
        overflow: &Overflow,
        source: &Source,
        now: Timestamp,
    ) -> Detection {
        let rule = &plan.rule;
        let (first, last) = (finished.first_at.min(now), finished.at.min(now));
        let ip = address::read(&source.ip).or(finished.address);
        let value = match address::read(&source.value) {
            Some(ip) => ip.to_string(),
            None => source.value.clone(),
        };
        let message = message(plan, finished, &source.scope, &value, last);
        let events = finished.kept.iter();
        let events = events.map(|kept| DetectionEvent {
            at: kept.at.min(now),
            meta: self.packer.unpack(&kept.meta),
        });
        Detection {
            id: DetectionId::of(finished.key, &value, &finished.first, &finished.last),
            scenario: rule.name.to_string(),
            scenario_version: rule.rule.to_string(),
            rule: rule.rule,
            behaviour: rule.behaviour,
            scope: source.scope.clone(),
            value,
            ip,
            origin: origin(source),
            first,
            last,
            events_count: finished.total,
            capacity: rule.capacity,
            leakspeed: rule.leakspeed_text.to_string(),
            events: events.collect(),
            message,
            remediation: overflow.alert.remediation,
            simulated: false,
            live: false,
            labels: rule.labels.clone(),
        }
    }

    /// The alert; its events only if anything will look at them, because they are copies.
    fn signal(&self, plan: &Plan, finished: &mut Finished, with_events: bool) -> Overflow {
        let rule = &plan.rule;
        let sources = sources(plan, &finished.kept);
        let named = match sources.as_slice() {
            [one] => one.value.clone(),
            several => format!("{} sources", several.len()),
        };
        Overflow {
            alerted: sources.clone(),
            whitelisted: false,
            reprocess: rule.reprocess,
            alert: Alert {
                scenario: rule.name.to_string(),
                scenario_version: rule.rule.to_string(),
                message: message(plan, finished, &rule.scope.kind, &named, finished.at),
                remediation: rule.remediation,
                simulated: false,
                events_count: finished.total,
                capacity: rule.capacity,
                leakspeed: rule.leakspeed_text.to_string(),
                start_at: finished.first_at,
                stop_at: finished.at,
                events: if with_events {
                    self.events(finished)
                } else {
                    Vec::new()
                },
            },
            sources,
        }
    }

    /// The overflow as an event, for postoverflows and for scenarios that count overflows.
    fn event(&self, finished: &Finished, overflow: Overflow) -> Option<Event> {
        let mut event = Event::blank(Arc::clone(&self.names));
        event.source = Arc::clone(&self.progress.sources.get(finished.source)?.name);
        event.position = finished.last.clone();
        event.set_time(finished.at);
        event.set_overflow(Arc::new(overflow));
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

fn origin(source: &Source) -> Option<Origin> {
    let origin = Origin {
        range: source.range.clone(),
        as_number: source.as_number.clone(),
        as_name: source.as_name.clone(),
        country: source.country.clone(),
        latitude: source.latitude,
        longitude: source.longitude,
    };
    (origin != Origin::default()).then_some(origin)
}

fn message(plan: &Plan, finished: &Finished, scope: &str, who: &str, at: Timestamp) -> String {
    let took = finished
        .at
        .as_millis()
        .saturating_sub(finished.first_at.as_millis());
    format!(
        "{scope} {who} performed '{}' ({} events over {}) at {}",
        plan.rule.name,
        finished.total,
        go::duration(took),
        go::time(at),
    )
}

/// Whether there is anybody to name. An overflow of which one event speaks of nobody cannot be told, nor can one of
/// which all do, as in the original.
fn is_told(kept: &[Kept]) -> bool {
    let mut all = kept
        .iter()
        .map(|kept| kept.whos.as_ref()?.count(Packer::address(&kept.meta)));
    all.clone().all(|whos| whos.is_some()) && all.any(|whos| whos.is_some_and(|count| count > 0))
}

/// Whom the events speak of, each once.
fn sources(plan: &Plan, kept: &[Kept]) -> Vec<Source> {
    let mut sources: Vec<Source> = Vec::new();
    for kept in kept {
        let Some(whos) = &kept.whos else { continue };
        whos.sources(Packer::address(&kept.meta), &plan.rule.scope, |value, source| {
            if !sources.iter().any(|known| *known.value == *value) {
                sources.push(source());
            }
        });
    }
    sources
}
