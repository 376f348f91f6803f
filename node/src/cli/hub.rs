//! `vigie hub`: other people's rules, in the layout of the `CrowdSec` hub.
//!
//! Deliberately absent: the rules' language and their tests, which are the sensor's.

mod coverage;
mod install;
mod manage;
mod test;

use std::path::PathBuf;

use clap::Subcommand;

use super::Global;

/// Other people's rules: install, list, check
#[derive(Debug, Subcommand)]
pub(crate) enum Hub {
    List(manage::List),
    Show(manage::Show),
    Install(install::Install),
    Upgrade(install::Upgrade),
    Remove(manage::Remove),
    Check(manage::Check),
    Test(test::Test),
    #[command(name = "coverage")]
    Covered(coverage::Covered),
}

impl Hub {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<()> {
        match self {
            Self::List(command) => command.run(global).await,
            Self::Show(command) => command.run(global),
            Self::Install(command) => command.run(global).await,
            Self::Upgrade(command) => command.run(global).await,
            Self::Remove(command) => command.run(global),
            Self::Check(command) => command.run(global),
            Self::Test(command) => command.run(),
            Self::Covered(command) => command.run(global).await,
        }
    }
}

/// Where installed rules are, for a node that need not exist yet.
fn directory(global: &Global) -> anyhow::Result<PathBuf> {
    let paths = global.paths();
    paths.create()?;
    Ok(paths.hub())
}
