//! `vigie retract`: a sighting of ours was wrong, and everybody who heard it should know.

use clap::Args;
use serde_json::json;

use super::Global;
use super::control::Control;
use crate::terminal::say;

/// Take back what we said of an address: it weighs nothing any more, here and everywhere
///
/// A new detection is shared again; `vigie allowlist add` keeps an address out for good.
#[derive(Debug, Args)]
pub(crate) struct Retract {
    /// An address: all that this node said of it. Or one sighting, as `vigie sightings list` names it
    #[arg(value_name = "ADDRESS|SIGHTING")]
    target: String,
    /// Why, for our own log: the network is told only that it is taken back
    #[arg(long, default_value = "taken back by hand")]
    reason: String,
}

impl Retract {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<()> {
        let control = Control::reach(global).await?;
        let body = json!({"target": self.target, "reason": self.reason});
        let done = control.post("/retractions", &body).await?;
        let count = done["retracted"].as_array().map_or(0, Vec::len);
        let mut text = match &control {
            _ if count == 0 => String::new(),
            Control::Running(_) => format!("Sightings taken back: {count}. Everybody is told.\n"),
            Control::Opened { .. } => {
                format!("Sightings taken back here: {count}. Others are told once `vigie up` runs.\n")
            }
        };
        if let Some(kept @ 1..) = done["kept_back"].as_u64() {
            text.push_str(&format!(
                "Detections that waited to be shared and stay here: {kept}.\n"
            ));
        }
        if let Some(elsewhere @ 1..) = done["elsewhere"].as_u64() {
            text.push_str(&format!(
                "Another node of this organisation said {elsewhere} more: run it there too.\n"
            ));
        }
        say(&text)
    }
}
