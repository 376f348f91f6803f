//! One chain, several processes: a holder that was paused writes nothing once another has taken over.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;

use vigie_store::testing::sample::{at, envelope, holder, ip, place, publisher};
use vigie_store::{Appended, Envelopes as _, Leases as _, StoreError};
use vigie_store_postgres::PostgresStore;

use crate::connect;
use crate::server::server;

/// Names the database in the other process's environment; without it `holds_until_told` is no test at all.
const HOLDER: &str = "VIGIE_TEST_LEASE_POSTGRES";

/// Not a test by itself: the process that holds the chain, is paused, and goes on as if nothing had been.
#[tokio::test]
async fn holds_until_told() {
    let Some(url) = std::env::var_os(HOLDER) else {
        return;
    };
    let store = PostgresStore::connect(url.to_str().unwrap()).await.unwrap();
    let taken = store
        .take_lease(publisher(1), holder("paused"), at(0), at(10))
        .await;
    let lease = taken.unwrap().unwrap();
    let first = envelope(place(1, 0), &[ip(1)], 1);
    assert_eq!(
        store.append_own(&lease, &first, &[]).await.unwrap(),
        Appended::New
    );
    let mut told = std::io::stdin().lines();
    for seq in 1_u64.. {
        println!("\nholder: written");
        if told.next().is_none() {
            return;
        }
        let late = envelope(place(1, seq), &[ip(2)], 1);
        match store.append_own(&lease, &late, &[]).await {
            Ok(appended) => println!("\nholder: {appended:?}"),
            Err(StoreError::Fenced { .. }) => println!("\nholder: fenced"),
            Err(error) => println!("\nholder: {error:?}"),
        }
    }
}

struct Holder {
    child: Child,
    says: Lines<BufReader<ChildStdout>>,
}

impl Holder {
    fn start(url: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "lease::holds_until_told", "--nocapture"])
            .env(HOLDER, url)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let says = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, says }
    }

    fn says(&mut self) -> String {
        let said = self.says.by_ref().map(Result::unwrap);
        let mut said = said.filter_map(|line| line.strip_prefix("holder: ").map(str::to_owned));
        said.next().unwrap()
    }

    fn tell(&mut self) {
        writeln!(self.child.stdin.as_mut().unwrap(), "go on").unwrap();
    }

    /// Stops every thread of it. The signal is only sent when `kill` returns; on a busy machine a thread may go on.
    fn pause(&self) {
        self.signal("-STOP");
        let tasks = format!("/proc/{}/task", self.child.id());
        let stopped = |task: std::fs::DirEntry| {
            let stat = std::fs::read_to_string(task.path().join("stat")).unwrap();
            stat.rsplit_once(") ").unwrap().1.starts_with('T')
        };
        while !std::fs::read_dir(&tasks)
            .unwrap()
            .all(|task| stopped(task.unwrap()))
        {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([name, &pid]).status().unwrap();
        assert!(sent.success());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_holder_writes_nothing_once_another_process_took_over() {
    let Some(server) = server("a paused holder") else {
        return;
    };
    let (url, store) = connect(server).await;
    let mut other = Holder::start(&url);
    assert_eq!(other.says(), "written");
    let taken = store
        .take_lease(publisher(1), holder("awake"), at(9), at(20))
        .await
        .unwrap();
    assert_eq!(taken, None, "the holder lives");
    other.tell();
    assert_eq!(other.says(), "New");
    assert_eq!(other.says(), "written");

    other.pause();
    other.tell();
    let taken = store
        .take_lease(publisher(1), holder("awake"), at(10), at(20))
        .await
        .unwrap();
    let lease = taken.unwrap();
    let head = store.head_of(publisher(1)).await.unwrap();
    assert_eq!(
        head,
        Some(place(1, 1)),
        "all that the holder wrote is seen by its successor"
    );
    let mine = envelope(place(1, 2), &[ip(3)], 1);
    assert_eq!(store.append_own(&lease, &mine, &[]).await.unwrap(), Appended::New);
    other.signal("-CONT");
    assert_eq!(other.says(), "fenced");
    assert_eq!(other.says(), "written");
    other.tell();
    assert_eq!(
        other.says(),
        "fenced",
        "and so it stays, also where a place is free"
    );
    let held = store.held().await.unwrap();
    assert_eq!(held.len(), 3);
    assert_eq!(held[2].held, mine.held);

    drop(other.child.stdin.take());
    other.child.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_takeover_and_a_late_write_at_one_moment_stand_one_behind_the_other() {
    let Some(server) = server("a takeover at one moment") else {
        return;
    };
    let (url, first) = connect(server).await;
    let second = Arc::new(PostgresStore::connect(&url).await.unwrap());
    let stores = [Arc::new(first), second];
    let mut lease = stores[0]
        .take_lease(publisher(1), holder("0"), at(0), at(1))
        .await
        .unwrap()
        .unwrap();
    let mut seq = 0;
    for round in 1..=30_usize {
        let (old, new) = (&stores[(round + 1) % 2], &stores[round % 2]);
        let now = at(i64::try_from(round).unwrap());
        let name = round.to_string();
        let late = envelope(place(1, seq), &[ip(1)], 1);
        let (written, (taken, head)) = tokio::join!(old.append_own(&lease, &late, &[]), async {
            let taken = new.take_lease(
                publisher(1),
                holder(&name),
                now,
                now + std::time::Duration::from_secs(1),
            );
            let taken = taken.await.unwrap().unwrap();
            (taken, new.head_of(publisher(1)).await.unwrap())
        });
        assert!(taken.token > lease.token);
        match written {
            Ok(appended) => {
                assert_eq!(appended, Appended::New);
                assert_eq!(
                    head,
                    Some(late.held),
                    "a write that was in time is seen by the successor"
                );
                seq += 1;
            }
            Err(StoreError::Fenced { .. }) => assert_ne!(head, Some(late.held)),
            Err(error) => panic!("{error:?}"),
        }
        lease = taken;
    }
}
