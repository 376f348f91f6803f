use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;
use vigie_sensor::line::Position;
use vigie_sensor::run::SensorEvent;
use vigie_store::sql::{Database, Query, Row, Transaction};
use vigie_store::{Store, StoreError};
use vigie_store_sqlite::SqliteStore;
use vigie_wire::Timestamp;

use super::{Found, absent, positions, run, write_alert};
use crate::clock;
use crate::config::Config;
use crate::identity::Identity;
use crate::node::Node;
use crate::paths::Paths;
use crate::testing::{alert, decision};

const DAY: Duration = Duration::from_secs(86_400);

/// The node of a directory, so many days from now.
async fn node(paths: &Paths, days: u32) -> Arc<Node> {
    let mut node = Node::open(paths.clone(), Config::default()).await.unwrap();
    let now = clock::now() + DAY * days;
    Arc::get_mut(&mut node).unwrap().clock = Arc::new(move || now);
    node
}

/// One process that hears of these logs, looks once, and is gone.
async fn process(node: &Arc<Node>, logs: &[&str], looked: impl AsyncFn() -> bool) {
    let (told, events) = mpsc::channel(8);
    for log in logs {
        let resume = Position::File { file: 7, offset: 9 }.into();
        let source = (*log).to_owned();
        told.send(SensorEvent::Checkpoint { source, resume })
            .await
            .unwrap();
    }
    let absent = absent(node, &[]).await.unwrap();
    let watching = run(Arc::clone(node), events, Arc::default(), absent);
    let looking = async {
        while !looked().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        drop(told);
    };
    let both = async { tokio::join!(watching, looking).0 };
    tokio::time::timeout(Duration::from_secs(60), both)
        .await
        .unwrap()
        .unwrap();
}

/// Positions of logs that are gone stay for a month; the process that hears of them is not the one that ends them.
#[tokio::test]
async fn positions_of_logs_that_are_gone_do_not_pile_up() {
    let directory = tempfile::tempdir().unwrap();
    let paths = Paths::new(Some(directory.path().join("data")), None);
    paths.create().unwrap();
    Identity::create(&paths, None, Timestamp::from_secs(1_790_000_000)).unwrap();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (old, here) = (at("a-2026-01-01.log"), at("a.log"));
    std::fs::write(&here, "").unwrap();
    let noted = async |node: &Node| {
        positions(node)
            .await
            .unwrap()
            .into_iter()
            .collect::<BTreeSet<_>>()
    };
    let all: BTreeSet<String> = [old.clone(), here.clone(), "journald".to_owned()].into();
    {
        let node = node(&paths, 0).await;
        process(&node, &[&old, &here, "journald"], async || {
            noted(&node).await == all
        })
        .await;
    }
    for (days, left) in [(1, &all), (29, &all), (40, &[here, "journald".to_owned()].into())] {
        let node = node(&paths, days).await;
        let looked = async || {
            let note = node.store.note(node.mine(), "absent").await.unwrap();
            // On the first day it is found to be gone, in the end its position goes.
            note.is_some_and(|note| note.contains(&old) == (days < 40))
        };
        process(&node, &[], looked).await;
        assert_eq!(noted(&node).await, *left, "after {days} days");
    }
}

/// A store whose next commit is done and not answered, as when the connection to the database breaks just then.
#[derive(Debug)]
struct Mute {
    store: SqliteStore,
    next: AtomicBool,
}

struct Unheard(Box<dyn Transaction>, bool);

#[async_trait]
impl Database for Mute {
    fn binds_arrays(&self) -> bool {
        self.store.binds_arrays()
    }
    async fn fetch(&self, query: Query<'_>) -> Result<Vec<Row>, StoreError> {
        Database::fetch(&self.store, query).await
    }
    async fn execute(&self, query: Query<'_>) -> Result<u64, StoreError> {
        Database::execute(&self.store, query).await
    }
    async fn begin(&self) -> Result<Box<dyn Transaction>, StoreError> {
        let tx = self.store.begin().await?;
        Ok(Box::new(Unheard(tx, self.next.swap(false, Ordering::Relaxed))))
    }
    async fn copy_to(&self, target: &std::path::Path) -> Result<(), StoreError> {
        Database::copy_to(&self.store, target).await
    }
    async fn close(&self) {
        self.store.close().await;
    }
}

#[async_trait]
impl Transaction for Unheard {
    async fn fetch(&mut self, query: Query<'_>) -> Result<Vec<Row>, StoreError> {
        self.0.fetch(query).await
    }
    async fn execute(&mut self, query: Query<'_>) -> Result<u64, StoreError> {
        self.0.execute(query).await
    }
    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        self.0.commit().await?;
        match self.1 {
            true => Err(StoreError::Database("the connection broke".into())),
            false => Ok(()),
        }
    }
}

#[tokio::test]
async fn what_was_written_without_an_answer_is_enforced_and_ends() {
    let directory = tempfile::tempdir().unwrap();
    let paths = Paths::new(Some(directory.path().join("data")), None);
    paths.create().unwrap();
    Identity::create(&paths, None, Timestamp::from_secs(1_790_000_000)).unwrap();
    let mut node = node(&paths, 0).await;
    let store = Arc::new(Mute {
        store: SqliteStore::open(&paths.database()).await.unwrap(),
        next: AtomicBool::new(true),
    });
    Arc::get_mut(&mut node).unwrap().store = Arc::clone(&store) as Arc<dyn Store>;
    let now = node.now();
    let attacker = "192.88.99.7".parse().unwrap();
    let held = decision(-1, "192.88.99.7", now);
    let mut found = Found {
        alert: alert("192.88.99.7"),
        decisions: vec![held.decision.clone()],
        held: Vec::new(),
    };
    write_alert(&node, &found).await.unwrap_err();
    node.table.put(std::slice::from_ref(&held), now);
    found.held = vec![held];
    write_alert(&node, &found).await.unwrap();
    let stands = node.table.strongest(attacker, now).unwrap();
    assert!(stands.id > 0, "it has its number: {stands:?}");
    assert_eq!(node.repeats.times("192.88.99.7", now), 1);

    store.next.store(true, Ordering::Relaxed);
    node.end(&[stands.id]).await.unwrap_err();
    assert!(node.table.strongest(attacker, now).is_some());
    let ended = node.end(&[stands.id]).await.unwrap();
    assert_eq!((ended.len(), node.table.strongest(attacker, now)), (1, None));
    assert!(node.end(&[stands.id]).await.unwrap().is_empty());
}
