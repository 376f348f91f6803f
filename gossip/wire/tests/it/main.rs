//! The wire as a stranger sees it: through its public names only.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    reason = "the lints spare test functions, but not the functions that tests share"
)]

mod agreement;
mod bundle;
mod erasure;
mod genesis;
mod known;
mod protocol;
mod refusal;
mod relay;
mod round_trip;
mod sample;
mod signature;
#[path = "../../../../bouncers/nftables/tests/it/skip.rs"]
mod skip;
mod statement;
mod strategy;
mod unknown;
mod vectors;
