//! The stream against a Local API that is really there: over TCP and a unix socket, with push and without, and
//! through faults.
#![expect(clippy::unwrap_used, reason = "what a test cannot set up fails it")]

mod lapi;
mod mmdb;
mod places;

use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use vigie_bouncer_client::stream::FollowError;
use vigie_bouncer_client::{Change, Clock, Source, SourceConfig, StreamConfig, Update, follow};

use lapi::{KEY, Lapi};

struct Following {
    updates: mpsc::Receiver<Update>,
    task: JoinHandle<Result<(), FollowError>>,
    shutdown: CancellationToken,
}

fn follow_at(url: String, key: &str, config: StreamConfig) -> Following {
    let user_agent = "vigie-bouncer-test/1.0".to_owned();
    let source = Source::new(SourceConfig {
        url,
        key: SecretString::from(key),
        user_agent,
        ca_pem: None,
    })
    .unwrap();
    let (tx, updates) = mpsc::channel(4);
    let shutdown = CancellationToken::new();
    let worker = follow(config, source, (Clock::start(), shutdown.clone()), tx);
    #[expect(clippy::disallowed_methods, reason = "the test joins it")]
    let task = tokio::spawn(worker);
    Following {
        updates,
        task,
        shutdown,
    }
}

fn every(poll: Duration) -> StreamConfig {
    StreamConfig {
        poll,
        ..StreamConfig::default()
    }
}

const SOON: Duration = Duration::from_millis(50);
const NEVER: Duration = Duration::from_hours(1);

impl Following {
    /// The next update, in short.
    async fn next(&mut self) -> String {
        let update = tokio::time::timeout(Duration::from_secs(20), self.updates.recv()).await;
        match update.unwrap().unwrap() {
            Update::Atlas(atlas) => format!("atlas of {}", atlas.len()),
            Update::Spared(nets) => format!("{} spared", nets.len()),
            Update::Begin => "begin".to_owned(),
            Update::End => "end".to_owned(),
            Update::Changes(changes) => changes.iter().map(short).collect::<Vec<_>>().join(" "),
        }
    }

    async fn expect(&mut self, expected: &[&str]) {
        for one in expected {
            assert_eq!(self.next().await, *one);
        }
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap().unwrap();
    }
}

fn short(change: &Change) -> String {
    match change {
        Change::Add(add) => format!("+{}", add.value),
        Change::Remove { value, .. } => format!("-{value}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_picture_then_differences_over_tcp() {
    let (lapi, address) = Lapi::on_tcp();
    lapi.add("192.0.2.1", "4h0m0s");
    let mut following = follow_at(format!("http://{address}"), KEY, every(SOON));
    following.expect(&["begin", "+192.0.2.1", "end"]).await;
    lapi.add("2001:db8::/64", "1h");
    following.expect(&["+2001:db8::/64"]).await;
    lapi.delete("192.0.2.1");
    following.expect(&["-192.0.2.1"]).await;
    lapi.wait(|state| {
        let first = &state.requests[..3.min(state.requests.len())];
        first
            == [
                "GET /v1/decisions/events | vigie-bouncer-test/1.0",
                "GET /v1/decisions/stream?startup=true | vigie-bouncer-test/1.0",
                "GET /v1/decisions/stream | vigie-bouncer-test/1.0",
            ]
    });
    following.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_over_a_unix_socket_and_only_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("api.sock");
    let lapi = Lapi::on_unix(&path);
    lapi.add("192.0.2.1", "4h");
    let config = StreamConfig {
        once: true,
        ..every(NEVER)
    };
    let mut following = follow_at(format!("unix://{}", path.display()), KEY, config);
    following.expect(&["begin", "+192.0.2.1", "end"]).await;
    following.task.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_are_pushed_where_the_node_offers_it() {
    let (lapi, address) = Lapi::on_tcp();
    lapi.set(|state| state.push = true);
    let mut following = follow_at(format!("http://{address}"), KEY, every(NEVER));
    following.expect(&["begin", "end"]).await;
    lapi.add("192.0.2.7", "1h");
    following.expect(&["+192.0.2.7"]).await;
    // The push ends: the difference is fetched.
    lapi.set(|state| state.push = false);
    lapi.wait_for_next("/v1/decisions/stream ");
    following.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_key_is_told_without_the_key() {
    let (_lapi, address) = Lapi::on_tcp();
    let following = follow_at(format!("http://{address}"), "wr0ng-key", every(SOON));
    let error = following.task.await.unwrap().unwrap_err();
    assert!(matches!(error, FollowError::Denied(_)));
    let text = format!("{error} {error:?}");
    assert!(
        text.contains("refuses the API key (HTTP 403)") && !text.contains("wr0ng-key"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_broken_answer_only_a_full_picture_is_trusted() {
    let (lapi, address) = Lapi::on_tcp();
    lapi.add("192.0.2.1", "4h");
    let mut following = follow_at(format!("http://{address}"), KEY, every(SOON));
    following.expect(&["begin", "+192.0.2.1", "end"]).await;
    lapi.set(|state| state.break_off = 1);
    lapi.add("192.0.2.2", "4h");
    following.expect(&["begin", "+192.0.2.1 +192.0.2.2", "end"]).await;
    following.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_away_is_caught_up_with_by_a_difference() {
    let (lapi, address) = Lapi::on_tcp();
    let mut following = follow_at(format!("http://{address}"), KEY, every(SOON));
    following.expect(&["begin", "end"]).await;
    lapi.set(|state| state.status = Some(500));
    lapi.wait_for_next("/v1/decisions/stream ");
    lapi.add("192.0.2.3", "4h");
    // Also a key that is refused for a while ends nothing once it was accepted.
    lapi.set(|state| state.status = Some(403));
    lapi.wait_for_next("/v1/decisions/stream ");
    lapi.set(|state| state.status = None);
    following.expect(&["+192.0.2.3"]).await;
    following.stop().await;
}

/// What ended early while the node was not heard may be forgotten there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_away_for_longer_than_a_node_remembers_asks_for_everything() {
    let (lapi, address) = Lapi::on_tcp();
    let config = StreamConfig {
        remembered: Duration::from_millis(300),
        ..every(SOON)
    };
    let mut following = follow_at(format!("http://{address}"), KEY, config);
    following.expect(&["begin", "end"]).await;
    lapi.add("192.0.2.1", "4h");
    following.expect(&["+192.0.2.1"]).await;
    lapi.set(|state| state.status = Some(500));
    tokio::time::sleep(Duration::from_millis(400)).await;
    lapi.set(|state| state.status = None);
    following.expect(&["begin", "+192.0.2.1", "end"]).await;
    following.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_without_end_is_cut() {
    let (lapi, address) = Lapi::on_tcp();
    lapi.add("192.0.2.1", "4h");
    let config = StreamConfig {
        once: true,
        max_response_bytes: 50,
        ..every(SOON)
    };
    let mut following = follow_at(format!("http://{address}"), KEY, config);
    following.expect(&["begin"]).await;
    let FollowError::Once(error) = following.task.await.unwrap().unwrap_err() else {
        panic!("another error")
    };
    assert_eq!(error.to_string(), "the answer is longer than 50 bytes");
}
