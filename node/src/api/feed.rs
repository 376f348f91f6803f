//! What is pushed: each change is found and written once for all readers that are served the same.
//!
//! Who wakes first writes it down, the others take its bytes. The last changes are kept, within bounds; a reader that was
//! away for longer is told from the table, all that changed in one piece. So a reader that never reads costs one version
//! number here. Deliberately absent: connections and waiting (`events`).

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use axum::body::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use vigie_wire::Timestamp;

use super::change::{Change, Wanted};
use crate::table::{Table, Version};

/// Changes that are kept for readers that are late.
const KEPT: usize = 16;
/// Bytes of these together; the last one is kept however long it is.
const KEPT_BYTES: usize = 1 << 20;

/// All feeds that are read now, and the places for readers.
#[derive(Debug)]
pub(super) struct Feeds {
    open: Mutex<HashMap<Arc<Wanted>, Weak<Feed>>>,
    places: Arc<Semaphore>,
}

/// What readers with equal wishes are told.
#[derive(Debug)]
pub(super) struct Feed {
    wanted: Arc<Wanted>,
    told: Mutex<Told>,
}

#[derive(Debug)]
struct Told {
    /// Up to where the table was looked at.
    mark: Version,
    /// When the next decision ends, so far as was seen: nothing is to be told before, unless something changes.
    next_end: Option<Timestamp>,
    /// The last changes, oldest first. Between `from` and `mark` there were no others.
    last: VecDeque<Said>,
    from: Version,
}

#[derive(Debug)]
struct Said {
    mark: Version,
    bytes: Bytes,
}

// === impl Feeds ===

impl Feeds {
    /// For so many readers at a time.
    pub(super) fn new(places: usize) -> Self {
        Self {
            open: Mutex::default(),
            places: Arc::new(Semaphore::new(places)),
        }
    }

    /// A place for a reader, and the feed of its like; `None` if all places are taken. A new feed begins here.
    pub(super) fn join(&self, wanted: Wanted, mark: Version) -> Option<(OwnedSemaphorePermit, Arc<Feed>)> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(feed) = open.get(&wanted).and_then(Weak::upgrade) {
            return Some((place, feed));
        }
        open.retain(|_, feed| feed.strong_count() > 0);
        let wanted = Arc::new(wanted);
        let told = Told {
            mark,
            next_end: Some(mark),
            last: VecDeque::new(),
            from: mark,
        };
        let feed = Arc::new(Feed {
            wanted: Arc::clone(&wanted),
            told: Mutex::new(told),
        });
        open.insert(wanted, Arc::downgrade(&feed));
        Some((place, feed))
    }
}

// === impl Feed ===

impl Feed {
    /// What happened since a reader last heard, all of it if it never did, as events; and where it is then.
    pub(super) fn after(
        &self,
        cursor: Option<Version>,
        table: &Table,
        now: Timestamp,
    ) -> (Vec<Bytes>, Version) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if table.version() > told.mark || told.next_end.is_some_and(|end| end <= now) {
            let (change, mark) = self.look(Some(told.mark), table, now, &mut told.next_end);
            told.mark = mark;
            if let Some(bytes) = change {
                told.last.push_back(Said { mark, bytes });
            }
            told.shorten();
        }
        match cursor {
            Some(cursor) if cursor >= told.from => {
                let late = told.last.iter().filter(|said| said.mark > cursor);
                (
                    late.map(|said| said.bytes.clone()).collect(),
                    told.mark.max(cursor),
                )
            }
            _ => {
                let (change, mark) = self.look(cursor, table, now, &mut None);
                (change.into_iter().collect(), mark)
            }
        }
    }

    fn look(
        &self,
        cursor: Option<Version>,
        table: &Table,
        now: Timestamp,
        next_end: &mut Option<Timestamp>,
    ) -> (Option<Bytes>, Version) {
        let (snapshot, mark) = table.mark(now);
        *next_end = snapshot.next_end(now);
        let change = Change::between(snapshot, cursor, now, Arc::clone(&self.wanted));
        (change.whole().map(|data| event(mark, &data)), mark)
    }
}

// === impl Told ===

impl Told {
    fn shorten(&mut self) {
        let mut bytes: usize = self.last.iter().map(|said| said.bytes.len()).sum();
        while self.last.len() > KEPT || (bytes > KEPT_BYTES && self.last.len() > 1) {
            let Some(oldest) = self.last.pop_front() else {
                break;
            };
            bytes -= oldest.bytes.len();
            self.from = oldest.mark;
        }
    }
}

/// The event `change`. Its data is JSON on one line.
fn event(mark: Version, data: &[u8]) -> Bytes {
    let head = format!("event: change\nid: {}\ndata: ", mark.as_millis());
    [head.as_bytes(), data, b"\n\n"].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::change::tests::wanted;
    use crate::testing::decision;

    const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

    fn put(table: &Table, ids: std::ops::Range<i64>) {
        for id in ids {
            table.put(&[decision(id, &format!("192.88.99.{id}"), NOW)], NOW);
        }
    }

    #[test]
    fn readers_of_one_kind_share_the_bytes() {
        let table = Table::new(Vec::new(), NOW);
        let feeds = Feeds::new(3);
        let (_one, feed) = feeds.join(wanted(), NOW).unwrap();
        let (_two, same) = feeds.join(wanted(), NOW).unwrap();
        put(&table, 1..2);
        let (first, second) = (
            feed.after(Some(NOW), &table, NOW),
            same.after(Some(NOW), &table, NOW),
        );
        assert_eq!((first.0.len(), first.0[0].as_ptr()), (1, second.0[0].as_ptr()));
        assert!(feed.after(Some(first.1), &table, NOW).0.is_empty());
        let other = Wanted {
            dedup: false,
            ..wanted()
        };
        assert!(feeds.join(other.clone(), NOW).is_some() && feeds.join(other, NOW).is_some());
        let _three = feeds.join(wanted(), NOW).unwrap();
        assert!(feeds.join(wanted(), NOW).is_none());
    }

    #[test]
    fn who_was_away_is_told_everything_and_the_feed_stays_small() {
        let table = Table::new(Vec::new(), NOW);
        let (_place, feed) = Feeds::new(1).join(wanted(), NOW).unwrap();
        let mut cursor = NOW;
        for id in 1..40 {
            put(&table, id..id + 1);
            let (events, mark) = feed.after(Some(cursor), &table, NOW);
            assert_eq!(events.len(), 1);
            cursor = mark;
        }
        assert_eq!(feed.told.lock().unwrap().last.len(), KEPT);
        for since in [None, Some(NOW)] {
            let (events, mark) = feed.after(since, &table, NOW);
            let rows = String::from_utf8_lossy(&events[0]).matches("\"id\"").count();
            assert_eq!((events.len(), rows, mark), (1, 39, cursor));
        }
    }
}
