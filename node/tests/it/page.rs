//! The page as a person's browser shows it: a real Chromium, from Debian, on a real node. What strangers wrote appears as
//! text and runs nothing. Deliberately absent: how it looks, which only eyes can judge.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::skip::skip;
use crate::support::{Home, guesses, until};

/// For a browser's cold start beside other tests.
const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn a_browser_shows_the_lists_and_runs_nothing_that_strangers_wrote() {
    let Some(chromium) = chromium() else {
        return skip(
            "page::a_browser_shows_the_lists",
            "chromium is neither on PATH nor unpacked under target/peers",
        );
    };
    let home = Home::watching();
    let node = home.up();
    home.append(&guesses("192.88.99.7", 6));
    until("the detection is a decision", || {
        home.rows(&["decisions", "list"]).len() == 1
    });
    let hostile = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>";
    home.say(&["decisions", "add", "192.88.99.8", "--reason", hostile]);

    let shown = look(&chromium, &home, &format!("http://{}/", node.page));
    assert!(shown.dom.contains("<title>Vigie</title>"), "{}", shown.dom);
    for cell in ["<td>192.88.99.7</td>", "<td>192.88.99.8</td>", "vigie/ssh-bf"] {
        assert!(shown.dom.contains(cell), "{cell}: {}", shown.dom);
    }
    assert!(
        shown.dom.contains("&lt;img src=x"),
        "shown as text: {}",
        shown.dom
    );
    assert!(
        !shown.dom.contains("<img") && !shown.dom.contains("<script"),
        "{}",
        shown.dom
    );
    assert!(
        !shown.log.contains("CONSOLE"),
        "a page in order logs nothing: {}",
        shown.log
    );
}

struct Shown {
    /// The document after everything that may run has run.
    dom: String,
    log: String,
}

/// What the browser made of the page. As root it refuses its own sandbox; it sees nothing here but our page.
fn look(chromium: &Path, home: &Home, url: &str) -> Shown {
    let (dom, log) = (home.beside("dom"), home.beside("chromium"));
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
        .args([
            "--disable-dev-shm-usage",
            "--enable-logging=stderr",
            "--dump-dom",
            url,
        ])
        .arg(format!("--user-data-dir={}", home.beside("profile").display()))
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
            None => std::thread::sleep(Duration::from_millis(25)),
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

fn chromium() -> Option<PathBuf> {
    let unpacked = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/peers/bin/chromium");
    let works = |program: &PathBuf| {
        Command::new(program)
            .arg("--version")
            .output()
            .is_ok_and(|output| output.status.success())
    };
    [PathBuf::from("chromium"), unpacked].into_iter().find(works)
}
