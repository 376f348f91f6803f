//! What the node says that it serves, tried by schemathesis: no 5xx that is not CrowdSec's, and no answer that the document
//! does not name.

use serde_json::json;

use super::{Client, ban, python};
use crate::http::Place;
use crate::support::{Home, Node};

/// Requests that it makes up for each operation.
const EXAMPLES: &str = "25";
/// What is asked of every answer.
const CHECKS: [&str; 7] = [
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
];
/// The paths of machines. Behind some of them a 500 is CrowdSec's answer to a filter that it does not know; where the
/// document names none, one is a failure there, too.
const MACHINES: &str =
    "^/v1/(watchers|alerts|allowlists|usage-metrics|refresh_token|heartbeat|decisions/.id)";

/// Lets it try some paths with these headers; what it said in the end.
fn tried(test: &str, home: &Home, node: &Node, headers: &[String], more: &[&str]) -> Option<String> {
    let mut command = python(test, "schemathesis")?;
    command
        .args([
            "-c",
            "from schemathesis.cli import schemathesis; schemathesis()",
            "run",
        ])
        .arg(format!("http://{}/openapi.json", node.page))
        .args(headers.iter().flat_map(|header| ["--header", header]))
        // Events never end; `lapi` reads them.
        .args(["--exclude-path", "/v1/decisions/events"])
        .args(more)
        .args([
            "--phases",
            "coverage,fuzzing",
            "--max-examples",
            EXAMPLES,
            "--seed",
            "6",
        ])
        .args(["--generation-database", "none"])
        .args(["--request-timeout", "20", "--continue-on-failure"])
        // Whether nonsense is refused is not among the checks: parameters that it cannot use the node ignores, as CrowdSec does.
        .current_dir(home.data())
        .env("HOME", home.data())
        .env("NO_COLOR", "1");
    let mut client = Client::start(command, home.beside("schemathesis"));
    assert!(client.ends().success(), "{}", client.said());
    assert!(!home.told().contains("panicked"), "{}", home.told());
    Some(client.said())
}

#[test]
fn every_answer_is_in_the_document() {
    let home = Home::quiet();
    let node = home.up();
    let key = home.key("tester", "ban");
    ban(&home, "192.88.99.1");
    ban(&home, "192.88.98.0/24");
    let checks = format!("not_a_server_error,{}", CHECKS.join(","));
    let said = tried(
        "openapi::every_answer_is_in_the_document",
        &home,
        &node,
        &[format!("X-Api-Key:{key}")],
        &["--exclude-path-regex", MACHINES, "--checks", &checks],
    );
    let Some(said) = said else { return };
    // `get` and `head` of three reads, `delete` of one, which is refused for want of a token, and four that need no key and belong to programs or people.
    assert_eq!(said.matches("✅ 11 passed").count(), 2, "{said}");
    for path in ["/v1/decisions/stream", "/health", "/network", "/openapi.json"] {
        let answer = node.place().ask("GET", path, Some(&key));
        assert!(
            matches!(answer.status, 200 | 404) && answer.body.starts_with('{'),
            "{path}: {answer:?}"
        );
    }
}

#[test]
fn every_answer_to_a_machine_is_in_the_document() {
    let home = Home::quiet();
    let node = home.up();
    let made = home.beside("credentials.yaml");
    home.say(&["machines", "add", "tester", "--out", made.to_str().unwrap()]);
    let text = std::fs::read_to_string(made).unwrap();
    let password = text.lines().find_map(|line| line.strip_prefix("password: "));
    let token = token(&node.place(), password.unwrap().trim_matches(['"', '\'']));
    home.say(&["allowlist", "add", "192.88.99.7", "--reason", "ours"]);
    ban(&home, "192.88.99.1");
    let said = tried(
        "openapi::every_answer_to_a_machine_is_in_the_document",
        &home,
        &node,
        &[format!("Authorization:Bearer {token}")],
        &[
            "--include-path-regex",
            &format!("{MACHINES}|^/v1/decisions$"),
            // It would end the token that all others are asked with.
            "--exclude-path",
            "/v1/watchers/self",
            "--checks",
            &CHECKS.join(","),
        ],
    );
    let Some(said) = said else { return };
    assert!(said.contains("passed"), "{said}");
}

fn token(place: &Place, password: &str) -> String {
    let body = json!({"machine_id": "tester", "password": password}).to_string();
    let answer = place.raw(
        format!(
            "POST /v1/watchers/login HTTP/1.1\r\nHost: a\r\nUser-Agent: a/1\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .as_bytes(),
    );
    let answer: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    answer["token"].as_str().unwrap().to_owned()
}
