//! Tests of the core through its public face: admission, validation, forks, sync, and whole networks in memory.
//!
//! The networks of `simulation` are seeded. To replay one, put its seed alone into `SEEDS` there.
#![expect(
    clippy::unwrap_used,
    reason = "the lints spare test functions, but not the functions that tests share"
)]

mod admission;
mod bytes;
mod forks;
mod node;
mod rates;
mod simulation;
mod stages;
mod watermark;
mod world;
