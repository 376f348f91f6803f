//! One node: the real core's index, window and pace, and the little that the adapter keeps beside them.
//!
//! Bodies are in the book; what a node holds of them are the hashes of its index, which are also what it finds again
//! after a crash: everything recorded was stored, everything only admitted is gone.

use std::collections::{BTreeMap, VecDeque};

use vigie_gossip_core::passing::Passing;
use vigie_gossip_core::sync::{Pace, Session, Tempo};
use vigie_gossip_core::window::{Traffic, Window};
use vigie_gossip_core::wire::{
    Behaviour, EquivocationProof, HeaderHash, Indicator, PublisherId, RuleHash, SecretKey,
};
use vigie_gossip_core::{ChainIndex, Class, Directory, Scale};

use crate::book::Book;
use crate::clock::{Micros, NEVER, signed};

/// Rows that wait in the window, by what makes them one.
pub(crate) type Subject = (Indicator, Behaviour, RuleHash);

/// What a node does that is not its duty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Honest,
    /// Forwards nothing.
    Dropper {
        answers: bool,
    },
    /// Tells two stories once.
    Liar,
}

/// A sync session of this node.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) session: Session,
    /// The request under way, none while the next one waits for the last one's envelopes.
    pub(crate) exchange: Option<u32>,
    pub(crate) next: Option<Vec<u8>>,
    /// Somebody asked for another one meanwhile.
    pub(crate) again: bool,
}

/// What a peer may still ask for: the adapter's token buckets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowance {
    requests: f64,
    bytes: f64,
    at: Micros,
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) role: Role,
    pub(crate) key: SecretKey,
    pub(crate) publisher: PublisherId,
    pub(crate) index: ChainIndex,
    pub(crate) proofs: Vec<EquivocationProof>,
    pub(crate) window: Window,
    pub(crate) traffic: Traffic,
    /// When the first sighting behind a waiting row came, and whether it is a repeat.
    pub(crate) waiting: BTreeMap<Subject, (Micros, bool)>,
    pub(crate) window_due: Micros,
    pub(crate) relay: Passing<u32>,
    pub(crate) relay_due: Micros,
    pub(crate) pace: Pace<u32>,
    pub(crate) pace_due: Micros,
    pub(crate) running: BTreeMap<u32, Running>,
    pub(crate) queued: VecDeque<u32>,
    pub(crate) allowances: BTreeMap<u32, Allowance>,
    /// It tries one peer behind an outage every other second.
    pub(crate) probes: bool,
    /// Until then its processor is busy with messages.
    pub(crate) busy: Micros,
    /// Rises with every crash, so that nothing from before one is taken for something of now.
    pub(crate) life: u32,
}

/// The adapter's limits on what one peer draws: requests and bytes at once, and a second.
const REQUEST_BURST: f64 = 64.0;
const REQUEST_RATE: f64 = 8.0;
const BYTES_BURST: f64 = 8.0 * 1_048_576.0;
const BYTES_RATE: f64 = 1_048_576.0;

// === impl Role ===

impl Role {
    pub(crate) fn is_honest(self) -> bool {
        self == Self::Honest
    }

    pub(crate) const fn forwards(self) -> bool {
        !matches!(self, Self::Dropper { .. })
    }

    pub(crate) const fn answers(self) -> bool {
        !matches!(self, Self::Dropper { answers: false })
    }
}

// === impl Node ===

impl Node {
    pub(crate) fn new(key: SecretKey, class: Class, scale: Scale) -> Self {
        Self {
            role: Role::Honest,
            publisher: key.public().publisher_id(),
            key,
            index: ChainIndex::scaled(scale),
            proofs: Vec::new(),
            window: Window::scaled(class, scale),
            traffic: Traffic::default(),
            waiting: BTreeMap::new(),
            window_due: NEVER,
            relay: Passing::default(),
            relay_due: NEVER,
            pace: Pace::new(Tempo::default(), signed(0)),
            pace_due: NEVER,
            running: BTreeMap::new(),
            queued: VecDeque::new(),
            allowances: BTreeMap::new(),
            probes: false,
            busy: 0,
            life: 0,
        }
    }

    /// The place and the hash that the next envelope of its chain follows.
    pub(crate) fn chain_end(&self) -> (u64, HeaderHash) {
        self.index
            .highest(self.publisher)
            .map_or((0, HeaderHash([0; 32])), |head| (head.seq + 1, head.hash))
    }

    /// After a crash: only what was stored is left. Rows that waited are alerts on the disk, and wait still.
    pub(crate) fn restart(&mut self, directory: &Directory, book: &Book, scale: Scale, now: Micros) {
        let mut index = ChainIndex::scaled(scale);
        for head in self.index.heads() {
            for (_, hash) in self.index.hashes(head.publisher, head.epoch, 0..=u64::MAX) {
                if let Some(number) = book.find(hash) {
                    index.load(book.get(number).held);
                }
            }
        }
        for proof in &self.proofs {
            drop(index.convict(proof.clone(), directory, signed(now)));
        }
        drop(index.reconcile(directory));
        self.index = index;
        self.pace = Pace::new(Tempo::default(), signed(now));
        self.busy = now;
    }

    /// What ends with the process.
    pub(crate) fn die(&mut self) {
        self.life += 1;
        self.running.clear();
        self.queued.clear();
        self.allowances.clear();
        self.relay = Passing::default();
        (self.window_due, self.pace_due, self.relay_due) = (NEVER, NEVER, NEVER);
    }

    /// Whether this peer may ask now. Bytes are charged when they are known, and delay what follows.
    pub(crate) fn allows(&mut self, peer: u32, now: Micros) -> bool {
        let allowance = self.allowance(peer, now);
        let enough = allowance.requests >= 1.0 && allowance.bytes >= 0.0;
        if enough {
            allowance.requests -= 1.0;
        }
        enough
    }

    pub(crate) fn charge(&mut self, peer: u32, bytes: usize, now: Micros) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let allowance = self.allowance(peer, now);
        allowance.bytes = (allowance.bytes - f64::from(bytes)).max(-BYTES_BURST);
    }

    fn allowance(&mut self, peer: u32, now: Micros) -> &mut Allowance {
        let allowance = self.allowances.entry(peer).or_insert(Allowance {
            requests: REQUEST_BURST,
            bytes: BYTES_BURST,
            at: now,
        });
        let passed = crate::clock::as_seconds(now - allowance.at);
        allowance.requests = (allowance.requests + passed * REQUEST_RATE).min(REQUEST_BURST);
        allowance.bytes = (allowance.bytes + passed * BYTES_RATE).min(BYTES_BURST);
        allowance.at = now;
        allowance
    }
}
