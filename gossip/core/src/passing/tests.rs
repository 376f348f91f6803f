use super::*;
use crate::constants::{
    RELAY_ASKED_BYTES, RELAY_DISTANCE, RELAY_KEPT, RELAY_LACKED, RELAY_MISSING, RELAY_MISSING_OF_ONE,
    RELAY_NAMING, RELAY_PATIENCE, RELAY_PROMISE, RELAY_TOO_LATE, RELAY_URGENT_DISTANCE, RELAY_WAITING_BYTES,
    RELAY_WAITING_NAMES,
};
use crate::wire::relay::MAX_PARCEL_BYTES;
use crate::wire::{
    Behaviour, Count, Draft, Envelope, Indicator, Payload, RuleHash, SecretKey, Sighting, Tlp,
    envelope::policy,
};

const T0: Timestamp = Timestamp::from_secs(1_795_305_600);

/// One who knows his network and nothing else.
struct Stranger;

impl Ground for Stranger {
    fn network(&self) -> NetworkId {
        NetworkId([1; 16])
    }
    fn publisher(&self, _: [u8; 4]) -> Option<PublisherId> {
        None
    }
    fn hash_at(&self, _: PublisherId, _: u32, _: u64) -> Option<HeaderHash> {
        None
    }
}

fn envelope(seq: u64, urgent: bool, rows: usize) -> (Arc<Packed>, Arc<[u8]>) {
    let row = |nth: usize| Sighting {
        indicator: Indicator::ip(std::net::Ipv4Addr::from(0x0102_0304 + u32::try_from(nth).unwrap()).into()),
        behaviour: Behaviour(5),
        rule: RuleHash([7; 8]),
        at: T0,
        count: Count::ONE,
        confidence: 90,
    };
    let draft = Draft {
        network: NetworkId([1; 16]),
        epoch: 0,
        seq,
        prev: HeaderHash([2; 32]),
        time_base: T0,
        tlp: Tlp::Green,
        policy: if urgent { policy::URGENT } else { 0 },
        payload: Payload::Sightings((0..rows).map(row).collect()),
    };
    let envelope: Envelope = draft.seal(&SecretKey::from_seed([9; 32]), [3; 16]).unwrap();
    let bytes = envelope.encode().into();
    (Arc::new(Packed::of(&envelope, &bytes, &Stranger)), bytes)
}

fn brings(envelopes: &[&Arc<Packed>]) -> Parcel {
    Parcel {
        envelopes: envelopes.iter().copied().cloned().collect(),
        ..Parcel::default()
    }
}

fn names(names: &[Name]) -> Parcel {
    Parcel {
        named: names.to_vec(),
        ..Parcel::default()
    }
}

/// What leaves, as it arrives.
fn sent(relay: &mut Passing<u8>, now: Timestamp) -> Vec<(u8, Parcel)> {
    let departures = relay.poll(now).into_iter();
    let arrives = |parcel: &Parcel| {
        let bytes = parcel.encode();
        assert!(bytes.len() <= parcel.room() && bytes.len() <= MAX_PARCEL_BYTES);
        Parcel::decode(&bytes).unwrap()
    };
    departures
        .map(|departure| (departure.to, arrives(&departure.parcel)))
        .collect()
}

fn to_all(sent: &[(u8, Parcel)]) -> Vec<(u8, Vec<Name>)> {
    let names = |parcel: &Parcel| parcel.envelopes.iter().map(|packed| packed.name()).collect();
    sent.iter().map(|(to, parcel)| (*to, names(parcel))).collect()
}

fn neighbours<const N: usize>(peers: [u8; N]) -> Passing<u8> {
    let mut relay = Passing::default();
    relay.set_neighbours(peers);
    relay
}

/// The neighbour brings so much that is known that he is told to name instead.
fn bring_too_late(relay: &mut Passing<u8>, from: u8, now: Timestamp) {
    for seq in 1_000..1_000 + u64::from(RELAY_TOO_LATE.unsigned_abs()) {
        let (packed, bytes) = envelope(seq, false, 1);
        relay.push(&packed, &bytes, false, now);
        assert!(relay.receive(from, &brings(&[&packed]), now).is_empty());
    }
}

#[test]
fn in_quiet_times_nothing_waits_and_in_others_it_leaves_together() {
    let mut relay = neighbours([1, 2]);
    let [one, two, three] = [1, 2, 3].map(|seq| envelope(seq, false, 1));
    assert_eq!(relay.receive(2, &brings(&[&one.0]), T0).len(), 1);
    relay.push(&one.0, &one.1, false, T0);
    assert_eq!(to_all(&sent(&mut relay, T0)), [(1, vec![one.0.name()])]);
    for (packed, bytes) in [&two, &three] {
        relay.push(packed, bytes, false, T0);
    }
    let both = vec![two.0.name(), three.0.name()];
    assert_eq!(to_all(&sent(&mut relay, T0)), [(2, both.clone())]);
    assert_eq!(relay.next_deadline(), Some(T0 + RELAY_DISTANCE));
    assert_eq!(to_all(&sent(&mut relay, T0 + RELAY_DISTANCE)), [(1, both)]);
    assert_eq!(relay.next_deadline(), None);
}

#[test]
fn what_is_urgent_goes_to_all_and_takes_along_what_waits() {
    let mut relay = neighbours([1, 2, 3]);
    bring_too_late(&mut relay, 3, T0);
    sent(&mut relay, T0);
    let late = T0 + RELAY_NAMING;
    sent(&mut relay, late);
    let [before, waits, urgent] =
        [(0, false), (1, false), (2, true)].map(|(seq, urgent)| envelope(seq, urgent, 1));
    relay.push(&before.0, &before.1, false, late);
    sent(&mut relay, late);
    relay.push(&waits.0, &waits.1, false, late);
    let soon = late + crate::constants::RELAY_URGENT_DISTANCE;
    assert_eq!(to_all(&sent(&mut relay, soon)), []);
    relay.receive(9, &brings(&[&urgent.0]), soon);
    relay.push(&urgent.0, &urgent.1, true, soon);
    let mut parcels = sent(&mut relay, soon);
    assert_eq!(parcels.len(), 2);
    parcels.extend(sent(&mut relay, soon + RELAY_URGENT_LATER));
    let (both, alone) = (vec![waits.0.name(), urgent.0.name()], vec![urgent.0.name()]);
    assert_eq!(to_all(&parcels), [(1, both.clone()), (2, both), (3, alone)]);
    assert_eq!(parcels[2].1.named.len(), 2);
}

#[test]
fn who_is_always_too_late_is_told_to_name_and_is_named_to() {
    let mut relay = neighbours([1, 2, 3]);
    bring_too_late(&mut relay, 3, T0);
    let wishes: Vec<Wish> = sent(&mut relay, T0)
        .iter()
        .map(|(_, parcel)| parcel.wish)
        .collect();
    assert_eq!(wishes, [Wish::None, Wish::None, Wish::Names]);
    // The last ones go on sending, however late.
    let later = T0 + RELAY_SETTLING;
    bring_too_late(&mut relay, 1, later);
    bring_too_late(&mut relay, 2, later + RELAY_SETTLING);
    assert_eq!((relay.senders(), relay.counts().turned), (2, 1));
    let back = Parcel {
        wish: Wish::Envelopes,
        ..Parcel::default()
    };
    relay.receive(3, &back, later);
    assert_eq!(relay.senders(), 3);
}

#[test]
fn what_was_named_and_does_not_come_is_asked_of_one_after_the_other() {
    let mut relay = neighbours([1, 2]);
    let (packed, bytes) = envelope(1, false, 1);
    let name = packed.name();
    for peer in [1, 2] {
        relay.receive(peer, &names(&[name]), T0);
    }
    assert_eq!(relay.next_deadline(), Some(T0 + RELAY_PATIENCE));
    let first = sent(&mut relay, T0 + RELAY_PATIENCE);
    assert_eq!((first[0].0, &first[0].1.asked), (1, &vec![name]));
    let again = T0 + RELAY_PATIENCE + RELAY_PROMISE;
    let second = sent(&mut relay, again);
    assert_eq!((second[0].0, &second[0].1.asked), (2, &vec![name]));
    assert_eq!(relay.receive(2, &brings(&[&packed]), again).len(), 1);
    relay.push(&packed, &bytes, false, again);
    let after = to_all(&sent(&mut relay, again + RELAY_PROMISE));
    assert_eq!(after, []);
}

/// The neighbour names so many, and brings them when asked. What he is told meanwhile.
fn names_and_is_asked(relay: &mut Passing<u8>, from: u8, brings_them: bool) -> Vec<Wish> {
    let promised: Vec<_> = (0..u64::from(RELAY_LACKED))
        .map(|seq| envelope(seq, false, 1))
        .collect();
    let mut all: Vec<Name> = promised.iter().map(|(packed, _)| packed.name()).collect();
    all.sort();
    let named = Parcel {
        wish: Wish::Names,
        ..names(&all)
    };
    relay.receive(from, &named, T0);
    let now = T0 + RELAY_PATIENCE;
    let mut told = sent(relay, now);
    assert_eq!(told[0].1.asked, all);
    for (packed, bytes) in promised.iter().filter(|_| brings_them) {
        assert_eq!(relay.receive(from, &brings(&[packed]), now).len(), 1);
        relay.push(packed, bytes, false, now);
    }
    told.extend(sent(relay, now + RELAY_PROMISE));
    told.iter()
        .filter(|(to, _)| *to == from)
        .map(|(_, parcel)| parcel.wish)
        .collect()
}

#[test]
fn who_brings_what_only_he_had_is_to_send_again_and_who_only_names_is_not() {
    let told = names_and_is_asked(&mut neighbours([1, 2]), 1, true);
    assert!(told.contains(&Wish::Envelopes), "{told:?}");
    let told = names_and_is_asked(&mut neighbours([1, 2]), 1, false);
    assert!(!told.contains(&Wish::Envelopes), "{told:?}");
}

#[test]
fn who_does_not_bring_what_he_names_is_asked_after_the_others() {
    let mut relay = neighbours([1, 2]);
    names_and_is_asked(&mut relay, 1, false);
    let now = T0 + 10 * RELAY_PROMISE;
    let name = Name([9; 8]);
    for peer in [1, 2] {
        relay.receive(peer, &names(&[name]), now);
    }
    let asked = sent(&mut relay, now + RELAY_PATIENCE);
    assert_eq!((asked[0].0, &asked[0].1.asked), (2, &vec![name]));
    // If nobody else is left, he is asked nevertheless.
    let asked = sent(&mut relay, now + RELAY_PATIENCE + RELAY_PROMISE);
    assert_eq!((asked[0].0, &asked[0].1.asked), (1, &vec![name]));
}

#[test]
fn one_neighbours_announcements_leave_room_for_those_of_others() {
    let mut relay = neighbours([1, 2]);
    let named: Vec<Name> = (0..2 * RELAY_MISSING as u64)
        .map(|name| Name(name.to_be_bytes()))
        .collect();
    relay.receive(1, &names(&named), T0);
    let honest = Name([0xff; 8]);
    relay.receive(2, &names(&[honest]), T0);
    let asked = sent(&mut relay, T0 + RELAY_PATIENCE);
    let of = |whom| {
        asked
            .iter()
            .filter(move |(to, _)| *to == whom)
            .flat_map(|(_, parcel)| &parcel.asked)
    };
    assert_eq!(of(1).count(), RELAY_MISSING_OF_ONE);
    assert_eq!(of(2).collect::<Vec<_>>(), [&honest]);
    // What is given up makes room again.
    let later = T0 + RELAY_PATIENCE + RELAY_PROMISE;
    sent(&mut relay, later);
    assert_eq!(relay.next_deadline(), None);
    relay.receive(1, &names(&[honest]), later);
    assert_eq!(sent(&mut relay, later + RELAY_PATIENCE)[0].1.asked, [honest]);
}

#[test]
fn who_asks_is_answered_and_whole_if_he_wishes_but_not_without_end() {
    let mut relay = neighbours([1]);
    let (packed, bytes) = envelope(1, false, 200);
    relay.receive(1, &names(&[packed.name()]), T0);
    relay.push(&packed, &bytes, false, T0);
    assert_eq!(sent(&mut relay, T0), []);
    let whole = Arc::new(packed.whole(&bytes));
    for (nth, (whole, expected)) in (1..).zip([(false, &packed), (true, &whole)]) {
        let asked = vec![packed.name()];
        let parcel = if whole {
            Parcel {
                asked_whole: asked,
                ..Parcel::default()
            }
        } else {
            Parcel {
                asked,
                ..Parcel::default()
            }
        };
        let now = T0 + nth * RELAY_DISTANCE;
        relay.receive(1, &parcel, now);
        let answer = sent(&mut relay, now);
        assert_eq!(answer[0].1.envelopes, [Arc::clone(expected)]);
    }
    let asked = Parcel {
        asked: vec![packed.name()],
        ..Parcel::default()
    };
    let now = T0 + RELAY_PROMISE;
    for _ in 0..1_000 {
        relay.receive(1, &asked, now);
    }
    let given: usize = sent(&mut relay, now)
        .iter()
        .map(|(_, parcel)| parcel.envelopes.len())
        .sum();
    assert!(given > 1 && given * packed.room() <= RELAY_ASKED_BYTES, "{given}");
}

#[test]
fn what_cannot_be_restored_is_asked_for_whole_and_what_is_refused_is_not_asked_for() {
    let mut relay = neighbours([1, 2]);
    let [one, two] = [1, 2].map(|seq| envelope(seq, false, 1));
    assert_eq!(relay.receive(1, &brings(&[&one.0, &two.0]), T0).len(), 2);
    relay.unrestored(one.0.name(), 1, T0);
    relay.settle(two.0.name());
    relay.receive(2, &names(&[two.0.name()]), T0);
    let asked = sent(&mut relay, T0);
    assert_eq!((asked[0].0, &asked[0].1.asked_whole), (1, &vec![one.0.name()]));
    assert_eq!(relay.receive(1, &brings(&[&one.0]), T0).len(), 1);
    relay.settle(one.0.name());
    assert_eq!((relay.next_deadline(), relay.counts().asked), (None, 0));
}

#[test]
fn garbage_under_a_name_does_not_keep_the_envelope_out() {
    let mut relay = neighbours([1, 2]);
    let (packed, bytes) = envelope(1, false, 1);
    let name = packed.name();
    // Nothing follows on what neighbour 1 brings: its signature did not hold.
    assert_eq!(relay.receive(1, &brings(&[&packed]), T0).len(), 1);
    assert_eq!(relay.receive(2, &brings(&[&packed]), T0).len(), 0);
    let asked = sent(&mut relay, T0 + RELAY_PATIENCE);
    assert_eq!((asked[0].0, &asked[0].1.asked), (2, &vec![name]));
    assert_eq!(
        relay.receive(2, &brings(&[&packed]), T0 + RELAY_PATIENCE).len(),
        1
    );
    relay.push(&packed, &bytes, false, T0 + RELAY_PATIENCE);
    assert_eq!(
        relay.receive(1, &brings(&[&packed]), T0 + RELAY_PATIENCE).len(),
        0
    );
}

/// The same under the same name, but the first half of its signature is another.
fn forged(packed: &Arc<Packed>, bytes: &Arc<[u8]>, by: u8) -> Arc<Packed> {
    let signature = *Envelope::decode(bytes).unwrap().signature().as_bytes();
    let mut parcel = brings(&[packed]).encode();
    let at = parcel.windows(64).position(|window| window == signature).unwrap();
    parcel[at + 3] ^= by;
    let forged = Parcel::decode(&parcel).unwrap().envelopes.remove(0);
    assert!(forged.name() == packed.name() && forged != *packed);
    forged
}

#[test]
fn a_forgery_under_a_name_does_not_keep_out_what_comes_meanwhile_or_was_asked_for() {
    let mut relay = neighbours([1, 2, 3]);
    let (packed, bytes) = envelope(1, false, 1);
    let [first, second] = [1, 2].map(|by| forged(&packed, &bytes, by));
    assert_eq!(relay.receive(1, &brings(&[&first]), T0).len(), 1);
    // He is heard once under each name, the others all the same, each copy once.
    assert_eq!(relay.receive(1, &brings(&[&first, &second]), T0).len(), 0);
    assert_eq!(relay.receive(2, &brings(&[&packed]), T0).len(), 1);
    assert_eq!(relay.receive(3, &brings(&[&packed]), T0).len(), 0);
    // The same where it was asked for, and the forgery came in between.
    let mut relay = neighbours([1, 2]);
    relay.receive(2, &names(&[packed.name()]), T0);
    let now = T0 + RELAY_PATIENCE;
    assert_eq!(sent(&mut relay, now)[0].1.asked, [packed.name()]);
    assert_eq!(relay.receive(1, &brings(&[&first]), now).len(), 1);
    assert_eq!(relay.receive(2, &brings(&[&packed]), now).len(), 1);
}

#[test]
fn what_was_refused_unverified_is_asked_of_the_next_at_once_and_not_settled() {
    let mut relay = neighbours([1, 2, 3]);
    let (packed, bytes) = envelope(1, false, 1);
    let forgery = forged(&packed, &bytes, 1);
    assert_eq!(relay.receive(1, &brings(&[&forgery]), T0).len(), 1);
    relay.receive(2, &names(&[packed.name()]), T0);
    relay.useless(packed.name(), 1, T0);
    let asked = sent(&mut relay, T0);
    assert_eq!((asked[0].0, &asked[0].1.asked), (2, &vec![packed.name()]));
    assert_eq!(relay.receive(2, &brings(&[&packed]), T0).len(), 1);
    relay.push(&packed, &bytes, false, T0);
    assert_eq!(
        to_all(&sent(&mut relay, T0 + RELAY_DISTANCE)),
        [(3, vec![packed.name()])]
    );
}

#[test]
fn what_could_not_leave_is_named_and_given_when_asked_for() {
    let mut relay = neighbours([1]);
    let (packed, bytes) = envelope(0, false, 1);
    relay.push(&packed, &bytes, false, T0);
    let departures = relay.poll(T0);
    let [departure] = &departures[..] else {
        panic!("one message")
    };
    relay.unsent(departure, T0);
    let told = sent(&mut relay, T0 + RELAY_NAMING);
    assert_eq!(
        (&told[0].1.named, told[0].1.envelopes.len()),
        (&vec![packed.name()], 0)
    );
    let asked = Parcel {
        asked: vec![packed.name()],
        ..Parcel::default()
    };
    relay.receive(1, &asked, T0 + RELAY_NAMING);
    let given = sent(&mut relay, T0 + RELAY_NAMING + RELAY_URGENT_DISTANCE);
    assert_eq!(given[0].1.envelopes, [packed]);
    assert_eq!((relay.counts().dropped, relay.counts().forgotten), (0, 0));
    relay.receive(1, &asked, T0 + RELAY_KEPT);
    let (next, bytes) = envelope(1, false, 1);
    relay.push(&next, &bytes, false, T0 + 2 * RELAY_KEPT);
    relay.receive(1, &asked, T0 + 2 * RELAY_KEPT);
    assert_eq!(relay.counts().forgotten, 1, "it was kept for a while");
}

#[test]
fn everything_has_a_bound() {
    let mut relay = neighbours([1]);
    let (packed, bytes) = envelope(0, false, 200);
    let fits = RELAY_WAITING_BYTES / packed.room();
    for seq in 0..2 * fits as u64 {
        let (packed, bytes) = envelope(seq, false, 200);
        relay.push(&packed, &bytes, false, T0);
    }
    let parcels = sent(&mut relay, T0);
    let count: usize = parcels.iter().map(|(_, parcel)| parcel.envelopes.len()).sum();
    let named: usize = parcels.iter().map(|(_, parcel)| parcel.named.len()).sum();
    assert_eq!(
        (count, named, relay.counts().dropped),
        (fits, fits, 0),
        "what has no room is named"
    );
    assert!(parcels.len() > 1);
    for seq in 0..(RELAY_WAITING_NAMES + 2 * fits) as u64 {
        let (packed, bytes) = envelope(10_000 + seq, false, 200);
        relay.push(&packed, &bytes, false, T0);
    }
    assert_eq!(relay.counts().dropped, fits as u64);
    sent(&mut relay, T0 + RELAY_NAMING);
    let named: Vec<Name> = (0..2 * RELAY_MISSING as u64)
        .map(|name| Name(name.to_be_bytes()))
        .collect();
    relay.receive(1, &names(&named), T0);
    sent(&mut relay, T0 + RELAY_PATIENCE);
    assert!(relay.counts().asked <= RELAY_MISSING as u64);
    relay.push(&packed, &bytes, false, T0);
}
