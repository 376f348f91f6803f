//! The scorer from outside: plain cases, the theorems as properties, the pinned bits.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot read its own input should stop there"
)]

mod cases;
mod disputes;
mod exposure;
mod extremes;
mod hearing;
mod history;
mod learning;
mod liable;
mod networks;
mod primacy;
mod theorems;
mod vectors;
mod verify;
mod withdrawn;
mod world;
