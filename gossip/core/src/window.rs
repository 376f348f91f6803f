//! The outbox's window: own sightings wait here for company, since a message costs more than what it carries.
//!
//! Before this stop: `node/src/share.rs`. After it: `gossip/wire/src/envelope/draft.rs`. Urgent rows leave at once, within
//! the urgent budget; new (indicator, behaviour) pairs within 250 ms, or up to 10 s where the mesh is busy (`traffic`); repeats
//! are counted for 5 to 10 s. Each queue only keeps a distance from its own last departure, so in quiet times nothing waits;
//! and what has waited half of its time leaves with what leaves anyway. What the rate does not allow waits for
//! the next slot and is counted together meanwhile, never dropped before the window is full.
//! Deliberately absent: sealing, sequence numbers and clocks.

mod batch;
mod budget;
mod told;
mod traffic;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::constants::{WINDOW_NEW, WINDOW_REPEATS, WINDOW_REPEATS_BUSY, WINDOW_ROWS};
use crate::rate::{Class, Scale};
use crate::wire::{Behaviour, Count, Indicator, MAX_ROWS, RuleHash, Sighting, Timestamp};
pub use batch::Batch;
use batch::Filling;
use budget::Budget;
use told::Told;
pub use traffic::Traffic;

/// Rows that leave together whatever their time, because they fill an envelope.
const FULL: usize = MAX_ROWS;

/// How soon a row leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Lane {
    Urgent,
    New,
    Repeat,
}

/// One row of the window: equal ones are counted together.
type Subject = (Indicator, Behaviour, RuleHash);

/// A row that waits, and how often it was seen meanwhile: powers of two cannot be added up one by one.
#[derive(Debug)]
struct Row {
    sighting: Sighting,
    events: u64,
}

/// Rows of one lane.
#[derive(Debug, Default)]
struct Queue {
    rows: BTreeMap<Subject, Row>,
    /// In the order they came.
    order: Vec<Subject>,
    last_left: Option<Timestamp>,
    first_came: Option<Timestamp>,
}

/// Own sightings before they are sealed.
#[derive(Debug)]
pub struct Window {
    class: Class,
    queues: BTreeMap<Lane, Queue>,
    told: Told,
    budget: Budget,
    new_every: Duration,
    repeats_every: Duration,
    dropped: u64,
}

/// A sighting that the window does not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// So many rows wait already that this one is lost. It is counted.
    #[error("{WINDOW_ROWS} rows wait already")]
    Full,
    /// Alone it would not fit into an envelope.
    #[error("the indicator is too long for an envelope")]
    TooLong,
}

// === impl Window ===

impl Window {
    /// Of a publisher with this budget.
    pub fn new(class: Class) -> Self {
        Self::scaled(class, Scale::ONE)
    }

    /// With so many times the budgets of the network: for simulations.
    pub fn scaled(class: Class, scale: Scale) -> Self {
        Self {
            class,
            queues: BTreeMap::new(),
            told: Told::default(),
            budget: Budget::scaled(scale),
            new_every: WINDOW_NEW,
            repeats_every: WINDOW_REPEATS,
            dropped: 0,
        }
    }

    /// The publisher's class changed: the probation is over, say.
    pub const fn set_class(&mut self, class: Class) {
        self.class = class;
    }

    /// How far apart departures of new rows are to be from now on, as [`Traffic::distance`] has it.
    pub const fn set_distance(&mut self, new_every: Duration) {
        self.new_every = new_every;
    }

    /// After a restart: what the own chain already spent in the slot of `now`, as `ChainIndex::allowance` has it left.
    pub fn resume(&mut self, (rows, urgent): (u32, u32), now: Timestamp) {
        self.budget.resume(self.class, (rows, urgent), now);
    }

    /// The own chain said something beside sightings, a retraction say, which the same budget pays for.
    pub fn spend(&mut self, rows: usize, urgent: bool, now: Timestamp) {
        self.budget.spend(self.class, rows, urgent, now);
    }

    /// Rows that waited in vain because the window was full.
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Rows that wait.
    pub fn len(&self) -> usize {
        self.queues.values().map(|queue| queue.rows.len()).sum()
    }

    /// Whether none wait.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes a sighting. An urgent one that exceeds the urgent budget goes with the new ones; what was told before is a
    /// repeat, urgent or not.
    pub fn push(&mut self, sighting: Sighting, urgent: bool, now: Timestamp) -> Result<(), WindowError> {
        if !Filling::default().fits(&sighting) {
            return Err(WindowError::TooLong);
        }
        let subject = (sighting.indicator.clone(), sighting.behaviour, sighting.rule);
        let waiting = self
            .queues
            .values_mut()
            .find_map(|queue| queue.rows.get_mut(&subject));
        if let Some(row) = waiting {
            row.merge(&sighting);
            return Ok(());
        }
        if self.len() >= WINDOW_ROWS {
            self.dropped += 1;
            return Err(WindowError::Full);
        }
        let new = !self.told.knows(&sighting, now);
        let lane = match (urgent, new) {
            (true, true) if self.budget.urgent_left(self.class, now) > self.urgent_waiting() => Lane::Urgent,
            (_, true) => Lane::New,
            (_, false) => Lane::Repeat,
        };
        self.queues.entry(lane).or_default().push(subject, sighting, now);
        Ok(())
    }

    fn urgent_waiting(&self) -> u32 {
        let waiting = self.queues.get(&Lane::Urgent).map_or(0, |queue| queue.rows.len());
        u32::try_from(waiting).unwrap_or(u32::MAX)
    }

    /// When [`Window::poll`] has something to give; none while nothing waits.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let due = |(lane, queue): (&Lane, &Queue)| {
            let due = queue.due(self.distance(*lane))?;
            Some(if self.budget.left(self.class, due) == 0 {
                Budget::next_at(self.class, due)
            } else {
                due
            })
        };
        self.queues.iter().filter_map(due).min()
    }

    /// What is to be sealed now: batches that each fit one envelope, the urgent ones first. All of them must be signed
    /// for the slot of `now`.
    pub fn poll(&mut self, now: Timestamp) -> Vec<Batch> {
        let mut batches = Vec::new();
        if self.is_due(Lane::Urgent, now) {
            let rows = self.leave(Lane::Urgent, now);
            batches.extend(Filling::split(rows, true));
        }
        let others = [Lane::New, Lane::Repeat];
        if others.iter().any(|lane| self.is_due(*lane, now)) {
            let leaving = others.into_iter().filter(|lane| self.may_ride(*lane, now));
            let leaving: Vec<Lane> = leaving.collect();
            let rows = leaving.into_iter().flat_map(|lane| self.leave(lane, now));
            batches.extend(Filling::split(rows.collect(), false));
        }
        batches
    }

    fn is_due(&self, lane: Lane, now: Timestamp) -> bool {
        let due = self
            .queues
            .get(&lane)
            .and_then(|queue| queue.due(self.distance(lane)));
        due.is_some_and(|due| due <= now)
    }

    /// An envelope leaves anyway: whether this lane is due or nearly so.
    fn may_ride(&self, lane: Lane, now: Timestamp) -> bool {
        let due = self
            .queues
            .get(&lane)
            .and_then(|queue| queue.due(self.distance(lane) / 2));
        due.is_some_and(|due| due <= now)
    }

    /// What the budget allows of a lane.
    fn leave(&mut self, lane: Lane, now: Timestamp) -> Vec<Sighting> {
        let allowed = self.budget.left(self.class, now);
        let Some(queue) = self.queues.get_mut(&lane) else {
            return Vec::new();
        };
        let rows = queue.take(allowed, now);
        if lane == Lane::Repeat {
            let busy = rows.len() >= FULL / 2;
            self.repeats_every = if busy { WINDOW_REPEATS_BUSY } else { WINDOW_REPEATS };
        }
        self.budget
            .spend(self.class, rows.len(), lane == Lane::Urgent, now);
        for row in &rows {
            self.told.note(row, now);
        }
        rows
    }

    const fn distance(&self, lane: Lane) -> Duration {
        match lane {
            Lane::Urgent => Duration::ZERO,
            Lane::New => self.new_every,
            Lane::Repeat => self.repeats_every,
        }
    }
}

// === impl Row ===

impl Row {
    const fn new(sighting: Sighting) -> Self {
        Self {
            events: sighting.count.at_least(),
            sighting,
        }
    }

    /// Counts another sighting of the same subject in: the sum, the later time, the higher confidence.
    fn merge(&mut self, other: &Sighting) {
        self.events = self.events.saturating_add(other.count.at_least());
        self.sighting.count = Count::of(self.events);
        self.sighting.at = self.sighting.at.max(other.at);
        self.sighting.confidence = self.sighting.confidence.max(other.confidence);
    }
}

// === impl Queue ===

impl Queue {
    fn push(&mut self, subject: Subject, sighting: Sighting, now: Timestamp) {
        self.first_came.get_or_insert(now);
        self.order.push(subject.clone());
        self.rows.insert(subject, Row::new(sighting));
    }

    /// When its rows leave: at once if they fill an envelope, else so long after the last ones left.
    fn due(&self, distance: Duration) -> Option<Timestamp> {
        let came = self.first_came?;
        if self.rows.len() >= FULL {
            return Some(came);
        }
        Some(self.last_left.map_or(came, |left| came.max(left + distance)))
    }

    fn take(&mut self, allowed: u32, now: Timestamp) -> Vec<Sighting> {
        let allowed = usize::try_from(allowed)
            .unwrap_or(usize::MAX)
            .min(self.order.len());
        let taken: Vec<Sighting> = self
            .order
            .drain(..allowed)
            .filter_map(|subject| self.rows.remove(&subject).map(|row| row.sighting))
            .collect();
        if !taken.is_empty() {
            self.last_left = Some(now);
        }
        self.first_came = if self.order.is_empty() { None } else { Some(now) };
        taken
    }
}
