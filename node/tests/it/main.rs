//! The node's integration tests, one binary: linking is what costs.
#![expect(clippy::unwrap_used, reason = "what a test cannot set up fails it")]

mod http;
mod journey;
mod kill;
mod lapi;
mod mesh;
mod network;
mod support;
mod tidy;
mod up;
