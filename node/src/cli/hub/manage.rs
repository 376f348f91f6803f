//! `vigie hub list`, `show`, `remove` and `check`: the installed rules.

use clap::Args;
use serde_json::{Value, json};

use crate::cli::listing;
use crate::cli::{Format, Global};
use crate::hub::catalog::Catalog;
use crate::hub::change::{Change, faults, pick};
use crate::hub::installed::{Installed, Pinned};
use crate::hub::item::Wanted;
use crate::hub::origin::Origin;
use crate::terminal::{printable, say};

const COLUMNS: &[listing::Column] = &[
    ("Kind", "/kind"),
    ("Name", "/name"),
    ("Version", "/version"),
    ("State", "/state"),
    ("Description", "/description"),
];

/// List installed items, or with --from what a hub offers
#[derive(Debug, Args)]
pub(crate) struct List {
    /// List what this hub offers: a directory, or the https address of its index
    #[arg(long, value_name = "DIR|URL")]
    from: Option<String>,
    /// Only items whose name holds this text
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    #[command(flatten)]
    format: Format,
}

/// Show an installed item: its version, hash, what it needs and who needs it
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Its name, such as crowdsecurity/sshd
    item: Wanted,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Remove installed items, and what only they needed
#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// Names such as crowdsecurity/sshd
    #[arg(required = true, value_name = "ITEM")]
    items: Vec<Wanted>,
    /// Also what others need
    #[arg(long)]
    force: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Compile all installed rules and compare them with their hashes
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

// === impl List ===

impl List {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<()> {
        let installed = Installed::open(&super::directory(global)?)?;
        let rows: Vec<Value> = match &self.from {
            None => installed
                .list
                .items
                .iter()
                .map(|pinned| row(&installed, pinned))
                .collect(),
            Some(from) => {
                let catalog = Catalog::read(&Origin::open(from)?, None).await?;
                let rows = catalog.iter().map(|entry| {
                    let state = match installed.find(&entry.item) {
                        None => "available",
                        Some(pinned) if pinned.sha256 == entry.digest => "installed",
                        Some(_) => "another version",
                    };
                    json!({
                        "kind": entry.item.kind,
                        "name": entry.item.name,
                        "version": entry.version,
                        "state": state,
                        "description": entry.description,
                    })
                });
                rows.collect()
            }
        };
        let wanted = |row: &Value| {
            let name = row["name"].as_str().unwrap_or_default();
            self.name.as_ref().is_none_or(|text| name.contains(text.as_str()))
        };
        let rows: Vec<Value> = rows.into_iter().filter(wanted).collect();
        self.format.print(&rows, COLUMNS, "No such item.")
    }
}

fn row(installed: &Installed, pinned: &Pinned) -> Value {
    json!({
        "kind": pinned.item.kind,
        "name": pinned.item.name,
        "version": pinned.version,
        "state": state(installed, pinned),
        "path": pinned.path,
        "sha256": pinned.sha256,
        "needs": pinned.needs,
        "data": pinned.data,
        "description": "",
    })
}

fn state(installed: &Installed, pinned: &Pinned) -> &'static str {
    if installed.is_changed(pinned) {
        "changed by hand"
    } else if pinned.asked {
        "asked for"
    } else {
        "needed"
    }
}

// === impl Show ===

impl Show {
    pub(crate) fn run(self, global: &Global) -> anyhow::Result<()> {
        let installed = Installed::open(&super::directory(global)?)?;
        let pinned = pick(&installed, &self.item)?;
        let needed_by: Vec<String> = installed
            .list
            .items
            .iter()
            .filter(|other| other.needs.contains(&pinned.item))
            .map(|other| other.item.to_string())
            .collect();
        if self.json {
            let mut row = row(&installed, pinned);
            row["needed_by"] = json!(needed_by);
            return say(&format!("{}\n", serde_json::to_string_pretty(&row)?));
        }
        let list = |items: Vec<String>| {
            if items.is_empty() {
                "nothing".to_owned()
            } else {
                items.join(", ")
            }
        };
        say(&format!(
            "{}\n  version    {}\n  state      {}\n  file       {}\n  sha256     {}\n  needs      {}\n  needed by  {}\n  reads      {}\n  from       {}\n",
            printable(&pinned.item.to_string()),
            printable(&pinned.version),
            state(&installed, pinned),
            printable(&installed.path(pinned).display().to_string()),
            pinned.sha256,
            printable(&list(pinned.needs.iter().map(ToString::to_string).collect())),
            printable(&list(needed_by)),
            printable(&list(pinned.data.keys().cloned().collect())),
            printable(&installed.list.origin),
        ))
    }
}

// === impl Remove ===

impl Remove {
    pub(crate) fn run(self, global: &Global) -> anyhow::Result<()> {
        let installed = Installed::open(&super::directory(global)?)?;
        let done = Change::remove(&installed, &self.items, self.force)?;
        super::install::report(&done, self.json)
    }
}

// === impl Check ===

impl Check {
    pub(crate) fn run(self, global: &Global) -> anyhow::Result<()> {
        let installed = Installed::open(&super::directory(global)?)?;
        let changed: Vec<String> = installed
            .list
            .items
            .iter()
            .filter(|pinned| installed.is_changed(pinned))
            .map(|pinned| pinned.item.to_string())
            .collect();
        let faults: Vec<String> = faults(&installed).iter().map(ToString::to_string).collect();
        let rules = installed.rules().count();
        if self.json {
            let text = json!({"rules": rules, "faults": faults, "changed": changed});
            say(&format!("{text}\n"))?;
        } else {
            let mut text = String::new();
            for fault in &faults {
                text.push_str(&format!("{}\n", printable(fault)));
            }
            for item in &changed {
                text.push_str(&format!(
                    "{}: changed by hand since it was installed\n",
                    printable(item)
                ));
            }
            text.push_str(&format!(
                "{rules} rules, {} mistakes, {} changed by hand\n",
                faults.len(),
                changed.len()
            ));
            say(&text)?;
        }
        if faults.is_empty() {
            return Ok(());
        }
        anyhow::bail!("{} mistakes in the installed rules", faults.len())
    }
}
