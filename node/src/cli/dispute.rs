//! `vigie dispute`: somebody else's sighting is wrong, and we say so.

use clap::{Args, ValueEnum};
use serde_json::json;
use vigie_wire::DisputeReason;

use super::Global;
use super::control::Control;
use crate::terminal::say;

/// Object to what others say of an address: it needs more to be blocked, everywhere our word counts
///
/// Here the mesh's word decides nothing on it for 24 h; `vigie allowlist add` settles it for good.
#[derive(Debug, Args)]
pub(crate) struct Dispute {
    /// An address: the last word of everybody on it. Or one sighting, as `vigie sightings list` names it
    #[arg(value_name = "ADDRESS|SIGHTING")]
    target: String,
    /// Why: the network is told
    #[arg(long, value_enum)]
    reason: Reason,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Reason {
    /// The address is ours, and we have looked
    Owner,
    /// A known, harmless service, such as a search engine or a research scanner
    Benign,
    /// Many unrelated people leave through this address
    Shared,
    /// The address has another holder by now
    Reassigned,
    /// The rule takes harmless behaviour for an attack
    FaultyRule,
    /// Users of ours log in from there, and did before the accusation
    User,
}

// === impl Reason ===

impl Reason {
    const fn number(self) -> u8 {
        let reason = match self {
            Self::Owner => DisputeReason::Owner,
            Self::Benign => DisputeReason::Benign,
            Self::Shared => DisputeReason::Shared,
            Self::Reassigned => DisputeReason::Reassigned,
            Self::FaultyRule => DisputeReason::FaultyRule,
            Self::User => DisputeReason::User,
        };
        reason.number()
    }
}

impl Dispute {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<()> {
        let control = Control::reach(global).await?;
        let body = json!({"target": self.target, "reason": self.reason.number()});
        let done = control.post("/disputes", &body).await?;
        let count = done["disputed"].as_array().map_or(0, Vec::len);
        let told = match &control {
            Control::Running(_) => "Everybody is told.",
            Control::Opened { .. } => "Others are told once `vigie up` runs.",
        };
        say(&format!(
            "Sightings disputed: {count}. {told} Decisions of the mesh ended here: {}.\n",
            done["ended"]
        ))
    }
}
