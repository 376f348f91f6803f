//! `vigie policy`: what verdicts of the mesh lead to.

use clap::Subcommand;
use serde_json::json;

use super::Global;
use super::control::Control;
use super::listing::say;

/// What the mesh's word leads to here
#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Show it
    Show,
    /// Enforce verdicts of the mesh. Possible 72 h after joining. Closes the breaker if it is open
    Enforce {
        /// Do not wait for the 72 h of simulation
        #[arg(long)]
        now: bool,
    },
    /// Back to simulation: verdicts are shown and counted, not enforced
    Simulate,
}

impl Policy {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<()> {
        let control = Control::reach(global).await?;
        let answer = match self {
            Self::Show => control.get("/policy").await?,
            Self::Enforce { now } => {
                control
                    .post("/policy", &json!({"remote": "enforce", "now": now}))
                    .await?
            }
            Self::Simulate => {
                control
                    .post("/policy", &json!({"remote": "simulate", "now": true}))
                    .await?
            }
        };
        say(&format!("{}\n", answer["sentence"].as_str().unwrap_or_default()))
    }
}
