//! Encoding, decoding and verifying, for whoever wants to know where the time goes. No number here is a promise.

use divan::{Bencher, black_box, counter::ItemsCount};
use vigie_wire::{
    Behaviour, Count, Draft, Envelope, HeaderHash, Indicator, NetworkId, Payload, RuleHash, SecretKey,
    Sighting, Timestamp, Tlp, verify_batch,
};

fn main() {
    divan::main();
}

fn envelope(rows: u32, key: u8) -> Envelope {
    envelope_by(rows, &SecretKey::from_seed([key; 32]))
}

fn envelope_by(rows: u32, key: &SecretKey) -> Envelope {
    let now = Timestamp::from_secs(1_795_314_920);
    let sighting = |nth: u32| Sighting {
        indicator: Indicator::ip(std::net::Ipv4Addr::from(0x0100_0000 + nth * 7_919).into()),
        behaviour: Behaviour(u16::try_from(5 + nth % 4).unwrap_or(5)),
        rule: RuleHash([7; 8]),
        at: now.to_minute(),
        count: Count::of(u64::from(nth)),
        confidence: 90,
    };
    let draft = Draft {
        network: NetworkId([1; 16]),
        epoch: 1,
        seq: 1_000,
        prev: HeaderHash([2; 32]),
        time_base: now,
        tlp: Tlp::Green,
        policy: 0,
        payload: Payload::Sightings((0..rows).map(sighting).collect()),
    };
    match draft.seal(key, [3; 16]) {
        Ok(envelope) => envelope,
        Err(error) => unreachable!("the sample is valid: {error}"),
    }
}

#[divan::bench(args = [1, 16, 256])]
fn decode(bencher: Bencher<'_, '_>, rows: u32) {
    let bytes = envelope(rows, 1).encode();
    bencher
        .counter(ItemsCount::new(rows))
        .bench(|| Envelope::decode(black_box(&bytes)));
}

#[divan::bench(args = [1, 16, 256])]
fn encode(bencher: Bencher<'_, '_>, rows: u32) {
    let envelope = envelope(rows, 1);
    bencher
        .counter(ItemsCount::new(rows))
        .bench(|| black_box(&envelope).encode());
}

#[divan::bench(args = [1, 16, 256])]
fn seal(bencher: Bencher<'_, '_>, rows: u32) {
    bencher
        .counter(ItemsCount::new(rows))
        .bench(|| envelope(black_box(rows), 1));
}

#[divan::bench]
fn verify_single(bencher: Bencher<'_, '_>) {
    let (envelope, key) = (envelope(16, 1), SecretKey::from_seed([1; 32]).public());
    bencher.bench(|| black_box(&envelope).verify(&key));
}

/// All of different publishers, as when they come from a mesh.
#[divan::bench(args = [4, 16, 64, 256])]
fn verify_batch_of(bencher: Bencher<'_, '_>, size: u16) {
    let seed = |key: u16| {
        let mut seed = [7; 32];
        seed[..2].copy_from_slice(&key.to_le_bytes());
        SecretKey::from_seed(seed)
    };
    let signed: Vec<_> = (0..size)
        .map(|key| (envelope_by(16, &seed(key)), seed(key).public()))
        .collect();
    let claims: Vec<_> = signed
        .iter()
        .map(|(envelope, key)| envelope.claim(*key))
        .collect();
    bencher
        .counter(ItemsCount::new(claims.len()))
        .bench(|| verify_batch(black_box(&claims), &[9; 32]));
}
