//! `vigie sensor unparsed FILE --type T`: which rule is missing?

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use vigie_sensor::replay::Replay as History;
use vigie_sensor::shapes::Shapes;

use super::rules::Rules;
use crate::asked::Asked;
use crate::cli::{Format, Global, listing};
use crate::clock;
use crate::terminal::say;

const COLUMNS: &[listing::Column] = &[("Lines", "/lines"), ("Shape", "/shape"), ("First", "/example")];

/// Group the lines that no rule takes by their shape, the most frequent first
#[derive(Debug, Args)]
pub(crate) struct Unparsed {
    /// The log; plain, gzip or zstd
    file: PathBuf,
    /// What kind of log it is, as in the type label of a source: syslog, nginx, apache2
    #[arg(long = "type", value_name = "TYPE")]
    kind: String,
    /// At most so many shapes
    #[arg(long, default_value_t = 20)]
    limit: usize,
    #[command(flatten)]
    rules: Rules,
    #[command(flatten)]
    format: Format,
}

impl Unparsed {
    pub(crate) fn run(self, global: &Global) -> anyhow::Result<()> {
        let rules = self.rules.load(global, Asked::nobody())?;
        let mut shapes = Shapes::default();
        let history = History::new(&self.file, &self.kind, clock::now());
        let outcome = history.unparsed(&rules, |line| shapes.add(line))?;
        let found = shapes.most_frequent(self.limit);
        let rows: Vec<_> = found
            .iter()
            .map(|shape| json!({"lines": shape.lines, "shape": shape.shape, "example": shape.example}))
            .collect();
        self.format
            .print(&rows, COLUMNS, "Every line is taken by a rule.")?;
        if !self.format.json && !self.format.csv {
            say(&format!(
                "{} of {} lines are taken by no rule\n",
                outcome.unparsed, outcome.lines
            ))?;
        }
        Ok(())
    }
}
