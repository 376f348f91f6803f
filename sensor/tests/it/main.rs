//! The sensor from outside: whole lines through rules, rule files through the loader.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and tells what it skipped"
)]

mod detect;
mod hub;
mod parse;
mod rules;
mod run;
mod source;
mod support;
