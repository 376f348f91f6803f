//! The genesis file: who began the network, and how many of them change the seeds. Its hash is the network.
//!
//! A text that people read aloud to each other at a ceremony, with exactly one rendering. Deliberately absent: comments
//! and optional lines, which would be two writings of one network.

mod date;
mod parse;
mod render;

use crate::codec::is_name;
use crate::{Labels, NetworkId, PublicKey, Timestamp};

/// The first line of the file.
pub const GENESIS_MARK: &str = "vigie genesis 1";
/// Seeds in a genesis file.
pub const MAX_SEEDS: usize = 64;
/// Members in a genesis file.
pub const MAX_MEMBERS: usize = 4096;
/// Bytes of a genesis file.
pub const MAX_GENESIS_BYTES: usize = 1024 * 1024;

/// How a network began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Genesis {
    /// Its name, for people.
    pub name: Box<str>,
    /// When, to the second.
    pub created: Timestamp,
    /// How many seeds have to sign a change of the seeds.
    pub quorum: u8,
    /// The first seeds, in the order that signatures count them.
    pub seeds: Vec<Founder>,
    /// Organisations admitted from the beginning.
    pub members: Vec<Founder>,
}

/// An organisation that was there at the beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Founder {
    /// Its organisation key.
    pub key: PublicKey,
    /// Its name.
    pub name: Box<str>,
    /// What the founders attest of it.
    pub labels: Labels,
    /// Gold-confirmed sightings that it is granted, so that the first day has some trust in it.
    pub history: u32,
}

/// A genesis file that is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct GenesisError {
    /// Which line, from 1; 0 for what concerns the whole.
    pub line: usize,
    /// What is wrong with it.
    pub problem: GenesisProblem,
}

/// What is wrong with a line of a genesis file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GenesisProblem {
    /// Longer than a genesis file may be.
    #[error("the file is too long")]
    TooLong,
    /// Not the first line of a genesis file.
    #[error("expected \"{GENESIS_MARK}\"")]
    Mark,
    /// A line that stands elsewhere, twice, or not at all.
    #[error("expected a line beginning with \"{0}\"")]
    Expected(&'static str),
    /// A name that is empty, too long or not printable.
    #[error("not a name of 1 to 64 visible bytes")]
    Name,
    /// Not a date as 2026-01-31T23:59:59Z.
    #[error("not a time as in 2026-01-31T23:59:59Z")]
    Created,
    /// Not a number between 1 and the number of seeds.
    #[error("the quorum is not between 1 and the number of seeds")]
    Quorum,
    /// Not a usable organisation key.
    #[error("not a usable key in 64 lower-case hexadecimal digits")]
    Key,
    /// A key that an earlier line has already.
    #[error("this key stands on an earlier line already")]
    Twice,
    /// Not a number without leading zeros.
    #[error("the history is not a plain number")]
    History,
    /// Not 16 hexadecimal digits or a hyphen.
    #[error("the operator is neither 16 hexadecimal digits nor -")]
    Operator,
    /// Not two capitals or a hyphen.
    #[error("the country is neither two capital letters nor -")]
    Country,
    /// Not a number or a hyphen.
    #[error("the autonomous system is neither a plain number nor -")]
    Asn,
    /// More seeds or members than allowed, or no seed.
    #[error("too many founders, or no seed")]
    Founders,
    /// No line feed at the end of a line, or a carriage return.
    #[error("a line does not end with a line feed alone")]
    LineEnd,
}

// === impl Genesis ===

impl Genesis {
    /// Reads the one rendering of a genesis.
    pub fn parse(text: &str) -> Result<Self, GenesisError> {
        parse::genesis(text)
    }

    /// The one rendering. It reads back only if [`Genesis::check`] finds nothing.
    pub fn render(&self) -> String {
        render::genesis(self)
    }

    /// The network: what `b3sum --length 16` prints for the file.
    pub fn network(&self) -> NetworkId {
        let mut id = [0; 16];
        blake3::Hasher::new()
            .update(self.render().as_bytes())
            .finalize_xof()
            .fill(&mut id);
        NetworkId(id)
    }

    /// What a parser would refuse.
    pub fn check(&self) -> Result<(), GenesisProblem> {
        if !is_name(&self.name) {
            return Err(GenesisProblem::Name);
        }
        if !self.created.is_on_wire() || self.created.as_millis() % 1_000 != 0 {
            return Err(GenesisProblem::Created);
        }
        if !(1..=MAX_SEEDS).contains(&self.seeds.len()) || self.members.len() > MAX_MEMBERS {
            return Err(GenesisProblem::Founders);
        }
        if !(1..=self.seeds.len()).contains(&usize::from(self.quorum)) {
            return Err(GenesisProblem::Quorum);
        }
        let mut keys = std::collections::BTreeSet::new();
        for founder in self.seeds.iter().chain(&self.members) {
            founder.labels.check().map_err(|_| GenesisProblem::Country)?;
            if !is_name(&founder.name) {
                return Err(GenesisProblem::Name);
            }
            if !keys.insert(founder.key) {
                return Err(GenesisProblem::Twice);
            }
        }
        Ok(())
    }
}
