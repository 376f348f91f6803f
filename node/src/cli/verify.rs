//! `vigie verify`: whether a file proves what it says, for anybody, with no node and no network.
//!
//! A proof of equivocation is checked by its bytes and the key that comes with it: the publisher's name is the hash of
//! that key, so the file cannot bring a wrong one. Deliberately absent: what follows from a fork (an accident or a lie),
//! which only the rest of the chain can tell.

mod evidence;
mod verdict;

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use vigie_wire::{Genesis, PublicKey};

use crate::terminal::say;
use evidence::Evidence;
pub(crate) use verdict::Verdict;

/// Check a proof of equivocation offline; the exit code is 0 only if it proves
#[derive(Debug, Args)]
#[command(
    after_help = "FILE is what `vigie peers proofs --json` printed; or the bytes of one proof, statement or \
envelope, as they are or in hexadecimal."
)]
pub(crate) struct Verify {
    /// What to check
    file: PathBuf,
    /// The genesis file of the network that it must be about (`vigie network show`)
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
    /// The node key of the publisher, for bytes that come without it
    #[arg(long, value_name = "KEY")]
    key: Option<PublicKey>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let genesis = self.genesis.as_ref().map(|path| {
            let text =
                std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            Genesis::parse(&text).with_context(|| format!("{} is no genesis file", path.display()))
        });
        let genesis = genesis.transpose()?;
        let evidence = Evidence::read(&self.file, self.key)?;
        let verdicts: Vec<Verdict> = evidence
            .iter()
            .map(|one| verdict::of(one, genesis.as_ref()))
            .collect();
        if self.json {
            say(&format!("{}\n", serde_json::to_string_pretty(&verdicts)?))?;
        } else {
            say(&verdicts.iter().map(Verdict::to_string).collect::<String>())?;
        }
        let failed = verdicts.iter().filter(|verdict| !verdict.proven).count();
        match (failed, verdicts.len()) {
            (0, 0) => bail!("{} holds nothing to check", self.file.display()),
            (0, _) => Ok(()),
            (failed, all) => bail!("{failed} of {all} not proven"),
        }
    }
}
