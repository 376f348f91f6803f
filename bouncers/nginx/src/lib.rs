//! Enforces the decisions of a node inside nginx, in two halves that share one file.
//!
//! Before: `vigie-bouncer-client` says who is to be kept out. The daemon (`main.rs`) writes that as a table to a file
//! and replaces it by renaming. In nginx `module` looks every client up in its worker's copy. Here is what both
//! know: the [`table`] and its form as bytes, the [`clock`] its ends are told by, and how a worker keeps [`watch`]; and
//! the [`challenge`], which is pure.
//! Deliberately absent: any request, thread or lock on nginx's side.

pub mod challenge;
pub mod clock;
#[cfg(feature = "module")]
pub mod module;
pub mod table;
pub mod watch;
