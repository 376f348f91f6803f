//! The chain index: which envelopes this node holds, by publisher, epoch and seq, as hashes.
//!
//! It tells duplicates from news, finds forks and gaps, keeps publishers to their rate, and sums all of it up in one
//! digest for sync. A missing ancestor never blocks an envelope. Nothing here depends on the order of arrival: what is
//! held after everything has arrived is a function of the envelopes, the proofs and the statements.
//! Deliberately absent: the envelopes themselves (the store has them) and signatures (`validate` has checked them).

mod fork;
mod heartbeat;
mod held;
mod lacks;
mod series;
mod track;
mod watermark;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

pub use fork::{Conduct, Suspicion};
pub use heartbeat::head_due;
pub use held::{Gap, Head, Held, Place};
use track::{Judgement, Track};
pub use watermark::{Watermark, median, whole_until};

use crate::constants::{DAY_MILLIS, FUTURE_SKEW, HELD, HELD_CUT, IN_FLIGHT, RETENTION_DAYS};
use crate::directory::Directory;
use crate::rate::{Class, Scale, Slot};
use crate::validate::Ignored;
use crate::wire::{
    EquivocationProof, Header, HeaderHash, PublisherId, SignatureError, SignedHeader, Timestamp,
};

/// What the index says to an envelope that is offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offer {
    /// Not held yet, and nothing speaks against it.
    New,
    /// Held already, or on its way to the store.
    Duplicate,
    /// Another envelope is held at its place, or on its way there. With that one's signed header this becomes a proof.
    Fork(Box<Suspicion>),
    /// It stands at or after a proven fork, or follows an equivocation.
    AfterFork,
    /// Its signed time, or its place, lies below what is held any more.
    Expired,
    /// Its publisher has used up the slot of its signed time.
    OverRate,
}

/// Why a proof was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofRefused {
    /// It is about a chain of another network: what a key did there says nothing here.
    #[error("the proof is about another network")]
    OtherNetwork,
    /// One of its headers is signed for a time that has not come. Sync brings it again.
    #[error("the proof is of a time that has not come")]
    Future,
    /// Nobody admitted has that name, so nothing of his is held and the proof is worth nothing.
    #[error("the proof is about a publisher that this node does not know")]
    UnknownPublisher,
    /// He did not sign both headers.
    #[error("the accused did not sign what the proof shows: {0}")]
    Signature(#[source] SignatureError),
}

/// An envelope on its way to the store.
#[derive(Clone, Debug)]
struct Flying {
    held: Held,
    signed: SignedHeader,
    /// None once statements came that leave its publisher without a say.
    class: Option<Class>,
    /// It lacks rows.
    cut: bool,
}

/// Which (publisher, epoch, seq, hash) this node holds.
#[derive(Clone, Debug, Default)]
pub struct ChainIndex {
    tracks: BTreeMap<PublisherId, Track>,
    in_flight: BTreeMap<(PublisherId, Place), Flying>,
    /// Held without all their rows. Whoever is not among them is taken to be whole.
    cut: BTreeSet<(PublisherId, Place)>,
    total: usize,
    /// Signed times before this are expired.
    floor: Option<Timestamp>,
    digest: OnceLock<[u8; 32]>,
    scale: Scale,
}

// === impl ChainIndex ===

impl ChainIndex {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty one that grants so many times the budgets of the network: for simulations.
    pub fn scaled(scale: Scale) -> Self {
        Self {
            scale,
            ..Self::default()
        }
    }

    /// Takes what the store holds, at start. Call [`ChainIndex::reconcile`] once all is loaded.
    pub fn load(&mut self, held: Held) {
        let track = self.track(held.publisher);
        self.total += usize::from(track.load(held));
        self.changed();
    }

    /// What to do with an envelope of this header, judged with the budget of a member.
    pub fn offer(&self, signed: &SignedHeader) -> Offer {
        self.offer_as(signed, Class::Member)
    }

    /// What to do with an envelope of this header, given the publisher's class at its signed time.
    pub fn offer_as(&self, signed: &SignedHeader, class: Class) -> Offer {
        let held = Held::of(signed.header());
        if self.floor.is_some_and(|floor| held.time < floor) {
            return Offer::Expired;
        }
        if let Some(flying) = self.in_flight.get(&(held.publisher, held.place())) {
            return if flying.held.hash == held.hash {
                Offer::Duplicate
            } else {
                let (flying, offered) = (flying.signed.clone(), signed.clone());
                Offer::Fork(Box::new(Suspicion::of_flying(
                    flying.assertion(),
                    flying,
                    offered,
                )))
            };
        }
        let Some(track) = self.tracks.get(&held.publisher) else {
            return if Track::scaled(self.scale).within_rate(&held, class) {
                Offer::New
            } else {
                Offer::OverRate
            };
        };
        match track.judge(&held, class, self.floor) {
            Judgement::New => Offer::New,
            Judgement::Duplicate => Offer::Duplicate,
            Judgement::Fork(hash) => Offer::Fork(Box::new(Suspicion::new(hash, signed.clone()))),
            Judgement::AfterFork => Offer::AfterFork,
            Judgement::BelowFloor => Offer::Expired,
            Judgement::OverRate => Offer::OverRate,
        }
    }

    /// Whether this very envelope is held or on its way to the store: the cheap question before any signature.
    pub fn knows(&self, header: &Header) -> bool {
        let held = Held::of(header);
        let flying = self.in_flight.get(&(held.publisher, held.place()));
        flying.is_some_and(|flying| flying.held.hash == held.hash)
            || self.hash_at(held.publisher, held.place()) == Some(held.hash)
    }

    /// Whether this envelope is held, and lacks rows.
    pub fn is_cut(&self, header: &Header) -> bool {
        let held = Held::of(header);
        self.cut.contains(&(held.publisher, held.place()))
            && self.hash_at(held.publisher, held.place()) == Some(held.hash)
            && !self.in_flight.contains_key(&(held.publisher, held.place()))
    }

    /// The hash held at a place.
    pub fn hash_at(&self, publisher: PublisherId, place: Place) -> Option<HeaderHash> {
        self.tracks.get(&publisher)?.hash_at(place)
    }

    /// The hash held at a place, or on its way there.
    pub fn link_at(&self, publisher: PublisherId, place: Place) -> Option<HeaderHash> {
        let flying = || {
            self.in_flight
                .get(&(publisher, place))
                .map(|flying| flying.held.hash)
        };
        self.hash_at(publisher, place).or_else(flying)
    }

    /// Notes that an envelope is on its way to the store. `false` if too many are.
    pub(crate) fn reserve(&mut self, signed: &SignedHeader, class: Class, cut: bool) -> bool {
        if self.in_flight.len() >= IN_FLIGHT {
            return false;
        }
        let held = Held::of(signed.header());
        let class = Some(class);
        self.in_flight.insert(
            (held.publisher, held.place()),
            Flying {
                held,
                signed: signed.clone(),
                class,
                cut,
            },
        );
        true
    }

    /// Takes a head: its publisher names his latest envelope. That makes what is missing at the end of his chain a gap,
    /// or, if another envelope is held there, begins a proof.
    pub(crate) fn note_head(&mut self, signed: &SignedHeader) -> Result<(), Ignored> {
        let header = signed.header();
        let place = Place::of(header);
        if let Some(hash) = self.hash_at(header.publisher, place)
            && hash != signed.assertion()
        {
            return Err(Ignored::Fork(Box::new(Suspicion::new(hash, signed.clone()))));
        }
        self.track(header.publisher)
            .note_head(header)
            .then_some(())
            .ok_or(Ignored::Stale)
    }

    /// The rules keep an envelope out that its publisher signed: its place is no gap. Little is remembered, and only of
    /// chains that are held.
    pub(crate) fn bar(&mut self, header: &Header) {
        if let Some(track) = self.tracks.get_mut(&header.publisher) {
            track.bar(Place::of(header));
        }
    }

    /// The store did not take it: it may be offered again.
    pub fn release(&mut self, header: &Header) {
        self.in_flight.remove(&(header.publisher, Place::of(header)));
    }

    /// The store has it. Gives what the store has to drop in turn: envelopes at higher places that are over the rate now
    /// that this one is known, which only ever befalls publishers that exceed their rate, or whatever had to make room.
    /// The envelope itself is among them if it lost its place while it was on its way.
    pub fn record(&mut self, header: &Header) -> Vec<Held> {
        if !header.kind.is_chained() {
            return Vec::new();
        }
        let held = Held::of(header);
        let reserved = self.in_flight.remove(&(held.publisher, held.place()));
        self.note_cut(&held, reserved.as_ref().is_some_and(|flying| flying.cut));
        let Some(class) = reserved.map_or(Some(Class::Member), |flying| flying.class) else {
            return self.gone(vec![held]);
        };
        let floor = self.floor;
        let track = self.track(held.publisher);
        let before = track.len();
        let dropped = track.insert(held, class, floor);
        let after = track.len();
        self.total = (self.total + after).saturating_sub(before);
        self.changed();
        let dropped = if self.total > HELD {
            self.make_room(dropped)
        } else {
            dropped
        };
        self.gone(dropped)
    }

    /// What is held no more lacks nothing.
    fn gone(&mut self, dropped: Vec<Held>) -> Vec<Held> {
        for held in &dropped {
            if self.hash_at(held.publisher, held.place()).is_none() {
                self.cut.remove(&(held.publisher, held.place()));
            }
        }
        dropped
    }

    fn note_cut(&mut self, held: &Held, cut: bool) {
        let place = (held.publisher, held.place());
        if !cut {
            self.cut.remove(&place);
        } else if self.cut.len() < HELD_CUT && self.hash_at(held.publisher, held.place()).is_none() {
            self.cut.insert(place);
        }
    }

    /// Takes a proof. Gives what the store has to drop: everything of that epoch from the fork on, and, if it is no
    /// accident, all later epochs. `Ok` also if a better proof of that fork is known already.
    pub fn convict(
        &mut self,
        proof: EquivocationProof,
        directory: &Directory,
        now: Timestamp,
    ) -> Result<Vec<Held>, ProofRefused> {
        let publisher = fork::accused(&proof);
        if proof.first().header().network != directory.network() {
            return Err(ProofRefused::OtherNetwork);
        }
        if fork::time(&proof) > now + FUTURE_SKEW {
            return Err(ProofRefused::Future);
        }
        let key = directory
            .key_of(publisher)
            .ok_or(ProofRefused::UnknownPublisher)?;
        proof.verify(&key).map_err(ProofRefused::Signature)?;
        let floor = self.floor;
        let dropped = self.track(publisher).convict(proof, floor);
        self.total = self.total.saturating_sub(dropped.len());
        self.changed();
        Ok(self.gone(dropped))
    }

    /// Judges everything held anew after statements came: who is admitted no more, or under another class, loses what
    /// he would not have been given. Cheap for publishers whose standing did not change. Gives what the store has to drop.
    pub fn reconcile(&mut self, directory: &Directory) -> Vec<Held> {
        let mut dropped = Vec::new();
        for (publisher, track) in &mut self.tracks {
            let timeline = directory.timeline(*publisher);
            dropped.extend(
                track.reconcile(timeline.fingerprint(), self.floor, |place, time| {
                    timeline.standing_in(place.epoch, time).class()
                }),
            );
        }
        for flying in self.in_flight.values_mut() {
            let Held {
                publisher,
                epoch,
                time,
                ..
            } = flying.held;
            flying.class = directory.timeline(publisher).standing_in(epoch, time).class();
        }
        self.tracks.retain(|_, track| !track.is_empty());
        self.total = self.total.saturating_sub(dropped.len());
        self.changed();
        self.gone(dropped)
    }

    /// Forgets what is older than the retention: whole UTC days by signed time, so that all nodes forget alike. Gives
    /// what went, which the store drops when its operator says so.
    pub fn expire(&mut self, now: Timestamp) -> Vec<Held> {
        let first_day = now
            .as_millis()
            .div_euclid(DAY_MILLIS)
            .saturating_sub(RETENTION_DAYS);
        let floor = Timestamp::from_millis(first_day.saturating_mul(DAY_MILLIS));
        if self.floor.is_some_and(|known| known >= floor) {
            return Vec::new();
        }
        self.floor = Some(floor);
        let dropped: Vec<Held> = self
            .tracks
            .values_mut()
            .flat_map(|track| track.expire(floor))
            .collect();
        self.tracks.retain(|_, track| !track.is_empty());
        self.total = self.total.saturating_sub(dropped.len());
        self.changed();
        self.gone(dropped)
    }

    /// The head of every chain held, in order.
    pub fn heads(&self) -> Vec<Head> {
        self.heads_after(None).collect()
    }

    /// The heads of the chains after this one, in order.
    pub(crate) fn heads_after(&self, after: Option<(PublisherId, u32)>) -> impl Iterator<Item = Head> + '_ {
        let first = after.map_or(PublisherId([0; 16]), |(publisher, _)| publisher);
        self.tracks
            .range(first..)
            .flat_map(|(publisher, track)| track.heads(*publisher))
            .filter(move |head| after.is_none_or(|after| (head.publisher, head.epoch) > after))
    }

    /// The head of one chain.
    pub fn head(&self, publisher: PublisherId, epoch: u32) -> Option<Head> {
        self.tracks.get(&publisher)?.head(publisher, epoch)
    }

    /// The highest place held of one publisher.
    pub fn highest(&self, publisher: PublisherId) -> Option<Head> {
        self.tracks.get(&publisher)?.heads(publisher).last()
    }

    /// What stands at the highest place held of one publisher.
    pub fn latest(&self, publisher: PublisherId) -> Option<Held> {
        self.tracks.get(&publisher)?.latest()
    }

    /// Seq and hash of what is held of one chain, highest first.
    pub fn hashes(
        &self,
        publisher: PublisherId,
        epoch: u32,
        range: std::ops::RangeInclusive<u64>,
    ) -> impl Iterator<Item = (u64, HeaderHash)> + '_ {
        self.tracks
            .get(&publisher)
            .into_iter()
            .flat_map(move |track| track.hashes(epoch, range.clone()))
    }

    /// The proven forks: whose, in which epoch, and the name of the proof.
    pub fn forks(&self) -> impl Iterator<Item = (PublisherId, u32, [u8; 16])> + '_ {
        self.tracks.iter().flat_map(|(publisher, track)| {
            track
                .forks()
                .map(move |(epoch, fork)| (*publisher, epoch, fork.name()))
        })
    }

    /// The proof that stands in the place of what came after it.
    pub fn proof(&self, publisher: PublisherId, epoch: u32) -> Option<&EquivocationProof> {
        self.tracks.get(&publisher)?.proof(epoch)
    }

    /// The name of that proof.
    pub(crate) fn proof_name(&self, publisher: PublisherId, epoch: u32) -> Option<[u8; 16]> {
        self.tracks.get(&publisher)?.proof_name(epoch)
    }

    /// Whether the proofs against a publisher amount to equivocation.
    pub fn conduct(&self, publisher: PublisherId) -> Conduct {
        self.tracks
            .get(&publisher)
            .map_or(Conduct::Clean, |track| track.conduct(None, self.floor))
    }

    /// Rows that a publisher of this class can still sign for the slot of `at`: in all, and urgent ones.
    pub fn allowance(&self, publisher: PublisherId, class: Class, at: Timestamp) -> (u32, u32) {
        let (rows, urgent) = self
            .tracks
            .get(&publisher)
            .map_or((0, 0), |track| track.spent(class.span(Slot::of(at))));
        let left = |budget: u32, spent: u64| budget.saturating_sub(u32::try_from(spent).unwrap_or(u32::MAX));
        (
            left(self.scale.rows(class), rows),
            left(self.scale.urgent_rows(class), urgent),
        )
    }

    /// Whether all that asks to be urgent in its slot, at whatever place, held or on its way to the store, leaves room for
    /// this envelope. It delays at most, so nodes need not agree; and a burst, or a chain that is told from its end, is
    /// as urgent as the budget and no more.
    pub(crate) fn urgent_within_budget(&self, held: &Held, class: Class) -> bool {
        let span = class.span(Slot::of(held.time));
        let track = self.tracks.get(&held.publisher);
        let (_, stored) = track.map_or((0, 0), |track| track.spent(span));
        let (first, last) = (
            Place { epoch: 0, seq: 0 },
            Place {
                epoch: u32::MAX,
                seq: u64::MAX,
            },
        );
        let chain = (held.publisher, first)..=(held.publisher, last);
        let flying = self.in_flight.range(chain).map(|(_, flying)| &flying.held);
        let asking = flying.filter(|one| {
            let slot = Slot::of(one.time);
            one.urgent && span.0 <= slot && slot < span.1
        });
        let flying: u64 = asking.map(|one| u64::from(one.cost())).sum();
        stored + flying + u64::from(held.cost()) <= u64::from(self.scale.urgent_rows(class))
    }

    /// One hash of everything held and every proof, whatever order it came in.
    pub fn digest(&self) -> [u8; 32] {
        *self.digest.get_or_init(|| {
            let mut hasher = blake3::Hasher::new_derive_key("vigie/heads/v1");
            for head in self.heads_after(None) {
                hasher.update(&head.publisher.0).update(&head.epoch.to_le_bytes());
                hasher
                    .update(&head.seq.to_le_bytes())
                    .update(&head.count.to_le_bytes());
                hasher.update(&head.fingerprint);
            }
            hasher.update(b"forks");
            for (publisher, epoch, name) in self.forks() {
                hasher
                    .update(&publisher.0)
                    .update(&epoch.to_le_bytes())
                    .update(&name);
            }
            hasher.finalize().into()
        })
    }

    /// How many envelopes are held.
    pub const fn len(&self) -> usize {
        self.total
    }

    /// Whether nothing is held.
    pub const fn is_empty(&self) -> bool {
        self.total == 0
    }

    fn track(&mut self, publisher: PublisherId) -> &mut Track {
        let scale = self.scale;
        self.tracks
            .entry(publisher)
            .or_insert_with(|| Track::scaled(scale))
    }

    fn changed(&mut self) {
        self.digest = OnceLock::new();
    }

    /// The fullest publisher pays: a flood costs the one who sent it.
    fn make_room(&mut self, mut dropped: Vec<Held>) -> Vec<Held> {
        if let Some(track) = self.tracks.values_mut().max_by_key(|track| track.len()) {
            let quarter = track.len() / 4;
            let gone = track.raise_floor(quarter.max(1));
            self.total = self.total.saturating_sub(gone.len());
            dropped.extend(gone);
        }
        dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::envelope::Kind;
    use crate::wire::{NetworkId, SecretKey, Tlp};

    fn signed(seq: u64) -> SignedHeader {
        let header = Header {
            version: 1,
            kind: Kind::Sightings,
            flags: 0,
            network: NetworkId([1; 16]),
            publisher: PublisherId([2; 16]),
            epoch: 0,
            seq,
            prev: HeaderHash([0; 32]),
            time_base: Timestamp::from_secs(1_795_305_600),
            tlp: Tlp::Clear,
            policy: 0,
            rows: 256,
            root: [0; 32],
        };
        SignedHeader::sign(header, &SecretKey::from_seed([3; 32]))
    }

    #[test]
    fn what_lost_its_place_is_not_remembered_as_lacking_rows() {
        let mut index = ChainIndex::new();
        for seq in (0..100).rev() {
            assert!(index.reserve(&signed(seq), Class::Member, true));
            index.record(signed(seq).header());
        }
        assert_eq!((index.len(), index.cut.len()), (2, 2));
        assert!(index.is_cut(signed(0).header()) && !index.is_cut(signed(2).header()));
    }
}
