//! Messages between neighbours, with what their receiver knows and what he makes of them.

use std::sync::Arc;

use serde_json::{Value, json};
use vigie_wire::relay::{Ground, Name, Packed, Parcel, Unrestored, Wish, restore_all};
use vigie_wire::*;

use crate::sample::{NETWORK, SALT, addresses, draft, every_sighting, key};

/// Publishers, and headers at their places.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    pub(crate) publishers: Vec<PublisherId>,
    pub(crate) held: Vec<(PublisherId, u32, u64, HeaderHash)>,
}

impl Ground for Shelf {
    fn network(&self) -> NetworkId {
        NETWORK
    }

    fn publisher(&self, short: [u8; 4]) -> Option<PublisherId> {
        let mut found = self.publishers.iter().filter(|id| id.0.starts_with(&short));
        found.next().copied().filter(|_| found.next().is_none())
    }

    fn hash_at(&self, publisher: PublisherId, epoch: u32, seq: u64) -> Option<HeaderHash> {
        let place = (publisher, epoch, seq);
        let found = self.held.iter().find(|held| (held.0, held.1, held.2) == place);
        found.map(|held| held.3)
    }
}

/// Who knows these publishers, and what stands before the sample.
pub(crate) fn shelf() -> Shelf {
    let publishers: Vec<_> = (0..4).map(|number| key(number).public().publisher_id()).collect();
    let held = publishers.iter().map(|id| (*id, 1, 6, HeaderHash([0x77; 32])));
    Shelf {
        held: held.collect(),
        publishers,
    }
}

pub(crate) fn pack(envelope: &Envelope, ground: &Shelf) -> Arc<Packed> {
    Arc::new(Packed::of(envelope, &envelope.encode().into(), ground))
}

fn seal(number: u8, seq: u64, prev: [u8; 32], rows: Vec<Sighting>) -> Envelope {
    let draft = Draft {
        seq,
        prev: HeaderHash(prev),
        ..draft(Payload::Sightings(rows))
    };
    draft.seal(&key(number), SALT).unwrap()
}

fn names(from: u8) -> Vec<Name> {
    (from..from + 3).map(|byte| Name([byte; 8])).collect()
}

/// As the receiver sees it.
fn case(note: &str, bytes: &[u8], receiver: &Shelf) -> Value {
    let parcel = Parcel::decode(bytes).unwrap();
    let restored = restore_all(&parcel.envelopes, receiver);
    let shown = restored.iter().zip(&parcel.envelopes).map(|(restored, packed)| {
        let (bytes, missing) = match restored {
            Ok(envelope) => (Some(hex::encode(envelope.encode())), None),
            Err(Unrestored::Publisher) => (None, Some("publisher")),
            Err(Unrestored::Ancestor) => (None, Some("ancestor")),
            Err(Unrestored::Malformed(error)) => panic!("{error}"),
        };
        json!({"name": hex::encode(packed.name().0), "bytes": bytes, "missing": missing})
    });
    let named = |names: &[Name]| -> Vec<String> { names.iter().map(|name| hex::encode(name.0)).collect() };
    let held = receiver.held.iter().map(|(publisher, epoch, seq, hash)| {
        json!({"publisher": publisher, "epoch": epoch, "seq": seq, "hash": hash})
    });
    json!({
        "note": note, "bytes": hex::encode(bytes), "network": NETWORK, "publishers": receiver.publishers,
        "held": held.collect::<Vec<_>>(), "wish": parcel.wish as u8, "named": named(&parcel.named),
        "asked": named(&parcel.asked), "asked_whole": named(&parcel.asked_whole), "envelopes": shown.collect::<Vec<_>>(),
    })
}

pub(crate) fn valid() -> Vec<Value> {
    let full = shelf();
    let carrying = |envelopes: &[&Envelope], sender: &Shelf| {
        let envelopes = envelopes.iter().map(|envelope| pack(envelope, sender));
        let envelopes = envelopes.collect();
        Parcel {
            envelopes,
            ..Parcel::default()
        }
        .encode()
    };
    let usual = seal(1, 7, [0x77; 32], addresses(1));
    let many = seal(2, 7, [0x77; 32], every_sighting());
    let first = seal(1, 0, [0; 32], addresses(2));
    let next = seal(1, 8, usual.header_hash().0, addresses(3));
    let stranger = seal(9, 7, [0x77; 32], addresses(1));
    let other = seal(3, 7, [0x78; 32], addresses(1));
    let head = draft(Payload::Head).seal(&key(1), SALT).unwrap();
    let mut sender = shelf();
    sender
        .held
        .push((usual.header().publisher, 1, 7, usual.header_hash()));
    let empty = Shelf::default();
    let mut twins = shelf();
    let mut twin = usual.header().publisher;
    twin.0[15] ^= 1;
    twins.publishers.push(twin);
    let said = Parcel {
        wish: Wish::Names,
        named: names(1),
        asked: names(4),
        asked_whole: names(9),
        envelopes: Vec::new(),
    };
    vec![
        case("only names", &said.encode(), &empty),
        case("an envelope of one row", &carrying(&[&usual], &full), &full),
        case("every type of indicator", &carrying(&[&many], &full), &full),
        case("the first of an epoch", &carrying(&[&first], &full), &full),
        case("prev does not follow", &carrying(&[&other], &full), &full),
        case(
            "a publisher by his whole name",
            &carrying(&[&stranger], &full),
            &full,
        ),
        case(
            "the one before stands in the parcel",
            &carrying(&[&usual, &next], &sender),
            &full,
        ),
        case("the one before is not held", &carrying(&[&next], &sender), &full),
        case("the publisher is not known", &carrying(&[&usual], &full), &empty),
        case(
            "two publishers with that beginning",
            &carrying(&[&usual], &full),
            &twins,
        ),
        case(
            "a head, and a body cut",
            &carrying(&[&head, &many.erase_row(0)], &full),
            &full,
        ),
        case(
            "all together",
            &carrying(&[&head, &many, &first, &other, &stranger, &usual], &full),
            &full,
        ),
    ]
}

/// One change away from something valid each.
pub(crate) fn invalid(refused: impl Fn(&str, &str, &[u8], &str) -> Value) -> Vec<Value> {
    let good = {
        let envelopes = vec![pack(&seal(1, 7, [0x77; 32], addresses(2)), &shelf())];
        Parcel {
            named: names(1),
            envelopes,
            ..Parcel::default()
        }
        .encode()
    };
    let case = |note: &str, (from, to): (usize, usize), with: &[u8], reason: &str| {
        let mut bytes = good.clone();
        bytes.splice(from..to, with.iter().copied());
        refused(note, "parcel", &bytes, reason)
    };
    // Version, wish, three names, two empty lists, one envelope, time, table of one entry, form.
    let (count, table) = (29, 36);
    let form = table + 1 + 9;
    let rows = form + 1 + 4 + 1 + 1 + 1 + 1 + 64 + 16;
    assert_eq!((good[count], good[form], good[rows]), (1, 1, 2));
    vec![
        refused("nothing", "parcel", b"", "truncated"),
        refused(
            "a parcel that says nothing",
            "parcel",
            &[65, 0, 0, 0, 0, 0],
            "truncated",
        ),
        case("another version of parcel", (0, 1), &[66], "out-of-range"),
        case("a wish that is none", (1, 2), &[3], "out-of-range"),
        case("names that do not ascend", (11, 19), &[1; 8], "order"),
        case(
            "more names than there are bytes",
            (2, 3),
            &[0xff, 0x3f],
            "truncated",
        ),
        case(
            "a base that no envelope has",
            (form + 7, form + 8),
            &[1],
            "out-of-range",
        ),
        case(
            "an entry that nobody uses",
            (table, table + 1),
            &[2, 1, 1, 1, 1, 1, 1, 1, 1, 1],
            "table",
        ),
        case("a form that is none", (form, form + 1), &[9], "form"),
        case("a form without its first bit", (form, form + 1), &[2], "form"),
        case("no rows", (rows, rows + 1), &[0], "row-count"),
        case(
            "an entry beyond the table",
            (rows + 2, rows + 3),
            &[1],
            "out-of-range",
        ),
        case("no entries", (rows + 1, rows + 3), &[0], "out-of-range"),
        case("a byte too many", (good.len(), good.len()), &[0], "trailing"),
        case("a byte too few", (good.len() - 1, good.len()), &[], "truncated"),
        case(
            "an envelope less than announced",
            (count, count + 1),
            &[2],
            "truncated",
        ),
        case(
            "a head cut short",
            (form, good.len()),
            &[0, 3, 1, 1, 0],
            "truncated",
        ),
    ]
}
