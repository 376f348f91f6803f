//! Bouncers by their keys, as the database said it within the last second.
//!
//! A live bouncer asks for each of its visitors and a pushed one has its key looked at all the time: what they ask again
//! comes from here. A key that is revoked on this node is forgotten at once, one that another process revokes within
//! [`FRESH`]. Deliberately absent: wrong keys, of which there is no end. `auth` knows who tries them, and has their keys
//! looked for in a list that is read once a second at most ([`Keys::find_among`]).

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use vigie_store::{Bouncer, KeyHash, Store, StoreError};
use vigie_wire::Timestamp;

/// So long the database's word holds.
const FRESH: Duration = Duration::from_secs(1);
/// Keys that are held before those that nobody used of late are forgotten.
const MOST: usize = 1_024;

/// The keys that were used last.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    known: Mutex<Known>,
    /// Held by who asks the database: a thousand readers with one key ask it once.
    asking: tokio::sync::Mutex<()>,
    /// All keys that there are, and when they were read: for those who guess.
    listed: tokio::sync::Mutex<Option<(HashSet<KeyHash>, Timestamp)>>,
    /// How often the database was asked, for one key or for the list.
    asked: AtomicU64,
}

#[derive(Debug, Default)]
struct Known {
    by_hash: HashMap<KeyHash, (Arc<Bouncer>, Timestamp)>,
    /// Rises when something was revoked: who asked before that may have heard what holds no more.
    revoked: u64,
}

// === impl Keys ===

impl Keys {
    /// Whose key it is.
    pub(crate) async fn find(
        &self,
        store: &dyn Store,
        key: &KeyHash,
        now: Timestamp,
    ) -> Result<Option<Arc<Bouncer>>, StoreError> {
        if let Some(bouncer) = self.known(key, now) {
            return Ok(Some(bouncer));
        }
        let _turn = self.asking.lock().await;
        if let Some(bouncer) = self.known(key, now) {
            return Ok(Some(bouncer));
        }
        let before = self.held().revoked;
        self.asked.fetch_add(1, Ordering::Relaxed);
        let found = store.bouncer_by_key(key).await?;
        let Some(bouncer) = found.filter(|one| one.has_key(key, now)).map(Arc::new) else {
            return Ok(None);
        };
        let mut held = self.held();
        if held.revoked == before {
            if held.by_hash.len() >= MOST {
                held.by_hash.retain(|_, (_, at)| fresh(*at, now));
            }
            if held.by_hash.len() < MOST {
                held.by_hash.insert(*key, (Arc::clone(&bouncer), now));
            }
        }
        Ok(Some(bouncer))
    }

    /// The same for whoever showed many wrong keys: a further one costs the database nothing, and a right one, of
    /// somebody behind the same address, is found as ever.
    pub(crate) async fn find_among(
        &self,
        store: &dyn Store,
        key: &KeyHash,
        now: Timestamp,
    ) -> Result<Option<Arc<Bouncer>>, StoreError> {
        if let Some(bouncer) = self.known(key, now) {
            return Ok(Some(bouncer));
        }
        let mut listed = self.listed.lock().await;
        if listed.as_ref().is_none_or(|(_, at)| !fresh(*at, now)) {
            self.asked.fetch_add(1, Ordering::Relaxed);
            let all = store.bouncers().await?;
            let keys = |one: &Bouncer| [Some(one.key_hash), one.former.map(|(former, _)| former)];
            *listed = Some((all.iter().flat_map(keys).flatten().collect(), now));
        }
        let there = listed.as_ref().is_some_and(|(keys, _)| keys.contains(key));
        drop(listed);
        if there {
            self.find(store, key, now).await
        } else {
            Ok(None)
        }
    }

    /// Asks the database for all of them again: a key was made or revoked here.
    pub(crate) async fn forget(&self) {
        *self.listed.lock().await = None;
        let mut held = self.held();
        held.revoked += 1;
        held.by_hash.clear();
    }

    /// How often the database was asked since the start.
    pub(crate) fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    fn known(&self, key: &KeyHash, now: Timestamp) -> Option<Arc<Bouncer>> {
        let held = self.held();
        let (bouncer, at) = held.by_hash.get(key)?;
        fresh(*at, now).then(|| Arc::clone(bouncer))
    }

    fn held(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A clock that was set back makes nothing fresher.
fn fresh(at: Timestamp, now: Timestamp) -> bool {
    at <= now && now.since(at) < FRESH
}
