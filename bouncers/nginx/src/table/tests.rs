use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::form::{FormError, TooLarge, decode, encode, encode_within};
use super::*;
use crate::clock::Boot;

const BOOT: Boot = Boot([7; 16]);

fn by(origin: Origin, entry: Entry) -> Entry {
    Entry { origin, ..entry }
}

fn entry(network: &str, remediation: Remediation, until: u32) -> Entry {
    let (address, prefix) = network.split_once('/').unwrap_or((network, ""));
    let address: IpAddr = address.parse().unwrap();
    let whole = if address.is_ipv4() { 32 } else { 128 };
    Entry {
        address,
        prefix: prefix.parse().unwrap_or(whole),
        remediation,
        until,
        origin: Origin::Mesh,
    }
}

fn table(entries: &[Entry]) -> Table {
    decode(&encode(entries, BOOT).unwrap(), BOOT).unwrap()
}

fn check(table: &Table, address: &str, now: u32, expected: Option<Remediation>) {
    assert_eq!(
        table.look_up(address.parse().unwrap(), || now).strongest(),
        expected,
        "{address} at {now}"
    );
}

#[test]
fn the_strongest_word_that_is_not_over_wins() {
    use Remediation::{Ban, Challenge, Pass, Throttle};
    let table = table(&[
        entry("10.0.0.0/8", Ban, 100),
        entry("10.1.0.0/16", Pass, 60),
        entry("10.1.2.0/24", Challenge, 200),
        entry("10.1.2.3", Throttle, 300),
        entry("10.1.2.3", Ban, 40),
        entry("2001:db8::/32", Ban, 100),
        entry("2001:db8::1", Pass, 60),
    ]);
    check(&table, "10.0.0.0", 99, Some(Ban));
    check(&table, "10.255.255.255", 99, Some(Ban));
    check(&table, "10.255.255.255", 100, None);
    check(&table, "11.0.0.0", 0, None);
    check(&table, "9.255.255.255", 0, None);
    check(&table, "10.1.0.1", 0, Some(Pass));
    check(&table, "10.1.0.1", 60, Some(Ban));
    check(&table, "10.1.2.3", 39, Some(Pass));
    // A soft word for one client is no way out of a banned range.
    check(&table, "10.1.2.3", 60, Some(Ban));
    check(&table, "10.1.2.3", 100, Some(Challenge));
    check(&table, "10.1.2.4", 199, Some(Challenge));
    check(&table, "10.1.2.4", 200, None);
    check(&table, "10.1.2.3", 299, Some(Throttle));
    check(&table, "10.1.2.3", 300, None);
    check(&table, "::ffff:10.1.2.3", 60, Some(Ban));
    check(&table, "2001:db8::1", 59, Some(Pass));
    check(&table, "2001:db8::1", 60, Some(Ban));
    check(&table, "2001:db9::1", 0, None);
}

#[test]
fn each_word_has_the_origin_of_the_narrowest_network_that_says_it() {
    use Remediation::{Ban, Challenge, Pass, Throttle};
    let table = table(&[
        by(Origin::Mesh, entry("10.0.0.0/8", Ban, 100)),
        by(Origin::Sensor, entry("10.1.2.0/24", Ban, 60)),
        by(Origin::Console, entry("10.1.0.0/16", Throttle, 60)),
        by(Origin::Manual, entry("10.1.2.3", Challenge, 100)),
        // Of two on the same network the one that ends last.
        by(Origin::Lists, entry("10.9.9.9", Pass, 40)),
        by(Origin::Capi, entry("10.9.9.9", Pass, 50)),
    ]);
    let origins = |address: &str, now| {
        let words = table.look_up(address.parse().unwrap(), || now);
        Remediation::ALL.map(|word| words.origin(word))
    };
    let (throttle, challenge) = (Some(Origin::Console), Some(Origin::Manual));
    assert_eq!(
        origins("10.1.2.3", 0),
        [throttle, challenge, Some(Origin::Sensor), None]
    );
    assert_eq!(
        origins("10.1.2.3", 60),
        [None, challenge, Some(Origin::Mesh), None]
    );
    assert_eq!(
        origins("10.9.9.9", 0),
        [None, None, Some(Origin::Mesh), Some(Origin::Capi)]
    );
    assert_eq!(origins("11.0.0.0", 0), [None; 4]);
}

#[test]
fn the_ends_of_the_address_space_are_no_border_cases() {
    use Remediation::Ban;
    let table = table(&[
        entry("0.0.0.0/0", Ban, 10),
        entry("0.0.0.0", Ban, 30),
        entry("255.255.255.255", Ban, 20),
        entry("::/0", Ban, 10),
    ]);
    check(&table, "0.0.0.0", 29, Some(Ban));
    check(&table, "0.0.0.1", 10, None);
    check(&table, "255.255.255.255", 19, Some(Ban));
    check(&table, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 9, Some(Ban));
    check(&Table::default(), "0.0.0.0", 0, None);
}

#[test]
fn one_network_has_a_row_for_each_word_that_counts() {
    use Remediation::{Ban, Challenge, Pass, Throttle};
    let table = table(&[
        entry("192.0.2.1", Ban, 10),
        entry("::ffff:192.0.2.1", Ban, 20),
        entry("192.0.2.1", Challenge, 20),
        entry("192.0.2.1", Throttle, 21),
        entry("192.0.2.9/24", Ban, 5),
        entry("192.0.2.0/24", Pass, 3),
    ]);
    assert_eq!(table.len(), 4);
    check(&table, "192.0.2.1", 2, Some(Pass));
    check(&table, "192.0.2.1", 19, Some(Ban));
    check(&table, "192.0.2.1", 20, Some(Throttle));
    check(&table, "192.0.2.2", 2, Some(Pass));
    check(&table, "192.0.2.2", 4, Some(Ban));
    check(&table, "192.0.2.2", 5, None);
}

#[test]
fn a_challenge_takes_nothing_from_a_throttle_and_a_ban_or_pass_does() {
    use Remediation::{Ban, Challenge, Pass, Throttle};
    let table = table(&[
        entry("192.0.2.0/24", Challenge, 100),
        entry("192.0.2.1", Challenge, 100),
        entry("192.0.2.1", Throttle, 50),
        entry("192.0.2.2", Throttle, 50),
        entry("192.0.2.2", Ban, 40),
        entry("192.0.2.3", Throttle, 50),
        entry("192.0.2.3", Pass, 40),
        entry("192.0.2.4", Challenge, 50),
    ]);
    let throttles = |address: &str, now| table.look_up(address.parse().unwrap(), || now).throttle();
    assert!(throttles("192.0.2.1", 49) && !throttles("192.0.2.1", 50));
    for address in ["192.0.2.2", "192.0.2.3"] {
        assert!(!throttles(address, 39) && throttles(address, 40), "{address}");
    }
    assert!(!throttles("192.0.2.4", 0));
}

#[test]
fn what_is_broken_is_refused_with_the_reason() {
    let good = encode(
        &[
            entry("192.0.2.1", Remediation::Ban, 9),
            entry("192.0.2.2", Remediation::Ban, 9),
        ],
        BOOT,
    )
    .unwrap();
    let check = |change: &dyn Fn(&mut Vec<u8>), expected: &str| {
        let mut bytes = good.clone();
        change(&mut bytes);
        assert_eq!(decode(&bytes, BOOT).unwrap_err().to_string(), expected);
    };
    let reseal = |bytes: &mut Vec<u8>| {
        let checksum = crc32fast::hash(&bytes[16..]).to_le_bytes();
        bytes[12..16].copy_from_slice(&checksum);
    };
    check(
        &|bytes| bytes.truncate(0),
        "it has 0 bytes, a header alone has 48",
    );
    check(&|bytes| bytes[0] = b'X', "it is not a table of Vigie's");
    check(
        &|bytes| bytes[8] = 1,
        "it is of version 1, this module reads version 3",
    );
    check(
        &|bytes| bytes.truncate(60),
        "it has 60 bytes and says that it has 70",
    );
    check(&|bytes| bytes.push(0), "it has 71 bytes and says that it has 70");
    check(&|bytes| bytes[40] = 3, "it has 70 bytes and says that it has 70");
    check(&|bytes| bytes[50] ^= 1, "its checksum is wrong");
    check(
        &|bytes| {
            bytes[30] ^= 1;
            reseal(bytes);
        },
        "it was written before this start of the machine",
    );
    check(
        &|bytes| {
            bytes[67] = 33;
            reseal(bytes);
        },
        "row 1 of IPv4 is no network",
    );
    check(
        &|bytes| {
            bytes[62] = 1;
            reseal(bytes);
        },
        "row 1 of IPv4 is out of order",
    );
    check(
        &|bytes| {
            bytes[68] = 9;
            reseal(bytes);
        },
        "row 1 of IPv4 has an unknown remediation",
    );
    check(
        &|bytes| {
            bytes[69] = 11;
            reseal(bytes);
        },
        "row 1 of IPv4 has an unknown origin",
    );
    assert_eq!(decode(&good, Boot([8; 16])), Err(FormError::OtherBoot));
}

#[test]
fn a_table_has_a_bound() {
    let rows = [
        entry("192.0.2.1", Remediation::Ban, 9),
        entry("192.0.2.2", Remediation::Ban, 9),
        entry("192.0.2.2", Remediation::Ban, 8),
    ];
    assert!(encode_within(70, &rows, BOOT).is_ok());
    assert_eq!(
        encode_within(69, &rows, BOOT),
        Err(TooLarge { rows: 2, limit: 69 })
    );
}

/// Few addresses close together, so that networks nest and ends fall between.
fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let address = prop_oneof![
        (0_u32..40).prop_map(|n| IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + n * 3))),
        (0_u128..40).prop_map(|n| IpAddr::V6(Ipv6Addr::from_bits((0x2001 << 112) + n * 3))),
    ];
    let one = (address, 0_u8..12, 1_u8..5, 1_u32..6).prop_map(|(address, wider, code, until)| Entry {
        address,
        prefix: if address.is_ipv4() {
            32 - wider
        } else {
            128 - wider
        },
        remediation: Remediation::of(code).unwrap(),
        until,
        origin: Origin::Mesh,
    });
    proptest::collection::vec(one, 0..30)
}

/// What the rows say, looked at one by one.
fn by_hand(entries: &[Entry], address: IpAddr, now: u32) -> Option<Remediation> {
    let bits = |address: IpAddr| match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
        IpAddr::V6(v6) => v6.to_bits(),
    };
    let holds = |entry: &Entry| {
        let outside = 128 - u32::from(entry.prefix);
        entry.address.is_ipv4() == address.is_ipv4()
            && (bits(entry.address) ^ bits(address))
                .checked_shr(outside)
                .unwrap_or(0)
                == 0
    };
    let around = entries.iter().filter(|entry| entry.until > now && holds(entry));
    around.map(|entry| entry.remediation).max()
}

proptest! {
    #[test]
    fn every_address_gets_what_the_rows_say(entries in entries(), now in 0_u32..6) {
        let table = table(&entries);
        for n in 0..130_u32 {
            let v4 = IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + n - 5));
            let v6 = IpAddr::V6(Ipv6Addr::from_bits((0x2001 << 112) + u128::from(n)));
            for address in [v4, v6] {
                prop_assert_eq!(table.look_up(address, || now).strongest(), by_hand(&entries, address, now), "{}", address);
            }
        }
    }

    #[test]
    fn rubbish_is_never_a_table(mut bytes in proptest::collection::vec(any::<u8>(), 0..300), seal in any::<bool>()) {
        if seal && bytes.len() >= 48 {
            let length = bytes.len() as u64;
            bytes[..12].copy_from_slice(b"VIGIENGX\x02\0\0\0");
            bytes[16..24].copy_from_slice(&length.to_le_bytes());
            bytes[24..40].copy_from_slice(&BOOT.0);
            let rows = u32::try_from((bytes.len() - 48) / 10).unwrap();
            bytes[40..44].copy_from_slice(&rows.to_le_bytes());
            bytes[44..48].copy_from_slice(&[0; 4]);
            let checksum = crc32fast::hash(&bytes[16..]).to_le_bytes();
            bytes[12..16].copy_from_slice(&checksum);
        }
        // Sealed rubbish may be a table; then it is one that answers.
        if let Ok(table) = decode(&bytes, BOOT) {
            table.look_up(IpAddr::V4(Ipv4Addr::LOCALHOST), || 0);
        }
    }

    #[test]
    fn one_flipped_bit_is_noticed(entries in entries(), at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let mut bytes = encode(&entries, BOOT).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(decode(&bytes, BOOT).is_err());
    }

    #[test]
    fn a_table_cut_off_is_noticed(entries in entries(), at in any::<prop::sample::Index>()) {
        let bytes = encode(&entries, BOOT).unwrap();
        let at = at.index(bytes.len());
        prop_assert!(decode(&bytes[..at], BOOT).is_err());
    }
}
