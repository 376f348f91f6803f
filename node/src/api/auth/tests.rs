use axum::body::Body;
use tower::ServiceExt as _;

use super::*;
use crate::config::Config;
use crate::identity::Identity;
use crate::paths::Paths;
use crate::testing::bouncer;

#[test]
fn a_visitor_is_noted_once_a_minute() {
    let limits = Limits::default();
    let visit = |address: &str| ([7; 32], address.to_owned(), "lua/1".to_owned());
    let at = Timestamp::from_secs;
    assert!(limits.is_notable(visit("10.0.0.1"), at(100)));
    assert!(!limits.is_notable(visit("10.0.0.1"), at(159)));
    assert!(limits.is_notable(visit("10.0.0.2"), at(159)));
    assert!(limits.is_notable(visit("10.0.0.1"), at(160)));
    // The clock was set back.
    assert!(limits.is_notable(visit("10.0.0.1"), at(5)));
}

/// A node whose clock stands still, so that what was read of the database stays fresh.
pub(in crate::api) async fn node(place: &tempfile::TempDir) -> Arc<Node> {
    let paths = Paths::new(Some(place.path().to_owned()), None);
    Identity::create(&paths, None, crate::clock::now()).unwrap();
    let mut node = Node::open(paths, Config::default()).await.unwrap();
    let now = crate::clock::now();
    Arc::get_mut(&mut node).unwrap().clock = Arc::new(move || now);
    node
}

async fn add(node: &Node, key: &str) {
    let bouncer = Bouncer {
        name: key.to_owned(),
        key_hash: *blake3::hash(key.as_bytes()).as_bytes(),
        created_at: node.now(),
        ..bouncer()
    };
    assert!(node.store.add_bouncer(&bouncer).await.unwrap());
    node.keys.forget().await;
}

#[tokio::test]
async fn who_guesses_costs_the_database_nothing_and_keeps_no_right_key_behind_his_address_out() {
    let place = tempfile::tempdir().unwrap();
    let node = node(&place).await;
    let router = crate::api::router(Arc::clone(&node));
    let ask = async |address: &str, key: &str| {
        let peer = SocketAddr::new(address.parse().unwrap(), 4711);
        let request = Request::get("/v1/decisions").header("x-api-key", key);
        let request = request.extension(ConnectInfo(peer)).body(Body::empty()).unwrap();
        router.clone().oneshot(request).await.unwrap()
    };
    let (mut refused, mut told_to_wait) = (0, 0);
    while told_to_wait < 40 {
        let before = node.keys.asked();
        let answer = ask("192.88.99.7", &format!("wrong {refused} {told_to_wait}")).await;
        let cost = node.keys.asked() - before;
        if answer.status() == StatusCode::FORBIDDEN {
            (refused, told_to_wait) = (refused + 1, told_to_wait);
            assert_eq!(cost, 1);
            continue;
        }
        assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(answer.headers()["retry-after"], "2");
        told_to_wait += 1;
        // The first was looked for before it was one too many, the second had all keys listed.
        assert!(cost == 0 || told_to_wait <= 2, "the {told_to_wait}th cost {cost}");
    }
    assert!(refused >= 30, "{refused}");
    // Bouncers that come meanwhile, behind the same address.
    for number in 0..40 {
        let key = format!("right {number}");
        add(&node, &key).await;
        assert_eq!(ask("192.88.99.7", &key).await.status(), StatusCode::OK);
    }
    assert_eq!(ask("192.88.99.8", "wrong").await.status(), StatusCode::FORBIDDEN);
    node.store
        .delete_client(Client::Bouncer("right 0"))
        .await
        .unwrap();
    node.keys.forget().await;
    assert_ne!(ask("192.88.99.7", "right 0").await.status(), StatusCode::OK);
}
