//! The promises of `vigie-store`, held by real files, and what only files can do: be full, damaged, newer, killed over.
#![expect(clippy::unwrap_used, reason = "tests panic, also in their helpers")]

use std::path::Path;
use std::sync::Arc;

use vigie_store::testing::{self, AnyStore};
use vigie_store_sqlite::SqliteStore;

mod damage;
mod files;
mod full;
mod kill;
#[path = "../../../../bouncers/nftables/tests/it/skip.rs"]
mod skip;

async fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_promise_is_held() {
    let directory = tempfile::tempdir().unwrap();
    let number = std::sync::atomic::AtomicU32::new(0);
    testing::all(async || {
        let number = number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = directory.path().join(format!("{number}.sqlite"));
        Arc::new(open(&path).await) as AnyStore
    })
    .await;
    println!("{} promises held", testing::PROMISES.len());
}

#[test]
fn odd_texts_come_back() {
    let directory = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store: AnyStore = Arc::new(runtime.block_on(open(&directory.path().join("store.sqlite"))));
    testing::random::round_trips(&store, |check| runtime.block_on(check));
}
