//! The daemon: reads its configuration, follows the node, keeps the table that nginx reads in step, ends on SIGTERM.
//!
//! Exit codes: 0 done or told to stop; 1 the node gave no decisions (`--once`); 2 wrong configuration or usage;
//! 3 the node refuses the key; 4 the table cannot be written. One thread: what takes long is waiting for the node.

mod captcha;
mod config;
mod publish;

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use vigie_bouncer_client::{About, Clock, Guide, Pulse, Source};
use vigie_bouncer_daemon::ending::exit_code;
use vigie_bouncer_daemon::settings::load;
use vigie_bouncer_daemon::{Crew, Ending as _, Failure, Log, Outcome, stop_signals};
use vigie_bouncer_nginx::table::Remediation;
use vigie_bouncer_nginx::{clock, watch};

use config::{Config, Settings};
use publish::Publisher;

/// Writes whom a Vigie node, or any CrowdSec Local API, decides to keep out into the table that nginx's module reads.
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
    /// Follow the decisions and keep the table in step (the default)
    Run(Run),
    /// Look an address up in the table, as nginx does
    LookUp(LookUp),
    /// Check the configuration and print nothing if it is right
    CheckConfig(Run),
}

#[derive(Debug, clap::Args)]
struct Run {
    /// Configuration file (TOML); flags go before it
    #[arg(long, short)]
    config: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
    /// Write the table once, then end
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    log: Log,
}

#[derive(Debug, clap::Args)]
struct LookUp {
    /// The address
    address: IpAddr,
    /// Configuration file, for the place of the table
    #[arg(long, short)]
    config: Option<PathBuf>,
    /// The table
    #[arg(long)]
    table: Option<PathBuf>,
}

/// Who we are, to the node.
const ABOUT: About = About {
    program: env!("CARGO_PKG_NAME"),
    version: env!("CARGO_PKG_VERSION"),
};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.command.unwrap_or(Command::Run(arguments.run)) {
        Command::Run(run) => publish(&run),
        Command::LookUp(look_up) => answer(look_up),
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

#[expect(clippy::print_stdout, reason = "the answer is what this command is for")]
fn answer(look_up: LookUp) -> Outcome {
    let flags = Settings {
        table: look_up.table,
        ..Settings::default()
    };
    let file = load(look_up.config.as_deref()).means(Failure::Configuration)?;
    let path = flags.over(file).table();
    let table = watch::read(&path)
        .with_context(|| path.display().to_string())
        .means(Failure::Force)?;
    let words = table.look_up(look_up.address, clock::seconds);
    let strongest = words.strongest();
    let said = strongest.filter(|word| *word != Remediation::Pass);
    let origin = said.and_then(|word| words.origin(word));
    println!(
        "{} {}{}{}",
        look_up.address,
        strongest.map_or("not in the table", Remediation::name),
        origin.map_or(String::new(), |origin| format!(" by {origin}")),
        if words.throttle() && strongest != Some(Remediation::Throttle) {
            " and throttle"
        } else {
            ""
        }
    );
    Ok(())
}

fn publish(run: &Run) -> Outcome {
    run.log.begin().means(Failure::Configuration)?;
    let configured = configured(run).means(Failure::Configuration)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("the runtime").means(Failure::Force)?;
    runtime.block_on(work(run, configured))
}

async fn work(run: &Run, (config, opened): (Config, (Source, Guide))) -> Outcome {
    let clock = Clock::start();
    let shutdown = stop_signals().means(Failure::Force)?;
    let pulse = Pulse::default();
    let publisher =
        Publisher::start(config.table, config.accept, (clock, pulse.clone())).means(Failure::Force)?;

    let mut crew = Crew::new(pulse, shutdown.clone());
    crew.tell(config.metrics, "nginx");
    if !run.once {
        crew.report(ABOUT, opened.0.clone());
    }
    if let Some(captcha) = config.captcha.filter(|_| !run.once) {
        let judge = captcha::Judge::new(&captcha).means(Failure::Configuration)?;
        let listener = captcha::bind(&captcha.socket).means(Failure::Force)?;
        let shutdown = shutdown.clone();
        crew.add(async move {
            captcha::serve(listener, judge, shutdown)
                .await
                .means(Failure::Force)
        });
    }
    let updates = crew.follow(&config.node, opened, clock, run.once);
    let publishing = async move {
        // Told to stop before the first picture is nobody's failure.
        publisher.run(updates, shutdown.clone()).await || shutdown.is_cancelled()
    };
    crew.enforce(publishing, "the table");
    crew.end().await
}
