//! `vigie network`: found a network, hand out an invitation to it, carry where its seeds are from machine to machine, and
//! change who they are.

mod change;
mod seeds;

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Subcommand;
use serde_json::json;
use vigie_wire::genesis::Founder;
use vigie_wire::{Genesis, Timestamp};

use super::Global;
use super::vouch::labels;
use crate::clock;
use crate::paths::Paths;
use crate::terminal::say;

/// The genesis of a network
#[derive(Debug, Subcommand)]
pub(crate) enum Network {
    /// Write an invitation to a new network. Its founders are `KEY,name=NAME`, then `,operator=`,
    /// `,country=`, `,asn=` and `,history=` as known
    Found {
        /// The network's name
        #[arg(long)]
        name: String,
        /// A seed: it admits others on its word alone
        #[arg(long = "seed", required = true, value_name = "FOUNDER")]
        seeds: Vec<String>,
        /// A founding member; history grants it confirmed sightings
        #[arg(long = "member", value_name = "FOUNDER")]
        members: Vec<String>,
        /// How many seeds must agree to change the seeds [default: more than half]
        #[arg(long)]
        quorum: Option<u8>,
        /// Where the seeds' nodes are reached
        #[arg(long = "peer", value_name = "MULTIADDR")]
        peers: Vec<String>,
        /// The file for the invitation
        file: PathBuf,
    },
    /// Print the genesis file of the network that this node joined
    Show,
    /// The seeds, and where they say that they are called. With --file this goes into a file that is also an invitation
    Seeds(seeds::Seeds),
    Change(change::Change),
    Sign(change::Sign),
    /// Take a file of seeds: every line of it is signed by a seed itself, and a change of seeds by as many as must agree
    Import {
        /// The file that `vigie network seeds --file` wrote elsewhere
        file: PathBuf,
    },
}

impl Network {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<()> {
        match self {
            Self::Found {
                name,
                seeds,
                members,
                quorum,
                peers,
                file,
            } => {
                let seeds = founders(&seeds)?;
                let half = u8::try_from(seeds.len() / 2 + 1).context("too many seeds")?;
                let genesis = Genesis {
                    name: name.into(),
                    created: Timestamp::from_secs(clock::now().as_secs()),
                    quorum: quorum.unwrap_or(half),
                    seeds,
                    members: founders(&members)?,
                };
                let text = genesis.render();
                Genesis::parse(&text).context("such a network cannot be founded")?;
                let invitation = serde_json::to_string_pretty(&json!({"genesis": text, "peers": peers}))?;
                std::fs::write(&file, invitation)
                    .with_context(|| format!("cannot write {}", file.display()))?;
                say(&format!(
                    "{} invites to the network {}.\n",
                    file.display(),
                    genesis.network()
                ))
            }
            Self::Show => show(&global.paths()),
            Self::Seeds(seeds) => seeds.run(global).await,
            Self::Change(change) => change.run(global).await,
            Self::Sign(sign) => sign.run(global).await,
            Self::Import { file } => seeds::import(global, &file).await,
        }
    }
}

fn show(paths: &Paths) -> anyhow::Result<()> {
    match std::fs::read_to_string(paths.genesis()) {
        Ok(text) => say(&text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => bail!("this node joined no network"),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", paths.genesis().display())),
    }
}

fn founders(texts: &[String]) -> anyhow::Result<Vec<Founder>> {
    texts
        .iter()
        .map(|text| founder(text).with_context(|| format!("the founder {text:?}")))
        .collect()
}

fn founder(text: &str) -> anyhow::Result<Founder> {
    let mut parts = text.split(',');
    let key = parts
        .next()
        .unwrap_or_default()
        .parse()
        .context("it starts with an organisation key (`vigie id`)")?;
    let (mut name, mut operator, mut country, mut asn, mut history) = ("", None, None, None, 0);
    for part in parts {
        match part.split_once('=') {
            Some(("name", value)) => name = value,
            Some(("operator", value)) => operator = Some(value),
            Some(("country", value)) => country = Some(value),
            Some(("asn", value)) => asn = Some(value.parse().context("an autonomous system is a number")?),
            Some(("history", value)) => {
                history = value.parse().context("a history is a number of sightings")?;
            }
            _ => bail!("{part:?} is none of name=, operator=, country=, asn=, history="),
        }
    }
    Ok(Founder {
        key,
        name: name.into(),
        labels: labels(operator, country, asn)?,
        history,
    })
}
