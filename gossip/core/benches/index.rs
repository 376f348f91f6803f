//! What the index costs where much is held: to sum all of it up for sync after something changed.

use divan::{Bencher, counter::ItemsCount};
use vigie_gossip_core::wire::{HeaderHash, PublisherId, Timestamp};
use vigie_gossip_core::{ChainIndex, Held};

fn main() {
    divan::main();
}

fn said(publisher: u16, seq: u64) -> Held {
    let mut name = [0; 16];
    name[..2].copy_from_slice(&publisher.to_le_bytes());
    Held {
        publisher: PublisherId(name),
        epoch: 0,
        seq,
        hash: HeaderHash([7; 32]),
        time: Timestamp::from_secs(1_795_305_600 + i64::try_from(seq).unwrap_or(0)),
        rows: 1,
        urgent: false,
    }
}

/// One more envelope of each publisher, and then the digest: (publishers, envelopes held of each before).
#[divan::bench(args = [(4_000, 100), (1_000, 400), (10, 40_000)])]
fn digest_after_one_more_of_each(bencher: Bencher<'_, '_>, (publishers, before): (u16, u64)) {
    let mut index = ChainIndex::new();
    for publisher in 0..publishers {
        (0..before).for_each(|seq| index.load(said(publisher, seq)));
    }
    let mut next = before;
    bencher.counter(ItemsCount::new(publishers)).bench_local(|| {
        (0..publishers).for_each(|publisher| index.load(said(publisher, next)));
        next += 1;
        index.digest()
    });
}

/// The same without the digest: what of it is the insertion.
#[divan::bench(args = [(4_000, 100), (1_000, 400), (10, 40_000)])]
fn one_more_of_each(bencher: Bencher<'_, '_>, (publishers, before): (u16, u64)) {
    let mut index = ChainIndex::new();
    for publisher in 0..publishers {
        (0..before).for_each(|seq| index.load(said(publisher, seq)));
    }
    let mut next = before;
    bencher.counter(ItemsCount::new(publishers)).bench_local(|| {
        (0..publishers).for_each(|publisher| index.load(said(publisher, next)));
        next += 1;
    });
}
