//! What an observer has not heard yet, and how far behind that puts it: the watermark of a node.
//!
//! Two things tell. What an anchor's own node holds, compared with it every few minutes, cannot be held back; who reaches no
//! anchor knows that he may be surrounded. And chains: a place that is jumped over, an organisation that falls silent. Deliberately
//! absent: how the mesh finds and mends gaps; here what is held back is known to be missing after three heartbeats. The rule is
//! the node's own (`vigie_gossip_core::chain::whole_until`).

use std::collections::BTreeMap;
use std::time::Duration;

use vigie_gossip_core::chain::{median, whole_until};
use vigie_gossip_core::constants::WATERMARK_AMISS_ONE_IN;
use vigie_reputation::wire::{OrgId, Timestamp};

use crate::span::DAY;
use crate::subject::Org;

/// How often it looks: a heartbeat.
const EVERY: Duration = Duration::from_mins(5);
/// After so long what does not come is missed: three heartbeats.
const MISSED_AFTER: Duration = Duration::from_mins(15);

/// What does not arrive.
#[derive(Debug, Default)]
pub(crate) struct Horizon {
    /// By speaker: when it was said, and when it comes, if ever.
    held: BTreeMap<Org, Vec<(Timestamp, Option<Timestamp>)>>,
    looks: Option<Timestamp>,
}

// === impl Horizon ===

impl Horizon {
    /// Something that was said does not arrive before `comes`.
    pub(crate) fn miss(&mut self, by: Org, said: Timestamp, comes: Option<Timestamp>) {
        self.held.entry(by).or_default().push((said, comes));
    }

    /// Whether it is time to look again.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        self.looks.is_none_or(|at| now >= at)
    }

    /// The watermark; `None` if nothing is amiss. `voice` says in which group somebody is trusted, if he is, `silent` since when
    /// his heartbeats do not come, `cut_off` since when no anchor can be reached.
    pub(crate) fn look(
        &mut self,
        all: impl Iterator<Item = Org> + Clone,
        voice: impl Fn(Org) -> Option<OrgId>,
        silent: impl Fn(Org) -> Option<Timestamp>,
        cut_off: Option<Timestamp>,
        now: Timestamp,
    ) -> Option<Timestamp> {
        self.looks = Some(now + EVERY);
        // What was held for longer than a day says nothing of its speaker any more.
        let fresh = |at: Timestamp| now.since(at) < DAY;
        self.held.retain(|_, held| {
            held.retain(|(said, comes)| fresh(*said) && comes.is_none_or(|at| at > now));
            !held.is_empty()
        });
        let missed = |at: &Timestamp| now.since(*at) >= MISSED_AFTER;
        let since = |org: Org| {
            let held = self.held.get(&org).into_iter().flatten().map(|(said, _)| *said);
            let silent = silent(org).filter(|at| fresh(*at));
            held.chain(silent).filter(missed).min()
        };
        let cut_off = cut_off.filter(missed);
        let missing = all.clone().filter(|org| since(*org).is_some()).count();
        let mut groups: BTreeMap<OrgId, Vec<Timestamp>> = BTreeMap::new();
        for org in all {
            // Whom we trust costs most of a run to ask of everybody. These few put nobody behind, whatever the others are.
            if groups.len() >= WATERMARK_AMISS_ONE_IN * missing {
                return cut_off;
            }
            if let Some(group) = voice(org) {
                groups.entry(group).or_default().push(since(org).unwrap_or(now));
            }
        }
        let whole = |members: &mut Vec<Timestamp>| {
            members.sort_unstable();
            median(members)
        };
        let mut voices: Vec<Timestamp> = groups.values_mut().filter_map(whole).collect();
        let until = whole_until(&mut voices, now).filter(|until| *until < now);
        until.into_iter().chain(cut_off).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::span::{HOUR, START};

    const MINUTE: Duration = Duration::from_mins(1);

    /// Ten whom we trust, of whom some said something an hour ago that comes in five.
    fn behind(missing: u32) -> Horizon {
        let mut horizon = Horizon::default();
        for org in 0..missing {
            let said = START + (60 + org) * MINUTE;
            horizon.miss(Org(org), said, Some(START + 5 * HOUR));
        }
        horizon
    }

    /// Each of a group of his own.
    fn ten() -> impl Iterator<Item = Org> + Clone {
        (0..10).map(Org)
    }

    fn look(horizon: &mut Horizon, now: Timestamp) -> Option<Timestamp> {
        horizon.look(ten(), |org| Some(org.id()), |_| None, None, now)
    }

    #[test]
    fn more_than_a_quarter_put_it_behind_until_what_they_said_comes() {
        let now = START + 2 * HOUR;
        assert_eq!(look(&mut behind(2), now), None);
        let mut horizon = behind(3);
        // All but one in ten are whole up to what the second of them said.
        assert_eq!(look(&mut horizon, now), Some(START + 61 * MINUTE));
        assert!(!horizon.is_due(now + MINUTE) && horizon.is_due(now + EVERY));
        assert_eq!(look(&mut horizon, START + 5 * HOUR), None);
    }

    #[test]
    fn what_is_on_its_way_or_never_comes_does_not_hold_it_back() {
        assert_eq!(look(&mut behind(3), START + 70 * MINUTE), None);
        let mut lost = Horizon::default();
        for org in 0..5 {
            lost.miss(Org(org), START, None);
        }
        assert_eq!(look(&mut lost, START + HOUR), Some(START));
        assert_eq!(look(&mut lost, START + DAY), None);
    }

    #[test]
    fn who_reaches_no_anchor_is_behind_whatever_else_he_hears() {
        let mut horizon = behind(3);
        let mut look = |cut_off, now| horizon.look(ten(), |org| Some(org.id()), |_| None, Some(cut_off), now);
        let now = START + 2 * HOUR;
        assert_eq!(look(START, now), Some(START));
        assert_eq!(look(START + 90 * MINUTE, now), Some(START + 61 * MINUTE));
        assert_eq!(look(START + 5 * HOUR, START + 5 * HOUR + 14 * MINUTE), None);
        let cut_off = START + 5 * HOUR;
        assert_eq!(look(cut_off, cut_off + MISSED_AFTER), Some(cut_off));
    }

    #[test]
    fn those_who_fall_silent_are_missed_too() {
        let mut horizon = Horizon::default();
        let silent = |org: Org| (org.0 < 3).then_some(START);
        let now = START + HOUR;
        assert_eq!(
            horizon.look(ten(), |org| Some(org.id()), silent, None, now),
            Some(START)
        );
    }
}
