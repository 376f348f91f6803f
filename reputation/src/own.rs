//! What our own sensor saw lately. It lowers thresholds, lifts local primacy, and is the first kind of gold.
//!
//! Our sensor errs too, so whoever disputes what nobody but it has said is kept until others say it.
//! Deliberately absent: blocks on our own word alone, which policy decides elsewhere.

use std::collections::BTreeSet;

use hashbrown::HashMap;
use vigie_wire::{Behaviour, Indicator, Timestamp};

use crate::constants::OWN_LIVE;
use crate::reporter::{GroupIndex, ReporterIndex};
use crate::subject::{Objection, Objections};

/// One subject that our sensor caught.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Caught {
    /// The behaviour seen last.
    pub(crate) behaviour: Behaviour,
    /// When it was seen first, without a pause as long as it counts.
    pub(crate) first: Timestamp,
    /// When it was seen last.
    pub(crate) last: Timestamp,
}

/// One of them, and who disputes it: 1.6 kB at most.
#[derive(Clone, Debug)]
struct Held {
    caught: Caught,
    objections: Objections,
}

/// All of them, bounded; the longest unseen goes first.
#[derive(Clone, Debug)]
pub(crate) struct Own {
    caught: HashMap<Indicator, Held>,
    by_age: BTreeSet<(Timestamp, Indicator)>,
    max: usize,
}

// === impl Own ===

impl Own {
    pub(crate) fn new(max: usize) -> Self {
        Self {
            caught: HashMap::new(),
            by_age: BTreeSet::new(),
            max,
        }
    }

    /// Takes note, and returns what is known of the subject now.
    pub(crate) fn catch(&mut self, subject: &Indicator, behaviour: Behaviour, at: Timestamp) -> Caught {
        let (known, objections) = match self.caught.remove(subject) {
            Some(held) if is_live(held.caught.last, at) => (Some(held.caught), held.objections),
            held => (held.map(|held| held.caught), Objections::default()),
        };
        let caught = match known {
            Some(known) if is_live(known.last, at) => Caught {
                behaviour: if at >= known.last {
                    behaviour
                } else {
                    known.behaviour
                },
                first: known.first.min(at),
                last: known.last.max(at),
            },
            _ => Caught {
                behaviour,
                first: at,
                last: at,
            },
        };
        if let Some(known) = known {
            self.by_age.remove(&(known.last, subject.clone()));
        }
        self.caught.insert(subject.clone(), Held { caught, objections });
        self.by_age.insert((caught.last, subject.clone()));
        while self.caught.len() > self.max {
            let Some((_, oldest)) = self.by_age.pop_first() else {
                break;
            };
            self.caught.remove(&oldest);
        }
        caught
    }

    /// Takes up what was kept over a restart, however long it went on.
    pub(crate) fn import(
        &mut self,
        subject: &Indicator,
        behaviour: Behaviour,
        first: Timestamp,
        last: Timestamp,
    ) {
        self.catch(subject, behaviour, last);
        if let Some(known) = self.caught.get_mut(subject) {
            known.caught.first = known.caught.first.min(first);
        }
    }

    /// What our sensor saw of a subject, if that still counts.
    pub(crate) fn live(&self, subject: &Indicator, now: Timestamp) -> Option<Caught> {
        self.get(subject).filter(|caught| is_live(caught.last, now))
    }

    pub(crate) fn get(&self, subject: &Indicator) -> Option<Caught> {
        self.caught.get(subject).map(|held| held.caught)
    }

    /// Somebody disputes what so far only our sensor says, if that counts now.
    pub(crate) fn object(
        &mut self,
        subject: &Indicator,
        objection: Objection,
        now: Timestamp,
        group: impl Fn(ReporterIndex) -> GroupIndex,
        weight: impl Fn(ReporterIndex) -> i64,
    ) {
        let held = self.caught.get_mut(subject);
        if let Some(held) = held.filter(|held| is_live(held.caught.last, now)) {
            held.objections.add(objection, group, weight);
        }
    }

    /// Who disputed it before others said it, too: from now on they are kept with what these say.
    pub(crate) fn take_objections(&mut self, subject: &Indicator, now: Timestamp) -> Option<Objections> {
        let held = self.caught.get_mut(subject)?;
        let objections = std::mem::take(&mut held.objections);
        (is_live(held.caught.last, now) && !objections.is_empty()).then_some(objections)
    }

    /// All of them, the longest unseen first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Indicator, Caught)> {
        self.by_age
            .iter()
            .filter_map(|(_, subject)| Some((subject, self.get(subject)?)))
    }

    pub(crate) fn len(&self) -> usize {
        self.caught.len()
    }
}

fn is_live(last: Timestamp, now: Timestamp) -> bool {
    now.as_millis().saturating_sub(last.as_millis()) < OWN_LIVE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sight_is_kept_while_it_goes_on_and_the_table_is_bounded() {
        let mut own = Own::new(1);
        let subject = Indicator::ip("9.9.9.9".parse().unwrap());
        let hours = |count: i64| Timestamp::from_secs(3_600 * count);
        own.catch(&subject, Behaviour(5), hours(1));
        own.catch(&subject, Behaviour(7), hours(2));
        let expected = Caught {
            behaviour: Behaviour(7),
            first: hours(1),
            last: hours(2),
        };
        assert_eq!(own.live(&subject, hours(73)), Some(expected));
        assert_eq!(own.live(&subject, hours(74)), None);
        own.catch(&Indicator::Asn(1), Behaviour(5), hours(3));
        assert_eq!((own.len(), own.live(&subject, hours(3))), (1, None));
    }
}
