//! `vigie share`: whether our detections leave, and exactly what would.

use clap::Subcommand;
use serde_json::json;

use super::control::{Control, query};
use super::{Format, Global, listing};
use crate::terminal::say;

const COLUMNS: &[listing::Column] = &[
    ("Alert", "/alert"),
    ("Leaves", "/leaves"),
    ("Indicator", "/sighting/indicator/value"),
    ("Behaviour", "/sighting/behaviour"),
    ("Minute", "/minute"),
    ("At least", "/at_least"),
    ("Stays because", "/because"),
];

/// What sharing tells of our users.
pub(super) const DISPUTES: &str = "Accusations of addresses that users of ours have long logged in from are disputed, which tells the network that\nthese are known here. Not with `[share] disputes = false` in vigie.toml.\n";

/// Sharing of our own detections
#[derive(Debug, Subcommand)]
pub(crate) enum Share {
    /// Print exactly what would leave for the alerts of the last time
    Preview {
        /// How far back, such as 30m, 24h or 7d
        #[arg(long, default_value = "24h")]
        since: String,
        #[command(flatten)]
        format: Format,
    },
    /// Share our detections from now on
    On,
    /// Share nothing from now on
    Off,
}

impl Share {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<()> {
        let control = Control::reach(global).await?;
        match self {
            Self::Preview { since, format } => {
                let rows = control
                    .rows(&query("/share/preview", &[("since", Some(since))]))
                    .await?;
                format.print(&rows, COLUMNS, "No alerts, so nothing would leave.")
            }
            Self::On => {
                let answer = control.post("/share", &json!({"enabled": true})).await?;
                say(
                    "New detections are shared: address, behaviour, minute and count, never the log line.\n",
                )?;
                match answer["disputes"] == true {
                    true => say(DISPUTES),
                    false => Ok(()),
                }
            }
            Self::Off => {
                control.post("/share", &json!({"enabled": false})).await?;
                say("Nothing is shared.\n")
            }
        }
    }
}
