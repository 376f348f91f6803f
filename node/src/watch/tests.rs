use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use vigie_sensor::line::Position;
use vigie_sensor::run::SensorEvent;
use vigie_wire::Timestamp;

use super::{absent, positions, run};
use crate::clock;
use crate::config::Config;
use crate::identity::Identity;
use crate::node::Node;
use crate::paths::Paths;

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
