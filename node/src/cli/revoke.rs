//! `vigie revoke --file FILE`: publishes a revocation that was signed when the organisation key was made, and kept.
//!
//! Needs no organisation key: that one may be lost, which is why the statement was kept. Any node of the network may
//! publish it.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use serde_json::json;
use vigie_wire::{RevocationTarget, Statement};

use super::Global;
use super::control::Control;
use super::join::ask;
use super::listing::say;

/// Largest file that is read as a revocation, in bytes.
const LARGEST: u64 = 1 << 16;

/// Publish a kept revocation: it ends an organisation key for ever
#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// The file `revocation` that `vigie init` made, from where it was kept
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// Publish without asking
    #[arg(long)]
    yes: bool,
}

impl Revoke {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<()> {
        let statement = read(&self.file)?;
        let Statement::Revocation(revocation) = &statement else {
            bail!("{} holds a statement that is no revocation", self.file.display());
        };
        let what = match revocation.target {
            RevocationTarget::Organisation => format!("the organisation {}", revocation.org),
            RevocationTarget::Node(node) => format!("the node {node} of the organisation {}", revocation.org),
        };
        if !self.yes {
            if !std::io::stdin().is_terminal() {
                bail!("there is no terminal to ask on: --yes publishes without asking");
            }
            if !ask(&format!("This ends {what} for ever. Publish it?"))? {
                bail!("nothing was published");
            }
        }
        let control = Control::reach(global).await?;
        let body = json!({"statement": hex::encode(statement.encode())});
        let answer = control.post("/statements", &body).await?;
        say(&match (answer["new"].as_bool(), &control) {
            (Some(true), Control::Running(_)) => format!("Revoked: {what}.\n"),
            (Some(true), Control::Opened { .. }) => {
                format!("Revoked here: {what}. Others hear it once `vigie up` runs.\n")
            }
            _ => format!("Nothing changed: the network knows no {what}, or knows that it ended.\n"),
        })
    }
}

/// The statement is the last line; what stands before it is for people.
fn read(path: &Path) -> anyhow::Result<Statement> {
    let open = || format!("cannot read {}", path.display());
    if std::fs::metadata(path).with_context(open)?.len() > LARGEST {
        bail!("{} is too large for a revocation", path.display());
    }
    let text = std::fs::read_to_string(path).with_context(open)?;
    parse(&text).with_context(|| format!("{} holds no revocation", path.display()))
}

fn parse(text: &str) -> anyhow::Result<Statement> {
    let last = text.trim_end().lines().next_back().unwrap_or_default();
    let bytes = hex::decode(last.trim()).context("the last line is not one of hexadecimal digits")?;
    let statement = Statement::decode(&bytes)?;
    statement.verify().context("its signature is wrong")?;
    Ok(statement)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Identity;
    use crate::paths::Paths;

    #[test]
    fn the_file_that_init_makes_is_one_that_can_be_published() {
        let directory = tempfile::tempdir().unwrap();
        let paths = Paths::new(Some(directory.path().to_owned()), None);
        let now = vigie_wire::Timestamp::from_secs(1_790_000_000);
        let made = Identity::create(&paths, None, now).unwrap();
        let Statement::Revocation(read) = read(&paths.revocation()).unwrap() else {
            panic!("another statement");
        };
        assert_eq!(read.org, made.identity.org);
        assert_eq!(read.target, RevocationTarget::Organisation);
        let text = std::fs::read_to_string(paths.revocation()).unwrap();
        for wrong in [
            "",
            "words",
            text.trim_end().trim_end_matches(|c: char| c.is_ascii_hexdigit()),
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
