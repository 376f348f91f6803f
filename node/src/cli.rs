//! The command line: one file a command. Help, completions and man pages come from these definitions.

mod alerts;
mod allowlist;
mod backup;
mod bouncers;
mod check;
mod control;
mod decisions;
mod demo;
mod dispute;
mod explain;
mod hub;
mod id;
mod init;
mod join;
mod listing;
mod machines;
mod network;
mod peers;
mod policy;
mod retract;
mod revoke;
mod sensor;
mod share;
mod sightings;
mod sim;
mod status;
mod texts;
mod trust;
mod up;
mod verify;
mod vouch;

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::config::Config;
use crate::paths::Paths;

pub(crate) use control::{Control, query};
pub(crate) use listing::Format;

/// Vigie: every organisation keeps its own watch, and the mesh hears every watch.
#[derive(Debug, Parser)]
#[command(
    name = "vigie",
    version,
    about,
    max_term_width = 100,
    propagate_version = true
)]
#[command(after_help = "Start with `vigie up`: it contacts nobody and shares nothing.")]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command understands.
#[derive(Clone, Debug, Args)]
pub(crate) struct Global {
    /// Data directory of the node [default: /var/lib/vigie for root, else ~/.local/share/vigie]
    #[arg(long, global = true, env = "VIGIE_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
    /// Configuration file [default: vigie.toml in the data directory, if it is there]
    #[arg(long, global = true, env = "VIGIE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// What is logged to standard error, such as info, debug or vigie=debug,libp2p=warn
    #[arg(
        long,
        global = true,
        env = "VIGIE_LOG",
        default_value = "warn",
        value_name = "FILTER"
    )]
    pub(crate) log: String,
    #[arg(skip = std::env::home_dir())]
    home: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Up(up::Up),
    Init(init::Init),
    Join(join::Join),
    Status(status::Status),
    #[command(subcommand)]
    Decisions(decisions::Decisions),
    #[command(subcommand)]
    Alerts(alerts::Alerts),
    #[command(subcommand)]
    Sightings(sightings::Sightings),
    #[command(subcommand)]
    Bouncers(bouncers::Bouncers),
    #[command(subcommand)]
    Machines(machines::Machines),
    #[command(subcommand)]
    Allowlist(allowlist::Allowlist),
    Retract(retract::Retract),
    Dispute(dispute::Dispute),
    Explain(explain::Explain),
    Peers(peers::Peers),
    #[command(subcommand)]
    Sensor(sensor::Sensor),
    #[command(subcommand)]
    Share(share::Share),
    #[command(subcommand)]
    Policy(policy::Policy),
    #[command(subcommand)]
    Hub(hub::Hub),
    Id(id::Id),
    #[command(subcommand)]
    Trust(Box<trust::Trust>),
    Vouch(vouch::Vouch),
    Revoke(revoke::Revoke),
    #[command(subcommand)]
    Network(network::Network),
    Verify(Box<verify::Verify>),
    Sim(Box<sim::Sim>),
    CheckConfig(check::CheckConfig),
    Demo(demo::Demo),
    #[command(hide = true)]
    DemoPart(demo::DemoPart),
    Backup(backup::Backup),
    Restore(backup::Restore),
    Completions(texts::Completions),
    Man(texts::Man),
}

// === impl Cli ===

impl Cli {
    /// Does what was asked.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let global = &self.global;
        match self.command {
            Command::Up(command) => command.run(global).await,
            Command::Init(command) => command.run(global),
            Command::Join(command) => command.run(global).await,
            Command::Status(command) => command.run(global).await,
            Command::Decisions(command) => command.run(global).await,
            Command::Alerts(command) => command.run(global).await,
            Command::Sightings(command) => command.run(global).await,
            Command::Bouncers(command) => command.run(global).await,
            Command::Machines(command) => command.run(global).await,
            Command::Allowlist(command) => command.run(global).await,
            Command::Retract(command) => command.run(global).await,
            Command::Dispute(command) => command.run(global).await,
            Command::Explain(command) => command.run(global).await,
            Command::Peers(command) => command.run(global).await,
            Command::Sensor(command) => command.run(global).await,
            Command::Share(command) => command.run(global).await,
            Command::Policy(command) => command.run(global).await,
            Command::Hub(command) => command.run(global).await,
            Command::Id(command) => command.run(global),
            Command::Trust(command) => command.run(global).await,
            Command::Vouch(command) => command.run(global).await,
            Command::Revoke(command) => command.run(global).await,
            Command::Network(command) => command.run(global).await,
            Command::Verify(command) => command.run(),
            Command::Sim(command) => command.run(),
            Command::CheckConfig(command) => command.run(global),
            Command::Demo(command) => command.run().await,
            Command::DemoPart(command) => command.run().await,
            Command::Backup(command) => command.run(global).await,
            Command::Restore(command) => command.run(global),
            Command::Completions(command) => command.run(),
            Command::Man(command) => command.run(),
        }
    }
}

// === impl Global ===

impl Global {
    pub(crate) fn paths(&self) -> Paths {
        Paths::new(self.data.clone(), self.home.clone())
    }

    /// Where a node keeps things unless told otherwise.
    pub(crate) fn usual_paths(&self) -> Paths {
        Paths::new(None, self.home.clone())
    }

    pub(crate) fn config_file(&self) -> PathBuf {
        self.named().map_or_else(|| self.paths().config(), Path::to_owned)
    }

    pub(crate) fn config(&self) -> anyhow::Result<Config> {
        Config::load(&self.config_file(), self.named().is_some())
    }

    /// The file that the user named; `vigie init --config` may name none.
    fn named(&self) -> Option<&Path> {
        self.config.as_deref().filter(|file| !file.as_os_str().is_empty())
    }
}
