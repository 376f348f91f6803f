//! `vigie check-config`: every mistake of a configuration file, with its place.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;

use super::Global;
use crate::config::Config;
use crate::terminal::say;
use crate::warning::Warnings;

/// Check a configuration file without starting anything
#[derive(Debug, Args)]
pub(crate) struct CheckConfig {
    /// The file [default: the one that `vigie up` would read]
    file: Option<PathBuf>,
}

impl CheckConfig {
    pub(crate) fn run(self, global: &Global) -> anyhow::Result<()> {
        let file = self.file.unwrap_or_else(|| global.config_file());
        let config = Config::load(&file, true)?;
        let warnings = Warnings::load(config.policy.warning_lists(), config.policy.classes.clone())
            .context("[policy] warning_lists")?;
        if !warnings.refused().is_empty() {
            bail!("{}", warnings.refused().join("\n"));
        }
        say(&format!("{}: no mistakes\n", file.display()))
    }
}
