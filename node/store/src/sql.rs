//! The traits of this crate, once, for every database that speaks SQL: statements, bindings and rows in our own words.
//!
//! A database brings [`Database`] and its migrations; every promise of this crate follows from that (see
//! `docs/decisions/0005-one-room-for-sql.md`). Deliberately absent: any driver, connections, schemas.

use std::path::Path;

use async_trait::async_trait;

use crate::{Store, StoreError};

mod alert;
mod allow;
mod bouncer;
mod client;
mod decision;
mod envelope;
mod forget;
mod lease;
mod machine;
mod memory;
mod note;
mod query;
mod row;
mod sighting;
mod statement;

pub use query::{Column, Query, Value};
pub use row::{Field, Row};

/// What a database does for us. Statements have their parameters as `$1`, `$2`, ...; tables are those that the
/// migrations of both stores make, with the same names and columns.
#[async_trait]
pub trait Database: std::fmt::Debug + Send + Sync {
    /// Whether a whole [`Column`] of values can be bound as one array; otherwise they are spelled as `VALUES`.
    fn binds_arrays(&self) -> bool;

    /// Rows that one statement reads, outside of any transaction.
    async fn fetch(&self, query: Query<'_>) -> Result<Vec<Row>, StoreError>;

    /// One statement that writes, durable when this returns; gives how many rows it touched.
    async fn execute(&self, query: Query<'_>) -> Result<u64, StoreError>;

    /// Begins a transaction that writes. Dropped without a commit, it is rolled back.
    async fn begin(&self) -> Result<Box<dyn Transaction>, StoreError>;

    /// Writes a consistent copy of everything, as [`Notes::copy_to`](crate::Notes::copy_to) promises.
    async fn copy_to(&self, target: &Path) -> Result<(), StoreError>;

    /// Waits for what is under way and closes the connections, as [`Store::close`] promises.
    async fn close(&self);
}

/// Statements that stand or fall together.
#[async_trait]
pub trait Transaction: Send {
    /// Rows that a statement reads, or writes and returns.
    async fn fetch(&mut self, query: Query<'_>) -> Result<Vec<Row>, StoreError>;

    /// A statement that writes; gives how many rows it touched.
    async fn execute(&mut self, query: Query<'_>) -> Result<u64, StoreError>;

    /// Ends it. Durable when this returns.
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;
}

#[async_trait]
impl<D: Database> Store for D {
    async fn close(&self) {
        Database::close(self).await;
    }
}

/// A row that this program cannot have written.
fn corrupt(what: &'static str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::Corrupt {
        what,
        source: source.into(),
    }
}

/// A statement that returns a row returned none.
#[derive(Debug, thiserror::Error)]
#[error("the database did not return the {0} that it wrote")]
struct NotReturned(&'static str);

fn not_returned(what: &'static str) -> StoreError {
    StoreError::Database(NotReturned(what).into())
}
