//! The organisations: keys, a genesis that names them all, certificates, and the directory that follows.
//!
//! Admission is a pure function of statements, and here everybody knows all of them from the start; so all nodes share
//! one directory. How statements spread is simulated by the core's own tests.

use std::sync::Arc;
use std::time::Duration;

use vigie_gossip_core::Directory;
use vigie_gossip_core::wire::{
    Founder, Genesis, Labels, NodeCertificate, PublicKey, SecretKey, Statement, StatementError,
};

use crate::clock::signed;
use crate::setup::Setup;

const DAY: Duration = Duration::from_hours(24);

/// Who is in the network.
#[derive(Debug)]
pub(crate) struct Founding {
    pub(crate) directory: Arc<Directory>,
    /// Of the nodes, in their order.
    pub(crate) keys: Vec<SecretKey>,
}

// === impl Founding ===

impl Founding {
    pub(crate) fn new(setup: &Setup) -> Self {
        let orgs: Vec<SecretKey> = (0..setup.nodes).map(|org| key(setup.seed, "org", org)).collect();
        let keys: Vec<SecretKey> = (0..setup.nodes)
            .map(|node| key(setup.seed, "node", node))
            .collect();
        let founders: Vec<Founder> = orgs
            .iter()
            .zip(0..)
            .map(|(org, nth)| founder(org.public(), nth))
            .collect();
        let seeds = usize::try_from(setup.seeds()).unwrap_or(1);
        let (seeds, members) = founders.split_at(seeds);
        let genesis = Genesis {
            name: "simulated".into(),
            created: signed(0) - 30 * DAY,
            quorum: 1,
            seeds: seeds.to_vec(),
            members: members.to_vec(),
        };
        let mut directory = Directory::new(genesis);
        for (org, node) in orgs.iter().zip(&keys) {
            // Made here a line above, so nothing speaks against it.
            if let Ok(certificate) = certify(&directory, org, node) {
                drop(directory.insert(certificate));
            }
        }
        Self {
            directory: Arc::new(directory),
            keys,
        }
    }
}

fn key(seed: u64, purpose: &str, number: u32) -> SecretKey {
    let mut hasher = blake3::Hasher::new_derive_key("vigie/sim/mesh/key/v1");
    hasher.update(&seed.to_le_bytes()).update(&number.to_le_bytes());
    hasher.update(purpose.as_bytes());
    SecretKey::from_seed(hasher.finalize().into())
}

fn founder(key: PublicKey, number: u32) -> Founder {
    Founder {
        key,
        name: format!("org {number}").into(),
        labels: Labels::default(),
        history: 0,
    }
}

fn certify(directory: &Directory, org: &SecretKey, node: &SecretKey) -> Result<Statement, StatementError> {
    let network = directory.network();
    let certificate = NodeCertificate {
        network,
        org: org.public(),
        node: node.public(),
        not_before: signed(0) - DAY,
        not_after: signed(0) + 80 * DAY,
        epoch_from: 0,
        epoch_to: 100,
        consent: NodeCertificate::consent(network, &org.public(), node),
    };
    certificate.sign(org).map(Into::into)
}
