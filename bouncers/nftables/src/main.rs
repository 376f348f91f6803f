//! The daemon: reads its configuration, follows the node, keeps the kernel in step, ends on SIGTERM.
//!
//! Exit codes: 0 done or told to stop; 1 the node gave no decisions (`--once`); 2 wrong configuration or usage;
//! 3 the node refuses the key; 4 the kernel refuses us. The table stays when the program ends, so that a restart
//! or an upgrade leaves no gap; `remove` takes it away.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use vigie_bouncer_client::{About, Clock, Guide, Pulse, Source};
use vigie_bouncer_daemon::ending::exit_code;
use vigie_bouncer_daemon::settings::load;
use vigie_bouncer_daemon::{Crew, Ending as _, Failure, Log, Outcome, stop_signals};
use vigie_bouncer_nftables::apply::Backend;
use vigie_bouncer_nftables::config::{Config, Settings};
use vigie_bouncer_nftables::enforce::{EnforceConfig, Enforcer};
use vigie_bouncer_nftables::layout::removal;

/// Drops what a Vigie node, or any CrowdSec Local API, decides to keep out: in an nftables table of its own.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, args_override_self = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: Run,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Follow the decisions and enforce them (the default)
    Run(Run),
    /// Take our table out of the kernel, with all that it blocks
    Remove(Remove),
    /// Check the configuration and print nothing if it is right
    CheckConfig(Run),
}

#[derive(Debug, clap::Args)]
#[expect(clippy::struct_field_names, reason = "the field is the flag")]
struct Run {
    /// Configuration file (TOML); flags go before it
    #[arg(long, short)]
    config: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
    /// Bring the kernel in step once, then end
    #[arg(long)]
    once: bool,
    /// Print the transactions, in nft's language, instead of carrying them out
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    log: Log,
}

#[derive(Debug, clap::Args)]
struct Remove {
    /// Configuration file, for the name of the table
    #[arg(long, short)]
    config: Option<PathBuf>,
    /// Name of our table [default: vigie]
    #[arg(long)]
    table: Option<String>,
    /// Print the transaction instead of carrying it out
    #[arg(long)]
    dry_run: bool,
}

/// Who we are, to the node.
const ABOUT: About = About {
    program: env!("CARGO_PKG_NAME"),
    version: env!("CARGO_PKG_VERSION"),
};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.command.unwrap_or(Command::Run(arguments.run)) {
        Command::Run(run) => enforce(&run),
        Command::Remove(remove) => take_away(remove),
        Command::CheckConfig(run) => configured(&run).map(drop).means(Failure::Configuration),
    };
    exit_code(ABOUT.program, outcome)
}

/// What is configured, and what of it must be read or opened.
fn configured(run: &Run) -> anyhow::Result<(Config, (Source, Guide))> {
    let config = run.settings.clone().over(load(run.config.as_deref())?).finish()?;
    let opened = config.node.open(ABOUT)?;
    Ok((config, opened))
}

fn take_away(remove: Remove) -> Outcome {
    let flags = Settings {
        table: remove.table,
        ..Settings::default()
    };
    let file = load(remove.config.as_deref()).means(Failure::Configuration)?;
    let table = flags.over(file).table().means(Failure::Configuration)?;
    let now = Clock::start().now();
    Backend::open(remove.dry_run)
        .and_then(|mut backend| backend.apply(&removal(), &table, now))
        .means(Failure::Force)
}

fn enforce(run: &Run) -> Outcome {
    run.log.begin().means(Failure::Configuration)?;
    let configured = configured(run).means(Failure::Configuration)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = runtime.context("the runtime").means(Failure::Force)?;
    runtime.block_on(work(run, configured))
}

async fn work(run: &Run, (config, opened): (Config, (Source, Guide))) -> Outcome {
    let clock = Clock::start();
    let shutdown = stop_signals().means(Failure::Force)?;
    let backend = Backend::open(run.dry_run).means(Failure::Force)?;
    let pulse = Pulse::default();
    let enforce = EnforceConfig {
        table: config.table.clone(),
        layout: config.layout(),
        accept: config.accept(),
        pulse: pulse.clone(),
    };
    let enforcer = Enforcer::start(enforce, backend, clock).map_err(|error| {
        let hint = if error.is_permanent() {
            "setting up the table (CAP_NET_ADMIN is needed)"
        } else {
            "setting up the table"
        };
        (Failure::Force, anyhow::Error::new(error).context(hint))
    })?;

    let mut crew = Crew::new(pulse, shutdown.clone());
    crew.tell(config.metrics, "nftables");
    if !run.once && !run.dry_run {
        crew.report(ABOUT, opened.0.clone());
    }
    let updates = crew.follow(&config.node, opened, clock, run.once);
    crew.enforce(enforcer.run(updates, shutdown), "the kernel");
    crew.end().await
}
