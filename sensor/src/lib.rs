//! From log lines to detections, under rules of the `CrowdSec` hub's format.
//!
//! The walk: `source` yields a [`line::Line`], `parse` makes it an event, `detect` fills buckets and
//! yields detections, `run` ties them together. Deliberately absent: the network, the store and what a
//! detection leads to; those are the node's. `parse`, `rules`, `expr`, `grok` and `detect` know no clock.

mod address;
pub mod detect;
pub mod explain;
pub mod expr;
pub mod grok;
pub mod hub;
pub mod line;
pub mod outside;
pub mod parse;
pub mod replay;
pub mod rules;
pub mod run;
pub mod seen;
pub mod shapes;
pub mod source;
pub mod spool;
pub mod stats;
pub mod trace;
