//! Real swarms on loopback: gossip, sync, healing, and what an outsider or a liar gets.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests: a failed step is a failed test"
)]

mod attack;
mod circuit;
mod exchange;
mod gossip;
mod heads;
mod node;
mod proxy;
mod reach;
mod relay;
mod sync;
mod world;
