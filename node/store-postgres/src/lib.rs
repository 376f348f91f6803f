//! The store in PostgreSQL: for large organisations, where several processes share one database.
//!
//! The same promises as `store-sqlite`, and the same test functions hold both to them. Deliberately absent: who of
//! several processes publishes on a chain (a lease is the node's), and copies before an upgrade (`pg_dump` is better).
#![warn(missing_docs)]

mod alert;
mod allow;
mod bouncer;
mod decision;
mod dump;
mod envelope;
mod error;
mod forget;
mod memory;
mod note;
mod open;
mod row;
mod schema;
mod sighting;
mod statement;
mod text;

pub use open::PostgresStore;
