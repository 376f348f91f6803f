//! `vigie explain ADDRESS`: what this node thinks of an address, and why.

use clap::Args;
use serde_json::Value;

use super::Global;
use super::control::{Control, escape};
use super::listing::{printable, say};

/// Why an address is, or is not, blocked
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The address
    address: std::net::IpAddr,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Explain {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<()> {
        let control = Control::reach(global).await?;
        let answer = control
            .get(&format!("/explain/{}", escape(&self.address.to_string())))
            .await?;
        if self.json {
            return say(&format!("{}\n", serde_json::to_string_pretty(&answer)?));
        }
        let lines = answer["lines"].as_array().map(Vec::as_slice).unwrap_or_default();
        let text: Vec<String> = lines.iter().filter_map(Value::as_str).map(printable).collect();
        say(&format!("{}\n", text.join("\n")))
    }
}
