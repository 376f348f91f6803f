//! PostgreSQL's SQLSTATEs, sorted into the few cases a caller can act on.

use vigie_store::StoreError;

// https://www.postgresql.org/docs/current/errcodes-appendix.html
const DISK_FULL: &str = "53100";
const DATA_CORRUPTED: &str = "XX001";
const INDEX_CORRUPTED: &str = "XX002";

/// What the database said, as our error.
pub(crate) fn failed(error: sqlx::Error) -> StoreError {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    match code.as_deref() {
        Some(DISK_FULL) => StoreError::Full(error.into()),
        Some(DATA_CORRUPTED) => corrupt("page", error),
        Some(INDEX_CORRUPTED) => corrupt("page of an index", error),
        _ => StoreError::Database(error.into()),
    }
}

/// What went wrong with a file beside the database.
pub(crate) fn file_failed(error: std::io::Error) -> StoreError {
    match error.kind() {
        std::io::ErrorKind::StorageFull => StoreError::Full(error.into()),
        _ => StoreError::Database(error.into()),
    }
}

/// A row that this program cannot have written.
pub(crate) fn corrupt(
    what: &'static str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> StoreError {
    StoreError::Corrupt {
        what,
        source: source.into(),
    }
}
