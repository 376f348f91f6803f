//! kill -9 at any moment: what was acknowledged is there, and nothing is there by half.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use vigie_store::testing::kill::{Told, aftermath, victim};

use crate::open;

/// Names the file in the victim's environment; without it the victim below is no test at all.
const VICTIM: &str = "VIGIE_TEST_VICTIM_SQLITE";

/// Not a test by itself: the process that the test below starts and kills.
#[tokio::test]
async fn writes_until_killed() {
    let Some(path) = std::env::var_os(VICTIM) else {
        return;
    };
    victim(Arc::new(open(Path::new(&path)).await), std::io::stdout()).await;
}

/// Starts the victim and kills it as soon as it told so many things; gives all that it told.
fn killed_after(lines: usize, path: &Path) -> Vec<Told> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::writes_until_killed", "--nocapture"])
        .env(VICTIM, path)
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
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.sqlite");
    let mut told = Vec::new();
    // Odd numbers kill it while it appends to its chain, even ones while it writes an alert.
    for lines in [1, 2, 3, 8, 21, 34, 55, 90] {
        told.extend(killed_after(lines, &path));
        let store = Arc::new(open(&path).await);
        aftermath(store.clone(), &told).await;
        store.close().await;
    }
}
