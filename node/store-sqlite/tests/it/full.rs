//! A full disk: refused at start with the right word; while running, what was acknowledged stays.
//!
//! The disk is a small tmpfs in a mount namespace of its own, so the test starts itself again inside of one.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use vigie_store::testing::sample::{at, decision};
use vigie_store::{Counts, DecisionFilter, Decisions as _, Notes as _, StoreError};
use vigie_store_sqlite::SqliteStore;

use crate::open;
use crate::skip::skip;

/// Names the small disk in the environment; without it the test inside is no test at all.
const DISK: &str = "VIGIE_TEST_SMALL_DISK";

const INSIDE: &str = r#"mount -t tmpfs -o size=8m tmpfs "$VIGIE_TEST_SMALL_DISK" && exec "$0" --exact full::inside --nocapture"#;

#[test]
fn a_full_disk_is_named_and_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let namespaces = ["--user", "--map-root-user", "--mount"];
    let possible = Command::new("unshare")
        .args(namespaces)
        .args(["mount", "-t", "tmpfs", "tmpfs"])
        .arg(directory.path())
        .output();
    if !possible.is_ok_and(|done| done.status.success()) {
        skip(
            "vigie-store-sqlite full disk",
            "this machine lets nobody mount a tmpfs in a namespace (unshare)",
        );
        return;
    }
    let inside = Command::new("unshare")
        .args(namespaces)
        .args(["sh", "-c", INSIDE])
        .arg(std::env::current_exe().unwrap())
        .env(DISK, directory.path())
        .output()
        .unwrap();
    assert!(
        inside.status.success(),
        "{}",
        String::from_utf8_lossy(&inside.stderr)
    );
}

/// Not a test by itself: what runs on the small disk.
#[tokio::test]
async fn inside() {
    let Some(disk) = std::env::var_os(DISK) else {
        return;
    };
    let disk = Path::new(&disk);
    let path = disk.join("store.sqlite");
    let store = open(&path).await;
    let (acknowledged, error) = fill(&store).await;
    assert!(matches!(error, StoreError::Full(_)), "{error:?}");
    assert!(acknowledged > 0);
    let counts = store.counts(at(0)).await.unwrap();
    assert_eq!(
        counts,
        Counts {
            active_decisions: acknowledged,
            ..Counts::default()
        }
    );
    let copy = store.copy_to(&disk.join("copy")).await;
    assert!(matches!(copy, Err(StoreError::Full(_))), "{copy:?}");
    assert!(!disk.join("copy").exists(), "nothing stays of a copy that failed");
    store.close().await;

    let filler = disk.join("filler");
    while std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(&filler)
        .is_ok_and(|mut file| file.write_all(&[0; 4096]).is_ok())
    {}
    let error = SqliteStore::open(&path).await.unwrap_err();
    assert!(matches!(error, StoreError::Full(_)), "{error:?}");
    assert_eq!(error.to_string(), "the disk that holds the database is full");
    let error = SqliteStore::open(&disk.join("another.sqlite")).await.unwrap_err();
    assert!(matches!(error, StoreError::Full(_)), "{error:?}");
}

/// Writes until an error; gives how many were acknowledged before.
async fn fill(store: &SqliteStore) -> (u64, StoreError) {
    let mut new = decision("192.0.2.1", 10);
    new.reason = "x".repeat(16 * 1024).into();
    let mut acknowledged = 0;
    loop {
        match store.insert_decision(&new).await {
            Ok(_) => acknowledged += 1,
            Err(error) => {
                let found = store.decisions(&DecisionFilter::default()).await.unwrap();
                assert_eq!(found.len() as u64, acknowledged);
                return (acknowledged, error);
            }
        }
    }
}
