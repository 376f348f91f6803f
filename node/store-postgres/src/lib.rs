//! The store in PostgreSQL: for large organisations, where several processes share one database.
//!
//! The same promises as `store-sqlite`, and the same test functions hold both to them. Deliberately absent: copies before
//! an upgrade (`pg_dump` is better).
#![warn(missing_docs)]

mod database;
mod dump;
mod error;
mod open;
mod schema;
mod text;

pub use open::PostgresStore;
