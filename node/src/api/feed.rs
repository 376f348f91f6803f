//! What is pushed: each change is found and written once for all readers that are served the same.
//!
//! Who wakes first writes it down, the others wait for its bytes without holding up a thread. The last changes are kept,
//! within bounds; a reader that was away for longer is told from the table, event by event as it takes them ([`Behind`]).
//! So a reader that never reads costs one version number here. Deliberately absent: connections and waiting (`events`).

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use axum::body::Bytes;
use tokio::task::yield_now;
use vigie_store::KeyHash;
use vigie_wire::Timestamp;

use super::change::{Change, Wanted};
use crate::table::{Snapshot, Table, Version};

/// Changes that are kept for readers that are late.
const KEPT: usize = 16;
/// Bytes of these together; the last one is kept however long it is.
const KEPT_BYTES: usize = 1 << 20;

/// All feeds that are read now, and the places for readers.
#[derive(Debug)]
pub(super) struct Feeds {
    open: Mutex<HashMap<Arc<Wanted>, Weak<Feed>>>,
    places: Arc<Mutex<Places>>,
}

/// Who follows, by key. A key gets no more places than it leaves free: alone it has half of them, and whoever comes
/// after it always finds some.
#[derive(Debug)]
struct Places {
    free: usize,
    taken: HashMap<KeyHash, usize>,
}

/// A reader's place, for as long as it stays.
#[derive(Debug)]
pub(super) struct Place {
    key: KeyHash,
    places: Arc<Mutex<Places>>,
}

/// Why there is no place for a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// None is left for anybody.
    All,
    /// Its key has as many as it leaves to others.
    Share,
}

/// What readers with equal wishes are told.
#[derive(Debug)]
pub(super) struct Feed {
    wanted: Arc<Wanted>,
    told: tokio::sync::Mutex<Told>,
}

/// What a reader hears next, and where it is then.
pub(super) enum Next {
    /// What all readers of its like hear.
    Shared(Vec<Bytes>, Version),
    /// It was away for longer than changes are kept.
    Behind(Behind),
}

/// A change that is written while it is taken, as events of bounded length. Only the last has an id: whoever is cut off
/// before it comes back with an older one and hears all of it again.
pub(super) struct Behind {
    change: Change,
    pub(super) mark: Version,
    /// Whether an event went out without an id.
    owes: bool,
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
    events: Vec<Bytes>,
}

// === impl Feeds ===

impl Feeds {
    /// For so many readers at a time.
    pub(super) fn new(places: usize) -> Self {
        Self {
            open: Mutex::default(),
            places: Arc::new(Mutex::new(Places {
                free: places,
                taken: HashMap::new(),
            })),
        }
    }

    /// How many follow now.
    pub(super) fn readers(&self) -> usize {
        held(&self.places).taken.values().sum()
    }

    /// A place for a reader with this key, and the feed of its like. A new feed begins here.
    pub(super) fn join(
        &self,
        key: KeyHash,
        wanted: Wanted,
        mark: Version,
    ) -> Result<(Place, Arc<Feed>), Full> {
        held(&self.places).take(key)?;
        let place = Place {
            key,
            places: Arc::clone(&self.places),
        };
        let mut open = held(&self.open);
        if let Some(feed) = open.get(&wanted).and_then(Weak::upgrade) {
            return Ok((place, feed));
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
            told: tokio::sync::Mutex::new(told),
        });
        open.insert(wanted, Arc::downgrade(&feed));
        Ok((place, feed))
    }
}

// === impl Places ===

impl Places {
    fn take(&mut self, key: KeyHash) -> Result<(), Full> {
        let has = self.taken.get(&key).copied().unwrap_or(0);
        match self.free.checked_sub(1) {
            None => Err(Full::All),
            Some(_) if has >= self.free => Err(Full::Share),
            Some(free) => {
                self.free = free;
                self.taken.insert(key, has + 1);
                Ok(())
            }
        }
    }
}

// === impl Place ===

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = held(&self.places);
        places.free += 1;
        if let Entry::Occupied(mut taken) = places.taken.entry(self.key) {
            *taken.get_mut() -= 1;
            if *taken.get() == 0 {
                taken.remove();
            }
        }
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

// === impl Feed ===

impl Feed {
    /// What happened since a reader last heard, all of it if it never did.
    pub(super) async fn after(&self, cursor: Option<Version>, table: &Table, now: Timestamp) -> Next {
        let mut told = self.told.lock().await;
        if table.version() > told.mark || told.next_end.is_some_and(|end| end <= now) {
            let (snapshot, mark) = table.mark(now);
            let next_end = snapshot.next_end(now);
            let mut change = self.since(Some(told.mark), (snapshot, mark), now);
            let mut events = Vec::new();
            while let Some(event) = change.next().await {
                events.push(event);
            }
            (told.mark, told.next_end) = (mark, next_end);
            if !events.is_empty() {
                told.last.push_back(Said { mark, events });
            }
            told.shorten();
        }
        match cursor {
            Some(cursor) if cursor >= told.from => {
                let late = told.last.iter().filter(|said| said.mark > cursor);
                let events = late.flat_map(|said| said.events.iter().cloned()).collect();
                Next::Shared(events, told.mark.max(cursor))
            }
            _ => Next::Behind(self.since(cursor, table.mark(now), now)),
        }
    }

    fn since(
        &self,
        cursor: Option<Version>,
        (snapshot, mark): (Arc<Snapshot>, Version),
        now: Timestamp,
    ) -> Behind {
        Behind {
            change: Change::between(snapshot, cursor, now, Arc::clone(&self.wanted)),
            mark,
            owes: false,
        }
    }
}

// === impl Behind ===

impl Behind {
    /// The next event. Others have their turn after each look at the table.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        while !self.change.is_over() {
            let data = self.change.document();
            yield_now().await;
            if let Some(data) = data {
                self.owes = !self.change.is_over();
                return Some(event((!self.owes).then_some(self.mark), &data));
            }
        }
        let owes = std::mem::take(&mut self.owes);
        owes.then(|| event(Some(self.mark), br#"{"deleted":[],"new":[]}"#))
    }
}

// === impl Told ===

impl Told {
    fn shorten(&mut self) {
        let length = |said: &Said| said.events.iter().map(Bytes::len).sum::<usize>();
        let mut bytes: usize = self.last.iter().map(length).sum();
        while self.last.len() > KEPT || (bytes > KEPT_BYTES && self.last.len() > 1) {
            let Some(oldest) = self.last.pop_front() else {
                break;
            };
            bytes -= length(&oldest);
            self.from = oldest.mark;
        }
    }
}

/// The event `change`. Its data is JSON on one line.
fn event(mark: Option<Version>, data: &[u8]) -> Bytes {
    let id = mark.map(|mark| format!("id: {}\n", mark.as_millis()));
    let head = format!("event: change\n{}data: ", id.unwrap_or_default());
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

    /// What the feed tells, and where the reader is then.
    async fn told(feed: &Feed, cursor: Option<Version>, table: &Table) -> (Vec<Bytes>, Version) {
        match feed.after(cursor, table, NOW).await {
            Next::Shared(events, mark) => (events, mark),
            Next::Behind(mut behind) => {
                let mut events = Vec::new();
                while let Some(event) = behind.next().await {
                    events.push(event);
                }
                (events, behind.mark)
            }
        }
    }

    fn rows(events: &[Bytes]) -> usize {
        let texts = events.iter().map(|event| String::from_utf8_lossy(event));
        texts.map(|text| text.matches("\"id\"").count()).sum()
    }

    #[tokio::test]
    async fn readers_of_one_kind_share_the_bytes() {
        let table = Table::new(Vec::new(), NOW);
        let feeds = Feeds::new(3);
        let (_one, feed) = feeds.join([1; 32], wanted(), NOW).unwrap();
        let (_two, same) = feeds.join([2; 32], wanted(), NOW).unwrap();
        put(&table, 1..2);
        let first = told(&feed, Some(NOW), &table).await;
        let second = told(&same, Some(NOW), &table).await;
        assert_eq!((first.0.len(), first.0[0].as_ptr()), (1, second.0[0].as_ptr()));
        assert!(told(&feed, Some(first.1), &table).await.0.is_empty());
        let other = Wanted {
            dedup: false,
            ..wanted()
        };
        let (_three, third) = feeds.join([3; 32], other, NOW).unwrap();
        assert!(!Arc::ptr_eq(&feed, &third));
    }

    #[test]
    fn one_key_leaves_places_to_others() {
        let feeds = Feeds::new(8);
        let join = |key: u8| feeds.join([key; 32], wanted(), NOW).map(|(place, _)| place);
        let mut greedy: Vec<_> = (0..4).map(|_| join(1).unwrap()).collect();
        assert_eq!(join(1).unwrap_err(), Full::Share);
        let _more: Vec<_> = (0..2).map(|_| join(2).unwrap()).collect();
        assert_eq!(join(2).unwrap_err(), Full::Share);
        let _last = [join(3).unwrap(), join(4).unwrap()];
        assert_eq!((join(5).unwrap_err(), feeds.readers()), (Full::All, 8));
        greedy.pop();
        assert!(join(1).is_err(), "it still has more than it leaves");
        let _new = join(5).unwrap();
        greedy.clear();
        assert_eq!(feeds.readers(), 5);
        assert!(join(1).is_ok());
    }

    #[tokio::test]
    async fn who_was_away_is_told_everything_and_the_feed_stays_small() {
        let table = Table::new(Vec::new(), NOW);
        let (_place, feed) = Feeds::new(1).join([1; 32], wanted(), NOW).unwrap();
        let mut cursor = NOW;
        for id in 1..40 {
            put(&table, id..id + 1);
            let (events, mark) = told(&feed, Some(cursor), &table).await;
            assert_eq!(events.len(), 1);
            cursor = mark;
        }
        assert_eq!(feed.told.lock().await.last.len(), KEPT);
        for since in [None, Some(NOW)] {
            let (events, mark) = told(&feed, since, &table).await;
            assert_eq!((events.len(), rows(&events), mark), (1, 39, cursor));
        }
    }

    #[tokio::test]
    async fn no_event_is_long_and_only_the_last_of_a_change_has_an_id() {
        let table = Table::new(Vec::new(), NOW);
        let (_place, feed) = Feeds::new(1).join([1; 32], wanted(), NOW).unwrap();
        let many: Vec<_> = (0..5_000)
            .map(|id| decision(id, &format!("198.18.{}.{}", id / 250, id % 250), NOW))
            .collect();
        table.put(&many, NOW);
        // Of the last thousands this reader is told nothing, and all the same the end has an id.
        let mut soft = many;
        for (nth, held) in soft.iter_mut().enumerate() {
            held.id += 5_000 + i64::try_from(nth).unwrap();
            held.decision.remediation = vigie_store::Remediation::Challenge;
        }
        table.put(&soft, NOW);
        for cursor in [Some(NOW), None] {
            let (events, mark) = told(&feed, cursor, &table).await;
            assert_eq!(rows(&events), 5_000);
            assert!(events.len() > 10 && events.iter().all(|event| event.len() < 17 << 10));
            let ids: Vec<_> = events
                .iter()
                .map(|event| event.starts_with(b"event: change\nid: "))
                .collect();
            let (last, before) = ids.split_last().unwrap();
            assert!(*last && before.iter().all(|id| !id));
            assert!(told(&feed, Some(mark), &table).await.0.is_empty());
        }
    }
}
