//! The store in one SQLite file: the default, for a node that has its machine to itself.
//!
//! One connection writes, a few read, in WAL mode with a sync at every commit. Deliberately absent: a second writing
//! process. Nothing stops one, SQLite keeps the file whole, but two nodes on one identity would fork its chain.
#![warn(missing_docs)]

mod copy;
mod database;
mod error;
mod open;
mod schema;

pub use open::SqliteStore;
