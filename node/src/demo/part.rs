//! What this program does when the demo starts it again: hold another program, be the target, be the attacker,
//! sweep up.
//!
//! Each ends when the demo does: the kernel tells it (`PR_SET_PDEATHSIG`), and the pipe at its input closes.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

use super::world::ROOT;
use super::{probe, target};

/// How often, and how long apart, the sweeper tries to remove a directory.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(100);

/// A part of `vigie demo`, started by it.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Part {
    /// Become a program that ends with the process `parent`
    Guard {
        parent: i32,
        #[arg(last = true, required = true)]
        line: Vec<String>,
    },
    /// Remove the demo's directory once the demo is gone
    Sweep { root: PathBuf },
    /// Greet whoever connects
    Target { address: SocketAddrV4 },
    /// Connect again and again, from each of these addresses, and say whether it works
    Probe {
        target: SocketAddrV4,
        from: Vec<Ipv4Addr>,
    },
}

// === impl Part ===

impl Part {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Guard { parent, line } => guard(parent, &line),
            Self::Sweep { root } => sweep(&root),
            Self::Target { address } => until_alone(target::run(address)).await,
            Self::Probe { target, from } => until_alone(probe::run(target, from)).await,
        }
    }
}

fn guard(parent: i32, line: &[String]) -> anyhow::Result<()> {
    end_with_parent()?;
    // It may have ended before the kernel was asked.
    if getppid() != Pid::from_raw(parent) {
        bail!("the demo is gone");
    }
    let (program, arguments) = line.split_first().context("guard what?")?;
    Err(Command::new(program).args(arguments).exec()).with_context(|| format!("cannot start {program}"))
}

/// Stays behind when the demo is killed, so that keys and logs do not.
fn sweep(root: &Path) -> anyhow::Result<()> {
    let name = root.file_name().unwrap_or_default().to_string_lossy();
    if !name.starts_with(ROOT) {
        bail!("{} is not the demo's", root.display());
    }
    std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink())?;
    let mut tries = 0;
    loop {
        match std::fs::remove_dir_all(root) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) if tries == TRIES => bail!("cannot remove {}: {error}", root.display()),
            // A node that is ending may still have written.
            _ => std::thread::sleep(PAUSE),
        }
        tries += 1;
    }
}

fn end_with_parent() -> anyhow::Result<()> {
    set_parent_process_death_signal(Some(Signal::TERM)).context("the kernel does not tell when the demo ends")
}

/// Does the work until it fails or the pipe at our input ends.
async fn until_alone(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    end_with_parent()?;
    let watcher = std::thread::Builder::new().spawn(|| {
        let ended = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        tracing::debug!(?ended, "the demo is gone");
        std::process::exit(0);
    });
    watcher.context("no thread for our input")?;
    work.await
}
