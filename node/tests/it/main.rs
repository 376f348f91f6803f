//! The node's integration tests, one binary: linking is what costs.

mod tidy;
