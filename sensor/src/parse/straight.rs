//! What a pattern's groups captured, found by going straight ahead, and back only where a byte leaves a choice.
//!
//! Patterns of logs are fields with texts between them: where a field ends, the next byte nearly always says so. So each
//! place of a pattern knows the bytes that may follow it, a choice tries only what its next byte allows, and a field
//! whose bytes cannot begin what comes behind it is never given back. An address or a date, many choices with one end, is
//! gone over by an automaton. What is left is a backtracker, which finds what
//! `regex` finds, in that order of preference; its steps are counted, and after too many of them `regex`, which is linear
//! whatever the pattern, begins anew. Deliberately absent: loops over what may be empty, and looking at Unicode words.

mod choice;
mod compile;
mod field;
mod first;
mod look;
mod program;
mod run;
mod set;
mod table;
mod texts;
mod walk;

pub(crate) use self::program::Program;
pub(crate) use self::walk::{Search, Walker};

#[cfg(test)]
mod tests;
