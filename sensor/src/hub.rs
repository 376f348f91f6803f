//! A hub: a directory of other people's rules, with the tests they come with.
//!
//! `items` finds rules by name, `test` runs the tests, `coverage` tells which rules a log reaches. Deliberately
//! absent: downloading and installing.

pub mod coverage;
pub mod items;
pub mod test;
