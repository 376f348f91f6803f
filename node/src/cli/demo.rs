//! `vigie demo`: the whole journey on one machine. What is shown stands in `crate::demo`.

use std::path::PathBuf;

use clap::Args;

use crate::demo::part::Part;
use crate::demo::{self, Wish};

/// Show three organisations closing their firewalls to one attacker, on this machine
///
/// Starts five nodes on loopback with data of their own, replays an attack on two of them, and ends them again.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// End when everything happened; the last line is JSON, and the exit code says whether all of it did
    #[arg(long)]
    once: bool,
    /// Take the attack from real logs in this directory [default: ../shared/logs if it is there, else a log of our own]
    #[arg(long, value_name = "DIR")]
    logs: Option<PathBuf>,
    /// Keep the data directories
    #[arg(long)]
    keep: bool,
    /// What the nodes log, each into node.journal in its data directory
    #[arg(long, value_name = "FILTER", default_value = "info")]
    node_log: String,
    /// A file that is told what this machine cannot show
    #[arg(long, env = "VIGIE_SKIPS", hide = true, value_name = "FILE")]
    skips: Option<PathBuf>,
}

/// A part of the demo, started by it
#[derive(Debug, Args)]
pub(crate) struct DemoPart {
    #[command(subcommand)]
    part: Part,
}

impl Demo {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let Self {
            once,
            logs,
            keep,
            node_log,
            skips,
        } = self;
        demo::run(&Wish {
            once,
            logs,
            keep,
            node_log,
            skips,
        })
        .await
    }
}

impl DemoPart {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        self.part.run().await
    }
}
