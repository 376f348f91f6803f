//! A head on the wire, and what two heads of one chain say about what is missing.

use super::codec::{Reader, SyncError, SyncReason, put_varint};
use super::message::{Range, put_chain, read_chain};
use crate::chain::{ChainIndex, Head};
use crate::constants::RANGE_PLACES;
use crate::wire::HeaderHash;

pub(super) fn put_head(out: &mut Vec<u8>, head: &Head) {
    put_chain(out, head.publisher, head.epoch);
    put_varint(out, head.low);
    put_varint(out, head.seq.saturating_sub(head.low));
    put_varint(out, head.count);
    out.extend_from_slice(&head.hash.0);
    out.extend_from_slice(&head.fingerprint);
}

pub(super) fn read_head(reader: &mut Reader<'_>) -> Result<Head, SyncError> {
    let (publisher, epoch) = read_chain(reader)?;
    let (low, span, count) = (reader.varint()?, reader.varint()?, reader.varint()?);
    let Some(seq) = low
        .checked_add(span)
        .filter(|_| 0 < count && count <= span.saturating_add(1))
    else {
        return reader.fail(SyncReason::OutOfRange);
    };
    let (hash, fingerprint) = (HeaderHash(reader.array()?), reader.array()?);
    Ok(Head {
        publisher,
        epoch,
        seq,
        hash,
        low,
        count,
        fingerprint,
    })
}

/// What a peer's head says: what to fetch, highest first, and where to compare hashes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Comparison {
    pub(super) missing: Vec<Range>,
    /// Both hold the same highest place, and not the same in all.
    pub(super) look: Option<Range>,
}

/// Compares a peer's head with what is held.
pub(super) fn compare(theirs: &Head, index: &ChainIndex) -> Comparison {
    let range = |from: u64, to: u64| Range {
        publisher: theirs.publisher,
        epoch: theirs.epoch,
        from,
        to,
    };
    let Some(ours) = index.head(theirs.publisher, theirs.epoch) else {
        return Comparison {
            missing: pieces(range(theirs.low, theirs.seq)),
            look: None,
        };
    };
    if ours.fingerprint == theirs.fingerprint && ours.count == theirs.count {
        return Comparison::default();
    }
    let mut missing = Vec::new();
    if theirs.seq > ours.seq {
        missing.extend(pieces(range(
            ours.seq.saturating_add(1).max(theirs.low),
            theirs.seq,
        )));
    }
    for gap in index.gaps_of(theirs.publisher, theirs.epoch) {
        let (from, to) = (gap.from.max(theirs.low), gap.to.min(theirs.seq).min(ours.seq));
        if from <= to {
            missing.extend(pieces(range(from, to)));
        }
    }
    if theirs.low < ours.low {
        missing.extend(pieces(range(
            theirs.low,
            ours.low.saturating_sub(1).min(theirs.seq),
        )));
    }
    let lowest = theirs.low.max(theirs.seq.saturating_sub(RANGE_PLACES - 1));
    let look = (theirs.seq == ours.seq).then(|| range(lowest, theirs.seq));
    Comparison { missing, look }
}

/// A range in pieces that one message may name, the highest first. At most four: what is left waits for the next session.
pub(super) fn pieces(range: Range) -> Vec<Range> {
    let mut pieces = Vec::new();
    let mut to = range.to;
    for _ in 0..4 {
        let from = range.from.max(to.saturating_sub(RANGE_PLACES - 1));
        pieces.push(Range { from, to, ..range });
        if from == range.from {
            break;
        }
        to = from - 1;
    }
    pieces
}
