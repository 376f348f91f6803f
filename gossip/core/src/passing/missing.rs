//! Envelopes that neighbours have and this node does not: who has them, and when the next of those is asked.
//!
//! One that was brought stays here until it is stored, so that it is asked of others if it turns out to be none.

use std::collections::{BTreeMap, BTreeSet};

use crate::constants::{RELAY_MISSING, RELAY_PATIENCE, RELAY_PROMISE};
use crate::wire::Timestamp;
use crate::wire::relay::Name;

/// Neighbours who have one, at most: more would not be asked in its time.
const HOLDERS: usize = 12;

#[derive(Clone, Debug)]
struct Wanted<P> {
    due: Timestamp,
    /// Who has it, and whether he was asked for it or brought it.
    holders: Vec<(P, bool)>,
    asked: Option<P>,
    /// Somebody brought it, and it may be on its way to the store.
    here: bool,
}

/// All of them.
#[derive(Clone, Debug)]
pub(super) struct Missing<P> {
    wanted: BTreeMap<Name, Wanted<P>>,
    timers: BTreeSet<(Timestamp, Name)>,
}

// === impl Missing ===

impl<P> Default for Missing<P> {
    fn default() -> Self {
        Self {
            wanted: BTreeMap::new(),
            timers: BTreeSet::new(),
        }
    }
}

impl<P: Copy + Ord> Missing<P> {
    /// It is stored, or nothing more is wanted of it: who had it.
    pub(super) fn came(&mut self, name: Name) -> Vec<P> {
        let Some(wanted) = self.wanted.remove(&name) else {
            return Vec::new();
        };
        self.timers.remove(&(wanted.due, name));
        wanted.holders.into_iter().map(|(peer, _)| peer).collect()
    }

    pub(super) fn named(&mut self, name: Name, from: P, now: Timestamp) {
        if let Some(wanted) = self.entry(name, now) {
            note(&mut wanted.holders, from, false);
        }
    }

    pub(super) fn brought(&mut self, name: Name, from: P, now: Timestamp) {
        if let Some(wanted) = self.entry(name, now) {
            // Whoever brings it while another's is looked at has one to give if that is none.
            let first = !wanted.here;
            note(&mut wanted.holders, from, first);
            wanted.here = true;
            if first {
                self.set_due(name, now + RELAY_PATIENCE);
            }
        }
    }

    fn entry(&mut self, name: Name, now: Timestamp) -> Option<&mut Wanted<P>> {
        if !self.wanted.contains_key(&name) {
            if self.wanted.len() >= RELAY_MISSING {
                return None;
            }
            let due = now + RELAY_PATIENCE;
            self.timers.insert((due, name));
            let wanted = Wanted {
                due,
                holders: Vec::new(),
                asked: None,
                here: false,
            };
            self.wanted.insert(name, wanted);
        }
        self.wanted.get_mut(&name)
    }

    pub(super) fn is_here(&self, name: Name) -> bool {
        self.wanted.get(&name).is_some_and(|wanted| wanted.here)
    }

    pub(super) fn was_asked(&self, name: Name, whom: P) -> bool {
        self.wanted
            .get(&name)
            .is_some_and(|wanted| wanted.asked == Some(whom))
    }

    /// What came of it was of no use.
    pub(super) fn asked_again(&mut self, name: Name, whom: P, now: Timestamp) {
        if let Some(wanted) = self.wanted.get_mut(&name) {
            (wanted.here, wanted.asked) = (false, Some(whom));
            self.set_due(name, now + RELAY_PROMISE);
        }
    }

    fn set_due(&mut self, name: Name, due: Timestamp) {
        if let Some(wanted) = self.wanted.get_mut(&name) {
            self.timers.remove(&(wanted.due, name));
            wanted.due = due;
            self.timers.insert((due, name));
        }
    }

    pub(super) fn due(&self) -> Option<Timestamp> {
        self.timers.first().map(|(due, _)| *due)
    }

    /// One that is due, and who is to be asked. Whom nobody is left to ask for is given up.
    pub(super) fn next(&mut self, now: Timestamp, is_neighbour: impl Fn(P) -> bool) -> Option<(Name, P)> {
        while let Some((due, name)) = self.timers.first().copied().filter(|(due, _)| *due <= now) {
            let wanted = self.wanted.get_mut(&name);
            let next = wanted.and_then(|wanted| {
                let mut holders = wanted.holders.iter_mut();
                let (peer, tried) = holders.find(|(peer, tried)| !*tried && is_neighbour(*peer))?;
                (*tried, wanted.here, wanted.asked) = (true, false, Some(*peer));
                Some(*peer)
            });
            if let Some(peer) = next {
                self.set_due(name, now + RELAY_PROMISE);
                return Some((name, peer));
            }
            self.timers.remove(&(due, name));
            self.wanted.remove(&name);
        }
        None
    }
}

fn note<P: Copy + Ord>(holders: &mut Vec<(P, bool)>, from: P, tried: bool) {
    if let Some((_, before)) = holders.iter_mut().find(|(peer, _)| *peer == from) {
        *before |= tried;
    } else if holders.len() < HOLDERS {
        holders.push((from, tried));
    }
}
