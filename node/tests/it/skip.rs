//! What a machine cannot run is skipped where everybody sees it; with `VIGIE_REQUIRE_ALL=1` that is a failure.

use std::io::Write as _;

/// Tells of a skip: on standard error, and in the file that `VIGIE_SKIPS` names.
#[expect(
    clippy::disallowed_methods,
    reason = "the test runner speaks to tests by environment only"
)]
pub(crate) fn skip(test: &str, reason: &str) {
    let line = format!("SKIP {test}: {reason}\n");
    // Not eprintln: that is captured for tests that pass.
    std::io::stderr().write_all(line.as_bytes()).unwrap();
    if let Ok(path) = std::env::var("VIGIE_SKIPS") {
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .unwrap();
        file.write_all(line.as_bytes()).unwrap();
    }
    assert!(std::env::var("VIGIE_REQUIRE_ALL").as_deref() != Ok("1"), "{line}");
}
