//! `vigie bouncers`: who may ask for decisions.

use clap::Subcommand;
use serde_json::{Value, json};

use super::control::{Control, escape};
use super::{Format, Global, listing};
use crate::terminal::say;

const COLUMNS: &[listing::Column] = &[
    ("Name", "/name"),
    ("Granted", "/remediations"),
    ("Program", "/agent"),
    ("Address", "/address"),
    ("Last seen", "/seen"),
    ("Key ends", "/expires"),
];

/// Keys for bouncers
#[derive(Debug, Subcommand)]
pub(crate) enum Bouncers {
    /// Make a key for a bouncer; it is shown once
    Add {
        /// A name, unique on this node
        name: String,
        /// What it is served; others are left out
        #[arg(long = "grant", default_value = "ban", value_delimiter = ',')]
        grants: Vec<String>,
        /// Only decisions of these scopes: ip, range, country, as [default: whatever it asks for]
        #[arg(long = "scope", value_delimiter = ',')]
        scopes: Vec<String>,
        /// When the key ends, as 90d [default: never]
        #[arg(long)]
        expires: Option<String>,
        /// Print only the key
        #[arg(long)]
        raw: bool,
    },
    /// Make another key for a bouncer; the one before is good for a while
    Rotate {
        /// Its name
        name: String,
        /// How long the key before is good
        #[arg(long, default_value = "1h")]
        overlap: String,
        /// When the new key ends, as 90d, or never
        #[arg(long)]
        expires: Option<String>,
        /// Print only the key
        #[arg(long)]
        raw: bool,
    },
    /// List bouncers
    List {
        #[command(flatten)]
        format: Format,
    },
    /// Show one bouncer and what it reported last, as JSON
    Show {
        /// Its name
        name: String,
    },
    /// Take a bouncer's key back
    Delete {
        /// Its name
        name: String,
    },
}

impl Bouncers {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<()> {
        let control = Control::reach(global).await?;
        match self {
            Self::Add {
                name,
                grants,
                scopes,
                expires,
                raw,
            } => {
                let new = json!({"name": name, "grants": grants, "scopes": scopes, "expires": expires});
                let made = control.post("/bouncers", &new).await?;
                tell(&name, &made, raw, "The bouncer sends it as X-Api-Key.")
            }
            Self::Rotate {
                name,
                overlap,
                expires,
                raw,
            } => {
                let new = json!({"overlap": overlap, "expires": expires});
                let path = format!("/bouncers/{}/key", escape(&name));
                let made = control.post(&path, &new).await?;
                let former = made["former_until"].as_str().unwrap_or_default();
                tell(
                    &name,
                    &made,
                    raw,
                    &format!("The one before it is good until {former}."),
                )
            }
            Self::List { format } => format.print(&control.rows("/bouncers").await?, COLUMNS, "No bouncers."),
            Self::Show { name } => {
                let bouncer = control.get(&format!("/bouncers/{}", escape(&name))).await?;
                say(&format!("{}\n", serde_json::to_string_pretty(&bouncer)?))
            }
            Self::Delete { name } => {
                control.delete(&format!("/bouncers/{}", escape(&name))).await?;
                say(&format!("The key of {name} is void.\n"))
            }
        }
    }
}

/// Shows a key, this once.
fn tell(name: &str, made: &Value, raw: bool, what_now: &str) -> anyhow::Result<()> {
    let key = made["key"].as_str().unwrap_or_default();
    if raw {
        return say(&format!("{key}\n"));
    }
    say(&format!(
        "The key of {name}, shown this once:\n\n  {key}\n\n{what_now}\n"
    ))
}
