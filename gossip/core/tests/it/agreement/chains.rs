//! Chains of one publisher, and what a node holds of them in the end: rates, forks, times, fingerprints.
//!
//! Some are made by hand and stand in `vectors/chains.json`; a generator makes more.

use serde_json::{Value, json};
use vigie_gossip_core::wire::{
    Envelope, EquivocationProof, Header, HeaderHash, NetworkId, Payload, Retracted, SignedHeader, Timestamp,
};
use vigie_gossip_core::{ChainIndex, Conduct, Directory, Unverified};

use crate::dice::Dice;
use crate::world::*;

/// Everything that arrives about one publisher, in whatever order.
pub(crate) struct Case {
    note: String,
    org: u8,
    now: Timestamp,
    envelopes: Vec<Vec<u8>>,
    proofs: Vec<EquivocationProof>,
}

const SEED: u8 = 1;
const NEWCOMER: u8 = 10;
const MEMBER: u8 = 101;

fn directory() -> Directory {
    let mut directory = Directory::new(genesis(1, 2));
    let network = directory.network();
    let statements = [
        vouch(network, SEED, NEWCOMER, t0()),
        certify(network, SEED, t0() - 60 * DAY),
        certify(network, NEWCOMER, t0() - 60 * DAY),
        certify(network, MEMBER, t0() - 60 * DAY),
    ];
    for statement in statements {
        directory.insert(statement).unwrap();
    }
    directory
}

fn network() -> NetworkId {
    directory().network()
}

// === what the implementation says ===

/// Takes the proofs, then the envelopes in this order, twice: what was pushed out or void comes again by sync.
fn fill(case: &Case, directory: &Directory, envelopes: &[&Vec<u8>]) -> (ChainIndex, Vec<(u32, u64)>) {
    let mut index = ChainIndex::new();
    index.expire(case.now);
    let mut urgent = Vec::new();
    for proof in &case.proofs {
        drop(index.convict(proof.clone(), directory, case.now));
    }
    for bytes in envelopes.iter().chain(envelopes) {
        let verified = Unverified::parse(bytes).and_then(|one| one.verify(directory, case.now));
        let Ok(admitted) = verified.and_then(|one| one.admit(directory, &mut index, case.now)) else {
            continue;
        };
        let header = *admitted.envelope().header();
        index.record(&header);
        if admitted.urgent() {
            urgent.push((header.epoch, header.seq));
        }
    }
    (index, urgent)
}

fn held(index: &ChainIndex, case: &Case) -> Vec<(u32, u64, HeaderHash)> {
    let chains = index.heads();
    let of_chain = |epoch| {
        let hashes = index.hashes(publisher(case.org), epoch, 0..=u64::MAX);
        hashes.map(move |(seq, hash)| (epoch, seq, hash))
    };
    let mut held: Vec<_> = chains.iter().flat_map(|head| of_chain(head.epoch)).collect();
    held.sort_unstable();
    held
}

/// The case as it stands in the files, with what is held in the end.
pub(crate) fn value(case: &Case) -> Value {
    let directory = directory();
    let arrived: Vec<&Vec<u8>> = case.envelopes.iter().collect();
    let mut in_order = arrived.clone();
    in_order.sort_by_key(|bytes| {
        Envelope::decode(bytes)
            .map(|one| (one.header().epoch, one.header().seq))
            .ok()
    });
    let (index, _) = fill(case, &directory, &arrived);
    let (straight, urgent) = fill(case, &directory, &in_order);
    let places = held(&index, case);
    assert_eq!(
        places,
        held(&straight, case),
        "{}: the order of arrival mattered",
        case.note
    );
    let urgent: Vec<&(u32, u64)> = urgent
        .iter()
        .filter(|place| {
            places
                .iter()
                .any(|(epoch, seq, _)| (epoch, seq) == (&place.0, &place.1))
        })
        .collect();
    let (conduct, decided_by) = match index.conduct(publisher(case.org)) {
        Conduct::Clean => ("clean", None),
        Conduct::Suspended { epoch } => ("suspended", Some(epoch)),
        Conduct::Accident { epoch } => ("accident", Some(epoch)),
        Conduct::Equivocation { epoch } => ("equivocation", Some(epoch)),
    };
    let heads: Vec<Value> = index
        .heads()
        .iter()
        .map(|head| {
            let mark = hex::encode(head.fingerprint);
            json!([head.epoch, head.low, head.seq, head.count, head.hash, mark])
        })
        .collect();
    let forks: Vec<Value> = index
        .forks()
        .map(|(_, epoch, name)| json!([epoch, hex::encode(name)]))
        .collect();
    json!({
        "as": "chain", "note": case.note, "network": directory.network(), "public": node_key(case.org).public(),
        "class": match case.org { SEED => "seed", NEWCOMER => "newcomer", _ => "member" },
        "now": case.now, "envelopes": case.envelopes.iter().map(hex::encode).collect::<Vec<_>>(),
        "proofs": case.proofs.iter().map(|proof| hex::encode(proof.encode())).collect::<Vec<_>>(),
        "says": {
            "held": places, "urgent": urgent, "conduct": conduct, "decided_by": decided_by, "heads": heads,
            "forks": forks, "digest": hex::encode(&index.digest()[..16]),
        },
    })
}

// === by hand ===

struct Made(Vec<Case>);

impl Made {
    fn case(&mut self, note: &str, org: u8, envelopes: &[Envelope], proofs: Vec<EquivocationProof>) {
        self.0.push(Case {
            note: note.to_owned(),
            org,
            now: t0() + 3 * DAY,
            envelopes: envelopes.iter().map(Envelope::encode).collect(),
            proofs,
        });
    }
}

fn writer(org: u8, epoch: u32) -> Writer {
    Writer {
        epoch,
        ..Writer::new(network(), org)
    }
}

/// Retractions of so many rows: they are short, and urgent by their kind.
fn retract(chain: &mut Writer, rows: u32, at: Timestamp) -> Envelope {
    let row = |nth: u32| Retracted {
        epoch: 0,
        seq: 0,
        row: nth as u8,
    };
    chain.say(Payload::Retraction((0..rows).map(row).collect()), at)
}

/// Two headers about one place, signed then and a minute later.
fn fork(network: NetworkId, org: u8, (epoch, seq): (u32, u64), at: Timestamp) -> EquivocationProof {
    let header = |rows: u16, at| Header {
        epoch,
        seq,
        rows,
        root: [7; 32],
        network,
        time_base: at,
        ..*writer(org, 0).see(1, 1, at).header()
    };
    let [one, other] =
        [header(1, at), header(2, at + MINUTE)].map(|header| SignedHeader::sign(header, &node_key(org)));
    EquivocationProof::new(one, other).unwrap()
}

/// The same headers, signed by somebody else.
fn forged(proof: &EquivocationProof) -> EquivocationProof {
    let [one, other] =
        [proof.first(), proof.second()].map(|half| SignedHeader::sign(*half.header(), &node_key(SEED)));
    EquivocationProof::new(one, other).unwrap()
}

/// Those of `vectors/chains.json`.
pub(crate) fn by_hand() -> Vec<Case> {
    let mut made = Made(Vec::new());
    rates(&mut made);
    times(&mut made);
    forks(&mut made);
    made.0
}

fn rates(made: &mut Made) {
    let mut chain = writer(MEMBER, 0);
    let at = t0() + 2 * DAY + 6 * HOUR;
    let mut said: Vec<Envelope> = [200, 200, 200, 1]
        .map(|rows| retract(&mut chain, rows, at))
        .into();
    said.push(retract(&mut chain, 200, at + 10 * MINUTE));
    made.case(
        "a member's slot is full; the next has room",
        MEMBER,
        &said,
        vec![],
    );

    let mut chain = writer(MEMBER, 0);
    let mut said: Vec<Envelope> = [200, 200, 200, 200]
        .map(|rows| retract(&mut chain, rows, at))
        .into();
    said.reverse();
    made.case(
        "the lowest places stay, whatever came first",
        MEMBER,
        &said,
        vec![],
    );

    let mut chain = writer(NEWCOMER, 0);
    let said = vec![
        retract(&mut chain, 5, t0()),
        retract(&mut chain, 50, t0() + 30 * MINUTE),
        retract(&mut chain, 6, t0() + 50 * MINUTE),
        retract(&mut chain, 5, t0() + 59 * MINUTE),
        retract(&mut chain, 60, t0() + HOUR),
    ];
    made.case("a newcomer shares the hour", NEWCOMER, &said, vec![]);

    let mut chain = writer(MEMBER, 0);
    let said = [30, 30, 1, 1].map(|rows| retract(&mut chain, rows, at));
    made.case("a tenth of the budget may be urgent", MEMBER, &said, vec![]);

    let mut chain = writer(SEED, 0);
    let said = [250; 25].map(|rows| retract(&mut chain, rows, at));
    made.case("a seed's slot", SEED, &said, vec![]);

    let mut chain = writer(MEMBER, 0);
    let said = [63, 64, 65, 127, 200].map(|seq| {
        chain.seq = seq;
        chain.see(1, 1, at)
    });
    made.case("places of three blocks", MEMBER, &said, vec![]);
}

fn times(made: &mut Made) {
    let now = t0() + 3 * DAY;
    let mut chain = writer(MEMBER, 4);
    let mut said: Vec<Envelope> = [
        now + 3 * MINUTE,
        now + MINUTE,
        now - 30 * DAY,
        now - 31 * DAY,
        now - 25 * HOUR,
    ]
    .map(|at| chain.see(1, 2, at))
    .into();
    said.push(chain.see(1, 2, now - 25 * HOUR).erase_row(1));
    said.push(chain.see(1, 2, now - 23 * HOUR).erase_row(1));
    said.push(chain.see(1, 2, now - 23 * HOUR).erase_body());
    said.push(chain.head(now, chain.prev));
    let elsewhere = Writer {
        network: NetworkId([7; 16]),
        ..chain.clone()
    }
    .see(1, 1, now);
    said.push(elsewhere);
    made.case(
        "the future, the past, what is erased, and what is not his",
        MEMBER,
        &said,
        vec![],
    );
}

fn forks(made: &mut Made) {
    let at = |hours: u32| t0() + hours * HOUR;
    let chain = |epoch: u32, hours: u32| -> Vec<Envelope> {
        let mut chain = writer(MEMBER, epoch);
        (0..3).map(|host| chain.see(host, 1, at(hours))).collect()
    };
    let proof = |epoch, seq, hours| fork(network(), MEMBER, (epoch, seq), at(hours));
    let mut case = |note: &str, chains: Vec<Vec<Envelope>>, proofs: Vec<EquivocationProof>| {
        made.case(note, MEMBER, &chains.concat(), proofs);
    };
    case(
        "a fork voids what comes at and after it",
        vec![chain(0, 0)],
        vec![proof(0, 1, 0)],
    );
    case(
        "a higher epoch within a day: an accident",
        vec![chain(0, 0), chain(1, 24)],
        vec![proof(0, 1, 0)],
    );
    case(
        "a higher epoch too late",
        vec![chain(0, 0), chain(1, 25)],
        vec![proof(0, 1, 0)],
    );
    case(
        "the earliest of the higher epochs decides",
        vec![chain(0, 0), chain(1, 30), chain(7, 20)],
        vec![proof(0, 1, 0)],
    );
    case(
        "two forks within ninety days",
        vec![chain(0, 0), chain(1, 1), chain(2, 2)],
        vec![proof(0, 1, 0), proof(1, 2, 1)],
    );
    case(
        "a second fork that is dated back",
        vec![chain(0, 0), chain(1, 1)],
        vec![proof(0, 1, 0), fork(network(), MEMBER, (1, 1), t0() - 91 * DAY)],
    );
    case(
        "the lower of two forks of one epoch",
        vec![chain(0, 0), chain(1, 1)],
        vec![proof(0, 2, 0), proof(0, 1, 0), proof(0, 1, 3)],
    );
    case(
        "proofs of another network, of the future, and by another key",
        vec![chain(0, 0)],
        vec![
            fork(NetworkId([7; 16]), MEMBER, (0, 0), at(0)),
            fork(network(), MEMBER, (0, 0), at(73)),
            forged(&proof(0, 0, 0)),
        ],
    );
    let long_ago = |nth: u32| fork(network(), MEMBER, (nth, 1), t0() - (8 - nth) * 91 * DAY);
    case(
        "of nine forks eight are kept, and the eighth decides",
        (0..10).map(|epoch| chain(epoch, epoch)).collect(),
        (0..9).map(long_ago).collect(),
    );
}

// === by dice ===

/// A case of few places and times, so that they meet often.
pub(crate) fn by_dice(dice: &mut Dice, nth: usize) -> Case {
    let org = dice.one_of(&[MEMBER, MEMBER, NEWCOMER, SEED]);
    let (now, network) = (t0() + 3 * DAY, network());
    let hour = |dice: &mut Dice| {
        let hours = dice.one_of(&[0, 0, 1, 2, 20, 23, 24, 25, 26, 49, 71, 72, 73]);
        t0() + hours * HOUR + dice.below(60) as u32 * MINUTE
    };
    let mut envelopes = Vec::new();
    for epoch in 0..=dice.below(4) as u32 {
        let mut chain = writer(org, epoch);
        let at = hour(dice);
        for _ in 0..dice.below(9) {
            let at = if dice.once_in(3) { hour(dice) } else { at };
            let rows = dice.one_of(&[1, 2, 6, 30, 60, 200, 256]);
            let mut one = retract(&mut chain, rows, at);
            if dice.once_in(12) {
                one = one.erase_row(0);
            }
            if !dice.once_in(6) {
                envelopes.push(one.encode());
            }
        }
    }
    for last in (1..envelopes.len()).rev() {
        envelopes.swap(last, dice.below(last + 1));
    }
    let mut proofs = Vec::new();
    for _ in 0..dice.below(4) {
        let place = (dice.below(4) as u32, dice.below(6) as u64);
        let age = dice.one_of(&[0, 0, 0, 90, 91, 200]);
        let at = hour(dice) - age * DAY;
        let network = if dice.once_in(10) {
            NetworkId([7; 16])
        } else {
            network
        };
        proofs.push(fork(network, org, place, at));
    }
    Case {
        note: format!("generated {nth}"),
        org,
        now,
        envelopes,
        proofs,
    }
}
