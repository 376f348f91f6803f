//! `vigie hub install` and `vigie hub upgrade`: rules of a hub onto this node.

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::cli::Global;
use crate::hub::catalog::{Catalog, Signed};
use crate::hub::change::{Change, Done};
use crate::hub::installed::Installed;
use crate::hub::item::Wanted;
use crate::hub::origin::Origin;
use crate::terminal::say;

/// Install items of a hub, with all that they need
///
/// A collection brings its parsers and scenarios, and rules bring the files that they read. Everything is pinned to its
/// hash and compiled before anything changes. A running node takes new rules at its next start.
#[derive(Debug, Args)]
pub(crate) struct Install {
    /// Names such as crowdsecurity/sshd, or collections:crowdsecurity/sshd
    #[arg(required = true, value_name = "ITEM")]
    items: Vec<Wanted>,
    #[command(flatten)]
    how: How,
}

/// Bring what is installed to the hub's present version
#[derive(Debug, Args)]
pub(crate) struct Upgrade {
    /// Only these [default: all that were asked for]
    #[arg(value_name = "ITEM")]
    items: Vec<Wanted>,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, Args)]
struct How {
    /// A hub: a directory, or the https address of its index [default: where the last ones came from]
    #[arg(long, value_name = "DIR|URL")]
    from: Option<String>,
    /// The minisign public key that the hub's index must be signed by [default: that of the last time]
    #[arg(long, value_name = "BASE64")]
    key: Option<String>,
    /// A directory with the files that rules read, at the path behind the host of their address
    #[arg(long, value_name = "DIR")]
    files: Option<PathBuf>,
    /// Replace files that were changed by hand, and install rules that do not compile
    #[arg(long)]
    force: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

// === impl Install ===

impl Install {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<()> {
        let installed = Installed::open(&super::directory(global)?)?;
        self.how.run(&installed, &self.items).await
    }
}

// === impl Upgrade ===

impl Upgrade {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<()> {
        let installed = Installed::open(&super::directory(global)?)?;
        let asked = installed.list.items.iter().filter(|pinned| pinned.asked);
        let asked = asked.map(|pinned| Wanted {
            kind: Some(pinned.item.kind),
            name: pinned.item.name.clone(),
        });
        let mut items: Vec<Wanted> = asked.collect();
        if items.is_empty() {
            return say("Nothing is installed.\n");
        }
        for wanted in &self.items {
            crate::hub::change::pick(&installed, wanted)?;
        }
        if !self.items.is_empty() {
            items = self.items;
        }
        self.how.run(&installed, &items).await
    }
}

// === impl How ===

impl How {
    async fn run(self, installed: &Installed, items: &[Wanted]) -> anyhow::Result<()> {
        let remembered = (!installed.list.origin.is_empty()).then(|| installed.list.origin.clone());
        let Some(from) = self.from.or(remembered) else {
            bail!("say where from: --from DIR, or --from https://...");
        };
        let origin = Origin::open(&from)?;
        // However its address is written this time: the hub that a key is remembered for is asked for its signature.
        let same = origin.to_string() == installed.list.origin;
        let key = self.key.or_else(|| installed.list.key.clone().filter(|_| same));
        let catalog = Catalog::read(&origin, key.as_deref()).await?;
        if catalog.signed == Signed::Unchecked {
            eprintln!("The index is signed; --key would check by whom.");
        }
        let change = Change {
            origin,
            data: self.files,
            force: self.force,
        };
        let bar = bar(self.json);
        let done = change
            .install(installed, &catalog, key.as_deref(), items, |done, all| {
                bar.set_length(all as u64);
                bar.set_position(done as u64);
            })
            .await;
        bar.finish_and_clear();
        report(&done?, self.json)
    }
}

fn bar(quiet: bool) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} items");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// What was done, for people or programs.
pub(super) fn report(done: &Done, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        let names = |items: &[crate::hub::item::ItemRef]| -> Vec<String> {
            items
                .iter()
                .map(|item| format!("{}:{}", item.kind.folder(), item.name))
                .collect()
        };
        let text = serde_json::to_string_pretty(&json!({
            "added": names(&done.added),
            "replaced": names(&done.replaced),
            "removed": names(&done.removed),
            "faults": done.faults,
        }))?;
        return say(&format!("{text}\n"));
    }
    let mut text = String::new();
    for (what, items) in [
        ("added", &done.added),
        ("replaced", &done.replaced),
        ("removed", &done.removed),
    ] {
        for item in items {
            text.push_str(&format!("{what:<9} {item}\n"));
        }
    }
    for fault in &done.faults {
        text.push_str(&format!("does not compile: {fault}\n"));
    }
    if text.is_empty() {
        text.push_str("Nothing to do: all of it is installed in this version.\n");
    } else {
        text.push_str("A running node takes them at its next start.\n");
    }
    say(&text)
}
