//! Bytes to disagree about: what the encoder makes of seeded values, the same with small changes, and bodies that are
//! put together by hand with a root that fits, so that what is wrong in a row is not hidden by a wrong root.

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use vigie_wire::*;

use super::dice::Dice;
use crate::sample::{self, SALT, key};
use crate::strategy;
use crate::vectors::cases::{root, row_leaf, row_salts, varint};

/// What to read the bytes as, and the bytes.
pub(crate) type Case = (&'static str, Vec<u8>);

/// All of them.
pub(crate) fn cases(dice: &mut Dice) -> Vec<Case> {
    let drafts = drafts(dice);
    let mut all: Vec<Case> = drafts
        .iter()
        .map(|envelope| ("envelope", envelope.encode()))
        .collect();
    all.extend(drafts.iter().map(|envelope| ("envelope", erased(dice, envelope))));
    all.extend((0..200).map(|_| {
        let envelope = dice.one_of(&drafts).encode();
        ("envelope", dice.mutated(&envelope))
    }));
    all.extend((0..300).map(|_| ("envelope", sightings(dice))));
    all.extend((0..250).map(|_| ("envelope", items(dice, &drafts))));
    all.extend((0..80).map(|_| ("envelope", opaque(dice))));
    all.extend((0..300).map(|_| ("statement", statement(dice))));
    all.extend((0..60).map(|_| ("proof", proof(dice, &drafts))));
    all.extend((0..60).map(|_| ("bundle", bundle(dice, &drafts))));
    all.extend((0..150).map(|_| ("genesis", genesis(dice))));
    all
}

fn drafts(dice: &mut Dice) -> Vec<Envelope> {
    let mut runner = TestRunner::deterministic();
    let mut made = Vec::new();
    while made.len() < 100 {
        let mut draft = strategy::draft().new_tree(&mut runner).unwrap().current();
        if dice.once_in(3) {
            (draft.epoch, draft.seq, draft.prev) = (0, 0, HeaderHash([0; 32]));
        }
        let signer = key(dice.below(3) as u8 + 1);
        made.extend(
            draft
                .seal(&signer, dice.bytes())
                .ok()
                .filter(|one| one.encode().len() < 4_000),
        );
    }
    made
}

fn erased(dice: &mut Dice, envelope: &Envelope) -> Vec<u8> {
    if dice.once_in(4) {
        return envelope.erase_body().encode();
    }
    let mut less = envelope.clone();
    for _ in 0..=dice.below(4) {
        less = less.erase_row(dice.below(usize::from(envelope.header().rows) + 1) as u8);
    }
    less.encode()
}

/// A header of these rows, signed, and the body in front of the content.
fn sealed(kind: Kind, rows: &[Vec<u8>], content: &[u8]) -> Vec<u8> {
    let salts = row_salts(&SALT, rows.len());
    let leaves: Vec<[u8; 32]> = salts
        .iter()
        .zip(rows)
        .map(|(salt, row)| row_leaf(salt, row))
        .collect();
    let header = Header {
        kind,
        rows: rows.len() as u16,
        root: root(&leaves),
        ..*sample::seal(Payload::Head).header()
    };
    let mut bytes = SignedHeader::sign(header, &key(1)).encode();
    bytes.push(1);
    bytes.extend(SALT);
    bytes.extend(content);
    bytes
}

fn prefixed(bytes: &[u8]) -> Vec<u8> {
    [varint(bytes.len() as u64), bytes.to_vec()].concat()
}

/// Columns, most of them as they should be.
fn sightings(dice: &mut Dice) -> Vec<u8> {
    let rows = dice.below(6) + 1;
    let mut table: Vec<(u64, [u8; 8])> = (0..=dice.below(rows))
        .map(|_| {
            (
                dice.one_of(&[0, 1, 5, 127, 128, 65_535]),
                [dice.below(2) as u8; 8],
            )
        })
        .collect();
    if !dice.once_in(12) {
        table.sort_unstable();
        table.dedup();
    }
    let mut index: Vec<u8> = (0..rows).map(|row| (row % table.len()) as u8).collect();
    if dice.once_in(10) {
        index[0] = dice.below(table.len() + 1) as u8;
    }
    let v4 = dice.below(rows + 1);
    let v6 = dice.below(rows + 1 - v4);
    let indicators: Vec<Vec<u8>> = (0..rows)
        .map(|row| match row {
            row if row < v4 => [&[1][..], &dice.bytes::<4>()].concat(),
            row if row < v4 + v6 => [&[2][..], &v6_address(dice)].concat(),
            _ => indicator(dice),
        })
        .collect();
    let minutes: Vec<Vec<u8>> = (0..rows).map(|_| varint(minutes(dice))).collect();
    let counts: Vec<u8> = (0..rows).map(|_| odd_byte(dice, 63)).collect();
    let confidences: Vec<u8> = (0..rows).map(|_| odd_byte(dice, 100)).collect();
    let row_bytes: Vec<Vec<u8>> = (0..rows)
        .map(|row| {
            let (behaviour, rule) = table[usize::from(index[row]).min(table.len() - 1)];
            let entry = [varint(behaviour), rule.to_vec()].concat();
            [
                indicators[row].clone(),
                entry,
                minutes[row].clone(),
                vec![counts[row], confidences[row]],
            ]
            .concat()
        })
        .collect();
    let mut content = varint(table.len() as u64);
    content.extend(
        table
            .iter()
            .flat_map(|(behaviour, rule)| [varint(*behaviour), rule.to_vec()].concat()),
    );
    content.extend([varint(v4 as u64), varint(v6 as u64)].concat());
    content.extend(
        indicators
            .iter()
            .enumerate()
            .flat_map(|(row, bytes)| bytes[usize::from(row < v4 + v6)..].to_vec()),
    );
    content.extend(index);
    content.extend(minutes.concat());
    content.extend(counts);
    content.extend(confidences);
    sealed(Kind::Sightings, &row_bytes, &content)
}

fn v6_address(dice: &mut Dice) -> [u8; 16] {
    let mut address = dice.bytes();
    if dice.once_in(8) {
        address[..12].copy_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]);
    }
    address
}

fn odd_byte(dice: &mut Dice, most: u8) -> u8 {
    if dice.once_in(30) {
        most + 1
    } else {
        dice.below(usize::from(most) + 1) as u8
    }
}

/// Zigzag minutes: near, or at the ends of what a time can be.
fn minutes(dice: &mut Dice) -> u64 {
    const BEFORE_1970: u64 = 2 * 29_921_915;
    match dice.below(24) {
        0 => BEFORE_1970 - 1 + dice.below(4) as u64,
        1 => 2 * (4_223_371_679 - 29_921_915) - 2 + 2 * dice.below(3) as u64,
        2 => dice.number(),
        _ => dice.below(200) as u64,
    }
}

/// Type and value of one that is no address; many of them at the edge of what is taken.
fn indicator(dice: &mut Dice) -> Vec<u8> {
    let texts = [
        "a", "a.b", "-", "a..b", ".a", "a.", "A.b", "a_b.c-d", "1.2.3.4", "a b", "",
    ];
    let urls = [
        "http://a",
        "h://x",
        "a+b-c.1://~!",
        "http:/a",
        "://a",
        "1a://b",
        "http://",
        "Http://a",
        "ftp://a b",
    ];
    let long = |length: usize| "x".repeat(length);
    let (kind, value) = match dice.below(7) {
        0 => (3, range(dice)),
        1 if dice.once_in(4) => {
            let labels = [long(63), long(63), long(63), long(60 + dice.below(3))];
            (4, labels.join(".").into_bytes())
        }
        1 => (4, dice.one_of(&texts).as_bytes().to_vec()),
        2 if dice.once_in(8) => (5, format!("http://{}", long(1_016 + dice.below(3))).into_bytes()),
        2 => (5, dice.one_of(&urls).as_bytes().to_vec()),
        3 => (6, vec![7; 32 - usize::from(dice.once_in(6))]),
        4 => {
            let past_the_end = dice.once_in(6);
            let number = dice.number() >> 32;
            (7, varint(if past_the_end { number + (1 << 32) } else { number }))
        }
        5 if dice.once_in(6) => (dice.below(3) as u8, dice.bytes::<4>().to_vec()),
        _ => (
            8 + dice.below(248) as u8,
            dice.bytes::<5>()[..dice.below(6)].to_vec(),
        ),
    };
    [vec![kind], prefixed(&value)].concat()
}

fn range(dice: &mut Dice) -> Vec<u8> {
    let v4 = dice.once_in(2);
    let width = if v4 { 4 } else { 16 };
    let mut address = if dice.once_in(2) {
        vec![0; width]
    } else {
        dice.bytes::<16>()[..width].to_vec()
    };
    if !v4 && dice.once_in(3) {
        address[..12].copy_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]);
    }
    let prefix = if dice.once_in(8) {
        width * 8
    } else {
        dice.below(width * 8)
    };
    if !dice.once_in(6) {
        for bit in prefix..width * 8 {
            address[bit / 8] &= !(0x80 >> (bit % 8));
        }
    }
    [vec![prefix as u8], address].concat()
}

/// Rows of another kind, of which one may be changed, and which may stand in an envelope of the wrong kind.
fn items(dice: &mut Dice, drafts: &[Envelope]) -> Vec<u8> {
    let kind = dice.one_of(&[
        Kind::Retraction,
        Kind::Dispute,
        Kind::Certificate,
        Kind::Vouch,
        Kind::Revocation,
        Kind::Proof,
    ]);
    let count = if kind == Kind::Proof { 1 } else { dice.below(3) + 1 };
    let mut rows: Vec<Vec<u8>> = (0..count).map(|_| item(dice, kind, drafts)).collect();
    if dice.once_in(2) {
        let changed = dice.below(count);
        rows[changed] = dice.mutated(&rows[changed]);
    }
    let content: Vec<u8> = rows.iter().flat_map(|row| prefixed(row)).collect();
    sealed(kind, &rows, &content)
}

fn item(dice: &mut Dice, kind: Kind, drafts: &[Envelope]) -> Vec<u8> {
    let place = |dice: &mut Dice| {
        let epoch = dice.number() >> 32;
        [varint(epoch), varint(dice.number()), vec![dice.next() as u8]].concat()
    };
    match kind {
        Kind::Retraction => place(dice),
        Kind::Dispute => [
            dice.bytes::<16>().to_vec(),
            place(dice),
            vec![dice.below(9) as u8],
        ]
        .concat(),
        Kind::Proof => proof(dice, drafts),
        _ if dice.once_in(12) => vec![dice.one_of(&[0, 7, 77, 255]), 1, 2],
        _ => {
            let fitting: Vec<Statement> = sample::every_statement()
                .into_iter()
                .map(|(_, statement)| statement)
                .filter(|statement| statement.kind() == kind)
                .collect();
            let anything = dice.once_in(20);
            if anything {
                statement(dice)
            } else {
                dice.one_of(&fitting).encode()
            }
        }
    }
}

/// A statement, as often changed as not.
fn statement(dice: &mut Dice) -> Vec<u8> {
    let all = sample::every_statement();
    let (_, statement) = dice.one_of(&all);
    let bytes = statement.encode();
    if dice.once_in(3) {
        bytes
    } else {
        dice.mutated(&bytes)
    }
}

/// Two headers about one place, or nearly.
fn proof(dice: &mut Dice, drafts: &[Envelope]) -> Vec<u8> {
    let one = *dice.one_of(drafts).header();
    let mut other = Header {
        time_base: sample::NOW,
        root: dice.bytes(),
        ..one
    };
    match dice.below(8) {
        0 => other.seq ^= 1,
        1 => other.network.0[0] ^= 1,
        2 => {
            other = Header {
                kind: Kind::Head,
                prev: one.hash(),
                ..other
            }
        }
        3 => {
            other = Header {
                kind: Kind::Head,
                ..other
            }
        }
        4 => other = one,
        5 => other.version = 9,
        _ => {}
    }
    let signer = key(dice.below(2) as u8 + 1);
    let mut halves = [
        SignedHeader::sign(one, &signer),
        SignedHeader::sign(other, &signer),
    ];
    halves.sort_unstable_by_key(SignedHeader::assertion);
    if dice.once_in(6) {
        halves.reverse();
    }
    let bytes = halves.map(|half| half.encode()).concat();
    if dice.once_in(4) {
        dice.mutated(&bytes)
    } else {
        bytes
    }
}

/// Of a later version, kind or flag.
fn opaque(dice: &mut Dice) -> Vec<u8> {
    let length = if dice.once_in(4) {
        3_860 + dice.below(20)
    } else {
        dice.below(60)
    };
    let length = if dice.once_in(12) {
        16_150 + dice.below(60)
    } else {
        length
    };
    let (which, number) = (dice.below(4), dice.below(250) as u8);
    let change = |header: &mut Header| match which {
        0 => header.version = number,
        1 => header.flags = number,
        2 => header.kind = Kind::from_number(number),
        _ => (header.version, header.rows, header.kind) = (2, 0, Kind::Head),
    };
    let bytes = sample::from_the_future(change, &vec![7; length]);
    if dice.once_in(2) {
        dice.mutated(&bytes)
    } else {
        bytes
    }
}

fn bundle(dice: &mut Dice, drafts: &[Envelope]) -> Vec<u8> {
    let members = (0..dice.below(4)).map(|_| prefixed(&dice.one_of(drafts).encode()));
    let bytes = [vec![0], members.collect::<Vec<_>>().concat()].concat();
    if dice.once_in(2) {
        dice.mutated(&bytes)
    } else {
        bytes
    }
}

/// A genesis file with a change that people would make, or one that bytes suffer.
fn genesis(dice: &mut Dice) -> Vec<u8> {
    let text = sample::genesis().render();
    if dice.once_in(4) {
        return dice.mutated(text.as_bytes());
    }
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let at = dice.below(lines.len());
    match dice.below(6) {
        0 => drop(lines.remove(at)),
        1 => lines.insert(at, dice.one_of(&lines.clone())),
        2 => lines.swap(at, (at + 1) % text.lines().count()),
        _ => {
            let mut words: Vec<&str> = lines[at].split(' ').collect();
            let word = dice.below(words.len());
            words[word] = dice.one_of(&[
                "-",
                "0",
                "00",
                "1",
                "64",
                "65",
                "4294967296",
                "FR",
                "Fr",
                "",
                "é",
                "x  y",
                "\u{200b}",
                "created",
            ]);
            lines[at] = words.join(" ");
        }
    }
    lines
        .iter()
        .map(|line| format!("{line}\n"))
        .collect::<String>()
        .into_bytes()
}
