//! Envelopes that neighbours have and this node does not: who has them, and when the next of those is asked.
//!
//! One that was brought stays here until it is stored, so that it is asked of others if it turns out to be none. Anybody
//! can write a name into a forgery, so what came under a name stands in the way of nothing but itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::constants::{RELAY_MISSING, RELAY_MISSING_OF_ONE, RELAY_PATIENCE, RELAY_PROMISE};
use crate::wire::Timestamp;
use crate::wire::relay::{Name, Packed};

/// Neighbours who have one, at most: more would not be asked in its time.
const HOLDERS: usize = 12;
/// Different copies under one name that are looked at together, one of each neighbour.
const LOOKED_AT: usize = 16;

#[derive(Clone, Debug)]
struct Wanted<P> {
    due: Timestamp,
    /// Who has it, and whether he was asked for it or brought it.
    holders: Vec<(P, bool)>,
    asked: Option<P>,
    /// He who was asked has brought something.
    answered: bool,
    /// It was asked for because only its name had come.
    lacked: bool,
    /// Who brought what, as long as it may be on its way to the store.
    looked_at: Vec<(P, Arc<Packed>)>,
    /// Whose announcement made this entry.
    opened_by: Option<P>,
}

/// All of them.
#[derive(Clone, Debug)]
pub(super) struct Missing<P> {
    wanted: BTreeMap<Name, Wanted<P>>,
    timers: BTreeSet<(Timestamp, Name)>,
    /// Entries that were made by each neighbour's announcements.
    opened: BTreeMap<P, usize>,
    /// Whoever was asked and did not bring it in time, once for each time.
    broken: Vec<P>,
}

/// Of one that is stored.
#[derive(Clone, Debug)]
pub(super) struct Came<P> {
    /// Who had it.
    pub(super) holders: Vec<P>,
    /// Who brought it when asked, and whether that was because only its name had come.
    pub(super) kept_by: Option<(P, bool)>,
}

// === impl Missing ===

impl<P> Default for Missing<P> {
    fn default() -> Self {
        Self {
            wanted: BTreeMap::new(),
            timers: BTreeSet::new(),
            opened: BTreeMap::new(),
            broken: Vec::new(),
        }
    }
}

impl<P: Copy + Ord> Missing<P> {
    /// It is stored, or nothing more is wanted of it.
    pub(super) fn came(&mut self, name: Name) -> Came<P> {
        let Some(wanted) = self.remove(name) else {
            return Came {
                holders: Vec::new(),
                kept_by: None,
            };
        };
        Came {
            holders: wanted.holders.into_iter().map(|(peer, _)| peer).collect(),
            kept_by: wanted
                .asked
                .filter(|_| wanted.answered)
                .map(|peer| (peer, wanted.lacked)),
        }
    }

    fn remove(&mut self, name: Name) -> Option<Wanted<P>> {
        let wanted = self.wanted.remove(&name)?;
        self.timers.remove(&(wanted.due, name));
        if let Some(by) = wanted.opened_by
            && let Some(count) = self.opened.get_mut(&by)
        {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.opened.remove(&by);
            }
        }
        Some(wanted)
    }

    pub(super) fn named(&mut self, name: Name, from: P, now: Timestamp) {
        if !self.wanted.contains_key(&name) {
            let open = self.opened.get(&from).copied().unwrap_or(0);
            if open >= RELAY_MISSING_OF_ONE || self.wanted.len() >= RELAY_MISSING {
                return;
            }
            self.opened.insert(from, open + 1);
            self.open(name, Some(from), now);
        }
        if let Some(wanted) = self.wanted.get_mut(&name) {
            note(&mut wanted.holders, from, false);
        }
    }

    /// Somebody brought it. Whether it is to be looked at, because it is not what is being looked at already.
    pub(super) fn brought(&mut self, packed: &Arc<Packed>, from: P, now: Timestamp) -> bool {
        let name = packed.name();
        if !self.wanted.contains_key(&name) {
            if self.wanted.len() >= RELAY_MISSING {
                return true;
            }
            self.open(name, None, now);
        }
        let Some(wanted) = self.wanted.get_mut(&name) else {
            return true;
        };
        let asked = wanted.asked == Some(from);
        wanted.answered |= asked;
        let looked_at = &mut wanted.looked_at;
        let same = looked_at.iter().any(|(_, before)| before == packed);
        let crowded =
            looked_at.len() >= LOOKED_AT || looked_at.iter().any(|(before_him, _)| *before_him == from);
        if same || crowded && !asked {
            // Whoever brings it while another's is looked at has one to give if that is none.
            note(&mut wanted.holders, from, false);
            return false;
        }
        let first = looked_at.is_empty();
        looked_at.retain(|(before_him, _)| *before_him != from);
        looked_at.push((from, Arc::clone(packed)));
        note(&mut wanted.holders, from, true);
        if first {
            self.set_due(name, now + RELAY_PATIENCE);
        }
        true
    }

    fn open(&mut self, name: Name, opened_by: Option<P>, now: Timestamp) {
        let due = now + RELAY_PATIENCE;
        self.timers.insert((due, name));
        let wanted = Wanted {
            due,
            holders: Vec::new(),
            asked: None,
            answered: false,
            lacked: false,
            looked_at: Vec::new(),
            opened_by,
        };
        self.wanted.insert(name, wanted);
    }

    pub(super) fn was_asked(&self, name: Name, whom: P) -> bool {
        self.wanted
            .get(&name)
            .is_some_and(|wanted| wanted.asked == Some(whom))
    }

    /// What he brought is not looked at any more, and says nothing about what else comes under this name.
    pub(super) fn put_aside(&mut self, name: Name, from: P) {
        if let Some(wanted) = self.wanted.get_mut(&name) {
            wanted.looked_at.retain(|(peer, _)| *peer != from);
        }
    }

    /// The same, and it was none: unless another's is looked at, the next is asked at once.
    pub(super) fn useless(&mut self, name: Name, from: P, now: Timestamp) {
        self.put_aside(name, from);
        let Some(wanted) = self.wanted.get_mut(&name) else {
            return;
        };
        if wanted.asked == Some(from) {
            (wanted.asked, wanted.answered) = (None, false);
            self.broken.push(from);
        }
        if wanted.looked_at.is_empty() && wanted.asked.is_none() {
            self.set_due(name, now);
        }
    }

    /// What came of it was of no use, and he is asked for it in another form.
    pub(super) fn asked_again(&mut self, name: Name, whom: P, now: Timestamp) {
        self.put_aside(name, whom);
        if let Some(wanted) = self.wanted.get_mut(&name) {
            (wanted.asked, wanted.answered) = (Some(whom), false);
            self.set_due(name, now + RELAY_PROMISE);
        }
    }

    /// Who did not keep what he promised by naming, since the last time.
    pub(super) fn take_broken(&mut self) -> Vec<P> {
        std::mem::take(&mut self.broken)
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

    /// One that is due, and who is to be asked: one who keeps what he promises, if there is one; `trust` says so of
    /// neighbours, and nothing of others. Whom nobody is left to ask for is given up.
    pub(super) fn next(&mut self, now: Timestamp, trust: impl Fn(P) -> Option<bool>) -> Option<(Name, P)> {
        while let Some((_, name)) = self.timers.first().copied().filter(|(due, _)| *due <= now) {
            if let Some(wanted) = self.wanted.get_mut(&name) {
                if let Some(late) = wanted.asked.take().filter(|_| !wanted.answered) {
                    self.broken.push(late);
                }
                let untried = || wanted.holders.iter().filter(|(_, tried)| !*tried);
                let first = |trusted| untried().find(|(peer, _)| trust(*peer) == Some(trusted));
                let next = first(true).or_else(|| first(false)).map(|(peer, _)| *peer);
                if let Some(peer) = next {
                    note(&mut wanted.holders, peer, true);
                    wanted.looked_at.clear();
                    (wanted.asked, wanted.answered, wanted.lacked) = (Some(peer), false, true);
                    self.set_due(name, now + RELAY_PROMISE);
                    return Some((name, peer));
                }
            }
            self.remove(name);
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
