//! `vigie sensor`: the sensor alone, without a node.
//!
//! One file a command below this one.

mod replay;

use clap::Subcommand;

use super::Global;

/// What the sensor makes of logs
#[derive(Debug, Subcommand)]
pub(crate) enum Sensor {
    Replay(replay::Replay),
}

impl Sensor {
    pub(crate) fn run(self, global: &Global) -> anyhow::Result<()> {
        match self {
            Self::Replay(command) => command.run(global),
        }
    }
}
