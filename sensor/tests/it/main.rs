//! The sensor from outside: whole lines through rules, rule files through the loader.

mod detect;
mod hub;
mod parse;
mod rules;
mod run;
mod source;
mod support;
