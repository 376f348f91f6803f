//! The sensor as an agent of somebody else's Local API: a real CrowdSec where the machine has one, and servers of our own
//! making that no honest program would be.

mod absent;
pub(crate) mod crowdsec;
mod fake;
mod odd;
mod real;
mod usage;

use std::path::PathBuf;
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::support::{Home, append, eventually, guesses, until};

const PASSWORD: &str = "c0rrect-horse";

/// A running `vigie sensor run` on the log of a home.
struct Agent {
    child: Child,
}

// === impl Agent ===

impl Agent {
    fn spawn(home: &Home, arguments: &[&str]) -> Self {
        let errors = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(home.beside("stderr"))
            .unwrap();
        let mut command = home.command(arguments);
        if arguments.contains(&"--login") {
            command.env("VIGIE_LAPI_PASSWORD", PASSWORD);
        }
        command
            .stdin(Stdio::null())
            .stdout(std::fs::File::create(home.beside("stdout")).unwrap())
            .stderr(errors);
        let child = command.spawn().unwrap();
        Self { child }
    }

    /// With the usual flags; waits until it watches.
    #[track_caller]
    fn start(home: &Home, lapi: &str, more: &[&str]) -> Self {
        Self::watching(home, &[&arguments(home, lapi), more].concat())
    }

    /// Waits until it watches, so that what is written from here on is new.
    #[track_caller]
    fn watching(home: &Home, arguments: &[&str]) -> Self {
        let seen = home.told().matches("read to its end").count();
        let mut agent = Self::spawn(home, arguments);
        until("the agent has read the log", || {
            let gone = agent.child.try_wait().unwrap();
            assert!(gone.is_none(), "it ended: {}", home.told());
            home.told().matches("read to its end").count() > seen
        });
        agent
    }

    /// Ends it as systemd does; the status that it printed last.
    fn end(mut self, home: &Home) -> Value {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let ended = eventually("the agent ends", || self.child.try_wait().unwrap());
        assert!(ended.success(), "{ended}: {}", home.told());
        let said = std::fs::read_to_string(home.beside("stdout")).unwrap();
        serde_json::from_str(said.lines().last().unwrap()).unwrap()
    }

    /// kill -9.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn arguments<'a>(home: &Home, lapi: &'a str) -> Vec<&'a str> {
    let log: &'static str = home.log().display().to_string().leak();
    vec![
        "--log", "info", "sensor", "run", "--json", "--lapi", lapi, "--login", "web-1", "--file", log,
        "--type", "syslog",
    ]
}

fn home() -> Home {
    let home = Home::quiet();
    std::fs::write(home.log(), "").unwrap();
    home
}

/// An address that bans are made of.
fn attacker(number: usize) -> String {
    format!("192.88.99.{number}")
}

/// As many wrong passwords as it takes.
fn attack(home: &Home, who: &str) {
    append(&home.log(), &guesses(who, 6));
}

/// Where programs from outside are unpacked.
fn peers() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/peers")
}
