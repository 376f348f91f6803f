//! Every envelope of the run, once: nodes hold hashes, and share the bytes.
//!
//! What a node would have on its own disk is what its index holds, looked up here. An envelope is decoded and verified
//! once, by its publisher as every publisher does; the other nodes are charged for it and spared it.

use std::sync::Arc;

use hashbrown::HashMap;
use vigie_gossip_core::wire::HeaderHash;
use vigie_gossip_core::wire::relay::{Name, Packed};
use vigie_gossip_core::{Held, Verified};

use crate::clock::Micros;
use crate::measure::Class;

/// An envelope.
#[derive(Debug)]
pub(crate) struct Paper {
    pub(crate) verified: Verified,
    pub(crate) held: Held,
    /// As it travels between neighbours, from one who holds the envelope before it and from one who does not.
    pub(crate) packed: [Arc<Packed>; 2],
    /// The node that wrote it.
    pub(crate) author: u32,
    pub(crate) sealed: Micros,
    /// When the first sighting behind each row came, and how it travels.
    pub(crate) rows: Vec<(Micros, Class)>,
    /// Whether it counts: what liars say may become void.
    pub(crate) counts: bool,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Book {
    papers: Vec<Paper>,
    by_hash: HashMap<HeaderHash, u32>,
    by_name: HashMap<Name, u32>,
}

// === impl Book ===

impl Book {
    pub(crate) fn add(&mut self, paper: Paper) -> u32 {
        let number = u32::try_from(self.papers.len()).unwrap_or(u32::MAX);
        self.by_hash.insert(paper.held.hash, number);
        self.by_name.insert(paper.packed[0].name(), number);
        self.papers.push(paper);
        number
    }

    pub(crate) fn get(&self, number: u32) -> &Paper {
        &self.papers[number as usize]
    }

    pub(crate) fn find(&self, hash: HeaderHash) -> Option<u32> {
        self.by_hash.get(&hash).copied()
    }

    pub(crate) fn by_name(&self, name: Name) -> Option<u32> {
        self.by_name.get(&name).copied()
    }

    /// The envelope's bytes, as a store would have them.
    pub(crate) fn bytes(&self, hash: HeaderHash) -> Option<&[u8]> {
        self.find(hash).map(|number| self.get(number).verified.bytes())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Paper> {
        self.papers.iter()
    }
}
