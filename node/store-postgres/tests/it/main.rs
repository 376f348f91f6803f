//! The promises of `vigie-store`, held by a real PostgreSQL, and what only a server can do: be shared, dumped, killed over.
#![expect(clippy::unwrap_used, reason = "tests panic, also in their helpers")]

use std::sync::Arc;

use vigie_store::testing::{self, AnyStore};
use vigie_store_postgres::PostgresStore;

mod binaries;
mod damage;
mod dump;
mod kill;
mod lease;
mod server;
#[path = "../../../../bouncers/nftables/tests/it/skip.rs"]
mod skip;
mod versions;

use server::{Server, server};

async fn connect(server: &Server) -> (String, PostgresStore) {
    let url = server.empty_database();
    let store = PostgresStore::connect(&url).await.unwrap();
    (url, store)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_promise_is_held() {
    let Some(server) = server("every promise") else {
        return;
    };
    testing::all(async || Arc::new(connect(server).await.1) as AnyStore).await;
    println!("{} promises held", testing::PROMISES.len());
}

#[test]
fn odd_texts_come_back() {
    let Some(server) = server("odd texts") else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store: AnyStore = Arc::new(runtime.block_on(connect(server)).1);
    testing::random::round_trips(&store, |check| runtime.block_on(check));
}
