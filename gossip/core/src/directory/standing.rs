//! Who somebody is to the network at one signed time, and why not.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::intervals::Intervals;
use crate::constants::PROBATION;
use crate::rate::Class;
use crate::wire::{PublicKey, Timestamp};

/// What a publisher is at a signed time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// His organisation is a seed.
    Seed,
    /// His organisation is a member.
    Member,
    /// His organisation is admitted, not long enough ago.
    Newcomer,
    /// Not stored and not relayed.
    Outsider(Why),
}

/// Why somebody is an outsider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Why {
    /// No certificate of an admitted organisation names him.
    #[error("no admitted organisation has certified this publisher")]
    Unknown,
    /// Two certified keys have his id: both are invalid everywhere.
    #[error("two certified keys share this publisher id")]
    Collision,
    /// No certificate covers that time and epoch.
    #[error("no certificate of this publisher covers that time and epoch")]
    Uncertified,
    /// The certificate stands, and his organisation is not admitted at that time.
    #[error("the organisation of this publisher is not admitted at that time")]
    NotAdmitted,
    /// His organisation revoked his key from that time on.
    #[error("the key of this publisher is revoked since before that time")]
    Revoked,
}

/// One certificate of a publisher, with what his organisation says of the key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Certified {
    pub(super) org: PublicKey,
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
    pub(super) epochs: (u32, u32),
    pub(super) revoked_since: Option<Timestamp>,
    /// When his organisation is a seed, when it is admitted, and when it is past its probation.
    pub(super) seed: Intervals,
    pub(super) admitted: Intervals,
    pub(super) proven: Intervals,
}

/// All that decides a publisher's standing, at all times.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Timeline {
    pub(super) key: Option<PublicKey>,
    /// In the order that decides between certificates that hold at the same time.
    pub(super) certificates: Vec<Certified>,
}

// === impl Standing ===

impl Standing {
    /// The class of his rate, `None` for an outsider.
    pub const fn class(self) -> Option<Class> {
        match self {
            Self::Seed => Some(Class::Seed),
            Self::Member => Some(Class::Member),
            Self::Newcomer => Some(Class::Newcomer),
            Self::Outsider(_) => None,
        }
    }

    /// Whether he is stored and relayed.
    pub const fn is_admitted(self) -> bool {
        self.class().is_some()
    }
}

// === impl Timeline ===

impl Timeline {
    /// Of somebody of whom nothing is known.
    pub(super) const fn unknown() -> Self {
        Self {
            key: None,
            certificates: Vec::new(),
        }
    }

    /// Standing at a signed time, whatever the epoch.
    pub fn standing(&self, at: Timestamp) -> Standing {
        self.resolve(None, at).0
    }

    /// Standing of an envelope of this epoch and signed time.
    pub fn standing_in(&self, epoch: u32, at: Timestamp) -> Standing {
        self.resolve(Some(epoch), at).0
    }

    /// The organisation that an envelope of this epoch and signed time speaks for.
    pub fn org_in(&self, epoch: u32, at: Timestamp) -> Option<PublicKey> {
        self.resolve(Some(epoch), at).1
    }

    /// The key, unless there are two.
    pub(super) const fn key(&self) -> Option<PublicKey> {
        self.key
    }

    /// The organisations that certified it.
    pub(super) fn orgs(&self) -> impl Iterator<Item = PublicKey> + '_ {
        self.certificates.iter().map(|certificate| certificate.org)
    }

    /// The organisation of the certificate that begins last.
    pub(super) fn latest_org(&self) -> Option<PublicKey> {
        self.key?;
        self.certificates.last().map(|certificate| certificate.org)
    }

    /// Equal only if every answer is.
    pub fn fingerprint(&self) -> u64 {
        // Local and compared within one process only, so the standard hasher will do.
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }

    fn resolve(&self, epoch: Option<u32>, at: Timestamp) -> (Standing, Option<PublicKey>) {
        if self.certificates.is_empty() {
            return (Standing::Outsider(Why::Unknown), None);
        }
        if self.key.is_none() {
            return (Standing::Outsider(Why::Collision), None);
        }
        let covering = self
            .certificates
            .iter()
            .filter(|certificate| certificate.covers(epoch, at));
        let mut why = Why::Uncertified;
        for certificate in covering {
            match certificate.standing(at) {
                Standing::Outsider(reason) => why = reason,
                standing => return (standing, Some(certificate.org)),
            }
        }
        (Standing::Outsider(why), None)
    }
}

// === impl Certified ===

impl Certified {
    fn covers(&self, epoch: Option<u32>, at: Timestamp) -> bool {
        let (from, to) = self.epochs;
        let in_epochs = epoch.is_none_or(|epoch| from <= epoch && epoch <= to);
        in_epochs && self.not_before <= at && at < self.not_after
    }

    fn standing(&self, at: Timestamp) -> Standing {
        if self.revoked_since.is_some_and(|since| at >= since) {
            return Standing::Outsider(Why::Revoked);
        }
        if !self.admitted.contains(at) {
            return Standing::Outsider(Why::NotAdmitted);
        }
        match (self.seed.contains(at), self.proven.contains(at)) {
            (true, _) => Standing::Seed,
            (false, true) => Standing::Member,
            (false, false) => Standing::Newcomer,
        }
    }
}

/// When an organisation that is admitted then is past its probation: it has been admitted for long enough before.
pub(super) fn proven(admitted: &Intervals) -> Intervals {
    admitted.after(PROBATION)
}
