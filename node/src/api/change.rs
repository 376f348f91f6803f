//! What changed from one version of the table to another, for one kind of reader, written piece by piece.
//!
//! Only what changed is looked at, however many decisions hold. A long answer is made as the reader takes it: what waits
//! for a slow one is a list of numbers and the table as it was, whose parts the present one shares.

use std::sync::Arc;
use std::time::Duration;
use std::vec;

use axum::body::Bytes;
use vigie_store::{Decision, DecisionId};
use vigie_wire::Timestamp;

use super::filter::{Filter, active};
use super::shape::Shape;
use crate::table::{Snapshot, Version};

/// Ends are told of once more for so long, as CrowdSec does.
const OVERLAP: Duration = Duration::from_secs(2);
/// A piece is handed over when it has so many bytes.
const PIECE: usize = 16 << 10;
/// Decisions that are looked at for one document.
const LOOKS: usize = 1_024;

/// What one reader is served.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Wanted {
    pub(super) filter: Filter,
    /// Whether a row is left out if a longer one on the same value stands for it.
    pub(super) dedup: bool,
}

/// An answer `{"new": [...], "deleted": [...]}`: the iterator gives its bytes.
#[derive(Debug)]
pub(super) struct Change {
    snapshot: Arc<Snapshot>,
    wanted: Arc<Wanted>,
    now: Timestamp,
    part: Part,
    /// Rows written in this part.
    rows: usize,
    new: vec::IntoIter<DecisionId>,
    deleted: vec::IntoIter<DecisionId>,
}

#[derive(Clone, Copy, Debug)]
enum Part {
    Head,
    New,
    Deleted,
    Done,
}

// === impl Change ===

impl Change {
    /// What changed from `cursor` on; everything if there is none.
    pub(super) fn between(
        snapshot: Arc<Snapshot>,
        cursor: Option<Version>,
        now: Timestamp,
        wanted: Arc<Wanted>,
    ) -> Self {
        let (mut new, mut deleted): (Vec<_>, Vec<_>);
        match cursor {
            None => {
                new = snapshot.numbers().collect();
                deleted = snapshot.ended(Timestamp::from_millis(i64::MIN), now).collect();
            }
            Some(cursor) => {
                new = snapshot.changed(cursor).collect();
                deleted = snapshot.ended(cursor - OVERLAP, now).collect();
                deleted.extend(&new);
                new.sort_unstable();
            }
        }
        deleted.sort_unstable();
        deleted.dedup();
        Self {
            part: Part::Head,
            rows: 0,
            new: new.into_iter(),
            deleted: deleted.into_iter(),
            snapshot,
            wanted,
            now,
        }
    }

    /// The next part of it as an answer of its own, of not many more bytes than a piece; `None` if this reader is told
    /// nothing of what was looked at. Ends come first, so that no part takes back what one before it brought.
    pub(super) fn document(&mut self) -> Option<Vec<u8>> {
        let (mut out, mut looks) = (b"{\"deleted\":[".to_vec(), LOOKS);
        let deleted = self.fill(false, &mut out, &mut looks);
        out.extend_from_slice(b"],\"new\":[");
        let new = self.fill(true, &mut out, &mut looks);
        out.extend_from_slice(b"]}");
        (deleted + new > 0).then_some(out)
    }

    /// Whether all of it was told in documents.
    pub(super) fn is_over(&self) -> bool {
        self.new.len() + self.deleted.len() == 0
    }

    /// Rows of one list until there are bytes or looks enough; gives how many.
    fn fill(&mut self, holds: bool, out: &mut Vec<u8>, looks: &mut usize) -> usize {
        self.rows = 0;
        while out.len() < PIECE && *looks > 0 {
            *looks -= 1;
            let list = if holds { &mut self.new } else { &mut self.deleted };
            let Some(id) = list.next() else { break };
            self.row(id, holds, out);
        }
        self.rows
    }

    /// Writes the row of this number, if this reader is served it in this part.
    fn row(&mut self, id: DecisionId, holds: bool, out: &mut Vec<u8>) {
        let Some(entry) = self.snapshot.get(id) else {
            return;
        };
        let held = &entry.held;
        if active(held, self.now) != holds || !self.wanted.filter.admits(held) || !self.stands(held) {
            return;
        }
        let before = out.len();
        if self.rows > 0 {
            out.push(b',');
        }
        if serde_json::to_writer(&mut *out, &Shape::of(held, self.now)).is_err() {
            // Unreachable: text and numbers can always be written to memory.
            out.truncate(before);
            return;
        }
        self.rows += 1;
    }

    /// A row is left out if a longer one on the same value stands for it, among those that this reader is served.
    fn stands(&self, held: &Decision) -> bool {
        let decision = &held.decision;
        let longer = |other: &Arc<Decision>| {
            other.decision.until > decision.until
                && other.decision.scope == decision.scope
                && other.decision.remediation == decision.remediation
                && self.wanted.filter.admits(other)
        };
        !self.wanted.dedup || !self.snapshot.beside(held).any(longer)
    }
}

impl Iterator for Change {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let mut out = Vec::with_capacity(PIECE + 512);
        while out.len() < PIECE {
            match self.part {
                Part::Head => {
                    out.extend_from_slice(b"{\"new\":[");
                    self.part = Part::New;
                }
                Part::New => {
                    if let Some(id) = self.new.next() {
                        self.row(id, true, &mut out);
                    } else {
                        out.extend_from_slice(b"],\"deleted\":[");
                        (self.part, self.rows) = (Part::Deleted, 0);
                    }
                }
                Part::Deleted => {
                    if let Some(id) = self.deleted.next() {
                        self.row(id, false, &mut out);
                    } else {
                        out.extend_from_slice(b"]}");
                        self.part = Part::Done;
                    }
                }
                Part::Done => break,
            }
        }
        (!out.is_empty()).then(|| out.into())
    }
}

#[cfg(test)]
pub(super) mod tests;
