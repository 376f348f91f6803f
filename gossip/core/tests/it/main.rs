//! Tests of the core through its public face: admission, validation, forks, sync, and whole networks in memory.
//!
//! The networks of `simulation` are seeded. To replay one, put its seed alone into `SEEDS` there.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    reason = "the lints spare test functions, but not the functions that tests share"
)]

mod admission;
mod agreement;
mod bytes;
#[path = "../../../wire/tests/it/agreement/dice.rs"]
mod dice;
mod forks;
mod fuzzed;
mod node;
mod page;
mod rates;
mod room;
mod simulation;
#[path = "../../../../bouncers/nftables/tests/it/skip.rs"]
mod skip;
mod stages;
mod watermark;
mod world;
