//! Targets for the state machines of the mesh: a session of sync with a peer who answers anything, and admission under
//! any sequence of envelopes that are signed as they should be.
//!
//! Work is counted in bytes and requests, never in seconds. The same functions run over what is kept in `fuzz/corpus`
//! as ordinary tests (`gossip/core/tests/it/fuzzed.rs`).

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use vigie_gossip_core::constants::{REQUESTS_PER_SESSION, SYNC_MESSAGE_BYTES};
use vigie_gossip_core::sync::{Action, Audience, Message, Request, Response, Session, View};
use vigie_gossip_core::wire::{
    Draft, Envelope, EquivocationProof, Founder, Genesis, HeaderHash, Labels, NodeCertificate, Payload,
    Retracted, Revocation, RevocationTarget, SecretKey, Statement, Timestamp, Tlp, Vouch,
};
use vigie_gossip_core::{ChainIndex, Directory, Head, Held, Ignored, Refusal, Unverified};

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

// === statements ===

fn certificate(org: u8, first: u32) -> Statement {
    let (network, node) = (genesis().network(), node_key(org));
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
        network: genesis().network(),
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
        network: genesis().network(),
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
        network: genesis().network(),
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

// === a hostile peer ===

/// Two chains with gaps, held here.
fn index() -> &'static ChainIndex {
    static INDEX: OnceLock<ChainIndex> = OnceLock::new();
    INDEX.get_or_init(|| {
        let mut index = ChainIndex::new();
        for org in MEMBERS {
            for seq in (0..60).filter(|seq| seq % 5 != 3) {
                index.load(Held::of(envelope(org, (0, seq), t0(), (1, 0)).header()));
            }
        }
        index.reconcile(directory());
        index
    })
}

/// What one request may cost us beyond what the peer's bytes made us want: our own gaps, and our own statements.
const OWN_BYTES: usize = 16 * 1_024;

/// The peer's answers are made from the bytes: read as a message, or shaped to fit what was asked. However he answers,
/// a session ends after so many requests, and what it sends is bounded by what it got.
pub fn session(bytes: &[u8]) {
    let view = View {
        index: index(),
        directory: directory(),
        own: Some(node_key(MEMBERS[0]).public().publisher_id()),
        now: now(),
    };
    let mut session = Session::new(Audience::Members);
    let mut actions = session.start(&view);
    let mut rest = bytes;
    let (mut came, mut sent, mut requests) = (0, 0, 0);
    loop {
        let mut asked = None;
        for action in actions {
            match action {
                Action::Send(Message::Request(request)) => asked = Some(request),
                Action::Blame(_) | Action::Done(_) => {
                    assert!(!session.is_waiting(), "an ended session asks nothing");
                    return;
                }
                Action::Send(Message::Response(_)) | Action::FetchFromStore(_) => {
                    unreachable!("nothing was asked of us")
                }
                Action::Deliver(_) | Action::OwnHead { .. } | Action::PeerClock(_) => {}
            }
        }
        let asked = asked.expect("a session asks, blames or is done");
        requests += 1;
        sent += Message::Request(asked.clone()).encode().len();
        assert!(requests <= REQUESTS_PER_SESSION, "{requests} requests");
        assert!(sent <= OWN_BYTES + 4 * came, "{sent} bytes sent for {came}");
        let Some(response) = respond(&mut rest, &asked) else {
            return;
        };
        // Through bytes, as on a wire.
        let encoded = Message::Response(response).encode();
        came += encoded.len();
        let Ok(message) = Message::decode(&encoded) else {
            return;
        };
        actions = session.on_message(message, &view);
    }
}

/// The next number of the input, none at its end.
fn take(rest: &mut &[u8]) -> Option<u8> {
    let (first, others) = rest.split_first()?;
    *rest = others;
    Some(*first)
}

fn wide(rest: &mut &[u8]) -> Option<u64> {
    // As often near an end as anywhere.
    Some(match take(rest)? {
        byte @ 0..=199 => u64::from(byte),
        byte @ 200..=229 => u64::MAX - u64::from(byte - 200),
        byte => 1_u64 << (byte % 64),
    })
}

fn respond(rest: &mut &[u8], asked: &Request) -> Option<Response> {
    if take(rest)? % 8 == 0 {
        let length = usize::from(take(rest)?).min(rest.len());
        let (raw, others) = rest.split_at(length);
        *rest = others;
        return match Message::decode(raw) {
            Ok(Message::Response(response)) => Some(response),
            _ => None,
        };
    }
    Some(match asked {
        Request::Digest(ours) => {
            let mut digest = *ours;
            let byte = take(rest)?;
            (digest.heads[0], digest.statements[0]) =
                (digest.heads[0] ^ byte, digest.statements[0] ^ (byte >> 4));
            Response::Differs(digest)
        }
        Request::Statements { .. } => Response::Statements {
            statements: (take(rest)? % 2 == 0)
                .then(|| vouch(SEED, NEWCOMER, 1))
                .into_iter()
                .collect(),
            more: take(rest)? % 8 == 0,
        },
        Request::Heads { after } => heads(rest, *after)?,
        Request::Hashes(range) => {
            let mut hashes = BTreeMap::new();
            for _ in 0..take(rest)? {
                let seq = range.from.saturating_add(wide(rest)? % 70);
                hashes.insert(seq, [take(rest)?; 16]);
            }
            Response::Hashes(hashes.into_iter().rev().collect())
        }
        Request::Ranges(ranges) => {
            let mut envelopes = Vec::new();
            for _ in 0..take(rest)? % 8 {
                let range = &ranges[usize::from(take(rest)?) % ranges.len()];
                let org =
                    MEMBERS[usize::from(range.publisher == node_key(MEMBERS[1]).public().publisher_id())];
                let seq = range.from + wide(rest)?.min(range.to - range.from);
                envelopes.push(envelope(org, (range.epoch, seq), t0(), (1, 1)).encode());
            }
            Response::Envelopes(envelopes)
        }
        Request::Proofs(chains) => {
            let (_, epoch) = chains[usize::from(take(rest)?) % chains.len()];
            let [one, other] = [1, 2].map(|variant| {
                envelope(MEMBERS[1], (epoch, 0), t0(), (1, variant))
                    .signed_header()
                    .clone()
            });
            Response::Proofs(EquivocationProof::new(one, other).into_iter().collect())
        }
    })
}

fn heads(rest: &mut &[u8], after: Option<(vigie_gossip_core::wire::PublisherId, u32)>) -> Option<Response> {
    let publishers = MEMBERS.map(|org| node_key(org).public().publisher_id());
    let first = after.map_or(0, |(_, epoch)| epoch.saturating_add(1));
    let mut heads = BTreeMap::new();
    let mut forks = BTreeMap::new();
    // Many heads for few bytes of input: so pages fill.
    let many = if take(rest)? % 4 == 0 {
        4_200
    } else {
        u32::from(take(rest)?)
    };
    let (low, span) = (wide(rest)?, wide(rest)?);
    let (count, publisher) = (wide(rest)?, publishers[usize::from(take(rest)?) % 2]);
    let (step, mark) = (u64::from(take(rest)?), take(rest)?);
    for nth in 0..many {
        let low = low.saturating_add(step.saturating_mul(u64::from(nth)));
        let span = span.min(u64::MAX - low);
        let epoch = first.saturating_add(nth);
        let head = Head {
            publisher,
            epoch,
            seq: low + span,
            low,
            count: 1 + count.min(span),
            hash: HeaderHash([mark; 32]),
            fingerprint: [mark; 16],
        };
        heads.insert((publisher, epoch), head);
        if mark % 3 == 0 {
            forks.insert((publisher, epoch), [mark; 16]);
        }
    }
    Some(Response::Heads {
        heads: heads.into_values().collect(),
        forks: forks
            .into_iter()
            .map(|((publisher, epoch), name)| (publisher, epoch, name))
            .collect(),
        more: take(rest)? % 2 == 0,
    })
}

/// A peer who asks anything gets one answer, within the bound of a message, and makes us bring no more than that.
pub fn requests(bytes: &[u8]) {
    let view = View {
        index: index(),
        directory: directory(),
        own: None,
        now: now(),
    };
    let Ok(message @ Message::Request(_)) = Message::decode(bytes) else {
        return;
    };
    let mut actions = Session::new(Audience::Public).on_message(message, &view);
    match (actions.pop(), actions.is_empty()) {
        (Some(Action::Send(message @ Message::Response(_))), true) => {
            let encoded = message.encode();
            assert!(encoded.len() <= SYNC_MESSAGE_BYTES);
            assert_eq!(Message::decode(&encoded), Ok(message));
        }
        (Some(Action::FetchFromStore(fetch)), true) => {
            let wanted: usize = fetch.wanted.iter().map(|one| one.max_bytes).sum();
            assert!(wanted <= SYNC_MESSAGE_BYTES);
            assert!(fetch.wanted.iter().all(|one| one.from <= one.to));
            fetch.reply(Vec::new()).encode();
        }
        other => panic!("a request has one response, not {other:?}"),
    }
}

// === admission ===

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
        drop(self.directory.insert(statement));
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
        let verified = Unverified::parse(bytes)
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
    let rows = [1, 6, 60, 200][usize::from(shape >> 3) % 4];
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
