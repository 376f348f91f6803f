//! `vigie bouncers`: who may ask for decisions.

use clap::Subcommand;
use serde_json::json;

use super::control::{Control, escape};
use super::{Format, Global, listing};
use crate::terminal::say;

const COLUMNS: &[listing::Column] = &[
    ("Name", "/name"),
    ("Granted", "/remediations"),
    ("Program", "/agent"),
    ("Address", "/address"),
    ("Last seen", "/seen"),
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
            Self::Add { name, grants, raw } => {
                let made = control
                    .post("/bouncers", &json!({"name": name, "grants": grants}))
                    .await?;
                let key = made["key"].as_str().unwrap_or_default();
                if raw {
                    return say(&format!("{key}\n"));
                }
                say(&format!(
                    "The key of {name}, shown this once:\n\n  {key}\n\nThe bouncer sends it as X-Api-Key.\n"
                ))
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
