//! `vigie backup` and `vigie restore`: the data, without the node keys.
//!
//! Node keys stay out on purpose: a restored node gets a new one, so it can never sign twice for one place of a chain.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use serde_json::json;

use super::Global;
use super::control::Control;
use crate::identity::Identity;
use crate::paths::{Paths, remove_if_there, rename, write_private};
use crate::terminal::say;

/// What a backup holds beside the database.
const FILES: &[&str] = &[
    "organisation.key",
    "organisation.pub.key",
    "genesis",
    "vigie.toml",
    "revocation",
];

/// Write a copy of this node's data into a new directory
#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The directory; it must not exist
    target: PathBuf,
    /// Leave the organisation key out
    #[arg(long)]
    without_organisation_key: bool,
}

/// Make a node from a backup, with a new node key
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The directory that `vigie backup` wrote
    source: PathBuf,
}

impl Backup {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<()> {
        let paths = global.paths();
        if self.target.exists() {
            bail!(
                "{} is there already; a backup needs a new directory",
                self.target.display()
            );
        }
        let target = std::path::absolute(&self.target)?;
        Paths::new(Some(target.clone()), None).create()?;
        let control = Control::reach(global).await?;
        control
            .post("/backup", &json!({"target": target.join("vigie.sqlite")}))
            .await?;
        for name in FILES {
            let skipped = self.without_organisation_key && *name == "organisation.key";
            let from = paths.root().join(name);
            if !skipped && from.exists() {
                copy(&from, &target.join(name))?;
            }
        }
        say(&format!(
            "{} holds the backup. It names no node key: a restored node makes a new one.\n",
            target.display()
        ))
    }
}

impl Restore {
    pub(crate) fn run(self, global: &Global) -> anyhow::Result<()> {
        let paths = global.paths();
        let database = self.source.join("vigie.sqlite");
        if !database.is_file() {
            bail!(
                "{} is not a backup: it holds no vigie.sqlite",
                self.source.display()
            );
        }
        let started = paths.restoring();
        if Identity::exists(&paths) || (paths.database().exists() && !started.exists()) {
            bail!(
                "{} holds a node already; restore into an empty --data",
                paths.root().display()
            );
        }
        paths.create()?;
        let _lock = paths.lock()?;
        let identity = self.restore(&paths, &Paths::new(Some(started), None), &database)?;
        say(&format!(
            "Restored into {}.\n  organisation  {}\n  node          {} (new)\n",
            paths.root().display(),
            identity.org,
            identity.node.public()
        ))
    }

    /// Collects everything aside, then moves it in place, the node key last: interrupted anywhere, it can be run again,
    /// and no other identity is made meanwhile.
    fn restore(&self, paths: &Paths, aside: &Paths, database: &Path) -> anyhow::Result<Identity> {
        aside.create()?;
        for name in FILES {
            let (from, to) = (self.source.join(name), aside.root().join(name));
            // An earlier attempt may have been from another backup.
            remove_if_there(&to).with_context(|| format!("cannot remove {}", to.display()))?;
            if from.exists() {
                copy(&from, &to)?;
            }
        }
        let whole = || format!("cannot copy {}", database.display());
        std::fs::copy(database, aside.database()).with_context(whole)?;
        std::fs::File::open(aside.database())
            .and_then(|copied| copied.sync_all())
            .with_context(whole)?;
        Identity::renew(aside)?;
        let names = FILES.iter().chain(&["vigie.sqlite", "transport.key", "node.key"]);
        for name in names {
            let (from, to) = (aside.root().join(name), paths.root().join(name));
            if from.exists() {
                rename(&from, &to).with_context(|| format!("cannot make {}", to.display()))?;
            }
        }
        std::fs::remove_dir_all(aside.root())
            .with_context(|| format!("cannot remove {}", aside.root().display()))?;
        Identity::load(paths)
    }
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    let text = zeroize::Zeroizing::new(
        std::fs::read_to_string(from).with_context(|| format!("cannot read {}", from.display()))?,
    );
    write_private(to, &text)
}
