//! The real binary, inside a namespace, against a Local API outside that is reached by unix socket.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};

use rustix::process::{Pid, Signal, kill_process};

use crate::lapi::{KEY, Lapi};
use crate::space::Space;

/// A namespace with an API that its bouncer can reach.
pub(crate) struct Scene {
    pub(crate) space: Space,
    pub(crate) lapi: Lapi,
    dir: tempfile::TempDir,
}

/// A running bouncer; killed when dropped.
pub(crate) struct Bouncer {
    child: Child,
    log: PathBuf,
}

impl Scene {
    /// `None` if this machine has no namespaces or no nft; that has been told then.
    pub(crate) fn new(test: &str) -> Option<Self> {
        let space = match Space::new() {
            Ok(space) => space,
            Err(reason) => {
                crate::skip::skip(test, reason);
                return None;
            }
        };
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("key"), format!("{KEY}\n")).unwrap();
        let lapi = Lapi::on_unix(&dir.path().join("api.sock"));
        Some(Self { space, lapi, dir })
    }

    /// A file with this in it, put in the place of what was there at once; its path.
    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> String {
        let (new, path) = (self.dir.path().join("new"), self.dir.path().join(name));
        std::fs::write(&new, bytes).unwrap();
        std::fs::rename(new, &path).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.space.command(env!("CARGO_BIN_EXE_vigie-bouncer-nftables"));
        command.args([
            "--url",
            &format!("unix://{}", self.dir.path().join("api.sock").display()),
        ]);
        command.arg("--key-file").arg(self.dir.path().join("key"));
        command
            .args(["--poll", "1s", "--log-level", "debug"])
            .args(arguments);
        command
    }

    pub(crate) fn start(&self, arguments: &[&str]) -> Bouncer {
        let log = self.dir.path().join("log");
        let stderr = File::options().create(true).append(true).open(&log).unwrap();
        Bouncer {
            child: self.command(arguments).stderr(stderr).spawn().unwrap(),
            log,
        }
    }

    /// Waits until the sets of a kind hold exactly this.
    pub(crate) fn holds(&self, kind: &str, expected: &[&str]) {
        crate::space::wait_until(&format!("{kind} to hold {expected:?}"), || {
            self.space.values(kind) == expected
        });
    }

    /// Waits until the sets of this generation are the only ones.
    pub(crate) fn generation(&self, number: u32) {
        crate::space::wait_until(&format!("generation {number} to be the only one"), || {
            self.space.sets("banned_v4") == [format!("banned_v4_{number}")]
        });
    }
}

impl Bouncer {
    /// Asks it to end, and waits.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.child.wait().unwrap()
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// Kills it as a power cut would.
    pub(crate) fn kill(mut self) {
        self.signal(Signal::KILL);
        self.child.wait().unwrap();
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", std::fs::read_to_string(&self.log).unwrap_or_default());
        }
        self.child.kill().unwrap_or_default();
        drop(self.child.wait());
    }
}
