//! The binary `vigie`: reads the command line and hands over. The walk of a log line starts in `watch`.

mod absent;
mod agent;
mod allowlist;
mod api;
mod asked;
mod breaker;
mod chain;
mod cli;
mod clock;
mod config;
mod control;
mod decide;
mod defend;
mod demo;
mod expiry;
mod heads;
mod horizon;
mod hub;
mod identity;
mod ingest;
mod keep;
mod membership;
mod networks;
mod node;
mod objection;
mod opinion;
mod outbox;
mod overruled;
mod paths;
mod profile;
mod proofs;
mod reach;
mod repeats;
mod say;
mod serve;
mod settings;
mod share;
mod sources;
mod subject;
mod table;
mod terminal;
#[cfg(test)]
mod testing;
mod tls;
mod up;
mod visitors;
mod warning;
mod watch;
mod whereabouts;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

/// See docs/decisions/0023-memory.md.
#[global_allocator]
static MEMORY: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let filter = match EnvFilter::try_new(&cli.global.log) {
        Ok(filter) => filter,
        Err(error) => return fail(&anyhow::anyhow!("--log: {error}")),
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    match Box::pin(cli.run()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

/// One sentence, the cause after the place, and a non-zero exit.
fn fail(error: &anyhow::Error) -> ExitCode {
    #[expect(clippy::print_stderr, reason = "this is where the program's last word goes")]
    {
        eprintln!("vigie: {error:#}");
    }
    ExitCode::FAILURE
}
