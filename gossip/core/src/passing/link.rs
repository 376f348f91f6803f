//! What one neighbour is to be given, and when.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use crate::constants::{
    RELAY_ASKED_BYTES, RELAY_DISTANCE, RELAY_LACKED, RELAY_NAMING, RELAY_TOO_LATE, RELAY_URGENT_DISTANCE,
    RELAY_WAITING_BYTES, RELAY_WAITING_NAMES,
};
use crate::wire::Timestamp;
use crate::wire::relay::{MAX_PARCEL_BYTES, Name, Packed, Parcel, Wish};

/// The time that answers to one neighbour are counted over.
const SECOND: std::time::Duration = std::time::Duration::from_secs(1);
/// Names of one message, so that there is room beside them.
const NAMES: usize = 2_048;

/// One neighbour.
#[derive(Clone, Debug)]
pub(super) struct Link {
    /// Whether envelopes are sent to each other, rather than named.
    pub(super) sends: bool,
    /// How often he brought what was new, less how often he came too late.
    sooner: i32,
    /// What only he had, since he was last told anything.
    lacked: u32,
    /// How often he brought what he was asked for, less how often he did not.
    credit: i32,
    wish: Wish,
    waiting: VecDeque<Arc<Packed>>,
    bytes: usize,
    named: BTreeSet<Name>,
    asked: BTreeSet<Name>,
    asked_whole: BTreeSet<Name>,
    due: Option<Timestamp>,
    last_left: Option<Timestamp>,
    /// Bytes given because he asked, since when.
    answered: (Option<Timestamp>, usize),
}

// === impl Link ===

impl Link {
    pub(super) const fn new(sends: bool) -> Self {
        Self {
            sends,
            sooner: 0,
            lacked: 0,
            credit: 0,
            wish: Wish::None,
            waiting: VecDeque::new(),
            bytes: 0,
            named: BTreeSet::new(),
            asked: BTreeSet::new(),
            asked_whole: BTreeSet::new(),
            due: None,
            last_left: None,
            answered: (None, 0),
        }
    }

    pub(super) const fn due(&self) -> Option<Timestamp> {
        self.due
    }

    /// Something leaves no later than this.
    fn leave(&mut self, at: Timestamp) {
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
    }

    /// When what cannot wait leaves.
    pub(super) fn soon(&self, now: Timestamp) -> Timestamp {
        self.after(RELAY_URGENT_DISTANCE, now)
    }

    /// When everything else does.
    pub(super) fn in_its_time(&self, now: Timestamp) -> Timestamp {
        self.after(RELAY_DISTANCE, now)
    }

    fn after(&self, distance: std::time::Duration, now: Timestamp) -> Timestamp {
        self.last_left.map_or(now, |left| now.max(left + distance))
    }

    /// `false` if there is no room.
    pub(super) fn push(&mut self, packed: Arc<Packed>, due: Timestamp, now: Timestamp) -> bool {
        if self.bytes + packed.room() > RELAY_WAITING_BYTES {
            return false;
        }
        self.bytes += packed.room();
        self.waiting.push_back(packed);
        let full = self.bytes >= MAX_PARCEL_BYTES;
        self.leave(if full { now } else { due });
        true
    }

    /// The same because he asked.
    pub(super) fn answer(&mut self, packed: Arc<Packed>, now: Timestamp) -> bool {
        if self.answered.0.is_none_or(|since| since + SECOND <= now) {
            self.answered = (Some(now), 0);
        }
        if self.answered.1 + packed.room() > RELAY_ASKED_BYTES {
            return false;
        }
        self.answered.1 += packed.room();
        self.push(packed, self.soon(now), now)
    }

    /// `false` if there is no room.
    pub(super) fn name(&mut self, name: Name, now: Timestamp) -> bool {
        let room = self.named.len() < RELAY_WAITING_NAMES;
        if room && self.named.insert(name) {
            self.leave(now + RELAY_NAMING);
        }
        room
    }

    pub(super) fn ask(&mut self, name: Name, whole: bool, now: Timestamp) {
        let asked = if whole {
            &mut self.asked_whole
        } else {
            &mut self.asked
        };
        if asked.len() < RELAY_WAITING_NAMES {
            asked.insert(name);
            self.leave(self.soon(now));
        }
    }

    pub(super) fn wish(&mut self, wish: Wish, now: Timestamp) {
        self.sends = wish == Wish::Envelopes;
        self.wish = wish;
        (self.sooner, self.lacked) = (0, 0);
        self.leave(self.in_its_time(now));
    }

    /// He has it.
    pub(super) fn forget(&mut self, name: Name) {
        self.named.remove(&name);
        let place = self.waiting.iter().position(|packed| packed.name() == name);
        if let Some(packed) = place.and_then(|place| self.waiting.remove(place)) {
            self.bytes -= packed.room();
        }
        let is_empty = self.waiting.is_empty() && self.named.is_empty() && self.asked.is_empty();
        if is_empty && self.asked_whole.is_empty() && self.wish == Wish::None {
            self.due = None;
        }
    }

    /// He brought one that was new, or one that others had brought.
    pub(super) fn judge(&mut self, repeated: bool) {
        let by = if repeated { -2 } else { 1 };
        self.sooner = (self.sooner + by).clamp(-RELAY_TOO_LATE, RELAY_TOO_LATE);
    }

    /// He brought what he was asked for, or did not.
    pub(super) fn keeps(&mut self, kept: bool) {
        let by = if kept { 1 } else { -1 };
        self.credit = (self.credit + by).clamp(-RELAY_TOO_LATE, RELAY_TOO_LATE);
    }

    /// Whether he is asked before those who do not bring what they name.
    pub(super) const fn is_trusted(&self) -> bool {
        self.credit >= 0
    }

    /// He named one that nobody brought, and brought it when he was asked. Whether that is more than chance.
    pub(super) const fn lack(&mut self) -> bool {
        self.lacked += 1;
        self.lacked >= RELAY_LACKED
    }

    pub(super) const fn is_too_late(&self) -> bool {
        self.sooner <= -RELAY_TOO_LATE
    }

    /// Everything that waits, in as many messages as it takes.
    pub(super) fn take(&mut self, now: Timestamp) -> Vec<Parcel> {
        (self.due, self.last_left) = (None, Some(now));
        self.bytes = 0;
        let mut parcels = vec![Parcel {
            wish: std::mem::take(&mut self.wish),
            ..Parcel::default()
        }];
        while !(self.named.is_empty() && self.asked.is_empty() && self.asked_whole.is_empty()) {
            let parcel = Parcel {
                wish: Wish::None,
                named: some_of(&mut self.named),
                asked: some_of(&mut self.asked),
                asked_whole: some_of(&mut self.asked_whole),
                envelopes: Vec::new(),
            };
            match parcels.last_mut() {
                Some(first)
                    if first.named.is_empty() && first.asked.is_empty() && first.asked_whole.is_empty() =>
                {
                    *first = Parcel {
                        wish: first.wish,
                        ..parcel
                    };
                }
                _ => parcels.push(parcel),
            }
        }
        let mut room = parcels
            .last()
            .map_or(0, |parcel| MAX_PARCEL_BYTES.saturating_sub(parcel.room()));
        for packed in self.waiting.drain(..) {
            let needed = packed.room();
            if needed > room {
                parcels.push(Parcel::default());
                room = MAX_PARCEL_BYTES - Parcel::default().room();
            }
            room = room.saturating_sub(needed);
            if let Some(parcel) = parcels.last_mut() {
                parcel.envelopes.push(packed);
            }
        }
        parcels.retain(|parcel| !parcel.is_empty());
        parcels
    }
}

fn some_of(names: &mut BTreeSet<Name>) -> Vec<Name> {
    let rest = names.iter().nth(NAMES).copied();
    let rest = rest.map(|first| names.split_off(&first)).unwrap_or_default();
    std::mem::replace(names, rest).into_iter().collect()
}
