//! Statements, as bytes.

use async_trait::async_trait;
use vigie_wire::Timestamp;

use super::Database;
use super::query::Query;
use super::row::Columns;
use crate::{Statements, StoreError};

const KEEP: &str =
    "INSERT INTO statement (hash, bytes, added_at) VALUES ($1, $2, $3) ON CONFLICT (hash) DO NOTHING";

#[async_trait]
impl<D: Database> Statements for D {
    async fn keep_statement(&self, id: [u8; 32], bytes: &[u8], at: Timestamp) -> Result<bool, StoreError> {
        let query = Query::new(KEEP).bind(&id).bind(bytes).bind(at);
        Ok(self.execute(query).await? > 0)
    }

    async fn statements(&self) -> Result<Vec<Vec<u8>>, StoreError> {
        let rows = self.fetch(Query::new("SELECT bytes FROM statement ORDER BY id"));
        let rows = rows.await?.into_iter();
        rows.map(|row| Columns::new(row, "statement").bytes("bytes"))
            .collect()
    }
}
