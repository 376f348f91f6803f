//! NERD's reputation of addresses (CESNET): a noisy-or of daily scores, each saturating in events and in detectors.
//!
//! Constants are those of its "warden" source. Deliberately absent: any model of who lies, and disputes, which it does
//! not have.

use hashbrown::HashMap;
use vigie_reputation::Rung;
use vigie_reputation::constants::DAY;
use vigie_reputation::wire::{Behaviour, Timestamp};

use super::Baseline;
use super::count::{block_if, own_word};
use crate::claim::{Statement, Word};
use crate::subject::{Name, Org, number};

/// Events per report: a leaky bucket of five runs over.
const EVENTS: f64 = 6.0;
/// Events, and detectors, for half of the score.
const SCALES: (f64, f64) = (10.0, 2.0);
/// A daily score is gone after so many days.
const DAYS: i64 = 14;
/// From this reputation on a subject is blocked.
const BLOCK: f64 = 0.5;

/// One observer's reputations.
#[derive(Clone, Debug)]
pub(super) struct Nerd {
    own: Org,
    /// Who reported on which day, sorted.
    said: HashMap<Name, Vec<(i64, Org)>>,
    swept: i64,
}

// === impl Nerd ===

impl Nerd {
    pub(super) fn new(own: Org) -> Self {
        Self {
            own,
            said: HashMap::new(),
            swept: 0,
        }
    }
}

impl Baseline for Nerd {
    fn hear(&mut self, statement: &Statement) -> bool {
        if statement.word == Word::Dispute {
            return false;
        }
        let day = statement
            .observed
            .min(statement.arrived)
            .as_millis()
            .div_euclid(DAY);
        let said = self.said.entry(statement.name).or_default();
        if let Err(place) = said.binary_search(&(day, statement.by)) {
            said.insert(place, (day, statement.by));
            return true;
        }
        false
    }

    fn own_detection(&mut self, name: Name, behaviour: Behaviour, now: Timestamp) {
        self.hear(&own_word(self.own, name, behaviour, now));
    }

    fn tick(&mut self, now: Timestamp) {
        let today = now.as_millis().div_euclid(DAY);
        if today > self.swept {
            self.swept = today;
            self.said.retain(|_, said| {
                said.retain(|(day, _)| today - day < DAYS);
                !said.is_empty()
            });
        }
    }

    fn void(&mut self, org: Org) {
        for said in self.said.values_mut() {
            said.retain(|(_, by)| *by != org);
        }
    }

    fn rung(&self, name: Name, now: Timestamp, _held: bool) -> Rung {
        let today = now.as_millis().div_euclid(DAY);
        let mut clean = 1.0;
        for day in self
            .said
            .get(&name)
            .map_or(&[][..], Vec::as_slice)
            .chunk_by(same_day)
        {
            let detectors = f64::from(number(day.len()));
            let age = day.first().map_or(0, |(day, _)| today - day);
            let fresh = 1.0 - f64::from(i32::try_from(age.clamp(0, DAYS)).unwrap_or(0)) / 14.0;
            let score = saturated(EVENTS * detectors, SCALES.0) * saturated(detectors, SCALES.1);
            clean *= 1.0 - score * fresh;
        }
        block_if(1.0 - clean >= BLOCK)
    }
}

fn same_day(left: &(i64, Org), right: &(i64, Org)) -> bool {
    left.0 == right.0
}

fn saturated(value: f64, scale: f64) -> f64 {
    1.0 - libm::exp2(-value / scale)
}
