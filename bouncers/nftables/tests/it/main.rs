//! The real binary with a real kernel: in network namespaces of its own, looked at through the nft program.
#![expect(clippy::unwrap_used, reason = "what a test cannot set up fails it")]

mod bouncer;
#[path = "../../../client/tests/it/lapi.rs"]
mod lapi;
mod life;
#[path = "../../../client/tests/it/mmdb.rs"]
mod mmdb;
mod nft;
mod paper;
mod sets;
mod skip;
mod space;
mod traffic;
