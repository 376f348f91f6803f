//! The sensor from outside: whole lines through rules, rule files through the loader.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../../node/store-postgres/tests/it/binaries.rs"]
mod binaries;
#[cfg(any(feature = "nats", feature = "kafka"))]
mod brokers;
mod detect;
mod discover;
mod engines;
mod explain;
mod fuzzed;
mod hub;
mod hubtest;
mod killed;
mod listen;
mod names;
mod oracle;
mod overflows;
mod own_rules;
mod parse;
mod places;
mod postgres;
mod rules;
mod run;
#[path = "../../../bouncers/nftables/tests/it/skip.rs"]
mod skip;
mod source;
mod support;
