//! A consensus after CrowdSec's public descriptions: only seasoned reporters count, and several networks must agree.
//!
//! Its real thresholds are unpublished; these are five reports and seven days for a reporter, five reporters net of
//! disputes, three autonomous systems. Deliberately absent: the central operator's own honeypots.

use vigie_reputation::Rung;
use vigie_reputation::constants::DAY;
use vigie_reputation::wire::{Behaviour, Timestamp};

use super::Baseline;
use super::count::{block_if, own_word};
use super::ledger::Ledger;
use crate::claim::{Statement, Word};
use crate::subject::{Name, Org};

/// Reports before a reporter counts.
const PRIOR_REPORTS: u32 = 5;
/// And days since the first.
const PRIOR_DAYS: i64 = 7;
/// Reporters needed, net of disputes.
const NEEDED: usize = 5;
/// Different autonomous systems among them.
const NETWORKS: usize = 3;
/// The most popular are never blocked.
const CANARIES: u32 = 50;

/// One observer's copy of the consensus.
#[derive(Clone, Debug)]
pub(super) struct CrowdSec {
    own: Org,
    ledger: Ledger,
    networks: Vec<u32>,
    seasons: Vec<Season>,
}

/// What one reporter has behind it.
#[derive(Clone, Copy, Debug, Default)]
struct Season {
    reports: u32,
    first: i64,
}

// === impl CrowdSec ===

impl CrowdSec {
    pub(super) fn new(networks: Vec<u32>, own: Org) -> Self {
        Self {
            own,
            ledger: Ledger::default(),
            seasons: vec![Season::default(); networks.len()],
            networks,
        }
    }

    fn is_seasoned(&self, org: Org, now: Timestamp) -> bool {
        self.seasons.get(org.index()).is_some_and(|season| {
            season.reports > PRIOR_REPORTS && now.as_millis() - season.first >= PRIOR_DAYS * DAY
        })
    }
}

impl Baseline for CrowdSec {
    fn hear(&mut self, statement: &Statement) -> bool {
        if let (Word::Report(_), Some(season)) = (statement.word, self.seasons.get_mut(statement.by.index()))
        {
            if season.reports == 0 {
                season.first = statement.arrived.as_millis();
            }
            season.reports += 1;
        }
        self.ledger.note(statement)
    }

    fn own_detection(&mut self, name: Name, behaviour: Behaviour, now: Timestamp) {
        self.hear(&own_word(self.own, name, behaviour, now));
    }

    fn tick(&mut self, now: Timestamp) {
        self.ledger.sweep(now);
    }

    fn void(&mut self, org: Org) {
        self.ledger.void(org);
    }

    fn rung(&self, name: Name, now: Timestamp, _held: bool) -> Rung {
        if name.innocent().is_some_and(|rank| rank < CANARIES) {
            return Rung::Observe;
        }
        let voices = self.ledger.voices(name);
        if voices.len() < NEEDED {
            return Rung::Observe;
        }
        let mut networks = Vec::new();
        let (mut reporters, mut disputers) = (0, 0);
        for voice in voices.iter().filter(|voice| self.is_seasoned(voice.by, now)) {
            disputers += usize::from(voice.disputes(now));
            if voice.reports(now) {
                reporters += 1;
                networks.push(self.networks.get(voice.by.index()).copied());
            }
        }
        networks.sort_unstable();
        networks.dedup();
        block_if(reporters >= NEEDED + disputers && networks.len() >= NETWORKS)
    }
}
