//! A hostile peer: who answers anything, and who asks anything.
//!
//! Whatever he does, work is bounded by requests and bytes. Deliberately absent: envelopes that he delivers once they are
//! handed on; that is `admission`.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use vigie_gossip_core::constants::{REQUESTS_PER_SESSION, SYNC_MESSAGE_BYTES};
use vigie_gossip_core::sync::{Action, Audience, Message, Request, Response, Session, View};
use vigie_gossip_core::wire::{EquivocationProof, HeaderHash, PublisherId};
use vigie_gossip_core::{ChainIndex, Head, Held};

use super::{MEMBERS, NEWCOMER, SEED, directory, envelope, node_key, now, t0, take, vouch};

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
        elsewhere: &[],
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

fn heads(rest: &mut &[u8], after: Option<(PublisherId, u32)>) -> Option<Response> {
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
        elsewhere: &[],
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
