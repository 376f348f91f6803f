//! The file: its rights, its copies, its versions, and a start that fails with the right word.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use sqlx::{Connection as _, SqliteConnection};
use vigie_store::testing::sample::{alert, at, decision};
use vigie_store::{Alerts as _, Notes as _, Owner, StoreError};
use vigie_store_sqlite::SqliteStore;

use crate::open;

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn only_the_owner_reads_the_file_and_its_copies() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.sqlite");
    let store = open(&path).await;
    store.put_note(Owner::Everybody, "a", "b").await.unwrap();
    let copy = directory.path().join("copy.sqlite");
    store.copy_to(&copy).await.unwrap();
    let wal = directory.path().join("store.sqlite-wal");
    assert_eq!([mode(&path), mode(&wal), mode(&copy)], [0o600; 3]);
}

#[tokio::test]
async fn what_was_written_is_there_after_closing_and_opening() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.sqlite");
    let store = open(&path).await;
    store
        .insert_alert(&alert(1), &[decision("a", 10)])
        .await
        .unwrap()
        .unwrap();
    let before = store.counts(at(0)).await.unwrap();
    store.close().await;
    assert!(
        !directory.path().join("store.sqlite-wal").exists(),
        "the WAL is folded in"
    );
    assert_eq!(open(&path).await.counts(at(0)).await.unwrap(), before);
}

#[tokio::test]
async fn a_copy_is_a_store_and_never_replaces_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("store.sqlite")).await;
    store
        .insert_alert(&alert(1), &[decision("a", 10)])
        .await
        .unwrap()
        .unwrap();
    let copy = directory.path().join("file:copy?mode=memory");
    store.copy_to(&copy).await.unwrap();
    let copied = open(&copy).await;
    assert_eq!(
        copied.counts(at(0)).await.unwrap(),
        store.counts(at(0)).await.unwrap()
    );
    copied.close().await;
    let bytes = std::fs::read(&copy).unwrap();
    assert!(matches!(store.copy_to(&copy).await, Err(StoreError::Database(_))));
    assert_eq!(std::fs::read(&copy).unwrap(), bytes);
    let nowhere = directory.path().join("no/such/directory");
    assert!(matches!(
        store.copy_to(&nowhere).await,
        Err(StoreError::Database(_))
    ));
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.sqlite");
    open(&path).await.close().await;
    let mut raw = SqliteConnection::connect(path.to_str().unwrap()).await.unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (1000, 'later', 1, x'00', 0)",
    )
    .execute(&mut raw)
    .await
    .unwrap();
    raw.close().await.unwrap();
    let before = std::fs::read(&path).unwrap();
    let error = SqliteStore::open(&path).await.unwrap_err();
    assert!(
        matches!(error, StoreError::Newer { found: 1000, .. }),
        "{error:?}"
    );
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert_eq!(
        std::fs::read_dir(directory.path()).unwrap().count(),
        1,
        "no copy, no WAL"
    );
}

#[tokio::test]
async fn what_is_no_database_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notes.txt");
    let text = "certainly not a database\n".repeat(400);
    std::fs::write(&path, &text).unwrap();
    let error = SqliteStore::open(&path).await.unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::Corrupt {
                what: "file header",
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    let error = SqliteStore::open(&directory.path().join("no/directory"))
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Database(_)), "{error:?}");
}
