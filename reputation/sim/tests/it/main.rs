//! The simulator as a whole: runs are repeatable, every attack hurts where it must, scorers are as far apart as they
//! should be.
//!
//! Small populations, so that the whole file takes seconds. Deliberately absent: the figures that are published, which
//! come from large runs.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot read its own input should stop there"
)]

mod attacks;
mod runs;
mod scorers;
mod world;
