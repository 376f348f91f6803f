//! A real Chromium, Debian's, without a window; the tests of the node's page share it. Deliberately absent: how a page
//! looks, which only eyes can judge.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// For a browser's cold start beside other tests.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a browser made of a page.
pub(crate) struct Shown {
    /// The document after everything that may run has run.
    pub(crate) dom: String,
    pub(crate) log: String,
}

/// The browser, from PATH or as scripts/peers.sh unpacked it; `None`, and told, if there is none that works.
pub(crate) fn find(test: &str) -> Option<PathBuf> {
    let below = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let unpacked = below.map(|folder| folder.join("target/peers/bin/chromium"));
    let works = |program: &PathBuf| {
        Command::new(program)
            .arg("--version")
            .output()
            .is_ok_and(|output| output.status.success())
    };
    let found = [PathBuf::from("chromium")]
        .into_iter()
        .chain(unpacked)
        .find(works);
    if found.is_none() {
        crate::skip::skip(
            test,
            "chromium is neither on PATH nor unpacked under target/peers",
        );
    }
    found
}

/// What it made of this page, with its files in `folder`. As root it refuses its own sandbox; it sees nothing here but
/// our page. `more` goes before the address.
pub(crate) fn look(chromium: &Path, folder: &Path, url: &str, more: &[&str]) -> Shown {
    let (dom, log) = (folder.join("dom"), folder.join("chromium"));
    let mut child = Command::new(chromium)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
        ])
        .args([
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ])
        .args(["--disable-dev-shm-usage", "--enable-logging=stderr", "--dump-dom"])
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        .args(more)
        .arg(url)
        .stdin(Stdio::null())
        .stdout(std::fs::File::create(&dom).unwrap())
        .stderr(std::fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break Some(status),
            None if begun.elapsed() > PATIENCE => {
                child.kill().unwrap();
                child.wait().unwrap();
                break None;
            }
            None => std::thread::park_timeout(Duration::from_millis(25)),
        }
    };
    let shown = Shown {
        dom: std::fs::read_to_string(dom).unwrap(),
        log: String::from_utf8_lossy(&std::fs::read(log).unwrap()).into_owned(),
    };
    assert!(
        status.is_some_and(|status| status.success()),
        "the browser ended with {status:?}: {}",
        shown.log
    );
    shown
}
