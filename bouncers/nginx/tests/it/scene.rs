//! A Local API, a daemon that follows it, and the table between that and nginx.

use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use vigie_bouncer_nginx::clock::{self, Boot};
use vigie_bouncer_nginx::table::form::encode;
use vigie_bouncer_nginx::table::{Entry, Remediation};
use vigie_bouncer_nginx::watch;
use vigie_bouncer_origin::Origin;

use crate::lapi::{KEY, Lapi};

const PATIENCE: Duration = Duration::from_secs(90);
const GLANCE: Duration = Duration::from_millis(20);

pub(crate) struct Scene {
    pub(crate) lapi: Lapi,
    dir: tempfile::TempDir,
}

/// A running daemon; killed when dropped.
pub(crate) struct Daemon {
    child: Child,
    log: PathBuf,
}

/// Waits until this holds.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::park_timeout(GLANCE);
    }
}

// === impl Scene ===

impl Scene {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        // nginx's workers are somebody else, where we are root.
        std::fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        std::fs::write(dir.path().join("key"), format!("{KEY}\n")).unwrap();
        let lapi = Lapi::on_unix(&dir.path().join("api.sock"));
        Self { lapi, dir }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn table(&self) -> PathBuf {
        self.path("table")
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vigie-bouncer-nginx"));
        command.arg("--url");
        command.arg(format!("unix://{}", self.path("api.sock").display()));
        command.arg("--key-file").arg(self.path("key"));
        command.arg("--table").arg(self.table());
        command
            .args(["--poll", "1s", "--log-level", "debug"])
            .args(arguments);
        command
    }

    pub(crate) fn start(&self, arguments: &[&str]) -> Daemon {
        let log = self.path("log");
        let stderr = File::options().create(true).append(true).open(&log).unwrap();
        Daemon {
            child: self.command(arguments).stderr(stderr).spawn().unwrap(),
            log,
        }
    }

    /// What the table says of an address now.
    pub(crate) fn says(&self, address: &str) -> Option<Remediation> {
        let table = watch::read(&self.table()).ok()?;
        table
            .look_up(address.parse().unwrap(), clock::seconds)
            .strongest()
    }

    pub(crate) fn is_banned(&self, address: &str) -> bool {
        self.says(address) == Some(Remediation::Ban)
    }

    /// A table of bans without a daemon, put in place as the daemon would; with seconds until the end.
    pub(crate) fn put(&self, bans: &[(&str, u32)]) {
        let entries = bans
            .iter()
            .map(|(address, secs)| entry(address, Remediation::Ban, *secs));
        self.put_all(&entries.collect::<Vec<_>>());
    }

    /// The same of addresses and ranges that each have a word, for an hour.
    pub(crate) fn put_words(&self, words: &[(&str, Remediation)]) {
        let entries = words.iter().map(|(network, word)| entry(network, *word, 3_600));
        self.put_all(&entries.collect::<Vec<_>>());
    }

    fn put_all(&self, entries: &[Entry]) {
        self.replace(&encode(entries, Boot::current().unwrap()).unwrap());
    }

    /// Another file in the place of the table.
    pub(crate) fn replace(&self, bytes: &[u8]) {
        let new = self.path("by-hand");
        std::fs::write(&new, bytes).unwrap();
        std::fs::rename(new, self.table()).unwrap();
    }
}

fn entry(network: &str, remediation: Remediation, secs: u32) -> Entry {
    let (address, prefix) = network.split_once('/').unwrap_or((network, "128"));
    Entry {
        address: address.parse().unwrap(),
        prefix: prefix.parse().unwrap(),
        remediation,
        until: clock::seconds() + secs,
        origin: Origin::Mesh,
    }
}

// === impl Daemon ===

impl Daemon {
    /// Asks it to end, and waits.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        signal(&self.child, Signal::TERM);
        self.child.wait().unwrap()
    }

    /// Kills it as a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", read(&self.log));
        }
        self.child.kill().unwrap_or_default();
        drop(self.child.wait());
    }
}

pub(crate) fn signal(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

pub(crate) fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
