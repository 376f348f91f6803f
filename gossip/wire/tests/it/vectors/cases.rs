//! What stands in the files of `vectors/`. Salts, leaves and roots are computed here a second time, from the page and not
//! from the crate, so that the two check each other.

use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
use curve25519_dalek::edwards::CompressedEdwardsY;
use curve25519_dalek::scalar::Scalar;
use serde_json::{Value, json};
use sha2::{Digest, Sha512};
use vigie_wire::*;

use super::{invalid, parcels};
use crate::sample::{self, NOW, SALT, addresses, every_payload, every_sighting, every_statement, key, seal};

/// The name of each file and its content.
pub(crate) fn files() -> Vec<(&'static str, String)> {
    let render = |values: Vec<Value>| format!("{:#}\n", Value::from(values));
    vec![
        ("keys.json", render(keys())),
        ("signatures.json", render(signatures())),
        ("envelopes.json", render(envelopes())),
        ("statements.json", render(statements())),
        ("genesis.json", render(genesis())),
        ("rows.json", render(rows())),
        ("parcels.json", render(parcels::valid())),
        ("invalid.json", render(invalid::all())),
    ]
}

// === keys and signatures ===

fn y_encoding(low: u8, high: u8) -> [u8; 32] {
    let mut bytes = [0xff; 32];
    (bytes[0], bytes[31]) = (low, high);
    bytes
}

/// The eight points of small order, and the six writings of some of them with a y of p or p + 1, or a sign for x = 0.
pub(crate) fn small_order() -> Vec<[u8; 32]> {
    let mut one = [0; 32];
    (one[0], one[31]) = (1, 0x80);
    let minus_one = y_encoding(0xec, 0xff);
    let canonical = EIGHT_TORSION.iter().map(|point| point.compress().to_bytes());
    let others = [
        one,
        minus_one,
        y_encoding(0xed, 0x7f),
        y_encoding(0xed, 0xff),
        y_encoding(0xee, 0x7f),
        y_encoding(0xee, 0xff),
    ];
    canonical.chain(others).collect()
}

/// The other writings with a y of at least p: on the curve, but with a shorter writing.
fn not_canonical() -> Vec<[u8; 32]> {
    let all = (0xef..=0xff).flat_map(|low| [y_encoding(low, 0x7f), y_encoding(low, 0xff)]);
    all.filter(|bytes| CompressedEdwardsY(*bytes).decompress().is_some())
        .collect()
}

fn keys() -> Vec<Value> {
    let mut all: Vec<Value> = (1..=3)
        .map(|number| (key(number), "ordinary"))
        .map(valid_key)
        .collect();
    let refused =
        |bytes: [u8; 32], note: &str| json!({"note": note, "public": hex::encode(bytes), "valid": false});
    all.extend(
        small_order()
            .into_iter()
            .map(|bytes| refused(bytes, "small order")),
    );
    all.extend(
        not_canonical()
            .into_iter()
            .map(|bytes| refused(bytes, "not canonical")),
    );
    let off_curve = (2_u8..).map(|low| {
        let mut bytes = [0; 32];
        bytes[0] = low;
        bytes
    });
    let off_curve = off_curve.filter(|bytes| CompressedEdwardsY(*bytes).decompress().is_none());
    all.extend(off_curve.take(2).map(|bytes| refused(bytes, "not on the curve")));
    all
}

fn valid_key((secret, note): (SecretKey, &str)) -> Value {
    let public = secret.public();
    json!({
        "note": note, "seed": hex::encode(secret.seed()), "public": public, "valid": true,
        "publisher": public.publisher_id(), "organisation": public.org_id(),
    })
}

/// Signs by hand, with a nonce point and a key that carry points of small order.
fn forge(nonce: [u8; 32], key: [u8; 32], secrets: (Scalar, Scalar), message: &[u8]) -> Signature {
    let k: [u8; 64] = Sha512::new()
        .chain_update(nonce)
        .chain_update(key)
        .chain_update(message)
        .finalize()
        .into();
    let s = secrets.0 + Scalar::from_bytes_mod_order_wide(&k) * secrets.1;
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(&nonce);
    bytes[32..].copy_from_slice(s.as_bytes());
    Signature::from_bytes(bytes)
}

/// Key, signature, whether ZIP-215 accepts it. All are over the same domain and message.
pub(crate) fn signature_cases() -> Vec<(&'static str, PublicKey, Signature, bool)> {
    let message = [DOMAIN, b"\0", MESSAGE].concat();
    let honest = key(1);
    let (secret, nonce) = (Scalar::from(1_000_003_u64), Scalar::from(77_u64));
    let point = |scalar: Scalar| scalar * ED25519_BASEPOINT_POINT;
    let plain = point(secret).compress().to_bytes();
    let plain_key = PublicKey::from_bytes(plain).unwrap();
    let mut all = vec![("ordinary", honest.public(), honest.sign(DOMAIN, MESSAGE), true)];
    for torsion in EIGHT_TORSION {
        let mixed = (point(secret) + torsion).compress().to_bytes();
        let mixed_nonce = (point(nonce) + torsion).compress().to_bytes();
        let mixed_key = PublicKey::from_bytes(mixed).unwrap();
        let forged = forge(mixed_nonce, mixed, (nonce, secret), &message);
        all.push((
            "key and nonce with a part of small order",
            mixed_key,
            forged,
            true,
        ));
    }
    for small in small_order() {
        let forged = forge(small, plain, (Scalar::ZERO, secret), &message);
        all.push(("nonce of small order, in any writing", plain_key, forged, true));
    }
    let good = *honest.sign(DOMAIN, MESSAGE).as_bytes();
    all.push((
        "s plus the order of the group",
        honest.public(),
        Signature::from_bytes(plus_order(good)),
        false,
    ));
    let mut flipped = good;
    flipped[40] ^= 1;
    all.push((
        "one bit of s",
        honest.public(),
        Signature::from_bytes(flipped),
        false,
    ));
    all.push((
        "another domain",
        honest.public(),
        honest.sign(b"vigie/other/v1", MESSAGE),
        false,
    ));
    all.push((
        "another message",
        honest.public(),
        honest.sign(DOMAIN, b"other"),
        false,
    ));
    all.push((
        "another key",
        key(2).public(),
        honest.sign(DOMAIN, MESSAGE),
        false,
    ));
    let mut off_curve = good;
    off_curve[..32].copy_from_slice(&{
        let mut bytes = [0; 32];
        bytes[0] = 2;
        bytes
    });
    all.push((
        "nonce not on the curve",
        honest.public(),
        Signature::from_bytes(off_curve),
        false,
    ));
    all
}

pub(crate) const DOMAIN: &[u8] = b"vigie/envelope/v1";
pub(crate) const MESSAGE: &[u8] = b"a message";

/// The same signature with s + l: anybody can compute it, so it must not hold.
fn plus_order(mut signature: [u8; 64]) -> [u8; 64] {
    let order = hex::decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010").unwrap();
    let mut carry = 0_u16;
    for (byte, add) in signature[32..].iter_mut().zip(order) {
        carry += u16::from(*byte) + u16::from(add);
        *byte = carry.to_le_bytes()[0];
        carry >>= 8;
    }
    signature
}

fn signatures() -> Vec<Value> {
    let value = |(note, key, signature, valid): (&str, PublicKey, Signature, bool)| {
        json!({
            "note": note, "public": key, "domain": String::from_utf8_lossy(DOMAIN), "message": hex::encode(MESSAGE),
            "signature": hex::encode(signature.as_bytes()), "valid": valid,
        })
    };
    signature_cases().into_iter().map(value).collect()
}

// === envelopes ===

fn envelope(note: &str, bytes: &[u8]) -> Value {
    let envelope = Envelope::decode(bytes).unwrap();
    let header = envelope.header();
    let sightings: Vec<Sighting> = envelope.sightings().map(|(_, sighting)| sighting).collect();
    json!({
        "note": note, "bytes": hex::encode(bytes), "public": key(1).public(), "known": envelope.is_known(),
        "version": header.version, "kind": header.kind.number(), "flags": header.flags, "network": header.network,
        "publisher": header.publisher, "epoch": header.epoch, "seq": header.seq, "prev": header.prev,
        "time_base_millis": header.time_base, "tlp": header.tlp, "policy": header.policy, "rows": header.rows,
        "root": hex::encode(header.root), "signature": hex::encode(envelope.signature().as_bytes()),
        "header_hash": envelope.header_hash(), "form": format!("{:?}", envelope.form()).to_lowercase(),
        "sightings": sightings,
    })
}

fn envelopes() -> Vec<Value> {
    let short = every_payload()
        .into_iter()
        .filter(|(name, _)| !name.starts_with("256"));
    let mut all: Vec<Value> = short
        .map(|(name, payload)| envelope(name, &seal(payload).encode()))
        .collect();
    let three = seal(Payload::Sightings(addresses(3)));
    let retraction = seal(Payload::Retraction(sample::retracted()));
    all.push(envelope("three rows", &three.encode()));
    all.push(envelope("the middle row erased", &three.erase_row(1).encode()));
    all.push(envelope(
        "only the last row left",
        &three.erase_row(0).erase_row(1).encode(),
    ));
    all.push(envelope("the body erased", &three.erase_body().encode()));
    all.push(envelope(
        "a row of a retraction erased",
        &retraction.erase_row(0).encode(),
    ));
    let eleven = seal(Payload::Sightings(addresses(11)));
    all.push(envelope(
        "rows 1 and 9 of eleven erased",
        &eleven.erase_row(9).erase_row(1).encode(),
    ));
    let clear = Draft {
        tlp: Tlp::Clear,
        policy: 63,
        epoch: u32::MAX,
        seq: u64::MAX,
        ..sample::draft(Payload::Head)
    };
    all.push(envelope(
        "the largest numbers",
        &clear.seal(&key(1), SALT).unwrap().encode(),
    ));
    let first = Draft {
        seq: 0,
        ..sample::draft(Payload::Sightings(addresses(1)))
    };
    all.push(envelope(
        "a first envelope that names one before it",
        &first.seal(&key(1), SALT).unwrap().encode(),
    ));
    let future = |change: fn(&mut Header)| sample::from_the_future(change, b"later");
    all.push(envelope(
        "a statement of type 77 among vouches",
        &with_an_unknown_statement(),
    ));
    all.push(envelope("version 2", &future(|header| header.version = 2)));
    all.push(envelope(
        "kind 99",
        &future(|header| header.kind = Kind::Unknown(99)),
    ));
    all.push(envelope("flag 1", &future(|header| header.flags = 1)));
    all
}

/// An envelope of a newer publisher: one vouch, and one statement of a type that version 1 does not have.
pub(crate) fn with_an_unknown_statement() -> Vec<u8> {
    let items = [sample::vouch().encode(), vec![77, 1, 2, 3]];
    let salts = row_salts(&SALT, items.len());
    let leaf = |(salt, item): (&[u8; 16], &Vec<u8>)| row_leaf(salt, item);
    let leaves: Vec<[u8; 32]> = salts.iter().zip(&items).map(leaf).collect();
    let vouches = seal(Payload::Statements(vec![sample::vouch()]));
    let header = Header {
        rows: 2,
        root: root(&leaves),
        ..*vouches.header()
    };
    let body = items
        .iter()
        .flat_map(|item| [varint(item.len() as u64), item.clone()].concat());
    let mut bytes = SignedHeader::sign(header, &key(1)).encode();
    bytes.extend([&[1][..], &SALT].concat().into_iter().chain(body));
    bytes
}

fn statements() -> Vec<Value> {
    let value = |(note, statement): (&str, Statement)| {
        json!({
            "note": note, "bytes": hex::encode(statement.encode()), "id": statement.id(),
            "network": statement.network(), "signer": statement.signer(), "kind": statement.kind().number(),
        })
    };
    let everywhere = ("a revocation for every network", sample::revocation_everywhere());
    every_statement()
        .into_iter()
        .chain([everywhere])
        .map(value)
        .collect()
}

/// The third seed's.
const KEY: &str = "34b4d9043156cb6dcf0beb0a2949b7559c940d2bcb6dbe8c53a9b30278e3a746";

fn genesis() -> Vec<Value> {
    let genesis = sample::genesis();
    let text = genesis.render();
    let alone = Genesis {
        quorum: 1,
        seeds: genesis.seeds[..1].to_vec(),
        members: Vec::new(),
        ..genesis.clone()
    };
    let good = |note: &str, genesis: &Genesis| json!({"note": note, "text": genesis.render(), "network": genesis.network()});
    let bad = |note: &str, from: &str, to: &str| {
        let text = text.replacen(from, to, 1);
        let line = Genesis::parse(&text).unwrap_err().line;
        json!({"note": note, "text": text, "line": line})
    };
    vec![
        good("valid", &genesis),
        good("one seed and nobody else", &alone),
        bad("another first line", "genesis 1", "genesis 2"),
        bad("carriage return", "genesis 1\n", "genesis 1\r\n"),
        bad("two spaces", "quorum 2", "quorum  2"),
        bad("leading zero", "quorum 2", "quorum 02"),
        bad("quorum above the number of seeds", "quorum 2", "quorum 4"),
        bad("date that does not exist", "2026-11-22", "2026-02-30"),
        bad("country in lower case", " FR ", " fr "),
        bad("zero for a hyphen", " DE - ", " DE 0 "),
        bad("blank line", "quorum 2\n", "quorum 2\n\n"),
        bad("member before seed", "\nseed ", "\nmember "),
        bad("name with a control character", "CERT-EX", "CERT\u{7}EX"),
        bad("key in upper case", "d62f", "D62F"),
        bad("quorum of nobody", "quorum 2", "quorum 0"),
        bad("operator of zeros", "0cc170c546c93b3b", "0000000000000000"),
        bad("a time that no clock shows", "T02:35:20Z", "T02:35:60Z"),
        bad("history beyond 32 bits", " 5000 ", " 4294967296 "),
        bad("another word", "\nmember ", "\nfriend "),
        bad("no line feed at the end", "l'Exemple\n", "l'Exemple"),
        bad("a space at the end of a name", "CERT-EX\n", "CERT-EX \n"),
        bad("a key of small order", KEY, &format!("01{}", "0".repeat(62))),
        bad("a key that stands twice", KEY, &genesis.seeds[1].key.to_string()),
    ]
}

// === rows, by the page ===

/// 16 bytes for each row, out of BLAKE3's key derivation.
pub(crate) fn row_salts(salt: &[u8; 16], rows: usize) -> Vec<[u8; 16]> {
    let mut stream = blake3::Hasher::new_derive_key("vigie/row-salt/v1")
        .update(salt)
        .finalize_xof();
    let mut next = || {
        let mut salt = [0; 16];
        stream.fill(&mut salt);
        salt
    };
    (0..rows).map(|_| next()).collect()
}

pub(crate) fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

/// The canonical bytes of a row.
fn row_bytes(row: &Sighting, base: Timestamp) -> Vec<u8> {
    let prefixed = |tag: u8, value: &[u8]| [&[tag][..], &varint(value.len() as u64), value].concat();
    let range = |prefix: u8, octets: &[u8]| prefixed(3, &[&[prefix], octets].concat());
    let mut out = match &row.indicator {
        Indicator::Ip(std::net::IpAddr::V4(address)) => [&[1][..], &address.octets()].concat(),
        Indicator::Ip(std::net::IpAddr::V6(address)) => [&[2][..], &address.octets()].concat(),
        Indicator::Range(ipnet::IpNet::V4(net)) => range(net.prefix_len(), &net.addr().octets()),
        Indicator::Range(ipnet::IpNet::V6(net)) => range(net.prefix_len(), &net.addr().octets()),
        Indicator::Domain(text) => prefixed(4, text.as_bytes()),
        Indicator::Url(text) => prefixed(5, text.as_bytes()),
        Indicator::Sha256(hash) => prefixed(6, &**hash),
        Indicator::Asn(number) => prefixed(7, &varint(u64::from(*number))),
        Indicator::Unknown { tag, bytes } => prefixed(*tag, bytes),
    };
    let minutes = row.at.as_millis() / 60_000 - base.as_millis() / 60_000;
    let zigzag = if minutes < 0 {
        minutes.unsigned_abs() * 2 - 1
    } else {
        minutes.unsigned_abs() * 2
    };
    out.extend(varint(u64::from(row.behaviour.0)));
    out.extend(row.rule.0);
    out.extend(varint(zigzag));
    out.extend([row.count.log2(), row.confidence]);
    out
}

fn hash(domain: &str, parts: &[&[u8]]) -> [u8; 32] {
    blake3::hash(&[domain.as_bytes(), &[0], &parts.concat()].concat()).into()
}

/// The leaf of a row.
pub(crate) fn leaf(salt: &[u8; 16], row: &Sighting, base: Timestamp) -> [u8; 32] {
    row_leaf(salt, &row_bytes(row, base))
}

/// The same of the row's bytes.
pub(crate) fn row_leaf(salt: &[u8; 16], row: &[u8]) -> [u8; 32] {
    hash("vigie/leaf/v1", &[salt, row])
}

/// The root, written as the page says it: split where the left side is the largest power of two.
pub(crate) fn root(leaves: &[[u8; 32]]) -> [u8; 32] {
    match leaves {
        [leaf] => *leaf,
        leaves => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            hash("vigie/node/v1", &[&root(left), &root(right)])
        }
    }
}

fn rows() -> Vec<Value> {
    let cases = [
        ("one", addresses(1)),
        ("two", addresses(2)),
        ("seven", addresses(7)),
        ("every type", every_sighting()),
    ];
    let value = |(note, sightings)| {
        let envelope = seal(Payload::Sightings(sightings));
        let salts = row_salts(&SALT, usize::from(envelope.header().rows));
        let rows: Vec<&Sighting> = envelope.rows().map(|(_, row)| row).collect();
        let leaves: Vec<[u8; 32]> = salts
            .iter()
            .zip(&rows)
            .map(|(salt, row)| leaf(salt, row, NOW))
            .collect();
        assert_eq!(
            root(&leaves),
            envelope.header().root,
            "the page and the crate differ"
        );
        let of_row = |(row, (salt, leaf)): (&&Sighting, (&[u8; 16], &[u8; 32]))| json!({"bytes": hex::encode(row_bytes(row, NOW)), "salt": hex::encode(salt), "leaf": hex::encode(leaf)});
        let all: Vec<Value> = rows.iter().zip(salts.iter().zip(&leaves)).map(of_row).collect();
        json!({"note": note, "salt": hex::encode(SALT), "time_base_millis": NOW, "rows": all, "root": hex::encode(root(&leaves))})
    };
    cases.into_iter().map(value).collect()
}
