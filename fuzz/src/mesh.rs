//! Targets for the state machines of the mesh: a session of sync with a peer who answers anything, and admission under
//! any sequence of envelopes that are signed as they should be.
//!
//! Work is counted in bytes and requests, never in seconds. The same functions run over what is kept in `fuzz/corpus`
//! as ordinary tests (`gossip/core/tests/it/fuzzed.rs`).

#[path = "mesh/admission.rs"]
mod admission;
#[path = "mesh/peer.rs"]
mod peer;

use std::sync::OnceLock;
use std::time::Duration;

use vigie_gossip_core::Directory;
use vigie_gossip_core::wire::{
    Draft, Envelope, Founder, Genesis, HeaderHash, Labels, NetworkId, NodeCertificate, Payload, Retracted,
    Revocation, RevocationTarget, SecretKey, Statement, Timestamp, Tlp, Vouch,
};

pub use admission::admission;
pub use peer::{requests, session};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// The beginning of an hour in late 2026, three days after which everything is looked at.
fn t0() -> Timestamp {
    Timestamp::from_secs(1_795_305_600)
}

fn now() -> Timestamp {
    t0() + 3 * DAY
}

/// The seed, two members, and one for whom the seed may vouch.
const SEED: u8 = 1;
const MEMBERS: [u8; 2] = [101, 102];
const NEWCOMER: u8 = 10;

fn org_key(org: u8) -> SecretKey {
    SecretKey::from_seed([org; 32])
}

fn node_key(org: u8) -> SecretKey {
    SecretKey::from_seed([org ^ 0x80; 32])
}

fn genesis() -> Genesis {
    let founder = |org: u8| Founder {
        key: org_key(org).public(),
        name: format!("org {org}").into(),
        labels: Labels::default(),
        history: 100,
    };
    Genesis {
        name: "fuzz".into(),
        created: t0() - 30 * DAY,
        quorum: 1,
        seeds: vec![founder(SEED)],
        members: MEMBERS.map(founder).into(),
    }
}

fn network() -> NetworkId {
    static NETWORK: OnceLock<NetworkId> = OnceLock::new();
    *NETWORK.get_or_init(|| genesis().network())
}

// === statements ===

fn certificate(org: u8, first: u32) -> Statement {
    let (network, node) = (network(), node_key(org));
    let terms = NodeCertificate {
        network,
        org: org_key(org).public(),
        node: node.public(),
        not_before: t0() - 40 * DAY,
        not_after: t0() + 40 * DAY,
        epoch_from: first,
        epoch_to: 100,
        consent: NodeCertificate::consent(network, &org_key(org).public(), &node),
    };
    terms.sign(&org_key(org)).expect("it can be written").into()
}

fn vouch(from: u8, to: u8, days_ago: u32) -> Statement {
    let terms = Vouch {
        network: network(),
        voucher: org_key(from).public(),
        subject: org_key(to).public(),
        name: "x".into(),
        labels: Labels::default(),
        issued: now() - days_ago * DAY,
        expires: now() + 100 * DAY,
        serial: 0,
    };
    terms.sign(&org_key(from)).expect("it can be written").into()
}

fn revocation(org: u8, since: Timestamp) -> Statement {
    let terms = Revocation {
        network: network(),
        org: org_key(org).public(),
        target: RevocationTarget::Node(node_key(org).public()),
        compromised_since: since,
        at: now(),
    };
    terms.sign(&org_key(org)).expect("it can be written").into()
}

fn directory() -> &'static Directory {
    static DIRECTORY: OnceLock<Directory> = OnceLock::new();
    DIRECTORY.get_or_init(|| {
        let mut directory = Directory::new(genesis());
        for org in [SEED, MEMBERS[0], MEMBERS[1], NEWCOMER] {
            directory.insert(certificate(org, 0)).expect("it counts or waits");
        }
        directory
    })
}

/// An envelope with so many rows; another `variant` is another envelope.
fn envelope(org: u8, (epoch, seq): (u32, u64), at: Timestamp, (rows, variant): (u16, u8)) -> Envelope {
    let row = |_| Retracted {
        epoch: u32::from(variant),
        seq: 0,
        row: 0,
    };
    let draft = Draft {
        network: network(),
        epoch,
        seq,
        prev: HeaderHash([0; 32]),
        time_base: at,
        tlp: Tlp::Clear,
        policy: 0,
        payload: Payload::Retraction((0..rows).map(row).collect()),
    };
    draft
        .seal(&node_key(org), [variant; 16])
        .expect("it can be sealed")
}

/// The next number of the input, none at its end.
fn take(rest: &mut &[u8]) -> Option<u8> {
    let (first, others) = rest.split_first()?;
    *rest = others;
    Some(*first)
}
