//! Where a person said no: addresses on which the mesh's word decides nothing for a while.
//!
//! Without it a decision that somebody ends by hand would be made again within the minute, since its evidence stands.
//! Deliberately absent: our own sensor, whose detections decide all the same, and what holds for good, which is the
//! allowlist.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ipnet::IpNet;
use vigie_store::{Owner, Store};
use vigie_wire::Timestamp;

use crate::config::network;

/// The longest that a decision of the mesh holds.
pub(crate) const OVERRULED: Duration = Duration::from_secs(24 * 3_600);
/// Addresses overruled at a time; beyond it the one that ends first goes.
const MOST: usize = 10_000;
const NOTES: &str = "overruled/";

/// Until when which value is overruled. The notes are what counts; this is their copy.
#[derive(Debug, Default)]
pub(crate) struct Overruled {
    until: Mutex<HashMap<String, Timestamp>>,
}

// === impl Overruled ===

impl Overruled {
    /// What the store holds.
    pub(crate) async fn load(store: &dyn Store) -> anyhow::Result<Self> {
        let notes = store.notes(Owner::Everybody, NOTES).await?.into_iter();
        let read = |(name, text): (String, String)| {
            let until = Timestamp::from_millis(text.parse().ok()?);
            Some((name.trim_start_matches(NOTES).to_owned(), until))
        };
        Ok(Self {
            until: Mutex::new(notes.filter_map(read).collect()),
        })
    }

    /// From now on the mesh's word decides nothing on this value, for a day.
    pub(crate) async fn add(&self, store: &dyn Store, value: &str, now: Timestamp) -> anyhow::Result<()> {
        let until = now + OVERRULED;
        store
            .put_note(
                Owner::Everybody,
                &format!("{NOTES}{value}"),
                &until.as_millis().to_string(),
            )
            .await?;
        let surplus = {
            let mut held = self.held();
            held.insert(value.to_owned(), until);
            let first = held.iter().min_by_key(|(_, until)| **until);
            let first = first.map(|(value, _)| value.clone());
            first.filter(|_| held.len() > MOST)
        };
        match surplus {
            Some(value) => self.remove(store, &value).await,
            None => Ok(()),
        }
    }

    /// Whether the mesh's word counts for nothing on this value now.
    pub(crate) fn holds(&self, value: &str, now: Timestamp) -> bool {
        self.until(value).is_some_and(|until| until > now)
    }

    /// Whether it counts for nothing on anything in a network.
    pub(crate) fn touches(&self, net: IpNet, now: Timestamp) -> bool {
        let held = self.held();
        let mut live = held.iter().filter(|(_, until)| **until > now);
        live.any(|(value, _)| {
            network(value).is_some_and(|value| net.contains(&value) || value.contains(&net))
        })
    }

    /// Until when.
    pub(crate) fn until(&self, value: &str) -> Option<Timestamp> {
        self.held().get(value).copied()
    }

    /// Forgets what is over.
    pub(crate) async fn sweep(&self, store: &dyn Store, now: Timestamp) -> anyhow::Result<()> {
        let over = |held: &HashMap<String, Timestamp>| {
            let over = held.iter().filter(|(_, until)| **until <= now);
            over.map(|(value, _)| value.clone()).collect::<Vec<_>>()
        };
        let over = over(&self.held());
        for value in over {
            self.remove(store, &value).await?;
        }
        Ok(())
    }

    async fn remove(&self, store: &dyn Store, value: &str) -> anyhow::Result<()> {
        store
            .delete_note(Owner::Everybody, &format!("{NOTES}{value}"))
            .await?;
        self.held().remove(value);
        Ok(())
    }

    fn held(&self) -> MutexGuard<'_, HashMap<String, Timestamp>> {
        self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vigie_store::Notes;

    #[tokio::test]
    async fn it_lasts_a_day_also_over_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("vigie.sqlite");
        let store = vigie_store_sqlite::SqliteStore::open(&path).await.unwrap();
        let now = Timestamp::from_secs(1_790_000_000);
        let overruled = Overruled::load(&store).await.unwrap();
        overruled.add(&store, "192.88.99.7", now).await.unwrap();
        let again = Overruled::load(&store).await.unwrap();
        assert!(again.holds("192.88.99.7", now) && !again.holds("192.88.99.8", now));
        assert!(!again.holds("192.88.99.7", now + OVERRULED));
        again.sweep(&store, now + OVERRULED).await.unwrap();
        assert_eq!(again.until("192.88.99.7"), None);
        assert!(store.notes(Owner::Everybody, NOTES).await.unwrap().is_empty());
    }
}
