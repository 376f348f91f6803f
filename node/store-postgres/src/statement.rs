//! Statements, as bytes.

use async_trait::async_trait;
use vigie_store::wire::Timestamp;
use vigie_store::{Statements, StoreError};

use crate::PostgresStore;
use crate::error::failed;
use crate::row::Columns;

#[async_trait]
impl Statements for PostgresStore {
    async fn keep_statement(&self, id: [u8; 32], bytes: &[u8], at: Timestamp) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "INSERT INTO statement (hash, bytes, added_at) VALUES ($1, $2, $3) ON CONFLICT (hash) DO NOTHING",
        )
        .bind(id.as_slice())
        .bind(bytes)
        .bind(at.as_millis())
        .execute(&self.pool)
        .await
        .map_err(failed)?;
        Ok(done.rows_affected() > 0)
    }

    async fn statements(&self) -> Result<Vec<Vec<u8>>, StoreError> {
        let rows = sqlx::query("SELECT bytes FROM statement ORDER BY id")
            .fetch_all(&self.pool)
            .await
            .map_err(failed)?;
        rows.iter()
            .map(|row| Columns::new(row, "statement").bytes("bytes"))
            .collect()
    }
}
