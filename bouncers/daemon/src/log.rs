//! The log of a program, which goes to standard error.

use anyhow::Context as _;
use clap::ValueEnum;

/// How to write it, and what.
#[derive(Debug, clap::Args)]
pub struct Log {
    /// How to write the log, which goes to standard error
    #[arg(long, value_enum, default_value_t = Format::Text)]
    log_format: Format,
    /// What to log: error, warn, info, debug, or a tracing filter
    #[arg(long, default_value = "info")]
    log_level: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Text,
    Json,
}

// === impl Log ===

impl Log {
    /// Begins to log, for the whole program. Errors if the level is none.
    pub fn begin(&self) -> anyhow::Result<()> {
        let filter = tracing_subscriber::EnvFilter::try_new(&self.log_level).context("log_level")?;
        let builder = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .with_ansi(false);
        match self.log_format {
            Format::Text => builder.init(),
            Format::Json => builder.json().init(),
        }
        Ok(())
    }
}
