//! What the node says that it serves, tried by schemathesis: no 5xx, and no answer that the document does not name.

use super::{Client, ban, python};
use crate::support::Home;

/// Requests that it makes up for each operation.
const EXAMPLES: &str = "25";

#[test]
fn every_answer_is_in_the_document() {
    let Some(mut command) = python("openapi::every_answer_is_in_the_document", "schemathesis") else {
        return;
    };
    let home = Home::quiet();
    let node = home.up();
    let key = home.key("tester", "ban");
    ban(&home, "192.88.99.1");
    ban(&home, "192.88.98.0/24");
    let checks = [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
        "unsupported_method",
        "allow_header_conformance",
        "ignored_auth",
    ];
    command
        .args([
            "-c",
            "from schemathesis.cli import schemathesis; schemathesis()",
            "run",
        ])
        .arg(format!("http://{}/openapi.json", node.page))
        .args(["--header", &format!("X-Api-Key:{key}")])
        // Events never end; `lapi` reads them.
        .args([
            "--exclude-path",
            "/v1/decisions/events",
            "--phases",
            "coverage,fuzzing",
        ])
        .args([
            "--max-examples",
            EXAMPLES,
            "--seed",
            "6",
            "--generation-database",
            "none",
        ])
        .args(["--request-timeout", "20", "--continue-on-failure"])
        // Whether nonsense is refused is not among them: parameters that it cannot use the node ignores, as CrowdSec does.
        .args(["--checks", &checks.join(",")])
        .current_dir(home.data())
        .env("HOME", home.data())
        .env("NO_COLOR", "1");
    let mut client = Client::start(command, home.beside("schemathesis"));
    assert!(client.ends().success(), "{}", client.said());
    // `get` and `head` of both reads, `delete` of one, which is refused for want of a token, and three that need no key and belong to programs or people.
    assert_eq!(client.said().matches("8 passed").count(), 2, "{}", client.said());
    for path in ["/v1/decisions/stream", "/health", "/network", "/openapi.json"] {
        let answer = node.place().ask("GET", path, Some(&key));
        assert!(
            matches!(answer.status, 200 | 404) && answer.body.starts_with('{'),
            "{path}: {answer:?}"
        );
    }
    assert!(!home.told().contains("panicked"), "{}", home.told());
}
