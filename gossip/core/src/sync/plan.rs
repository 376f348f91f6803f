//! What a session still has to fetch.

use std::collections::{BTreeSet, VecDeque};

use super::heads::{Comparison, compare_below};
use super::message::{Range, Request};
use super::wants::Wants;
use crate::chain::{ChainIndex, Head};
use crate::constants::{
    ENVELOPES_PER_MESSAGE, PROOFS_PER_MESSAGE, RANGES_PER_MESSAGE, STATEMENT_IDS_PER_MESSAGE,
    SYNC_MESSAGE_BYTES,
};
use crate::wire::{Header, PublisherId, StatementId};

/// Places to look at, and places that stand otherwise at the peer's, that one session plans for.
const PLACES_PLANNED: usize = 65_536;
/// What an envelope is taken to have, before the first came.
const ENVELOPE_BYTES: usize = 1_024;

/// What to fetch, in this order: statements, proofs, hashes, ranges; and then what remains to be compared.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    statements: VecDeque<Request>,
    proofs: VecDeque<(PublisherId, u32)>,
    looks: VecDeque<Range>,
    /// Places at which something is held, but not what stands at the peer's.
    differing: VecDeque<Range>,
    /// The last ranges asked for were such places.
    asked_differing: bool,
    ranges: Wants,
    /// Bytes of an envelope, in the mean of the last response.
    envelope_bytes: Option<usize>,
    /// What these heads say of the places below may be compared once the ranges came.
    again: VecDeque<(Head, u64)>,
    /// The next page of heads, while they are wanted.
    heads: Option<Request>,
    /// Something found no room, and waits for the next session.
    overflowed: bool,
}

/// The beginning of an id: enough to tell statements apart, since nobody gains by making two of his own alike.
pub(super) fn prefix(id: &StatementId) -> [u8; 8] {
    let (first, _) = id.0.split_at(8);
    first.try_into().unwrap_or([0; 8])
}

// === impl Plan ===

impl Plan {
    /// Asks for the statements that are not among these, in pages that leave no gap between them.
    pub(super) fn want_statements(&mut self, ids: impl Iterator<Item = StatementId>) {
        let have: Vec<[u8; 8]> = ids.map(|id| prefix(&id)).collect();
        let mut from = [0; 8];
        let mut pages = have.chunks(STATEMENT_IDS_PER_MESSAGE).peekable();
        if pages.peek().is_none() {
            self.statements.push_back(Request::Statements {
                from,
                to: [0xff; 8],
                have: Vec::new(),
            });
        }
        while let Some(page) = pages.next() {
            let last = page.last().copied().unwrap_or([0xff; 8]);
            let to = if pages.peek().is_some() { last } else { [0xff; 8] };
            self.statements.push_back(Request::Statements {
                from,
                to,
                have: page.to_vec(),
            });
            from = u64::from_be_bytes(to).saturating_add(1).to_be_bytes();
        }
    }

    /// Asks for the heads after this one.
    pub(super) fn want_heads(&mut self, after: Option<(PublisherId, u32)>) {
        self.heads = Some(Request::Heads { after });
    }

    /// Asks for the rest of a page.
    pub(super) fn want_statements_page(&mut self, request: Request) {
        self.statements.push_front(request);
    }

    pub(super) fn want_proof(&mut self, publisher: PublisherId, epoch: u32) {
        self.proofs.push_back((publisher, epoch));
    }

    pub(super) fn look(&mut self, range: Range) {
        if self.looks.len() < PLACES_PLANNED {
            self.looks.push_back(range);
        } else {
            self.overflowed = true;
        }
    }

    /// Asks for what a comparison with this head showed.
    pub(super) fn want_missing(&mut self, theirs: &Head, comparison: Comparison) {
        comparison.missing.into_iter().for_each(|range| self.want(range));
        comparison.look.into_iter().for_each(|range| self.look(range));
        if let Some(below) = comparison.again_below {
            if self.again.len() < PLACES_PLANNED {
                self.again.push_back((*theirs, below));
            } else {
                self.overflowed = true;
            }
        }
    }

    /// Asks for what is not held of this.
    pub(super) fn want(&mut self, range: Range) {
        self.ranges.push(range);
    }

    /// Asks for this, whatever is held there.
    pub(super) fn want_differing(&mut self, range: Range) {
        if self.differing.len() < PLACES_PLANNED {
            self.differing.push_back(range);
        } else {
            self.overflowed = true;
        }
    }

    /// The next request, beside what other sessions ask for. None if nothing else is left.
    pub(super) fn next(&mut self, index: &ChainIndex, elsewhere: &[Range]) -> Option<Request> {
        loop {
            let planned = self.planned(index, elsewhere);
            if planned.is_some() || !self.ranges.is_empty() || self.again.is_empty() {
                return planned;
            }
            // Each goes on below where it went last, so this ends.
            for (theirs, below) in std::mem::take(&mut self.again) {
                let comparison = compare_below(&theirs, below, index);
                self.want_missing(&theirs, comparison);
            }
        }
    }

    fn planned(&mut self, index: &ChainIndex, elsewhere: &[Range]) -> Option<Request> {
        if let Some(request) = self.statements.pop_front() {
            return Some(request);
        }
        if let Some(request) = self.heads.take() {
            return Some(request);
        }
        if !self.proofs.is_empty() {
            let count = self.proofs.len().min(PROOFS_PER_MESSAGE);
            return Some(Request::Proofs(self.proofs.drain(..count).collect()));
        }
        if let Some(range) = self.looks.pop_front() {
            return Some(Request::Hashes(range));
        }
        self.asked_differing = !self.differing.is_empty();
        let ranges = if self.asked_differing {
            let count = self.differing.len().min(RANGES_PER_MESSAGE);
            self.differing.drain(..count).collect()
        } else {
            self.ranges.take(self.bite(), index, elsewhere)
        };
        (!ranges.is_empty()).then_some(Request::Ranges(ranges))
    }

    /// Whether nothing is left, not even what other sessions ask for, and nothing was left out.
    pub(super) fn is_done(&self) -> bool {
        !self.overflowed
            && !self.ranges.overflowed()
            && self.statements.is_empty()
            && self.heads.is_none()
            && self.proofs.is_empty()
            && self.looks.is_empty()
            && self.differing.is_empty()
            && self.ranges.is_empty()
            && self.again.is_empty()
    }

    /// As many places as one message will bring.
    fn bite(&self) -> u64 {
        let places = (SYNC_MESSAGE_BYTES / self.envelope_bytes.unwrap_or(ENVELOPE_BYTES))
            .clamp(1, ENVELOPES_PER_MESSAGE);
        u64::try_from(places).unwrap_or(u64::MAX)
    }

    /// So much came last, of which the next request takes its measure.
    pub(super) fn came(&mut self, envelopes: usize, bytes: usize) {
        let mean = bytes.checked_div(envelopes).filter(|mean| *mean > 0);
        self.envelope_bytes = mean.or(self.envelope_bytes);
    }

    /// Plans for what a response left out of the ranges asked for. A range of which something came goes on below the
    /// lowest place that came; one of which nothing came is asked for once more only if the message was full.
    pub(super) fn carry_on(&mut self, asked: &[Range], came: &[Header], full: bool) {
        let came: BTreeSet<(PublisherId, u32, u64)> = came
            .iter()
            .map(|header| (header.publisher, header.epoch, header.seq))
            .collect();
        for range in asked {
            let (publisher, epoch) = (range.publisher, range.epoch);
            let lowest = came
                .range((publisher, epoch, range.from)..=(publisher, epoch, range.to))
                .next();
            match lowest {
                Some((.., seq)) if *seq > range.from => self.want_rest(Range {
                    to: seq - 1,
                    ..*range
                }),
                None if full => self.want_rest(*range),
                _ => {}
            }
        }
    }

    fn want_rest(&mut self, range: Range) {
        if self.asked_differing {
            self.want_differing(range);
        } else {
            self.want(range);
        }
    }
}
