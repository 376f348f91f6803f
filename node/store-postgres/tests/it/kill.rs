//! kill -9 at any moment: what was acknowledged is there, and nothing is there by half.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;

use vigie_store::testing::kill::{Told, aftermath, victim};
use vigie_store_postgres::PostgresStore;

use crate::server::server;

/// Names the database in the victim's environment; without it the victim below is no test at all.
const VICTIM: &str = "VIGIE_TEST_VICTIM_POSTGRES";

/// Not a test by itself: the process that the test below starts and kills.
#[tokio::test]
async fn writes_until_killed() {
    let Some(url) = std::env::var_os(VICTIM) else {
        return;
    };
    let store = PostgresStore::connect(url.to_str().unwrap()).await.unwrap();
    victim(Arc::new(store), std::io::stdout()).await;
}

/// Starts the victim and kills it as soon as it told so many things; gives all that it told.
fn killed_after(lines: usize, url: &str) -> Vec<Told> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::writes_until_killed", "--nocapture"])
        .env(VICTIM, url)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok)
        .filter_map(|line| Told::parse(&line));
    let mut all: Vec<_> = told.by_ref().take(lines).collect();
    assert_eq!(all.len(), lines, "the victim died before its time");
    child.kill().unwrap();
    all.extend(told);
    child.wait().unwrap();
    all
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_by_kill_9() {
    let Some(server) = server("kill -9") else {
        return;
    };
    let url = server.empty_database();
    let mut told = Vec::new();
    // Odd numbers kill it while it appends to its chain, even ones while it writes an alert.
    for lines in [1, 2, 3, 8, 21, 34, 55, 90] {
        told.extend(killed_after(lines, &url));
        let store = Arc::new(PostgresStore::connect(&url).await.unwrap());
        quiet(&url).await;
        aftermath(store.clone(), &told).await;
        store.close().await;
    }
}

/// Waits until the server noticed that the victim is gone: what it was doing is then done or undone.
async fn quiet(url: &str) {
    use sqlx::Connection as _;
    let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
    loop {
        let busy: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM pg_stat_activity
                WHERE datname = current_database() AND backend_type = 'client backend' AND state <> 'idle'
                    AND pid <> pg_backend_pid()",
        )
        .fetch_one(&mut connection)
        .await
        .unwrap();
        if busy == 0 {
            return;
        }
        tokio::task::yield_now().await;
    }
}
