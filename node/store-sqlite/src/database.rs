//! How SQLite runs the statements of `vigie_store::sql`: one connection writes, others read.
//!
//! Before this: a statement and its values in our words. After it: rows in our words. Deliberately absent: statements.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use sqlx::query::Query as Prepared;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions as _, Connection as _, Row as _, Sqlite, TypeInfo as _,
    ValueRef as _,
};
use vigie_store::StoreError;
use vigie_store::sql::{Database, Field, Query, Row, Transaction, Value};

use crate::SqliteStore;
use crate::copy::copy_into;
use crate::error::failed;

/// A transaction of the connection that writes.
struct Write(sqlx::Transaction<'static, Sqlite>);

#[async_trait]
impl Database for SqliteStore {
    fn binds_arrays(&self) -> bool {
        false
    }

    async fn fetch(&self, query: Query<'_>) -> Result<Vec<Row>, StoreError> {
        let rows = prepared(&query).fetch_all(&self.readers).await;
        Ok(ours(&rows.map_err(failed)?))
    }

    async fn execute(&self, query: Query<'_>) -> Result<u64, StoreError> {
        let done = prepared(&query).execute(&self.writer).await;
        Ok(done.map_err(failed)?.rows_affected())
    }

    async fn begin(&self) -> Result<Box<dyn Transaction>, StoreError> {
        // It may write from its first statement on, so that it never fails half way for a lock.
        let begun = self.writer.begin_with("BEGIN IMMEDIATE").await;
        Ok(Box::new(Write(begun.map_err(failed)?)))
    }

    async fn copy_to(&self, target: &Path) -> Result<(), StoreError> {
        // Not one of the readers: they are told to write nothing, and SQLite counts this as writing.
        let mut connection = self.options.connect().await.map_err(failed)?;
        let copied = copy_into(&mut connection, target).await;
        connection.close().await.map_err(failed)?;
        copied
    }

    async fn close(&self) {
        SqliteStore::close(self).await;
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

fn prepared<'q>(query: &'q Query<'_>) -> Prepared<'q, Sqlite, SqliteArguments> {
    // The text is made of constants and parameter numbers only: see `Query`.
    let text = AssertSqlSafe(query.text().clone());
    let mut prepared = sqlx::query(text).persistent(!query.once());
    for value in query.values() {
        prepared = match value {
            Value::Int(number) => prepared.bind(*number),
            Value::Flag(flag) => prepared.bind(*flag),
            Value::Text(text) => prepared.bind(text.as_deref()),
            Value::Bytes(bytes) => prepared.bind(bytes.as_ref()),
            // Never made for a database that binds no arrays.
            Value::Array(_) => prepared.bind(None::<i64>),
        };
    }
    prepared
}

fn ours(rows: &[SqliteRow]) -> Vec<Row> {
    let Some(first) = rows.first() else {
        return Vec::new();
    };
    let names: Arc<[String]> = first.columns().iter().map(|one| one.name().to_owned()).collect();
    let row = |row: &SqliteRow| Row {
        names: Arc::clone(&names),
        fields: (0..names.len()).map(|place| field(row, place)).collect(),
    };
    rows.iter().map(row).collect()
}

fn field(row: &SqliteRow, place: usize) -> Field {
    read(row, place).unwrap_or_else(|error| Field::Unreadable(error.into()))
}

fn read(row: &SqliteRow, place: usize) -> Result<Field, sqlx::Error> {
    let raw = row.try_get_raw(place)?;
    if raw.is_null() {
        return Ok(Field::Null);
    }
    Ok(match raw.type_info().name() {
        "INTEGER" => Field::Int(row.try_get(place)?),
        "BLOB" => Field::Bytes(row.try_get(place)?),
        _ => Field::Text(row.try_get(place)?),
    })
}
