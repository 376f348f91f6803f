//! The daemon: reads its configuration, follows the node, keeps the kernel in step, ends on SIGTERM.
//!
//! Exit codes: 0 done or told to stop; 1 the node gave no decisions (`--once`); 2 wrong configuration or usage;
//! 3 the node refuses the key; 4 the kernel refuses us. The table stays when the program ends, so that a restart
//! or an upgrade leaves no gap; `remove` takes it away.

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
    /// How to write the log, which goes to standard error
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
    /// What to log: error, warn, info, debug, or a tracing filter
    #[arg(long, default_value = "info")]
    log_level: String,
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
    Kernel = 4,
}

type Outcome = Result<(), (Failure, anyhow::Error)>;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.command.unwrap_or(Command::Run(arguments.run)) {
        Command::Run(run) => enforce(&run),
        Command::Remove(remove) => take_away(remove),
        Command::CheckConfig(run) => configuration(&run)
            .map(drop)
            .map_err(|error| (Failure::Configuration, error)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err((failure, error)) => {
            eprintln!("vigie-bouncer-nftables: {error:#}");
            ExitCode::from(failure as u8)
        }
    }
}

/// What is configured, and what of it must be read or opened.
fn configuration(run: &Run) -> anyhow::Result<(Config, Source, Guide)> {
    let file = run
        .config
        .as_deref()
        .map(Settings::load)
        .transpose()?
        .unwrap_or_default();
    let config = run.settings.clone().over(file).finish()?;
    let key_file = config.key_file.display();
    let key = std::fs::read_to_string(&config.key_file).with_context(|| format!("key_file {key_file}"))?;
    let ca_pem = match &config.ca_file {
        Some(path) => Some(std::fs::read(path).with_context(|| format!("ca_file {}", path.display()))?),
        None => None,
    };
    let source = Source::new(SourceConfig {
        url: config.url.clone(),
        key: SecretString::from(key.trim()),
        user_agent: concat!("vigie-bouncer-nftables/", env!("CARGO_PKG_VERSION")).to_owned(),
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

fn take_away(remove: Remove) -> Outcome {
    let wrong = |error: anyhow::Error| (Failure::Configuration, error);
    let file = remove
        .config
        .as_deref()
        .map(Settings::load)
        .transpose()
        .map_err(|error| wrong(error.into()))?;
    let flags = Settings {
        table: remove.table,
        ..Settings::default()
    };
    let table = flags
        .over(file.unwrap_or_default())
        .table()
        .map_err(|error| wrong(error.into()))?;
    let now = Clock::start().now();
    Backend::open(remove.dry_run)
        .and_then(|mut backend| backend.apply(&removal(), &table, now))
        .map_err(|error| (Failure::Kernel, error.into()))
}

fn enforce(run: &Run) -> Outcome {
    let wrong = |error| (Failure::Configuration, error);
    log(run.log_format, &run.log_level).map_err(wrong)?;
    let configured = configuration(run).map_err(wrong)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = runtime
        .context("the runtime")
        .map_err(|error| (Failure::Kernel, error))?;
    runtime.block_on(work(run, configured))
}

async fn work(run: &Run, (config, source, guide): (Config, Source, Guide)) -> Outcome {
    let clock = Clock::start();
    let kernel = |error: anyhow::Error| (Failure::Kernel, error);
    let shutdown = stop_signals().map_err(kernel)?;
    let backend = Backend::open(run.dry_run).map_err(|error| kernel(error.into()))?;
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
        kernel(anyhow::Error::from(error).context(hint))
    })?;

    let stream = StreamConfig {
        poll: config.poll,
        push: config.push,
        once: run.once,
        guide,
        pulse: pulse.clone(),
        ..StreamConfig::default()
    };
    // Few, as each holds up to a thousand changes: a slow kernel slows the download down.
    let (tx, rx) = mpsc::channel(16);
    let mut tasks: JoinSet<Outcome> = JoinSet::new();
    let telling = pulse.clone().tell(config.metrics, "nftables", shutdown.clone());
    tasks.spawn(async move {
        telling.await;
        Ok(())
    });
    if !run.once && !run.dry_run {
        let reporting = report(ABOUT, source.clone(), pulse, shutdown.clone());
        tasks.spawn(async move {
            reporting.await;
            Ok(())
        });
    }
    let following = follow(stream, source, (clock, shutdown.clone()), tx);
    tasks.spawn(async { following.await.map_err(|error| (failure(&error), error.into())) });
    tasks.spawn(async move {
        let in_step = enforcer.run(rx, shutdown.clone()).await;
        // Whatever ended it: the others have nothing left to do.
        shutdown.cancel();
        let behind = || {
            (
                Failure::Kernel,
                anyhow::anyhow!("the kernel is not in step with the decisions"),
            )
        };
        if in_step { Ok(()) } else { Err(behind()) }
    });
    let mut outcome = Ok(());
    while let Some(ended) = tasks.join_next().await {
        outcome = outcome.and(ended.context("a task died").map_err(kernel)?);
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
