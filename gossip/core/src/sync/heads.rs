//! A head on the wire, and what two heads of one chain say about what is missing.

use super::codec::{Reader, SyncError, SyncReason, put_varint};
use super::message::{Range, put_chain, read_chain};
use crate::chain::{ChainIndex, Head, Place};
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

/// What a peer's head says is missing here, and where the two may stand otherwise.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Comparison {
    /// To fetch, highest first.
    pub(super) missing: Vec<Range>,
    /// Once that came there may be more to say about the places below this one.
    pub(super) again_below: Option<u64>,
    /// Both hold the same highest place, or may never do so, nothing is missing here, and still the two are not the same.
    pub(super) look: Option<Range>,
}

/// Compares a peer's head with what is held.
pub(super) fn compare(theirs: &Head, index: &ChainIndex) -> Comparison {
    let range = |from: u64, to: u64| range(theirs, from, to);
    let Some(ours) = index.head(theirs.publisher, theirs.epoch) else {
        return Comparison {
            missing: pieces(range(theirs.low, theirs.seq)),
            ..Comparison::default()
        };
    };
    let mut comparison = compare_below(theirs, u64::MAX, index);
    if theirs.seq > ours.seq {
        let above = pieces(range(ours.seq.saturating_add(1).max(theirs.low), theirs.seq));
        comparison.missing.splice(0..0, above);
    }
    if theirs.low < ours.low {
        let to = ours.low.saturating_sub(1).min(theirs.seq);
        comparison.missing.extend(pieces(range(theirs.low, to)));
        // Or what is held of the chain would be looked at although the fingerprints differ by what lies below it.
        comparison.again_below = comparison
            .again_below
            .or_else(|| comparison.look.take().map(|_| ours.low));
    }
    comparison
}

/// The same of what lies between what is held, from this place down.
pub(super) fn compare_below(theirs: &Head, below: u64, index: &ChainIndex) -> Comparison {
    let range = |from: u64, to: u64| range(theirs, from, to);
    let chain = (theirs.publisher, theirs.epoch);
    let Some(ours) = index.head(theirs.publisher, theirs.epoch) else {
        return Comparison::default();
    };
    if ours.fingerprint == theirs.fingerprint && ours.count == theirs.count {
        return Comparison::default();
    }
    let gaps = index.gaps_below(chain, below);
    let clipped = gaps
        .iter()
        .map(|gap| (gap.from.max(theirs.low), gap.to.min(theirs.seq)));
    let missing: Vec<Range> = clipped
        .filter(|(from, to)| from <= to)
        .flat_map(|(from, to)| pieces(range(from, to)))
        .collect();
    if !gaps.is_empty() {
        return Comparison {
            missing,
            again_below: gaps.last().map(|gap| gap.from),
            look: None,
        };
    }
    let begins = Place {
        epoch: theirs.epoch,
        seq: theirs.low,
    };
    if index.expired(theirs.publisher, begins) {
        return Comparison::default();
    }
    // Who holds less of the same places will ask for the rest: until then fingerprints tell nothing.
    let level = theirs.seq == ours.seq && (ours.low < theirs.low || ours.count <= theirs.count);
    // What the rules keep out here and not there may be over the rate because of another story below it.
    let may_fork = level || ours.seq < theirs.seq && index.keeps_out(chain, (ours.seq + 1, theirs.seq));
    let highest = theirs.seq.min(ours.seq);
    let lowest = theirs.low.max(highest.saturating_sub(RANGE_PLACES - 1));
    Comparison {
        look: (may_fork && lowest <= highest).then(|| range(lowest, highest)),
        ..Comparison::default()
    }
}

const fn range(head: &Head, from: u64, to: u64) -> Range {
    Range {
        publisher: head.publisher,
        epoch: head.epoch,
        from,
        to,
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::Request;
    use crate::sync::plan::Plan;
    use crate::sync::tests::load;
    use crate::wire::PublisherId;

    const PUBLISHER: PublisherId = PublisherId([9; 16]);

    fn holding(places: impl Iterator<Item = u64>) -> ChainIndex {
        let mut index = ChainIndex::new();
        load(&mut index, PUBLISHER, places, 1);
        index
    }

    fn head(index: &ChainIndex) -> Head {
        index.head(PUBLISHER, 0).expect("something is held")
    }

    #[test]
    fn what_stands_otherwise_is_looked_at_once_nothing_is_missing() {
        let theirs = head(&holding(0..=9));
        let mut ours = holding([0, 1, 2, 5, 6, 7, 8].into_iter());
        load(&mut ours, PUBLISHER, [9], 2);
        let first = compare(&theirs, &ours);
        assert_eq!(first.missing, [range(&theirs, 3, 4)]);
        assert_eq!((first.again_below, first.look), (Some(3), None));
        load(&mut ours, PUBLISHER, [3], 1);
        load(&mut ours, PUBLISHER, [4], 1);
        let then = compare_below(&theirs, 3, &ours);
        assert_eq!(
            (then.missing, then.look),
            (Vec::new(), Some(range(&theirs, 0, 9)))
        );
        assert_eq!(compare(&theirs, &holding(0..=9)), Comparison::default());
    }

    #[test]
    fn who_holds_less_than_we_do_is_not_looked_at() {
        let theirs = head(&holding((0..=9).filter(|seq| *seq != 5)));
        assert_eq!(compare(&theirs, &holding(0..=9)), Comparison::default());
    }

    #[test]
    fn what_lies_below_what_is_held_comes_before_a_look_too() {
        let theirs = head(&holding(0..=9));
        let comparison = compare(&theirs, &holding(4..=9));
        assert_eq!(comparison.missing, [range(&theirs, 0, 3)]);
        assert_eq!((comparison.again_below, comparison.look), (Some(4), None));
    }

    #[test]
    fn all_of_many_gaps_are_asked_for_once_in_one_session() {
        let theirs = head(&holding(0..=400));
        let ours = holding((0..=400).step_by(2));
        let mut plan = Plan::default();
        plan.want_missing(&theirs, compare(&theirs, &ours));
        let mut asked = Vec::new();
        let mut looks = 0;
        while let Some(request) = plan.next(&ours, &[]) {
            match request {
                Request::Ranges(ranges) => asked.extend(ranges.iter().map(|range| (range.from, range.to))),
                Request::Hashes(_) => looks += 1,
                other => panic!("{other:?}"),
            }
        }
        asked.sort_unstable();
        let odd: Vec<(u64, u64)> = (1..=399).step_by(2).map(|seq| (seq, seq)).collect();
        assert_eq!((asked, looks), (odd, 1));
    }
}
