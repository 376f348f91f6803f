//! Passing envelopes on between neighbours: along a tree that finds itself, with names beside it where it does not go.
//!
//! A message costs the same whatever it carries, so what is not urgent leaves for a neighbour only so long after the last
//! that left for him, and all at once; in quiet times nothing waits. At first every neighbour is sent everything. Who
//! mostly brings what others brought sooner is told to name envelopes instead; who named what did not come soon by
//! another way is asked for it, and to send again from then on. What is urgent goes to all neighbours at once. Nobody
//! aggregates for others, so there is nobody to trust, to wait for or to be censored by.
//! Deliberately absent: streams, validation, and repair. What is lost here, anti-entropy brings.

mod known;
mod link;
mod missing;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::chain::{ChainIndex, Place};
use crate::constants::{
    RELAY_NAMED_TO, RELAY_NAMING, RELAY_SENDERS_FIRST, RELAY_SENDERS_LEAST, RELAY_SETTLING,
    RELAY_URGENT_LATER,
};
use crate::directory::Directory;
use crate::wire::relay::{Ground, Name, Packed, Parcel, Wish};
use crate::wire::{HeaderHash, NetworkId, PublisherId, Timestamp};
use known::Known;
use link::Link;
use missing::Missing;

/// What leaves now for one neighbour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Departure<P> {
    /// Whom for.
    pub to: P,
    /// The message: [`Parcel::encode`] gives at most [`crate::wire::relay::MAX_PARCEL_BYTES`].
    pub parcel: Parcel,
}

/// What happened, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Envelopes or answers that a neighbour was neither given nor told of because too much waited for him.
    pub dropped: u64,
    /// Envelopes that came and were known.
    pub repeated: u64,
    /// Envelopes that were asked for because only their name had come.
    pub asked: u64,
    /// Envelopes that could not be restored, and were asked for whole.
    pub unrestored: u64,
    /// Envelopes that neighbours asked for and that are not kept any more: sync brings them.
    pub forgotten: u64,
    /// Times that a neighbour was told to name rather than send, or to send again.
    pub turned: u64,
}

/// A node's part of passing on.
#[derive(Clone, Debug)]
pub struct Passing<P> {
    links: BTreeMap<P, Link>,
    known: Known,
    missing: Missing<P>,
    /// When this node last changed who sends to it.
    turned: Option<Timestamp>,
    counts: Counts,
}

/// What a node knows, to take envelopes apart and put them together again: see [`Packed`].
#[derive(Clone, Copy, Debug)]
pub struct Footing<'a> {
    /// The publishers.
    pub directory: &'a Directory,
    /// The envelopes held, or on their way to the store.
    pub index: &'a ChainIndex,
}

// === impl Footing ===

impl Ground for Footing<'_> {
    fn network(&self) -> NetworkId {
        self.directory.network()
    }

    fn publisher(&self, short: [u8; 4]) -> Option<PublisherId> {
        self.directory.publisher_by_short(short)
    }

    fn hash_at(&self, publisher: PublisherId, epoch: u32, seq: u64) -> Option<HeaderHash> {
        self.index.link_at(publisher, Place { epoch, seq })
    }
}

// === impl Passing ===

impl<P> Default for Passing<P> {
    fn default() -> Self {
        Self {
            links: BTreeMap::new(),
            known: Known::default(),
            missing: Missing::default(),
            turned: None,
            counts: Counts::default(),
        }
    }
}

impl<P: Copy + Ord> Passing<P> {
    /// Whoever is no neighbour any more loses what waits for him; new ones begin with nothing. The first few of them are
    /// sent envelopes, the others names.
    pub fn set_neighbours(&mut self, neighbours: impl IntoIterator<Item = P>) {
        let mut before = std::mem::take(&mut self.links);
        let mut senders = before.values().filter(|link| link.sends).count();
        for peer in neighbours {
            let link = before.remove(&peer).unwrap_or_else(|| {
                senders += 1;
                Link::new(senders <= RELAY_SENDERS_FIRST)
            });
            self.links.insert(peer, link);
        }
    }

    /// An envelope is stored and may go on, to everybody but those who have shown that they have it. The bytes are those of
    /// the envelope, for neighbours who cannot restore it.
    pub fn push(&mut self, packed: &Arc<Packed>, bytes: &Arc<[u8]>, urgent: bool, now: Timestamp) {
        let name = packed.name();
        if !self.known.keep(packed, bytes, now) {
            return;
        }
        let came = self.missing.came(name);
        self.reward(came.kept_by, now);
        let holders = came.holders;
        let (mut quiet, mut dropped) = (Vec::new(), 0);
        for (peer, link) in &mut self.links {
            if holders.contains(peer) {
                continue;
            }
            let due = match (urgent, link.sends) {
                (true, sends) if sends || holders.is_empty() => link.soon(now),
                (true, _) => link.soon(now).max(now + RELAY_URGENT_LATER),
                (false, true) => link.in_its_time(now),
                (false, false) => {
                    quiet.push(link);
                    continue;
                }
            };
            // Where too much waits he is told of it, and asks when he can.
            let told = link.push(Arc::clone(packed), due, now) || link.name(name, now);
            dropped += u64::from(!told);
        }
        self.counts.dropped += dropped;
        if quiet.is_empty() {
            return;
        }
        // The same few for a while, so that names go together; then others.
        let turn = now.as_millis().unsigned_abs() / u64::try_from(RELAY_NAMING.as_millis()).unwrap_or(1);
        let first = usize::try_from(turn).unwrap_or(0) % quiet.len();
        quiet.rotate_left(first);
        for link in quiet.into_iter().take(RELAY_NAMED_TO) {
            link.name(name, now);
        }
    }

    /// He was asked and brought it. Who alone brings what nobody else did is to send again.
    fn reward(&mut self, kept_by: Option<(P, bool)>, now: Timestamp) {
        let settled = self.is_settled(now);
        let Some((link, lacked)) =
            kept_by.and_then(|(peer, lacked)| Some((self.links.get_mut(&peer)?, lacked)))
        else {
            return;
        };
        link.keeps(true);
        if lacked && !link.sends && link.lack() && settled {
            link.wish(Wish::Envelopes, now);
            self.turned = Some(now);
            self.counts.turned += 1;
        }
    }

    /// A neighbour has this one, however it was learned: it need not be sent to him.
    pub fn heard(&mut self, name: Name, from: P) {
        if let Some(link) = self.links.get_mut(&from) {
            link.forget(name);
        }
    }

    /// Nothing more is wanted of this one: it came another way, or is refused for good. Only for what bears a signature
    /// that holds: anybody can write another's name into a forgery.
    pub fn settle(&mut self, name: Name) {
        self.missing.came(name);
        self.known.settle(name);
    }

    /// A neighbour's message. Gives those of its envelopes that are to be restored, with
    /// [`crate::wire::relay::restore_all`], and validated; then follow [`Passing::push`], [`Passing::settle`],
    /// [`Passing::unrestored`], [`Passing::useless`] or [`Passing::put_aside`]. One that nothing follows on is asked of
    /// others who have it.
    pub fn receive(&mut self, from: P, parcel: &Parcel, now: Timestamp) -> Vec<Arc<Packed>> {
        let mut new = Vec::new();
        for packed in &parcel.envelopes {
            let name = packed.name();
            let asked = self.missing.was_asked(name, from);
            let repeated = self.known.contains(name) || !self.missing.brought(packed, from, now);
            if let Some(link) = self.links.get_mut(&from) {
                link.forget(name);
                if !packed.asks_urgency() && !asked {
                    link.judge(repeated);
                }
            }
            if repeated {
                self.counts.repeated += 1;
            } else {
                new.push(Arc::clone(packed));
            }
        }
        for name in &parcel.named {
            if self.known.contains(*name) {
                self.heard(*name, from);
            } else {
                self.missing.named(*name, from, now);
            }
        }
        self.answer(from, parcel, now);
        self.turn(from, parcel.wish, now);
        new
    }

    fn answer(&mut self, from: P, parcel: &Parcel, now: Timestamp) {
        let Some(link) = self.links.get_mut(&from) else {
            return;
        };
        let asked = parcel.asked.iter().map(|name| (name, false));
        let whole = parcel.asked_whole.iter().map(|name| (name, true));
        for (name, whole) in asked.chain(whole) {
            let Some((packed, bytes)) = self.known.get(*name) else {
                self.counts.forgotten += 1;
                continue;
            };
            let packed = if whole {
                Arc::new(packed.whole(bytes))
            } else {
                Arc::clone(packed)
            };
            self.counts.dropped += u64::from(!link.answer(packed, now));
        }
    }

    /// What the neighbour wishes, and whether this node wishes something else of him from now on.
    fn turn(&mut self, from: P, wish: Wish, now: Timestamp) {
        let senders = self.links.values().filter(|link| link.sends).count();
        let settled = self.is_settled(now);
        let Some(link) = self.links.get_mut(&from) else {
            return;
        };
        match wish {
            Wish::None => {}
            Wish::Names => link.sends = false,
            Wish::Envelopes => link.sends = true,
        }
        let spared = !link.sends || senders > RELAY_SENDERS_LEAST;
        if settled && link.is_too_late() && spared {
            link.wish(Wish::Names, now);
            self.turned = Some(now);
            self.counts.turned += 1;
        }
    }

    fn is_settled(&self, now: Timestamp) -> bool {
        self.turned.is_none_or(|turned| turned + RELAY_SETTLING <= now)
    }

    /// A neighbour sent an envelope that could not be restored, or whose signature does not hold although it
    /// [`Packed::borrows`]: he is asked for it whole.
    pub fn unrestored(&mut self, name: Name, from: P, now: Timestamp) {
        self.counts.unrestored += 1;
        self.missing.asked_again(name, from, now);
        if let Some(link) = self.links.get_mut(&from) {
            link.ask(name, true, now);
        }
    }

    /// What a neighbour brought under this name was refused before its signature was known to hold: what others bring
    /// under it is looked at, and who has it is asked.
    pub fn useless(&mut self, name: Name, from: P, now: Timestamp) {
        self.missing.useless(name, from, now);
        self.note_broken();
    }

    /// What a neighbour brought under this name seems to be here already, which only a signature could tell.
    pub fn put_aside(&mut self, name: Name, from: P) {
        self.missing.put_aside(name, from);
    }

    fn note_broken(&mut self) {
        for peer in self.missing.take_broken() {
            if let Some(link) = self.links.get_mut(&peer) {
                link.keeps(false);
            }
        }
    }

    /// When [`Passing::poll`] has something to do; none while nothing waits.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let links = self.links.values().filter_map(Link::due).min();
        [links, self.missing.due()].into_iter().flatten().min()
    }

    /// What leaves now.
    pub fn poll(&mut self, now: Timestamp) -> Vec<Departure<P>> {
        self.ask_for_missing(now);
        let mut departures = Vec::new();
        for (peer, link) in &mut self.links {
            if link.due().is_some_and(|due| due <= now) {
                let to = *peer;
                let parcels = link.take(now).into_iter();
                departures.extend(parcels.map(|parcel| Departure { to, parcel }));
            }
        }
        departures
    }

    /// What was to leave for a neighbour could not: he is told of it instead, and asks when he can. What he was to be asked
    /// for is asked of others in time.
    pub fn unsent(&mut self, departure: &Departure<P>, now: Timestamp) {
        let Some(link) = self.links.get_mut(&departure.to) else {
            return;
        };
        let envelopes = departure.parcel.envelopes.iter().map(|packed| packed.name());
        for name in envelopes.chain(departure.parcel.named.iter().copied()) {
            self.counts.dropped += u64::from(!link.name(name, now));
        }
    }

    fn ask_for_missing(&mut self, now: Timestamp) {
        loop {
            let links = &self.links;
            let trust = |peer: P| links.get(&peer).map(Link::is_trusted);
            let next = self.missing.next(now, trust);
            self.note_broken();
            let Some((name, holder)) = next else {
                return;
            };
            if let Some(link) = self.links.get_mut(&holder) {
                self.counts.asked += 1;
                link.ask(name, false, now);
            }
        }
    }

    /// Neighbours that send envelopes and are sent them, rather than names.
    pub fn senders(&self) -> usize {
        self.links.values().filter(|link| link.sends).count()
    }

    /// What happened so far.
    pub const fn counts(&self) -> Counts {
        self.counts
    }
}
