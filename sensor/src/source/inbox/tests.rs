//! What the keeper does with deliveries: a sender that went away, a stop before the past was handed on, one too large.

use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};

use tokio_util::sync::CancellationToken;

use super::*;
use crate::source::Intake;

#[test]
fn each_source_has_a_folder() {
    assert!(folder("syslog udp 0.0.0.0:514").starts_with("syslog-udp-0.0.0.0-514-"));
    assert_ne!(folder("nats a/b"), folder("nats a-b"));
    assert!(!folder("../../x").contains('/'));
}

fn outlet() -> (Outlet, Receiver<Intake>) {
    let (intake, batches) = sync_channel(64);
    let outlet = Outlet {
        intake,
        stop: CancellationToken::new(),
        clock: Arc::new(|| Timestamp::from_secs(0)),
        stats: Arc::default(),
    };
    (outlet, batches)
}

fn opened(directory: &Path, outlet: &Outlet) -> (Inbox, Keeper) {
    open(
        directory,
        &"http x".into(),
        &"syslog".into(),
        None,
        &Arc::default(),
        outlet,
    )
    .unwrap()
}

fn delivery(texts: &[&str], taken: Option<oneshot::Sender<io::Result<()>>>) -> Delivery {
    let record = |text: &&str| Record {
        at: 0,
        number: 0,
        text: (*text).to_owned(),
    };
    Delivery {
        records: texts.iter().map(record).collect(),
        taken,
    }
}

/// The first byte of each line of each batch.
fn batches(receiver: Receiver<Intake>) -> Vec<String> {
    let batch = |intake| match intake {
        Intake::Lines { lines, .. } => lines.iter().filter_map(|line| line.text.chars().next()).collect(),
        Intake::Idle { .. } => "idle".to_owned(),
        Intake::Left { .. } => "left".to_owned(),
    };
    receiver.into_iter().map(batch).collect()
}

#[test]
fn lines_of_a_sender_that_went_away_are_taken_once() {
    let directory = tempfile::tempdir().unwrap();
    let (outlet, receiver) = outlet();
    let (inbox, mut keeper) = opened(directory.path(), &outlet);
    let (gone, waiting) = oneshot::channel();
    drop(waiting);
    let (again, answer) = oneshot::channel();
    inbox.sender.try_send(delivery(&["a"], Some(again))).unwrap();
    keeper.take(delivery(&["a"], Some(gone)), &outlet).unwrap();
    answer.blocking_recv().unwrap().unwrap();
    let (gone, waiting) = oneshot::channel();
    drop(waiting);
    keeper.take(delivery(&["b"], Some(gone)), &outlet).unwrap();
    drop(outlet);
    assert_eq!(batches(receiver), ["a"]);
}

#[test]
fn a_large_delivery_is_handed_on_in_pieces() {
    let directory = tempfile::tempdir().unwrap();
    let (outlet, receiver) = outlet();
    let (_inbox, mut keeper) = opened(directory.path(), &outlet);
    let half = |first: &str| format!("{first}{}", "x".repeat(BATCH_BYTES / 2));
    let lines = [half("a"), half("b"), half("c"), "d".to_owned()];
    keeper
        .take(delivery(&lines.each_ref().map(String::as_str), None), &outlet)
        .unwrap();
    drop(outlet);
    let batches: Vec<_> = receiver.into_iter().collect();
    let [
        Intake::Lines { next, .. },
        Intake::Lines {
            lines, next: last, ..
        },
    ] = batches.as_slice()
    else {
        panic!("{batches:?}")
    };
    assert_eq!(next.as_ref(), lines.first().map(|line| &line.position));
    assert_eq!(last.as_ref(), Some(&position(keeper.spool.end())));
}

#[test]
fn a_stop_before_the_past_is_handed_on_takes_nothing_behind_it() {
    let directory = tempfile::tempdir().unwrap();
    let (outlet, receiver) = outlet();
    let large = "p".repeat(BATCH_BYTES);
    let (_inbox, mut keeper) = opened(directory.path(), &outlet);
    for _ in 0..2 {
        keeper.keep(&delivery(&[&large], None).records, true).unwrap();
    }
    drop(keeper);
    let (inbox, keeper) = opened(directory.path(), &outlet);
    let (taken, answer) = oneshot::channel();
    inbox.sender.try_send(delivery(&["http"], Some(taken))).unwrap();
    inbox.sender.try_send(delivery(&["udp"], None)).unwrap();
    drop(inbox);
    outlet.stop.cancel();
    assert_eq!(keeper.run(&outlet), Err(Closed));
    assert!(answer.blocking_recv().is_err(), "it is told to send it again");
    drop(outlet);
    assert_eq!(batches(receiver), ["p"]);

    let (outlet, receiver) = self::outlet();
    let (inbox, keeper) = opened(directory.path(), &outlet);
    drop(inbox);
    keeper.run(&outlet).unwrap();
    drop(outlet);
    assert_eq!(batches(receiver), ["p", "p", "u"]);
}
