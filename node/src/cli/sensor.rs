//! `vigie sensor`: the sensor alone, without a node.
//!
//! One file a command below this one.

mod explain;
mod replay;
mod rules;
mod unparsed;

use clap::Subcommand;

use super::Global;

/// What the sensor makes of logs
#[derive(Debug, Subcommand)]
pub(crate) enum Sensor {
    Explain(explain::Explain),
    Replay(replay::Replay),
    Unparsed(unparsed::Unparsed),
}

impl Sensor {
    pub(crate) fn run(self, global: &Global) -> anyhow::Result<()> {
        match self {
            Self::Explain(command) => command.run(global),
            Self::Replay(command) => command.run(global),
            Self::Unparsed(command) => command.run(global),
        }
    }
}
