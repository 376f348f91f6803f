//! `vigie peers`: which other nodes this one is connected to.

use clap::Args;

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

/// Connected nodes of the mesh
#[derive(Debug, Args)]
pub(crate) struct Peers {
    #[command(flatten)]
    format: Format,
}

impl Peers {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<()> {
        let rows = Control::reach(global).await?.rows("/peers").await?;
        self.format.print(
            &rows,
            COLUMNS,
            "No peers. A node that joined no network has none: see `vigie join --help`.",
        )
    }
}
