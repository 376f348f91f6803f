//! `vigie machines`: who may push alerts, and read and end decisions as `cscli` does.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;

use super::control::{Control, escape};
use super::{Format, Global, listing};
use crate::agent::credentials::Credentials;
use crate::terminal::say;

const COLUMNS: &[listing::Column] = &[
    ("Name", "/name"),
    ("Accepted", "/validated"),
    ("Shared", "/publish"),
    ("Program", "/agent"),
    ("Address", "/address"),
    ("Last seen", "/seen"),
];

/// Machines: CrowdSec agents that push alerts here, and cscli
#[derive(Debug, Subcommand)]
pub(crate) enum Machines {
    /// Add a machine that is accepted; its password is shown once
    Add {
        /// A name, unique on this node
        name: String,
        /// Let what it detects be shared as our own
        #[arg(long)]
        publish: bool,
        /// Write address, name and password to this file, as crowdsec and cscli read them
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// List machines
    List {
        #[command(flatten)]
        format: Format,
    },
    /// Show one machine and what it reported last, as JSON
    Show {
        /// Its name
        name: String,
    },
    /// Accept a machine that registered itself
    Validate {
        /// Its name
        name: String,
    },
    /// Say whether what a machine detects may be shared as our own
    Grant {
        /// Its name
        name: String,
        /// Take it back
        #[arg(long)]
        not: bool,
    },
    /// Take a machine's password and tokens back
    Revoke {
        /// Its name
        name: String,
    },
}

impl Machines {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<()> {
        let control = Control::reach(global).await?;
        let path = |name: &str| format!("/machines/{}", escape(name));
        match self {
            Self::Add { name, publish, out } => add(&control, &name, publish, out).await,
            Self::List { format } => format.print(&control.rows("/machines").await?, COLUMNS, "No machines."),
            Self::Show { name } => {
                let machine = control.get(&path(&name)).await?;
                say(&format!("{}\n", serde_json::to_string_pretty(&machine)?))
            }
            Self::Validate { name } => {
                control.post(&path(&name), &json!({"validate": true})).await?;
                say(&format!("{name} is accepted.\n"))
            }
            Self::Grant { name, not } => {
                control.post(&path(&name), &json!({"publish": !not})).await?;
                let what = if not {
                    "stays here"
                } else {
                    "may be shared as our own"
                };
                say(&format!("What {name} detects {what}.\n"))
            }
            Self::Revoke { name } => {
                control.delete(&path(&name)).await?;
                say(&format!("The password and tokens of {name} are void.\n"))
            }
        }
    }
}

async fn add(control: &Control, name: &str, publish: bool, out: Option<PathBuf>) -> anyhow::Result<()> {
    if let Some(out) = out.as_ref().filter(|out| out.exists()) {
        anyhow::bail!(
            "{} is there already: its machine would be locked out",
            out.display()
        );
    }
    let made = control
        .post("/machines", &json!({"name": name, "publish": publish}))
        .await?;
    let text = |field: &str| made[field].as_str().unwrap_or_default().to_owned();
    let Some(out) = out else {
        return say(&format!(
            "The password of {name}, shown this once; as local_api_credentials.yaml:\n\n  url: {}\n  login: {name}\n  \
             password: {}\n",
            text("url"),
            text("password")
        ));
    };
    let credentials = Credentials {
        url: Some(text("url")),
        login: Some(name.to_owned()),
        password: Some(text("password").into()),
        ..Credentials::default()
    };
    credentials.write(&out)?;
    say(&format!(
        "{name} is added; its password is in {}.\n",
        out.display()
    ))
}
