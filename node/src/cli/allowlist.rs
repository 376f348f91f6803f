//! `vigie allowlist`: what no decision may touch.

use clap::Subcommand;
use serde_json::json;

use super::control::{Control, query};
use super::{Format, Global, listing};
use crate::terminal::say;

const COLUMNS: &[listing::Column] = &[
    ("Network", "/net"),
    ("Reason", "/reason"),
    ("Author", "/author"),
    ("Expires", "/until"),
];

/// Addresses and networks that are never blocked or shared
#[derive(Debug, Subcommand)]
pub(crate) enum Allowlist {
    /// List entries
    List {
        #[command(flatten)]
        format: Format,
    },
    /// Add an entry; decisions on it end at once
    Add {
        /// An address or network
        net: String,
        /// Why
        #[arg(long)]
        reason: String,
        /// For how long, such as 7d; for ever if not given
        #[arg(long)]
        duration: Option<String>,
    },
    /// Remove an entry
    Delete {
        /// An address or network
        net: String,
    },
}

impl Allowlist {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<()> {
        let control = Control::reach(global).await?;
        match self {
            Self::List { format } => format.print(
                &control.rows("/allowlist").await?,
                COLUMNS,
                "The allowlist is empty.",
            ),
            Self::Add {
                net,
                reason,
                duration,
            } => {
                let author = rustix::process::getuid().as_raw().to_string();
                let body = json!({"net": net, "reason": reason, "author": format!("uid {author}"), "duration": duration});
                let done = control.post("/allowlist", &body).await?;
                let mut text = format!("{net} is allowed; decisions ended: {}.\n", done["ended"]);
                if let Some(ours @ 1..) = done["ours"].as_u64() {
                    text.push_str(&listing::shared_before(ours, &net));
                }
                say(&text)
            }
            Self::Delete { net } => {
                control
                    .delete(&query("/allowlist", &[("net", Some(net.clone()))]))
                    .await?;
                say(&format!("{net} is no longer on the allowlist.\n"))
            }
        }
    }
}
