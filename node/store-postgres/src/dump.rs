//! The copy for `vigie backup`: an SQL script, one consistent moment, that `psql -f` plays into an empty database.
//!
//! Deliberately absent: roles, rights and settings of the server, which are `pg_dumpall`'s.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use futures::TryStreamExt as _;
use sqlx::{AssertSqlSafe, PgConnection, PgPool};
use vigie_store::StoreError;

use crate::error::{failed, file_failed};
use crate::schema::MIGRATIONS;

/// Every table, those before that others refer to; and whether it numbers its rows.
const TABLES: [(&str, bool); 17] = [
    ("_sqlx_migrations", false),
    ("envelope", true),
    ("sighting", false),
    ("retraction", false),
    ("statement", true),
    ("detection", false),
    ("alert", true),
    ("decision", true),
    ("bouncer", false),
    ("bouncer_cursor", false),
    ("machine", false),
    ("bouncer_report", false),
    ("machine_report", false),
    ("allowed", false),
    ("memory", false),
    ("note", false),
    ("lease", false),
];

/// sqlx's own table, as sqlx makes it: with its rows back, the restored database is at the version it had.
const VERSIONS: &str = "CREATE TABLE _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMPTZ NOT NULL DEFAULT now(),
    success BOOLEAN NOT NULL,
    checksum BYTEA NOT NULL,
    execution_time BIGINT NOT NULL
);";

/// Writes the script, readable by its owner only. Nothing stays of a failed one.
pub(crate) async fn write(pool: &PgPool, target: &Path) -> Result<(), StoreError> {
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(target);
    let file = made.map_err(file_failed)?;
    let written = fill(pool, file).await;
    if written.is_err()
        && let Err(error) = std::fs::remove_file(target)
    {
        tracing::warn!("cannot remove the unfinished copy {}: {error}", target.display());
    }
    written
}

async fn fill(pool: &PgPool, file: File) -> Result<(), StoreError> {
    let mut script = BufWriter::new(file);
    let mut tx = pool
        .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        .await
        .map_err(failed)?;
    head(&mut script).map_err(file_failed)?;
    for (table, numbered) in TABLES {
        rows(&mut tx, table, &mut script).await?;
        if numbered {
            let last = last_number(&mut tx, table).await?;
            writeln!(script, "{last}").map_err(file_failed)?;
        }
    }
    tx.rollback().await.map_err(failed)?;
    script.write_all(b"COMMIT;\n").map_err(file_failed)?;
    let file = script
        .into_inner()
        .map_err(|error| file_failed(error.into_error()))?;
    file.sync_all().map_err(file_failed)
}

fn head(script: &mut BufWriter<File>) -> std::io::Result<()> {
    writeln!(
        script,
        "-- A copy of a Vigie store. Into an empty database: psql -v ON_ERROR_STOP=1 -f THIS DATABASE"
    )?;
    writeln!(script, "SET client_encoding = 'UTF8';\nBEGIN;")?;
    for migration in MIGRATIONS.iter() {
        writeln!(script, "{}", migration.sql.as_str())?;
    }
    writeln!(script, "{VERSIONS}")
}

async fn rows(
    tx: &mut PgConnection,
    table: &'static str,
    script: &mut BufWriter<File>,
) -> Result<(), StoreError> {
    writeln!(script, "COPY {table} FROM stdin;").map_err(file_failed)?;
    let mut copied = tx
        .copy_out_raw(&format!("COPY {table} TO STDOUT"))
        .await
        .map_err(failed)?;
    while let Some(bytes) = copied.try_next().await.map_err(failed)? {
        script.write_all(&bytes).map_err(file_failed)?;
    }
    script.write_all(b"\\.\n").map_err(file_failed)
}

/// The statement that makes the next number higher than every one ever given, also those of deleted rows.
async fn last_number(tx: &mut PgConnection, table: &'static str) -> Result<String, StoreError> {
    let (last, used): (i64, bool) = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT last_value, is_called FROM {table}_id_seq"
    )))
    .fetch_one(tx)
    .await
    .map_err(failed)?;
    Ok(format!("SELECT setval('{table}_id_seq', {last}, {used});"))
}
