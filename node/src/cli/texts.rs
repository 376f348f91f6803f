//! Shell completions and man pages, from the same definitions as `--help`.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Cli;
use crate::terminal::say;

/// Print completions for a shell
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// Which shell
    shell: Shell,
}

/// Write man pages, one for each command
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Into this directory
    directory: PathBuf,
}

impl Completions {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "vigie", &mut text);
        say(&String::from_utf8(text).context("completions are text")?)
    }
}

impl Man {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        std::fs::create_dir_all(&self.directory)
            .with_context(|| format!("cannot make {}", self.directory.display()))?;
        clap_mangen::generate_to(Cli::command(), &self.directory)
            .with_context(|| format!("cannot write man pages to {}", self.directory.display()))
    }
}
