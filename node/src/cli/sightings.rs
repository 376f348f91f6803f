//! `vigie sightings`: what the mesh says, and what we said.

use clap::Subcommand;

use super::control::{Control, query};
use super::{Format, Global, listing};

const COLUMNS: &[listing::Column] = &[
    ("Arrived", "/arrived"),
    ("Organisation", "/organisation"),
    ("Indicator", "/indicator/value"),
    ("Behaviour", "/behaviour"),
    ("Seen", "/seen"),
    ("At least", "/at_least"),
    ("Confidence", "/confidence"),
    ("Sighting", "/id"),
];

/// Sightings of all organisations
#[derive(Debug, Subcommand)]
pub(crate) enum Sightings {
    /// List sightings, newest arrival first
    List {
        /// Only those of this address
        #[arg(long)]
        value: Option<String>,
        /// Only those that arrived in the last time, such as 30m, 24h or 7d
        #[arg(long)]
        since: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: u32,
        #[command(flatten)]
        format: Format,
    },
}

impl Sightings {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<()> {
        let Self::List {
            value,
            since,
            limit,
            format,
        } = self;
        let control = Control::reach(global).await?;
        let parts = [
            ("value", value),
            ("since", since),
            ("limit", Some(limit.to_string())),
        ];
        format.print(
            &control.rows(&query("/sightings", &parts)).await?,
            COLUMNS,
            "No sightings.",
        )
    }
}
