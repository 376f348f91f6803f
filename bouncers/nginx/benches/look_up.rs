//! How long a thousand look-ups take among 100,000 addresses and 10,000 ranges, and how long a worker is busy taking such a
//! table over.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use vigie_bouncer_nginx::clock::Boot;
use vigie_bouncer_nginx::table::form::{decode, encode};
use vigie_bouncer_nginx::table::{Entry, Remediation, Table};
use vigie_bouncer_origin::Origin;

const BOOT: Boot = Boot([1; 16]);
const ADDRESSES: u32 = 100_000;
const RANGES: u32 = 10_000;

fn main() {
    divan::main();
}

/// The n-th of addresses that are spread evenly, never the same twice.
fn scattered(n: u32) -> u32 {
    n.wrapping_mul(2_654_435_761)
}

fn ban(address: IpAddr, prefix: u8) -> Entry {
    Entry {
        address,
        prefix,
        remediation: Remediation::Ban,
        until: u32::MAX,
        origin: Origin::Mesh,
    }
}

fn bytes() -> Vec<u8> {
    let v4 = |n| IpAddr::V4(Ipv4Addr::from_bits(scattered(n)));
    let singles = (0..ADDRESSES).map(|n| ban(v4(n), 32));
    let ranges = (ADDRESSES..ADDRESSES + RANGES).map(|n| ban(v4(n), 24));
    let v6 = (0..RANGES).map(|n| {
        ban(
            IpAddr::V6(Ipv6Addr::from_bits(u128::from(scattered(n)) << 64)),
            64,
        )
    });
    encode(&singles.chain(ranges).chain(v6).collect::<Vec<_>>(), BOOT).unwrap_or_default()
}

fn table() -> Table {
    decode(&bytes(), BOOT).unwrap_or_default()
}

/// Clients at once: one alone is too short to be timed.
const CLIENTS: u32 = 1_000;

/// Other addresses each time, so that caches help no more than in a server.
fn look_up(bencher: Bencher<'_, '_>, address: impl Fn(u32) -> IpAddr) {
    let table = table();
    let mut n = 0_u32;
    bencher.counter(ItemsCount::new(CLIENTS)).bench_local(|| {
        for _ in 0..CLIENTS {
            n = n.wrapping_add(1);
            black_box(table.look_up(black_box(address(n)), || 1));
        }
    });
}

#[divan::bench]
fn a_clean_address(bencher: Bencher<'_, '_>) {
    look_up(bencher, |n| {
        IpAddr::V4(Ipv4Addr::from_bits(scattered(n.wrapping_add(1 << 24))))
    });
}

#[divan::bench]
fn a_banned_address(bencher: Bencher<'_, '_>) {
    look_up(bencher, |n| {
        IpAddr::V4(Ipv4Addr::from_bits(scattered(n % ADDRESSES)))
    });
}

#[divan::bench]
fn an_ipv6_address(bencher: Bencher<'_, '_>) {
    look_up(bencher, |n| {
        IpAddr::V6(Ipv6Addr::from_bits(u128::from(scattered(n)) << 64))
    });
}

#[divan::bench]
fn taking_a_table_over(bencher: Bencher<'_, '_>) {
    let bytes = bytes();
    bencher.bench_local(|| decode(black_box(&bytes), BOOT));
}
