//! `vigie init`: the identity, a recovery phrase, and a commented configuration file.

use std::io::IsTerminal;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};

use super::Global;
use crate::clock;
use crate::config::EXAMPLE;
use crate::identity::{Fresh, Identity, from_phrase};
use crate::paths::{Paths, remove_if_there, write_private};
use crate::terminal::say;

/// Make this node's identity, or a configuration file
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Only write a commented configuration file [default: vigie.toml in the data directory]
    // The option that every command has, here with a value that may be left out: same name, same type.
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "", value_parser = path_or_nothing())]
    config: Option<PathBuf>,
    /// Make the organisation key from a recovery phrase, read from standard input
    #[arg(long, conflicts_with = "config")]
    recover: bool,
}

impl Init {
    pub(crate) fn run(self, global: &Global) -> anyhow::Result<()> {
        let paths = global.paths();
        paths.create()?;
        if self.config.is_some() {
            return write_config(&global.config_file());
        }
        // A first `vigie up` at the same moment would make another identity.
        let _lock = paths.lock()?;
        let seed = if self.recover { Some(read_phrase()?) } else { None };
        let fresh = Identity::create(&paths, seed, clock::now())?;
        show_fresh(&fresh, &paths)
    }
}

/// clap's own parser of paths takes no empty one.
fn path_or_nothing() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

fn write_config(path: &std::path::Path) -> anyhow::Result<()> {
    if path.exists() {
        bail!("{} is there already; it is not replaced", path.display());
    }
    write_private(path, EXAMPLE)?;
    say(&format!(
        "{} is written. Every line that sets something is what holds without it.\n",
        path.display()
    ))
}

fn read_phrase() -> anyhow::Result<[u8; 32]> {
    if std::io::stdin().is_terminal() {
        say("The 24 words of the recovery phrase, in one line: ")?;
    }
    let mut words = zeroize::Zeroizing::new(String::new());
    std::io::stdin()
        .read_line(&mut words)
        .context("cannot read the recovery phrase")?;
    from_phrase(&words)
}

/// Says what was made. The recovery phrase is shown once and only to a person: what a service says is kept in journals.
pub(crate) fn show_fresh(fresh: &Fresh, paths: &Paths) -> anyhow::Result<()> {
    let identity = &fresh.identity;
    let what = if fresh.kept {
        "A new node of the organisation that was here"
    } else {
        "A new identity"
    };
    say(&format!(
        "{what}, in {}.\n  organisation  {}\n  node          {}\n\n",
        paths.root().display(),
        identity.org,
        identity.node.public(),
    ))?;
    if identity.org_secret.is_none() {
        return say("The organisation key is not on this machine.\n\n");
    }
    let file = paths.phrase();
    if std::io::stdout().is_terminal() {
        let words = zeroize::Zeroizing::new(
            std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?,
        );
        say(&format!(
            "The recovery phrase of the organisation key, shown this once. Write it down:\n\n  {}\n\n",
            words.trim_end()
        ))?;
        remove_if_there(&file).with_context(|| format!("cannot remove {}", file.display()))?;
    } else {
        say(&format!(
            "The recovery phrase of the organisation key is in {}: write it down, then remove the file.\n",
            file.display()
        ))?;
    }
    say(&format!(
        "Keep {} away from this machine: published, it ends the organisation key for ever.\n\n",
        paths.revocation().display(),
    ))
}
