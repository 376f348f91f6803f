//! Bytes that must be refused, each with its reason. All but one of them are one change away from something valid.

use serde_json::{Value, json};
use vigie_wire::*;

use crate::sample::{self, addresses, every_statement, seal, sighting};

/// Where things stand in the header of the samples (epoch, seq and rows take one byte each, the time six).
const KIND: usize = 1;
const EPOCH: usize = 35;
const TIME: usize = 69;
const TLP: usize = 75;
const ROWS: usize = 76;
const ROOT: usize = 77;
const FORM: usize = 173;

const TABLE: &[u8] = b"\x01\x05rulehash";

fn refused(note: &str, r#as: &str, bytes: &[u8], reason: &str) -> Value {
    let error = match r#as {
        "envelope" => Envelope::decode(bytes).unwrap_err(),
        "statement" => Statement::decode(bytes).unwrap_err(),
        "parcel" => relay::Parcel::decode(bytes).unwrap_err(),
        _ => Bundle::decode(bytes).unwrap_err(),
    };
    assert_eq!(error.reason.name(), reason, "{note}: {error}");
    let class = format!("{:?}", error.class()).to_lowercase();
    json!({"note": note, "as": r#as, "bytes": hex::encode(bytes), "class": class, "reason": reason, "offset": error.offset})
}

pub(crate) fn all() -> Vec<Value> {
    let mut all = headers();
    all.extend(forms());
    all.extend(columns());
    all.extend(indicators());
    all.extend(items());
    all.extend(statements());
    all.extend(bundles());
    all.extend(super::parcels::invalid(refused));
    all
}

/// The sample with some bytes in the place of others.
fn spliced(at: std::ops::Range<usize>, with: &[u8]) -> Vec<u8> {
    let mut bytes = seal(Payload::Sightings(addresses(2))).encode();
    bytes.splice(at.start..at.end.min(bytes.len()), with.iter().copied());
    bytes
}

fn headers() -> Vec<Value> {
    let case = |note, at: std::ops::Range<usize>, with: &[u8], reason| {
        refused(note, "envelope", &spliced(at, with), reason)
    };
    let good = spliced(0..0, b"");
    vec![
        refused("nothing", "envelope", b"", "truncated"),
        refused("half a header", "envelope", &good[..50], "truncated"),
        refused("no signature", "envelope", &good[..FORM - 64], "truncated"),
        refused("no body", "envelope", &good[..FORM], "truncated"),
        refused("half a body", "envelope", &good[..good.len() - 1], "truncated"),
        refused(
            "one byte more",
            "envelope",
            &[&good[..], &[0]].concat(),
            "trailing",
        ),
        case("version 0", 0..1, &[0], "out-of-range"),
        case("AMBER", TLP..TLP + 1, &[0x80], "tlp"),
        case("RED", TLP..TLP + 1, &[0xc0], "tlp"),
        case(
            "epoch with a superfluous byte",
            EPOCH..EPOCH + 1,
            &[0x81, 0],
            "not-minimal",
        ),
        case(
            "epoch beyond 32 bits",
            EPOCH..EPOCH + 1,
            &[0x80, 0x80, 0x80, 0x80, 0x10],
            "out-of-range",
        ),
        case(
            "seq beyond 64 bits",
            EPOCH + 1..EPOCH + 2,
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2],
            "out-of-range",
        ),
        case(
            "time after 9999",
            TIME..TIME + 6,
            &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40],
            "out-of-range",
        ),
        case(
            "rows beyond 16 bits",
            ROWS..ROWS + 1,
            &[0x80, 0x80, 0x04],
            "out-of-range",
        ),
        case("no rows", ROWS..ROWS + 1, &[0], "row-count"),
        case("257 rows", ROWS..ROWS + 1, &[0x81, 0x02], "row-count"),
        case("a head with rows", KIND..KIND + 1, &[3], "row-count"),
        case("a proof with two rows", KIND..KIND + 1, &[8], "row-count"),
        case("another root", ROOT..ROOT + 32, &[0; 32], "root"),
        refused(
            "an unknown kind of more than 4 KiB",
            "envelope",
            &sample::from_the_future(|header| header.kind = Kind::Unknown(99), &[7; 4096]),
            "unknown-too-long",
        ),
        refused(
            "version 2 with another body than was signed",
            "envelope",
            &changed_future(|body| body[40] ^= 1),
            "root",
        ),
        refused(
            "version 2 in a form that version 1 does not know",
            "envelope",
            &changed_future(|body| body[0] = 2),
            "unknown-form",
        ),
    ]
}

fn changed_future(change: fn(&mut [u8])) -> Vec<u8> {
    let mut bytes = sample::from_the_future(|header| header.version = 2, b"whatever");
    change(&mut bytes[FORM..]);
    bytes
}

fn forms() -> Vec<Value> {
    let case =
        |note, body: &[u8], reason| refused(note, "envelope", &spliced(FORM..usize::MAX, body), reason);
    let redacted = seal(Payload::Sightings(addresses(2))).erase_row(1).encode();
    let with_bits = |bits: u8| {
        let mut bytes = redacted.clone();
        bytes[FORM + 1] = bits;
        bytes
    };
    let mut head = seal(Payload::Head).encode();
    head[FORM] = 1;
    vec![
        case("form 3", &[3], "form"),
        case("erased, and something more", &[0, 0], "trailing"),
        refused("a head with a body", "envelope", &head, "form"),
        refused("redacted, nothing kept", "envelope", &with_bits(0), "form"),
        refused("redacted, everything kept", "envelope", &with_bits(3), "form"),
        refused(
            "redacted, a bit beyond the rows",
            "envelope",
            &with_bits(5),
            "form",
        ),
    ]
}

/// Two rows: the table, the numbers of addresses, the addresses, and the other columns.
fn columns() -> Vec<Value> {
    let tail = [&[0, 0][..], &[9, 9], &[5, 5], &[90, 90]];
    let case = |note, table: &[u8], numbers: [u8; 2], tail: [&[u8]; 4], reason| {
        let body = [
            &[1][..],
            &sample::SALT,
            table,
            &numbers,
            &[192, 0, 2, 0, 192, 0, 2, 1],
            &tail.concat(),
        ]
        .concat();
        refused(note, "envelope", &spliced(FORM..usize::MAX, &body), reason)
    };
    let pair = |number: u8, rule: u8| [&[number][..], &[rule; 8]].concat();
    let table = |one: &[u8], two: &[u8]| [&[2], one, two].concat();
    vec![
        case("no table", &[0], [2, 0], tail, "out-of-range"),
        case("more in the table than rows", &[3], [2, 0], tail, "out-of-range"),
        case(
            "the table descends",
            &table(&pair(6, 0), &pair(5, 0)),
            [2, 0],
            [&[0, 1], tail[1], tail[2], tail[3]],
            "table",
        ),
        case(
            "the table descends by rule",
            &table(&pair(5, 2), &pair(5, 1)),
            [2, 0],
            tail,
            "table",
        ),
        case(
            "the table repeats",
            &table(&pair(5, 1), &pair(5, 1)),
            [2, 0],
            tail,
            "table",
        ),
        case(
            "an entry that no row uses",
            &table(&pair(5, 1), &pair(5, 2)),
            [2, 0],
            tail,
            "table",
        ),
        case(
            "a behaviour beyond 16 bits",
            b"\x01\x80\x80\x04rulehash",
            [2, 0],
            tail,
            "out-of-range",
        ),
        case("more IPv4 than rows", TABLE, [3, 0], tail, "out-of-range"),
        case("more addresses than rows", TABLE, [2, 1], tail, "out-of-range"),
        case(
            "an index beside the table",
            TABLE,
            [2, 0],
            [&[0, 1], tail[1], tail[2], tail[3]],
            "out-of-range",
        ),
        case(
            "a time with a superfluous byte",
            TABLE,
            [2, 0],
            [tail[0], &[9, 0x89, 0], tail[2], tail[3]],
            "not-minimal",
        ),
        case(
            "a time before 1970",
            TABLE,
            [2, 0],
            [tail[0], &[9, 0xff, 0xff, 0xff, 0xff, 0x0f], tail[2], tail[3]],
            "out-of-range",
        ),
        case(
            "2 to the power of 64",
            TABLE,
            [2, 0],
            [tail[0], tail[1], &[5, 64], tail[3]],
            "out-of-range",
        ),
        case(
            "101 percent",
            TABLE,
            [2, 0],
            [tail[0], tail[1], tail[2], &[90, 101]],
            "out-of-range",
        ),
        case(
            "the rows of something else",
            TABLE,
            [2, 0],
            [tail[0], tail[1], tail[2], &[90, 91]],
            "root",
        ),
    ]
}

/// One row with an indicator that has a better writing, or none.
fn indicators() -> Vec<Value> {
    let case = |note, numbers: [u8; 2], indicator: &[u8], reason| {
        let body = [
            &[1][..],
            &sample::SALT,
            TABLE,
            &numbers,
            indicator,
            &[0, 9, 5, 90],
        ]
        .concat();
        let mut bytes = seal(Payload::Sightings(addresses(1))).encode();
        bytes.truncate(FORM);
        bytes.extend(body);
        refused(note, "envelope", &bytes, reason)
    };
    let mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1];
    let other = |tag: u8, value: &[u8]| [&[tag, value.len() as u8], value].concat();
    let text = |note, tag, value: &str| case(note, [0, 0], &other(tag, value.as_bytes()), "indicator");
    vec![
        case("IPv4 mapped into IPv6", [0, 1], &mapped, "indicator"),
        case("type 0", [0, 0], &other(0, b"x"), "indicator"),
        case(
            "IPv4 outside its column",
            [0, 0],
            &other(1, &[192, 0, 2, 1]),
            "indicator",
        ),
        case(
            "IPv6 outside its column",
            [0, 0],
            &other(2, &[1; 16]),
            "indicator",
        ),
        case(
            "a range with host bits",
            [0, 0],
            &other(3, &[24, 198, 51, 100, 1]),
            "indicator",
        ),
        case(
            "a range of one address",
            [0, 0],
            &other(3, &[32, 198, 51, 100, 1]),
            "indicator",
        ),
        case(
            "a range of 33 bits",
            [0, 0],
            &other(3, &[33, 198, 51, 100, 1]),
            "indicator",
        ),
        case(
            "a range of three bytes",
            [0, 0],
            &other(3, &[24, 198, 51, 100]),
            "indicator",
        ),
        case(
            "a range mapped into IPv6",
            [0, 0],
            &other(3, &[&[120][..], &mapped[..15], &[0]].concat()),
            "indicator",
        ),
        text("a domain in capitals", 4, "Example.net"),
        text("a domain with a final dot", 4, "example.net."),
        text("a domain with an empty label", 4, "example..net"),
        text("an empty domain", 4, ""),
        text("a domain not in its xn-- form", 4, "exämple.net"),
        text("a URL without scheme", 5, "example.net/x"),
        text("a URL with a space", 5, "https://example.net/ x"),
        text("a scheme in capitals", 5, "HTTPS://example.net"),
        case("31 bytes of a SHA-256", [0, 0], &other(6, &[1; 31]), "indicator"),
        case(
            "a system with a superfluous byte",
            [0, 0],
            &other(7, &[0x81, 0]),
            "indicator",
        ),
        case(
            "a system beyond 32 bits",
            [0, 0],
            &other(7, &[0xff, 0xff, 0xff, 0xff, 0x1f]),
            "indicator",
        ),
        case(
            "1025 bytes of an unknown type",
            [0, 0],
            &[&[200, 0x81, 0x08][..], &[0; 1025]].concat(),
            "too-long",
        ),
    ]
}

/// Rows of the other kinds.
fn items() -> Vec<Value> {
    let case = |note, kind: Kind, item: &[u8], reason| {
        let mut header = *seal(Payload::Sightings(vec![sighting(sample::ip("192.0.2.1"))])).header();
        header.kind = kind;
        let mut bytes = SignedHeader::sign(header, &sample::key(1)).encode();
        bytes.push(1);
        bytes.extend(sample::SALT);
        let length = item.len();
        bytes.extend(if length < 128 {
            vec![length as u8]
        } else {
            vec![length as u8 | 0x80, (length >> 7) as u8]
        });
        bytes.extend(item);
        refused(note, "envelope", &bytes, reason)
    };
    let proof = sample::proof();
    let (first, second) = (proof.first().encode(), proof.second().encode());
    vec![
        case(
            "a retraction with a byte more",
            Kind::Retraction,
            &[1, 1, 1, 1],
            "trailing",
        ),
        case(
            "a retraction with a byte less",
            Kind::Retraction,
            &[1, 1],
            "truncated",
        ),
        case(
            "a vouch among certificates",
            Kind::Certificate,
            &sample::vouch().encode(),
            "misplaced",
        ),
        case(
            "a certificate with a byte more",
            Kind::Certificate,
            &[&sample::certificate().encode()[..], &[0]].concat(),
            "trailing",
        ),
        case(
            "a proof that proves nothing",
            Kind::Proof,
            &[&first[..], &first].concat(),
            "contradiction",
        ),
        case(
            "a proof in the other order",
            Kind::Proof,
            &[&second[..], &first].concat(),
            "order",
        ),
    ]
}

fn statements() -> Vec<Value> {
    let encoded = |index: usize| every_statement()[index].1.encode();
    let with = |index: usize, at: std::ops::Range<usize>, bytes: &[u8]| {
        let mut statement = encoded(index);
        statement.splice(at, bytes.iter().copied());
        statement
    };
    let case = |note, bytes: &[u8], reason| refused(note, "statement", bytes, reason);
    let mut one = [0; 32];
    one[0] = 1;
    let signed_twice = {
        let bytes = encoded(6);
        let start = bytes.len() - 2 * 65;
        [&bytes[..start], &bytes[start + 65..], &bytes[start..start + 65]].concat()
    };
    vec![
        case("nothing", b"", "truncated"),
        case("an unknown type", &[77, 1, 2, 3], "unknown-type"),
        case(
            "a certificate by a key of small order",
            &with(0, 17..49, &one),
            "key",
        ),
        case(
            "a certificate of the organisation for itself",
            &with(0, 49..81, sample::key(2).public().as_bytes()),
            "contradiction",
        ),
        case(
            "a certificate for longer than 90 days",
            &with(
                0,
                87..93,
                &[0xff; 5].iter().copied().chain([0x3f]).collect::<Vec<_>>(),
            ),
            "contradiction",
        ),
        case(
            "a certificate whose epochs end before they begin",
            &with(0, 93..94, &[17]),
            "contradiction",
        ),
        case(
            "a vouch for oneself",
            &with(1, 49..81, sample::key(3).public().as_bytes()),
            "contradiction",
        ),
        case("a name of nothing", &with(1, 81..103, &[0]), "text"),
        case("a name with a line feed", &with(1, 82..83, b"\n"), "text"),
        case("a name that is not UTF-8", &with(1, 82..83, &[0xff]), "text"),
        case("a country in lower case", &with(1, 111..113, b"fr"), "text"),
        case(
            "a revocation of something else",
            &with(3, 49..50, &[2]),
            "out-of-range",
        ),
        case("signatures of seeds in another order", &signed_twice, "order"),
        case(
            "a certificate for every network",
            &with(0, 1..17, &[0; 16]),
            "contradiction",
        ),
        case(
            "a vouch for every network",
            &with(1, 1..17, &[0; 16]),
            "contradiction",
        ),
        case(
            "a withdrawal for every network",
            &with(2, 1..17, &[0; 16]),
            "contradiction",
        ),
        case(
            "a succession for every network",
            &with(5, 1..17, &[0; 16]),
            "contradiction",
        ),
        case(
            "a change of seeds for every network",
            &with(6, 1..17, &[0; 16]),
            "contradiction",
        ),
        case("one byte more", &[&encoded(2)[..], &[0]].concat(), "trailing"),
        case("one byte less", &encoded(2)[..encoded(2).len() - 1], "truncated"),
    ]
}

fn bundles() -> Vec<Value> {
    vec![
        refused("an empty bundle", "bundle", &[0], "truncated"),
        refused(
            "an envelope is no bundle",
            "bundle",
            &spliced(0..0, b""),
            "out-of-range",
        ),
        refused("an empty envelope in it", "bundle", &[0, 0], "out-of-range"),
        refused("a bundle in it", "bundle", &[0, 3, 0, 1, 1], "out-of-range"),
        refused("less than announced", "bundle", &[0, 3, 1, 1], "truncated"),
    ]
}
