//! What commands change while the node runs: the joined network, sharing, anchors, enforcement.
//!
//! Kept as notes in the store, one each, so that a command and the node agree after any crash.

use std::sync::Arc;

use anyhow::Context;
use arc_swap::ArcSwap;
use vigie_store::{Owner, Store, StoreError};
use vigie_wire::{OrgId, Timestamp};

use crate::config::Remote;

/// How long verdicts of the mesh are simulated after joining, before they may be enforced (DESIGN 5).
pub(crate) const SIMULATION: std::time::Duration = std::time::Duration::from_secs(72 * 3_600);

/// One consistent reading of all settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Values {
    /// Our detections are shared.
    pub(crate) share: bool,
    /// Whom we trust first; affects weights only.
    pub(crate) anchors: Vec<OrgId>,
    /// When this node joined its network.
    pub(crate) joined_at: Option<Timestamp>,
    /// When somebody said that verdicts of the mesh shall be enforced.
    pub(crate) enforced_at: Option<Timestamp>,
    /// Addresses of nodes learned when joining.
    pub(crate) peers: Vec<String>,
}

/// The settings of a running node.
#[derive(Debug)]
pub(crate) struct Settings {
    store: Arc<dyn Store>,
    values: ArcSwap<Values>,
    /// Held while somebody changes them: what one command said is not undone by another that read before.
    changing: tokio::sync::Mutex<()>,
}

// === impl Settings ===

impl Settings {
    /// Reads them all.
    pub(crate) async fn load(store: Arc<dyn Store>) -> anyhow::Result<Self> {
        let mut values = Values::default();
        for (name, text) in store.notes(Owner::Everybody, "setting/").await? {
            let wrong = || format!("the database holds a setting {name} that cannot be read: {text:?}");
            match name.trim_start_matches("setting/") {
                "share" => values.share = text == "yes",
                "anchors" => {
                    values.anchors = text
                        .split_whitespace()
                        .map(str::parse)
                        .collect::<Result<_, _>>()
                        .with_context(wrong)?;
                }
                "joined" => {
                    values.joined_at = Some(Timestamp::from_millis(text.parse().with_context(wrong)?));
                }
                "enforced" => {
                    values.enforced_at = Some(Timestamp::from_millis(text.parse().with_context(wrong)?));
                }
                "peers" => values.peers = text.split_whitespace().map(str::to_owned).collect(),
                // Written by a newer program: not ours to judge.
                _ => {}
            }
        }
        Ok(Self {
            store,
            values: ArcSwap::from_pointee(values),
            changing: tokio::sync::Mutex::default(),
        })
    }

    /// As they are now.
    pub(crate) fn get(&self) -> Arc<Values> {
        self.values.load_full()
    }

    /// Changes some: writes those that differ, then lets everybody see them.
    pub(crate) async fn update(&self, change: impl FnOnce(&mut Values)) -> Result<(), StoreError> {
        let _changing = self.changing.lock().await;
        let old = self.get();
        let mut new = Values::clone(&old);
        change(&mut new);
        if new.share != old.share {
            self.store
                .put_note(
                    Owner::Everybody,
                    "setting/share",
                    if new.share { "yes" } else { "no" },
                )
                .await?;
        }
        if new.anchors != old.anchors {
            self.store
                .put_note(Owner::Everybody, "setting/anchors", &join(&new.anchors))
                .await?;
        }
        if new.peers != old.peers {
            self.store
                .put_note(Owner::Everybody, "setting/peers", &join(&new.peers))
                .await?;
        }
        self.put_time("setting/joined", old.joined_at, new.joined_at)
            .await?;
        self.put_time("setting/enforced", old.enforced_at, new.enforced_at)
            .await?;
        self.values.store(Arc::new(new));
        Ok(())
    }

    async fn put_time(
        &self,
        name: &str,
        old: Option<Timestamp>,
        new: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        match new {
            _ if old == new => {}
            Some(at) => {
                self.store
                    .put_note(Owner::Everybody, name, &at.as_millis().to_string())
                    .await?;
            }
            None => {
                self.store.delete_note(Owner::Everybody, name).await?;
            }
        }
        Ok(())
    }
}

fn join<T: ToString>(items: &[T]) -> String {
    items.iter().map(T::to_string).collect::<Vec<_>>().join(" ")
}

// === impl Values ===

impl Values {
    /// What verdicts of the mesh lead to: what the file says, else simulation until somebody said otherwise.
    pub(crate) fn remote(&self, said: Option<Remote>) -> Remote {
        match (said, self.enforced_at) {
            (Some(remote), _) => remote,
            (None, Some(_)) => Remote::Enforce,
            (None, None) => Remote::Simulate,
        }
    }

    /// How long the simulation still lasts; `None` if it is over or nothing was joined.
    pub(crate) fn simulation_left(&self, now: Timestamp) -> Option<std::time::Duration> {
        let over = self.joined_at? + SIMULATION;
        (now < over).then(|| over.since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn changes_at_the_same_moment_do_not_undo_each_other() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("vigie.sqlite");
        let store: Arc<dyn Store> = Arc::new(vigie_store_sqlite::SqliteStore::open(&path).await.unwrap());
        let settings = Settings::load(Arc::clone(&store)).await.unwrap();
        let at = Timestamp::from_secs(1_790_000_000);
        let (share, joined) = tokio::join!(
            settings.update(|values| values.share = true),
            settings.update(|values| values.joined_at = Some(at)),
        );
        share.and(joined).unwrap();
        let held = Settings::load(store).await.unwrap().get();
        assert_eq!(held, settings.get());
        assert_eq!((held.share, held.joined_at), (true, Some(at)));
    }
}
