//! `vigie decisions`: what is enforced.

use clap::Subcommand;
use serde_json::{Value, json};

use super::control::{Control, query};
use super::{Format, Global, listing};
use crate::terminal::{printable, say};

const COLUMNS: &[listing::Column] = &[
    ("ID", "/id"),
    ("Origin", "/origin"),
    ("Type", "/remediation"),
    ("Scope", "/scope"),
    ("Value", "/value"),
    ("Scenario", "/scenario"),
    ("Left", "/left"),
    ("Simulated", "/simulated"),
];

/// Decisions that bouncers enforce
#[derive(Debug, Subcommand)]
pub(crate) enum Decisions {
    /// List decisions, newest first
    List {
        /// Only those on this address, network, country or AS
        #[arg(long)]
        value: Option<String>,
        /// Only those of this scope: Ip, Range, Country, AS or another
        #[arg(long)]
        scope: Option<String>,
        /// Only those from: sensor, mesh, manual, import
        #[arg(long)]
        origin: Option<String>,
        /// Also those that have ended
        #[arg(long)]
        all: bool,
        /// At most so many
        #[arg(long, default_value_t = 100)]
        limit: u32,
        #[command(flatten)]
        format: Format,
    },
    /// Decide on an address or network by hand, or with `--scope` on a country or AS. Such decisions never leave this node
    Add {
        /// An address, a network such as 192.0.2.0/24; with `--scope country` FR, with `--scope as` AS64500
        value: String,
        /// What the value is: a country or AS is only taken for one if this says so
        #[arg(long, default_value = "ip")]
        scope: String,
        /// For how long
        #[arg(long, default_value = "4h")]
        duration: String,
        /// What is done: challenge, throttle or ban
        #[arg(long = "type", default_value = "ban")]
        remediation: String,
        /// Why
        #[arg(long, default_value = "added by hand")]
        reason: String,
    },
    /// End decisions, by number or by value
    Delete {
        /// The decision's number
        #[arg(long, required_unless_present = "value", conflicts_with = "value")]
        id: Option<i64>,
        /// All on exactly this address, network, country or AS
        #[arg(long)]
        value: Option<String>,
        /// ... and of this scope
        #[arg(long, requires = "value")]
        scope: Option<String>,
    },
}

impl Decisions {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<()> {
        let control = Control::reach(global).await?;
        match self {
            Self::List {
                value,
                scope,
                origin,
                all,
                limit,
                format,
            } => {
                let parts = [
                    ("value", value),
                    ("scope", scope),
                    ("origin", origin),
                    ("all", all.then(|| "true".to_owned())),
                    ("limit", Some(limit.to_string())),
                ];
                format.print(
                    &control.rows(&query("/decisions", &parts)).await?,
                    COLUMNS,
                    "No decisions.",
                )
            }
            Self::Add {
                value,
                scope,
                duration,
                remediation,
                reason,
            } => {
                let body = json!({
                    "value": value, "scope": scope, "duration": duration, "type": remediation, "reason": reason,
                });
                let made = control.post("/decisions", &body).await?;
                let on = made["value"].as_str().map_or(value, printable);
                let mut text = format!("Decision {} on {on} holds for {duration}.\n", made["id"]);
                if made["scope"] == "Country" || made["scope"] == "AS" {
                    text.push_str("Only bouncers with a database of places keep such out: ours all but the allowlist and your own networks, others everybody there.\n");
                }
                say(&text)
            }
            Self::Delete { id, value, scope } => {
                let parts = [
                    ("id", id.map(|id| id.to_string())),
                    ("value", value),
                    ("scope", scope),
                ];
                let ended = control.delete(&query("/decisions", &parts)).await?;
                let mut text = format!("Decisions ended: {}.\n", ended["ended"]);
                let still = ended["still"].as_array().map_or(&[][..], Vec::as_slice);
                for other in still.iter().filter_map(Value::as_str).map(printable) {
                    text.push_str(&format!(
                        "{other} is still kept out: `vigie decisions delete --value {other}`\n"
                    ));
                }
                let named = ended["values"][0]
                    .as_str()
                    .map_or_else(|| "ADDRESS".to_owned(), printable);
                if ended["overruled"] == true {
                    text.push_str(&format!(
                        "The mesh's word on it decides nothing here for 24 h. Tell others: `vigie dispute {named} --reason ...`. For good: `vigie allowlist add`.\n"
                    ));
                }
                if let Some(ours @ 1..) = ended["ours"].as_u64() {
                    text.push_str(&listing::shared_before(ours, &named));
                }
                say(&text)
            }
        }
    }
}
