//! How PostgreSQL runs the statements of `vigie_store::sql`: columns of many rows as arrays, texts without NUL.
//!
//! Before this: a statement and its values in our words. After it: rows in our words. Deliberately absent: statements.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query as Prepared;
use sqlx::{AssertSqlSafe, Column as _, Postgres, Row as _, TypeInfo as _, ValueRef as _};
use vigie_store::StoreError;
use vigie_store::sql::{Column, Database, Field, Query, Row, Transaction, Value};

use crate::error::failed;
use crate::text::{escaped, unescaped};
use crate::{PostgresStore, dump};

/// A transaction on one of the connections.
struct Write(sqlx::Transaction<'static, Postgres>);

#[async_trait]
impl Database for PostgresStore {
    fn binds_arrays(&self) -> bool {
        true
    }

    async fn fetch(&self, query: Query<'_>) -> Result<Vec<Row>, StoreError> {
        let rows = prepared(&query).fetch_all(&self.pool).await;
        Ok(ours(&rows.map_err(failed)?))
    }

    async fn execute(&self, query: Query<'_>) -> Result<u64, StoreError> {
        let done = prepared(&query).execute(&self.pool).await;
        Ok(done.map_err(failed)?.rows_affected())
    }

    async fn begin(&self) -> Result<Box<dyn Transaction>, StoreError> {
        Ok(Box::new(Write(self.pool.begin().await.map_err(failed)?)))
    }

    async fn copy_to(&self, target: &Path) -> Result<(), StoreError> {
        dump::write(&self.pool, target).await
    }

    async fn close(&self) {
        PostgresStore::close(self).await;
    }
}

#[async_trait]
impl Transaction for Write {
    async fn fetch(&mut self, query: Query<'_>) -> Result<Vec<Row>, StoreError> {
        let rows = prepared(&query).fetch_all(&mut *self.0).await;
        Ok(ours(&rows.map_err(failed)?))
    }

    async fn execute(&mut self, query: Query<'_>) -> Result<u64, StoreError> {
        let done = prepared(&query).execute(&mut *self.0).await;
        Ok(done.map_err(failed)?.rows_affected())
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        self.0.commit().await.map_err(failed)
    }
}

fn prepared<'q>(query: &'q Query<'_>) -> Prepared<'q, Postgres, PgArguments> {
    // The text is made of constants and parameter numbers only: see `Query`.
    let text = AssertSqlSafe(query.text().clone());
    let mut prepared = sqlx::query(text).persistent(!query.once());
    for value in query.values() {
        prepared = match value {
            Value::Int(number) => prepared.bind(*number),
            Value::Flag(flag) => prepared.bind(*flag),
            Value::Text(text) => prepared.bind(text.as_deref().map(escaped)),
            Value::Bytes(bytes) => prepared.bind(bytes.as_ref()),
            Value::Array(Column::Ints(numbers)) => prepared.bind(numbers.as_slice()),
            Value::Array(Column::Flags(flags)) => prepared.bind(flags.as_slice()),
            Value::Array(Column::Blobs(blobs)) => {
                prepared.bind(blobs.iter().map(AsRef::as_ref).collect::<Vec<&[u8]>>())
            }
            Value::Array(Column::Texts(texts)) => {
                prepared.bind(texts.iter().map(|text| escaped(text)).collect::<Vec<_>>())
            }
        };
    }
    prepared
}

fn ours(rows: &[PgRow]) -> Vec<Row> {
    let Some(first) = rows.first() else {
        return Vec::new();
    };
    let names: Arc<[String]> = first.columns().iter().map(|one| one.name().to_owned()).collect();
    let row = |row: &PgRow| Row {
        names: Arc::clone(&names),
        fields: (0..names.len()).map(|place| field(row, place)).collect(),
    };
    rows.iter().map(row).collect()
}

fn field(row: &PgRow, place: usize) -> Field {
    read(row, place).unwrap_or_else(|error| Field::Unreadable(error.into()))
}

fn read(row: &PgRow, place: usize) -> Result<Field, sqlx::Error> {
    let raw = row.try_get_raw(place)?;
    if raw.is_null() {
        return Ok(Field::Null);
    }
    Ok(match raw.type_info().name() {
        "INT8" => Field::Int(row.try_get(place)?),
        "BOOL" => Field::Flag(row.try_get(place)?),
        "BYTEA" => Field::Bytes(row.try_get(place)?),
        _ => Field::Text(unescaped(row.try_get(place)?)),
    })
}
