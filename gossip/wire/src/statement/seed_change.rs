//! A change of the seeds, signed by k of those in force. It cannot be verified alone: the seeds must be known.

use super::Labels;
use super::vouch::{check_network, check_time};
use crate::codec::{Reader, is_name, put_count, put_prefixed, put_time, put_varint};
use crate::{
    DecodeError, NetworkId, PublicKey, Reason, SecretKey, Signature, SignatureError, StatementId, Timestamp,
    domain,
};

/// Signatures under one change.
pub const MAX_SEED_SIGNATURES: usize = 64;

/// The seeds add one of their own, or remove one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedChange {
    /// Which network.
    pub network: NetworkId,
    /// The first change has 1, each next one more: they apply in that order only.
    pub sequence: u64,
    /// From when. Without it a removal would take back all that the seed ever admitted.
    pub at: Timestamp,
    /// What changes.
    pub action: SeedAction,
    /// Who signed: the place among the seeds in force before this change, ascending.
    pub signatures: Vec<(u8, Signature)>,
}

/// What happens to the seeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SeedAction {
    /// 0: one more, at the end of the list.
    Add {
        /// Its organisation key.
        key: PublicKey,
        /// Its name.
        name: Box<str>,
        /// Its labels.
        labels: Labels,
    },
    /// 1: one less; those behind it move up.
    Remove {
        /// Its organisation key.
        key: PublicKey,
    },
}

// === impl SeedChange ===

impl SeedChange {
    pub(super) const TAG: u8 = 6;

    /// One seed's signature, to be collected with the others.
    pub fn sign(&self, key: &SecretKey) -> Signature {
        key.sign(domain::SEED_CHANGE, &self.unsigned_bytes())
    }

    /// Adds a signature in its place; a seed's second one replaces its first.
    pub fn add_signature(&mut self, seed: u8, signature: Signature) {
        match self.signatures.binary_search_by_key(&seed, |(seed, _)| *seed) {
            Ok(place) => self
                .signatures
                .splice(place..=place, [(seed, signature)])
                .for_each(drop),
            Err(place) => self.signatures.insert(place, (seed, signature)),
        }
    }

    /// Whether it can be written and read again: names, labels, order of the signatures.
    pub fn check(&self) -> Result<(), Reason> {
        check_network(self.network)?;
        check_time(self.at)?;
        if let SeedAction::Add { name, labels, .. } = &self.action {
            labels.check()?;
            if !is_name(name) {
                return Err(Reason::Text);
            }
        }
        if self.sequence == 0 || self.signatures.len() > MAX_SEED_SIGNATURES {
            return Err(Reason::OutOfRange);
        }
        let ascending = self.signatures.is_sorted_by(|(one, _), (next, _)| one < next);
        if ascending { Ok(()) } else { Err(Reason::Order) }
    }

    /// Whether at least `quorum` of the seeds in force signed, and no signature is wrong.
    pub fn verify(&self, seeds: &[PublicKey], quorum: u8) -> Result<(), SignatureError> {
        let message = self.unsigned_bytes();
        for (seed, signature) in &self.signatures {
            let key = seeds.get(usize::from(*seed)).ok_or(SignatureError::OtherKey)?;
            key.verify(domain::SEED_CHANGE, &message, signature)?;
        }
        let (signed, needed) = (self.signatures.len(), quorum.max(1));
        if signed < usize::from(needed) {
            Err(SignatureError::NoQuorum { signed, needed })
        } else {
            Ok(())
        }
    }

    pub(super) fn id(&self) -> StatementId {
        StatementId(domain::hash(domain::STATEMENT, &[&self.unsigned_bytes()]))
    }

    fn unsigned_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(160);
        out.push(Self::TAG);
        out.extend_from_slice(&self.network.0);
        put_varint(&mut out, self.sequence);
        put_time(&mut out, self.at);
        match &self.action {
            SeedAction::Add { key, name, labels } => {
                out.push(0);
                out.extend_from_slice(key.as_bytes());
                put_prefixed(&mut out, name.as_bytes());
                labels.write(&mut out);
            }
            SeedAction::Remove { key } => {
                out.push(1);
                out.extend_from_slice(key.as_bytes());
            }
        }
        out
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.unsigned_bytes());
        put_count(out, self.signatures.len());
        for (seed, signature) in &self.signatures {
            out.push(*seed);
            out.extend_from_slice(signature.as_bytes());
        }
    }

    /// Reads what follows the type number.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let at = reader.at();
        let (network, sequence, since) = (reader.network()?, reader.varint()?, reader.time()?);
        let action = match reader.u8_up_to(1)? {
            0 => SeedAction::Add {
                key: reader.key()?,
                name: reader.name()?,
                labels: Labels::read(reader)?,
            },
            _ => SeedAction::Remove { key: reader.key()? },
        };
        let count = reader.count(MAX_SEED_SIGNATURES)?;
        let mut signatures = Vec::with_capacity(count);
        for _ in 0..count {
            signatures.push((reader.u8()?, reader.signature()?));
        }
        let change = Self {
            network,
            sequence,
            at: since,
            action,
            signatures,
        };
        change.check().map_err(|reason| DecodeError::new(at, reason))?;
        Ok(change)
    }
}

impl From<SeedChange> for super::Statement {
    fn from(change: SeedChange) -> Self {
        Self::SeedChange(change)
    }
}
