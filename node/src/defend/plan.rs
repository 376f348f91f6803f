//! Which accusations of our users are disputed, when, and how many at most. Pure: time and chance come in.
//!
//! An objection counts once for an organisation on an address, so a few sightings of it are enough; and each tells that
//! the address is known here, so whoever tries addresses to learn which are must get few answers. Deliberately absent:
//! what refutes, which is the scorer's, and the disk, see `defend`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::time::Duration;

use vigie_reputation::Refuted;
use vigie_wire::{SightingId, Timestamp};

/// Sightings disputed in an hour: half of what a newcomer may say.
const AN_HOUR: usize = 30;
/// Sightings of one address disputed in a day.
const OF_AN_ADDRESS: usize = 4;
/// Sightings that wait for their moment; what is beyond is found again at a later look.
const WAITING: usize = 1_000;
const HOUR: Duration = Duration::from_secs(3_600);
pub(super) const DAY: Duration = Duration::from_secs(86_400);
/// No evidence lives longer: six half-lives of a week.
const REMEMBERED: Duration = Duration::from_secs(43 * 86_400);

/// A dispute: of which address, and when it is due, or was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) ip: IpAddr,
    pub(super) at: Timestamp,
}

/// What waits and what was said.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    waiting: BTreeMap<SightingId, Word>,
    said: BTreeMap<SightingId, Word>,
    /// Disputed by a person, or before this was kept.
    otherwise: BTreeSet<SightingId>,
}

// === impl Plan ===

impl Plan {
    /// What was kept over a restart: notes of both, and what our chain shows as disputed, which decides.
    pub(super) fn recalled(
        waiting: BTreeMap<SightingId, Word>,
        said: BTreeMap<SightingId, Word>,
        on_chain: &BTreeMap<SightingId, Timestamp>,
    ) -> Self {
        let mut plan = Self {
            waiting,
            said,
            otherwise: BTreeSet::new(),
        };
        for (id, at) in on_chain {
            if let Some(word) = plan.waiting.get(id) {
                plan.said.entry(*id).or_insert(Word { at: *at, ..*word });
            } else if !plan.said.contains_key(id) {
                plan.otherwise.insert(*id);
            }
        }
        plan.waiting.retain(|id, _| !plan.said.contains_key(id));
        plan
    }

    /// Drops what waits and is refuted no more; gives it.
    pub(super) fn drop_unless(&mut self, refuted: &[Refuted]) -> Vec<SightingId> {
        let still: BTreeSet<_> = refuted.iter().flat_map(|one| &one.sightings).collect();
        let otherwise = &self.otherwise;
        let gone = self
            .waiting
            .extract_if(.., |id, _| !still.contains(id) || otherwise.contains(id));
        gone.map(|(id, _)| id).collect()
    }

    /// Takes up what is new; `delay` says how long all new words on one address wait. Gives it.
    pub(super) fn admit(
        &mut self,
        refuted: &[Refuted],
        now: Timestamp,
        delay: impl Fn(IpAddr) -> Duration,
    ) -> Vec<(SightingId, Word)> {
        let mut of_address = self.of_address(now);
        for word in self.waiting.values() {
            *of_address.entry(word.ip).or_default() += 1;
        }
        let mut new = Vec::new();
        for one in refuted {
            let count = of_address.entry(one.ip).or_default();
            let word = Word {
                ip: one.ip,
                at: now + delay(one.ip),
            };
            for id in &one.sightings {
                let full = *count >= OF_AN_ADDRESS || self.waiting.len() >= WAITING;
                if !full && !self.is_known(id) {
                    self.waiting.insert(*id, word);
                    new.push((*id, word));
                    *count += 1;
                }
            }
        }
        new
    }

    /// What is to be said now, the first word on each address before the second on any, as many as the hour takes.
    pub(super) fn due(&self, now: Timestamp) -> Vec<(SightingId, Word)> {
        let lately = self
            .said
            .values()
            .filter(|word| now.since(word.at) < HOUR)
            .count();
        let mut due: Vec<_> = self.waiting.iter().filter(|(_, word)| word.at <= now).collect();
        if due.is_empty() {
            return Vec::new();
        }
        due.retain(|(id, _)| !self.otherwise.contains(id));
        due.sort_by_key(|(id, word)| (word.at, **id));
        let mut of_address = self.of_address(now);
        let mut ranked: Vec<_> = due
            .into_iter()
            .map(|(id, word)| {
                let rank = of_address.entry(word.ip).or_default();
                *rank += 1;
                (*rank, (*id, *word))
            })
            .collect();
        ranked.sort_by_key(|(rank, _)| *rank);
        let words = ranked.into_iter().map(|(_, word)| word);
        words.take(AN_HOUR.saturating_sub(lately)).collect()
    }

    /// These were said.
    pub(super) fn said(&mut self, words: &[(SightingId, Word)]) {
        for (id, word) in words {
            self.waiting.remove(id);
            self.said.insert(*id, *word);
        }
    }

    /// A person disputed these.
    pub(super) fn said_by_hand(&mut self, ids: impl Iterator<Item = SightingId>) {
        self.otherwise.extend(ids);
    }

    /// Forgets what nobody can name any more; gives it.
    pub(super) fn sweep(&mut self, now: Timestamp) -> Vec<SightingId> {
        let old = self
            .said
            .extract_if(.., |_, word| now.since(word.at) > REMEMBERED);
        old.map(|(id, _)| id).collect()
    }

    fn is_known(&self, id: &SightingId) -> bool {
        self.waiting.contains_key(id) || self.said.contains_key(id) || self.otherwise.contains(id)
    }

    /// How many sightings of each address were disputed since yesterday.
    fn of_address(&self, now: Timestamp) -> HashMap<IpAddr, usize> {
        let mut counts = HashMap::new();
        for word in self.said.values().filter(|word| now.since(word.at) < DAY) {
            *counts.entry(word.ip).or_default() += 1;
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vigie_wire::PublisherId;

    const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);
    const SOON: Duration = Duration::from_secs(300);

    fn id(publisher: u8, seq: u64) -> SightingId {
        SightingId {
            publisher: PublisherId([publisher; 16]),
            epoch: 0,
            seq,
            row: 0,
        }
    }

    fn ip(number: u8) -> IpAddr {
        [192, 88, 99, number].into()
    }

    /// So many name this address.
    fn accused(number: u8, by: u8) -> Refuted {
        let sightings = (0..by).map(|publisher| id(publisher, number.into())).collect();
        Refuted {
            ip: ip(number),
            sightings,
        }
    }

    fn say(plan: &mut Plan, now: Timestamp) -> Vec<SightingId> {
        let due = plan.due(now).into_iter();
        let words: Vec<_> = due.map(|(id, word)| (id, Word { at: now, ..word })).collect();
        plan.said(&words);
        words.into_iter().map(|(id, _)| id).collect()
    }

    #[test]
    fn a_dispute_waits_and_is_said_once() {
        let (mut plan, refuted) = (Plan::default(), [accused(1, 2)]);
        assert_eq!(plan.admit(&refuted, NOW, |_| SOON).len(), 2);
        assert!(plan.admit(&refuted, NOW, |_| SOON).is_empty());
        assert!(say(&mut plan, NOW + SOON / 2).is_empty());
        assert_eq!(say(&mut plan, NOW + SOON), refuted[0].sightings);
        for days in 0..42 {
            let later = NOW + SOON + DAY * days;
            assert!(plan.sweep(later).is_empty());
            assert!(plan.admit(&refuted, later, |_| SOON).is_empty(), "{days}");
        }
        assert_eq!(plan.sweep(NOW + DAY * 44).len(), 2);
    }

    #[test]
    fn what_is_refuted_no_more_or_disputed_by_hand_is_not_said() {
        let mut plan = Plan::default();
        plan.admit(&[accused(1, 1), accused(2, 1), accused(3, 1)], NOW, |_| SOON);
        plan.said_by_hand([id(0, 3)].into_iter());
        assert_eq!(plan.due(NOW + SOON).len(), 2);
        assert_eq!(
            plan.drop_unless(&[accused(2, 1), accused(3, 1)]),
            [id(0, 1), id(0, 3)]
        );
        assert_eq!(say(&mut plan, NOW + SOON), [id(0, 2)]);
        assert!(plan.admit(&[accused(3, 1)], NOW, |_| SOON).is_empty());
    }

    #[test]
    fn an_address_is_answered_for_four_times_a_day() {
        let (mut plan, refuted) = (Plan::default(), [accused(1, 9)]);
        for (day, news) in [(0, 4), (1, 4), (2, 1), (3, 0)] {
            let now = NOW + (DAY + SOON) * day;
            assert_eq!(plan.admit(&refuted, now, |_| SOON).len(), news);
            assert!(plan.admit(&refuted, now, |_| SOON).is_empty());
            assert_eq!(say(&mut plan, now + SOON).len(), news);
            assert!(plan.admit(&refuted, now + SOON, |_| SOON).is_empty());
        }
    }

    #[test]
    fn whoever_tries_many_addresses_gets_thirty_answers_an_hour_each_address_its_first() {
        let mut plan = Plan::default();
        let refuted: Vec<_> = (0..40).map(|number| accused(number, 4)).collect();
        assert_eq!(plan.admit(&refuted, NOW, |_| SOON).len(), 160);
        let first = say(&mut plan, NOW + SOON);
        assert_eq!(first.len(), AN_HOUR);
        let addresses: BTreeSet<_> = first.iter().map(|id| id.seq).collect();
        assert_eq!(addresses.len(), AN_HOUR);
        assert!(say(&mut plan, NOW + SOON + SOON).is_empty());
        let next = say(&mut plan, NOW + SOON + HOUR);
        let fresh = next.iter().filter(|id| !addresses.contains(&id.seq));
        assert_eq!((fresh.count(), next.len()), (10, AN_HOUR));
    }

    #[test]
    fn no_more_wait_than_there_is_room_for() {
        let mut plan = Plan::default();
        for publisher in 0..20 {
            let refuted: Vec<_> = (0..=255)
                .map(|number| Refuted {
                    ip: [192, 88, publisher, number].into(),
                    sightings: vec![id(publisher, number.into())],
                })
                .collect();
            plan.admit(&refuted, NOW, |_| SOON);
        }
        assert_eq!(plan.waiting.len(), WAITING);
    }

    #[test]
    fn after_a_kill_the_chain_decides_what_was_said() {
        let word = Word { ip: ip(1), at: NOW };
        let waiting = [(id(1, 1), word), (id(2, 1), word), (id(3, 1), word)];
        let said = [(id(3, 1), word)];
        let on_chain = [(id(1, 1), NOW), (id(4, 1), NOW)];
        let mut plan = Plan::recalled(waiting.into(), said.into(), &on_chain.into());
        assert_eq!(plan.due(NOW), [(id(2, 1), word)]);
        let mut everybody = accused(1, 5);
        everybody.sightings.remove(0);
        assert!(plan.admit(&[everybody], NOW, |_| SOON).is_empty());
        assert_eq!(say(&mut plan, NOW), [id(2, 1)]);
    }
}
