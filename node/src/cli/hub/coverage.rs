//! `vigie hub coverage`: which rules saw nothing of a log.
//!
//! Deliberately absent: counting it (`vigie_sensor::hub::coverage`), and what a running node has seen.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use serde_json::{Value, json};
use vigie_sensor::hub::coverage::Coverage;
use vigie_sensor::rules::{Loader, Ruleset};

use crate::asked::Asked;
use crate::cli::listing::{self, say};
use crate::cli::{Format, Global};
use crate::{clock, sources};

const COLUMNS: &[listing::Column] = &[("Stage", "/stage"), ("Rule", "/name"), ("Events", "/events")];

/// Run logs through the rules and list those that saw nothing of them
///
/// A rule that sees nothing is installed in vain, or its service's log is not among these.
#[derive(Debug, Args)]
pub(crate) struct Covered {
    /// The logs; plain or gzip
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What kind of log they are, as in the type label of a source: syslog, nginx, apache2
    #[arg(long = "type", value_name = "TYPE")]
    kind: String,
    /// Ask the rules of this hub instead of those of the node; the files that they name as data lie below --data
    #[arg(long, value_name = "DIR")]
    hub: Option<PathBuf>,
    /// List all rules, also those that saw something
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    format: Format,
}

impl Covered {
    pub(crate) fn run(self, global: &Global) -> anyhow::Result<()> {
        let mut coverage = Coverage::new(&self.rules(global)?);
        for file in &self.files {
            coverage
                .read(file, &self.kind, clock::now())
                .with_context(|| format!("cannot read {}", file.display()))?;
        }
        let reached = coverage.reached();
        let unseen = reached.iter().filter(|rule| rule.events == 0).count();
        let rows: Vec<Value> = reached
            .iter()
            .filter(|rule| self.all || rule.events == 0)
            .map(|rule| json!({ "stage": rule.stage, "name": rule.name, "events": rule.events }))
            .collect();
        self.format.print(&rows, COLUMNS, "Every rule saw something.")?;
        if self.format.json || self.format.csv {
            return Ok(());
        }
        let (lines, parsed) = coverage.lines();
        say(&format!(
            "{lines} lines, {parsed} parsed; {unseen} of {} rules saw nothing\n",
            reached.len()
        ))
    }

    fn rules(&self, global: &Global) -> anyhow::Result<Ruleset> {
        let Some(hub) = &self.hub else {
            return sources::rules(&global.config()?, &global.paths(), Asked::nobody());
        };
        let mut loader = Loader::new();
        Asked::nobody().answer(&mut loader);
        if let Some(data) = &global.data {
            loader.data_dir(data);
        }
        loader.dir(hub);
        // What this version cannot load is `hub check`'s to tell.
        Ok(loader.finish_lenient().0)
    }
}
