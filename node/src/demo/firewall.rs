//! One organisation's firewall: the real bouncer with a real nftables set, in front of the target.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use tokio::task::JoinSet;

use super::child::{Child, Line, text};
use super::gate::Gate;
use super::organisation::Organisation;
use super::space::{Spaces, Tools};

/// The bouncer and both sides of the firewall.
#[derive(Debug)]
pub(crate) struct Firewall {
    /// How it looks from outside.
    pub(crate) gate: Gate,
    spaces: Spaces,
    bouncer: Child,
    /// Reads the attempts.
    _follower: JoinSet<std::io::Result<()>>,
}

// === impl Firewall ===

impl Firewall {
    /// Sets it up for this organisation, with those addresses outside.
    pub(crate) async fn raise(
        tools: &Tools,
        outside: [Ipv4Addr; 2],
        organisation: &Organisation,
    ) -> anyhow::Result<Self> {
        let program = text(&bouncer_program().await?)?;
        let journal = organisation.file("firewall.journal");
        let (spaces, attempts) = Spaces::new(tools, outside, &journal).await?;
        let gate = Gate::default();
        let mut follower = JoinSet::new();
        follower.spawn(gate.clone().follow(attempts));
        // Whether this kernel has nftables is found out by asking it.
        let ask = spaces.at_target().and(&[&program, "remove"]).output().await;
        ask.context("this kernel has no nftables for us")?;
        let url = format!("unix://{}", text(&organisation.lapi())?);
        let run = Line::new(&[
            &program,
            "--url",
            &url,
            "--key-file",
            &text(&organisation.bouncer_key())?,
        ]);
        let journal = organisation.file("bouncer.journal");
        let bouncer = Child::start(&spaces.at_target().then(run.guarded()?), &journal)?;
        Ok(Self {
            gate,
            spaces,
            bouncer,
            _follower: follower,
        })
    }

    /// That the bouncer runs.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        if self.bouncer.has_ended() {
            bail!(
                "a bouncer ended by itself:\n{}",
                self.bouncer.last_words().trim_end()
            );
        }
        Ok(())
    }

    /// A command line that shows the kernel's set, for people.
    pub(crate) fn look(&self) -> String {
        self.spaces
            .at_target()
            .and(&["nft", "list", "table", "inet", "vigie"])
            .to_string()
    }

    /// Takes it down.
    pub(crate) async fn end(self) {
        self.bouncer.end().await;
        self.spaces.end().await;
    }
}

/// Beside this program, where cargo and packages put it, or wherever the shell finds it.
async fn bouncer_program() -> anyhow::Result<PathBuf> {
    const NAME: &str = "vigie-bouncer-nftables";
    let this = std::env::current_exe()?;
    let beside = this.parent().unwrap_or(Path::new(".")).join(NAME);
    if beside.is_file() {
        return Ok(beside);
    }
    if Line::new(&[NAME, "--version"]).output().await.is_ok() {
        return Ok(PathBuf::from(NAME));
    }
    bail!("{NAME} stands neither beside this program nor in PATH")
}
