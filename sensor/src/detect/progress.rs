//! How far each source was read, and from where it must be read again after a restart.
//!
//! A restart replays from the oldest line of a live bucket. But buckets that had overflowed or expired by then must not
//! come back as halves of themselves, or the replay would find what never was. So a checkpoint carries a [`Fence`]:
//! within the lines up to the checkpoint only the buckets that were live there are filled again, each from its own
//! first line on. Deliberately absent: writing checkpoints down, which the node does.

use std::collections::VecDeque;
use std::sync::Arc;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use vigie_wire::Timestamp;

use crate::line::Position;

/// Sources kept apart. Lines of further ones share the counters of the last.
const MAX_SOURCES: usize = 4_096;

/// The first line that a bucket has of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Anchor {
    pub(crate) source: usize,
    pub(crate) ordinal: u64,
}

/// What a replay from a checkpoint's position must know to end where the checkpoint was taken.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fence {
    /// Lines from the position to the checkpoint.
    pub lines: u64,
    /// Live buckets: their key, and the number of their first line counted from the position.
    pub open: Vec<(u64, u64)>,
    /// Partitions whose overflows are still to be ignored, and until when.
    pub holes: Vec<(u64, Timestamp)>,
}

/// One source.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) name: Arc<str>,
    /// Lines read so far, and so the number of the next.
    pub(crate) ordinal: u64,
    /// First lines of live buckets, in their order; some whose buckets are gone are still among them, never as the first.
    pins: VecDeque<Pin>,
    gone: usize,
    /// The newest time that its lines told, and when that was read.
    pub(crate) log_time: Timestamp,
    read_at: Timestamp,
    fence_end: u64,
    fenced: HashMap<u64, u64>,
}

/// A line that is the first of some buckets.
#[derive(Debug)]
struct Pin {
    ordinal: u64,
    position: Position,
    /// How many buckets.
    buckets: u32,
}

/// All sources.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    pub(crate) sources: Vec<Source>,
    by_name: HashMap<Arc<str>, usize>,
    /// Places of sources that are gone.
    free: Vec<usize>,
    /// Neighbouring lines are of the same source.
    last: Option<(Arc<str>, usize)>,
}

// === impl Progress ===

impl Progress {
    pub(crate) fn source(&mut self, name: &Arc<str>) -> usize {
        if let Some((last, number)) = &self.last
            && Arc::ptr_eq(last, name)
        {
            return *number;
        }
        let number = self.number(name);
        self.last = Some((Arc::clone(name), number));
        number
    }

    fn number(&mut self, name: &Arc<str>) -> usize {
        if let Some(known) = self.by_name.get(name) {
            return *known;
        }
        let free = self.free.pop();
        if free.is_none() && self.sources.len() >= MAX_SOURCES {
            return MAX_SOURCES - 1;
        }
        let source = Source {
            name: Arc::clone(name),
            ordinal: 0,
            pins: VecDeque::new(),
            gone: 0,
            log_time: Timestamp::from_millis(i64::MIN),
            read_at: Timestamp::ZERO,
            fence_end: 0,
            fenced: HashMap::new(),
        };
        let number = free.unwrap_or(self.sources.len());
        match self.sources.get_mut(number) {
            Some(place) => *place = source,
            None => self.sources.push(source),
        }
        self.by_name.insert(Arc::clone(name), number);
        number
    }

    /// Frees the place of a source of which nothing lives any more. The last place is never free: those share it that found
    /// none.
    pub(crate) fn leave(&mut self, name: &str) {
        let number = self.by_name.remove(name);
        self.last = None;
        self.free
            .extend(number.filter(|number| *number < MAX_SOURCES - 1));
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Source> {
        self.find_numbered(name).map(|(_, source)| source)
    }

    pub(crate) fn find_numbered(&self, name: &str) -> Option<(usize, &Source)> {
        let number = *self.by_name.get(name)?;
        Some((number, self.sources.get(number)?))
    }

    pub(crate) fn pin(&mut self, anchor: Anchor, position: &Position) {
        if let Some(source) = self.sources.get_mut(anchor.source) {
            source.pin(anchor.ordinal, position);
        }
    }

    /// Lets go of a bucket's lines; the position of its very first.
    pub(crate) fn unpin(&mut self, anchors: &[Anchor]) -> Option<Position> {
        let mut first = None;
        for anchor in anchors {
            let Some(source) = self.sources.get_mut(anchor.source) else {
                continue;
            };
            let position = source.unpin(anchor.ordinal);
            first = first.or(position);
        }
        first
    }
}

// === impl Source ===

impl Source {
    /// The oldest line that a live bucket still holds.
    pub(crate) fn oldest(&self) -> Option<(u64, &Position)> {
        self.pins.front().map(|pin| (pin.ordinal, &pin.position))
    }

    /// One more bucket begins with a line, which is none before those that are pinned already.
    fn pin(&mut self, ordinal: u64, position: &Position) {
        match self.pins.back_mut().filter(|last| last.ordinal == ordinal) {
            Some(last) => {
                self.gone -= usize::from(last.buckets == 0);
                last.buckets += 1;
            }
            None => self.pins.push_back(Pin {
                ordinal,
                position: position.clone(),
                buckets: 1,
            }),
        }
    }

    /// A bucket that began with a line is gone; where the line stands.
    fn unpin(&mut self, ordinal: u64) -> Option<Position> {
        let at = self.pins.binary_search_by_key(&ordinal, |pin| pin.ordinal).ok()?;
        let pin = self.pins.get_mut(at)?;
        let position = pin.position.clone();
        pin.buckets = pin.buckets.saturating_sub(1);
        if pin.buckets == 0 {
            self.gone += 1;
            while self.pins.pop_front_if(|first| first.buckets == 0).is_some() {
                self.gone -= 1;
            }
            if self.gone > self.pins.len() / 2 {
                self.pins.retain(|pin| pin.buckets > 0);
                self.gone = 0;
            }
        }
        Some(position)
    }

    pub(crate) fn fence(&mut self, fence: &Fence) {
        self.fence_end = self.ordinal.saturating_add(fence.lines);
        self.fenced = fence
            .open
            .iter()
            .map(|(key, from)| (*key, self.ordinal.saturating_add(*from)))
            .collect();
    }

    /// The fence's lines are not there any more: everything that comes is new.
    pub(crate) fn open_fence(&mut self) {
        self.fence_end = 0;
        self.fenced = HashMap::new();
    }

    pub(crate) fn fence_end(&self) -> u64 {
        self.fence_end
    }

    /// Whether the line being read may be poured into a partition.
    pub(crate) fn admits(&self, key: u64) -> bool {
        self.ordinal >= self.fence_end || self.fenced.get(&key).is_some_and(|from| self.ordinal >= *from)
    }

    /// Takes note of a line's time; `true` if the log went back further than `step`.
    pub(crate) fn note_time(&mut self, at: Timestamp, now: Timestamp, step: std::time::Duration) -> bool {
        self.read_at = now;
        let backwards = at + step < self.log_time;
        if at > self.log_time || backwards {
            self.log_time = at;
        }
        backwards
    }

    /// What the log's clock must show by now if it goes on as fast as ours.
    pub(crate) fn estimate(&mut self, now: Timestamp) {
        if self.ordinal > 0 {
            self.log_time = self.log_time + now.since(self.read_at);
            self.read_at = self.read_at.max(now);
        }
    }
}
