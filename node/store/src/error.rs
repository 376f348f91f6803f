//! What can go wrong with a store, as far as its caller can act on it.

use vigie_wire::PublisherId;

/// Ours, never a peer's: retry, alert or stop.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The schema was written by a newer program.
    #[error(
        "the database has schema version {found}, this program knows up to {known}: use the newer program, or restore the copy made before the upgrade"
    )]
    Newer {
        /// The version found.
        found: i64,
        /// The newest version known here.
        known: i64,
    },
    /// No room left on the device.
    #[error("the disk that holds the database is full")]
    Full(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A row that this program cannot have written.
    #[error("the database holds a {what} that cannot be read")]
    Corrupt {
        /// Which kind of row.
        what: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Another process publishes on this chain now: nothing was written, and nothing may leave.
    #[error("another process publishes on the chain of {publisher} now")]
    Fenced {
        /// Whose chain.
        publisher: PublisherId,
    },
    /// Everything else that the database said.
    #[error("the database does not answer as it should")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
}
