//! The node's integration tests, one binary: linking is what costs.
#![expect(clippy::unwrap_used, reason = "what a test cannot set up fails it")]

mod agent;
mod bad_input;
#[path = "../../../bouncers/nginx/tests/it/browser.rs"]
mod browser;
mod certificates;
mod cli;
mod clients;
mod defend;
mod full_disk;
mod guards;
mod http;
mod hub;
mod journey;
mod kill;
mod lapi;
mod machines;
mod mesh;
#[path = "../../../bouncers/client/tests/it/mmdb.rs"]
mod mmdb;
mod network;
#[path = "../../../bouncers/nftables/tests/it/nft.rs"]
mod nft;
mod page;
mod policy;
mod reach;
mod said;
mod seeds;
mod sensor;
mod sim;
#[path = "../../../bouncers/nftables/tests/it/skip.rs"]
mod skip;
mod sources;
#[expect(dead_code, reason = "the tests of our own bouncer need more of it")]
#[path = "../../../bouncers/nftables/tests/it/space.rs"]
mod space;
mod spaces;
mod storm;
mod support;
mod tidy;
mod tls;
mod trust;
mod up;
mod verify;
