//! `vigie check-config`: every mistake of a configuration file, with its place.

use std::path::PathBuf;

use clap::Args;

use super::Global;
use super::listing::say;
use crate::config::Config;

/// Check a configuration file without starting anything
#[derive(Debug, Args)]
pub(crate) struct CheckConfig {
    /// The file [default: the one that `vigie up` would read]
    file: Option<PathBuf>,
}

impl CheckConfig {
    pub(crate) fn run(self, global: &Global) -> anyhow::Result<()> {
        let file = self.file.unwrap_or_else(|| global.config_file());
        Config::load(&file, true)?;
        say(&format!("{}: no mistakes\n", file.display()))
    }
}
