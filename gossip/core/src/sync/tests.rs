use super::session::View;
use super::*;
use crate::constants::RANGE_PLACES;
use crate::directory::Directory;
use crate::sync::plan::Plan;
use crate::wire::{
    Draft, Founder, Genesis, HeaderHash, Labels, NetworkId, Payload, PublisherId, Retracted, SecretKey,
    StatementId, Timestamp, Tlp,
};
use crate::{ChainIndex, Head, Held};

fn now() -> Timestamp {
    Timestamp::from_secs(1_795_305_600)
}

/// Lets the index hold these places of a chain, each with this hash.
pub(super) fn load(
    index: &mut ChainIndex,
    publisher: PublisherId,
    seqs: impl IntoIterator<Item = u64>,
    hash: u8,
) {
    for seq in seqs {
        index.load(Held {
            publisher,
            epoch: 0,
            seq,
            hash: HeaderHash([hash; 32]),
            time: now(),
            rows: 1,
            urgent: false,
        });
    }
}

fn directory() -> Directory {
    let seed = Founder {
        key: SecretKey::from_seed([1; 32]).public(),
        name: "seed".into(),
        labels: Labels::default(),
        history: 0,
    };
    Directory::new(Genesis {
        name: "test".into(),
        created: now(),
        quorum: 1,
        seeds: vec![seed],
        members: Vec::new(),
    })
}

fn differs() -> Message {
    let digest = Digest {
        heads: [1; 16],
        statements: [2; 16],
        count: 3,
        clock: now(),
    };
    Message::Response(Response::Differs(digest))
}

/// Drives a session that has begun, with these responses, and gives the last actions.
fn drive(index: &ChainIndex, responses: Vec<Response>) -> Vec<Action> {
    let directory = directory();
    let view = View {
        index,
        directory: &directory,
        own: None,
        now: now(),
        elsewhere: &[],
    };
    let mut session = Session::new(Audience::Members);
    let mut actions = session.start(&view);
    actions.extend(session.on_message(differs(), &view));
    for response in responses {
        actions = session.on_message(Message::Response(response), &view);
    }
    actions
}

fn no_statements() -> Response {
    Response::Statements {
        statements: Vec::new(),
        more: false,
    }
}

fn heads(seq: u64, more: bool) -> Response {
    let head = Head {
        publisher: PublisherId([9; 16]),
        epoch: 0,
        seq,
        hash: crate::wire::HeaderHash([0; 32]),
        low: 0,
        count: seq + 1,
        fingerprint: [5; 16],
    };
    Response::Heads {
        heads: vec![head],
        forks: Vec::new(),
        more,
    }
}

/// So many heads, with more to come.
fn page(first_epoch: u32, count: u32) -> Response {
    let Response::Heads { heads, .. } = heads(3, true) else {
        unreachable!()
    };
    let of_epoch = |epoch| Head { epoch, ..heads[0] };
    Response::Heads {
        heads: (first_epoch..first_epoch + count).map(of_epoch).collect(),
        forks: Vec::new(),
        more: true,
    }
}

/// What the key behind these heads signed as place 3 of his chain, or about it.
fn signed(network: NetworkId, payload: Payload) -> Vec<u8> {
    let draft = Draft {
        network,
        epoch: 0,
        seq: 3,
        prev: HeaderHash([4; 32]),
        time_base: now(),
        tlp: Tlp::Clear,
        policy: 0,
        payload,
    };
    draft
        .seal(&SecretKey::from_seed([2; 32]), [0; 16])
        .unwrap()
        .encode()
}

#[test]
fn a_head_or_an_envelope_of_another_network_is_nothing_that_was_asked_for() {
    let index = ChainIndex::new();
    let network = directory().network();
    let retraction = || {
        Payload::Retraction(vec![Retracted {
            epoch: 0,
            seq: 1,
            row: 0,
        }])
    };
    let drive = |envelope: Vec<u8>| {
        let Response::Heads { mut heads, .. } = heads(3, false) else {
            unreachable!()
        };
        heads[0].publisher = SecretKey::from_seed([2; 32]).public().publisher_id();
        let heads = Response::Heads {
            heads,
            forks: Vec::new(),
            more: false,
        };
        drive(
            &index,
            vec![no_statements(), heads, Response::Envelopes(vec![envelope])],
        )
    };
    for wrong in [
        signed(network, Payload::Head),
        signed(NetworkId([7; 16]), retraction()),
    ] {
        assert!(matches!(drive(wrong)[..], [Action::Blame(Fault::Unasked)]));
    }
    assert!(matches!(
        drive(signed(network, retraction()))[..],
        [Action::Deliver(Delivery::Envelopes(_)), ..]
    ));
}

fn asked(actions: &[Action]) -> &Request {
    match actions.last() {
        Some(Action::Send(Message::Request(request))) => request,
        other => panic!("no request but {other:?}"),
    }
}

#[test]
fn statements_come_before_heads_and_heads_before_ranges() {
    let index = ChainIndex::new();
    assert!(matches!(
        asked(&drive(&index, vec![])),
        Request::Statements { .. }
    ));
    assert!(matches!(
        asked(&drive(&index, vec![no_statements()])),
        Request::Heads { after: None }
    ));
    let next = drive(&index, vec![no_statements(), page(0, 4_096)]);
    assert_eq!(
        asked(&next),
        &Request::Heads {
            after: Some((PublisherId([9; 16]), 4_095))
        }
    );
    let last = drive(&index, vec![no_statements(), heads(3, false)]);
    let range = Range {
        publisher: PublisherId([9; 16]),
        epoch: 0,
        from: 0,
        to: 3,
    };
    assert_eq!(asked(&last), &Request::Ranges(vec![range]));
}

#[test]
fn a_peer_who_answers_something_else_is_blamed() {
    let index = ChainIndex::new();
    for responses in [
        vec![Response::Envelopes(Vec::new())],
        vec![
            no_statements(),
            heads(3, false),
            Response::Envelopes(vec![vec![1, 2, 3]]),
        ],
        vec![no_statements(), heads(3, false), Response::Proofs(Vec::new())],
    ] {
        assert!(matches!(drive(&index, responses)[..], [Action::Blame(_)]));
    }
    let directory = directory();
    let view = View {
        index: &index,
        directory: &directory,
        own: None,
        now: now(),
        elsewhere: &[],
    };
    let unasked = Session::new(Audience::Members).on_message(differs(), &view);
    assert!(matches!(unasked[..], [Action::Blame(Fault::Unasked)]));
}

#[test]
fn a_peer_who_keeps_us_busy_for_a_few_bytes_is_blamed() {
    let index = ChainIndex::new();
    let fork = (PublisherId([9; 16]), 0, [1; 16]);
    let late_fork = Response::Heads {
        heads: Vec::new(),
        forks: vec![fork],
        more: false,
    };
    let more_statements = Response::Statements {
        statements: Vec::new(),
        more: true,
    };
    for responses in [
        vec![more_statements],
        vec![no_statements(), page(0, 100)],
        vec![no_statements(), page(0, 4_096), page(4_095, 4_096)],
        vec![no_statements(), page(0, 4_096), late_fork],
    ] {
        assert!(matches!(
            drive(&index, responses)[..],
            [Action::Blame(Fault::Unasked)]
        ));
    }
    let honest = vec![no_statements(), page(0, 4_096), page(4_096, 4_096)];
    assert!(matches!(asked(&drive(&index, honest)), Request::Heads { .. }));
}

#[test]
fn a_peer_who_promises_and_does_not_deliver_ends_the_session() {
    let done = drive(
        &ChainIndex::new(),
        vec![no_statements(), heads(3, false), Response::Envelopes(Vec::new())],
    );
    assert!(matches!(
        done[..],
        [Action::Deliver(_), Action::Done(Outcome { complete: true, .. })]
    ));
}

#[test]
fn an_endless_chain_is_asked_for_in_bounded_pieces_highest_first() {
    let actions = drive(
        &ChainIndex::new(),
        vec![no_statements(), heads(u64::MAX - 1, false)],
    );
    let Request::Ranges(ranges) = asked(&actions) else {
        panic!("no ranges")
    };
    assert_eq!(ranges.len(), 4);
    assert_eq!(ranges[0].to, u64::MAX - 1);
    assert_eq!(ranges[1].to, u64::MAX - 1 - RANGE_PLACES);
    let places: u64 = ranges.iter().map(|range| range.to - range.from + 1).sum();
    assert!(0 < places && places <= 1_024, "{places}");
}

#[test]
fn pages_of_statements_leave_no_id_out() {
    let mut ids: Vec<StatementId> = (0..40_000_u32)
        .map(|nth| StatementId(*blake3::hash(&nth.to_le_bytes()).as_bytes()))
        .collect();
    ids.sort_unstable();
    let mut plan = Plan::default();
    plan.want_statements(ids.into_iter());
    let mut expected = [0; 8];
    let mut pages = 0;
    while let Some(Request::Statements { from, to, have }) = plan.next(&ChainIndex::new(), &[]) {
        assert_eq!(from, expected);
        assert!(have.iter().all(|prefix| from <= *prefix && *prefix <= to));
        expected = u64::from_be_bytes(to).wrapping_add(1).to_be_bytes();
        pages += 1;
    }
    assert_eq!((pages, expected), (3, [0; 8]));
}

#[test]
fn strangers_see_what_is_clear_only() {
    use crate::wire::{Draft, HeaderHash, Payload, Tlp};
    let mut index = ChainIndex::new();
    let mut stored = Vec::new();
    for (seq, tlp) in [(0, Tlp::Clear), (1, Tlp::Green)] {
        let retracted = crate::wire::Retracted {
            epoch: 0,
            seq: 0,
            row: 0,
        };
        let draft = Draft {
            network: directory().network(),
            epoch: 0,
            seq,
            prev: HeaderHash([0; 32]),
            time_base: now(),
            tlp,
            policy: 0,
            payload: Payload::Retraction(vec![retracted]),
        };
        let envelope = draft.seal(&SecretKey::from_seed([2; 32]), [0; 16]).unwrap();
        index.load(Held::of(envelope.header()));
        stored.push(envelope.encode());
    }
    let publisher = SecretKey::from_seed([2; 32]).public().publisher_id();
    let directory = directory();
    let view = View {
        index: &index,
        directory: &directory,
        own: None,
        now: now(),
        elsewhere: &[],
    };
    let request = Message::Request(Request::Ranges(vec![Range {
        publisher,
        epoch: 0,
        from: 0,
        to: 9,
    }]));
    for (audience, expected) in [(Audience::Members, 2), (Audience::Public, 1)] {
        let actions = Session::new(audience).on_message(request.clone(), &view);
        let [Action::FetchFromStore(fetch)] = &actions[..] else {
            panic!("no fetch")
        };
        assert_eq!((fetch.wanted[0].from, fetch.wanted[0].to), (0, 1));
        let Message::Response(Response::Envelopes(sent)) = fetch.reply(stored.clone()) else {
            panic!("no envelopes")
        };
        assert_eq!(sent.len(), expected);
    }
}

#[test]
fn a_repair_asks_for_the_gaps_alone_and_is_no_comparison() {
    let (index, directory) = (ChainIndex::new(), directory());
    let view = View {
        index: &index,
        directory: &directory,
        own: None,
        now: now(),
        elsewhere: &[],
    };
    let range = Range {
        publisher: PublisherId([9; 16]),
        epoch: 0,
        from: 4,
        to: 6,
    };
    let gap = crate::Gap {
        publisher: range.publisher,
        epoch: 0,
        from: 4,
        to: 6,
    };
    let mut session = Session::new(Audience::Members);
    let actions = session.repair(&[gap], &view);
    let [Action::Send(Message::Request(Request::Ranges(asked)))] = &actions[..] else {
        panic!("{actions:?}");
    };
    assert_eq!(asked[..], [range]);
    let nothing = Message::Response(Response::Envelopes(Vec::new()));
    let ended = session.on_message(nothing, &view).pop();
    assert!(
        matches!(ended, Some(Action::Done(outcome)) if !outcome.complete),
        "{ended:?}"
    );
}
