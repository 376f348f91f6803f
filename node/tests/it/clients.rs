//! The bouncers that people run today, unmodified, against a node: what `scripts/peers.sh` unpacks, started by path.
//!
//! One file a client. Deliberately absent: CrowdSec's Lua bouncer for nginx, which no registry has, and anything that
//! changes or replaces a part of a client.

mod appsec;
mod certified;
mod custom;
mod firewall;
mod openapi;
mod places;
mod python;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use crate::skip::skip;
use crate::support::{Home, eventually};

/// A running client; killed when dropped.
struct Client {
    child: Child,
    log: PathBuf,
}

// === impl Client ===

impl Client {
    /// Starts it; all that it says goes into this file.
    fn start(mut command: Command, log: PathBuf) -> Self {
        let said = std::fs::File::options()
            .create(true)
            .append(true)
            .open(&log)
            .unwrap();
        command.stdin(Stdio::null()).stdout(said.try_clone().unwrap());
        let child = command.stderr(said).spawn().unwrap();
        Self { child, log }
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits until it ends by itself.
    #[track_caller]
    fn ends(&mut self) -> ExitStatus {
        eventually("the client ends", || self.child.try_wait().unwrap())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

// === what there is ===

fn peers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/peers")
}

/// The machine's program or the unpacked one. Without either the test is skipped.
fn program(test: &str, name: &str) -> Option<PathBuf> {
    let places = [
        peers().join(name).join("usr/bin"),
        PathBuf::from("/usr/bin"),
        PathBuf::from("/usr/local/bin"),
    ];
    let found = places
        .into_iter()
        .map(|place| place.join(name))
        .find(|path| path.is_file());
    if found.is_none() {
        skip(
            test,
            &format!("no {name} here; scripts/peers.sh {name} unpacks one"),
        );
    }
    found
}

/// Python with what was unpacked under this name, and nothing else that the machine may have.
fn python(test: &str, name: &str) -> Option<Command> {
    let place = peers().join(name);
    let mut command = Command::new("python3");
    command.args(["-B", "-S"]).env("PYTHONPATH", &place);
    let mut probe = Command::new("python3");
    let works = place.is_dir() && probe.arg("--version").output().is_ok();
    if !works {
        skip(
            test,
            &format!("no {name} here; scripts/peers.sh {name} unpacks one"),
        );
    }
    works.then_some(command)
}

fn ban(home: &Home, value: &str) {
    home.say(&["decisions", "add", value, "--duration", "4h"]);
}
