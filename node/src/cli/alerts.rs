//! `vigie alerts`: what this node detected.

use clap::Subcommand;

use super::control::{Control, query};
use super::{Format, Global, listing};
use crate::terminal::say;

const COLUMNS: &[listing::Column] = &[
    ("ID", "/id"),
    ("Time", "/time"),
    ("Source", "/value"),
    ("Scenario", "/scenario"),
    ("Events", "/events_count"),
    ("Behaviour", "/behaviour"),
    ("Shared", "/shared"),
    ("Simulated", "/simulated"),
];

/// Detections of this node
#[derive(Debug, Subcommand)]
pub(crate) enum Alerts {
    /// List alerts, newest first
    List {
        /// Only those of this address
        #[arg(long)]
        value: Option<String>,
        /// Only those of this scenario, such as vigie/ssh-bf
        #[arg(long)]
        scenario: Option<String>,
        /// Only those of the last time, such as 30m, 24h or 7d
        #[arg(long)]
        since: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: u32,
        #[command(flatten)]
        format: Format,
    },
    /// Show one alert with its events, as JSON
    Show {
        /// Its number
        id: i64,
    },
    /// Delete one alert; its decisions stay
    Delete {
        /// Its number
        id: i64,
    },
}

impl Alerts {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<()> {
        let control = Control::reach(global).await?;
        match self {
            Self::List {
                value,
                scenario,
                since,
                limit,
                format,
            } => {
                let parts = [
                    ("value", value),
                    ("scenario", scenario),
                    ("since", since),
                    ("limit", Some(limit.to_string())),
                ];
                format.print(
                    &control.rows(&query("/alerts", &parts)).await?,
                    COLUMNS,
                    "No alerts.",
                )
            }
            Self::Show { id } => {
                let alert = control.get(&format!("/alerts/{id}")).await?;
                say(&format!("{}\n", serde_json::to_string_pretty(&alert)?))
            }
            Self::Delete { id } => {
                control.delete(&format!("/alerts/{id}")).await?;
                say(&format!("Alert {id} is deleted.\n"))
            }
        }
    }
}
