//! Which (indicator, behaviour) pairs were told of late, so that the next one is a repeat. Bounded, two generations.

use std::collections::BTreeSet;

use crate::constants::{WINDOW_TOLD, WINDOW_TOLD_FOR};
use crate::wire::{Behaviour, Indicator, Sighting, Timestamp};

/// Pairs told of during this generation and the one before.
#[derive(Debug, Default)]
pub(super) struct Told {
    young: BTreeSet<(Indicator, Behaviour)>,
    old: BTreeSet<(Indicator, Behaviour)>,
    began: Option<Timestamp>,
}

// === impl Told ===

impl Told {
    pub(super) fn knows(&mut self, sighting: &Sighting, now: Timestamp) -> bool {
        self.age(now);
        let pair = (sighting.indicator.clone(), sighting.behaviour);
        self.young.contains(&pair) || self.old.contains(&pair)
    }

    pub(super) fn note(&mut self, sighting: &Sighting, now: Timestamp) {
        self.age(now);
        self.young
            .insert((sighting.indicator.clone(), sighting.behaviour));
    }

    fn age(&mut self, now: Timestamp) {
        let began = *self.began.get_or_insert(now);
        if now.since(began) >= WINDOW_TOLD_FOR || self.young.len() >= WINDOW_TOLD {
            self.old = std::mem::take(&mut self.young);
            self.began = Some(now);
        }
    }
}
