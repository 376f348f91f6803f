//! Count-k: blocked while at least k more organisations report a subject than dispute it.
//!
//! The observer's own sensor counts as one of them; claims live for three days. Deliberately absent: any trust.

use vigie_reputation::Rung;
use vigie_reputation::wire::{Behaviour, Timestamp};

use super::Baseline;
use super::ledger::Ledger;
use crate::claim::{Statement, Word};
use crate::subject::{Name, Org, number};

/// One observer's counts.
#[derive(Clone, Debug)]
pub(super) struct Count {
    needed: u32,
    own: Org,
    ledger: Ledger,
}

// === impl Count ===

impl Count {
    pub(super) fn new(needed: u32, own: Org) -> Self {
        Self {
            needed,
            own,
            ledger: Ledger::default(),
        }
    }
}

impl Baseline for Count {
    fn hear(&mut self, statement: &Statement) -> bool {
        self.ledger.note(statement)
    }

    fn own_detection(&mut self, name: Name, behaviour: Behaviour, now: Timestamp) {
        self.ledger.note(&own_word(self.own, name, behaviour, now));
    }

    fn tick(&mut self, now: Timestamp) {
        self.ledger.sweep(now);
    }

    fn void(&mut self, org: Org) {
        self.ledger.void(org);
    }

    fn rung(&self, name: Name, now: Timestamp, _held: bool) -> Rung {
        let voices = self.ledger.voices(name);
        let reporters = number(voices.iter().filter(|voice| voice.reports(now)).count());
        if reporters < self.needed {
            return Rung::Observe;
        }
        let disputers = number(voices.iter().filter(|voice| voice.disputes(now)).count());
        block_if(reporters >= self.needed + disputers)
    }
}

/// The observer's own detection, as one more report.
pub(super) fn own_word(own: Org, name: Name, behaviour: Behaviour, now: Timestamp) -> Statement {
    Statement {
        by: own,
        name,
        word: Word::Report(behaviour),
        observed: now,
        arrived: now,
    }
}

/// Baselines know two rungs.
pub(super) fn block_if(holds: bool) -> Rung {
    if holds { Rung::Ban1h } else { Rung::Observe }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::span::{HOUR, START, days};
    use crate::subject::Subject;

    #[test]
    fn reporters_less_disputers_must_reach_k_and_claims_grow_old() {
        let name = Subject::Attacker(1).name();
        let mut count = Count::new(2, Org(0));
        let say = |count: &mut Count, org, word, now| {
            count.hear(&Statement {
                by: Org(org),
                name,
                word,
                observed: now,
                arrived: now,
            })
        };
        let report = Word::Report(Behaviour(5));
        let rung = |count: &Count, now| count.rung(name, now, false);
        count.own_detection(name, Behaviour(5), START);
        assert_eq!(rung(&count, START), Rung::Observe);
        assert!(say(&mut count, 1, report, START + HOUR));
        assert!(!say(&mut count, 1, report, START + HOUR));
        assert_eq!(rung(&count, START + HOUR), Rung::Ban1h);
        say(&mut count, 2, Word::Dispute, START + HOUR);
        assert_eq!(rung(&count, START + HOUR), Rung::Observe);
        say(&mut count, 3, report, START + HOUR);
        assert_eq!(rung(&count, START + HOUR), Rung::Ban1h);
        assert_eq!(rung(&count, START + days(3)), Rung::Observe);
        count.void(Org(1));
        assert_eq!(rung(&count, START + HOUR), Rung::Observe);
    }
}
