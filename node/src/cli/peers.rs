//! `vigie peers`: which other nodes this one is connected to, and what it can prove against publishers.

use clap::{Args, Subcommand};

use super::control::Control;
use super::{Format, Global, listing};

const COLUMNS: &[listing::Column] = &[
    ("Organisation", "/organisation"),
    ("Standing", "/standing"),
    ("Address", "/address"),
    ("Direction", "/direction"),
    ("Round trip", "/rtt"),
    ("Peer", "/peer"),
];

const PROOFS: &[listing::Column] = &[
    ("Organisation", "/organisation"),
    ("Publisher", "/publisher"),
    ("Epoch", "/epoch"),
    ("Seq", "/seq"),
    ("Conduct", "/conduct"),
];

/// Connected nodes of the mesh
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Peers {
    #[command(flatten)]
    format: Format,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Forks that this node can prove. With --json anybody can check them: `vigie verify FILE`
    Proofs {
        #[command(flatten)]
        format: Format,
    },
}

impl Peers {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<()> {
        if let Some(Command::Proofs { format }) = self.command {
            let rows = Control::reach(global).await?.rows("/proofs").await?;
            return format.print(&rows, PROOFS, "No publisher is proven to have forked his chain.");
        }
        let rows = Control::reach(global).await?.rows("/peers").await?;
        self.format.print(
            &rows,
            COLUMNS,
            "No peers. A node that joined no network has none: see `vigie join --help`.",
        )
    }
}
