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
use clap::{Parser, Subcommand, ValueEnum};
use secrecy::SecretString;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use vigie_bouncer_client::stream::FollowError;
use vigie_bouncer_client::{About, Clock, Guide, Pulse, Source, SourceConfig, StreamConfig, follow, report};
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
    /// How to write the log, which goes to standard error
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
    /// What to log: error, warn, info, debug, or a tracing filter
    #[arg(long, default_value = "info")]
    log_level: String,
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

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

/// Who we are, to the node.
const ABOUT: About = About {
    program: env!("CARGO_PKG_NAME"),
    version: env!("CARGO_PKG_VERSION"),
};

/// What a failure means to whoever started us.
#[derive(Clone, Copy, Debug)]
enum Failure {
    NoDecisions = 1,
    Configuration = 2,
    Key = 3,
    Table = 4,
}

type Outcome = Result<(), (Failure, anyhow::Error)>;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.command.unwrap_or(Command::Run(arguments.run)) {
        Command::Run(run) => publish(&run),
        Command::LookUp(look_up) => answer(look_up),
        Command::CheckConfig(run) => configuration(&run)
            .map(drop)
            .map_err(|error| (Failure::Configuration, error)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err((failure, error)) => {
            eprintln!("vigie-bouncer-nginx: {error:#}");
            ExitCode::from(failure as u8)
        }
    }
}

fn loaded(file: Option<&PathBuf>) -> anyhow::Result<Settings> {
    Ok(file
        .map(|path| Settings::load(path))
        .transpose()?
        .unwrap_or_default())
}

/// What is configured, and what of it must be read or opened.
fn configuration(run: &Run) -> anyhow::Result<(Config, Source, Guide)> {
    let config = run.settings.clone().over(loaded(run.config.as_ref())?).finish()?;
    let key_file = config.key_file.display();
    let key = std::fs::read_to_string(&config.key_file).with_context(|| format!("key_file {key_file}"))?;
    let ca_pem = match &config.ca_file {
        Some(path) => Some(std::fs::read(path).with_context(|| format!("ca_file {}", path.display()))?),
        None => None,
    };
    let source = Source::new(SourceConfig {
        url: config.url.clone(),
        key: SecretString::from(key.trim()),
        user_agent: concat!("vigie-bouncer-nginx/", env!("CARGO_PKG_VERSION")).to_owned(),
        ca_pem,
    })?;
    let guide = Guide::open(config.databases.clone())?;
    Ok((config, source, guide))
}

fn log(format: LogFormat, level: &str) -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_new(level).context("log_level")?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false);
    match format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().init(),
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the answer is what this command is for")]
fn answer(look_up: LookUp) -> Outcome {
    let wrong = |error| (Failure::Configuration, error);
    let flags = Settings {
        table: look_up.table,
        ..Settings::default()
    };
    let path = flags
        .over(loaded(look_up.config.as_ref()).map_err(wrong)?)
        .table();
    let table = watch::read(&path)
        .with_context(|| path.display().to_string())
        .map_err(|error| (Failure::Table, error))?;
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
    let wrong = |error| (Failure::Configuration, error);
    log(run.log_format, &run.log_level).map_err(wrong)?;
    let configured = configuration(run).map_err(wrong)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime
        .context("the runtime")
        .map_err(|error| (Failure::Table, error))?;
    runtime.block_on(work(run, configured))
}

async fn work(run: &Run, (config, source, guide): (Config, Source, Guide)) -> Outcome {
    let clock = Clock::start();
    let table = |error: anyhow::Error| (Failure::Table, error);
    let shutdown = stop_signals().map_err(table)?;
    let serving = shutdown.clone();
    let pulse = Pulse::default();
    let publisher = Publisher::start(config.table, config.accept, (clock, pulse.clone()))
        .map_err(|error| table(error.into()))?;
    let stream = StreamConfig {
        poll: config.poll,
        push: config.push,
        once: run.once,
        guide,
        pulse: pulse.clone(),
        ..StreamConfig::default()
    };
    // Few, as each holds up to a thousand changes: a slow disk slows the download down.
    let (tx, rx) = mpsc::channel(16);
    let mut tasks: JoinSet<Outcome> = JoinSet::new();
    if !run.once {
        let reporting = report(ABOUT, source.clone(), pulse.clone(), shutdown.clone());
        tasks.spawn(async move {
            reporting.await;
            Ok(())
        });
    }
    let following = follow(stream, source, (clock, shutdown.clone()), tx);
    tasks.spawn(async { following.await.map_err(|error| (failure(&error), error.into())) });
    tasks.spawn(async move {
        // Told to stop before the first picture is nobody's failure.
        let in_step = publisher.run(rx, shutdown.clone()).await || shutdown.is_cancelled();
        // Whatever ended it: the others have nothing left to do.
        shutdown.cancel();
        let behind = || {
            (
                Failure::Table,
                anyhow::anyhow!("the table is not in step with the decisions"),
            )
        };
        if in_step { Ok(()) } else { Err(behind()) }
    });
    if let Some(captcha) = config.captcha.filter(|_| !run.once) {
        let judge = captcha::Judge::new(&captcha).map_err(|error| (Failure::Configuration, error))?;
        let listener = captcha::bind(&captcha.socket).map_err(table)?;
        let shutdown = serving.clone();
        tasks.spawn(async move { captcha::serve(listener, judge, shutdown).await.map_err(table) });
    }
    let telling = pulse.tell(config.metrics, "nginx", serving);
    tasks.spawn(async move {
        telling.await;
        Ok(())
    });
    let mut outcome = Ok(());
    while let Some(ended) = tasks.join_next().await {
        outcome = outcome.and(ended.context("a task died").map_err(table)?);
    }
    outcome
}

const fn failure(error: &FollowError) -> Failure {
    match error {
        FollowError::Denied(_) => Failure::Key,
        FollowError::Once(_) => Failure::NoDecisions,
    }
}

/// A token that is cancelled by SIGTERM or SIGINT.
fn stop_signals() -> anyhow::Result<CancellationToken> {
    let token = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT")?;
    let cancel = token.clone();
    #[expect(
        clippy::disallowed_methods,
        reason = "lives as long as the process, and its only failure is its end"
    )]
    let _detached = tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        cancel.cancel();
    });
    Ok(token)
}
