//! Forks: two signed headers at one place, and what follows from them.
//!
//! One fork followed by a higher epoch within a day is taken for a restored backup: what stands at and after the fork is
//! void, and that is all. A second fork within 90 days, or one that no higher epoch follows in time, is equivocation:
//! the later epochs are void as well. All of it is computed from signed times. Which proof is kept of one epoch does not
//! depend on which came first: the lowest seq, then the lowest name.

use super::{Held, Place};
use crate::constants::{ACCIDENT_GRACE, ACCIDENT_MEMORY};
use crate::wire::{Envelope, EquivocationProof, Header, HeaderHash, PublisherId, SignedHeader, Timestamp};

/// Another envelope than the one held was offered for its place. The signed header of the held one makes it a proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspicion {
    held: HeaderHash,
    offered: SignedHeader,
    /// What is held is still on its way to the store, which could not show it.
    flying: Option<SignedHeader>,
}

/// What the proofs against a publisher say of him.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conduct {
    /// No fork is proven.
    Clean,
    /// A fork is proven and no higher epoch is known yet: he has a day of signed time to raise it.
    Suspended {
        /// The epoch of the fork.
        epoch: u32,
    },
    /// A fork, and a higher epoch in time: taken for a restored backup, no strike.
    Accident {
        /// The epoch of the latest such fork.
        epoch: u32,
    },
    /// Equivocation: nothing in later epochs counts.
    Equivocation {
        /// The epoch of the fork that decides.
        epoch: u32,
    },
}

/// A proven fork of one epoch.
#[derive(Clone, Debug)]
pub(super) struct Fork {
    pub(super) seq: u64,
    /// The later of the two signed times.
    pub(super) time: Timestamp,
    name: [u8; 16],
    pub(super) proof: EquivocationProof,
    /// The earliest that is held of higher epochs: whether it came in time is what the fork is judged by.
    pub(super) followed: Option<Follower>,
}

/// An envelope of a higher epoch than a fork's. They compare by signed time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Follower {
    pub(super) time: Timestamp,
    pub(super) place: Place,
}

/// Whom a proof accuses.
pub(super) fn accused(proof: &EquivocationProof) -> PublisherId {
    headers(proof).0.publisher
}

/// The later of the two signed times.
pub(super) fn time(proof: &EquivocationProof) -> Timestamp {
    let (first, second) = headers(proof);
    first.time_base.max(second.time_base)
}

fn headers(proof: &EquivocationProof) -> (&Header, &Header) {
    (proof.first().header(), proof.second().header())
}

// === impl Suspicion ===

impl Suspicion {
    pub(super) const fn new(held: HeaderHash, offered: SignedHeader) -> Self {
        Self {
            held,
            offered,
            flying: None,
        }
    }

    pub(super) const fn of_flying(held: HeaderHash, flying: SignedHeader, offered: SignedHeader) -> Self {
        Self {
            held,
            offered,
            flying: Some(flying),
        }
    }

    /// The proof, if it needs nothing from the store: what came first had not reached it yet.
    pub fn proof(&self) -> Option<EquivocationProof> {
        EquivocationProof::new(self.flying.clone()?, self.offered.clone()).ok()
    }

    /// Whose chain, in which epoch, at which seq: where the store has the other half.
    pub const fn at(&self) -> (PublisherId, u32, u64) {
        let header = self.offered.header();
        (header.publisher, header.epoch, header.seq)
    }

    /// The hash of the envelope that is held there.
    pub const fn held(&self) -> HeaderHash {
        self.held
    }

    /// The proof, given the envelope that is held there; `None` if that is another envelope.
    pub fn prove(&self, held: &Envelope) -> Option<EquivocationProof> {
        (held.header_hash() == self.held)
            .then(|| EquivocationProof::new(held.signed_header().clone(), self.offered.clone()).ok())
            .flatten()
    }
}

// === impl Follower ===

impl Follower {
    pub(super) const fn of(held: &Held) -> Self {
        Self {
            time: held.time,
            place: held.place(),
        }
    }
}

// === impl Fork ===

impl Fork {
    pub(super) fn new(proof: EquivocationProof) -> Self {
        let (seq, time) = (headers(&proof).0.seq, time(&proof));
        let mut name = [0; 16];
        let mut hasher = blake3::Hasher::new_derive_key("vigie/proof-name/v1");
        // What was asserted, when: a signature has no say in which of two proofs is kept.
        for signed in [proof.first(), proof.second()] {
            hasher.update(&signed.hash().0);
        }
        hasher.finalize_xof().fill(&mut name);
        Self {
            seq,
            time,
            name,
            proof,
            followed: None,
        }
    }

    pub(super) const fn name(&self) -> [u8; 16] {
        self.name
    }

    /// Whether this proof is kept rather than the other of the same epoch.
    pub(super) fn outranks(&self, other: &Self) -> bool {
        (self.seq, self.name) < (other.seq, other.name)
    }

    /// This stands in a higher epoch.
    pub(super) fn follow(&mut self, follower: Follower) {
        self.followed = Some(self.followed.map_or(follower, |known| known.min(follower)));
    }

    /// The last signed time at which a higher epoch makes this an accident.
    pub(super) fn grace_ends(&self) -> Timestamp {
        self.time + ACCIDENT_GRACE
    }

    /// Whether this one is no accident after a fork of an earlier epoch: it follows too soon, or is signed for a time
    /// before that one's, which only somebody does who wants it to look long ago.
    pub(super) fn too_soon_after(&self, earlier: &Self) -> bool {
        self.time <= earlier.time + ACCIDENT_MEMORY
    }
}
