//! `vigie trust revoke`: takes something of ours back. Our vouch for somebody, the key of a node of ours that was stolen,
//! or, by the revocation that was signed when it was made, the key of a whole organisation.
//!
//! The last needs no organisation key: that one may be lost, which is why the statement was kept. Any node of the network
//! may publish it. Deliberately absent: revoking what is another's, which nobody can.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Value, json};
use vigie_wire::{
    NetworkId, PublicKey, Revocation, RevocationTarget, SecretKey, Statement, Timestamp, Withdrawal,
};

use super::Global;
use super::control::{Control, escape};
use super::join::ask;
use crate::clock;
use crate::config;
use crate::identity::Identity;
use crate::paths::read_at_most;
use crate::terminal::say;

/// Largest file that is read as a revocation, in bytes.
const LARGEST: u64 = 1 << 16;

/// Take back a vouch of ours, a node's key of ours, or a whole organisation by its kept revocation
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["key", "node", "file"]))]
pub(crate) struct Revoke {
    /// The organisation that we vouch for no longer
    key: Option<PublicKey>,
    /// The key of a node of ours that is ours no longer
    #[arg(long, value_name = "KEY")]
    node: Option<PublicKey>,
    /// How long ago the node's key may have fallen into other hands, such as 3d: what it signed since is void everywhere
    #[arg(long, value_name = "DURATION", requires = "node", default_value = "0s")]
    since: String,
    /// The file `revocation` that `vigie init` made, from where it was kept: it ends an organisation key for ever
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Do not publish it: write it to a file that any node of the network publishes with --file
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    write: Option<PathBuf>,
    /// Publish without asking
    #[arg(long)]
    yes: bool,
}

impl Revoke {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<()> {
        let (statements, what) = match (&self.key, &self.node, &self.file) {
            (Some(key), _, _) => withdrawals(global, key).await?,
            (_, Some(node), _) => revocation(global, node, &self.since).await?,
            (_, _, Some(file)) => kept(file)?,
            _ => bail!("name what is revoked"),
        };
        if let Some(path) = &self.write {
            return write(path, &statements, &what);
        }
        if !self.yes {
            if !std::io::stdin().is_terminal() {
                bail!("there is no terminal to ask on: --yes publishes without asking");
            }
            if !ask(&format!("This ends {what} for ever. Publish it?"))? {
                bail!("nothing was published");
            }
        }
        let control = Control::reach(global).await?;
        let mut new = false;
        for statement in statements {
            let body = json!({"statement": hex::encode(statement.encode())});
            new |= control.post("/statements", &body).await?["new"] == true;
        }
        say(&match (new, &control) {
            (true, Control::Running(_)) => format!("Revoked: {what}.\n"),
            (true, Control::Opened { .. }) => {
                format!("Revoked here: {what}. Others hear it once `vigie up` runs.\n")
            }
            _ => format!("Nothing changed: the network knows no {what}, or knows that it ended.\n"),
        })
    }
}

/// Each of our vouches for an organisation that has not ended, taken back.
async fn withdrawals(global: &Global, key: &PublicKey) -> anyhow::Result<(Vec<Statement>, String)> {
    let identity = Identity::load(&global.paths())?;
    let (network, secret) = ours(global, &identity).await?;
    let control = Control::reach(global).await?;
    let us = control
        .get(&format!("/trust/{}", escape(&identity.org.to_string())))
        .await?;
    let now = clock::now();
    let given = us["vouches"]["given"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let theirs = key.to_string();
    let open = given.iter().filter(|vouch| {
        let lasts = vouch["expires"]
            .as_i64()
            .is_some_and(|expires| expires > now.as_millis());
        vouch["key"] == theirs && lasts && vouch["why_not"] != "withdrawn"
    });
    let mut statements = Vec::new();
    for serial in open.filter_map(|vouch| vouch["serial"].as_u64()) {
        let terms = Withdrawal {
            network,
            voucher: identity.org,
            subject: *key,
            serial,
            at: now,
        };
        let signed = terms.sign(secret).context("this withdrawal cannot be signed")?;
        statements.push(Statement::Withdrawal(signed));
    }
    if statements.is_empty() {
        bail!("we do not vouch for {key}: only our own vouch is ours to take back");
    }
    Ok((statements, format!("our vouch for {key}")))
}

/// One of our nodes' keys is ours no longer, since some time ago.
async fn revocation(
    global: &Global,
    node: &PublicKey,
    since: &str,
) -> anyhow::Result<(Vec<Statement>, String)> {
    let identity = Identity::load(&global.paths())?;
    let (network, secret) = ours(global, &identity).await?;
    let ago = config::duration(since)
        .with_context(|| format!("{since:?} is not a duration such as 30m, 4h or 7d"))?;
    let now = clock::now();
    let terms = Revocation {
        network,
        org: identity.org,
        target: RevocationTarget::Node(*node),
        compromised_since: (now - ago).max(Timestamp::ZERO),
        at: now,
    };
    let signed = terms.sign(secret).context("this revocation cannot be signed")?;
    let also = if ago.is_zero() {
        String::new()
    } else {
        format!(", and all that it signed in the last {since}")
    };
    let what = format!("the key {node} of a node of ours{also}");
    Ok((vec![Statement::Revocation(signed)], what))
}

async fn ours<'a>(global: &Global, identity: &'a Identity) -> anyhow::Result<(NetworkId, &'a SecretKey)> {
    let secret = identity
        .org_secret
        .as_ref()
        .context("the organisation key is not on this machine")?;
    let status: Value = Control::reach(global).await?.get("/status").await?;
    let network = status["network_id"]
        .as_str()
        .context("this node joined no network yet")?;
    Ok((network.parse()?, secret))
}

/// In the form of the kept revocation: words, and the statement as the last line.
fn write(path: &Path, statements: &[Statement], what: &str) -> anyhow::Result<()> {
    let [statement] = statements else {
        bail!("there are {} of them: publish them from here", statements.len());
    };
    let text = format!(
        "# This ends {what}.\n# Published by: vigie trust revoke --file FILE\n{}\n",
        hex::encode(statement.encode())
    );
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    say(&format!("Written to {}, and not published.\n", path.display()))
}

fn kept(file: &Path) -> anyhow::Result<(Vec<Statement>, String)> {
    let statement = read(file)?;
    let what = match &statement {
        Statement::Revocation(revocation) => match revocation.target {
            RevocationTarget::Organisation => format!("the organisation {}", revocation.org),
            RevocationTarget::Node(node) => {
                format!("the node {node} of the organisation {}", revocation.org)
            }
        },
        Statement::Withdrawal(taken) => format!("the vouch of {} for {}", taken.voucher, taken.subject),
        _ => bail!("{} holds a statement that ends nothing", file.display()),
    };
    Ok((vec![statement], what))
}

/// The statement is the last line; what stands before it is for people.
fn read(path: &Path) -> anyhow::Result<Statement> {
    let bytes = read_at_most(path, LARGEST)?;
    parse(&String::from_utf8_lossy(&bytes)).with_context(|| format!("{} holds no revocation", path.display()))
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
