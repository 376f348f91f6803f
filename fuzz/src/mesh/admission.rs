//! Admission under any sequence of envelopes, statements and forks, heard by two nodes in different orders.
//!
//! Everything is signed as it should be: what decoding and signatures keep out is the affair of the other targets.

use std::collections::BTreeMap;
use std::time::Duration;

use vigie_gossip_core::wire::{Draft, Envelope, EquivocationProof, HeaderHash, Payload, Statement, Tlp};
use vigie_gossip_core::{ChainIndex, Directory, Held, Ignored, Insertion, Refusal, Unverified};

use super::{
    HOUR, MEMBERS, NEWCOMER, SEED, certificate, directory, envelope, node_key, now, revocation, t0, take,
    vouch,
};

/// What arrived, for another node to hear in another order.
#[derive(Default)]
struct Heard {
    envelopes: Vec<Vec<u8>>,
    statements: Vec<Statement>,
    proofs: Vec<EquivocationProof>,
}

#[derive(Clone)]
struct Node {
    directory: Directory,
    index: ChainIndex,
    /// What is held, by header hash: a suspicion needs the other half.
    store: BTreeMap<HeaderHash, Envelope>,
}

impl Node {
    fn new() -> Self {
        let mut index = ChainIndex::new();
        index.expire(now());
        Self {
            directory: directory().clone(),
            index,
            store: BTreeMap::new(),
        }
    }

    fn learn(&mut self, statement: Statement) {
        if let Ok(Insertion::Known) | Err(_) = self.directory.insert(statement) {
            return;
        }
        self.directory.take_settled();
        let dropped = self.index.reconcile(&self.directory);
        self.forget(&dropped);
    }

    fn forget(&mut self, dropped: &[Held]) {
        for held in dropped {
            self.store.remove(&held.hash);
        }
    }

    /// All stages. Gives the proof that it led to.
    fn hear(&mut self, bytes: &[u8]) -> Option<EquivocationProof> {
        let unverified = match Unverified::parse(bytes) {
            Ok(unverified) if unverified.is_held(&self.index) => return None,
            parsed => parsed,
        };
        let verified = unverified
            .and_then(|one| one.verify(&self.directory, now()))
            .and_then(|one| one.admit(&self.directory, &mut self.index, now()));
        match verified {
            Ok(admitted) => {
                let header = *admitted.envelope().header();
                if header.kind.is_chained() {
                    self.store.insert(header.hash(), admitted.envelope().clone());
                }
                let dropped = self.index.record(&header);
                self.forget(&dropped);
                None
            }
            Err(Refusal::Ignored(Ignored::Fork(suspicion))) => {
                let proof = suspicion.prove(self.store.get(&suspicion.held())?)?;
                self.convict(proof.clone());
                Some(proof)
            }
            Err(Refusal::Rejected(rejected)) => {
                panic!("what is signed as it should be was rejected: {rejected}")
            }
            Err(Refusal::Ignored(_)) => None,
        }
    }

    fn convict(&mut self, proof: EquivocationProof) {
        if let Ok(dropped) = self.index.convict(proof, &self.directory, now()) {
            self.forget(&dropped);
        }
    }

    /// Everything again, until nothing changes: what sync does between two nodes.
    fn settle(&mut self, heard: &Heard) -> Vec<EquivocationProof> {
        let mut found = Vec::new();
        for _ in 0..4 {
            let before = self.index.digest();
            heard.statements.iter().for_each(|one| self.learn(one.clone()));
            heard.proofs.iter().for_each(|one| self.convict(one.clone()));
            found.extend(heard.envelopes.iter().filter_map(|one| self.hear(one)));
            if self.index.digest() == before {
                break;
            }
        }
        found
    }

    fn check(&self) {
        let heads = self.index.heads();
        let count: u64 = heads.iter().map(|head| head.count).sum();
        assert_eq!(count, self.index.len() as u64);
        assert_eq!(count, self.store.len() as u64, "index and store hold the same");
    }
}

/// Envelopes, statements and forks in any order: nothing panics, index and store agree, and another node that hears the
/// same in another order holds the same in the end.
pub fn admission(bytes: &[u8]) {
    let mut rest = &bytes[..bytes.len().min(200)];
    let (mut node, mut heard) = (Node::new(), Heard::default());
    while let Some(()) = step(&mut rest, &mut node, &mut heard) {}
    node.check();
    let mut other = Node::new();
    let mut sorted = Heard {
        envelopes: heard.envelopes.clone(),
        ..Heard::default()
    };
    sorted.envelopes.sort();
    heard.proofs.extend(other.settle(&sorted));
    heard.proofs.extend(node.settle(&heard));
    // Both know of all proofs now; whatever the last ones void or free is settled once more.
    sorted.statements = heard.statements.iter().rev().cloned().collect();
    for _ in 0..2 {
        sorted.proofs.clone_from(&heard.proofs);
        heard.proofs.extend(other.settle(&sorted));
        heard.proofs.extend(node.settle(&heard));
    }
    node.check();
    other.check();
    assert_eq!(
        node.index.heads(),
        other.index.heads(),
        "the order of arrival mattered"
    );
    assert_eq!(
        node.index.digest(),
        other.index.digest(),
        "the order of arrival mattered to the proofs"
    );
}

fn step(rest: &mut &[u8], node: &mut Node, heard: &mut Heard) -> Option<()> {
    let what = take(rest)?;
    let orgs = [MEMBERS[0], MEMBERS[1], SEED, NEWCOMER];
    let org = orgs[usize::from(what >> 2) % 4];
    if what >> 4 == 15 {
        let statement = match take(rest)? % 4 {
            0 => vouch(SEED, NEWCOMER, u32::from(take(rest)?) % 20),
            1 => certificate(org, u32::from(take(rest)?) % 4),
            2 => revocation(org, t0() + u32::from(take(rest)? % 128) * HOUR / 2),
            _ => vouch(MEMBERS[usize::from(what) % 2], NEWCOMER, 2),
        };
        heard.statements.push(statement.clone());
        node.learn(statement);
        return Some(());
    }
    let (place, shape) = (take(rest)?, take(rest)?);
    let hours = [0, 1, 23, 24, 25, 47, 71, 72][usize::from(shape >> 5)];
    let rows = [1, 6, 30, 60][usize::from(shape >> 3) % 4];
    let at = t0() + hours * HOUR + Duration::from_secs(u64::from(shape % 2) * 600);
    let (epoch, seq) = (u32::from(place >> 6), u64::from(place % 16));
    let mut made = envelope(org, (epoch, seq), at, (rows, what % 2));
    if what >> 4 == 14 {
        made = made.erase_row(0);
    }
    let bytes = if what >> 4 == 13 {
        head(&made, org, shape)
    } else {
        made.encode()
    };
    heard.proofs.extend(node.hear(&bytes));
    heard.envelopes.push(bytes);
    Some(())
}

/// A head that names this envelope, or another hash at its place.
fn head(named: &Envelope, org: u8, shape: u8) -> Vec<u8> {
    let header = named.header();
    let mut prev = header.hash();
    prev.0[0] ^= shape % 2;
    let draft = Draft {
        network: header.network,
        epoch: header.epoch,
        seq: header.seq,
        prev,
        time_base: now() - Duration::from_secs(u64::from(shape)),
        tlp: Tlp::Clear,
        policy: 0,
        payload: Payload::Head,
    };
    draft
        .seal(&node_key(org), [0; 16])
        .expect("it can be sealed")
        .encode()
}
