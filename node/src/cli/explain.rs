//! `vigie explain ADDRESS`: what this node thinks of an address, and why; `--verify FILE`: whether another node could
//! have come to what it says it came to.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Value, json};
use vigie_reputation::verify::{self, Checked, Export};

use super::Global;
use super::control::{Control, escape};
use crate::paths::read_at_most;
use crate::terminal::{printable, say};

/// Why an address is, or is not, blocked
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The address
    #[arg(required_unless_present = "verify")]
    address: Option<std::net::IpAddr>,
    /// Print JSON, with all that the verdict follows from
    #[arg(long)]
    json: bool,
    /// Write the verdict to a file, with all that it follows from
    #[arg(long, value_name = "FILE")]
    export: Option<PathBuf>,
    /// Compute an exported verdict again and compare; needs no node. Fails if they differ
    #[arg(long, value_name = "FILE", conflicts_with_all = ["address", "export"])]
    verify: Option<PathBuf>,
}

impl Explain {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<()> {
        if let Some(file) = &self.verify {
            return verify_file(file, self.json);
        }
        let Some(address) = self.address else {
            bail!("which address?");
        };
        let control = Control::reach(global).await?;
        let answer = control
            .get(&format!("/explain/{}", escape(&address.to_string())))
            .await?;
        if let Some(file) = &self.export {
            let export = &answer["export"];
            if export.is_null() {
                bail!("this verdict does not follow from what an export carries; the node's log says where");
            }
            std::fs::write(file, serde_json::to_string_pretty(export)? + "\n")
                .with_context(|| format!("cannot write {}", file.display()))?;
        }
        if self.json {
            return say(&format!("{}\n", serde_json::to_string_pretty(&answer)?));
        }
        if let Some(file) = &self.export {
            return say(&format!(
                "Written to {}. Check it anywhere: vigie explain --verify FILE\n",
                file.display()
            ));
        }
        let lines = answer["lines"].as_array().map(Vec::as_slice).unwrap_or_default();
        // A line of advice has a second one below it.
        let words = lines.iter().filter_map(Value::as_str).flat_map(str::lines);
        let text: Vec<String> = words.map(printable).collect();
        say(&format!("{}\n", text.join("\n")))
    }
}

fn verify_file(file: &Path, as_json: bool) -> anyhow::Result<()> {
    let name = file.display();
    let export = read(file).with_context(|| format!("{name} cannot be checked"))?;
    let checked = export
        .check()
        .with_context(|| format!("{name} cannot be checked: its inputs are none"))?;
    let verdict = &export.verdict;
    match checked {
        Checked::Same => say(&if as_json {
            json!({"same": true, "subject": verdict.subject, "at": verdict.at, "rung": verdict.rung, "rules": export.rules})
                .to_string()
                + "\n"
        } else {
            format!(
                "The same to the bit: {} scored {} of {} needed at {}, that is: {}.\n",
                verdict.subject,
                verdict.score,
                verdict.bar,
                crate::clock::rfc3339(verdict.at),
                verdict.rung
            )
        }),
        Checked::Differs { first, other_rules } => {
            if as_json {
                say(&format!(
                    "{}\n",
                    json!({"same": false, "at": first.at, "said": first.said, "computed": first.computed, "other_rules": other_rules})
                ))?;
            }
            let why = if other_rules {
                format!(
                    " (it was made by other rules, {}; this program has {})",
                    printable(&export.rules),
                    verify::fingerprint()
                )
            } else {
                String::new()
            };
            bail!("{name} differs at {}{why}", printable(&first.to_string()))
        }
    }
}

/// What `--export` wrote, or the whole answer of `--json`.
fn read(file: &Path) -> anyhow::Result<Export> {
    // The whole answer holds the export and as much again.
    let bytes = read_at_most(file, u64::try_from(4 * verify::MAX_BYTES)?)?;
    let whole: Option<Value> = serde_json::from_slice(&bytes).ok();
    let inner = whole.as_ref().and_then(|whole| whole.get("export"));
    Ok(match inner {
        Some(export) => Export::read(&serde_json::to_vec(export)?)?,
        None => Export::read(&bytes)?,
    })
}
