//! Who said what of whom in the last three days: what every baseline works on.
//!
//! A claim counts from the time it gives itself, so that nobody is made to look worse by sightings delivered twice.
//! Deliberately absent: weights.

use hashbrown::HashMap;
use vigie_reputation::constants::DAY;
use vigie_reputation::wire::Timestamp;

use crate::claim::{Statement, Word};
use crate::subject::{Name, Org};

/// How long a claim counts, in milliseconds.
pub(super) const LIVE: i64 = 3 * DAY;
/// The time of what was never said.
const NEVER: i64 = i64::MIN / 2;

/// Everything said.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    said: HashMap<Name, Vec<Voice>>,
    swept: i64,
}

/// What one organisation said of one subject, and when last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Voice {
    pub(super) by: Org,
    reported: i64,
    disputed: i64,
}

// === impl Ledger ===

impl Ledger {
    /// Takes note. True if this organisation had not said so of this subject, or not lately.
    pub(super) fn note(&mut self, statement: &Statement) -> bool {
        let at = statement.observed.min(statement.arrived).as_millis();
        let voices = self.said.entry(statement.name).or_default();
        let place = voices.binary_search_by_key(&statement.by, |voice| voice.by);
        let place = place.unwrap_or_else(|place| {
            let voice = Voice {
                by: statement.by,
                reported: NEVER,
                disputed: NEVER,
            };
            voices.insert(place, voice);
            place
        });
        let Some(voice) = voices.get_mut(place) else {
            return false;
        };
        let side = match statement.word {
            Word::Report(_) => &mut voice.reported,
            Word::Dispute => &mut voice.disputed,
        };
        let new = at - *side >= LIVE;
        *side = at.max(*side);
        new
    }

    /// Everybody who spoke of a subject, by number; not all of it may be live.
    pub(super) fn voices(&self, name: Name) -> &[Voice] {
        self.said.get(&name).map_or(&[], Vec::as_slice)
    }

    /// Every subject, in order.
    pub(super) fn names(&self) -> Vec<Name> {
        let mut names: Vec<Name> = self.said.keys().copied().collect();
        names.sort_unstable();
        names
    }

    /// An organisation's word is void.
    pub(super) fn void(&mut self, org: Org) {
        for voices in self.said.values_mut() {
            voices.retain(|voice| voice.by != org);
        }
    }

    /// Once a day, forgets what counts no more.
    pub(super) fn sweep(&mut self, now: Timestamp) {
        let now = now.as_millis();
        if now - self.swept < DAY {
            return;
        }
        self.swept = now;
        self.said.retain(|_, voices| {
            voices.retain(|voice| now - voice.reported < LIVE || now - voice.disputed < LIVE);
            !voices.is_empty()
        });
    }
}

// === impl Voice ===

impl Voice {
    /// Whether it reports, lately.
    pub(super) fn reports(&self, now: Timestamp) -> bool {
        now.as_millis() - self.reported < LIVE
    }

    /// Whether it disputes, lately.
    pub(super) fn disputes(&self, now: Timestamp) -> bool {
        now.as_millis() - self.disputed < LIVE
    }

    /// Which side it is on: 1 for those who report, -1 for those who dispute, 0 for both or neither.
    pub(super) fn side(&self, now: Timestamp) -> f64 {
        f64::from(i8::from(self.reports(now)) - i8::from(self.disputes(now)))
    }
}
