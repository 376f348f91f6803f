//! `vigie hub coverage`: which rules saw nothing, of the logs that a running node reads or of files.
//!
//! Deliberately absent: counting it (`vigie_sensor::hub::coverage` and, in a running node, `vigie_sensor::seen`).

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Value, json};
use vigie_sensor::hub::coverage::Coverage;
use vigie_sensor::rules::{Loader, Ruleset};

use crate::asked::Asked;
use crate::cli::control::Control;
use crate::cli::listing;
use crate::cli::{Format, Global};
use crate::terminal::say;
use crate::{clock, sources};

const COLUMNS: &[listing::Column] = &[("Stage", "/stage"), ("Rule", "/name"), ("Events", "/events")];

/// List the rules that saw nothing of the logs, since the node started or of these files
///
/// A rule that sees nothing is installed in vain, or its service's log is not among these. Without a file, the running
/// node is asked.
#[derive(Debug, Args)]
pub(crate) struct Covered {
    /// Logs to run through the rules, plain or gzip
    #[arg(value_name = "FILE", requires = "kind")]
    files: Vec<PathBuf>,
    /// What kind of log they are, as in the type label of a source: syslog, nginx, apache2
    #[arg(long = "type", value_name = "TYPE", requires = "files")]
    kind: Option<String>,
    /// Ask the rules of this hub instead of those of the node; the files that they name as data lie below --data
    #[arg(long, value_name = "DIR", requires = "files")]
    hub: Option<PathBuf>,
    /// List all rules, also those that saw something
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    format: Format,
}

/// Each rule with its events, and of what.
struct Told {
    rules: Vec<Value>,
    words: String,
}

// === impl Covered ===

impl Covered {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<()> {
        let told = match &self.kind {
            Some(kind) => self.of_files(kind, global)?,
            None => of_node(global).await?,
        };
        let unseen = told.rules.iter().filter(|rule| is_unseen(rule)).count();
        let rows = told.rules.iter().filter(|rule| self.all || is_unseen(rule));
        let rows: Vec<Value> = rows.cloned().collect();
        self.format.print(&rows, COLUMNS, "Every rule saw something.")?;
        if self.format.json || self.format.csv {
            return Ok(());
        }
        say(&format!(
            "{}; {unseen} of {} rules saw nothing\n",
            told.words,
            told.rules.len()
        ))
    }

    fn of_files(&self, kind: &str, global: &Global) -> anyhow::Result<Told> {
        let mut coverage = Coverage::new(&self.rules(global)?);
        for file in &self.files {
            coverage
                .read(file, kind, clock::now())
                .with_context(|| format!("cannot read {}", file.display()))?;
        }
        let (lines, parsed) = coverage.lines();
        let rules = coverage.reached().into_iter();
        Ok(Told {
            rules: rules
                .map(|rule| json!({ "stage": rule.stage, "name": rule.name, "events": rule.events }))
                .collect(),
            words: format!("{lines} lines, {parsed} parsed"),
        })
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

async fn of_node(global: &Global) -> anyhow::Result<Told> {
    let mut answer = Control::reach(global).await?.get("/coverage").await?;
    let Value::Array(rules) = answer["rules"].take() else {
        bail!("the node answered {answer} where a list of rules belongs");
    };
    Ok(Told {
        rules,
        words: format!(
            "since {}: {} lines, {} parsed",
            answer["since"].as_str().unwrap_or_default(),
            answer["lines"],
            answer["parsed"]
        ),
    })
}

fn is_unseen(rule: &Value) -> bool {
    rule["events"] == 0
}
