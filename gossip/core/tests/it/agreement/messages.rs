//! Messages of sync, and what they say: valid ones of every type, and changed ones.

use serde_json::{Value, json};
use vigie_gossip_core::Head;
use vigie_gossip_core::sync::{Digest, Message, Range, Request, Response};
use vigie_gossip_core::wire::{EquivocationProof, HeaderHash, NetworkId, PublisherId, Statement, Timestamp};

use crate::dice::Dice;
use crate::world::*;

/// What the bytes say.
pub(crate) fn said(bytes: &[u8]) -> Value {
    match Message::decode(bytes) {
        Ok(Message::Request(request)) => request_said(&request),
        Ok(Message::Response(response)) => response_said(response),
        Err(_) => json!({"refused": "malformed"}),
    }
}

fn digest_said(number: u8, digest: &Digest) -> Value {
    let [heads, statements] = [digest.heads, digest.statements].map(hex::encode);
    json!({"type": number, "heads": heads, "statements": statements, "count": digest.count, "clock": digest.clock})
}

fn range_said(range: &Range) -> Vec<Value> {
    vec![
        json!(range.publisher),
        json!(range.epoch),
        json!(range.from),
        json!(range.to),
    ]
}

fn request_said(request: &Request) -> Value {
    match request {
        Request::Digest(digest) => digest_said(1, digest),
        Request::Statements { from, to, have } => {
            let have: Vec<String> = have.iter().map(hex::encode).collect();
            json!({"type": 2, "from": hex::encode(from), "to": hex::encode(to), "have": have})
        }
        Request::Heads { after } => json!({"type": 3, "after": after}),
        Request::Hashes(Range {
            publisher,
            epoch,
            from,
            to,
        }) => {
            json!({"type": 4, "publisher": publisher, "epoch": epoch, "from": from, "to": to})
        }
        Request::Ranges(ranges) => {
            json!({"type": 5, "ranges": ranges.iter().map(range_said).collect::<Vec<_>>()})
        }
        Request::Proofs(chains) => json!({"type": 6, "chains": chains}),
    }
}

fn response_said(response: Response) -> Value {
    match response {
        Response::Equal { clock } => json!({"type": 128, "clock": clock}),
        Response::Differs(digest) => digest_said(129, &digest),
        Response::Statements { statements, more } => {
            json!({"type": 130, "statements": statements.iter().map(Statement::id).collect::<Vec<_>>(), "more": more})
        }
        Response::Heads { heads, forks, more } => {
            let heads: Vec<Value> = heads.iter().map(head_said).collect();
            let forks: Vec<Value> = forks
                .iter()
                .map(|(publisher, epoch, name)| json!([publisher, epoch, hex::encode(name)]))
                .collect();
            json!({"type": 131, "heads": heads, "forks": forks, "more": more})
        }
        Response::Hashes(hashes) => {
            let hashes: Vec<Value> = hashes
                .iter()
                .map(|(seq, hash)| json!([seq, hex::encode(hash)]))
                .collect();
            json!({"type": 132, "hashes": hashes})
        }
        Response::Envelopes(envelopes) => {
            json!({"type": 133, "envelopes": envelopes.iter().map(hex::encode).collect::<Vec<_>>()})
        }
        Response::Proofs(proofs) => {
            json!({"type": 134, "proofs": proofs.iter().map(proof_said).collect::<Vec<_>>()})
        }
    }
}

fn head_said(head: &Head) -> Value {
    let mark = hex::encode(head.fingerprint);
    json!([
        head.publisher,
        head.epoch,
        head.low,
        head.seq,
        head.count,
        head.hash,
        mark
    ])
}

fn proof_said(proof: &EquivocationProof) -> Value {
    let header = proof.first().header();
    let hashes = [proof.first().assertion(), proof.second().assertion()];
    json!([
        header.network,
        header.publisher,
        header.epoch,
        header.seq,
        hashes[0],
        hashes[1]
    ])
}

// === valid ===

fn digest(clock: i64) -> Digest {
    Digest {
        heads: [1; 16],
        statements: [2; 16],
        count: 300,
        clock: Timestamp::from_millis(clock),
    }
}

fn range(from: u64, to: u64) -> Range {
    Range {
        publisher: PublisherId([9; 16]),
        epoch: 3,
        from,
        to,
    }
}

fn head(publisher: u8, epoch: u32, (low, seq): (u64, u64)) -> Head {
    Head {
        publisher: PublisherId([publisher; 16]),
        epoch,
        seq,
        low,
        count: seq - low + 1,
        hash: HeaderHash([4; 32]),
        fingerprint: [5; 16],
    }
}

fn proof() -> EquivocationProof {
    let chain = Writer::new(NetworkId([7; 16]), 101);
    let [one, other] = [1, 2].map(|host| chain.clone().see(host, 1, t0()).signed_header().clone());
    EquivocationProof::new(one, other).unwrap()
}

/// A message of every type, with the smallest and the largest values.
pub(crate) fn valid() -> Vec<(&'static str, Message)> {
    let network = NetworkId([7; 16]);
    let mut statements = vec![
        certify(network, 101, t0()),
        vouch(network, 1, 10, t0()),
        revoke(network, 101, Some(101), t0()),
    ];
    statements.sort_by_key(Statement::id);
    let request = Message::Request;
    let response = Message::Response;
    let chain = (PublisherId([9; 16]), u32::MAX);
    vec![
        ("digest", request(Request::Digest(digest(1_795_305_600_000)))),
        (
            "statements but for these",
            request(Request::Statements {
                from: [0; 8],
                to: [0xff; 8],
                have: vec![[1; 8], [1; 8], [2; 8]],
            }),
        ),
        ("the first heads", request(Request::Heads { after: None })),
        (
            "the heads after one",
            request(Request::Heads { after: Some(chain) }),
        ),
        (
            "hashes of the longest range",
            request(Request::Hashes(range(70_000, 70_000 + 65_535))),
        ),
        (
            "envelopes",
            request(Request::Ranges(vec![range(5, 5), range(u64::MAX - 1, u64::MAX)])),
        ),
        ("nothing asked for", request(Request::Ranges(Vec::new()))),
        (
            "proofs",
            request(Request::Proofs(vec![chain, (PublisherId([1; 16]), 0)])),
        ),
        (
            "equal",
            response(Response::Equal {
                clock: Timestamp::from_millis(253_402_300_799_999),
            }),
        ),
        ("not equal", response(Response::Differs(digest(0)))),
        (
            "statements",
            response(Response::Statements {
                statements,
                more: true,
            }),
        ),
        (
            "heads and forks",
            response(Response::Heads {
                heads: vec![
                    head(3, 0, (0, 9)),
                    head(3, 1, (7, 7)),
                    head(4, 0, (0, u64::MAX - 1)),
                ],
                forks: vec![
                    (PublisherId([3; 16]), 0, [6; 16]),
                    (PublisherId([4; 16]), 0, [6; 16]),
                ],
                more: false,
            }),
        ),
        (
            "hashes",
            response(Response::Hashes(vec![(9, [1; 16]), (8, [2; 16]), (0, [1; 16])])),
        ),
        (
            "envelopes, not looked at here",
            response(Response::Envelopes(vec![b"any".to_vec(), Vec::new()])),
        ),
        (
            "proofs that were asked for",
            response(Response::Proofs(vec![proof()])),
        ),
    ]
}

// === not valid ===

/// Bytes that are no message, each close to one.
pub(crate) fn invalid() -> Vec<(&'static str, Vec<u8>)> {
    let chain = [&[9; 16][..], &[0]].concat();
    let after = |head: &[u8], rest: &[&[u8]]| [head, &rest.concat()].concat();
    let hashes = |first: u8, second: u8| after(&[132, 2, first], &[&[0; 16], &[second], &[0; 16]]);
    let head = |numbers: &[u8]| after(&[131, 1], &[&chain, numbers, &[0; 48], &[0, 0]]);
    let statement = |bytes: &[u8]| after(&[130, 1, bytes.len() as u8], &[bytes, &[0]]);
    vec![
        ("nothing", Vec::new()),
        ("type 0", vec![0]),
        ("type 7", vec![7]),
        ("type 127", vec![127]),
        ("type 135", vec![135]),
        ("a byte more", vec![3, 0, 0]),
        ("a flag of 2", vec![3, 2]),
        ("a count in more bytes than it needs", vec![5, 0x80, 0]),
        ("257 ranges announced", vec![5, 0x81, 2]),
        ("257 chains announced", vec![6, 0x81, 2]),
        ("16385 envelopes announced", vec![133, 0x81, 0x80, 1]),
        (
            "prefixes that descend",
            after(&[2], &[&[0; 16], &[2], &[2; 8], &[1; 8]]),
        ),
        (
            "a range of 65537 places",
            after(&[4], &[&chain, &[0, 0x80, 0x80, 4]]),
        ),
        (
            "a range beyond the last place",
            after(
                &[4],
                &[
                    &chain,
                    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 1],
                ],
            ),
        ),
        (
            "a clock after 9999",
            vec![128, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40],
        ),
        ("a head of nothing", head(&[0, 5, 0])),
        ("a head of more than fits", head(&[0, 5, 7])),
        ("hashes that ascend", hashes(1, 2)),
        ("one place twice", hashes(1, 1)),
        ("a statement that does not decode", statement(&[1, 2, 3])),
        ("a statement of no bytes", statement(&[])),
        ("a proof that proves nothing", vec![134, 1, 1, 0]),
    ]
}

/// A message of a type as valid, changed or not.
pub(crate) fn by_dice(dice: &mut Dice) -> Vec<u8> {
    let all = valid();
    let (_, given) = dice.one_of(&all);
    let message = match dice.below(6) {
        0 => Message::Response(Response::Differs(Digest {
            heads: dice.bytes(),
            count: dice.number(),
            ..digest(0)
        })),
        _ => given,
    };
    let bytes = message.encode();
    if dice.once_in(8) {
        bytes
    } else {
        dice.mutated(&bytes)
    }
}
