//! `vigie sensor`: the sensor alone, without a node.
//!
//! One file a command below this one.

mod explain;
mod lapi;
mod register;
mod replay;
mod rules;
mod run;
mod unparsed;

use clap::Subcommand;

use super::Global;

/// What the sensor makes of logs
#[derive(Debug, Subcommand)]
pub(crate) enum Sensor {
    Explain(explain::Explain),
    Replay(replay::Replay),
    Unparsed(unparsed::Unparsed),
    Run(Box<run::Run>),
    Register(register::Register),
}

impl Sensor {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<()> {
        match self {
            Self::Explain(command) => command.run(global),
            Self::Replay(command) => command.run(global),
            Self::Unparsed(command) => command.run(global),
            Self::Run(command) => command.run(global).await,
            Self::Register(command) => command.run().await,
        }
    }
}
