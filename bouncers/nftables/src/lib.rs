//! Enforces the decisions of a node in the kernel, in an nftables table of its own.
//!
//! Before: `vigie-bouncer-client` says who is to be kept out. Here: [`plan`] compares that with what we have put into the
//! kernel and makes transactions, [`apply`] has the kernel carry them out by netlink. Deliberately absent: reading sets
//! back (the `nft` program does it to add one element), and any look at other tables.

pub mod apply;
pub mod config;
pub mod enforce;
mod in_force;
pub mod layout;
pub mod netlink;
pub mod plan;
pub mod text;
pub mod transaction;
