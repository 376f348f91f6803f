//! Installing, removing and upgrading: what a person asks for, with all that it needs, or nothing at all.
//!
//! Everything is fetched, checked against its hash and compiled with what is installed already before the directory
//! is replaced. Deliberately absent: reloading a running node, which takes new rules at its next start.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context, bail};
use vigie_sensor::rules::manifest::{DataFile, Manifest};
use vigie_sensor::rules::{Loader, RuleError};

use super::catalog::{Catalog, Entry, MAX_ITEM};
use super::installed::{Installed, List, Pinned, Staged};
use super::item::{ItemRef, Kind, Wanted, is_below};
use super::origin::Origin;
use super::sha256;

/// How long a file may be that rules read.
const MAX_DATA: usize = 64 * 1024 * 1024;

/// From where, and how strictly.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) origin: Origin,
    /// A directory that mirrors the addresses of data files: the path behind the host.
    pub(crate) data: Option<PathBuf>,
    /// Rules that do not compile and files changed by hand are no reason to stop.
    pub(crate) force: bool,
}

/// What a change did.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) added: Vec<ItemRef>,
    pub(crate) replaced: Vec<ItemRef>,
    pub(crate) removed: Vec<ItemRef>,
    /// What does not compile, if that was forced.
    pub(crate) faults: Vec<String>,
}

// === impl Change ===

impl Change {
    /// Installs what is wanted with all that it needs, and replaces what has another version.
    pub(crate) async fn install(
        &self,
        installed: &Installed,
        catalog: &Catalog,
        key: Option<&str>,
        wanted: &[Wanted],
        progress: impl Fn(usize, usize),
    ) -> anyhow::Result<Done> {
        let mut asked = BTreeSet::new();
        let mut entries: BTreeMap<&ItemRef, &Entry> = BTreeMap::new();
        for wanted in wanted {
            let entry = catalog.find(wanted)?;
            asked.insert(&entry.item);
            entries.extend(
                catalog
                    .expand(entry)?
                    .into_iter()
                    .map(|entry| (&entry.item, entry)),
            );
        }
        let staged = installed.stage()?;
        let mut list = List {
            origin: self.origin.to_string(),
            key: key.map(str::to_owned),
            items: installed.list.items.clone(),
        };
        let mut done = Done::default();
        let all = entries.len();
        for (number, (item, entry)) in entries.into_iter().enumerate() {
            progress(number, all);
            let held = list.items.iter_mut().find(|pinned| pinned.item == *item);
            if let Some(held) = held {
                held.asked |= asked.contains(item);
                if held.sha256 == entry.digest && !installed.is_changed(held) {
                    continue;
                }
                if installed.is_changed(held) && !self.force {
                    bail!(
                        "{item} was changed by hand in {}: --force replaces it",
                        installed.path(held).display()
                    );
                }
                staged.remove(&held.path)?;
                let fresh = self.fetch(&staged, entry, held.asked).await?;
                *held = fresh;
                done.replaced.push(item.clone());
            } else {
                let pinned = self.fetch(&staged, entry, asked.contains(item)).await?;
                list.items.push(pinned);
                done.added.push(item.clone());
            }
        }
        progress(all, all);
        self.finish(staged, list, done)
    }

    /// Fetches an item and the files that it reads.
    async fn fetch(&self, staged: &Staged, entry: &Entry, asked: bool) -> anyhow::Result<Pinned> {
        let Some(bytes) = self.origin.read(&entry.path, MAX_ITEM).await? else {
            bail!("{}: {} is not there", entry.item, entry.path);
        };
        let hash = sha256(&bytes);
        if hash != entry.digest {
            bail!(
                "{}: its file has the hash {hash}, the index says {}",
                entry.item,
                entry.digest
            );
        }
        let text = std::str::from_utf8(&bytes).with_context(|| format!("{} is no text", entry.path))?;
        let manifest = Manifest::read(&entry.path, text)?;
        let mut data = BTreeMap::new();
        for file in manifest.data {
            let name = place(&file)?;
            let bytes = self.fetch_data(&file, &name).await.with_context(|| {
                format!(
                    "{} reads {}",
                    entry.item,
                    if file.url.is_empty() {
                        &file.name
                    } else {
                        &file.url
                    }
                )
            })?;
            // A database that is given to who registers only: the rules say so themselves when they miss it.
            let Some(bytes) = bytes else { continue };
            staged.put_data(&name, &bytes)?;
            data.insert(name, sha256(&bytes));
        }
        staged.put(&entry.path, &bytes)?;
        Ok(Pinned {
            item: entry.item.clone(),
            path: entry.path.clone(),
            version: entry.version.clone(),
            sha256: hash,
            asked,
            needs: entry.needs.clone(),
            data,
        })
    }

    async fn fetch_data(&self, file: &DataFile, name: &str) -> anyhow::Result<Option<Vec<u8>>> {
        if let Some(dir) = &self.data {
            let mirror = Origin::open(&dir.display().to_string())?;
            if let Some(bytes) = mirror.read(name, MAX_DATA).await? {
                return Ok(Some(bytes));
            }
        }
        if std::path::Path::new(name)
            .extension()
            .is_some_and(|ext| ext == "mmdb")
        {
            return Ok(None);
        }
        let found = match file.url.as_str() {
            "" => self.origin.read(&file.name, MAX_DATA).await?,
            url => Origin::fetch(url, MAX_DATA).await?,
        };
        found.map(Some).context("it is not there")
    }

    /// Removes items, and what only they needed.
    pub(crate) fn remove(installed: &Installed, wanted: &[Wanted], force: bool) -> anyhow::Result<Done> {
        let mut items = installed.list.items.clone();
        for wanted in wanted {
            let found = pick(installed, wanted)?;
            let needed_by = items.iter().find(|other| {
                other.asked && other.item != found.item && leads_to(&items, other, &found.item)
            });
            if let Some(other) = needed_by.filter(|_| !force) {
                bail!(
                    "{} is needed by {}: remove that, or use --force",
                    found.item,
                    other.item
                );
            }
            items.retain(|pinned| pinned.item != found.item);
        }
        let kept = wanted_still(&items);
        let gone = |pinned: &&Pinned| !kept.iter().any(|other| other.item == pinned.item);
        let mut done = Done::default();
        let staged = installed.stage()?;
        for pinned in installed.list.items.iter().filter(gone) {
            staged.remove(&pinned.path)?;
            done.removed.push(pinned.item.clone());
        }
        staged.commit(&List {
            items: kept,
            ..installed.list.clone()
        })?;
        Ok(done)
    }

    fn finish(&self, staged: Staged, mut list: List, mut done: Done) -> anyhow::Result<Done> {
        let kept = wanted_still(&list.items);
        for pinned in list.items.iter().filter(|pinned| !kept.contains(pinned)) {
            staged.remove(&pinned.path)?;
            done.removed.push(pinned.item.clone());
        }
        list.items = kept;
        list.items.sort_by(|one, other| one.item.cmp(&other.item));
        let faults = faults(&staged.preview(&list));
        done.faults = faults.iter().map(ToString::to_string).collect();
        if let Some(fault) = done.faults.first().filter(|_| !self.force) {
            bail!(
                "{} of these rules do not compile, nothing is installed (--force does): {fault}",
                done.faults.len()
            );
        }
        staged.commit(&list)?;
        Ok(done)
    }
}

/// What is wrong with installed rules.
pub(crate) fn faults(installed: &Installed) -> Vec<RuleError> {
    let mut loader = Loader::new();
    installed.load(&mut loader);
    loader.finish_lenient().1
}

/// The installed item that a person means.
pub(crate) fn pick<'i>(installed: &'i Installed, wanted: &Wanted) -> anyhow::Result<&'i Pinned> {
    let mut found: Vec<&Pinned> = installed
        .list
        .items
        .iter()
        .filter(|pinned| pinned.item.name == wanted.name)
        .filter(|pinned| wanted.kind.is_none_or(|kind| kind == pinned.item.kind))
        .collect();
    found.sort_by_key(|pinned| pinned.item.kind != Kind::Collection);
    match found.as_slice() {
        [one] => Ok(one),
        [] => bail!("{} is not installed", wanted.name),
        several => bail!(
            "{} is the name of several items: say which, such as {}:{}",
            wanted.name,
            several.first().map_or("", |pinned| pinned.item.kind.folder()),
            wanted.name
        ),
    }
}

/// Whether one item needs the other, directly or through others.
fn leads_to(items: &[Pinned], from: &Pinned, to: &ItemRef) -> bool {
    let mut open = vec![from];
    let mut seen = BTreeSet::from([&from.item]);
    while let Some(pinned) = open.pop() {
        if pinned.needs.contains(to) {
            return true;
        }
        let next = items.iter().filter(|other| pinned.needs.contains(&other.item));
        open.extend(next.filter(|other| seen.insert(&other.item)));
    }
    false
}

/// Those that somebody asked for, and what these need.
fn wanted_still(items: &[Pinned]) -> Vec<Pinned> {
    let is_wanted = |pinned: &&Pinned| {
        pinned.asked
            || items
                .iter()
                .any(|other| other.asked && leads_to(items, other, &pinned.item))
    };
    items.iter().filter(is_wanted).cloned().collect()
}

/// Where a data file lies below `data`: at the path behind the host of its address, else under its own name.
fn place(file: &DataFile) -> anyhow::Result<String> {
    let behind = file
        .url
        .split_once("://")
        .and_then(|(_, rest)| rest.split_once('/'));
    let name = behind.map_or(file.name.as_str(), |(_, path)| path);
    let name = name.split(['?', '#']).next().unwrap_or(name);
    if !is_below(name) {
        bail!("the data file {name:?} lies outside of the installed rules");
    }
    Ok(name.to_owned())
}
