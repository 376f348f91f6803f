//! One node as its user has it: a data directory, the binary, and what both say.
//!
//! Everything waits for what it needs with a deadline; nothing sleeps and hopes. Ports are the kernel's choice (port 0),
//! read from what the node prints. Deliberately absent: anything that looks inside the process.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::http::Place;

/// Longest wait for anything. Long, because two cores may have other things to do.
const DEADLINE: Duration = Duration::from_secs(60);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(25);

/// A data directory with a configuration, and a log file to be watched.
#[derive(Debug)]
pub(crate) struct Home {
    root: TempDir,
}

/// A running `vigie up`.
#[derive(Debug)]
pub(crate) struct Node {
    child: Child,
    /// What it printed until it was up.
    pub(crate) words: Vec<String>,
    /// Where its API and page are.
    pub(crate) page: SocketAddr,
}

// === impl Home ===

impl Home {
    /// A node that reads nothing.
    pub(crate) fn quiet() -> Self {
        Self::with("[sensor]\nsources = \"none\"\n")
    }

    /// A node that reads the log of this home as that of a machine's sshd.
    pub(crate) fn watching() -> Self {
        let home = Self::with("");
        std::fs::write(home.log(), "").unwrap();
        home.configure(&watch(&home.log()));
        home
    }

    /// A node with this configuration.
    pub(crate) fn with(config: &str) -> Self {
        let home = Self {
            root: tempfile::tempdir().unwrap(),
        };
        std::fs::create_dir(home.data()).unwrap();
        home.configure(config);
        home
    }

    /// Writes the configuration file.
    pub(crate) fn configure(&self, config: &str) {
        std::fs::write(self.data().join("vigie.toml"), config).unwrap();
    }

    /// A path beside the data directory.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Leaves everything on disk when this goes.
    pub(crate) fn keep(&mut self) -> &Path {
        self.root.disable_cleanup(true);
        self.root.path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.beside("data")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.beside("auth.log")
    }

    /// What the node logged so far, over all its starts.
    pub(crate) fn told(&self) -> String {
        std::fs::read_to_string(self.beside("stderr")).unwrap_or_default()
    }

    /// The program on this directory. The caller's settings stay out.
    pub(crate) fn command<A: AsRef<std::ffi::OsStr>>(&self, arguments: &[A]) -> Command {
        self.behind(&[], arguments)
    }

    /// The same behind these words: what enters a namespace, say.
    pub(crate) fn behind<A: AsRef<std::ffi::OsStr>>(&self, before: &[String], arguments: &[A]) -> Command {
        let vigie = program();
        let mut words = before.iter().chain([&vigie]);
        let mut command = Command::new(words.next().unwrap());
        command
            .args(words)
            .arg("--data")
            .arg(self.data())
            .args(arguments)
            .env("HOME", self.root.path());
        for name in ["VIGIE_DATA", "VIGIE_CONFIG", "VIGIE_LOG"] {
            command.env_remove(name);
        }
        command
    }

    /// Runs a command to its end, which must come.
    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let mut output = Output {
            status: std::process::ExitStatus::default(),
            stdout: Vec::new(),
            stderr: Vec::new(),
        };
        std::thread::scope(|scope| {
            scope.spawn(|| stdout.read_to_end(&mut output.stdout).unwrap());
            scope.spawn(|| stderr.read_to_end(&mut output.stderr).unwrap());
            let begun = Instant::now();
            output.status = loop {
                match child.try_wait().unwrap() {
                    Some(status) => break status,
                    None if begun.elapsed() > DEADLINE => {
                        child.kill().unwrap();
                        break child.wait().unwrap();
                    }
                    None => std::thread::sleep(Duration::from_millis(2)),
                }
            };
        });
        assert!(
            output.status.code().is_some(),
            "{arguments:?} did not end by itself: {output:?}"
        );
        output
    }

    /// Runs a command that must succeed; what it printed.
    #[track_caller]
    pub(crate) fn say(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The same with `--json`, read.
    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let text = self.say(&[arguments, &["--json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text}"))
    }

    /// The rows of a list.
    #[track_caller]
    pub(crate) fn rows(&self, arguments: &[&str]) -> Vec<Value> {
        let Value::Array(rows) = self.json(arguments) else {
            panic!("{arguments:?} is no list")
        };
        rows
    }

    /// Runs a command that must fail with status 1; the one sentence that it says.
    #[track_caller]
    pub(crate) fn refuse(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        sentence(&output)
    }

    /// A key for a bouncer.
    pub(crate) fn key(&self, name: &str, grants: &str) -> String {
        self.say(&["bouncers", "add", name, "--grant", grants, "--raw"])
            .trim()
            .to_owned()
    }

    /// Starts the node and waits until it is up.
    #[track_caller]
    pub(crate) fn up(&self) -> Node {
        self.up_with(&[])
    }

    /// The same with more arguments.
    #[track_caller]
    pub(crate) fn up_with(&self, more: &[&str]) -> Node {
        self.up_behind(&[], more)
    }

    /// The same behind these words, in this thread's hands: the kernel ends it when the thread does.
    #[track_caller]
    pub(crate) fn up_behind(&self, before: &[String], more: &[&str]) -> Node {
        let guard = [
            program(),
            "demo-part".to_owned(),
            "guard".to_owned(),
            std::process::id().to_string(),
            "--".to_owned(),
        ];
        let before = match before {
            [] => Vec::new(),
            before => [before, &guard].concat(),
        };
        let log: &[&str] = if more.contains(&"--log") {
            &[]
        } else {
            &["--log", "info"]
        };
        // Where the mesh listens is told by the same word.
        let mut values = more.windows(2).filter(|pair| pair[0] == "--listen");
        let listen: &[&str] = if values.any(|pair| !pair[1].starts_with('/')) {
            &[]
        } else {
            &["--listen", "127.0.0.1:0"]
        };
        let arguments = [&["up"], listen, log, more].concat();
        let errors = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.beside("stderr"))
            .unwrap();
        let mut child = self
            .behind(&before, &arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .unwrap();
        let mut words = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let last = line.starts_with("  enforce");
            words.push(line);
            if last {
                break;
            }
        }
        let page = words
            .iter()
            .find_map(|line| line.split_once("://")?.1.split('/').next()?.parse().ok());
        let Some(page) = page else {
            panic!("it did not come up: {words:?}\n{}", self.told())
        };
        Node { child, words, page }
    }

    /// Appends to the watched log.
    pub(crate) fn append(&self, lines: &str) {
        append(&self.log(), lines);
    }
}

// === impl Node ===

impl Node {
    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its API by TCP.
    pub(crate) fn place(&self) -> Place {
        Place::Tcp(self.page)
    }

    /// Ends it as systemd does; how it ended and how long that took.
    pub(crate) fn terminate(mut self) -> (std::process::ExitStatus, Duration) {
        let begun = Instant::now();
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let status = eventually("the node ends", || self.child.try_wait().unwrap());
        (status, begun.elapsed())
    }

    /// Has it read again what was edited, as `systemctl reload` does.
    pub(crate) fn reload(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    }

    /// kill -9.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // After `terminate` it is gone already, which is no error.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

// === waiting and reading ===

/// Looks until there is an answer.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < DEADLINE, "still not after {DEADLINE:?}: {what}");
        std::thread::sleep(LOOK);
    }
}

/// Looks until it is so.
#[track_caller]
pub(crate) fn until(what: &str, mut look: impl FnMut() -> bool) {
    eventually(what, || look().then_some(()));
}

/// What a command said that failed with one sentence.
#[track_caller]
pub(crate) fn sentence(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    let sentence = errors
        .trim_end()
        .strip_prefix("vigie: ")
        .unwrap_or_else(|| panic!("no sentence: {errors:?}"));
    assert!(
        !sentence.contains('\n') && !sentence.contains("panicked"),
        "more than a sentence: {errors:?}"
    );
    sentence.to_owned()
}

/// The configuration that watches one log of sshd.
pub(crate) fn watch(log: &Path) -> String {
    format!(
        "[sensor]\nsources = [{{ type = \"syslog\", file = \"{}\" }}]\n",
        log.display()
    )
}

/// Appends in one write, as a syslog daemon does.
pub(crate) fn append(log: &Path, lines: &str) {
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .unwrap();
    file.write_all(lines.as_bytes()).unwrap();
}

/// Lines of sshd: so many wrong passwords from this address, now.
pub(crate) fn guesses(ip: &str, count: usize) -> String {
    let now = stamp();
    let line = |port: usize| {
        let port = 40_000 + port;
        format!("{now} host sshd[4711]: Failed password for root from {ip} port {port} ssh2\n")
    };
    (0..count).map(line).collect::<Vec<_>>().concat()
}

/// A line of sshd: somebody of ours logs in.
pub(crate) fn login(ip: &str) -> String {
    login_before(ip, 0)
}

/// The same so many days ago.
pub(crate) fn login_before(ip: &str, days: i64) -> String {
    let at = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24 * days);
    let stamp = at.strftime("%Y-%m-%dT%H:%M:%SZ");
    format!("{stamp} host sshd[4711]: Accepted publickey for alice from {ip} port 50000 ssh2\n")
}

fn stamp() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A number that whoever runs the tests gives.
pub(crate) fn number_of(name: &str) -> Option<u64> {
    text_of(name)?.parse().ok()
}

/// A word that whoever runs the tests gives.
#[expect(
    clippy::disallowed_methods,
    reason = "whoever runs tests speaks to them by environment only"
)]
pub(crate) fn text_of(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

/// The program under test: the one that was built with the tests, or the one that `VIGIE_TESTED` names.
fn program() -> String {
    text_of("VIGIE_TESTED").unwrap_or_else(|| env!("CARGO_BIN_EXE_vigie").to_owned())
}
