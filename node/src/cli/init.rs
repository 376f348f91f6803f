//! `vigie init`: the identity, a recovery phrase, and a commented configuration file.

use std::io::IsTerminal;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};

use super::Global;
use super::listing::say;
use crate::clock;
use crate::config::EXAMPLE;
use crate::identity::{Fresh, Identity, from_phrase};
use crate::paths::{Paths, write_private};

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

/// What is shown once, and never again.
pub(crate) fn show_fresh(fresh: &Fresh, paths: &Paths) -> anyhow::Result<()> {
    let identity = &fresh.identity;
    say(&format!(
        "A new identity, in {}.\n  organisation  {}\n  node          {}\n\nThe recovery phrase of the organisation key, shown this once. Write it down:\n\n  {}\n\nKeep {} away from this machine: published, it ends the organisation key for ever.\n\n",
        paths.root().display(),
        identity.org,
        identity.node.public(),
        fresh.phrase.as_str(),
        paths.revocation().display(),
    ))
}
