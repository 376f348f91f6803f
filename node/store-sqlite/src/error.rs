//! SQLite's result codes, sorted into the few cases a caller can act on.

use sqlx::migrate::MigrateError;
use vigie_store::StoreError;

// https://www.sqlite.org/rescode.html: the low byte is the code, the rest tells more.
const CORRUPT: i32 = 11;
const FULL: i32 = 13;
const NOT_A_DATABASE: i32 = 26;
/// The shared memory file of the WAL could not grow, which has no other reason than a full disk.
const IOERR_SHMSIZE: i32 = 4874;

/// What the database said, as our error.
pub(crate) fn failed(error: sqlx::Error) -> StoreError {
    let code = error
        .as_database_error()
        .and_then(|database| database.code()?.parse::<i32>().ok());
    match code {
        Some(IOERR_SHMSIZE) => StoreError::Full(error.into()),
        Some(code) => match code & 0xff {
            FULL => StoreError::Full(error.into()),
            CORRUPT => corrupt("page", error),
            NOT_A_DATABASE => corrupt("file header", error),
            _ => StoreError::Database(error.into()),
        },
        None => StoreError::Database(error.into()),
    }
}

/// What went wrong with a file beside the database.
pub(crate) fn file_failed(error: std::io::Error) -> StoreError {
    match error.kind() {
        std::io::ErrorKind::StorageFull => StoreError::Full(error.into()),
        _ => StoreError::Database(error.into()),
    }
}

/// What went wrong with a migration: mostly a statement of it.
pub(crate) fn migration_failed(error: MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(inner) | MigrateError::ExecuteMigration(inner, _) => failed(inner),
        other => StoreError::Database(other.into()),
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
