//! A hub: a directory of other people's rules, with the tests they come with.
//!
//! `items` finds rules by name, `test` runs the tests. Deliberately absent: downloading and installing.

pub mod items;
pub mod test;
