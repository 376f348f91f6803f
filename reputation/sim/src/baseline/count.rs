//! Count-k: blocked while at least k more organisations report a subject than dispute it.
//!
//! The observer's own sensor counts as one of them; claims live for three days. Deliberately absent: any trust.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use vigie_reputation::wire::{Behaviour, Indicator, OrgId, Timestamp};
use vigie_reputation::{Report, Rung};

use super::Baseline;
use crate::span::days;

/// How long a claim counts.
const LIVE_DAYS: u32 = 3;

/// One observer's counts.
#[derive(Clone, Debug)]
pub(super) struct Count {
    needed: usize,
    own: OrgId,
    said: HashMap<Indicator, Said>,
}

/// When each organisation last said so.
#[derive(Clone, Debug, Default)]
struct Said {
    reported: BTreeMap<OrgId, Timestamp>,
    disputed: BTreeMap<OrgId, Timestamp>,
}

// === impl Count ===

impl Count {
    pub(super) fn new(needed: usize, own: OrgId) -> Self {
        Self {
            needed,
            own,
            said: HashMap::new(),
        }
    }

    fn said(&mut self, subject: &Indicator) -> &mut Said {
        self.said.entry(subject.clone()).or_default()
    }
}

impl Baseline for Count {
    fn observe(&mut self, report: &Report, now: Timestamp) {
        self.said(&report.subject).reported.insert(report.reporter, now);
    }

    fn dispute(&mut self, by: OrgId, subject: &Indicator, now: Timestamp) {
        self.said(subject).disputed.insert(by, now);
    }

    fn own_detection(&mut self, subject: &Indicator, _behaviour: Behaviour, now: Timestamp) {
        let own = self.own;
        self.said(subject).reported.insert(own, now);
    }

    fn rung(&self, subject: &Indicator, now: Timestamp, _held: bool) -> Rung {
        let Some(said) = self.said.get(subject) else {
            return Rung::Observe;
        };
        let live: Duration = days(LIVE_DAYS);
        let count =
            |side: &BTreeMap<OrgId, Timestamp>| side.values().filter(|at| now.since(**at) < live).count();
        if count(&said.reported) >= self.needed + count(&said.disputed) {
            Rung::Ban1h
        } else {
            Rung::Observe
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::span::{HOUR, START};
    use crate::subject::{Org, Subject};

    #[test]
    fn reporters_less_disputers_must_reach_k_and_claims_grow_old() {
        let subject = Subject::Attacker(1).indicator();
        let mut count = Count::new(2, Org(0).id());
        let rung = |count: &Count, now| count.rung(&subject, now, false);
        count.own_detection(&subject, Behaviour(5), START);
        count.own_detection(&subject, Behaviour(5), START);
        assert_eq!(rung(&count, START), Rung::Observe);
        count.said(&subject).reported.insert(Org(1).id(), START + HOUR);
        assert_eq!(rung(&count, START + HOUR), Rung::Ban1h);
        count.dispute(Org(2).id(), &subject, START + HOUR);
        assert_eq!(rung(&count, START + HOUR), Rung::Observe);
        count.said(&subject).reported.insert(Org(3).id(), START + HOUR);
        assert_eq!(rung(&count, START + HOUR), Rung::Ban1h);
        assert_eq!(rung(&count, START + days(3)), Rung::Observe);
    }
}
