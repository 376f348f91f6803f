//! The real binary with a real kernel: in network namespaces of its own, looked at through the nft program.

mod bouncer;
#[path = "../../../client/tests/it/lapi.rs"]
mod lapi;
mod life;
mod nft;
mod paper;
mod sets;
mod skip;
mod space;
mod traffic;
