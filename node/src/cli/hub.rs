//! `vigie hub`: other people's rules, as a directory in the layout of the `CrowdSec` hub.
//!
//! Deliberately absent: the rules' language and their tests, which are the sensor's.

mod test;

use clap::Subcommand;

/// Work with a directory of rules in the layout of the `CrowdSec` hub
#[derive(Debug, Subcommand)]
pub(crate) enum Hub {
    Test(test::Test),
}

impl Hub {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Test(command) => command.run(),
        }
    }
}
