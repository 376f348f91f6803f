//! The schema's versions, and several processes on one database.

use std::sync::Arc;

use sqlx::{Connection as _, PgConnection};
use vigie_store::testing::sample::{envelope, ip, place};
use vigie_store::{Appended, Envelopes as _, StoreError};
use vigie_store_postgres::PostgresStore;

use crate::connect;
use crate::server::server;

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let Some(server) = server("newer schema") else {
        return;
    };
    let (url, store) = connect(server).await;
    store.close().await;
    let mut raw = PgConnection::connect(&url).await.unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (1000, 'later', true, '', 0)",
    )
    .execute(&mut raw)
    .await
    .unwrap();
    let error = PostgresStore::connect(&url).await.unwrap_err();
    assert!(
        matches!(error, StoreError::Newer { found: 1000, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn several_processes_may_start_on_an_empty_database_at_once() {
    let Some(server) = server("simultaneous starts") else {
        return;
    };
    let url = server.empty_database();
    let mut starts = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let url = url.clone();
        starts.spawn(async move { PostgresStore::connect(&url).await });
    }
    for store in starts.join_all().await {
        store.unwrap().close().await;
    }
}

#[tokio::test]
async fn of_two_processes_that_want_one_place_one_gets_it() {
    let Some(server) = server("one place for two") else {
        return;
    };
    let (url, first) = connect(server).await;
    let second = Arc::new(PostgresStore::connect(&url).await.unwrap());
    let first = Arc::new(first);
    for seq in 0..20 {
        let one = envelope(place(1, seq), &[ip(1)], 1);
        let mut other = one.clone();
        other.held.hash.0[31] = 9;
        let (mine, theirs) = (one.held.hash, other.held.hash);
        let outcomes = tokio::join!(first.keep_envelope(&one), second.keep_envelope(&other));
        match (outcomes.0.unwrap(), outcomes.1.unwrap()) {
            (Appended::New, Appended::Conflict(held)) => assert_eq!(held, mine),
            (Appended::Conflict(held), Appended::New) => assert_eq!(held, theirs),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_wrong_address_is_an_error() {
    for url in [
        "not an address",
        "mysql://x/y",
        "postgres://vigie@localhost/x?host=/nonexistent",
    ] {
        let error = PostgresStore::connect(url).await.unwrap_err();
        assert!(matches!(error, StoreError::Database(_)), "{url}: {error:?}");
    }
}
