//! `vigie status`: one screen about this node.

use clap::Args;
use serde_json::Value;

use super::Global;
use super::control::Control;
use crate::terminal::{printable, say};

/// How this node is
#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Status {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<()> {
        let status = Control::reach(global).await?.get("/status").await?;
        if self.json {
            return say(&format!("{}\n", serde_json::to_string_pretty(&status)?));
        }
        let lines = status["lines"].as_array().map(Vec::as_slice).unwrap_or_default();
        let text: Vec<String> = lines.iter().filter_map(Value::as_str).map(printable).collect();
        say(&format!("{}\n", text.join("\n")))
    }
}
