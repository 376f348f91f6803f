//! `vigie network seeds` and `import`: where the seeds are, as they signed it themselves.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use serde_json::{Value, json};

use super::super::control::Control;
use super::super::{Format, Global, listing};
use crate::paths::read_at_most;
use crate::terminal::{printable, say};

/// Largest file that is read, in bytes.
const LARGEST: u64 = 4 << 20;

const COLUMNS: &[listing::Column] = &[
    ("Seed", "/organisation"),
    ("Peer", "/peer"),
    ("Addresses", "/addresses"),
    ("Holds for", "/holds_for"),
];

/// Where the seeds are called
#[derive(Debug, Args)]
pub(crate) struct Seeds {
    #[command(flatten)]
    format: Format,
    /// Write what was signed into this file: it can be handed to anybody, and `vigie join FILE` takes it too
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

// === impl Seeds ===

impl Seeds {
    pub(in crate::cli) async fn run(self, global: &Global) -> anyhow::Result<()> {
        let known = Control::reach(global).await?.get("/seeds").await?;
        let rows = known["seeds"].as_array().cloned().unwrap_or_default();
        let Some(file) = self.file else {
            return self.format.print(
                &rows,
                COLUMNS,
                "No seed said yet where it is called: a node hears of it within minutes of joining.",
            );
        };
        let text = serde_json::to_string_pretty(&known["file"])?;
        std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        say(&format!(
            "{} says where {} nodes of seeds are called.\n",
            file.display(),
            rows.len()
        ))
    }
}

/// Hands the file to the node, which verifies it.
pub(super) async fn import(global: &Global, file: &Path) -> anyhow::Result<()> {
    let parsed = read(file)?;
    let wish = json!({"statements": parsed["statements"], "records": parsed["records"]});
    let taken = Control::reach(global).await?.post("/seeds", &wish).await?;
    let mut said = format!(
        "{} new statements, {} nodes of seeds to call.\n",
        taken["statements"], taken["seeds"]
    );
    for refused in taken["refused"].as_array().into_iter().flatten() {
        said.push_str(&format!(
            "  refused: {}\n",
            printable(refused.as_str().unwrap_or_default())
        ));
    }
    say(&said)
}

/// What the file says; nothing of it is verified.
pub(super) fn read(file: &Path) -> anyhow::Result<Value> {
    let bytes = read_at_most(file, LARGEST)?;
    serde_json::from_slice(&bytes).with_context(|| format!("{} is no file of seeds", file.display()))
}
