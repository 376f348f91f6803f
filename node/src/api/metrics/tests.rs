use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use tower::ServiceExt as _;

use super::*;
use crate::api::auth::tests::node;
use crate::testing::decision;

/// What the text says, by name and labels; as strict as the format, so that no reader stumbles.
fn read(text: &str) -> BTreeMap<String, f64> {
    let word = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_')
    };
    let mut rows = BTreeMap::new();
    let (mut helped, mut family) = (String::new(), String::new());
    assert!(text.ends_with('\n'));
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, words) = help.split_once(' ').unwrap();
            assert!(word(name) && !words.contains('\\'), "{line}");
            helped = name.to_owned();
            continue;
        }
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert_eq!(name, helped, "{line}");
            assert_eq!(name.ends_with("_total"), kind == "counter", "{line}");
            assert!(["counter", "gauge"].contains(&kind), "{line}");
            family = name.to_owned();
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        assert_eq!(name, family, "{line}");
        let labels = labels.strip_suffix('}').unwrap();
        for label in labels.split(',').filter(|label| !label.is_empty()) {
            let (name, value) = label.split_once("=\"").unwrap();
            let value = value.strip_suffix('"').unwrap();
            assert!(word(name) && !value.contains(['"', '\\']), "{line}");
        }
        let before = rows.insert(series.to_owned(), value.parse().unwrap());
        assert!(before.is_none(), "twice: {line}");
    }
    rows
}

#[test]
fn labels_are_escaped() {
    assert_eq!(
        labels(&[("a", "x\"y\\z\n"), ("b", "")]),
        "{a=\"x\\\"y\\\\z\\n\",b=\"\"}"
    );
}

#[tokio::test]
async fn this_machine_is_told_and_nobody_else() {
    let place = tempfile::tempdir().unwrap();
    let node = node(&place).await;
    let now = node.now();
    node.table.put(
        &[decision(1, "192.88.99.1", now), decision(2, "192.88.99.2", now)],
        now,
    );
    let router = crate::api::router(Arc::clone(&node));
    let ask = async |peer: &str, host: &str, path: &str| {
        let peer = SocketAddr::new(peer.parse().unwrap(), 4711);
        let request = Request::get(path)
            .header("host", host)
            .extension(ConnectInfo(peer));
        let request = request.body(Body::empty()).unwrap();
        router.clone().oneshot(request).await.unwrap()
    };
    for (peer, host) in [("192.88.99.7", "127.0.0.1:8480"), ("127.0.0.1", "vigie.example")] {
        assert_eq!(ask(peer, host, "/metrics").await.status(), StatusCode::NOT_FOUND);
    }
    assert_eq!(
        ask("192.88.99.7", "", "/v1/decisions/stream").await.status(),
        StatusCode::FORBIDDEN
    );
    let answer = ask("127.0.0.1", "127.0.0.1:8480", "/metrics").await;
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4");
    let bytes = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    let rows = read(std::str::from_utf8(&bytes).unwrap());
    let says = |series: &str, value: f64| assert_eq!(rows.get(series), Some(&value), "{series}: {rows:?}");
    let origin = decision(1, "192.88.99.1", now).decision.origin;
    says(
        &format!("vigie_table_decisions{{origin=\"{origin}\",remediation=\"ban\",simulated=\"false\"}}"),
        2.0,
    );
    says("vigie_table_rows", 2.0);
    says("vigie_api_requests_total{route=\"stream\",status=\"4xx\"}", 1.0);
    says("vigie_api_requests_total{route=\"other\",status=\"4xx\"}", 2.0);
    says("vigie_api_refused_total", 1.0);
    says("vigie_api_key_lookups_total", 0.0);
    says("vigie_api_followers", 0.0);
    says("vigie_api_machines{state=\"waiting\"}", 0.0);
    assert!(rows["process_resident_memory_bytes"] > 1e6);
}
