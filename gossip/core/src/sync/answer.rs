//! The side that answers: what is held, within the bounds of one message.

use super::message::{Digest, Message, Range, Request, Response};
use super::session::{Action, Audience, View};
use crate::constants::{ENVELOPES_PER_MESSAGE, HASHES_PER_MESSAGE, HEADS_PER_MESSAGE, SYNC_MESSAGE_BYTES};
use crate::wire::{Envelope, PublisherId, Tlp};

/// Room for what surrounds the items of a message.
const FRAME_BYTES: usize = 1_024;
/// Room for the length of one item.
const PREFIX_BYTES: usize = 4;

/// A head whose numbers are the longest there are.
const MAX_HEAD_BYTES: usize = 16 + 5 + 10 + 10 + 10 + 32 + 16;
/// A proven fork with the longest epoch.
const MAX_FORK_BYTES: usize = 16 + 5 + 16;

/// Envelopes that the store has to bring before the answer can be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// Which, in this order; of each the highest first.
    pub wanted: Vec<Wanted>,
    audience: Audience,
}

/// Envelopes of one chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Whose chain.
    pub publisher: PublisherId,
    /// Which epoch.
    pub epoch: u32,
    /// The lowest place, included.
    pub from: u64,
    /// The highest place, included.
    pub to: u64,
    /// No more bytes than this, but at least one envelope.
    pub max_bytes: usize,
}

// === impl Fetch ===

impl Fetch {
    /// The answer, given what the store brought in the order asked for. What does not fit, or may not be seen by this
    /// peer, is left out.
    pub fn reply(&self, envelopes: Vec<Vec<u8>>) -> Message {
        let mut room = SYNC_MESSAGE_BYTES - FRAME_BYTES;
        let mut sent = Vec::new();
        for envelope in envelopes.into_iter().filter(|bytes| self.audience.may_see(bytes)) {
            let needed = envelope.len() + PREFIX_BYTES;
            if needed > room || sent.len() >= ENVELOPES_PER_MESSAGE {
                break;
            }
            room -= needed;
            sent.push(envelope);
        }
        Message::Response(Response::Envelopes(sent))
    }
}

// === impl Audience ===

impl Audience {
    fn may_see(self, bytes: &[u8]) -> bool {
        match self {
            Self::Members => true,
            Self::Public => Envelope::decode(bytes).is_ok_and(|envelope| envelope.header().tlp == Tlp::Clear),
        }
    }
}

/// What is held, in 40 bytes.
pub(super) fn digest(view: &View<'_>) -> Digest {
    let short = |long: [u8; 32]| {
        let (first, _) = long.split_at(16);
        first.try_into().unwrap_or([0; 16])
    };
    Digest {
        heads: short(view.index.digest()),
        statements: short(view.directory.digest()),
        count: u64::try_from(view.index.len()).unwrap_or(u64::MAX),
        clock: view.now,
    }
}

/// Answers a request.
pub(super) fn answer(request: Request, view: &View<'_>, audience: Audience) -> Action {
    let response = match request {
        Request::Digest(theirs) => compare(&theirs, view),
        Request::Statements { from, to, have } => statements(view, (from, to), &have),
        Request::Heads { after } => heads(view, after),
        Request::Hashes(range) => Response::Hashes(
            view.index
                .hashes(range.publisher, range.epoch, range.from..=range.to)
                .take(HASHES_PER_MESSAGE)
                .map(|(seq, hash)| (seq, begin(&hash.0)))
                .collect(),
        ),
        Request::Ranges(ranges) => return Action::FetchFromStore(fetch(view, &ranges, audience)),
        Request::Proofs(chains) => Response::Proofs(
            chains
                .into_iter()
                .filter_map(|(publisher, epoch)| view.index.proof(publisher, epoch).cloned())
                .collect(),
        ),
    };
    Action::Send(Message::Response(response))
}

/// The first half of a hash.
pub(super) fn begin(hash: &[u8; 32]) -> [u8; 16] {
    let (first, _) = hash.split_at(16);
    first.try_into().unwrap_or([0; 16])
}

fn compare(theirs: &Digest, view: &View<'_>) -> Response {
    let ours = digest(view);
    if ours.heads == theirs.heads && ours.statements == theirs.statements {
        Response::Equal { clock: view.now }
    } else {
        Response::Differs(ours)
    }
}

fn statements(view: &View<'_>, (from, to): ([u8; 8], [u8; 8]), have: &[[u8; 8]]) -> Response {
    let mut room = SYNC_MESSAGE_BYTES - FRAME_BYTES;
    let (mut sent, mut more) = (Vec::new(), false);
    for (id, statement) in view.directory.statements_by_id() {
        let prefix = super::plan::prefix(id);
        if prefix < from || to < prefix || have.binary_search(&prefix).is_ok() {
            continue;
        }
        let needed = statement.encode().len() + PREFIX_BYTES;
        if needed > room || sent.len() >= ENVELOPES_PER_MESSAGE {
            more = true;
            break;
        }
        room -= needed;
        sent.push(statement.clone());
    }
    Response::Statements {
        statements: sent,
        more,
    }
}

fn heads(view: &View<'_>, after: Option<(PublisherId, u32)>) -> Response {
    let forks: Vec<_> = if after.is_none() {
        view.index.forks().take(HEADS_PER_MESSAGE).collect()
    } else {
        Vec::new()
    };
    let room = SYNC_MESSAGE_BYTES - FRAME_BYTES - forks.len() * MAX_FORK_BYTES;
    let most = HEADS_PER_MESSAGE.min(room / MAX_HEAD_BYTES);
    let mut heads: Vec<_> = view.index.heads_after(after).take(most + 1).collect();
    let more = heads.len() > most;
    heads.truncate(most);
    Response::Heads { heads, forks, more }
}

/// Only what is held is asked of the store. Each range gets of the message what its places are of all, so that one long
/// chain does not starve the others and a short one leaves nothing unused; one envelope it gets in any case, while there
/// is room.
fn fetch(view: &View<'_>, ranges: &[Range], audience: Audience) -> Fetch {
    let held: Vec<_> = ranges.iter().filter_map(|range| clip(view, range)).collect();
    let places = |range: &Range| u128::from(range.to.saturating_sub(range.from)) + 1;
    let all: u128 = held.iter().map(places).sum();
    let room = u128::try_from(SYNC_MESSAGE_BYTES - FRAME_BYTES).unwrap_or(0);
    let wanted = held.into_iter().map(|range| Wanted {
        publisher: range.publisher,
        epoch: range.epoch,
        from: range.from,
        to: range.to,
        max_bytes: usize::try_from(room * places(&range) / all.max(1)).unwrap_or(0),
    });
    Fetch {
        wanted: wanted.collect(),
        audience,
    }
}

/// The part of a range within which something is held.
fn clip(view: &View<'_>, range: &Range) -> Option<Range> {
    let head = view.index.head(range.publisher, range.epoch)?;
    let (from, to) = (range.from.max(head.low), range.to.min(head.seq));
    let held = from <= to
        && view
            .index
            .hashes(range.publisher, range.epoch, from..=to)
            .next()
            .is_some();
    held.then_some(Range { from, to, ..*range })
}
